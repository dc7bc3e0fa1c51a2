"""Amounts of money: int minor units, rounded half up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of an ISO 4217 currency."""

    minor: int
    currency: str


def rounded(amount: Fraction) -> int:
    """The nearest whole number of minor units; a half goes away from zero."""
    size = (2 * abs(amount.numerator) + amount.denominator) // (2 * amount.denominator)
    return size if amount >= 0 else -size


def shares(minor: int, weights: Sequence[int]) -> list[int]:
    """An amount in parts by their weights, to the last minor unit; equal parts where nothing has a weight."""
    if not any(weights):
        weights = [1] * len(weights)
    sums = [rounded(Fraction(minor * part, sum(weights))) for part in itertools.accumulate(weights, initial=0)]
    return [after - before for before, after in itertools.pairwise(sums)]


def percent_of(minor: int, percent: Decimal) -> int:
    """So many percent of an amount."""
    return rounded(Fraction(minor) * Fraction(percent) / 100)


def tax_within(gross_minor: int, percent: Decimal) -> int:
    """The tax in an amount that includes it."""
    rate = Fraction(percent)
    return rounded(gross_minor * rate / (100 + rate))
