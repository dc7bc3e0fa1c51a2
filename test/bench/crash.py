"""The office under crashes, and how fast it is.

First stories of visits in one process that is stopped dead before or after durable steps (writes of the journal, calls
to the provider, mails), drawn from seeds, with cards that decline, time out, answer late or twice. Then the office as a
process of its own, killed with signal 9 while visits run. Then throughput on this machine's disk.
"""

from __future__ import annotations

import argparse
import random
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from rich.console import Console
from rich.table import Table

import aisle_office.mail
from aisle_office.audit import audit
from aisle_office.events import CartChanged, Charged, Event, MailSent, ReceiptIssued, VisitClosed, VisitSettled
from aisle_office.journal import Journal
from aisle_office.payment.sandbox import Sandbox
from aisle_office.wallet import Wallet

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src" / "aisle_office" / "test"))
from crashes import Story  # noqa: E402
from office_process import OfficeProcess  # noqa: E402
from office_world import closed, item, opened  # noqa: E402

SITE = ROOT / "config" / "stores" / "corner"
SECRET = "a secret of the benchmark"
CRASH_EVERY = 5
"""Points between two crashes, on average; a step has two."""
LEAST_EVENTS_S = 200
LEAST_VISITS_MIN = 50
AT_ONCE = 100


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when a promise was broken or a figure is not reached."""
    parser = argparse.ArgumentParser(prog="aisle bench crash", description=__doc__)
    parser.add_argument("--crashes", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first story")
    parser.add_argument("--folder", type=Path, help="where the databases of kills and throughput lie; not a RAM disk")
    given = parser.parse_args(arguments)
    console = Console()
    good = crashes(console, given.crashes, given.seed)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder, Office(Path(folder)) as office:
        good &= kills(console, given.kills, given.seed, office)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder, Office(Path(folder)) as office:
        good &= throughput(console, Path(folder), office)
    return 0 if good else 1


def crashes(console: Console, wanted: int, seed: int) -> bool:
    """Stories until there were enough crashes. What crashes is the office's logic: its databases may lie in memory."""
    if not wanted:
        return True
    aisle_office.mail.render_pdf = lambda view, words: b"%PDF"
    memory = Path("/dev/shm")
    done = visits = entries = doubles = stories = 0
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        while done < wanted:
            outcome = Story(Path(folder), seed + stories, CRASH_EVERY).live()
            wrong += [f"seed {seed + stories}: {text}" for text in outcome.wrong]
            done, visits, entries = done + outcome.crashes, visits + outcome.visits, entries + outcome.entries
            doubles, stories = doubles + outcome.double_mails, stories + 1
    table = Table("crashes", "stories", "visits", "journal entries", "broken promises", "mails twice, with one id")
    table.add_row(*(f"{n:,}" for n in (done, stories, visits, entries, len(wrong), doubles)))
    table.title = "Stopped dead before or after durable steps"
    console.print(table)
    for text in wrong[:20]:
        console.print(text)
    return not wrong


