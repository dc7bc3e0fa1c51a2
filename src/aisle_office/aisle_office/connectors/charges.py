"""What the retailer's systems say that a visit costs, where they price carts themselves."""

from __future__ import annotations

from aisle_core.errors import AisleError

from ..events import PurchaseIntended, TaskRerun, VisitRepriced
from ..journal import Journal
from ..pricing import Pricing
from ..visit import Visit


def take_total(journal: Journal, pricing: Pricing, trip_id: str, total_minor: int, actor: str) -> str:
    """Write down the total of a trip, 0 to cancel its charge; gives the visit. The cashier does the rest.

    The same again changes nothing. Raises AisleError for a trip that they do not know, and for another total than the
    one that stands.
    """
    entry = journal.get(f"purchase_intended/{trip_id}")
    if entry is None or not isinstance(entry.event, PurchaseIntended):
        raise AisleError(f"UnknownShoppingTrip: '{trip_id}' is none of which this store has told")
    visit = Visit.read(journal, entry.event.session_id)
    assert visit.bill is not None
    if visit.shopper_id or (visit.settled and not visit.repriced):
        raise AisleError(f"trip '{trip_id}': the store takes no money for it, or has taken its own price")
    if not visit.repriced:
        repriced = VisitRepriced(
            session_id=visit.session_id, bill=pricing.repriced(visit.bill, total_minor), actor=actor
        )
        task = visit.tasks["price"]
        awaited = (TaskRerun(about=visit.session_id, task="price", attempt=task.attempts, actor=actor),)
        visit.append(journal, repriced, *(awaited if task.dead else ()))
    if visit.bill.total_minor != total_minor:
        raise AisleError(f"trip '{trip_id}': its total is {visit.bill.total_minor} (minor units), and stays")
    return visit.session_id
