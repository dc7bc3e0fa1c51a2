"""Truths and runs made by hand, in seconds."""

import numpy as np

from aisle_contract.truth import TruthCart, TruthEvent, TruthEventKind, TruthLine, TruthPeople, TruthPerson
from aisle_replay.runs import Decision, Run, Tracks, Visit, VisitLine
from aisle_replay.truth import TruthHeader, TruthLog

CREDENTIALS = {"anna": "A", "bert": "B", "clerk": ""}
PAYERS = {1: "A", 2: "B"}


def ns(seconds: float) -> int:
    return round(seconds * 1e9)


def true_event(
    shopper: str,
    plates: str | tuple[str, ...],
    begin: float,
    sku: str = "milk",
    quantity: int = 1,
    kind: TruthEventKind = TruthEventKind.PICK,
    lasts: float = 0.5,
) -> TruthEvent:
    plate_ids = (plates,) if isinstance(plates, str) else plates
    return TruthEvent(ns(begin), ns(begin + lasts), 0, kind, shopper, "", plate_ids, sku, quantity, -0.5 * quantity)


def decision(
    track_id: int, plate: str, begin: float, sku: str = "milk", quantity: int = 1, confidence: float = 0.9
) -> Decision:
    return Decision(
        cart_event_id=f"{plate}@{begin}/{track_id}",
        plate_id=plate,
        start_ns=ns(begin),
        end_ns=ns(begin + 0.4),
        track_id=track_id,
        sku=sku,
        quantity=quantity,
        confidence=confidence,
    )


def visit(
    credential: str | None,
    left: float,
    *lines: tuple[str, int],
    track_id: int = 1,
    label: str | None = None,
    close_reason: str = "exit",
    review: bool = False,
) -> Visit:
    return Visit(
        name=label or str(track_id),
        session_id=f"session{track_id}",
        track_ids=(track_id,),
        label=label,
        credential=credential,
        stamp_ns=ns(left),
        close_reason=close_reason,
        review=review,
        lines=tuple(VisitLine(sku=sku, quantity=quantity, review=review) for sku, quantity in lines),
    )


def true_cart(credential: str, shopper: str, left: float, *lines: tuple[str, int], closed: bool = True) -> TruthCart:
    return TruthCart(ns(left), 0, credential, (shopper,), closed, tuple(TruthLine(*line) for line in lines))


def true_people(seconds: float, **positions: tuple[float, float]) -> TruthPeople:
    """Everybody at one instant, by name."""
    people = tuple(
        TruthPerson(name, CREDENTIALS[name], (x, y, 0), (0, 0, 0), 1.7, (x, y, 1.7), (x, y, 1), (x, y, 1))
        for name, (x, y) in positions.items()
    )
    return TruthPeople(ns(seconds), 0, people)


def tracks(rows: list[tuple[float, int, float, float]], batches: list[float] | None = None) -> Tracks:
    """Rows of (seconds, track id, x, y); ``batches``: when the tracker spoke, default whenever it saw somebody."""
    rows = sorted(rows)
    stamps = np.array([ns(row[0]) for row in rows], dtype=np.int64)
    return Tracks(
        stamps if batches is None else np.array([ns(second) for second in batches], dtype=np.int64),
        stamps,
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([row[2:] for row in rows], dtype=np.float64).reshape(-1, 2),
    )


def log(
    events: list[TruthEvent] | None = None,
    carts: list[TruthCart] | None = None,
    people: list[TruthPeople] | None = None,
) -> TruthLog:
    header = TruthHeader("corner", "", "by hand", 0)
    return TruthLog(header, tuple(people or ()), tuple(events or ()), tuple(carts or ()))


def run(
    decisions: list[Decision] | None = None,
    visits: list[Visit] | None = None,
    released: dict[str, float] | None = None,
    seen: Tracks | None = None,
    store_id: str = "corner",
) -> Run:
    return Run(
        "by hand",
        store_id,
        tuple(decisions or ()),
        tuple(visits or ()),
        {track_id: one.payer for one in visits or () for track_id in one.track_ids},
        {key: ns(seconds) for key, seconds in (released or {}).items()},
        seen,
    )
