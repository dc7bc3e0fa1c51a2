"""What shoppers ask and staff decide: each is one event with who did it, and the cashier does the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from aisle_core.errors import AisleError
from aisle_core.store import Store

from .cashier import reviewed_items
from .events import AgeChecked, DisputeDecided, LineDisputed, RefundRequested, VisitReviewed
from .journal import Journal
from .pricing import Pricing
from .settings import Office
from .visit import Visit

MOST_NOTE_LENGTH = 500


def left_to_refund(visit: Visit) -> Counter[str]:
    """Pieces by sku that were paid, and neither given back nor asked back yet."""
    left: Counter[str] = Counter()
    if visit.bill is None or visit.charged is None:
        return left
    left.update({line.sku: line.quantity for line in visit.bill.lines if line.kind == "goods"})
    for refund in visit.refunds.values():
        if refund.refund_id not in visit.refused:
            left.subtract(refund.quantities)
    return +left


def dispute(journal: Journal, session_id: str, sku: str, place: Literal["link", "kiosk"]) -> None:
    """Take down that a shopper did not take a product of a receipt; saying it again changes nothing.

    Raises AisleError for what is not on the receipt, or was given back.
    """
    visit = Visit.read(journal, session_id)
    if sku in visit.disputes:
        return
    quantity = left_to_refund(visit)[sku]
    if quantity == 0:
        raise AisleError(f"dispute of '{sku}': the receipt has none that was not given back; choose another line")
    visit.append(journal, LineDisputed(session_id=session_id, sku=sku, quantity=quantity, place=place))


def decide_dispute(journal: Journal, session_id: str, sku: str, quantity: int, actor: str, note: str) -> DisputeDecided:
    """Give back ``quantity`` of the disputed pieces, or with 0 none; gives the decision that stands, the first.

    Raises AisleError for what nobody disputes and for more than is disputed.
    """
    visit = Visit.read(journal, session_id)
    disputed = visit.disputes.get(sku)
    if disputed is None:
        raise AisleError(f"dispute of '{sku}' in visit '{session_id}': there is none; see the list of disputes")
    if not 0 <= quantity <= disputed.quantity:
        raise AisleError(f"dispute of '{sku}': give 0 to {disputed.quantity} pieces back")
    decided = DisputeDecided(
        session_id=session_id,
        sku=sku,
        quantity=quantity,
        accepted=quantity > 0,
        actor=actor,
        note=note[:MOST_NOTE_LENGTH],
    )
    visit.append(journal, decided)
    return visit.decisions[sku]


def review(
    journal: Journal,
    store: Store,
    office: Office,
    session_id: str,
    quantities: Mapping[str, int],
    actor: str,
    note: str,
) -> VisitReviewed:
    """Say what a doubtful visit holds: sku -> pieces, of what changes; gives the review that stands, the first.

    Raises AisleError for a visit that waits for no review, and for a product that neither it nor the store has.
    """
    visit = Visit.read(journal, session_id)
    if visit.closed is None or not (visit.wants_review or visit.reviewed):
        raise AisleError(f"visit '{session_id}': it waits for no review; see the list of reviews")
    known = {item.sku for item in visit.closed.items} | store.products.keys()
    for sku, quantity in quantities.items():
        if sku not in known:
            raise AisleError(f"sku '{sku}': the store has none; choose one of the catalogue")
        if not 0 <= quantity <= 999:
            raise AisleError(f"{quantity} of '{sku}': give 0 to 999")
    pricing = Pricing(store, office)

    def worth(changed: Mapping[str, int]) -> int:
        assert visit.closed is not None
        items = reviewed_items(visit.closed, changed, store)
        return sum(pricing.price_of(replace(item, review=False)) for item in items if item.quantity)

    reviewed = VisitReviewed(
        session_id=session_id,
        actor=actor,
        quantities=dict(quantities),
        loss_minor=max(0, worth({}) - worth(quantities)),
        note=note[:MOST_NOTE_LENGTH],
    )
    visit.append(journal, reviewed)
    assert visit.reviewed is not None
    return visit.reviewed


def check_age(journal: Journal, session_id: str, approved: bool, actor: str, note: str) -> AgeChecked:
    """Say whether whoever pays for a visit is old enough for what it holds; gives what stands, the first word.

    Raises AisleError for a visit whose people's age nobody has to know.
    """
    visit = Visit.read(journal, session_id)
    if visit.wanted_age == 0:
        raise AisleError(f"visit '{session_id}': it holds nothing that asks for an age; see the list of age checks")
    said = AgeChecked(
        session_id=session_id,
        min_age=visit.wanted_age,
        approved=approved,
        actor=actor,
        note=note[:MOST_NOTE_LENGTH],
    )
    (entry,) = journal.append(said)
    assert isinstance(entry.event, AgeChecked)
    return entry.event


def refund(
    journal: Journal, session_id: str, refund_id: str, quantities: Mapping[str, int], actor: str, note: str
) -> RefundRequested:
    """Ask the cashier to give pieces back; gives the request that stands under this id, the first.

    Raises AisleError for more than is left, and for nothing.
    """
    visit = Visit.read(journal, session_id)
    if refund_id not in visit.refunds:
        left = left_to_refund(visit)
        for sku, quantity in quantities.items():
            if not 1 <= quantity <= left[sku]:
                raise AisleError(f"refund of {quantity} of '{sku}': {left[sku]} are left; give 1 to as many")
        if not quantities:
            raise AisleError("refund: it names nothing; give pieces of the receipt")
        asked = RefundRequested(
            session_id=session_id,
            refund_id=refund_id,
            quantities=dict(quantities),
            actor=actor,
            note=note[:MOST_NOTE_LENGTH],
        )
        visit.append(journal, asked)
    return visit.refunds[refund_id]
