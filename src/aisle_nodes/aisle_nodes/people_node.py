"""people_node: key points of bodies, or depth images -> detections of people."""

from aisle_contract.interfaces import BODY_KEYPOINTS, DEPTH_IMAGE, DEPTH_INFO, PERSON_DETECTIONS
from aisle_core.stages import PeopleStage
from aisle_core.store.frames import optical_frame
from aisle_core.types import Bodies, CameraInfo, Image, PersonDetections
from aisle_nodes.node_base import Output
from aisle_nodes.params import PeopleParams
from aisle_nodes.run import run
from aisle_nodes.stage_node import Input, StageNode


class PeopleNode(StageNode[PeopleParams]):
    """Runs ``PeopleStage`` over all pose sources or all depth sensors of the site.

    A foreign depth camera stands in for a sensor of the site by remapping its two topics.
    """

    params_class = PeopleParams

    def make_stage(self) -> PeopleStage:
        return PeopleStage(self.store, self.params.people)

    def make_inputs(self) -> list[Input]:
        assert isinstance(self._stage, PeopleStage)
        used = set(self._stage.devices)
        inputs = [
            Input(BODY_KEYPOINTS, Bodies, BODY_KEYPOINTS.of(source.zone, source.device_id))
            for source in self.store.pose_sources
            if source.device_id in used
        ]
        for sensor in self.store.depth_sensors:
            if sensor.device_id in used:
                frame_id = optical_frame(self.store.store_id, sensor.device_id)
                info, image = (topic.of(sensor.zone, sensor.device_id) for topic in (DEPTH_INFO, DEPTH_IMAGE))
                inputs.append(Input(DEPTH_INFO, CameraInfo, info, required=False, frame_id=frame_id))
                inputs.append(Input(DEPTH_IMAGE, Image, image, frame_id=frame_id))
        return inputs

    def make_outputs(self) -> dict[tuple[type, str], Output]:
        return {(PersonDetections, ""): self.announce(PERSON_DETECTIONS)}


def make() -> PeopleNode:
    """The node under its usual name."""
    return PeopleNode("people_node")


def main() -> int:
    """Entry point."""
    return run(["people_node"])
