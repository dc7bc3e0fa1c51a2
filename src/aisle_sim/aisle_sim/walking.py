"""Where people can walk, and how they walk there: JuPedSim, or along recorded trajectories.

JuPedSim's collision-free speed model (Tordeux, Chraibi, Seyfried 2016, arXiv 1512.05597) finds the ways and keeps
people apart; a critically damped filter turns its positions into those of bodies with inertia.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jupedsim
import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import FiniteFloat
from shapely.geometry.base import BaseGeometry

from aisle_core.errors import AisleError
from aisle_core.store import Fixture, Lane, Store
from aisle_core.store.model import Frozen, Id
from aisle_core.store.reading import CsvFile

Array = NDArray[np.float64]
Point = tuple[float, float]

STEP_S = 0.05
"""Of the walking model [s]."""
RADIUS = 0.2
"""Half the room that a person keeps in a free way [m]."""
_SLIM = 0.09
"""The same of who turns sideways, to pass or to let others pass [m]. Two then come as near as the depth of a torso,
0.2 to 0.25 m; with more, nobody gets past two who stand in a lane.
"""
_POINT = 0.01
"""The library adds nobody whose radius reaches a wall [m]; it may grow afterwards."""
_CLEARANCE = 0.1
"""Nobody's middle comes nearer to a fixture or a wall than this [m]; the radius comes on top where there is room."""
_LANE_WIDTH = 1.0
_HALF_LANE = 0.65
"""A body whose middle is farther from the middle of the lane does not pass it [m]."""
_FORECOURT = (3.0, 2.6)
"""Width and depth of the place outside each lane where people come from and go to [m]."""
_PROGRESS = 0.25
"""Who has not come so far from where it was [m] is stuck."""
_SQUEEZE_AFTER_S, _MAKE_WAY_AFTER_S = 1.0, 4.0
_SIDESTEP_EVERY_S, _SIDESTEP_S = 2.0, 0.7
_MAKE_WAY = 0.9
_REPULSION = 8.0
_TIME_GAP = 0.4
"""Of people in a free way: strength of keeping apart (the library's default), following distance over speed [s].
Both are less for who makes itself slim.
"""
_OMEGA = 9.0
"""Of the filter between the model and the body [1/s]: 0.22 s behind."""
_TURN_OMEGA = 7.0


@dataclass(frozen=True, slots=True)
class LaneGround:
    """A lane as people walk it: points on the floor in map [m]; ``inward`` is the unit normal of the line."""

    lane: Lane
    line: Point
    inward: Point
    reader: Point
    """Where somebody stands who shows a credential."""
    inside: Point
    queue_inside: Point
    """Where somebody waits who wants out."""
    far: Point
    """Outside, where people come from and go to."""

    def progress(self, point: Point) -> float:
        """How far inside of the line a point is [m]; negative outside."""
        return (point[0] - self.line[0]) * self.inward[0] + (point[1] - self.line[1]) * self.inward[1]

    def outside(self, metres: float, aside: float = 0.0) -> Point:
        """A point this far out of the line."""
        x, y = self.inward
        return (self.line[0] - metres * x - aside * y, self.line[1] - metres * y + aside * x)


class Lines:
    """The lines of several lanes at once."""

    def __init__(self, lanes: Sequence[LaneGround]) -> None:
        self._points = points = np.array([lane.line for lane in lanes]).reshape(-1, 2)
        self._normals = np.array([lane.inward for lane in lanes]).reshape(-1, 2)
        self._across = self._normals[:, ::-1] * (-1.0, 1.0)
        self._offset = (points * self._normals).sum(axis=1)[:, None]
        self._middle = (points * self._across).sum(axis=1)[:, None]

    def progress(self, position: Array) -> Array:
        """(lanes, n) how far inside of each line (n, 2) positions are [m]; negative outside."""
        return np.asarray(self._normals @ position.T - self._offset)

    def within(self, position: Array) -> NDArray[np.bool_]:
        """(lanes, n) whether (n, 2) positions are within the width of each lane; of lanes side by side, the nearest."""
        metres = np.linalg.norm(self._points[:, None] - position, axis=2)
        within = np.abs(self._across @ position.T - self._middle) < _HALF_LANE
        return np.asarray(within & (metres == metres.min(axis=0, initial=np.inf)))


