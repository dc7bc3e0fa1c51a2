"""People get past each other and out of every squeeze, lanes count them, goods find their place on plates."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aisle_core.errors import AisleError
from aisle_core.store import Store, load_store
from aisle_core.store.model import Lane, Point2
from aisle_core.types import GateEventKind
from aisle_sim.gates import Gate
from aisle_sim.goods import MOST_PIECES, Goods, capacity
from aisle_sim.physical import Place
from aisle_sim.places import stand_places
from aisle_sim.walking import Ground, Lines, Walking

CONFIG = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture(scope="module")
def store() -> Store:
    return load_store(CONFIG / "stores" / "corner")


@pytest.fixture(scope="module")
def ground(store: Store) -> Ground:
    return Ground(store)


def walk_to(walking: Walking, goals: dict[int, tuple[float, float]], seconds: float) -> set[int]:
    """Who has come within 0.2 m of its goal."""
    arrived = set()
    for person, goal in goals.items():
        walking.go(person, goal, 1.2)
    for _ in range(round(seconds / 0.05)):
        walking.step()
        for person, goal in goals.items():
            if math.dist(walking.bodies.position[person], goal) < 0.2 and person not in arrived:
                arrived.add(person)
                walking.stand(person)
    return arrived


def test_two_pass_each_other_in_the_lane(ground: Ground) -> None:
    walking = Walking(ground, 2)
    assert walking.add(0, (2.5, -1.5), 0.0) and walking.add(1, (2.5, 2.0), 0.0)
    assert walk_to(walking, {0: (2.5, 2.5), 1: (2.5, -1.8)}, 20.0) == {0, 1}


def test_somebody_who_stands_in_the_lane_does_not_block_it(ground: Ground) -> None:
    walking = Walking(ground, 3)
    assert all(walking.add(person, point, 0.0) for person, point in enumerate([(2.3, 0.4), (2.75, 0.4), (2.5, 2.0)]))
    assert walk_to(walking, {2: (2.5, -1.5)}, 20.0) == {2}


def test_nobody_is_put_on_top_of_somebody(ground: Ground) -> None:
    walking = Walking(ground, 40)
    placed = [walking.add(person, (2.5, 2.5), 0.0) for person in range(40)]
    assert not all(placed) and sum(placed) > 3
    here = walking.bodies.position[walking.bodies.present]
    apart = np.linalg.norm(here[:, None] - here[None], axis=2) + 9.0 * np.eye(len(here))
    assert apart.min() >= 0.4


def test_walking_goes_on_after_the_library_has_refused_a_step(ground: Ground) -> None:
    walking = Walking(ground, 2)
    assert walking.add(0, (1.5, 2.0), 0.0) and walking.add(1, (3.0, 2.0), 0.0)
    walk_to(walking, {0: (3.4, 3.0), 1: (1.2, 3.0)}, 1.0)
    walking._restart()
    assert walk_to(walking, {0: (3.4, 3.0), 1: (1.2, 3.0)}, 15.0) == {0, 1}


def test_a_body_between_two_lanes_passes_one_of_them() -> None:
    lanes = Ground(load_store(CONFIG / "stores" / "market")).lanes
    lines = Lines([lanes["in1"], lanes["in2"]])
    across = np.linspace(1.0, 2.0, 12)
    within = lines.within(np.stack([across, np.full(12, 0.4)], axis=1))
    assert within.tolist() == [(across < 1.5).tolist(), (across > 1.5).tolist()]


@pytest.mark.parametrize(("apart", "pulses"), [(0.15, 1), (0.6, 2)])
def test_two_bodies_close_together_count_once(apart: float, pulses: int, ground: Ground) -> None:
    calls: list[tuple[float, Callable[[], None]]] = []
    gate = Gate(ground.lanes["gate1"], False, 0, lambda second, call: calls.append((second, call)))
    passed = []
    was = np.array([-0.5, -0.5 - apart])
    for step in range(40):
        now = was + 0.05
        passed += gate.watch(step * 0.05, (step + 1) * 0.05, was, now, np.array([True, True]))
        was = now
    for _, call in calls:
        call()
    assert [(passage.person, passage.inward) for passage in passed] == [(0, True), (1, True)]
    assert [passage.counted for passage in passed] == [True, pulses == 2]
    assert [event.kind for event in gate.events] == [GateEventKind.PASSAGE_IN] * pulses
    assert gate.events[0].stamp_ns == round(passed[0].second * 1e9) == 500_000_000


def test_a_lane_that_nobody_can_walk_through_is_refused(store: Store) -> None:
    blocked = store.model_copy(
        update={"lanes": (Lane(lane_id="in1", zone="entrance", direction="in", position=Point2(2.5, 4.9)),)}
    )
    with pytest.raises(AisleError, match="lane in1: nobody can walk through it"):
        Ground(blocked)


def test_children_reach_low_plates_only(store: Store, ground: Ground) -> None:
    assert stand_places(ground, store, "g01-s2-p03", 1.1)
    assert not stand_places(ground, store, "g01-s4-p03", 1.1)
    assert all(stand_places(ground, store, plate_id, 1.72) for plate_id in store.plates)


def test_the_first_stock_stands_on_its_plates(store: Store) -> None:
    goods = Goods(store, {("g01-s2-p03", "COLA-05"): 2}, {}, np.random.default_rng(1))
    assert len(goods.on("g01-s2-p03")) == 2
    for plate_id in store.plates:
        for piece in goods.on(plate_id):
            shares = goods.shares(piece)
            assert shares[0][0] == plate_id and sum(share for _, share in shares) == pytest.approx(1.0)
    for resting in goods.resting:
        plate = store.plates[resting.plate_id]
        assert math.dist(resting.position, plate.centre) < 0.3
        assert resting.position[2] >= plate.centre.z
    for facing in store.facings:
        room = [capacity(store, plate_id, facing.sku) for plate_id in facing.plate_ids]
        assert sum(room) > 0 and max(room) <= MOST_PIECES


def test_what_is_put_on_a_full_plate_stands_on_top(store: Store) -> None:
    goods = Goods(
        store, {("g03-s2-p05", "TUNA-160"): 2, ("g03-s2-p03", "SOUP-TOMATO-400"): 24}, {}, np.random.default_rng(1)
    )
    tin = goods.on("g03-s2-p05")[0]
    goods.take(tin, 0, Place.LEFT_HAND)
    goods.put(tin, "g03-s2-p03")
    assert goods.on("g03-s2-p03")[0] is tin
    assert next(r.position[2] for r in goods.resting if r.piece is tin) > store.plates["g03-s2-p03"].centre.z + 0.05
