"""Decisions against the true picks and put-backs: who, what and how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aisle_contract.truth import TruthEvent, TruthEventKind

from ..runs import Decision
from ..truth import TruthLog
from .counts import Agreement, Counts

TOLERANCE_S = 1.0
"""Most time between the true contact with a plate and the change that was decided on."""
_MOVES = (TruthEventKind.PICK, TruthEventKind.PUT_BACK)
_NEVER = 1e9
"""Cost [s] of a pair that cannot be: more than all that can be together."""
_TIE_S = 1e-3
"""What each wrong aspect costs [s], so that of two pairs alike in time the right one is made."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One true event and the decision about it, or one of them alone.

    ``person``, ``product``, ``quantity`` say whether that aspect of the decision is right; False without a pair.
    """

    event: TruthEvent | None
    decision: Decision | None
    person: bool
    product: bool
    quantity: bool

    @property
    def right(self) -> bool:
        """Who, what and how many."""
        return self.person and self.product and self.quantity


@dataclass(frozen=True, slots=True)
class EventCounts(Counts):
    """What became of the true events, and of decisions without one.

    A claim names who, what and how many; a decision that leaves one of them open is a doubt and charges nobody. A pair
    may be wrong in several aspects and then counts in each.
    """

    true: int
    claims: int
    found: int
    """Claims with their true event."""
    right: int
    wrong_person: int
    wrong_product: int
    wrong_quantity: int
    doubted: int
    """True events about which there is only a doubt."""
    missed: int
    """True events without any decision."""
    invented: int
    """Claims without a true event."""
    needless_doubts: int
    """Doubts without a true event."""

    @property
    def detection(self) -> Agreement:
        """A claim at the plate and the time of a true event, whatever it says."""
        return Agreement(self.found, self.claims, self.true)

    @property
    def attribution(self) -> Agreement:
        """A claim that is right in everything."""
        return Agreement(self.right, self.claims, self.true)


def accounts(log: TruthLog) -> list[str]:
    """The credential that each event is about: of the shopper; of a put-back, whose true cart it went out of.

    After a hand-over these are two: the first picker pays, until somebody puts it back.
    """
    credentials = log.credentials()
    relieved: dict[str, list[tuple[int, str]]] = {}
    held: dict[str, dict[str, int]] = {}
    for cart in log.carts:
        before, now = held.get(cart.credential, {}), {line.sku: line.quantity for line in cart.lines}
        held[cart.credential] = now
        for sku in before:
            if now.get(sku, 0) < before[sku]:
                relieved.setdefault(sku, []).append((cart.stamp_ns, cart.credential))

    def account(event: TruthEvent) -> str:
        own = credentials.get(event.shopper, "")
        if event.kind is not TruthEventKind.PUT_BACK:
            return own
        others = {who for at_ns, who in relieved.get(event.sku, ()) if event.stamp_ns <= at_ns <= event.end_ns}
        return min(others) if others and own not in others else own

    return [account(event) for event in log.events]


def judge(
    decisions: Sequence[Decision], events: Sequence[TruthEvent], whose: Sequence[str], payers: Mapping[int, str]
) -> list[Judged]:
    """Pair decisions with true picks and put-backs, and leave what has no partner alone.

    A pair has a plate and the direction (taken, put back) in common and lies within ``TOLERANCE_S``; among all ways to
    make as many pairs as possible, the one with the least total difference of begins and ends. What a shopper lifts
    and sets down again may be told as a pick and a put-back, what staff puts on a plate as a put-back, but need not:
    what is left is compared with that, and a pair counts only if it is a claim.

    ``whose``: credential of each event, "" for people without visit; ``payers``: track id -> credential.
    """
    both = list(zip(events, whose, strict=True))
    musts = [(event, who) for event, who in both if event.kind in _MOVES]
    mays = [(move, who) for event, who in both for move in _optional(event)]
    judged = _judge(decisions, musts, payers)
    unpaired = [one.decision for one in judged if one.event is None and one.decision is not None]
    further = _judge(unpaired, mays, payers)
    judged = [one for one in judged if one.event is not None]
    return judged + [
        one for one in further if one.decision is not None and (one.event is None or is_claim(one.decision))
    ]


def is_claim(decision: Decision | None) -> bool:
    """Whether the decision names who, what and how many."""
    return decision is not None and decision.track_id != 0 and decision.sku != "" and decision.quantity != 0


def count_events(judged: Sequence[Judged]) -> EventCounts:
    """Add up."""
    pairs = [one for one in judged if one.event is not None and one.decision is not None]
    found = [one for one in pairs if is_claim(one.decision)]
    alone = [one for one in judged if one.event is None]
    invented = sum(is_claim(one.decision) for one in alone)
    return EventCounts(
        true=sum(one.event is not None for one in judged),
        claims=len(found) + invented,
        found=len(found),
        right=sum(one.right for one in found),
        wrong_person=sum(not one.person for one in found),
        wrong_product=sum(not one.product for one in found),
        wrong_quantity=sum(not one.quantity for one in found),
        doubted=len(pairs) - len(found),
        missed=sum(one.decision is None for one in judged),
        invented=invented,
        needless_doubts=len(alone) - invented,
    )


def _judge(
    decisions: Sequence[Decision], moves: Sequence[tuple[TruthEvent, str]], payers: Mapping[int, str]
) -> list[Judged]:
    """Pairs, then events alone, then decisions alone; ``moves``: with their credentials."""
    events = [event for event, _ in moves]
    person, product, quantity = _aspects(decisions, events, [who for _, who in moves], payers)
    wrong = np.stack([~person, ~product, ~quantity]).sum(axis=0, dtype=np.float64)
    rows, columns = _pairs(decisions, events, wrong * _TIE_S)
    judged = [
        Judged(events[i], decisions[j], bool(person[i, j]), bool(product[i, j]), bool(quantity[i, j]))
        for i, j in zip(rows, columns, strict=True)
    ]
    judged += [Judged(events[i], None, False, False, False) for i in sorted(set(range(len(events))) - set(rows))]
    unpaired = sorted(set(range(len(decisions))) - set(columns))
    return judged + [Judged(None, decisions[j], False, False, False) for j in unpaired]


def _optional(event: TruthEvent) -> list[TruthEvent]:
    """What a decision may say, but need not, about an event that is neither pick nor put-back."""
    if event.kind is TruthEventKind.LIFT:
        taken = replace(event, kind=TruthEventKind.PICK, end_ns=event.stamp_ns)
        return [taken, replace(event, kind=TruthEventKind.PUT_BACK, stamp_ns=event.end_ns)]
    if event.kind is TruthEventKind.RESTOCK:
        return [replace(event, kind=TruthEventKind.PUT_BACK)]
    return []


_Table = NDArray[np.bool_]
"""(events, decisions)."""


def _aspects(
    decisions: Sequence[Decision], moves: Sequence[TruthEvent], whose: Sequence[str], payers: Mapping[int, str]
) -> tuple[_Table, _Table, _Table]:
    who = np.array(whose, dtype=object)
    said_who = np.array([payers.get(d.track_id, "") if d.track_id else None for d in decisions], dtype=object)
    what = np.array([move.sku for move in moves], dtype=object)
    said_what = np.array([d.sku for d in decisions], dtype=object)
    many = np.array([move.quantity for move in moves], dtype=np.int64)
    said_many = np.array([abs(d.quantity) for d in decisions], dtype=np.int64)
    return (
        np.equal.outer(who, said_who).astype(np.bool_),
        np.equal.outer(what, said_what).astype(np.bool_),
        np.equal.outer(many, said_many),
    )


def _pairs(
    decisions: Sequence[Decision], moves: Sequence[TruthEvent], extra_s: NDArray[np.float64]
) -> tuple[list[int], list[int]]:
    if not decisions or not moves:
        return [], []
    origin_ns = moves[0].stamp_ns
    start, end = (np.array([getattr(m, name) - origin_ns for m in moves]) / 1e9 for name in ("stamp_ns", "end_ns"))
    begun, done = (np.array([getattr(d, name) - origin_ns for d in decisions]) / 1e9 for name in ("start_ns", "end_ns"))
    apart = np.maximum(np.subtract.outer(start, done), -np.subtract.outer(end, begun))
    sign = np.array([1 if move.kind is TruthEventKind.PICK else -1 for move in moves])
    against = np.multiply.outer(sign, np.sign([d.quantity for d in decisions])) < 0
    possible = _same_plate(decisions, moves) & (apart <= TOLERANCE_S) & ~against
    cost = np.abs(np.subtract.outer(start, begun)) + np.abs(np.subtract.outer(end, done)) + extra_s
    rows, columns = linear_sum_assignment(np.where(possible, cost, _NEVER))
    paired = possible[rows, columns]
    return rows[paired].tolist(), columns[paired].tolist()


def _same_plate(decisions: Sequence[Decision], moves: Sequence[TruthEvent]) -> _Table:
    at: dict[str, list[int]] = {}
    for j, decision in enumerate(decisions):
        at.setdefault(decision.plate_id, []).append(j)
    same = np.zeros((len(moves), len(decisions)), dtype=np.bool_)
    for i, move in enumerate(moves):
        for plate_id in move.plate_ids:
            same[i, at.get(plate_id, [])] = True
    return same
