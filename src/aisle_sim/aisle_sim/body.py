"""Articulated bodies: joints of people who stand, walk, stoop and reach.

Lengths are fractions of the body height (Drillis and Contini 1966, as in Winter, Biomechanics and Motor Control of
Human Movement, fig. 4.1). Hands follow minimum-jerk profiles (Flash and Hogan 1985), elbows and knees two-bone inverse
kinematics.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from aisle_core.store import Plate

Array = NDArray[np.float64]

UPPER_ARM, FOREARM = 0.186, 0.146 + 0.054
"""The forearm with half of the hand: to the grip."""
_SHOULDER, _HALF_SHOULDERS = 0.818, 0.129
_NECK, _HEAD = 0.85, 0.935
_HIP, _HALF_HIPS = 0.53, 0.05
_THIGH, _SHANK = 0.245, 0.247
_ANKLE = 0.039
_MOST_PITCH = math.radians(70.0)
_MOST_CROUCH = 0.27
"""How far the hips sink in the deepest squat, as a part of the height."""
_STRIDE = 0.83
"""Two steps."""
_STOOPS = 10
_SLACK = 0.985
"""Nobody reaches with a wholly straight arm."""
_HAND_TO_PLATE = 0.1
"""How deep behind the front edge a hand must come at least to grip [m]."""

_LONG_AGO = -1e9

LEFT, RIGHT = 0, 1


class Goal(NamedTuple):
    """Where a hand goes: in map, or in the frame of the body (ahead, to the left, up from the floor) [m]."""

    in_map: bool
    point: tuple[float, float, float]


def hanging(height: float, side: int) -> Goal:
    """The hand beside the thigh."""
    return Goal(False, (0.05 * height, (0.15, -0.15)[side] * height, 0.44 * height))


def carrying(height: float, side: int) -> Goal:
    """The hand before the belly, with something in it."""
    return Goal(False, (0.19 * height, (0.10, -0.10)[side] * height, 0.60 * height))


def bag(height: float, side: int) -> Goal:
    """The hand in the bag at the hip."""
    return Goal(False, (0.10 * height, (0.17, -0.17)[side] * height, 0.50 * height))


class _Move(NamedTuple):
    start: float
    end: float
    origin: Goal
    goal: Goal


class Arms:
    """Both arms of n people: the moves of each hand, in order of time [s]."""

    def __init__(self, heights: Array) -> None:
        rest = [[hanging(float(height), side) for side in (LEFT, RIGHT)] for height in heights]
        self._moves = [[[_Move(_LONG_AGO, _LONG_AGO, goal, goal)] for goal in both] for both in rest]
        self._start = np.full((len(heights), 2), _LONG_AGO)
        self._end = self._start.copy()
        self._origin = np.array([[(0.0, *goal.point) for goal in both] for both in rest]).reshape(-1, 2, 4)
        self._goal = self._origin.copy()

    def end(self, person: int, side: int) -> float:
        """When the last move of a hand ends."""
        return float(self._end[person, side])

    def goal(self, person: int, side: int) -> Goal:
        """Where a hand is, or is going."""
        return self._moves[person][side][-1].goal

    def reach(self, person: int, side: int, start: float, seconds: float, goal: Goal) -> float:
        """Move a hand from its last goal, after the last move; when it arrives."""
        moves = self._moves[person][side]
        start = max(start, moves[-1].end)
        move = _Move(start, start + max(seconds, 1e-3), moves[-1].goal, goal)
        moves.append(move)
        del moves[:-8]
        self._start[person, side], self._end[person, side] = move.start, move.end
        self._origin[person, side] = (move.origin.in_map, *move.origin.point)
        self._goal[person, side] = (move.goal.in_map, *move.goal.point)
        return move.end

    def at(self, people: NDArray[np.int64], seconds: Array) -> tuple[Array, Array, Array]:
        """(k, 2, 4) origins and goals (1 if in map, else 0, and the point), (k, 2) minimum-jerk share of the way.

        ``people`` (k,) at ``seconds`` (k,).
        """
        second = seconds[:, None]
        start, end = self._start[people], self._end[people]
        origin, goal = self._origin[people], self._goal[people]
        for row, side in np.argwhere(start > second):
            moves = self._moves[people[row]][side]
            move = next((move for move in reversed(moves) if move.start <= seconds[row]), moves[0])
            start[row, side], end[row, side] = move.start, move.end
            origin[row, side] = (move.origin.in_map, *move.origin.point)
            goal[row, side] = (move.goal.in_map, *move.goal.point)
        moving = second < end
        share = np.where(moving, (second - np.where(moving, start, 0.0)) / np.where(moving, end - start, 1.0), 1.0)
        return origin, goal, minimum_jerk(share)


def minimum_jerk(share: Array) -> Array:
    """Way over time, both from 0 to 1 (Flash and Hogan 1985)."""
    s = np.clip(share, 0.0, 1.0)
    return np.asarray(s**3 * (10.0 - 15.0 * s + 6.0 * s**2))


@numba.njit(cache=True)
def joints(
    position: Array,
    heading: Array,
    height: Array,
    speed: Array,
    walked: Array,
    origins: Array,
    goals: Array,
    share: Array,
) -> Array:
    """(n, 13, 3) JOINTS in map [m] of n people.

    ``position`` (n, 2) [m], ``heading`` (n,) [rad], ``height`` (n,) [m], ``speed`` (n,) [m/s] and ``walked`` (n,) way
    so far [m] set the stride; ``origins``, ``goals``, ``share`` are those of ``Arms.at``. A hand beyond the reach of
    its arm stays on the line from the shoulder.

    Inside, a body has a frame of its own: x ahead, y to the left, z up, the origin on the floor under it.
    """
    found = np.empty((len(height), 13, 3))
    wish = np.empty((2, 3))
    for person in range(len(height)):
        tall = height[person]
        own = found[person]
        cos, sin = math.cos(heading[person]), math.sin(heading[person])
        phase = 2.0 * math.pi * walked[person] / (_STRIDE * tall)
        stride = 0.22 * min(tall, speed[person])

        stoop, sunk = 0.0, 0.0
        for side in range(2):
            swing = -0.45 * stride * math.sin(phase) * (1 - 2 * side)
            way = share[person, side]
            a = _hand(origins[person, side], position[person], cos, sin, tall, swing)
            b = _hand(goals[person, side], position[person], cos, sin, tall, swing)
            wish[side] = a + way * (b - a)
            bent = _stoop(tall, a, side) if origins[person, side, 0] > 0.5 else 0.0
            bends = _stoop(tall, b, side) if goals[person, side, 0] > 0.5 else 0.0
            low, lower = bent * _crouch(tall, a[2]), bends * _crouch(tall, b[2])
            stoop = max(stoop, bent + way * (bends - bent))
            sunk = max(sunk, low + way * (lower - low))
        pitch = _MOST_PITCH * stoop
        back = -0.09 * stoop * tall
        hips = (_HIP - sunk) * tall

        own[1] = _up_spine(back, hips, pitch, (_NECK - _HIP) * tall)
        own[0] = own[1] + _up_spine(0.0, 0.0, 0.6 * pitch, (_HEAD - _NECK) * tall)
        own[8] = (back, 0.0, hips)
        for side in range(2):
            sign = 1.0 - 2.0 * side
            shoulder = _up_spine(back, hips, pitch, (_SHOULDER - _HIP) * tall)
            shoulder[1] = sign * _HALF_SHOULDERS * tall
            own[2 + side] = shoulder
            arm = wish[side] - shoulder
            pole = np.array((arm[2], 0.15 * sign * tall, -arm[0]))
            own[4 + side], own[6 + side] = _two_bones(shoulder, wish[side], UPPER_ARM * tall, FOREARM * tall, pole)
            lift = max(math.cos(phase) * sign, 0.0) * 0.25 * stride
            foot = np.array((math.sin(phase) * sign * stride, sign * _HALF_HIPS * tall, _ANKLE * tall + lift))
            hip = np.array((back, sign * _HALF_HIPS * tall, hips))
            ahead = np.array((1.0, 0.0, 0.0))
            own[9 + side], own[11 + side] = _two_bones(hip, foot, _THIGH * tall, _SHANK * tall, ahead)
        for joint in range(13):
            x, y = own[joint, 0], own[joint, 1]
            own[joint, 0] = position[person, 0] + cos * x - sin * y
            own[joint, 1] = position[person, 1] + sin * x + cos * y
    return found


@numba.njit(cache=True)
def reaches(height: float, distance: Array, up: float) -> NDArray[np.bool_]:
    """(k,) whether a person of this height reaches points straight ahead of a shoulder, ``distance`` (k,) away from the
    body's middle and ``up`` above the floor [m].
    """
    found = np.zeros(len(distance), dtype=np.bool_)
    for index in range(len(distance)):
        hand = np.array((distance[index], _HALF_SHOULDERS * height, up))
        found[index] = _missing(height, _stoop(height, hand, 0), hand, 0) < 1e-3
    return found


@numba.njit(cache=True)
def _hand(goal: Array, position: Array, cos: float, sin: float, tall: float, swing: float) -> Array:
    """Where a goal is in the frame of the body; a hand that hangs swings with the steps."""
    if goal[0] > 0.5:
        x, y = goal[1] - position[0], goal[2] - position[1]
        return np.array((cos * x + sin * y, cos * y - sin * x, goal[3]))
    return np.array((goal[1] + (swing if goal[3] < 0.5 * tall else 0.1 * swing), goal[2], goal[3]))


@numba.njit(cache=True)
def _up_spine(back: float, hips: float, pitch: float, length: float) -> Array:
    return np.array((back + length * math.sin(pitch), 0.0, hips + length * math.cos(pitch)))


@numba.njit(cache=True)
def _crouch(tall: float, z: float) -> float:
    """How deep the hips sink at the full stoop, for a hand at ``z``, as a part of the height: the lower, the deeper."""
    return _MOST_CROUCH * min(max((0.6 * tall - z) / (0.5 * tall), 0.0), 1.0)


@numba.njit(cache=True)
def _missing(tall: float, stoop: float, hand: Array, side: int) -> float:
    """What the arm lacks to reach the hand's place [m]; negative where it reaches."""
    hips = (_HIP - _crouch(tall, hand[2]) * stoop) * tall
    shoulder = _up_spine(-0.09 * stoop * tall, hips, _MOST_PITCH * stoop, (_SHOULDER - _HIP) * tall)
    shoulder[1] = (1 - 2 * side) * _HALF_SHOULDERS * tall
    return math.sqrt(((hand - shoulder) ** 2).sum()) - _SLACK * (UPPER_ARM + FOREARM) * tall


