"""The gate, the money and the receipt through the real nodes: checkout_node, the office's process, its databases, SMTP.

The test is the shoppers, the lanes, the tracker and the fusion; all else is as in a store.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy")

from observer import TIMEOUT_S, Observer

from aisle_cli.post import Post
from aisle_contract import interfaces
from aisle_contract.sites import config_folder, find_site
from aisle_core.store import load_store
from aisle_core.types import (
    CartEvent,
    CartEvents,
    GateAlarm,
    GateAlarmKind,
    GateCommand,
    GateCommandKind,
    GateCommandReason,
    GateEvent,
    GateEventKind,
    PersonTrack,
    PersonTracks,
    Reason,
    ShelfEvent,
    ShelfEvents,
    Tick,
    TrackState,
)
from aisle_nodes import qos
from aisle_nodes.messages import CODEC, message_class
from aisle_office import chargebacks, codes, orders
from aisle_office.audit import audit
from aisle_office.events import (
    CartChanged,
    Charged,
    GateAlarmed,
    ReceiptIssued,
    RefundRequested,
    VisitClosed,
    VisitOpened,
    VisitSettled,
)
from aisle_office.journal import Journal
from aisle_office.payment.sandbox import Sandbox
from aisle_office.wallet import Wallet

SECRET = "a secret of the test"
STEP_NS = 100_000_000
SECOND = 1_000_000_000
START_NS = 1_795_348_800 * SECOND
"""2026-11-22 12:00 UTC."""
CHOCOLATE, COLA, WATER = "HAZEL-CHOCOLATE-MILK-100-G", "MAPLE-COLA-CHERRY-05-L", "MAPLE-WATER-STILL-05-L"
WEIGHED = "ROWAN-JUICE-GRAPE-1-L"


class Shop:
    """A store whose sensors the test is; time goes on only when it says so."""

    def __init__(self, folder: Path, environment: dict[str, str], post: Post) -> None:
        self.folder, self.post = folder, post
        self.site = folder / "market"
        self.store = load_store(self.site)
        self.database, self.books = f"sqlite:///{folder}/office.db", f"sqlite:///{folder}/sandbox.db"
        self.environment = environment | {"AISLE_OFFICE_SECRET": SECRET}
        self.journal = Journal.open(self.database, time.time_ns)
        self.wallet = Wallet.open(self.database, SECRET)
        self.sandbox = Sandbox.open(self.books)
        self.observer = Observer(int(environment["ROS_DOMAIN_ID"]))
        self.now_ns, self.taken, self.born = START_NS, 0, 0
        self.people: dict[int, PersonTrack] = {}
        self.decisions: list[CartEvent] = []
        self.sequences: dict[str, int] = {}
        self.publishers: dict[str, object] = {}
        for topic in (interfaces.TICK, interfaces.PERSON_TRACKS, interfaces.CART_EVENTS, interfaces.SHELF_EVENTS):
            self.advertise(topic, topic.name)
        self.heard: list[str] = []
        self.commands: list[GateCommand] = []
        self.alarms: list[GateAlarm] = []
        for lane in self.store.lanes:
            self.advertise(interfaces.GATE_EVENTS, interfaces.GATE_EVENTS.of(lane.zone, lane.lane_id))
            for topic, kind, heard in (
                (interfaces.GATE_COMMANDS, GateCommand, self.commands),
                (interfaces.GATE_ALARMS, GateAlarm, self.alarms),
            ):
                self.heard.append(topic.of(lane.zone, lane.lane_id))
                self.observer.node.create_subscription(
                    message_class(topic.type),
                    f"/market/{self.heard[-1]}",
                    lambda message, kind=kind, heard=heard: heard.append(CODEC.to_core(message, kind)),
                    qos.SUBSCRIBER[topic.qos],
                )
        self.processes = {"checkout": self.start_checkout(), "office": self.start_office()}
        self.wait_for_checkout()
        self.pass_s(1.0)

    # --- processes

    def start_checkout(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "import sys; from aisle_nodes.run import main; sys.exit(main())"]
        command += ["checkout_node", "--ros-args", "-r", "__ns:=/market"]
        command += ["--params-file", str(config_folder() / "nodes" / "checkout_node.yaml")]
        command += ["-p", f"site:={self.site}", "-p", f"office.database:={self.database}"]
        return self.start(command)

    def start_office(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "aisle_office.office", str(self.site), "--database", self.database]
        command += ["--provider", self.books, "--smtp", self.post.address, "--smtp-security", "none"]
        return self.start(command)

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "processes.log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=subprocess.STDOUT)

    def kill_checkout(self) -> None:
        self.processes["checkout"].kill()
        self.processes["checkout"].wait()
        self.processes["checkout"] = self.start_checkout()
        self.until(lambda: self.connected(2))  # the dead one is not yet forgotten
        self.wait_for_checkout()

    def wait_for_checkout(self) -> None:
        """Until it is active, and knows the test as the test knows it."""
        self.until(self.connected)

        def ready(status: object) -> bool:
            values = {pair.key: pair.value for pair in status.values}
            matched = [values.get(f"matched {name}", "0") for name in self.heard]
            return values["state"] == "active" and "0" not in matched

        self.observer.health("checkout_node", ready)

    def close(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGINT)
        codes = [process.wait(30) for process in self.processes.values()]
        self.observer.close()
        for part in (self.journal, self.wallet, self.sandbox):
            part.close()
        assert codes == [0, 0], (self.folder / "processes.log").read_text()[-4000:]

    # --- the graph

    def advertise(self, topic: interfaces.Topic, name: str) -> None:
        self.publishers[name] = self.observer.node.create_publisher(
            message_class(topic.type), f"/market/{name}", qos.PUBLISHER[topic.qos]
        )

    def connected(self, times: int = 1) -> bool:
        return all(publisher.get_subscription_count() >= times for publisher in self.publishers.values())

    def number(self, name: str) -> int:
        self.sequences[name] = self.sequences.get(name, -1) + 1
        return self.sequences[name]

    def publish(self, name: str, item: Any) -> None:
        self.publishers[name].publish(CODEC.to_message(replace(item, sequence=self.number(name))))

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < end, (self.folder / "processes.log").read_text()[-4000:]
            self.observer.executor.spin_once(timeout_sec=0.02)

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds * 10)):
            self.now_ns += STEP_NS
            now_ns, people = self.now_ns, tuple(self.people.values())
            decisions, self.decisions = tuple(self.decisions), []
            self.publish("tick", Tick(now_ns, 0))
            self.publish("person_tracks", PersonTracks(now_ns, 0, people))
            self.publish("cart_events", CartEvents(now_ns, 0, decisions))
            self.observer.executor.spin_once(timeout_sec=0.0)

    def tell(self, lane_id: str, kind: GateEventKind, credential: str | None = None) -> None:
        (lane,) = [lane for lane in self.store.lanes if lane.lane_id == lane_id]
        name = interfaces.GATE_EVENTS.of(lane.zone, lane_id)
        self.publish(name, GateEvent(self.now_ns, 0, lane_id, kind, credential))

    # --- what shoppers do

    def tap(self, credential: str, lane_id: str = "in1") -> GateCommandReason:
        """Show a credential and wait for the answer."""
        told = len(self.commands)
        self.tell(lane_id, GateEventKind.CREDENTIAL, credential)
        self.pass_s(0.6)
        self.until(lambda: len(self.commands) > told)
        assert self.commands[told].lane_id == lane_id
        return self.commands[told].reason

    def appear(self, position: tuple[float, float]) -> int:
        self.born += 1
        covariance = (0.01, 0.0, 0.0, 0.01)
        self.people[self.born] = PersonTrack(
            self.born, None, TrackState.SEEN, (*position, 0.0), covariance, None, (), 1.0, self.now_ns
        )
        return self.born

    def move(self, track_id: int, position: tuple[float, float]) -> None:
        self.people[track_id] = replace(self.people[track_id], position=(*position, 0.0))

    def go_in(self, lane_id: str = "in1") -> int:
        """One body through the lane; nothing of the lock is told."""
        (lane,) = [lane for lane in self.store.lanes if lane.lane_id == lane_id]
        self.tell(lane_id, GateEventKind.PASSAGE_IN)
        track_id = self.appear((lane.position.x, lane.position.y + 0.5))
        self.pass_s(0.3)
        self.move(track_id, (5.0, 4.0))
        return track_id

    def enter(self, credential: str, people: int = 1) -> list[int]:
        """A group goes in on a card that is good, and is in the store."""
        assert self.tap(credential) is GateCommandReason.GRANTED
        self.tell("in1", GateEventKind.UNLOCKED)
        found = [self.go_in() for _ in range(people)]
        self.tell("in1", GateEventKind.LOCKED)
        self.pass_s(2.5)
        return found

    def take(self, track_id: int, sku: str, quantity: int = 1, mass: float | None = None) -> None:
        self.taken += 1
        names = f"c{self.taken}", f"s{self.taken}"
        if mass is not None:
            event = ShelfEvent(names[1], "p1", self.now_ns, self.now_ns, -mass, 0.001, 0.0)
            self.publish("shelf_events", ShelfEvents(self.now_ns, 0, "s01", (event,)))
        self.decisions.append(
            CartEvent(
                *names,
                "p1",
                self.now_ns,
                self.now_ns,
                track_id,
                sku,
                quantity,
                0.97,
                Reason.WEIGHT_AND_PLACE,
                False,
                (),
            )
        )
        self.pass_s(0.5)

    def go_out(self, *track_ids: int) -> None:
        for track_id in track_ids:
            self.move(track_id, (9.0, 0.6))
            self.pass_s(0.2)
            self.tell("out1", GateEventKind.PASSAGE_OUT)
            self.pass_s(0.5)
            self.vanish(track_id)
        self.pass_s(2.0)

    def vanish(self, track_id: int) -> None:
        """The tracker has lost somebody for good."""
        self.people[track_id] = replace(self.people[track_id], state=TrackState.ENDED)
        self.pass_s(0.1)
        del self.people[track_id]

    # --- what the office knows

    def session_of(self, credential: str) -> str:
        """The newest visit of a card."""
        payer = self.wallet.payer_of(credential)

        def found() -> list[str]:
            opened = [entry.event for entry in self.journal.read(kinds=(VisitOpened,))]
            return [event.session_id for event in opened if event.payer == payer]

        self.until(lambda: bool(found()))
        return found()[-1]

    def settled(self, credential: str) -> str:
        session_id = self.session_of(credential)
        self.until(lambda: bool(self.events(VisitSettled, session_id)))
        return session_id

    def events(self, kind: type, subject: str | None) -> list:
        return [entry.event for entry in self.journal.read(subject=subject, kinds=(kind,))]

    def mail_to(self, name: str, count: int = 1) -> str:
        """The text of the newest mail to somebody."""

        def found() -> list[Path]:
            return sorted(self.post.folder.glob(f"*-{name}.eml"))

        self.until(lambda: len(found()) >= count)
        message = message_from_bytes(found()[-1].read_bytes(), policy=policy.default)
        return message["Subject"] + "\n" + message.get_body(("plain",)).get_content()


@pytest.fixture(scope="module")
def shop(domain_of_module: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("office")
    shutil.copytree(find_site("market"), folder / "market")
    path = folder / "market" / "office.yaml"
    office = yaml.safe_load(path.read_text())
    office["weighed"] = {WEIGHED: 1000}
    office["entry"] |= {"decide_s": 0.5}
    path.write_text(yaml.safe_dump(office))
    with Post(folder / "mail") as post:
        shop = Shop(folder, os.environ | domain_of_module, post)
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


def test_whoever_slips_in_with_somebody_is_told_and_charged_to_nobody(shop: Shop) -> None:
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
    (charged,) = shop.events(Charged, shop.settled("cleo"))
    assert charged.amount_minor == price(shop, COLA)


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
    chargebacks.book(shop.journal, session_id, "d1", cost, "not recognised")
    shop.until(lambda: shop.tap("hal") is GateCommandReason.DEBT)
    chargebacks.end(shop.journal, session_id, "d1", returned=True, actor="staff")
    shop.until(lambda: shop.tap("hal") is GateCommandReason.GRANTED)
    shop.pass_s(11.0)


def test_a_code_lets_somebody_in_once(shop: Shop) -> None:
    code = codes.issue(shop.journal, shop.wallet, shop.wallet.payer_of("ida"), time.time_ns() + 60 * SECOND)
    (track_id,) = shop.enter(code)
    shop.take(track_id, COLA)
    shop.go_out(track_id)
    (charged,) = shop.events(Charged, shop.settled("ida"))
    assert shop.sandbox.books("ida").captured_minor == charged.amount_minor
    assert shop.tap(code) is GateCommandReason.USED_CODE


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
