"""Receipts against the truth, as the AutoCheckout competition scores them: receipts are multisets of products."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aisle_core.errors import AisleError

Receipts = dict[str, dict[str, int]]
"""Visit -> sku -> units, the format of ``receipts.json``."""


@dataclass(frozen=True, slots=True)
class Score:
    """Units charged rightly, charged wrongly and missed, over all visits; and the visits without any error."""

    right: int
    wrong: int
    missed: int
    visits: int
    exact_visits: int

    @property
    def precision(self) -> float:
        """Share of the charged units that are right; 1 when nothing was charged."""
        charged = self.right + self.wrong
        return self.right / charged if charged else 1.0

    @property
    def recall(self) -> float:
        """Share of the true units that were charged; 1 when there were none."""
        true = self.right + self.missed
        return self.right / true if true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("exact receipts", f"{self.exact_visits} of {self.visits}"),
            ("units right", str(self.right)),
            ("units wrong", str(self.wrong)),
            ("units missed", str(self.missed)),
            ("precision", f"{self.precision:.3f}"),
            ("recall", f"{self.recall:.3f}"),
            ("F1", f"{self.f1:.3f}"),
        ]


def score(receipts: Receipts, truth: Receipts) -> Score:
    """Compare visit by visit; a visit that one side lacks is empty there."""
    right = wrong = missed = exact = 0
    visits = sorted(receipts.keys() | truth.keys())
    for visit in visits:
        charged, true = Counter(receipts.get(visit, {})), Counter(truth.get(visit, {}))
        right += (charged & true).total()
        wrong += (charged - true).total()
        missed += (true - charged).total()
        exact += +charged == +true
    return Score(right, wrong, missed, len(visits), exact)


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
