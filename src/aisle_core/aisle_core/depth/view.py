"""What the pixels of one depth sensor look at, in map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import AisleError
from ..types import CameraInfo, Image

Floats = NDArray[np.float32]

MILLIMETRE = 0.001
"""Unit of 16UC1 depth [m] (REP-118)."""


def depth_of(image: Image, info: CameraInfo | None, columns: int | None = None) -> Floats:
    """(h, w) depth along the optical axis [m]; no reading is 0 or NaN.

    A wider image than ``columns`` is thinned as by a ``View`` of as many. Raises AisleError for an image that is not
    depth, without its camera_info, or not of the size that it says.
    """
    if image.encoding not in ("16UC1", "32FC1"):
        raise AisleError(f"{image.frame_id}: encoding '{image.encoding}' is no depth; publish 16UC1 or 32FC1")
    if info is None:
        raise AisleError(f"{image.frame_id}: no camera_info came; publish it with each image")
    if image.pixels.shape != (info.height, info.width):
        height, width = image.pixels.shape[:2]
        raise AisleError(
            f"{image.frame_id}: the image has {width}x{height} pixels, its camera_info {info.width}x{info.height}; "
            "publish the camera_info of this resolution"
        )
    every = step_of(info, columns)
    pixels = image.pixels[::every, ::every]
    if image.encoding == "16UC1":
        return np.multiply(pixels, np.float32(MILLIMETRE), dtype=np.float32)
    return np.asarray(pixels, np.float32)


def step_of(info: CameraInfo, columns: int | None) -> int:
    """Every how many-th row and column is taken so that between ``columns`` and twice as many stay."""
    return 1 if columns is None else max(info.width // columns, 1)


class View:
    """The rays of a rectified image: a reading d [m] of pixel i is the point ``eye + d * rays[:, i]`` of map.

    A wider image than ``columns`` is thinned to every n-th row and column, so that at least ``columns`` stay.
    """

    def __init__(self, info: CameraInfo, pose: NDArray[np.float64], columns: int | None = None) -> None:
        """``pose``: (4, 4) map_T_optical. Raises AisleError for a pinhole that is none."""
        values = np.array([info.fx, info.fy, info.cx, info.cy])
        if not np.isfinite(values).all() or min(info.fx, info.fy) <= 0 or min(info.width, info.height) < 8:
            raise AisleError(
                f"{info.frame_id}: camera_info of {info.width}x{info.height} pixels, fx {info.fx:g}, fy {info.fy:g} "
                "is no pinhole; publish the calibrated one"
            )
        every = step_of(info, columns)
        self.info = info
        self._turn, self._shift = pose[:3, :3].T.astype(np.float32), (pose[:3, :3].T @ pose[:3, 3]).astype(np.float32)
        self.eye = pose[:3, 3].astype(np.float32)
        column, row = (np.arange(0, size, every) for size in (info.width, info.height))
        u, v = np.meshgrid((column - info.cx) / info.fx, (row - info.cy) / info.fy)
        optical = np.stack([u.ravel(), v.ravel(), np.ones(u.size)])
        self.rays: Floats = np.ascontiguousarray(pose[:3, :3] @ optical, np.float32)
        """(3, pixels), of length 1 along the optical axis."""
        self.pixel_area = every**2 / (info.fx * info.fy)
        """Of a surface square to the optical axis at a depth of 1 m that one pixel sees [m^2]."""

    def points(self, pixel: NDArray[np.intp], depth: Floats) -> Floats:
        """(3, n) points of map that the readings ``depth`` (n,) of these pixels are [m]."""
        points = self.rays.take(pixel, axis=1)
        points *= depth
        points += self.eye[:, None]
        return points

    def place(self, points: Floats) -> tuple[Floats, Floats]:
        """Of points (3, k) of map the depth (k,), and the way (k,) to the edge of the image square to the axis [m]."""
        x, y, z = self._turn @ points - self._shift[:, None]
        z = np.maximum(z, np.float32(1e-6))
        info = self.info
        column, row = x * info.fx + info.cx * z, y * info.fy + info.cy * z
        pixels = np.minimum(
            np.minimum(column, (info.width - 1) * z - column), np.minimum(row, (info.height - 1) * z - row)
        )
        return z, pixels / np.float32(info.fx)
