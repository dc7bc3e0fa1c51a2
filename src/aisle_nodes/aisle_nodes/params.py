"""The parameters of every node; ``config/nodes/<node>.yaml`` gives the values, this file the names and types."""

from dataclasses import dataclass

from aisle_core.checkout import CheckoutConfig
from aisle_core.evidence import ItemEvidenceConfig
from aisle_core.fusion import FusionConfig, StockConfig
from aisle_core.stages import PeopleStageConfig, TrackerStageConfig
from aisle_core.weighing import WeighingConfig


@dataclass(frozen=True, slots=True)
class StoreParams:
    """store_node."""

    autostart: bool
    site: str
    publish_tick: bool


@dataclass(frozen=True, slots=True)
class PeopleParams:
    """people_node."""

    autostart: bool
    site: str
    people: PeopleStageConfig


@dataclass(frozen=True, slots=True)
class TrackerParams:
    """tracker_node."""

    autostart: bool
    site: str
    tracker: TrackerStageConfig


@dataclass(frozen=True, slots=True)
class ShelfEventParams:
    """shelf_event_node."""

    autostart: bool
    site: str
    weighing: WeighingConfig


@dataclass(frozen=True, slots=True)
class ItemEvidenceParams:
    """item_evidence_node."""

    autostart: bool
    site: str
    recogniser: str
    evidence: ItemEvidenceConfig


@dataclass(frozen=True, slots=True)
class CartFusionParams:
    """cart_fusion_node."""

    autostart: bool
    site: str
    state: str
    fusion: FusionConfig
    stock: StockConfig


@dataclass(frozen=True, slots=True)
class OfficeParams:
    """Where the office is. database: its URL; empty: the store has none."""

    database: str


@dataclass(frozen=True, slots=True)
class CheckoutParams:
    """checkout_node."""

    autostart: bool
    site: str
    office: OfficeParams
    checkout: CheckoutConfig


@dataclass(frozen=True, slots=True)
class MarkersParams:
    """markers_node."""

    autostart: bool
    site: str
    period_s: float


@dataclass(frozen=True, slots=True)
class BagPlayerParams:
    """bag_player_node."""

    autostart: bool
    site: str
    bag: str
    rate: float
    start_paused: bool
    start_offset_s: float
    clock_hz: float
    wait_for_nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResultsParams:
    """results_node."""

    autostart: bool
    site: str
    events: str
    receipts: str


@dataclass(frozen=True, slots=True)
class RecorderParams:
    """recorder_node."""

    autostart: bool
    site: str
    out: str
    profile: str
