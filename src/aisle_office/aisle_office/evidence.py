"""All that the office knows of a visit in one file: for a bank that asks, or a court."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from aisle_core.store import Store

from .events import ReceiptIssued
from .journal import Entry, Journal, RawEntry
from .payment.provider import Evidence
from .privacy import story
from .receipts import Wording, receipt_number, receipt_view, render_pdf, render_text
from .settings import Office
from .visit import Visit


def evidence_file(journal: Journal, store: Store, office: Office, session_id: str) -> bytes:
    """A ZIP file: ``summary.txt`` for people, the receipts as PDF, and ``events.json``.

    That has the visit and how somebody came in to it, with the decisions and shelf events behind each line, and the
    journal's rows with salt, seal and hash: whoever noted the journal's last hash can check that they belong to it.
    Equal visits give equal bytes. Nothing in it names a person.
    """
    visit = Visit.read(journal, session_id)
    words = Wording.of(None, office.mail.language, store.time_zone)
    subjects = [subject for subject in (visit.request_id, session_id) if subject]
    receipts = journal.read(subject=session_id, kinds=(ReceiptIssued,))
    views = {receipt_number(store, e.ordinal): receipt_view(e, visit, store, office, words, "") for e in receipts}
    document = {
        "store": store.store_id,
        "events": {subject: story(journal, subject) for subject in subjects},
        "rows": [_row(raw) for subject in subjects for raw in journal.raw_of(subject)],
    }
    parts: dict[str, bytes] = {
        "summary.txt": _summary(visit, journal.read(subject=session_id), words).encode()
        + b"".join(f"\n{render_text(view, words)}".encode() for view in views.values()),
        "events.json": json.dumps(document, indent=1, ensure_ascii=False).encode(),
    }
    parts |= {f"{number}.pdf": render_pdf(view, words) for number, view in views.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def evidence_for_bank(journal: Journal, store: Store, office: Office, session_id: str, until: int) -> Evidence:
    """The summary and the first receipt, by the entries up to a position: the same each time."""
    visit = Visit.read(journal, session_id)
    words = Wording.of(None, office.mail.language, store.time_zone)
    assert visit.receipt is not None
    entries = [entry for entry in journal.read(subject=session_id) if entry.position <= until]
    view = receipt_view(visit.receipt, visit, store, office, words, "")
    return Evidence(_summary(visit, entries, words) + f"\n{render_text(view, words)}", render_pdf(view, words))


def _summary(visit: Visit, entries: list[Entry], words: Wording) -> str:
    lines = [f"Visit {visit.session_id}", ""]
    for entry in entries:
        event = entry.event
        about = [f"{name} {getattr(event, name)}" for name in ("actor", "reason", "note") if getattr(event, name, "")]
        lines.append(f"{words.instant(entry.stamp_ns)}  {event.kind().replace('_', ' ')}  {', '.join(about)}".rstrip())
    if visit.closed is not None:
        lines += ["", "What was taken, by which decisions, on which readings of the shelves:"]
        for item in visit.closed.items:
            proof = " ".join((*item.cart_event_ids, *item.shelf_event_ids))
            lines.append(f"{item.quantity} x {item.name or item.sku}  {item.confidence:.0%}, {item.reason}  {proof}")
    return "\n".join(lines) + "\n"


def _row(raw: RawEntry) -> dict[str, Any]:
    return {name: getattr(raw, name) for name in RawEntry.__slots__}
