"""From detections of people to people followed through the store."""

from .multi_sensor import Coverage, Detections, MultiSensorConfig, MultiSensorState, MultiSensorTracker, Tracks
from .tracker import Tracker, TrackerConfig, TrackerState

__all__ = [
    "Coverage",
    "Detections",
    "MultiSensorConfig",
    "MultiSensorState",
    "MultiSensorTracker",
    "Tracker",
    "TrackerConfig",
    "TrackerState",
    "Tracks",
]
