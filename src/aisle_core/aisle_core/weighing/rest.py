"""Whether a plate rests on a level, or a hand is still on it.

A hand that presses trembles by a part of its force; goods at rest show the plate's own noise. Which of the two the last
frames show is a sequential test between two variances (A. Wald, "Sequential Analysis", 1947): the more a hand would
stand out of the noise, the sooner it is decided.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


_NEITHER = -1.0
"""Logarithm of the odds above which frames do not speak for a hand."""


class Rest(NamedTuple):
    """Judgement of some plates, (plates,)."""

    frames: Ints
    """Length of the longest plateau that ends now; 0: the plate does not rest."""
    trembles: Bools
    """The frames speak for a hand rather than for rest."""


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
) -> Rest:
    """Judge the last frames of some plates.

    ``means`` (frames, plates) [kg] are the means of the last frames, newest first, of which ``usable`` (plates,) lie
    after the change; a plateau has ``least`` to ``most`` (plates,) of them. ``noise`` (plates,) is the standard
    deviation of a frame's mean at rest [kg] and ``force`` (plates,) what a hand may press with [kg], 0 for none.
    Frames of a plateau scatter by less than ``flat`` [kg] or ``flat_sigmas`` of their noise, and the two newest lie as
    near to the others. Where a hand may press,
    they have to be ``exp(log_odds)`` (plates,) times as likely at rest, with creep of the part ``creep`` of the force,
    than with a hand that trembles by the part ``tremor`` of it. A plateau of ``most`` frames need only not speak for a
    hand.
    """
    count = np.arange(1, len(means) + 1)[:, np.newaxis]
    off = means - means[0]
    total, squares = np.add.accumulate(off), np.add.accumulate(off * off)
    scatter = squares - total * total / count
    freedom = count - 1.0

    quiet = noise**2 + (creep * force) ** 2
    more = (tremor * force) ** 2 / quiet
    likelihood = 0.5 * (freedom * np.log1p(more) - scatter / quiet * (more / (1.0 + more)))
    sure = (likelihood >= np.where(count < most, log_odds, _NEITHER)) | (force == 0.0)
    bound = np.maximum(flat_sigmas * np.sqrt(quiet), flat)
    newest = (off[0] + off[1]) / 2
    level = (scatter <= freedom * bound**2) & (np.abs(total / count - newest) <= bound)
    plateau = sure & level & (count >= least) & (count <= np.minimum(usable, most))
    frames = np.maximum.reduce(np.where(plateau, count, 0))

    oldest = np.minimum(np.maximum(usable - 2, 0), len(means) - 1)
    against = likelihood[oldest, np.arange(len(oldest))]
    return Rest(frames, ~(against >= _NEITHER))
