"""Money is conserved and nothing is lost, wherever the office is stopped and whatever is repeated."""

import contextlib
import itertools
import random
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crashes import CARDS, GOOD, FusedJournal, Story
from hypothesis import given, settings
from hypothesis import strategies as st
from office_process import OfficeProcess
from office_world import ROOT, closed, item, office, opened, store
from postgresql_process import PostgreSql
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

import aisle_office.mail
from aisle_office.audit import audit
from aisle_office.cashier import Cashier
from aisle_office.events import Charged, Event, ReceiptIssued, VisitSettled
from aisle_office.journal import Entry, Journal
from aisle_office.office import run
from aisle_office.payment.sandbox import Sandbox
from aisle_office.wallet import Wallet

SECRET = "a secret of the test"
KILLS = 20


@pytest.fixture(autouse=True)
def no_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aisle_office.mail, "render_pdf", lambda view, words: b"%PDF")


def wrong(seed: int, crash_every: int, cards: tuple[str, ...] = CARDS) -> list[str]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        return Story(Path(folder), seed, crash_every, cards).live().wrong


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 2, 5, 20]))
def test_every_promise_is_kept(seed: int, crash_every: int) -> None:
    assert wrong(seed, crash_every) == []


def test_a_key_that_changes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The crashes can tell: with keys that are new at each try, somebody is charged twice."""
    take, tries = Cashier._take, itertools.count(1)
    monkeypatch.setattr(Cashier, "_take", lambda self, visit, amount, _: take(self, visit, amount, next(tries)))
    assert any("captures" in text for seed in range(5) for text in wrong(seed, 3, GOOD))


def test_a_receipt_that_is_not_written_with_its_charge_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    append = FusedJournal.append

    def apart(journal: FusedJournal, *news: Event) -> tuple[Entry, ...]:
        receipts = [event for event in news if isinstance(event, ReceiptIssued)]
        others = [event for event in news if event not in receipts]
        return append(journal, *others) + (append(journal, *receipts) if receipts else ())

    monkeypatch.setattr(FusedJournal, "append", apart)
    assert any("receipt" in text for seed in range(5) for text in wrong(seed, 3, GOOD))


def test_killed_processes_lose_and_double_nothing(tmp_path: Path) -> None:
    """The office as a process, killed with signal 9 twenty times at random entries while visits come in."""
    rng = random.Random(7)
    url, books = f"sqlite:///{tmp_path}/office.db", f"sqlite:///{tmp_path}/sandbox.db"
    journal = Journal.open(url, time.time_ns)
    wallet = Wallet.open(url, SECRET)
    site = ROOT / "config" / "stores" / "corner"
    arguments = [str(site), "--database", url, "--provider", books, "--smtp", "127.0.0.1:9", "--smtp-security", "none"]
    process = OfficeProcess(arguments, SECRET)
    visits = 0
    try:
        for kill in [True] * KILLS + [False]:
            process.start()
            for _ in range(2):
                token = f"{rng.choice(['tok_good', 'tok_lost_answer', 'tok_late'])}_{visits}"
                payer, session_id = wallet.payer_of(token), f"v{visits}"
                held = replace(item("COLA-033"), sku="COLA-15")
                journal.append(
                    opened(session_id, payer), closed(held, session_id=session_id, payer=payer, currency="EUR")
                )
                visits += 1
            target, end = journal.end() + rng.randint(0, 10), time.monotonic() + 100
            while time.monotonic() < end:
                settled = len(journal.read(kinds=(VisitSettled,)))
                if settled == visits or (kill and journal.end() >= target):
                    break
            if kill:
                process.kill()
        code = process.end()
    finally:
        process.kill()
    report, sandbox = audit(journal), Sandbox.open(books)
    assert report.findings == [] and code == 0
    assert sandbox.books().captures == len(journal.read(kinds=(Charged,))) == visits
    assert sandbox.books().captured_minor == report.balances["EUR"].receipts_minor
    for part in (journal, wallet, sandbox):
        part.close()


def test_a_database_that_restarts_loses_and_doubles_nothing(postgresql_server: PostgreSql, tmp_path: Path) -> None:
    """It breaks off twice while visits are settled; the office goes on by itself."""
    with create_engine(postgresql_server.url).begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS journal, bookmarks, kept, cards"))
    journal = Journal.open(postgresql_server.url, time.time_ns)
    wallet = Wallet.open(postgresql_server.url, SECRET)
    sandbox = Sandbox.open(f"sqlite:///{tmp_path}/sandbox.db")
    stop, visits = threading.Event(), 30
    terms = (journal, sandbox, wallet, store(), office(), time.time_ns)
    worker = threading.Thread(target=run, args=([lambda pool: Cashier(*terms, pool)], stop))
    worker.start()
    try:
        for number in range(visits):
            if number in (10, 20):
                postgresql_server.restart()
            payer, session_id = patiently(lambda n=number: wallet.payer_of(f"tok_{n}")), f"v{number}"
            visit = (opened(session_id, payer), closed(item("COLA-033"), session_id=session_id, payer=payer))
            patiently(lambda visit=visit: journal.append(*visit))
        end = time.monotonic() + 60
        while len(patiently(lambda: journal.read(kinds=(VisitSettled,)))) < visits and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        stop.set()
        worker.join()
    report = audit(journal)
    assert report.findings == [] and report.receipts == visits == sandbox.books().captures
    assert sandbox.books().captured_minor == report.balances["USD"].receipts_minor
    for part in (journal, wallet, sandbox):
        part.close()


def patiently(call: Callable[[], Any]) -> Any:
    """What a call gives, made again where the database was away."""
    while True:
        with contextlib.suppress(DBAPIError):
            return call()
