"""Shelves as what hands reach into: fronts, and which plates a hand is at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from ..store import Store
from ..store.coverage import body
from ..types import Hand

Array = NDArray[np.float64]


class PlateChance(NamedTuple):
    """How likely a hand is at a plate."""

    plate_id: str
    probability: float


class Shelves:
    """The fixtures with plates, each in its own frame: ``along`` the front, ``inward`` from the front, up.

    ``origin`` (f, 2) left end of the front [m], ``along`` and ``inward`` (f, 2) unit vectors, ``length``, ``depth``,
    ``low`` and ``high`` (f,) extent of the body from there, and of the free space above its plates in height [m].
    """

    def __init__(self, store: Store) -> None:
        rows = [(fixture, box) for fixture in store.fixtures if (box := body(fixture)) and any(fixture.shelves)]
        rows = [(fixture, box) for fixture, box in rows if any(shelf.plates for shelf in fixture.shelves)]
        yaw = np.array([fixture.pose.yaw for fixture, _ in rows])
        low, high = (np.array([getattr(box, end) for _, box in rows]).reshape(-1, 3) for end in ("low", "high"))
        self.along = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        self.inward = np.stack([-np.sin(yaw), np.cos(yaw)], axis=-1)
        pose = np.array([fixture.pose[:2] for fixture, _ in rows]).reshape(-1, 2)
        self.origin = pose + low[:, :1] * self.along + low[:, 1:2] * self.inward
        self.length, self.depth = high[:, 0] - low[:, 0], high[:, 1] - low[:, 1]

        number = {fixture.fixture_id: row for row, (fixture, _) in enumerate(rows)}
        plates = list(store.plates.values())
        self.plate_ids = tuple(plate.plate_id for plate in plates)
        self.fixture_of = np.array([number[plate.fixture_id] for plate in plates], np.intp)
        centre = np.array([plate.centre for plate in plates]).reshape(-1, 3)
        size = np.array([plate.size for plate in plates]).reshape(-1, 3)
        along, inward = self.local(centre[:, :2], self.fixture_of)
        self._low = np.stack([along - size[:, 0] / 2, inward - size[:, 1] / 2, centre[:, 2]], axis=-1)
        self._high = np.stack([along + size[:, 0] / 2, inward + size[:, 1] / 2, centre[:, 2] + size[:, 2]], axis=-1)

    def local(self, points: ArrayLike, fixtures: NDArray[np.intp]) -> tuple[Array, Array]:
        """Along the front and inward (n,) of points (n, 2), each in the frame of its fixture [m]."""
        way = np.asarray(points) - self.origin[fixtures]
        return (way * self.along[fixtures]).sum(axis=-1), (way * self.inward[fixtures]).sum(axis=-1)

    def ahead(self, places: ArrayLike, before: float) -> tuple[NDArray[np.intp], Array]:
        """Of places (k, 2) the fixture (k,) whose front half they are over or less than ``before`` [m] before, else -1.

        And (k, 2) where they are along and inward in the frame of that fixture [m].
        """
        way = np.asarray(places, np.float64)[:, None] - self.origin
        along, inward = (way * self.along).sum(axis=-1), (way * self.inward).sum(axis=-1)
        here = (along > 0) & (along < self.length) & (inward > -before) & (inward < self.depth / 2)
        person, fixture = np.nonzero(here)
        front, local = np.full(len(way), -1, np.intp), np.zeros((len(way), 2))
        front[person] = fixture
        local[person, 0], local[person, 1] = along[here], inward[here]
        return front, local

    def likely(self, hand: Hand, number: int, approach: float) -> list[PlateChance]:
        """The ``number`` plates that the hand is most likely at, best first; fewer where none are near.

        A hand is at a plate while it is in the free space above it, or less than ``approach`` [m] before it. The
        probability is that of the hand's normal distribution within this box, with the axes of the plate's fixture
        taken as independent; it is not normalised over plates.
        """
        position, covariance = np.array(hand.position), np.array(hand.covariance).reshape(3, 3)
        along, inward = self.local(np.tile(position[:2], (len(self.fixture_of), 1)), self.fixture_of)
        axes = np.stack([self.along, self.inward], axis=1)
        spread = np.sqrt(np.einsum("fai,ij,faj->fa", axes, covariance[:2, :2], axes))[self.fixture_of]
        at = np.stack([along, inward, np.full(len(along), position[2])], axis=-1)
        sigma = np.maximum(np.column_stack([spread, np.full(len(along), np.sqrt(covariance[2, 2]))]), 1e-3)
        low = self._low - np.array([0.0, approach, 0.0])
        chance = (ndtr((self._high - at) / sigma) - ndtr((low - at) / sigma)).prod(axis=-1)
        best = np.argsort(-chance, kind="stable")[:number]
        return [PlateChance(self.plate_ids[row], float(chance[row])) for row in best if chance[row] > 1e-9]
