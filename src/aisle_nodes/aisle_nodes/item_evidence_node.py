"""item_evidence_node: colour images around shelf events -> scores of products."""

from aisle_contract.interfaces import COLOR_IMAGE, ITEM_EVIDENCE, PERSON_TRACKS, SHELF_EVENTS, TICK
from aisle_contract.recognisers import open_recogniser
from aisle_contract.sites import find_site
from aisle_core.evidence import REFERENCES_FILE, read_references
from aisle_core.stages import ItemEvidenceStage
from aisle_core.store.frames import optical_frame
from aisle_core.types import Image, ItemEvidence, PersonTracks, ShelfEvents, Tick
from aisle_nodes.node_base import Output
from aisle_nodes.params import ItemEvidenceParams
from aisle_nodes.run import run
from aisle_nodes.stage_node import Input, StageNode


class ItemEvidenceNode(StageNode[ItemEvidenceParams]):
    """Runs ``ItemEvidenceStage`` over all cameras of the site, with the reference views in its folder."""

    params_class = ItemEvidenceParams

    def make_stage(self) -> ItemEvidenceStage:
        recogniser = open_recogniser(self.params.recogniser)
        references = read_references(find_site(self.params.site) / REFERENCES_FILE, recogniser.name)
        return ItemEvidenceStage(self.store, self.params.evidence, recogniser, references)

    def make_inputs(self) -> list[Input]:
        images = [
            Input(
                COLOR_IMAGE,
                Image,
                COLOR_IMAGE.of(camera.zone, camera.device_id),
                required=False,
                frame_id=optical_frame(self.store.store_id, camera.device_id),
            )
            for camera in self.store.cameras
        ]
        return [
            *images,
            Input(PERSON_TRACKS, PersonTracks, PERSON_TRACKS.name),
            Input(SHELF_EVENTS, ShelfEvents, SHELF_EVENTS.name),
            Input(TICK, Tick, TICK.name),
        ]

    def make_outputs(self) -> dict[tuple[type, str], Output]:
        return {(ItemEvidence, ""): self.announce(ITEM_EVIDENCE)}


def make() -> ItemEvidenceNode:
    """The node under its usual name."""
    return ItemEvidenceNode("item_evidence_node")


def main() -> int:
    """Entry point."""
    return run(["item_evidence_node"])
