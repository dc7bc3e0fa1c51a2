"""What ``./aisle audit`` and ``./aisle office`` do."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_office.audit import audit
from aisle_office.events import GateAlarmed, RefundRequested, VisitClosed, VisitOpened, VisitReviewed
from aisle_office.evidence import evidence_file
from aisle_office.journal import Journal
from aisle_office.office import secret_named
from aisle_office.payment import PaymentError
from aisle_office.payment.notices import SIGNATURE_HEADER, signature_of
from aisle_office.payment.sandbox import Sandbox
from aisle_office.settings import load_office
from aisle_office.tasks import dead_letters
from aisle_office.visit import Visit

_NEWEST_ALARMS = 10


def journal(database: str) -> Journal:
    """The journal in a database. Raises AisleError when it cannot be opened."""
    return Journal.open(database, time.time_ns)


def run_audit(database: str, noted: Sequence[str]) -> int:
    """Print what the audit found; 1 when something is wrong."""
    hashes = {}
    for text in noted:
        position, colon, value = text.partition(":")
        if not (colon and position.isdecimal()):
            raise AisleError(f"--noted '{text}': give POSITION:HASH, as an audit prints it")
        hashes[int(position)] = value
    report = audit(journal(database), hashes)
    console = Console(highlight=False)
    mark = f"{report.entries}:{report.last_hash}"
    kept = f"{report.entries} entries ({report.deleted} deleted by retention), {report.receipts} receipts."
    console.print(f"{kept} Note this elsewhere: {mark}", soft_wrap=True)
    table = Table("currency", "captured", "refunded", "receipts", "charged back", title="Minor units")
    for currency, balance in sorted(report.balances.items()):
        sums = (balance.captured_minor, balance.refunded_minor, balance.receipts_minor, balance.charged_back_minor)
        table.add_row(currency, *(f"{value:,}" for value in sums))
    if report.balances:
        console.print(table)
    for finding in report.findings:
        console.print(f"entry {finding.position}: {finding.text}", soft_wrap=True)
    console.print(f"{len(report.findings)} findings.")
    return int(bool(report.findings))


def run_show(database: str) -> None:
    """Print what is open."""
    books, console = journal(database), Console(highlight=False)
    opened, closed, reviewed = (
        {entry.event.subject for entry in books.read(kinds=(kind,))}
        for kind in (VisitOpened, VisitClosed, VisitReviewed)
    )
    visits = Table("visit", "state", "pieces", title="Visits")
    for session_id in sorted(opened - closed):
        visit = Visit.read(books, session_id)
        state = f"open, age {visit.open_age} to be checked" if visit.open_age else "open"
        visits.add_row(session_id, state, str(sum(item.quantity for item in visit.cart.items) if visit.cart else 0))
    for session_id in sorted(closed - reviewed):
        visit = Visit.read(books, session_id)
        if visit.wants_review:
            state = f"waits for a check of age {visit.open_age}" if visit.open_age else "waits for a review"
            visits.add_row(session_id, state, ", ".join(f"{item.sku} {item.quantity}" for item in visit.doubtful))
    console.print(visits)
    failed = Table("visit", "task", "attempts", "why", title="Failed tasks")
    for letter in dead_letters(books):
        failed.add_row(letter.subject, letter.task, str(letter.attempts), letter.reason)
    console.print(failed)
    alarms = Table("lane", "alarm", "visit", title="Newest alarms")
    for entry in books.read(kinds=(GateAlarmed,))[-_NEWEST_ALARMS:]:
        if isinstance(entry.event, GateAlarmed):
            alarms.add_row(entry.event.about, entry.event.alarm, entry.event.session_id)
    console.print(alarms)


def run_review(database: str, session_id: str, quantities: Sequence[str], actor: str, note: str) -> None:
    """Write a review down. Raises AisleError for a visit that waits for none."""
    books = journal(database)
    visit = Visit.read(books, session_id)
    if not visit.wants_review:
        raise AisleError(f"visit '{session_id}' does not wait for a review; `aisle office show` lists those that do")
    books.append(
        VisitReviewed(session_id=session_id, actor=actor, quantities=pieces(quantities), loss_minor=0, note=note)
    )


def run_refund(database: str, session_id: str, quantities: Sequence[str], actor: str, note: str) -> None:
    """Ask for a refund. Raises AisleError for a visit that nothing was paid for."""
    books = journal(database)
    if Visit.read(books, session_id).charged is None:
        raise AisleError(f"visit '{session_id}' has paid nothing; there is nothing to give back")
    books.append(
        RefundRequested(
            session_id=session_id,
            refund_id=secrets.token_hex(8),
            quantities=pieces(quantities),
            actor=actor,
            note=note,
        )
    )


def run_evidence(database: str, session_id: str, site: Path, file: Path) -> None:
    """Write the evidence of a visit. Raises AisleError for an unknown visit and a file that cannot be written."""
    store = load_store(site)
    books = journal(database)
    if Visit.read(books, session_id).closed is None:
        raise AisleError(f"visit '{session_id}' has not ended or is not known; there is no evidence to write")
    content = evidence_file(books, store, load_office(site, store), session_id)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise AisleError(f"{file}: cannot be written: {error.strerror}; give another file") from None


def run_sandbox_chargeback(books: str, charge: str, amount_minor: int, won: bool | None, address: str) -> None:
    """What a card's bank does, and what the provider tells of it. Raises AisleError when the pages refuse it."""
    sandbox = Sandbox.open(books)
    try:
        body = (
            sandbox.charge_back(charge, amount_minor, "fraudulent")
            if won is None
            else sandbox.end_chargeback(charge, won)
        )
    except PaymentError as error:
        raise AisleError(f"{error}; look at the visit's charge") from None
    signature = signature_of(body, secret_named("AISLE_NOTICE_SECRET"), int(time.time()))
    try:
        answer = httpx.post(f"{address}/hooks/payment", content=body, headers={SIGNATURE_HEADER: signature})
    except httpx.HTTPError as error:
        raise AisleError(f"{address}: {type(error).__name__}; are the office's pages there?") from None
    if not answer.is_success:
        raise AisleError(f"{address}: {answer.status_code} {answer.text}; mend it and tell it again")


def pieces(texts: Sequence[str]) -> dict[str, int]:
    """["COLA-033=1"] -> {"COLA-033": 1}. Raises AisleError for anything else."""
    found = {}
    for text in texts:
        sku, _, count = text.rpartition("=")
        if not (sku and count.isdecimal()):
            raise AisleError(f"'{text}': give SKU=PIECES, such as COLA-033=1")
        found[sku] = int(count)
    return found