class Ground:
    """Where the middle of a person can be: the floor without fixtures, the lanes, and a forecourt outside of each."""

    def __init__(self, store: Store) -> None:
        """Raises AisleError when no lane leads to the floor."""
        self.floor = shapely.Polygon(store.floor)
        self.fixtures = {fixture.fixture_id: footprint(fixture) for fixture in store.fixtures}
        solid = shapely.union_all([shape.buffer(_CLEARANCE, join_style="mitre") for shape in self.fixtures.values()])
        free = self.floor.buffer(-_CLEARANCE, join_style="mitre").difference(solid)
        self.lanes: dict[str, LaneGround] = {}
        outside = self.floor.buffer(2 * _CLEARANCE, join_style="mitre")
        parts: list[BaseGeometry] = [free]
        for lane in store.lanes:
            inward, gap = _inward(self.floor, lane)
            here = LaneGround(lane, (lane.position.x, lane.position.y), inward, (0, 0), (0, 0), (0, 0), (0, 0))
            parts.append(_strip(here, -0.7, gap + 0.8, _LANE_WIDTH).difference(solid))
            parts.append(_strip(here, gap + 0.3, gap + 0.3 + _FORECOURT[1], _FORECOURT[0]).difference(outside))
            self.lanes[lane.lane_id] = LaneGround(
                lane,
                here.line,
                inward,
                reader=here.outside(max(gap, 0.0) + 0.45),
                inside=here.outside(-0.7),
                queue_inside=here.outside(-1.4, 0.6),
                far=here.outside(gap + 0.3 + _FORECOURT[1] - 0.5),
            )
        self.area = _with_lanes(shapely.union_all(parts).buffer(0), self.lanes)
        self._roomy = self.area.buffer(-0.06, join_style="mitre")
        shapely.prepare(self.area)
        shapely.prepare(self._roomy)
        shapely.prepare(self.floor)

    def holds(self, point: Point) -> bool:
        """Whether somebody can stand at the point."""
        return bool(shapely.contains_xy(self._roomy, *point))

    def hold(self, points: Array) -> NDArray[np.bool_]:
        """Whether somebody can stand at (n, 2) points."""
        return np.asarray(shapely.contains_xy(self._roomy, points[:, 0], points[:, 1]))

    def on_floor(self, points: Array) -> NDArray[np.bool_]:
        """Whether (n, 2) points are on the sales floor."""
        return np.asarray(shapely.contains_xy(self.floor, points[:, 0], points[:, 1]))

    def nearest(self, point: Point) -> Point:
        """The nearest point where somebody can stand."""
        if self.holds(point):
            return point
        found = shapely.shortest_line(shapely.Point(point), self._roomy.buffer(-0.005)).coords[-1]
        return (float(found[0]), float(found[1]))

    def obstacle(self, point: Point) -> str | None:
        """The fixture at the point, or the word 'wall' outside of the floor; None where somebody can stand."""
        if self.holds(point):
            return None
        for fixture_id, shape in self.fixtures.items():
            if shape.buffer(_CLEARANCE + 0.07).contains(shapely.Point(point)):
                return f"fixture {fixture_id}"
        return "the wall"


def footprint(fixture: Fixture) -> shapely.Polygon:
    """Of the fixture's body on the floor, in map; of its plates where the size is not known."""
    if fixture.size is not None:
        left, front, right, back = 0.0, 0.0, fixture.size.width, fixture.size.depth
    else:
        x, y, _, yaw = fixture.pose
        cos, sin = math.cos(yaw), math.sin(yaw)
        spans = []
        for shelf in fixture.shelves:
            for plate in shelf.plates:
                dx, dy = plate.centre.x - x, plate.centre.y - y
                u, v = dx * cos + dy * sin, dy * cos - dx * sin
                spans.append((u - plate.size.width / 2, v - plate.size.depth / 2))
                spans.append((u + plate.size.width / 2, v + plate.size.depth / 2))
        if not spans:
            return shapely.Polygon()
        (left, front), (right, back) = np.min(spans, axis=0), np.max(spans, axis=0)
    shape = shapely.box(left, front, right, back)
    turned = shapely.affinity.rotate(shape, fixture.pose.yaw, origin=(0, 0), use_radians=True)
    return shapely.affinity.translate(turned, fixture.pose.x, fixture.pose.y)


def _inward(floor: shapely.Polygon, lane: Lane) -> tuple[Point, float]:
    """Unit vector from the lane into the floor, and how far the lane is from the floor's edge [m]."""
    at = np.array(lane.position)
    corners = np.array(floor.exterior.coords)
    starts, edges = corners[:-1], np.diff(corners, axis=0)
    share = np.clip(((at - starts) * edges).sum(axis=1) / (edges**2).sum(axis=1), 0.0, 1.0)
    feet = starts + share[:, None] * edges
    nearest = int(np.argmin(np.linalg.norm(feet - at, axis=1)))
    normal = np.array([-edges[nearest, 1], edges[nearest, 0]]) / np.linalg.norm(edges[nearest])
    if not shapely.contains_xy(floor, *(feet[nearest] + 0.01 * normal)):
        normal = -normal
    return (float(normal[0]), float(normal[1])), float((at - feet[nearest]) @ normal)


