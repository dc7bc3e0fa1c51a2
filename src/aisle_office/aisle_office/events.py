"""What can happen in the office: the events of the journal.

An event is about one *subject*, a visit or somebody who asks to come in, and has a *key*: what happens once has one
key, and the journal takes each key once. Events hold no personal data: a payer is a random name that the wallet can
forget. Amounts are int minor units, stamps are int ns since 1970 (UTC) of the store's data time.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

from pydantic import TypeAdapter, ValidationError

from aisle_core.errors import AisleError

DEADLINE = "deadline"
"""The actor of a review that nobody has decided in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One product that a visit holds, as the checkout decided it.

    mass: [kg] of all pieces together, None when it is not known. plate_ids: where they were taken, as far as known.
    """

    sku: str
    name: str
    quantity: int
    unit_price_minor: int | None
    mass: float | None = None
    review: bool
    confidence: float
    reason: str
    cart_event_ids: tuple[str, ...]
    shelf_event_ids: tuple[str, ...]
    plate_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """What a promotion takes off a line; ``amount_minor`` is positive.

    With ``promotion_id`` "" it is the difference to what the retailer's systems want, and may be negative.
    """

    promotion_id: str
    name: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One line of a bill; ``amount_minor`` is what is left after the discounts. Negative in a refund."""

    kind: Literal["goods", "deposit"]
    sku: str
    name: str
    quantity: int
    mass: float | None
    unit_price_minor: int
    """Per piece, or per kg where ``mass`` is given."""
    discounts: tuple[Discount, ...]
    amount_minor: int
    tax_class: str
    cart_event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxLine:
    """The tax of one class. net + tax = gross."""

    tax_class: str
    percent: str
    net_minor: int
    tax_minor: int
    gross_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What is to be paid, or given back: then all amounts are negative."""

    currency: str
    tax_included: bool
    lines: tuple[BillLine, ...]
    taxes: tuple[TaxLine, ...]
    total_minor: int


Kept = Literal["visits", "books", "ever"]
"""What happened in visits, what was sold and paid, and what says that something was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(ABC):
    """Base of all events. ``VERSION`` counts the shapes of one kind; ``KEPT`` says which retention it falls under."""

    VERSION: ClassVar[int] = 1
    KEPT: ClassVar[Kept] = "visits"

    @classmethod
    @cache
    def kind(cls) -> str:
        """The class's name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @property
    @abstractmethod
    def subject(self) -> str:
        """Id of the visit, or of the request to come in."""

    @property
    def key(self) -> str:
        """What makes this event the only one of its sort."""
        return f"{self.kind()}/{self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryEvent(Event):
    """Something about one request to come in."""

    request_id: str

    @property
    def subject(self) -> str:
        return self.request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRequested(EntryEvent):
    """Somebody showed a credential at a lane. ``code_id``: of a code; ``payer`` "": of a code that nobody issued."""

    lane_id: str
    payer: str
    stamp_ns: int
    code_id: str = ""


EntryReason = Literal[
    "authorised",
    "staff",
    "declined",
    "debt",
    "visit_open",
    "provider_unreachable",
    "unknown_code",
    "expired_code",
    "used_code",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDecided(EntryEvent):
    """The lane may open, or not. ``authorisation_id`` "" with ``admitted``: let in without an authorisation.

    shopper_id: the retailer's name of somebody for whom the retailer pays, or "".
    """

    admitted: bool
    reason: EntryReason
    authorisation_id: str = ""
    authorised_minor: int = 0
    shopper_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryUsed(EntryEvent):
    """What became of an admission: a visit, or "" when nobody went in in time. Whichever comes first stands."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitEvent(Event):
    """Something about one visit."""

    session_id: str

    @property
    def subject(self) -> str:
        return self.session_id


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitOpened(VisitEvent):
    """Somebody went in. ``request_id`` and ``payer`` are "" in a store without gates."""

    request_id: str
    payer: str
    open_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CartChanged(VisitEvent):
    """All that the visit holds now; ``revision`` counts from 0."""

    revision: int
    stamp_ns: int
    items: tuple[Item, ...]

    @property
    def key(self) -> str:
        return f"cart_changed/{self.session_id}/{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitClosed(VisitEvent):
    """The visit is over; whichever says so first stands.

    close_reason: of the checkout (``exit``, ``track_ended``, ``end_of_stream``), or ``timeout`` when it never closed.
    review: a person shall look at it before it is billed.
    """

    payer: str
    open_ns: int
    close_ns: int
    close_reason: str
    currency: str
    items: tuple[Item, ...]
    review: bool
    unbooked_cart_event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationRaised(VisitEvent):
    """More is held for a cart that grew, or with ``declined`` no more than before."""

    amount_minor: int
    declined: bool

    @property
    def key(self) -> str:
        return f"authorisation_raised/{self.session_id}/{self.amount_minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitReviewed(VisitEvent):
    """What the visit holds after all: by a person, or by the deadline; whichever comes first stands.

    quantities: sku -> pieces, of the products that change; actor: id of the staff, or ``DEADLINE``.
    loss_minor: the price of what the store gives up.
    """

    KEPT: ClassVar[Kept] = "books"

    actor: str
    quantities: dict[str, int]
    loss_minor: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitBilled(VisitEvent):
    """The prices of the visit, fixed."""

    KEPT: ClassVar[Kept] = "books"

    bill: Bill


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRepriced(VisitEvent):
    """The retailer's systems said what the visit costs, in place of ours; with a total of 0 nobody pays.

    Whatever they say first stands; actor: their key.
    """

    KEPT: ClassVar[Kept] = "books"

    bill: Bill
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeIntended(VisitEvent):
    """The provider will now be asked for the money; written before it is."""

    KEPT: ClassVar[Kept] = "books"

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged(VisitEvent):
    """The money was captured."""

    KEPT: ClassVar[Kept] = "books"

    charge_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitSettled(VisitEvent):
    """Nothing is left to do: it was charged, or there was nothing to pay."""

    KEPT: ClassVar[Kept] = "books"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptIssued(VisitEvent):
    """A receipt; its ordinal in the journal is its number. ``refund_id`` "": of the sale."""

    KEPT: ClassVar[Kept] = "books"

    refund_id: str
    bill: Bill

    @property
    def key(self) -> str:
        return f"receipt_issued/{self.session_id}/{self.refund_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargebackEvent(VisitEvent):
    """Something about money of a visit that the card's bank took back from the store."""

    KEPT: ClassVar[Kept] = "books"

    chargeback_id: str

    @property
    def key(self) -> str:
        return f"{self.kind()}/{self.session_id}/{self.chargeback_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedBack(ChargebackEvent):
    """The bank took it, after a dispute; ``reason`` as the bank says it."""

    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargebackEnded(ChargebackEvent):
    """The dispute is over. ``returned``: the money came back; else it is lost. ``actor``: who wrote it down."""

    returned: bool
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargebackContested(ChargebackEvent):
    """Staff wants the store's evidence handed in: all that is written of the visit up to here."""

    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSent(ChargebackEvent):
    """The provider has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundEvent(VisitEvent):
    """Something about one refund of a visit."""

    KEPT: ClassVar[Kept] = "books"

    refund_id: str

    @property
    def key(self) -> str:
        return f"{self.kind()}/{self.session_id}/{self.refund_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested(RefundEvent):
    """Somebody decided to give money back: sku -> pieces."""

    quantities: dict[str, int]
    actor: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRefused(RefundEvent):
    """It asks for more than was paid."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded(RefundEvent):
    """The money went back."""

    provider_refund_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyEvent(Event):
    """Something about a subject of any sort."""

    about: str

    @property
    def subject(self) -> str:
        return self.about


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCodeIssued(AnyEvent):
    """A payer got a code that lets them in once, until ``expires_ns`` of the office's clock. ``about``: its id."""

    payer: str
    expires_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCodeUsed(AnyEvent):
    """A code was shown; the first request with it stands. ``about``: its id."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationStarted(AnyEvent):
    """A device of the retailer asks who stands at a lane. ``about``: the id of a code for that lane alone."""

    device_id: str
    lane_id: str
    code: str
    expires_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationProcessed(AnyEvent):
    """It knows, or gave up; whichever is said first stands. ``about``: the same id.

    shopper_id: the retailer's name of them, for whom the retailer pays. staff: they work here.
    """

    admitted: bool
    staff: bool = False
    shopper_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTapped(AnyEvent):
    """A card was held to a payment reader that the office drives. ``about``: the id of a code for that lane alone."""

    lane_id: str
    code: str
    authorisation_id: str
    expires_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeCheckEvent(VisitEvent):
    """Something about a visit with products that are only sold from an age on [years], the highest of them."""

    KEPT: ClassVar[Kept] = "books"

    min_age: int

    @property
    def key(self) -> str:
        return f"{self.kind()}/{self.session_id}/{self.min_age}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeCheckAsked(AgeCheckEvent):
    """Staff shall look who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeChecked(AgeCheckEvent):
    """Staff looked; whoever says so first stands. ``approved``: they are old enough."""

    approved: bool
    actor: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeCheckMissed(AgeCheckEvent):
    """A visit ended with such products, ``skus``, and nobody had approved: a person says what becomes of it."""

    skus: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffOrdered(AnyEvent):
    """Staff closes or opens the store (``about`` is "store"), or ends a visit (``about`` is its id)."""

    KEPT: ClassVar[Kept] = "books"

    order_id: str
    order: Literal["close_store", "open_store", "close_visit"]
    actor: str
    note: str

    @property
    def key(self) -> str:
        return f"staff_ordered/{self.order_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAlarmed(AnyEvent):
    """Something at a lane that staff must know of; ``about`` is the lane.

    alarm: a kind of ``GateAlarm`` in lower case. session_id: the visit it is about, or "". track_id: the person, or 0.
    """

    stamp_ns: int
    alarm: str
    session_id: str
    track_id: int

    @property
    def key(self) -> str:
        return f"gate_alarmed/{self.about}/{self.stamp_ns}/{self.alarm}/{self.track_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationReleased(AnyEvent):
    """The provider holds nothing for this subject any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvent(AnyEvent):
    """Something about one task of a subject: ``bill``, ``price``, ``charge``, ``let_go``, ``purchase``,
    ``refund/<id>``, ``evidence/<id>`` or ``mail/<position>``.

    attempt: counts from 1.
    """

    task: str
    attempt: int

    @property
    def key(self) -> str:
        return f"{self.kind()}/{self.about}/{self.task}/{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed(TaskEvent):
    """An attempt failed. ``declined``: surely nothing was done; ``dead``: nobody tries again unless told to."""

    reason: str
    declined: bool
    dead: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRerun(TaskEvent):
    """An operator wants a dead task tried again, after this attempt."""

    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSent(AnyEvent):
    """The mail server took the mail about the entry at ``position``, or with ``message_id`` "" nobody wants one."""

    position: int
    message_id: str

    @property
    def key(self) -> str:
        return f"mail_sent/{self.position}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeEvent(VisitEvent):
    """Something about one product of a receipt that the shopper says they did not take."""

    sku: str

    @property
    def key(self) -> str:
        return f"{self.kind()}/{self.session_id}/{self.sku}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDisputed(DisputeEvent):
    """A shopper says "I did not take this", by the link of the receipt or at the kiosk."""

    quantity: int
    place: Literal["link", "kiosk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeDecided(DisputeEvent):
    """What a person says to it. ``accepted``: it is a request to refund so many pieces, too."""

    KEPT: ClassVar[Kept] = "books"

    quantity: int
    accepted: bool
    actor: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseIntended(VisitEvent):
    """The retailer's systems will now be told of the visit, as this trip; written before they are."""

    trip_id: str

    @property
    def key(self) -> str:
        return f"purchase_intended/{self.trip_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseCreated(VisitEvent):
    """The retailer's systems know of the visit, under this id."""

    purchase_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueUploaded(AnyEvent):
    """A retailer's system has put so many products in the catalogue; ``about``: the id that it got."""

    KEPT: ClassVar[Kept] = "books"

    items: int
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerForgotten(AnyEvent):
    """All personal data of a payer were deleted; ``actor``: ``kiosk``, ``retention``, or who of the staff did it."""

    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesDeleted(AnyEvent):
    """Retention deletes what entries up to a position say; written before it does. ``about`` is "retention"."""

    KEPT: ClassVar[Kept] = "ever"

    kept: Kept
    until: int

    @property
    def key(self) -> str:
        return f"entries_deleted/{self.kept}/{self.until}"


