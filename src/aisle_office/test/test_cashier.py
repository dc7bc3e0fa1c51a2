"""Visits that are settled, with the sandbox and a real journal, on a clock of the test."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from office_world import NOON, SECOND, World, item, office, opened
from sqlalchemy.exc import OperationalError

from aisle_core.errors import AisleError
from aisle_office import chargebacks, support
from aisle_office.audit import audit
from aisle_office.cashier import Cashier
from aisle_office.doorkeeper import Doorkeeper
from aisle_office.events import (
    AgeCheckAsked,
    CartChanged,
    ChargebackEnded,
    Charged,
    ChargedBack,
    EntryDecided,
    EntryRequested,
    EntryUsed,
    Event,
    EvidenceSent,
    GateAlarmed,
    ReceiptIssued,
    RefundRefused,
    RefundRequested,
    TaskFailed,
    VisitReviewed,
)
from aisle_office.money import Money
from aisle_office.payment.notices import ChargebackNotice
from aisle_office.tasks import dead_letters, rerun


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def build(adults_only: tuple[str, ...] = (), **changes: Any) -> World:
        worlds.append(World(tmp_path, office(**changes), adults_only=adults_only))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


def test_a_visit_is_charged_once_and_has_a_receipt(world: World) -> None:
    assert world.enter("tok_anna").reason == "authorised"
    world.leave(item("COLA-033", 2), item("MILK-1"))
    world.settle()
    (charged,) = world.events(Charged)
    (receipt,) = world.events(ReceiptIssued)
    assert charged.amount_minor == receipt.bill.total_minor == 437
    books = world.sandbox.books()
    assert (books.captured_minor, books.captures, books.held_minor) == (437, 1, 0)


def test_a_restart_at_any_time_changes_nothing(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033"))
    for _ in range(3):
        world.start()
        world.settle()
    end = world.journal.end()
    world.start()
    world.settle()
    assert world.journal.end() == end
    assert world.sandbox.books().captures == 1


def test_an_empty_visit_costs_nothing_and_holds_nothing(world: World) -> None:
    world.enter("tok_anna")
    world.leave()
    world.settle()
    assert world.events(ReceiptIssued) == world.events(Charged) == []
    assert world.sandbox.books().held_minor == 0


def test_an_empty_visit_lets_go_although_the_provider_is_slow(world: World) -> None:
    world.enter("tok_timeout")
    world.leave()
    world.settle()
    assert world.sandbox.books().held_minor == 0
    assert world.ends() == set()


@pytest.mark.parametrize("when", ["entry", "exit"])
def test_a_disk_that_is_full_loses_and_doubles_nothing(world: World, when: str) -> None:
    """What the provider did while nothing could be written is asked again, with the same keys."""
    if when == "exit":
        world.enter("tok_anna")
        world.leave(item("COLA-033", 2))
    else:
        payer = world.wallet.payer_of("tok_anna")
        world.journal.append(EntryRequested(request_id="r-v1", lane_id="gate1", payer=payer, stamp_ns=world.now_ns))
    engine, number = world.journal._engine, 0
    with engine.connect() as connection:
        (pages,) = connection.exec_driver_sql("PRAGMA page_count").one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OperationalError, match="full"):
        for number in range(1000):
            alarm = {"alarm": "jammed", "session_id": "", "track_id": number, "stamp_ns": NOON}
            world.journal.append(GateAlarmed(about="gate1", **alarm))
    world.settle(0.0005)
    assert world.events(Charged) == world.events(EntryDecided, "r-v1")[when == "exit" :] == []
    assert world.sandbox.books().held_minor + world.sandbox.books().captured_minor > 0
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    world.settle(0.0005)
    if when == "entry":
        (decided,) = world.events(EntryDecided, "r-v1")
        assert decided.admitted and world.sandbox.books().held_minor == decided.authorised_minor
    else:
        world.settle()
        books = world.sandbox.books()
        assert (books.captured_minor, books.captures, books.held_minor) == (298, 1, 0)
    assert audit(world.journal).findings == []


@pytest.mark.parametrize(("currency", "total"), [("JPY", 298), ("KWD", 298), ("ISK", 298)])
def test_money_is_that_of_the_site(tmp_path: Path, currency: str, total: int) -> None:
    """Currencies with none and three decimals, through the provider and on the receipt."""
    world = World(tmp_path, office())
    world.store = world.store.model_copy(update={"currency": currency})
    args = (world.journal, world.sandbox, world.wallet)
    world.workers = [
        Doorkeeper(*args, world.office, currency, lambda: world.now_ns),
        Cashier(*args, world.store, world.office, lambda: world.now_ns),
    ]
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2), currency=currency)
    world.settle()
    (charged,) = world.events(Charged)
    (issued,) = world.events(ReceiptIssued)
    assert (charged.amount_minor, charged.currency, issued.bill.currency) == (total, currency, currency)
    report = audit(world.journal)
    assert report.findings == [] and report.balances[currency].receipts_minor == total
    world.close()


def test_a_declined_card_stays_outside(world: World) -> None:
    decided = world.enter("tok_declined")
    assert (decided.admitted, decided.reason) == (False, "declined")


@pytest.mark.parametrize(("policy", "admitted"), [("refuse", False), ("admit", True)])
def test_a_silent_provider_at_the_gate_is_the_sites_decision(
    make: Callable[..., World], policy: str, admitted: bool
) -> None:
    world = make(entry={"unreachable": policy})
    decided = world.enter("tok_silent")
    assert (decided.admitted, decided.reason) == (admitted, "provider_unreachable")
    assert world.journal.read(kinds=(EntryDecided,))[0].stamp_ns <= NOON + 5.2 * SECOND


@pytest.mark.parametrize("token", ["tok_lost_answer", "tok_timeout"])
def test_what_was_held_without_an_answer_is_let_go(make: Callable[..., World], token: str) -> None:
    """The decision comes before the third answer, which would be good."""
    world = make(entry={"decide_s": 0.3})
    assert not world.enter(token).admitted
    world.settle()
    assert world.sandbox.books().held_minor == 0
    assert world.ends() == set()


def test_an_admission_that_nobody_uses_is_taken_back(world: World) -> None:
    payer = world.wallet.payer_of("tok_anna")
    world.journal.append(EntryRequested(request_id="r1", lane_id="gate1", payer=payer, stamp_ns=NOON))
    world.settle()
    assert world.events(EntryUsed, "r1") == [EntryUsed(request_id="r1", session_id="")]
    assert world.sandbox.books().held_minor == 0


def test_whoever_goes_in_just_too_late_is_charged_all_the_same(world: World) -> None:
    payer = world.wallet.payer_of("tok_anna")
    world.journal.append(EntryRequested(request_id="r1", lane_id="gate1", payer=payer, stamp_ns=NOON))
    world.settle()
    world.journal.append(opened("v1", payer, "r1"), EntryUsed(request_id="r1", session_id="v1"))
    world.leave(item("COLA-033"))
    world.settle()
    assert [charged.amount_minor for charged in world.events(Charged)] == [149]
    assert world.sandbox.books().captures == 1


def test_more_is_held_while_the_cart_grows(world: World) -> None:
    world.enter("tok_anna")
    items = (item("COFFEE-250", 21),)
    world.journal.append(CartChanged(session_id="v1", revision=0, stamp_ns=NOON, items=items))
    world.settle(0.01)
    assert world.sandbox.books().held_minor == 15000
    world.leave(*items)
    world.settle()
    assert world.sandbox.books().captured_minor == 21 * 499


def test_a_cart_above_what_is_held_is_raised_at_the_exit(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COFFEE-250", 21))
    world.settle()
    assert world.sandbox.books().captured_minor == 21 * 499


def test_a_card_that_holds_no_more_is_charged_anew_and_the_old_hold_is_gone(world: World) -> None:
    world.enter("tok_no_more")
    world.leave(item("COFFEE-250", 21))
    world.settle()
    books = world.sandbox.books()
    assert (books.captured_minor, books.captures, books.held_minor) == (21 * 499, 1, 0)


@pytest.mark.parametrize("token", ["tok_timeout", "tok_lost_answer", "tok_late", "tok_twice", "tok_blocked_later"])
def test_a_provider_that_misbehaves_takes_the_money_once(world: World, token: str) -> None:
    assert world.enter(token).admitted
    world.leave(item("COLA-033"))
    world.settle()
    books = world.sandbox.books()
    assert (books.captured_minor, books.captures, books.held_minor) == (149, 1, 0)
    assert len(world.events(ReceiptIssued)) == 1
    assert world.ends() == set()


def test_a_charge_that_is_declined_waits_for_an_operator_and_closes_the_gate(world: World) -> None:
    world.enter("tok_stolen_later")
    world.leave(item("COLA-033"))
    world.settle()
    assert world.ends() == {"v1 charge"}
    assert (world.events(ReceiptIssued), world.sandbox.books().held_minor) == ([], 0)
    assert world.enter("tok_stolen_later", "v2").reason == "debt"
    world.start()
    assert world.enter("tok_stolen_later", "v3").reason == "debt"
    with pytest.raises(AisleError, match="does not wait"):
        rerun(world.journal, "v1", "bill", "staff-1")


def test_an_operator_has_a_dead_charge_tried_again(make: Callable[..., World]) -> None:
    """The card is silent at two calls of each sort; with two attempts the charge dies once."""
    retry = {"first_s": 1.0, "factor": 2.0, "most_s": 600.0, "attempts": 2}
    world = make(settling={"retry": retry}, entry={"unreachable": "admit", "decide_s": 0.1})
    world.enter("tok_timeout")
    world.leave(item("COLA-033"))
    world.settle()
    assert "v1 charge" in world.ends()
    for _ in range(3):
        for end in sorted(world.ends()):
            rerun(world.journal, *end.split(), "staff-1")
        world.settle()
    assert world.ends() == set()
    assert (world.sandbox.books().captures, world.sandbox.books().held_minor) == (1, 0)
    assert world.enter("tok_timeout", "v2").reason != "debt"


def test_a_doubtful_visit_waits_for_its_review(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2, review=True), item("MILK-1"))
    world.settle(1)
    assert world.events(Charged) == []
    quantities = {"COLA-033": 1, "GUM-27": 1}
    world.journal.append(
        VisitReviewed(session_id="v1", actor="staff-1", quantities=quantities, loss_minor=0, note="seen")
    )
    world.settle(1)
    (charged,) = world.events(Charged)
    assert charged.amount_minor == 149 + 139 + 109
    world.settle(48)
    assert world.sandbox.books().captures == 1


def test_at_the_deadline_the_store_gives_the_doubtful_lines_up(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2, review=True), item("MILK-1"))
    world.settle(23.9)
    assert world.events(Charged) == []
    world.settle(0.2)
    assert [charged.amount_minor for charged in world.events(Charged)] == [139]
    (review,) = world.events(VisitReviewed)
    assert (review.actor, review.loss_minor) == ("deadline", 298)
    late = VisitReviewed(session_id="v1", actor="staff-1", quantities={"COLA-033": 2}, loss_minor=0, note="")
    world.journal.append(late)
    world.settle(1)
    assert world.sandbox.books().captured_minor == 139


def test_a_visit_that_never_closes_is_closed_and_reviewed(world: World) -> None:
    world.enter("tok_anna")
    world.journal.append(CartChanged(session_id="v1", revision=0, stamp_ns=NOON, items=(item("COLA-033"),)))
    world.settle(11.9)
    world.settle(24.2)
    (review,) = world.events(VisitReviewed)
    assert (review.actor, review.loss_minor) == ("deadline", 149)
    assert world.sandbox.books().held_minor == 0


def test_what_has_no_price_waits_for_an_operator(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("NOVELTY"))
    world.settle()
    assert world.ends() == {"v1 bill"}
    assert "catalogue" in dead_letters(world.journal)[0].reason


def refund(refund_id: str, **quantities: int) -> Event:
    named = {sku.replace("_", "-"): n for sku, n in quantities.items()}
    return RefundRequested(session_id="v1", refund_id=refund_id, quantities=named, actor="staff-1", note="")


@pytest.mark.parametrize("token", ["tok_anna", "tok_timeout", "tok_lost_answer", "tok_late", "tok_twice"])
def test_refunds_give_back_what_was_paid_and_no_more(world: World, token: str) -> None:
    world.enter(token)
    world.leave(item("COLA-033", 2), item("MILK-1"))
    world.journal.append(refund("a", COLA_033=1), refund("b", COLA_033=2), refund("c", COLA_033=1, MILK_1=1))
    world.settle()
    receipts = world.events(ReceiptIssued)
    assert [(receipt.refund_id, receipt.bill.total_minor) for receipt in receipts] == [
        ("", 437),
        ("a", -149),
        ("c", -288),
    ]
    books = world.sandbox.books()
    assert (books.captured_minor, books.refunded_minor) == (437, 437)


def test_an_unpaid_visit_gets_nothing_back(world: World) -> None:
    world.enter("tok_anna")
    world.leave()
    world.journal.append(refund("a", COLA_033=1))
    world.settle()
    assert world.sandbox.books().refunded_minor == 0
    assert world.events(TaskFailed) == []


def test_a_forgotten_payer_is_still_charged_what_was_held(world: World) -> None:
    world.enter("tok_anna")
    (visit,) = world.journal.read(kinds=(type(opened()),))
    world.wallet.forget(visit.event.payer)
    world.leave(item("COLA-033"))
    world.settle()
    assert world.sandbox.books().captured_minor == 149
    assert world.wallet.card(visit.event.payer) is None


def test_a_chargeback_is_a_debt_until_the_money_comes_back(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2))
    world.settle()
    chargebacks.book(world.journal, "v1", "d1", 149, "not recognised")
    chargebacks.book(world.journal, "v1", "d1", 149, "told twice")
    assert world.enter("tok_anna", "v2").reason == "debt"
    world.start()
    assert world.enter("tok_anna", "v3").reason == "debt"
    report = audit(world.journal)
    assert (report.findings, report.balances["USD"].charged_back_minor) == ([], 149)
    chargebacks.end(world.journal, "v1", "d1", returned=True, actor="staff-1")
    assert world.enter("tok_anna", "v4").admitted
    assert audit(world.journal).balances["USD"].charged_back_minor == 0


def test_what_a_bank_took_back_is_not_refunded_too(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2))
    world.settle()
    chargebacks.book(world.journal, "v1", "d1", 149, "not recognised")
    for number, pieces in enumerate((2, 1)):
        world.journal.append(
            RefundRequested(
                session_id="v1", refund_id=f"r{number}", quantities={"COLA-033": pieces}, actor="staff-1", note=""
            )
        )
    world.settle()
    (refused,) = world.events(RefundRefused)
    assert refused.refund_id == "r0" and "bank" in refused.reason
    assert world.sandbox.books().refunded_minor == 149
    with pytest.raises(AisleError, match="has paid 0"):
        chargebacks.book(world.journal, "v1", "d2", 1, "")
    assert audit(world.journal).findings == []


def told(outcome: str, minor: int = 298, charge_id: str = "ch_1", currency: str = "USD") -> ChargebackNotice:
    return ChargebackNotice("d1", charge_id, Money(minor, currency), "fraudulent", outcome)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", [("taken", "won"), ("won", "taken"), ("taken", "taken", "won", "won")])
def test_what_the_provider_tells_is_booked_in_any_order(world: World, order: tuple[str, ...]) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2))
    world.settle()
    for outcome in order:
        assert chargebacks.take(world.journal, told(outcome)) == "v1"
    assert [event.returned for event in world.events(ChargebackEnded)] == [True]
    assert len(world.events(ChargedBack)) == 1
    assert audit(world.journal).findings == [] and world.ends() == set()


def test_a_notice_that_cannot_be_right_waits_for_an_operator(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2))
    world.settle()
    assert chargebacks.take(world.journal, told("taken", charge_id="ch_11")) is None
    for notice in (told("taken", minor=299), told("taken", currency="EUR")):
        assert chargebacks.take(world.journal, notice) == "v1"
    assert world.ends() == {"v1 chargeback/d1"}
    assert world.events(ChargedBack) == []


@pytest.mark.parametrize("card", ["tok_good", "tok_timeout", "tok_lost_answer", "tok_twice"])
def test_the_provider_gets_the_evidence_about_a_chargeback(world: World, card: str) -> None:
    world.enter(card)
    world.leave(item("COLA-033", 2))
    world.settle()
    (charged,) = world.events(Charged)
    world.sandbox.charge_back(charged.charge_id, 298, "fraudulent")
    assert chargebacks.take(world.journal, replace(told("taken", charge_id=charged.charge_id), chargeback_id="dp_1"))
    with pytest.raises(AisleError, match="not known"):
        chargebacks.contest(world.journal, "v1", "dp_2", "staff-1")
    for _ in range(2):
        chargebacks.contest(world.journal, "v1", "dp_1", "staff-1")
        world.settle()
    assert len(world.events(EvidenceSent)) == 1 and world.ends() == set()
    text = world.sandbox.evidence("dp_1")
    assert text is not None and "s-COLA-033" in text and "staff-1" in text and "to contest" not in text
    world.start()
    world.settle()
    assert audit(world.journal).findings == []
    chargebacks.end(world.journal, "v1", "dp_1", True, "provider")
    with pytest.raises(AisleError, match="is over"):
        chargebacks.contest(world.journal, "v1", "dp_1", "staff-1")


def test_evidence_that_the_provider_does_not_want_waits_for_an_operator(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2))
    world.settle()
    chargebacks.book(world.journal, "v1", "by phone", 149, "")
    chargebacks.contest(world.journal, "v1", "by phone", "staff-1")
    world.settle()
    assert world.ends() == {"v1 evidence/by phone"} and world.events(EvidenceSent) == []


@pytest.fixture
def with_wine(make: Callable[..., World]) -> World:
    """A visit with something for adults, and something for everybody."""
    world = make(adults_only=("JUICE-1",))
    world.enter("tok_anna")
    bottle = CartChanged(session_id="v1", revision=0, stamp_ns=NOON, items=(item("JUICE-1"), item("MILK-1")))
    world.journal.append(bottle)
    world.settle(0.001)
    assert [asked.min_age for asked in world.events(AgeCheckAsked)] == [18]
    return world


def test_who_is_old_enough_is_charged_at_once(with_wine: World) -> None:
    assert support.check_age(with_wine.journal, "v1", True, "staff", "").approved
    with_wine.leave(item("JUICE-1"), item("MILK-1"))
    with_wine.settle(0.01)
    (charged,) = with_wine.events(Charged)
    assert charged.amount_minor == 299 + 139
    assert support.check_age(with_wine.journal, "v1", False, "somebody else", "").approved
    assert audit(with_wine.journal).findings == []


@pytest.mark.parametrize("word", ["approved late", "refused", "reviewed", "nobody"])
def test_who_leaves_unchecked_is_not_held_and_waits(with_wine: World, word: str) -> None:
    if word == "refused":
        support.check_age(with_wine.journal, "v1", False, "staff", "15")
    with_wine.leave(item("JUICE-1"), item("MILK-1"))
    with_wine.settle(1.0)
    assert with_wine.events(Charged) == []
    if word == "approved late":
        support.check_age(with_wine.journal, "v1", True, "staff", "")
    if word == "reviewed":
        support.review(
            with_wine.journal, with_wine.store, with_wine.office, "v1", {"JUICE-1": 1}, "staff", "known to us"
        )
    with_wine.settle(30.0)
    paid = 139 if word in ("refused", "nobody") else 299 + 139
    assert [charged.amount_minor for charged in with_wine.events(Charged)] == [paid]
    assert [reviewed.loss_minor for reviewed in with_wine.events(VisitReviewed)] in ([299] if paid == 139 else [0], [])
    assert audit(with_wine.journal).findings == []


def test_nobodys_age_is_asked_for_milk(make: Callable[..., World]) -> None:
    world = make(adults_only=("JUICE-1",))
    world.enter("tok_anna")
    world.leave(item("MILK-1"))
    world.settle(0.01)
    assert world.events(Charged) != []
    with pytest.raises(AisleError, match="asks for an age"):
        support.check_age(world.journal, "v1", True, "staff", "")
