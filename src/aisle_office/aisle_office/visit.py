"""One visit, as the journal tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from .events import (
    AgeCheckAsked,
    AgeChecked,
    AgeCheckMissed,
    AuthorisationRaised,
    AuthorisationReleased,
    Bill,
    CartChanged,
    ChargebackContested,
    ChargebackEnded,
    Charged,
    ChargedBack,
    DisputeDecided,
    EntryDecided,
    Event,
    EvidenceSent,
    Item,
    LineDisputed,
    PurchaseCreated,
    ReceiptIssued,
    RefundRefused,
    RefundRequested,
    VisitBilled,
    VisitClosed,
    VisitOpened,
    VisitRepriced,
    VisitReviewed,
    VisitSettled,
)
from .journal import Entry, Journal
from .tasks import Tasks


@dataclass(slots=True)
class Visit:
    """What has happened to a visit so far; it only ever grows. ``*_ns`` are instants of the office's clock.

    authorisation_id, held_minor: what the provider holds for it since the entry; "" and 0 for nothing.
    refunds: in the order in which they were asked for; refunded: bills of those that were given, by refund id.
    disputes, decisions: what the shopper says they did not take, and what a person said to it, by sku.
    purchase_id: of the retailer's systems, "" while they do not know of it. shopper_id: their name of who came in with
    their app, and for whom they take the money; "" for everybody else.
    """

    session_id: str
    opened: VisitOpened | None = None
    opened_ns: int = 0
    cart: CartChanged | None = None
    closed: VisitClosed | None = None
    closed_ns: int = 0
    reviewed: VisitReviewed | None = None
    asked_age: int = 0
    """Staff is asked whether they are so old [years]; 0: about nothing."""
    approved_age: int = 0
    """Staff has said that they are."""
    refused_age: int = 0
    """Staff has said that they are not; 0: about nothing."""
    age_missed: AgeCheckMissed | None = None
    bill: Bill | None = None
    repriced: bool = False
    """The bill is what the retailer's systems want."""
    charged: Charged | None = None
    settled: bool = False
    released: bool = False
    authorisation_id: str = ""
    held_minor: int = 0
    raise_declined: bool = False
    receipt: Entry | None = None
    refunds: dict[str, RefundRequested] = field(default_factory=dict)
    refunded: dict[str, Bill] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    chargebacks: dict[str, ChargedBack] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)
    """Ids of the chargebacks whose money came back."""
    contested: dict[str, int] = field(default_factory=dict)
    """Chargebacks about which the provider shall get the evidence up to a position of the journal."""
    disputes: dict[str, LineDisputed] = field(default_factory=dict)
    decisions: dict[str, DisputeDecided] = field(default_factory=dict)
    purchase_id: str = ""
    purchased_ns: int = 0
    shopper_id: str = ""
    tasks: Tasks = field(default_factory=Tasks)

    @classmethod
    def read(cls, journal: Journal, session_id: str) -> Self:
        """The visit as it stands now."""
        visit = cls(session_id)
        for entry in journal.read(subject=session_id):
            visit.take(entry)
        if visit.request_id:
            decided = journal.get(f"entry_decided/{visit.request_id}")
            if decided is not None and isinstance(decided.event, EntryDecided):
                visit.authorisation_id = decided.event.authorisation_id
                visit.shopper_id = decided.event.shopper_id
                visit.held_minor = max(visit.held_minor, decided.event.authorised_minor)
        return visit

    def append(self, journal: Journal, *news: Event) -> None:
        """Write events about the visit, and take what then stands in the journal."""
        for entry in journal.append(*news):
            self.take(entry)

    def take(self, entry: Entry) -> None:
        """Take one entry about the visit."""
        self.tasks.take(entry)
        match entry.event:
            case VisitOpened() as event:
                self.opened, self.opened_ns = event, entry.stamp_ns
            case CartChanged() as event:
                self.cart = event
            case AuthorisationRaised() as event:
                self.raise_declined |= event.declined
                self.held_minor = self.held_minor if event.declined else max(self.held_minor, event.amount_minor)
            case AuthorisationReleased():
                self.released = True
            case VisitClosed() as event:
                self.closed, self.closed_ns = event, entry.stamp_ns
            case VisitReviewed() as event:
                self.reviewed = event
            case AgeCheckAsked() as event:
                self.asked_age = max(self.asked_age, event.min_age)
            case AgeChecked(approved=True) as event:
                self.approved_age = max(self.approved_age, event.min_age)
            case AgeChecked() as event:
                self.refused_age = event.min_age
            case AgeCheckMissed() as event:
                self.age_missed = event
            case VisitBilled() as event:
                self.bill = event.bill
            case VisitRepriced() as event:
                self.bill, self.repriced = event.bill, True
            case Charged() as event:
                self.charged = event
            case VisitSettled():
                self.settled = True
            case ReceiptIssued(refund_id=""):
                self.receipt = entry
            case ReceiptIssued() as event:
                self.refunded[event.refund_id] = event.bill
            case RefundRequested() as event:
                self.refunds[event.refund_id] = event
            case RefundRefused() as event:
                self.refused[event.refund_id] = event.reason
            case ChargedBack() as event:
                self.chargebacks[event.chargeback_id] = event
            case ChargebackContested() as event:
                self.contested[event.chargeback_id] = entry.position
            case EvidenceSent() as event:
                self.contested.pop(event.chargeback_id, None)
            case ChargebackEnded() as event:
                self.contested.pop(event.chargeback_id, None)
                if event.returned:
                    self.returned.add(event.chargeback_id)
            case PurchaseCreated() as event:
                self.purchase_id, self.purchased_ns = event.purchase_id, entry.stamp_ns
            case LineDisputed() as event:
                self.disputes[event.sku] = event
            case DisputeDecided() as event:
                self.decisions[event.sku] = event
                if event.accepted:
                    self._request_refund(event)

    def _request_refund(self, decided: DisputeDecided) -> None:
        refund_id = dispute_refund_id(decided.sku)
        self.refunds[refund_id] = RefundRequested(
            session_id=self.session_id,
            refund_id=refund_id,
            quantities={decided.sku: decided.quantity},
            actor=decided.actor,
            note=decided.note,
        )

    @property
    def payer(self) -> str:
        """Who pays; "" when nobody is known."""
        return self.closed.payer if self.closed else self.opened.payer if self.opened else ""

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Products with which the visit ended, and that nobody has approved."""
        missed = self.age_missed
        return () if missed is None or missed.min_age <= self.approved_age else missed.skus

    @property
    def request_id(self) -> str:
        """The request to come in that it began with; "" when nobody asked."""
        return self.opened.request_id if self.opened else ""

    @property
    def wanted_age(self) -> int:
        """The age that its products ask for [years]; 0: none."""
        return max(self.asked_age, self.age_missed.min_age if self.age_missed else 0)

    @property
    def open_age(self) -> int:
        """The age that staff shall look for [years]; 0: none, or it does not matter any more."""
        if self.bill is not None or self.reviewed is not None:
            return 0
        return self.wanted_age if self.wanted_age > self.approved_age else 0

    @property
    def wants_review(self) -> bool:
        """Whether a person must still say what it holds."""
        doubtful = self.closed is not None and (self.closed.review or self.unchecked != ())
        return doubtful and self.reviewed is None

    @property
    def doubtful(self) -> tuple[Item, ...]:
        """What it is about then."""
        items = self.closed.items if self.closed else ()
        return tuple(item for item in items if item.review or item.sku in self.unchecked)

    @property
    def lost_minor(self) -> int:
        """What banks took back, and did not return."""
        return sum(event.amount_minor for key, event in self.chargebacks.items() if key not in self.returned)

    @property
    def kept_minor(self) -> int:
        """What the store has of the money that was charged."""
        charged = self.charged.amount_minor if self.charged else 0
        return charged + sum(bill.total_minor for bill in self.refunded.values()) - self.lost_minor

    def open_refunds(self) -> list[RefundRequested]:
        """Refunds that were asked for and neither given nor refused."""
        return [
            refund
            for refund_id, refund in self.refunds.items()
            if refund_id not in self.refunded and refund_id not in self.refused
        ]


def dispute_refund_id(sku: str) -> str:
    """Id of the refund that an accepted dispute about a product is."""
    return f"dispute/{sku}"
