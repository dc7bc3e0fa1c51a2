"""Money is conserved and nothing is lost, wherever the office is stopped and whatever is repeated."""

import itertools
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from crashes import CARDS, GOOD, FusedJournal, Story
from hypothesis import given, settings
from hypothesis import strategies as st
from office_process import OfficeProcess
from office_world import ROOT, closed, item, opened

import aisle_office.mail
from aisle_office.audit import audit
from aisle_office.cashier import Cashier
from aisle_office.events import Charged, Event, ReceiptIssued, VisitSettled
from aisle_office.journal import Entry, Journal
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
    office = OfficeProcess(arguments, SECRET)
    visits = 0
    try:
        for kill in [True] * KILLS + [False]:
            office.start()
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
                office.kill()
        code = office.end()
    finally:
        office.kill()
    report, sandbox = audit(journal), Sandbox.open(books)
    assert report.findings == [] and code == 0
    assert sandbox.books().captures == len(journal.read(kinds=(Charged,))) == visits
    assert sandbox.books().captured_minor == report.balances["EUR"].receipts_minor
    for part in (journal, wallet, sandbox):
        part.close()
