"""What the depth sensors of a store see, and where a shopper can stand.

Fixtures are taken as solid, as if full of goods. A plate counts as seen when the opening is that a hand
reaches through: a point just before the fixture's front, over the middle of the plate, half way up its free space.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from .frames import optical_pose
from .geometry import footprint, inside, to_local
from .model import DepthModel, Fixture, Plate, Point3, Pose, Store

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

HEAD_HEIGHT = 1.7
"""Where the head of a standing adult is [m]."""
HIGHEST_REACH = 2.0
"""Plates above this are out of a shopper's reach [m]."""
HEAD_RADIUS = 0.1
SHOULDERS = 0.25
"""Half the width of a person with clothes [m]: the middle of a standing body stays so far from walls and fixtures."""
LANE_REACH = 0.5
"""A lane leads to the walkable floor within this distance of its middle [m]."""
_BEFORE_FRONT = 0.02
_SAMPLE = 37
"""Of so many cells one is looked at first."""
_STANDS = np.stack(np.meshgrid((-0.3, 0.0, 0.3), (0.3, 0.45, 0.6)), axis=-1).reshape(-1, 2)
"""Where to stand for a plate: along the shelf from its middle, and before the fixture's front [m]."""


class Body(NamedTuple):
    """The space that a fixture takes: its frame's pose, and where its box begins and ends in that frame [m]."""

    pose: Pose
    low: Point3
    high: Point3


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Cells of the floor's bounding box; arrays over it have shape (rows along y, columns along x)."""

    cell: float
    """Side of a cell [m]."""
    x: Array
    """Middles of the columns."""
    y: Array
    """Middles of the rows."""
    free: Bools
    """On the floor and not in a fixture."""
    heads: Bools
    """The middle of a head can be above this cell."""
    walkable: Bools
    """The middle of a standing person can be here, and can walk here from a lane (from anywhere without lanes)."""

    def index(self, points: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of points (..., 2); those outside get the nearest cell."""
        column = np.clip(np.rint((points[..., 0] - self.x[0]) / self.cell), 0, len(self.x) - 1)
        row = np.clip(np.rint((points[..., 1] - self.y[0]) / self.cell), 0, len(self.y) - 1)
        return row.astype(np.intp), column.astype(np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Numbers of depth sensors that see something."""

    grid: Grid
    floor: NDArray[np.int64]
    """Per cell at z = 0; -1 where the floor is not free."""
    head: NDArray[np.int64]
    """Per cell at the height of a head; -1 where no head can be."""
    plates: dict[str, int]
    """Per plate."""


def body(fixture: Fixture) -> Body | None:
    """The whole body, or what the plates and the space above them take where no size is known."""
    if fixture.size is not None:
        return Body(fixture.pose, Point3(0.0, 0.0, 0.0), Point3(*fixture.size))
    plates = [plate for shelf in fixture.shelves for plate in shelf.plates]
    if not plates:
        return None
    local = to_local(fixture.pose, np.array([plate.centre for plate in plates]))
    size = np.array([plate.size for plate in plates])
    half = size * (0.5, 0.5, 0.0)
    low, high = (local - half).min(axis=0), (local + size - half).max(axis=0)
    return Body(fixture.pose, Point3(low[0], low[1], 0.0), Point3(*high))


def floor_grid(store: Store, cell: float = 0.1) -> Grid:
    """The floor in cells."""
    corners = np.array(store.floor)
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    x = np.arange(x0 + cell / 2, x1, cell)
    y = np.arange(y0 + cell / 2, y1, cell)
    middles = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    free = inside(middles, store.floor)
    for box in _bodies(store):
        local = to_local(box.pose, middles)
        free &= ~((local >= box.low[:2]) & (local <= box.high[:2])).all(axis=-1)
    free = free.reshape(len(y), len(x))
    clearance = (ndimage.distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1] - 0.5) * cell
    heads, walkable = clearance >= HEAD_RADIUS, clearance >= SHOULDERS
    if store.lanes:
        regions, _ = ndimage.label(walkable, structure=np.ones((3, 3)))
        distance = np.linalg.norm(middles[:, None] - np.array([lane.position for lane in store.lanes]), axis=-1)
        near = (distance.min(axis=1) <= LANE_REACH).reshape(regions.shape)
        walkable = np.isin(regions, np.setdiff1d(regions[near], [0]))
    return Grid(cell, x, y, free, heads, walkable)


def coverage(store: Store, grid: Grid, ceiling: float | None = None) -> Coverage:
    """Count the sensors per cell and plate; ``ceiling`` hangs all of them at this height instead of their own."""
    plates = list(store.plates.values())
    parts = _above(grid, grid.free, 0.0), _above(grid, grid.heads, HEAD_HEIGHT), openings(store, plates)
    counts = _counts(Bodies(store), _hung(store, ceiling), np.concatenate(parts))
    floor, head, plate = np.split(counts, np.cumsum([len(part) for part in parts])[:-1])
    on_floor, at_head = (np.full(grid.free.shape, -1) for _ in range(2))
    on_floor[grid.free], at_head[grid.heads] = floor, head
    return Coverage(grid, on_floor, at_head, {p.plate_id: int(n) for p, n in zip(plates, plate, strict=True)})


