"""checkout_node: cart events, tracks and gates -> visits, carts and receipts."""

from aisle_contract.interfaces import CART_EVENTS, CARTS, GATE_COMMANDS, GATE_EVENTS, PERSON_TRACKS, RECEIPTS, TICK
from aisle_core.stages import CheckoutStage
from aisle_core.types import CartEvents, Carts, GateCommand, GateEvent, PersonTracks, Receipt, Tick
from aisle_nodes.node_base import Output
from aisle_nodes.params import CheckoutParams
from aisle_nodes.run import run
from aisle_nodes.stage_node import Input, StageNode


class CheckoutNode(StageNode[CheckoutParams]):
    """Runs ``CheckoutStage``, the lanes' state machines included."""

    params_class = CheckoutParams

    def make_stage(self) -> CheckoutStage:
        return CheckoutStage(self.store, self.params.checkout)

    def make_inputs(self) -> list[Input]:
        gates = [
            Input(GATE_EVENTS, GateEvent, GATE_EVENTS.of(lane.zone, lane.lane_id), required=False)
            for lane in self.store.lanes
        ]
        return [
            Input(CART_EVENTS, CartEvents, CART_EVENTS.name),
            Input(PERSON_TRACKS, PersonTracks, PERSON_TRACKS.name),
            Input(TICK, Tick, TICK.name),
            *gates,
        ]

    def make_outputs(self) -> dict[tuple[type, str], Output]:
        commands = {
            (GateCommand, lane.lane_id): self.announce(GATE_COMMANDS, GATE_COMMANDS.of(lane.zone, lane.lane_id))
            for lane in self.store.lanes
        }
        return {(Carts, ""): self.announce(CARTS), (Receipt, ""): self.announce(RECEIPTS), **commands}

    def device_of(self, item: object) -> str:
        return item.lane_id if isinstance(item, GateCommand) else ""


def make() -> CheckoutNode:
    """The node under its usual name."""
    return CheckoutNode("checkout_node")


def main() -> int:
    """Entry point."""
    return run(["checkout_node"])
