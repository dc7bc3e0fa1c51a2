"""Everybody the tracker follows, one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Population:
    """n people as arrays, in the order of their first sight."""

    track_id: NDArray[np.int64]
    """(n,) from 1; 0 of those not believed in yet."""
    mean: Array
    """(n, 4) x, y, vx, vy in map [m, m/s]."""
    covariance: Array
    """(n, 4, 4)."""
    origin: Array
    place: Array
    """(n, 2) where each was seen first and last [m, map]."""
    height: Array
    """(n,) [m], NaN while unknown."""
    height_variance: Array
    """(n,) [m^2]."""
    knot: NDArray[np.int64]
    """(n,) the same above 0 for those who may have been mistaken for each other lately; 0 for nobody's."""
    recent_height: Array
    recent_variance: Array
    """(n,) the height since then."""
    top: Array
    """(n,) the highest head of each when it was seen last [m], NaN while unknown."""
    doubts: NDArray[np.int64]
    """(n,) how often somebody much taller was seen lately than these heights say."""
    first_ns: NDArray[np.int64]
    seen_ns: NDArray[np.int64]
    """(n,) stamps of the first and the last step with a detection."""
    steps: NDArray[np.int64]
    detections: NDArray[np.int64]
    """(n,) how many steps with a detection, and how many detections there were."""
    agility: Array
    """(n,) how much farther measurements move each lately than a steady walk would need: mean square ratio."""
    beside: NDArray[np.int64]
    """(n,) in how many steps one sensor saw both this one and the believed person next to it."""
    companion: NDArray[np.int64]
    """(n,) track id of who walks beside this one, as far as sensors tell the two apart; 0: nobody."""
    merged: NDArray[np.int64]
    """(n,) track id of whom sensors took this one and them for one when it was seen last; 0: nobody."""
    alone_ns: NDArray[np.int64]
    """(n,) stamp of the last step with a detection of this one by itself, and not of two who were taken for one."""
    agreement: Array
    """(n,) log-likelihood ratio of a person, whom all covering sensors see, to a ghost, which one sensor sees."""
    absence: Array
    """(n,) seconds unseen, in which the sensors that cover the place should have seen somebody."""
    overlooked: Array
    """(n,) log-likelihood that somebody who is still there was not seen since the last detection."""
    confidence: Array
    """(n,) probability that the track is still the person with whom it began."""

    @classmethod
    def empty(cls) -> Self:
        """Nobody."""
        return cls.born(np.empty((0, 4)), np.empty((0, 4, 4)), 0)

    @classmethod
    def born(cls, mean: Array, covariance: Array, stamp_ns: int) -> Self:
        """People who are seen for the first time, before their detections are counted."""
        n = len(mean)
        stamps = np.full(n, stamp_ns, dtype=np.int64)
        zeros = np.zeros(n, dtype=np.int64)
        return cls(
            track_id=zeros,
            mean=mean,
            covariance=covariance,
            origin=mean[:, :2].copy(),
            place=mean[:, :2].copy(),
            height=np.full(n, np.nan),
            height_variance=np.full(n, np.nan),
            knot=zeros.copy(),
            recent_height=np.full(n, np.nan),
            recent_variance=np.full(n, np.nan),
            top=np.full(n, np.nan),
            doubts=zeros.copy(),
            first_ns=stamps,
            seen_ns=stamps.copy(),
            steps=zeros.copy(),
            detections=zeros.copy(),
            agility=np.ones(n),
            beside=zeros.copy(),
            companion=zeros.copy(),
            merged=zeros.copy(),
            alone_ns=stamps.copy(),
            agreement=np.zeros(n),
            absence=np.zeros(n),
            overlooked=np.zeros(n),
            confidence=np.ones(n),
        )

    def __len__(self) -> int:
        return len(self.track_id)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """A copy of some rows."""
        return type(self)(*(getattr(self, name)[rows] for name in type(self).__slots__))

    def copy(self) -> Self:
        """An independent copy."""
        return self.take(np.arange(len(self)))

    def with_(self, others: Self) -> Self:
        """These and others after them."""
        return type(self)(
            *(np.concatenate([getattr(self, name), getattr(others, name)]) for name in type(self).__slots__)
        )