@numba.njit(cache=True)
def _stoop(tall: float, hand: Array, side: int) -> float:
    """Least stoop from 0 to 1 with which the arm reaches, or the one with which it comes nearest."""
    before = _missing(tall, 0.0, hand, side)
    if before <= 0.0:
        return 0.0
    nearest, best = before, 0.0
    for step in range(1, _STOOPS + 1):
        stoop = step / _STOOPS
        missing = _missing(tall, stoop, hand, side)
        if missing <= 0.0:
            return stoop - missing / (missing - before) / _STOOPS
        if missing < nearest:
            nearest, best = missing, stoop
        before = missing
    return best


@numba.njit(cache=True)
def _two_bones(root: Array, target: Array, upper: float, lower: float, pole: Array) -> tuple[Array, Array]:
    """Middle joint, bent towards ``pole``, and end, at the target or as near as the bones allow."""
    way = target - root
    length = max(math.sqrt((way**2).sum()), 1e-6)
    way = way / length
    length = min(max(length, abs(upper - lower) + 1e-3), 0.999 * (upper + lower))
    along = (upper**2 - lower**2 + length**2) / (2.0 * length)
    aside = math.sqrt(max(upper**2 - along**2, 0.0))
    bend = pole - (pole * way).sum() * way
    bend = bend / max(math.sqrt((bend**2).sum()), 1e-6)
    return root + along * way + aside * bend, root + length * way


def grip(plate: Plate) -> tuple[float, float]:
    """How deep behind the front edge of a plate and how high a hand must come to take from it at all [m]."""
    return min(_HAND_TO_PLATE, plate.size.depth / 2), plate.centre.z + 0.05
