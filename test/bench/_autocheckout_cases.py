"""Cases in the format of the AutoCheckout competition, made from a seed: what its event scripts ask for.

The shop, its products and its plates are those of the recording BENCHMARK-1. One to three labelled people act out one
script: a pick, a put-back, a lean, a hand-over, with a pick before and after it. Nothing here comes from
``aisle_sim``: people, plates and noise are modelled anew, so that a fault of the simulator is none of these cases. A
case is written as a folder of the four files.

At the harder level hands are hidden and mixed up, more catalogue weights are wrong, and goods stand beside their
facing.
"""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from aisle_contract.truth import TruthCart, TruthEvent, TruthEventKind, TruthLine
from aisle_replay.truth import TruthHeader, TruthLog

Floats = NDArray[np.float64]
Document = dict[str, Any]
Plate = tuple[int, int, int]
"""Gondola, shelf, index."""

KINDS = {
    "pick": 8.0,
    "two picks": 6.0,
    "two at one grip": 0.5,
    "put back": 4.0,
    "put back elsewhere": 1.0,
    "reaching together": 5.0,
    "one plate, two people": 1.0,
    "two takes in a second": 1.0,
    "five quick picks": 0.5,
    "lean": 1.0,
    "touch": 1.0,
    "long hold": 1.0,
    "press, then take": 1.0,
    "looked at and returned": 1.0,
    "two lifted, one kept": 0.5,
    "stale weight": 1.0,
    "handed over": 1.0,
    "handed over, put back": 1.0,
    "identical weights": 1.0,
    "wrong planogram": 1.0,
}
"""Script -> how often it is drawn."""

START = datetime.datetime(2020, 4, 22, 5, 6, 36, tzinfo=datetime.UTC)
RATE_HZ, BLOCK = 60, 12
POSE_HZ = 15
POSE_LAG_S = 2.31
COUNT_G = 0.241
INCH = 0.0254
AISLE_Y, SHELF_Y = -1.1, -0.55
"""Where people walk, and where they stand to reach a shelf [m]."""
WALK = 1.2
LEAST_KG = 0.03
SPLIT = 0.05
"""Pieces that stand on two plates of their facing."""
BENDS = 0.5
"""People whose head follows a low hand; key points of the others stay upright, as simple models of people do."""

STALE_SHARE = {False: 0.02, True: 0.12}
STALE = (0.04, 0.12)
HIDDEN_EVERY_S, HIDDEN_S = 12.0, 1.2
MIXED_EVERY_S, MIXED_S, MIXED_M = 8.0, 0.5, 1.2
BESIDE = 0.05
"""Picks of the harder level from beside the facing."""


@dataclass(frozen=True, slots=True)
class Facing:
    """A row of the planogram on plates that are weighed; x, z: left end and top [m]."""

    sku: str
    plates: tuple[Plate, ...]
    x: float
    width: float
    z: float

    def middle(self, plate: Plate) -> float:
        """Where the plate is along the gondola."""
        each = self.width / len(self.plates)
        return self.x + (plate[2] - self.plates[0][2] + 0.5) * each


@dataclass(frozen=True, slots=True)
class Shop:
    """What the recording says of its shop. weight: kg by sku. shapes: shelves and plates by gondola."""

    planogram: tuple[Document, ...]
    products: tuple[Document, ...]
    facings: tuple[Facing, ...]
    weight: dict[str, float]
    shapes: dict[int, tuple[int, int]]

    def around(self, facing: Facing) -> list[Facing]:
        """Facings on the same shelf, nearest first."""
        others = [f for f in self.facings if f.plates[0][:2] == facing.plates[0][:2] and f is not facing]
        return sorted(others, key=lambda other: abs(other.x - facing.x))


