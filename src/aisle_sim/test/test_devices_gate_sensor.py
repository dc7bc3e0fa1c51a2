"""Lanes report what happens in them, in order, by their own clock."""

import itertools

import numpy as np
import pytest

from aisle_core.types import GateEvent, GateEventKind
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.devices.gate_sensor import GateSensor
from aisle_sim.devices.params import ClockParams, GateParams

from .devices_world import MS, SECOND, START_NS, FakeWorld, clock, corner, pieces

STORE = corner()
LANE = STORE.lanes[0]
WORLD = FakeWorld(STORE)
KINDS = (GateEventKind.CREDENTIAL, GateEventKind.UNLOCKED, GateEventKind.PASSAGE_IN, GateEventKind.LOCKED)


def events(count: int, seed: int) -> list[GateEvent]:
    gaps = np.random.default_rng(seed).integers(1, SECOND, count)
    stamps = START_NS + np.cumsum(gaps)
    return [
        GateEvent(int(stamp), sequence, LANE.lane_id, kind, "card" if kind == GateEventKind.CREDENTIAL else None)
        for sequence, (stamp, kind) in enumerate(zip(stamps, itertools.cycle(KINDS), strict=False))
    ]


def sensor(seed: int = 0, clocks: ClockParams | None = None) -> GateSensor:
    return GateSensor(STORE, LANE, GateParams(), clock(seed, clocks), np.random.default_rng(seed))


def run(happened: list[GateEvent], seed: int = 0, clocks: ClockParams | None = None) -> list[Arrival]:
    gate = sensor(seed, clocks)
    gate.add(happened)
    return gate.advance(happened[-1].stamp_ns, WORLD)


def test_every_event_is_reported_once_in_order_soon_after_it_happened() -> None:
    happened = events(400, 1)
    arrivals = run(happened)
    assert [(a.item.sequence, a.item.kind, a.item.credential) for a in arrivals] == [
        (event.sequence, event.kind, event.credential) for event in happened
    ]
    assert {arrival.name for arrival in arrivals} == {f"{LANE.zone}/{LANE.lane_id}/gate_events"}
    late_ms = np.array([a.arrival_ns - event.stamp_ns for a, event in zip(arrivals, happened, strict=True)]) / MS
    assert 0.3 <= late_ms.min() < late_ms.max() <= 40.001
    passages = np.array([event.kind == GateEventKind.PASSAGE_IN for event in happened])
    assert late_ms[passages].min() >= 10.3


def test_the_stamp_is_the_instant_by_the_lanes_clock() -> None:
    clocks = ClockParams(offset_ms=300.0)
    happened = events(20, 2)
    shifts = {a.item.stamp_ns - event.stamp_ns for a, event in zip(run(happened, 3, clocks), happened, strict=True)}
    assert max(shifts) - min(shifts) < 10_000
    assert abs(min(shifts)) > MS


def test_events_of_other_lanes_and_of_the_future_are_not_reported() -> None:
    gate = sensor()
    gate.add([GateEvent(START_NS + SECOND, 0, "elsewhere", GateEventKind.CREDENTIAL, "card"), *events(1, 3)])
    assert gate.advance(START_NS, WORLD) == []
    assert [arrival.item.lane_id for arrival in gate.advance(START_NS + 9 * SECOND, WORLD)] == [LANE.lane_id]


@pytest.mark.parametrize("seed", range(3))
def test_slices_do_not_matter(seed: int) -> None:
    happened = events(50, seed)
    gate, parts = sensor(seed), []
    begin_ns = START_NS
    for to_ns in pieces(np.random.default_rng(seed), happened[-1].stamp_ns, SECOND):
        gate.add(event for event in happened if begin_ns < event.stamp_ns <= to_ns)
        begin_ns = to_ns
        parts += gate.advance(to_ns, WORLD)
    assert parts == run(happened, seed)
