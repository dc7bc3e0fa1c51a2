"""Decisions to cart lines: the account of one visit, always computed from all decisions about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ..store import Product
from ..types import Alternative, CartEvent, CartLine, Reason

_MAX_ALTERNATIVES = 8
"""Bound of ``CartLine.msg``."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a visit holds and owes.

    ``doubtful``: a decision that went to review may be about this visit. ``unbooked``: ids of the decisions about this
    visit that no line holds.
    """

    lines: tuple[CartLine, ...]
    unbooked: tuple[str, ...]
    doubtful: bool

    @property
    def charged_minor(self) -> int:
        """Sum of the lines that need no review, in minor units."""
        return sum(line.amount_minor for line in self.lines if not line.review)

    @property
    def review_minor(self) -> int:
        """Sum of the lines that wait for a review, in minor units."""
        return sum(line.amount_minor for line in self.lines if line.review)

    @property
    def review(self) -> bool:
        """Whether a person must look at the visit."""
        return self.doubtful or bool(self.unbooked) or any(line.review for line in self.lines)


@dataclass(slots=True)
class _Tally:
    quantity: int = 0
    doubtful: bool = False
    events: list[CartEvent] = field(default_factory=list)


def is_bookable(event: CartEvent) -> bool:
    """Whether the decision names a person, a product and a quantity."""
    return event.track_id != 0 and event.sku != "" and event.quantity != 0


def tracks_of(event: CartEvent) -> tuple[int, ...]:
    """The people a decision is or may be about, the one it names first.

    A sure decision is about the person it names, any other also about those among its alternatives.
    """
    others = [a.track_id for a in event.alternatives if event.review or not is_bookable(event)]
    return tuple(dict.fromkeys(track_id for track_id in (event.track_id, *others) if track_id != 0))


def account(
    events: Iterable[CartEvent],
    track_ids: Collection[int],
    products: Mapping[str, Product],
    doubt_probability: float,
) -> Account:
    """Fold the decisions about the people ``track_ids``, in their order.

    A decision adds its quantity to the line of its product. A return of more than the line holds is not booked, and the
    line goes to review. A decision that went to review is a doubt here if it is at least ``doubt_probability`` probable
    that it does something else to this account than what is booked: which of these people moved the thing is none. A
    doubt puts its own line under review, and those of its alternatives that are at least so probable. A line that
    sure decisions bring back to zero is forgotten.
    """
    tallies: dict[str, _Tally] = {}
    unbooked: list[str] = []

    for event in events:
        booked = is_bookable(event) and event.track_id in track_ids
        effects = _effects(event, track_ids)
        doubtful = False
        if event.review or not is_bookable(event):
            as_booked = effects[event.sku, event.quantity] if booked else 1.0 - sum(effects.values())
            doubtful = 1.0 - as_booked >= doubt_probability or (booked and event.reason is Reason.NO_PRODUCT_FITS)
        if booked:
            tally = tallies.setdefault(event.sku, _Tally())
            tally.events.append(event)
            if tally.quantity + event.quantity < 0:
                unbooked.append(event.cart_event_id)
                tally.doubtful = True
            else:
                tally.quantity += event.quantity
                tally.doubtful |= doubtful
            if tally.quantity == 0 and not tally.doubtful:
                del tallies[event.sku]
        if not doubtful:
            continue
        if not is_bookable(event):
            unbooked.append(event.cart_event_id)
        for (sku, _), probability in effects.items():
            if sku and probability >= doubt_probability:
                tally = tallies.setdefault(sku, _Tally())
                tally.doubtful = True
                if event not in tally.events:
                    tally.events.append(event)

    return Account(
        lines=tuple(_line(sku, tally, products) for sku, tally in tallies.items() if tally.quantity > 0),
        unbooked=tuple(unbooked),
        doubtful=any(tally.doubtful for tally in tallies.values()),
    )


def _effects(event: CartEvent, track_ids: Collection[int]) -> dict[tuple[str, int], float]:
    """What the decision or its alternatives do to the account of these people: (sku, quantity) and how probable."""
    effects: dict[tuple[str, int], float] = {}
    told = ((event.track_id, event.sku, event.quantity, event.confidence),)
    others = ((a.track_id, a.sku, a.quantity, a.probability) for a in event.alternatives)
    for track_id, sku, quantity, probability in (*told, *others):
        if track_id in track_ids and quantity:
            effects[sku, quantity] = effects.get((sku, quantity), 0.0) + probability
    return effects


def _line(sku: str, tally: _Tally, products: Mapping[str, Product]) -> CartLine:
    product = products.get(sku)
    price = product.price_minor if product else None
    doubts: list[Alternative] = [a for event in tally.events if event.review for a in event.alternatives]
    doubts.sort(key=lambda a: (-a.probability, a.track_id, a.sku, a.quantity))
    decided = [event for event in tally.events if event.cart_event_id]
    least_certain = min(tally.events, key=lambda event: event.confidence)
    return CartLine(
        sku=sku,
        name=product.name if product else "",
        quantity=tally.quantity,
        unit_price_minor=price,
        amount_minor=tally.quantity * price if price is not None else 0,
        confidence=least_certain.confidence,
        reason=least_certain.reason,
        review=tally.doubtful or price is None,
        cart_event_ids=tuple(event.cart_event_id for event in decided),
        shelf_event_ids=tuple(dict.fromkeys(event.shelf_event_id for event in decided)),
        track_ids=tuple(dict.fromkeys(event.track_id for event in tally.events)),
        alternatives=tuple(doubts[:_MAX_ALTERNATIVES]),
    )