def _strip(lane: LaneGround, begin: float, end: float, width: float) -> shapely.Polygon:
    """A rectangle along the lane, from ``begin`` to ``end`` metres out of its line."""
    half = width / 2
    return shapely.Polygon(
        [
            lane.outside(begin, -half),
            lane.outside(begin, half),
            lane.outside(end, half),
            lane.outside(end, -half),
        ]
    )


def _with_lanes(area: BaseGeometry, lanes: dict[str, LaneGround]) -> shapely.Polygon:
    pieces = list(getattr(area, "geoms", [area]))
    best = max(pieces, key=lambda piece: piece.area)
    for lane_id, lane in lanes.items():
        for point in (lane.far, lane.inside):
            if not best.buffer(0.05).contains(shapely.Point(point)):
                raise AisleError(
                    f"lane {lane_id}: nobody can walk through it at {lane.line}; move it to the edge of the floor, "
                    f"with {_LANE_WIDTH:.0f} m of free floor behind it"
                )
    return shapely.Polygon(best.exterior, [hole for hole in best.interiors if shapely.Polygon(hole).area > 0.01])


@dataclass(slots=True)
class _Walker:
    agent: int
    here: Point
    target: Point
    speed: float = 0.0
    radius: float = RADIUS
    anchor: Point = (math.inf, math.inf)
    stuck_s: float = 0.0
    way_s: float = 0.0
    """How long it still makes way for others."""


@dataclass(slots=True)
class _Goal:
    point: Point
    speed: float


@dataclass(slots=True)
class Bodies:
    """The bodies of n people after a step, in map."""

    position: Array
    """(n, 2) [m]."""
    velocity: Array
    """(n, 2) [m/s]."""
    heading: Array
    """(n,) [rad], without jumps."""
    turn: Array
    """(n,) [rad/s]."""
    present: NDArray[np.bool_]
    walked: Array
    """(n,) way so far [m]."""


