"""Keeps a bag player from running away from the graph.

The stages judge silence in data time. A player that is ahead of a busy node by more than that makes the node's streams
look silent, so it waits while the graph lags behind its position.
"""

from __future__ import annotations

from typing import Any

from aisle_contract.convert import nanoseconds
from aisle_contract.interfaces import CART_EVENTS, ITEM_EVIDENCE, PERSON_TRACKS, SHELF_EVENTS, Topic, source_of
from aisle_core.store import LatencyProfile

STREAMS = (PERSON_TRACKS, SHELF_EVENTS, ITEM_EVIDENCE, CART_EVENTS)
"""What tells how far the graph has come."""
LAG_SHARE = 0.7
"""Of a stage's patience with a silent source: the player is never farther ahead of the stage."""
GIVE_UP_NS = 3_000_000_000
"""A stream that has not moved for so long of real time is silent in the recording too: it is not waited for."""


class Flow:
    """How far each stream has come, and whether the player may go on."""

    def __init__(self, latency: LatencyProfile) -> None:
        patience_ns = latency.sensor_timeout_ns + latency.sensor_lateness_ns
        hops = {PERSON_TRACKS: 1, SHELF_EVENTS: 1, ITEM_EVIDENCE: 1, CART_EVENTS: 2}
        self._allowed_lag_ns = {topic: round(LAG_SHARE * hops[topic] * patience_ns) for topic in STREAMS}
        self._progress: dict[tuple[Topic, str], tuple[int, int]] = {}

    def take(self, topic: Topic, message: Any, now_ns: int) -> None:
        """A stream said at ``now_ns`` (steady clock) that everything up to its stamp is decided."""
        key, stamp_ns = (topic, source_of(message)), nanoseconds(message.header.stamp)
        last = self._progress.get(key)
        if last is None or stamp_ns != last[0]:
            self._progress[key] = stamp_ns, now_ns

    def clear(self) -> None:
        """Forget everything: the player went elsewhere."""
        self._progress.clear()

    def lagging(self, position_ns: int, now_ns: int) -> bool:
        """Whether a stream that still moves is too far behind the position."""
        return any(
            position_ns - stamp_ns > self._allowed_lag_ns[topic] and now_ns - moved_ns < GIVE_UP_NS
            for (topic, _), (stamp_ns, moved_ns) in self._progress.items()
        )
