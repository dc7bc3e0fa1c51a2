"""The meeting of nodes and office, with the real thread and the real journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from office_world import NOON, SECOND, World, office

from aisle_core.types import (
    Cart,
    CartLine,
    Carts,
    CartState,
    CloseReason,
    GateEvent,
    GateEventKind,
    Reason,
    Receipt,
)
from aisle_office.events import CartChanged, EntryUsed, VisitClosed, VisitOpened
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


def shown(token: str = "tok_anna") -> GateEvent:
    return GateEvent(NOON, 0, "gate1", GateEventKind.CREDENTIAL, token)


def said(world: World, *items: Said) -> None:
    """Say items and wait until they are written."""
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        for item in items:
            desk.say(item)
    assert desk.written() == len(items)


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


def test_the_answer_names_the_lane(world: World) -> None:
    """The doorkeeper runs in this thread, the desk in its own."""
    with FrontDesk(world.journal, world.wallet, poll_s=0.01) as desk:
        desk.say(shown())
        answers: list = []
        while not answers:
            world.workers[0].step()
            answers = desk.answers()
    ((lane_id, decided),) = answers
    assert (lane_id, decided.admitted) == ("gate1", True)
    assert desk.answers() == []


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


def test_only_credentials_of_the_gate_cross(world: World) -> None:
    said(world, GateEvent(NOON, 0, "gate1", GateEventKind.PASSAGE_IN, None))
    assert world.journal.end() == 0