def read_shop(recording: Path) -> Shop:
    """Planogram, products and arrays of a recording."""

    def documents(name: str) -> tuple[Document, ...]:
        return tuple(json.loads(line) for line in (recording / name).read_text().splitlines())

    weight: dict[str, float] = {}
    products = documents("products.json")
    for product in products:
        weight.setdefault(product["product_id"].get("id", ""), product["metadata"].get("weight", 0.0) / 1000)
    shapes: dict[int, tuple[int, int]] = {}
    for block in documents("plate_data.json"):
        data = block["document"]["plate_data"]
        shapes[data["plate_id"]["shelf_id"]["gondola_id"].get("id", 0)] = tuple(data["values"]["shape"][1:])
    planogram = documents("planogram.json")
    facings = []
    for row in planogram:
        plates = tuple(sorted(_plate(one) for one in row["plate_ids"]))
        sku, box = row.get("planogram_product_id", {}).get("id", ""), row["global_coordinates"]
        at = box["transform"]["translation"]
        inside = plates[0][0] in shapes and all(
            plate[1] < shapes[plate[0]][0] and plate[2] < shapes[plate[0]][1] for plate in plates
        )
        if inside and LEAST_KG <= weight.get(sku, 0.0) < 3.0:
            facings.append(Facing(sku, plates, at.get("x", 0.0), box["dim_x"], at["z"]))
    return Shop(planogram, products, tuple(facings), weight, shapes)


def _plate(document: Document) -> Plate:
    shelf = document["shelf_id"]
    return shelf["gondola_id"].get("id", 0), shelf.get("shelf_index", 0), document.get("plate_index", 0)


# --- what happens


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing in a hand; facing: where it was taken."""

    sku: str
    kg: float
    facing: Facing


@dataclass(frozen=True, slots=True)
class Reach:
    """A wrist that is at a point [m] from one instant to another [s]."""

    hand: int
    begin: float
    end: float
    point: tuple[float, float, float]


@dataclass(slots=True)
class Person:
    """ready: when the next deed can begin [s]. path: (s, x, y). owner: who pays for what is in the hands."""

    label: str
    ready: float
    height: float
    path: list[tuple[float, float, float]]
    reaches: list[Reach] = field(default_factory=list)
    has: list[tuple[Piece, Person]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """A case before noise. loads: (s, plate, kg). presses: (begin, end, plate, kg)."""

    seed: int
    kind: str
    harder: bool
    shop: Shop
    people: tuple[Person, ...]
    loads: tuple[tuple[float, Plate, float], ...]
    presses: tuple[tuple[float, float, Plate, float], ...]
    truth: TruthLog
    catalogue: dict[str, float]
    """Weights that differ from the recording's [kg]."""
    end: float


