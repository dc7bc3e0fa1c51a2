"""What the pixels of one depth sensor look at, in map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import AisleError
from ..types import CameraInfo, Image

Floats = NDArray[np.float32]

MILLIMETRE = 0.001
"""Unit of 16UC1 depth [m] (REP-118)."""


def depth_of(image: Image, info: CameraInfo | None) -> Floats:
    """(h, w) depth along the optical axis [m]; no reading is 0 or NaN.

    Raises AisleError for an image that is not depth, without its camera_info, or not of the size that it says.
    """
    if image.encoding not in ("16UC1", "32FC1"):
        raise AisleError(f"{image.frame_id}: encoding '{image.encoding}' is no depth; publish 16UC1 or 32FC1")
    if info is None:
        raise AisleError(f"{image.frame_id}: no camera_info came; publish it beside the image, latched or with each")
    if image.pixels.shape != (info.height, info.width):
        height, width = image.pixels.shape[:2]
        raise AisleError(
            f"{image.frame_id}: the image has {width}x{height} pixels, its camera_info {info.width}x{info.height}; "
            "publish the camera_info of this resolution"
        )
    if image.encoding == "16UC1":
        return np.multiply(image.pixels, np.float32(MILLIMETRE), dtype=np.float32)
    return np.asarray(image.pixels, np.float32)


class View:
    """The rays of a rectified image: a reading d [m] of pixel i is the point ``eye + d * rays[:, i]`` of map.

    Pixels are those of every n-th row and column only, for n = ``every``.
    """

    def __init__(self, info: CameraInfo, pose: NDArray[np.float64], every: int = 1) -> None:
        """``pose``: (4, 4) map_T_optical. Raises AisleError for a pinhole that is none."""
        values = np.array([info.fx, info.fy, info.cx, info.cy])
        if not np.isfinite(values).all() or min(info.fx, info.fy) <= 0 or min(info.width, info.height) < 8:
            raise AisleError(
                f"{info.frame_id}: camera_info of {info.width}x{info.height} pixels, fx {info.fx:g}, fy {info.fy:g} "
                "is no pinhole; publish the calibrated one"
            )
        self.info, self._pose, self._every = info, pose, every
        self.eye = pose[:3, 3].astype(np.float32)
        column, row = (np.arange(0, size, every) for size in (info.width, info.height))
        u, v = np.meshgrid((column - info.cx) / info.fx, (row - info.cy) / info.fy)
        optical = np.stack([u.ravel(), v.ravel(), np.ones(u.size)])
        self.rays: Floats = np.ascontiguousarray(pose[:3, :3] @ optical, np.float32)
        """(3, pixels), of length 1 along the optical axis."""
        self.pixel_area = every**2 / (info.fx * info.fy)
        """Of a surface square to the optical axis at a depth of 1 m that one pixel sees [m^2]."""

    def thinned(self, depth: Floats) -> Floats:
        """(pixels,) of an image (h, w)."""
        every = self._every
        pixels: Floats = depth[::every, ::every].ravel()
        return pixels

    def depth(self, points: Floats) -> Floats:
        """(n,) of points (n, 3) of map along the optical axis [m]."""
        depth: Floats = self._optical(points)[2]
        return depth

    def margin(self, points: Floats) -> Floats:
        """(n,) way of points (n, 3) of map to the edge of the image, square to the optical axis [m]."""
        x, y, z = self._optical(points)
        info = self.info
        column, row = x / z * info.fx + info.cx, y / z * info.fy + info.cy
        pixels = np.minimum.reduce([column, info.width - 1 - column, row, info.height - 1 - row])
        margin: Floats = pixels * z / info.fx
        return margin

    def _optical(self, points: Floats) -> Floats:
        """(3, n) of points (n, 3) of map, at least a hair before the sensor."""
        optical: Floats = ((points - self._pose[:3, 3]) @ self._pose[:3, :3]).T.astype(np.float32)
        optical[2] = np.maximum(optical[2], np.float32(1e-6))
        return optical
