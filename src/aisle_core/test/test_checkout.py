"""Visits, carts, receipts: examples and laws of conservation."""

import pickle
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_core.checkout import Checkout, CheckoutConfig
from aisle_core.checkout.cart import account
from aisle_core.store import Lane, Product
from aisle_core.types import (
    Alternative,
    CartEvent,
    CartEvents,
    CartState,
    CloseReason,
    CredentialShown,
    EntryDecision,
    GateAlarmKind,
    GateCommandKind,
    GateCommandReason,
    GateEvent,
    GateEventKind,
    PersonTrack,
    PersonTracks,
    Reason,
    StaffOrder,
    StaffOrderKind,
    Tick,
    TrackState,
)

S = 1_000_000_000
CONFIG = {
    "session_key": "a key only for tests",
    "ask_office": False,
    "authorise_timeout_ms": 3000,
    "grant_timeout_ms": 5000,
    "follow_ms": 1000,
    "jam_timeout_ms": 60_000,
    "visit_timeout_ms": 3_600_000,
    "bind_time_ms": 2000,
    "bind_distance": 1.5,
    "exit_distance": 1.5,
    "reach": 1.5,
    "settle_ms": 1000,
    "doubt_probability": 0.1,
    "review_timeout_ms": 3_600_000,
}


def product(sku, price_minor):
    return Product(
        sku=sku,
        gtin=None,
        name=f"Product {sku}",
        price_minor=price_minor,
        tax_class="standard",
        weight=0.5,
        weight_stddev=None,
        size=None,
    )


PRODUCTS = {p.sku: p for p in [product("cola", 150), product("soap", 299), product("gift", None)]}
PLATES = {"p1": SimpleNamespace(centre=(5.0, 5.5, 1.0))}
OPEN_STORE = SimpleNamespace(currency="EUR", products=PRODUCTS, plates=PLATES, max_people=None, lanes=())
GATED_STORE = SimpleNamespace(
    currency="EUR",
    products=PRODUCTS,
    plates=PLATES,
    max_people=None,
    lanes=(
        Lane(lane_id="in_1", zone="door", direction="in", position=(0.0, 0.0)),
        Lane(lane_id="in_2", zone="door", direction="in", position=(1.0, 0.0)),
        Lane(lane_id="out_1", zone="door", direction="out", position=(9.0, 0.0)),
    ),
)


class Run:
    """A checkout with everything it has said."""

    def __init__(self, store=OPEN_STORE, **changes):
        self.checkout = Checkout(CheckoutConfig(**(CONFIG | changes)), store)
        self.carts, self.receipts, self.commands, self.alarms, self.requests = [], [], [], [], []
        self.staff, self.reviews, self.decisions = [], [], []

    def _keep(self, output):
        self.carts += [output.carts] if output.carts else []
        self.receipts += output.receipts
        self.commands += output.commands
        self.alarms += output.alarms
        self.requests += output.requests
        self.staff += output.staff
        self.reviews += output.reviews
        self.decisions += output.decisions
        return output

    def step(self, *items):
        for item in items:
            self._keep(self.checkout.step(item))
        return self

    def finish(self, stamp_ns=1000 * S):
        self._keep(self.checkout.finish(stamp_ns))
        return self

    @property
    def receipt(self):
        (receipt,) = self.receipts
        return receipt


def track(track_id, x=5.0, y=5.0, first=0.0, state=TrackState.SEEN, label=None):
    return PersonTrack(track_id, label, state, (x, y, 0.0), (0.01, 0.0, 0.0, 0.01), None, (), 1.0, int(first * S))


def tracks(at, *people):
    return PersonTracks(int(at * S), 0, people)


def take(cart_event_id, track_id, sku, quantity=1, at=1.0, **changes):
    fields = {
        "cart_event_id": cart_event_id,
        "shelf_event_id": f"g1/{cart_event_id}",
        "plate_id": "g1-s1-p1",
        "start_ns": int(at * S),
        "end_ns": int(at * S),
        "track_id": track_id,
        "sku": sku,
        "quantity": quantity,
        "confidence": 0.9,
        "reason": Reason.WEIGHT_AND_PLACE,
        "review": False,
        "alternatives": (),
    }
    return CartEvent(**(fields | changes))


def doubt(cart_event_id, track_id, sku, quantity, *alternatives, **changes):
    fields = {"confidence": 0.5, "reason": Reason.AMBIGUOUS_PRODUCT, "review": True}
    return take(
        cart_event_id,
        track_id,
        sku,
        quantity,
        alternatives=tuple(Alternative(*a) for a in alternatives),
        **(fields | changes),
    )


def decided(at, *events):
    return CartEvents(int(at * S), 0, int(at * S), events)


def passage(at, lane_id, kind, credential=None):
    return GateEvent(int(at * S), 0, lane_id, kind, credential)


def tick(at):
    return Tick(int(at * S), 0)


def lines(receipt):
    return {line.sku: line.quantity for line in receipt.lines}


def shopping(*events, people=(1,)):
    """One or more people, one batch of decisions, the end."""
    return Run().step(tracks(0, *(track(p) for p in people)), decided(5, *events)).finish()


# --- a store without lanes


