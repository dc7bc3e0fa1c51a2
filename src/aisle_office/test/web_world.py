"""The process of the pages, with an office behind it that the tests drive."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
from office_world import ROOT, SECOND, closed, item, opened

from aisle_core.store import load_store
from aisle_office.access import AccessLog
from aisle_office.cashier import Cashier
from aisle_office.connectors import Credentials
from aisle_office.doorkeeper import Doorkeeper
from aisle_office.events import CartChanged, EntryDecided, EntryRequested, EntryUsed, Item
from aisle_office.journal import Journal
from aisle_office.links import Links
from aisle_office.mail import Mailer
from aisle_office.payment.sandbox import Sandbox
from aisle_office.settings import load_office
from aisle_office.staff import Staff
from aisle_office.wallet import Wallet

SECRET = "a secret of the web tests"
NOTICE_SECRET = "whsec_of_the_web_tests"
CONNECTOR_KEY = Credentials("AKID", "a secret of the web tests", "eu-central-1")
RETAILER = """
retailer:
  address: http://localhost:1
  store_id: STORE-1
  app_entry: true
  screen_cards: false
  prices_carts: false
  devices: {}
  region: eu-central-1
  timeout_s: 5.0
  retry: {first_s: 1.0, factor: 2.0, most_s: 8.0, attempts: 4}
"""
PASSWORD = "correct horse battery"


class Post:
    """Takes mails."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    def send(self, message: EmailMessage) -> None:
        self.mails.append(message)


class WebWorld:
    """The corner's office on the real clock; ``settle`` works off what is due."""

    def __init__(self, folder: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.site = folder / "site"
        shutil.copytree(ROOT / "config" / "stores" / "corner", self.site)
        settings = self.site / "office.yaml"
        text = settings.read_text().replace("http://localhost:8480", self.address)
        settings.write_text(text.replace("first_s: 1.0", "first_s: 0.001") + RETAILER)
        self.url = f"sqlite:///{folder}/office.db"
        self.store = load_store(self.site)
        self.office = load_office(self.site, self.store)
        self.journal = Journal.open(self.url, time.time_ns)
        self.wallet = Wallet.open(self.url, SECRET)
        self.links = Links(SECRET, self.address)
        self.staff = Staff.open(self.url)
        self.access = AccessLog.open(self.url, time.time_ns)
        self.post = Post()
        self.sandbox = Sandbox.open(f"sqlite:///{folder}/sandbox.db")
        base = (self.journal, self.sandbox, self.wallet)
        args = (self.wallet, self.store, self.office)
        self.workers = [
            Doorkeeper(*base, self.office, self.store.currency, time.time_ns),
            Cashier(*base, self.store, self.office, time.time_ns),
            Mailer(self.journal, self.post, *args, self.links, time.time_ns),
        ]
        for name in ("viewer", "support", "manager"):
            self.staff.set_account(name, name, PASSWORD)

    def settle(self) -> None:
        """Work until nothing is due within a second."""
        due_ns = 0
        while due_ns < time.time_ns() + SECOND:
            end = self.journal.end()
            due = [worker.step() for worker in self.workers]
            due_ns = 0 if self.journal.end() != end else min((d for d in due if d is not None), default=1 << 62)

    def item(self, sku: str, quantity: int = 1, **changes: Any) -> Item:
        product = self.store.products[sku]
        fields = {"name": product.name, "unit_price_minor": product.price_minor}
        return replace(item(sku, quantity), **fields | changes)

    def enter(self, session_id: str, token: str = "tok_anna") -> None:
        payer, request_id, now_ns = self.wallet.payer_of(token), f"r-{session_id}", time.time_ns()
        self.journal.append(EntryRequested(request_id=request_id, lane_id="gate1", payer=payer, stamp_ns=now_ns))
        self.settle()
        decided = self.journal.get(f"entry_decided/{request_id}")
        assert decided is not None and isinstance(decided.event, EntryDecided) and decided.event.admitted
        visit = opened(session_id, payer, request_id, now_ns - 9 * 60 * SECOND)
        self.journal.append(visit, EntryUsed(request_id=request_id, session_id=session_id))

    def take(self, session_id: str, *items: Item) -> None:
        self.journal.append(CartChanged(session_id=session_id, revision=0, stamp_ns=time.time_ns(), items=items))

    def leave(self, session_id: str, *items: Item, **changes: Any) -> None:
        """The visit of who came in ends; then it is settled."""
        (visit,) = self.journal.read(subject=session_id, kinds=(type(opened()),))
        times = {"open_ns": visit.event.open_ns, "close_ns": time.time_ns(), "currency": self.store.currency}
        self.journal.append(closed(*items, session_id=session_id, payer=visit.event.payer, **times | changes))
        self.settle()

    def shop(self, session_id: str, *items: Item, token: str = "tok_anna") -> str:
        """A whole visit; gives the code of its link."""
        self.enter(session_id, token)
        self.leave(session_id, *items)
        return self.links.code(session_id)

    def browse(self, **options: Any) -> httpx.Client:
        """A browser without a screen: it says where a form comes from, and keeps cookies."""
        return httpx.Client(
            base_url=self.address, headers={"Origin": self.address} | options.pop("headers", {}), **options
        )

    def sign_in(self, name: str) -> httpx.Client:
        browser = self.browse()
        answer = browser.post("/console/sign-in", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return browser

    def kinds(self, session_id: str) -> list[str]:
        return [entry.event.kind() for entry in self.journal.read(subject=session_id)]


@contextmanager
def serving(folder: Path) -> Iterator[WebWorld]:
    """A world, and the process of its pages."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    world = WebWorld(folder, port)
    command = [sys.executable, "-m", "aisle_office.web", str(world.site), "--database", world.url]
    with (folder / "web.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--listen", f"127.0.0.1:{port}"],
            env={name: value for name, value in os.environ.items() if "PYTEST" not in name}
            | {"AISLE_OFFICE_SECRET": SECRET, "AISLE_NOTICE_SECRET": NOTICE_SECRET}
            | {"AISLE_CONNECTOR_KEY_ID": CONNECTOR_KEY.key_id, "AISLE_CONNECTOR_KEY": CONNECTOR_KEY.secret},
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        while True:
            try:
                httpx.get(world.address, timeout=10)
                break
            except httpx.TransportError:
                if process.poll() is not None:
                    raise RuntimeError((folder / "web.log").read_text()) from None
        yield world
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
