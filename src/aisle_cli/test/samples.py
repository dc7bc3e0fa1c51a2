"""A short stay in the demo store, as the items that the view receives."""

from pathlib import Path

from aisle_core.store import Store, load_store
from aisle_core.types import (
    Alternative,
    Cart,
    CartEvent,
    CartEvents,
    CartLine,
    Carts,
    CartState,
    CloseReason,
    GateEvent,
    GateEventKind,
    PersonTrack,
    PersonTracks,
    Reason,
    Receipt,
    ShelfEvent,
    ShelfEvents,
    TrackState,
)

SITE = Path(__file__).resolve().parents[3] / "test" / "sites" / "demo"
NINE_UTC = 1_772_442_000_000_000_000
"""2 March 2026, 10:00 in Berlin."""


def demo_store() -> Store:
    return load_store(SITE)


def at(seconds: float) -> int:
    return NINE_UTC + round(seconds * 1e9)


def track(track_id: int, x: float, y: float, state: TrackState = TrackState.SEEN) -> PersonTrack:
    return PersonTrack(track_id, None, state, (x, y, 0.0), (0.0, 0.0, 0.0, 0.0), None, (), 1.0, at(1))


def tracks(*people: PersonTrack) -> PersonTracks:
    return PersonTracks(at(20), 0, people)


def shelf(number: int, plate_id: str, mass_change: float, second: float = 5.0) -> ShelfEvents:
    event = ShelfEvent(f"g1/{number}", plate_id, at(second - 0.3), at(second), mass_change, 0.001, 3.0)
    return ShelfEvents(at(second), number, "g1", (event,))


def decision(
    number: int,
    sku: str,
    quantity: int,
    track_id: int = 1,
    confidence: float = 0.98,
    reason: Reason = Reason.WEIGHT_AND_PLACE,
    review: bool = False,
) -> CartEvents:
    event = CartEvent(
        f"c/{number}",
        f"g1/{number}",
        "g1-s1-p3",
        at(4.7),
        at(5),
        track_id,
        sku,
        quantity,
        confidence,
        reason,
        review,
        (),
    )
    return CartEvents(at(5), number, at(5), (event,))


def gate(kind: GateEventKind, detail: str = "") -> GateEvent:
    return GateEvent(at(1), 0, "lane_in", kind, "fingerprint", detail)


def line(
    store: Store,
    sku: str,
    quantity: int,
    reason: Reason = Reason.WEIGHT_AND_PLACE,
    review: bool = False,
    alternatives: tuple[Alternative, ...] = (),
) -> CartLine:
    product = store.products.get(sku)
    price = product.price_minor if product else None
    return CartLine(
        sku,
        product.name if product else "",
        quantity,
        price,
        quantity * (price or 0),
        0.98,
        reason,
        review,
        ("c/1",),
        ("g1/1",),
        (1,),
        alternatives,
    )


def cart(store: Store, session_id: str, track_ids: tuple[int, ...], lines: tuple[CartLine, ...]) -> Cart:
    total = sum(item.amount_minor for item in lines)
    return Cart(session_id, track_ids, None, CartState.OPEN, "fingerprint", at(2), store.currency, lines, total)


def carts(*all_carts: Cart) -> Carts:
    return Carts(at(20), 0, all_carts)


def receipt(
    store: Store, sequence: int, track_ids: tuple[int, ...], lines: tuple[CartLine, ...], unbooked: tuple[str, ...] = ()
) -> Receipt:
    return Receipt(
        at(40),
        sequence,
        f"{sequence:016x}",
        track_ids,
        None,
        "fingerprint",
        at(2),
        CloseReason.EXIT,
        store.currency,
        lines,
        sum(item.amount_minor for item in lines if not item.review),
        sum(item.amount_minor for item in lines if item.review),
        bool(unbooked) or any(item.review for item in lines),
        unbooked,
    )
