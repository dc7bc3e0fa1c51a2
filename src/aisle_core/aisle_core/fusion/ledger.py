"""What is where: the carts, the things on plates where they do not belong, and the hands that press on plates.

All values are immutable, so that every line of thought of the fusion can have its own ledger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Lot:
    """Units of one product, with the mass of one as the plates measured it [kg].

    plate_id, since_ns: the plate where units were last taken or put, and when.
    """

    quantity: int
    unit_mass: float
    unit_stddev: float
    plate_id: str = ""
    since_ns: int = 0

    def __add__(self, other: Lot) -> Lot:
        """Both together, ``other`` the later; the deviation covers the difference between the two."""
        quantity = self.quantity + other.quantity
        share = other.quantity / quantity
        between = (self.unit_mass - other.unit_mass) ** 2 * share * (1 - share)
        within = self.unit_stddev**2 * (1 - share) + other.unit_stddev**2 * share
        unit_mass = self.unit_mass * (1 - share) + other.unit_mass * share
        return Lot(quantity, unit_mass, math.sqrt(within + between), other.plate_id, other.since_ns)


Stock = Mapping[str, Lot]
"""By sku; "" is a thing that is not in the catalogue."""

_Key = TypeVar("_Key", int, str)
Contents = tuple[tuple[int | str, str, int], ...]
Whereabouts = tuple[Contents, Contents, tuple[tuple[str, int], ...]]
"""Units by cart and by plate, and who presses on plates."""


@dataclass(frozen=True, slots=True)
class Press:
    """A hand of ``track_id`` presses on a plate with ``mass`` [kg]."""

    track_id: int
    mass: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """carts: by track. foreign: by plate, what lies there and has no facing there. No stock is ever negative.

    presses: by plate.
    """

    carts: Mapping[int, Stock] = field(default_factory=dict)
    foreign: Mapping[str, Stock] = field(default_factory=dict)
    presses: Mapping[str, Press] = field(default_factory=dict)

    def into_cart(self, track_id: int, sku: str, lot: Lot) -> Ledger:
        """Units taken off a shelf."""
        return replace(self, carts=_put(self.carts, track_id, sku, lot))

    def out_of_cart(self, track_id: int, sku: str, quantity: int) -> Ledger:
        """Units put on a shelf. Raises ValueError for more than the cart holds."""
        return replace(self, carts=_take(self.carts, track_id, sku, quantity))

    def onto_plate(self, plate_id: str, sku: str, lot: Lot) -> Ledger:
        """Units put where they do not belong."""
        return replace(self, foreign=_put(self.foreign, plate_id, sku, lot))

    def off_plate(self, plate_id: str, sku: str, quantity: int) -> Ledger:
        """Such units taken again. Raises ValueError for more than lie there."""
        return replace(self, foreign=_take(self.foreign, plate_id, sku, quantity))

    def pressed(self, plate_id: str, press: Press) -> Ledger:
        """A hand presses on the plate like this from now on; with no mass: it has let go."""
        rest = {key: other for key, other in self.presses.items() if key != plate_id}
        return replace(self, presses=rest | {plate_id: press} if press.mass else rest)

    def without_cart(self, track_id: int) -> Ledger:
        """The person left."""
        return replace(self, carts={key: stock for key, stock in self.carts.items() if key != track_id})

    def contents(self) -> Whereabouts:
        """What is where, in order and without masses."""
        presses = tuple(sorted((plate_id, press.track_id) for plate_id, press in self.presses.items()))
        return _contents(self.carts), _contents(self.foreign), presses


def _contents(stocks: Mapping[_Key, Stock]) -> Contents:
    return tuple(sorted((key, sku, lot.quantity) for key, stock in stocks.items() for sku, lot in stock.items()))


def _put(stocks: Mapping[_Key, Stock], key: _Key, sku: str, lot: Lot) -> dict[_Key, Stock]:
    stock = stocks.get(key, {})
    return {**stocks, key: {**stock, sku: stock[sku] + lot if sku in stock else lot}}


def _take(stocks: Mapping[_Key, Stock], key: _Key, sku: str, quantity: int) -> dict[_Key, Stock]:
    lot = stocks[key].get(sku) if key in stocks else None
    if lot is None or lot.quantity < quantity:
        raise ValueError(f"{quantity} units of '{sku}' are not in stock {key!r}: {lot}")
    rest = {name: other for name, other in stocks[key].items() if name != sku}
    if lot.quantity > quantity:
        rest[sku] = replace(lot, quantity=lot.quantity - quantity)
    return {**{other: stock for other, stock in stocks.items() if other != key}, **({key: rest} if rest else {})}
