"""camera_node: the colour cameras."""

from aisle_contract.interfaces import COLOR_IMAGE, COLOR_INFO
from aisle_drivers.driver_node import DriverNode
from aisle_nodes.run import run


class CameraNode(DriverNode):
    """Driver of the colour cameras."""

    topics = (COLOR_INFO, COLOR_IMAGE)


def make() -> CameraNode:
    """The node under its usual name."""
    return CameraNode("camera_node")


def main() -> int:
    """Entry point."""
    return run(["camera_node"], packages=("aisle_drivers",))
