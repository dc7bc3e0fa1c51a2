"""What goes into the tracker of unlabelled detections, what comes out, and where its sensors see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import AisleError
from . import motion
from .association import squared_distances
from .config import TrackerConfig

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What the sensors saw of m people.

    sensor (m,) int64 from 0; stamp_ns (m,) int64, each detection's own capture; position (m, 2) [m, map] with
    covariance (m, 2, 2) [m^2]; height (m,) of the head's top and head (m, 2) where it is [m, map], NaN where unknown.
    Without ``head`` nobody's is known.
    """

    sensor: NDArray[np.int64]
    stamp_ns: NDArray[np.int64]
    position: Array
    covariance: Array
    height: Array
    head: Array | None = None

    def __post_init__(self) -> None:
        m = len(self.sensor)
        shapes = {"stamp_ns": (m,), "position": (m, 2), "covariance": (m, 2, 2), "height": (m,)}
        if self.head is not None:
            shapes["head"] = (m, 2)
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise AisleError(f"detections: {name} has shape {getattr(self, name).shape}; give {shape}")
        if not (np.isfinite(self.position).all() and np.isfinite(self.covariance).all()):
            raise AisleError("detections: a position or covariance is not finite; leave such detections out")
        if m and (self.sensor.min() < 0 or (motion.determinant(self.covariance) <= 0).any()):
            raise AisleError("detections: give sensors from 0 and positive definite covariances")


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Everybody who is believed in after a step: n people in the order of their first sight.

    track_id (n,) int64; state (n,) uint8, values of ``TrackState``; position, velocity (n, 2) [m, m/s, map];
    covariance (n, 2, 2) of the position [m^2]; height (n,) [m], NaN while unknown; identity_confidence (n,).
    owner (m,) int64: the row of whom each detection is of, -1 of nobody here. ended: ids of who has left since.
    """

    stamp_ns: int
    track_id: NDArray[np.int64]
    state: NDArray[np.uint8]
    position: Array
    velocity: Array
    covariance: Array
    height: Array
    identity_confidence: Array
    owner: NDArray[np.int64]
    ended: tuple[int, ...]

    def used(self, row: int) -> Index:
        """The detections of the track in this row."""
        return np.flatnonzero(self.owner == row)


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Where k ceiling sensors see: position (k, 2) [m, map] and reach (k,) [m] of each."""

    position: Array
    reach: Array

    def probability(self, sensor: NDArray[np.int64], point: Array, config: TrackerConfig) -> Array:
        """(n, s) that each of s sensors sees somebody at each of (n, 2) points, 0 beyond its reach."""
        share = squared_distances(point, self.position[sensor]) / self.reach[sensor] ** 2
        drop = config.detection_probability - config.edge_probability
        return np.where(share < 1.0, config.detection_probability - drop * share, 0.0)
