"""Counts that can be added up over runs, and rates of counts."""

from __future__ import annotations

import dataclasses
from typing import Self

from scipy.stats import binomtest


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """Base of dataclasses whose fields are all numbers of things."""

    def __add__(self, other: Self) -> Self:
        values = (getattr(self, field.name) + getattr(other, field.name) for field in dataclasses.fields(self))
        return type(self)(*values)


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """Precision and recall of ``right`` among ``said`` and ``true`` things."""

    right: int
    said: int
    true: int

    @property
    def precision(self) -> float:
        """Share of what was said that is right; 1 when nothing was said."""
        return self.right / self.said if self.said else 1.0

    @property
    def recall(self) -> float:
        """Share of what is true that was said; 1 when there was nothing."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / (self.said + self.true) if self.said + self.true else 1.0


def wilson(right: int, total: int) -> tuple[float, float] | None:
    """95 % interval of a rate after E. B. Wilson (J. Am. Stat. Assoc. 22, 1927); None without trials."""
    if total == 0:
        return None
    interval = binomtest(right, total).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)
