"""The synthetic recording: the same every time, true to its own truth, and physically possible."""

import itertools
import pickle
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from aisle_core.errors import AisleError
from aisle_core.store import Store, load_store
from aisle_core.types import Bodies, BodyPart, GateEvent, GateEventKind, ScaleLayout, ScaleReadings, Tick
from aisle_sim.motion import inside, walk
from aisle_sim.script import write_script
from aisle_sim.sensors import START_NS
from aisle_sim.synthetic import Recording, recording

SITE = Path(__file__).resolve().parents[3] / "config" / "stores" / "demo"
SEEDS = range(5)
EDGE = 90
"""Samples at either end that are averaged: 1.5 s."""
DRIFT_AND_CROSSTALK = 0.02
"""What a plate may move besides the goods [kg]; crosstalk comes on top where a neighbour changes."""


@pytest.fixture(scope="module")
def store() -> Store:
    return load_store(SITE)


@pytest.fixture(scope="module", params=SEEDS)
def made(request: pytest.FixtureRequest, store: Store) -> Recording:
    return recording(store, request.param)


def of(made: Recording, kind: type) -> list:
    return [arrival.item for arrival in made.items if isinstance(arrival.item, kind)]


def test_the_same_seed_gives_the_same_bytes(store: Store) -> None:
    assert pickle.dumps(recording(store, 3)) == pickle.dumps(recording(store, 3))


def test_another_seed_gives_another_recording(store: Store) -> None:
    assert pickle.dumps(recording(store, 3)) != pickle.dumps(recording(store, 4))


def test_items_are_in_order_of_arrival_and_arrive_after_they_happen(made: Recording) -> None:
    arrivals = [arrival.arrival_ns for arrival in made.items]
    assert arrivals == sorted(arrivals)
    assert all(arrival.arrival_ns >= arrival.item.stamp_ns for arrival in made.items)


def test_every_stream_counts_without_gaps_and_its_stamps_grow(made: Recording) -> None:
    streams = defaultdict(list)
    for arrival in made.items:
        if not isinstance(arrival.item, ScaleLayout):
            streams[arrival.device].append(arrival.item)
    for items in streams.values():
        assert [item.sequence for item in items] == list(range(len(items)))
        assert all(a.stamp_ns < b.stamp_ns for a, b in itertools.pairwise(items))


def test_it_holds_what_a_store_sends(made: Recording, store: Store) -> None:
    seconds = (made.items[-1].arrival_ns - START_NS) / 1e9
    assert 30 < seconds < 60
    assert len(of(made, Tick)) == pytest.approx(10 * seconds, rel=0.05)
    assert len(of(made, Bodies)) == pytest.approx(15 * seconds, rel=0.05)
    assert sum(r.mass.shape[0] for r in of(made, ScaleReadings)) == pytest.approx(
        60 * seconds * len(store.gateways), rel=0.05
    )
    assert sorted(plate for layout in of(made, ScaleLayout) for plate in layout.plate_ids) == sorted(store.plates)
    kinds = Counter(event.kind for event in of(made, GateEvent))
    assert kinds == {GateEventKind.CREDENTIAL: 3, GateEventKind.PASSAGE_IN: 3, GateEventKind.PASSAGE_OUT: 3}
    assert {body.label for bodies in of(made, Bodies) for body in bodies.bodies} == {"1", "2", "3"}


def test_receipts_are_the_sum_of_the_changes(made: Recording) -> None:
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for change in made.truth.changes:
        totals[change.credential][change.sku] += change.quantity
    assert {who: {sku: n for sku, n in units.items() if n} for who, units in totals.items()} == made.truth.receipts


