"""markers_node: the store, its people, hands and carts as markers for RViz."""

from aisle_contract.interfaces import CARTS, MARKERS, PERSON_TRACKS, PLATE_STATES, Topic
from aisle_contract.sites import find_site
from aisle_core.store import load_store
from aisle_core.types import Carts, PersonTracks, PlateStates

from aisle_nodes.marker_messages import to_message
from aisle_nodes.markers import Scene
from aisle_nodes.messages import CODEC
from aisle_nodes.node_base import AisleNode
from aisle_nodes.params import MarkersParams
from aisle_nodes.run import run

INPUTS: dict[Topic, type] = {PERSON_TRACKS: PersonTracks, PLATE_STATES: PlateStates, CARTS: Carts}


class MarkersNode(AisleNode[MarkersParams]):
    """Draws only while somebody looks."""

    params_class = MarkersParams

    def setup(self) -> None:
        self.store = load_store(find_site(self.params.site))
