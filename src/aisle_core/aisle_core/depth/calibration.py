"""Where a depth sensor hangs: the pose under which floor and furniture of the store explain its readings best.

Known are the floor, the boards that carry plates, and fixtures without plates as solid boxes. Goods are somewhere over
the boards, inside the fixture, and people over the floor, so a reading is judged by a beam model (S. Thrun, W. Burgard,
D. Fox, Probabilistic Robotics, 2005, 6.3): at the known surface, in the space for goods before it, or anywhere else.

Level surfaces tell height and tilt, by a robust regression. Where boards, goods and fixtures end tells the rest, the
place in the plan and the turn about z: there the beam model's likelihood is sampled and a quadratic fitted to it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.stats import qmc

from ..errors import AisleError
from ..store import Fixture, Mount, Store
from ..store.coverage import body
from ..store.frames import optical_pose
from ..store.geometry import axes_of, inside
from ..types import CameraInfo, Image
from .view import Floats, View, depth_of

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

AXES = ("x", "y", "z", "turn about x", "turn about y", "turn about z")
"""Of a correction: shifts along the axes of map, and turns about these axes through the sensor."""
ROUGH = np.array([0.05, 0.05, 0.05, *np.radians([3.0, 3.0, 3.0])])
"""Standard deviation of a pose before calibration along the ``AXES`` [m, rad]: hung by tape measure and eye."""
MOST_ROUGH = 3.0
"""A correction of more standard deviations than this is refused."""
DETERMINED = 0.5
"""A direction is determined when at most this share of its ``ROUGH`` is left of it."""
SCALE_STDDEV = 0.007
"""Of the factor by which sensors read too far: a third of the 2 % by which data sheets bound it."""
NEAR_SURFACE = 0.1
"""Readings less than this away from a known surface are of it, in the residuals [m]."""
LEAST_READINGS = 500
LEAST_EXPLAINED = 0.95
"""Share of the readings that must be of known surfaces and goods in the end."""

_TOLERANCE = 0.01
"""Standard deviation of the known surfaces [m]: furniture as it stands, beside the site's files."""
_NOISE_GROWTH = 0.0019
"""Of the noise of readings per squared metre [1/m] (C. V. Nguyen, S. Izadi, D. Lovell, 3DIMPVT 2012)."""
_AT_SURFACE, _IN_GOODS, _ELSEWHERE = 72.0, 4.0, 0.05
"""Density of readings beside that in a view of which nothing is known: 90 % within 2 cm, half of them within half a
metre, and a few per cent over metres, against one over 4 m."""
_ALIKE = 16.0
"""So many neighbouring readings err together and count as one."""
_MOST_PIXELS, _SCANNED_PIXELS = 20_000, 3_000
_CAPTURE = (0.2, 0.1, 0.05, 0.0, 0.0)
"""Heights from a level surface within which readings pull, step by step [m]; at last their own spread."""
_RADII = ((1.0, 0.6), (0.4, 0.3, 0.3))
"""Of the search in the plan, after each levelling, in ``ROUGH``."""
_SCANNED, _SAMPLES = 256, 48
_CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))
_PLAN = [0, 1, 5]
_LEVEL = [2, 3, 4]


class Box(NamedTuple):
    """A block with its bounds [m] in map turned by ``yaw`` about z.

    Kind: "solid", with a surface that the site tells; "goods", the space that goods and boards take; "unknown".
    """

    yaw: float
    low: Array
    high: Array
    kind: str


def blocks(store: Store) -> list[Box]:
    """What stands in a store: fixtures without plates, boards with plates, the space of the goods, what is behind it.

    A board is as wide as the fixture and reaches down to the free space over the shelf below it, the lowest one to the
    floor.
    """
    return [box for fixture in store.fixtures for box in _blocks(fixture)]


