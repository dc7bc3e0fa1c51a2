"""The store: one folder of six files, checked when it is loaded and immutable afterwards."""

from .files import FILE_NAMES, SiteFiles, catalogue_csv, load_store, planogram_csv, save_site
from .model import (
    LATENCY_PROFILES,
    Camera,
    CameraModel,
    DepthModel,
    DepthSensor,
    Facing,
    Fixture,
    Lane,
    LatencyProfile,
    Mount,
    Plate,
    PoseSource,
    Product,
    ScaleGateway,
    Shelf,
    Store,
)
from .reading import CsvFile, YamlFile

__all__ = [
    "Camera",
    "CameraModel",
    "CsvFile",
    "DepthModel",
    "DepthSensor",
    "Mount",
    "YamlFile",
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
    "catalogue_csv",
    "load_store",
    "planogram_csv",
    "save_site",
]