def test_the_cart_shows_what_is_not_decided_yet_and_the_receipt_does_not():
    run = Run().step(tracks(0, track(1)), decided(2, take("", 1, "cola"), take("c1", 1, "soap")))
    cola, soap = sorted(run.carts[-1].carts[0].lines, key=lambda line: line.sku)
    assert (cola.sku, cola.cart_event_ids, cola.shelf_event_ids) == ("cola", (), ())
    assert (soap.sku, soap.cart_event_ids) == ("soap", ("c1",))
    shown = len(run.carts)
    assert len(run.step(decided(2.1, take("", 1, "cola"))).carts) == shown
    run.step(decided(2.2, take("", 2, "cola")))
    assert [line.sku for line in run.carts[-1].carts[0].lines] == ["soap"]
    run.step(decided(2.3, take("", 1, "cola"))).finish()
    assert [line.sku for line in run.receipt.lines] == ["soap"]
    assert run.carts[-1].carts[0].lines == run.receipt.lines


def test_a_visit_is_as_long_as_its_track():
    run = Run().step(
        tracks(1, track(7, first=0.9, label="alice")),
        decided(2, take("a", 7, "cola", 2), take("b", 7, "soap")),
        tracks(3, track(7, state=TrackState.ENDED)),
        decided(4.1),
    )
    receipt = run.receipt
    assert receipt.close_reason is CloseReason.TRACK_ENDED
    assert (receipt.open_ns, receipt.stamp_ns) == (int(0.9 * S), 3 * S)
    assert (receipt.label, receipt.track_ids, receipt.currency) == ("alice", (7,), "EUR")
    assert lines(receipt) == {"cola": 2, "soap": 1}
    assert (receipt.charged_minor, receipt.review_minor, receipt.review) == (2 * 150 + 299, 0, False)
    line = receipt.lines[0]
    assert (line.name, line.unit_price_minor, line.amount_minor) == ("Product cola", 150, 300)
    assert (line.cart_event_ids, line.shelf_event_ids, line.track_ids) == (("a",), ("g1/a",), (7,))
    assert run.checkout.state().session_of == {}
    assert run.finish().receipts == [receipt]


def test_a_receipt_waits_for_what_settled_before_the_end():
    run = Run().step(tracks(1, track(1)), tracks(3, track(1, state=TrackState.ENDED)), decided(3.9))
    assert run.receipts == []
    run.step(decided(4.0, take("a", 1, "cola", at=2.9)))
    assert lines(run.receipt) == {"cola": 1}


def test_carts_are_told_when_they_change():
    run = Run().step(tracks(1, track(1)), tracks(2, track(1)), decided(3), decided(4, take("a", 1, "cola")), tick(5))
    assert [(c.stamp_ns, c.carts[0].total_minor) for c in run.carts] == [(1 * S, 0), (4 * S, 150)]
    run.finish()
    assert [cart.state for batch in run.carts for cart in batch.carts] == [
        CartState.OPEN,
        CartState.OPEN,
        CartState.CLOSED,
    ]


def test_the_end_of_the_stream_closes_every_visit():
    run = Run().step(tracks(1, track(1), track(2)), decided(2, take("a", 2, "cola"))).finish(9 * S)
    assert [lines(r) for r in run.receipts] == [{}, {"cola": 1}]
    assert {r.close_reason for r in run.receipts} == {CloseReason.END_OF_STREAM}
    assert {r.stamp_ns for r in run.receipts} == {9 * S}


def test_visit_ids_are_keyed_and_repeatable():
    ids = [r.session_id for r in shopping(people=(1, 2)).receipts]
    assert ids == [r.session_id for r in shopping(people=(1, 2)).receipts]
    assert len(set(ids)) == 2 and all(len(i) == 16 and int(i, 16) >= 0 for i in ids)
    other = Run(session_key="another key for tests").step(tracks(0, track(1))).finish()
    assert other.receipt.session_id not in ids


# --- lines


def test_what_is_put_back_is_not_charged():
    receipt = shopping(
        take("a", 1, "cola", 2), take("b", 1, "cola", -1), take("c", 1, "soap"), take("d", 1, "soap", -1)
    ).receipt
    assert lines(receipt) == {"cola": 1}
    assert (receipt.charged_minor, receipt.review) == (150, False)


def test_a_return_of_what_is_not_in_the_cart_is_reviewed():
    receipt = shopping(take("a", 1, "soap", -1), take("b", 1, "cola")).receipt
    assert lines(receipt) == {"cola": 1}
    assert receipt.unbooked_cart_event_ids == ("a",)
    assert (receipt.charged_minor, receipt.review) == (150, True)


def test_a_return_of_more_than_the_line_holds_puts_it_under_review():
    receipt = shopping(take("a", 1, "cola"), take("b", 1, "cola", -2)).receipt
    assert lines(receipt) == {"cola": 1}
    assert receipt.unbooked_cart_event_ids == ("b",)
    assert (receipt.charged_minor, receipt.review_minor, receipt.review) == (0, 150, True)


@pytest.mark.parametrize("sku", ["gift", "not in the catalogue"])
def test_a_product_without_a_price_is_charged_nothing_and_reviewed(sku):
    receipt = shopping(take("a", 1, sku, 2), take("b", 1, "cola")).receipt
    line = receipt.lines[0]
    assert (line.unit_price_minor, line.amount_minor, line.review) == (None, 0, True)
    assert (receipt.charged_minor, receipt.review_minor, receipt.review) == (150, 0, True)


def test_a_doubtful_line_is_not_charged_and_keeps_its_evidence():
    receipt = shopping(
        take("a", 1, "cola"), doubt("b", 1, "cola", 1, (1, "soap", 1, 0.4), (0, "", 0, 0.1)), take("c", 1, "soap")
    ).receipt
    cola, soap = receipt.lines
    assert cola.review and soap.review
    assert (receipt.charged_minor, receipt.review_minor) == (0, 2 * 150 + 299)
    assert (cola.confidence, cola.reason) == (0.5, Reason.AMBIGUOUS_PRODUCT)
    assert [a.sku for a in cola.alternatives] == ["soap", ""]
    assert soap.cart_event_ids == ("b", "c")


