"""Reviews: what is asked, and what an answer means for the visit, for other visits and for the shelves."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_core.checkout import Checkout, CheckoutConfig
from aisle_core.checkout.review import decide
from aisle_core.types import Correction, ReviewDecision, ReviewedLine, TrackState

from .test_checkout import CONFIG, OPEN_STORE, Run, S, decided, doubt, take, tick, track, tracks


def visit(*events, at=5.0, others=()):
    """A visit of person 1 with these decisions, closed at that time; ``others`` are in the store too."""
    run = Run().step(tracks(0, track(1), *(track(number) for number in others)))
    run.step(decided(at - 1, *events), tracks(at, track(1, state=TrackState.ENDED)), decided(at + 2))
    return run


def says(run, number=0, known=True, **lines):
    session_id = run.reviews[number].session_id
    reviewed = tuple(ReviewedLine(sku, quantity) for sku, quantity in lines.items())
    return run.step(ReviewDecision(20 * S, 0, f"r/{session_id}", session_id, "anna", known, reviewed))


def changes(run, number=0):
    decision = run.decisions[number]
    return [(c.cart_event_id, c.told_sku, c.told_quantity, c.track_id, c.sku, c.quantity) for c in decision.corrections]


def test_a_doubtful_visit_asks_with_its_evidence():
    unsure = doubt("b", 1, "cola", 1, (1, "soap", 1, 0.4))
    run = visit(take("a", 1, "soap"), unsure, take("c", 1, "gift"))
    (review,) = run.reviews
    assert (review.session_id, review.track_ids) == (run.receipt.session_id, (1,))
    assert unsure in review.events and review.lines == run.receipt.lines and not review.missed
    assert visit(take("a", 1, "soap")).reviews == []


def test_what_no_line_holds_is_evidence_too():
    run = visit(take("a", 1, "cola"), take("b", 1, "cola", -2), doubt("c", 0, "", 1, (1, "soap", 1, 0.4)))
    (review,) = run.reviews
    assert [event.cart_event_id for event in review.events] == ["a", "b", "c"]
    assert review.unbooked_cart_event_ids == ("b", "c")


def test_the_other_product():
    run = says(visit(doubt("b", 1, "cola", 1, (1, "soap", 1, 0.4))), cola=0, soap=1)
    assert changes(run) == [("b", "cola", 1, 1, "soap", 1)]


def test_it_was_as_told():
    run = says(visit(doubt("b", 1, "cola", 1, (1, "soap", 1, 0.4))))
    assert changes(run) == [("b", "cola", 1, 1, "cola", 1)]


def test_nothing_was_taken():
    run = says(visit(doubt("b", 1, "cola", 1, (0, "", 0, 0.4))), cola=0)
    assert changes(run) == [("b", "cola", 1, 0, "", 0)]


def test_two_doubts_are_decided_together():
    first, second = doubt("a", 1, "cola", 1, (1, "soap", 1, 0.3)), doubt("b", 1, "cola", 1, (1, "soap", 1, 0.45))
    run = says(visit(first, second), cola=1, soap=1)
    assert changes(run) == [("a", "cola", 1, 1, "cola", 1), ("b", "cola", 1, 1, "soap", 1)]


def test_a_product_that_no_decision_names_is_what_was_not_known():
    run = says(visit(doubt("b", 1, "", 1)), gift=1)
    assert changes(run) == [("b", "", 1, 1, "gift", 1)]


def test_a_sure_line_may_be_wrong_too():
    run = says(visit(take("a", 1, "gift", 3), doubt("b", 1, "cola", 1, (0, "", 0, 0.4))), gift=1)
    assert changes(run) == [("b", "cola", 1, 1, "cola", 1), ("a", "gift", 3, 1, "gift", 1)]


def test_a_product_out_of_nowhere():
    run = says(visit(doubt("b", 1, "cola", 1, (0, "", 0, 0.4))), soap=2)
    assert changes(run)[1:] == [("", "", 0, 1, "soap", 2)]


def test_nobody_looked():
    run = says(visit(doubt("b", 1, "cola", 1, (0, "", 0, 0.4))), known=False)
    assert changes(run) == [] and not run.decisions[0].known


def test_a_review_is_decided_once():
    run = says(says(visit(doubt("b", 1, "cola", 1, (0, "", 0, 0.4)))), cola=0)
    assert len(run.decisions) == 1 and run.checkout.statistics()["reviews_waiting"] == 0


def test_what_is_given_back_later_is_passed_on():
    run = visit(take("a", 1, "soap"))
    back = Correction("", "", "", 0, 0, "soap", -1)
    run.step(ReviewDecision(20 * S, 0, "d", run.receipt.session_id, "anna", True, (), (back,)))
    assert run.decisions[0].corrections == (back,)


def test_a_decision_settles_the_cart_of_another():
    shared = doubt("b", 1, "cola", 1, (2, "cola", 1, 0.49))
    run = visit(shared, others=(2,))
    assert run.carts[-1].carts[-1].lines == ()
    run = says(run, cola=0)
    (line,) = run.carts[-1].carts[-1].lines
    assert (line.sku, line.quantity, line.review) == ("cola", 1, False)
    run.step(tracks(30, track(2, state=TrackState.ENDED)), decided(40))
    assert not run.receipts[-1].review


def test_a_decision_settles_the_review_of_another():
    shared = doubt("b", 1, "cola", 1, (2, "cola", 1, 0.49))
    run = visit(shared, others=(2,))
    run.step(tracks(8, track(2, state=TrackState.ENDED)), decided(12))
    says(says(run), 1)
    assert changes(run, 1) == [("b", "cola", 1, 1, "cola", 1)]
    assert run.checkout.state().settled == {}


def test_nobody_took_what_two_visits_were_in_doubt_about():
    run = visit(doubt("b", 1, "cola", 1, (2, "cola", 1, 0.49)), others=(2,))
    run.step(tracks(8, track(2, state=TrackState.ENDED)), decided(12))
    says(says(run, cola=0), 1)
    assert changes(run, 0) == [("b", "cola", 1, 2, "cola", 1)]
    assert changes(run, 1) == [("b", "cola", 1, 0, "", 0)]


def test_a_review_outlives_the_checkout_and_the_stream_but_not_for_ever():
    run = visit(doubt("b", 1, "cola", 1, (0, "", 0, 0.4)))
    run.checkout = Checkout.restore(CheckoutConfig(**CONFIG), OPEN_STORE, run.checkout.state())
    run.step(tick(3000))
    assert run.checkout.statistics()["reviews_waiting"] == 1
    run.step(tick(3700))
    assert run.checkout.statistics()["reviews_waiting"] == 0


BOOKINGS = st.tuples(st.sampled_from((0, 1, 2)), st.sampled_from(("cola", "soap")), st.sampled_from((1, 2)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(BOOKINGS, st.lists(BOOKINGS, max_size=2), st.booleans()), min_size=1, max_size=5),
    st.dictionaries(st.sampled_from(("cola", "soap", "gift")), st.integers(0, 4)),
)
def test_corrected_decisions_hold_what_was_decided(events, quantities):
    """Whatever is told and decided: the decisions, as corrected, add up to what the reviewer said."""
    told = []
    for number, ((track_id, sku, quantity), others, sure) in enumerate(events):
        share = 0.5 / max(len(others), 1)
        if sure and track_id:
            told.append(take(f"e{number}", track_id, sku, quantity))
        else:
            alternatives = [(*other, share) for other in others]
            told.append(doubt(f"e{number}", track_id, sku if track_id else "", quantity, *alternatives))
    run = visit(*told)
    if not run.reviews:
        return
    (review,) = run.reviews
    wanted = Counter({line.sku: line.quantity for line in review.lines if line.sku})
    for sku, quantity in quantities.items():
        wanted[sku] = quantity
    decided_now = decide(review, quantities, {})
    held: Counter[str] = Counter()
    corrected = {one.correction.cart_event_id for one in decided_now}
    for event in told:
        if event.cart_event_id not in corrected and event.track_id == 1:
            held[event.sku] += event.quantity
    for one in decided_now:
        c = one.correction
        if c.track_id in review.track_ids and c.sku:
            held[c.sku] += c.quantity
    assert +held == +wanted
    assert len(corrected - {""}) == len([one for one in decided_now if one.event is not None])
    assert decide(review, quantities, {}) == decided_now


def test_many_doubts_are_decided_together():
    events = [doubt(f"e{n}", 1, "cola", 1, (1, "soap", 1, 0.3), (2, "cola", 1, 0.1)) for n in range(8)]
    run = says(visit(*events), cola=3, soap=2)
    assert Counter((c[4], c[5]) for c in changes(run) if c[3] == 1) == {("cola", 1): 3, ("soap", 1): 2}
