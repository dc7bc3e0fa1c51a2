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

    def __len__(self) -> int:
        return len(self.stamps)

    def part(self, start: int, end: int) -> Frames:
        """Some of them."""
        rows = slice(start, end)
        return Frames(self.stamps[rows], self.samples[rows], self.mean[rows], self.spread[rows])

    @classmethod
    def of(cls, stamps: Ints, samples: Floats, size: int) -> Frames:
        """Cut stamps (n,) and samples (n, plates) into frames of ``size`` samples; n is a multiple of it.

        A single missing sample (not finite) becomes the median of the others of its frame.
        """
        samples = samples.reshape(len(stamps) // size, size, samples.shape[1])
        if not np.isfinite(samples).all():
            samples = np.where(np.isfinite(samples), samples, np.nan)
            _fill(samples)
        # All first samples, all second ones, and so on: five times as fast as frame by frame.
        by_place = samples.transpose(1, 0, 2).copy()
        total = np.add.reduce(by_place)
        mean = (total - np.minimum.reduce(by_place) - np.maximum.reduce(by_place)) / (size - 2)
        off = by_place - mean
        spread = np.sqrt(np.add.reduce(off * off) / (size - 1))
        return cls(stamps.reshape(-1, size), samples, mean, spread)


def _fill(samples: Floats) -> None:
    missing = np.isnan(samples).sum(axis=1)
    frame, plate = np.nonzero((missing > 0) & (2 * missing <= samples.shape[1]))
    if frame.size:
        columns = samples[frame, :, plate]
        samples[frame, :, plate] = np.where(np.isnan(columns), np.nanmedian(columns, axis=1, keepdims=True), columns)


NO_FRAMES = Frames.of(np.empty(0, np.int64), np.empty((0, 0)), 3)


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
            stamps, samples = np.concatenate([self.pending_ns, stamps]), np.concatenate([self.pending, samples])
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

    rows: int
    """How many frames are kept."""
    means: Floats
    """(rows and more, plates): frame means [kg] in a row, NaN where there was none."""
    spreads: Floats
    """(rows and more, plates): standard deviations within a frame [kg]."""
    history: deque[tuple[Ints, Floats]]
    """Stamps (samples,) and masses (samples, plates) of the last frames."""
    end: int
    """Row behind the newest frame; what lies there has not come yet."""
    count: int
    """Frames so far."""

    @classmethod
    def empty(cls, rows: int, plates: int, count: int = 0) -> Recent:
        """No frames after the first ``count``; room for ``rows`` frames."""
        means, spreads = np.full((2, rows, plates), np.nan)
        return cls(rows, means, spreads, deque(maxlen=rows), rows, count)

    def expect(self, frames: Frames) -> None:
        """Lay frames behind the newest one; each of them comes with ``add``."""
        end = self.end + len(frames)
        if end > len(self.means):
            room = np.full((self.rows + len(frames), frames.mean.shape[1]), np.nan)
            self.means = np.concatenate([self.means[self.end - self.rows : self.end], room])
            self.spreads = np.concatenate([self.spreads[self.end - self.rows : self.end], room])
            self.end, end = self.rows, self.rows + len(frames)
        self.means[self.end : end], self.spreads[self.end : end] = frames.mean, frames.spread

    def add(self, frames: Frames, index: int) -> None:
        """The next of the frames that are expected comes."""
        self.history.append((frames.stamps[index], frames.samples[index]))
        self.end += 1
        self.count += 1

    def last(self, values: Floats, count: int) -> Floats:
        """The last rows of ``means`` or ``spreads``, newest first."""
        return values[self.end - count : self.end][::-1]

    def before(self, frames: Ints) -> Ints:
        """Rows of the frames that came so many before the newest one; the oldest that is kept."""
        rows: Ints = self.end - 1 - np.minimum(frames, self.rows - 1)
        return rows

    def since(self, plate: int, stamp_ns: int) -> tuple[Ints, Floats]:
        """Stamps and masses of one plate after that stamp, as far as kept: whole frames in which the reading moved."""
        kept = [(stamps, masses[:, plate]) for stamps, masses in self.history if stamps[-1] > stamp_ns]
        alive = [(stamps, masses) for stamps, masses in kept if masses.min() < masses.max()]
        return np.concatenate([stamps for stamps, _ in alive]), np.concatenate([masses for _, masses in alive])
