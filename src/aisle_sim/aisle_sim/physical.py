"""What the world tells its sensors: bodies, pieces of goods, and forces on plates. All in frame ``map``."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

JOINTS = (
    "head",
    "neck",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_hand",
    "right_hand",
    "pelvis",
    "left_knee",
    "right_knee",
    "left_foot",
    "right_foot",
)
"""Order of the joints in ``People.joints``; ``head`` is the middle of the head."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One unit of a product, with a mass [kg] of its own. ``size`` is width, depth, height [m]."""

    piece_id: int
    sku: str
    mass: float
    size: tuple[float, float, float]


class Place(enum.IntEnum):
    """Where somebody carries a piece."""

    LEFT_HAND = 0
    RIGHT_HAND = 1
    BAG = 2


@dataclass(frozen=True, slots=True)
class Carried:
    """A piece with a person; ``person`` is the index in ``People.names``."""

    piece: Piece
    person: int
    place: Place


@dataclass(frozen=True, slots=True)
class Resting:
    """A piece at rest; ``position`` is the middle of its bottom [m], ``plate_id`` is "" on the floor."""

    piece: Piece
    plate_id: str
    position: tuple[float, float, float]
    yaw: float


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Everybody in and around the store at one instant."""

    stamp_ns: int
    names: tuple[str, ...]
    position: Array
    """(n, 2) under the middle of the torso [m]."""
    velocity: Array
    """(n, 2) [m/s]."""
    heading: Array
    """(n,) direction of the torso about z [rad]."""
    height: Array
    """(n,) of the upright body [m]."""
    joints: Array
    """(n, len(JOINTS), 3) [m]."""
    carried: tuple[Carried, ...]


class HasPeople(Protocol):
    """The world, as far as a device meets people in it."""

    def people(self, stamp_ns: int, /) -> People:
        """Everybody at that instant."""


@dataclass(frozen=True, slots=True)
class LoadStep:
    """The load of a plate changes for good by ``mass`` [kg] at ``stamp_ns``; several for goods across plates."""

    stamp_ns: int
    plate_id: str
    mass: float


class PressKind(enum.IntEnum):
    """Why a plate is pressed for a while."""

    TOUCH = 0
    """A hand around a pick or a put-back, or feeling the goods: tens of milliseconds to seconds."""
    LEAN = 1
    """Somebody leans on the board."""
    BUMP = 2
    """A knock against the fixture: a short swing."""


@dataclass(frozen=True, slots=True)
class LoadPress:
    """A force on a plate that passes: ``mass`` [kg] is its peak (may be negative), over ``duration_s``."""

    stamp_ns: int
    plate_id: str
    mass: float
    duration_s: float
    kind: PressKind


Load = LoadStep | LoadPress
