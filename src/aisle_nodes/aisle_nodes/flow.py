"""Keeps a bag player from running away from the graph.

The stages judge silence in data time. A player that is ahead of a busy node by more than that makes the node's streams
look silent, so it goes no farther than the graph can follow, also when it was held up itself and has to make up for it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from aisle_contract.convert import nanoseconds
from aisle_contract.interfaces import CART_EVENTS, ITEM_EVIDENCE, PERSON_TRACKS, SHELF_EVENTS, Topic
from aisle_core.store import LatencyProfile
from aisle_core.types import source_of

STREAMS = (PERSON_TRACKS, SHELF_EVENTS, ITEM_EVIDENCE, CART_EVENTS)
"""What tells how far the graph has come."""
LAG_SHARE = 0.7
"""Of a stage's patience with a silent source: the player is never farther ahead of the stage."""
GIVE_UP_NS = 10_000_000_000
"""A stream that does not move while the player waits for so long of real time is silent in the recording too; a node
that was killed is back by then."""


class Flow:
    """How far each stream has come, and how far the player may go."""

    def __init__(self, latency: LatencyProfile, nodes: Collection[str]) -> None:
        """``nodes``: names of those in the graph."""
        patience_ns = latency.sensor_timeout_ns + latency.sensor_lateness_ns
        hops = {PERSON_TRACKS: 1, SHELF_EVENTS: 1, ITEM_EVIDENCE: 1, CART_EVENTS: 2}
        self._allowed_lag_ns = {topic: round(LAG_SHARE * hops[topic] * patience_ns) for topic in STREAMS}
        self._expected = [topic for topic in STREAMS if not set(nodes).isdisjoint(topic.publishers)]
        self._progress: dict[tuple[Topic, str | None], int] = {}
        self._waiting: dict[tuple[Topic, str | None], int] = {}

    def begin(self, position_ns: int) -> None:
        """The player goes on from here: no stream has come farther."""
        self._progress = {(topic, None): position_ns for topic in self._expected}
        self._waiting = {}

    def take(self, topic: Topic, message: Any) -> None:
        """A stream said that everything up to its stamp is decided."""
        key, stamp_ns = (topic, source_of(message)), nanoseconds(message.header.stamp)
        self._progress.pop((topic, None), None)
        if self._progress.get(key) != stamp_ns:
            self._progress[key] = stamp_ns
            self._waiting.pop(key, None)

    def limit_ns(self, position_ns: int, now_ns: int) -> int | None:
        """How far the player may go, None when nothing moves; ``now_ns``: of a steady clock."""
        limits = {key: stamp_ns + self._allowed_lag_ns[key[0]] for key, stamp_ns in self._progress.items()}
        self._waiting = {
            key: self._waiting.get(key, now_ns) for key, limit_ns in limits.items() if position_ns >= limit_ns
        }
        moving = [limit_ns for key, limit_ns in limits.items() if now_ns - self._waiting.get(key, now_ns) < GIVE_UP_NS]
        return min(moving, default=None)
