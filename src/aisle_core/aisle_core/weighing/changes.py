"""Where in the samples of one plate a settled change lies, and whether it is several changes in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ON_LEVEL = 0.02
"""Part of a change within which a sample counts as on the old or the new level."""
_ENTRY = 5
"""Samples in a row on the new level that make its beginning."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change from a level to the next [kg].

    ``start`` is the index of the last sample on the old level, ``end`` that of the first sample on the new one.
    """

    before: float
    after: float
    start: int
    end: int


def find_steps(samples: Floats, before: float, after: float, sigma: float, min_step: float, rest: int) -> list[Step]:
    """Steps that lead from the level ``before`` to the level ``after``.

    ``samples`` (n,) [kg] begins on or near the old level and ends on the new one; ``sigma`` is the standard
    deviation of one quiet sample [kg]. The path is one step, or a staircase when between the two levels the mass
    rested for ``rest`` samples on others, each at least ``min_step`` further in the direction of the change. A path
    that also goes back (lifted and returned in part) is one step: its net.
    """
    landings = _landings(samples, before, after, sigma, min_step, rest)
    levels = [before, *(level for level, _, _ in landings), after]
    begins = [0, *(begin for _, begin, _ in landings)]
    ends = [*(end for _, _, end in landings), len(samples)]
    steps = []
    for low, high, begin, end in zip(levels, levels[1:], begins, ends, strict=False):
        start, stop = _locate(samples[begin:end], low, high, sigma)
        steps.append(Step(low, high, begin + start, begin + stop))
    return steps


def _landings(
    samples: Floats, before: float, after: float, sigma: float, min_step: float, rest: int
) -> list[tuple[float, int, int]]:
    """Levels of a staircase between ``before`` and ``after``: (level, first sample, last sample + 1)."""
    if len(samples) < rest:
        return []
    windows = sliding_window_view(samples, rest)
    resting = windows.max(axis=1) - windows.min(axis=1) <= max(6.0 * sigma, _ON_LEVEL * abs(after - before))
    edges = np.flatnonzero(np.diff(resting, prepend=False, append=False))
    found: list[tuple[float, int, int]] = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        begin, end = first, last + rest - 1
        level = float(np.median(samples[begin:end]))
        if abs(level - (found[-1][0] if found else before)) < min_step:
            if found:
                found[-1] = (found[-1][0], found[-1][1], end)
        else:
            found.append((level, begin, end))
    if found and abs(found[-1][0] - after) < min_step:
        found.pop()
    levels = np.array([before, *(level for level, _, _ in found), after])
    towards = np.diff(levels) * np.sign(after - before)
    return found if bool((towards >= min_step).all()) else []


def _locate(samples: Floats, before: float, after: float, sigma: float) -> tuple[int, int]:
    """Last sample on the old level and first sample on the new one.

    A sample beyond the old level, away from the new one, is a hand that presses or pulls: still the old level. When
    noise hides the levels, it is the single step of the best fit (cumulative sum; E. S. Page 1954).
    """
    change = after - before
    near = min(max(4.0 * sigma, _ON_LEVEL * abs(change)), 0.5 * abs(change))
    gone = (samples - before) * np.sign(change)
    on_new = np.abs(samples - after) <= near
    entries = np.flatnonzero(sliding_window_view(on_new, min(_ENTRY, len(samples))).all(axis=1))
    leaves = np.flatnonzero(gone[: entries[-1]] <= near) if entries.size else entries
    if not leaves.size:
        start = int(np.argmin(np.cumsum(gone - 0.5 * abs(change))[:-1]))
        return start, start + 1
    start = int(leaves[-1])
    return start, int(entries[entries > start][0])
