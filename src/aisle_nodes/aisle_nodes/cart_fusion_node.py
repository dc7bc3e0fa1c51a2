"""cart_fusion_node: tracks and shelf events -> who took or returned what, and what stands where."""

from aisle_contract.interfaces import (
    CART_EVENTS,
    ITEM_EVIDENCE,
    PERSON_TRACKS,
    PLATE_STATES,
    REVIEW_DECISIONS,
    SHELF_EVENTS,
    STAFF_TRACKS,
    STOCK,
    STOCK_EVENTS,
    TICK,
)
from aisle_core.stages import CartFusionStage
from aisle_core.types import (
    CartEvents,
    ItemEvidence,
    PersonTracks,
    PlateStates,
    ReviewDecision,
    ShelfEvents,
    StaffTrack,
    StockEvents,
    StockLines,
    Tick,
)
from aisle_nodes.lasting import LastingNode
from aisle_nodes.node_base import Output
from aisle_nodes.params import CartFusionParams
from aisle_nodes.run import run
from aisle_nodes.stage_node import Input


class CartFusionNode(LastingNode[CartFusionParams]):
    """Runs ``CartFusionStage``."""

    params_class = CartFusionParams

    def make_stage(self) -> CartFusionStage:
        return CartFusionStage(self.store, self.params.fusion, self.params.stock)

    def make_inputs(self) -> list[Input]:
        return [
            Input(PERSON_TRACKS, PersonTracks, PERSON_TRACKS.name),
            Input(SHELF_EVENTS, ShelfEvents, SHELF_EVENTS.name),
            Input(PLATE_STATES, PlateStates, PLATE_STATES.name, required=False),
            Input(ITEM_EVIDENCE, ItemEvidence, ITEM_EVIDENCE.name, required=self.params.fusion.evidence),
            Input(STAFF_TRACKS, StaffTrack, STAFF_TRACKS.name, feedback=True),
            Input(REVIEW_DECISIONS, ReviewDecision, REVIEW_DECISIONS.name, feedback=True),
            Input(TICK, Tick, TICK.name),
        ]

    def make_outputs(self) -> dict[tuple[type, str], Output]:
        return {
            (CartEvents, ""): self.announce(CART_EVENTS),
            (StockLines, ""): self.announce(STOCK),
            (StockEvents, ""): self.announce(STOCK_EVENTS),
        }


def make() -> CartFusionNode:
    """The node under its usual name."""
    return CartFusionNode("cart_fusion_node")


def main() -> int:
    """Entry point."""
    return run(["cart_fusion_node"])