class Walking:
    """Moves up to ``count`` people, numbered from 0, in steps of STEP_S."""

    def __init__(self, ground: Ground, count: int) -> None:
        self._ground = ground
        self._walkers: dict[int, _Walker] = {}
        self._goals: dict[int, _Goal] = {}
        self._look: Array = np.full(count, np.nan)
        self._aim: Array = np.zeros((count, 2))
        self._recorded: dict[int, Trajectory] = {}
        self._time_s = 0.0
        self._start_simulation()
        self.bodies = Bodies(
            np.zeros((count, 2)),
            np.zeros((count, 2)),
            np.zeros(count),
            np.zeros(count),
            np.zeros(count, dtype=bool),
            np.zeros(count),
        )

    # --- who is where

    def add(self, person: int, point: Point, heading: float) -> bool:
        """Put somebody at a point, or nearby; False while there is no room."""
        for radius in (0.0, 0.3, 0.6, 0.9):
            for angle in np.linspace(0.0, 2 * np.pi, 9)[: 1 if radius == 0.0 else 8]:
                here = (point[0] + radius * float(np.cos(angle)), point[1] + radius * float(np.sin(angle)))
                if not self._ground.holds(here) or self._crowded(here, 2 * RADIUS):
                    continue
                self._walkers[person] = _Walker(self._add_agent(here, RADIUS), here, here)
                self._aim[person] = here
                self._place(person, here, heading)
                return True
        return False

    def follow(self, person: int, trajectory: Trajectory) -> None:
        """Move somebody along a recorded trajectory while it lasts; the others do not see it coming."""
        self._recorded[person] = trajectory

    def remove(self, person: int) -> None:
        """Somebody has gone."""
        self._simulation.mark_agent_for_removal(self._walkers.pop(person).agent)
        self._goals.pop(person, None)
        self.bodies.present[person] = False

    def go(self, person: int, point: Point, speed: float) -> None:
        """Walk towards a point at up to this speed [m/s]; the way is found round fixtures and people."""
        self._goals[person] = _Goal(self._ground.nearest(point), speed)
        self.face(person, None)

    def stand(self, person: int, heading: float | None = None) -> None:
        """Stop where one is, and turn to a heading."""
        self._goals.pop(person, None)
        self._walkers[person].stuck_s = 0.0
        self.face(person, heading)

    def face(self, person: int, heading: float | None) -> None:
        """Turn to a heading; None: look where one goes."""
        self._look[person] = np.nan if heading is None else heading

    def squeeze(self, person: int, slim: bool) -> None:
        """Let somebody come very near to others for a while."""
        if slim:
            self._walkers[person].way_s = 0.5

    def stuck_s(self, person: int) -> float:
        """For how long somebody has wanted to walk and could not."""
        walker = self._walkers.get(person)
        return walker.stuck_s if walker else 0.0

    # --- time

    def step(self) -> None:
        """Advance everybody by STEP_S."""
        self._make_way()
        self._steer()
        try:
            self._simulation.iterate()
            self._read()
        except RuntimeError:
            self._restart()
        self._time_s += STEP_S
        self._follow_trajectories()
        self._move_bodies()

    def _steer(self) -> None:
        """Give every agent its target and speed; a walker slows down near its goal."""
        for person, walker in self._walkers.items():
            goal = self._goals.get(person)
            if goal is None:
                target, speed = walker.target, 0.0
            else:
                target, left = self._aside(walker, goal), math.dist(walker.here, goal.point)
                speed = goal.speed * min(1.0, max(left / 0.6, 0.15)) if left > 0.02 else 0.0
            if target != walker.target or speed != walker.speed:
                agent = self._simulation.agent(walker.agent)
                agent.target = walker.target = target
                agent.model.desired_speed = walker.speed = speed

    def _aside(self, walker: _Walker, goal: _Goal) -> Point:
        """The goal; for who is stuck, now and then a place to the right first."""
        late = walker.stuck_s - _SQUEEZE_AFTER_S
        (x, y), (gx, gy) = walker.here, goal.point
        left = math.dist(walker.here, goal.point)
        if late < 0.0 or late % _SIDESTEP_EVERY_S > _SIDESTEP_S or left < 0.3:
            return goal.point
        ahead, aside = 0.25 / left, 0.4 / left
        point = (x + ahead * (gx - x) + aside * (gy - y), y + ahead * (gy - y) - aside * (gx - x))
        return point if self._ground.holds(point) else goal.point

    def _read(self) -> None:
        moving = [(person, walker) for person, walker in self._walkers.items() if walker.speed > 0.0]
        for person, walker in moving:
            here = self._simulation.agent(walker.agent).position
            self._aim[person] = walker.here = here
            if math.dist(here, walker.anchor) > _PROGRESS:
                walker.anchor, walker.stuck_s = here, 0.0
            else:
                walker.stuck_s += STEP_S
        here = self._aim[[person for person, _ in moving]]
        if not shapely.contains_xy(self._ground.area, here[:, 0], here[:, 1]).all():
            raise RuntimeError("somebody was pushed out of the walkable area")

    def _make_way(self) -> None:
        """Who is stuck squeezes through, and then those around turn sideways."""
        for walker in self._walkers.values():
            walker.way_s = max(walker.way_s - STEP_S, 0.0)
        for walker in self._walkers.values():
            if walker.stuck_s > _MAKE_WAY_AFTER_S:
                for neighbour in self._walkers.values():
                    if math.dist(walker.here, neighbour.here) < _MAKE_WAY:
                        neighbour.way_s = 1.5
        for walker in self._walkers.values():
            wanted = _SLIM if walker.way_s > 0.0 or walker.stuck_s > _SQUEEZE_AFTER_S else RADIUS
            if wanted != walker.radius:
                step = 0.1 * STEP_S if wanted > walker.radius else STEP_S
                walker.radius += max(-step, min(step, wanted - walker.radius))
                model = self._simulation.agent(walker.agent).model
                model.radius = walker.radius
                model.strength_neighbor_repulsion = _REPULSION * walker.radius / RADIUS
                model.time_gap = _TIME_GAP * walker.radius / RADIUS

    def _move_bodies(self) -> None:
        """One step of the critically damped filters of place and heading."""
        bodies = self.bodies
        before = bodies.position.copy()
        bodies.position, bodies.velocity = _damped(bodies.position, bodies.velocity, self._aim, _OMEGA)
        bodies.walked += np.where(bodies.present, np.linalg.norm(bodies.position - before, axis=1), 0.0)
        moving = np.linalg.norm(bodies.velocity, axis=1) > 0.25
        ahead = np.arctan2(bodies.velocity[:, 1], bodies.velocity[:, 0])
        wanted = np.where(np.isnan(self._look), np.where(moving, ahead, bodies.heading), self._look)
        wanted = bodies.heading + (wanted - bodies.heading + np.pi) % (2 * np.pi) - np.pi
        bodies.heading, bodies.turn = _damped(bodies.heading, bodies.turn, wanted, _TURN_OMEGA)

    def _follow_trajectories(self) -> None:
        for person, trajectory in self._recorded.items():
            here = trajectory.at(self._time_s)
            if here is None:
                self.bodies.present[person] = False
            elif not self.bodies.present[person]:
                ahead = trajectory.at(self._time_s + 0.5) or here
                self._place(person, here, math.atan2(ahead[1] - here[1], ahead[0] - here[0]))
            if here is not None:
                self._aim[person] = here

    def _place(self, person: int, point: Point, heading: float) -> None:
        bodies = self.bodies
        self._aim[person] = bodies.position[person] = point
        bodies.velocity[person] = bodies.turn[person] = 0.0
        bodies.heading[person] = heading
        bodies.present[person] = True

    # --- JuPedSim

    def _start_simulation(self) -> None:
        self._simulation = jupedsim.Simulation(
            model=jupedsim.CollisionFreeSpeedModelV2(), geometry=self._ground.area, dt=STEP_S
        )
        self._stage = self._simulation.add_direct_steering_stage()
        self._journey = self._simulation.add_journey(jupedsim.JourneyDescription([self._stage]))

    def _add_agent(self, point: Point, radius: float) -> int:
        parameters = jupedsim.CollisionFreeSpeedModelV2AgentParameters(
            position=point,
            time_gap=_TIME_GAP,
            desired_speed=0.0,
            radius=_POINT,
            journey_id=self._journey,
            stage_id=self._stage,
        )
        agent: int = self._simulation.add_agent(parameters)
        model = self._simulation.agent(agent).model
        model.radius, model.strength_neighbor_repulsion = radius, _REPULSION * radius / RADIUS
        return agent

    def _crowded(self, point: Point, room: float) -> bool:
        return any(math.dist(point, other.here) < room for other in self._walkers.values())

    def _restart(self) -> None:
        """A new simulation with everybody at the nearest free place, after the library has refused a step."""
        self._start_simulation()
        placed: list[Point] = []
        for person, walker in self._walkers.items():
            x, y = walker.here
            here = self._ground.nearest(walker.here)
            angle = 0.0
            while any(math.dist(here, other) < 2.2 * _SLIM for other in placed):
                angle += 2.4
                here = self._ground.nearest((x + 0.03 * angle * math.cos(angle), y + 0.03 * angle * math.sin(angle)))
            placed.append(here)
            self._aim[person] = here
            walker.here = walker.target = here
            walker.radius, walker.speed = _SLIM, 0.0
            walker.agent = self._add_agent(here, _SLIM)


