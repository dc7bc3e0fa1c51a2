"""Amounts of money: int minor units, rounded half up."""

from __future__ import annotations

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


def percent_of(minor: int, percent: Decimal) -> int:
    """So many percent of an amount."""
    return rounded(Fraction(minor) * Fraction(percent) / 100)


def tax_within(gross_minor: int, percent: Decimal) -> int:
    """The tax in an amount that includes it."""
    rate = Fraction(percent)
    return rounded(gross_minor * rate / (100 + rate))
