"""What the doorkeeper, the cashier and the mailer have in common: they follow the journal.

A worker looks again at every subject that an entry names, does what is to be done, and writes down what came of it.
It keeps nothing that matters: after a crash it reads the journal again.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, ClassVar

from .journal import Entry, Journal

log = logging.getLogger(__name__)

_BATCH = 1000
_BOOKMARK_EVERY = 200
"""Entries that are at most looked at again after a restart, beyond those of unfinished subjects."""
_NEVER = 1 << 62
_TROUBLE_NS = 1_000_000_000
"""A subject whose work broke off is looked at again after this."""


class Inline(Executor):
    """Does the work at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def earliest(due: Iterable[int | None]) -> int | None:
    """When to look again at what has several things to do; None where nothing is due."""
    return min((due_ns for due_ns in due if due_ns is not None), default=None)


@dataclass(slots=True)
class _Matter:
    """A subject with something to do: since which entry, and when to look at it."""

    since: int
    due_ns: int


class Worker(ABC):
    """Works on the subjects of the journal; several at once if ``pool`` has threads, each by one thread at a time."""

    NAME: ClassVar[str]

    def __init__(self, journal: Journal, clock: Callable[[], int], pool: Executor | None = None) -> None:
        self._journal = journal
        self._clock = clock
        self._pool = pool or Inline()
        self._position = self._bookmark = journal.bookmark(self.NAME)
        self._agenda: dict[str, _Matter] = {}
        self._running: dict[str, Future[int | None]] = {}

    @abstractmethod
    def concerns(self, entry: Entry) -> bool:
        """Whether to look at the entry's subject."""

    @abstractmethod
    def advance(self, subject: str) -> int | None:
        """Do all that can be done about a subject now. Gives the instant at which to look again, None for no more.

        It may be called at any time and any number of times.
        """

    def step(self) -> int | None:
        """Read what is new and do what is due; gives the next instant at which something is due."""
        self._collect()
        for entry in self._journal.read(after=self._position, limit=_BATCH):
            self._position = entry.position
            if self.concerns(entry):
                self._agenda.setdefault(entry.event.subject, _Matter(entry.position, 0)).due_ns = 0
        now_ns = self._clock()
        for subject, matter in list(self._agenda.items()):
            if matter.due_ns <= now_ns and subject not in self._running:
                matter.due_ns = _NEVER
                self._running[subject] = self._pool.submit(self._advance, subject)
        self._collect()
        self._move_bookmark()
        return min((matter.due_ns for matter in self._agenda.values()), default=None)

    def run(self, stop: threading.Event, poll_s: float) -> None:
        """Step until told to stop; whatever the database does, go on."""
        while not stop.is_set():
            try:
                self.step()
            except Exception:
                log.exception("%s: trouble, going on", self.NAME)
                stop.wait(_TROUBLE_NS / 1e9)
            stop.wait(poll_s)

    def _advance(self, subject: str) -> int | None:
        try:
            return self.advance(subject)
        except Exception:
            log.exception("%s: trouble with %s, trying again", self.NAME, subject)
            return self._clock() + _TROUBLE_NS

    def _collect(self) -> None:
        for subject, future in list(self._running.items()):
            if future.done():
                del self._running[subject]
                due_ns = future.result()
                matter = self._agenda[subject]
                if due_ns is not None:
                    matter.due_ns = min(matter.due_ns, due_ns)
                elif matter.due_ns == _NEVER:
                    del self._agenda[subject]

    def _move_bookmark(self) -> None:
        position = min((matter.since - 1 for matter in self._agenda.values()), default=self._position)
        if position >= self._bookmark + _BOOKMARK_EVERY:
            self._journal.set_bookmark(self.NAME, position)
            self._bookmark = position
