"""What the console shows: a picture of what is open in the office, kept up from the journal."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from . import orders
from .events import (
    AgeCheckAsked,
    AgeChecked,
    AgeCheckMissed,
    CartChanged,
    ChargebackContested,
    ChargebackEnded,
    ChargedBack,
    DisputeDecided,
    Event,
    GateAlarmed,
    Item,
    LineDisputed,
    ReceiptIssued,
    StaffOrdered,
    TaskFailed,
    TaskRerun,
    VisitClosed,
    VisitOpened,
    VisitReviewed,
)
from .journal import Entry, Journal
from .tasks import DeadLetter, Tasks
from .visit import Visit

_KINDS: tuple[type[Event], ...] = (
    VisitOpened,
    CartChanged,
    VisitClosed,
    VisitReviewed,
    AgeCheckAsked,
    AgeChecked,
    AgeCheckMissed,
    ReceiptIssued,
    LineDisputed,
    DisputeDecided,
    ChargedBack,
    ChargebackContested,
    ChargebackEnded,
    TaskFailed,
    TaskRerun,
    GateAlarmed,
    StaffOrdered,
)
_BATCH = 2000
_RECEIPTS, _ALARMS = 100, 50
"""So many are shown at most."""


@dataclass(frozen=True, slots=True)
class OpenVisit:
    """Somebody is in the store."""

    session_id: str
    open_ns: int
    changed_ns: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class WaitingAge:
    """Somebody in the store has something that is only sold from ``min_age`` on, and nobody has looked at them."""

    session_id: str
    asked_ns: int
    min_age: int


@dataclass(frozen=True, slots=True)
class WaitingReview:
    """A doubtful visit that nobody has looked at."""

    session_id: str
    closed_ns: int
    closed: VisitClosed


@dataclass(frozen=True, slots=True)
class WaitingDispute:
    """Something that a shopper says they did not take."""

    disputed_ns: int
    disputed: LineDisputed


@dataclass(frozen=True, slots=True)
class WaitingChargeback:
    """Money that a bank has taken back, while nobody knows yet whether for good."""

    charged_back_ns: int
    charged_back: ChargedBack
    contested: bool = False
    """Staff has had the evidence handed in."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A receipt. ``ordinal``: its number."""

    ordinal: int
    stamp_ns: int
    issued: ReceiptIssued


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something at a gate."""

    stamp_ns: int
    alarmed: GateAlarmed


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that is open, the oldest first, and the last alarms and receipts, the newest first.

    store_closed: staff has ordered that nobody is let in.
    """

    visits: tuple[OpenVisit, ...]
    ages: tuple[WaitingAge, ...]
    reviews: tuple[WaitingReview, ...]
    disputes: tuple[WaitingDispute, ...]
    chargebacks: tuple[WaitingChargeback, ...]
    letters: tuple[DeadLetter, ...]
    alarms: tuple[Alarm, ...]
    receipts: tuple[Issued, ...]
    store_closed: bool


class Board:
    """Follows the journal when asked; any thread may use it. ``after``: the position from which it reads."""

    def __init__(self, journal: Journal, after: int = 0) -> None:
        self._journal = journal
        self._position = after
        self._lock = threading.Lock()
        self._visits: dict[str, OpenVisit] = {}
        self._ages: dict[str, WaitingAge] = {}
        self._reviews: dict[str, WaitingReview] = {}
        self._disputes: dict[tuple[str, str], WaitingDispute] = {}
        self._chargebacks: dict[str, WaitingChargeback] = {}
        self._tasks: dict[str, Tasks] = {}
        self._store_closed = False
        self._alarms: deque[Alarm] = deque(maxlen=_ALARMS)
        self._receipts: deque[Issued] = deque(maxlen=_RECEIPTS)

    def look(self) -> Overview:
        """The picture now. Raises ``sqlalchemy.exc.DBAPIError`` when the journal cannot be read."""
        with self._lock:
            while entries := self._journal.read(after=self._position, kinds=_KINDS, limit=_BATCH):
                for entry in entries:
                    self._take(entry)
                    self._position = entry.position
            return Overview(
                visits=tuple(self._visits.values()),
                ages=tuple(self._ages.values()),
                reviews=tuple(self._reviews.values()),
                disputes=tuple(self._disputes.values()),
                chargebacks=tuple(self._chargebacks.values()),
                letters=tuple(letter for subject, tasks in self._tasks.items() for letter in tasks.letters(subject)),
                alarms=tuple(reversed(self._alarms)),
                receipts=tuple(reversed(self._receipts)),
                store_closed=self._store_closed,
            )

    def _take(self, entry: Entry) -> None:
        match entry.event:
            case VisitOpened() as event:
                self._visits[event.session_id] = OpenVisit(event.session_id, event.open_ns, event.open_ns, ())
            case CartChanged() as event if event.session_id in self._visits:
                opened = self._visits[event.session_id]
                self._visits[event.session_id] = OpenVisit(
                    event.session_id, opened.open_ns, event.stamp_ns, event.items
                )
            case VisitClosed() as event:
                self._visits.pop(event.session_id, None)
                self._ages.pop(event.session_id, None)
                if event.review:
                    self._reviews[event.session_id] = WaitingReview(event.session_id, entry.stamp_ns, event)
            case AgeCheckAsked() as event if event.session_id in self._visits:
                self._ages[event.session_id] = WaitingAge(event.session_id, entry.stamp_ns, event.min_age)
            case AgeChecked() | AgeCheckMissed() as event:
                self._ages.pop(event.session_id, None)
                self._look_again(event.session_id)
            case VisitReviewed() as event:
                self._reviews.pop(event.session_id, None)
            case ReceiptIssued() as event:
                self._receipts.append(Issued(entry.ordinal, entry.stamp_ns, event))
            case StaffOrdered(about=orders.STORE) as event:
                self._store_closed = event.order == "close_store"
            case GateAlarmed() as event:
                self._alarms.append(Alarm(entry.stamp_ns, event))
            case LineDisputed() as event:
                self._disputes[event.session_id, event.sku] = WaitingDispute(entry.stamp_ns, event)
            case DisputeDecided() as event:
                self._disputes.pop((event.session_id, event.sku), None)
            case ChargedBack() as event:
                self._chargebacks[event.chargeback_id] = WaitingChargeback(entry.stamp_ns, event)
            case ChargebackContested() as event if event.chargeback_id in self._chargebacks:
                waiting = self._chargebacks[event.chargeback_id]
                self._chargebacks[event.chargeback_id] = replace(waiting, contested=True)
            case ChargebackEnded() as event:
                self._chargebacks.pop(event.chargeback_id, None)
            case TaskFailed() | TaskRerun() as event:
                tasks = self._tasks.setdefault(event.about, Tasks())
                tasks.take(entry)
                if not tasks.dead() and isinstance(event, TaskRerun):
                    self._tasks.pop(event.about)

    def _look_again(self, session_id: str) -> None:
        """Whether a person must still say what a visit holds."""
        visit = Visit.read(self._journal, session_id)
        if visit.closed is not None and visit.wants_review:
            self._reviews[session_id] = WaitingReview(session_id, visit.closed_ns, visit.closed)
        else:
            self._reviews.pop(session_id, None)
