"""What ``./aisle review`` does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aisle_cli.office import journal, pieces, run_review
from aisle_core.errors import AisleError
from aisle_office.board import Board
from aisle_office.visit import Visit
from aisle_replay import reviews


def run_list(source: str) -> None:
    """Print the visits that wait for a review, the oldest first."""
    table = Table(title="Reviews")
    for heading in ("visit", "closed (UTC)", "lines in doubt", "decisions in doubt"):
        table.add_column(heading, overflow="fold")
    if _is_database(source):
        for waiting in Board(journal(source)).look().reviews:
            closed = waiting.closed
            lines = [f"{item.sku or 'unknown'} {item.quantity}" for item in closed.items if item.review]
            ids = [key for item in closed.items if item.review for key in item.cart_event_ids]
            doubts = " ".join([*ids, *closed.unbooked_cart_event_ids])
            table.add_row(closed.session_id, _instant(closed.close_ns), ", ".join(lines), doubts)
    else:
        for visit, events in reviews.waiting(Path(source)):
            lines = [f"{line.sku or 'unknown'} {line.quantity}" for line in visit.lines if line.review]
            doubts = ", ".join(
                f"{event.cart_event_id} {event.plate_id} {event.sku or 'unknown'} {event.quantity:+d} "
                f"{event.confidence:.0%}"
                for event in events
                if event.review
            )
            name = visit.session_id if visit.name == visit.session_id else f"{visit.name} ({visit.session_id})"
            table.add_row(name, _instant(visit.stamp_ns), ", ".join(lines), doubts)
    Console(highlight=False).print(table)


def run_cut(source: str, name: str, bag: Path, out: Path) -> None:
    """Write the slice of a visit."""
    if _is_database(source):
        closed = Visit.read(journal(source), name).closed
        if closed is None:
            raise AisleError(f"visit '{name}' has not closed; `aisle review list` lists those that wait for a review")
        open_ns, close_ns = closed.open_ns, closed.close_ns
    else:
        open_ns, close_ns = reviews.span(Path(source), name)
    count = reviews.cut(bag, out, open_ns, close_ns)
    print(f"{out}: {count} messages; see `aisle replay {out}` and `aisle explain VISIT --bag {out}`")


def run_decide(source: str, name: str, quantities: Sequence[str], actor: str, note: str) -> None:
    """Write a decision down."""
    if _is_database(source):
        run_review(source, name, quantities, actor, note)
    else:
        reviews.decide(Path(source), name, pieces(quantities), actor, note)


def _is_database(source: str) -> bool:
    return "://" in source


def _instant(stamp_ns: int) -> str:
    return datetime.fromtimestamp(stamp_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
