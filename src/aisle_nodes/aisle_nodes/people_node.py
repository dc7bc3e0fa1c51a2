"""people_node: key points of bodies -> detections of people."""

from aisle_contract.interfaces import BODY_KEYPOINTS, PERSON_DETECTIONS
from aisle_core.stages import PeopleStage
from aisle_core.types import Bodies, PersonDetections
from aisle_nodes.node_base import Output
from aisle_nodes.params import PeopleParams
from aisle_nodes.run import run
from aisle_nodes.stage_node import Input, StageNode


class PeopleNode(StageNode[PeopleParams]):
    """Runs ``PeopleStage`` over all pose sources of the site."""

    params_class = PeopleParams

    def make_stage(self) -> PeopleStage:
        return PeopleStage(self.store, self.params.people)

    def make_inputs(self) -> list[Input]:
        return [
            Input(BODY_KEYPOINTS, Bodies, BODY_KEYPOINTS.of(source.zone, source.device_id))
            for source in self.store.pose_sources
        ]

    def make_outputs(self) -> dict[tuple[type, str], Output]:
        return {(PersonDetections, ""): self.announce(PERSON_DETECTIONS)}


def make() -> PeopleNode:
    """The node under its usual name."""
    return PeopleNode("people_node")


def main() -> int:
    """Entry point."""
    return run(["people_node"])
