"""Checks a journal from its first entry: is it whole, does the money add up, and has every charge its evidence?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aisle_core.errors import AisleError

from . import events
from .events import (
    AgeChecked,
    AgeCheckMissed,
    Bill,
    ChargebackEnded,
    Charged,
    ChargedBack,
    ChargeIntended,
    DisputeDecided,
    EntriesDeleted,
    Event,
    ReceiptIssued,
    Refunded,
    RefundRequested,
    VisitBilled,
    VisitClosed,
    VisitRepriced,
    VisitReviewed,
)
from .journal import FIRST_HASH, Journal
from .visit import dispute_refund_id

_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong; ``position`` is the entry at which it shows."""

    position: int
    text: str


@dataclass(slots=True)
class Balance:
    """Sums of one currency [minor units]; ``receipts`` counts refunds as negative."""

    captured_minor: int = 0
    refunded_minor: int = 0
    receipts_minor: int = 0
    charged_back_minor: int = 0
    """Taken back by banks and not returned; the receipts stand."""


@dataclass(slots=True)
class AuditReport:
    """What an audit saw. ``last_hash`` noted elsewhere proves later that nothing up to here was changed."""

    entries: int = 0
    last_hash: str = FIRST_HASH
    receipts: int = 0
    deleted: int = 0
    """Entries of which retention has deleted what they say."""
    balances: dict[str, Balance] = field(default_factory=lambda: defaultdict(Balance))
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _Visit:
    closed: VisitClosed | None = None
    reviewed: VisitReviewed | None = None
    bill: Bill | None = None
    intended: ChargeIntended | None = None
    charges: int = 0
    refund_requests: set[str] = field(default_factory=set)
    refunded: dict[str, int] = field(default_factory=dict)
    back: Counter[str] = field(default_factory=Counter)
    chargebacks: dict[str, int] = field(default_factory=dict)
    receipts: set[str] = field(default_factory=set)
    unchecked_age: int = 0
    approved_age: int = 0
    deleted: bool = False
    """A part of the story is deleted, so nothing is said about the rest."""


def audit(journal: Journal, noted: Mapping[int, str] | None = None) -> AuditReport:
    """Check everything. ``noted``: hashes by position that were noted outside the journal before.

    Findings are: a broken chain, a gap, an entry that cannot be read or is not what its columns say, a charge without
    bill, intention or evidence, with another amount, or twice, a refund that nobody asked for or that gives back more
    than was paid, a receipt without its money, a balance that is not zero, and an entry that is deleted although no
    retention of the journal says so. Of a visit with deleted entries only the sums are checked.
    """
    report = AuditReport()
    visits: dict[str, _Visit] = defaultdict(_Visit)
    previous = FIRST_HASH
    ordinals: Counter[str] = Counter()
    position = 0
    allowed: Counter[str] = Counter()
    gone: dict[str, int] = {}
    while batch := journal.raw(after=position, limit=_BATCH):
        for raw in batch:
            say = _Sayer(report, raw.position)
            if raw.position != position + 1:
                say(f"entries {position + 1} to {raw.position - 1} are missing")
            position = raw.position
            if raw.digest(previous) != raw.hash:
                say("the hash does not fit what the entry says and the entry before it")
            if (noted or {}).get(position, raw.hash) != raw.hash:
                say("the hash is not the one that was noted")
            if not raw.fits():
                say("what it says is not what was sealed")
            previous = raw.hash
            ordinals[raw.kind] += 1
            if raw.ordinal != ordinals[raw.kind]:
                say(f"it is number {raw.ordinal} of its kind, but should be {ordinals[raw.kind]}")
                ordinals[raw.kind] = raw.ordinal
            if raw.body is None:
                visits[raw.subject].deleted = True
                report.deleted += 1
                gone[events.kept_as(raw.kind)] = position
                continue
            try:
                event = raw.entry().event
            except AisleError as error:
                say(str(error))
                continue
            if (event.key, event.subject) != (raw.key, raw.subject):
                say("key or subject are not those of its event")
            if isinstance(event, EntriesDeleted):
                allowed[event.kept] = max(allowed[event.kept], event.until)
            visit = visits[event.subject]
            texts = list(_check(visit, event, report))
            for text in () if visit.deleted else texts:
                say(text)
    report.entries, report.last_hash, report.receipts = position, previous, ordinals[ReceiptIssued.kind()]
    say = _Sayer(report, position)
    for noted_position in noted or {}:
        if noted_position > position:
            say(f"the journal ends here, but a hash was noted of entry {noted_position}")
    for currency, balance in sorted(report.balances.items()):
        rest = balance.captured_minor - balance.refunded_minor - balance.receipts_minor
        if rest:
            say(f"captured less refunded is {rest} {currency} (minor units) more than the receipts say")
    for kept, last in gone.items():
        if last > allowed[kept]:
            _Sayer(report, last)("what it says is deleted, and no retention says so")
    for subject, visit in visits.items():
        if visit.deleted:
            continue
        if visit.charges and "" not in visit.receipts:
            say(f"visit {subject} was charged and has no receipt")
        for refund_id in sorted(visit.refunded.keys() - visit.receipts):
            say(f"refund {refund_id} of visit {subject} has no receipt")
    return report


