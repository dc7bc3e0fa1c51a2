"""What holds for every scene: conservation, determinism, state, order, progress."""

import math
import pickle
import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_core.fusion import DecisionConfig, Fusion, PlaceConfig
from aisle_core.time_align import Aligner, Source
from aisle_core.types import CartEvents, ItemEvidence, PersonTracks, ShelfEvents, Tick

from .fusion_world import FUSION, MS, STORE, WEIGHTS, S, Scene, event

PLATES = ["p0", "p1", "p4", "p5", "p6", "p7"]
MASSES = [-0.62, 0.62, -0.5, 0.5, -0.2, 0.2, -1.24, 1.24, -0.137, 0.137]
moves = st.tuples(
    st.integers(0, 3),
    st.sampled_from(PLATES),
    st.floats(2.5, 12.0),
    st.one_of(st.sampled_from(MASSES), st.floats(-2, 2)),
    st.booleans(),
)


@st.composite
def scenes(draw, most=7):
    made = Scene()
    for track_id in range(1, draw(st.integers(0, 3)) + 1):
        made.stands(track_id, 0.3 * track_id, to_s=draw(st.sampled_from([9.0, 1e6])))
    for who, plate_id, at_s, mass, reaches in draw(st.lists(moves, max_size=most)):
        if reaches and who in made.people:
            made.reaches_for(who, plate_id, at_s)
        made.feels(plate_id, at_s, mass)
    return made


def feed(fusion, items):
    return [batch for item in items if (batch := fusion.step(item)) is not None]


@settings(max_examples=12, deadline=None)
@given(scenes())
def test_conservation(scene):
    """No cart is ever negative or other than what was told; an event has two parts at most, with a probability each."""
    carts, told = Counter(), Counter()
    known = {e.shelf_event_id: e for e in scene.events}
    fusion = Fusion(FUSION, STORE)
    batches = [*feed(fusion, scene.items()), fusion.finish(99 * S)]
    for number, e in enumerate((e for batch in batches for e in batch.events), start=1):
        assert e.cart_event_id == f"c{number}"
        assert e.plate_id == known[e.shelf_event_id].plate_id
        assert 0 <= e.confidence <= 1 + 1e-9
        assert e.confidence + sum(a.probability for a in e.alternatives) <= len(scene.events) + 1e-9
        assert (e.track_id, e.sku, e.quantity) not in [(a.track_id, a.sku, a.quantity) for a in e.alternatives]
        assert e.review or (e.track_id and e.sku and e.quantity)
        told[e.shelf_event_id] += 1
        if e.track_id and e.sku:
            carts[e.track_id, e.sku] += e.quantity
            assert carts[e.track_id, e.sku] >= 0
    assert max(told.values(), default=1) <= 2
    here = [track_id for track_id, (*_, to_s) in scene.people.items() if to_s > 99]
    kept = fusion.state().memory.thoughts[0].ledger.carts
    held = {(who, sku): kept[who][sku].quantity for who in here for sku in kept.get(who, {}) if sku}
    assert held == {key: number for key, number in carts.items() if number and key[0] in here}


@settings(max_examples=12, deadline=None)
@given(scenes(), st.floats(0, 1))
def test_a_restored_state_goes_on_identically(scene, where):
    items = scene.items()
    cut = int(where * len(items))
    fusion = Fusion(FUSION, STORE)
    feed(fusion, items[:cut])
    other = Fusion.restore(FUSION, STORE, pickle.loads(pickle.dumps(fusion.state())))
    assert feed(fusion, items[cut:]) == feed(other, items[cut:])
    assert fusion.finish(99 * S) == other.finish(99 * S)
    assert fusion.statistics() == other.statistics()


@settings(max_examples=8, deadline=None)
@given(scenes())
def test_a_state_is_a_copy(scene):
    fusion = Fusion(FUSION, STORE)
    state = fusion.state()
    before = pickle.dumps(state)
    feed(fusion, scene.items())
    assert pickle.dumps(state) == before


@settings(max_examples=8, deadline=None)
@given(scenes())
def test_the_same_scene_gives_the_same_decisions(scene):
    assert scene.batches() == scene.batches()


def source_of(item):
    match item:
        case PersonTracks():
            return "tracks"
        case ShelfEvents():
            return "shelf:s1"
        case ItemEvidence():
            return "evidence"
        case Tick():
            return "tick"


def aligned(items):
    """The decisions when the items arrive in this order."""
    sources = [Source(name, 0, 60 * S, name == "evidence") for name in ("tracks", "shelf:s1", "evidence", "tick")]
    sources[2] = replace(sources[2], lateness_ns=2 * S)
    aligner, fusion, out = Aligner(sources), Fusion(FUSION, STORE), []
    for item in items:
        out += feed(fusion, [r.item for r in aligner.push(source_of(item), item.stamp_ns, item.sequence, item)])
    return out + feed(fusion, [r.item for r in aligner.flush()])


