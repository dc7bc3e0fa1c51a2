"""Money that a card's bank takes back from the store after a dispute.

The sale and its receipt stand; the money is gone until the dispute is won. Meanwhile the card is not let in, and
nothing of the visit is refunded on top.
"""

from __future__ import annotations

from aisle_core.errors import AisleError

from .events import ChargebackContested, ChargebackEnded, Charged, ChargedBack, TaskFailed
from .journal import Journal
from .payment.notices import ChargebackNotice
from .visit import Visit


def take(journal: Journal, notice: ChargebackNotice) -> str | None:
    """Write down what the provider tells of; gives the visit, None when the charge is none of ours.

    Notices may come twice and in any order. One that cannot be right waits in the list of failed tasks.
    """
    charged = journal.read(kinds=(Charged,), mentioning=f'"{notice.charge_id}"')
    found = [entry.event for entry in charged if isinstance(entry.event, Charged)]
    event = next((event for event in found if event.charge_id == notice.charge_id), None)
    if event is None:
        return None
    session_id, chargeback_id = event.session_id, notice.chargeback_id
    try:
        if notice.amount.currency != event.currency:
            raise AisleError(
                f"chargeback '{chargeback_id}': it is in {notice.amount.currency}, not in {event.currency}"
            )
        book(journal, session_id, chargeback_id, notice.amount.minor, notice.reason)
        if notice.outcome != "taken":
            end(journal, session_id, chargeback_id, notice.outcome == "won", "provider")
    except AisleError as error:
        task = f"chargeback/{chargeback_id}"
        failed = TaskFailed(about=session_id, task=task, attempt=1, reason=str(error), declined=False, dead=True)
        journal.append(failed)
    return session_id


def book(journal: Journal, session_id: str, chargeback_id: str, amount_minor: int, reason: str) -> None:
    """Write down what the provider told; the same chargeback again does nothing.

    Raises AisleError when the visit was not charged so much.
    """
    visit = Visit.read(journal, session_id)
    if chargeback_id in visit.chargebacks:
        return
    if visit.charged is None or not 0 < amount_minor <= visit.kept_minor:
        raise AisleError(
            f"chargeback '{chargeback_id}': visit '{session_id}' has paid {visit.kept_minor} (minor units), "
            f"not {amount_minor}; look the charge up at the provider"
        )
    journal.append(
        ChargedBack(
            session_id=session_id,
            chargeback_id=chargeback_id,
            amount_minor=amount_minor,
            currency=visit.charged.currency,
            reason=reason,
        )
    )


def contest(journal: Journal, session_id: str, chargeback_id: str, actor: str) -> None:
    """Have the store's evidence handed in; the same again does nothing.

    Raises AisleError for a chargeback that is not known, or is over.
    """
    ended = journal.get(f"chargeback_ended/{session_id}/{chargeback_id}") is not None
    if ended or chargeback_id not in Visit.read(journal, session_id).chargebacks:
        raise AisleError(f"chargeback '{chargeback_id}' of visit '{session_id}' is over, or not known")
    journal.append(ChargebackContested(session_id=session_id, chargeback_id=chargeback_id, actor=actor))


def end(journal: Journal, session_id: str, chargeback_id: str, returned: bool, actor: str) -> None:
    """The dispute is over; ``returned``: the money came back. Raises AisleError for one that is not known."""
    if chargeback_id not in Visit.read(journal, session_id).chargebacks:
        raise AisleError(f"chargeback '{chargeback_id}' of visit '{session_id}' is not known; book it first")
    journal.append(ChargebackEnded(session_id=session_id, chargeback_id=chargeback_id, returned=returned, actor=actor))