ALL: tuple[type[Event], ...] = (
    EntryRequested,
    EntryDecided,
    EntryUsed,
    EntryCodeIssued,
    EntryCodeUsed,
    AuthenticationStarted,
    AuthenticationProcessed,
    CardTapped,
    StaffOrdered,
    GateAlarmed,
    VisitOpened,
    CartChanged,
    AuthorisationRaised,
    AuthorisationReleased,
    VisitClosed,
    VisitReviewed,
    VisitBilled,
    VisitRepriced,
    ChargeIntended,
    Charged,
    VisitSettled,
    ReceiptIssued,
    RefundRequested,
    RefundRefused,
    Refunded,
    ChargedBack,
    ChargebackEnded,
    ChargebackContested,
    EvidenceSent,
    TaskFailed,
    TaskRerun,
    MailSent,
    LineDisputed,
    DisputeDecided,
    PurchaseIntended,
    PurchaseCreated,
    CatalogueUploaded,
    PayerForgotten,
    AgeCheckAsked,
    AgeChecked,
    AgeCheckMissed,
    EntriesDeleted,
)
_KEPT: dict[str, Kept] = {cls.kind(): cls.KEPT for cls in ALL}
_CLASSES: dict[tuple[str, int], type[Event]] = {(cls.kind(), cls.VERSION): cls for cls in ALL}
_ADAPTERS: dict[type[Event], TypeAdapter[Event]] = {cls: TypeAdapter(cls) for cls in ALL}


def kept_as(kind: str) -> Kept:
    """Which retention a kind of event falls under; what is not known is kept for ever."""
    return _KEPT.get(kind, "ever")


def dump(event: Event) -> str:
    """The event's fields as JSON, in the order of the class."""
    return _ADAPTERS[type(event)].dump_json(event).decode()


def load(kind: str, version: int, body: str) -> Event:
    """What ``dump`` wrote. Raises AisleError for an unknown kind or version and for a body that does not fit."""
    cls = _CLASSES.get((kind, version))
    if cls is None:
        raise AisleError(f"journal: event {kind} version {version} is unknown; use the Aisle that wrote it, or a newer")
    try:
        return _ADAPTERS[cls].validate_json(body)
    except ValidationError as error:
        raise AisleError(
            f"journal: event {kind} version {version} does not fit its fields ({error.error_count()} errors); "
            "restore the journal from a copy"
        ) from None
