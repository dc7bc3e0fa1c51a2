"""What a replay leaves behind: events as JSON lines, and receipts.

Both are functions of the decisions alone: sorted, in canonical JSON (sorted keys, no spaces, shortest exact numbers),
so that equal decisions give equal bytes. ``docs/receipts.md`` describes the files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_core.store.currency import DECIMALS
from aisle_core.types import CartEvent, CartEvents, GateCommand, Receipt, Review, ShelfEvent, ShelfEvents, StockEvents

from .json_text import canonical_json, plain

FULL_SUFFIX = ".full.json"


class Results:
    """Collects the decisions among the outputs of the stages, each once: a node that was restarted says some again."""

    def __init__(self) -> None:
        self.shelf_events: list[ShelfEvent] = []
        self.cart_events: list[CartEvent] = []
        self.gate_commands: list[GateCommand] = []
        self.receipts: list[Receipt] = []
        self.stock_events: list[StockEvents] = []
        self.reviews: list[Review] = []
        self._known: set[str | tuple[int, int]] = set()

    def add(self, item: Any) -> None:
        """Take one output of a stage if it is a decision."""
        if isinstance(item, ShelfEvents):
            self.shelf_events += item.events
        elif isinstance(item, CartEvents):
            self.cart_events += [event for event in item.decisions if self._is_new(event.cart_event_id)]
        elif isinstance(item, GateCommand):
            self.gate_commands.append(item)
        elif isinstance(item, Receipt):
            self.receipts.append(item)
        elif isinstance(item, StockEvents) and self._is_new((item.stamp_ns, item.sequence)):
            self.stock_events.append(item)
        elif isinstance(item, Review):
            self.reviews.append(item)

    def _is_new(self, key: str | tuple[int, int]) -> bool:
        known = key in self._known
        self._known.add(key)
        return not known

    def event_lines(self) -> list[str]:
        """One JSON document an event, by stamp, kind and id; the stamp of a change is its end."""
        entries: list[tuple[int, str, str, Any]] = []
        entries += [(event.end_ns, "shelf_event", event.shelf_event_id, event) for event in self.shelf_events]
        entries += [(event.end_ns, "cart_event", event.cart_event_id, event) for event in self.cart_events]
        entries += [
            (command.stamp_ns, "gate_command", f"{command.lane_id}/{command.kind.name.lower()}", command)
            for command in self.gate_commands
        ]
        entries += [(receipt.stamp_ns, "receipt", receipt.session_id, receipt) for receipt in self.receipts]
        entries += [
            (batch.stamp_ns, "stock_event", f"{' '.join(event.plate_ids)}/{event.sku}/{event.kind.name.lower()}", event)
            for batch in self.stock_events
            for event in batch.events
        ]
        entries.sort(key=lambda entry: entry[:3])
        return [
            canonical_json({"stamp_ns": stamp_ns, "kind": kind, "id": key, kind: plain(value)})
            for stamp_ns, kind, key, value in entries
        ]

    def quantities(self) -> dict[str, dict[str, int]]:
        """Label of the visit's first person, else its track id -> sku -> quantity.

        Lines whose product is not known are left out. Visits of one label are added up; a visit without lines is {}.
        """
        return units((visit_name(receipt), receipt.lines) for receipt in self._sorted_receipts())

    def full(self, store: Store) -> dict[str, Any]:
        """The receipts with everything that led to them."""
        return {
            "store_id": store.store_id,
            "site_hash": store.site_hash,
            "visits": [{"name": visit_name(receipt), **plain(receipt)} for receipt in self._sorted_receipts()],
            "reviews": [plain(review) for review in sorted(self.reviews, key=lambda r: (r.stamp_ns, r.session_id))],
        }

    def summary(self) -> list[str]:
        """The receipts for people: a line per visit, and one per product."""
        lines = []
        for receipt in self._sorted_receipts():
            review = f", {money(receipt.review_minor, receipt.currency)} under review" if receipt.review else ""
            lines.append(f"{visit_name(receipt)}: {money(receipt.charged_minor, receipt.currency)}{review}")
            lines += [
                f"  {line.quantity} x {line.name or 'unknown product'}, {money(line.amount_minor, receipt.currency)}, "
                f"{line.reason.name.lower()} {line.confidence:.3f}{', review' if line.review else ''}, "
                f"shelf events {' '.join(line.shelf_event_ids)}"
                for line in receipt.lines
            ]
        return lines

    def write_events(self, path: Path) -> None:
        """Write the JSON lines; raises AisleError when that is not possible."""
        write_atomically({path: "".join(line + "\n" for line in self.event_lines())})

    def write_receipts(self, path: Path, store: Store) -> None:
        """Write the quantities to ``path``, the full account beside it; raises AisleError when that is not possible."""
        write_atomically(
            {
                path: canonical_json(self.quantities(), indent=2) + "\n",
                path.with_suffix(FULL_SUFFIX): canonical_json(self.full(store), indent=2) + "\n",
            }
        )

    def _sorted_receipts(self) -> list[Receipt]:
        return sorted(self.receipts, key=lambda receipt: (receipt.stamp_ns, receipt.session_id))


class _Line(Protocol):
    @property
    def sku(self) -> str: ...
    @property
    def quantity(self) -> int: ...


def units(accounts: Iterable[tuple[str, Iterable[_Line]]]) -> dict[str, dict[str, int]]:
    """(Payer, lines) -> payer -> sku -> quantity, added up; lines without a known product are left out."""
    found: dict[str, dict[str, int]] = {}
    for payer, lines in accounts:
        bought = found.setdefault(payer, {})
        for line in lines:
            if line.sku:
                bought[line.sku] = bought.get(line.sku, 0) + line.quantity
    return found


def visit_name(receipt: Receipt) -> str:
    """What a visit is called in ``receipts.json``: its label, else its first track, else its session."""
    if receipt.label is not None:
        return receipt.label
    return str(receipt.track_ids[0]) if receipt.track_ids else receipt.session_id


def money(minor: int, currency: str) -> str:
    """1250, "EUR" -> "12.50 EUR"."""
    decimals = DECIMALS[currency]
    return f"{minor / 10**decimals:.{decimals}f} {currency}"


def write_atomically(contents: Mapping[Path, str | bytes]) -> None:
    """Write the files, each whole or not at all; raises AisleError with the reason."""
    scratch = {path: path.with_name(f".{path.name}.{os.getpid()}.partial") for path in contents}
    path = Path()
    try:
        for path, content in contents.items():
            scratch[path].write_bytes(content if isinstance(content, bytes) else content.encode())
        for path, partial in scratch.items():
            partial.replace(path)
    except OSError as error:
        reason = error.strerror
        raise AisleError(f"{path}: cannot be written: {reason}; give a file in a folder you may write to") from None
    finally:
        for partial in scratch.values():
            with contextlib.suppress(OSError):
                partial.unlink()
