"""Shelf events explained together, and told when they are sure.

Every shelf event belongs to one move; a move has one or, where an item weighs on adjacent plates, several events. The
lines of thought, each with its own ledger, are followed event by event (a beam search over joint explanations), so that
an item can be returned by the move after the one that took it, and one hand is not believed at two plates at one time.
What is sure is told at once and binds all thoughts. What is doubtful stays open for a while: later changes may explain
it, and what the open changes did to a cart together may be sure although each of them is not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple, TypeVar

import numpy as np

from ..types import Alternative, ItemEvidence, Reason, ShelfEvent, gap_ns
from . import likelihoods
from .config import FusionConfig
from .hypotheses import Booking, Change, Explainer, Hypothesis
from .ledger import Ledger
from .shelf_map import ShelfMap

_NOTHING: Booking = (0, "", 0)
_RELEVANT = 0.01
"""Less probable bookings do not tie open clusters together."""
_LASTING = 0.03
"""A hand that presses goes on for longer than ``doubt_ms`` this rarely."""


class Told(NamedTuple):
    """One move without its score.

    events: ids. pressing: a hand begins to press or presses otherwise.
    """

    events: tuple[str, ...]
    bookings: tuple[Booking, ...]
    pressing: bool


Telling = tuple[Told, ...]
"""A joint explanation of a cluster."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is told of one thing that moved.

    Quantity 0: no product was moved, but that is not sure enough to be silent.
    """

    principal: ShelfEvent
    start_ns: int
    end_ns: int
    booking: Booking
    confidence: float
    reason: Reason
    review: bool
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Events that are told together. came_ns: stamp of the batch with the first of them."""

    events: tuple[ShelfEvent, ...]
    came_ns: int


