"""Depth images."""

from .background import BackgroundConfig
from .people import DepthPeople, DepthPeopleConfig, DepthPeopleState, HeadWeights
from .points import points
from .shelves import PlateChance, Shelves

__all__ = [
    "BackgroundConfig",
    "DepthPeople",
    "DepthPeopleConfig",
    "DepthPeopleState",
    "HeadWeights",
    "PlateChance",
    "Shelves",
    "points",
]
