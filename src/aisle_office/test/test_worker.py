"""How workers follow the journal."""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest
from office_world import NOON, SECOND, opened

from aisle_core.errors import AisleError
from aisle_office.journal import Entry, Journal
from aisle_office.wallet import Wallet
from aisle_office.worker import Worker


class Counter(Worker):
    """Looks at each visit ``looks`` times, a second apart."""

    NAME: ClassVar[str] = "counter"

    def __init__(self, journal: Journal, clock, pool=None, looks: int = 1) -> None:
        super().__init__(journal, clock, pool)
        self.looks = looks
        self.seen: list[str] = []
        self.fail = False
        self.clock = clock

    def concerns(self, entry: Entry) -> bool:
        return entry.event.subject != "ignored"

    def advance(self, subject: str) -> int | None:
        if self.fail:
            self.fail = False
            raise RuntimeError("broken")
        self.seen.append(subject)
        return self.clock() + SECOND if self.seen.count(subject) < self.looks else None


class Clock:
    now_ns = NOON

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    ticks = itertools.count(NOON)
    journal = Journal.open(f"sqlite:///{tmp_path}/office.db", lambda: next(ticks))
    yield journal
    journal.close()


def test_each_new_entry_is_looked_at_once(journal: Journal) -> None:
    worker = Counter(journal, Clock())
    journal.append(opened("a"), opened("ignored"), opened("b"))
    assert worker.step() is None
    worker.step()
    assert worker.seen == ["a", "b"]


def test_a_subject_is_looked_at_again_when_it_is_due(journal: Journal) -> None:
    clock = Clock()
    worker = Counter(journal, clock, looks=2)
    journal.append(opened("a"))
    assert worker.step() == NOON + SECOND
    worker.step()
    assert worker.seen == ["a"]
    clock.now_ns += SECOND
    assert worker.step() is None
    assert worker.seen == ["a", "a"]


def test_what_breaks_is_tried_again(journal: Journal) -> None:
    clock = Clock()
    worker = Counter(journal, clock)
    worker.fail = True
    journal.append(opened("a"))
    assert worker.step() == NOON + SECOND
    clock.now_ns += SECOND
    worker.step()
    assert worker.seen == ["a"]


def test_after_a_restart_only_unfinished_and_new_subjects_are_looked_at(journal: Journal) -> None:
    clock = Clock()
    worker = Counter(journal, clock)
    journal.append(*(opened(f"v{n}") for n in range(500)))
    worker.step()
    journal.append(opened("last"))
    again = Counter(journal, clock)
    again.step()
    assert again.seen == ["last"]


def test_an_unfinished_subject_is_not_left_behind(journal: Journal) -> None:
    clock = Clock()
    worker = Counter(journal, clock, looks=2)
    journal.append(opened("waits"))
    worker.step()
    worker.looks = 1
    journal.append(*(opened(f"v{n}") for n in range(500)))
    worker.step()
    again = Counter(journal, clock)
    again.step()
    assert again.seen[0] == "waits"


def test_helpers_work_on_several_subjects_and_one_on_each(journal: Journal) -> None:
    """Two subjects meet in the middle, so they run at once; a new entry of one of them waits for its turn."""
    meeting = threading.Barrier(2, timeout=30)
    running: list[str] = []
    twice: list[str] = []

    class Meeting(Counter):
        def advance(self, subject: str) -> int | None:
            twice.extend(name for name in running if name == subject)
            running.append(subject)
            if len(self.seen) < 2:
                meeting.wait()
            running.remove(subject)
            return super().advance(subject)

    with ThreadPoolExecutor(4) as pool:
        worker = Meeting(journal, Clock(), pool)
        journal.append(opened("a"), opened("b"))
        worker.step()
        while len(worker.seen) < 2:
            worker.step()
    assert sorted(worker.seen[:2]) == ["a", "b"] and twice == []


def test_one_card_has_one_payer_and_a_short_secret_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/office.db"
    wallet, again = (Wallet.open(url, "a secret of the test") for _ in range(2))
    anna = wallet.payer_of("tok_anna")
    assert again.payer_of("tok_anna") == anna != wallet.payer_of("tok_bert")
    wallet.link(anna, "anna@example.org", "vi")
    card = again.card(anna)
    assert card is not None and (card.token, card.email, card.language) == ("tok_anna", "anna@example.org", "vi")
    wallet.forget(anna)
    assert again.card(anna) is None
    assert wallet.payer_of("tok_anna") != anna
    with pytest.raises(AisleError, match="give 16 or more"):
        Wallet.open(url, "short")
    wallet.close()
    again.close()
