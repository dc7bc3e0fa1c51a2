"""Samples of one gateway cut into frames of equal length, wherever the blocks that bring them begin and end.

A frame is the step in which samples are judged.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frames:
    """Consecutive frames of one gateway; masses [kg], NaN where a plate gave less than half of a frame's samples."""

    stamps: Ints
    """(frames, samples) [ns]."""
    samples: Floats
    """(frames, samples, plates)."""
    mean: Floats
    """(frames, plates): mean without the least and the greatest sample, so that one bad sample does not count."""
    spread: Floats
    """(frames, plates): standard deviation of the samples about the mean."""

    @classmethod
    def of(cls, stamps: Ints, samples: Floats, size: int) -> Frames:
        """Cut stamps (n,) and samples (n, plates) into frames of ``size`` samples; n is a multiple of it.

        A single missing sample (not finite) becomes the median of the others of its frame.
        """
        samples = samples.reshape(-1, size, samples.shape[1])
        total = np.add.reduce(samples, axis=1)
        if not np.isfinite(total).all():
            samples = np.where(np.isfinite(samples), samples, np.nan)
            _fill(samples)
            total = np.add.reduce(samples, axis=1)
        mean = (total - np.minimum.reduce(samples, axis=1) - np.maximum.reduce(samples, axis=1)) / (size - 2)
        off = samples - mean[:, np.newaxis]
        spread = np.sqrt(np.add.reduce(off * off, axis=1) / (size - 1))
        return cls(stamps.reshape(-1, size), samples, mean, spread)


def _fill(samples: Floats) -> None:
    missing = np.isnan(samples).sum(axis=1)
    frame, plate = np.nonzero((missing > 0) & (2 * missing <= samples.shape[1]))
    if frame.size:
        columns = samples[frame, :, plate]
        samples[frame, :, plate] = np.where(np.isnan(columns), np.nanmedian(columns, axis=1, keepdims=True), columns)


@dataclass(slots=True)
class Framer:
    """Collects samples until a frame is full."""

    size: int
    """Samples of a frame."""
    pending: Floats
    """(samples, plates): the frame that is not full."""
    pending_ns: Ints

    @classmethod
    def empty(cls, size: int, plates: int) -> Framer:
        """Nothing collected."""
        return cls(size, np.empty((0, plates)), np.empty(0, np.int64))

    def push(self, stamps: Ints, samples: Floats) -> Frames:
        """Take stamps (n,) and samples (n, plates); return the frames that are full now."""
        if len(self.pending):
            stamps = np.concatenate([self.pending_ns, stamps])
            samples = np.concatenate([self.pending, samples])
        full = len(samples) // self.size * self.size
        self.pending, self.pending_ns = samples[full:], stamps[full:]
        return Frames.of(stamps[:full], samples[:full], self.size)

    def drain(self, least: int) -> Frames:
        """Take what is left as one short frame, if it has ``least`` samples; begin a new frame."""
        stamps, samples = self.pending_ns, self.pending
        self.pending, self.pending_ns = samples[:0], stamps[:0]
        size = len(samples)
        return Frames.of(stamps, samples, size) if size >= least else Frames.of(stamps[:0], samples[:0], self.size)


@dataclass(slots=True)
class Recent:
    """The last frames of one gateway."""

    means: Floats
    """(2 rows, plates): frame means [kg], NaN where there was none, each at two places ``rows`` apart: any number of
    the last ones lies in one piece."""
    spreads: Floats
    """(2 rows, plates): standard deviations within a frame [kg], in the same way."""
    history: deque[tuple[Ints, Floats]]
    """Stamps (samples,) and masses (samples, plates) of the last frames."""
    count: int = 0
    """Frames so far."""

    @classmethod
    def empty(cls, rows: int, plates: int, count: int = 0) -> Recent:
        """No frames after the first ``count``; room for ``rows`` frames."""
        return cls(np.full((2 * rows, plates), np.nan), np.full((2 * rows, plates), np.nan), deque(maxlen=rows), count)

    @property
    def rows(self) -> int:
        """How many frames are kept."""
        return len(self.means) // 2

    def add(self, frames: Frames, index: int) -> None:
        """Take one frame."""
        mean, spread, row = frames.mean[index], frames.spread[index], self.count % self.rows
        self.means[row] = self.means[row + self.rows] = mean
        self.spreads[row] = self.spreads[row + self.rows] = spread
        self.history.append((frames.stamps[index], frames.samples[index]))
        self.count += 1

    def last(self, ring: Floats, count: int) -> Floats:
        """The last rows of ``means`` or ``spreads``, newest first."""
        newest = (self.count - 1) % self.rows + self.rows
        return ring[newest - count + 1 : newest + 1][::-1]

    def since(self, plate: int, stamp_ns: int) -> tuple[Ints, Floats]:
        """Stamps and masses of one plate after that stamp, as far as kept: whole frames in which the reading moved."""
        kept = [(stamps, masses[:, plate]) for stamps, masses in self.history if stamps[-1] > stamp_ns]
        alive = [(stamps, masses) for stamps, masses in kept if masses.min() < masses.max()]
        return np.concatenate([stamps for stamps, _ in alive]), np.concatenate([masses for _, masses in alive])
