"""What the driver nodes share: poll a backend by the node's clock and publish what the devices said."""

from __future__ import annotations

from typing import Any, ClassVar

from rclpy.clock import Clock, ClockType

from aisle_contract.convert import MESSAGE_OF
from aisle_contract.interfaces import DIAGNOSTICS, END_OF_STREAM, Topic
from aisle_contract.sites import find_site, topic_names
from aisle_core.store import load_store
from aisle_core.types import Image
from aisle_drivers.backends import open_backend
from aisle_drivers.params import DriverParams
from aisle_nodes.messages import CODEC
from aisle_nodes.node_base import AisleNode
from aisle_nodes.readiness import Readiness
from aisle_nodes.stream_ends import end_of_stream

POLL_PERIOD_S = 0.01
DEMAND_PERIOD_S = 0.2


class DriverNode(AisleNode[DriverParams]):
    """Publishes ``topics`` of all devices of the site; images only while somebody subscribes.

    A bag begins for all drivers of a store together, when the nodes of the store are there: who is let in before the
    checkout listens would have no visit.
    """

    params_class = DriverParams
    topics: ClassVar[tuple[Topic, ...]]

    def setup(self) -> None:
        self.store = load_store(find_site(self.params.site))
        names = [(topic, name) for topic in self.topics for name in topic_names(topic, self.store)]
        self._backend = open_backend(self.params.backend, self.params.bag, [name for _, name in names])
        self._routes = {name: self.announce(topic, name) for topic, name in names}
        self._on_demand = [name for topic, name in names if topic.type == MESSAGE_OF[Image]]
        self._end = self.announce(END_OF_STREAM)
        self._readiness = Readiness(self.params.wait_for_nodes if self.params.bag else (), self.get_namespace())
        self.listen(DIAGNOSTICS, self._readiness.take)
        self._schedule = [self.every(POLL_PERIOD_S, self._poll)]
        if self._on_demand:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._schedule.append(self.every(DEMAND_PERIOD_S, self._tell_demand, steady))
        if self._backend.silent:
            self.complain("no bag is given: the devices stay silent; launch with bag:=BAG")

    def teardown(self) -> None:
        for timer in getattr(self, "_schedule", ()):
            self.destroy_timer(timer)
        if hasattr(self, "_backend"):
            self._backend.close()
            del self._backend
        self._schedule = []

    def extra_diagnostics(self) -> dict[str, object]:
        return {"waiting for": " ".join(self._readiness.missing)} if hasattr(self, "_readiness") else {}

    def wanted(self, name: str) -> bool:
        """Whether somebody subscribes to an image topic."""
        return self._routes[name].publisher.get_subscription_count() > 0

    def publish(self, name: str, item: Any) -> None:
        """Send one item of a device; ``name`` is its topic."""
        self.send(self._routes[name], CODEC.to_message(item))

    def _tell_demand(self) -> None:
        self._backend.want({name for name in self._on_demand if self.wanted(name)})

    def _poll(self) -> None:
        if not self._readiness.reached:
            self.complain(f"waiting for {', '.join(self._readiness.missing)}")
            return
        now_ns = self.get_clock().now().nanoseconds
        for name, item in self._backend.poll(now_ns):
            self.publish(name, item)
        if self._backend.ended and not self._end.last:
            ended = [(name, output.last) for name, output in self._routes.items()]
            self.send(self._end, end_of_stream(now_ns, self.get_name(), ended))
            self.destroy_timer(self._schedule.pop(0))
