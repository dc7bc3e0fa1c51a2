"""store_node: the site's static frames, the store's description, and the heartbeat."""

from importlib.metadata import version

from geometry_msgs.msg import TransformStamped

from aisle_contract.convert import MAP_FRAME
from aisle_contract.interfaces import CONTRACT_VERSION, STORE_INFO, TF_STATIC, TICK
from aisle_contract.sites import find_site
from aisle_core.store import load_store
from aisle_core.store.frames import Frame, static_frames
from aisle_core.types import Tick
from aisle_nodes.messages import CODEC, message_class
from aisle_nodes.node_base import AisleNode
from aisle_nodes.params import StoreParams
from aisle_nodes.run import run

TICK_PERIOD_S = 0.1


class StoreNode(AisleNode[StoreParams]):
    """Publishes tf_static, store_info and tick."""

    params_class = StoreParams

    def setup(self) -> None:
        self.store = load_store(find_site(self.params.site))
        self._frames = self.announce(TF_STATIC)
        self._info = self.announce(STORE_INFO)
        self._sequence = 0
        self._timer = None
        if self.params.publish_tick:
            self._tick = self.announce(TICK)
            self._timer = self.every(TICK_PERIOD_S, self._on_tick)

    def teardown(self) -> None:
        if getattr(self, "_timer", None) is not None:
            self.destroy_timer(self._timer)
            self._timer = None

    def on_activate(self, state):
        result = super().on_activate(state)
        now_ns = self.get_clock().now().nanoseconds
        transforms = [self._transform(frame, now_ns) for frame in static_frames(self.store)]
        self.send(self._frames, message_class(TF_STATIC.type)(transforms=transforms))
        info = message_class(STORE_INFO.type)(
            header=CODEC.header(now_ns, MAP_FRAME),
            store_id=self.store.store_id,
            name=self.store.name,
            currency=self.store.currency,
            time_zone=self.store.time_zone,
            site_hash=self.store.site_hash,
            software_version=version("aisle_nodes"),
            contract_version=CONTRACT_VERSION,
            frames=[transform.child_frame_id for transform in transforms],
        )
        self.send(self._info, info)
        return result

    @staticmethod
    def _transform(frame: Frame, stamp_ns: int) -> TransformStamped:
        transform = TransformStamped(header=CODEC.header(stamp_ns, MAP_FRAME), child_frame_id=frame.frame_id)
        at, turn = transform.transform.translation, transform.transform.rotation
        at.x, at.y, at.z = frame.position
        turn.x, turn.y, turn.z, turn.w = frame.quaternion
        return transform

    def _on_tick(self) -> None:
        self.send(self._tick, CODEC.to_message(Tick(self.get_clock().now().nanoseconds, self._sequence)))
        self._sequence += 1


def make() -> StoreNode:
    """The node under its usual name."""
    return StoreNode("store_node")


def main() -> int:
    """Entry point."""
    return run(["store_node"])
