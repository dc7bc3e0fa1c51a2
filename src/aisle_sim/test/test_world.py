"""The world: true receipts, conserved weight, hands where loads change, and bodies that move like bodies."""

from __future__ import annotations

import itertools
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_contract.truth import TruthCart, TruthEvent, TruthEventKind
from aisle_core.store import Store, load_store
from aisle_core.types import GateCommand, GateCommandKind, GateCommandReason, GateEvent, GateEventKind
from aisle_sim.goods import Gone
from aisle_sim.physical import JOINTS, LoadPress, LoadStep, People, Place, PressKind
from aisle_sim.random_scenario import Mix, random_scenario
from aisle_sim.scenario import Scenario, read_scenario
from aisle_sim.sessions import Session, play, random_sessions
from aisle_sim.world import World

CONFIG = Path(__file__).resolve().parents[3] / "config"
NAMED = sorted(path.stem for path in (CONFIG / "scenarios").glob("*.yaml"))
HANDS = [JOINTS.index("left_hand"), JOINTS.index("right_hand")]
START_NS = 1_000_000_000_000_000_000


@cache
def corner() -> Store:
    return load_store(CONFIG / "stores" / "corner")


@cache
def named(name: str) -> Session:
    return play(corner(), read_scenario(CONFIG / "scenarios" / f"{name}.yaml", corner()), seed=1, start_ns=START_NS)


@pytest.fixture
def store() -> Store:
    return corner()


def scenario_of(*shoppers: dict[str, object], **more: object) -> Scenario:
    return Scenario.model_validate({"site": "corner", "description": "a try", "shoppers": shoppers, **more})


def kinds(session: Session, *wanted: TruthEventKind) -> list[TruthEvent]:
    return [event for event in session.events if event.kind in wanted]


def steps_by_plate(session: Session) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for load in session.loads:
        if isinstance(load, LoadStep):
            total[load.plate_id] += load.mass
    return total


def assert_conserved(session: Session) -> None:
    world = session.world
    moved = steps_by_plate(session)
    for plate_id, mass in world.goods.loads().items():
        assert world.start_mass[plate_id] + moved[plate_id] == pytest.approx(mass, abs=1e-9)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_situation_ends_as_intended(name: str) -> None:
    session = named(name)
    assert session.world.not_done == []
    assert session.receipts() == session.world.scenario.receipts
    assert_conserved(session)


@pytest.mark.parametrize("name", ["three_people_many_deeds", "across_two_plates", "restocked_meanwhile"])
def test_truth_tells_every_change_of_every_plate(name: str) -> None:
    session = named(name)
    told: dict[str, float] = defaultdict(float)
    for event in session.events:
        for plate_id in event.plate_ids[:1]:
            told[plate_id] += event.mass
    assert sum(told.values()) == pytest.approx(sum(steps_by_plate(session).values()))
    pieces = sum(event.quantity for event in kinds(session, TruthEventKind.PICK))
    if name != "across_two_plates":
        assert pieces == sum(isinstance(load, LoadStep) and load.mass < 0 for load in session.loads)


def test_truth_is_ordered_and_complete() -> None:
    session = named("three_people_many_deeds")
    assert [event.sequence for event in session.events] == list(range(len(session.events)))
    assert [cart.sequence for cart in session.carts] == list(range(len(session.carts)))
    assert all(event.stamp_ns <= event.end_ns for event in session.events)
    assert len(kinds(session, TruthEventKind.PICK)) == 17
    assert len(kinds(session, TruthEventKind.PUT_BACK)) == 13
    stamps = [load.stamp_ns for load in session.loads]
    assert stamps == sorted(stamps)


def test_the_first_picker_pays_for_what_is_handed_over() -> None:
    session = named("handed_to_a_stranger")
    (event,) = kinds(session, TruthEventKind.HAND_OVER)
    assert (event.shopper, event.other, event.sku, event.plate_ids) == ("anna", "bob", "COFFEE-500", ())
    goods = session.world.goods
    with_bob = [piece.sku for piece in goods.pieces if goods.place(piece) == Gone(1)]
    assert sorted(with_bob) == ["COFFEE-500", "MILK-1"]


def test_a_group_has_one_cart_that_closes_with_the_last() -> None:
    session = named("family_on_one_card")
    assert len({cart.credential for cart in session.carts}) == 1
    assert [cart.closed for cart in session.carts].index(True) == len(session.carts) - 1
    assert session.carts[-1].shoppers == ("anna", "ben", "cleo")
    assert session.carts[-1].stamp_ns == kinds(session, TruthEventKind.LEAVE)[-1].end_ns
    taps = [event for event in session.gate_events if event.kind is GateEventKind.CREDENTIAL]
    ways_in = [event for event in session.gate_events if event.kind is GateEventKind.PASSAGE_IN]
    assert (len(taps), len(ways_in)) == (1, 3)


