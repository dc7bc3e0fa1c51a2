"""What a person who watches the store wants to know, folded from the items that flow through it.

Pure Python: no ROS, no terminal. ``render`` draws the model, ``view`` feeds it.
"""

from __future__ import annotations

import datetime
import enum
import math
import zoneinfo
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aisle_core.store import Store
from aisle_core.store.currency import DECIMALS
from aisle_core.types import (
    Cart,
    CartEvent,
    CartEvents,
    Carts,
    CartState,
    CloseReason,
    GateAlarm,
    GateAlarmKind,
    GateCommand,
    GateCommandKind,
    GateCommandReason,
    GateEvent,
    GateEventKind,
    PersonTrack,
    PersonTracks,
    Reason,
    Receipt,
    ShelfEvent,
    ShelfEvents,
    StockEvent,
    StockEventKind,
    StockEvents,
    TrackState,
)

REASON_WORDS: dict[Reason, str] = {
    Reason.UNKNOWN: "no reason given",
    Reason.WEIGHT_AND_PLACE: "weight and place agree",
    Reason.OWN_CART: "it was in the own cart",
    Reason.MISPLACED: "the weight fits a product from another place",
    Reason.AMBIGUOUS_PRODUCT: "several products fit",
    Reason.AMBIGUOUS_PERSON: "several people fit",
    Reason.NOBODY_NEAR: "nobody was near",
    Reason.NO_PRODUCT_FITS: "no product has that weight",
    Reason.RESTOCKED: "it was in nobody's cart",
}
CLOSE_WORDS: dict[CloseReason, str] = {
    CloseReason.UNKNOWN: "left for an unknown reason",
    CloseReason.EXIT: "went out",
    CloseReason.TRACK_ENDED: "left",
    CloseReason.END_OF_STREAM: "was there at the end",
    CloseReason.TIMEOUT: "never left",
    CloseReason.STAFF: "was sent out by staff",
}
_GATE_WORDS: dict[GateEventKind, str] = {
    GateEventKind.UNKNOWN: "something happened",
    GateEventKind.CREDENTIAL: "a credential was shown",
    GateEventKind.PASSAGE_IN: "one person went in",
    GateEventKind.PASSAGE_OUT: "one person went out",
    GateEventKind.UNLOCKED: "open",
    GateEventKind.LOCKED: "closed",
    GateEventKind.FAULT: "out of order",
    GateEventKind.ALARM: "fire alarm",
    GateEventKind.POWER_LOST: "no power",
    GateEventKind.RESTORED: "works again",
}
_REFUSAL_WORDS: dict[GateCommandReason, str] = {
    GateCommandReason.UNKNOWN: "for an unknown reason",
    GateCommandReason.GRANTED: "although it is good",
    GateCommandReason.BUSY: "the lane waits for somebody else",
    GateCommandReason.EXIT_ONLY: "the lane leads out",
    GateCommandReason.DECLINED: "the card was declined",
    GateCommandReason.DEBT: "an earlier visit is not paid",
    GateCommandReason.UNREACHABLE: "the payment provider does not answer",
    GateCommandReason.UNKNOWN_CODE: "nobody issued the code",
    GateCommandReason.EXPIRED_CODE: "the code is too old",
    GateCommandReason.USED_CODE: "the code was used already",
    GateCommandReason.VISIT_OPEN: "its visit is not over",
    GateCommandReason.STORE_FULL: "the store is full",
    GateCommandReason.STORE_CLOSED: "the store is closed",
    GateCommandReason.OUT_OF_ORDER: "the lane is out of order",
    GateCommandReason.ALARM: "there is an alarm",
}
_ALARM_WORDS: dict[GateAlarmKind, str] = {
    GateAlarmKind.UNKNOWN: "something is wrong",
    GateAlarmKind.TAIL_GATING: "two people went in on one passage",
    GateAlarmKind.WRONG_WAY: "somebody went the wrong way",
    GateAlarmKind.WITHOUT_GRANT: "somebody went in whom nobody let in",
    GateAlarmKind.JAMMED: "it does not close",
    GateAlarmKind.SILENT: "it does not say that it opened",
    GateAlarmKind.FAULT: "it is out of order",
    GateAlarmKind.POWER_LOST: "it has no power and stands open",
    GateAlarmKind.FIRE: "fire, it stands open",
    GateAlarmKind.RESTORED: "it works again",
}
_STOCK_WORDS: dict[StockEventKind, str] = {
    StockEventKind.UNKNOWN: "is not as it was",
    StockEventKind.OUT_OF_STOCK: "is out of stock",
    StockEventKind.LOW_STOCK: "runs low",
    StockEventKind.BACK_IN_STOCK: "is in stock again",
    StockEventKind.UNTIDY: "lies where it does not belong",
    StockEventKind.TIDY: "lies there no more",
}
_NEAR_M = 1.5