@dataclass(frozen=True, slots=True)
class Thought:
    """A joint explanation: what is where by it, and of every open cluster what happened."""

    score: float
    ledger: Ledger
    open: tuple[Telling, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """A thought that is being extended by a cluster; left: its events not explained yet, in order."""

    thought: Thought
    score: float
    ledger: Ledger
    moves: tuple[tuple[Change, Hypothesis], ...]
    left: tuple[ShelfEvent, ...]

    def finished(self) -> Thought:
        telling = tuple(
            Told(
                tuple(event.shelf_event_id for event in change.events),
                tuple(part.booking for part in hypothesis.parts),
                hypothesis.press is not None and hypothesis.press.mass > 0,
            )
            for change, hypothesis in self.moves
        )
        return Thought(self.score, self.ledger, (*self.thought.open, telling))


_Step = tuple[float, _Line, Change, Hypothesis]
"""Score with the next move, line before it, the move."""
_Tellings = tuple[Telling, ...]
_Net = tuple[tuple[tuple[int, str], int], ...]
_T = TypeVar("_T")


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


def _are_joined(one: ShelfEvent, other: ShelfEvent, shelf_map: ShelfMap, config: FusionConfig) -> bool:
    in_time = gap_ns(one, other) <= config.time.join_ms * 1_000_000
    return in_time and shelf_map.apart(one.plate_id, other.plate_id) <= config.time.join_distance


def _touching(telling: Telling, chosen: Told, best: Telling) -> list[Booking]:
    """Bookings of a joint explanation for the events of the chosen move.

    Where the chosen move is nothing, what the best explanation books too, for other events, adds nothing.
    """
    touched = [
        booking for told in telling if any(event in chosen.events for event in told.events) for booking in told.bookings
    ]
    if not chosen.bookings:
        more = Counter(_bookings(telling)) - Counter(_bookings(best))
        return [booking for booking in touched if booking in more]
    return touched


def _net(tellings: Iterable[Telling]) -> _Net:
    """What these did to carts, by track and product; what went out of nobody's cart changes none."""
    bookings = (booking for telling in tellings for booking in _bookings(telling))
    return tuple(sorted(_summed(booking for booking in bookings if booking[0] or booking[2] > 0).items()))


def _bookings(telling: Telling) -> Iterator[Booking]:
    return (booking for told in telling for booking in told.bookings)


def _summed(bookings: Iterable[Booking]) -> dict[tuple[int, str], int]:
    """Units by track and product, where any are left."""
    units: Counter[tuple[int, str]] = Counter()
    for track_id, sku, quantity in bookings:
        units[track_id, sku] += quantity
    return {key: quantity for key, quantity in units.items() if quantity}


def _as_told(ledger: Ledger, thought: _Net, told: _Net, shelf_map: ShelfMap) -> Ledger | None:
    """The ledger with the carts that are told instead of those that were thought; None if something else moved.

    The same thing in another cart, or by another name that weighs as much, leaves in doubt what lies where.
    """
    wrong = Counter(dict(told))
    wrong.subtract(dict(thought))
    moved = sorted((quantity, key) for key, quantity in wrong.items() if quantity)
    if not moved:
        return ledger
    if len(moved) != 2 or moved[0][0] != -moved[1][0]:
        return None
    (_, (track_id, sku)), (quantity, (true_track_id, true_sku)) = moved
    lot = ledger.carts.get(track_id, {}).get(sku)
    if (
        lot is None
        or lot.quantity < quantity
        or (sku != true_sku and not shelf_map.weighs(true_sku, lot.unit_mass, lot.unit_stddev))
    ):
        return None
    ledger = ledger.out_of_cart(track_id, sku, quantity)
    return ledger.into_cart(true_track_id, true_sku, replace(lot, quantity=quantity)) if true_track_id else ledger


class Resolver:
    """Explains clusters of shelf events and says what is told of them."""

    def __init__(self, config: FusionConfig, shelf_map: ShelfMap, explainer: Explainer) -> None:
        self._config = config
        self._map = shelf_map
        self._explainer = explainer

    def extend(self, thoughts: tuple[Thought, ...], events: tuple[ShelfEvent, ...]) -> tuple[Thought, ...]:
        """The thoughts with a further open cluster, best first; ``events`` in order."""
        changes: dict[tuple[ShelfEvent, ...], Change] = {}
        steps: list[list[_Step]] = [[] for _ in range(len(events) + 1)]
        lines = [_Line(thought, thought.score, thought.ledger, (), events) for thought in thoughts]
        for explained in range(len(events)):
            if explained:
                lines = self._follow(steps[explained])
            found: dict[tuple[object, ...], list[Hypothesis]] = {}
            for line in lines:
                for union in self._unions(line.left):
                    if union not in changes:
                        changes[union] = self._explainer.change(union)
                    change = changes[union]
                    basis = union, self._explainer.basis(change, line.ledger)
                    if basis not in found:
                        found[basis] = self._explainer.explain(change, line.ledger)
                    for hypothesis in found[basis]:
                        score = line.score + hypothesis.score + self._coupling(line, change, hypothesis)
                        steps[explained + len(union)].append((score, line, change, hypothesis))
        return self._merged(line.finished() for line in self._follow(steps[-1]))

    def weigh(
        self, thoughts: tuple[Thought, ...], opened: tuple[Cluster, ...], report: ItemEvidence
    ) -> tuple[Thought, ...]:
        """Thoughts with a recogniser's report on an event of an open cluster; others change nothing."""
        numbers = [
            number
            for number, cluster in enumerate(opened)
            if any(event.shelf_event_id == report.shelf_event_id for event in cluster.events)
        ]
        if not numbers or not report.scores:
            return thoughts
        most = self._config.decision.evidence_range

        def seen(telling: Telling) -> float:
            return sum(
                likelihoods.evidence(sku, (report,), most) / max(len(told.bookings), 1)
                for told in telling
                if report.shelf_event_id in told.events
                for _, sku, _ in told.bookings or (_NOTHING,)
            )

        return self._merged(replace(t, score=t.score + seen(t.open[numbers[0]])) for t in thoughts)

    def is_sure(self, thoughts: tuple[Thought, ...], opened: tuple[Cluster, ...], number: int) -> bool:
        """Whether waiting adds nothing to that open cluster."""
        posterior = _posterior(thoughts, (number,))
        (best,) = _best(posterior)
        return not any(
            decision.confidence < self._config.decision.min_confidence or not decision.booking[1]
            for decision in self._decisions(opened[number], best, posterior)
        ) and not self._is_pressed(thoughts, opened, (number,), (best,))

    def tell(
        self,
        thoughts: tuple[Thought, ...],
        opened: tuple[Cluster, ...],
        due_ns: int,
        unseen: Collection[str] = frozenset(),
    ) -> tuple[list[Decision], tuple[Thought, ...], tuple[Cluster, ...]]:
        """Decisions of clusters that are sure or came up to ``due_ns``; thoughts and clusters that are still open.

        What may come out of a doubtful take is not told before it. ``unseen``: events of which a recogniser may still
        tell what they left where; what is sure of carts alone waits for it.
        """
        decisions: list[Decision] = []
        doubtful: set[tuple[int, str]] = set()
        number = 0
        while number < len(opened):
            due = opened[number].came_ns <= due_ns
            if due:
                thoughts = self._without_lasting_presses(thoughts, opened, number)
            posterior = _posterior(thoughts, (number,))
            (best,) = _best(posterior)
            returned = {(track, sku) for track, sku, quantity in _bookings(best) if quantity < 0}
            if not due and (returned & doubtful or not self.is_sure(thoughts, opened, number)):
                doubtful |= {booking[:2] for booking in _relevant(posterior)}
                number += 1
                continue
            decisions += self._decisions(opened[number], best, _alike_to_carts(posterior, best) if due else posterior)
            thoughts, opened = self._close(thoughts, opened, (number,), _net([best]))
        while (group := self._settled_group(thoughts, opened, unseen)) is not None:
            chosen = _best(_posterior(thoughts, group))
            for index, best in zip(group, chosen, strict=True):
                posterior = _posterior(thoughts, (index,))
                decisions += self._decisions(opened[index], best, posterior, settled=True)
            thoughts, opened = self._close(thoughts, opened, group, _net(chosen))
        return decisions, thoughts, opened

    def looks(self, thoughts: tuple[Thought, ...], cluster: Cluster, number: int) -> list[Decision]:
        """What would be told of an open cluster now: what the best joint explanation says."""
        return self._decisions(cluster, thoughts[0].open[number], _posterior(thoughts, (number,)))

    # --- lines of thought

    def _follow(self, steps: list[_Step]) -> list[_Line]:
        """Take the most promising steps."""
        config = self._config.decision
        steps.sort(key=lambda step: -step[0])
        return [
            _Line(
                line.thought,
                score,
                self._explainer.book(line.ledger, change, hypothesis),
                (*line.moves, (change, hypothesis)),
                tuple(event for event in line.left if event not in change.events),
            )
            for score, line, change, hypothesis in steps[: config.beam]
            if score >= steps[0][0] - config.prune
        ]

    def _unions(self, left: tuple[ShelfEvent, ...]) -> list[tuple[ShelfEvent, ...]]:
        """Moves that the first event can be part of: alone, or with others on adjacent plates at the same time."""
        first, *others = left
        near = [e for e in others if gap_ns(first, e) <= self._config.time.join_ms * 1_000_000]
        return [
            (first, *rest)
            for size in range(self._config.place.most_shared)
            for rest in combinations(near, size)
            if self._are_adjacent((first, *rest))
        ]

    def _are_adjacent(self, events: tuple[ShelfEvent, ...]) -> bool:
        """Whether the plates hang together; changes of one plate must have the same sign, of several the same time."""
        shared_ns = self._config.time.shared_ms * 1_000_000
        for one, other in combinations(events, 2):
            if one.plate_id != other.plate_id and gap_ns(one, other) > shared_ns:
                return False
            if one.plate_id == other.plate_id and one.mass_change * other.mass_change < 0:
                return False
        plates = list(dict.fromkeys(event.plate_id for event in events))
        together, rest = plates[:1], plates[1:]
        while rest:
            reached = [p for p in rest if p not in together and any(self._map.are_adjacent(p, q) for q in together)]
            if not reached:
                return False
            together.append(reached[0])
            rest.remove(reached[0])
        return True

    def _coupling(self, line: _Line, change: Change, hypothesis: Hypothesis) -> float:
        """That the hands which made this move had just made others of the line.

        One can hardly be at two plates at once, nor put back at once what it takes. It mostly withdraws before it
        takes again.
        """
        config = self._config.person
        hands = {(part.mover, part.hand) for part in hypothesis.parts if part.mover}
        total = 0.0
        for other, made in line.moves if hands else ():
            again = len(hands & {(part.mover, part.hand) for part in made.parts})
            apart_ms = gap_ns(change, other) / 1e6
            otherwise = set(change.plate_ids).isdisjoint(other.plate_ids) or change.mass * other.mass < 0
            if otherwise and apart_ms < config.travel_ms:
                total += again * math.log(config.same_hand)
            elif config.grasp_ms <= apart_ms < config.again_ms:
                total += again * math.log(config.again)
        return total

    def _close(
        self, thoughts: tuple[Thought, ...], opened: tuple[Cluster, ...], group: tuple[int, ...], net: _Net
    ) -> tuple[tuple[Thought, ...], tuple[Cluster, ...]]:
        """Clusters that were told are open no more, and all carts are as told."""

        def rest(values: tuple[_T, ...]) -> tuple[_T, ...]:
            return tuple(value for index, value in enumerate(values) if index not in group)

        ledgers = [_as_told(t.ledger, _net(t.open[n] for n in group), net, self._map) for t in thoughts]
        agreed = (
            replace(thought, ledger=ledger, open=rest(thought.open))
            for thought, ledger in zip(thoughts, ledgers, strict=True)
            if ledger is not None
        )
        return self._merged(agreed), rest(opened)

    def _merged(self, thoughts: Iterable[Thought]) -> tuple[Thought, ...]:
        """Thoughts that differ in nothing but masses as one, best first, the best with score 0."""
        found: dict[object, Thought] = {}
        for thought in sorted(thoughts, key=lambda thought: -thought.score):
            key = thought.open, thought.ledger.contents()
            known = found.get(key)
            score = thought.score if known is None else float(np.logaddexp(known.score, thought.score))
            found[key] = replace(known or thought, score=score)
        ordered = sorted(found.values(), key=lambda thought: -thought.score)[: self._config.decision.beam]
        best = ordered[0].score
        return tuple(
            replace(thought, score=thought.score - best)
            for thought in ordered
            if thought.score >= best - self._config.decision.prune
        )

    # --- what is open

    def _is_pressed(
        self, thoughts: tuple[Thought, ...], opened: tuple[Cluster, ...], group: tuple[int, ...], chosen: _Tellings
    ) -> bool:
        """Whether in these open clusters, as chosen, a hand has begun to press that has not let go."""
        thought = next(t for t in thoughts if tuple(t.open[index] for index in group) == chosen)
        return any(self._lasting(thought, opened[index], index) for index in group)

    def _lasting(self, thought: Thought, cluster: Cluster, number: int) -> bool:
        plates = {event.shelf_event_id: event.plate_id for event in cluster.events}
        return any(
            told.pressing and plates[event] in thought.ledger.presses
            for told in thought.open[number]
            for event in told.events
        )

    def _without_lasting_presses(
        self, thoughts: tuple[Thought, ...], opened: tuple[Cluster, ...], number: int
    ) -> tuple[Thought, ...]:
        """A hand that still presses is less probable by now."""
        return self._merged(
            replace(thought, score=thought.score + math.log(_LASTING))
            if self._lasting(thought, opened[number], number)
            else thought
            for thought in thoughts
        )

    def _settled_group(
        self, thoughts: tuple[Thought, ...], opened: tuple[Cluster, ...], unseen: Collection[str]
    ) -> tuple[int, ...] | None:
        """Open clusters that have to do with each other and together did something sure to carts."""
        for group in self._groups(thoughts, opened):
            if any(event.shelf_event_id in unseen for number in group for event in opened[number].events):
                continue
            posterior = _posterior(thoughts, group)
            chosen = _best(posterior)
            if any(not booking[1] for telling in chosen for booking in _bookings(telling)):
                continue
            sure = sum(probability for tellings, probability in posterior.items() if _net(tellings) == _net(chosen))
            pressed = self._is_pressed(thoughts, opened, group, chosen)
            if sure >= (1 - _RELEVANT if pressed else self._config.decision.min_confidence):
                return group
        return None

    def _groups(self, thoughts: tuple[Thought, ...], opened: tuple[Cluster, ...]) -> list[tuple[int, ...]]:
        """Open clusters connected by a plate or by a person who may have made moves of them."""
        groups: list[tuple[set[int], set[str | int]]] = []
        for number, cluster in enumerate(opened):
            links: set[str | int] = {event.plate_id for event in cluster.events}
            links |= {booking[0] for booking in _relevant(_posterior(thoughts, (number,))) if booking[0]}
            members = {number}
            for group in [group for group in groups if group[1] & links]:
                groups.remove(group)
                members, links = members | group[0], links | group[1]
            groups.append((members, links))
        return [tuple(sorted(members)) for members, _ in groups]

    # --- decisions

    def _decisions(
        self, cluster: Cluster, best: Telling, posterior: Mapping[_Tellings, float], settled: bool = False
    ) -> list[Decision]:
        """What is told of a cluster; ``settled``: it is sure what it did to the carts, together with others."""
        events = {event.shelf_event_id: event for event in cluster.events}
        found = []
        for told in best:
            for booking in told.bookings or ((_NOTHING,) if not settled else ()):
                decision = self._decide([events[key] for key in told.events], told, booking, best, posterior, settled)
                found += [] if decision is None else [decision]
        return found

    def _decide(
        self,
        events: Sequence[ShelfEvent],
        chosen: Told,
        booking: Booking,
        best: Telling,
        posterior: Mapping[_Tellings, float],
        settled: bool,
    ) -> Decision | None:
        """Judge one booking by what all joint explanations book for its events."""
        config = self._config.decision
        track_id, sku, quantity = booking
        confidence = product = person = 0.0
        others: dict[Booking, float] = {}
        for (telling,), probability in posterior.items():
            bookings = _touching(telling, chosen, best) or [_NOTHING]
            product += probability * any(made[1:] == booking[1:] for made in bookings)
            person += probability * any(made[0] == track_id for made in bookings)
            if booking in bookings:
                confidence += probability
                continue
            for other in dict.fromkeys(bookings):
                if other not in chosen.bookings:
                    others[other] = others.get(other, 0.0) + probability

        sure = confidence >= config.min_confidence
        if sure and not quantity:
            return None
        by_place_alone = quantity > 0 and not self._map.knows_weight(sku)
        ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))
        plate_ids = tuple(event.plate_id for event in events)
        return Decision(
            principal=max(events, key=lambda event: abs(event.mass_change)),
            start_ns=min(event.start_ns for event in events),
            end_ns=max(event.end_ns for event in events),
            booking=booking,
            confidence=confidence,
            reason=self._reason(plate_ids, booking, sure, by_place_alone, product <= person),
            review=not (sure or settled) or not track_id or not sku or by_place_alone,
            alternatives=tuple(
                Alternative(*other, probability)
                for other, probability in ranked[: config.alternatives]
                if probability >= config.least_alternative
            ),
        )

    def _reason(
        self, plate_ids: tuple[str, ...], booking: Booking, sure: bool, by_place_alone: bool, product_is_weaker: bool
    ) -> Reason:
        track_id, sku, quantity = booking
        if quantity and (not sku or by_place_alone):
            return Reason.NO_PRODUCT_FITS
        if quantity and not track_id:
            return Reason.NOBODY_NEAR
        if not sure:
            return Reason.AMBIGUOUS_PRODUCT if product_is_weaker else Reason.AMBIGUOUS_PERSON
        if quantity < 0:
            return Reason.RESTOCKED if self._explainer.is_staff(track_id) else Reason.OWN_CART
        belongs = any(self._map.belongs(sku, plate_id) for plate_id in plate_ids)
        return Reason.WEIGHT_AND_PLACE if belongs else Reason.MISPLACED


