"""A small recording of a store with three shoppers, made from a seed: what its sensors send, and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aisle_contract.interfaces import (
    BODY_KEYPOINTS,
    END_OF_STREAM,
    GATE_EVENTS,
    SCALE_LAYOUT,
    SCALE_READINGS,
    TICK,
    Topic,
)
from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_core.types import Bodies, GateEvent, ScaleLayout, ScaleReadings, Tick
from aisle_replay.bag import BagWriter
from aisle_sim import sensors
from aisle_sim.motion import Visit, walk
from aisle_sim.script import write_script
from aisle_sim.sensors import Arrival, Change, Staged

_FIRST_VISIT_S = 1.5
_AFTER_S = 2.5
_APART = 0.75
"""No two shoppers come nearer to each other [m]."""
_TOPICS: dict[type[Any], Topic] = {
    Tick: TICK,
    ScaleLayout: SCALE_LAYOUT,
    ScaleReadings: SCALE_READINGS,
    Bodies: BODY_KEYPOINTS,
    GateEvent: GATE_EVENTS,
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened; ``receipts`` is credential -> {SKU: units}."""

    receipts: dict[str, dict[str, int]]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """What arrives, in order of arrival, and the truth behind it."""

    items: tuple[Arrival, ...]
    truth: Truth


def recording(store: Store, seed: int) -> Recording:
    """The same store and seed give the same recording.

    Raises AisleError for a store that lacks what the script needs: lanes in and out, a pose source, enough plates with
    priced products of known weight, and one scale gateway per fixture, of the same name.
    """
    _check(store)
    script_rng, motion_rng, goods_rng, scale_rng, pose_rng, gate_rng = np.random.default_rng(seed).spawn(6)
    shoppers = write_script(store, script_rng)
    staged = _stage([walk(store, shopper, motion_rng) for shopper in shoppers], motion_rng)
    end_s = max(one.start_s + one.visit.duration for one in staged) + _AFTER_S
    changes, stock = _goods(store, staged, goods_rng)

    arrivals = sensors.ticks(end_s)
    for gateway in store.gateways:
        arrivals += sensors.scale_arrivals(store, gateway, stock, changes, staged, end_s, scale_rng)
    for source in store.pose_sources:
        arrivals += sensors.pose_arrivals(store, source, staged, end_s, pose_rng)
    arrivals += sensors.gate_arrivals(store, staged, gate_rng)
    arrivals.sort(key=lambda arrival: arrival.arrival_ns)
    receipts = {shopper.credential: shopper.receipt() for shopper in shoppers}
    return Recording(tuple(arrivals), Truth(receipts, tuple(changes)))


def write_bag(recording: Recording, store: Store, site: Path, path: Path) -> None:
    """Write the sensors' messages at their times of arrival; ``site`` is the folder that ``store`` was loaded from.

    Raises AisleError when the bag exists or cannot be written.
    """
    with BagWriter(path, site) as bag:
        for arrival in recording.items:
            bag.append(arrival.arrival_ns, f"/{store.store_id}/{_relative(arrival)}", arrival.item)
        bag.append_end(recording.items[-1].arrival_ns, f"/{store.store_id}/{END_OF_STREAM.name}", "aisle_sim")


def _relative(arrival: Arrival) -> str:
    topic = _TOPICS[type(arrival.item)]
    return topic.of(*arrival.device) if arrival.device else topic.name


def _check(store: Store) -> None:
    directions = {lane.direction for lane in store.lanes}
    if not (directions & {"in", "both"} and directions & {"out", "both"}):
        raise AisleError(f"store {store.store_id}: no lane in or no lane out; add both to gates.yaml")
    if not store.pose_sources:
        raise AisleError(f"store {store.store_id}: no pose source; add one to sensors.yaml")
    unread = {fixture.fixture_id for fixture in store.fixtures} - {gateway.device_id for gateway in store.gateways}
    if unread:
        raise AisleError(f"store {store.store_id}: no scale gateway {min(unread)}; name one so in sensors.yaml")


def _stage(visits: list[Visit], rng: np.random.Generator) -> list[Staged]:
    """Let them in one after the other, each as early as nobody comes too near to anybody."""
    staged: list[Staged] = []
    start = _FIRST_VISIT_S
    for visit in visits:
        while any(_nearest(Staged(visit, start), other) < _APART for other in staged):
            start += 0.5
        staged.append(Staged(visit, start))
        start += rng.uniform(6.0, 8.0)
    return staged


def _nearest(one: Staged, other: Staged) -> float:
    """Least distance of two visitors while both are there [m]."""
    begin = max(one.start_s, other.start_s)
    end = min(one.start_s + one.visit.duration, other.start_s + other.visit.duration)
    if end <= begin:
        return float("inf")
    time = np.arange(begin, end, 1.0 / 30.0)
    apart = one.visit.at(time - one.start_s) - other.visit.at(time - other.start_s)
    return float(np.linalg.norm(apart, axis=1).min())


def _goods(store: Store, staged: list[Staged], rng: np.random.Generator) -> tuple[list[Change], dict[str, float]]:
    """What changes when, in order of time, and the mass of the goods on every plate at the start [kg].

    Every piece has a mass of its own; what is put back weighs what was taken.
    """
    stock = {plate_id: 0.0 for plate_id in store.plates}
    for plate_id in store.plates:
        for facing in store.facings_of(plate_id)[:1]:
            stock[plate_id] = _pieces(store, facing.sku, int(rng.integers(6, 13)), rng)
    changes: list[Change] = []
    for one in staged:
        held: dict[str, float] = {}
        for reach in one.visit.reaches:
            deed = reach.deed
            if deed.quantity == 0:
                continue
            if deed.quantity > 0:
                held[deed.sku] = _pieces(store, deed.sku, deed.quantity, rng)
            mass = held[deed.sku] if deed.quantity < 0 else -held[deed.sku]
            stamp_ns = sensors.nanoseconds(one.start_s + reach.change_s)
            changes.append(Change(stamp_ns, one.visit.shopper.credential, deed.plate_id, deed.sku, deed.quantity, mass))
    return sorted(changes, key=lambda change: change.stamp_ns), stock


def _pieces(store: Store, sku: str, count: int, rng: np.random.Generator) -> float:
    product = store.products[sku]
    return float(rng.normal(product.weight or 0.0, product.weight_stddev or 0.0, count).sum())
