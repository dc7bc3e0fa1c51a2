"""Every piece of goods in the store: its mass and place, and how its weight rests on the plates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from aisle_core.store import Facing, Plate, Product, Store
from aisle_sim.physical import Piece, Place, Resting

_UNKNOWN_WEIGHT = 0.3
"""Of a product whose weight the catalogue does not know [kg]."""
_SPREAD = 0.005
"""Standard deviation over mean where the catalogue gives none."""
_DENSITY = 600.0
"""Of a packed product whose size the catalogue does not give [kg/m^3]."""
_SLENDERNESS = 1.5
"""Height over width of such a product."""
_GAP = 0.006
_JITTER = 0.002
_SLOPPINESS = 0.012
"""Standard deviation of where people put things back [m]."""
_LEAST_SHARE = 0.02
"""A plate that would bear less of a piece does not touch it."""
MOST_PIECES = 12
"""Of one facing on one plate: deep boards are filled from the front only."""
_MOST_LOAD = 12.0
"""Of a plate [kg]: scales of 15 kg keep room for their tare and for what is put back."""
_LEAST_FILL = 0.6

Shares = tuple[tuple[str, float], ...]
"""(plate, part of the weight), the greatest part first; they add up to 1."""


@dataclass(frozen=True, slots=True)
class Held:
    """A piece with the shopper of this number."""

    shopper: int
    place: Place


@dataclass(frozen=True, slots=True)
class Gone:
    """A piece that somebody carried out."""

    shopper: int


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a piece stands on a board: ``u`` along it, ``v`` into it, ``z`` of its bottom [m]."""

    u: float
    v: float
    z: float


@dataclass(frozen=True, slots=True)
class _Region:
    """The part of a board that a facing fills, and how many pieces it takes."""

    plates: tuple[Plate, ...]
    left: float
    front: float
    columns: int
    rows: int
    column_width: float
    row_depth: float

    def spots(self) -> list[_Spot]:
        """Row by row from the front."""
        z = self.plates[0].centre.z
        return [
            _Spot(self.left + (column + 0.5) * self.column_width, self.front + (row + 0.5) * self.row_depth, z)
            for row in range(self.rows)
            for column in range(self.columns)
        ]


def piece_size(product: Product) -> tuple[float, float, float]:
    """Width, depth and height [m]: the catalogue's, or those of an upright box of ordinary density."""
    if product.size is not None:
        return (product.size.width, product.size.depth, product.size.height)
    width = ((product.weight or _UNKNOWN_WEIGHT) / _DENSITY / _SLENDERNESS) ** (1 / 3)
    return (width, width, _SLENDERNESS * width)


def capacity(store: Store, plate_id: str, sku: str) -> int:
    """How many pieces of a product the planogram lets stand on a plate (those whose greater part is there)."""
    for facing in store.facings_of(plate_id):
        if facing.sku == sku:
            region = _region(store, facing)
            spots = region.spots()
            on = Counter(_main_plate(region.plates, spot.u) for spot in spots)
            return _most(store, sku, on[plate_id])
    return 0


def _most(store: Store, sku: str, spots: int) -> int:
    """How many pieces people put on so many spots of a plate: not more than its scale carries."""
    return min(spots, MOST_PIECES, int(_MOST_LOAD / (store.products[sku].weight or _UNKNOWN_WEIGHT)))