def test_a_doubtful_return_puts_both_products_under_review():
    receipt = shopping(
        take("a", 1, "cola"), take("b", 1, "soap"), doubt("c", 1, "cola", -1, (1, "soap", -1, 0.45))
    ).receipt
    assert lines(receipt) == {"soap": 1}
    assert (receipt.charged_minor, receipt.review_minor, receipt.review) == (0, 299, True)


@pytest.mark.parametrize(("probability", "review"), [(0.3, True), (0.05, False)])
def test_a_decision_that_may_be_about_somebody_else_puts_both_under_review(probability, review):
    first, second = shopping(
        take("a", 2, "cola"),
        take("b", 1, "cola"),
        doubt("c", 1, "cola", -1, (2, "cola", -1, probability), reason=Reason.AMBIGUOUS_PERSON),
        people=(1, 2),
    ).receipts
    assert first.review and lines(first) == {}
    assert second.review is review
    assert second.charged_minor == (0 if review else 150)


def test_which_of_a_group_it_was_is_no_doubt():
    either = doubt("a", 1, "cola", 1, (2, "cola", 1, 0.47), reason=Reason.AMBIGUOUS_PERSON)
    together = account([either], (1, 2), PRODUCTS, 0.1)
    assert together.charged_minor == 150 and not together.review
    assert all(account([either], (track_id,), PRODUCTS, 0.1).review for track_id in (1, 2))


def test_a_decision_about_nobody_makes_those_near_reviewable():
    near, far = shopping(
        doubt("a", 0, "cola", 1, (1, "cola", 1, 0.2), (2, "cola", 1, 0.02)),
        doubt("b", 1, "", 1),
        doubt("c", 0, "", 1),
        people=(1, 2),
    ).receipts
    assert near.unbooked_cart_event_ids == ("a", "b") and near.review and near.lines == ()
    assert far.unbooked_cart_event_ids == () and not far.review


def test_a_decision_that_comes_twice_is_booked_once():
    run = Run().step(tracks(0, track(1)), decided(5, take("a", 1, "cola")), decided(6, take("a", 1, "cola"))).finish()
    assert lines(run.receipt) == {"cola": 1}


def test_decisions_come_before_the_track():
    run = Run().step(decided(1, take("a", 1, "cola"), doubt("b", 0, "", 1, (1, "cola", 1, 0.5))))
    assert run.checkout.statistics()["cart_events_waiting"] == 2
    assert run.carts == []
    receipt = run.step(tracks(1, track(1))).finish().receipt
    assert lines(receipt) == {"cola": 1} and receipt.unbooked_cart_event_ids == ("b",)
    assert run.checkout.statistics()["cart_events_waiting"] == 0


def test_decisions_about_somebody_without_a_visit_are_forgotten_in_the_end():
    run = Run().step(decided(1, take("a", 1, "cola")), decided(2, take("b", 2, "cola", at=60.0)), tick(3603))
    assert run.checkout.statistics()["cart_events_waiting"] == 1


# --- a store with lanes


def credential(at, lane_id, name):
    return passage(at, lane_id, GateEventKind.CREDENTIAL, name)


def goes_in(at, lane_id="in_1"):
    return passage(at, lane_id, GateEventKind.PASSAGE_IN)


def goes_out(at, lane_id="out_1"):
    return passage(at, lane_id, GateEventKind.PASSAGE_OUT)


def test_a_visit_from_gate_to_gate():
    run = Run(GATED_STORE).step(
        tick(0),
        credential(1, "in_1", "card"),
        goes_in(2),
        tracks(2.5, track(4, x=0.5, y=0.5, first=2.5, label="bob")),
        decided(3, take("a", 4, "cola", at=2.6)),
        tick(4.1),
        tracks(5, track(4, x=9.0, y=0.6, first=2.5)),
        goes_out(5.01),
        decided(5.99),
    )
    assert [(c.lane_id, c.kind, c.reason) for c in run.commands] == [
        ("in_1", GateCommandKind.ADMIT, GateCommandReason.GRANTED)
    ]
    assert run.receipts == []
    receipt = run.step(decided(6.0)).receipt
    assert (receipt.open_ns, receipt.stamp_ns) == (2 * S, int(5.01 * S))
    assert (receipt.close_reason, receipt.credential, receipt.label) == (CloseReason.EXIT, "card", "bob")
    assert lines(receipt) == {"cola": 1} and not receipt.review


def test_a_receipt_waits_for_doubts_and_a_lane_does_not():
    run = inside("card").step(tracks(20, track(1, x=9.0, y=0.6, first=2)), goes_out(20))
    doubtful = CartEvents(30 * S, 0, 19 * S, (take("a", 1, "cola", at=19.0),))
    run.step(doubtful, credential(30, "in_1", "other"))
    assert [c.kind for c in run.commands] == [GateCommandKind.ADMIT] * 2 and run.receipts == []
    assert lines(run.step(decided(31)).receipt) == {"cola": 1}


