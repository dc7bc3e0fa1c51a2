"""Whether the nodes of a graph have found each other, so that nothing that is published now is missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diagnostic_msgs.msg import DiagnosticArray

from aisle_contract.interfaces import DIAGNOSTICS, END_OF_STREAM, published_by, subscribed_by
from aisle_nodes.node_base import HEARD, LISTENS_TO, MATCHED, Output
from aisle_replay.bag import registry_topic


class Readiness:
    """Judged from the diagnostics: every node reports what its publishers and its subscriptions are matched with.

    Each of two finds the other by itself, so what the one says can still be lost when it has found the other. Which
    topics of devices a node listens to depends on its parameters, so that it is taken from its report.
    """

    def __init__(self, nodes: Sequence[str], namespace: str, outputs: Sequence[Output] = ()) -> None:
        """``nodes`` are awaited in ``namespace``, and their links to ``outputs``, the publishers of whoever waits."""
        self._namespace, self._nodes, self._outputs = namespace, tuple(nodes), outputs
        self._names = {output.name for output in outputs}
        self._missing = {node: self._links(node, nodes) for node in nodes}
        self._listens: dict[str, list[str]] = {}

    @property
    def reached(self) -> bool:
        """All nodes are active and linked; once is enough."""
        if self._outputs and not self._missing:
            matched = {output.name: output.publisher.get_subscription_count() for output in self._outputs}
            if self._linked(matched):
                self._outputs = ()
        return not self._missing and not self._outputs

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
            if LISTENS_TO in values and values.get("state") == "active":
                self._listens[status.name] = values[LISTENS_TO].split()
            matched, heard = _counts(values, MATCHED), _counts(values, HEARD)
            complete = all(matched.get(topic, 0) >= count for topic, count in links.items())
            complete &= all(count >= self._speakers(name) for name, count in heard.items())
            if complete and self._linked(matched) and values.get("state") == "active":
                del self._missing[status.name]

    def _linked(self, matched: Mapping[str, int]) -> bool:
        """Whether every awaited node that listens to an output has found it; ``matched``: name -> subscriptions."""
        return all(count >= self._listeners(name) for name, count in matched.items())

    def _listeners(self, name: str) -> int:
        """How many of the awaited nodes subscribe to a topic of a device; 0 for others, which ``_links`` knows."""
        topic = registry_topic(f"{self._namespace}/{name}")
        if topic is None or not topic.per_device:
            return 0
        return sum(topic in subscribed_by(node) and self._may_listen(node, topic.name) for node in self._nodes)

    def _speakers(self, name: str) -> int:
        """How many of the awaited nodes, and of whoever waits, publish what a node listens to."""
        topic = registry_topic(f"{self._namespace}/{name}")
        if topic is None or topic in (DIAGNOSTICS, END_OF_STREAM):
            return 0
        return sum(topic in published_by(node) for node in self._nodes) + (name in self._names)

    def _may_listen(self, node: str, topic: str) -> bool:
        return node not in self._listens or topic in self._listens[node]

    @staticmethod
    def _links(node: str, nodes: Sequence[str]) -> dict[str, int]:
        """Topic of the store -> how many of the awaited nodes subscribe to it."""
        return {
            topic.name: sum(topic in subscribed_by(other) for other in nodes)
            for topic in published_by(node)
            if not topic.per_device and topic not in (DIAGNOSTICS, END_OF_STREAM)
        }


def _counts(values: Mapping[str, str], kind: str) -> dict[str, int]:
    return {key.removeprefix(kind): int(value) for key, value in values.items() if key.startswith(kind)}
