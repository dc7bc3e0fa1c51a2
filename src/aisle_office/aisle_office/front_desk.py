"""Where the store's nodes and the office meet: core items in, the office's decisions out, and nobody waits.

A node's callback gives items and takes answers; both only touch queues. A thread of its own translates, writes the
journal in the order of the items, and follows it. What it has not yet written is lost with the process, and nothing of
it was shown. With the events of an item it keeps what the checkout knew after it, so
that a checkout that was killed goes on from there.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError

from aisle_core.checkout import CheckoutState
from aisle_core.errors import AisleError
from aisle_core.types import (
    CartLine,
    Carts,
    CartState,
    Correction,
    CredentialShown,
    EntryDecision,
    EntryRequest,
    GateAlarm,
    GateCommandReason,
    Receipt,
    ReviewDecision,
    ReviewedLine,
    ShelfEvent,
    ShelfEvents,
    StaffOrder,
    StaffOrderKind,
)

from . import codes
from .events import (
    DEADLINE,
    AuthenticationStarted,
    CardTapped,
    CartChanged,
    DisputeDecided,
    EntryDecided,
    EntryReason,
    EntryRequested,
    EntryUsed,
    Event,
    GateAlarmed,
    Item,
    StaffOrdered,
    VisitClosed,
    VisitOpened,
    VisitReviewed,
)
from .journal import Entry, Journal
from .orders import STORE
from .wallet import Wallet

log = logging.getLogger(__name__)

Said = EntryRequest | GateAlarm | ShelfEvents | Carts | Receipt
Answer = EntryDecision | CredentialShown | StaffOrder | ReviewDecision

_BATCH = 200
"""Items that are written in one transaction at most."""
_TROUBLE_S = 1.0
_SHELF_EVENTS = 100_000
"""So many are remembered."""
_ANSWERS = (EntryDecided, AuthenticationStarted, CardTapped, StaffOrdered, VisitReviewed, DisputeDecided)
_STATE, _FOLLOWED = "checkout", "front desk"
_STATES: TypeAdapter[CheckoutState] = TypeAdapter(CheckoutState)
_REASONS: dict[EntryReason, GateCommandReason] = {
    "authorised": GateCommandReason.GRANTED,
    "staff": GateCommandReason.GRANTED,
    "declined": GateCommandReason.DECLINED,
    "debt": GateCommandReason.DEBT,
    "visit_open": GateCommandReason.VISIT_OPEN,
    "provider_unreachable": GateCommandReason.UNREACHABLE,
    "unknown_code": GateCommandReason.UNKNOWN_CODE,
    "expired_code": GateCommandReason.EXPIRED_CODE,
    "used_code": GateCommandReason.USED_CODE,
}


class FrontDesk:
    """Use it as a context: the thread runs within, and at the end writes what it was given.

    poll_s: how often it looks for answers when nothing is said.
    """

    def __init__(self, journal: Journal, wallet: Wallet, poll_s: float) -> None:
        self._journal = journal
        self._wallet = wallet
        self._poll_s = poll_s
        self._said: queue.SimpleQueue[tuple[Said, CheckoutState | None]] = queue.SimpleQueue()
        self._answers: deque[Answer] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="front desk")
        followed = journal.kept(_FOLLOWED)
        self._position = journal.end() if followed is None else int(followed)
        self._requests: dict[str, str] = {}
        self._lines: dict[str, tuple[CartLine, ...]] = {}
        self._revisions: dict[str, int] = {}
        self._shelf_events: dict[str, ShelfEvent] = {}
        self._claims: dict[str, set[tuple[str, str]]] = {}
        if followed is None:
            self._answers.extend(map(_order, journal.read(subject=STORE, kinds=(StaffOrdered,))[-1:]))

    def __enter__(self) -> FrontDesk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def state(self) -> CheckoutState | None:
        """What the checkout knew after the last item that is on the disk; None at the first start.

        Raises AisleError when another version of Aisle wrote it.
        """
        body = self._journal.kept(_STATE)
        if body is None:
            return None
        try:
            return _STATES.validate_json(body)
        except ValidationError:
            raise AisleError(
                "the database holds open visits of another version of Aisle; let that version close the store first"
            ) from None

    def say(self, item: Said, state: CheckoutState | None = None) -> None:
        """Hand over what the checkout said, and what it knows since. Never blocks."""
        self._said.put((item, state))

    def answers(self) -> list[Answer]:
        """Decisions and orders since the last call. Never blocks."""
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def _run(self) -> None:
        batch: deque[tuple[Said, CheckoutState | None]] = deque()
        events: list[Event] = []
        keep: dict[str, str] = {}
        while batch or events or keep or not self._stop.is_set() or not self._said.empty():
            try:
                if not batch and not events:
                    batch.extend(self._next_batch())
                    state = next((state for _, state in reversed(batch) if state is not None), None)
                    if state is not None:
                        keep = {_STATE: _STATES.dump_json(state).decode(), _FOLLOWED: str(self._position)}
                while batch:
                    for event in self._events(batch[0][0]):
                        events.append(event)
                    batch.popleft()
                if events or keep:
                    self._journal.append(*events, keep=keep)
                    events.clear()
                    keep = {}
                self._follow()
            except Exception:
                log.exception("front desk: trouble, trying again")
                if self._stop.wait(_TROUBLE_S):
                    return

    def _next_batch(self) -> list[tuple[Said, CheckoutState | None]]:
        batch: list[tuple[Said, CheckoutState | None]] = []
        try:
            batch.append(self._said.get(timeout=self._poll_s))
            while len(batch) < _BATCH:
                batch.append(self._said.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _follow(self) -> None:
        for entry in self._journal.read(after=self._position, kinds=_ANSWERS):
            self._position = entry.position
            match entry.event:
                case (AuthenticationStarted() | CardTapped()) as event:
                    self._answers.append(CredentialShown(entry.stamp_ns, event.lane_id, event.code))
                case StaffOrdered():
                    self._answers.append(_order(entry))
                case VisitReviewed():
                    self._answers.append(_reviewed(entry.event, entry.stamp_ns))
                case DisputeDecided(accepted=True):
                    self._answers.append(self._given_back(entry.event, entry.stamp_ns))
                case EntryDecided():
                    self._answers.append(self._decision(entry))

    def _decision(self, entry: Entry) -> EntryDecision:
        decided = entry.event
        assert isinstance(decided, EntryDecided)
        requested = self._journal.get(f"entry_requested/{decided.request_id}")
        assert requested is not None and isinstance(requested.event, EntryRequested)
        return EntryDecision(
            stamp_ns=requested.event.stamp_ns,
            lane_id=requested.event.lane_id,
            request_id=decided.request_id,
            reason=GateCommandReason.GRANTED if decided.admitted else _REASONS[decided.reason],
            staff=decided.reason == "staff",
        )

    def _given_back(self, decided: DisputeDecided, stamp_ns: int) -> ReviewDecision:
        """The shopper did not take it: it stands where the shelf felt it go, or where it belongs."""
        closed = self._journal.get(f"visit_closed/{decided.session_id}")
        items = closed.event.items if closed is not None and isinstance(closed.event, VisitClosed) else ()
        plates = {plate_id for item in items if item.sku == decided.sku for plate_id in item.plate_ids}
        plate_id = plates.pop() if len(plates) == 1 else ""
        return ReviewDecision(
            stamp_ns=stamp_ns,
            sequence=0,
            decision_id=decided.key,
            session_id=decided.session_id,
            actor=decided.actor,
            known=True,
            lines=(),
            corrections=(Correction("", plate_id, decided.sku, decided.quantity, 0, decided.sku, 0),),
        )

    def _events(self, item: Said) -> Iterator[Event]:
        """What an item means. If the database fails on the way, the rest comes when asked again."""
        match item:
            case EntryRequest():
                payer = self._payer(item.credential)
                if payer:
                    self._requests[payer] = item.request_id
                yield EntryRequested(
                    request_id=item.request_id,
                    lane_id=item.lane_id,
                    payer=payer,
                    stamp_ns=item.stamp_ns,
                    code_id=codes.code_id(self._wallet, item.credential) if codes.is_code(item.credential) else "",
                )
            case GateAlarm():
                yield GateAlarmed(
                    about=item.lane_id,
                    stamp_ns=item.stamp_ns,
                    alarm=item.kind.name.lower(),
                    session_id=item.session_id,
                    track_id=item.track_id,
                )
            case ShelfEvents():
                for event in item.events:
                    self._shelf_events[event.shelf_event_id] = event
                while len(self._shelf_events) > _SHELF_EVENTS:
                    self._claims.pop(oldest := next(iter(self._shelf_events)), None)
                    del self._shelf_events[oldest]
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
                            items=self._items(cart.session_id, cart.lines),
                        )
            case Receipt():
                items = self._items(item.session_id, item.lines)
                closed = visit_closed(item, self._payer(item.credential), items)
                self._lines.pop(item.session_id, None)
                self._revisions.pop(item.session_id, None)
                yield closed

    def _items(self, session_id: str, lines: tuple[CartLine, ...]) -> tuple[Item, ...]:
        for line in lines:
            for shelf_event_id in line.shelf_event_ids:
                self._claims.setdefault(shelf_event_id, set()).add((session_id, line.sku))
        return tuple(item_of(line, self._mass(line), self._plates(line)) for line in lines)

    def _plates(self, line: CartLine) -> tuple[str, ...]:
        """Where the shelves felt a line."""
        known = (self._shelf_events[key].plate_id for key in line.shelf_event_ids if key in self._shelf_events)
        return tuple(sorted(set(known)))

    def _mass(self, line: CartLine) -> float | None:
        """What the shelves lost to a line [kg]; None where that is not known, or another line has a part of it."""
        ids = line.shelf_event_ids
        if not ids or any(key not in self._shelf_events or len(self._claims[key]) > 1 for key in ids):
            return None
        return -sum(self._shelf_events[key].mass_change for key in ids)

    def _payer(self, credential: str | None) -> str:
        if not credential:
            return ""
        if codes.is_code(credential):
            return codes.payer_of(self._journal, codes.code_id(self._wallet, credential))
        return self._wallet.payer_of(credential)

    def _last_revision(self, session_id: str) -> int:
        entries = self._journal.read(subject=session_id, kinds=(CartChanged,))
        return entries[-1].event.revision if entries and isinstance(entries[-1].event, CartChanged) else -1


def _order(entry: Entry) -> StaffOrder:
    ordered = entry.event
    assert isinstance(ordered, StaffOrdered)
    kind = StaffOrderKind[ordered.order.upper()]
    return StaffOrder(entry.stamp_ns, kind, ordered.about if kind is StaffOrderKind.CLOSE_VISIT else "")


def _reviewed(reviewed: VisitReviewed, stamp_ns: int) -> ReviewDecision:
    """The deadline knows nothing of what happened: it only gives up money."""
    known = reviewed.actor != DEADLINE
    lines = reviewed.quantities.items() if known else ()
    return ReviewDecision(
        stamp_ns=stamp_ns,
        sequence=0,
        decision_id=reviewed.key,
        session_id=reviewed.session_id,
        actor=reviewed.actor,
        known=known,
        lines=tuple(ReviewedLine(sku, quantity) for sku, quantity in sorted(lines)),
    )


def visit_closed(receipt: Receipt, payer: str, items: tuple[Item, ...]) -> VisitClosed:
    """The end of a visit as the checkout says it."""
    return VisitClosed(
        session_id=receipt.session_id,
        payer=payer,
        open_ns=receipt.open_ns,
        close_ns=receipt.stamp_ns,
        close_reason=receipt.close_reason.name.lower(),
        currency=receipt.currency,
        items=items,
        review=receipt.review,
        unbooked_cart_event_ids=receipt.unbooked_cart_event_ids,
    )


def item_of(line: CartLine, mass: float | None, plate_ids: tuple[str, ...]) -> Item:
    """A line of a cart or a receipt of the checkout."""
    return Item(
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        mass=mass,
        review=line.review,
        confidence=line.confidence,
        reason=line.reason.name.lower(),
        cart_event_ids=line.cart_event_ids,
        shelf_event_ids=line.shelf_event_ids,
        plate_ids=plate_ids,
    )