@pytest.mark.parametrize(
    ("x", "state", "wait_s"),
    [(5.0, TrackState.SEEN, 0.8), (7.0, TrackState.SEEN, 0.0), (7.0, TrackState.LOST, 0.8)],
    ids=["near a shelf", "away", "out of sight"],
)
def test_a_receipt_waits_for_what_its_people_may_have_touched(x, state, wait_s):
    """They go out 0.2 s after they were last there."""
    run = Run(GATED_STORE).step(credential(1, "in_1", "card"), goes_in(2))
    for at in range(20, 60, 5):
        run.step(tracks(at / 10, track(4, x=0.5, y=0.5, first=2)))
    run.step(tracks(6.0, track(4, x=x, first=2, state=state)), tracks(6.2, track(4, x=9.0, y=0.6, first=2)))
    run.step(decided(6.2), goes_out(6.2))
    assert len(run.receipts) == (wait_s == 0)
    run.step(decided(6.19 + wait_s))
    assert len(run.receipts) == (wait_s == 0)
    assert run.step(decided(6.2 + wait_s)).receipt.close_reason is CloseReason.EXIT


@pytest.mark.parametrize(("people", "quiet_s"), [(1, 1.1), (2, 0.0)])
def test_a_receipt_waits_where_the_tracker_is_silent_or_somebody_has_no_track(people, quiet_s):
    run = Run(GATED_STORE).step(credential(1, "in_1", "card"), passage(1.5, "in_1", GateEventKind.UNLOCKED))
    run.step(*[goes_in(2)] * people)
    for at in range(20, 60, 5):
        run.step(tracks(at / 10, track(4, x=0.5, y=0.5, first=2)))
    run.step(tracks(6.0, track(4, x=9.0, y=0.6, first=2)), decided(6.0), goes_out(6.0 + quiet_s))
    assert run.step(decided(6.99 + quiet_s)).receipts == []
    assert len(run.step(decided(7.0 + quiet_s)).receipts) == 1


def test_a_gone_person_opens_and_closes_nothing_more():
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "card"),
        goes_in(2),
        tracks(2, track(4, x=0, y=0, first=2)),
        tick(4.1),
        tracks(5, track(4, x=9, y=0, first=2)),
        goes_out(5),
        decided(6),
        tracks(7, track(4, x=9, y=0, first=2)),
        goes_out(7),
        decided(8, take("a", 4, "cola", at=7)),
    )
    assert len(run.receipts) == 1
    assert run.checkout.statistics()["exits_without_visit"] == 1
    assert run.checkout.statistics()["cart_events_waiting"] == 1
    assert run.step(tracks(9, track(4, state=TrackState.ENDED))).checkout.state().session_of == {}


def test_people_who_enter_together_are_told_apart_by_lane_and_time():
    run = (
        Run(GATED_STORE)
        .step(
            credential(1, "in_1", "anna"),
            credential(1, "in_2", "ben"),
            goes_in(2, "in_1"),
            goes_in(2, "in_2"),
            tracks(2.1, track(1, x=1.0, y=0.4, first=2.1), track(2, x=0.4, y=0.4, first=2.1)),
            credential(2.5, "in_1", "cleo"),
            goes_in(3.5, "in_1"),
            tracks(3.6, track(3, x=0.1, y=0.1, first=3.6)),
        )
        .finish()
    )
    assert {r.credential: r.track_ids for r in run.receipts} == {"anna": (2,), "ben": (1,), "cleo": (3,)}


@pytest.mark.parametrize(
    "person", [track(4, x=2.0, y=0.0, first=2), track(4, x=0.0, y=0.0, first=4.5)], ids=["too far", "too late"]
)
def test_a_passage_without_a_track_is_reviewed(person):
    run = (
        Run(GATED_STORE)
        .step(credential(1, "in_1", "card"), goes_in(2), tracks(person.first_ns / S, person), tick(5))
        .finish()
    )
    assert run.receipt.track_ids == () and run.receipt.review


def test_nobody_vanishes_except_through_a_gate():
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "card"),
        goes_in(2),
        tracks(2, track(4, x=0, y=0, first=2)),
        tick(5),
        tracks(6, track(4, state=TrackState.ENDED)),
        decided(20),
    )
    assert run.receipts == []
    assert run.finish().receipt.close_reason is CloseReason.END_OF_STREAM


def test_who_is_not_at_the_lane_does_not_leave():
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "card"),
        goes_in(2),
        tracks(2, track(4, x=0, y=0, first=2)),
        tick(5),
        tracks(6, track(4, x=7.0, y=0.0, first=2), track(5, x=9.0, y=0.0, first=5.9)),
        goes_out(6),
        decided(8),
    )
    assert run.receipts == []
    assert run.checkout.statistics()["exits_without_visit"] == 1


@pytest.mark.parametrize(("x", "receipts"), [(7.4, 0), (7.6, 1)])
def test_who_leaves_is_near_the_lane(x, receipts):
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "card"),
        goes_in(2),
        tracks(2, track(4, x=0, y=0, first=2)),
        tick(5),
        tracks(6, track(4, x=x, y=0.0, first=2)),
        goes_out(6),
        decided(8),
    )
    assert len(run.receipts) == receipts


def test_who_follows_another_one_out_leaves_too():
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "anna"),
        credential(1, "in_2", "ben"),
        goes_in(2, "in_1"),
        goes_in(2, "in_2"),
        tracks(2, track(1, x=0, y=0, first=2), track(2, x=1, y=0, first=2)),
        tick(5),
        tracks(6, track(1, x=9, y=0, first=2), track(2, x=9, y=1, first=2)),
        goes_out(6),
        goes_out(6.5),
        decided(8),
    )
    assert [(r.credential, r.stamp_ns) for r in run.receipts] == [("anna", 6 * S), ("ben", int(6.5 * S))]


