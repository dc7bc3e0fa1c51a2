"""Whose hand is whose: key points of people who stand close together are mixed up for moments.

A hand moves steadily, so it shows as leaps of several hands at one instant, and as leaps back some time later. The
most probable sequence of exchanges between two people is found by dynamic programming (A. J. Viterbi, IEEE Trans.
Information Theory 13, 1967) over the permutations of their hands.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from .config import PersonConfig
from .history import HANDS, Samples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ORDERS = np.array(list(permutations(range(2 * HANDS))))
"""(24, 4): the hand that is seen as each, the first as it is labelled."""
_LEAP = 3.0
"""A hand that moved by so many standard deviations leapt."""
_GLITCH = math.log(1e-4)
"""A key point leaps by itself this rarely."""
_COMES = math.log(0.1)
"""A hand comes into sight, or goes out of it, from one sample to the next this rarely."""


def sorted_out(samples: Samples, begins: NDArray[np.intp], config: PersonConfig) -> Samples:
    """The samples, ordered by person and beginning at ``begins``, with every hand given to the one whose it is."""
    ends = np.append(begins[1:], len(samples.stamp_ns))
    hands, variance = samples.hands, samples.hand_variance
    for one, other in _leapt_together(samples, begins, config):
        mine, theirs = (np.arange(begins[person], ends[person]) for person in (one, other))
        _, a, b = np.intersect1d(samples.stamp_ns[mine], samples.stamp_ns[theirs], return_indices=True)
        both = np.stack([mine[a], theirs[b]], axis=1)
        orders = _orders(samples.stamp_ns[both[:, 0]], samples.body[both], hands[both], config)
        if not orders.any():
            continue
        if hands is samples.hands:
            hands, variance = hands.copy(), variance.copy()
        index = _ORDERS[orders]
        for values in (hands, variance):
            seen = values[both].reshape(len(both), 2 * HANDS, -1)
            values[both] = np.take_along_axis(seen, index[..., np.newaxis], axis=1).reshape(values[both].shape)
    return samples if hands is samples.hands else replace(samples, hands=hands, hand_variance=variance)


def _leapt_together(samples: Samples, begins: NDArray[np.intp], config: PersonConfig) -> list[tuple[int, int]]:
    """Pairs of people of whom hands leapt at one instant, one of them to where a hand of the other had been."""
    if len(begins) < 2:
        return []
    moved = np.linalg.norm(np.diff(samples.hands, axis=0), axis=2)
    leapt = (moved > _LEAP * _stddev(samples.stamp_ns, config)[:, np.newaxis]).any(axis=1)
    leapt[begins[1:] - 1] = False
    rows = np.flatnonzero(leapt) + 1
    at_once: dict[int, list[int]] = {}
    for row in rows.tolist():
        at_once.setdefault(int(samples.stamp_ns[row]), []).append(row)
    pairs = [pair for together in at_once.values() for pair in combinations(together, 2)]
    found = np.array([pair for pair in pairs if _changes_places(samples.hands, *pair, config)], np.int64).reshape(-1, 2)
    people = np.searchsorted(begins, found, side="right") - 1
    return sorted({(int(one), int(other)) for one, other in people.tolist()})


def _changes_places(hands: Floats, one: int, other: int, config: PersonConfig) -> bool:
    """Whether in those samples of two people a hand of the one is where a hand of the other was before."""
    for now, before in ((one, other - 1), (other, one - 1)):
        apart = np.linalg.norm(hands[now][:, np.newaxis] - hands[before], axis=2)
        if (apart <= config.hand_reach).any():
            return True
    return False


def _stddev(stamps: Ints, config: PersonConfig) -> Floats:
    """How far a hand moves from one sample to the next [m]."""
    return np.hypot(config.hand_reach, config.hand_speed * np.diff(stamps) / 1e9)


def _orders(stamps: Ints, bodies: Floats, hands: Floats, config: PersonConfig) -> Ints:
    """(n,) most probable order of each sample: of the hands (n, 2, 2, 3) of two bodies (n, 2, 2) [m] at (n,) stamps."""
    count = len(stamps)
    seconds = np.diff(stamps) / 1e9
    points = hands.reshape(count, 2 * HANDS, 3)
    seen = ~np.isnan(points[..., 0])
    move = np.linalg.norm(points[1:, np.newaxis] - points[:-1, :, np.newaxis], axis=3)
    steady = -0.5 * (move / _stddev(stamps, config)[:, np.newaxis, np.newaxis]) ** 2
    steady = np.where(seen[:-1, :, np.newaxis] & seen[1:, np.newaxis], np.fmax(steady, _GLITCH), _COMES)
    steady[~seen[:-1, :, np.newaxis] & ~seen[1:, np.newaxis]] = 0.0

    reach = np.linalg.norm(points[:, np.newaxis, :, :2] - bodies[:, :, np.newaxis], axis=3)
    beyond = -0.5 * (np.maximum(np.nan_to_num(reach) - config.arm, 0.0) / config.arm_stddev) ** 2
    owner = np.repeat([0, 1], HANDS)
    fits = np.maximum(beyond, _GLITCH)[:, owner, _ORDERS].sum(axis=2)

    rate = config.mixed / (config.mixed_ms / 1000)
    begins = np.log(rate * seconds / (len(_ORDERS) - 1))
    stays = -seconds / (config.mixed_ms / 1000)
    ends = np.log(-np.expm1(stays))
    mixed = math.log(config.mixed / (len(_ORDERS) - 1))
    score = fits[0] + np.where(np.arange(len(_ORDERS)) > 0, mixed, 0.0)
    came = np.zeros((count, len(_ORDERS)), np.int64)
    for row in range(1, count):
        change = np.full((len(_ORDERS), len(_ORDERS)), begins[row - 1])
        change[1:, 0] = ends[row - 1]
        np.fill_diagonal(change, stays[row - 1])
        change[0, 0] = 0.0
        kept = steady[row - 1][_ORDERS[:, np.newaxis], _ORDERS[np.newaxis]].sum(axis=2)
        total = score[:, np.newaxis] + change + kept
        came[row] = total.argmax(axis=0)
        score = total.max(axis=0) + fits[row]
    orders = np.zeros(count, np.int64)
    orders[-1] = score.argmax()
    for row in range(count - 1, 0, -1):
        orders[row - 1] = came[row, orders[row]]
    return orders
