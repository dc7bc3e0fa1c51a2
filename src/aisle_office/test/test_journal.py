"""The journal on a real database, by several writers; and the auditor, who sees what was done to it."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_world import NOON, STORE, closed, item, office, opened
from sqlalchemy import create_engine, text

from aisle_core.errors import AisleError
from aisle_office import events
from aisle_office.audit import audit
from aisle_office.events import (
    CartChanged,
    Charged,
    ChargeIntended,
    EntriesDeleted,
    Event,
    ReceiptIssued,
    Refunded,
    RefundRequested,
    VisitBilled,
    VisitClosed,
    VisitOpened,
    VisitReviewed,
    VisitSettled,
)
from aisle_office.journal import Journal
from aisle_office.pricing import Pricing

Make = Callable[[], Journal]


@pytest.fixture(params=["sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Opens the same journal again and again."""
    url = f"sqlite:///{tmp_path}/office.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS journal, bookmarks"))
        engine.dispose()
    journals: list[Journal] = []
    clock = itertools.count(NOON)

    def build() -> Journal:
        journals.append(Journal.open(url, lambda: next(clock)))
        return journals[-1]

    yield build
    for journal in journals:
        journal.close()


@pytest.fixture
def journal(make: Make) -> Journal:
    return make()


def cart(revision: int, session_id: str = "v1") -> CartChanged:
    return CartChanged(session_id=session_id, revision=revision, stamp_ns=NOON, items=(item("COLA-033"),))


def test_what_is_written_is_read(journal: Journal, make: Make) -> None:
    news: list[Event] = [opened(), cart(0), closed(item("MILK-1"), item("COLA-033", 2))]
    written = journal.append(*news)
    assert [entry.position for entry in written] == [1, 2, 3]
    assert [entry.event for entry in make().read()] == news
    assert make().read() == list(written)


def test_the_first_event_of_a_key_stands(journal: Journal) -> None:
    (first,) = journal.append(closed(item("MILK-1")))
    other = closed(close_reason="timeout")
    assert journal.append(other, opened()) == (first, journal.at(2))
    assert journal.get(other.key) == first
    assert journal.append(cart(0), cart(0))[0] == journal.append(cart(0))[0]
    assert journal.end() == 3


def test_ordinals_count_each_kind(journal: Journal) -> None:
    journal.append(opened(), cart(0))
    journal.append(cart(1), opened("v2"), cart(2))
    assert [(e.event.kind(), e.ordinal) for e in journal.read()] == [
        ("visit_opened", 1),
        ("cart_changed", 1),
        ("cart_changed", 2),
        ("visit_opened", 2),
        ("cart_changed", 3),
    ]


def test_reading_by_subject_kind_and_position(journal: Journal) -> None:
    journal.append(opened(), opened("v2"), cart(0), cart(0, "v2"), cart(1))
    assert [e.position for e in journal.read(subject="v1")] == [1, 3, 5]
    assert [e.position for e in journal.read(kinds=(CartChanged,), after=3, limit=1)] == [4]
    assert journal.at(9) is None and journal.get("nothing") is None


def test_reading_by_number_instant_and_text(journal: Journal) -> None:
    journal.append(opened(payer="anna_1"), opened("v2", payer="annax1"), cart(0))
    second = journal.numbered(VisitOpened, 2)
    assert second is not None and second.event.subject == "v2" and journal.numbered(VisitOpened, 3) is None
    assert [e.event.subject for e in journal.read(mentioning='"anna_1"')] == ["v1"]
    last = journal.append(cart(1))[0]
    assert (journal.position_before(last.stamp_ns), journal.position_before(last.stamp_ns + 1)) == (3, 4)
    assert journal.position_before(0) == 0


def test_a_bookmark_stays(journal: Journal, make: Make) -> None:
    assert journal.bookmark("cashier") == 0
    journal.set_bookmark("cashier", 7)
    journal.set_bookmark("cashier", 9)
    assert make().bookmark("cashier") == 9


