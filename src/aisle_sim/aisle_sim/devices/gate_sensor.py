"""A lane that reports what happens in it: credentials at the reader, passages through the light barrier, its lock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from aisle_contract.interfaces import GATE_EVENTS
from aisle_core.store import Lane, Store
from aisle_core.types import GateEvent, GateEventKind

from .arrivals import Arrival
from .clocks import MS, Clock, Kind
from .params import GateParams

_PASSAGES = (GateEventKind.PASSAGE_IN, GateEventKind.PASSAGE_OUT)


class GateSensor:
    """The reports of one lane."""

    def __init__(self, store: Store, lane: Lane, params: GateParams, clock: Clock, rng: np.random.Generator) -> None:
        self.names = (lane.lane_id,)
        self._lane, self._clock, self._rng = lane, clock, rng
        self._latency = clock.latency(Kind.GATES, store)
        self._debounce_ns = params.debounce_ms * MS
        self._waiting: list[GateEvent] = []

    def add(self, events: Iterable[GateEvent]) -> None:
        """Take what happened, by true time; events of other lanes are left out."""
        self._waiting += [event for event in events if event.lane_id == self._lane.lane_id]
        self._waiting.sort(key=lambda event: (event.stamp_ns, event.sequence))

    def advance(self, to_ns: int, world: object) -> list[Arrival]:
        """Every report of what happened by ``to_ns``."""
        happened = [event for event in self._waiting if event.stamp_ns <= to_ns]
        self._waiting = self._waiting[len(happened) :]
        return [self._report(event) for event in happened]

    def _report(self, event: GateEvent) -> Arrival:
        passage = event.kind in _PASSAGES
        left_ns = event.stamp_ns + (round(self._rng.uniform(0.5, 1.0) * self._debounce_ns) if passage else 0)
        item = replace(event, stamp_ns=self._clock.device_stamp(event.stamp_ns))
        name = GATE_EVENTS.of(self._lane.zone, self._lane.lane_id)
        return Arrival(self._clock.arrival(left_ns, self._latency), name, item)