def test_what_leaves_a_plate_is_what_was_taken_from_it(made: Recording, store: Store) -> None:
    expected: Counter[str] = Counter()
    for change in made.truth.changes:
        expected[change.plate_id] += change.mass
        weight = store.products[change.sku].weight
        assert weight is not None
        assert -change.mass == pytest.approx(change.quantity * weight, rel=0.05, abs=0.005)
    crosstalk = 2 * 0.02 * max(abs(change.mass) for change in made.truth.changes)
    for layout in of(made, ScaleLayout):
        mass = np.concatenate([r.mass for r in of(made, ScaleReadings) if r.gateway_id == layout.gateway_id])
        change = mass[-EDGE:].mean(axis=0) - mass[:EDGE].mean(axis=0)
        beside = {
            plate.plate_id
            for plate in store.plates.values()
            for one in expected
            if (plate.fixture_id, plate.shelf) == (store.plates[one].fixture_id, store.plates[one].shelf)
        }
        for plate_id, measured in zip(layout.plate_ids, change, strict=True):
            allowed = DRIFT_AND_CROSSTALK + crosstalk * (plate_id in beside)
            assert measured == pytest.approx(expected[plate_id], abs=allowed), plate_id


def test_noise_is_as_measured_in_the_real_recording(store: Store) -> None:
    quiet = []
    for seed in range(10):
        readings = of(recording(store, seed), ScaleReadings)
        quiet.append(np.concatenate([r.mass for r in readings if r.gateway_id == "g1"])[:60].std(axis=0))
    noise = np.concatenate(quiet)
    assert np.median(noise) == pytest.approx(1.24e-3, rel=0.3)
    assert np.percentile(noise, 95) == pytest.approx(9.5e-3, rel=0.4)
    counts = readings[0].mass.astype(float) / 0.241e-3
    assert np.abs(counts - np.round(counts)).max() < 0.01


def test_a_hand_is_at_the_plate_when_its_load_changes(store: Store) -> None:
    rng = np.random.default_rng(0)
    for shopper in write_script(store, rng):
        visit = walk(store, shopper, rng)
        assert [reach.deed for reach in visit.reaches] == list(shopper.deeds)
        for reach in visit.reaches:
            side = "left_hand" if reach.side < 0 else "right_hand"
            at = visit.body(np.array([reach.change_s]))[side][0]
            assert np.linalg.norm(at - reach.target) < 0.01
            assert np.linalg.norm(at[:2] - visit.at(np.array([reach.change_s]))[0]) < 0.9


def test_people_move_smoothly_on_the_floor_and_keep_apart(made: Recording, store: Store) -> None:
    frames = [
        np.array([k.position for b in bodies.bodies for k in b.keypoints if k.part is BodyPart.HEAD])
        for bodies in of(made, Bodies)
    ]
    assert max(len(heads) for heads in frames) in (2, 3)
    margin = 0.3
    low, high = np.min(store.floor, axis=0) - margin, np.max(store.floor, axis=0) + margin
    for heads in frames:
        for index, head in enumerate(heads):
            assert (low < head[:2]).all() and (head[:2] < high).all()
            others = np.delete(heads, index, axis=0)
            assert all(np.linalg.norm(others[:, :2] - head[:2], axis=1) > 0.5)
    rng = np.random.default_rng(1)
    visit = walk(store, write_script(store, rng)[0], rng)
    speed = np.linalg.norm(np.diff(visit.position, axis=0), axis=1) * 60.0
    assert speed.max() < 2.5
    assert np.abs(np.diff(speed)).max() * 60.0 < 12.0


def test_inside_knows_a_concave_floor() -> None:
    corners = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], dtype=float)
    points = np.array([[1.0, 1.0], [3.0, 1.0], [2.0, 2.0], [-1.0, 1.0], [2.0, 0.5]])
    assert inside(corners, points).tolist() == [True, True, False, False, True]


def test_a_store_without_exit_is_refused(store: Store) -> None:
    without = store.model_copy(update={"lanes": store.lanes[:1]})
    with pytest.raises(AisleError, match="no lane out; add both to gates"):
        recording(without, 0)


def test_a_store_without_enough_goods_is_refused(store: Store) -> None:
    with pytest.raises(AisleError, match="8 are needed"):
        recording(store.model_copy(update={"facings": store.facings[:3]}), 0)