class _Author:
    def __init__(self, shop: Shop, seed: int, harder: bool) -> None:
        self._rng = np.random.default_rng([seed, 20, harder])
        self._shop, self._harder = shop, harder
        self._factor: dict[str, float] = {}
        self._catalogue: dict[str, float] = {}
        self._stands: dict[Plate, Facing] = {}
        self._people: list[Person] = []
        self._busy: list[tuple[float, float, float, Person]] = []
        self._loads: list[tuple[float, Plate, float]] = []
        self._presses: list[tuple[float, float, Plate, float]] = []
        self._events: list[TruthEvent] = []
        self._carts: list[TruthCart] = []
        self._bill: dict[str, Counter[str]] = {}

    def write(self, seed: int, kinds: dict[str, float]) -> Case:
        rng = self._rng
        share = np.array(list(kinds.values()))
        kind = list(kinds)[int(rng.choice(len(kinds), p=share / share.sum()))]
        needed = 2 if "together" in kind or "handed" in kind or "two people" in kind else 1
        for number in range(max(needed, int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2])))):
            enter = 1.0 + 2.0 * number + rng.uniform(0, 2)
            x = float(rng.choice([-0.8, 5.2]))
            label = str(rng.integers(10**18, 9 * 10**18))
            self._people.append(Person(label, enter, rng.uniform(1.6, 1.85), [(enter, x, AISLE_Y - 0.4)]))
            self._bill[label] = Counter()
        actors = list(self._people)
        for person in actors[1:]:
            if rng.random() < 0.7:
                self._pick(person, self._any())
        if rng.random() < 0.6:
            self._pick(actors[0], self._any())
        self._act(kind, actors[0], actors[-1])
        if rng.random() < 0.4:
            self._pick(actors[int(rng.integers(len(actors)))], self._any())
        for person in actors:
            self._walk(person, float(rng.choice([-0.8, 5.2])), AISLE_Y - 0.4)
        end = max(person.path[-1][0] for person in actors) + 2.0
        for person in actors:
            self._account(end, person, closed=True)
        header = TruthHeader("autocheckout", "", kind, seed)
        events = sorted(self._events, key=lambda event: event.stamp_ns)
        carts = sorted(self._carts, key=lambda cart: cart.stamp_ns)
        return Case(
            seed,
            kind,
            self._harder,
            self._shop,
            tuple(actors),
            tuple(self._loads),
            tuple(self._presses),
            TruthLog(header, (), tuple(events), tuple(carts)),
            self._catalogue,
            end,
        )

    def _act(self, kind: str, one: Person, other: Person) -> None:
        rng, facing = self._rng, self._any()
        match kind:
            case "pick":
                self._pick(one, facing)
            case "two picks":
                self._pick(one, facing)
                self._pick(one, facing if rng.random() < 0.5 else self._any())
            case "two at one grip":
                self._pick(one, facing, units=2)
            case "put back":
                self._pick(one, facing)
                if rng.random() < 0.5:
                    self._pick(one, self._any())
                self._put(one, one.has[-1][0].facing)
            case "put back elsewhere":
                self._pick(one, facing)
                if rng.random() < 0.5:
                    self._pick(one, self._any())
                self._put(one, self._any() if rng.random() < 0.3 else self._beside(facing))
            case "reaching together":
                self._pick_together(one, other, facing, self._beside(facing), rng.uniform(0.0, 1.0))
            case "one plate, two people":
                self._pick_together(one, other, facing, facing, rng.uniform(0.2, 1.0))
            case "two takes in a second":
                second = facing if rng.random() < 0.5 else self._beside(facing)
                self._quick(one, [facing, second], rng.uniform(0.3, 0.9))
            case "five quick picks":
                self._quick(one, [facing] * 5, rng.uniform(0.4, 0.8))
            case "lean":
                self._press(one, facing, rng.uniform(0.12, 0.23), rng.uniform(1.0, 5.0))
            case "touch":
                self._press(one, facing, rng.uniform(0.03, 0.12), rng.uniform(0.3, 1.5))
            case "long hold":
                self._hold(one, facing)
            case "press, then take":
                self._press(one, facing, rng.uniform(0.12, 0.23), rng.uniform(0.8, 3.0), takes=True)
            case "looked at and returned":
                self._lift(one, facing, 1, 0)
            case "two lifted, one kept":
                self._lift(one, facing, 2, 1)
            case "stale weight":
                self._factor[facing.sku] = 1 + float(rng.choice([-1, 1])) * rng.uniform(*STALE)
                self._pick(one, facing)
            case "handed over" | "handed over, put back":
                self._pick(one, facing)
                self._hand_over(one, other)
                if kind.endswith("put back"):
                    self._put(other, facing)
            case "identical weights":
                second = self._beside(facing)
                self._catalogue[second.sku] = self._shop.weight[facing.sku]
                self._pick(one, facing)
                if rng.random() < 0.6:
                    self._pick(one, second)
                self._put(one, second if rng.random() < 0.5 else facing)
                if rng.random() < 0.5:
                    self._pick(other, second)
            case "wrong planogram":
                for plate in facing.plates:
                    self._stands[plate] = self._any() if rng.random() < 0.5 else self._beside(facing)
                self._pick(one, facing)

    # --- deeds

    def _pick(self, person: Person, facing: Facing, units: int = 1) -> None:
        begin = self._come(person, facing, 3.0)
        self._take(person, facing, begin + 0.8, units)
        self._leave(person, begin + 2.0)

    def _pick_together(self, one: Person, other: Person, first: Facing, second: Facing, apart: float) -> None:
        middle = (first.x + first.width / 2 + second.x + second.width / 2) / 2
        side = 1.0 if second.x >= first.x else -1.0
        begin = max(
            self._come(one, first, 6.0, middle - 0.3 * side), self._come(other, second, 6.0, middle + 0.3 * side)
        )
        self._take(one, first, begin + 0.8)
        self._take(other, second, begin + 0.8 + apart)
        self._leave(one, begin + 2.0 + apart)
        self._leave(other, begin + 2.2 + apart)

    def _quick(self, person: Person, facings: list[Facing], apart: float) -> None:
        begin = self._come(person, facings[0], 3.0 + apart * len(facings))
        hand = int(self._rng.integers(2))
        for number, facing in enumerate(facings):
            same = facing is facings[0]
            self._take(person, facing, begin + 0.8 + number * apart, hand=hand if same else 1 - hand)
        self._leave(person, begin + 2.0 + apart * len(facings))

    def _put(self, person: Person, facing: Facing) -> None:
        """Put back what was last taken."""
        begin = self._come(person, facing, 3.0)
        at = begin + 0.8
        piece, owner = person.has.pop()
        plate = self._plate_of(facing)
        self._reach(person, facing, plate, at - 0.3, at + 0.15, int(self._rng.integers(2)))
        self._load(at, {plate: 1.0}, piece.kg)
        self._tell(at, TruthEventKind.PUT_BACK, person, (plate,), piece.sku, 1, piece.kg, owner)
        self._leave(person, begin + 2.0)

    def _press(self, person: Person, facing: Facing, kg: float, seconds: float, takes: bool = False) -> None:
        begin = self._come(person, facing, 3.0 + seconds)
        plate, hand = self._plate_of(facing), int(self._rng.integers(2))
        at = begin + 0.8
        self._presses.append((at, at + seconds, plate, kg))
        self._reach(person, facing, plate, at - 0.1, at + seconds + 0.1, hand)
        if takes:
            self._take(person, facing, at + seconds + self._rng.uniform(0.0, 0.3), hand=hand, plate=plate)
        else:
            self._tell(at, TruthEventKind.TOUCH, person, (plate,), "", 0, 0.0)
        self._leave(person, at + seconds + 1.5)

    def _hold(self, person: Person, facing: Facing) -> None:
        """Lifted, set on its edge and held there for long, then taken."""
        seconds = self._rng.uniform(2.0, 6.0)
        begin = self._come(person, facing, 3.0 + seconds)
        plate, at = self._plate_of(facing), begin + 0.8
        hand = int(self._rng.integers(2))
        piece = self._piece(facing, plate)
        self._load(at, {plate: 1.0}, -piece.kg)
        if self._rng.random() < 0.5:
            self._presses.append((at + 0.3, at + seconds - 0.1, plate, piece.kg * self._rng.uniform(0.1, 0.8)))
        self._reach(person, facing, plate, at - 0.3, at + seconds, hand)
        person.has.append((piece, person))
        self._tell(at, TruthEventKind.PICK, person, (plate,), piece.sku, 1, -piece.kg, person, at + seconds)
        self._leave(person, at + seconds + 1.0)

    def _lift(self, person: Person, facing: Facing, units: int, keep: int) -> None:
        seconds = self._rng.uniform(0.8, 5.0)
        begin = self._come(person, facing, 3.0 + seconds)
        plate, at = self._plate_of(facing), begin + 0.8
        hand = int(self._rng.integers(2))
        pieces = [self._piece(facing, plate) for _ in range(units)]
        self._load(at, {plate: 1.0}, -sum(piece.kg for piece in pieces))
        self._load(at + seconds, {plate: 1.0}, sum(piece.kg for piece in pieces[keep:]))
        self._reach(person, facing, plate, at - 0.3, at + seconds + 0.2, hand)
        sku = pieces[0].sku
        if keep:
            person.has += [(piece, person) for piece in pieces[:keep]]
            self._tell(at, TruthEventKind.PICK, person, (plate,), sku, keep, -pieces[0].kg, person, at + seconds)
        self._tell(at, TruthEventKind.LIFT, person, (plate,), sku, units - keep, 0.0, None, at + seconds)
        self._leave(person, at + seconds + 1.0)

    def _hand_over(self, one: Person, other: Person) -> None:
        where = self._any()
        begin = max(self._come(one, where, 6.0, where.x - 0.35), self._come(other, where, 6.0, where.x + 0.35))
        at = begin + 0.8
        point = (where.x, AISLE_Y + 0.2, 1.1)
        for person, hand in ((one, 0), (other, 1)):
            person.reaches.append(Reach(hand, at - 0.3, at + 0.3, point))
        other.has.append(one.has.pop())
        self._leave(one, at + 1.2)
        self._leave(other, at + 1.2)

    # --- parts of deeds

    def _take(
        self, person: Person, facing: Facing, at: float, units: int = 1, hand: int | None = None, plate: Any = None
    ) -> None:
        rng = self._rng
        plate = plate or self._plate_of(facing)
        shares = {plate: 1.0}
        nearby = [other for other in facing.plates if abs(other[2] - plate[2]) == 1]
        if nearby and rng.random() < SPLIT:
            part = rng.uniform(0.3, 0.7)
            shares = {plate: part, nearby[0]: 1 - part}
        elif self._harder and rng.random() < BESIDE:
            beside = self._beside(facing).plates
            shares = {min(beside, key=lambda other: abs(other[2] - plate[2])): 1.0}
        pieces = [self._piece(facing, plate) for _ in range(units)]
        plates = tuple(sorted(shares, key=lambda key: -shares[key]))
        kg = sum(piece.kg for piece in pieces)
        self._load(at, shares, -kg)
        self._reach(person, facing, plates[0], at - rng.uniform(0.15, 0.5), at + rng.uniform(0.05, 0.3), hand)
        person.has += [(piece, person) for piece in pieces]
        self._tell(at, TruthEventKind.PICK, person, plates, pieces[0].sku, units, -kg, person)

    def _piece(self, facing: Facing, plate: Plate) -> Piece:
        sku = self._stands.get(plate, facing).sku
        rng = self._rng
        if sku not in self._factor:
            stale = rng.random() < STALE_SHARE[self._harder]
            self._factor[sku] = 1 + (
                float(rng.choice([-1, 1])) * rng.uniform(*STALE) if stale else float(rng.normal(0, 0.008))
            )
        weight = self._catalogue.get(sku, self._shop.weight[sku])
        return Piece(sku, weight * self._factor[sku] * (1 + rng.normal(0, 0.004)), facing)

    def _reach(
        self, person: Person, facing: Facing, plate: Plate, begin: float, end: float, hand: int | None = None
    ) -> None:
        """The wrist stays before the goods: a hand's length nearer to the person."""
        rng = self._rng
        column = plate[2] - facing.plates[0][2] + 0.5
        x = facing.x + column * facing.width / len(facing.plates) + rng.uniform(-0.03, 0.03)
        slot = int(rng.integers(2)) if hand is None else hand
        person.reaches.append(
            Reach(slot, begin, end, (x, rng.uniform(-0.06, 0.15), facing.z + rng.uniform(0.06, 0.16)))
        )

    def _load(self, at: float, shares: dict[Plate, float], kg: float) -> None:
        self._loads += [(at, plate, kg * share) for plate, share in shares.items()]

    def _come(self, person: Person, facing: Facing, seconds: float, x: float | None = None) -> float:
        """Walk before the facing, when nobody else stands there; the time of arrival."""
        at = facing.x + facing.width / 2 + self._rng.uniform(-0.2, 0.2) if x is None else x
        ready = self._walk(person, at, AISLE_Y) + 0.4
        if x is None:
            while any(
                begin < ready + seconds and ready < end and abs(place - at) < 0.5 and who is not person
                for begin, end, place, who in self._busy
            ):
                ready += 0.5
        self._busy.append((ready, ready + seconds, at, person))
        person.path += [(ready - 0.4, at, AISLE_Y), (ready, at, SHELF_Y + self._rng.uniform(-0.08, 0.08))]
        person.ready = ready
        return ready

    def _leave(self, person: Person, at: float) -> None:
        _, x, y = person.path[-1]
        person.path += [(at, x, y), (at + 0.5, x, AISLE_Y)]
        person.ready = at + 0.5 + self._rng.uniform(0.0, 2.0)

    def _walk(self, person: Person, x: float, y: float) -> float:
        _, at_x, at_y = person.path[-1]
        begin = max(person.ready, person.path[-1][0])
        end = begin + math.dist((at_x, at_y), (x, y)) / WALK
        person.path += [(begin, at_x, at_y), (end, x, y)]
        person.ready = end
        return end

    def _tell(
        self,
        at: float,
        kind: TruthEventKind,
        person: Person,
        plates: tuple[Plate, ...],
        sku: str,
        units: int,
        kg: float,
        owner: Person | None = None,
        end: float | None = None,
    ) -> None:
        names = tuple(f"g{g}-s{s}-p{p}" for g, s, p in plates)
        stamps = _stamp_ns(at), _stamp_ns(at if end is None else end)
        self._events.append(TruthEvent(*stamps, len(self._events), kind, person.label, "", names, sku, units, kg))
        if owner is not None:
            self._bill[owner.label][sku] += units if kind is TruthEventKind.PICK else -units
            self._account(at, owner)

    def _account(self, at: float, person: Person, closed: bool = False) -> None:
        lines = tuple(TruthLine(sku, units) for sku, units in self._bill[person.label].items() if units)
        self._carts.append(TruthCart(_stamp_ns(at), len(self._carts), person.label, (person.label,), closed, lines))

    def _plate_of(self, facing: Facing) -> Plate:
        return facing.plates[int(self._rng.integers(len(facing.plates)))]

    def _any(self) -> Facing:
        return self._shop.facings[int(self._rng.integers(len(self._shop.facings)))]

    def _beside(self, facing: Facing) -> Facing:
        others = [other for other in self._shop.around(facing) if other.sku != facing.sku]
        return others[0] if others else next(f for f in self._shop.facings if f.sku != facing.sku)


