"""Whether the nodes of a graph have found each other, so that nothing that is published now is missed."""

from __future__ import annotations

from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticArray

from aisle_contract.interfaces import DIAGNOSTICS, END_OF_STREAM, published_by, subscribed_by


class Readiness:
    """Judged from the diagnostics: every node reports how many subscriptions its publishers are matched with."""

    def __init__(self, nodes: Sequence[str], namespace: str) -> None:
        """``nodes`` are awaited in ``namespace``."""
        self._namespace = namespace
        self._missing = {node: self._links(node, nodes) for node in nodes}

    @property
    def reached(self) -> bool:
        """All nodes are active and linked."""
        return not self._missing

    @property
    def missing(self) -> list[str]:
        """Nodes that are not."""
        return sorted(self._missing)

    def take(self, message: DiagnosticArray) -> None:
        """Take one report into account."""
        for status in message.status:
            links = self._missing.get(status.name)
            if links is None or status.hardware_id != self._namespace:
                continue
            values = {pair.key: pair.value for pair in status.values}
            linked = all(int(values.get(f"matched {topic}", 0)) >= count for topic, count in links.items())
            if linked and values.get("state") == "active":
                del self._missing[status.name]

    @staticmethod
    def _links(node: str, nodes: Sequence[str]) -> dict[str, int]:
        """Topic of the store -> how many of the awaited nodes subscribe to it."""
        return {
            topic.name: sum(topic in subscribed_by(other) for other in nodes)
            for topic in published_by(node)
            if not topic.per_device and topic not in (DIAGNOSTICS, END_OF_STREAM)
        }
