"""What a depth sensor reports of the scene."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from aisle_core.store import DepthSensor
from aisle_core.store.frames import optical_frame
from aisle_core.types import Image
from aisle_sim.physical import People, Resting

from .meshes import Indices, Shapes
from .noise import BANK_SIDE, mixed, noise_bank, start_in_bank, uniform
from .params import DepthParams
from .scene import Canvas, Scene

NOTHING = -1
"""Object id where a ray hits nothing."""

_LATERAL_LEAST_PX = 0.15
"""Below it, less than one pixel in a thousand would be read beside its place."""


class DepthRenderer:
    """One simulated depth sensor. Frames depend on the stamp and on ``rng`` as it was at construction, only."""

    def __init__(self, scene: Scene, sensor: DepthSensor, params: DepthParams, rng: np.random.Generator) -> None:
        self._canvas = Canvas(scene, sensor, _object_ids, NOTHING)
        self._frame_id = optical_frame(scene.store_id, sensor.device_id)
        self._key = int(rng.integers(2**63))
        model = sensor.model
        self._still_valid = np.zeros((model.height, model.width), np.float32)
        self._still_count = 0
        self._bank = noise_bank(model.width, params.noise_smoothness_px)
        fx, fy, cx, cy = self._canvas.view.intrinsics
        lateral_px = params.lateral_stddev * fx
        self._intrinsics = np.float32(fx), np.float32(fy), np.float32(cx), np.float32(cy)
        self._constants = tuple(
            np.float32(value)
            for value in (
                params.noise_stddev,
                params.noise_growth,
                params.noise_distance,
                1 + params.scale_stddev * rng.standard_normal(),
                params.inverse_depth_step,
                params.baseline * fx,
                params.edge_step,
                1 - params.edge_invalid,
                math.cos(params.grazing_from),
                math.cos(min(params.grazing_to, math.pi / 2)),
                params.invalid,
                lateral_px if lateral_px > _LATERAL_LEAST_PX else 0.0,
                model.min_range,
                model.max_range,
            )
        )

    def exact(
        self, people: People, resting: Sequence[Resting], resting_revision: int
    ) -> tuple[NDArray[np.float32], Indices]:
        """Depth along the axis (h, w) [m], inf where nothing is, and object ids (h, w) as in ``meshes``."""
        inverse, ids = self._canvas.render(people, resting, resting_revision)
        with np.errstate(divide="ignore"):
            return np.float32(1) / inverse, ids.copy()

    def render(self, people: People, resting: Sequence[Resting], resting_revision: int) -> Image:
        """The frame at ``people.stamp_ns``, 16UC1; the goods are drawn anew where they changed with the revision."""
        inverse, _ = self._canvas.render(people, resting, resting_revision)
        still, intrinsics, constants = self._canvas.still_inverse, self._intrinsics, self._constants
        if self._still_count != self._canvas.still_count:
            self._still_count = self._canvas.still_count
            _validity(still, still + np.float32(1), self._still_valid, intrinsics, constants, self._still_valid)
        pixels, valid = np.empty(inverse.shape, np.uint16), np.empty(inverse.shape, np.float32)
        _validity(inverse, still, self._still_valid, intrinsics, constants, valid)
        key = np.uint64((self._key + people.stamp_ns) % 2**64)
        _measure(inverse, valid, pixels, constants, self._bank, key)
        return Image(people.stamp_ns, self._frame_id, "16UC1", pixels)


def _object_ids(shapes: Shapes) -> Indices:
    return np.repeat(shapes.objects[:, None], len(shapes.topology.triangles), axis=1)


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _usable(here, above, below, valid, v, intrinsics, constants):
    """Share of readings that edges and grazing angles leave, of one row; the first and last column as their neighbours.

    The inverse depth of a plane is linear in the image, and its gradient gives the plane's normal.
    """
    edge_step, edge_valid, cos_from, cos_to = constants[6], constants[7], constants[8], constants[9]
    fx, fy, cx, _ = intrinsics
    one, zero, steepness = np.float32(1), np.float32(0), np.float32(1) / (cos_from - cos_to)
    middle, left, right = here[1:-1], here[:-2], here[2:]
    over, under, inner = above[1:-1], below[1:-1], valid[1:-1]
    for i in range(len(inner)):
        near = middle[i]
        west, east, north, south = near - left[i], right[i] - near, near - over[i], under[i] - near
        u = (np.float32(i + 1) - cx) / fx
        nx = fx * (west if abs(west) < abs(east) else east)
        ny = fy * (north if abs(north) < abs(south) else south)
        nz = near - nx * u - ny * v
        cosine = near / np.sqrt((nx * nx + ny * ny + nz * nz) * (u * u + v * v + one))
        share = min(max((cosine - cos_to) * steepness, zero), one)
        largest = max(abs(west), abs(east), abs(north), abs(south))
        inner[i] = share * (edge_valid if largest > edge_step * near else one)
    valid[0], valid[-1] = valid[1], valid[-2]


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _valid_row(inverse, row, valid, intrinsics, constants):
    """Share of readings of one row that edges, grazing angles and the shadow of the baseline leave."""
    height, width = inverse.shape
    _, fy, _, cy = intrinsics
    here, shift = inverse[row], constants[5]
    above, below = inverse[max(row - 1, 0)], inverse[min(row + 1, height - 1)]
    _usable(here, above, below, valid, (np.float32(row) - cy) / fy, intrinsics, constants)
    nearest = np.float32(width)
    for column in range(width - 1, -1, -1):
        seen_at = np.float32(column) - shift * here[column]
        if seen_at >= nearest:
            valid[column] = 0
        nearest = min(nearest, seen_at)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _validity(inverse, still, still_valid, intrinsics, constants, valid):
    """(h, w) share of readings that are left; rows that show, with their neighbours, the still background are known."""
    height, width = inverse.shape
    moved_above, moved = False, False
    for row in range(height + 1):
        moved_below = False
        if row < height:
            for column in range(width):
                if inverse[row, column] != still[row, column]:
                    moved_below = True
                    break
        if row > 0:
            if moved_above or moved or moved_below:
                _valid_row(inverse, row - 1, valid[row - 1], intrinsics, constants)
            else:
                valid[row - 1] = still_valid[row - 1]
        moved_above, moved = moved, moved_below


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _measure(inverse, usable, pixels, constants, bank, key):
    """Depth [mm] from inverse depth and the share of readings left; see ``DepthParams`` for what each error is."""
    (
        base, growth, distance, scale, step, _, _, _, _, _, invalid, lateral, least, most,
    ) = constants  # fmt: skip
    height, width = inverse.shape
    zero, one, nearly_nothing = np.float32(0), np.float32(1), np.float32(1e-3)
    start = mixed(key, 0)
    sign = np.float32(1 if start & np.uint64(1) else -1)
    first_row, first_column = start_in_bank(start)
    moved, depths = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(height):
        here, valid = inverse[row], usable[row]
        read = here
        if lateral > 0:
            read = moved
            for column in range(width):
                aside = lateral * bank[(first_row + 173 + row) % BANK_SIDE, first_column + column]
                over = lateral * bank[(first_row + 347 + row) % BANK_SIDE, first_column + column]
                row_there = min(max(row + int(np.rint(over)), 0), height - 1)
                moved[column] = inverse[row_there, min(max(column + int(np.rint(aside)), 0), width - 1)]
        noise = bank[(first_row + row) % BANK_SIDE, first_column : first_column + width]
        for column in range(width):
            depth = one / max(read[column], nearly_nothing)
            beyond = max(depth - distance, zero)
            depths[column] = (depth + (base + growth * beyond * beyond) * sign * noise[column]) * scale
        if step > 0:
            for column in range(width):
                depths[column] = one / (max(np.rint(one / (depths[column] * step)), one) * step)
        line = pixels[row]
        for column in range(width):
            depth = depths[column]
            inside = read[column] > zero and least <= depth <= most
            line[column] = np.int32(depth * np.float32(1000) + np.float32(0.5)) if inside else 0
        for column in range(width):
            if valid[column] < one and uniform(key, row * width + column + 1) >= valid[column]:
                pixels[row, column] = 0
    for i in range(round(invalid * width * height)):
        bits = mixed(key, width * height + i + 1)
        pixels[int(bits >> np.uint64(33)) % height, int(bits & np.uint64(0x7FFFFFFF)) % width] = 0