def test_many_writers_make_one_chain(make: Make) -> None:
    """Four writers with journals of their own, half of their events with keys of the others."""

    def write(number: int, journal: Journal) -> None:
        for i in range(25):
            journal.append(cart(i, f"own{number}"), cart(i, "shared"))

    threads = [threading.Thread(target=write, args=(n, make())) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal = make()
    assert journal.end() == 4 * 25 + 25
    assert audit(journal).findings == []


def test_an_error_within_writes_nothing(journal: Journal) -> None:
    broken = replace(cart(1), stamp_ns=object())  # type: ignore[arg-type]
    with pytest.raises(Exception, match="object"):
        journal.append(cart(0), broken)
    assert journal.end() == 0
    journal.append(cart(0))


def test_another_process_writes_and_this_one_reads(tmp_path: Path) -> None:
    """What a process has committed is there although it is killed at once."""
    url = f"sqlite:///{tmp_path}/office.db"
    code = (
        "import os, signal, sys\n"
        "from aisle_office.journal import Journal\n"
        "from aisle_office.events import VisitOpened\n"
        "journal = Journal.open(sys.argv[1], lambda: 1)\n"
        "journal.append(VisitOpened(session_id='v1', request_id='', payer='', open_ns=1))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == -9
    journal = Journal.open(url, lambda: 2)
    assert [entry.event.subject for entry in journal.read()] == ["v1"]
    journal.close()


def test_a_wrong_place_is_named(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/nowhere/office.db", "nonsense", "oracle9://x"):
        with pytest.raises(AisleError, match=";"):
            Journal.open(url, lambda: 1)


def test_an_unknown_event_is_named() -> None:
    with pytest.raises(AisleError, match="visit_opened version 99 is unknown"):
        events.load("visit_opened", 99, "{}")
    with pytest.raises(AisleError, match="does not fit"):
        events.load("visit_opened", 1, "{}")


texts = st.text(max_size=8)


@given(texts, st.integers(0, 2**62), st.dictionaries(texts, st.integers(-9, 9), max_size=3), st.floats(0, 1))
def test_any_event_survives(name: str, number: int, quantities: dict[str, int], share: float) -> None:
    for event in (
        closed(item("COLA-033", name=name, confidence=share, mass=share), close_ns=number, payer=name),
        VisitReviewed(session_id=name, actor=name, quantities=quantities, loss_minor=number, note=name),
    ):
        assert events.load(event.kind(), event.VERSION, events.dump(event)) == event


# --- the auditor

BILL = Pricing(STORE, office()).bill([item("COLA-033", 2)], NOON)
BACK = Pricing(STORE, office()).refund(BILL, [], {"COLA-033": 1})
RIGHT: dict[str, Event] = {
    "open": opened(),
    "close": closed(item("COLA-033", 2)),
    "bill": VisitBilled(session_id="v1", bill=BILL),
    "intend": ChargeIntended(session_id="v1", amount_minor=298, currency="USD"),
    "charge": Charged(session_id="v1", charge_id="c", amount_minor=298, currency="USD"),
    "receipt": ReceiptIssued(session_id="v1", refund_id="", bill=BILL),
    "settle": VisitSettled(session_id="v1"),
    "ask": RefundRequested(session_id="v1", refund_id="a", quantities={"COLA-033": 1}, actor="s", note=""),
    "give": Refunded(session_id="v1", refund_id="a", provider_refund_id="r", amount_minor=149, currency="USD"),
    "credit": ReceiptIssued(session_id="v1", refund_id="a", bill=BACK),
}


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Journal]:
    clock = itertools.count(NOON)
    journal = Journal.open(f"sqlite:///{tmp_path}/office.db", lambda: next(clock))
    yield journal
    journal.close()


def found(journal: Journal, **changes: Event | None) -> list[str]:
    """Findings about the right story with other events; None leaves one out."""
    journal.append(*(event for event in (RIGHT | changes).values() if event is not None))
    return [finding.text for finding in audit(journal).findings]


def test_a_right_story_has_no_findings(local: Journal) -> None:
    assert found(local) == []
    report = audit(local)
    assert (report.entries, report.receipts) == (10, 2)
    balance = report.balances["USD"]
    assert (balance.captured_minor, balance.refunded_minor, balance.receipts_minor) == (298, 149, 149)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"close": None}, "has not closed"),
        ({"close": closed(item("COLA-033", 2, review=True))}, "without a review"),
        ({"close": closed(item("COLA-033"))}, "otherwise than the visit held it"),
        ({"close": closed(item("COLA-033", 2, cart_event_ids=()))}, "without a decision"),
        ({"bill": None}, "no bill"),
        ({"bill": VisitBilled(session_id="v1", bill=replace(BILL, total_minor=297))}, "does not add up"),
        ({"intend": None}, "not written down as intended"),
        ({"charge": replace(RIGHT["charge"], amount_minor=299)}, "not what the bill says"),
        ({"charge": replace(RIGHT["charge"], amount_minor=299)}, "1 USD"),
        ({"charge": None}, "not about what was charged"),
        ({"receipt": None}, "has no receipt"),
        ({"ask": None}, "nobody asked"),
        ({"give": replace(RIGHT["give"], amount_minor=299)}, "more goes back"),
        ({"give": None}, "not about what was refunded"),
        ({"credit": None}, "refund a of visit v1 has no receipt"),
        ({"credit": replace(RIGHT["credit"], bill=BILL)}, "not about what was refunded"),
    ],
)
def test_a_wrong_story_is_found(local: Journal, changes: dict[str, Event | None], finding: str) -> None:
    assert any(finding in text for text in found(local, **changes))


