"""Who took or returned what: shelf events, people and recognisers' evidence put together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from ..store import Store
from ..types import (
    CartEvent,
    CartEvents,
    ItemEvidence,
    PersonTracks,
    ShelfEvent,
    ShelfEvents,
    Tick,
    TrackState,
)
from .config import FusionConfig
from .history import History, HistoryState
from .hypotheses import Explainer
from .ledger import Ledger
from .resolve import Decision, Resolver, clusters
from .shelf_map import ShelfMap


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

    waiting: shelf events not decided yet, with the stamp of the batch that brought them. open_since_ns: by gateway.
    evidence: by shelf event. ended_ns: when the tracks ended that ended lately.
    """

    sequence: int = 0
    decided: int = 0
    told_ns: int | None = None
    shelf_events: int = 0
    on_unlisted_plates: int = 0
    waiting: dict[ShelfEvent, int] = field(default_factory=dict)
    open_since_ns: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, tuple[ItemEvidence, ...]] = field(default_factory=dict)
    ended_ns: dict[int, int] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    def copy(self) -> _Memory:
        return replace(
            self,
            waiting=dict(self.waiting),
            open_since_ns=dict(self.open_since_ns),
            evidence=dict(self.evidence),
            ended_ns=dict(self.ended_ns),
        )


@dataclass(frozen=True, slots=True)
class FusionState:
    """Everything the fusion knows; plain data."""

    memory: _Memory
    history: HistoryState


class Fusion:
    """Decides shelf events. Items come in the aligner's total order; decisions are made on ticks.

    A shelf event is decided when the tracks up to ``after_ms`` behind it are known and no change that began with it on
    another plate is unsettled, at the latest ``hold_ms`` after it came.
    """

    def __init__(self, config: FusionConfig, store: Store) -> None:
        self._config = config
        self._map = ShelfMap(store, config.weight, config.place)
        self._begin(_Memory(), History(config.time.history_ms * 1_000_000))

    def _begin(self, memory: _Memory, history: History) -> None:
        self._memory = memory
        self._history = history
        explainer = Explainer(self._config, self._map, history, memory.evidence, memory.ended_ns)
        self._resolver = Resolver(self._config, self._map, explainer)

    def step(self, item: PersonTracks | ShelfEvents | ItemEvidence | Tick) -> CartEvents | None:
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
            case ItemEvidence():
                reports = memory.evidence.get(item.shelf_event_id, ())
                memory.evidence[item.shelf_event_id] = (*reports, item)
            case Tick():
                return self._tell(item.stamp_ns, self._settled(item.stamp_ns))
        return None

    def finish(self, stamp_ns: int) -> CartEvents:
        """The end of all streams: everything that waits is decided."""
        return self._tell(stamp_ns, clusters(list(self._memory.waiting), self._map, self._config))

    def statistics(self) -> FusionStatistics:
        """Counters since the start."""
        memory = self._memory
        return FusionStatistics(memory.shelf_events, memory.on_unlisted_plates, len(memory.waiting), memory.decided)

    def state(self) -> FusionState:
        """A copy of everything the fusion knows."""
        return FusionState(self._memory.copy(), self._history.state())

    @classmethod
    def restore(cls, config: FusionConfig, store: Store, state: FusionState) -> Self:
        """A fusion that goes on exactly where ``state()`` was taken."""
        fusion = cls(config, store)
        fusion._begin(state.memory.copy(), History.restore(config.time.history_ms * 1_000_000, state.history))
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
            else:
                memory.on_unlisted_plates += 1

    def _settled(self, now_ns: int) -> list[tuple[ShelfEvent, ...]]:
        """Clusters that can be decided now."""
        memory, time = self._memory, self._config.time
        if not memory.waiting:
            return []
        open_since_ns = min(memory.open_since_ns.values(), default=None)
        settled = []
        for cluster in clusters(list(memory.waiting), self._map, self._config):
            end_ns = max(event.end_ns for event in cluster)
            came_ns = min(memory.waiting[event] for event in cluster)
            tracks_known = now_ns >= end_ns + time.after_ms * 1_000_000
            alone = open_since_ns is None or open_since_ns > end_ns + time.join_ms * 1_000_000
            if tracks_known and (alone or now_ns >= came_ns + time.hold_ms * 1_000_000):
                settled.append(cluster)
        return settled

    def _tell(self, now_ns: int, settled: list[tuple[ShelfEvent, ...]]) -> CartEvents:
        memory = self._memory
        told: list[CartEvent] = []
        for cluster in settled:
            start_ns = min(event.start_ns for event in cluster)
            self._forget_carts(start_ns)
            decisions, memory.ledger = self._resolver.resolve(cluster, memory.ledger)
            told += [self._cart_event(decision) for decision in decisions]
            for event in cluster:
                del memory.waiting[event]
                memory.evidence.pop(event.shelf_event_id, None)
        self._forget(now_ns - self._config.time.history_ms * 1_000_000)
        memory.told_ns = self._progress(now_ns)
        memory.sequence += 1
        return CartEvents(memory.told_ns, memory.sequence - 1, tuple(told))

    def _cart_event(self, decision: Decision) -> CartEvent:
        self._memory.decided += 1
        track_id, sku, quantity = decision.booking
        principal = decision.change.principal
        return CartEvent(
            cart_event_id=f"c{self._memory.decided}",
            shelf_event_id=principal.shelf_event_id,
            plate_id=principal.plate_id,
            start_ns=decision.change.start_ns,
            end_ns=decision.change.end_ns,
            track_id=track_id,
            sku=sku,
            quantity=quantity,
            confidence=decision.confidence,
            reason=decision.reason,
            review=decision.review,
            alternatives=decision.alternatives,
        )

    def _progress(self, now_ns: int) -> int:
        """Everything that came in a batch up to this instant is decided."""
        memory = self._memory
        if memory.waiting:
            now_ns = min(now_ns, min(memory.waiting.values()) - 1)
        return now_ns if memory.told_ns is None else max(now_ns, memory.told_ns)

    def _forget_carts(self, before_ns: int) -> None:
        """Carts of people who had left before an instant cannot be put back from."""
        memory = self._memory
        for track_id, ended_ns in memory.ended_ns.items():
            if ended_ns < before_ns and track_id in memory.ledger.carts:
                memory.ledger = memory.ledger.without_cart(track_id)

    def _forget(self, before_ns: int) -> None:
        """Drop what can matter no more."""
        self._forget_carts(before_ns)
        memory = self._memory
        for track_id in [key for key, ended_ns in memory.ended_ns.items() if ended_ns < before_ns]:
            del memory.ended_ns[track_id]
        for key in [key for key, reports in memory.evidence.items() if reports[-1].stamp_ns < before_ns]:
            del memory.evidence[key]
