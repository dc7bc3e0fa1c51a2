"""Where in the samples of one plate a settled change lies, and whether it is several changes in a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ON_LEVEL = 0.02
"""Part of a change within which a sample counts as on the old or the new level."""
_FLAT = 0.01
"""Part of a change that a landing may ring with."""
_SWING = 6
"""Nearly a period of a ringing plate: a mean of so many samples tells the level [samples]."""
_SURE = 4.0
"""Standard deviations of a mean within which two levels are as far apart as the change."""
_CLEAR = 8.0
"""A mean has so few samples that a change is this many of its standard deviations."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change from a level to the next [kg].

    ``start`` is the index of the last sample on the old level, ``end`` that of the first sample on the new one.
    """

    before: float
    after: float
    start: int
    end: int


def find_steps(
    samples: Floats, before: float, after: float, sigma: float, min_step: float, rest: int, settle: int
) -> list[Step]:
    """Steps that lead from the level ``before`` to the level ``after``.

    ``samples`` (n,) [kg] begins on or near the old level and ends on the new one; ``sigma`` is the standard
    deviation of one quiet sample [kg]. The path is one step, or a staircase when between the two levels the mass
    rested for ``rest`` samples on others, each at least ``min_step`` further in the direction of the change. Where the
    reading stayed for more than ``settle`` samples and the change was not closed, a hand was on the goods: no step. A
    path that also goes back (lifted and returned in part) is one step: its net.
    """
    landings = _landings(samples, before, after, sigma, min_step, rest)
    while True:
        levels = [before, *(level for level, _, _ in landings), after]
        begins = [0, *(begin for _, begin, _ in landings)]
        ends = [*(end for _, _, end in landings), len(samples)]
        steps = []
        for low, high, begin, end in zip(levels, levels[1:], begins, ends, strict=False):
            start, stop = _locate_beside_hand(samples[begin:end], low, high, sigma, rest)
            steps.append(Step(low, high, begin + start, begin + stop))
        held = [index for index, (one, two) in enumerate(pairwise(steps)) if two.start - one.end > settle]
        if not held:
            return steps
        del landings[held[0]]


def find_dip(
    samples: Floats, base: float, least: float, sigma: float, rest: int, settle: int
) -> tuple[float, int] | None:
    """The level of the longest rest ``least`` [kg] or more below ``base`` [kg], and its middle; None if there is none.

    No hand takes weight off a plate: something was away for ``rest`` samples or more. What is away for ``settle``
    samples or more is a change by itself. ``sigma`` as in ``find_steps``.
    """
    if np.count_nonzero(samples < base - least / 2) >= settle:
        return None
    depth = base - float(samples.min())
    rests = [found for found in _rests(samples, rest, max(6.0 * sigma, _FLAT * depth)) if found[0] <= base - least]
    if not rests:
        return None
    level, begin, end = max(rests, key=lambda found: found[2] - found[1])
    return level, (begin + end) // 2


def _rests(samples: Floats, rest: int, bound: float) -> list[tuple[float, int, int]]:
    """Where ``rest`` samples or more lie within ``bound`` [kg]: (level, first sample, last sample + 1)."""
    if len(samples) < rest:
        return []
    windows = sliding_window_view(samples, rest)
    resting = windows.max(axis=1) - windows.min(axis=1) <= bound
    edges = np.flatnonzero(np.diff(resting, prepend=False, append=False))
    spans = [(first, last + rest - 1) for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]
    return [(float(np.median(samples[begin:end])), begin, end) for begin, end in spans]


def _landings(
    samples: Floats, before: float, after: float, sigma: float, min_step: float, rest: int
) -> list[tuple[float, int, int]]:
    """Levels of a staircase between ``before`` and ``after``: (level, first sample, last sample + 1).

    A hand only adds to what lies on the plate. So while mass leaves, a level above an earlier one is a press, and while
    mass comes, a level above a later one. A level beyond ``after`` was taken back.
    """
    sign = math.copysign(1.0, after - before)
    found: list[tuple[float, int, int]] = []
    for level, begin, end in _rests(samples, rest, max(6.0 * sigma, _FLAT * abs(after - before))):
        while sign > 0 and found and found[-1][0] > level + min_step:
            found.pop()
        reached = found[-1][0] if found else before
        if abs(level - reached) < min_step and found:
            found[-1] = (reached, found[-1][1], end)
        elif sign * (level - reached) >= min_step and sign * (after - level) >= min_step:
            found.append((level, begin, end))
    return found


def _locate_beside_hand(samples: Floats, before: float, after: float, sigma: float, rest: int) -> tuple[int, int]:
    """As ``_locate``, but where a hand pressed all the time, the step between two presses: another's hand made it.

    That step is as high as the change, while what presses or lets go is as high by chance only. Two such are none, nor
    is one to the old level, where a hand has let go.
    """
    start, stop = _locate(_until_gone(samples, before, after, sigma, rest), before, after, sigma)
    change, apart = after - before, 2 * rest
    if len(samples) < apart + rest:
        return start, stop
    windows = sliding_window_view(samples, rest)
    means, spreads = windows.mean(axis=1), windows.std(axis=1)
    steps = means[apart:] - means[:-apart]
    errors = np.maximum(_SURE * spreads / math.sqrt(rest), _ON_LEVEL * abs(change))
    error = np.hypot(errors[apart:], errors[:-apart])
    fits = (np.abs(steps - change) <= error) & (error <= 0.25 * abs(change))
    fits &= np.abs(means[apart:] - before) > errors[apart:]
    found = np.flatnonzero(fits)
    if not len(found) or found[-1] - found[0] > apart:
        return start, stop
    first = int(found[np.argmin(np.abs(steps[found] - change))])
    last = first + apart + rest
    if first <= start and stop <= last:
        return start, stop
    one, other = _locate(samples[first:last], float(means[first]), float(means[first + apart]), sigma)
    return first + one, first + other


def _until_gone(samples: Floats, before: float, after: float, sigma: float, rest: int) -> Floats:
    """The samples until the first rest on the new level; what presses on the plate after a loss moves no goods.

    A rest on the old level is none: what was lifted had been put back.
    """
    if after > before:
        return samples
    bound = max(6.0 * sigma, _FLAT * (before - after))
    gone = 0
    for level, _, end in _rests(samples, rest, bound):
        if not gone and abs(level - after) <= bound:
            gone = end
        elif abs(level - before) <= bound:
            gone = 0
    return samples[:gone] if gone else samples


def _locate(samples: Floats, before: float, after: float, sigma: float) -> tuple[int, int]:
    """Last sample on the old level and first sample on the new one.

    The mass leaves when the reading passes the middle of the two levels for the last time, as a mean of so many samples
    that noise and ringing do not pass it; among these it is the single step of the best fit (cumulative sum; E. S. Page
    1954).
    A sample beyond the old level, away from the new one, is a hand that presses or pulls: still the old level.
    """
    change = abs(after - before)
    gone = (samples - before) * np.sign(after - before) - 0.5 * change
    count = min(max(math.ceil((_CLEAR * sigma / change) ** 2), _SWING), len(samples) - 1)
    short_of = np.flatnonzero(sliding_window_view(gone, count).mean(axis=1) < 0.0)
    first = min(int(short_of[-1]), len(samples) - 2) if short_of.size else 0
    middle = first + int(np.argmin(np.cumsum(gone[first : first + count][:-1]))) if count > 1 else first

    near = min(max(4.0 * sigma, _ON_LEVEL * change), 0.5 * change)
    old = np.flatnonzero(gone[: middle + 1] + 0.5 * change <= near)
    then = samples[middle + 1 :]
    swings = sliding_window_view(then, min(_SWING, len(then))).mean(axis=1)
    entries = np.flatnonzero(np.abs(swings - after) <= near)
    return int(old[-1]) if old.size else middle, middle + 1 + (int(entries[0]) if entries.size else 0)
