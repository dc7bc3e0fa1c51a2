"""Whether a plate rests on a level, or a hand is still on it.

A hand that presses trembles by a part of its force; goods at rest show the plate's own noise. Which of the two the last
frames show is a sequential test between two variances (A. Wald, "Sequential Analysis", 1947): the more a hand would
stand out of the noise, the sooner it is decided.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


NEITHER = -1.0
"""Logarithm of the odds above which frames do not speak for a hand."""
_MOST_PRESS = 0.5
"""A hand presses with any force up to this [kg]."""
_BACK = 0.5
"""Part of the gains after a loss that are the same thing again."""
_STAYS = 0.5
"""Goods that were put down rest for at least this part of the time until something else moves."""


def same_again(gain: Floats, lost: Floats, stddev: Floats) -> Floats:
    """Logarithm of the odds, at least 0, for goods rather than a hand by that a plate gains what it has lost.

    All [kg], of one shape; ``lost`` is NaN where nothing was taken yet. A hand presses as much by chance only.
    """
    off = (gain - lost) / stddev
    same = _BACK * _MOST_PRESS * np.exp(-0.5 * off * off) / (np.sqrt(2.0 * np.pi) * stddev)
    odds: Floats = np.fmax(np.log(1.0 - _BACK + same), 0.0)
    return odds


def judge_rest(
    means: Floats,
    usable: Ints,
    least: int,
    most: Ints,
    noise: Floats,
    force: Floats,
    flat: float,
    flat_sigmas: float,
    tremor: float,
    creep: float,
    log_odds: Floats,
    together: Bools,
) -> tuple[Ints, Bools]:
    """Length of the longest plateau that ends now on some plates, (plates,), 0: the plate does not rest; and which of
    them bear a hand that keeps still.

    ``means`` (frames, plates) [kg] are the means of the last frames, newest first, of which ``usable`` (plates,) lie
    after the change; a plateau has ``least`` to ``most`` (plates,) of them. ``noise`` (plates,) is the standard
    deviation of a frame's mean at rest [kg] and ``force`` (plates,) what a hand may press with [kg], 0 for none.
    Frames of a plateau scatter by less than ``flat`` [kg] or ``flat_sigmas`` of their noise, and the two newest lie as
    near to the others. Where a hand may press, they have to be ``exp(log_odds)`` (plates,) times as likely at rest,
    with creep of the part ``creep`` of the force, than with a hand that trembles by the part ``tremor`` of it. A
    plateau of ``most`` frames need only not speak for a hand. A hand is as sure as rest, takes four times as long, for
    goods ring at first, and shows in the newest frames too. Others that changed ``together`` (plates, plates) with a
    plate bear the same thing, goods or a hand: the odds are of all of them.
    """
    count = np.arange(1, len(means) + 1)[:, np.newaxis]
    off = means - means[0]
    total, squares = np.add.accumulate(off), np.add.accumulate(off * off)
    scatter = squares - total * total / count
    freedom = count - 1.0

    quiet = noise**2 + (creep * force) ** 2
    more = (tremor * force) ** 2 / quiet
    alone = 0.5 * (freedom * np.log1p(more) - scatter / quiet * (more / (1.0 + more)))
    likelihood = alone + np.nan_to_num(alone) @ together if together.any() else alone
    sure = (likelihood >= np.where(count < most, log_odds, NEITHER)) | (force == 0.0)
    bound = np.maximum(flat_sigmas * np.sqrt(quiet), flat)
    newest = (off[0] + off[1]) / 2
    level = (scatter <= freedom * bound**2) & (np.abs(total / count - newest) <= bound)
    level &= count <= np.minimum(usable, most)
    frames: Ints = np.maximum.reduce(np.where(sure & level & (count >= least), count, 0))
    trembles = np.logical_and.accumulate((likelihood < 0.0) | (count < least))
    hand: Bools = np.logical_or.reduce(trembles & level & (likelihood <= -log_odds) & (count >= 4 * least))
    return frames, hand & (force > 0.0)


def longest_rest(
    means: Floats,
    calm: Bools,
    floor: float,
    base: float,
    step: float,
    least: int,
    noise: float,
    flat: float,
    flat_sigmas: float,
    tremor: float,
    creep: float,
    log_odds: float,
    again: Floats,
) -> tuple[int, int] | None:
    """The longest plateau of one plate above ``floor`` [kg] that may be goods: newest frame and length.

    ``means`` (frames,) [kg] are newest first, ``calm`` (frames,) where the plate may have rested; a hand would press
    with what they are above ``base``. The plateau is at least half of the frames in which the plate bore as much, give
    or take ``step`` [kg], unless ``again`` (frames,), the log odds of ``same_again``, tells of goods. The other
    arguments are those of ``judge_rest``.
    """
    count = len(means)
    padded = np.append(np.where(calm, means, np.nan), np.full(count, np.nan))
    before = np.lib.stride_tricks.sliding_window_view(padded, count)[:count].T
    force, all_frames = np.maximum(means - base, 0.0), np.full(count, count)
    frames, _ = judge_rest(
        before,
        all_frames - np.arange(count),
        least,
        all_frames,
        np.full(count, noise),
        force,
        flat,
        flat_sigmas,
        tremor,
        creep,
        log_odds - again,
        np.zeros((count, count), np.bool_),
    )
    bears = np.count_nonzero(means > np.maximum(means - step, floor)[:, np.newaxis], axis=1)
    frames = np.where((means > floor) & ((frames >= _STAYS * bears) | (again > 0.0)), frames, 0)
    newest = int(np.argmax(frames))
    return (newest, int(frames[newest])) if frames[newest] else None
