"""The live planogram: what it knows of shelves after decisions, weights and reviews."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_core.fusion.counts import Count
from aisle_core.fusion.shelf_map import ShelfMap
from aisle_core.fusion.stock import LivePlanogram, StockConfig
from aisle_core.types import (
    Alternative,
    CartEvent,
    CartEvents,
    Correction,
    PlateHealth,
    PlateState,
    PlateStates,
    Reason,
    ReviewDecision,
    ShelfEvent,
    ShelfEvents,
    StockEvents,
    StockLines,
)

from .fusion_world import FUSION, STORE, S, make_store, shipped

CONFIG = shipped(StockConfig, "cart_fusion_node", "stock")
WATER, SODA, CEREAL = (("p0",), "water"), (("p1",), "soda"), (("p4", "p5"), "cereal")
START = 10


def counted_store(stock=START, **kwargs):
    """The small store, of which every facing holds so many pieces."""
    store = make_store(**kwargs)
    return store.model_copy(update={"facings": tuple(f.model_copy(update={"stock": stock}) for f in store.facings)})


COUNTED = counted_store()


class Shelves:
    """A live planogram, and what it tells."""

    def __init__(self, store=COUNTED, config=CONFIG):
        self.store, self.config = store, config
        self.map = ShelfMap(store, FUSION.weight, FUSION.place)
        self.planogram = LivePlanogram(config, store, self.map)
        self.now_ns = 0
        self.decided = 0
        self.told = []
        self.lines = ()

    def decide(self, plate_id, sku, quantity, confidence=1.0, review=False, others=()):
        """A decision of the fusion; ``others``: (sku, quantity, probability). Gives its id."""
        self.decided += 1
        self.now_ns += 10 * S
        event = CartEvent(
            cart_event_id=f"c{self.decided}",
            shelf_event_id=f"s/{self.decided}",
            plate_id=plate_id,
            start_ns=self.now_ns - S,
            end_ns=self.now_ns - S,
            track_id=1,
            sku=sku,
            quantity=quantity,
            confidence=confidence,
            reason=Reason.WEIGHT_AND_PLACE,
            review=review,
            alternatives=tuple(Alternative(1, *other) for other in others),
        )
        self.hear(CartEvents(self.now_ns, 0, self.now_ns, (event,)))
        return event.cart_event_id

    def hear(self, item):
        for told in self.planogram.step(item):
            if isinstance(told, StockEvents):
                self.told += [(event.kind.name.lower(), *event.plate_ids, event.sku) for event in told.events]
            else:
                self.lines = told.lines

    def weigh(self, plate_id, mass):
        event = ShelfEvent("s/0", plate_id, self.now_ns, self.now_ns, -0.1, 0.003, mass)
        self.planogram.weigh(ShelfEvents(self.now_ns, 0, "s", (event,)))

    def review(self, session_id, *corrections):
        self.hear(ReviewDecision(self.now_ns, 0, session_id, session_id, "anna", True, (), corrections))

    def expected(self, slot):
        return self.planogram.count(slot).mean

    def all_expected(self):
        return {slot: self.expected(slot) for slot in self.planogram.slots}


def test_takes_and_returns_move_the_stock():
    shelves = Shelves()
    shelves.decide("p0", "water", 3)
    shelves.decide("p0", "water", -1)
    assert shelves.expected(WATER) == pytest.approx(8) and shelves.planogram.count(WATER).stddev == 0


def test_a_facing_over_two_plates_has_one_stock():
    shelves = Shelves()
    shelves.decide("p4", "cereal", 3)
    shelves.decide("p5", "cereal", 4)
    assert shelves.expected(CEREAL) == pytest.approx(3)


def test_an_unsure_decision_moves_it_by_its_probabilities():
    shelves = Shelves()
    shelves.decide("p0", "water", 1, 0.96, others=[("water", 2, 0.03)])
    assert shelves.expected(WATER) == pytest.approx(START - 0.96 - 2 * 0.03)


def test_it_runs_out_and_comes_back():
    shelves = Shelves()
    shelves.decide("p0", "water", 6)
    assert shelves.told == []
    shelves.decide("p0", "water", 2)
    shelves.decide("p0", "water", 2)
    shelves.decide("p0", "water", -1)
    shelves.decide("p0", "water", -8)
    assert shelves.told == [
        ("low_stock", "p0", "water"),
        ("out_of_stock", "p0", "water"),
        ("low_stock", "p0", "water"),
        ("back_in_stock", "p0", "water"),
    ]


def test_nothing_is_said_of_what_nobody_has_counted():
    shelves = Shelves(STORE)
    for _ in range(5):
        shelves.decide("p0", "water", 2)
    assert shelves.told == []
    assert shelves.expected(WATER) == pytest.approx((CONFIG.most - 10) / 2)


def test_the_planogram_says_what_is_little():
    store = make_store()
    facings = tuple(f.model_copy(update={"stock": 10, "low_stock": 8}) for f in store.facings)
    shelves = Shelves(store.model_copy(update={"facings": facings}))
    shelves.decide("p0", "water", 2)
    assert shelves.told == [("low_stock", "p0", "water")]


def test_a_thing_astray_is_followed_until_it_is_taken():
    shelves = Shelves()
    shelves.decide("p1", "water", -1)
    assert shelves.told == [("untidy", "p1", "water")]
    assert shelves.expected((("p1",), "water")) == pytest.approx(1)
    assert any(not line.belongs and line.sku == "water" for line in shelves.lines)
    shelves.decide("p1", "water", 1)
    assert shelves.told[1:] == [("tidy", "p1", "water")]
    assert (("p1",), "water") not in shelves.planogram.slots
    assert shelves.expected(WATER) == pytest.approx(START)


def test_what_lay_there_unseen_comes_from_its_own_place():
    shelves = Shelves()
    shelves.decide("p1", "water", 1)
    assert shelves.expected(WATER) == pytest.approx(START - 1)


def test_when_more_is_taken_than_there_was_nobody_knows():
    shelves = Shelves()
    shelves.decide("p0", "water", START + 1)
    assert shelves.planogram.count(WATER).stddev > 10


def test_the_weight_tells_where_the_empty_plate_is_known():
    store = counted_store(None)
    plates = store.fixtures[0].shelves[0].plates
    shelf = (
        store.fixtures[0]
        .shelves[0]
        .model_copy(update={"plates": (plates[0].model_copy(update={"tare": 0.4}), *plates[1:])})
    )
    fixture = store.fixtures[0].model_copy(update={"shelves": (shelf, *store.fixtures[0].shelves[1:])})
    shelves = Shelves(store.model_copy(update={"fixtures": (fixture,)}))
    shelves.weigh("p0", 0.4 + 7 * 0.62)
    shelves.decide("p0", "water", 1)
    assert shelves.expected(WATER) == pytest.approx(7, abs=0.2)
    for _ in range(20):
        shelves.weigh("p0", 0.4 + 7.5 * 0.62)
    assert shelves.planogram.count(WATER).stddev > 0.4, "one weight, told often, counts once"
    assert shelves.planogram.count(SODA).stddev > 10


def test_a_plate_is_weighed_from_the_begin():
    """The states of healthy plates tell what was there before the first change, and nothing after it."""
    store = counted_store(None)
    plates = tuple(p.model_copy(update={"tare": 0.4}) for p in store.fixtures[0].shelves[0].plates)
    shelves = (store.fixtures[0].shelves[0].model_copy(update={"plates": plates}), *store.fixtures[0].shelves[1:])
    fixture = store.fixtures[0].model_copy(update={"shelves": shelves})
    watched = Shelves(store.model_copy(update={"fixtures": (fixture,)}))

    def states(health, *masses):
        plates = tuple(PlateState(f"p{n}", health, 0.4 + mass, 0.002) for n, mass in enumerate(masses))
        watched.planogram.weigh(PlateStates(0, 0, "s", plates))

    states(PlateHealth.SILENT, 1.0, 1.0)
    assert watched.planogram.count(WATER).stddev > 10
    states(PlateHealth.OK, 5 * 0.62, 3 * 0.355)
    assert watched.expected(WATER) == pytest.approx(5, abs=0.1)
    assert watched.expected(SODA) == pytest.approx(3, abs=0.1)
    states(PlateHealth.OK, 9 * 0.62, 9 * 0.355)
    assert watched.expected(WATER) == pytest.approx(5, abs=0.1)


def test_a_doubt_waits_for_its_review():
    shelves = Shelves()
    doubt = shelves.decide("p0", "water", 1, 0.6, True, [("soda", 1, 0.4)])
    assert shelves.expected(WATER) == pytest.approx(START - 0.6)
    assert shelves.expected(SODA) == pytest.approx(START - 0.4)
    shelves.review("v1", Correction(doubt, "p0", "water", 1, 1, "soda", 1))
    assert shelves.expected(WATER) == pytest.approx(START)
    assert shelves.expected(SODA) == pytest.approx(START - 1)


def test_a_review_undoes_what_was_sure():
    shelves = Shelves()
    sure = shelves.decide("p0", "water", 2)
    shelves.review("v1", Correction(sure, "p0", "water", 2, 1, "water", 1))
    assert shelves.expected(WATER) == pytest.approx(START - 1)


@pytest.mark.parametrize("plate_id", ["p0", ""])
def test_what_was_not_taken_after_all_stands_there_again(plate_id):
    shelves = Shelves()
    shelves.decide("p0", "water", 2)
    shelves.review("v1", Correction("", plate_id, "water", 2, 0, "water", 0))
    assert shelves.expected(WATER) == pytest.approx(START)


def test_a_doubt_that_nobody_decides_stays_one():
    shelves = Shelves(config=dataclasses.replace(CONFIG, review_ms=15_000))
    shelves.decide("p0", "water", 1, 0.6, True, [("soda", 1, 0.4)])
    shelves.decide("p2", "juice", 1)
    shelves.decide("p2", "juice", 1)
    assert shelves.planogram.state().doubts == {}
    assert shelves.expected(WATER) == pytest.approx(START - 0.6)


PLATES = ("p0", "p1", "p2", "p4", "p5")
SKUS = ("water", "soda", "juice", "cereal", "")
MOVES = st.lists(
    st.tuples(st.sampled_from(PLATES), st.sampled_from(SKUS), st.integers(1, 3), st.booleans()), max_size=30
)


@settings(max_examples=40, deadline=None)
@given(MOVES)
def test_pieces_are_neither_made_nor_lost(moves):
    """What lies on plates and what was carried away is what was there; nobody takes what he cannot."""
    shelves, carried = Shelves(), dict.fromkeys(SKUS, 0)
    for plate_id, sku, most, puts in moves:
        there = [slot for slot in shelves.planogram.slots if plate_id in slot[0] and slot[1] == sku]
        lying = sum(round(shelves.expected(slot)) for slot in there)
        quantity = -min(most, carried[sku]) if puts else min(most, lying)
        if quantity:
            shelves.decide(plate_id, sku, quantity)
            carried[sku] += quantity
    found = shelves.all_expected()
    for sku in SKUS:
        lying = sum(expected for (_, product), expected in found.items() if product == sku)
        assert lying + carried[sku] == pytest.approx(START if sku else 0)
    assert all(shelves.planogram.count(slot).stddev == 0 for slot in found)


DOUBTS = st.lists(
    st.tuples(st.sampled_from(PLATES), st.sampled_from(SKUS[:3]), st.sampled_from(SKUS[:3]), st.floats(0.5, 0.9)),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(DOUBTS, st.randoms())
def test_decisions_count_once_and_in_any_order(doubts, random):
    """Doubts that are all decided leave what sure decisions would have left, however often a review is told."""
    doubtful, sure = Shelves(), Shelves()
    corrections = []
    for plate_id, told, other, share in doubts:
        key = doubtful.decide(plate_id, told, 1, share, True, [(other, 1, 1 - share)] if other != told else [])
        sure.decide(plate_id, other, 1)
        corrections.append((key, Correction(key, plate_id, told, 1, 1, other, 1)))
    random.shuffle(corrections)
    for key, correction in corrections:
        doubtful.review(key, correction)
        doubtful.review(key, correction)
    assert {slot: e for slot, e in doubtful.all_expected().items() if e} == pytest.approx(sure.all_expected())


@settings(max_examples=25, deadline=None)
@given(MOVES, st.integers(0, 30))
def test_a_restart_changes_nothing(moves, at):
    once, again = Shelves(), Shelves()
    for number, (plate_id, sku, quantity, puts) in enumerate(moves):
        if number == at:
            state = pickle.loads(pickle.dumps(again.planogram.state()))
            again.planogram = LivePlanogram.restore(CONFIG, COUNTED, again.map, state)
        for shelves in (once, again):
            review = quantity == 2
            shelves.decide(plate_id, sku, -quantity if puts else quantity, 0.7, review, [("water", 1, 0.2)])
    assert once.told == again.told and once.lines == again.lines
    assert once.all_expected() == again.all_expected()


def test_the_stock_is_told_when_it_changed_and_not_too_often():
    shelves = Shelves(config=dataclasses.replace(CONFIG, period_ms=25_000))
    shelves.decide("p0", "water", 1)
    assert next(line for line in shelves.lines if line.sku == "water").expected == pytest.approx(9)
    shelves.decide("p0", "water", 1)
    assert next(line for line in shelves.lines if line.sku == "water").expected == pytest.approx(9)
    (last,) = shelves.planogram.finish(shelves.now_ns + 1)
    assert isinstance(last, StockLines)
    assert next(line for line in last.lines if line.sku == "water").expected == pytest.approx(8)
    assert shelves.planogram.finish(shelves.now_ns + 2) == []


def test_unknown_decisions_are_passed_over():
    shelves = Shelves()
    before = shelves.all_expected()
    shelves.decide("nowhere", "water", 1)
    shelves.decide("p0", "no such product", 1)
    shelves.decide("p0", "", 0, 0.6, True)
    assert {slot: e for slot, e in shelves.all_expected().items() if e} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [({"sure": 0.4}, "sure"), ({"most": 0}, "most"), ({"tare_stddev": 0.0}, "tare_stddev"), ({"low": -1}, "low")],
)
def test_bad_tuning_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **change)


def test_counts():
    count = Count.about(5, 2.0)
    assert count.mean == pytest.approx(5, abs=0.1) and count.stddev == pytest.approx(2, abs=0.1)
    assert Count.exactly(2).plus({-3: 1.0}) is None
    assert Count.anything(9).plus({-3: 1.0}).mean == pytest.approx(3)
    assert Count.exactly(4).at_most(3) == 0 and Count.exactly(4).at_most(4) == 1
