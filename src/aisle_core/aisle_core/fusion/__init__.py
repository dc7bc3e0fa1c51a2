"""From shelf events and people to who took or returned what."""

from .config import DecisionConfig, FusionConfig, PersonConfig, PlaceConfig, TimeConfig, WeightConfig
from .fusion import Fusion, FusionState
from .history import History
from .hypotheses import Change, Hypothesis, Witness, unobserved
from .shelf_map import ShelfMap
from .stock import LivePlanogram, StockConfig, StockState

__all__ = [
    "Change",
    "DecisionConfig",
    "Fusion",
    "FusionConfig",
    "FusionState",
    "History",
    "Hypothesis",
    "LivePlanogram",
    "PersonConfig",
    "PlaceConfig",
    "ShelfMap",
    "StockConfig",
    "StockState",
    "TimeConfig",
    "WeightConfig",
    "Witness",
    "unobserved",
]
