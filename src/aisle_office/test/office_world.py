"""A small store with an office, and what visits hold in it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from aisle_core.store import Store, load_store
from aisle_office.cashier import Cashier
from aisle_office.doorkeeper import Doorkeeper
from aisle_office.events import EntryDecided, EntryRequested, EntryUsed, Item, VisitClosed, VisitOpened
from aisle_office.journal import Journal
from aisle_office.links import Links
from aisle_office.mail import Mailer, Transport
from aisle_office.payment.sandbox import Sandbox
from aisle_office.retailer import RetailerSystems
from aisle_office.settings import Deposit, Multiple, Office, Percentage, Price, load_office
from aisle_office.tasks import dead_letters
from aisle_office.wallet import Wallet
from aisle_office.worker import Worker

ROOT = Path(__file__).resolve().parents[3]
STORE = load_store(ROOT / "test" / "sites" / "demo")
LINKS = Links("a secret of the test", "https://corner.example")
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOON = 1_795_348_800 * SECOND
"""2026-11-22 12:00 UTC."""


def office(**changes: Any) -> Office:
    """The corner's office, with other parts; nested ones as ``entry={...}``."""
    base = load_office(ROOT / "config" / "stores" / "corner", load_store(ROOT / "config" / "stores" / "corner"))
    document = base.model_dump(mode="json")
    for name, change in changes.items():
        part = document[name]
        document[name] = part | change if isinstance(part, dict) else change
    return Office.model_validate(document)


def store(**changes: Any) -> Store:
    return STORE.model_copy(update=changes)


def item(sku: str, quantity: int = 1, **changes: Any) -> Item:
    product = STORE.products.get(sku)
    fields: dict[str, Any] = {
        "sku": sku,
        "name": product.name if product else "",
        "quantity": quantity,
        "unit_price_minor": product.price_minor if product else None,
        "review": False,
        "confidence": 0.97,
        "reason": "weight_and_place",
        "cart_event_ids": (f"c-{sku}",),
        "shelf_event_ids": (f"s-{sku}",),
    }
    return Item(**fields | changes)


def opened(session_id: str = "v1", payer: str = "", request_id: str = "", open_ns: int = NOON) -> VisitOpened:
    return VisitOpened(session_id=session_id, payer=payer, request_id=request_id, open_ns=open_ns)


def closed(*items: Item, session_id: str = "v1", payer: str = "", **changes: Any) -> VisitClosed:
    fields: dict[str, Any] = {
        "session_id": session_id,
        "payer": payer,
        "open_ns": NOON,
        "close_ns": NOON + 60 * SECOND,
        "close_reason": "exit",
        "currency": "USD",
        "items": items,
        "review": any(i.review for i in items),
        "unbooked_cart_event_ids": (),
    }
    return VisitClosed(**fields | changes)


THREE_FOR_TWO = Multiple(
    kind="n_for_m", promotion_id="3-2", name="3 for 2", skus=("COLA-033", "STILL-05"), take=3, pay=2
)
TEN_PERCENT = Percentage(
    kind="percentage", promotion_id="10", name="10 %", skus=("CHOC-100", "BAR-50", "COLA-033"), percent=Decimal(10)
)
CHEAP_COLA = Price(kind="price", promotion_id="cola", name="Cola", skus=("COLA-033",), price_minor=129)
BOTTLE = Deposit(skus=("STILL-05", "SPARKLING-05"), amount_minor=25, tax_class="standard")


class World:
    """A whole office on a clock of its own; ``settle`` lets ``hours`` pass. ``start``: as after a crash."""

    def __init__(
        self, folder: Path, office: Office, transport: Transport | None = None, adults_only: tuple[str, ...] = ()
    ) -> None:
        self.now_ns = NOON
        products = {
            sku: product.model_copy(update={"min_age": 18}) if sku in adults_only else product
            for sku, product in STORE.products.items()
        }
        self.store = store(products=products)
        self.office = office
        self.retailer: RetailerSystems | None = None
        self.transport = transport
        self.journal = Journal.open(f"sqlite:///{folder}/office.db", lambda: self.now_ns)
        self.wallet = Wallet.open(f"sqlite:///{folder}/office.db", "a secret of the test")
        self.sandbox = Sandbox.open(f"sqlite:///{folder}/sandbox.db")
        self.start()

    def start(self) -> None:
        def clock() -> int:
            return self.now_ns

        args = (self.journal, self.sandbox, self.wallet)
        self.workers: list[Worker] = [
            Doorkeeper(*args, self.office, "USD", clock, retailer=self.retailer),
            Cashier(*args, self.store, self.office, clock),
        ]
        if self.transport is not None:
            mailer = Mailer(self.journal, self.transport, self.wallet, self.store, self.office, LINKS, clock)
            self.workers.append(mailer)

    def settle(self, hours: float = 1.0) -> None:
        end_ns = self.now_ns + round(hours * HOUR)
        while True:
            due = [worker.step() for worker in self.workers]
            due_ns = min((d for d in due if d is not None), default=end_ns + 1)
            if due_ns > end_ns:
                self.now_ns = end_ns
                return
            self.now_ns = max(self.now_ns, due_ns)

    def enter(self, token: str, session_id: str = "v1") -> EntryDecided:
        """Somebody shows a card and, if the lane opens, goes in."""
        payer = self.wallet.payer_of(token)
        request_id = f"r-{session_id}"
        self.journal.append(EntryRequested(request_id=request_id, lane_id="gate1", payer=payer, stamp_ns=self.now_ns))
        self.settle(0.002)
        (decided,) = self.events(EntryDecided, request_id)
        if decided.admitted:
            self.journal.append(
                opened(session_id, payer, request_id), EntryUsed(request_id=request_id, session_id=session_id)
            )
        return decided

    def leave(self, *items: Any, session_id: str = "v1", **changes: Any) -> None:
        (visit,) = self.journal.read(subject=session_id, kinds=(type(opened()),))
        self.journal.append(closed(*items, session_id=session_id, payer=visit.event.payer, **changes))

    def events(self, kind: type[Any], subject: str | None = "v1") -> list[Any]:
        return [entry.event for entry in self.journal.read(subject=subject, kinds=(kind,))]

    def ends(self) -> set[str]:
        return {f"{letter.subject} {letter.task}" for letter in dead_letters(self.journal)}

    def close(self) -> None:
        for part in (self.journal, self.wallet, self.sandbox):
            part.close()
