"""bag_player_node: plays a bag into the graph, with /clock; pause, resume, step, seek and rate."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from aisle_msgs.msg import ReplayCommand
from rclpy.clock import Clock, ClockType

from aisle_contract.interfaces import (
    CLOCK,
    DIAGNOSTICS,
    END_OF_STREAM,
    REPLAY_COMMANDS,
    REPLAY_STATUS,
    SCALE_READINGS,
    TICK,
    published_by,
)
from aisle_contract.sites import find_site
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_nodes.flow import STREAMS, Flow
from aisle_nodes.messages import CODEC, message_class
from aisle_nodes.node_base import AisleNode, Output
from aisle_nodes.params import BagPlayerParams
from aisle_nodes.readiness import Readiness
from aisle_nodes.run import run
from aisle_nodes.steering import status, steer
from aisle_nodes.stream_ends import end_of_stream, last_sequences
from aisle_replay.bag import BagReader, BagTopic
from aisle_replay.playhead import Playhead

PERIOD_S = 0.005
STATUS_PERIOD_S = 0.2


class BagPlayerNode(AisleNode[BagPlayerParams]):
    """Publishes what the graph does not make itself: the topics that a bag has and no waiting node publishes."""

    params_class = BagPlayerParams

    def setup(self) -> None:
        self._bag = BagReader(Path(self.params.bag))
        made = {topic for node in ("store_node", *self.params.wait_for_nodes) for topic in published_by(node)}
        made -= {END_OF_STREAM, TICK}
        self._routes = {
            entry.name: self._route(entry) for entry in self._bag.topics if entry.entry and entry.entry not in made
        }
        if not any(entry.entry is SCALE_READINGS for entry in self._bag.topics):
            raise AisleError(f"{self.params.bag}: no scale readings to play; record with profile 'full'")
        self._bag_ends_itself = any(entry.entry is END_OF_STREAM for entry in self._bag.topics)
        self._end = self.outputs.get(END_OF_STREAM.name) or self.announce(END_OF_STREAM)
        self._last: dict[str, tuple[str, bytes]] = {}
        self._time = self.announce(CLOCK)
        self._status = self.announce(REPLAY_STATUS)
        self._readiness = Readiness(self.params.wait_for_nodes, self.get_namespace(), list(self._routes.values()))
        self._flow = Flow(load_store(find_site(self.params.site)).latency, self.params.wait_for_nodes)
        self._playhead = Playhead(self._bag.start_ns, self._bag.end_ns, self.params.rate, self.params.start_paused)
        self._seek(self._bag.start_ns + round(self.params.start_offset_s * 1e9))
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._next_clock_ns = self._next_status_ns = 0
        for topic in STREAMS:
            self.listen(topic, partial(self._flow.take, topic))
        self.listen(REPLAY_COMMANDS, self._on_command)
        self.listen(DIAGNOSTICS, self._readiness.take)
        self._timer = self.every(PERIOD_S, self._advance, self._steady)

    def teardown(self) -> None:
        if hasattr(self, "_timer"):
            self.destroy_timer(self._timer)
            self._bag.close()
            del self._timer

    def _route(self, entry: BagTopic) -> Output:
        assert entry.entry is not None
        relative = entry.name if entry.entry.name.startswith("/") else entry.name.split("/", 2)[2]
        return self.announce(entry.entry, relative)

    def _seek(self, position_ns: int) -> None:
        self._playhead.seek(position_ns)
        self._flow.begin(self._playhead.position_ns)
        self._messages: Iterator[tuple[int, BagTopic, bytes]] = self._bag.raw(self._playhead.position_ns)
        self._next = next(self._messages, None)

    def _on_command(self, command: ReplayCommand) -> None:
        if command.kind == ReplayCommand.KIND_SEEK:
            self._seek(self._bag.start_ns + command.position_ns)
        elif not steer(self._playhead, command):
            raise AisleError(f"replay_commands: unknown kind {command.kind}; use ReplayCommand.KIND_*")

    def _advance(self) -> None:
        now_ns = self._steady.now().nanoseconds
        if self._readiness.reached:
            self._play(now_ns)
        else:
            self.complain(f"waiting for {', '.join(self._readiness.missing) or 'links to the topics of the bag'}")
        position_ns = self._playhead.position_ns
        if now_ns >= self._next_clock_ns:
            self._next_clock_ns = now_ns + round(1e9 / self.params.clock_hz)
            self._time.publisher.publish(message_class(CLOCK.type)(clock=CODEC.stamp(position_ns)))
        if now_ns >= self._next_status_ns:
            self._next_status_ns = now_ns + round(STATUS_PERIOD_S * 1e9)
            self._tell_status()

    def _play(self, now_ns: int) -> None:
        position_ns = self._playhead.advance(now_ns, self._flow.limit_ns(self._playhead.position_ns, now_ns))
        while self._next is not None and self._next[0] <= position_ns:
            self._publish(*self._next)
            self._next = next(self._messages, None)
            if self._next is None and not self._bag_ends_itself:
                self._end_streams()

    def _publish(self, log_time_ns: int, topic: BagTopic, data: bytes) -> None:
        if (output := self._routes.get(topic.name)) is not None:
            output.publisher.publish(data)
            self.health.published[output.name] += 1
            self._last[output.name] = topic.type, data

    def _end_streams(self) -> None:
        self.send(self._end, end_of_stream(self._bag.end_ns, self.get_name(), last_sequences(self._last)))

    def _tell_status(self) -> None:
        message = status(
            self._playhead,
            self._bag.start_ns,
            self._bag.end_ns - self._bag.start_ns,
            waiting=not self._readiness.reached,
            done=self._next is None,
            published=sum(self.health.published.values()),
            bag=str(self.params.bag),
        )
        self._status.publisher.publish(message)


def make() -> BagPlayerNode:
    """The node under its usual name."""
    return BagPlayerNode("bag_player_node")


def main() -> int:
    """Entry point."""
    return run(["bag_player_node"])
