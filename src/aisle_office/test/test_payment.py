"""Both providers keep the same promises; the sandbox misbehaves as told."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stripe_server import FakeStripe, serving

from aisle_core.errors import AisleError
from aisle_office.money import Money
from aisle_office.payment import DeclinedError, Evidence, PaymentProvider, RejectedError, UnreachableError
from aisle_office.payment.notices import ChargebackNotice, read_notice, signature_of
from aisle_office.payment.sandbox import Sandbox
from aisle_office.payment.stripe import Stripe

EUR = "EUR"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox.open(f"sqlite:///{tmp_path}/sandbox.db")
    yield sandbox
    sandbox.close()


@pytest.fixture
def server() -> Iterator[tuple[FakeStripe, Stripe]]:
    with serving() as (fake, address):
        yield fake, Stripe("sk_test_1", timeout_s=5.0, base_address=address)


@pytest.fixture(params=["sandbox", "stripe"])
def provider(request: pytest.FixtureRequest) -> tuple[PaymentProvider, str]:
    """A provider, and the beginning of its tokens."""
    if request.param == "sandbox":
        return request.getfixturevalue("sandbox"), "tok_"
    return request.getfixturevalue("server")[1], "pm_"


def test_hold_raise_take_and_give_back(provider: tuple[PaymentProvider, str]) -> None:
    pay, prefix = provider
    held = pay.pre_authorise(prefix + "anna", Money(5000, EUR), "k1")
    pay.adjust(held, Money(7000, EUR), "k2")
    charge = pay.capture(held, Money(6500, EUR), "k3")
    first = pay.refund(charge, Money(500, EUR), "k4")
    assert pay.refund(charge, Money(6000, EUR), "k5") != first
    with pytest.raises((DeclinedError, RejectedError)):
        pay.refund(charge, Money(1, EUR), "k6")


def test_a_key_is_done_once_and_answered_alike(provider: tuple[PaymentProvider, str]) -> None:
    pay, prefix = provider
    held = pay.pre_authorise(prefix + "anna", Money(5000, EUR), "k1")
    assert pay.pre_authorise(prefix + "anna", Money(5000, EUR), "k1") == held
    charge = pay.capture(held, Money(100, EUR), "k2")
    assert pay.capture(held, Money(100, EUR), "k2") == charge
    assert pay.refund(charge, Money(60, EUR), "k3") == pay.refund(charge, Money(60, EUR), "k3")
    pay.refund(charge, Money(40, EUR), "k4")


def test_a_bad_card_is_declined(provider: tuple[PaymentProvider, str]) -> None:
    pay, prefix = provider
    for _ in range(2):
        with pytest.raises(DeclinedError):
            pay.pre_authorise(prefix + "declined", Money(5000, EUR), "k1")


def test_a_card_that_holds_no_more_keeps_what_it_holds(provider: tuple[PaymentProvider, str]) -> None:
    pay, prefix = provider
    held = pay.pre_authorise(prefix + "no_more", Money(5000, EUR), "k1")
    with pytest.raises(DeclinedError):
        pay.adjust(held, Money(7000, EUR), "k2")
    pay.capture(held, Money(5000, EUR), "k3")


def test_what_was_let_go_cannot_be_taken(provider: tuple[PaymentProvider, str]) -> None:
    pay, prefix = provider
    held = pay.pre_authorise(prefix + "anna", Money(5000, EUR), "k1")
    pay.cancel(held, "k2")
    pay.cancel(held, "k3")
    with pytest.raises(DeclinedError):
        pay.capture(held, Money(1, EUR), "k4")


def test_letting_go_of_what_was_taken_does_nothing(provider: tuple[PaymentProvider, str]) -> None:
    pay, prefix = provider
    held = pay.pre_authorise(prefix + "anna", Money(5000, EUR), "k1")
    charge = pay.capture(held, Money(100, EUR), "k2")
    pay.cancel(held, "k3")
    pay.refund(charge, Money(100, EUR), "k4")


@pytest.mark.parametrize("manner", ["tok_timeout", "tok_lost_answer", "tok_late", "tok_twice"])
def test_the_sandbox_misbehaves_and_the_same_call_again_is_right(sandbox: Sandbox, manner: str) -> None:
    def insist(call):
        for _ in range(5):
            try:
                return call()
            except UnreachableError:
                pass
        raise AssertionError("never answered")

    held = insist(lambda: sandbox.pre_authorise(manner, Money(5000, EUR), "k1"))
    insist(lambda: sandbox.adjust(held, Money(6000, EUR), "k2"))
    charge = insist(lambda: sandbox.capture(held, Money(5500, EUR), "k3"))
    insist(lambda: sandbox.refund(charge, Money(500, EUR), "k4"))
    books = sandbox.books()
    assert (books.captured_minor, books.refunded_minor, books.captures, books.held_minor) == (5500, 500, 1, 0)


def test_a_late_capture_happens_although_nobody_asks_again(sandbox: Sandbox) -> None:
    held = sandbox.pre_authorise("tok_late", Money(5000, EUR), "k1")
    with pytest.raises(UnreachableError):
        sandbox.capture(held, Money(100, EUR), "k2")
    assert sandbox.books().captured_minor == 0
    sandbox.pre_authorise("tok_other", Money(1, EUR), "k3")
    assert sandbox.books().captured_minor == 100


def test_the_sandbox_refuses_a_key_for_another_call(sandbox: Sandbox) -> None:
    sandbox.pre_authorise("tok_anna", Money(5000, EUR), "k1")
    with pytest.raises(RejectedError):
        sandbox.pre_authorise("tok_anna", Money(4000, EUR), "k1")


def test_the_sandbox_books_outlive_it(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.pre_authorise("tok_anna", Money(5000, EUR), "k1")
    again = Sandbox.open(f"sqlite:///{tmp_path}/sandbox.db")
    assert again.books().held_minor == 5000
    again.close()


@pytest.mark.parametrize("status", [500, 503, 429, 409])
def test_stripe_in_trouble_is_unreachable_and_asked_again(server: tuple[FakeStripe, Stripe], status: int) -> None:
    fake, pay = server
    held = pay.pre_authorise("pm_anna", Money(5000, EUR), "k1")
    fake.fail = [status]
    with pytest.raises(UnreachableError):
        pay.capture(held, Money(100, EUR), "k2")
    pay.capture(held, Money(100, EUR), "k2")
    assert [path for path, _, key in fake.calls if key == "k2"] == [f"/v1/payment_intents/{held}/capture"] * 2
    assert fake.intents[held]["amount_received"] == 100


def test_stripe_forgets_keys_but_takes_the_money_once(server: tuple[FakeStripe, Stripe]) -> None:
    fake, pay = server
    held = pay.pre_authorise("pm_anna", Money(5000, EUR), "k1")
    charge = pay.capture(held, Money(100, EUR), "k2")
    fake.answers.clear()
    assert pay.capture(held, Money(100, EUR), "k2") == charge
    with pytest.raises(RejectedError):
        pay.capture(held, Money(200, EUR), "k3")


def test_stripe_nobody_listens() -> None:
    with pytest.raises(UnreachableError):
        Stripe("sk_test_1", timeout_s=1.0, base_address="http://127.0.0.1:9").pre_authorise("pm_a", Money(1, EUR), "k")


def test_stripe_a_wrong_key_is_rejected(server: tuple[FakeStripe, Stripe]) -> None:
    fake, pay = server
    fake.fail = [401]
    with pytest.raises(RejectedError):
        pay.pre_authorise("pm_anna", Money(1, EUR), "k")


def test_stripe_a_card_that_wants_its_owner_is_declined(server: tuple[FakeStripe, Stripe]) -> None:
    with pytest.raises(DeclinedError, match="requires_action"):
        server[1].pre_authorise("pm_3ds", Money(1, EUR), "k")


def test_stripe_customer_and_currency(server: tuple[FakeStripe, Stripe]) -> None:
    fake, pay = server
    pay.pre_authorise("cus_1/pm_anna", Money(500, "ISK"), "k1")
    (_, form, key) = fake.calls[-1]
    assert (form["customer"], form["payment_method"], form["amount"], key) == ("cus_1", "pm_anna", "50000", "k1")
    with pytest.raises(RejectedError, match="multiple of 10"):
        pay.pre_authorise("pm_anna", Money(1005, "KWD"), "k2")


EVIDENCE = Evidence("Cola was taken.\n" * 2000, b"%PDF-1.4")


@pytest.mark.parametrize("fail", [[], [503], [0, 503]])
def test_stripe_gets_the_evidence_once(server: tuple[FakeStripe, Stripe], fail: list[int]) -> None:
    """The answer to the upload is lost, or the one to the submission."""
    fake, pay = server
    fake.dispute("du_1")
    fake.fail = list(fail)
    if fail:
        with pytest.raises(UnreachableError):
            pay.contest("du_1", EVIDENCE, "k")
    for _ in range(2):
        pay.contest("du_1", EVIDENCE, "k")
        fake.answers.clear()
    told = fake.disputes["du_1"]["evidence"]
    assert (told["evidence[receipt]"], told["submit"]) == ("file_0", "true")
    assert told["evidence[uncategorized_text]"] == EVIDENCE.text[:20_000]
    assert "%PDF-1.4" in fake.files[0] and "dispute_evidence" in fake.files[0]


def test_stripe_refuses_evidence_about_what_nobody_disputes(server: tuple[FakeStripe, Stripe]) -> None:
    with pytest.raises(RejectedError):
        server[1].contest("du_2", EVIDENCE, "k")


SECRET = "whsec_of_the_test"


def told(body: bytes, secret: str = SECRET, age_s: int = 0) -> ChargebackNotice | None:
    return read_notice(body, signature_of(body, secret, int(time.time()) - age_s), SECRET)


def event(kind: str, **changes: object) -> bytes:
    """As the provider's documentation shows it."""
    dispute = {
        "id": "du_1",
        "object": "dispute",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "amount": 500,
        "currency": "eur",
        "reason": "fraudulent",
        "status": "needs_response",
    }
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": dispute | changes}}).encode()