def test_who_is_too_late_for_the_lane_stays_outside() -> None:
    scenario = named("family_on_one_card").world.scenario
    *others, cleo = scenario.shoppers
    slow = cleo.model_copy(update={"speed": 0.3})
    session = play(corner(), scenario.model_copy(update={"shoppers": (*others, slow)}), 1, START_NS)
    assert [event.kind.name for event in session.gate_events if event.kind is not GateEventKind.PASSAGE_OUT] == [
        *("CREDENTIAL", "UNLOCKED", "PASSAGE_IN", "PASSAGE_IN", "LOCKED")
    ]
    assert {event.shopper for event in kinds(session, TruthEventKind.ENTER)} == {"anna", "ben"}
    assert session.carts[-1].closed


@pytest.mark.parametrize(("speed", "pulses"), [(1.2, 1), (1.0, 2)])
def test_a_tail_gater_is_on_the_card_of_the_one_ahead_if_counted(speed: float, pulses: int) -> None:
    """Who hurries is so near that the lane counts one."""
    scenario = named("tail_gating").world.scenario
    anna, shadow = scenario.shoppers
    slower = shadow.model_copy(update={"speed": speed})
    session = play(corner(), scenario.model_copy(update={"shoppers": (anna, slower)}), 1, START_NS)
    count = [sum(event.kind is kind for event in session.gate_events) for kind in GateEventKind]
    assert (count[GateEventKind.CREDENTIAL], count[GateEventKind.PASSAGE_IN]) == (1, pulses)
    assert [event.shopper for event in kinds(session, TruthEventKind.ENTER)] == ["anna", "shadow"]
    assert session.receipts() == {"anna": {"BEER-05": 1} | ({"ENERGY-025": 1} if pulses == 2 else {})}


def test_two_in_one_second_is_one_second() -> None:
    one, other = (event.end_ns for event in kinds(named("same_plate_same_second"), TruthEventKind.PICK))
    assert abs(one - other) < 1_000_000_000


def test_what_straddles_loads_two_plates() -> None:
    event = kinds(named("across_two_plates"), TruthEventKind.PUT_BACK)[0]
    assert set(event.plate_ids) == {"g02-s1-p01", "g02-s1-p02"}
    assert event.mass == pytest.approx(0.528, abs=0.05)


def test_leaning_and_bumps_press_as_measured() -> None:
    leans = [p.mass for p in named("leaning").loads if isinstance(p, LoadPress) and p.kind is PressKind.LEAN]
    assert 0.12 <= max(leans) <= 0.23
    bumps = [p for p in named("bumps").loads if isinstance(p, LoadPress) and p.kind is PressKind.BUMP]
    assert len({press.plate_id for press in bumps}) == 60
    assert 0.05 < max(abs(press.mass) for press in bumps) <= 0.23


def test_staff_pays_for_nothing() -> None:
    session = named("restocked_meanwhile")
    assert all("clerk" not in cart.shoppers for cart in session.carts)
    assert len(kinds(session, TruthEventKind.RESTOCK)) == 6
    assert sum(event.kind is GateEventKind.CREDENTIAL for event in session.gate_events) == 1


def test_a_recorded_shopper_is_where_the_file_says() -> None:
    store = corner()
    scenario = read_scenario(CONFIG / "scenarios" / "recorded_ways.yaml", store)
    world = World(store, scenario, 1, START_NS, True)
    for second in (8.0, 9.0, 11.0):
        world.advance(START_NS + round(second * 1e9))
        people = world.people(world.now_ns)
        here = scenario.ways["p1"].at(second)
        assert np.linalg.norm(people.position[people.names.index("p1")] - here) < 0.1
    enters = kinds(named("recorded_ways"), TruthEventKind.ENTER)
    assert {event.shopper for event in enters} == {"p1", "p2"}


# --- laws


