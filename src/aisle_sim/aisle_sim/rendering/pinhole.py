"""Where a sensor looks: its pinhole, its pose, and what lies in its field of view.

Pixel centres are at whole coordinates: column 0 is seen along ((0 - cx) / fx, ..., 1), as in ``sensor_msgs/CameraInfo``
and OpenCV, so that the principal point of an ideal image of ``width`` columns is (width - 1) / 2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from aisle_core.store.frames import optical_frame, optical_pose
from aisle_core.store.model import Camera, CameraModel, DepthModel, DepthSensor
from aisle_core.types import CameraInfo

Array = NDArray[np.float64]

NEAR = 0.01
"""Nothing closer than this along the optical axis is drawn [m]."""


def pinhole(model: DepthModel | CameraModel) -> tuple[float, float, float, float]:
    """Focal lengths and principal point (fx, fy, cx, cy) in pixels; pixels are square."""
    focal = model.width / 2 / math.tan(model.horizontal_fov / 2)
    return focal, focal, (model.width - 1) / 2, (model.height - 1) / 2


def camera_info(store_id: str, device: DepthSensor | Camera) -> CameraInfo:
    """The pinhole of the device as it is published, with stamp 0."""
    model = device.model
    fx, fy, cx, cy = pinhole(model)
    return CameraInfo(0, optical_frame(store_id, device.device_id), model.width, model.height, fx, fy, cx, cy)


@numba.njit(cache=True, nogil=True)
def reaching(planes: Array, centres: Array, radii: Array) -> NDArray[np.intp]:
    """Indices of the spheres ((n, 3) in map, (n,)) that may reach inside all planes ((p, 4): inner normal, offset)."""
    found = np.empty(len(centres), np.intp)
    count = 0
    for i in range(len(centres)):
        inside = True
        for p in range(len(planes)):
            distance = planes[p, 3]
            for axis in range(3):
                distance += planes[p, axis] * centres[i, axis]
            inside &= distance > -radii[i]
        if inside:
            found[count] = i
            count += 1
    return found[:count]


class Window(NamedTuple):
    """A rectangle of pixels; ``right`` and ``bottom`` are the first column and row outside."""

    left: int
    top: int
    right: int
    bottom: int


class View:
    """The field of view of one device."""

    def __init__(self, device: DepthSensor | Camera) -> None:
        self.width, self.height = device.model.width, device.model.height
        self.whole = Window(0, 0, self.width, self.height)
        self.intrinsics = pinhole(device.model)
        self.optical_from_map = np.ascontiguousarray(np.linalg.inv(optical_pose(device.pose))[:3])

    def planes(self, window: Window) -> Array:
        """(5, 4) bounds of what is seen in the window: inner normals in map and offsets, unit length."""
        fx, fy, cx, cy = self.intrinsics
        left, right = (window.left - 0.5 - cx) / fx, (window.right - 0.5 - cx) / fx
        top, bottom = (window.top - 0.5 - cy) / fy, (window.bottom - 0.5 - cy) / fy
        normals = np.array([[1.0, 0, -left], [-1, 0, right], [0, 1, -top], [0, -1, bottom], [0, 0, 1]])
        return (normals / np.linalg.norm(normals, axis=1, keepdims=True)) @ self.optical_from_map

    def window_of(self, centre: Array, radius: float) -> Window:
        """Pixels that a sphere at ``centre`` (3,) in map can touch; empty when it is out of view."""
        x, y, z = self.optical_from_map[:, :3] @ centre + self.optical_from_map[:, 3]
        if z + radius <= NEAR:
            return Window(0, 0, 0, 0)
        if z - radius <= NEAR:
            return self.whole
        fx, fy, cx, cy = self.intrinsics
        depths = np.array([z - radius, z + radius])
        return Window(
            max(0, math.floor(cx + fx * ((x - radius) / depths).min())),
            max(0, math.floor(cy + fy * ((y - radius) / depths).min())),
            min(self.width, math.ceil(cx + fx * ((x + radius) / depths).max()) + 1),
            min(self.height, math.ceil(cy + fy * ((y + radius) / depths).max()) + 1),
        )