@pytest.mark.parametrize(
    ("kind", "changes", "outcome"),
    [
        ("charge.dispute.created", {}, "taken"),
        ("charge.dispute.funds_withdrawn", {}, "taken"),
        ("charge.dispute.closed", {"status": "won"}, "won"),
        ("charge.dispute.closed", {"status": "lost"}, "lost"),
        ("charge.dispute.funds_reinstated", {"status": "won"}, "won"),
        ("charge.dispute.created", {"status": "warning_needs_response"}, None),
        ("charge.dispute.closed", {"status": "warning_closed"}, None),
        ("charge.succeeded", {}, None),
    ],
)
def test_what_a_provider_tells_of_a_dispute(kind: str, changes: dict[str, object], outcome: str | None) -> None:
    notice = told(event(kind, **changes))
    assert (notice.outcome if notice else None) == outcome
    if notice is not None:
        assert (notice.chargeback_id, notice.charge_id, notice.amount) == ("du_1", "pi_1", Money(500, EUR))


def test_amounts_are_counted_as_the_provider_counts() -> None:
    notice = told(event("charge.dispute.created", amount=50000, currency="isk", payment_intent=None))
    assert notice is not None and (notice.charge_id, notice.amount) == ("ch_1", Money(500, "ISK"))


@pytest.mark.parametrize(
    ("body", "secret", "age_s"),
    [
        (event("charge.dispute.created"), "another secret", 0),
        (event("charge.dispute.created"), SECRET, 600),
        (b"no json", SECRET, 0),
        (b"[]", SECRET, 0),
        (b'{"object": "event", "type": "charge.dispute.created"}', SECRET, 0),
        (event("charge.dispute.created", amount="much"), SECRET, 0),
    ],
)
def test_a_notice_of_somebody_else_is_refused(body: bytes, secret: str, age_s: int) -> None:
    with pytest.raises(AisleError, match="notice"):
        told(body, secret, age_s)


def test_the_sandbox_tells_of_its_chargebacks(sandbox: Sandbox) -> None:
    held = sandbox.pre_authorise("tok_anna", Money(5000, EUR), "k1")
    charge = sandbox.capture(held, Money(700, EUR), "k2")
    with pytest.raises(RejectedError):
        sandbox.charge_back(charge, 701, "fraudulent")
    notice = told(sandbox.charge_back(charge, 700, "fraudulent"))
    assert notice == ChargebackNotice("dp_1", charge, Money(700, EUR), "fraudulent", "taken")
    assert sandbox.books().charged_back_minor == 700
    notice = told(sandbox.end_chargeback("dp_1", won=True))
    assert notice is not None and notice.outcome == "won" and sandbox.books().charged_back_minor == 0
