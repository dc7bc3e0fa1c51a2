"""A small store and short scenes for the tests of people, tracking and fusion."""

import dataclasses
import random
import typing
from pathlib import Path

import yaml

from aisle_core.fusion import Fusion, FusionConfig
from aisle_core.store import LATENCY_PROFILES, Facing, Fixture, Plate, Product, Shelf, Store
from aisle_core.types import (
    Hand,
    HandSide,
    ItemEvidence,
    ItemScore,
    PersonTrack,
    PersonTracks,
    PlateHealth,
    PlateState,
    PlateStates,
    ShelfEvent,
    ShelfEvents,
    StaffTrack,
    Tick,
    TrackState,
)

S = 1_000_000_000
MS = 1_000_000
NODES = Path(__file__).parents[3] / "config" / "nodes"


def shipped(cls, node, group):
    """The configuration that the project ships: a group of a node's parameters, with dots."""
    values = yaml.safe_load((NODES / f"{node}.yaml").read_text())[f"/**/{node}"]["ros__parameters"]
    for name in group.split("."):
        values = values[name]
    return _build(cls, values)


def _build(cls, values):
    hints = typing.get_type_hints(cls)
    return cls(**{k: _build(hints[k], v) if dataclasses.is_dataclass(hints[k]) else v for k, v in values.items()})


FUSION = shipped(FusionConfig, "cart_fusion_node", "fusion")

# shelf 0: plates p0 .. p7, 0.1 m wide; shelf 1: plates p8 .. p15 above it. The fixture looks towards -y.
FACINGS = {
    "water": ("p0",),
    "soda": ("p1",),
    "juice": ("p2",),
    "gum": ("p3",),
    "cereal": ("p4", "p5"),
    "herbs": ("p6",),
    "tea": ("p7",),
    "milk": ("p8",),
    "oil": ("p10",),
    "salt": ("p12",),
    "rice": ("p14",),
}
WEIGHTS = {
    "water": 0.62,
    "soda": 0.355,
    "juice": 1.04,
    "gum": 0.028,
    "cereal": 0.5,
    "herbs": None,
    "tea": 0.2,
    "milk": 1.0,
    "oil": 0.92,
    "salt": 0.355,
    "rice": 0.8,
}


def small_fixture():
    shelves = []
    for shelf, height in enumerate((0.9, 1.3)):
        plates = tuple(
            Plate(
                plate_id=f"p{8 * shelf + i}",
                fixture_id="g1",
                shelf=shelf,
                index=i,
                centre=(0.05 + 0.1 * i, 0.2, height),
                size=(0.1, 0.4, 0.3),
                yaw=0.0,
            )
            for i in range(8)
        )
        shelves.append(Shelf(index=shelf, plates=plates))
    return Fixture(fixture_id="g1", kind="gondola", pose=(0, 0, 0, 0), shelves=tuple(shelves))


def make_store(facings=FACINGS, weights=WEIGHTS, fixture=None):
    return Store(
        store_id="small",
        name="Small",
        currency="EUR",
        time_zone="UTC",
        site_hash="0",
        zones=("floor",),
        floor=((-2, -4), (4, -4), (4, 1), (-2, 1)),
        latency=LATENCY_PROFILES["default"],
        fixtures=(fixture or small_fixture(),),
        products={
            sku: Product(
                sku=sku,
                gtin=None,
                name=sku,
                price_minor=100,
                tax_class="standard",
                weight=weight,
                weight_stddev=None,
                size=None,
            )
            for sku, weight in weights.items()
        },
        facings=tuple(Facing(facing_id=f"f-{sku}", sku=sku, plate_ids=ids) for sku, ids in facings.items()),
        gateways=(),
        pose_sources=(),
        lanes=(),
    )


STORE = make_store()


def at(plate_id, store=STORE):
    """A place inside the space above a plate, near its front."""
    x, y, z = store.plates[plate_id].centre
    return (x, y - 0.15, z + 0.1)


def hand(position, side=HandSide.RIGHT, stddev=0.03):
    v = stddev**2
    return Hand(side, position, (v, 0.0, 0.0, 0.0, v, 0.0, 0.0, 0.0, v))


def person(track_id, head, *hands, state=TrackState.SEEN):
    floor, covariance = (*head, 0.0), (0.01, 0.0, 0.0, 0.01)
    return PersonTrack(track_id, None, state, floor, covariance, (*head, 1.7), hands, 1.0, 0)


def event(number, plate_id, at_s, mass, stddev=0.002, lasts_ms=40):
    """Shelf event number ``number``; it starts at ``at_s`` seconds."""
    start_ns = round(at_s * S)
    return ShelfEvent(f"s1/{number}", plate_id, start_ns, start_ns + lasts_ms * MS, mass, stddev, 3.0)


def report(event_id, at_s, **scores):
    items = tuple(ItemScore(sku, value) for sku, value in scores.items())
    return ItemEvidence(round(at_s * S), 0, "recogniser", event_id, items)


