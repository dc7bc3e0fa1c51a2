"""Where people stand to reach things."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aisle_core.store import Store
from aisle_sim.body import grip, reaches
from aisle_sim.walking import Ground, Point

if TYPE_CHECKING:
    from aisle_sim.scenario import Stand

_ASIDES = (0.0, 0.15, -0.15, 0.3, -0.3, 0.42, -0.42, 0.55, -0.55)
_AWAYS = (0.42, 0.36, 0.55, 0.7)


class StandPlace(NamedTuple):
    """A point on the floor in map [m] and the heading [rad] towards the shelf."""

    point: Point
    heading: float


def stand_places(
    ground: Ground, store: Store, plate_id: str, height: float, stand: Stand | None = None
) -> list[StandPlace]:
    """Where a person of this height can stand to reach a plate, the best first: all places, or the one asked for."""
    plate = store.plates[plate_id]
    front, side = fronts(ground, store, plate_id)
    depth, up = grip(plate)
    inset = float((np.array(plate.centre[:2]) - front) @ -side) - plate.size.depth / 2
    along = np.array([math.cos(plate.yaw), math.sin(plate.yaw)])
    heading = math.atan2(-side[1], -side[0])
    wishes = [(aside, away) for away in _AWAYS for aside in _ASIDES] if stand is None else [(stand.aside, stand.away)]
    points = front + np.array([away * side + aside * along for aside, away in wishes])
    sideways = np.maximum(np.abs([aside for aside, _ in wishes]) - plate.size.width / 2, 0.0)
    distance = np.hypot(np.array([away for _, away in wishes]) + inset + depth, sideways)
    good = reaches(height, distance, up) & ground.hold(points)
    return [StandPlace((float(x), float(y)), heading) for x, y in points[good]]


def fronts(ground: Ground, store: Store, plate_id: str) -> tuple[np.ndarray, np.ndarray]:
    """(2,) the point of the fixture's front before the middle of the plate [m], (2,) unit vector out of the shelf."""
    plate = store.plates[plate_id]
    out = np.array([math.sin(plate.yaw), -math.cos(plate.yaw)])
    corners = np.array(ground.fixtures[plate.fixture_id].exterior.coords)
    middle = np.array(plate.centre[:2])
    reach = float(((corners - middle) @ out).max())
    return middle + reach * out, out
