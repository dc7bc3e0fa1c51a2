"""Distributions of a number of pieces."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TAIL = 1e-9
"""Less probable ends of a distribution are cut off."""
_CONTRADICTION = 1e-6
"""What is less probable than this does not happen: then the distribution itself was wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class Count:
    """How probable each number of pieces is: ``least``, ``least`` + 1 ...; shares: (n,), the sum is 1."""

    least: int
    shares: Floats

    @classmethod
    def exactly(cls, pieces: int) -> Count:
        """Known for sure."""
        return cls(pieces, np.ones(1))

    @classmethod
    def anything(cls, most: int) -> Count:
        """Not known at all: up to ``most`` pieces, each number as probable."""
        return cls(0, np.full(most + 1, 1 / (most + 1)))

    @classmethod
    def about(cls, pieces: float, stddev: float) -> Count:
        """A normal distribution of whole numbers, 0 and more; with ``stddev`` 0 the number itself."""
        if not stddev:
            return cls.exactly(round(pieces))
        numbers = np.arange(max(int(pieces - 6 * stddev), 0), int(pieces + 6 * stddev) + 2)
        return _made(int(numbers[0]), np.exp(-0.5 * ((numbers - pieces) / stddev) ** 2))

    @property
    def numbers(self) -> Floats:
        """(n,) the numbers that ``shares`` are of."""
        return self.least + np.arange(len(self.shares), dtype=float)

    @property
    def mean(self) -> float:
        """Expected number."""
        return float(self.shares @ self.numbers)

    @property
    def stddev(self) -> float:
        """Standard deviation."""
        return math.sqrt(max(float(self.shares @ (self.numbers - self.mean) ** 2), 0.0))

    def at_most(self, pieces: int) -> float:
        """Probability of so many or fewer."""
        return float(self.shares[: max(pieces - self.least + 1, 0)].sum())

    def plus(self, changes: Mapping[int, float]) -> Count | None:
        """After one of these changes, each with its probability; None if they all leave less than nothing.

        What is less than nothing cannot be, so that a piece taken says that there was one.
        """
        first, last = min(changes), max(changes)
        shares = np.zeros(len(self.shares) + last - first)
        for change, probability in changes.items():
            shares[change - first : change - first + len(self.shares)] += probability * self.shares
        below = max(-(self.least + first), 0)
        if shares[below:].sum() < _CONTRADICTION:
            return None
        return _made(self.least + first + below, shares[below:])

    def given(self, likelihood: Callable[[Floats], Floats]) -> Count:
        """By Bayes' rule; ``likelihood``: of (n,) numbers, (n,)."""
        shares = self.shares * likelihood(self.numbers)
        return _made(self.least, shares) if shares.sum() > 0 else self


def _made(least: int, shares: Floats) -> Count:
    shares = shares / shares.sum()
    kept = np.flatnonzero(shares > _TAIL)
    shares = shares[kept[0] : kept[-1] + 1]
    return Count(least + int(kept[0]), shares / shares.sum())
