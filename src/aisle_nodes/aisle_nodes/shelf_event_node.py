"""shelf_event_node: samples of the scales -> settled changes, and the health of the plates."""

from aisle_contract.interfaces import PLATE_STATES, SCALE_LAYOUT, SCALE_READINGS, SHELF_EVENTS
from aisle_core.stages import ShelfEventStage
from aisle_core.types import PlateStates, ScaleLayout, ScaleReadings, ShelfEvents
from aisle_nodes.node_base import Output
from aisle_nodes.params import ShelfEventParams
from aisle_nodes.run import run
from aisle_nodes.stage_node import Input, StageNode


class ShelfEventNode(StageNode[ShelfEventParams]):
    """Runs ``ShelfEventStage`` over all scale gateways of the site."""

    params_class = ShelfEventParams

    def make_stage(self) -> ShelfEventStage:
        return ShelfEventStage(self.store, self.params.weighing)

    def make_inputs(self) -> list[Input]:
        inputs = []
        for gateway in self.store.gateways:
            where = gateway.zone, gateway.device_id
            inputs.append(Input(SCALE_LAYOUT, ScaleLayout, SCALE_LAYOUT.of(*where), required=False))
            inputs.append(Input(SCALE_READINGS, ScaleReadings, SCALE_READINGS.of(*where)))
        return inputs

    def make_outputs(self) -> dict[tuple[type, str], Output]:
        return {
            (ShelfEvents, ""): self.announce(SHELF_EVENTS),
            (PlateStates, ""): self.announce(PLATE_STATES),
        }


def make() -> ShelfEventNode:
    """The node under its usual name."""
    return ShelfEventNode("shelf_event_node")


def main() -> int:
    """Entry point."""
    return run(["shelf_event_node"])
