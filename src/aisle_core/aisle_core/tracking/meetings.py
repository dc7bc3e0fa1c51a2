"""Who may have been mistaken for whom, and what their heights say about it afterwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from . import motion, stature
from .association import groups, near
from .config import TrackerConfig
from .population import Population

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_SAME_HEIGHT = 0.02**2
"""How much the measured height of one person varies from place to place, at least [m^2]."""
_ALIKE = 9.0
"""Squared Mahalanobis distance of their places below which two people may be mistaken for each other."""
_ENOUGH = 10
"""After so many times the heights that are needed, more will not settle who is who."""


def close(people: Population, rows: Index, distance: float) -> tuple[Index, Index]:
    """Pairs of people who are believed in, among these, nearer to each other than ``distance`` [m]."""
    believed = rows[people.track_id[rows] > 0]
    place = people.mean[believed, :2]
    first, second = near(place, place, distance)
    once = first < second
    return believed[first[once]], believed[second[once]]


def meet(people: Population, config: TrackerConfig) -> None:
    """Lower the confidence of people whose places, velocities and heights are alike, and knot them together."""
    a, b = close(people, np.arange(len(people)), config.meeting_distance)
    if not len(a):
        return
    distance = motion.mahalanobis(people.mean[a] - people.mean[b], people.covariance[a] + people.covariance[b])
    height = (people.height[a] - people.height[b]) ** 2 / (people.height_variance[a] + people.height_variance[b])
    mistaken = 0.5 * np.exp(-0.5 * (distance + np.where(np.isnan(height), 0.0, height)))
    for one in (a, b):
        np.minimum.at(people.confidence, one, 1.0 - mistaken)
    apart, spread = (
        people.mean[a, :2] - people.mean[b, :2],
        people.covariance[a, :2, :2] + people.covariance[b, :2, :2],
    )
    alike = motion.distance(apart, spread) < _ALIKE
    a, b = a[alike], b[alike]
    if not len(a):
        return
    known = np.flatnonzero(people.knot)
    first = known[np.unique(people.knot[known], return_index=True)[1]]
    of_knot = first[np.searchsorted(people.knot[first], people.knot[known])]
    label = groups(len(people), np.concatenate([a, known]), np.concatenate([b, of_knot]))
    rows = np.union1d(known, np.concatenate([a, b]))
    people.knot[rows] = label[rows] + 1
    for one in (a, b):
        people.recent_height[one] = people.recent_variance[one] = np.nan


def tell_apart(people: Population, config: TrackerConfig) -> None:
    """Give people of a knot each other's identities if their heights say so, and untie it when that is settled."""
    if not people.knot.any():
        return
    samples = config.height_stddev**2 / people.recent_variance
    for knot in np.unique(people.knot[samples >= config.meeting_samples]).tolist():
        members = np.flatnonzero(people.knot == knot)
        rows = members[samples[members] >= config.meeting_samples]
        cost = _misfit(people, rows)
        was, now = linear_sum_assignment(cost)
        if np.trace(cost) - cost[was, now].sum() > config.swap_cost:
            changed = now != was
            before, after = rows[was[changed]], rows[now[changed]]
            for values in (people.track_id, people.height, people.height_variance, people.first_ns):
                values[after] = values[before]
            people.confidence[after] = 1.0 - people.confidence[before]
            cost = cost[np.argsort(now)]
        straight = np.diag(cost)
        against = np.abs(cost + cost.T - straight - straight[:, None])
        np.fill_diagonal(against, np.inf)
        settled = against.min() > config.swap_cost or samples[members].min() >= _ENOUGH * config.meeting_samples
        if len(rows) < len(members) or not settled:
            continue
        # Bayes: a doubt remains as far as the heights do not say which way it was.
        evidence = np.exp(-against.min(axis=1))
        right = people.confidence[rows].clip(0.01, 0.99)
        people.confidence[rows] = right / (right + (1.0 - right) * evidence)
        people.height[rows], people.height_variance[rows], people.doubts[rows] = stature.learned(
            people.height[rows],
            people.height_variance[rows],
            people.recent_height[rows],
            people.recent_variance[rows],
            people.doubts[rows],
        )
        people.knot[rows] = 0
        people.recent_height[rows] = people.recent_variance[rows] = np.nan


def _misfit(people: Population, rows: Index) -> Array:
    """(n, n) minus log-likelihood that who was in a row before a meeting is now in each other one; 0 if unknown."""
    variance = people.height_variance[rows, None] + people.recent_variance[rows] + _SAME_HEIGHT
    return stature.surprise(people.recent_height[rows] - people.height[rows, None], variance)