def _blocks(fixture: Fixture) -> list[Box]:
    whole = body(fixture)
    if whole is None:
        return []
    yaw = whole.pose.yaw
    to_local = axes_of(yaw)
    origin = to_local @ np.array(whole.pose[:3])
    low, high = origin + whole.low, origin + whole.high
    plates = [shelf.plates[0] for shelf in fixture.shelves if shelf.plates]
    if not plates:
        return [Box(yaw, low, high, "solid")]
    free = [plate.centre.z + plate.size.height for plate in plates]
    found = [Box(yaw, low, high, "goods")]
    for plate in plates:
        middle, half = (to_local @ plate.centre)[1], plate.size.depth / 2
        bottom = max((top for top in free if top <= plate.centre.z), default=low[2])
        ends = (low[0], middle - half, bottom), (high[0], middle + half, plate.centre.z)
        found.append(Box(yaw, np.array(ends[0]), np.array(ends[1]), "solid"))
    behind = max(box.high[1] for box in found[1:])
    return [*found, Box(yaw, np.array([low[0], behind, low[2]]), high, "unknown")]


class Expected(NamedTuple):
    """What a sensor should read, (h, w)."""

    depth: Array
    """Of the floor and what is solid [m]."""
    front: Array
    """Of the space for goods before it, else the same [m]."""
    known: Bools
    """Whether the site tells it."""