class Scene:
    """People who stand at a place unless they reach somewhere, and shelf events; run gives the decisions."""

    def __init__(self, store=STORE, config=FUSION, settle_s=0.5, rate=15, jitter=0.0):
        """jitter: standard deviation of every coordinate of a hand [m]."""
        self.store, self.config, self.settle_s, self.rate, self.jitter = store, config, settle_s, rate, jitter
        self.people, self.reaches, self.events, self.reports, self.staff, self.noise = {}, [], [], [], [], {}
        self.settled_s = []
        self.chance = random.Random(1)

    def stands(self, track_id, x, y=-0.5, to_s=1e6, hands=True, leaves=True):
        self.people[track_id] = (x, y, hands, leaves, to_s)
        return self

    def reaches_for(self, track_id, place, at_s, side=HandSide.RIGHT, for_s=0.4):
        """The hand is there from 0.2 s before; place: a plate or a point."""
        self.reaches.append((track_id, at(place, self.store) if isinstance(place, str) else place, at_s, side, for_s))
        return self

    def feels(self, plate_id, at_s, mass, settle_s=None, **details):
        self.settled_s.append(self.settle_s if settle_s is None else settle_s)
        self.events.append(event(len(self.events) + 1, plate_id, at_s, mass, **details))
        return self

    def moves(self, track_id, plate_id, at_s, mass, **details):
        """Somebody reaches for a plate and its mass changes."""
        return self.reaches_for(track_id, plate_id, at_s).feels(plate_id, at_s, mass, **details)

    def works_here(self, track_id, since_s=0.0):
        """The checkout tells it two seconds after they came in."""
        self.staff.append((round((since_s + 2.0) * S), StaffTrack(round(since_s * S), len(self.staff), track_id)))
        return self

    def is_noisy(self, plate_id, stddev):
        """A sample of the plate has this standard deviation [kg]."""
        self.noise[plate_id] = PlateState(plate_id, PlateHealth.OK, 3.0, stddev)
        return self

    def says(self, number, **scores):
        """A recogniser scores products for an event."""
        self.reports.append(report(f"s1/{number}", self.events[number - 1].end_ns / S + 0.1, **scores))
        return self

    def _tracks(self, index, t):
        tracks = []
        for track_id, (x, y, hands, leaves, to_s) in self.people.items():
            if t > to_s:
                if leaves and t <= to_s + 1 / self.rate:
                    tracks.append(person(track_id, (x, y), state=TrackState.ENDED))
                continue
            sway = 0.004 * (index % 5)
            places = {HandSide.LEFT: (x - 0.25, y + sway, 1.0), HandSide.RIGHT: (x + 0.25, y + sway, 1.0)}
            for who, place, at_s, side, for_s in self.reaches:
                if who == track_id and at_s - 0.2 <= t <= at_s - 0.2 + for_s:
                    places[side] = (place[0], place[1] + sway, place[2])
            if self.jitter:
                places = {s: tuple(self.chance.gauss(c, self.jitter) for c in place) for s, place in places.items()}
            seen = tuple(hand(place, side) for side, place in places.items()) if hands else ()
            tracks.append(person(track_id, (x, y + sway), *seen))
        return tuple(tracks)

    def items(self):
        """Everything in the order that the aligner gives."""
        ends_s = [e.end_ns / S + settle_s for e, settle_s in zip(self.events, self.settled_s, strict=True)]
        end_s = max(ends_s, default=0.0) + 2.5
        items = []
        for i in range(int(end_s * self.rate)):
            stamp = round(i / self.rate * S)
            items.append((stamp, 0, i, PersonTracks(stamp, i, self._tracks(i, i / self.rate))))
        if self.noise:
            items.append((0, 1, 0, PlateStates(0, 0, "s1", tuple(self.noise.values()))))
        by_stamp = {}
        for e, settle_s in zip(self.events, self.settled_s, strict=True):
            by_stamp.setdefault(e.end_ns + round(settle_s * S), []).append(e)
        for i, (stamp, events) in enumerate(sorted(by_stamp.items())):
            items.append((stamp, 1, i, ShelfEvents(stamp, i, "s1", tuple(events), None)))
        items += [(r.stamp_ns, 2, i, r) for i, r in enumerate(self.reports)]
        items += [(told_ns, 4, i, staff) for i, (told_ns, staff) in enumerate(self.staff)]
        items += [(i * S // 10, 3, i, Tick(i * S // 10, i)) for i in range(int(end_s * 10))]
        return [item for *_, item in sorted(items, key=lambda entry: entry[:3])]

    def batches(self):
        fusion = Fusion(self.config, self.store)
        items = self.items()
        out = [batch for item in items if (batch := fusion.step(item)) is not None]
        return [*out, fusion.finish(items[-1].stamp_ns + 1)]

    def run(self):
        return [event for batch in self.batches() for event in batch.events]


def told(events):
    return [(e.track_id, e.sku, e.quantity) for e in events]