def test_the_same_seed_gives_the_same_run_in_any_portions(store: Store) -> None:
    scenario = random_scenario(store, 5, shoppers=4, duration_s=30.0)
    first = play(store, scenario, seed=5)
    world = World(store, scenario, 5, 0, True)
    rng = np.random.default_rng(0)
    loads, gate_events, truth = [], [], []
    while not world.finished:
        world.advance(world.now_ns + int(rng.integers(1, 400_000_000)))
        loads += world.take_loads()
        gate_events += world.take_gate_events()
        truth += world.take_truth()
        world.people(world.now_ns - int(rng.integers(0, min(world.now_ns, 2_000_000_000) + 1)))
    assert tuple(loads) == first.loads[: len(loads)] and len(first.loads) - len(loads) < 3
    assert tuple(gate_events) == first.gate_events
    assert tuple(e for e in truth if isinstance(e, TruthEvent)) == first.events
    assert tuple(e for e in truth if isinstance(e, TruthCart)) == first.carts


def test_different_seeds_differ(store: Store) -> None:
    scenario = random_scenario(store, 5, shoppers=2, duration_s=10.0)
    assert play(store, scenario, seed=1).loads != play(store, scenario, seed=2).loads


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), shoppers=st.integers(1, 5))
def test_weight_is_conserved(seed: int, shoppers: int) -> None:
    store = corner()
    world = World(store, random_scenario(store, seed, shoppers, 20.0), seed, 0, True)
    goods = world.goods
    total = sum(piece.mass for piece in goods.pieces)
    plates = dict(world.start_mass)
    while not world.finished:
        world.advance(world.now_ns + 1_000_000_000)
        for load in world.take_loads():
            if isinstance(load, LoadStep):
                plates[load.plate_id] += load.mass
        held = sum(piece.mass for piece, _ in goods.held())
        floor = sum(piece.mass for piece in goods.on_floor())
        out = sum(piece.mass for piece in goods.pieces if isinstance(goods.place(piece), Gone))
        under_way = sum(load.mass for _, _, load in world._loads if isinstance(load, LoadStep))
        assert sum(plates.values()) + under_way + held + floor + out == pytest.approx(total, abs=1e-9)
    assert min(plates.values()) > -1e-9


def test_random_sessions_end(store: Store) -> None:
    for session in random_sessions(store, range(10), shoppers=3, duration_s=15.0, mix=Mix(items=1.5, browse=0.2)):
        assert all(visit.left for visit in session.world.visits)
        assert_conserved(session)
        assert len([cart for cart in session.carts if cart.closed]) == len({cart.credential for cart in session.carts})


# --- bodies


@cache
def observed() -> tuple[World, list[People], list[LoadStep], list[float]]:
    """A crowded run: people every 50 ms, steps, and how far the nearest hand was from the plate at each [m]."""
    store = corner()
    world = World(store, random_scenario(store, 3, 8, 25.0), 3, 0, True)
    frames, steps, apart = [], [], []
    while not world.finished:
        world.advance(world.now_ns + 50_000_000)
        frames.append(world.people(world.now_ns))
        for load in world.take_loads():
            if isinstance(load, LoadStep):
                steps.append(load)
                apart.append(_hand_to_plate(store, load.plate_id, world.people(load.stamp_ns).joints[:, HANDS]))
    return world, frames, steps, apart


def _hand_to_plate(store: Store, plate_id: str, hands: np.ndarray) -> float:
    plate = store.plates[plate_id]
    offset = hands.reshape(-1, 3) - np.array(plate.centre)
    cos, sin = np.cos(plate.yaw), np.sin(plate.yaw)
    u, v = offset[:, 0] * cos + offset[:, 1] * sin, offset[:, 1] * cos - offset[:, 0] * sin
    out = np.stack(
        [
            np.abs(u) - plate.size.width / 2,
            np.abs(v) - plate.size.depth / 2,
            np.maximum(-offset[:, 2], offset[:, 2] - plate.size.height),
        ]
    )
    return float(np.linalg.norm(np.maximum(out, 0.0), axis=0).min())


def test_a_hand_is_at_the_plate_when_its_load_changes() -> None:
    _, _, steps, apart = observed()
    assert len(steps) > 20
    assert np.quantile(apart, 0.9) < 0.05
    assert max(apart) < 0.25


def test_nobody_is_inside_a_fixture() -> None:
    world, frames, _, _ = observed()
    for shape in world.ground.fixtures.values():
        for people in frames:
            assert not shapely.contains_xy(shape.buffer(0.05), *people.position.T).any()


def test_bodies_move_smoothly() -> None:
    _, frames, _, _ = observed()
    for before, after in itertools.pairwise(frames):
        both = [(before.names.index(name), row) for row, name in enumerate(after.names) if name in before.names]
        for old, new in both:
            assert np.linalg.norm(after.position[new] - before.position[old]) < 2.0 * 0.05
            assert np.linalg.norm(after.velocity[new] - before.velocity[old]) < 10.0 * 0.05
            assert np.linalg.norm(after.joints[new] - before.joints[old], axis=1).max() < 7.0 * 0.05


