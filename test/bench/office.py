"""The gate, the money and the mail through the real nodes: killed again and again, and how fast the receipt comes.

checkout_node and the office's process run as in a store; the benchmark is the lanes, the tracker and the fusion. First
visits run while one of the two is killed with signal 9 at a random step, the mail server is away, the disk is full or
the database is locked. Then shoppers leave at a steady rate in real time, and the mails are timed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from aisle_cli.post import Post
from aisle_core.types import GateCommandReason, GateEventKind
from aisle_office import orders
from aisle_office.audit import audit
from aisle_office.events import (
    Charged,
    MailSent,
    ReceiptIssued,
    VisitClosed,
    VisitOpened,
    VisitReviewed,
    VisitSettled,
)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "graph"))
from observer import TIMEOUT_S  # noqa: E402
from shop import SECOND, STEP_NS, Shop  # noqa: E402

SITE = ROOT / "config" / "stores" / "market"
DOMAIN = {"ROS_DOMAIN_ID": "99", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
CARDS = ("good", "tok_twice", "tok_lost_answer", "tok_late")
SKUS = ("MAPLE-COLA-CHERRY-05-L", "CEDAR-JUICE-APPLE-1-L", "ELM-ICED-TEA-PEACH-05-L")
TROUBLE = ("mail server away", "disk full", "database locked")
TROUBLE_S = 2.0
LAG_NS = 400_000_000
"""How far the tracker and the fusion are behind the gate: the lateness allowance, and some work."""
EVERY_S = 1.2
"""50 exits a minute."""
EXIT, WALK_SPEED = np.array([9.0, 0.6]), 1.2
"""Before the way out [m]; an easy walk [m/s]."""
GONE_NS = 300_000_000
"""After the passage the tracker still sees somebody for so long."""
MOST_MAIL_S, USUAL_MAIL_S = 3.0, 2.0


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when a promise was broken or a figure is not reached."""
    parser = argparse.ArgumentParser(prog="aisle bench office", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--exits", type=int, default=100, help="timed, one every 1.2 s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the databases lie; not a RAM disk")
    given = parser.parse_args(arguments)
    good, console = True, Console()
    if given.kills:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            good &= kills(console, Path(folder), given.kills, random.Random(given.seed))
    if given.exits:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            good &= mails(console, Path(folder), given.exits)
    return 0 if good else 1


# --- killed again and again


def kills(console: Console, folder: Path, wanted: int, rng: random.Random) -> bool:
    """One visit a kill, with some trouble in between."""
    shutil.copytree(SITE, folder / "market")
    with Post(folder / "mail") as post:
        shop = Shop(folder, os.environ | DOMAIN, post)
        truth: dict[str, dict[str, int]] = {}
        done: Counter[str] = Counter()
        try:
            for number in range(wanted):
                credential = f"{rng.choice(CARDS)}_{number}"
                shop.wallet.link(shop.wallet.payer_of(credential), f"v{number}@example.org", None)
                if rng.random() < 0.3:
                    done[trouble(shop, rng)] += 1
                bought = visit(shop, credential, rng, done)
                if bought is not None:
                    truth[credential] = bought
            good = settle(shop, truth)
            return report(console, shop, truth, done) and good
        finally:
            shop.close()


def visit(shop: Shop, credential: str, rng: random.Random, done: Counter[str]) -> dict[str, int] | None:
    """A visit in which one process is killed before a random step; what was bought, None if nobody came in."""
    victim = rng.choice(("checkout", "office"))
    goods = [rng.choice(SKUS) for _ in range(rng.randint(0, 3))]
    fatal = rng.randrange(len(goods) + 2)

    def perhaps_kill(step: int) -> None:
        if step == fatal:
            done[f"{victim} killed"] += 1
            time.sleep(rng.uniform(0.0, 0.2))
            shop.kill_checkout() if victim == "checkout" else shop.kill_office()

    told = len(shop.commands)
    shop.tell("in1", GateEventKind.CREDENTIAL, credential)
    shop.pass_s(0.6)
    perhaps_kill(0)
    with contextlib.suppress(AssertionError):
        shop.until(lambda: len(shop.commands) > told, 10.0)
    if [command.reason for command in shop.commands[told:]] != [GateCommandReason.GRANTED]:
        shop.pass_s(20.0)
        return None
    shop.tell("in1", GateEventKind.UNLOCKED)
    track_id = shop.go_in()
    shop.tell("in1", GateEventKind.LOCKED)
    shop.pass_s(2.5)
    for step, sku in enumerate(goods):
        perhaps_kill(step + 1)
        shop.take(track_id, sku)
    perhaps_kill(len(goods) + 1)
    shop.go_out(track_id)
    return dict(Counter(goods))


def trouble(shop: Shop, rng: random.Random) -> str:
    """Something that comes and goes while the next visit begins; it is over when this returns."""
    what = rng.choice(TROUBLE)
    credential = f"troubled_{time.monotonic_ns()}"
    shop.tell("in2", GateEventKind.CREDENTIAL, credential)
    shop.pass_s(0.6)
    with contextlib.ExitStack() as stack:
        if what == "mail server away":
            shop.post.__exit__(None, None, None)
            stack.callback(shop.post.__enter__)
        elif what == "disk full":
            for process in shop.processes.values():
                limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
                stack.callback(resource.prlimit, process.pid, resource.RLIMIT_FSIZE, limits)
        else:
            connection = stack.enter_context(contextlib.closing(sqlite3.connect(shop.folder / "office.db")))
            connection.execute("BEGIN EXCLUSIVE")
        time.sleep(rng.uniform(0.2, TROUBLE_S))
    shop.pass_s(20.0)
    return what


def settle(shop: Shop, truth: dict[str, dict[str, int]]) -> bool:
    """Staff ends what did not end, and reviews what is doubtful, as it was."""
    shop.pass_s(3.0)
    payers = {shop.wallet.payer_of(credential): bought for credential, bought in truth.items()}
    for session_id in sessions(shop, VisitOpened) - sessions(shop, VisitClosed):
        orders.close_visit(shop.journal, session_id, "staff")
    for _ in range(100):
        shop.pass_s(0.5)
        time.sleep(0.1)
        if sessions(shop, VisitOpened) <= sessions(shop, VisitClosed):
            break
    for event in shop.events(VisitClosed, None):
        if event.review:
            quantities = {item.sku: 0 for item in event.items} | payers.get(event.payer, {})
            shop.journal.append(
                VisitReviewed(
                    session_id=event.session_id, actor="staff", quantities=quantities, loss_minor=0, note="as it was"
                )
            )
    finished = wait(lambda: sessions(shop, VisitOpened) <= sessions(shop, VisitSettled), 120.0)
    return finished and wait(lambda: len(shop.events(MailSent, None)) >= wanted_mails(shop), 120.0)


def wanted_mails(shop: Shop) -> int:
    """Receipts, and visits that are being checked."""
    checked = sum(event.review for event in shop.events(VisitClosed, None))
    return len(shop.events(ReceiptIssued, None)) + checked


def report(console: Console, shop: Shop, truth: dict[str, dict[str, int]], done: Counter[str]) -> bool:
    """Whether every promise was kept."""
    checked, books = audit(shop.journal), shop.sandbox.books()
    balance = checked.balances["EUR"]
    opened = {event.payer: event.session_id for event in shop.events(VisitOpened, None)}
    charged = {event.session_id: event.amount_minor for event in shop.events(Charged, None)}
    wrong = lost = 0
    for credential, bought in truth.items():
        session_id = opened.get(shop.wallet.payer_of(credential))
        cost = sum(quantity * (shop.store.products[sku].price_minor or 0) for sku, quantity in bought.items())
        lost += session_id is None
        wrong += session_id is not None and charged.get(session_id, 0) != cost
    table = Table("figure", "count", title="Killed with signal 9 at random steps of running visits")
    for name, count in sorted(done.items()):
        table.add_row(name, f"{count}")
    table.add_row("visits", f"{len(truth)}")
    table.add_row("... that nobody knows of: the kill came before their passage was written", f"{lost}")
    table.add_row("... charged otherwise than what was taken", f"{wrong}")
    table.add_row("reviewed by staff", f"{len(shop.events(VisitReviewed, None))}")
    table.add_row("captures at the provider", f"{books.captures}")
    table.add_row("captured, sum of receipts [minor units]", f"{books.captured_minor:,}, {balance.receipts_minor:,}")
    table.add_row("findings of the audit", f"{len(checked.findings)}")
    console.print(table)
    for finding in checked.findings[:10]:
        console.print(finding)
    same = books.captured_minor == balance.captured_minor == balance.receipts_minor
    return same and not checked.findings and not wrong and books.captures == len(charged)


def sessions(shop: Shop, kind: type) -> set[str]:
    """Visits that have an event of a kind."""
    return {event.session_id for event in shop.events(kind, None)}


def wait(condition: Callable[[], bool], patience_s: float) -> bool:
    """Whether the condition came to hold in time."""
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


# --- how fast


class LiveShop(Shop):
    """Its time is the machine's; the tracker and the fusion tell of what was ``LAG_NS`` ago, and who leaves walks."""

    def __init__(self, *arguments: Any) -> None:
        self.leaving: list[int] = []
        super().__init__(*arguments)

    def begin_ns(self) -> int:
        return time.time_ns() - LAG_NS

    def next_ns(self) -> int:
        time.sleep(max(0.0, (self.now_ns + STEP_NS + LAG_NS - time.time_ns()) / 1e9))
        for track_id in self.leaving:
            position = np.array(self.people[track_id].position[:2])
            way = EXIT - position
            length = float(np.linalg.norm(way))
            step = min(WALK_SPEED * STEP_NS / SECOND, length)
            self.move(track_id, tuple(position + way * step / max(length, step)))
        return self.now_ns + STEP_NS

    def until(self, condition: Callable[[], bool], patience_s: float = TIMEOUT_S) -> None:
        end = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < end, "timed out"
            self.pass_s(0.1)

    def tell(self, lane_id: str, kind: GateEventKind, credential: str | None = None) -> None:
        behind_ns, self.now_ns = self.now_ns, time.time_ns()
        super().tell(lane_id, kind, credential)
        self.now_ns = behind_ns

    def leave(self, people: Sequence[tuple[str, int]]) -> dict[str, int]:
        """One after the other goes from the shelves to the way out; gives when [ns since 1970] each was through it."""
        left: dict[str, int] = {}
        names = {track_id: name for name, track_id in people}
        waiting, gone = list(names), dict[int, int]()
        begin = time.monotonic()
        while waiting or self.leaving or gone:
            started = len(names) - len(waiting)
            if waiting and time.monotonic() >= begin + EVERY_S * started:
                self.leaving.append(waiting.pop(0))
            self.pass_s(0.1)
            for track_id in [t for t in self.leaving if np.linalg.norm(self.people[t].position[:2] - EXIT) < 0.1]:
                self.leaving.remove(track_id)
                self.tell("out1", GateEventKind.PASSAGE_OUT)
                left[names[track_id]] = gone[track_id] = time.time_ns()
            for track_id in [t for t, gone_ns in gone.items() if self.now_ns > gone_ns + GONE_NS]:
                del gone[track_id]
                self.vanish(track_id)
        return left


def mails(console: Console, folder: Path, exits: int) -> bool:
    """So many people are in the store, and one goes every 1.2 s."""
    shutil.copytree(SITE, folder / "market")
    admitted: list[int] = []
    with Post(folder / "mail") as post:
        shop = LiveShop(folder, os.environ | DOMAIN, post)
        try:
            inside: list[tuple[str, int]] = []
            for number in range(exits):
                name = f"v{number}"
                shop.wallet.link(shop.wallet.payer_of(name), f"{name}@example.org", None)
                tapped_ns = time.time_ns()
                if shop.tap(name) is not GateCommandReason.GRANTED:
                    continue
                admitted.append(time.time_ns() - tapped_ns)
                inside.append((name, shop.go_in()))
                shop.take(inside[-1][1], SKUS[number % len(SKUS)])
            shop.pass_s(3.0)
            begin = time.monotonic()
            left = shop.leave(inside)
            minutes = (time.monotonic() - begin) / 60
            wait(lambda: shop.pass_s(0.2) is not None or len(post.arrived) >= len(left), 30.0)
            names = {shop.wallet.payer_of(name): name for name in left}
            closed, issued = (
                {entry.event.subject: entry.stamp_ns for entry in shop.journal.read(kinds=(kind,))}
                for kind in (VisitClosed, ReceiptIssued)
            )
            sessions_of = {names[event.payer]: event.session_id for event in shop.events(VisitOpened, None)}
        finally:
            shop.close()
    arrived = {name.partition("-")[2]: stamp_ns for name, stamp_ns in post.arrived.items()}
    to_mail = np.array([arrived[name] - left[name] for name in left if name in arrived]) / SECOND
    to_close, to_receipt = (
        np.array([stamps[sessions_of[name]] - left[name] for name in left if sessions_of.get(name) in stamps]) / SECOND
        for stamps in (closed, issued)
    )
    to_admission = np.array(admitted) / SECOND
    table = Table("figure", "measured", "wanted", title=f"{len(left)} exits, {len(left) / minutes:.0f} a minute")
    table.add_row("mails that came", f"{len(to_mail)}", f"{len(left)}")
    for name, seconds, wanted in (
        ("card to answer", to_admission, ""),
        ("exit to closed", to_close, ""),
        ("exit to receipt", to_receipt, ""),
        ("exit to mail", to_mail, f"median {USUAL_MAIL_S:.2f}, p99 {MOST_MAIL_S:.2f}"),
    ):
        figures = ", ".join(f"{value:.2f}" for value in (*np.percentile(seconds, (50, 95, 99)), seconds.max()))
        table.add_row(f"{name}: median, p95, p99, most [s]", figures, wanted)
    console.print(table)
    usual, most = np.percentile(to_mail, (50, 99))
    return len(to_mail) == len(left) and bool(usual <= USUAL_MAIL_S and most <= MOST_MAIL_S)