@settings(max_examples=8, deadline=None)
@given(scenes(most=4), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(scene, chance):
    items = scene.items()
    queues = {}
    for item in items:
        queues.setdefault(source_of(item), []).append(item)
    arrival = []
    while queues:
        name = chance.choice(sorted(queues))
        arrival.append(queues[name].pop(0))
        if not queues[name]:
            del queues[name]
    assert aligned(arrival) == aligned(items)


@settings(max_examples=12, deadline=None)
@given(scenes(most=4), st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(scene, chance):
    def shuffle(item):
        match item:
            case ShelfEvents():
                return replace(item, events=tuple(chance.sample(item.events, len(item.events))))
            case PersonTracks():
                return replace(item, tracks=tuple(chance.sample(item.tracks, len(item.tracks))))
        return item

    items = scene.items()
    shuffled = [shuffle(item) for item in items]
    fusion, other = Fusion(FUSION, STORE), Fusion(FUSION, STORE)
    for a, b in zip(feed(fusion, items), feed(other, shuffled), strict=True):
        assert (a.stamp_ns, len(a.events)) == (b.stamp_ns, len(b.events))
        for x, y in zip(a.events, b.events, strict=True):
            assert replace(x, confidence=0, alternatives=()) == replace(y, confidence=0, alternatives=())
            assert math.isclose(x.confidence, y.confidence, abs_tol=1e-9)


# --- progress


def test_every_tick_is_answered_and_nothing_else():
    items = Scene().stands(1, 0.1).moves(1, "p0", 5.0, -0.62).items()
    fusion = Fusion(FUSION, STORE)
    answers = [(item, fusion.step(item)) for item in items]
    assert all((batch is not None) == isinstance(item, Tick) for item, batch in answers)
    batches = [batch for _, batch in answers if batch]
    assert [b.sequence for b in batches] == list(range(len(batches)))


def ticks(fusion, start_s, end_s):
    return [fusion.step(Tick(t * S // 10, t)) for t in range(round(start_s * 10), round(end_s * 10))]


def shelf(stamp_s, *events, gateway="s1", open_since_s=None):
    since = None if open_since_s is None else round(open_since_s * S)
    return ShelfEvents(round(stamp_s * S), 0, gateway, events, since)


def test_an_event_waits_for_the_tracks_behind_it():
    fusion = Fusion(FUSION, STORE)
    fusion.step(shelf(5.05, event(1, "p0", 5.0, -0.62)))
    batches = ticks(fusion, 5.1, 6.0)
    decided = next(b for b in batches if b.events)
    assert decided.stamp_ns == 5.8 * S
    waiting = [b for b in batches if b.stamp_ns < decided.stamp_ns]
    assert [b.decided_ns for b in waiting] == [5 * S - 1] * 7
    assert [b.stamp_ns for b in batches] == [t * S // 10 for t in range(51, 60)]


def test_an_event_waits_for_a_change_that_has_not_settled_but_not_for_ever():
    fusion = Fusion(FUSION, STORE)
    fusion.step(shelf(5.5, event(1, "p0", 5.0, -0.62)))
    fusion.step(shelf(5.5, gateway="s2", open_since_s=5.1))
    assert not any(b.events for b in ticks(fusion, 5.6, 7.0))
    (late,) = [b for b in ticks(fusion, 7.0, 7.5) if b.events]
    assert late.stamp_ns == round((5.5 * S + FUSION.time.hold_ms * MS) / (S // 10)) * (S // 10)


def test_what_is_decided_ends_where_an_unsettled_change_began():
    fusion = Fusion(FUSION, STORE)
    fusion.step(shelf(5.3, open_since_s=5.0))
    assert {b.decided_ns for b in ticks(fusion, 5.4, 9.0)} == {5 * S - 1}
    fusion.step(shelf(9.0, event(1, "p0", 5.0, -0.62)))
    (waits,) = ticks(fusion, 9.0, 9.1)[:1]
    assert (waits.decided_ns, len(waits.events)) == (9 * S, 1)


def test_a_change_that_never_settles_holds_nothing_up_for_ever():
    """Somebody leans on a plate while another takes from it and leaves; but a broken plate is not waited for."""
    fusion = Fusion(FUSION, STORE)
    fusion.step(shelf(5.3, open_since_s=5.0))
    until_s = 5.0 + FUSION.time.history_ms / 1e3
    (waits,) = ticks(fusion, until_s - 0.1, until_s)
    assert waits.decided_ns == 5 * S - 1
    (late,) = ticks(fusion, until_s + 0.1, until_s + 0.2)
    assert late.decided_ns == late.stamp_ns


def test_an_event_does_not_wait_for_a_change_that_began_later():
    fusion = Fusion(FUSION, STORE)
    fusion.step(shelf(6.0, event(1, "p0", 5.0, -0.62)))
    fusion.step(shelf(6.0, gateway="s2", open_since_s=5.95))
    assert ticks(fusion, 6.1, 6.2)[0].events


def test_a_settled_change_is_waited_for_no_more():
    fusion = Fusion(FUSION, STORE)
    fusion.step(shelf(5.5, event(1, "p4", 5.0, -0.3), open_since_s=5.02))
    assert not any(b.events for b in ticks(fusion, 5.6, 6.0))
    fusion.step(shelf(5.95, event(2, "p5", 5.02, -0.2)))
    (told,) = ticks(fusion, 6.0, 6.1)[0].events
    assert (told.sku, told.quantity) == ("cereal", 1)


def test_finish_decides_what_waits():
    fusion = Fusion(FUSION, STORE)
    fusion.step(shelf(5.05, event(1, "p0", 5.0, -0.62), open_since_s=5.0))
    last = fusion.finish(6 * S)
    assert isinstance(last, CartEvents)
    assert (last.stamp_ns, len(last.events)) == (6 * S, 1)


def test_an_event_of_an_unlisted_plate_is_counted():
    fusion = Fusion(FUSION, STORE)
    fusion.step(shelf(5.05, event(1, "p99", 5.0, -0.62)))
    assert fusion.finish(6 * S).events == ()
    assert fusion.statistics().on_unlisted_plates == 1


def test_a_busy_moment_is_decided_within_the_beam():
    """Eight events at once among five people: every one is explained."""
    chance = random.Random(7)
    scene = Scene()
    for track_id in range(1, 6):
        scene.stands(track_id, 0.2 * track_id)
    skus = ["water", "soda", "juice", "gum", "cereal", "tea", "milk", "oil"]
    for i, sku in enumerate(skus):
        plate_id = {"cereal": "p4", "tea": "p7", "milk": "p8", "oil": "p10"}.get(sku, f"p{i}")
        scene.moves(1 + i % 5, plate_id, 5 + chance.random() / 2, -WEIGHTS[sku])
    assert sorted(e.sku for e in scene.run()) == sorted(skus)


# --- settings


def values(config):
    return {name: getattr(config, name) for name in config.__slots__}


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("time", "join_ms", -1),
        ("time", "history_ms", 0),
        ("weight", "deviation", 0.0),
        ("weight", "most_units", 0),
        ("place", "misplaced", 1.5),
        ("place", "nothing", 0.0),
        ("person", "hand_reach", math.nan),
        ("person", "nobody", 0.0),
        ("decision", "min_confidence", 0.2),
        ("decision", "alternatives", 9),
    ],
)
def test_a_wrong_setting_names_key_value_and_remedy(group, key, value):
    config = getattr(FUSION, group)
    with pytest.raises(ValueError, match=re.escape(f"{key} is {value}; give a number")):
        type(config)(**(values(config) | {key: value}))


def test_shares_of_a_plate_leave_room_for_its_own_product():
    with pytest.raises(ValueError, match=r"neighbour \+ misplaced \+ unlisted is 1\.2005; give less than 1 together"):
        PlaceConfig(**(values(FUSION.place) | {"neighbour": 0.6, "misplaced": 0.6}))


def test_min_confidence_decides_what_is_reviewed():
    strict = replace(FUSION, decision=DecisionConfig(**(values(FUSION.decision) | {"min_confidence": 1.0})))
    for config, review in ((FUSION, False), (strict, True)):
        (e,) = Scene(config=config).stands(1, 0.1).moves(1, "p0", 5.0, -0.56).run()
        assert 0.95 < e.confidence < 1.0
        assert e.review == review


@pytest.mark.parametrize(("felt", "expected"), [(0.349, 0.3524), (0.31, 0.31)])
def test_a_thing_in_a_cart_weighs_what_was_expected_and_felt_together_if_they_agree(felt, expected):
    made = Scene().stands(1, 0.3).moves(1, "p1", 5.0, -felt, stddev=0.004).feels("p0", 15.0, 0.0)
    fusion = Fusion(FUSION, STORE)
    for item in made.items():
        fusion.step(item)
    lot = fusion.state().memory.thoughts[0].ledger.carts[1]["soda"]
    assert lot.unit_mass == pytest.approx(expected, abs=0.0005)
