"""From detections of people to people followed through the store."""

from .tracker import Tracker, TrackerConfig, TrackerState

__all__ = ["Tracker", "TrackerConfig", "TrackerState"]
