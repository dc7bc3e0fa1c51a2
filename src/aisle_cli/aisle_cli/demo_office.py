"""The office of the demo: a sandbox for the money, and a mail server on this machine."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from pathlib import Path

from aisle_cli.post import Post
from aisle_cli.view_model import money
from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_office.audit import audit
from aisle_office.events import MailSent, ReceiptIssued, VisitClosed, VisitOpened, VisitReviewed, VisitSettled
from aisle_office.journal import Journal
from aisle_office.links import Links
from aisle_office.payment.sandbox import Sandbox
from aisle_office.staff import Staff
from aisle_office.wallet import Wallet
from aisle_sim.scenarios import find_scenario
from aisle_sim.world import credentials_of

_PORT = 8480
"""Of the pages: the links in the mails of our sites lead there."""
_ACCOUNT = "demo"
_PATIENCE_S = 30.0
_PERIOD_S = 0.1


class DemoOffice:
    """Knows the shoppers of a simulated store: each has a card, and an address for receipts."""

    def __init__(self, folder: Path, post: Post) -> None:
        if (folder / "office.db").exists():
            raise AisleError(f"{folder}: an office was here before, and simulated time begins anew; give a new folder")
        self.secret, self._password = secrets.token_hex(16), secrets.token_urlsafe(12)
        self._port = _free_port()
        self.database = f"sqlite:///{folder}/office.db"
        self.provider = f"sqlite:///{folder}/sandbox.db"
        self._post = post
        self._journal = Journal.open(self.database, time.time_ns)
        self._wallet = Wallet.open(self.database, self.secret)
        with contextlib.closing(Staff.open(self.database)) as staff:
            staff.set_account(_ACCOUNT, "manager", self._password)

    def link(self, scenario: str, store: Store, seed: int, shoppers: int) -> None:
        """Give every card of the scenario the address of the shopper it belongs to."""
        plan = find_scenario(scenario, store, seed, shoppers)
        names: dict[str, str] = {}
        for name, credential in credentials_of(plan, seed).items():
            names.setdefault(credential, name)
        for credential, name in names.items():
            self._wallet.link(self._wallet.payer_of(credential), f"{name}@shoppers.example", None)

    def arguments(self) -> list[str]:
        """What the launch is told."""
        return [
            "office:=run",
            f"office_database:={self.database}",
            f"office_provider:={self.provider}",
            f"office_smtp:={self._post.address}",
            "office_smtp_security:=none",
            f"office_pages:=127.0.0.1:{self._port}",
        ]

    def places(self) -> str:
        """Where to look while it runs."""
        address = f"http://localhost:{self._port}"
        return (
            f"Kiosk:   {address}/kiosk?key={Links(self.secret, address).kiosk_key()}\n"
            f"Console: {address}/console, account '{_ACCOUNT}', password '{self._password}'\n"
            f"Mails:   {self._post.folder}"
        )

    def wait(self) -> None:
        """Until all visits are settled or wait for a review, and all mails are out; not forever."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end and not self._done():
            time.sleep(_PERIOD_S)

    def summary(self) -> str:
        """What was paid, and where to see it."""
        report, books = audit(self._journal), Sandbox.open(self.provider).books()
        lines = []
        for currency, balance in report.balances.items():
            issued, captured, booked = (
                money(amount, currency)
                for amount in (balance.receipts_minor, balance.captured_minor, books.captured_minor)
            )
            lines.append(
                f"{report.receipts} paid receipts: {issued} with deposits and promotions; captured: {captured}; "
                f"the provider has {booked}."
            )
        lines.append(f"{len(report.findings)} findings of the audit: ./aisle audit {self.database}")
        waiting = len(self._subjects(VisitOpened) - self._subjects(VisitSettled))
        if waiting:
            lines.append(f"{waiting} visits wait for a review or a payment: ./aisle office show {self.database}")
        lines.append(f"Mails: {len(self._post.arrived)}, in {self._post.folder}")
        return "\n".join(lines)

    def close(self) -> None:
        """Let go of the databases."""
        self._journal.close()
        self._wallet.close()

    def _done(self) -> bool:
        closed = [entry.event for entry in self._journal.read(kinds=(VisitClosed,))]
        waiting = {event.subject for event in closed if isinstance(event, VisitClosed) and event.review}
        waiting -= self._subjects(VisitReviewed)
        settled = {event.subject for event in closed} - waiting <= self._subjects(VisitSettled)
        wanted = len(self._journal.read(kinds=(ReceiptIssued,))) + sum(
            isinstance(event, VisitClosed) and event.review for event in closed
        )
        return settled and len(self._journal.read(kinds=(MailSent,))) >= wanted

    def _subjects(self, kind: type) -> set[str]:
        return {entry.event.subject for entry in self._journal.read(kinds=(kind,))}


def _free_port() -> int:
    """The usual port, or another one while somebody else has it."""
    for port in (_PORT, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise AisleError("the demo finds no free port on 127.0.0.1; end some other programs")