@dataclass(frozen=True, slots=True)
class _Sayer:
    report: AuditReport
    position: int

    def __call__(self, text: str) -> None:
        self.report.findings.append(Finding(self.position, text))


def _check(visit: _Visit, event: Event, report: AuditReport) -> Iterator[str]:
    match event:
        case VisitClosed():
            visit.closed = event
        case VisitReviewed():
            visit.reviewed = event
        case AgeCheckMissed():
            visit.unchecked_age = event.min_age
        case AgeChecked(approved=True):
            visit.approved_age = max(visit.approved_age, event.min_age)
        case VisitBilled():
            visit.bill = event.bill
            if visit.unchecked_age > visit.approved_age and visit.reviewed is None:
                yield "it is billed, but nobody has looked at the age that its goods ask for"
            yield from _check_evidence(visit, event.bill)
            yield from _check_sums(event.bill)
        case VisitRepriced():
            if visit.bill is None or visit.charges:
                yield "the retailer's price comes without a bill, or after the charge"
            visit.bill = event.bill
            yield from _check_evidence(visit, event.bill)
            yield from _check_sums(event.bill)
        case ChargeIntended():
            visit.intended = event
        case Charged():
            report.balances[event.currency].captured_minor += event.amount_minor
            visit.charges += 1
            if visit.charges > 1:
                yield "the visit is charged a second time"
            if visit.intended is None:
                yield "the charge was not written down as intended before"
            if visit.bill is None:
                yield "there is no bill for the charge"
            elif (visit.bill.total_minor, visit.bill.currency) != (event.amount_minor, event.currency):
                yield "the charge is not what the bill says"
        case RefundRequested():
            visit.refund_requests.add(event.refund_id)
        case DisputeDecided(accepted=True):
            visit.refund_requests.add(dispute_refund_id(event.sku))
        case Refunded():
            report.balances[event.currency].refunded_minor += event.amount_minor
            visit.refunded[event.refund_id] = event.amount_minor
            if event.refund_id not in visit.refund_requests:
                yield "nobody asked for the refund"
            if visit.bill is None or not visit.charges or sum(visit.refunded.values()) > visit.bill.total_minor:
                yield "more goes back than was paid"
        case ChargedBack():
            report.balances[event.currency].charged_back_minor += event.amount_minor
            visit.chargebacks[event.chargeback_id] = event.amount_minor
            if not visit.charges or visit.bill is None or sum(visit.chargebacks.values()) > visit.bill.total_minor:
                yield "a bank takes back more than was paid"
        case ChargebackEnded():
            amount = visit.chargebacks.get(event.chargeback_id)
            if amount is None:
                yield "a chargeback ends that nobody booked"
            elif event.returned and visit.bill is not None:
                report.balances[visit.bill.currency].charged_back_minor -= amount
                visit.chargebacks[event.chargeback_id] = 0
        case ReceiptIssued():
            report.balances[event.bill.currency].receipts_minor += event.bill.total_minor
            visit.receipts.add(event.refund_id)
            yield from _check_sums(event.bill)
            if event.refund_id == "":
                if not visit.charges or event.bill != visit.bill:
                    yield "the receipt is not about what was charged"
            elif visit.refunded.get(event.refund_id) != -event.bill.total_minor:
                yield "the receipt is not about what was refunded"
            else:
                yield from _check_pieces(visit, event.bill)


def _check_evidence(visit: _Visit, bill: Bill) -> Iterator[str]:
    """Every piece on the bill is one that the visit held with decisions behind it, or that a review says."""
    if visit.closed is None:
        yield "a visit that has not closed is billed"
        return
    if visit.closed.review and visit.reviewed is None:
        yield "a doubtful visit is billed without a review"
    reviewed = visit.reviewed.quantities if visit.reviewed else {}
    held = {item.sku: item for item in visit.closed.items}
    for line in bill.lines:
        item = held.get(line.sku)
        if line.sku in reviewed:
            if line.quantity != reviewed[line.sku]:
                yield f"'{line.sku}' is billed otherwise than the review says"
        elif item is None or line.quantity != item.quantity:
            yield f"'{line.sku}' is billed otherwise than the visit held it"
        elif not item.cart_event_ids:
            yield f"'{line.sku}' is billed without a decision behind it"


def _check_sums(bill: Bill) -> Iterator[str]:
    lines = sum(line.amount_minor for line in bill.lines)
    taxed = sum(tax.gross_minor if bill.tax_included else tax.net_minor for tax in bill.taxes)
    if lines != taxed or bill.total_minor != sum(tax.net_minor + tax.tax_minor for tax in bill.taxes):
        yield "the bill does not add up"


def _check_pieces(visit: _Visit, refund: Bill) -> Iterator[str]:
    bought = Counter({line.sku: line.quantity for line in visit.bill.lines}) if visit.bill else Counter()
    for line in refund.lines:
        if line.kind == "goods":
            visit.back[line.sku] -= line.quantity
            if visit.back[line.sku] > bought[line.sku]:
                yield f"more of '{line.sku}' goes back than was bought"
