"""From detections of people to people followed through the store."""

from .labels import LabelConfig, LabelFollower, LabelState
from .sensors import SensorsFollower, SensorsState
from .tracker import Coverage, Detections, Tracker, TrackerConfig, TrackerState, Tracks

__all__ = [
    "Coverage",
    "Detections",
    "LabelConfig",
    "LabelFollower",
    "LabelState",
    "SensorsFollower",
    "SensorsState",
    "Tracker",
    "TrackerConfig",
    "TrackerState",
    "Tracks",
]