def _posterior(thoughts: Sequence[Thought], group: tuple[int, ...]) -> dict[_Tellings, float]:
    """Probability of what happened in these open clusters together."""
    weights = np.exp(np.array([thought.score for thought in thoughts]) - thoughts[0].score)
    posterior: dict[_Tellings, float] = {}
    for thought, probability in zip(thoughts, (weights / weights.sum()).tolist(), strict=True):
        tellings = tuple(thought.open[index] for index in group)
        posterior[tellings] = posterior.get(tellings, 0.0) + probability
    return posterior


def _alike_to_carts(posterior: Mapping[_Tellings, float], best: Telling) -> dict[_Tellings, float]:
    """The posterior of one cluster if all that moves the same as the best explanation, by the sum, is the best."""
    found: dict[_Tellings, float] = {(best,): 0.0}
    moved = _summed(_bookings(best))
    for (telling,), probability in posterior.items():
        key = best if _summed(_bookings(telling)) == moved else telling
        found[key,] = found.get((key,), 0.0) + probability
    return found


def _relevant(posterior: Mapping[_Tellings, float]) -> set[Booking]:
    """Bookings that are not quite improbable."""
    return {
        booking
        for tellings, probability in posterior.items()
        if probability >= _RELEVANT
        for telling in tellings
        for booking in _bookings(telling)
    }


def _best(posterior: Mapping[_Tellings, float]) -> _Tellings:
    return max(posterior, key=lambda tellings: posterior[tellings])
