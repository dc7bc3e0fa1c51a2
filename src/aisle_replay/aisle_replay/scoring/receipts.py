"""Receipts against the true ones.

A receipt is a multiset of products, as the AutoCheckout competition scores it; a line is one product on one receipt.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aisle_core.errors import AisleError

from .counts import Agreement, Counts

Receipts = dict[str, dict[str, int]]
"""Visit -> sku -> units, the format of ``receipts.json``."""


@dataclass(frozen=True, slots=True)
class ReceiptCounts(Counts):
    """Units and lines charged rightly, charged at all and truly due, over all visits; and visits without any error."""

    visits: int
    exact_visits: int
    units_right: int
    units_charged: int
    units_due: int
    lines_right: int
    lines_charged: int
    lines_due: int

    @property
    def units(self) -> Agreement:
        """Every single unit."""
        return Agreement(self.units_right, self.units_charged, self.units_due)

    @property
    def lines(self) -> Agreement:
        """Lines; one is right when its product and its quantity are."""
        return Agreement(self.lines_right, self.lines_charged, self.lines_due)


def compare_receipts(receipts: Receipts, truth: Receipts) -> ReceiptCounts:
    """Compare visit by visit; a visit that one side lacks is empty there.

    A visit that is not true counts only if something was charged.
    """
    total = ReceiptCounts(0, 0, 0, 0, 0, 0, 0, 0)
    for visit in sorted(truth.keys() | {visit for visit, charged in receipts.items() if +Counter(charged)}):
        charged, due = +Counter(receipts.get(visit, {})), +Counter(truth.get(visit, {}))
        right = charged & due
        total += ReceiptCounts(
            visits=1,
            exact_visits=int(charged == due),
            units_right=right.total(),
            units_charged=charged.total(),
            units_due=due.total(),
            lines_right=sum(charged[sku] == due[sku] for sku in right),
            lines_charged=len(charged),
            lines_due=len(due),
        )
    return total


def read_receipts(path: Path) -> Receipts:
    """Read a ``receipts.json``; raises AisleError when it is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AisleError(f"{path}: cannot be read: {error.strerror}; give a receipts.json") from error
    except json.JSONDecodeError as error:
        raise AisleError(f"{path}:{error.lineno}: not JSON: {error.msg}; give a receipts.json") from error
    if not isinstance(document, dict):
        raise AisleError(f"{path}: not an object of visits; give a receipts.json")
    for visit, bought in document.items():
        if not isinstance(bought, dict) or not all(type(n) is int and n >= 0 for n in bought.values()):
            raise AisleError(f"{path}: visit '{visit}' is not an object of sku: units; mend it")
    return document
