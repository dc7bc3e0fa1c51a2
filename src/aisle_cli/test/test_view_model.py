"""The view model says in words what happened, and knows when the store has said its last word."""

import dataclasses

import pytest

from aisle_cli.view_model import REASON_WORDS, StreamsEnded, ViewModel, money, percent
from aisle_core.store import Store
from aisle_core.types import (
    CloseReason,
    GateAlarm,
    GateAlarmKind,
    GateCommand,
    GateCommandKind,
    GateCommandReason,
    GateEventKind,
    Reason,
    StockEvent,
    StockEventKind,
    StockEvents,
    TrackState,
)

from .samples import at, cart, carts, decision, demo_store, gate, line, receipt, shelf, track, tracks


@pytest.fixture(scope="module")
def store() -> Store:
    return demo_store()


@pytest.fixture
def model(store: Store) -> ViewModel:
    return ViewModel(store)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1240, "USD", "12.40 USD"),
        (5, "EUR", "0.05 EUR"),
        (0, "EUR", "0.00 EUR"),
        (-1205, "EUR", "-12.05 EUR"),
        (1240, "JPY", "1240 JPY"),
        (1240, "KWD", "1.240 KWD"),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount: int, currency: str, text: str) -> None:
    assert money(amount, currency) == text


def test_only_certainty_is_100_percent() -> None:
    assert [percent(share) for share in (1.0, 0.9999, 0.98, 0.29, 0.0)] == ["100 %", "99 %", "98 %", "29 %", "0 %"]


def test_a_pick_in_words(model: ViewModel) -> None:
    (entry,) = model.fold(decision(1, "COLA-033", 2, track_id=2))
    assert entry.text == "shopper 2 took 2 Cola 0.33 l can from g1-s1-p3, 98 %, weight and place agree"
    assert not entry.attention


def test_a_return_in_words(model: ViewModel) -> None:
    (entry,) = model.fold(decision(1, "COLA-033", -1, reason=Reason.OWN_CART))
    assert entry.text == "shopper 1 put back 1 Cola 0.33 l can on g1-s1-p3, 98 %, it was in the own cart"


def test_an_unknown_product_and_nobody_in_words(model: ViewModel) -> None:
    model.fold(shelf(1, "g1-s1-p3", -0.345))
    (entry,) = model.fold(decision(1, "", 0, track_id=0, confidence=0.4, reason=Reason.NOBODY_NEAR, review=True))
    assert entry.text == "somebody took something of 345 g from g1-s1-p3, 40 %, nobody was near"
    assert entry.attention


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    assert REASON_WORDS[reason]


@pytest.mark.parametrize("kind", list(GateEventKind))
def test_every_gate_event_has_words_and_no_fingerprint(model: ViewModel, kind: GateEventKind) -> None:
    (entry,) = model.fold(gate(kind))
    assert entry.text.startswith("gate lane_in: ")
    assert "fingerprint" not in entry.text


@pytest.mark.parametrize("reason", list(GateCommandReason))
def test_every_refusal_has_words(model: ViewModel, reason: GateCommandReason) -> None:
    (entry,) = model.fold(GateCommand(1, 0, "lane_in", GateCommandKind.REFUSE, reason))
    assert entry.text.startswith("gate lane_in: a credential was refused, ")
    assert model.fold(GateCommand(1, 0, "lane_in", GateCommandKind.ADMIT, reason)) == ()


@pytest.mark.parametrize("kind", list(GateAlarmKind))
def test_every_alarm_has_words(model: ViewModel, kind: GateAlarmKind) -> None:
    (entry,) = model.fold(GateAlarm(1, 0, "lane_in", kind, "", 0))
    assert entry.attention is (kind is not GateAlarmKind.RESTORED)


@pytest.mark.parametrize("kind", StockEventKind)
def test_every_stock_event_has_words(model: ViewModel, kind: StockEventKind) -> None:
    event = StockEvent(kind, ("g1-s1-p3",), "COLA-033", 0.1, 0.9, "c1")
    (entry,) = model.fold(StockEvents(5, 0, (event,)))
    assert entry.text.startswith("g1-s1-p3: Cola 0.33 l can ") and entry.stamp_ns == 5
    assert entry.attention is (kind not in (StockEventKind.BACK_IN_STOCK, StockEventKind.TIDY))


def test_staff_restocks_in_words(model: ViewModel) -> None:
    (entry,) = model.fold(decision(1, "COLA-033", -2, reason=Reason.RESTOCKED))
    assert entry.text.startswith("staff put 2 Cola 0.33 l can on ")


def test_a_fault_asks_for_attention(model: ViewModel) -> None:
    (entry,) = model.fold(gate(GateEventKind.FAULT, "motor blocked"))
    assert (entry.text, entry.attention) == ("gate lane_in: out of order: motor blocked", True)


def test_a_decision_takes_the_place_of_its_shelf_event(model: ViewModel) -> None:
    model.fold(shelf(1, "g1-s1-p3", -0.348))
    model.fold(shelf(2, "g1-s1-p1", 0.523))
    assert [entry.text for entry in model.log] == ["348 g taken from g1-s1-p3", "523 g put on g1-s1-p1"]
    model.fold(decision(1, "COLA-033", 1))
    model.fold(decision(1, "COLA-033", 1))
    assert [entry.text[:12] for entry in model.log] == ["523 g put on", "shopper 1 to", "shopper 1 to"]


def test_people_know_their_visit_and_where_they_are(model: ViewModel, store: Store) -> None:
    model.fold(
        tracks(
            track(3, 0.2, -2.7),
            track(1, 0.6, -0.5),
            track(2, 1.2, -9.0, TrackState.LOST),
            track(4, 0.0, 0.0, TrackState.ENDED),
        )
    )
    model.fold(carts(cart(store, "abcdef0123456789", (1, 2), ())))
    assert [(p.track_id, p.seen, p.place, p.session_id) for p in model.people()] == [
        (1, True, "g1", "abcdef0123456789"),
        (2, False, "", "abcdef0123456789"),
        (3, True, "gate lane_in", ""),
    ]


def test_time_is_the_stores_time_of_day(model: ViewModel) -> None:
    assert model.clock(at(61.25)) == "10:01:01.2"


def test_a_receipt_in_words(model: ViewModel, store: Store) -> None:
    lines = (line(store, "COLA-033", 2), line(store, "STILL-05", 1, Reason.AMBIGUOUS_PERSON, review=True))
    (entry,) = model.fold(receipt(store, 0, (1, 2), lines))
    assert entry.text == "receipt of shoppers 1, 2, who went out: 3 units, 2.98 USD charged, to be reviewed"
    assert entry.attention


def test_it_is_complete_when_checkout_has_ended_and_the_last_receipt_is_here(model: ViewModel, store: Store) -> None:
    model.fold(receipt(store, 0, (1,), ()))
    assert not model.complete
    model.fold(StreamsEnded("tracker_node", {"person_tracks": 7}))
    assert not model.complete
    model.fold(StreamsEnded("checkout_node", {"carts": 9, "receipts": 1}))
    assert not model.complete
    model.fold(receipt(store, 1, (2,), ()))
    assert model.complete


def test_an_end_without_any_receipt_is_complete(model: ViewModel) -> None:
    model.fold(StreamsEnded("checkout_node", {"carts": None, "receipts": None}))
    assert model.complete


@pytest.mark.parametrize("reason", list(CloseReason))
def test_every_way_to_close_has_words(model: ViewModel, store: Store, reason: CloseReason) -> None:
    (entry,) = model.fold(dataclasses.replace(receipt(store, 0, (1,), ()), close_reason=reason))
    assert "who " in entry.text
