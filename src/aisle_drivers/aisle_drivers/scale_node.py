"""scale_node: the load cells of the shelves, by gateway."""

from aisle_contract.interfaces import SCALE_LAYOUT, SCALE_READINGS
from aisle_drivers.driver_node import DriverNode
from aisle_nodes.run import run


class ScaleNode(DriverNode):
    """Driver of the load cells of the shelves, by gateway."""

    topics = (SCALE_LAYOUT, SCALE_READINGS)


def make() -> ScaleNode:
    """The node under its usual name."""
    return ScaleNode("scale_node")


def main() -> int:
    """Entry point."""
    return run(["scale_node"], packages=("aisle_drivers",))
