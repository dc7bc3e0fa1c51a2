"""depth_node: the depth sensors, and their point clouds for whoever looks."""

from typing import Any

from aisle_contract.interfaces import DEPTH_IMAGE, DEPTH_INFO, DEPTH_POINTS
from aisle_core.depth import points
from aisle_core.types import CameraInfo, Image
from aisle_drivers.driver_node import DriverNode
from aisle_nodes.clouds import point_cloud
from aisle_nodes.run import run


class DepthNode(DriverNode):
    """Driver of the depth sensors."""

    topics = (DEPTH_INFO, DEPTH_IMAGE)

    def setup(self) -> None:
        super().setup()
        self._infos: dict[str, CameraInfo] = {}
        self._clouds = {
            DEPTH_IMAGE.of(sensor.zone, sensor.device_id): self.announce(
                DEPTH_POINTS, DEPTH_POINTS.of(sensor.zone, sensor.device_id)
            )
            for sensor in self.store.depth_sensors
        }

    def wanted(self, name: str) -> bool:
        return super().wanted(name) or self._clouds[name].publisher.get_subscription_count() > 0

    def publish(self, name: str, item: Any) -> None:
        super().publish(name, item)
        if isinstance(item, CameraInfo):
            self._infos[item.frame_id] = item
        elif isinstance(item, Image) and self._clouds[name].publisher.get_subscription_count():
            cloud = point_cloud(points(item, self._infos[item.frame_id]), item.stamp_ns, item.frame_id)
            self.send(self._clouds[name], cloud)


def make() -> DepthNode:
    """The node under its usual name."""
    return DepthNode("depth_node")


def main() -> int:
    """Entry point."""
    return run(["depth_node"], packages=("aisle_drivers",))