def make_case(shop: Shop, seed: int, harder: bool, kinds: dict[str, float] = KINDS) -> Case:
    """What happens, the same for the same seed."""
    return _Author(shop, seed, harder).write(seed, kinds)


# --- what the sensors say


def write_case(case: Case, folder: Path) -> None:
    """Write the four files."""
    rng = np.random.default_rng([case.seed, 21, case.harder])
    folder.mkdir(parents=True)
    products = []
    for product in case.shop.products:
        kg = case.catalogue.get(product["product_id"].get("id", ""))
        changed = {} if kg is None else {"metadata": product["metadata"] | {"weight": round(1000 * kg, 2)}}
        products.append(product | changed)
    files: dict[str, Iterable[Document]] = {
        "planogram.json": case.shop.planogram,
        "products.json": products,
        "plate_data.json": _plate_data(case, rng),
        "full_targets.json": _targets(case, rng),
    }
    for name, documents in files.items():
        (folder / name).write_text("".join(json.dumps(document) + "\n" for document in documents))


def _stamp_ns(seconds: float) -> int:
    return round(START.timestamp() * 1e9) + round(seconds * 1e9)


def _instant(seconds: float) -> str:
    moment = START + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _spread(rng: np.random.Generator, least: float, median: float, p95: float, most: float, count: int) -> Floats:
    shape = math.log((p95 - least) / (median - least)) / 1.645
    return np.minimum(least + (median - least) * np.exp(shape * rng.standard_normal(count)), most)