def _damped(value: Array, rate: Array, target: Array, omega: float) -> tuple[Array, Array]:
    """One exact step of a critically damped second-order filter towards a constant target."""
    decay = math.exp(-omega * STEP_S)
    error = value - target
    slope = rate + omega * error
    return target + (error + slope * STEP_S) * decay, (rate - omega * slope * STEP_S) * decay


# --- recorded trajectories


class _Row(Frozen):
    t: FiniteFloat
    id: Id
    x: FiniteFloat
    y: FiniteFloat


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """The way of one person: (k,) seconds in order, (k, 2) positions in map [m]."""

    time: Array
    position: Array

    def at(self, second: float) -> Point | None:
        """Where the person is; None before and after the recording."""
        if not self.time[0] <= second <= self.time[-1]:
            return None
        x, y = (float(np.interp(second, self.time, self.position[:, axis])) for axis in (0, 1))
        return (x, y)


def read_trajectories(path: Path) -> dict[str, Trajectory]:
    """The people of a CSV file with the columns t [s], id, x, y [m in map], in order of id.

    Raises AisleError with file and line for a bad row or a person whose time does not grow.
    """
    file = CsvFile(path)
    rows = file.read(_Row)
    if not rows:
        raise AisleError(f"{path}:1: no rows; give t,id,x,y of at least one person")
    found: dict[str, list[_Row]] = {}
    for number, row in enumerate(rows):
        way = found.setdefault(row.id, [])
        if way and row.t <= way[-1].t:
            raise file.error((number,), f"'{row.id}' is at {row.t} s after {way[-1].t} s; sort each person by time")
        way.append(row)
    return {
        name: Trajectory(np.array([row.t for row in way]), np.array([(row.x, row.y) for row in way]))
        for name, way in sorted(found.items())
    }
