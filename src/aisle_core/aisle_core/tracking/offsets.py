"""How far each sensor's calibration is off, learned while people walk under several sensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(slots=True)
class SensorOffsets:
    """Offsets of k sensors in map: mean (k, 2) [m] and variance (k,) of each axis [m^2].

    What all sensors share cannot be seen; the prior keeps it at 0.
    """

    mean: Array
    variance: Array

    @classmethod
    def unknown(cls, sensors: int, stddev: float) -> SensorOffsets:
        """Before anything was seen: ``stddev`` [m] of each axis."""
        return cls(np.zeros((sensors, 2)), np.full(sensors, stddev**2))

    def copy(self) -> SensorOffsets:
        """An independent copy."""
        return SensorOffsets(self.mean.copy(), self.variance.copy())

    def learn(self, sensor: NDArray[np.int64], error: Array, variance: Array, samples: float) -> None:
        """Take in what remains of m measurements after correction.

        sensor (m,); error (m, 2) [m] with variance (m,) of each axis. ``samples``: successive errors of one person
        are alike, so many of them count as one.
        """
        count = len(self.mean)
        weight = 1.0 / (variance * samples)
        total = np.bincount(sensor, weight, count)
        pull = np.empty((count, 2))
        for axis in (0, 1):
            pull[:, axis] = np.bincount(sensor, weight * error[:, axis], count)
        self.variance = 1.0 / (1.0 / self.variance + total)
        self.mean = self.mean + self.variance[:, None] * pull
