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


def surprise(error: Array, variance: Array) -> Array:
    """Minus log-likelihood ratio (n,) to an exact fit of heads ``error`` [m] above their people's height; NaN: 0."""
    most = np.where(error < 0, -np.log(_STOOPS), -np.log(_WRONG))
    cost: Array = np.where(np.isnan(error), 0.0, np.minimum(0.5 * error**2 / variance, most))
    return cost


def learned(height: Array, variance: Array, seen: Array, seen_variance: Array) -> tuple[Array, Array]:
    """Heights (n,) [m] and their variance after heads were seen so high.

    Who is seen much lower stoops, which tells nothing; who is seen much higher has stooped until now. NaN is not known.
    """
    with np.errstate(invalid="ignore"):
        off = (seen - height) / np.sqrt(variance + seen_variance)
        lower, anew = off < -_SIGMAS, ~(off <= _SIGMAS)
        weight = variance / (variance + seen_variance)
    mean = np.where(lower, height, np.where(anew, seen, height + weight * (seen - height)))
    spread = np.where(lower, variance, np.where(anew, seen_variance, weight * seen_variance))
    return mean, spread
