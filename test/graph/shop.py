"""A store of real nodes and a real office, whose sensors are the test: shoppers, lanes, tracker and fusion."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from observer import TIMEOUT_S, Observer

from aisle_cli.post import Post
from aisle_contract import interfaces
from aisle_contract.sites import config_folder
from aisle_core.store import load_store
from aisle_core.types import (
    CartEvent,
    CartEvents,
    GateAlarm,
    GateCommand,
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
from aisle_office.events import VisitOpened, VisitSettled
from aisle_office.journal import Journal
from aisle_office.payment.sandbox import Sandbox
from aisle_office.wallet import Wallet

SECRET = "a secret of the test"
STEP_NS = 100_000_000
SECOND = 1_000_000_000
START_NS = 1_795_348_800 * SECOND
"""2026-11-22 12:00 UTC."""


class Shop:
    """A store whose sensors the test is; time goes on only when it says so.

    folder: holds the site ``market``, and gets the databases.
    """

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
        self.now_ns, self.taken, self.born = self.begin_ns(), 0, 0
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

    def begin_ns(self) -> int:
        """When time begins."""
        return START_NS

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

    def kill_office(self) -> None:
        self.processes["office"].kill()
        self.processes["office"].wait()
        self.processes["office"] = self.start_office()

    def kill_checkout(self) -> None:
        self.processes["checkout"].kill()
        self.processes["checkout"].wait()
        self.processes["checkout"] = self.start_checkout()
        forgotten = False

        def replaced() -> bool:
            """The new one listens, beside the dead one or after that was forgotten."""
            nonlocal forgotten
            forgotten = forgotten or not self.connected()
            return self.connected(1 if forgotten else 2)

        self.until(replaced)
        self.wait_for_checkout()

    def wait_for_checkout(self) -> None:
        """Until it is active, and knows the test as the test knows it."""
        self.until(self.connected)

        def ready(status: object) -> bool:
            values = {pair.key: pair.value for pair in status.values}
            links = [f"matched {name}" for name in self.heard] + [f"heard {name}" for name in self.publishers]
            return values["state"] == "active" and "0" not in [values.get(link, "0") for link in links]

        self.observer.health("checkout_node", ready)

    def close(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGINT)
        codes = [process.wait(30) for process in self.processes.values()]
        self.observer.close()
        for part in (self.journal, self.wallet, self.sandbox):
            part.close()
        assert set(codes) == {0}, (self.folder / "processes.log").read_text()[-4000:]

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

    def until(self, condition: Callable[[], bool], patience_s: float = TIMEOUT_S) -> None:
        end = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < end, (self.folder / "processes.log").read_text()[-4000:]
            self.observer.executor.spin_once(timeout_sec=0.02)

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds * 10)):
            self.now_ns = self.next_ns()
            now_ns, people = self.now_ns, tuple(self.people.values())
            decisions, self.decisions = tuple(self.decisions), []
            self.publish("tick", Tick(now_ns, 0))
            self.publish("person_tracks", PersonTracks(now_ns, 0, people))
            self.publish("cart_events", CartEvents(now_ns, 0, now_ns, decisions))
            self.observer.executor.spin_once(timeout_sec=0.0)

    def next_ns(self) -> int:
        """The next instant that the tracker and the fusion tell of."""
        return self.now_ns + STEP_NS

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