def test_refusals():
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "a"),
        credential(2, "in_1", "b"),
        credential(2, "out_1", "c"),
        tick(6.1),
        credential(7, "in_1", "d"),
        goes_in(13),
    )
    assert [c.reason for c in run.commands] == [
        GateCommandReason.GRANTED,
        GateCommandReason.BUSY,
        GateCommandReason.EXIT_ONLY,
        GateCommandReason.GRANTED,
    ]
    assert [alarm.kind for alarm in run.alarms] == [GateAlarmKind.WITHOUT_GRANT]
    assert run.finish().receipts == []


# --- laws

SKUS = ["cola", "soap", "gift", "stranger", ""]


@st.composite
def stories(draw):
    """A store and a list of items in the order of their stamps."""
    gated = draw(st.booleans())
    items, at, ended = [], 0.0, set()
    for number in range(draw(st.integers(1, 25))):
        at += draw(st.sampled_from([0.0, 0.1, 0.5, 1.5]))
        kind = draw(st.sampled_from(["tracks", "events", "tick", *(["gate"] * 2 if gated else [])]))
        if kind == "tracks":
            people = []
            for track_id in draw(st.lists(st.integers(1, 4), unique=True)):
                if track_id not in ended:
                    state = draw(st.sampled_from([TrackState.SEEN] * 5 + [TrackState.LOST, TrackState.ENDED]))
                    ended |= {track_id} if state is TrackState.ENDED else set()
                    x = draw(st.sampled_from([0.0, 1.0, 5.0, 9.0]))
                    people.append(track(track_id, x, 0.0, first=at, state=state))
            items.append(tracks(at, *people))
        elif kind == "events":
            batch = []
            for position in range(draw(st.integers(0, 3))):
                review = draw(st.booleans())
                alternatives = (
                    draw(
                        st.lists(
                            st.builds(
                                Alternative,
                                st.integers(0, 4),
                                st.sampled_from(SKUS),
                                st.sampled_from([-1, 1]),
                                st.sampled_from([0.05, 0.3]),
                            ),
                            max_size=3,
                        )
                    )
                    if review
                    else []
                )
                batch.append(
                    take(
                        f"{number}.{position}",
                        draw(st.integers(0, 4)),
                        draw(st.sampled_from(SKUS)),
                        draw(st.sampled_from([-2, -1, 0, 1, 1, 2])),
                        at=at,
                        review=review,
                        alternatives=tuple(alternatives),
                        confidence=draw(st.sampled_from([0.3, 0.9])),
                    )
                )
            items.append(decided(at, *batch))
        elif kind == "gate":
            lane_id = draw(st.sampled_from(["in_1", "in_2", "out_1"]))
            items.append(passage(at, lane_id, draw(st.sampled_from(list(GateEventKind))), f"card {number}"))
        else:
            items.append(tick(at))
    return (GATED_STORE if gated else OPEN_STORE), items


def booked(receipt, events):
    """What the line's decisions say it holds."""
    return {
        line.sku: sum(
            events[i].quantity
            for i in line.cart_event_ids
            if events[i].track_id in receipt.track_ids
            and events[i].sku == line.sku
            and i not in receipt.unbooked_cart_event_ids
        )
        for line in receipt.lines
    }


@given(stories())
@settings(max_examples=60, deadline=None)
def test_items_and_money_are_conserved(story):
    store, items = story
    run = Run(store).step(*items).finish()
    staff = {told.track_id for told in run.staff}
    events = {e.cart_event_id: e for item in items if isinstance(item, CartEvents) for e in item.events}
    waiting = {(e.cart_event_id, track_id) for track_id, es in run.checkout.state().waiting.items() for e in es}

    track_of = Counter(t for r in run.receipts for t in r.track_ids)
    assert all(count == 1 for count in track_of.values())
    total = Counter()
    for receipt in run.receipts:
        assert booked(receipt, events) == lines(receipt)
        assert all(line.quantity > 0 for line in receipt.lines)
        for line in receipt.lines:
            total[line.sku] += line.quantity
            price = PRODUCTS[line.sku].price_minor if line.sku in PRODUCTS else None
            assert line.amount_minor == line.quantity * (price or 0)
            doubtful = any(events[i].review and events[i].confidence < 0.5 for i in line.cart_event_ids)
            assert line.review or (price is not None and not doubtful)
        assert receipt.charged_minor + receipt.review_minor == sum(line.amount_minor for line in receipt.lines)
        assert receipt.charged_minor == sum(line.amount_minor for line in receipt.lines if not line.review)
        assert receipt.review >= (any(line.review for line in receipt.lines) or bool(receipt.unbooked_cart_event_ids))

    unbooked = {i for r in run.receipts for i in r.unbooked_cart_event_ids}
    expected = Counter()
    about_nobody = 0
    for event in events.values():
        nameable = event.track_id not in staff | {0} and event.sku and event.quantity
        if nameable and event.cart_event_id not in unbooked and (event.cart_event_id, event.track_id) not in waiting:
            expected[event.sku] += event.quantity
        about_nobody += not (event.track_id or any(a.track_id for a in event.alternatives))
    assert +total == +expected and not -expected
    assert about_nobody == run.checkout.statistics()["cart_events_about_nobody"]
    assert len(run.receipts) == run.checkout.statistics()["visits_opened"]
    assert run.checkout.statistics()["visits_open"] == 0


def transcript(run):
    return run.carts, run.receipts, run.commands


@given(stories())
@settings(max_examples=30, deadline=None)
def test_decisions_that_come_twice_change_nothing(story):
    store, items = story
    twice = [replace(i, events=i.events + i.events) if isinstance(i, CartEvents) else i for i in items]
    assert transcript(Run(store).step(*items).finish()) == transcript(Run(store).step(*twice).finish())


