"""The store as the fusion looks at it: plates as boxes, products as arrays."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..store import Store
from .config import PlaceConfig, WeightConfig

Floats = NDArray[np.float64]


_FITS = 3.0
_OVER_GOODS = 0.1
"""Hands grip goods from above, too: of 1,808 simulated takes 38 hands were higher above them [m]."""


class Offset(NamedTuple):
    """Where points (...) are by the space of the goods on a plate, and of hands over them [m].

    aside: along the shelf from the plate's middle. beyond: in front, behind, above or below that space. half: half the
    plate's width.
    """

    aside: Floats
    beyond: Floats
    half: Floats

    @property
    def distance(self) -> Floats:
        """From the space above the plate; 0 inside."""
        found: Floats = np.hypot(np.maximum(self.aside - self.half, 0.0), self.beyond)
        return found


class ShelfMap:
    """Plates N, products P, in the order of the store's files.

    skus: (P,) names. unit_mass, unit_stddev: (P,) [kg], NaN where the catalogue gives no weight.
    """

    def __init__(self, store: Store, weight: WeightConfig, place: PlaceConfig) -> None:
        self._place = place
        self.skus = tuple(store.products)
        self._product_index = {sku: index for index, sku in enumerate(self.skus)}
        products = store.products.values()
        self.unit_mass: Floats = np.array([np.nan if p.weight is None else p.weight for p in products], dtype=float)
        stddev = np.array([np.nan if p.weight_stddev is None else p.weight_stddev for p in products], dtype=float)
        stddev = np.where(np.isnan(stddev), weight.deviation * self.unit_mass, stddev)
        self.unit_stddev: Floats = np.maximum(stddev, weight.least_stddev)

        plates = list(store.plates.values())
        self._plate_index = {plate.plate_id: index for index, plate in enumerate(plates)}
        self._centre: Floats = np.array([plate.centre for plate in plates]).reshape(-1, 3)
        self._size: Floats = np.array([plate.size[:2] for plate in plates]).reshape(-1, 2)
        self._height: Floats = np.array([store.goods_height(plate.plate_id, _OVER_GOODS) for plate in plates])
        yaw = np.array([plate.yaw for plate in plates])
        self._along: Floats = np.stack([np.cos(yaw), np.sin(yaw)], axis=1)

        self._facings = {
            plate.plate_id: {facing.facing_id: facing.sku for facing in store.facings_of(plate.plate_id)}
            for plate in plates
        }
        self._beside = store.plates_beside
        self._listed = tuple(dict.fromkeys(sku for facings in self._facings.values() for sku in facings.values()))
        self._shares: dict[str, Floats] = {}

    def __contains__(self, plate_id: str) -> bool:
        return plate_id in self._plate_index

    @cached_property
    def has_weight(self) -> NDArray[np.bool_]:
        """(P,) whether the catalogue knows the mass."""
        known: NDArray[np.bool_] = ~np.isnan(self.unit_mass)
        return known

    def knows_weight(self, sku: str) -> bool:
        """Whether the catalogue knows the product and its mass."""
        index = self._product_index.get(sku)
        return index is not None and bool(self.has_weight[index])

    def mass_of(self, sku: str) -> tuple[float, float] | None:
        """Mass of one piece and its standard deviation [kg]; None where the catalogue does not know."""
        if not self.knows_weight(sku):
            return None
        index = self._product_index[sku]
        return float(self.unit_mass[index]), float(self.unit_stddev[index])

    def weighs(self, sku: str, mass: float, stddev: float) -> bool:
        """Whether a piece may have been measured so: within three standard deviations, or its weight is not known."""
        known = self.mass_of(sku)
        return known is None or abs(mass - known[0]) <= _FITS * math.hypot(stddev, known[1])

    def is_open(self, mass: float, stddev: float, most_units: int) -> bool:
        """Whether some units of several products weigh a mass difference: within three standard deviations."""
        units = np.arange(1, most_units + 1)[:, None]
        spread = np.sqrt(stddev**2 + (units * self.unit_stddev) ** 2)
        fits = np.abs(units * self.unit_mass - abs(mass)) <= _FITS * spread
        return int(fits.any(axis=0).sum()) > 1

    def belongs(self, sku: str, plate_id: str) -> bool:
        """Whether the product has a facing on the plate."""
        return sku in self._facings[plate_id].values()

    def share_facing(self, one: str, other: str) -> bool:
        """Whether a facing lies on both plates."""
        return not self._facings[one].keys().isdisjoint(self._facings[other])

    def are_adjacent(self, one: str, other: str) -> bool:
        """Whether one item can weigh on both plates."""
        return other in self._beside(one) or self.share_facing(one, other)

    def apart(self, one: str, other: str) -> float:
        """Distance between the middles of two plates [m]."""
        between = self._centre[self._plate_index[one]] - self._centre[self._plate_index[other]]
        return math.sqrt(between.dot(between))

    def with_beside(self, plate_ids: tuple[str, ...]) -> tuple[str, ...]:
        """These plates and those beside them on their shelves."""
        return (*plate_ids, *(other for plate_id in plate_ids for other in self._beside(plate_id)))

    def product_shares(self, plate_id: str) -> Floats:
        """(P,) prior probability of each product in a take from the plate, by the planogram alone; the sum is 1."""
        known = self._shares.get(plate_id)
        if known is None:
            known = self._shares[plate_id] = self._product_shares(plate_id)
        return known

    def _product_shares(self, plate_id: str) -> Floats:
        own = tuple(self._facings[plate_id].values())
        beside = tuple(sku for other in self._beside(plate_id) for sku in self._facings[other].values())
        place = self._place
        shares = np.full(len(self.skus), place.unlisted / max(len(self.skus), 1))
        rest = 1 - place.neighbour - place.misplaced - place.unlisted
        for names, share in ((self._listed, place.misplaced), (beside, place.neighbour), (own, rest)):
            for sku in names:
                shares[self._product_index[sku]] += share / len(names)
        total = shares.sum()
        return shares / total if total else shares

    def distance(self, points: Floats, plate_ids: tuple[str, ...]) -> Floats:
        """(...) distance of points (..., 3) in map to the nearest of the spaces of goods on plates [m]; 0 inside."""
        return self.offset(points, plate_ids).distance

    def offset(self, points: Floats, plate_ids: tuple[str, ...]) -> Offset:
        """Where points (..., 3) in map are by the nearest of the spaces of goods on plates."""
        aside, depth, half, deep = self._in_plates(points, plate_ids)
        height = self._height[self._indices(plate_ids)]
        above = points[..., None, 2] - self._centre[self._indices(plate_ids), 2]
        beyond = np.hypot(np.maximum(depth - deep, 0.0), np.maximum(np.maximum(-above, above - height), 0.0))
        every = Offset(aside, beyond, np.broadcast_to(half, aside.shape))
        nearest = np.argmin(every.distance, axis=-1)[..., None]
        return Offset(*(np.take_along_axis(values, nearest, axis=-1)[..., 0] for values in every))

    def floor_distance(self, points: Floats, plate_ids: tuple[str, ...]) -> Floats:
        """(...) horizontal distance of points (..., 2) in map to the nearest of the plates [m]; 0 above it."""
        aside, depth, half, deep = self._in_plates(points, plate_ids)
        distance: Floats = np.hypot(np.maximum(aside - half, 0.0), np.maximum(depth - deep, 0.0)).min(axis=-1)
        return distance

    def _indices(self, plate_ids: tuple[str, ...]) -> list[int]:
        return [self._plate_index[plate_id] for plate_id in plate_ids]

    def _in_plates(self, points: Floats, plate_ids: tuple[str, ...]) -> tuple[Floats, Floats, Floats, Floats]:
        """(..., plates) of points from the middles of plates, along the shelf and across; half their sizes."""
        index = self._indices(plate_ids)
        size, along = self._size[index], self._along[index]
        offset = points[..., None, :2] - self._centre[index, :2]
        x, y = offset[..., 0], offset[..., 1]
        aside = np.abs(x * along[:, 0] + y * along[:, 1])
        depth = np.abs(y * along[:, 0] - x * along[:, 1])
        return aside, depth, size[:, 0] / 2, size[:, 1] / 2
