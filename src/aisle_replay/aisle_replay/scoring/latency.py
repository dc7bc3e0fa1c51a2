"""How long after the deed its consequence was known, in data time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aisle_contract.truth import TruthCart, TruthEventKind

from ..runs import Visit
from .events import Judged, is_claim

Seconds = NDArray[np.float64]
"""(n,) float64."""


def pick_to_cart(judged: Sequence[Judged], released_ns: Mapping[str, int]) -> Seconds:
    """From the end of every found pick to the release of the decision about it [s].

    What was decided while the hand still held it above the plate did not keep anybody waiting: 0.
    """
    waits = [
        max(released_ns[one.decision.cart_event_id] - one.event.end_ns, 0)
        for one in judged
        if one.event is not None
        and one.decision is not None
        and one.event.kind is TruthEventKind.PICK
        and is_claim(one.decision)
        and one.decision.cart_event_id in released_ns
    ]
    return np.array(waits, dtype=np.float64) / 1e9


def exit_to_receipt(
    visits: Sequence[tuple[str, Visit]], carts: Sequence[TruthCart], released_ns: Mapping[str, int]
) -> Seconds:
    """From the instant the last of a group left to the release of the receipt [s]; ``visits``: (credential, visit).

    The n-th exit of a credential belongs to its n-th receipt. Receipts that only the end of the recording brought do
    not count.
    """
    left: dict[str, list[int]] = {}
    for cart in sorted(carts, key=lambda cart: cart.stamp_ns):
        if cart.closed:
            left.setdefault(cart.credential, []).append(cart.stamp_ns)
    waits = []
    for credential, visit in sorted(visits, key=lambda entry: entry[1].stamp_ns):
        exits = left.get(credential, [])
        exit_ns = exits.pop(0) if exits else None
        known_ns = released_ns.get(visit.session_id)
        if exit_ns is not None and known_ns is not None and visit.close_reason != "end_of_stream":
            waits.append(known_ns - exit_ns)
    return np.array(waits, dtype=np.float64) / 1e9


def summary(seconds: Seconds) -> dict[str, float] | None:
    """Median, 95th percentile and most; None without any."""
    if not len(seconds):
        return None
    median, p95, most = np.percentile(seconds, (50, 95, 100))
    return {"median_s": float(median), "p95_s": float(p95), "max_s": float(most)}