def _plate_data(case: Case, rng: np.random.Generator) -> list[Document]:
    times = np.arange(0, math.ceil(case.end * RATE_HZ / BLOCK) * BLOCK) / RATE_HZ
    walking = _walking(case, times)
    blocks = []
    for gondola, shape in case.shop.shapes.items():
        listed = sorted(
            {
                (plate[1], plate[2])
                for row in case.shop.planogram
                for plate in map(_plate, row["plate_ids"])
                if plate[0] == gondola and plate[1] < shape[0] and plate[2] < shape[1]
            }
        )
        grams = _grams(case, gondola, listed, times, walking, rng)
        array = np.full((len(times), *shape), np.nan, np.float32)
        for column, (shelf, plate) in enumerate(listed):
            array[:, shelf, plate] = grams[:, column]
        for number, block in enumerate(array.reshape(-1, BLOCK, *shape)):
            origin = (number + 0.5) * BLOCK / RATE_HZ
            issue = origin + 0.094
            blocks.append(
                {
                    "date_time": {"$date": _instant(issue + rng.exponential(0.006))},
                    "document": {
                        "header": {"t_origin": _instant(origin), "t_issue": _instant(issue)},
                        "plate_data": {
                            "plate_id": {"shelf_id": {"gondola_id": {"id": gondola}}},
                            "freq_samp": float(RATE_HZ),
                            "values": {
                                "data": base64.b64encode(block.astype("<f4").tobytes()).decode(),
                                "shape": list(block.shape),
                                "type": "DATATYPE_FLOAT32",
                            },
                        },
                    },
                }
            )
    return blocks