class Post:
    """A mail server that notes when [ns since 1970] the first mail to each name came."""

    def __init__(self) -> None:
        self.arrived: dict[str, int] = {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        for address in envelope.rcpt_tos:
            self.arrived.setdefault(address.partition("@")[0], time.time_ns())
        return "250 kept"


class Office:
    """The office's process, and a mail server for it."""

    def __init__(self, folder: Path) -> None:
        self.post = Post()
        self.url = f"sqlite:///{folder}/office.db"
        self.sandbox_url = f"sqlite:///{folder}/sandbox.db"
        arguments = [str(SITE), "--database", self.url, "--provider", self.sandbox_url]
        arguments += ["--smtp", f"127.0.0.1:{self.post.port}", "--smtp-security", "none"]
        self.process = OfficeProcess(arguments, SECRET)

    def __enter__(self) -> Office:
        self.post.controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.post.controller.stop()


def wait_for(journal: Journal, kind: type[Event], count: int, patience_s: float) -> bool:
    """Until the journal has so many entries of a kind, or had no new one for so long."""
    end, position, found = time.monotonic() + patience_s, 0, 0
    while found < count and time.monotonic() < end:
        news = journal.read(kinds=(kind,), after=position)
        if news:
            found, position, end = found + len(news), news[-1].position, time.monotonic() + patience_s
        time.sleep(0.05)
    return found >= count


def kills(console: Console, wanted: int, seed: int, office: Office) -> bool:
    """Visits go on while the office is killed and started again and again."""
    if not wanted:
        return True
    rng = random.Random(seed)
    journal = Journal.open(office.url, time.time_ns)
    wallet = Wallet.open(office.url, SECRET)
    cards = ("tok_good", "tok_twice", "tok_lost_answer", "tok_late")
    visits = 0
    for _ in range(wanted):
        office.process.start()
        target = journal.end() + rng.randrange(40)
        while journal.end() < target or not visits:
            token = f"{rng.choice(cards)}_{visits}"
            journal.append(*visit(wallet, f"v{visits}", token, rng.randint(1, 3)))
            visits += 1
            time.sleep(rng.uniform(0.0, 0.2))
        time.sleep(rng.uniform(0.0, 1.0))
        office.process.kill()
    office.process.start()
    finished = wait_for(journal, VisitSettled, visits, 120.0)
    office.process.end()
    report, books = audit(journal), Sandbox.open(office.sandbox_url).books()
    balance = report.balances["EUR"]
    charges = len(journal.read(kinds=(Charged,)))
    good = (
        finished
        and not report.findings
        and books.captured_minor == balance.captured_minor == balance.receipts_minor
        and books.captures == charges == visits
    )
    table = Table(
        "kills", "visits", "captures", "captured", "sum of receipts", "audit findings", title="Killed with signal 9"
    )
    sums = (balance.captured_minor, balance.receipts_minor)
    table.add_row(*(f"{n:,}" for n in (wanted, visits, books.captures, *sums, len(report.findings))))
    console.print(table)
    return good


def visit(wallet: Wallet, session_id: str, token: str, quantity: int) -> tuple[Event, Event]:
    """A visit of the corner shop that opens and closes at once."""
    payer = wallet.payer_of(token)
    held = replace(item("COLA-033", quantity), sku="COLA-15", unit_price_minor=229)
    return opened(session_id, payer), closed(held, session_id=session_id, payer=payer, currency="EUR")


def throughput(console: Console, folder: Path, office: Office) -> bool:
    """Durable events of running visits, one by one and in batches; and visits through the whole office."""
    journal = Journal.open(f"sqlite:///{folder}/events.db", time.time_ns)
    one_by_one = rate(lambda n: journal.append(cart(n)), 600)
    batched = rate(lambda n: journal.append(*(cart(100_000 + 20 * n + i) for i in range(20))), 100) * 20
    journal, wallet = Journal.open(office.url, time.time_ns), Wallet.open(office.url, SECRET)
    office.process.start()
    journal.append(*visit(wallet, "warm-up", "tok_warm_up", 1))
    good = wait_for(journal, VisitSettled, 1, 60.0)
    start = time.monotonic()
    for n in range(AT_ONCE):
        journal.append(*visit(wallet, f"v{n}", f"tok_{n}", 2))
    good &= wait_for(journal, VisitSettled, AT_ONCE + 1, 120.0)
    minutes = (time.monotonic() - start) / 60
    names = [f"mailed{n}" for n in range(LEAST_VISITS_MIN)]
    for name in names:
        wallet.link(wallet.payer_of(f"tok_{name}"), f"{name}@example.org", None)
    for name in names:
        journal.append(*visit(wallet, name, f"tok_{name}", 2))
        time.sleep(60 / LEAST_VISITS_MIN)
    good &= wait_for(journal, VisitSettled, AT_ONCE + 1 + len(names), 120.0)
    good &= wait_for(journal, MailSent, AT_ONCE + 1 + len(names), 120.0)
    office.process.end()
    closes = {entry.event.subject: entry.stamp_ns for entry in journal.read(kinds=(VisitClosed,))}
    receipts = {entry.event.subject: entry.stamp_ns for entry in journal.read(kinds=(ReceiptIssued,))}
    to_receipt = np.array([receipts[name] - closes[name] for name in names]) / 1e9
    to_mail = np.array([office.post.arrived[name] - closes[name] for name in names]) / 1e9
    table = Table("figure", "measured", "wanted", title="Throughput on this machine")
    table.add_row("durable events a second, one by one", f"{one_by_one:,.0f}", "")
    table.add_row("durable events a second, 20 at a time", f"{batched:,.0f}", f"{LEAST_EVENTS_S}")
    table.add_row(f"visits a minute, {AT_ONCE} at once", f"{AT_ONCE / minutes:,.0f}", f"{LEAST_VISITS_MIN}")
    for name, seconds, most in (("receipt", to_receipt, 1.0), ("mail's arrival", to_mail, 3.0)):
        p50, p99 = np.percentile(seconds, (50, 99))
        figure = f"closed to {name}, {len(names)} a minute: median, p99 [s]"
        table.add_row(figure, f"{p50:.2f}, {p99:.2f}", f"p99 {most:.2f}")
        good &= bool(p99 <= most)
    console.print(table)
    return good and batched >= LEAST_EVENTS_S and AT_ONCE / minutes >= LEAST_VISITS_MIN


def rate(step, count: int) -> float:  # type: ignore[no-untyped-def]
    """Steps per second."""
    start = time.monotonic()
    for n in range(count):
        step(n)
    return count / (time.monotonic() - start)


def cart(revision: int) -> CartChanged:
    """A cart of five lines."""
    items = tuple(item(sku) for sku in ("COLA-033", "MILK-1", "CHOC-100", "GUM-27", "RICE-1000"))
    return CartChanged(session_id=f"v{revision % 50}", revision=revision, stamp_ns=revision, items=items)
