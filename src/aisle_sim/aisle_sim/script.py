"""Who comes and what they do: the script of a small recording, drawn from a seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from aisle_core.errors import AisleError
from aisle_core.store import Facing, Store


@dataclass(frozen=True, slots=True)
class Deed:
    """One reach to a plate: ``quantity`` units are taken (positive) or put there (negative); 0: somebody leans."""

    plate_id: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shopper:
    """One visitor; ``credential`` is the fingerprint that the gate's reader gives."""

    credential: str
    deeds: tuple[Deed, ...]

    def receipt(self) -> dict[str, int]:
        """SKU -> units that leave the store."""
        units: Counter[str] = Counter()
        for deed in self.deeds:
            units[deed.sku] += deed.quantity
        return {sku: quantity for sku, quantity in sorted(units.items()) if quantity}


def write_script(store: Store, rng: np.random.Generator) -> tuple[Shopper, ...]:
    """Three shoppers who take, look and put back; every deed has a plate of its own, so that the truth is plain.

    The first takes one unit, leans on a shelf, takes two of a kind and one more. The second puts one thing back where
    it was and takes another. The third puts one thing back on a wrong plate, takes another, and one without a price.
    """
    known = [facing for facing in store.facings if store.products[facing.sku].weight is not None]
    priced = [facing for facing in known if store.products[facing.sku].price_minor is not None]
    unpriced = [facing for facing in known if store.products[facing.sku].price_minor is None]
    plates = _plates(priced, rng)
    if len(plates) < 8:
        raise AisleError(f"store {store.store_id}: {len(plates)} plates with a known price and weight; 8 are needed")

    def take(quantity: int = 1) -> Deed:
        return Deed(*plates.pop(), quantity)

    one, two, three = take(), take(2), take()
    looked, kept = take(), take()
    strayed, wrong, other = take(), take(), take()
    third = [strayed, Deed(wrong.plate_id, strayed.sku, -1), other]
    third += [Deed(plate_id, sku, 1) for plate_id, sku in _plates(unpriced, rng)[:1]]
    return (
        _shopper(0, [one, Deed(_neighbour(store, two.plate_id), two.sku, 0), two, three]),
        _shopper(1, [looked, Deed(looked.plate_id, looked.sku, -1), kept]),
        _shopper(2, third),
    )


def _shopper(number: int, deeds: list[Deed]) -> Shopper:
    return Shopper(hashlib.sha256(f"synthetic credential {number}".encode()).hexdigest()[:32], tuple(deeds))


def _plates(facings: list[Facing], rng: np.random.Generator) -> list[tuple[str, str]]:
    """(plate, SKU) in random order."""
    pairs = [(plate_id, facing.sku) for facing in facings for plate_id in facing.plate_ids]
    return [pairs[index] for index in rng.permutation(len(pairs))]


def _neighbour(store: Store, plate_id: str) -> str:
    """A plate beside this one; itself if it is alone on its board."""
    plate = store.plates[plate_id]
    beside = [
        other.plate_id
        for other in store.plates.values()
        if (other.fixture_id, other.shelf) == (plate.fixture_id, plate.shelf) and abs(other.index - plate.index) == 1
    ]
    return beside[0] if beside else plate_id
