"""Triangles into pixels: a z-buffer.

The buffer holds the inverse of the depth along the optical axis [1/m], 0 where nothing is: on a plane it is linear in
column and row, so that a pixel costs one multiplication and one comparison, and the greater value is the nearer one.
Pixel centres are at whole coordinates. Edges belong to both of their triangles, so that a closed mesh has no cracks.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from .pinhole import NEAR, View, Window


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill(xa, ya, xb, yb, xc, yc, du, dv, one, value, window, inverse, values):
    """Fill one triangle (pixels) whose inverse depth is ``one + du * column + dv * row``."""
    if yb < ya:
        xa, ya, xb, yb = xb, yb, xa, ya
    if yc < ya:
        xa, ya, xc, yc = xc, yc, xa, ya
    if yc < yb:
        xb, yb, xc, yc = xc, yc, xb, yb
    left, top, right, bottom = window
    first = max(math.ceil(ya), top)
    last = min(math.floor(yc), bottom - 1)
    if first > last or yc <= ya:
        return
    long_slope = (xc - xa) / (yc - ya)
    upper_slope = (xb - xa) / (yb - ya) if yb > ya else 0.0
    lower_slope = (xc - xb) / (yc - yb) if yc > yb else 0.0
    for row in range(int(first), int(last) + 1):
        x1 = xa + (row - ya) * long_slope
        if row < yb:
            x2 = xa + (row - ya) * upper_slope
        elif row > yb:
            x2 = xb + (row - yb) * lower_slope
        else:
            x2 = xb
        begin = int(max(math.ceil(min(x1, x2)), left))
        end = int(min(math.floor(max(x1, x2)), right - 1)) + 1
        at_row = one + dv * row
        for column in range(begin, end):
            candidate = np.float32(at_row + du * column)
            if candidate > inverse[row, column]:
                inverse[row, column] = candidate
                values[row, column] = value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _draw(vertices, triangles, triangle_values, closed, pose, intrinsics, window, inverse, values):
    fx, fy, cx, cy = intrinsics
    left, top, right, bottom = window
    count, per_shape, _ = vertices.shape
    xs, ys, zs = np.empty(per_shape), np.empty(per_shape), np.empty(per_shape)
    columns, rows = np.empty(per_shape), np.empty(per_shape)
    clipped = np.empty((4, 2))
    for shape in range(count):
        outside = closed
        for i in range(per_shape):
            x, y, z = vertices[shape, i, 0], vertices[shape, i, 1], vertices[shape, i, 2]
            xs[i] = pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * z + pose[0, 3]
            ys[i] = pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * z + pose[1, 3]
            zs[i] = pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * z + pose[2, 3]
            columns[i], rows[i] = cx + fx * xs[i] / zs[i], cy + fy * ys[i] / zs[i]
            outside &= zs[i] >= NEAR
        for t in range(len(triangles)):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            behind = 0 if outside else (zs[a] < NEAR) + (zs[b] < NEAR) + (zs[c] < NEAR)
            if behind == 3:
                continue
            if behind == 0:
                first_column = max(math.ceil(min(columns[a], columns[b], columns[c])), left)
                last_column = min(math.floor(max(columns[a], columns[b], columns[c])), right - 1)
                first_row = max(math.ceil(min(rows[a], rows[b], rows[c])), top)
                last_row = min(math.floor(max(rows[a], rows[b], rows[c])), bottom - 1)
                if first_column > last_column or first_row > last_row:
                    continue
            ux, uy, uz = xs[b] - xs[a], ys[b] - ys[a], zs[b] - zs[a]
            vx, vy, vz = xs[c] - xs[a], ys[c] - ys[a], zs[c] - zs[a]
            nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            distance = nx * xs[a] + ny * ys[a] + nz * zs[a]
            if distance == 0.0 or (outside and distance > 0.0):
                continue
            du, dv = nx / (distance * fx), ny / (distance * fy)
            one = nz / distance - du * cx - dv * cy
            value = triangle_values[shape, t]
            if behind == 0:
                _fill(
                    columns[a], rows[a], columns[b], rows[b], columns[c], rows[c],
                    du, dv, one, value, window, inverse, values,
                )  # fmt: skip
                continue
            corners = 0
            for i, j in ((a, b), (b, c), (c, a)):
                if zs[i] >= NEAR:
                    clipped[corners, 0], clipped[corners, 1] = columns[i], rows[i]
                    corners += 1
                if (zs[i] >= NEAR) != (zs[j] >= NEAR):
                    part = (NEAR - zs[i]) / (zs[j] - zs[i])
                    clipped[corners, 0] = cx + fx * (xs[i] + part * (xs[j] - xs[i])) / NEAR
                    clipped[corners, 1] = cy + fy * (ys[i] + part * (ys[j] - ys[i])) / NEAR
                    corners += 1
            for i in range(1, corners - 1):
                _fill(
                    clipped[0, 0], clipped[0, 1], clipped[i, 0], clipped[i, 1], clipped[i + 1, 0], clipped[i + 1, 1],
                    du, dv, one, value, window, inverse, values,
                )  # fmt: skip


def draw(
    vertices: NDArray[np.float64],
    triangles: NDArray[np.int32],
    triangle_values: NDArray[np.int32],
    closed: bool,
    view: View,
    window: Window,
    inverse: NDArray[np.float32],
    values: NDArray[np.int32],
) -> None:
    """Draw shapes of one topology into a window of the buffers.

    ``vertices`` (n, v, 3) in map, ``triangles`` (t, 3) into a shape's vertices, ``triangle_values`` (n, t) what
    ``values`` (h, w) shall hold where the triangle is the nearest, ``inverse`` (h, w) inverse depth [1/m].
    Triangles that reach behind the near plane are clipped there. Both sides of a triangle are seen, but of a ``closed``
    surface that lies wholly before the near plane the far sides are skipped: the near ones hide them.
    """
    if len(vertices):
        pose, intrinsics = view.optical_from_map, view.intrinsics
        _draw(vertices, triangles, triangle_values, closed, pose, intrinsics, window, inverse, values)
