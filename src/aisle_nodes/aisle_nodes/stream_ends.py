"""The end of streams: who has said the last word on what, and whether all of it has been heard."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from aisle_msgs.msg import EndOfStream, StreamEnd
from rclpy.serialization import deserialize_message

from aisle_core.types import source_of
from aisle_nodes.messages import CODEC, message_class
from aisle_nodes.node_base import AisleNode


class StreamEnds:
    """The inputs of one node: ended when every required one was announced, and all that was announced was received."""

    def __init__(self, required: Set[str], optional: Set[str] = frozenset()) -> None:
        self._required = required
        self._inputs = required | optional
        self._last: dict[tuple[str, str], int | None] = {}

    def announce(self, message: EndOfStream) -> None:
        """A publisher named its last sequences; topics that are no inputs are passed over."""
        for stream in message.streams:
            if stream.topic in self._inputs:
                last = stream.last_sequence if stream.has_last_sequence else None
                self._last[stream.topic, stream.source] = last

    def reached(self, node: AisleNode[Any]) -> bool:
        """Whether the node has received everything."""
        return self._required <= {topic for topic, _ in self._last} and all(
            last is None or node.last_sequence(topic, source) == last for (topic, source), last in self._last.items()
        )


def end_of_stream(stamp_ns: int, publisher: str, topics: Iterable[tuple[str, dict[str, int]]]) -> EndOfStream:
    """The message that ends these topics, each with the last sequence per source (none: nothing was published)."""
    streams = []
    for topic, last in topics:
        streams += [
            StreamEnd(topic=topic, source=source, has_last_sequence=True, last_sequence=sequence)
            for source, sequence in last.items()
        ] or [StreamEnd(topic=topic)]
    return EndOfStream(header=CODEC.header(stamp_ns), publisher=publisher, streams=streams)


def last_sequences(last: dict[str, tuple[str, bytes]]) -> list[tuple[str, dict[str, int]]]:
    """For ``end_of_stream``: topic -> (type, last serialised message) as a recorder or player keeps it."""
    ends = []
    for topic, (kind, data) in last.items():
        message = deserialize_message(data, message_class(kind))
        if hasattr(message, "header"):
            ends.append((topic, {source_of(message): message.sequence} if hasattr(message, "sequence") else {}))
    return ends
