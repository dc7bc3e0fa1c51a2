"""How a shopper moves: along polylines in front of the shelves, one hand reaching to a plate and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aisle_core.store import Lane, Plate, Store
from aisle_sim.script import Deed, Shopper

Array = NDArray[np.float64]

_RATE = 60.0
_WALKING_SPEED = 1.1
"""Mean over a leg [m/s]."""
_STAND_OFF = 0.45
"""From the front edge of the shelf to the body [m]."""
_STEP_BACK = 0.7
_REACH_S = 0.45
_SMOOTHING_S = 0.1
_REST_HEIGHT = 0.95
_HAND_ABOVE_PLATE = 0.06
_OUTSIDE = 0.6
"""Where people stand at the reader, beyond the lane [m]."""


@dataclass(frozen=True, slots=True)
class Reach:
    """A hand at a plate; times in seconds since the visit began."""

    deed: Deed
    side: int
    """-1 left, 1 right."""
    target: Array
    """(3,) in map [m]."""
    out_s: float
    arrive_s: float
    change_s: float
    """When the load changes (a lean: when it is heaviest)."""
    leave_s: float
    back_s: float


@dataclass(frozen=True, slots=True)
class Visit:
    """The motion of one shopper; times in seconds since the visit began at the entry's reader."""

    shopper: Shopper
    height: float
    time: Array
    """(n,) [s], uniform."""
    position: Array
    """(n, 2) of the body in map [m]."""
    facing: Array
    """(n, 2) unit vectors."""
    reaches: tuple[Reach, ...]
    credential_s: float
    entry_s: float
    exit_s: float

    @property
    def duration(self) -> float:
        """In seconds."""
        return float(self.time[-1])

    def at(self, seconds: Array) -> Array:
        """(k, 2) positions at (k,) times."""
        return _sample(self.time, self.position, seconds)

    def body(self, seconds: Array) -> dict[str, Array]:
        """(k, 3) of head, neck, shoulders and hands in map [m] at (k,) times."""
        floor, facing = self.at(seconds), _sample(self.time, self.facing, seconds)
        right = np.column_stack([facing[:, 1], -facing[:, 0]])

        def point(ahead: float, sideways: float, height: float) -> Array:
            return np.column_stack([floor + ahead * facing + sideways * right, np.full(len(floor), height)])

        parts = {"head": point(0.05, 0.0, self.height), "neck": point(0.0, 0.0, self.height - 0.25)}
        for side, name in ((-1, "left"), (1, "right")):
            parts[f"{name}_shoulder"] = point(0.0, side * 0.18, self.height - 0.3)
            hand = point(0.12, side * 0.22, _REST_HEIGHT)
            for reach in self.reaches:
                if reach.side == side:
                    out = _ease(seconds, reach.out_s, reach.arrive_s) - _ease(seconds, reach.leave_s, reach.back_s)
                    hand = hand + out[:, None] * (reach.target - hand)
            parts[f"{name}_hand"] = hand
        return parts


def walk(store: Store, shopper: Shopper, rng: np.random.Generator) -> Visit:
    """The visit of one shopper, from the reader of an entry lane to beyond an exit lane."""
    entry = next(lane for lane in store.lanes if lane.direction != "out")
    exit_ = next(lane for lane in reversed(store.lanes) if lane.direction != "in")
    way = _Way(_outside(store, entry), np.array(entry.position))
    credential_s = rng.uniform(0.3, 0.6)
    way.wait(rng.uniform(0.9, 1.3))
    reaches: list[Reach] = []
    last: Plate | None = None
    for deed in shopper.deeds:
        plate = store.plates[deed.plate_id]
        if last is None or last.plate_id != plate.plate_id:
            doorway = [] if last else [np.array(entry.position)]
            way.go([*doorway, *_legs(last, plate, way.here, rng)])
        last = plate
        way.look(_inward(plate))
        way.wait(rng.uniform(0.2, 0.5))
        reaches.append(_reach(deed, plate, way.now, rng))
        way.wait(reaches[-1].back_s - way.now + rng.uniform(0.2, 0.6))
    away = [] if last is None else [way.here - _STEP_BACK * _inward(last)]
    way.go([*away, np.array(exit_.position), _outside(store, exit_)])
    time, position, facing = way.grid()
    return Visit(
        shopper,
        rng.uniform(1.55, 1.85),
        time,
        position,
        facing,
        tuple(reaches),
        credential_s,
        _nearest_time(time, position, entry, first=True),
        _nearest_time(time, position, exit_, first=False),
    )


def inside(corners: Array, points: Array) -> NDArray[np.bool_]:
    """(k,) whether (k, 2) points are within the polygon of (c, 2) corners (even-odd rule)."""
    a, b = corners[None], np.roll(corners, -1, axis=0)[None]
    x, y = points[:, :1], points[:, 1:]
    spans = (a[..., 1] > y) != (b[..., 1] > y)
    rise = np.where(spans, b[..., 1] - a[..., 1], 1.0)
    crossing = a[..., 0] + (y - a[..., 1]) * (b[..., 0] - a[..., 0]) / rise
    return np.asarray((spans & (x < crossing)).sum(axis=1) % 2 == 1)


