"""Hands: the parts of people that reach into shelves."""

from __future__ import annotations

import math
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
        axes = np.stack([shelves.along, shelves.inward], axis=-1)
        across = axes * np.square(config.hidden_stddev[:2]) @ axes.transpose(0, 2, 1)
        up = config.hidden_stddev[2] ** 2
        self._hidden_covariance = [(*a, 0.0, *b, 0.0, 0.0, 0.0, up) for a, b in across.tolist()]

    def find(self, heads: Floats, of: Indices, cell: Indices, points: Floats, shoulders: float) -> list[list[Hand]]:
        """Of each head (k, 4) the hands.

        ``of`` (n,), ``cell`` (2, n): head and cell of the readings' ``points`` (3, n) of map [m]. Below the top of a
        head by ``shoulders`` [m] no reading is one of the head.
        """
        found: list[list[Hand]] = [[] for _ in heads]
        front, ahead = self._shelves.ahead(heads[:, :2], self._config.bent)
        bends = front >= 0
        self._reaching(found, heads, of, cell, points, np.where(bends, self._config.below, shoulders), bends)
        for row in np.flatnonzero(bends):
            if not found[row]:
                found[row].append(self._hidden(heads[row], int(front[row]), ahead[row]))
        return found

    def _reaching(
        self, found: list[list[Hand]], heads: Floats, of: Indices, cell: Indices, points: Floats,
        below: NDArray[np.float64], bends: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        """Add the parts that reach farthest into shelves, at most two of each head."""
        config, shelves = self._config, self._shelves
        shelf = self._floor.shelf[cell[0], cell[1]]
        off = points - heads[of, :3].T
        beside = (off[0] ** 2 + off[1] ** 2 > self._beside**2) & ~bends[of]
        part = np.flatnonzero((beside | (off[2] < -below[of])) & (of >= 0) & (shelf >= 0))
        if not len(part):
            return
        along, inward = shelves.local(points[:2, part].T, shelf[part])
        reaches = inward > -config.before
        part, along, inward = part[reaches], along[reaches], inward[reaches]
        points, owner = points[:, part], of[part]
        variance = config.stddev**2
        covariance = (variance, 0.0, 0.0, 0.0, variance, 0.0, 0.0, 0.0, variance)
        for person in np.unique(owner):
            arm = np.flatnonzero(owner == person)
            for _ in range(2):
                if not len(arm):
                    break
                tip = arm[inward[arm].argmax()]
                hand = points[:, arm]
                hand = hand[:, ((hand - points[:, [tip]]) ** 2).sum(axis=0) < config.depth**2 * 9]
                if hand.shape[1] >= config.pixels:
                    middle = hand.mean(axis=1, dtype=np.float64)
                    ray = middle - self._view.eye
                    middle += config.depth / math.sqrt(ray @ ray) * ray
                    x, y, z = middle.tolist()
                    found[person].append(Hand(HandSide.UNKNOWN, (x, y, z), covariance))
                arm = arm[np.abs(along[arm] - along[tip]) > self._beside]

    def _hidden(self, head: Floats, shelf: int, ahead: NDArray[np.float64]) -> Hand:
        """The hand of a body that bends towards a shelf: the lower and the farther ahead the head, the lower."""
        config, shelves = self._config, self._shelves
        place = shelves.origin[shelf] + ahead[0] * shelves.along[shelf] + config.hidden_inward * shelves.inward[shelf]
        constant, per_top, per_inward = config.hidden_height
        up = constant + per_top * float(head[2]) + per_inward * float(ahead[1])
        return Hand(HandSide.UNKNOWN, (float(place[0]), float(place[1]), up), self._hidden_covariance[shelf])