class Goods:
    """All pieces. Masses in kg, positions in map [m]; what changes plates returns (plate, change of mass)."""

    def __init__(
        self,
        store: Store,
        stock: Mapping[tuple[str, str], int],
        needed: Mapping[tuple[str, str], int],
        rng: np.random.Generator,
    ) -> None:
        """``stock``: exact number of pieces of a (plate, SKU); other facings are filled to 60 to 100 percent, and to
        what is ``needed`` there.
        """
        self._store = store
        self._rng = rng
        self._where: dict[int, _Spot | Held | Gone | Resting] = {}
        self._shares: dict[int, Shares] = {}
        self._boards: dict[tuple[str, int], dict[int, Piece]] = {
            (plate.fixture_id, plate.shelf): {} for plate in store.plates.values()
        }
        self._on: dict[str, dict[int, Piece]] = {plate_id: {} for plate_id in store.plates}
        self._held: dict[int, dict[int, Piece]] = {}
        self._floor: dict[int, Piece] = {}
        self.pieces: list[Piece] = []
        self.revision = 0
        self._resting: tuple[Resting, ...] | None = None
        self._seen: dict[int, tuple[_Spot, Resting]] = {}
        for facing in store.facings:
            self._fill(facing, stock, needed)
        for (plate_id, sku), count in stock.items():
            if all(facing.sku != sku for facing in store.facings_of(plate_id)):
                for _ in range(count):
                    self._lay(self._new(sku), plate_id, None)

    # --- questions

    @property
    def resting(self) -> tuple[Resting, ...]:
        """Everything on plates and on the floor, in the order of the pieces; what has not moved is the same object."""
        if self._resting is None:
            found = []
            for piece, place in zip(self.pieces, self._where.values(), strict=True):
                if isinstance(place, Resting):
                    found.append(place)
                elif isinstance(place, _Spot):
                    seen = self._seen.get(piece.piece_id)
                    if seen is None or seen[0] is not place:
                        seen = self._seen[piece.piece_id] = place, self._on_plate(piece, place)
                    found.append(seen[1])
            self._resting = tuple(found)
        return self._resting

    def on(self, plate_id: str, sku: str | None = None) -> list[Piece]:
        """Pieces whose greater part rests on the plate, the handiest first: on top, then in front."""

        def order(piece: Piece) -> tuple[float, float, int]:
            spot = self._where[piece.piece_id]
            assert isinstance(spot, _Spot)
            return (-spot.z, spot.v, piece.piece_id)

        return sorted((p for p in self._on[plate_id].values() if sku in (None, p.sku)), key=order)

    def held_by(self, shopper: int) -> list[Piece]:
        """What somebody carries, in the order of getting it."""
        return list(self._held.get(shopper, {}).values())

    def held(self) -> list[tuple[Piece, Held]]:
        """Everything that is carried by people in the store."""
        found = []
        for pieces in self._held.values():
            for piece in pieces.values():
                place = self._where[piece.piece_id]
                assert isinstance(place, Held)
                found.append((piece, place))
        return found

    def on_floor(self, sku: str | None = None) -> list[Piece]:
        """What lies on the floor, in the order of falling."""
        return [piece for piece in self._floor.values() if sku in (None, piece.sku)]

    def place(self, piece: Piece) -> Held | Gone | Resting:
        """Where the piece is."""
        where = self._where[piece.piece_id]
        return self._on_plate(piece, where) if isinstance(where, _Spot) else where

    def shares(self, piece: Piece) -> Shares:
        """The plates that bear the piece; empty away from plates."""
        return self._shares.get(piece.piece_id, ())

    def loads(self) -> dict[str, float]:
        """Mass of the goods on every plate [kg]."""
        found = dict.fromkeys(self._store.plates, 0.0)
        for number, shares in self._shares.items():
            for name, share in shares:
                found[name] += self.pieces[number].mass * share
        return found

    # --- deeds

    def take(self, piece: Piece, shopper: int, place: Place) -> list[tuple[str, float]]:
        """Into somebody's hand or bag, from wherever it is; the changes of the plates it left."""
        changes = [(plate_id, -share * piece.mass) for plate_id, share in self._shares.pop(piece.piece_id, ())]
        where = self._where[piece.piece_id]
        if isinstance(where, _Spot):
            plate = self._store.plates[changes[0][0]]
            del self._boards[plate.fixture_id, plate.shelf][piece.piece_id]
            del self._on[plate.plate_id][piece.piece_id]
            self._resting_changed()
        elif isinstance(where, Held):
            del self._held[where.shopper][piece.piece_id]
        else:
            del self._floor[piece.piece_id]
            self._resting_changed()
        self._where[piece.piece_id] = Held(shopper, place)
        self._held.setdefault(shopper, {})[piece.piece_id] = piece
        return changes

    def put(self, piece: Piece, plate_id: str, towards: str | None = None) -> list[tuple[str, float]]:
        """From a hand onto a plate; half over the border to the plate ``towards`` beside it, if given."""
        held = self._where[piece.piece_id]
        assert isinstance(held, Held)
        del self._held[held.shopper][piece.piece_id]
        return self._lay(piece, plate_id, towards)

    def put_spot(self, piece: Piece, plate_id: str) -> tuple[float, float, float]:
        """About where a hand goes that puts the piece on the plate: middle of its bottom in map [m]."""
        return self._point(self._store.plates[plate_id], self._free_spot(piece, self._store.plates[plate_id]))

    def drop(self, piece: Piece, position: tuple[float, float], yaw: float) -> None:
        """From a hand to the floor."""
        held = self._where[piece.piece_id]
        assert isinstance(held, Held)
        del self._held[held.shopper][piece.piece_id]
        self._where[piece.piece_id] = Resting(piece, "", (*position, 0.0), yaw)
        self._floor[piece.piece_id] = piece
        self._resting_changed()

    def bring(self, sku: str, shopper: int) -> Piece:
        """A new piece in the bag of somebody who brings it into the store."""
        piece = self._new(sku)
        self._where[piece.piece_id] = Held(shopper, Place.BAG)
        self._held.setdefault(shopper, {})[piece.piece_id] = piece
        return piece

    def carry_out(self, shopper: int) -> list[Piece]:
        """All that somebody carries leaves the store."""
        pieces = list(self._held.pop(shopper, {}).values())
        for piece in pieces:
            self._where[piece.piece_id] = Gone(shopper)
        return pieces

    # --- layout

    def _fill(
        self, facing: Facing, stock: Mapping[tuple[str, str], int], needed: Mapping[tuple[str, str], int]
    ) -> None:
        """Fill the front rows; a plate without a given stock gets a random part of what it takes."""
        region = _region(self._store, facing)
        by_plate: dict[str, list[_Spot]] = {plate.plate_id: [] for plate in region.plates}
        for spot in region.spots():
            by_plate[_main_plate(region.plates, spot.u)].append(spot)
        for plate_id, spots in by_plate.items():
            most = _most(self._store, facing.sku, len(spots))
            there = (plate_id, facing.sku)
            drawn = int(np.ceil(most * self._rng.uniform(_LEAST_FILL, 1.0)))
            wanted = stock.get(there, max(drawn, min(needed.get(there, 0), most)))
            for spot in spots[:wanted]:
                shift = self._rng.normal(0.0, _JITTER, 2)
                self._set(self._new(facing.sku), self._store.plates[plate_id], spot, shift)
            for _ in range(wanted - len(spots)):
                self._lay(self._new(facing.sku), plate_id, None)

    def _new(self, sku: str) -> Piece:
        product = self._store.products[sku]
        mean = product.weight or _UNKNOWN_WEIGHT
        mass = max(self._rng.normal(mean, product.weight_stddev or _SPREAD * mean), 0.2 * mean)
        piece = Piece(len(self.pieces), sku, float(mass), piece_size(product))
        self.pieces.append(piece)
        self._where[piece.piece_id] = Gone(-1)
        return piece

    def _lay(self, piece: Piece, plate_id: str, towards: str | None) -> list[tuple[str, float]]:
        plate = self._store.plates[plate_id]
        spot = self._free_spot(piece, plate)
        shift = self._rng.normal(0.0, _SLOPPINESS, 2)
        if towards is not None:
            u, _ = _along(plate)
            aim = _along(self._store.plates[towards])[0]
            spot = _Spot(u + np.sign(aim - u) * (plate.size.width / 2 - 0.1 * piece.size[0]), spot.v, spot.z)
            shift[0] = 0.0
        self._set(piece, plate, spot, shift)
        return [(name, share * piece.mass) for name, share in self._shares[piece.piece_id]]

    def _set(self, piece: Piece, plate: Plate, spot: _Spot, shift: np.ndarray) -> None:
        u, v = _along(plate)
        reach_u = max(plate.size.width / 2 - 0.02, 0.0)
        reach_v = max(plate.size.depth / 2 - piece.size[1] / 2, 0.0)
        spot = _Spot(
            float(np.clip(spot.u + shift[0], u - reach_u, u + reach_u)),
            float(np.clip(spot.v + shift[1], v - reach_v, v + reach_v)),
            spot.z,
        )
        board = self._boards[plate.fixture_id, plate.shelf]
        self._where[piece.piece_id] = spot
        shares = self._bearing(piece, plate, spot)
        self._shares[piece.piece_id] = shares
        board[piece.piece_id] = piece
        self._on[shares[0][0]][piece.piece_id] = piece
        self._resting_changed()

    def _bearing(self, piece: Piece, plate: Plate, spot: _Spot) -> Shares:
        """Each plate bears the part of the weight that its part of the piece's width has."""
        left, right = spot.u - piece.size[0] / 2, spot.u + piece.size[0] / 2
        parts = []
        for other in self._neighbourhood(plate):
            middle = _along(other)[0]
            width = min(right, middle + other.size.width / 2) - max(left, middle - other.size.width / 2)
            parts.append((width / piece.size[0], other.plate_id))
        parts = [part for part in parts if part[0] > _LEAST_SHARE]
        total = sum(share for share, _ in parts)
        return tuple((plate_id, share / total) for share, plate_id in sorted(parts, key=lambda p: (-p[0], p[1])))

    def _neighbourhood(self, plate: Plate) -> Iterable[Plate]:
        for fixture in self._store.fixtures:
            if fixture.fixture_id == plate.fixture_id:
                return next(shelf.plates for shelf in fixture.shelves if shelf.index == plate.shelf)
        raise KeyError(plate.fixture_id)

    def _free_spot(self, piece: Piece, plate: Plate) -> _Spot:
        """The front-most free place on the plate, the one nearest to its middle; else on top of what is in front."""
        u, v = _along(plate)
        width, depth, _ = piece.size
        there = [
            (spot, other)
            for number, other in self._boards[plate.fixture_id, plate.shelf].items()
            if isinstance(spot := self._where[number], _Spot) and abs(spot.u - u) < (plate.size.width + 0.6) / 2
        ]
        front = v - plate.size.depth / 2 + depth / 2
        steps = max(int((plate.size.depth - depth) / 0.04), 0) + 1
        reach = max((plate.size.width - width) / 2, 0.0)
        for row in range(steps):
            for sideways in sorted(np.linspace(-reach, reach, 9), key=lambda s: (abs(s), s)):
                here = _Spot(u + float(sideways), front + 0.04 * row, plate.centre.z)
                if not any(
                    abs(spot.u - here.u) < (other.size[0] + width) / 2
                    and abs(spot.v - here.v) < (other.size[1] + depth) / 2
                    for spot, other in there
                ):
                    return here
        below = self.on(plate.plate_id)
        if not below:
            return _Spot(u, front, plate.centre.z)
        top = self._where[below[0].piece_id]
        assert isinstance(top, _Spot)
        return _Spot(top.u, top.v, top.z + below[0].size[2])

    def _on_plate(self, piece: Piece, spot: _Spot) -> Resting:
        plate = self._store.plates[self._shares[piece.piece_id][0][0]]
        return Resting(piece, plate.plate_id, self._point(plate, spot), plate.yaw)

    @staticmethod
    def _point(plate: Plate, spot: _Spot) -> tuple[float, float, float]:
        cos, sin = np.cos(plate.yaw), np.sin(plate.yaw)
        return (float(spot.u * cos - spot.v * sin), float(spot.u * sin + spot.v * cos), spot.z)

    def _resting_changed(self) -> None:
        self.revision += 1
        self._resting = None


