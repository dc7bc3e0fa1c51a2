"""The store: one folder of six files, checked when it is loaded and immutable afterwards."""

from .files import FILE_NAMES, SiteFiles, load_store, save_site
from .model import (
    LATENCY_PROFILES,
    Facing,
    Fixture,
    Lane,
    LatencyProfile,
    Plate,
    PoseSource,
    Product,
    ScaleGateway,
    Shelf,
    Store,
)

__all__ = [
    "FILE_NAMES",
    "LATENCY_PROFILES",
    "Facing",
    "Fixture",
    "Lane",
    "LatencyProfile",
    "Plate",
    "PoseSource",
    "Product",
    "ScaleGateway",
    "Shelf",
    "SiteFiles",
    "Store",
    "load_store",
    "save_site",
]
