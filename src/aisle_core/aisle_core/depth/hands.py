"""Hands: the parts of people that reach into shelves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import require
from ..types import Hand, HandSide
from .floor import Floor, Indices
from .shelves import Shelves
from .view import Floats, View


@dataclass(frozen=True, slots=True)
class HandsConfig:
    """Tuning of ``Hands``; lengths in metres.

    depth: from the visible skin to the middle of a hand.
    before: a part less than this before a shelf's front reaches for it.
    pixels: least number of readings of a hand.
    stddev: of a visible hand, per axis.
    bent: a head less than this before a shelf's front is one of who bends towards it and hides the hand with the body.
    below: of who bends, what reaches into the shelf is an arm if it is so far below the top of the head.
    hidden_height: height of a hidden hand: a constant, per height of the head's top, per way of the head inward.
    hidden_inward: how far behind the front it is.
    hidden_stddev: its deviations along the front, inward and up.
    """

    depth: float
    before: float
    pixels: int
    stddev: float
    bent: float
    below: float
    hidden_height: tuple[float, float, float]
    hidden_inward: float
    hidden_stddev: tuple[float, float, float]

    def __post_init__(self) -> None:
        require(self, ("depth", "before", "bent", "below"), 0)
        require(self, ("pixels",), 1)
        require(self, ("stddev",), 0, above=True)
        if min(self.hidden_stddev) <= 0:
            raise ValueError(f"hidden_stddev is {self.hidden_stddev}; give three numbers above 0")


class Hands:
    """Finds hands among the readings of one image."""

    def __init__(self, config: HandsConfig, shelves: Shelves, view: View, floor: Floor, head_radius: float) -> None:
        self._config, self._shelves, self._view, self._floor = config, shelves, view, floor
        self._beside = 2 * head_radius

    def find(self, heads: Floats, of: Indices, cell: Indices, points: Floats, shoulders: float) -> list[list[Hand]]:
        """Of each head (k, 4) the hands.

        ``of``, ``cell`` (n,): head and cell of the readings' ``points`` (n, 3) of map [m]. Below the top of a head by
        ``shoulders`` [m] no reading is one of the head.
        """
        found: list[list[Hand]] = [[] for _ in heads]
        front, ahead = self._shelf_ahead(heads)
        below = np.where(front >= 0, self._config.below, shoulders)
        self._reaching(found, heads, of, cell, points, below, front >= 0)
        for row in np.flatnonzero(front >= 0):
            if not found[row]:
                found[row].append(self._hidden(heads[row], int(front[row]), ahead[row]))
        return found

    def _shelf_ahead(self, heads: Floats) -> tuple[Indices, NDArray[np.float64]]:
        """Of each head the shelf (k,) that it bends towards, else -1, and the head's way (k, 2) along it and inward."""
        shelves, bent = self._shelves, self._config.bent
        front, ahead = np.full(len(heads), -1, np.intp), np.zeros((len(heads), 2))
        for row in range(len(shelves.length)):
            along, inward = shelves.local(heads[:, :2], np.full(len(heads), row))
            here = (along > 0) & (along < shelves.length[row]) & (inward > -bent) & (inward < shelves.depth[row] / 2)
            front[here] = row
            ahead[here] = np.stack([along, inward], axis=-1)[here]
        return front, ahead

    def _reaching(
        self, found: list[list[Hand]], heads: Floats, of: Indices, cell: Indices, points: Floats,
        below: NDArray[np.float64], bends: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        """Add the parts that reach farthest into shelves, at most two of each head."""
        config, shelves = self._config, self._shelves
        shelf = self._floor.shelf[cell]
        part = np.flatnonzero((of >= 0) & (shelf >= 0))
        points, owner, shelf = points[part], of[part], shelf[part]
        off = points[:, :2] - heads[owner, :2]
        along, inward = shelves.local(points[:, :2], shelf)
        beside = (off**2).sum(axis=-1) > self._beside**2
        beside &= ~bends[owner]
        arm = (inward > -config.before) & (beside | (points[:, 2] < heads[owner, 2] - below[owner]))
        for _ in range(2):
            rows = np.flatnonzero(arm)
            if not len(rows):
                return
            order = rows[np.lexsort((inward[rows], owner[rows]))]
            last = np.append(owner[order[1:]] != owner[order[:-1]], True)
            tip = np.full(len(heads), -1, np.intp)
            tip[owner[order[last]]] = order[last]
            mine = rows[tip[owner[rows]] >= 0]
            of_tip = tip[owner[mine]]
            at_tip = ((points[mine] - points[of_tip]) ** 2).sum(axis=-1) < config.depth**2 * 9
            group = mine[at_tip]
            number = np.bincount(owner[group], minlength=len(heads))
            sums = [np.bincount(owner[group], points[group, axis], len(heads)) for axis in range(3)]
            middle = np.stack(sums, axis=-1) / np.maximum(number, 1)[:, None]
            ray = middle - self._view.eye
            middle += config.depth * ray / np.linalg.norm(ray, axis=-1, keepdims=True)
            variance = config.stddev**2
            for person in np.flatnonzero(number >= config.pixels):
                position = tuple(middle[person].tolist())
                covariance = (variance, 0.0, 0.0, 0.0, variance, 0.0, 0.0, 0.0, variance)
                found[person].append(Hand(HandSide.UNKNOWN, position, covariance))
            other = np.abs(along[mine] - along[of_tip]) > self._beside
            arm = np.zeros(len(arm), np.bool_)
            arm[mine[other]] = True

    def _hidden(self, head: Floats, shelf: int, ahead: NDArray[np.float64]) -> Hand:
        """The hand of a body that bends towards a shelf: the lower and the farther ahead the head, the lower."""
        config, shelves = self._config, self._shelves
        axes = np.stack([shelves.along[shelf], shelves.inward[shelf]], axis=-1)
        place = shelves.origin[shelf] + axes @ np.array([ahead[0], config.hidden_inward])
        constant, per_top, per_inward = config.hidden_height
        up = constant + per_top * float(head[2]) + per_inward * float(ahead[1])
        variance = np.square(config.hidden_stddev)
        covariance = np.zeros((3, 3))
        covariance[:2, :2], covariance[2, 2] = axes * variance[:2] @ axes.T, variance[2]
        position = (float(place[0]), float(place[1]), up)
        return Hand(HandSide.UNKNOWN, position, tuple(covariance.ravel().tolist()))