@given(stories(), st.data())
@settings(max_examples=40, deadline=None)
def test_a_restored_checkout_goes_on_as_if_nothing_had_happened(story, data):
    store, items = story
    cut = data.draw(st.integers(0, len(items)))
    whole, parts = Run(store).step(*items).finish(), Run(store).step(*items[:cut])
    saved = parts.checkout.state()
    frozen = pickle.dumps(saved)
    parts.checkout.step(tick(10_000))
    assert pickle.dumps(saved) == frozen
    parts.checkout = Checkout.restore(CheckoutConfig(**CONFIG), store, pickle.loads(frozen))
    assert transcript(parts.step(*items[cut:]).finish()) == transcript(whole)


def test_a_state_shares_nothing_that_changes():
    run = inside("anna", "ben")
    state, again = run.checkout.state(), run.checkout.state()
    visits = zip(state.visits.values(), again.visits.values(), strict=True)
    for one, other in [(state, again), *visits]:
        for name in one.__slots__:
            mine = getattr(one, name)
            assert not isinstance(mine, list | dict) or mine is not getattr(other, name), name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("session_key", "short"),
        ("grant_timeout_ms", 0),
        ("bind_time_ms", -1),
        ("bind_distance", float("nan")),
        ("exit_distance", float("inf")),
        ("settle_ms", -1),
        ("doubt_probability", 0.0),
        ("doubt_probability", 1.1),
    ],
)
def test_a_config_is_checked(key, value):
    with pytest.raises(ValueError, match=key):
        CheckoutConfig(**(CONFIG | {key: value}))


def test_a_group_on_one_credential_has_one_visit_until_the_last_has_left():
    run = Run(GATED_STORE).step(
        tick(0),
        credential(1, "in_1", "card"),
        passage(1.2, "in_1", GateEventKind.UNLOCKED),
        goes_in(2),
        tracks(2.1, track(4, x=0.5, y=0.5, first=2.1)),
        goes_in(3),
        tracks(3.1, track(4, x=3.0, y=3.0, first=2.1), track(5, x=0.5, y=0.5, first=3.1)),
        passage(4, "in_1", GateEventKind.LOCKED),
        tick(6),
        decided(7, take("a", 4, "cola", at=6), take("b", 5, "soap", at=6)),
        tracks(8, track(4, x=9.0, y=0.6, first=2.1), track(5, x=3.0, y=3.0, first=3.1)),
        goes_out(8.01),
        decided(10),
    )
    assert run.receipts == [] and run.carts[-1].carts[0].track_ids == (4, 5)
    run.step(
        tracks(11, track(4, x=9.0, y=-3.0, first=2.1), track(5, x=9.0, y=0.6, first=3.1)), goes_out(11.01), decided(13)
    )
    receipt = run.receipt
    assert (receipt.credential, receipt.track_ids, receipt.close_reason) == ("card", (4, 5), CloseReason.EXIT)
    assert lines(receipt) == {"cola": 1, "soap": 1}
    assert run.alarms == []


@pytest.mark.parametrize(("late_s", "alone"), [(0.8, False), (1.2, True)])
def test_who_comes_in_after_the_lane_has_locked(late_s, alone):
    """The last of a group is a step behind the lock; a stranger comes later."""
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "card"),
        passage(1.2, "in_1", GateEventKind.UNLOCKED),
        goes_in(2),
        passage(3, "in_1", GateEventKind.LOCKED),
        goes_in(3 + late_s),
    )
    assert [alarm.kind for alarm in run.alarms] == ([GateAlarmKind.WITHOUT_GRANT] if alone else [])
    assert run.checkout.statistics()["people_inside"] == (1 if alone else 2)


# --- who may come in


def reasons(run):
    return [command.reason for command in run.commands]


def inside(*names, **store):
    """A gated store with people in it, each through a lane of their own time."""
    run = Run(SimpleNamespace(**vars(GATED_STORE) | store))
    for number, name in enumerate(names):
        at = 10 * number
        person = track(number + 1, x=0, y=0, first=at + 2)
        run.step(credential(at + 1, "in_1", name), goes_in(at + 2), tracks(at + 2, person), tick(at + 5))
    return run


def answer(run, at, reason=GateCommandReason.GRANTED, staff=False):
    request = run.requests[-1]
    return EntryDecision(int(at * S), request.lane_id, request.request_id, reason, staff)


def test_the_office_is_asked():
    run = Run(GATED_STORE, ask_office=True).step(credential(1, "in_1", "card"))
    assert (run.commands, run.requests[0].credential) == ([], "card")
    run.step(answer(run, 2), goes_in(3))
    assert reasons(run) == [GateCommandReason.GRANTED] and len(run.checkout.state().visits) == 1


@pytest.mark.parametrize("reason", [GateCommandReason.DECLINED, GateCommandReason.USED_CODE])
def test_the_office_says_no(reason):
    run = Run(GATED_STORE, ask_office=True).step(credential(1, "in_1", "card"))
    run.step(answer(run, 2, reason), goes_in(3))
    assert reasons(run) == [reason] and run.checkout.state().visits == {}


def test_an_answer_that_comes_too_late_opens_nothing():
    run = Run(GATED_STORE, ask_office=True).step(credential(1, "in_1", "card"), tick(4.1))
    assert reasons(run) == [GateCommandReason.UNREACHABLE]
    run.step(answer(run, 4.2))
    assert reasons(run) == [GateCommandReason.UNREACHABLE]


