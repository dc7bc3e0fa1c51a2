"""Noise and drift of every plate, learned online while it rests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NORMAL_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""
_FIRST_STEPS = 3.0
"""Step number n is at least this over n + 1, in natural logarithms: four steps cover a factor of 40."""


@dataclass(slots=True)
class Noise:
    """Three standard deviations per plate [kg]: of one sample, of one frame's mean, and of the mean of a plateau.

    The last is not the second over a root: what sways slowly does not average out.
    """

    level: Floats
    """(3, plates)."""
    count: Floats
    """(3, plates): frames learned from."""

    @classmethod
    def unknown(cls, plates: int, floor: float) -> Noise:
        """Nothing learned yet."""
        return cls(np.full((3, plates), floor), np.zeros((3, plates)))

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

    def plateau(self, plate: int, least: int, frames: float) -> float:
        """Standard deviation of the mean of so many quiet frames [kg]; the least plateau has ``least``."""
        _, frame, plateau = self.level[:, plate].tolist()
        return float(max(plateau * math.sqrt(least / max(frames, least)), frame / math.sqrt(frames)))

    def update(self, shown: Floats, step: Floats | float, floor: float) -> None:
        """Learn from one frame: ``shown`` (3, plates) is NaN where there is nothing to learn, ``step`` the least step.

        Each level follows the median of what is shown, by stochastic approximation (H. Robbins and S. Monro 1951).
        """
        self.count += shown >= 0
        direction = np.subtract(shown > self.level, shown < self.level, dtype=np.float64)
        direction *= np.maximum(_FIRST_STEPS / (self.count + 1.0), step)
        self.level *= np.exp(direction)
        np.maximum(self.level, floor, out=self.level)


def evidence(mean: Floats, spread: Floats, before: Floats, samples: int) -> Floats:
    """What each frame says about the standard deviations of a sample, of a frame's mean and of a plateau's mean.

    (frames, 3, plates); the last is left out. ``mean`` and ``spread`` (frames, plates) are those of consecutive frames
    of so many samples, ``before`` (plates,) is the mean of the frame before them. Scaled so that under normal noise the
    medians are the standard deviations; NaN where there is nothing to learn.
    """
    freedom = samples - 1
    chi_median = (1.0 - 2.0 / (9.0 * freedom)) ** 1.5  # E. B. Wilson and M. M. Hilferty 1931
    shown = np.empty((len(mean), 3, mean.shape[1]))
    np.multiply(spread, 1.0 / chi_median, out=shown[:, 0])
    np.subtract(mean[:1], before, out=shown[:1, 1])
    np.subtract(mean[1:], mean[:-1], out=shown[1:, 1])
    shown[:, 1] *= 1.0 / (_NORMAL_MEDIAN * math.sqrt(2.0))
    shown[:, 2] = np.nan
    return np.abs(shown, out=shown)


def plateau_evidence(means: Floats) -> Floats:
    """What the last frames say about the standard deviation of a plateau's mean, (plates,).

    ``means`` (frames, plates) are two plateaus, one after the other.
    """
    half = len(means) // 2
    shown: Floats = np.abs(means[:half].mean(axis=0) - means[half:].mean(axis=0)) / (_NORMAL_MEDIAN * math.sqrt(2.0))
    return shown


@dataclass(slots=True)
class Drift:
    """Drift of every plate: a random walk whose variance is learned from a slow and a fast mean of the resting plate.

    If a walk's variance grows by q^2 a second, exponential means over S and T seconds differ with the variance
    q^2 (S - T)^2 / (2 (S + T)).
    """

    slow: Floats
    """(plates,): slow mean [kg]; what is taken or put moves it at once."""
    variance: Floats
    """(plates,): variance that the walk gains in a second [kg^2/s]."""
    count: Floats
    """(plates,): looks learned from, with what the first value is worth."""

    @classmethod
    def assumed(cls, plates: int, drift: float, looks: float) -> Drift:
        """The same for all plates [kg/sqrt(s)], worth so many looks."""
        return cls(np.full(plates, np.nan), np.full(plates, drift**2), np.full(plates, looks))

    def update(
        self, fast: Floats, resting: Bools, duration: float, fast_s: float, slow_s: float, learn_s: float
    ) -> None:
        """Look at plates, every ``duration`` [s], whose fast means are ``fast`` [kg]; learn from those that rest."""
        begins = np.isnan(self.slow)
        np.copyto(self.slow, fast, where=begins)
        off = np.where(resting, fast - self.slow, 0.0)
        self.slow += off * (duration / slow_s)
        shown = off**2 * (2.0 * (slow_s + fast_s) / (slow_s - fast_s) ** 2)
        self.count += np.where(resting, np.minimum(1.0, learn_s / duration - self.count), 0.0)
        self.variance += np.where(resting, shown - self.variance, 0.0) / self.count
