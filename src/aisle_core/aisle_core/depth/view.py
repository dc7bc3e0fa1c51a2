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
    """The rays of a rectified image: a reading d [m] of pixel i is the point ``eye + d * rays[:, i]`` of map."""

    def __init__(self, info: CameraInfo, pose: NDArray[np.float64]) -> None:
        """``pose``: (4, 4) map_T_optical. Raises AisleError for a pinhole that is none."""
        values = np.array([info.fx, info.fy, info.cx, info.cy])
        if not np.isfinite(values).all() or min(info.fx, info.fy) <= 0 or min(info.width, info.height) < 8:
            raise AisleError(
                f"{info.frame_id}: camera_info of {info.width}x{info.height} pixels, fx {info.fx:g}, fy {info.fy:g} "
                "is no pinhole; publish the calibrated one"
            )
        self.info, self.pose = info, pose
        self.eye = pose[:3, 3].astype(np.float32)
        u, v = np.meshgrid((np.arange(info.width) - info.cx) / info.fx, (np.arange(info.height) - info.cy) / info.fy)
        optical = np.stack([u.ravel(), v.ravel(), np.ones(u.size)])
        self.rays: Floats = np.ascontiguousarray(pose[:3, :3] @ optical, np.float32)
        """(3, h * w), of length 1 along the optical axis."""

    def project(self, points: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
        """Column, row and depth [m] of points (n, 3) of map."""
        x, y, z = ((points - self.pose[:3, 3]) @ self.pose[:3, :3]).T.astype(np.float32)
        deep = np.maximum(z, np.float32(1e-6))
        return x / deep * self.info.fx + self.info.cx, y / deep * self.info.fy + self.info.cy, z
