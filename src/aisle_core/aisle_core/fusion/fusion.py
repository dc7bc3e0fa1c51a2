"""Who took or returned what: shelf events, people and recognisers' evidence put together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from ..store import Store
from ..types import (
    CartEvent,
    CartEvents,
    ItemEvidence,
    PersonTracks,
    PlateStates,
    ShelfEvent,
    ShelfEvents,
    StaffTrack,
    Tick,
    TrackState,
)
from .config import FusionConfig
from .history import History, HistoryState
from .hypotheses import Explainer, Witness, unobserved
from .ledger import Ledger, Whereabouts
from .resolve import Cluster, Decision, Resolver, Thought, clusters
from .shelf_map import ShelfMap

_Reported = tuple[tuple[str, int], ...]
"""Shelf events, each with the number of its reports."""
_Look = tuple[tuple[Thought, ...], list[Decision]]
"""The best line of thought after a cluster, and what it says of it."""


@dataclass(frozen=True, slots=True)
class FusionStatistics:
    """shelf_events = waiting + explained + on_unlisted_plates; decisions told of the explained ones."""

    shelf_events: int
    on_unlisted_plates: int
    waiting: int
    decisions: int


@dataclass(slots=True)
class _Memory:
    """What the fusion knows besides the tracks.

    waiting: shelf events not explained yet, with the stamp of the batch that brought them. recent: shelf events of the
    last ``history_ms`` by plate, in the order they came. open_since_ns: by gateway. evidence: by shelf event. noise: by
    plate, standard deviation of its samples [kg]. ended_ns: when the tracks ended that ended lately. staff_ns: since
    when people are known to work here. thoughts, opened: joint explanations, best first, of what is where and of the
    clusters of events that are explained but not told. tentative: how everything that is not told looked when
    tentative_of came, its events, each with the number of its reports. looks: of clusters that wait, by their events
    and reports and by what was where before them. unsure: clusters that were not sure, with the thoughts they followed.
    """

    sequence: int = 0
    decided: int = 0
    told_ns: int | None = None
    shelf_events: int = 0
    on_unlisted_plates: int = 0
    waiting: dict[ShelfEvent, int] = field(default_factory=dict)
    recent: dict[str, tuple[ShelfEvent, ...]] = field(default_factory=dict)
    open_since_ns: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, tuple[ItemEvidence, ...]] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)
    ended_ns: dict[int, int] = field(default_factory=dict)
    staff_ns: dict[int, int] = field(default_factory=dict)
    thoughts: tuple[Thought, ...] = (Thought(0.0, Ledger()),)
    opened: tuple[Cluster, ...] = ()
    tentative: tuple[CartEvent, ...] = ()
    tentative_of: _Reported = ()
    looks: Mapping[tuple[_Reported, Whereabouts], _Look] = field(default_factory=dict)
    unsure: dict[_Reported, tuple[Thought, ...]] = field(default_factory=dict)

    def copy(self) -> _Memory:
        return replace(
            self,
            waiting=dict(self.waiting),
            recent=dict(self.recent),
            open_since_ns=dict(self.open_since_ns),
            evidence=dict(self.evidence),
            noise=dict(self.noise),
            ended_ns=dict(self.ended_ns),
            staff_ns=dict(self.staff_ns),
            unsure=dict(self.unsure),
        )


@dataclass(frozen=True, slots=True)
class FusionState:
    """Everything the fusion knows; plain data."""

    memory: _Memory
    history: HistoryState


class Fusion:
    """Decides shelf events. Items come in the aligner's total order; decisions are made on ticks.

    A shelf event is explained when the tracks up to ``after_ms`` behind it are known and no change that began with it
    on another plate is unsettled, at the latest ``hold_ms`` after it came, and ``doubt_ms`` if it is doubtful. What is
    sure is told at once; what is doubtful waits for what may explain it, at the latest ``doubt_ms`` after it came.
    """

    def __init__(self, config: FusionConfig, store: Store, witness: Witness = unobserved) -> None:
        self._config = config
        self._witness = witness
        self._map = ShelfMap(store, config.weight, config.place)
        self._begin(_Memory(), History(config.time.history_ms * 1_000_000, config.person.meeting))

    def _begin(self, memory: _Memory, history: History) -> None:
        self._memory = memory
        self._history = history
        self._undecided: tuple[tuple[Thought, ...], tuple[Cluster, ...], set[str]] = (), (), set()
        explainer = Explainer(
            self._config,
            self._map,
            history,
            memory.recent,
            memory.evidence,
            memory.noise,
            memory.ended_ns,
            memory.staff_ns,
            self._witness,
        )
        self._resolver = Resolver(self._config, self._map, explainer)

    def step(
        self, item: PersonTracks | ShelfEvents | PlateStates | ItemEvidence | StaffTrack | Tick
    ) -> CartEvents | None:
        """Take one item; on a tick, what has been decided since the last one."""
        memory = self._memory
        match item:
            case PersonTracks():
                self._history.add(item)
                for track in item.tracks:
                    if track.state == TrackState.ENDED:
                        memory.ended_ns[track.track_id] = item.stamp_ns
            case ShelfEvents():
                self._take(item)
            case PlateStates():
                noise = {p.plate_id: p.noise_stddev for p in item.plates if math.isfinite(p.noise_stddev)}
                memory.noise.update(noise)
            case ItemEvidence() if item.shelf_event_id:
                reports = memory.evidence.get(item.shelf_event_id, ())
                memory.evidence[item.shelf_event_id] = (*reports, item)
                memory.thoughts = self._resolver.weigh(memory.thoughts, memory.opened, item)
            case StaffTrack():
                memory.staff_ns[item.track_id] = item.stamp_ns + self._config.time.staff_ms * 1_000_000
            case Tick():
                self._explain(item.stamp_ns)
                return self._tell(item.stamp_ns, item.stamp_ns - self._config.time.doubt_ms * 1_000_000)
        return None

    def tentative(self) -> tuple[CartEvent, ...]:
        """How what has come and is not told looks now: who seems to have moved what; no decisions.

        It is looked at anew only when something comes or is told; what waits, only by the best line of thought, and a
        cluster only if that says otherwise what is where.
        """
        memory = self._memory
        events = *memory.waiting, *(event for cluster in memory.opened for event in cluster.events)
        of = self._reported(events)
        if of != memory.tentative_of:
            thoughts = memory.thoughts
            seeming = [d for n, cluster in enumerate(memory.opened) for d in self._resolver.looks(thoughts, cluster, n)]
            looks: dict[tuple[_Reported, Whereabouts], _Look] = {}
            for waiting in clusters(list(memory.waiting), self._map, self._config):
                key = self._reported(waiting), thoughts[0].ledger.contents()
                looks[key] = memory.looks.get(key) or self._look(thoughts[:1], waiting)
                thoughts, decisions = looks[key]
                seeming += decisions
            named = [decision for decision in seeming if decision.booking[0] and decision.booking[1]]
            memory.tentative = tuple(_cart_event("", decision) for decision in named)
            memory.tentative_of, memory.looks = of, looks
        return memory.tentative

    def _reported(self, events: Iterable[ShelfEvent]) -> _Reported:
        return tuple(
            (event.shelf_event_id, len(self._memory.evidence.get(event.shelf_event_id, ()))) for event in events
        )

    def _look(self, thoughts: tuple[Thought, ...], waiting: tuple[ShelfEvent, ...]) -> _Look:
        thoughts, cluster = self._extended(thoughts, waiting)
        return thoughts[:1], self._resolver.looks(thoughts, cluster, -1)

    def progress(self, now_ns: int) -> int:
        """Everything that began up to this instant is decided; what is open for ``history_ms`` is not waited for."""
        memory = self._memory
        began_ns = [event.start_ns for event in memory.waiting]
        began_ns += [event.start_ns for cluster in memory.opened for event in cluster.events]
        oldest_ns = now_ns - self._config.time.history_ms * 1_000_000
        began_ns += [since_ns for since_ns in memory.open_since_ns.values() if since_ns >= oldest_ns]
        now_ns = min(now_ns, min(began_ns, default=now_ns + 1) - 1)
        return now_ns if memory.told_ns is None else max(now_ns, memory.told_ns)

    @property
    def shelf_map(self) -> ShelfMap:
        """The store as the fusion looks at it."""
        return self._map

    def finish(self, stamp_ns: int) -> CartEvents:
        """The end of all streams: everything that waits is decided."""
        self._memory.open_since_ns.clear()
        for events in clusters(list(self._memory.waiting), self._map, self._config):
            self._open(*self._extended(self._memory.thoughts, events))
        return self._tell(stamp_ns, stamp_ns)

    def statistics(self) -> FusionStatistics:
        """Counters since the start."""
        memory = self._memory
        waiting = len(memory.waiting) + sum(len(cluster.events) for cluster in memory.opened)
        return FusionStatistics(memory.shelf_events, memory.on_unlisted_plates, waiting, memory.decided)

    def state(self) -> FusionState:
        """A copy of everything the fusion knows."""
        return FusionState(self._memory.copy(), self._history.state())

    @classmethod
    def restore(cls, config: FusionConfig, store: Store, state: FusionState, witness: Witness = unobserved) -> Self:
        """A fusion that goes on exactly where ``state()`` was taken."""
        fusion = cls(config, store, witness)
        history = History.restore(config.time.history_ms * 1_000_000, config.person.meeting, state.history)
        fusion._begin(state.memory.copy(), history)
        return fusion

    def _take(self, batch: ShelfEvents) -> None:
        memory = self._memory
        memory.open_since_ns.pop(batch.gateway_id, None)
        if batch.open_since_ns is not None:
            memory.open_since_ns[batch.gateway_id] = batch.open_since_ns
        for event in batch.events:
            memory.shelf_events += 1
            if event.plate_id in self._map:
                memory.waiting[event] = batch.stamp_ns
                memory.recent[event.plate_id] = (*memory.recent.get(event.plate_id, ()), event)
            else:
                memory.on_unlisted_plates += 1

    def _explain(self, now_ns: int) -> None:
        """Open the clusters of events that can be explained now."""
        memory = self._memory
        if not memory.waiting:
            return
        open_since_ns = min(memory.open_since_ns.values(), default=None)
        earlier: list[ShelfEvent] = []
        for events in clusters(list(memory.waiting), self._map, self._config):
            if not self._is_ready(events, now_ns, open_since_ns, earlier):
                earlier += events

    def _is_ready(
        self, events: tuple[ShelfEvent, ...], now_ns: int, open_since_ns: int | None, earlier: list[ShelfEvent]
    ) -> bool:
        """Open the cluster if it can be explained now; not before what happened ``earlier`` and it may come out of."""
        memory, time = self._memory, self._config.time
        end_ns = max(event.end_ns for event in events)
        if now_ns < end_ns + time.after_ms * 1_000_000:
            return False
        if any(self._is_before(one, event) for one in earlier for event in events):
            return False
        alone = open_since_ns is None or open_since_ns > end_ns + time.join_ms * 1_000_000
        waited_ns = now_ns - min(memory.waiting[event] for event in events)
        if not alone and waited_ns < time.hold_ms * 1_000_000:
            return False
        if waited_ns < time.evidence_ms * 1_000_000 and any(map(self._awaits_evidence, events)):
            return False
        late = waited_ns >= time.doubt_ms * 1_000_000
        tried = self._reported(events)
        if not alone and not late and memory.unsure.get(tried) is memory.thoughts:
            return False
        thoughts, cluster = self._extended(memory.thoughts, events)
        opened = (*memory.opened, cluster)
        if not alone and not late and not self._resolver.is_sure(thoughts, opened, len(opened) - 1):
            memory.unsure[tried] = memory.thoughts
            return False
        self._open(thoughts, cluster)
        return True

    def _is_before(self, one: ShelfEvent, other: ShelfEvent) -> bool:
        """Whether an earlier event is explained first: of the same plate, or one in reach that waits for its report."""
        if one.plate_id == other.plate_id:
            return True
        within = self._map.apart(one.plate_id, other.plate_id) <= self._config.time.join_distance
        return within and self._awaits_evidence(one)

    def _awaits_evidence(self, event: ShelfEvent) -> bool:
        """Whether a recogniser may still tell of the event what the weight does not."""
        if not self._config.evidence or event.shelf_event_id in self._memory.evidence:
            return False
        return self._map.is_open(event.mass_change, event.mass_change_stddev, self._config.weight.most_units)

    def _extended(
        self, thoughts: tuple[Thought, ...], events: tuple[ShelfEvent, ...]
    ) -> tuple[tuple[Thought, ...], Cluster]:
        cluster = Cluster(events, min(self._memory.waiting[event] for event in events))
        return self._resolver.extend(thoughts, events), cluster

    def _open(self, thoughts: tuple[Thought, ...], cluster: Cluster) -> None:
        memory = self._memory
        memory.thoughts, memory.opened = thoughts, (*memory.opened, cluster)
        memory.unsure.clear()
        for event in cluster.events:
            del memory.waiting[event]

    def _tell(self, now_ns: int, due_ns: int) -> CartEvents:
        memory = self._memory
        events = [event for cluster in memory.opened for event in cluster.events]
        unseen = (
            {event.shelf_event_id for event in events if self._awaits_evidence(event)} if due_ns < now_ns else set()
        )
        decisions = self._decide(due_ns, unseen)
        told = tuple(
            _cart_event(f"c{number}", decision) for number, decision in enumerate(decisions, memory.decided + 1)
        )
        memory.decided += len(decisions)
        self._forget(now_ns - self._config.time.history_ms * 1_000_000)
        memory.told_ns = self.progress(now_ns)
        memory.sequence += 1
        return CartEvents(now_ns, memory.sequence - 1, memory.told_ns, told)

    def _decide(self, due_ns: int, unseen: set[str]) -> list[Decision]:
        """Close what is sure or due; nothing can be that was not when the same was looked at last."""
        memory, (thoughts, opened, left_out) = self._memory, self._undecided
        is_same = memory.thoughts is thoughts and memory.opened is opened and unseen == left_out
        if is_same and all(cluster.came_ns > due_ns for cluster in opened):
            return []
        self._undecided = memory.thoughts, memory.opened, unseen
        decisions, memory.thoughts, memory.opened = self._resolver.tell(memory.thoughts, memory.opened, due_ns, unseen)
        return decisions

    def _forget(self, before_ns: int) -> None:
        """Drop what can matter no more; what somebody took who has left can be put back by others of the group."""
        memory = self._memory
        for track_id in [key for key, ended_ns in memory.ended_ns.items() if ended_ns < before_ns]:
            del memory.ended_ns[track_id]
            memory.staff_ns.pop(track_id, None)
            self._history.forget(track_id)
            memory.thoughts = tuple(
                replace(thought, ledger=thought.ledger.without_cart(track_id)) for thought in memory.thoughts
            )
        for plate_id, events in [item for item in memory.recent.items() if item[1][0].end_ns < before_ns]:
            memory.recent[plate_id] = tuple(event for event in events if event.end_ns >= before_ns)
            if not memory.recent[plate_id]:
                del memory.recent[plate_id]
        for key in [key for key, reports in memory.evidence.items() if reports[-1].stamp_ns < before_ns]:
            del memory.evidence[key]


def _cart_event(cart_event_id: str, decision: Decision) -> CartEvent:
    track_id, sku, quantity = decision.booking
    return CartEvent(
        cart_event_id=cart_event_id,
        shelf_event_id=decision.principal.shelf_event_id,
        plate_id=decision.principal.plate_id,
        start_ns=decision.start_ns,
        end_ns=decision.end_ns,
        track_id=track_id,
        sku=sku,
        quantity=quantity,
        confidence=decision.confidence,
        reason=decision.reason,
        review=decision.review,
        alternatives=decision.alternatives,
    )
