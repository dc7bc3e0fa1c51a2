"""What is known of a person: shown, handed out, deleted on demand and after its time."""

from __future__ import annotations

import json
from typing import Any

from aisle_core.errors import AisleError

from . import events
from .access import AccessLog
from .events import (
    ChargebackEnded,
    ChargedBack,
    EntriesDeleted,
    EntryRequested,
    Kept,
    PayerForgotten,
    VisitClosed,
    VisitOpened,
    VisitSettled,
)
from .journal import Journal
from .settings import Retention
from .tasks import dead_letters
from .visit import Visit
from .wallet import Wallet

DAY_NS = 86_400_000_000_000


def visits_of(journal: Journal, payer: str, after: int = 0) -> list[str]:
    """Ids of the visits of a payer, the oldest first; ``after``: of those that began behind this position."""
    opened = journal.read(after=after, kinds=(VisitOpened, VisitClosed), mentioning=f'"{payer}"')
    return list(
        dict.fromkeys(
            entry.event.session_id
            for entry in opened
            if isinstance(entry.event, VisitOpened | VisitClosed) and entry.event.payer == payer
        )
    )


def export(journal: Journal, wallet: Wallet, payer: str) -> dict[str, Any]:
    """All that is known of a payer, ready for JSON: the card's entry, and every event of their visits.

    Raises AisleError for a payer who is not known.
    """
    card = wallet.card(payer)
    if card is None:
        raise AisleError(f"payer '{payer}': nothing is known; they were forgotten, or never were here")
    entries = journal.read(kinds=(EntryRequested,), mentioning=f'"{payer}"')
    requests = [e.event.request_id for e in entries if isinstance(e.event, EntryRequested) and e.event.payer == payer]
    return {
        "card": {
            "payer": card.payer,
            "email": card.email,
            "language": card.language,
            "analytics": card.analytics,
            "last_shown_ns": card.seen_ns,
        },
        "entries": {request_id: story(journal, request_id) for request_id in requests},
        "visits": {session_id: story(journal, session_id) for session_id in visits_of(journal, payer)},
    }


def erase(journal: Journal, wallet: Wallet, payer: str, actor: str) -> None:
    """Forget a payer: the card, the address, and with them who the payer of the visits was.

    Raises AisleError while a visit of theirs is not settled: its card is still to be charged.
    """
    for session_id in visits_of(journal, payer):
        visit = Visit.read(journal, session_id)
        if not visit.settled or visit.open_refunds():
            raise AisleError(f"payer '{payer}': visit '{session_id}' is not settled; erase them when it is")
    wallet.forget(payer)
    journal.append(PayerForgotten(about=payer, actor=actor))


def apply_retention(journal: Journal, wallet: Wallet, access: AccessLog, retention: Retention, now_ns: int) -> int:
    """Delete what is older than the site keeps it; gives how many cards were forgotten.

    A card with a visit that is not settled stays until it is.
    """
    access.delete_before(now_ns - round(retention.access * DAY_NS))
    forgotten = 0
    for payer in wallet.unseen_since(now_ns - round(retention.card * DAY_NS)):
        try:
            erase(journal, wallet, payer, "retention")
        except AisleError:
            continue
        forgotten += 1
    return forgotten


def delete_old(journal: Journal, retention: Retention, now_ns: int) -> int:
    """Delete what entries say that are older than the site keeps them; gives how many.

    Nothing of a visit that is not settled, has a failed task, or whose money a bank has taken back for the time being.
    """
    deleted = 0
    ages: tuple[tuple[Kept, float], ...] = (("visits", retention.visits), ("books", retention.books))
    for kept, days in ages:
        kinds = [kind for kind in events.ALL if kept == kind.KEPT]
        until = journal.position_before(now_ns - round(days * DAY_NS))
        needed = _unfinished(journal, until)
        if journal.subjects(kinds, (), until) - needed:
            journal.append(EntriesDeleted(about="retention", kept=kept, until=until))
            deleted += journal.delete(kinds, until, needed)
    return deleted


def _unfinished(journal: Journal, until: int) -> set[str]:
    """Visits with an entry up to a position that may still need all of theirs, and the requests they came in with."""
    sessions = journal.subjects((VisitOpened, VisitClosed), (VisitSettled,), until)
    sessions |= journal.subjects((ChargedBack,), (ChargebackEnded,), until)
    sessions |= {letter.subject for letter in dead_letters(journal)}
    opened = (Visit.read(journal, session_id).opened for session_id in sessions)
    return sessions | {visit.request_id for visit in opened if visit is not None}


def story(journal: Journal, subject: str) -> list[dict[str, Any]]:
    """The events about a subject in their order, ready for JSON."""
    return [
        {"stamp_ns": entry.stamp_ns, "event": entry.event.kind(), **json.loads(events.dump(entry.event))}
        for entry in journal.read(subject=subject)
    ]
