"""What really happened in a simulated store, as plain values.

Only ``aisle_sim`` makes them and only the scorer reads them; no stage of the store ever sees one.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from aisle_core.types import Point


@dataclass(frozen=True, slots=True)
class TruthPerson:
    """One person at one instant; ``shopper`` is the name in the scenario, unique in a run."""

    shopper: str
    credential: str
    """Fingerprint of the credential that pays for this person; the same within a group; "" for staff without visit."""
    position: Point
    """On the floor, under the middle of the torso."""
    velocity: Point
    height: float
    head: Point
    """Top of the head."""
    left_hand: Point
    right_hand: Point


@dataclass(frozen=True, slots=True)
class TruthPeople:
    """Everybody on the sales floor at one instant."""

    stamp_ns: int
    sequence: int
    people: tuple[TruthPerson, ...]


class TruthEventKind(enum.IntEnum):
    """Values of ``TruthEvent.msg``."""

    UNKNOWN = 0
    ENTER = 1
    """Passed an entry lane."""
    LEAVE = 2
    """Passed an exit lane."""
    PICK = 3
    """Units left a plate into a hand."""
    PUT_BACK = 4
    """Units came from a hand onto a plate; the plate need not be the one they came from."""
    HAND_OVER = 5
    """Units went from ``shopper`` to ``other``."""
    DROP = 6
    """Units went to the floor."""
    PICK_UP = 7
    """Units came up from the floor."""
    TOUCH = 8
    """A hand pressed on a plate and let go, nothing moved: lean, bump, touch."""
    LIFT = 9
    """Units left a plate for longer than a moment but came back to the same plate by the same hand."""
    RESTOCK = 10
    """Staff put units on a plate."""


@dataclass(frozen=True, slots=True)
class TruthEvent:
    """One deed. ``quantity`` counts pieces (positive); ``mass`` [kg] is the change on the plates, signed."""

    stamp_ns: int
    """Begin of the contact with the plate, or the instant of the deed."""
    end_ns: int
    sequence: int
    kind: TruthEventKind
    shopper: str
    other: str
    """Who got it, for HAND_OVER; else ""."""
    plate_ids: tuple[str, ...]
    """Plates whose load changed, the most changed first; empty away from shelves."""
    sku: str
    quantity: int
    mass: float


@dataclass(frozen=True, slots=True)
class TruthLine:
    """Units of one product."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class TruthCart:
    """What one credential has to pay for, by the declared policy: the first picker pays unless it is put back."""

    stamp_ns: int
    sequence: int
    credential: str
    shoppers: tuple[str, ...]
    """The group, in order of entry."""
    closed: bool
    """The last of the group has left: this is the true receipt."""
    lines: tuple[TruthLine, ...]