def test_bones_keep_their_length() -> None:
    _, frames, _, _ = observed()
    joint = {name: index for index, name in enumerate(JOINTS)}
    for people in frames[::20]:
        for side in ("left", "right"):
            shoulder, elbow, hand = (
                people.joints[:, joint[f"{side}_{part}"]] for part in ("shoulder", "elbow", "hand")
            )
            assert np.allclose(np.linalg.norm(elbow - shoulder, axis=1), 0.186 * people.height)
            assert np.allclose(np.linalg.norm(hand - elbow, axis=1), 0.200 * people.height)
        assert (people.joints[..., 2] > -0.01).all()
        assert (people.joints[:, joint["head"], 2] <= people.height).all()


def test_people_between_two_stamps_are_between(store: Store) -> None:
    world = World(store, random_scenario(store, 3, 3, 5.0), 3, 0, True)
    world.advance(12_000_000_000)
    a, b, c = (world.people(stamp) for stamp in (11_000_000_000, 11_004_000_000, 11_008_000_000))
    assert a.names == b.names == c.names
    assert np.allclose((a.position + c.position) / 2, b.position, atol=1e-3)
    assert np.allclose(
        np.linalg.norm(c.position - a.position, axis=1) / 0.008, np.linalg.norm(b.velocity, axis=1), atol=0.1
    )


def test_what_is_carried_is_told_at_its_stamp(store: Store) -> None:
    world = World(
        store, scenario_of({"name": "anna", "bag": False, "do": [{"pick": {"plate": "g01-s3-p03"}}]}), 1, 0, True
    )
    stamp = None
    while stamp is None:
        world.advance(world.now_ns + 50_000_000)
        stamp = next((load.stamp_ns for load in world.take_loads() if isinstance(load, LoadStep)), None)
    world.advance(stamp + 500_000_000)
    assert world.people(stamp - 1_000_000).carried == ()
    (carried,) = world.people(stamp + 1_000_000).carried
    assert (carried.piece.sku, carried.person) == ("LEMONADE-033", 0)
    assert carried.place in (Place.LEFT_HAND, Place.RIGHT_HAND)
    assert all(resting.piece is not carried.piece for resting in world.resting)


# --- lanes


def test_a_lane_waits_for_the_command(store: Store) -> None:
    world = World(store, scenario_of({"name": "anna"}), 1, 0, False)
    events: list[GateEvent] = []
    while not any(event.kind is GateEventKind.CREDENTIAL for event in events):
        world.advance(world.now_ns + 100_000_000)
        events += world.take_gate_events()
    world.command(GateCommand(world.now_ns, 0, "gate1", GateCommandKind.REFUSE, GateCommandReason.BUSY))
    world.advance(world.now_ns + 1_000_000_000)
    assert world.take_gate_events() == []
    events = []
    while not any(event.kind is GateEventKind.CREDENTIAL for event in events):
        world.advance(world.now_ns + 100_000_000)
        events += world.take_gate_events()
    world.command(GateCommand(world.now_ns, 1, "gate1", GateCommandKind.ADMIT, GateCommandReason.GRANTED))
    while not world.finished:
        world.advance(world.now_ns + 100_000_000)
        events += world.take_gate_events()
    assert [event.kind for event in events] == [
        GateEventKind.CREDENTIAL,
        GateEventKind.UNLOCKED,
        GateEventKind.PASSAGE_IN,
        GateEventKind.LOCKED,
        GateEventKind.PASSAGE_OUT,
    ]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]


def test_who_is_never_admitted_goes_away(store: Store) -> None:
    world = World(store, scenario_of({"name": "anna"}, {"name": "ben", "enter": {"with": "anna"}}), 1, 0, False)
    while not world.finished:
        world.advance(world.now_ns + 500_000_000)
        assert world.now_s < 300.0
    assert world.take_truth() == []


def test_people_come_from_outside_and_only_those_inside_are_told(store: Store) -> None:
    world = World(store, scenario_of({"name": "anna", "do": [{"walk": [2.5, 3.0]}, {"wait": 20}]}), 1, 0, True)
    world.advance(1_000_000_000)
    assert world.people(world.now_ns).names == ("anna",)
    assert world.truth_people(world.now_ns, 0).people == ()
    world.advance(15_000_000_000)
    (anna,) = world.truth_people(world.now_ns, 1).people
    assert anna.shopper == "anna" and len(anna.credential) == 32 and 1.5 < anna.head[2] <= anna.height + 1e-9
