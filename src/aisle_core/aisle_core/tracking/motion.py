"""People as points on the floor that keep their velocity: Kalman filters of many people at once.

A state is (x, y, vx, vy) in map [m, m/s]. The velocity is disturbed by white noise (Bar-Shalom, Li, Kirubarajan:
Estimation with Applications to Tracking and Navigation, 2001, section 6.2.2) and, of people out of sight, dies away, so
that nobody coasts through the store.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_EYE = np.eye(2)
_LOG_2PI = float(np.log(2 * np.pi))


def predict(mean: Array, covariance: Array, seconds: float, noise: Array, damping: Array) -> tuple[Array, Array]:
    """States after ``seconds``.

    mean (n, 4), covariance (n, 4, 4); noise (n,): power spectral density of the acceleration [m^2/s^3]; damping (n,):
    rate at which the velocity dies away [1/s], above 0.
    """
    n = len(mean)
    eye = _EYE
    kept = np.exp(-damping * seconds)
    transition = np.zeros((n, 4, 4))
    transition[:, :2, :2] = eye
    transition[:, :2, 2:] = ((1.0 - kept) / damping)[:, None, None] * eye
    transition[:, 2:, 2:] = kept[:, None, None] * eye
    growth = np.zeros((4, 4))
    growth[:2, :2], growth[2:, 2:] = seconds**3 / 3 * eye, seconds * eye
    growth[:2, 2:] = growth[2:, :2] = seconds**2 / 2 * eye
    covariance = transition @ covariance @ transition.transpose(0, 2, 1) + noise[:, None, None] * growth
    return (transition @ mean[:, :, None])[:, :, 0], covariance


def observed(mean: Array, covariance: Array, lag: Array) -> tuple[Array, Array]:
    """Where states (m, 4) with covariance (m, 4, 4) were ``lag`` (m,) seconds ago: position (m, 2) and (m, 2, 2)."""
    back = lag[:, None, None]
    cross = covariance[:, :2, 2:]
    spread = covariance[:, :2, :2] - back * (cross + cross.transpose(0, 2, 1)) + back**2 * covariance[:, 2:, 2:]
    return mean[:, :2] - lag[:, None] * mean[:, 2:], spread


def update(
    mean: Array, covariance: Array, row: NDArray[np.intp], position: Array, spread: Array, lag: Array
) -> tuple[Array, Array]:
    """States after m measured positions, any number of each.

    row (m,): the state that was measured; position (m, 2) with covariance spread (m, 2, 2), ``lag`` (m,) seconds ago.
    All measurements enter at once, in information form.
    """
    order = np.argsort(row, kind="stable")
    row, position, lag = row[order], position[order], lag[order]
    weight = inverse(spread[order])
    pull = (weight @ (position - mean[row, :2] + lag[:, None] * mean[row, 2:])[:, :, None])[:, :, 0]
    back = lag[:, None, None]
    information = np.empty((len(row), 4, 4))
    information[:, :2, :2] = weight
    information[:, :2, 2:] = information[:, 2:, :2] = -back * weight
    information[:, 2:, 2:] = back**2 * weight
    measured = np.flatnonzero(np.bincount(row))
    first = np.searchsorted(row, measured)
    gained = np.add.reduceat(information, first, axis=0)
    pulled = np.add.reduceat(np.concatenate([pull, -lag[:, None] * pull], axis=1), first, axis=0)
    mean, covariance = mean.copy(), covariance.copy()
    before = covariance[measured]
    after = np.linalg.solve(np.eye(4) + before @ gained, before)
    covariance[measured] = (after + after.transpose(0, 2, 1)) / 2
    mean[measured] += (covariance[measured] @ pulled[:, :, None])[:, :, 0]
    return mean, covariance


def update_between(
    mean: Array,
    covariance: Array,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    position: Array,
    spread: Array,
    lag: Array,
) -> tuple[Array, Array]:
    """States after m measured positions midway between two of them each, ``first`` and ``second`` (m,).

    Such a measurement says nothing of how far the two are apart; what both have in common is not kept.
    """
    if not len(first):
        return mean, covariance
    pair, place = np.unique(np.stack([first, second], axis=1), axis=0, return_inverse=True)
    a, b = pair.T
    middle, total = (mean[a] + mean[b]) / 2, covariance[a] + covariance[b]
    after, remaining = update(middle, total / 4, place.reshape(-1), position, spread, lag)
    share = 2 * np.linalg.inv(total)
    before = covariance
    mean, covariance = mean.copy(), covariance.copy()
    for one in (a, b):
        gain = before[one] @ share
        np.add.at(mean, one, (gain @ (after - middle)[:, :, None])[:, :, 0])
        covariance[one] = before[one] - gain @ (total / 4 - remaining) @ gain.transpose(0, 2, 1)
    return mean, covariance


def update_together(
    mean: Array, covariance: Array, first: NDArray[np.intp], second: NDArray[np.intp], stddev: float
) -> tuple[Array, Array]:
    """States after it is known that ``first`` and ``second`` (m,), nobody twice, go with the same velocity.

    The difference of their velocities is measured as 0, with ``stddev`` [m/s] on each axis; what both have in common
    is not kept.
    """
    if not len(first):
        return mean, covariance
    before, before_spread = mean, covariance
    mean, covariance = mean.copy(), covariance.copy()
    total = before_spread[first, 2:, 2:] + before_spread[second, 2:, 2:] + stddev**2 * _EYE
    for one, other in ((first, second), (second, first)):
        gain = before_spread[one][:, :, 2:] @ inverse(total)
        mean[one] += (gain @ (before[other, 2:] - before[one, 2:])[:, :, None])[:, :, 0]
        covariance[one] -= gain @ before_spread[one][:, 2:, :]
    return mean, covariance


def inverse(matrices: Array) -> Array:
    """Of symmetric (n, 2, 2) matrices."""
    adjugate = np.empty_like(matrices)
    adjugate[:, 0, 0], adjugate[:, 1, 1] = matrices[:, 1, 1], matrices[:, 0, 0]
    adjugate[:, 0, 1] = adjugate[:, 1, 0] = -matrices[:, 0, 1]
    return adjugate / determinant(matrices)[:, None, None]


def determinant(matrices: Array) -> Array:
    """Of (n, 2, 2) matrices: (n,)."""
    return np.asarray(matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0])


def mahalanobis(error: Array, spread: Array) -> Array:
    """Squared distance (n,) of errors (n, d) with covariance (n, d, d)."""
    return np.asarray(np.einsum("ni,ni->n", error, np.linalg.solve(spread, error[:, :, None])[:, :, 0]))


def distance(error: Array, spread: Array) -> Array:
    """Squared Mahalanobis distance (n,) of errors (n, 2) with covariance (n, 2, 2)."""
    x, y = error.T
    return np.asarray(
        (spread[:, 1, 1] * x * x - 2 * spread[:, 0, 1] * x * y + spread[:, 0, 0] * y * y) / determinant(spread)
    )


def surprise(error: Array, spread: Array) -> tuple[Array, Array]:
    """Squared Mahalanobis distance (n,) of errors (n, 2), and minus the log of their Gaussian density [1/m^2]."""
    squared = distance(error, spread)
    return squared, 0.5 * squared + 0.5 * np.log(determinant(spread)) + _LOG_2PI
