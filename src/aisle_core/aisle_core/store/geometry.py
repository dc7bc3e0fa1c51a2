"""Plane geometry of a site: polygons and turned rectangles, in frame ``map``, lengths in metres."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .model import Pose

Array = NDArray[np.float64]
_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)


def inside(points: ArrayLike, polygon: ArrayLike, margin: float = 0.0) -> NDArray[np.bool_]:
    """Which points (n, 2) lie in a polygon, or at most ``margin`` outside of it; shape (n,).

    Even-odd rule, so the direction of the corners does not matter.
    """
    p, corners = np.asarray(points, np.float64), np.asarray(polygon, np.float64)
    x, y = np.ascontiguousarray(p.T)
    within: NDArray[np.bool_] = np.zeros(len(p), np.bool_)
    for (ax, ay), (bx, by) in zip(corners.tolist(), np.roll(corners, -1, axis=0).tolist(), strict=True):
        if ay != by:
            within ^= ((ay > y) != (by > y)) & (x < ax + (bx - ax) * (y - ay) / (by - ay))
    if margin > 0:
        edge, to_point = np.roll(corners, -1, axis=0) - corners, p[:, None] - corners
        length2 = np.maximum((edge**2).sum(axis=-1), 1e-12)
        along = np.clip((to_point * edge).sum(axis=-1) / length2, 0, 1)
        gap = np.linalg.norm(to_point - along[..., None] * edge, axis=-1)
        within = within | (gap.min(axis=1) <= margin)
    return within


def axes_of(yaw: float) -> Array:
    """(3, 3) takes map to axes turned by ``yaw`` about z."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    return np.array([(cos, sin, 0.0), (-sin, cos, 0.0), (0.0, 0.0, 1.0)])


def to_local(pose: Pose, points: Array) -> Array:
    """Points (..., 2 or 3) of map in a fixture's frame."""
    local = points - pose[: points.shape[-1]]
    local[..., :2] = local[..., :2] @ axes_of(pose.yaw)[:2, :2].T
    return local


def footprint(pose: Pose, low: Sequence[float], high: Sequence[float]) -> Array:
    """Corners (4, 2) in map, counter-clockwise, of a rectangle from ``low`` to ``high`` (x, y) in a fixture's frame."""
    local = np.array(low[:2]) + _CORNERS * (np.array(high[:2]) - np.array(low[:2]))
    cos, sin = math.cos(pose.yaw), math.sin(pose.yaw)
    corners: Array = local @ np.array([(cos, sin), (-sin, cos)]) + (pose.x, pose.y)
    return corners


def outline(corners: Array, step: float = 0.05) -> Array:
    """Points (n, 2) along the edges of a polygon, at most ``step`` apart."""
    number = max(2, math.ceil(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).max() / step))
    part = np.linspace(0, 1, number, endpoint=False)[:, None, None]
    return (corners + part * (np.roll(corners, -1, axis=0) - corners)).reshape(-1, 2)


def rectangles_overlap(first: Array, second: Array, tolerance: float = 0.0) -> bool:
    """Whether two rectangles (4, 2) share more than a strip as wide as the tolerance (separating axes)."""
    for corners in (first, second):
        for axis in (corners[1] - corners[0], corners[3] - corners[0]):
            a, b = (other @ axis / np.linalg.norm(axis) for other in (first, second))
            if min(a.max(), b.max()) - max(a.min(), b.min()) <= tolerance:
                return False
    return True
