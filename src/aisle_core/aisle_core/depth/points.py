"""Depth images to points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import AisleError
from ..types import CameraInfo, Image

_MILLIMETRE = 0.001
"""Unit of 16UC1 depth [m] (REP-118)."""


def points(image: Image, info: CameraInfo) -> NDArray[np.float32]:
    """(n, 3) of the valid pixels, in the image's optical frame [m], row by row.

    Raises AisleError for an image that is not depth, or not of the size that ``info`` says.
    """
    if image.encoding not in ("16UC1", "32FC1"):
        raise AisleError(f"{image.frame_id}: encoding '{image.encoding}' is no depth; publish 16UC1 or 32FC1")
    if image.pixels.shape != (info.height, info.width):
        height, width = image.pixels.shape
        raise AisleError(
            f"{image.frame_id}: the image has {width}x{height} pixels, its camera_info {info.width}x{info.height}; "
            "publish the camera_info of this resolution"
        )
    depth = image.pixels * np.float32(_MILLIMETRE) if image.encoding == "16UC1" else image.pixels
    rows, columns = np.nonzero(np.isfinite(depth) & (depth > 0))
    z = depth[rows, columns].astype(np.float32)
    x = (columns - np.float32(info.cx)) / np.float32(info.fx) * z
    y = (rows - np.float32(info.cy)) / np.float32(info.fy) * z
    return np.column_stack([x, y, z]).astype(np.float32)
