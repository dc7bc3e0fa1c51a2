"""The meeting of nodes and office, with the real thread and the real journal."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from office_world import NOON, SECOND, World, office

from aisle_core.checkout import CheckoutState
from aisle_core.checkout.gate import LaneStatus
from aisle_core.types import (
    Alternative,
    Cart,
    CartEvent,
    CartLine,
    Carts,
    CartState,
    CloseReason,
    Correction,
    EntryDecision,
    EntryRequest,
    GateAlarm,
    GateAlarmKind,
    GateCommandReason,
    PersonTrack,
    Reason,
    Receipt,
    Review,
    ReviewDecision,
    ReviewedLine,
    ShelfEvent,
    ShelfEvents,
    StaffOrder,
    StaffOrderKind,
    TrackState,
)
from aisle_office import codes, orders
from aisle_office.events import (
    DEADLINE,
    CartChanged,
    DisputeDecided,
    EntryDecided,
    EntryUsed,
    GateAlarmed,
    VisitClosed,
    VisitOpened,
    VisitReviewed,
)
from aisle_office.front_desk import FrontDesk, Said


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, office())
    yield world
    world.close()


def line(sku: str, quantity: int = 1, review: bool = False) -> CartLine:
    return CartLine(
        sku,
        sku.title(),
        quantity,
        149,
        149 * quantity,
        0.9,
        Reason.WEIGHT_AND_PLACE,
        review,
        ("c1",),
        ("s1",),
        (7,),
        (),
    )


def carts(second: int, *lines: CartLine, session_id: str = "v1", state: CartState = CartState.OPEN) -> Carts:
    cart = Cart(session_id, (7,), None, state, "tok_anna", NOON, "USD", lines, 0)
    return Carts(NOON + second * SECOND, 0, (cart,))


def receipt(*lines: CartLine, review: bool = False) -> Receipt:
    exit_ns = NOON + 60 * SECOND
    return Receipt(
        exit_ns, 0, "v1", (7,), None, "tok_anna", NOON, CloseReason.EXIT, "USD", lines, 0, 0, review, ("c9",)
    )


def shown(credential: str = "tok_anna") -> EntryRequest:
    return EntryRequest(NOON, 0, "gate1", credential, f"gate1-{NOON}")


def said(world: World, *items: Said) -> None:
    """Say items; a desk that closes has written them all."""
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        for item in items:
            desk.say(item)


def test_a_visit_crosses_and_is_charged(world: World) -> None:
    said(world, shown())
    world.settle(0.001)
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        for item in (shown(), carts(1), carts(2, line("COLA-033")), carts(3, line("COLA-033", 2))):
            desk.say(item)
        desk.say(carts(60, line("COLA-033", 2), state=CartState.CLOSED))
        desk.say(receipt(line("COLA-033", 2)))
    world.settle()
    (opened,) = world.events(VisitOpened)
    assert world.events(EntryUsed, opened.request_id) == [EntryUsed(request_id=f"gate1-{NOON}", session_id="v1")]
    assert [(cart.revision, cart.items[0].quantity) for cart in world.events(CartChanged)] == [(0, 1), (1, 2)]
    (closed,) = world.events(VisitClosed)
    assert (closed.close_reason, closed.unbooked_cart_event_ids) == ("exit", ("c9",))
    assert closed.items[0].reason == "weight_and_place"
    assert world.sandbox.books("tok_anna").captured_minor == 298


def decided(world: World, credential: str) -> EntryDecision:
    """The answer to a request; the doorkeeper runs in this thread, the desk in its own."""
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        desk.say(shown(credential))
        answers: list = []
        while not answers:
            world.workers[0].step()
            answers = desk.answers()
    (answer,) = answers
    assert (answer.lane_id, answer.request_id) == ("gate1", f"gate1-{NOON}")
    return answer


@pytest.mark.parametrize(
    ("credential", "reason"), [("good", GateCommandReason.GRANTED), ("tok_declined", GateCommandReason.DECLINED)]
)
def test_the_answer_to_a_card(world: World, credential: str, reason: GateCommandReason) -> None:
    assert decided(world, credential) == EntryDecision(NOON, "gate1", f"gate1-{NOON}", reason)


def test_a_badge_is_let_in_without_money(world: World) -> None:
    world.wallet.set_staff(world.wallet.payer_of("badge"), True)
    assert decided(world, "badge").staff
    assert world.sandbox.books().held_minor == 0


def test_a_code_lets_its_payer_in_once(world: World) -> None:
    payer = world.wallet.payer_of("tok_anna")
    code = codes.issue(world.journal, world.wallet, payer, world.now_ns + SECOND)
    assert decided(world, code).reason is GateCommandReason.GRANTED
    said(world, replace(shown(code), request_id="r2", stamp_ns=NOON + 1))
    world.settle(0.001)
    assert [d.reason for d in world.events(EntryDecided, "r2")] == ["used_code"]
    assert world.sandbox.books("tok_anna").held_minor > 0
    assert code not in "".join(raw.body for raw in world.journal.raw(limit=1000))


@pytest.mark.parametrize(
    ("age_ns", "reason"), [(None, GateCommandReason.UNKNOWN_CODE), (-1, GateCommandReason.EXPIRED_CODE)]
)
def test_a_code_that_is_not_good(world: World, age_ns: int | None, reason: GateCommandReason) -> None:
    code = "code:GUESS"
    if age_ns is not None:
        payer = world.wallet.payer_of("tok_anna")
        code = codes.issue(world.journal, world.wallet, payer, world.now_ns + age_ns)
    assert decided(world, code).reason is reason


def test_orders_of_the_staff_cross(world: World) -> None:
    orders.open_store(world.journal, "ann")
    orders.close_store(world.journal, "ann")
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        assert [order.kind for order in desk.answers()] == [StaffOrderKind.CLOSE_STORE]
        orders.close_visit(world.journal, "v1", "ann")
        answers: list = []
        while not answers:
            answers = desk.answers()
    assert answers == [StaffOrder(NOON, StaffOrderKind.CLOSE_VISIT, "v1")]


def answer_to(world: World, *news: VisitReviewed | DisputeDecided) -> list:
    """What the checkout is told of these events."""
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        world.journal.append(*news)
        orders.close_visit(world.journal, "v0", "ann")
        answers: list = []
        while not any(isinstance(answer, StaffOrder) for answer in answers):
            answers += desk.answers()
    return [answer for answer in answers if isinstance(answer, ReviewDecision)]


def test_a_review_reaches_the_checkout(world: World) -> None:
    quantities = {"SOAP": 1, "COLA-033": 0}
    reviewed = VisitReviewed(session_id="v1", actor="ann", quantities=quantities, loss_minor=0, note="")
    (decision,) = answer_to(world, reviewed)
    assert (decision.session_id, decision.actor, decision.known) == ("v1", "ann", True)
    assert decision.lines == (ReviewedLine("COLA-033", 0), ReviewedLine("SOAP", 1))


def test_the_deadline_gives_up_money_but_knows_nothing(world: World) -> None:
    reviewed = VisitReviewed(session_id="v1", actor=DEADLINE, quantities={"SOAP": 0}, loss_minor=1, note="")
    (decision,) = answer_to(world, reviewed)
    assert not decision.known and decision.lines == ()


def test_what_was_not_taken_stands_on_its_shelf(world: World) -> None:
    def dispute(session_id: str, quantity: int) -> DisputeDecided:
        return DisputeDecided(
            session_id=session_id, sku="SOAP", quantity=quantity, accepted=quantity > 0, actor="ann", note=""
        )

    (decision,) = answer_to(world, dispute("v1", 2), dispute("v2", 0))
    assert (decision.session_id, decision.corrections) == ("v1", (Correction("", "", "SOAP", 2, 0, "SOAP", 0),))


@pytest.mark.parametrize(("second", "plate_id"), [("p1", "p1"), ("p2", "")])
def test_what_was_not_taken_stands_on_the_plate_that_felt_it(world: World, second: str, plate_id: str) -> None:
    """Two of one plate, or one each of two: then nobody knows which."""
    events = tuple(ShelfEvent(f"s{n}", plate, NOON, NOON, -0.3, 0.001, 0.0) for n, plate in enumerate(["p1", second]))
    soap = replace(line("SOAP", 2), shelf_event_ids=("s0", "s1"))
    said(world, ShelfEvents(NOON, 0, "g1", events), carts(2, soap), receipt(soap))
    dispute = DisputeDecided(session_id="v1", sku="SOAP", quantity=1, accepted=True, actor="ann", note="")
    (decision,) = answer_to(world, dispute)
    assert decision.corrections == (Correction("", plate_id, "SOAP", 1, 0, "SOAP", 0),)


def test_what_was_decided_while_the_checkout_was_away_is_told(world: World) -> None:
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        desk.say(shown(), CheckoutState(opened=2))
    world.settle(0.001)
    orders.close_store(world.journal, "ann")
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        answers: list = []
        while len(answers) < 2:
            answers += desk.answers()
    assert [type(answer) for answer in answers] == [EntryDecision, StaffOrder]


def test_an_alarm_is_written_down(world: World) -> None:
    alarm = GateAlarm(NOON, 0, "gate1", GateAlarmKind.TAIL_GATING, "v1", 7)
    said(world, alarm, alarm)
    (event,) = world.events(GateAlarmed, "gate1")
    assert (event.alarm, event.session_id, event.track_id) == ("tail_gating", "v1", 7)


def test_what_the_checkout_knew_comes_back(world: World) -> None:
    track = PersonTrack(7, None, TrackState.SEEN, (1.0, 2.0, 0.0), (0.1, 0.0, 0.0, 0.1), None, (), 1.0, NOON)
    others = (Alternative(7, "TEA", 1, 0.4),)
    event = CartEvent("c1", "s1", "p1", NOON, NOON, 7, "SOAP", 1, 0.6, Reason.AMBIGUOUS_PRODUCT, True, others)
    review = Review(NOON, 0, "v0", (7,), NOON, "USD", False, (line("SOAP", review=True),), (event,), ("c1",))
    state = CheckoutState(
        opened=3,
        tracks={7: track},
        lanes={"gate1": LaneStatus(credential="tok_anna")},
        reviews={"v0": review},
        settled={"c1": event},
    )
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        assert desk.state() is None
        desk.say(carts(1), CheckoutState(opened=2))
        desk.say(carts(2), state)
    assert FrontDesk(world.journal, world.wallet, poll_s=0.01).state() == state


def test_what_is_said_again_after_a_restart_stands_once(world: World) -> None:
    said(world, shown(), carts(1), carts(2, line("COLA-033")))
    said(world, shown(), carts(3, line("COLA-033", 2)), receipt(line("COLA-033", 2)))
    said(world, receipt(line("COLA-033", 9)))
    assert [cart.revision for cart in world.events(CartChanged)] == [0, 1]
    assert [closed.items[0].quantity for closed in world.events(VisitClosed)] == [2]
    assert len(world.events(VisitOpened)) == 1


def test_a_cart_that_did_not_change_is_not_written_again(world: World) -> None:
    said(world, carts(1, line("COLA-033")), carts(2, line("COLA-033")), carts(3, line("COLA-033")))
    assert len(world.events(CartChanged)) == 1
    (opened,) = world.events(VisitOpened)
    assert opened.request_id == ""
