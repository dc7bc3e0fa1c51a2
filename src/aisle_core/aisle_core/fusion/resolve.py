"""Several shelf events at one time and place, explained together.

Every shelf event belongs to one move; a move has one or, where an item weighs on adjacent plates, several events. The
lines of thought are followed event by event with their own ledgers (a beam search over joint explanations), so that an
item can be returned by the move after the one that took it, and one hand is not believed at two plates at one time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ..types import Alternative, Reason, ShelfEvent
from .config import FusionConfig
from .hypotheses import Change, Explainer, Hypothesis
from .ledger import Ledger
from .shelf_map import ShelfMap

Booking = tuple[int, str, int]
"""(track_id, sku, quantity)."""


class Told(NamedTuple):
    """One move without its score: ids of its events, and whether the owner's own hand made it."""

    events: tuple[str, ...]
    booking: Booking
    own_hand: bool


Telling = tuple[Told, ...]
"""A joint explanation."""

_NOTHING: Booking = (0, "", 0)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is told of one move. Quantity 0: no product was moved, but that is not sure enough to be silent."""

    change: Change
    booking: Booking
    confidence: float
    reason: Reason
    review: bool
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class _Thought:
    """A joint explanation of some of the events; left: those not explained yet, in order."""

    score: float
    ledger: Ledger
    moves: tuple[tuple[Change, Hypothesis], ...]
    left: tuple[ShelfEvent, ...]

    def telling(self) -> Telling:
        return tuple(
            Told(tuple(e.shelf_event_id for e in change.events), move.booking, move.mover == move.track_id)
            for change, move in self.moves
        )


_Step = tuple[float, _Thought, Change, Hypothesis]
"""Score with the next move, thought before it, the move."""


def order(event: ShelfEvent) -> tuple[int, str, str]:
    """Order of shelf events that does not depend on their arrival."""
    return event.end_ns, event.plate_id, event.shelf_event_id


def clusters(events: Sequence[ShelfEvent], shelf_map: ShelfMap, config: FusionConfig) -> list[tuple[ShelfEvent, ...]]:
    """Events that must be decided together: connected by nearness in time and place. Ordered by their first event."""
    found: list[list[ShelfEvent]] = []
    for event in events:
        joined = [cluster for cluster in found if any(_are_joined(event, e, shelf_map, config) for e in cluster)]
        merged = [e for cluster in joined for e in cluster] + [event]
        found = [cluster for cluster in found if all(cluster is not other for other in joined)] + [merged]
    return sorted((tuple(sorted(cluster, key=order)) for cluster in found), key=lambda cluster: order(cluster[0]))


def _gap_ns(one: ShelfEvent, other: ShelfEvent) -> int:
    """Time between two events, negative where they overlap."""
    return max(one.start_ns, other.start_ns) - min(one.end_ns, other.end_ns)


def _are_joined(one: ShelfEvent, other: ShelfEvent, shelf_map: ShelfMap, config: FusionConfig) -> bool:
    in_time = _gap_ns(one, other) <= config.time.join_ms * 1_000_000
    return in_time and shelf_map.apart(one.plate_id, other.plate_id) <= config.time.join_distance


def _booked(telling: Telling, chosen: Told, best: Telling) -> list[Told]:
    """Moves of a joint explanation that touch the events of the chosen move and move something.

    Where the chosen move is nothing, a move that the best explanation books too, for other events, adds nothing.
    """
    touched = [t for t in telling if t.booking != _NOTHING and any(event in chosen.events for event in t.events)]
    if chosen.booking == _NOTHING:
        more = Counter(told.booking for told in telling) - Counter(told.booking for told in best)
        return [told for told in touched if told.booking in more]
    return touched


class Resolver:
    """Decides clusters of shelf events."""

    def __init__(self, config: FusionConfig, shelf_map: ShelfMap, explainer: Explainer) -> None:
        self._config = config
        self._map = shelf_map
        self._explainer = explainer

    def resolve(self, events: tuple[ShelfEvent, ...], ledger: Ledger) -> tuple[list[Decision], Ledger]:
        """Decide the events of a cluster, given in order; the decisions in their order, and the ledger after them."""
        thoughts = self._think(events, ledger)
        weights = np.exp(np.array([thought.score for thought in thoughts]) - thoughts[0].score)
        posterior: dict[Telling, float] = {}
        spoken: dict[Telling, _Thought] = {}
        for thought, probability in zip(thoughts, (weights / weights.sum()).tolist(), strict=True):
            telling = thought.telling()
            posterior[telling] = posterior.get(telling, 0.0) + probability
            spoken.setdefault(telling, thought)
        best = max(posterior, key=lambda telling: posterior[telling])
        changes = [change for change, _ in spoken[best].moves]
        decisions = (self._decide(change, told, best, posterior) for change, told in zip(changes, best, strict=True))
        return [decision for decision in decisions if decision is not None], spoken[best].ledger

    def _think(self, events: tuple[ShelfEvent, ...], ledger: Ledger) -> list[_Thought]:
        """Joint explanations of all events, best first."""
        changes: dict[tuple[ShelfEvent, ...], Change] = {}
        steps: list[list[_Step]] = [[] for _ in range(len(events) + 1)]
        thoughts = [_Thought(0.0, ledger, (), events)]
        for explained in range(len(events)):
            if explained:
                thoughts = self._follow(steps[explained])
            for thought in thoughts:
                for union in self._unions(thought.left):
                    change = changes.get(union) or changes.setdefault(union, self._explainer.change(union))
                    for hypothesis in self._explainer.explain(change, thought.ledger):
                        score = thought.score + hypothesis.score + self._coupling(thought, change, hypothesis)
                        steps[explained + len(union)].append((score, thought, change, hypothesis))
        return self._follow(steps[-1])

    def _follow(self, steps: list[_Step]) -> list[_Thought]:
        """Take the most promising steps."""
        config = self._config.decision
        steps.sort(key=lambda step: -step[0])
        return [
            _Thought(
                score,
                self._explainer.book(thought.ledger, change, hypothesis),
                (*thought.moves, (change, hypothesis)),
                tuple(event for event in thought.left if event not in change.events),
            )
            for score, thought, change, hypothesis in steps[: config.beam]
            if score >= steps[0][0] - config.prune
        ]

    def _unions(self, left: tuple[ShelfEvent, ...]) -> list[tuple[ShelfEvent, ...]]:
        """Moves that the first event can be part of: alone, or with others on adjacent plates at the same time."""
        first, *others = left
        near = [e for e in others if _gap_ns(first, e) <= self._config.time.join_ms * 1_000_000]
        return [
            (first, *rest)
            for size in range(self._config.place.most_shared)
            for rest in combinations(near, size)
            if self._are_adjacent((first, *rest))
        ]

    def _are_adjacent(self, events: tuple[ShelfEvent, ...]) -> bool:
        """Whether the plates differ and hang together."""
        plates = [event.plate_id for event in events]
        together, rest = plates[:1], plates[1:]
        while rest:
            reached = [p for p in rest if p not in together and any(self._map.are_adjacent(p, q) for q in together)]
            if not reached:
                return False
            together.append(reached[0])
            rest.remove(reached[0])
        return True

    def _coupling(self, thought: _Thought, change: Change, hypothesis: Hypothesis) -> float:
        """That the hand which made this move made others of the thought too: it can hardly be at two plates at once."""
        config = self._config.person
        hand = (hypothesis.mover, hypothesis.hand)
        clashes = sum(
            max(change.start_ns, other.start_ns) - min(change.end_ns, other.end_ns) < config.travel_ms * 1_000_000
            for other, made in thought.moves
            if hypothesis.mover and (made.mover, made.hand) == hand and not set(change.plate_ids) & set(other.plate_ids)
        )
        return clashes * math.log(config.same_hand)

    def _decide(
        self, change: Change, chosen: Told, best: Telling, posterior: Mapping[Telling, float]
    ) -> Decision | None:
        """Judge one move by what all joint explanations book for its events."""
        config = self._config.decision
        booked = () if chosen.booking == _NOTHING else (chosen.booking,)
        confidence = by_own_hand = product = person = 0.0
        others: dict[Booking, float] = {}
        for telling, probability in posterior.items():
            touched = _booked(telling, chosen, best)
            bookings = tuple(told.booking for told in touched)
            product += probability * ([b[1:] for b in bookings] == [b[1:] for b in booked])
            person += probability * ([b[0] for b in bookings] == [b[0] for b in booked])
            if bookings == booked:
                confidence += probability
                by_own_hand += probability * all(told.own_hand for told in touched)
                continue
            for other in bookings or (_NOTHING,):
                if other != chosen.booking:
                    others[other] = others.get(other, 0.0) + probability

        sure = confidence >= config.min_confidence
        if sure and not booked:
            return None
        track_id, sku, quantity = chosen.booking
        by_place_alone = quantity > 0 and not self._map.knows_weight(sku)
        ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))
        return Decision(
            change=change,
            booking=chosen.booking,
            confidence=confidence,
            reason=self._reason(change, chosen.booking, sure, by_place_alone, product <= person),
            review=not track_id or not sku or by_place_alone or by_own_hand < config.min_confidence,
            alternatives=tuple(
                Alternative(*other, probability)
                for other, probability in ranked[: config.alternatives]
                if probability >= config.least_alternative
            ),
        )

    def _reason(
        self, change: Change, booking: Booking, sure: bool, by_place_alone: bool, product_is_weaker: bool
    ) -> Reason:
        track_id, sku, quantity = booking
        if quantity and (not sku or by_place_alone):
            return Reason.NO_PRODUCT_FITS
        if quantity and not track_id:
            return Reason.NOBODY_NEAR
        if not sure:
            return Reason.AMBIGUOUS_PRODUCT if product_is_weaker else Reason.AMBIGUOUS_PERSON
        if quantity < 0:
            return Reason.OWN_CART
        return Reason.WEIGHT_AND_PLACE if self._explainer.belongs(sku, change) else Reason.MISPLACED
