"""``./aisle explain``: from a receipt line back to the decisions, the explanations, the plates and the hands."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from aisle_contract.sites import config_folder
from aisle_core.store import Store
from aisle_core.types import CartEvent, CartLine
from aisle_replay.explain import Considered, Explanation, Move, explain
from aisle_replay.results import money

SHOWN = 8
"""Explanations of one move that are shown."""


def run_explain(name: str, bag: Path, picture: Path | None, people: str, evidence: Path | None) -> int:
    """Print the way from the line to the sensors, and draw it."""
    found = explain(bag, name, config_folder(), people, evidence)
    console = Console(highlight=False)
    console.print(f"[bold]{found.title}[/bold]")
    for line in found.lines:
        currency = "" if found.receipt is None else found.receipt.currency
        console.print(f"  {line_text(line, currency)}")
    for number, move in enumerate(found.moves, start=1):
        console.print()
        console.print(f"[bold]Move {number}[/bold], {local_time(found.store, move.start_ns)}")
        for event in move.shelf_events:
            console.print(
                f"  shelf event {event.shelf_event_id} on plate {event.plate_id}: {1000 * event.mass_change:+.1f} g "
                f"(± {1000 * event.mass_change_stddev:.1f}) within {(event.end_ns - event.start_ns) / 1e9:.2f} s"
            )
        for decision in move.decisions:
            console.print(f"  decision {decision.cart_event_id}: {decision_text(found.store, decision)}")
            for other in decision.alternatives:
                told = booking_text(found.store, (other.track_id, other.sku, other.quantity))
                console.print(f"    {other.probability:6.1%} {told}")
        if not move.decisions:
            console.print("  no decision: sure that no product moved")
        _show(console, found, move)
    if picture is not None:
        from aisle_cli.explain_picture import draw_explanation

        draw_explanation(found, picture)
    return 0


def _show(console: Console, found: Explanation, move: Move) -> None:
    table = Table(title="Explanations of this move by itself", title_justify="left")
    for heading in ("share", "log score", "what", "nearest hand", "mass off"):
        table.add_column(heading, justify="left" if heading in ("what", "nearest hand") else "right", overflow="fold")
    nearest = {path.track_id: path for path in move.hands}
    for one in move.considered[:SHOWN]:
        table.add_row(
            f"{one.share:.1%}",
            f"{one.score:.1f}",
            considered_text(found.store, one),
            ", ".join(
                _hand_text(track_id, nearest[track_id].nearest(move.start_ns, move.end_ns))
                for track_id in one.movers
                if track_id in nearest
            ),
            "" if math.isnan(one.expected) else f"{1000 * (move.mass_change - one.expected):+.1f} g",
        )
    console.print(table)


def _hand_text(track_id: int, distance: float) -> str:
    return f"{track_id} not seen" if math.isnan(distance) else f"{track_id}: {100 * distance:.0f} cm"


def local_time(store: Store, stamp_ns: int) -> str:
    """Date and time in the store."""
    return datetime.fromtimestamp(stamp_ns / 1e9, UTC).astimezone(ZoneInfo(store.time_zone)).strftime("%F %T.%f")[:-3]


def line_text(line: CartLine, currency: str) -> str:
    """A receipt line."""
    review = ", to be reviewed" if line.review else ""
    name = f"{line.name} ({line.sku})" if line.sku else "unknown product"
    return f"{line.quantity} x {name}, {money(line.amount_minor, currency)}, {line.confidence:.1%}{review}"


def decision_text(store: Store, decision: CartEvent) -> str:
    """What was told, how sure, and why."""
    booking = booking_text(store, (decision.track_id, decision.sku, decision.quantity))
    reason = decision.reason.name.lower().replace("_", " ")
    return f"{booking}, {decision.confidence:.1%}, {reason}{', to be reviewed' if decision.review else ''}"


def considered_text(store: Store, one: Considered) -> str:
    """An explanation in words."""
    if one.bookings:
        return " and ".join(booking_text(store, booking) for booking in one.bookings)
    return "a hand presses or lets go" if one.pressing else "drift or a bump"


def booking_text(store: Store, booking: tuple[int, str, int]) -> str:
    """(track_id, sku, quantity) in words."""
    track_id, sku, quantity = booking
    who = f"person {track_id}" if track_id else "nobody seen"
    if not quantity:
        return "no product moved"
    product = store.products[sku].name if sku in store.products else "an unknown thing"
    return f"{who} {'takes' if quantity > 0 else 'puts back'} {abs(quantity)} x {product}"
