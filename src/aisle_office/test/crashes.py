"""An office that is stopped dead before or after any durable step, begins anew, and goes on."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from office_world import HOUR, LINKS, NOON, SECOND, closed, item, office, opened, store

from aisle_core.errors import AisleError
from aisle_office import chargebacks
from aisle_office.audit import audit
from aisle_office.cashier import Cashier
from aisle_office.connectors import Connector, Purchaser, Trip
from aisle_office.connectors.charges import take_total
from aisle_office.doorkeeper import Doorkeeper
from aisle_office.events import (
    CartChanged,
    Charged,
    EntryDecided,
    EntryRequested,
    EntryUsed,
    Event,
    Item,
    ReceiptIssued,
    RefundRequested,
    VisitClosed,
    VisitOpened,
    VisitReviewed,
    VisitSettled,
)
from aisle_office.journal import Entry, Journal
from aisle_office.mail import Mailer, MailUnreachableError
from aisle_office.money import Money
from aisle_office.payment import Evidence
from aisle_office.payment.notices import read_notice, signature_of
from aisle_office.payment.sandbox import MANNERS, Sandbox
from aisle_office.pricing import Pricing
from aisle_office.tasks import dead_letters, rerun
from aisle_office.visit import Visit
from aisle_office.wallet import Wallet
from aisle_office.worker import Worker

GOOD = ("tok_good", "tok_good")
RETAILER = {
    "address": "http://localhost:1",
    "store_id": "STORE-1",
    "app_entry": False,
    "screen_cards": False,
    "prices_carts": True,
    "devices": {},
    "region": "eu-central-1",
    "timeout_s": 5.0,
    "retry": {"first_s": 1.0, "factor": 2.0, "most_s": 8.0, "attempts": 4},
}
CARDS = (*GOOD, *(name for name in MANNERS if name not in ("tok_declined", "tok_silent")))
PRICED = ("COLA-033", "MILK-1", "CHOC-100", "COFFEE-250")


class Crash(BaseException):
    """The process ends here."""


class Fuse:
    """Blows at the n-th of the points before and after each durable step; 0 is now, None never."""

    def __init__(self) -> None:
        self.left: int | None = None

    def __call__(self, step: Callable[[], Any]) -> Any:
        self._point()
        outcome = step()
        self._point()
        return outcome

    def _point(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Crash


class FusedJournal(Journal):
    """Each write is a durable step."""

    fuse: Fuse

    def append(self, *news: Event) -> tuple[Entry, ...]:
        return self.fuse(lambda: super(FusedJournal, self).append(*news))

    def set_bookmark(self, reader: str, position: int) -> None:
        self.fuse(lambda: super(FusedJournal, self).set_bookmark(reader, position))


@dataclass
class FusedProvider:
    """Each call is a durable step."""

    sandbox: Sandbox
    fuse: Fuse

    def pre_authorise(self, token: str, amount: Money, key: str) -> str:
        return self.fuse(lambda: self.sandbox.pre_authorise(token, amount, key))

    def adjust(self, authorisation_id: str, amount: Money, key: str) -> None:
        self.fuse(lambda: self.sandbox.adjust(authorisation_id, amount, key))

    def capture(self, authorisation_id: str, amount: Money, key: str) -> str:
        return self.fuse(lambda: self.sandbox.capture(authorisation_id, amount, key))

    def cancel(self, authorisation_id: str, key: str) -> None:
        self.fuse(lambda: self.sandbox.cancel(authorisation_id, key))

    def contest(self, chargeback_id: str, evidence: Evidence, key: str) -> None:
        self.fuse(lambda: self.sandbox.contest(chargeback_id, evidence, key))

    def refund(self, charge_id: str, amount: Money, key: str) -> str:
        return self.fuse(lambda: self.sandbox.refund(charge_id, amount, key))


@dataclass
class FusedPost:
    """Keeps mails; each is a durable step, and one in ten is not taken at first."""

    fuse: Fuse
    rng: random.Random
    mails: list[EmailMessage] = field(default_factory=list)

    def send(self, message: EmailMessage) -> None:
        if self.rng.random() < 0.1:
            raise MailUnreachableError("busy")
        self.fuse(lambda: self.mails.append(message))


@dataclass
class FusedRetailer:
    """Systems of a retailer that prices the carts; each call is a durable step. totals: what it has said, by trip."""

    fuse: Fuse
    trips: dict[str, str] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def create_purchase(self, trip: Trip) -> str:
        return self.fuse(lambda: self.trips.setdefault(trip.trip_id, trip.session_id))


@dataclass
class _Plan:
    """One visit of the story: what its shopper and the staff will do."""

    session_id: str
    token: str
    items: tuple[Item, ...]
    review: dict[str, int] | None
    refunds: tuple[dict[str, int], ...]
    closes: bool
    charged_back: bool
    stage: int = 0


@dataclass
class Outcome:
    """wrong: broken promises, in words. double_mails: mails that came twice, with one id."""

    crashes: int
    visits: int
    wrong: list[str]
    double_mails: int
    entries: int


class Story:
    """Some visits, drawn from a seed, in an office that crashes again and again.

    crash_every: points from its beginning to its end, on average; 0: it never crashes.
    """

    def __init__(self, folder: Path, seed: int, crash_every: int, cards: tuple[str, ...] = CARDS) -> None:
        self.rng = random.Random(seed)
        self.cards = cards
        self.crash_every = crash_every
        self.crashes = 0
        self.now_ns = NOON
        settling = {"retry": {"first_s": 1.0, "factor": 2.0, "most_s": 600.0, "attempts": 4}}
        self.delegated = self.rng.random() < 0.3
        self.office = office(settling=settling, **({"retailer": RETAILER} if self.delegated else {}))
        self.fuse = Fuse()
        self.retailer = FusedRetailer(self.fuse)
        url = f"sqlite:///{folder}/office-{seed}.db"
        self.journal = FusedJournal.open(url, self.clock)
        self.journal.fuse = self.fuse
        self.outside = Journal.open(url, self.clock)
        self.wallet = Wallet.open(url, "a secret of the test")
        self.sandbox = Sandbox.open(f"sqlite:///{folder}/sandbox-{seed}.db")
        self.post = FusedPost(self.fuse, self.rng)
        self.said: list[Event] = []
        self.contested: list[str] = []
        self.plans = [self.plan(n) for n in range(self.rng.randint(2, 5))]
        self.begin()

    def clock(self) -> int:
        return self.now_ns

    def plan(self, number: int) -> _Plan:
        rng = self.rng
        skus = rng.sample(PRICED, rng.randint(0, 3))
        doubt = rng.random() < 0.3
        items = tuple(item(sku, rng.randint(1, 12), review=doubt and rng.random() < 0.5) for sku in skus)
        review = {i.sku: rng.randint(0, i.quantity) for i in items if i.review} if rng.random() < 0.7 else None
        refunds = tuple({rng.choice(PRICED): rng.randint(1, 3)} for _ in range(rng.choice((0, 0, 1, 2))))
        token = f"{rng.choice(self.cards)}_{number}"
        closes, charged_back = rng.random() < 0.9, rng.random() < 0.3
        return _Plan(f"v{number}", token, items, review, refunds, closes, charged_back)

    def begin(self) -> None:
        """As after a crash: nothing is left but the databases."""
        self.fuse.left = None
        provider = FusedProvider(self.sandbox, self.fuse)
        args = (self.journal, provider, self.wallet)
        self.workers: list[Worker] = [
            Doorkeeper(*args, self.office, "USD", self.clock),
            Cashier(*args, store(), self.office, self.clock),
            Mailer(self.journal, self.post, self.wallet, store(), self.office, LINKS, self.clock),
        ]
        if self.delegated:
            connector = cast(Connector, self.retailer)
            self.workers.append(Purchaser(self.journal, connector, self.office.settling.retry, self.clock))
        if self.crash_every:
            self.fuse.left = int(self.rng.expovariate(1 / self.crash_every))

    def live(self) -> Outcome:
        """All of it, until nothing is left to do."""
        end_ns = self.now_ns + 72 * HOUR
        while self.now_ns < end_ns:
            for plan in self.plans:
                if self.rng.random() < 0.5:
                    self.act(plan)
                if self.said and self.rng.random() < 0.1:
                    self.outside.append(self.rng.choice(self.said))
            self.price()
            written = self.outside.end()
            try:
                due = [worker.step() for worker in self.rng.sample(self.workers, len(self.workers))]
            except Crash:
                self.crashes += 1
                self.begin()
                continue
            if self.outside.end() > written:
                continue
            next_ns = min((d for d in due if d is not None), default=end_ns)
            unpriced = self.retailer.trips.keys() - self.retailer.totals.keys()
            acting = bool(unpriced) or any(plan.stage < 4 for plan in self.plans)
            if acting:
                self.now_ns = max(self.now_ns, min(next_ns, self.now_ns + SECOND))
                continue
            self.now_ns = max(self.now_ns, next_ns)
            if next_ns >= end_ns:
                if not (self.operate() or self.contest()):
                    break
                end_ns = self.now_ns + 72 * HOUR
        outcome = Outcome(self.crashes, len(self.plans), self.wrong(), self.double_mails(), self.outside.end())
        for part in (self.journal, self.outside, self.wallet, self.sandbox):
            part.close()
        return outcome

    def act(self, plan: _Plan) -> None:
        """The next thing that the shopper or the staff does."""
        session_id, request_id = plan.session_id, f"r-{plan.session_id}"
        payer = self.wallet.payer_of(plan.token)
        match plan.stage:
            case 0:
                self.wallet.link(payer, f"{plan.session_id}@example.org", "de")
                self.say(EntryRequested(request_id=request_id, lane_id="gate1", payer=payer, stamp_ns=self.now_ns))
            case 1:
                decided = self.outside.get(f"entry_decided/{request_id}")
                if decided is None:
                    return
                assert isinstance(decided.event, EntryDecided)
                if not decided.event.admitted:
                    plan.stage = 99
                    return
                self.say(opened(session_id, payer, request_id), EntryUsed(request_id=request_id, session_id=session_id))
            case 2:
                self.say(CartChanged(session_id=session_id, revision=0, stamp_ns=self.now_ns, items=plan.items))
                plan.stage = plan.stage if plan.closes else 98
            case 3:
                self.say(closed(*plan.items, session_id=session_id, payer=payer))
                for number, quantities in enumerate(plan.refunds):
                    self.say(
                        RefundRequested(
                            session_id=session_id,
                            refund_id=str(number),
                            quantities=quantities,
                            actor="staff-1",
                            note="",
                        )
                    )
                if plan.review is not None:
                    self.say(
                        VisitReviewed(
                            session_id=session_id, actor="staff-1", quantities=plan.review, loss_minor=0, note=""
                        )
                    )
            case _:
                return
        plan.stage += 1

    def price(self) -> None:
        """The retailer says what a trip costs, says it again, or says something else later."""
        pricing = Pricing(store(), self.office)
        for trip_id in self.retailer.trips:
            if self.rng.random() < 0.3:
                said = self.rng.choice((0, self.rng.randint(1, 3000), self.rng.randint(3000, 20_000)))
                total = self.retailer.totals.setdefault(trip_id, said)
                take_total(self.outside, pricing, trip_id, total, "key")
                if total != said:
                    with contextlib.suppress(AisleError):
                        take_total(self.outside, pricing, trip_id, said, "key")

    def say(self, *news: Event) -> None:
        """What comes from the gate, the checkout and the staff; some of it comes again later."""
        self.said += news
        self.outside.append(*news)

    def operate(self) -> bool:
        """The operator has each dead task tried once more; False when there is none left that was not."""
        letters = [letter for letter in dead_letters(self.outside) if letter.attempts < 12]
        for letter in letters:
            rerun(self.outside, letter.subject, letter.task, "staff-1")
        return bool(letters)

    def contest(self) -> bool:
        """Banks take back what the store has of some visits, and staff hands the evidence in; False when all did."""
        plans = [plan for plan in self.plans if plan.charged_back]
        for plan in plans:
            plan.charged_back = False
            visit = Visit.read(self.outside, plan.session_id)
            if visit.charged is None or visit.kept_minor == 0:
                continue
            body = self.sandbox.charge_back(visit.charged.charge_id, visit.kept_minor, "fraudulent")
            notice = read_notice(body, signature_of(body, "a secret", int(time.time())), "a secret")
            assert notice is not None and chargebacks.take(self.outside, notice) == plan.session_id
            chargebacks.contest(self.outside, plan.session_id, notice.chargeback_id, "staff-1")
            self.contested.append(notice.chargeback_id)
        return bool(plans)

    def expected(self, plan: _Plan) -> int:
        """What the visit costs, worked out from the plan alone, or what the retailer has said."""
        said = {session: self.retailer.totals[trip] for trip, session in self.retailer.trips.items()}
        if plan.session_id in said:
            return said[plan.session_id]
        doubtful = plan.review if plan.closes else None
        total = 0
        for i in plan.items:
            quantity = i.quantity
            if i.review or not plan.closes:
                quantity = 0 if doubtful is None else doubtful[i.sku]
            elif doubtful is not None:
                quantity = doubtful.get(i.sku, i.quantity)
            total += quantity * (i.unit_price_minor or 0)
        return total

    def wrong(self) -> list[str]:
        """Every promise that was not kept."""
        report = audit(self.outside)
        wrong = [f"audit: {finding.text}" for finding in report.findings]
        books, balance = self.sandbox.books(), report.balances["USD"]
        entries = self.outside.read()
        count = Counter(type(entry.event) for entry in entries)
        if (books.captured_minor, books.refunded_minor) != (balance.captured_minor, balance.refunded_minor):
            wrong.append(f"the provider says {books}, the journal {balance}")
        if balance.captured_minor - balance.refunded_minor != balance.receipts_minor:
            wrong.append("money captured is not the sum of the receipts")
        if books.captures != count[Charged]:
            wrong.append(f"{books.captures} captures, {count[Charged]} charges")
        if books.held_minor:
            wrong.append(f"{books.held_minor} is still held")
        wrong += [f"no evidence about {name}" for name in self.contested if not self.sandbox.evidence(name)]
        dead = {letter.subject for letter in dead_letters(self.outside)}
        sessions = {entry.event.subject for entry in entries if isinstance(entry.event, VisitOpened)}
        for kind in (VisitClosed, VisitSettled):
            missing = sessions - {entry.event.subject for entry in entries if isinstance(entry.event, kind)}
            wrong += [f"{session} has no {kind.kind()}" for session in sorted(missing - dead)]
        for plan in self.plans:
            visit = Visit.read(self.outside, plan.session_id)
            charged = visit.charged.amount_minor if visit.charged else 0
            if plan.session_id in sessions and not plan.token.startswith("tok_stolen_later"):
                if charged != self.expected(plan):
                    wrong.append(f"{plan} was charged {charged}, not {self.expected(plan)}")
                wrong += [f"refund {r.refund_id} of {plan} is open" for r in visit.open_refunds()]
            elif charged:
                wrong.append(f"{plan} was charged {charged}")
        mailed = {
            mail["Message-ID"] for mail in self.post.mails if "Quittung" in mail["Subject"] or "Erst" in mail["Subject"]
        }
        if len(mailed) != count[ReceiptIssued]:
            wrong.append(f"{count[ReceiptIssued]} receipts, {len(mailed)} mailed")
        return wrong

    def double_mails(self) -> int:
        return len(self.post.mails) - len({mail["Message-ID"] for mail in self.post.mails})
