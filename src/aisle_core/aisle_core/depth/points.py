"""Depth images to points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import CameraInfo, Image
from .view import depth_of


def points(image: Image, info: CameraInfo) -> NDArray[np.float32]:
    """(n, 3) of the valid pixels, in the image's optical frame [m], row by row.

    Raises AisleError for an image that is not depth, or not of the size that ``info`` says.
    """
    depth = depth_of(image, info)
    rows, columns = np.nonzero(np.isfinite(depth) & (depth > 0))
    z = depth[rows, columns]
    x = (columns - np.float32(info.cx)) / np.float32(info.fx) * z
    y = (rows - np.float32(info.cy)) / np.float32(info.fy) * z
    return np.column_stack([x, y, z]).astype(np.float32)