def test_a_credential_of_the_office_is_one_that_a_reader_read():
    run = Run(GATED_STORE, ask_office=True).step(CredentialShown(S, "in_1", "device"))
    assert [(r.lane_id, r.credential) for r in run.requests] == [("in_1", "device")]
    run.step(credential(1.5, "in_1", "card"), answer(run, 2), goes_in(3))
    assert reasons(run) == [GateCommandReason.BUSY, GateCommandReason.GRANTED]
    assert [visit.credential for visit in run.checkout.state().visits.values()] == ["device"]


def test_an_answer_about_somebody_else_opens_nothing():
    run = Run(GATED_STORE, ask_office=True).step(credential(1, "in_1", "card"))
    old = answer(run, 6)
    run.step(tick(4.1), credential(5, "in_1", "other"), old)
    assert reasons(run) == [GateCommandReason.UNREACHABLE]


def test_staff_has_neither_cart_nor_receipt():
    run = Run(GATED_STORE, ask_office=True).step(credential(1, "in_1", "badge"))
    run.step(
        answer(run, 1.5, staff=True),
        goes_in(2),
        tracks(2, track(4, x=0, y=0, first=2)),
        tick(5),
        decided(6, take("a", 4, "cola", at=5)),
        tracks(7, track(4, x=9, y=0, first=2)),
        goes_out(7.01),
        decided(9),
    ).finish()
    assert run.receipts == [] and all(carts.carts == () for carts in run.carts) and run.alarms == []
    assert run.checkout.statistics()["staff_entries"] == 1
    assert run.checkout.statistics()["exits_without_visit"] == 0
    assert [(staff.track_id, staff.stamp_ns) for staff in run.staff] == [(4, 2 * S)]


def test_a_key_lets_staff_in():
    run = Run(GATED_STORE).step(
        passage(1, "in_1", GateEventKind.UNLOCKED), goes_in(2), passage(3, "in_1", GateEventKind.LOCKED)
    )
    assert run.alarms == [] and run.checkout.statistics()["staff_entries"] == 1


def test_one_card_has_one_visit():
    run = inside("card").step(credential(11, "in_2", "card"))
    assert reasons(run)[-1] is GateCommandReason.VISIT_OPEN
    run.step(tracks(12, track(1, x=9, y=0, first=2)), goes_out(12), credential(13, "in_2", "card"))
    assert reasons(run)[-1] is GateCommandReason.GRANTED


def test_who_goes_out_and_in_again_has_a_new_visit():
    run = inside("card")
    (first,) = run.checkout.state().visits
    run.step(tracks(12, track(1, x=9, y=0, first=2)), goes_out(12), decided(15), credential(20, "in_1", "card"))
    run.step(goes_in(21), tick(22))
    (second,) = [v.session_id for v in run.checkout.state().visits.values() if v.close_ns is None]
    assert second != first and [receipt.session_id for receipt in run.receipts] == [first]


def test_a_full_store_counts_those_who_are_about_to_come_in():
    run = inside("anna", max_people=2).step(credential(11, "in_1", "ben"), credential(11.5, "in_2", "cleo"))
    assert reasons(run)[-2:] == [GateCommandReason.GRANTED, GateCommandReason.STORE_FULL]
    run.step(tick(30), credential(31, "in_2", "cleo"))
    assert reasons(run)[-1] is GateCommandReason.GRANTED


def test_a_closed_store_lets_staff_in_only():
    run = Run(GATED_STORE, ask_office=True).step(StaffOrder(S, StaffOrderKind.CLOSE_STORE))
    for number, (staff, reason) in enumerate(
        [(False, GateCommandReason.STORE_CLOSED), (True, GateCommandReason.GRANTED)]
    ):
        run.step(credential(2 + 10 * number, "in_1", f"card {number}"))
        assert reasons(run.step(answer(run, 3 + 10 * number, staff=staff)))[-1] is reason
    run.step(StaffOrder(30 * S, StaffOrderKind.OPEN_STORE), credential(31, "in_1", "card"))
    assert reasons(run.step(answer(run, 32)))[-1] is GateCommandReason.GRANTED


# --- what goes wrong


def test_two_bodies_and_one_pulse():
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "card"),
        goes_in(2),
        tracks(2.2, track(4, x=0, y=0.2, first=2.1), track(5, x=0.2, y=-0.4, first=2.2)),
        tick(4.1),
        decided(5, take("a", 4, "cola", at=5), take("b", 5, "soap", at=5)),
        tick(6.5),
        tick(7),
    )
    (visit,) = run.checkout.state().visits.values()
    (alarm,) = run.alarms
    assert (alarm.kind, alarm.lane_id, alarm.session_id) == (GateAlarmKind.TAIL_GATING, "in_1", visit.session_id)
    assert {alarm.track_id, *visit.track_ids} == {4, 5}
    (line,) = run.finish().receipt.lines
    assert line.review and run.receipt.review
    assert (run.receipt.charged_minor, run.receipt.review_minor) == (0, line.amount_minor)


@pytest.mark.parametrize("first_s", [(1.6, 1.9), (1.9, 1.6), (1.9, 2.2), (2.2, 1.9)])
def test_of_two_bodies_and_one_pulse_the_visit_is_theirs_who_was_seen_first(first_s):
    people = [track(4, x=0, y=0.2, first=first_s[0]), track(5, x=0, y=0.2, first=first_s[1])]
    ahead, behind = (4, 5) if first_s[0] < first_s[1] else (5, 4)
    run = Run(GATED_STORE).step(credential(1, "in_1", "card"), goes_in(2), tracks(2.3, *people), tick(4.1))
    run.step(decided(5, take("a", 4, "cola", at=5), take("b", 5, "soap", at=5)), tick(6.5), tick(7))
    (visit,) = run.checkout.state().visits.values()
    (alarm,) = run.alarms
    assert (visit.track_ids, alarm.track_id) == ([ahead], behind)
    (line,) = run.finish().receipt.lines
    assert line.sku == {4: "cola", 5: "soap"}[ahead]
    assert line.review and run.receipt.review