class _Way:
    """Collects legs and pauses into one uniform grid."""

    def __init__(self, start: Array, towards: Array) -> None:
        self.here = start
        self._facing = (towards - start) / np.linalg.norm(towards - start)
        self._positions = [start]
        self._facings = [self._facing]

    @property
    def now(self) -> float:
        return (len(self._positions) - 1) / _RATE

    def wait(self, seconds: float) -> None:
        count = max(round(seconds * _RATE), 0)
        self._positions += [self.here] * count
        self._facings += [self._facing] * count

    def look(self, direction: Array) -> None:
        self._facing = direction

    def go(self, points: list[Array]) -> None:
        """Along the polyline, slow at both ends."""
        corners = np.array([self.here, *points])
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
        count = max(round(along[-1] / _WALKING_SPEED * _RATE), 1)
        covered = along[-1] * _ease(np.arange(1, count + 1, dtype=float), 0.0, count)
        legs = np.diff(corners, axis=0) / np.maximum(np.diff(along), 1e-9)[:, None]
        self._positions += list(np.column_stack([np.interp(covered, along, corners[:, axis]) for axis in (0, 1)]))
        self._facings += list(legs[np.clip(np.searchsorted(along, covered) - 1, 0, len(legs) - 1)])
        self.here, self._facing = corners[-1], legs[-1]

    def grid(self) -> tuple[Array, Array, Array]:
        facing = _smooth(np.array(self._facings))
        facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-9)
        return np.arange(len(self._positions)) / _RATE, _smooth(np.array(self._positions)), facing


def _legs(last: Plate | None, plate: Plate, here: Array, rng: np.random.Generator) -> list[Array]:
    """To a place in front of the plate: away from the shelf, along it, and up to it."""
    along = np.array([np.cos(plate.yaw), np.sin(plate.yaw)])
    front = np.array(plate.centre[:2]) - (plate.size.depth / 2 + _STAND_OFF) * _inward(plate)
    stand = front + rng.uniform(-0.15, 0.15) * along
    if last is None or np.linalg.norm(stand - here) < _STEP_BACK:
        return [stand]
    return [here - _STEP_BACK * _inward(last), stand - _STEP_BACK * _inward(plate), stand]


def _reach(deed: Deed, plate: Plate, now: float, rng: np.random.Generator) -> Reach:
    target = np.array(plate.centre)
    target[2] += _HAND_ABOVE_PLATE
    arrive = now + _REACH_S
    if deed.quantity:
        change = arrive + rng.uniform(0.1, 0.25)
        leave = change + rng.uniform(0.05, 0.2)
    else:
        target[:2] -= (plate.size.depth / 2 - 0.03) * _inward(plate)
        change = arrive + rng.uniform(0.5, 0.9)
        leave = change + rng.uniform(0.5, 0.9)
    return Reach(deed, int(rng.choice([-1, 1])), target, now, arrive, change, leave, leave + _REACH_S)


def _inward(plate: Plate) -> Array:
    """Unit vector into the shelf."""
    return np.array([-np.sin(plate.yaw), np.cos(plate.yaw)])


def _outside(store: Store, lane: Lane) -> Array:
    """A point beyond the lane: from it towards the nearest edge of the floor, and on."""
    at, corners = np.array(lane.position), np.array(store.floor)
    edges = np.roll(corners, -1, axis=0) - corners
    share = np.clip(((at - corners) * edges).sum(axis=1) / (edges**2).sum(axis=1), 0.0, 1.0)
    feet = corners + share[:, None] * edges
    nearest = int(np.argmin(np.linalg.norm(feet - at, axis=1)))
    outward = np.array([edges[nearest, 1], -edges[nearest, 0]]) / np.linalg.norm(edges[nearest])
    if inside(corners, (feet[nearest] + 0.01 * outward)[None])[0]:
        outward = -outward
    return np.asarray(at + _OUTSIDE * outward)


def _nearest_time(time: Array, position: Array, lane: Lane, first: bool) -> float:
    """When the body passes the lane: nearest in the first or the last half of the visit."""
    distance = np.linalg.norm(position - np.array(lane.position), axis=1)
    half = len(time) // 2
    return float(time[np.argmin(distance[:half]) if first else half + np.argmin(distance[half:])])


def _ease(t: Array, begin: float, end: float) -> Array:
    """0 before ``begin``, 1 after ``end``, between them the minimum-jerk profile (Flash and Hogan, 1985)."""
    s = np.clip((t - begin) / (end - begin), 0.0, 1.0)
    return np.asarray(s**3 * (10.0 - 15.0 * s + 6.0 * s**2))


def _smooth(values: Array) -> Array:
    """Gaussian over time, along axis 0, with the ends held."""
    reach = int(4 * _SMOOTHING_S * _RATE)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (_SMOOTHING_S * _RATE)) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.column_stack([np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T])


def _sample(time: Array, values: Array, seconds: Array) -> Array:
    return np.column_stack([np.interp(seconds, time, column) for column in values.T])
