"""markers_node: the store, its people, hands and carts as markers for RViz."""

from rclpy.clock import Clock, ClockType

from aisle_contract.interfaces import CART_EVENTS, CARTS, MARKERS, PERSON_TRACKS, PLATE_STATES, Topic
from aisle_contract.sites import find_site
from aisle_core.store import load_store
from aisle_core.types import CartEvents, Carts, PersonTracks, PlateStates
from aisle_nodes.marker_messages import to_message
from aisle_nodes.markers import Scene
from aisle_nodes.messages import CODEC
from aisle_nodes.node_base import AisleNode
from aisle_nodes.params import MarkersParams
from aisle_nodes.run import run

INPUTS: dict[Topic, type] = {
    PERSON_TRACKS: PersonTracks,
    PLATE_STATES: PlateStates,
    CARTS: Carts,
    CART_EVENTS: CartEvents,
}


class MarkersNode(AisleNode[MarkersParams]):
    """Draws only while somebody looks."""

    params_class = MarkersParams

    def setup(self) -> None:
        self.store = load_store(find_site(self.params.site))
        self._scene = Scene(self.store)
        self._markers = self.announce(MARKERS)
        for topic, core_class in INPUTS.items():
            self.listen(topic, lambda message, kind=core_class: self._scene.take(CODEC.to_core(message, kind)))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.every(self.params.period_s, self._draw, steady)

    def teardown(self) -> None:
        if hasattr(self, "_timer"):
            self.destroy_timer(self._timer)
            del self._timer

    def _draw(self) -> None:
        if self._markers.publisher.get_subscription_count():
            now_ns = self.get_clock().now().nanoseconds
            self.send(self._markers, to_message(self._scene.markers(), now_ns))


def make() -> MarkersNode:
    """The node under its usual name."""
    return MarkersNode("markers_node")


def main() -> int:
    """Entry point."""
    return run(["markers_node"])
