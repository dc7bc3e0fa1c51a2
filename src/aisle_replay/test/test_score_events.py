"""Decisions against true picks and put-backs, their waiting times and confidences."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_world import CREDENTIALS, PAYERS, decision, log, ns, true_cart, true_event, visit

from aisle_contract.truth import TruthEventKind
from aisle_core.errors import AisleError
from aisle_replay.runs import Decision
from aisle_replay.scoring.calibration import Calibration, calibration, draw
from aisle_replay.scoring.events import EventCounts, Judged, accounts, count_events, judge
from aisle_replay.scoring.latency import exit_to_receipt, pick_to_cart, summary

TRUE = [
    true_event("anna", "p1", 10),
    true_event("bert", "p2", 20, "tea", 2),
    true_event("anna", "p1", 30, kind=TruthEventKind.PUT_BACK),
]
PERFECT = [decision(1, "p1", 10.1), decision(2, "p2", 20.1, "tea", 2), decision(1, "p1", 30.1, quantity=-1)]
NONE = EventCounts(**dict.fromkeys(EventCounts.__slots__, 0))


def counted(decisions: list[Decision], events: list = TRUE) -> EventCounts:
    return count_events(judged(decisions, events))


def judged(decisions: list[Decision], events: list) -> list[Judged]:
    return judge(decisions, events, [CREDENTIALS[event.shopper] for event in events], PAYERS)


def differences(counts: EventCounts) -> dict[str, int]:
    """What is not as in the perfect run."""
    perfect = counted(PERFECT)
    names = EventCounts.__slots__
    return {name: getattr(counts, name) for name in names if getattr(counts, name) != getattr(perfect, name)}


def test_a_perfect_run() -> None:
    counts = counted(PERFECT)
    assert (counts.true, counts.claims, counts.found, counts.right) == (3, 3, 3, 3)
    assert counts.detection.f1 == counts.attribution.f1 == 1.0
    assert counts.wrong_person + counts.wrong_product + counts.wrong_quantity == 0
    assert counts.doubted + counts.missed + counts.invented + counts.needless_doubts == 0


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (decision(2, "p1", 10.1), {"right": 2, "wrong_person": 1}),
        (decision(3, "p1", 10.1), {"right": 2, "wrong_person": 1}),
        (decision(1, "p1", 10.1, "tea"), {"right": 2, "wrong_product": 1}),
        (decision(1, "p1", 10.1, quantity=2), {"right": 2, "wrong_quantity": 1}),
        (decision(2, "p1", 10.1, "tea", 3), {"right": 2, "wrong_person": 1, "wrong_product": 1, "wrong_quantity": 1}),
        (decision(0, "p1", 10.1), {"claims": 2, "found": 2, "right": 2, "doubted": 1}),
        (decision(1, "p1", 10.1, ""), {"claims": 2, "found": 2, "right": 2, "doubted": 1}),
        (decision(0, "p1", 10.1, "", 0), {"claims": 2, "found": 2, "right": 2, "doubted": 1}),
        (decision(1, "p3", 10.1), {"found": 2, "right": 2, "missed": 1, "invented": 1}),
        (decision(1, "p1", 11.6), {"found": 2, "right": 2, "missed": 1, "invented": 1}),
        (decision(1, "p1", 10.1, quantity=-1), {"found": 2, "right": 2, "missed": 1, "invented": 1}),
    ],
    ids=[
        "person",
        "person without visit",
        "product",
        "quantity",
        "everything",
        "nobody",
        "no product",
        "nothing",
        "plate",
        "time",
        "direction",
    ],
)
def test_each_error_counts_as_itself(wrong: Decision, expected: dict[str, int]) -> None:
    assert differences(counted([wrong, *PERFECT[1:]])) == expected


def test_what_is_missing_and_what_is_too_much() -> None:
    assert differences(counted(PERFECT[1:])) == {"claims": 2, "found": 2, "right": 2, "missed": 1}
    assert differences(counted([*PERFECT, decision(1, "p9", 50)])) == {"claims": 4, "invented": 1}
    assert differences(counted([*PERFECT, decision(0, "p9", 50, "", 0)])) == {"needless_doubts": 1}
    assert counted([], []) == NONE
    assert counted([], TRUE).detection.recall == 0.0


def test_an_event_over_two_plates_is_found_at_either() -> None:
    events = [true_event("anna", ("p1", "p2"), 10)]
    assert counted([decision(1, "p1", 10)], events).right == counted([decision(1, "p2", 10)], events).right == 1


def test_as_many_pairs_as_possible_then_the_nearest_in_time() -> None:
    events = [true_event("anna", "p1", 10), true_event("bert", "p1", 11.2)]
    assert counted([decision(1, "p1", 10), decision(2, "p1", 11.2)], events).right == 2
    assert counted([decision(2, "p1", 10), decision(1, "p1", 11.2)], events).wrong_person == 2
    late = [decision(1, "p1", 10.9), decision(2, "p1", 12.4)]
    assert counted(late, events).found == 2


def test_pairs_alike_in_time_are_made_rightly() -> None:
    events = [true_event("anna", "p1", 10), true_event("bert", "p1", 10)]
    assert counted([decision(2, "p1", 10), decision(1, "p1", 10)], events).right == 2


def test_what_is_only_lifted_or_restocked_may_be_decided_but_need_not() -> None:
    lifted = [true_event("anna", "p1", 10, kind=TruthEventKind.LIFT, lasts=5)]
    stocked = [true_event("clerk", "p1", 10, kind=TruthEventKind.RESTOCK)]
    assert counted([], lifted) == counted([], stocked) == NONE
    counts = counted([decision(1, "p1", 10), decision(1, "p1", 15, quantity=-1)], lifted)
    assert (counts.true, counts.right, counts.invented) == (2, 2, 0)
    assert counted([decision(1, "p1", 10)], stocked).invented == 1
    assert counted([decision(1, "p1", 10, quantity=-1)], stocked).wrong_person == 1
    assert counted([decision(0, "p1", 10, quantity=-1)], stocked) == NONE


def test_a_pick_comes_before_the_lift_that_led_to_it() -> None:
    events = [true_event("anna", "p1", 8, kind=TruthEventKind.LIFT, lasts=1.5), true_event("anna", "p1", 10)]
    both = decision(1, "p1", 8).model_copy(update={"end_ns": ns(10.5)})
    assert differences(counted([both, *PERFECT[1:]], [*events, *TRUE[1:]])) == {}


@pytest.mark.parametrize("kind", [TruthEventKind.TOUCH, TruthEventKind.DROP, TruthEventKind.HAND_OVER])
def test_what_moves_no_goods_on_a_plate_is_no_event(kind: TruthEventKind) -> None:
    assert counted([decision(1, "p1", 10)], [true_event("anna", "p1", 10, kind=kind)]).invented == 1


@given(st.permutations(PERFECT), st.permutations(TRUE))
def test_the_order_does_not_matter(decisions: list[Decision], events: list) -> None:
    assert counted(decisions, events) == counted(PERFECT)


def test_a_put_back_is_about_the_cart_it_went_out_of() -> None:
    """Bert puts back what Anna has handed to him, then something of his own."""
    back = TruthEventKind.PUT_BACK
    events = [true_event("bert", "p1", 30, kind=back), true_event("bert", "p1", 40, kind=back)]
    carts = [
        true_cart("A", "anna", 10, ("milk", 2), closed=False),
        true_cart("B", "bert", 11, ("milk", 1), closed=False),
        true_cart("A", "anna", 30.5, ("milk", 1), closed=False),
        true_cart("B", "bert", 40.5, closed=False),
    ]
    assert accounts(log(events, carts)) == ["A", "B"]


# --- waiting times


def test_pick_to_cart_is_from_the_end_of_the_pick_to_the_release() -> None:
    pairs = judged([*PERFECT, decision(1, "p9", 50)], TRUE)
    released = {PERFECT[0].cart_event_id: ns(11.5), PERFECT[1].cart_event_id: ns(22.5), "p9@50/1": ns(99)}
    assert sorted(pick_to_cart(pairs, released)) == pytest.approx([1.0, 2.0])


def test_exit_to_receipt_takes_the_exits_of_a_credential_in_turn() -> None:
    carts = [true_cart("A", "anna", 100), true_cart("A", "anna", 200), true_cart("B", "bert", 150)]
    carts.append(true_cart("A", "anna", 10, closed=False))
    visits = [visit("A", 101, track_id=1), visit("A", 201, track_id=2)]
    visits.append(visit("B", 300, track_id=3, close_reason="end_of_stream"))
    pairs = [(one.credential or "", one) for one in visits]
    waits = exit_to_receipt(pairs, carts, {"session1": ns(101.5), "session2": ns(203), "session3": ns(300)})
    assert sorted(waits) == pytest.approx([1.5, 3.0])


def test_summary() -> None:
    assert summary(np.arange(101.0)) == {"median_s": 50.0, "p95_s": 95.0, "max_s": 100.0}
    assert summary(np.empty(0)) is None


# --- calibration


def outcomes(confidence: float, right: int, wrong: int) -> Calibration:
    return Calibration(np.full(right + wrong, confidence), np.arange(right + wrong) < right)


def test_a_confidence_that_keeps_its_word_has_no_error() -> None:
    assert outcomes(0.75, 75, 25).ece() == pytest.approx(0.0)
    assert outcomes(0.95, 50, 50).ece() == pytest.approx(0.45)


def test_the_error_is_weighed_by_the_claims_of_the_bins() -> None:
    both = Calibration(np.array([0.55] * 3 + [0.85]), np.array([True, True, True, False]))
    assert both.ece() == pytest.approx(0.75 * 0.45 + 0.25 * 0.85)
    first, second = both.bins()
    assert (first.low, first.high, first.claims, first.right) == (0.5, 0.6, 3, 1.0)
    assert (second.claims, second.confidence, second.right) == (1, 0.85, 0.0)


def test_every_confidence_has_its_bin() -> None:
    bins = Calibration(np.array([0.0, 0.1, 0.100001, 1.0]), np.ones(4, dtype=bool)).bins()
    assert [(one.low, one.claims) for one in bins] == [(0.0, 2), (0.1, 1), (0.999, 1)]
    assert Calibration(np.empty(0), np.empty(0, dtype=bool)).ece() is None


def test_invented_claims_are_wrong_and_doubts_claim_nothing() -> None:
    decisions = [decision(1, "p1", 10, confidence=0.8), decision(1, "p9", 50, confidence=0.7), decision(0, "p2", 20)]
    found = calibration(judged(decisions, TRUE))
    assert sorted(zip(found.confidence.tolist(), found.right.tolist(), strict=True)) == [(0.7, False), (0.8, True)]


def test_the_picture(tmp_path: Path) -> None:
    draw(outcomes(0.8, 5, 5), tmp_path / "calibration.png")
    assert (tmp_path / "calibration.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(AisleError, match=r"no\.xyz: cannot be written"):
        draw(outcomes(0.8, 5, 5), tmp_path / "no.xyz")
