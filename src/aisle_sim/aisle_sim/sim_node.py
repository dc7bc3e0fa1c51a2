"""sim_node: the simulated store, live; its devices speak through the drivers of this process."""

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
    TICK,
    TRUTH_CARTS,
    TRUTH_EVENTS,
    TRUTH_PEOPLE,
)
from aisle_contract.sites import find_site
from aisle_contract.truth import TruthCart, TruthEvent, TruthPeople
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_nodes.flow import STREAMS, Flow
from aisle_nodes.messages import CODEC, message_class
from aisle_nodes.node_base import AisleNode
from aisle_nodes.readiness import Readiness
from aisle_nodes.run import run
from aisle_nodes.steering import status, steer
from aisle_nodes.stream_ends import end_of_stream
from aisle_replay.playhead import Playhead
from aisle_replay.truth import TruthWriter
from aisle_sim.live import LiveStore
from aisle_sim.params import SimParams
from aisle_sim.scenarios import find_scenario
from aisle_sim.simulation import START_NS, Simulation

PERIOD_S = 0.01
STATUS_PERIOD_NS = 200_000_000
FOREVER_NS = 2**62
LONGEST_PERIOD_NS = 50_000_000
"""Real time that one callback makes up for: a machine that is too slow makes the store slow, not jerky."""


class SimNode(AisleNode[SimParams]):
    """Simulated time on /clock, at any rate, with pause and step; the truth on topics of its own."""

    params_class = SimParams

    def setup(self) -> None:
        site = find_site(self.params.site)
        self.store = load_store(site)
        scenario = find_scenario(self.params.scenario, self.store, self.params.seed, self.params.shoppers)
        self._live = LiveStore(Simulation(site, scenario, self.params.seed, autonomous_gates=False))
        self._truth_file = None
        if self.params.truth:
            path, name = Path(self.params.truth), self.params.scenario
            self._truth_file = TruthWriter(path, self.store, name, self.params.seed, live=True)
        self._truth = {
            TruthPeople: self.announce(TRUTH_PEOPLE),
            TruthEvent: self.announce(TRUTH_EVENTS),
            TruthCart: self.announce(TRUTH_CARTS),
        }
        self._time, self._status, self._end = (self.announce(topic) for topic in (CLOCK, REPLAY_STATUS, END_OF_STREAM))
        self._over = False
        self._readiness = Readiness(self.params.wait_for_nodes, self.get_namespace())
        self._flow = Flow(self.store.latency, self.params.wait_for_nodes)
        self._flow.begin(START_NS)
        self._playhead = Playhead(START_NS, FOREVER_NS, self.params.rate, self.params.start_paused)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._last_now_ns = self._steady.now().nanoseconds
        self._lived_ns = self._next_status_ns = 0
        for topic in STREAMS:
            self.listen(topic, partial(self._flow.take, topic))
        self.listen(REPLAY_COMMANDS, self._on_command)
        self.listen(DIAGNOSTICS, self._readiness.take)
        self._timer = self.every(PERIOD_S, self._advance, self._steady)

    def teardown(self) -> None:
        if hasattr(self, "_timer"):
            self.destroy_timer(self._timer)
            self._live.close()
            if self._truth_file is not None:
                self._truth_file.close()
            del self._timer

    def _on_command(self, command: ReplayCommand) -> None:
        if not steer(self._playhead, command):
            raise AisleError(f"replay_commands: a simulation cannot do kind {command.kind}; pause, step, rate")

    def _advance(self) -> None:
        now_ns, position_ns = self._steady.now().nanoseconds, self._playhead.position_ns
        self._lived_ns += min(now_ns - self._last_now_ns, LONGEST_PERIOD_NS)
        self._last_now_ns = now_ns
        if not self._readiness.reached:
            self.complain(f"waiting for {', '.join(self._readiness.missing)}")
        else:
            position_ns = self._playhead.advance(self._lived_ns, self._flow.limit_ns(position_ns, now_ns))
            self._live.advance(position_ns)
            for item in self._live.simulation.take_truth():
                self.send(self._truth[type(item)], CODEC.to_message(item))
                if self._truth_file is not None:
                    self._truth_file.append(item)
            if self._live.simulation.finished and not self._over:
                self._over = True
                self.send(self._end, end_of_stream(position_ns, self.get_name(), [(TICK.name, {})]))
        self._time.publisher.publish(message_class(CLOCK.type)(clock=CODEC.stamp(position_ns)))
        if now_ns >= self._next_status_ns:
            self._next_status_ns = now_ns + STATUS_PERIOD_NS
            self._tell_status()

    def _tell_status(self) -> None:
        message = status(
            self._playhead,
            START_NS,
            duration_ns=0,
            waiting=not self._readiness.reached,
            done=self._live.simulation.finished,
            published=sum(self.health.published.values()),
        )
        self._status.publisher.publish(message)


def make() -> SimNode:
    """The node under its usual name."""
    return SimNode("sim_node")


def main() -> int:
    """Entry point."""
    return run(["sim_node"], packages=("aisle_sim",))
