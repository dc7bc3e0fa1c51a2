"""tracker_node: detections of people -> tracks."""

from aisle_contract.interfaces import PERSON_DETECTIONS, PERSON_TRACKS, TICK
from aisle_core.stages import TrackerStage
from aisle_core.types import PersonDetections, PersonTracks, Tick
from aisle_nodes.node_base import Output
from aisle_nodes.params import TrackerParams
from aisle_nodes.run import run
from aisle_nodes.stage_node import Input, StageNode


class TrackerNode(StageNode[TrackerParams]):
    """Runs ``TrackerStage``."""

    params_class = TrackerParams

    def make_stage(self) -> TrackerStage:
        return TrackerStage(self.store, self.params.tracker)

    def make_inputs(self) -> list[Input]:
        return [
            Input(PERSON_DETECTIONS, PersonDetections, PERSON_DETECTIONS.name),
            Input(TICK, Tick, TICK.name),
        ]

    def make_outputs(self) -> dict[tuple[type, str], Output]:
        return {(PersonTracks, ""): self.announce(PERSON_TRACKS)}


def make() -> TrackerNode:
    """The node under its usual name."""
    return TrackerNode("tracker_node")


def main() -> int:
    """Entry point."""
    return run(["tracker_node"])
