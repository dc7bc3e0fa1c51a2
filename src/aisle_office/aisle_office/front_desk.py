"""Where the store's nodes and the office meet: core items in, the office's decisions out, and nobody waits.

A node's callback gives items and takes answers; both only touch queues. A thread of its own translates, writes the
journal in the order of the items, and follows it. What it has not yet written is lost with the process, and nothing of
it was shown: ``written()`` says how far it is.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Iterator

from aisle_core.types import CartLine, Carts, CartState, GateEvent, GateEventKind, Receipt

from .events import (
    CartChanged,
    EntryDecided,
    EntryRequested,
    EntryUsed,
    Event,
    Item,
    VisitClosed,
    VisitOpened,
)
from .journal import Entry, Journal
from .wallet import Wallet

log = logging.getLogger(__name__)

Said = GateEvent | Carts | Receipt

_BATCH = 200
"""Items that are written in one transaction at most."""
_TROUBLE_S = 1.0


class FrontDesk:
    """Use it as a context: the thread runs within, and at the end writes what it was given.

    poll_s: how often it looks for answers when nothing is said.
    """

    def __init__(self, journal: Journal, wallet: Wallet, poll_s: float) -> None:
        self._journal = journal
        self._wallet = wallet
        self._poll_s = poll_s
        self._said: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._answers: deque[tuple[str, EntryDecided]] = deque()
        self._written = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="front desk")
        self._position = journal.end()
        self._lane_of: dict[str, str] = {}
        self._requests: dict[str, str] = {}
        self._lines: dict[str, tuple[CartLine, ...]] = {}
        self._revisions: dict[str, int] = {}

    def __enter__(self) -> FrontDesk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def say(self, item: Said) -> None:
        """Hand over what the gate or the checkout said. Never blocks."""
        self._said.put(item)

    def answers(self) -> list[tuple[str, EntryDecided]]:
        """Decisions since the last call, each with its lane. Never blocks."""
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def written(self) -> int:
        """How many items are on the disk, in the order in which they were said."""
        return self._written

    def _run(self) -> None:
        batch: deque[Said] = deque()
        events: list[Event] = []
        said = 0
        while batch or events or not self._stop.is_set() or not self._said.empty():
            try:
                if not batch and not events:
                    batch.extend(self._next_batch())
                while batch:
                    for event in self._events(batch[0]):
                        events.append(event)
                    batch.popleft()
                    said += 1
                if events:
                    self._journal.append(*events)
                    events.clear()
                self._written = said
                self._follow()
            except Exception:
                log.exception("front desk: trouble, trying again")
                if self._stop.wait(_TROUBLE_S):
                    return

    def _next_batch(self) -> list[Said]:
        batch: list[Said] = []
        try:
            batch.append(self._said.get(timeout=self._poll_s))
            while len(batch) < _BATCH:
                batch.append(self._said.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _follow(self) -> None:
        for entry in self._journal.read(after=self._position, kinds=(EntryRequested, EntryDecided)):
            self._position = entry.position
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        match entry.event:
            case EntryRequested() as event:
                self._lane_of[event.request_id] = event.lane_id
            case EntryDecided() as event:
                lane_id = self._lane_of.pop(event.request_id, None)
                if lane_id is not None:
                    self._answers.append((lane_id, event))

    def _events(self, item: Said) -> Iterator[Event]:
        """What an item means. If the database fails on the way, the rest comes when asked again."""
        match item:
            case GateEvent(kind=GateEventKind.CREDENTIAL, credential=str(token)):
                payer, request_id = self._wallet.payer_of(token), f"{item.lane_id}-{item.stamp_ns}"
                self._requests[payer] = request_id
                yield EntryRequested(request_id=request_id, lane_id=item.lane_id, payer=payer, stamp_ns=item.stamp_ns)
            case Carts():
                for cart in item.carts:
                    if cart.state is not CartState.OPEN:
                        continue
                    if cart.session_id not in self._lines:
                        payer, revision = self._payer(cart.credential), self._last_revision(cart.session_id)
                        request_id = self._requests.pop(payer, "")
                        self._lines[cart.session_id], self._revisions[cart.session_id] = (), revision
                        yield VisitOpened(
                            session_id=cart.session_id, request_id=request_id, payer=payer, open_ns=cart.open_ns
                        )
                        if request_id:
                            yield EntryUsed(request_id=request_id, session_id=cart.session_id)
                    if cart.lines != self._lines[cart.session_id]:
                        self._lines[cart.session_id] = cart.lines
                        self._revisions[cart.session_id] += 1
                        yield CartChanged(
                            session_id=cart.session_id,
                            revision=self._revisions[cart.session_id],
                            stamp_ns=item.stamp_ns,
                            items=tuple(map(item_of, cart.lines)),
                        )
            case Receipt():
                closed = visit_closed(item, self._payer(item.credential))
                self._lines.pop(item.session_id, None)
                self._revisions.pop(item.session_id, None)
                yield closed

    def _payer(self, credential: str | None) -> str:
        return self._wallet.payer_of(credential) if credential else ""

    def _last_revision(self, session_id: str) -> int:
        entries = self._journal.read(subject=session_id, kinds=(CartChanged,))
        return entries[-1].event.revision if entries and isinstance(entries[-1].event, CartChanged) else -1


def visit_closed(receipt: Receipt, payer: str) -> VisitClosed:
    """The end of a visit as the checkout says it."""
    return VisitClosed(
        session_id=receipt.session_id,
        payer=payer,
        open_ns=receipt.open_ns,
        close_ns=receipt.stamp_ns,
        close_reason=receipt.close_reason.name.lower(),
        currency=receipt.currency,
        items=tuple(map(item_of, receipt.lines)),
        review=receipt.review,
        unbooked_cart_event_ids=receipt.unbooked_cart_event_ids,
    )


def item_of(line: CartLine) -> Item:
    """A line of a cart or a receipt of the checkout."""
    return Item(
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        review=line.review,
        confidence=line.confidence,
        reason=line.reason.name.lower(),
        cart_event_ids=line.cart_event_ids,
        shelf_event_ids=line.shelf_event_ids,
    )