def _along(plate: Plate) -> tuple[float, float]:
    """Middle of the plate along its board and into it [m]."""
    cos, sin = np.cos(plate.yaw), np.sin(plate.yaw)
    x, y, _ = plate.centre
    return float(x * cos + y * sin), float(y * cos - x * sin)


def _region(store: Store, facing: Facing) -> _Region:
    """Facings that share a plate stand side by side on it."""
    plates = sorted((store.plates[plate_id] for plate_id in facing.plate_ids), key=lambda plate: _along(plate)[0])
    first, last = plates[0], plates[-1]
    lefts = [_along(plate)[0] - plate.size.width / 2 for plate in (first, last)]
    sharing = store.facings_of(first.plate_id)
    left = lefts[0] + first.size.width * sharing.index(facing) / len(sharing)
    sharing = store.facings_of(last.plate_id)
    right = lefts[1] + last.size.width * (sharing.index(facing) + 1) / len(sharing)
    depth = min(plate.size.depth for plate in plates)
    width, length, _ = piece_size(store.products[facing.sku])
    columns = max(int((right - left) / (width + _GAP)), 1)
    rows = max(int(depth / (length + _GAP)), 1)
    rows = min(rows, max(-(-MOST_PIECES * len(plates) // columns), 1))
    return _Region(
        tuple(plates),
        left,
        _along(first)[1] - first.size.depth / 2,
        columns,
        rows,
        (right - left) / columns,
        min(max(length + _GAP, depth / rows), length + 2 * _GAP) if rows > 1 else length + _GAP,
    )


def _main_plate(plates: tuple[Plate, ...], u: float) -> str:
    return min(plates, key=lambda plate: (abs(_along(plate)[0] - u) - plate.size.width / 2, plate.plate_id)).plate_id