def required_ceiling(store: Store, grid: Grid, highest: float = 6.0) -> float | None:
    """Least height [m, in steps of 5 cm] at which the sensors leave no head unseen; None: not even at ``highest``."""
    heads = _above(grid, grid.heads, HEAD_HEIGHT)
    bodies = Bodies(store)
    for step in range(round(20 * HEAD_HEIGHT) + 1, round(20 * highest) + 1):
        hung = _hung(store, step / 20)
        if _counts(bodies, hung, heads[::_SAMPLE]).all() and _counts(bodies, hung, heads).all():
            return step / 20
    return None


def _above(grid: Grid, cells: Bools, height: float) -> Array:
    """(n, 3) points over the middles of cells."""
    places = np.stack(np.meshgrid(grid.x, grid.y), axis=-1)[cells]
    return np.column_stack([places, np.full(len(places), height)])


def _hung(store: Store, ceiling: float | None) -> list[tuple[DepthModel, Array]]:
    """Model and map_T_optical of every sensor, at its own height or at the ceiling's."""
    return [
        (sensor.model, optical_pose(sensor.pose if ceiling is None else sensor.pose._replace(z=ceiling)))
        for sensor in store.depth_sensors
    ]


def openings(store: Store, plates: Sequence[Plate]) -> Array:
    """(n, 3) points through which a hand reaches the plates."""
    points = _before(store, plates, 0.0, _BEFORE_FRONT)
    height = [plate.centre.z + plate.size.height / 2 for plate in plates]
    return np.column_stack([points, np.array(height, np.float64)])


def reachable(store: Store, grid: Grid, plates: Sequence[Plate]) -> Bools:
    """Before which plates (n,) somebody who came in by a lane can stand."""
    can = np.zeros(len(plates), np.bool_)
    for along, before in _STANDS:
        can |= grid.walkable[grid.index(_before(store, plates, along, before))]
    return can


def _before(store: Store, plates: Sequence[Plate], along: float, before: float) -> Array:
    """(n, 2) points ``along`` the shelf from the plates' middles and ``before`` the fronts of their fixtures."""
    front = {fixture.fixture_id: box.low[1] for fixture in store.fixtures if (box := body(fixture)) is not None}
    origin = {fixture.fixture_id: fixture.pose for fixture in store.fixtures}
    centre = np.array([plate.centre[:2] for plate in plates], np.float64).reshape(-1, 2)
    pose = np.array([origin[plate.fixture_id] for plate in plates], np.float64).reshape(-1, 4)
    right = np.stack([np.cos(pose[:, 3]), np.sin(pose[:, 3])], axis=-1)
    inward = np.stack([-right[:, 1], right[:, 0]], axis=-1)
    depth = ((centre - pose[:, :2]) * inward).sum(axis=-1) - [front[plate.fixture_id] for plate in plates]
    points: Array = centre + along * right - (depth + before)[:, None] * inward
    return points


def _counts(bodies: Bodies, sensors: Sequence[tuple[DepthModel, Array]], points: Array) -> NDArray[np.int64]:
    """Number of depth sensors (n,) that see points (n, 3)."""
    counts = np.zeros(len(points), np.int64)
    tree = cKDTree(points[:, :2])
    for model, pose in sensors:
        near = np.array(tree.query_ball_point(pose[:2, 3], model.max_range), np.intp)
        in_view = near[_in_view(model, pose, points[near])]
        if len(in_view):
            counts[in_view] += ~bodies.block(pose[:3, 3], points[in_view])
    return counts


def _in_view(model: DepthModel, pose: Array, points: Array) -> Bools:
    """Which points lie in the field of view and the range."""
    x, y, z = ((points - pose[:3, 3]) @ pose[:3, :3]).T
    wide = math.tan(model.horizontal_fov / 2)
    high = wide * model.height / model.width
    seen: Bools = (z >= model.min_range) & (z <= model.max_range) & (np.abs(x) <= wide * z) & (np.abs(y) <= high * z)
    return seen


class Bodies:
    """All bodies of a store as obstacles."""

    def __init__(self, store: Store) -> None:
        self.boxes = _bodies(store)
        corners = np.array([footprint(*box) for box in self.boxes]).reshape(-1, 4, 2)
        self.low, self.high = corners.min(axis=1), corners.max(axis=1)

    def block(self, eye: Array, points: Array) -> Bools:
        """Whether a body lies between the eye (3,) and points (n, 3), by the slab method in each body's own frame."""
        blocked = np.zeros(len(points), np.bool_)
        low, high = np.minimum(points.min(axis=0), eye), np.maximum(points.max(axis=0), eye)
        between = ((self.low <= high[:2]) & (self.high >= low[:2])).all(axis=1)
        for i in np.flatnonzero(between):
            box = self.boxes[i]
            start = to_local(box.pose, eye[None])
            way = to_local(box.pose, points) - start
            way[way == 0] = 1e-12
            sides = np.stack([(box.low - start) / way, (box.high - start) / way])
            enters, leaves = sides.min(axis=0).max(axis=-1), sides.max(axis=0).min(axis=-1)
            blocked |= (enters < leaves) & (leaves > 0) & (enters < 1)
        return blocked


def _bodies(store: Store) -> list[Body]:
    return [box for fixture in store.fixtures if (box := body(fixture)) is not None]