def test_who_comes_in_beside_one_that_follows_is_of_the_group():
    people = [track(n, x=0, y=0.2, first=first) for n, first in [(1, 2), (2, 3.4), (3, 3.8)]]
    run = Run(GATED_STORE).step(credential(1, "in_1", "card"), passage(1.2, "in_1", GateEventKind.UNLOCKED))
    run.step(goes_in(2), goes_in(3.5), tracks(4, *people), tick(6))
    run.step(decided(7, take("a", 3, "cola", at=7)), tick(8.5), tick(9))
    (visit,) = run.checkout.state().visits.values()
    (alarm,) = run.alarms
    assert (sorted(visit.track_ids), alarm.kind, alarm.track_id) == ([1, 2, 3], GateAlarmKind.TAIL_GATING, 3)
    (line,) = run.finish().receipt.lines
    assert (line.sku, line.review) == ("cola", True)


def test_somebody_who_was_there_long_before_is_not_who_was_ahead():
    people = track(4, x=0, y=0.2, first=0.6), track(5, x=0, y=0.2, first=1.9)
    run = Run(GATED_STORE).step(credential(1, "in_1", "card"), goes_in(2), tracks(2.3, *people))
    run.step(*(tick(at / 10) for at in range(40, 80)))
    (visit,) = run.checkout.state().visits.values()
    assert visit.track_ids == [5]


def test_two_bodies_and_one_pulse_are_told_of_where_they_came_in():
    run = Run(GATED_STORE).step(
        credential(1, "in_1", "anna"),
        credential(1.1, "in_2", "ben"),
        goes_in(2, "in_2"),
        goes_in(2.2, "in_1"),
        tracks(2.3, track(1, x=0, y=0, first=2), track(2, x=1, y=0, first=2.1), track(3, x=1.1, y=0, first=2.2)),
        tick(4.5),
    )
    (alarm,) = run.alarms
    assert (alarm.lane_id, alarm.track_id) == ("in_2", 3)
    assert {r.credential: r.review for r in run.finish().receipts} == {"anna": False, "ben": True}


def test_whoever_is_seen_before_their_passage_is_no_tail_gater():
    run = inside("anna").step(credential(6, "in_1", "ben"), tracks(6.6, track(2, x=0, y=0, first=6.6)), goes_in(7))
    run.step(*(tick(at / 10) for at in range(80, 120)))
    assert run.alarms == []
    assert [receipt.review for receipt in run.finish().receipts] == [False, False]


def test_whoever_has_a_passage_of_their_own_is_no_tail_gater():
    run = inside("anna").step(
        credential(6, "in_1", "ben"), goes_in(7), tracks(8.9, track(2, x=0, y=0, first=8.9)), tick(12), tick(20)
    )
    assert run.alarms == []


def test_out_through_the_way_in_is_told_and_ends_the_visit():
    run = inside("card").step(tracks(6, track(1, x=0, y=0, first=2)), goes_out(6, "in_1"), decided(8))
    assert [alarm.kind for alarm in run.alarms] == [GateAlarmKind.WRONG_WAY]
    assert run.receipt.close_reason is CloseReason.EXIT


def test_a_fire_alarm_opens_all_lanes_and_makes_visits_doubtful():
    run = inside("card").step(passage(6, "out_1", GateEventKind.ALARM))
    assert [(c.lane_id, c.kind) for c in run.commands[-3:]] == [
        (lane, GateCommandKind.OPEN) for lane in ("in_1", "in_2", "out_1")
    ]
    run.step(tracks(7, track(1, x=9, y=0, first=2)), goes_out(7), decided(9))
    assert run.receipt.review and run.receipt.close_reason is CloseReason.EXIT
    run.step(passage(60, "out_1", GateEventKind.RESTORED))
    assert [c.kind for c in run.commands[-3:]] == [GateCommandKind.RESUME] * 3
    assert [alarm.kind for alarm in run.alarms] == [GateAlarmKind.FIRE, GateAlarmKind.RESTORED]


def test_a_visit_that_never_ends_ends():
    run = inside("card", "other").step(tick(3603), decided(3700))
    assert run.receipt.close_reason is CloseReason.TIMEOUT and run.receipt.review
    assert run.checkout.statistics()["visits_open"] == 1


def test_staff_ends_a_visit():
    run = inside("card")
    (session_id,) = run.checkout.state().visits
    run.step(
        StaffOrder(6 * S, StaffOrderKind.CLOSE_VISIT, session_id), StaffOrder(6 * S, StaffOrderKind.CLOSE_VISIT, "no")
    )
    assert run.step(decided(8)).receipt.close_reason is CloseReason.STAFF


def test_what_a_checkout_missed_makes_its_visits_doubtful():
    run = inside("card")
    run.checkout = Checkout.resume(CheckoutConfig(**CONFIG), GATED_STORE, run.checkout.state())
    run.step(credential(6, "in_1", "new"), goes_in(7), tracks(7, track(2, x=0, y=0, first=7)), tick(10)).finish()
    assert [(r.credential, r.review) for r in run.receipts] == [("card", True), ("new", False)]
