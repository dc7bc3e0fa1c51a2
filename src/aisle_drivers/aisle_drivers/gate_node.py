"""gate_node: the reader, pulse and actuator of every lane."""

from aisle_contract.interfaces import GATE_COMMANDS, GATE_EVENTS
from aisle_contract.sites import topic_names
from aisle_core.types import GateCommand
from aisle_drivers.driver_node import DriverNode
from aisle_nodes.messages import CODEC
from aisle_nodes.run import run


class GateNode(DriverNode):
    """Driver of the reader, pulse and actuator of every lane."""

    topics = (GATE_EVENTS,)

    def setup(self) -> None:
        super().setup()
        for name in topic_names(GATE_COMMANDS, self.store):
            self.listen(GATE_COMMANDS, self._on_command, name)

    def _on_command(self, message: object) -> None:
        self._backend.command(CODEC.to_core(message, GateCommand))


def make() -> GateNode:
    """The node under its usual name."""
    return GateNode("gate_node")


def main() -> int:
    """Entry point."""
    return run(["gate_node"], packages=("aisle_drivers",))