def money(amount_minor: int, currency: str) -> str:
    """Amount with as many decimals as the currency has, such as ``12.40 USD``."""
    digits = DECIMALS[currency]
    sign, (whole, part) = "-" * (amount_minor < 0), divmod(abs(amount_minor), 10**digits)
    return f"{sign}{whole}.{part:0{digits}d} {currency}" if digits else f"{sign}{whole} {currency}"


def percent(share: float) -> str:
    """Rounded down, so that only certainty reads 100 %."""
    return f"{math.floor(share * 100 + 1e-6)} %"


class EntryKind(enum.Enum):
    """What a line of the log is about."""

    GATE = "gate"
    SHELF = "shelf"
    CART = "cart"
    STOCK = "stock"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log; ``attention`` marks what a person has to look at."""

    stamp_ns: int
    kind: EntryKind
    text: str
    attention: bool = False
    shelf_event_id: str = ""
    mass_change: float | None = None
    """Of a shelf event [kg]."""


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the list of people."""

    track_id: int
    seen: bool
    position: tuple[float, float]
    """x, y in map [m]."""
    place: str
    """Nearest fixture or lane; empty when none is near."""
    session_id: str
    """Empty before the visit opens."""
    first_ns: int


class ReplayState(enum.IntEnum):
    """Values of ``ReplayStatus.msg``."""

    UNKNOWN = 0
    PLAYING = 1
    PAUSED = 2
    DONE = 3


@dataclass(frozen=True, slots=True)
class ReplayPosition:
    """Where the bag player is."""

    state: ReplayState
    position_ns: int
    duration_ns: int
    rate: float


@dataclass(frozen=True, slots=True)
class StreamsEnded:
    """A publisher's last word: topic -> last sequence, None where nothing was published."""

    publisher: str
    last_sequences: Mapping[str, int | None]


