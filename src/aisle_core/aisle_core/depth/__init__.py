"""Depth images."""

from .background import BackgroundConfig
from .hands import HandsConfig
from .heads import HeadsConfig, HeadWeights
from .people import DepthPeople, DepthPeopleConfig, DepthPeopleState
from .points import points
from .shelves import PlateChance, Shelves

__all__ = [
    "BackgroundConfig",
    "DepthPeople",
    "DepthPeopleConfig",
    "DepthPeopleState",
    "HandsConfig",
    "HeadWeights",
    "HeadsConfig",
    "PlateChance",
    "Shelves",
    "points",
]
