"""pose_node: the body key points of the ceiling's pose estimators."""

from aisle_contract.interfaces import BODY_KEYPOINTS
from aisle_drivers.driver_node import DriverNode
from aisle_nodes.run import run


class PoseNode(DriverNode):
    """Driver of the body key points of the ceiling's pose estimators."""

    topics = (BODY_KEYPOINTS,)


def make() -> PoseNode:
    """The node under its usual name."""
    return PoseNode("pose_node")


def main() -> int:
    """Entry point."""
    return run(["pose_node"], packages=("aisle_drivers",))