class ViewModel:
    """The state of one store as its messages tell it; ``fold`` takes them in the order they arrive."""

    LOG_LENGTH = 200

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stamp_ns = 0
        self.tracks: tuple[PersonTrack, ...] = ()
        self.carts: tuple[Cart, ...] = ()
        self.log: deque[Entry] = deque(maxlen=self.LOG_LENGTH)
        self.receipts: list[Receipt] = []
        self.replay: ReplayPosition | None = None
        self._end: StreamsEnded | None = None
        self._zone = zoneinfo.ZoneInfo(store.time_zone)
        self._places = [(plate.centre[:2], plate.fixture_id) for plate in store.plates.values()]
        self._places += [(lane.position, f"gate {lane.lane_id}") for lane in store.lanes]

    def fold(self, item: Any) -> tuple[Entry, ...]:
        """Take one item; gives the new lines of the log."""
        entries: tuple[Entry, ...] = ()
        match item:
            case PersonTracks():
                self.tracks = item.tracks
            case Carts():
                self.carts = tuple(cart for cart in item.carts if cart.state is CartState.OPEN)
            case ShelfEvents():
                entries = tuple(self._shelf(event) for event in item.events)
            case CartEvents():
                entries = tuple(self._cart(event) for event in item.decisions)
            case StockEvents():
                entries = tuple(self._stock(event, item.stamp_ns) for event in item.events)
            case GateEvent():
                entries = (self._gate(item),)
            case GateCommand(kind=GateCommandKind.REFUSE):
                text = f"gate {item.lane_id}: a credential was refused, {_REFUSAL_WORDS[item.reason]}"
                entries = (Entry(item.stamp_ns, EntryKind.GATE, text),)
            case GateAlarm():
                text = f"gate {item.lane_id}: alarm, {_ALARM_WORDS[item.kind]}"
                entries = (Entry(item.stamp_ns, EntryKind.GATE, text, item.kind is not GateAlarmKind.RESTORED),)
            case Receipt():
                self.receipts.append(item)
                entries = (self._receipt(item),)
            case ReplayPosition():
                self.replay = item
            case StreamsEnded(publisher="checkout_node"):
                self._end = item
        self.stamp_ns = max(self.stamp_ns, getattr(item, "stamp_ns", 0))
        self._append(entries)
        return entries

    @property
    def complete(self) -> bool:
        """Whether checkout has ended and every receipt it announced is here."""
        if self._end is None:
            return False
        last = self._end.last_sequences.get("receipts")
        return last is None or any(receipt.sequence == last for receipt in self.receipts)

    def people(self) -> list[Person]:
        """Everybody in the store, by track id."""
        sessions = {track_id: cart.session_id for cart in self.carts for track_id in cart.track_ids}
        return [
            Person(
                track.track_id,
                track.state is TrackState.SEEN,
                track.position[:2],
                self._place(track.position[:2]),
                sessions.get(track.track_id, ""),
                track.first_ns,
            )
            for track in sorted(self.tracks, key=lambda track: track.track_id)
            if track.state is not TrackState.ENDED
        ]

    def clock(self, stamp_ns: int) -> str:
        """Time of day in the store, to a tenth of a second."""
        seconds, rest = divmod(stamp_ns, 1_000_000_000)
        moment = datetime.datetime.fromtimestamp(seconds, self._zone)
        return f"{moment:%H:%M:%S}.{rest // 100_000_000}"

    def product_name(self, sku: str) -> str:
        """Name in the catalogue, else the SKU."""
        product = self.store.products.get(sku)
        return product.name if product else sku

    def _append(self, entries: tuple[Entry, ...]) -> None:
        """A decision takes the place of the shelf event it decides."""
        decided = {entry.shelf_event_id for entry in entries if entry.kind is EntryKind.CART}
        if decided:
            kept = [e for e in self.log if e.kind is not EntryKind.SHELF or e.shelf_event_id not in decided]
            self.log = deque(kept, maxlen=self.LOG_LENGTH)
        self.log.extend(entries)

    def _place(self, position: tuple[float, float]) -> str:
        distance, place = min(((math.dist(position, at), name) for at, name in self._places), default=(math.inf, ""))
        return place if distance <= _NEAR_M else ""

    def _shelf(self, event: ShelfEvent) -> Entry:
        verb = "taken from" if event.mass_change < 0 else "put on"
        text = f"{abs(event.mass_change) * 1000:.0f} g {verb} {event.plate_id}"
        return Entry(event.end_ns, EntryKind.SHELF, text, False, event.shelf_event_id, event.mass_change)

    def _cart(self, event: CartEvent) -> Entry:
        restocked = event.reason is Reason.RESTOCKED
        who = "staff" if restocked else shopper((event.track_id,) if event.track_id else ())
        mass = self._mass_change(event.shelf_event_id)
        if event.sku:
            what = f"{abs(event.quantity)} {self.product_name(event.sku)}"
        else:
            what = "something unknown" if mass is None else f"something of {abs(mass) * 1000:.0f} g"
        returned = event.quantity < 0 or (event.quantity == 0 and mass is not None and mass > 0)
        put = f"put {what} on" if restocked else f"put back {what} on"
        deed = put if returned else f"took {what} from"
        text = f"{who} {deed} {event.plate_id}, {percent(event.confidence)}, {REASON_WORDS[event.reason]}"
        return Entry(event.end_ns, EntryKind.CART, text, event.review, event.shelf_event_id, mass)

    def _mass_change(self, shelf_event_id: str) -> float | None:
        felt = (entry.mass_change for entry in self.log if entry.shelf_event_id == shelf_event_id)
        return next(felt, None)

    def _gate(self, event: GateEvent) -> Entry:
        fault = event.kind is GateEventKind.FAULT
        detail = f": {event.detail}" if fault and event.detail else ""
        text = f"gate {event.lane_id}: {_GATE_WORDS[event.kind]}{detail}"
        return Entry(event.stamp_ns, EntryKind.GATE, text, fault)

    def _stock(self, event: StockEvent, stamp_ns: int) -> Entry:
        what = self.product_name(event.sku) if event.sku else "something unknown"
        text = f"{' '.join(event.plate_ids)}: {what} {_STOCK_WORDS[event.kind]}"
        over = event.kind in (StockEventKind.BACK_IN_STOCK, StockEventKind.TIDY)
        return Entry(stamp_ns, EntryKind.STOCK, text, not over)

    def _receipt(self, receipt: Receipt) -> Entry:
        units = sum(line.quantity for line in receipt.lines)
        text = (
            f"receipt of {shopper(receipt.track_ids)}, who {CLOSE_WORDS[receipt.close_reason]}: "
            f"{units} unit{'s' * (units != 1)}, {money(receipt.charged_minor, receipt.currency)} charged"
        )
        if receipt.review:
            text += ", to be reviewed"
        return Entry(receipt.stamp_ns, EntryKind.RECEIPT, text, receipt.review)


def shopper(track_ids: tuple[int, ...]) -> str:
    """Name of the people of a visit."""
    match track_ids:
        case ():
            return "somebody"
        case (one,):
            return f"shopper {one}"
        case _:
            return "shoppers " + ", ".join(str(track_id) for track_id in track_ids)
