"""Where a camera hangs, from AprilTags (family 36h11) at known places in the store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from ..errors import AisleError
from ..store import Mount, YamlFile
from ..store.frames import optical_pose
from ..store.model import Frozen, PositiveFloat
from ..types import CameraInfo, Image
from .calibration import ROUGH, Calibration, Fit, check_correction, moved, settled

Array = NDArray[np.float64]

TAGS_FILE = "tags.yaml"
CORNER_STDDEV = 0.3
"""Of a corner of a tag in the image, the measuring of its place included [px]."""
LARGEST_ERROR = 2.0
"""A corner that is farther from where it should be in the end does not fit [px]."""
_CORNERS = np.array([(0, -1, 1), (0, 1, 1), (0, 1, -1), (0, -1, -1)]) / 2
"""Of a tag that looks along its x axis with z up, as who looks at it sees them: clockwise from the upper left one."""


class Tag(Frozen):
    """One AprilTag."""

    id: int
    size: PositiveFloat
    """Side of the black square."""
    pose: Mount
    """Of its middle; it looks along its x axis, and z is up on it."""

    def corners(self) -> Array:
        """(4, 3) in map, from the upper left one on, clockwise to who looks at it."""
        points: Array = Rotation.from_euler("xyz", self.pose[3:]).apply(self.size * _CORNERS) + self.pose[:3]
        return points


class TagsFile(Frozen):
    """``tags.yaml``."""

    tags: tuple[Tag, ...]


def load_tags(folder: Path) -> tuple[Tag, ...]:
    """The tags of a site; none where it has no ``tags.yaml``. Raises AisleError with file, line and remedy."""
    if not (folder / TAGS_FILE).exists():
        return ()
    file = YamlFile(folder / TAGS_FILE)
    tags = file.read(TagsFile).tags
    lines: dict[int, int] = {}
    for i, tag in enumerate(tags):
        if tag.id in lines:
            raise file.error(("tags", i, "id"), f"tag {tag.id} stands already in line {lines[tag.id]}; keep one")
        lines[tag.id] = file.line(("tags", i, "id"))
    return tags


def find_tags(images: Sequence[Image]) -> dict[int, Array]:
    """Tag id -> median over colour images of its corners (4, 2) in pixels, in the order of ``Tag.corners``."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_APRILTAG
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11), parameters)
    found: dict[int, list[Array]] = {}
    for image in images:
        corners, ids, _ = detector.detectMarkers(cv2.cvtColor(image.pixels, cv2.COLOR_BGR2GRAY))
        for number, four in zip([] if ids is None else ids.ravel().tolist(), corners, strict=True):
            found.setdefault(number, []).append(four.reshape(4, 2))
    return {number: np.median(seen, axis=0) for number, seen in sorted(found.items())}


def calibrate_by_tags(
    device_id: str, rough: Mount, tags: Sequence[Tag], found: dict[int, Array], info: CameraInfo
) -> Calibration:
    """Find the pose of a camera from tags in its image (see ``find_tags``) and a rough pose.

    Raises AisleError, naming the device, where no known tag is
    seen, where they do not fit together, and where the pose is too far from the rough one.
    """
    known = [tag for tag in tags if tag.id in found]
    if not known:
        seen = ", ".join(map(str, found)) or "none"
        raise AisleError(
            f"{device_id}: sees no tag of {TAGS_FILE} (seen: {seen}); hang one into its view, or add it there"
        )
    corners = np.concatenate([tag.corners() for tag in known])
    pixels = np.concatenate([found[tag.id] for tag in known])

    def weighted(at: Array) -> Array:
        return np.concatenate([_errors(moved(rough, at * ROUGH), corners, pixels, info).ravel() / CORNER_STDDEV, at])

    best = least_squares(weighted, np.zeros(6), method="lm")
    after, covariance, undetermined = settled(rough, moved(rough, best.x * ROUGH), best.jac.T @ best.jac)
    fit = _fit(after, corners, pixels, info)
    if fit.inliers < 1:
        distance = np.linalg.norm(fit.residual, axis=1)
        worst = known[int(distance.argmax()) // 4]
        raise AisleError(
            f"{device_id}: the tags do not fit together, tag {worst.id} is {distance.max():.1f} px off; measure their "
            f"places in {TAGS_FILE} again"
        )
    check_correction(device_id, rough, after)
    stddev = np.sqrt(np.diag(covariance)) * ROUGH
    return Calibration(rough, after, stddev, undetermined, _fit(rough, corners, pixels, info), fit)


def _errors(mount: Mount, corners: Array, pixels: Array, info: CameraInfo) -> Array:
    """(n, 2) seen less expected pixels."""
    pose = optical_pose(mount)
    x, y, z = ((corners - pose[:3, 3]) @ pose[:3, :3]).T
    z = np.maximum(z, 1e-3)
    expected: Array = np.column_stack([x / z * info.fx + info.cx, y / z * info.fy + info.cy])
    return pixels - expected


def _fit(mount: Mount, corners: Array, pixels: Array, info: CameraInfo) -> Fit:
    residual = _errors(mount, corners, pixels, info)
    distance = np.linalg.norm(residual, axis=1)
    return Fit(residual, math.sqrt(float(np.mean(distance**2))), float(np.mean(distance < LARGEST_ERROR)))
