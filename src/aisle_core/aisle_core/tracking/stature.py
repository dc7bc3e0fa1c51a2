"""How tall people are: the top of a head is at most as high as its person, and lower when somebody stoops."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STOOPS = 0.1
"""How often a head is lower than its person's height: somebody bends, or the edge of an image cuts the head."""
_WRONG = 0.002
"""How often it is higher: somebody else's head."""
_SIGMAS = 2.0
_ENOUGH = 10
"""So many heights in a row that are higher are no longer an arm held up."""


def surprise(error: Array, variance: Array) -> Array:
    """Minus log-likelihood ratio (n,) to an exact fit of heads ``error`` [m] above their people's height; NaN: 0."""
    most = np.where(error < 0, -np.log(_STOOPS), -np.log(_WRONG))
    cost: Array = np.where(np.isnan(error), 0.0, np.minimum(0.5 * error**2 / variance, most))
    return cost


def learned(
    height: Array, variance: Array, seen: Array, seen_variance: Array, doubts: NDArray[np.int64]
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Heights (n,) [m], their variance, and the doubts after heads were seen so high.

    Who is seen much lower stoops, which tells nothing. Who is seen much higher has stooped until now, or holds up an
    arm: that is believed when it is seen as often, doubts (n,) times, as the height so far, or _ENOUGH times, with no
    sight in between that fits the height so far. NaN is not known.
    """
    with np.errstate(invalid="ignore"):
        off = (seen - height) / np.sqrt(variance + seen_variance)
        weight = variance / (variance + seen_variance)
        before = np.minimum(seen_variance / variance, _ENOUGH)
    higher, lower = off > _SIGMAS, off < -_SIGMAS
    doubts = np.where(higher, doubts + 1, np.where(lower, doubts, 0))
    anew = np.isnan(off) | (higher & (doubts >= before))
    kept = (higher | lower) & ~anew
    mean = np.where(anew, seen, np.where(kept, height, height + weight * (seen - height)))
    spread = np.where(anew, seen_variance, np.where(kept, variance, weight * seen_variance))
    return mean, spread, np.where(anew, 0, doubts)
