"""From detections of people to people followed through the store."""

from .config import TrackerConfig
from .labels import LabelConfig, LabelFollower, LabelState
from .observations import Coverage, Detections, Tracks
from .sensors import SensorsFollower, SensorsState
from .tracker import Tracker, TrackerState

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