class Surfaces:
    """What a sensor with a pinhole should read of a store from any pose."""

    def __init__(self, store: Store, info: CameraInfo) -> None:
        self._floor, self._blocks, self._info = np.array(store.floor), blocks(store), info
        self._optical = View(info, np.eye(4)).rays.astype(np.float64)
        ends = np.array([(box.low, box.high) for box in self._blocks]).reshape(-1, 2, 3)
        corners = np.stack([ends[:, at, axis] for axis, at in enumerate(_CORNERS.T)], axis=-1)
        turns = np.array([axes_of(box.yaw) for box in self._blocks]).reshape(-1, 3, 3)
        self._corners = corners @ turns
        """(n, 8, 3) in map."""

    def seen(self, pose: Array) -> Expected:
        """From ``pose`` (4, 4) map_T_optical."""
        turn, eye = pose[:3, :3], pose[:3, 3]
        rays = (turn @ self._optical).reshape(3, self._info.height, self._info.width)
        depth = np.where(rays[2] < -1e-6, -eye[2] / np.minimum(rays[2], -1e-6), np.inf)
        known = np.isfinite(depth)
        known[known] = inside(eye[:2] + (depth[known] * rays[:2, known]).T, self._floor)
        front = depth.copy()
        for box, window in zip(self._blocks, self._windows(pose), strict=True):
            if window is None:
                continue
            axes = axes_of(box.yaw)
            start = axes @ eye
            local = np.tensordot(axes, rays[:, *window], 1)
            local[local == 0] = 1e-12
            one, other = ((end - start)[:, None, None] / local for end in (box.low, box.high))
            enters, leaves = np.minimum(one, other).max(axis=0), np.maximum(one, other).min(axis=0)
            met = (enters < leaves) & (enters > 0)
            if box.kind == "goods":
                front[window] = np.where(met, np.minimum(front[window], enters), front[window])
            else:
                first = met & (enters < depth[window])
                depth[window] = np.where(first, enters, depth[window])
                known[window] = np.where(first, box.kind == "solid", known[window])
        return Expected(depth, np.minimum(front, depth), known)

    def _windows(self, pose: Array) -> Iterator[tuple[slice, slice] | None]:
        """Rows and columns in which each block can be seen; None: not at all."""
        info = self._info
        x, y, z = np.moveaxis((self._corners - pose[:3, 3]) @ pose[:3, :3], -1, 0)
        deep = np.maximum(z, 0.05)
        u, v = x / deep * info.fx + info.cx, y / deep * info.fy + info.cy
        left, right = np.maximum(u.min(axis=1), 0), np.minimum(u.max(axis=1) + 2, info.width)
        top, bottom = np.maximum(v.min(axis=1), 0), np.minimum(v.max(axis=1) + 2, info.height)
        for i in range(len(z)):
            if z[i].min() <= 0.05 < z[i].max():
                yield slice(0, info.height), slice(0, info.width)
            elif z[i].max() > 0.05 and left[i] < right[i] and top[i] < bottom[i]:
                yield slice(int(top[i]), int(bottom[i])), slice(int(left[i]), int(right[i]))
            else:
                yield None


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How observations agree with the site under one pose."""

    residual: Array
    """Of depth (h, w): reading less known depth [m], NaN where there is none. Of tags (n, 2): of their corners [px]."""
    rms: float
    """Of depth: of the residuals less than ``NEAR_SURFACE`` [m]. Of tags: of the distances [px]."""
    inliers: float
    """Of depth: share of the readings that are of known surfaces or goods. Of tags: share of the corners that fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Where a device was said to be, and where it is."""

    before: Mount
    after: Mount
    stddev: Array
    """(6,) of ``after`` along the ``AXES`` [m, rad]."""
    undetermined: tuple[str, ...]
    """Directions of which the scene says too little, such as "y" or "x with turn about z"; left there as it was."""
    fit_before: Fit
    fit_after: Fit


def moved(mount: Mount, correction: Array) -> Mount:
    """A pose after a correction (6,) along the ``AXES`` [m, rad]."""
    turned = Rotation.from_rotvec(correction[3:]) * Rotation.from_euler("xyz", mount[3:])
    angles = turned.as_euler("xyz", suppress_warnings=True)
    return Mount(*(float(value) for value in (*(correction[:3] + mount[:3]), *angles)))


def correction(before: Mount, after: Mount) -> Array:
    """(6,) along the ``AXES`` [m, rad] that takes one pose to another."""
    turn = Rotation.from_euler("xyz", after[3:]) * Rotation.from_euler("xyz", before[3:]).inv()
    return np.array([*np.subtract(after[:3], before[:3]), *turn.as_rotvec()])


def median_depth(images: Sequence[Image], info: CameraInfo | None) -> Floats:
    """(h, w) median depth [m] per pixel of images of one sensor; NaN where more than half have no reading.

    Raises AisleError for images that are no depth, or not of the size that ``info`` says.
    """
    stack = np.array([depth_of(image, info) for image in images], np.float32)
    valid = np.isfinite(stack) & (stack > 0)
    stack[~valid] = np.nan
    often = 2 * valid.sum(axis=0) >= len(stack)
    depth = np.full(stack.shape[1:], np.nan, np.float32)
    depth[often] = np.nanmedian(stack[:, often], axis=0)
    return depth


def calibrate(store: Store, device_id: str, rough: Mount, depth: Floats, info: CameraInfo) -> Calibration:
    """Find the pose of a depth sensor from its ``depth`` (h, w) [m], such as ``median_depth``, and a rough pose.

    Raises AisleError, naming the device, for too few readings, and where floor and furniture do not explain them from
    any pose near the rough one.
    """
    readings = np.count_nonzero(np.isfinite(depth))
    if readings < LEAST_READINGS:
        raise AisleError(
            f"{device_id}: {readings} of {depth.size} pixels have a reading in most images, {LEAST_READINGS} are "
            "needed; clear its view and record again"
        )
    solver = _Solver(store, rough, depth, info, _MOST_PIXELS)
    mount = _Solver(store, rough, depth, info, _SCANNED_PIXELS).scan(solver.level(rough)[0])
    for radii in _RADII:
        mount, level = solver.level(mount)
        for radius in radii:
            mount, plan = solver.plan(mount, radius)
    precision = np.zeros((6, 6))
    precision[np.ix_(_LEVEL, _LEVEL)], precision[np.ix_(_PLAN, _PLAN)] = level, plan
    after, covariance, undetermined = settled(rough, mount, precision)
    if solver.likelihood(after) < solver.likelihood(rough):
        after = rough
    surfaces = Surfaces(store, info)
    fit = _fit(surfaces, after, depth)
    if fit.inliers < LEAST_EXPLAINED:
        raise AisleError(
            f"{device_id}: floor, furniture and goods explain {fit.inliers:.0%} of its readings from the best pose "
            f"near the site's, {LEAST_EXPLAINED:.0%} are needed; mend its rough pose or the fixtures of the site, or "
            "record with fewer people in the store"
        )
    check_correction(device_id, rough, after)
    stddev = np.sqrt(np.diag(covariance)) * ROUGH
    stddev[2] = math.hypot(stddev[2], SCALE_STDDEV * after.z)
    return Calibration(rough, after, stddev, undetermined, _fit(surfaces, rough, depth), fit)


def settled(rough: Mount, found: Mount, precision: Array) -> tuple[Mount, Array, tuple[str, ...]]:
    """What of a pose is determined: it, the rest left as in ``rough``; covariance; undetermined directions in words.

    ``precision`` (6, 6) with the prior, and the covariance (6, 6), are in units of ``ROUGH``.
    """
    values, vectors = np.linalg.eigh(precision)
    firm = values >= DETERMINED**-2
    kept = vectors[:, firm] @ (vectors[:, firm].T @ (correction(rough, found) / ROUGH))
    covariance = (vectors / np.maximum(values, 1.0)) @ vectors.T
    open_share = (vectors[:, ~firm] ** 2).sum(axis=1)
    alone = [axis for axis, share in zip(AXES, open_share, strict=True) if share > 0.9]
    mixed = [axis for axis, share in zip(AXES, open_share, strict=True) if 0.1 < share <= 0.9]
    return moved(rough, kept * ROUGH), covariance, (*alone, *([" with ".join(mixed)] if mixed else []))


def check_correction(device_id: str, rough: Mount, after: Mount) -> None:
    """Raise AisleError when a pose is farther from the rough one than such poses are."""
    move = correction(rough, after)
    worst = int(np.abs(move / ROUGH).argmax())
    if abs(move[worst]) > MOST_ROUGH * ROUGH[worst]:
        amount = f"{move[worst]:.2f} m" if worst < 3 else f"{math.degrees(move[worst]):.1f} deg"
        raise AisleError(
            f"{device_id}: the pose found is off by {amount} in {AXES[worst]}, too far to be trusted; mend its rough "
            "pose in sensors.yaml"
        )


def _fit(surfaces: Surfaces, mount: Mount, depth: Floats) -> Fit:
    expected = surfaces.seen(optical_pose(mount))
    residual = np.where(expected.known, depth - expected.depth, np.nan)
    seen = np.isfinite(residual)
    near = np.abs(residual[seen]) < NEAR_SURFACE
    goods = (depth[seen] > expected.front[seen] - NEAR_SURFACE) & (depth[seen] < expected.depth[seen])
    rms = float(np.sqrt(np.mean(residual[seen][near] ** 2))) if near.any() else math.nan
    return Fit(residual, rms, float(np.mean(near | goods)) if seen.any() else 0.0)


class _Solver:
    """Levelling, and the search in the plan, over at most so many pixels."""

    def __init__(self, store: Store, rough: Mount, depth: Floats, info: CameraInfo, pixels: int) -> None:
        step = max(1, math.ceil(math.sqrt(depth.size / pixels)))
        self._rough, self._depth = rough, depth[::step, ::step].astype(np.float64)
        height, width = self._depth.shape
        fx, fy, cx, cy = (value / step for value in (info.fx, info.fy, info.cx, info.cy))
        small = replace(info, height=height, width=width, fx=fx, fy=fy, cx=cx, cy=cy)
        self._surfaces = Surfaces(store, small)
        self._rays = View(small, np.eye(4)).rays.astype(np.float64)

    def level(self, mount: Mount) -> tuple[Mount, Array]:
        """Height and tilt that put readings of level surfaces at their height; precision (3, 3) in ``ROUGH``.

        A turn w of the reading v (from the sensor) lifts it by w_x v_y - w_y v_x.
        """
        unit = ROUGH[_LEVEL]
        for capture in _CAPTURE:
            pose = optical_pose(mount)
            expected = self._surfaces.seen(pose)
            rays = (pose[:3, :3] @ self._rays).reshape(3, *self._depth.shape)
            height = expected.depth * rays[2]
            use = expected.known & np.isfinite(self._depth) & _flat(height)
            x, y, z = rays[:, use] * self._depth[use]
            off = height[use] - z
            spread = _spread(expected.depth[use]) * np.abs(rays[2, use])
            weight = np.exp(-((off / np.maximum(capture, spread)) ** 2) / 2) / spread**2 / _ALIKE
            design = np.column_stack([np.ones(len(off)), y, -x]) * unit
            prior = correction(self._rough, mount)[_LEVEL] / unit
            precision = design.T @ (design * weight[:, None]) + np.eye(3)
            move = np.zeros(6)
            move[_LEVEL] = np.linalg.solve(precision, design.T @ (weight * off) - prior) * unit
            mount = moved(mount, move)
        return mount, precision

    def scan(self, mount: Mount) -> Mount:
        """The best of places spread over all that are not refused."""
        samples = MOST_ROUGH * _spread_evenly(_SCANNED)
        samples[0] = 0.0
        places, values = self._posterior(mount, samples)
        return places[int(values.argmax())]

    def plan(self, mount: Mount, radius: float) -> tuple[Mount, Array]:
        """The best place in the plan within ``radius``, and the precision (3, 3), both in ``ROUGH``."""
        samples = _spread_evenly(_SAMPLES)
        _, values = self._posterior(mount, radius * samples)
        rows, columns = np.triu_indices(3)
        design = np.column_stack([np.ones(_SAMPLES), samples, samples[:, rows] * samples[:, columns]])
        solution = np.linalg.lstsq(design, values, rcond=None)[0]
        curved = np.zeros((3, 3))
        curved[rows, columns] = solution[4:]
        bends, axes = np.linalg.eigh(-(curved + curved.T))
        climb = axes.T @ solution[1:4]
        best = radius * (axes @ np.clip(climb / np.maximum(bends, radius**2), -1, 1))
        return _shifted(mount, best), (axes * bends / radius**2) @ axes.T

    def _posterior(self, mount: Mount, moves: Array) -> tuple[list[Mount], Array]:
        """Where ``moves`` (n, 3) in the plan, in ``ROUGH``, lead to, and the logarithms (n,) of the posterior there."""
        places = [_shifted(mount, move) for move in moves]
        prior = ((correction(self._rough, mount)[_PLAN] / ROUGH[_PLAN] + moves) ** 2).sum(axis=1) / 2
        return places, np.array([self.likelihood(place) for place in places]) - prior

    def likelihood(self, mount: Mount) -> float:
        """Logarithm of that of the readings under a pose, by the beam model."""
        expected = self._surfaces.seen(optical_pose(mount))
        use = expected.known & np.isfinite(self._depth)
        reading, surface, front = self._depth[use], expected.depth[use], expected.front[use]
        spread = _spread(surface)
        goods = (reading > front - spread) & (reading < surface)
        at_surface = np.exp(-(((reading - surface) / spread) ** 2) / 2)
        return float(np.log(_ELSEWHERE + _IN_GOODS * goods + _AT_SURFACE * at_surface).sum() / _ALIKE)


def _shifted(mount: Mount, move: Array) -> Mount:
    """A pose after a move (3,) in the plan, in ``ROUGH``."""
    whole = np.zeros(6)
    whole[_PLAN] = move * ROUGH[_PLAN]
    return moved(mount, whole)


def _spread_evenly(number: int) -> Array:
    """(number, 3) points in the cube from -1 to 1 (J. H. Halton, Numerische Mathematik 2, 1960)."""
    points: Array = 2 * qmc.Halton(3, scramble=False).random(number + 1)[1:] - 1
    return points


def _spread(depth: Array) -> Array:
    """Standard deviation of readings about a known surface [m]."""
    return _TOLERANCE + _NOISE_GROWTH * depth**2


def _flat(height: Array) -> Bools:
    """(h, w) where neighbours are as high [m]."""
    down, across = np.gradient(np.where(np.isfinite(height), height, 0.0))
    flat: Bools = np.maximum(np.abs(down), np.abs(across)) < 1e-3
    return flat
