"""Reviews: what a person needs to decide a doubtful visit, and what the decision means for what the fusion told."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..types import Alternative, CartEvent, Correction, Receipt, Review
from .cart import is_bookable

Booking = tuple[int, str, int]
"""(track_id, sku, quantity)."""
_Net = tuple[tuple[str, int], ...]

_STATES = 500
"""Joint explanations of the doubts that are followed; the least probable are dropped."""
_LEAST = 1e-3
"""That an event was nothing that was told is never less probable than this."""


class Decided(NamedTuple):
    """One decision of the fusion after a review. event: as it is now; None where no decision named the product."""

    event: CartEvent | None
    correction: Correction


def review_of(receipt: Receipt, events: Collection[CartEvent], missed: bool) -> Review:
    """What there is to decide about a visit; ``events``: all decisions about it."""
    behind = {key for line in receipt.lines if line.review for key in line.cart_event_ids}
    behind |= set(receipt.unbooked_cart_event_ids)
    return Review(
        stamp_ns=receipt.stamp_ns,
        sequence=0,
        session_id=receipt.session_id,
        track_ids=receipt.track_ids,
        open_ns=receipt.open_ns,
        currency=receipt.currency,
        missed=missed,
        lines=receipt.lines,
        events=tuple(event for event in events if event.cart_event_id in behind or _is_open(event)),
        unbooked_cart_event_ids=receipt.unbooked_cart_event_ids,
    )


def decide(review: Review, quantities: Mapping[str, int], settled: Mapping[str, CartEvent]) -> list[Decided]:
    """What the fusion's decisions were, if the visit holds ``quantities`` of these products, and else what was told.

    settled: by id, decisions that are not any more as the review has them: another visit's review came first. The most
    probable joint explanation of the open decisions by which that is so, or that comes nearest. What it leaves over is
    booked on a decision that named no product, or on a sure one of that product.
    """
    held = {line.sku: line.quantity for line in review.lines if line.sku}
    doubts = [event for event in review.events if _is_open(event)]
    due: Counter[str] = Counter()
    for sku in {**held, **quantities}:
        due[sku] = quantities.get(sku, held.get(sku, 0)) - held.get(sku, 0)
    for event in doubts:
        if event.cart_event_id not in review.unbooked_cart_event_ids:
            for sku, quantity in _effect((event.track_id, event.sku, event.quantity), review.track_ids):
                due[sku] += quantity
    now = [settled.get(event.cart_event_id, event) for event in doubts]
    chosen = _explained(now, review.track_ids, due)
    left = due
    for booking in chosen:
        left.subtract(dict(_effect(booking, review.track_ids)))
    decided: list[Decided] = []
    for event, booking in zip(now, chosen, strict=True):
        if not _effect(booking, review.track_ids) and not (booking[0] and booking[1]):
            sku = next((sku for sku in sorted(left) if left[sku]), "")
            named = (_first(review.track_ids), sku, left.pop(sku)) if sku else booking
            decided.append(_decided(event, named, review.track_ids))
        else:
            decided.append(_decided(event, booking, review.track_ids))
    for event in review.events:
        more = left.get(event.sku, 0)
        if more and event not in doubts and event.track_id in review.track_ids and event.quantity * more:
            quantity = event.quantity + more
            if quantity * event.quantity >= 0:
                del left[event.sku]
                decided.append(_decided(event, (event.track_id, event.sku, quantity), review.track_ids))
    for sku in sorted(sku for sku, quantity in left.items() if quantity):
        decided.append(Decided(None, Correction("", "", "", 0, _first(review.track_ids), sku, left[sku])))
    return decided


def _is_open(event: CartEvent) -> bool:
    return event.review or not is_bookable(event)


def _first(track_ids: tuple[int, ...]) -> int:
    return track_ids[0] if track_ids else 0


def _effect(booking: Booking, track_ids: Collection[int]) -> _Net:
    """What a booking does to the lines of these people."""
    track_id, sku, quantity = booking
    return ((sku, quantity),) if track_id in track_ids and sku and quantity else ()


def _outcomes(event: CartEvent) -> list[tuple[Booking, float]]:
    """What an event may have been and how probable that is, the told one first."""
    outcomes = [((event.track_id, event.sku, event.quantity), event.confidence)]
    outcomes += [((a.track_id, a.sku, a.quantity), a.probability) for a in event.alternatives]
    nothing = (0, "", 0)
    if nothing not in (booking for booking, _ in outcomes):
        outcomes.append((nothing, 1.0 - sum(probability for _, probability in outcomes)))
    return [(booking, max(probability, _LEAST)) for booking, probability in outcomes]


def _explained(doubts: list[CartEvent], track_ids: Collection[int], due: Mapping[str, int]) -> list[Booking]:
    """One booking per doubt: together they do to the lines what is due, or nearly so, and are most probable."""
    states: dict[_Net, tuple[float, tuple[Booking, ...]]] = {(): (0.0, ())}
    for event in doubts:
        further: dict[_Net, tuple[float, tuple[Booking, ...]]] = {}
        for net, (score, bookings) in states.items():
            for booking, probability in _outcomes(event):
                total = Counter(dict(net))
                total.update(dict(_effect(booking, track_ids)))
                key = tuple(sorted((sku, quantity) for sku, quantity in total.items() if quantity))
                found = score + math.log(probability), (*bookings, booking)
                if key not in further or found[0] > further[key][0]:
                    further[key] = found
        best = sorted(further.items(), key=lambda item: (-item[1][0], item[0]))[:_STATES]
        states = dict(best)

    def off(net: _Net) -> int:
        reached = dict(net)
        return sum(abs(due.get(sku, 0) - reached.get(sku, 0)) for sku in {**due, **reached})

    net = min(states, key=lambda net: (off(net), -states[net][0], net))
    return list(states[net][1])


def _decided(event: CartEvent, booking: Booking, track_ids: Collection[int]) -> Decided:
    """What the event is now: sure of these people, and of others as probable as it was before."""
    effect = _effect(booking, track_ids)
    same = [(other, p) for other, p in _outcomes(event) if _effect(other, track_ids) == effect] or [(booking, 1.0)]
    total = sum(probability for _, probability in same)
    shares = {other: probability / total for other, probability in same}
    confidence = 1.0 if effect else shares.get(booking, 1.0)
    track_id, sku, quantity = booking
    others = () if effect else (Alternative(*b, p) for b, p in shares.items() if b != booking)
    now = replace(
        event,
        track_id=track_id,
        sku=sku,
        quantity=quantity,
        confidence=confidence,
        alternatives=tuple(others),
    )
    told = (event.sku, event.quantity)
    return Decided(now, Correction(event.cart_event_id, event.plate_id, *told, track_id, sku, quantity))