def _grams(
    case: Case, gondola: int, listed: list[tuple[int, int]], times: Floats, walking: Floats, rng: np.random.Generator
) -> Floats:
    """(samples, plates): load and presses, what is felt beside, drift and noise, in counts."""
    count = len(listed)
    grams = np.tile(rng.uniform(800, 6000, count), (len(times), 1))
    column = {key: index for index, key in enumerate(listed)}
    for at, plate, kg in case.loads:
        if plate[0] != gondola:
            continue
        since = np.maximum(times - at, 0.0)
        moved = times >= at
        change = 1000 * kg
        swing = rng.uniform(0.0, 0.08) * np.exp(-since / 0.05) * np.cos(2 * np.pi * rng.uniform(9, 24) * since)
        grams[:, column[plate[1:]]] += change * moved * (1 - np.exp(-since / 0.01) * 0.9 + swing - 0.1 * (since < 0.01))
        for other, index in column.items():
            if other[0] != plate[1] or other[1] == plate[2]:
                continue
            ring = rng.uniform(0.0, 0.04) * np.exp(-since / 0.12) * np.cos(2 * np.pi * rng.uniform(7, 16) * since)
            stays = rng.uniform(-0.017, 0.017) if abs(other[1] - plate[2]) <= 2 else 0.0
            grams[:, index] += change * moved * (stays + ring)
    for begin, end, plate, kg in case.presses:
        if plate[0] != gondola:
            continue
        ramp = np.clip(np.minimum(times - begin, end - times) / 0.12, 0.0, 1.0)
        tremor = _slow(rng, len(times), 1, 0.08)[:, 0]
        grams[:, column[plate[1:]]] += 1000 * kg * ramp * (1 + 0.05 * tremor)
    noise = _spread(rng, 0.3, 1.24, 9.5, 22.3, count) * (0.6 + 0.6 * walking[:, np.newaxis])
    parts = 0.95 * rng.standard_normal((len(times), count)), 0.3 * _slow(rng, len(times), count, 0.15)
    grams += noise * (parts[0] + parts[1])
    grams += _spread(rng, 0.0, 2.0, 8.0, 12.0, count) * _slow(rng, len(times), count, 120.0)
    return np.round(grams / COUNT_G) * COUNT_G


