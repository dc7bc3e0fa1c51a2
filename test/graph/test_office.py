"""The gate, the money and the receipt through the real nodes: checkout_node, the office's process, its databases, SMTP.

The test is the shoppers, the lanes, the tracker and the fusion; all else is as in a store.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest
import yaml

pytest.importorskip("rclpy")

from shop import SECOND, Shop

from aisle_cli.post import Post
from aisle_contract.sites import find_site
from aisle_core.types import (
    GateAlarmKind,
    GateCommandKind,
    GateCommandReason,
    GateEventKind,
)
from aisle_office import chargebacks, codes, orders, support
from aisle_office.audit import audit
from aisle_office.connectors import gate
from aisle_office.events import (
    AgeCheckAsked,
    AgeCheckMissed,
    AuthenticationProcessed,
    CartChanged,
    Charged,
    GateAlarmed,
    ReceiptIssued,
    RefundRequested,
    VisitClosed,
    VisitOpened,
    VisitSettled,
)
from aisle_office.payment.notices import read_notice, signature_of

CHOCOLATE, COLA = "HAZEL-CHOCOLATE-MILK-100-G", "MAPLE-COLA-CHERRY-05-L"
WEIGHED = "ROWAN-JUICE-GRAPE-1-L"
FOR_ADULTS = "CEDAR-JUICE-APPLE-1-L"


@pytest.fixture(scope="module")
def shop(domain_of_module: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("office")
    shutil.copytree(find_site("market"), folder / "market")
    path = folder / "market" / "office.yaml"
    office = yaml.safe_load(path.read_text())
    office["weighed"] = {WEIGHED: 1000}
    office["entry"] |= {"decide_s": 0.5}
    path.write_text(yaml.safe_dump(office))
    catalogue = folder / "market" / "catalogue.csv"
    head, *rows = catalogue.read_text().splitlines()
    rows = [row + (",18" if row.startswith(f"{FOR_ADULTS},") else ",") for row in rows]
    catalogue.write_text("\n".join([f"{head},min_age", *rows, ""]))
    with Post(folder / "mail") as post:
        shop = Shop(folder, os.environ | domain_of_module, post)
        shop.until(lambda: shop.tap("first") is GateCommandReason.GRANTED)  # the office has begun to answer
        shop.pass_s(11.0)
        yield shop
        report, books = audit(shop.journal), shop.sandbox.books()
        balance = report.balances["EUR"]
        shop.close()
    assert report.findings == []
    assert (books.captured_minor, books.refunded_minor) == (balance.captured_minor, balance.refunded_minor)
    assert balance.captured_minor - balance.refunded_minor == balance.receipts_minor > 0


def price(shop: Shop, sku: str) -> int:
    amount = shop.store.products[sku].price_minor
    assert amount is not None
    return amount


def test_a_group_of_four_on_one_card_shares_a_promotion(shop: Shop) -> None:
    """Three chocolates for two, taken by three people; the visit ends with the last of the four."""
    shop.wallet.link(shop.wallet.payer_of("anna"), "anna@example.org", "en")
    group = shop.enter("anna", people=4)
    for track_id in group[:3]:
        shop.take(track_id, CHOCOLATE)
    shop.take(group[3], COLA)
    shop.go_out(*group[:3])
    session_id = shop.session_of("anna")
    assert shop.events(VisitClosed, session_id) == []
    shop.go_out(group[3])
    shop.settled("anna")
    (charged,) = shop.events(Charged, session_id)
    assert charged.amount_minor == 2 * price(shop, CHOCOLATE) + price(shop, COLA)
    mail = shop.mail_to("anna")
    assert "Three chocolates for two" in mail


def test_a_child_without_a_card_belongs_to_its_parent(shop: Shop) -> None:
    """The child is a step behind the lock."""
    assert shop.tap("ben") is GateCommandReason.GRANTED
    shop.tell("in1", GateEventKind.UNLOCKED)
    parent = shop.go_in()
    shop.tell("in1", GateEventKind.LOCKED)
    shop.pass_s(0.7)
    child = shop.go_in()
    shop.pass_s(2.5)
    shop.take(child, COLA)
    shop.go_out(child, parent)
    (charged,) = shop.events(Charged, shop.settled("ben"))
    assert charged.amount_minor == price(shop, COLA)


def test_whoever_slips_in_with_somebody_is_told_and_that_visit_is_reviewed(shop: Shop) -> None:
    assert shop.tap("cleo") is GateCommandReason.GRANTED
    first = shop.go_in()
    second = shop.appear((1.2, 0.9))
    shop.pass_s(4.5)
    for track_id in (first, second):
        shop.take(track_id, COLA)
    session_id = shop.session_of("cleo")
    shop.until(lambda: bool(shop.alarms))
    assert [(a.kind, a.session_id) for a in shop.alarms] == [(GateAlarmKind.TAIL_GATING, session_id)]
    shop.until(lambda: [event.alarm for event in shop.events(GateAlarmed, "in1")] == ["tail_gating"])
    shop.go_out(first, second)
    shop.until(lambda: bool(shop.events(VisitClosed, session_id)))
    (closed,) = shop.events(VisitClosed, session_id)
    assert closed.review and [(item.sku, item.quantity) for item in closed.items] == [(COLA, 1)]


def test_in_through_the_way_out(shop: Shop) -> None:
    told = len(shop.alarms)
    stranger = shop.go_in("out1")
    shop.pass_s(3.0)
    shop.until(lambda: len(shop.alarms) > told)
    assert shop.alarms[told].kind is GateAlarmKind.WRONG_WAY
    shop.vanish(stranger)


def test_a_card_that_is_declined_stays_outside(shop: Shop) -> None:
    assert shop.tap("tok_declined_dora") is GateCommandReason.DECLINED
    payer = shop.wallet.payer_of("tok_declined_dora")
    assert payer not in {event.payer for event in shop.events(VisitOpened, None)}
    assert shop.sandbox.books("tok_declined_dora").held_minor == 0


def test_a_provider_that_is_silent_lets_nobody_in(shop: Shop) -> None:
    assert shop.tap("tok_silent_emil") is GateCommandReason.UNREACHABLE


def test_an_empty_visit_costs_nothing(shop: Shop) -> None:
    shop.wallet.link(shop.wallet.payer_of("fay"), "fay@example.org", "en")
    shop.go_out(*shop.enter("fay"))
    session_id = shop.settled("fay")
    shop.until(lambda: shop.sandbox.books("fay").held_minor == 0)
    assert shop.events(Charged, session_id) == shop.events(ReceiptIssued, session_id) == []
    assert list(shop.post.folder.glob("*-fay.eml")) == []


def test_what_is_sold_by_weight_costs_what_the_shelf_lost(shop: Shop) -> None:
    (track_id,) = shop.enter("gus")
    shop.take(track_id, WEIGHED, mass=0.7512)
    shop.go_out(track_id)
    (charged,) = shop.events(Charged, shop.settled("gus"))
    assert charged.amount_minor == 751


def test_a_refund_is_mailed_and_a_chargeback_closes_the_gate(shop: Shop) -> None:
    shop.wallet.link(shop.wallet.payer_of("hal"), "hal@example.org", "en")
    (track_id,) = shop.enter("hal")
    shop.take(track_id, COLA, 2)
    shop.go_out(track_id)
    session_id, cost = shop.settled("hal"), price(shop, COLA)
    shop.journal.append(
        RefundRequested(session_id=session_id, refund_id="r1", quantities={COLA: 1}, actor="staff", note="broken")
    )
    assert "Refund" in shop.mail_to("hal", count=2)
    assert shop.sandbox.books("hal").refunded_minor == cost
    (charged,) = shop.events(Charged, session_id)

    def tell(body: bytes) -> None:
        notice = read_notice(body, signature_of(body, "a secret", int(time.time())), "a secret")
        assert notice is not None and chargebacks.take(shop.journal, notice) == session_id

    tell(shop.sandbox.charge_back(charged.charge_id, cost, "not recognised"))
    shop.until(lambda: shop.tap("hal") is GateCommandReason.DEBT)
    tell(shop.sandbox.end_chargeback("dp_1", won=True))
    shop.until(lambda: shop.tap("hal") is GateCommandReason.GRANTED)
    shop.pass_s(11.0)


def test_what_is_for_adults_waits_for_staff_and_holds_nobody(shop: Shop) -> None:
    for name, word in (("uma", "inside"), ("vic", "outside")):
        (track_id,) = shop.enter(name)
        shop.take(track_id, FOR_ADULTS)
        session_id = shop.session_of(name)
        shop.until(lambda session_id=session_id: [e.min_age for e in shop.events(AgeCheckAsked, session_id)] == [18])
        if word == "inside":
            support.check_age(shop.journal, session_id, True, "ann", "")
        shop.go_out(track_id)
        if word == "outside":
            shop.until(lambda session_id=session_id: bool(shop.events(AgeCheckMissed, session_id)))
            assert shop.events(Charged, session_id) == []
            support.check_age(shop.journal, session_id, True, "ann", "seen at the door")
        (charged,) = shop.events(Charged, shop.settled(name))
        assert charged.amount_minor == price(shop, FOR_ADULTS)


def test_a_code_lets_somebody_in_once(shop: Shop) -> None:
    code = codes.issue(shop.journal, shop.wallet, shop.wallet.payer_of("ida"), time.time_ns() + 60 * SECOND)
    (track_id,) = shop.enter(code)
    shop.take(track_id, COLA)
    shop.go_out(track_id)
    (charged,) = shop.events(Charged, shop.settled("ida"))
    assert shop.sandbox.books("ida").captured_minor == charged.amount_minor
    assert shop.tap(code) is GateCommandReason.USED_CODE


def test_a_device_of_the_retailer_opens_a_lane_for_its_shopper(shop: Shop) -> None:
    """The lane is busy while the device works, and the retailer takes the money."""

    def take_lane(call_id: str, patience_s: float) -> str | None:
        until_ns = time.time_ns() + 60 * SECOND
        return gate.begin(shop.journal, shop.wallet, "palm1", call_id, "in1", until_ns, patience_s)

    code, told = take_lane("1", 60.0), len(shop.commands)
    assert code is not None and take_lane("2", 0.5) is None
    shop.until(lambda: len(shop.commands) > told)
    assert shop.commands[told].reason is GateCommandReason.BUSY
    assert shop.tap("otto") is GateCommandReason.BUSY
    about, told = codes.code_id(shop.wallet, code), len(shop.commands)
    said = AuthenticationProcessed(about=about, admitted=True, shopper_id="shopper-1")
    gate.finish(shop.journal, said, "palm1", time.time_ns())
    shop.until(lambda: len(shop.commands) > told)
    assert shop.commands[told].reason is GateCommandReason.GRANTED
    shop.tell("in1", GateEventKind.UNLOCKED)
    track_id = shop.go_in()
    shop.tell("in1", GateEventKind.LOCKED)
    shop.pass_s(2.5)
    shop.take(track_id, COLA)
    shop.go_out(track_id)
    payer = codes.payer_of(shop.journal, about)

    def visits() -> list[str]:
        return [event.session_id for event in shop.events(VisitOpened, None) if event.payer == payer]

    shop.until(lambda: bool(visits()) and bool(shop.events(VisitSettled, visits()[0])))
    assert shop.events(Charged, visits()[0]) == [] and shop.events(VisitClosed, visits()[0])[0].items[0].sku == COLA


def test_staff_comes_in_with_a_badge_when_the_store_is_closed(shop: Shop) -> None:
    shop.wallet.set_staff(shop.wallet.payer_of("badge"), True)
    orders.close_store(shop.journal, "ann")
    shop.until(lambda: shop.tap("jon") is GateCommandReason.STORE_CLOSED)
    (track_id,) = shop.enter("badge")
    shop.take(track_id, COLA)
    shop.go_out(track_id)
    orders.open_store(shop.journal, "ann")
    shop.until(lambda: shop.tap("jon") is GateCommandReason.GRANTED)
    shop.pass_s(11.0)
    assert shop.wallet.payer_of("badge") not in {event.payer for event in shop.events(VisitOpened, None)}


def test_a_checkout_that_is_killed_goes_on_with_its_visits(shop: Shop) -> None:
    (track_id,) = shop.enter("kim")
    shop.take(track_id, COLA)
    session_id = shop.session_of("kim")
    shop.until(lambda: bool(shop.events(CartChanged, session_id)))
    shop.kill_checkout()
    shop.pass_s(1.0)
    assert shop.tap("kim") is GateCommandReason.VISIT_OPEN
    shop.go_out(track_id)
    shop.until(lambda: bool(shop.events(VisitClosed, session_id)))
    (closed,) = shop.events(VisitClosed, session_id)
    assert closed.review and [(item.sku, item.quantity) for item in closed.items] == [(COLA, 1)]
    opened = [event.session_id for event in shop.events(VisitOpened, None)]
    shop.go_out(*shop.enter("lea"))
    assert shop.session_of("lea") not in opened


def test_a_fire_alarm_lets_everybody_out(shop: Shop) -> None:
    (track_id,) = shop.enter("max")
    told = len(shop.commands)
    shop.tell("out1", GateEventKind.ALARM)
    shop.pass_s(1.0)
    shop.until(lambda: len(shop.commands) >= told + 4)
    assert {(c.lane_id, c.kind) for c in shop.commands[told:]} == {
        (lane.lane_id, GateCommandKind.OPEN) for lane in shop.store.lanes
    }
    shop.go_out(track_id)
    session_id = shop.session_of("max")
    shop.until(lambda: bool(shop.events(VisitClosed, session_id)))
    assert shop.events(VisitClosed, session_id)[0].review
    shop.tell("out1", GateEventKind.RESTORED)
    shop.pass_s(1.0)
    shop.until(lambda: [event.alarm for event in shop.events(GateAlarmed, "out1")][-2:] == ["fire", "restored"])


def test_an_office_that_is_killed_while_the_mail_server_is_away_charges_once_and_mails(shop: Shop) -> None:
    shop.wallet.link(shop.wallet.payer_of("tok_late_nia"), "nia@example.org", "en")
    (track_id,) = shop.enter("tok_late_nia")
    shop.take(track_id, COLA)
    shop.post.__exit__(None, None, None)
    shop.go_out(track_id)
    session_id = shop.session_of("tok_late_nia")
    shop.until(lambda: bool(shop.events(VisitClosed, session_id)))
    shop.kill_office()
    (charged,) = shop.events(Charged, shop.settled("tok_late_nia"))
    shop.post.__enter__()
    assert "Maple cola cherry" in shop.mail_to("nia")
    assert shop.sandbox.books("tok_late_nia").captured_minor == charged.amount_minor == price(shop, COLA)
