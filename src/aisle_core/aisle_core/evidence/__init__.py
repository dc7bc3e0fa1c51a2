"""What colour cameras tell of the products that were moved."""

from .looker import ItemEvidenceConfig, Looker, LookerState, enroll
from .recogniser import (
    REFERENCES_FILE,
    ColourRecogniser,
    Recogniser,
    References,
    read_references,
    write_references,
)
from .views import CameraView

__all__ = [
    "REFERENCES_FILE",
    "CameraView",
    "ColourRecogniser",
    "ItemEvidenceConfig",
    "Looker",
    "LookerState",
    "Recogniser",
    "References",
    "enroll",
    "read_references",
    "write_references",
]