def _slow(rng: np.random.Generator, samples: int, count: int, memory_s: float) -> Floats:
    """(samples, count) noise of standard deviation 1 with a memory."""
    keep = math.exp(-1 / (RATE_HZ * memory_s))
    white = rng.standard_normal((samples, count)) * math.sqrt(1 - keep**2)
    white[0] = rng.standard_normal(count)
    found: Floats = lfilter([1.0], [1.0, -keep], white, axis=0)
    return found


def _walking(case: Case, times: Floats) -> Floats:
    """Whether anybody walks, 0 or 1."""
    found = np.zeros(len(times))
    for person in case.people:
        for (begin, *one), (end, *other) in zip(person.path, person.path[1:], strict=False):
            if math.dist(one, other) > 0.2:
                found[(times >= begin) & (times <= end)] = 1.0
    return found


def _targets(case: Case, rng: np.random.Generator) -> list[Document]:
    times = np.arange(0.0, case.end, 1 / POSE_HZ)
    times += rng.normal(0, 0.004, len(times))
    bodies = [_Body(person, times, rng) for person in case.people]
    if case.harder:
        for body in bodies:
            body.hide(rng)
        for one in range(len(bodies)):
            for other in range(one + 1, len(bodies)):
                bodies[one].mix_up(bodies[other], rng)
    documents = []
    for row, at in enumerate(times.tolist()):
        present = [body.document(row, at) for body in bodies if body.begin <= at <= body.end]
        documents.append(
            {
                "date_time": {"$date": _instant(at + POSE_LAG_S + rng.uniform(-0.07, 0.1))},
                "document": {
                    "header": {"t_origin": _instant(at), "t_issue": _instant(at)},
                    "targets": {"targets": present} if present else {},
                },
            }
        )
    return documents


