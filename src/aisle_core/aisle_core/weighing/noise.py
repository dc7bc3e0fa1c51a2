"""Noise of every plate, learned online."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NORMAL_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""
_FIRST_STEPS = 3.0
"""Step number n is at least this over n + 1, in natural logarithms: four steps cover a factor of 40."""


@dataclass(slots=True)
class Noise:
    """Two standard deviations per plate [kg]: of one sample, and of the mean of one frame.

    Each follows the median of what the frames show, by stochastic approximation (H. Robbins and S. Monro 1951): a
    step up when a frame shows more, a step down when it shows less. The steps begin large, fall as 1/n and end at a
    constant, so that the first second finds the order of magnitude and later one bump moves the result by one step.
    """

    level: Floats
    """(2, plates): of a sample, of a frame's mean."""
    count: Floats
    """(plates,): frames learned from."""

    @classmethod
    def unknown(cls, plates: int, floor: float) -> Noise:
        """Nothing learned yet."""
        return cls(np.full((2, plates), floor), np.zeros(plates))

    @property
    def sample(self) -> Floats:
        """(plates,): standard deviation of one quiet sample."""
        sample: Floats = self.level[0]
        return sample

    @property
    def frame(self) -> Floats:
        """(plates,): standard deviation of the mean of one quiet frame."""
        frame: Floats = self.level[1]
        return frame

    def update(self, shown: Floats, step: Floats | float, floor: float) -> None:
        """Learn from one frame: ``shown`` as from ``evidence``, ``step`` the last and least step (plates,)."""
        self.count += shown[1] >= 0
        direction = np.subtract(shown > self.level, shown < self.level, dtype=np.float64)
        direction *= np.maximum(_FIRST_STEPS / (self.count + 1.0), step)
        self.level *= np.exp(direction)
        np.maximum(self.level, floor, out=self.level)


def evidence(mean: Floats, spread: Floats, before: Floats, samples: int) -> Floats:
    """What each frame says about the two standard deviations, (frames, 2, plates).

    ``mean`` and ``spread`` (frames, plates) are those of consecutive frames of so many samples, ``before`` (plates,)
    is the mean of the frame before them. Scaled so that under normal noise the medians are the standard deviations;
    NaN where there is nothing to learn.
    """
    freedom = samples - 1
    chi_median = (1.0 - 2.0 / (9.0 * freedom)) ** 1.5  # E. B. Wilson and M. M. Hilferty 1931
    shown = np.empty((len(mean), 2, mean.shape[1]))
    shown[:, 0] = spread * (1.0 / chi_median)
    shown[:1, 1] = mean[:1] - before
    shown[1:, 1] = mean[1:] - mean[:-1]
    shown[:, 1] *= 1.0 / (_NORMAL_MEDIAN * math.sqrt(2.0))
    return np.abs(shown)