def test_a_second_charge_is_found_even_if_the_database_let_it_in(local: Journal) -> None:
    other = replace(RIGHT["charge"], session_id="v2")
    local.append(*RIGHT.values(), other)
    tamper(local, "UPDATE journal SET subject='v1', body=replace(body, 'v2', 'v1') WHERE position=11")
    texts = [finding.text for finding in audit(local).findings]
    assert "the visit is charged a second time" in texts


def test_what_is_deleted_leaves_a_whole_chain(journal: Journal) -> None:
    journal.append(*RIGHT.values(), opened("v2"))
    noted = {audit(journal).entries: audit(journal).last_hash}
    assert journal.subjects([VisitOpened], [VisitSettled], journal.end()) == {"v2"}
    until = journal.end()
    journal.append(EntriesDeleted(about="retention", kept="visits", until=until))
    assert journal.delete([VisitOpened, VisitClosed], until, ["v2"]) == 2
    assert [entry.event.subject for entry in journal.read(kinds=(VisitOpened,))] == ["v2"]
    assert journal.get("visit_opened/v1") is None and journal.at(1) is None
    with pytest.raises(AisleError, match="deleted after its time"):
        journal.append(opened("v1"))
    journal.append(opened("v3"))
    report = audit(journal, noted)
    assert (report.findings, report.deleted) == ([], 2)


def tamper(journal: Journal, statement: str) -> None:
    with journal._engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET body=replace(body, '298', '297') WHERE position=5",
        "UPDATE journal SET body=NULL, salt=NULL WHERE position=5",
        "UPDATE journal SET seal=substr(seal, 2) || 'x' WHERE position=3",
        "UPDATE journal SET stamp_ns=stamp_ns+1 WHERE position=2",
        "UPDATE journal SET key='x' WHERE position=2",
        "UPDATE journal SET version=2 WHERE position=2",
        "UPDATE journal SET ordinal=5 WHERE position=10",
        "DELETE FROM journal WHERE position=4",
        "DELETE FROM journal WHERE position=1",
        "UPDATE journal SET hash=substr(hash, 2) || 'x' WHERE position=3",
    ],
)
def test_a_changed_entry_is_found(local: Journal, statement: str) -> None:
    local.append(*RIGHT.values())
    before = audit(local)
    tamper(local, statement)
    after = audit(local)
    assert before.findings == [] and after.findings != []


def test_a_chain_that_was_made_anew_is_found_by_a_noted_hash(local: Journal, tmp_path: Path) -> None:
    local.append(*RIGHT.values())
    noted = {audit(local).entries: audit(local).last_hash}
    forged = Journal.open(f"sqlite:///{tmp_path}/forged.db", lambda: NOON + 1)
    forged.append(*RIGHT.values())
    assert audit(forged).findings == []
    assert [f.text for f in audit(forged, noted).findings] == ["the hash is not the one that was noted"]
    assert audit(local, noted).findings == []
    forged.close()
    cut = Journal.open(f"sqlite:///{tmp_path}/cut.db", lambda: NOON)
    cut.append(RIGHT["open"])
    assert any("was noted of entry 10" in f.text for f in audit(cut, noted).findings)
    cut.close()
