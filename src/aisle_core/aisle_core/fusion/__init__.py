"""From shelf events and people to who took or returned what."""

from .config import DecisionConfig, FusionConfig, PersonConfig, PlaceConfig, TimeConfig, WeightConfig
from .fusion import Fusion, FusionState

__all__ = [
    "DecisionConfig",
    "Fusion",
    "FusionConfig",
    "FusionState",
    "PersonConfig",
    "PlaceConfig",
    "TimeConfig",
    "WeightConfig",
]