class _Body:
    """Key points of a person at some times, with the errors of a pose estimator."""

    def __init__(self, person: Person, times: Floats, rng: np.random.Generator) -> None:
        path = np.array(person.path)
        self.label, self.times = person.label, times
        self.begin, self.end = path[0, 0], path[-1, 0]
        count = len(times)
        self.floor = np.stack([np.interp(times, path[:, 0], path[:, axis]) for axis in (1, 2)], axis=1)
        self.floor += 0.015 * _slow_at(rng, count, 2, 1.0)
        self.wrists = np.empty((count, 2, 3))
        for hand, side in ((0, -1.0), (1, 1.0)):
            rest = np.column_stack(
                [self.floor[:, 0] + 0.2 * side, self.floor[:, 1] + 0.1, np.full(count, 0.53 * person.height)]
            )
            wrist = rest.copy()
            for reach in sorted(person.reaches, key=lambda reach: reach.begin):
                if reach.hand != hand:
                    continue
                ramp = np.clip(np.minimum(times - reach.begin, reach.end - times) / 0.5 + 1.0, 0.0, 1.0)
                ramp = (ramp * ramp * (3 - 2 * ramp))[:, np.newaxis]
                wrist = wrist * (1 - ramp) + np.array(reach.point) * ramp
            self.wrists[:, hand] = wrist + 0.02 * _slow_at(rng, count, 3, 0.3) + rng.normal(0, 0.006, (count, 3))
        self.seen = rng.random((count, 2)) >= 0.02
        shoulders = person.height - 0.3
        bends = np.maximum(shoulders - self.wrists[..., 2].min(axis=1) - 0.7, 0.0) if rng.random() < BENDS else 0.0
        self.height = np.full(count, person.height) - bends

    def hide(self, rng: np.random.Generator) -> None:
        """Hands that are out of sight for a while."""
        for hand in range(2):
            for at in np.arange(0.0, self.times[-1], 0.1):
                if rng.random() < 0.1 / HIDDEN_EVERY_S:
                    self.seen[(self.times >= at) & (self.times < at + rng.exponential(HIDDEN_S)), hand] = False

    def mix_up(self, other: _Body, rng: np.random.Generator) -> None:
        """The hands of two people who are near each other change places for a while."""
        near = np.hypot(*(self.floor - other.floor).T) < MIXED_M
        for at in np.arange(0.0, self.times[-1], 0.1):
            if rng.random() < 0.1 / MIXED_EVERY_S:
                rows = near & (self.times >= at) & (self.times < at + rng.exponential(MIXED_S))
                self.wrists[rows], other.wrists[rows] = other.wrists[rows].copy(), self.wrists[rows].copy()

    def document(self, row: int, at: float) -> Document:
        x, y = self.floor[row]
        points = {
            "head": (x, y + 0.05, self.height[row] - 0.05),
            "neck": (x, y, self.height[row] - 0.25),
            "l_shoulder": (x - 0.18, y, self.height[row] - 0.3),
            "r_shoulder": (x + 0.18, y, self.height[row] - 0.3),
        }
        wrists = {
            name: self.wrists[row, hand] for hand, name in enumerate(("l_wrist", "r_wrist")) if self.seen[row, hand]
        }
        for name, wrist in wrists.items():
            shoulder = points[name.replace("wrist", "shoulder")]
            points[name.replace("wrist", "elbow")] = tuple((np.array(shoulder) + wrist) / 2 - (0, 0, 0.1))
        named = {name: _keypoint(point) for name, point in (points | wrists).items()}
        captures = [at - 0.079 * step / 2 for step in range(3)]
        return {
            "target_id": {"id": self.label},
            "detection_metadata": [
                {"timestamp": _instant(capture), "frame_source": {"camera_id": {"id": 100 + number}}}
                for number, capture in enumerate(captures)
            ],
            "target_state": "TARGETSTATE_VALID_ENTRANCE",
            **named,
            "hands": [named[name] for name in wrists],
        }


def _slow_at(rng: np.random.Generator, samples: int, count: int, memory_s: float) -> Floats:
    """The same as ``_slow`` at the rate of the poses."""
    return _slow(rng, samples, count, memory_s * POSE_HZ / RATE_HZ)


def _keypoint(point: Any) -> Document:
    x, y, z = (float(length) / INCH for length in point)
    return {"point": {"x": x, "y": y, "z": z}, "score": 0.9}
