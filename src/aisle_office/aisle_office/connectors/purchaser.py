"""Tells the retailer's systems of every visit that was billed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import ClassVar

from ..events import PurchaseCreated, PurchaseIntended, TaskRerun, VisitBilled
from ..journal import Entry, Journal
from ..retailer import RefusedError, UnansweredError
from ..settings import Retry
from ..visit import Visit
from ..worker import Worker
from .client import Connector
from .trips import trip_of

_TASK = "purchase"


class Purchaser(Worker):
    """Creates a purchase for each visit that has goods; ``connector`` tries once, this worker tries again."""

    NAME: ClassVar[str] = "purchaser"

    def __init__(
        self,
        journal: Journal,
        connector: Connector,
        retry: Retry,
        clock: Callable[[], int],
        pool: Executor | None = None,
    ) -> None:
        super().__init__(journal, clock, pool)
        self._connector = connector
        self._retry = retry

    def concerns(self, entry: Entry) -> bool:
        event = entry.event
        return isinstance(event, VisitBilled) or (isinstance(event, TaskRerun) and event.task == _TASK)

    def advance(self, subject: str) -> int | None:
        visit = Visit.read(self._journal, subject)
        task = visit.tasks[_TASK]
        if visit.bill is None or visit.purchase_id or task.dead:
            return None
        if self._clock() < task.due_ns(self._retry):
            return task.due_ns(self._retry)
        trip = trip_of(visit)
        if not trip.lines:
            return None
        visit.append(self._journal, PurchaseIntended(session_id=subject, trip_id=trip.trip_id))
        try:
            purchase_id = self._connector.create_purchase(trip)
        except (UnansweredError, RefusedError) as error:
            final = isinstance(error, RefusedError)
            visit.append(self._journal, task.failure(subject, _TASK, error, self._retry, final=final))
            return task.again_ns(self._retry)
        visit.append(self._journal, PurchaseCreated(session_id=subject, purchase_id=purchase_id))
        return None
