"""Crowds that walk and stand, and what imperfect ceiling sensors detect of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from aisle_core.tracking import Coverage, Detections
from aisle_sim.walking import STEP_S, Walking

Array = NDArray[np.float64]

START_NS = 1_700_000_000_000_000_000
SCENES = (
    (5, 7.0, 6.0),
    (8, 10.0, 7.0),
    (12, 14.0, 9.0),
    (16, 12.0, 12.0),
    (22, 20.0, 12.0),
    (28, 18.0, 14.0),
    (36, 24.0, 16.0),
    (46, 22.0, 20.0),
)
"""People present at a time, and the size of the floor [m]."""
LARGE = ((100, 35.0, 35.0), (300, 59.5, 59.5))
_PAIRS = 0.2
"""Share of those who come who bring somebody along."""
_BESIDE = (0.5, 0.7)
"""Who belong together walk so far from each other [m]."""
_TURN_EVERY_S = 15.0
"""Mean time after which somebody on the way turns to another place."""
_PAUSES_S = (4.0, 60.0)
"""Mean lengths of a stop: of most, and of one in ten."""
_RECORDED_HZ = 25.0
"""Frames per second of recordings."""
SWAY = (0.025, 0.012)
"""Amplitude of a walking head to the sides and along the way [m]: Pozzo et al., Exp. Brain Res. 82 (1990)."""


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """position (t, n, 2) [m] every STEP_S, NaN of who is not there; height (n,) [m]."""

    position: Array
    height: Array
    size: tuple[float, float]

    def at(self, second: float | Array) -> Array:
        """(n, 2) positions, or one instant per person."""
        last = len(self.position) - 1
        step = np.clip(np.asarray(second) / STEP_S, 0, last)
        before = np.minimum(np.floor(step).astype(int), last - 1)
        share = (step - before)[..., None]
        who = np.arange(self.position.shape[1])
        here, there = self.position[before, who], self.position[before + 1, who]
        return here + share * (there - here)


class _Floor:
    """Where people walk: the floor and what lies around it."""

    def __init__(self, width: float, depth: float, around: float) -> None:
        self.area = shapely.box(-around, -around, width + around, depth + around)
        self._roomy = self.area.buffer(-0.06)
        shapely.prepare(self._roomy)

    def holds(self, point: tuple[float, float]) -> bool:
        return bool(shapely.contains_xy(self._roomy, *point))

    def nearest(self, point: tuple[float, float]) -> tuple[float, float]:
        if self.holds(point):
            return point
        x, y = shapely.shortest_line(shapely.Point(point), self._roomy.buffer(-0.005)).coords[-1]
        return (float(x), float(y))


@cache
def crowd(people: int, width: float, depth: float, seconds: float, seed: int) -> Crowd:
    """People who come through doors in the edge, alone or together, go to some places, stand there, turn, and leave."""
    random = np.random.default_rng((seed, people))
    total = people + int(people * seconds / 25.0) + 12
    walking = Walking(_Floor(width, depth, _OUTSIDE), total)  # type: ignore[arg-type]
    visitors = _Visitors(walking, (width, depth), people, random)
    position = np.full((int(seconds / STEP_S), total, 2), np.nan)
    phase, cadence = random.uniform(0, 2 * np.pi, total), random.uniform(0.85, 1.05, total)
    moving = np.zeros(total)
    for step in range(len(position)):
        visitors.step(step)
        walking.step()
        bodies = walking.bodies
        pace = np.linalg.norm(bodies.velocity, axis=1)
        ahead = bodies.velocity / np.maximum(pace, 1e-6)[:, None]
        phase += 2 * np.pi * cadence * STEP_S
        moving = moving + (np.clip(pace / 1.0, 0, 1) - moving) * 0.2
        place = bodies.position + _sway(phase, ahead, moving)
        inside = bodies.present & (place > 0).all(axis=1) & (place < (width, depth)).all(axis=1)
        position[step] = np.where(inside[:, None], place, np.nan)
    born = visitors.born
    height = np.where(random.random(total) < 0.12, random.normal(1.2, 0.12, total), random.normal(1.70, 0.09, total))
    return Crowd(position[:, :born], height[:born], (width, depth))


def _sway(phase: Array, ahead: Array, moving: Array) -> Array:
    """(n, 2) how far swaying heads are from their ways [m]; moving (n,): 1 of who walks, 0 of who stands."""
    aside = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    return (SWAY[0] * np.sin(phase) * moving)[:, None] * aside + (SWAY[1] * np.sin(2 * phase) * moving)[:, None] * ahead


def recorded(path: Path, seconds: float, seed: int) -> Crowd:
    """Some time of a recording of walking people: lines ``frame id x y`` [1/25 s, -, m, m], a few a second.

    Between them people walk along cubic splines; heads sway; who is not recorded for a second has left and is new.
    """
    random = np.random.default_rng((seed, 0))
    frame, who, x, y = np.loadtxt(path).T
    place = np.stack([x, y], axis=1)
    corner = place.min(axis=0) - 0.3
    span = float(np.ptp(frame)) / _RECORDED_HZ
    begin = frame.min() / _RECORDED_HZ + random.uniform(0.0, max(span - seconds, 0.0))
    times = np.arange(int(min(seconds, span) / STEP_S)) * STEP_S
    ways = []
    for person in np.unique(who):
        mine = who == person
        second, point = frame[mine] / _RECORDED_HZ - begin, place[mine] - corner
        order = np.argsort(second, kind="stable")
        second, point = second[order], point[order]
        for part in np.split(np.arange(len(second)), np.flatnonzero(np.diff(second) > 1.0) + 1):
            inside = (times >= second[part[0]]) & (times <= second[part[-1]])
            if len(part) < 4 or not inside.any():
                continue
            spline = CubicSpline(second[part], point[part])
            at, velocity = spline(times[inside]), spline(times[inside], 1)
            pace = np.linalg.norm(velocity, axis=1, keepdims=True)
            ahead = velocity / np.maximum(pace, 1e-6)
            phase = 2 * np.pi * random.uniform(0.85, 1.05) * times[inside] + random.uniform(0, 2 * np.pi)
            way = np.full((len(times), 2), np.nan)
            way[inside] = at + _sway(phase, ahead, np.clip(pace[:, 0], 0, 1))
            ways.append(way)
    width, depth = np.ptp(place, axis=0) + 0.6
    return Crowd(np.stack(ways, axis=1), random.normal(1.70, 0.09, len(ways)), (float(width), float(depth)))


@dataclass(slots=True)
class _Visitor:
    """Somebody with places to go, or who walks beside a leader."""

    plan: list[tuple[float, float, float]]
    speed: float
    leader: int = -1
    beside: float = 0.0
    """So far to the side of the leader [m]."""
    wait_s: float = 0.0


class _Visitors:
    """Who comes, where everybody goes, and who goes with whom."""

    def __init__(self, walking: Walking, size: tuple[float, float], people: int, random: np.random.Generator) -> None:
        self._walking, self._size, self._people, self._random = walking, size, people, random
        self._doors = _doors(*size, max(2, people // 6), random)
        self._here: dict[int, _Visitor] = {}
        self._next_step = 0
        self.born = 0

    def step(self, step: int) -> None:
        """Let people in, and tell everybody where to go."""
        total = len(self._walking.bodies.present)
        while len(self._here) < self._people and self.born < total and step >= self._next_step:
            if not self._come(step):
                break
        for person in sorted(self._here):
            visitor = self._here[person]
            if visitor.leader >= 0:
                self._accompany(person, visitor)
            else:
                self._visit(person, visitor)

    def _come(self, step: int) -> bool:
        """Somebody alone, or two together; False while there is no room."""
        random, (width, depth) = self._random, self._size
        if step:
            point = _through(self._doors, random)
            self._next_step = step + 1 + int(random.exponential(20.0 / self._people) / STEP_S)
        else:
            point = (random.uniform(0.3, width - 0.3), random.uniform(0.3, depth - 0.3))
        room = min(self._people - len(self._here), len(self._walking.bodies.present) - self.born)
        members = min(1 + int(random.random() < _PAIRS), room)
        speed, leader = float(np.clip(random.normal(1.15, 0.25), 0.6, 1.7)), self.born
        for member in range(members):
            if not self._walking.add(self.born, point, 0.0):
                return member > 0
            plan = _plan(width, depth, self._doors, random)
            self._here[self.born] = _Visitor(plan, speed, leader if member else -1, float(random.uniform(*_BESIDE)))
            self.born += 1
        return True

    def _visit(self, person: int, visitor: _Visitor) -> None:
        walking, random = self._walking, self._random
        visitor.wait_s -= STEP_S
        if visitor.wait_s > 0:
            return
        x, y, pause = visitor.plan[0]
        here = walking.bodies.position[person]
        if np.hypot(here[0] - x, here[1] - y) < 0.35 or walking.stuck_s(person) > 6:
            visitor.plan.pop(0)
            if not visitor.plan:
                self._leave(person, (x, y))
                return
            if pause > 0:
                walking.stand(person)
                visitor.wait_s = pause
                return
        elif random.random() < STEP_S / _TURN_EVERY_S and len(visitor.plan) > 1:
            width, depth = self._size
            visitor.plan[0] = (random.uniform(0.5, width - 0.5), random.uniform(0.5, depth - 0.5), pause)
        x, y, _ = visitor.plan[0]
        walking.go(person, (x, y), visitor.speed)

    def _accompany(self, person: int, visitor: _Visitor) -> None:
        """Go on beside the leader, and stand there while the leader stands."""
        bodies = self._walking.bodies
        here, there = bodies.position[[person, visitor.leader]]
        velocity, heading = bodies.velocity[visitor.leader], bodies.heading[visitor.leader]
        left = np.array([-np.sin(heading), np.cos(heading)])
        goal = there + visitor.beside * np.sign((here - there) @ left) * left
        gap = np.linalg.norm(goal - here)
        pace = float(np.linalg.norm(velocity))
        if pace < 0.1 and gap < 0.8:
            self._walking.stand(person)
            return
        x, y = goal + velocity
        self._walking.squeeze(person, gap > 0.3)
        self._walking.go(person, (float(x), float(y)), min(pace + 1.5 * float(gap), 1.9))

    def _leave(self, person: int, door: tuple[float, float]) -> None:
        """Go; who came along follows through the same door."""
        self._walking.remove(person)
        del self._here[person]
        for other in self._here.values():
            if other.leader == person:
                other.leader, other.plan, other.wait_s = -1, [(*door, 0.0)], 0.0


def _doors(width: float, depth: float, count: int, random: np.random.Generator) -> list[shapely.LineString]:
    """Lines of 2 m outside of the floor, from where people come and where they go."""
    away = _OUTSIDE - 0.4
    ring = shapely.box(-away, -away, width + away, depth + away).exterior
    begins = np.sort(random.uniform(0.0, ring.length - 2.0, count))
    return [shapely.ops.substring(ring, begin, begin + 2.0) for begin in begins]


def _through(doors: list[shapely.LineString], random: np.random.Generator) -> tuple[float, float]:
    """A point of one of the doors."""
    point = doors[random.integers(len(doors))].interpolate(random.uniform(0.0, 2.0))
    return (point.x, point.y)


def _plan(
    width: float, depth: float, doors: list[shapely.LineString], random: np.random.Generator
) -> list[tuple[float, float, float]]:
    stops = []
    for _ in range(random.integers(1, 4)):
        pause = float(random.exponential(_PAUSES_S[int(random.random() < 0.1)])) if random.random() < 0.5 else 0.0
        stops.append((random.uniform(0.5, width - 0.5), random.uniform(0.5, depth - 0.5), pause))
    return [*stops, (*_through(doors, random), 0.0)]


@dataclass(frozen=True, slots=True)
class Errors:
    """How the sensors err; the normal and the hard variant."""

    rate: float
    """Frames per second."""
    miss: tuple[float, float]
    """Probability below the sensor and at its edge."""
    silent_s: float
    silent_every_s: float
    """Length of a sensor's silence, and the mean time from begin to begin."""
    regular: bool
    """Whether silences come at regular times."""


NORMAL = Errors(rate=10.0, miss=(0.06, 0.30), silent_s=6.0, silent_every_s=120.0, regular=False)
HARD = Errors(rate=5.0, miss=(0.15, 0.55), silent_s=8.0, silent_every_s=12.0, regular=True)
PITCH, REACH = 3.5, 3.2
_FALSE = 0.03
_BIAS = 0.02
_OUTSIDE = 2.0
"""So far around the floor people walk unseen [m]."""
_NEAR = 0.6
_BURSTS_PER_S = 0.3
"""Bursts that begin, per second and pair within _NEAR."""
_GHOSTS = 0.03
"""Share of the sensors that see a ghost at a time."""
_GHOST_S = (10.0, 30.0)
"""Mean time for which a ghost stands there, and until it comes again [s]."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One step: its stamp, what was detected and who spoke; true_id (n,) and true_position (n, 2) of who is there."""

    stamp_ns: int
    detections: Detections
    reported: NDArray[np.int64]
    true_id: NDArray[np.int64]
    true_position: Array


def coverage(size: tuple[float, float]) -> Coverage:
    """A square grid of ceiling sensors."""
    axes = [np.arange(round(length / PITCH) or 1) for length in size]
    axes = [(axis + 0.5) * length / len(axis) for axis, length in zip(axes, size, strict=True)]
    position = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return Coverage(position, np.full(len(position), REACH))


def frames(crowd: Crowd, errors: Errors, seed: int, heights: bool) -> list[Frame]:
    """What the sensors say of a crowd."""
    random = np.random.default_rng((seed, 1))
    sensors = coverage(crowd.size).position
    k, n = len(sensors), crowd.position.shape[1]
    angle = random.uniform(0, 2 * np.pi, k)
    bias = _BIAS * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    phase_s = random.uniform(0.0, 0.04, k)
    silences = [_silences(errors, len(crowd.position) * STEP_S, random) for _ in range(k)]
    ghosts = _Ghosts(sensors, crowd.size, random)
    bursts = _Bursts(random, errors.rate)
    found = []
    for index in range(int((len(crowd.position) * STEP_S - 1.0) * errors.rate)):
        now = 0.5 + index / errors.rate
        speaks = np.array([not any(begin <= now < end for begin, end in mine) for mine in silences])
        spoke = np.flatnonzero(speaks)
        here = crowd.at(now)
        present = np.flatnonzero(np.isfinite(here).all(axis=1))
        away = np.linalg.norm(here[:, None] - sensors, axis=2)
        share = (away / REACH) ** 2
        seen = (random.random((n, k)) > errors.miss[0] + (errors.miss[1] - errors.miss[0]) * share) & (share < 1)
        point = crowd.at(np.broadcast_to(now - phase_s[:, None], (k, n)))
        height = crowd.height + random.normal(0, 0.035, (k, n))
        for a, b, merged in bursts.now(here, present, now):
            if merged:
                point[:, a] = (point[:, a] + point[:, b]) / 2
                height[:, a] = np.maximum(height[:, a], height[:, b])
                seen[a] |= seen[b]
                seen[b] = False
            else:
                nearer = away[a] <= away[b]
                seen[b] &= ~nearer
                seen[a] &= nearer
        seen &= np.isfinite(point).all(axis=2).T
        who, sensor = np.nonzero(seen & speaks)
        sigma = 0.05 + 0.05 * share[who, sensor]
        place = point[sensor, who] + bias[sensor] + random.normal(0, 1, (len(who), 2)) * sigma[:, None]
        false = spoke[random.random(len(spoke)) < _FALSE]
        radius, turn = REACH * np.sqrt(random.random(len(false))), random.uniform(0, 2 * np.pi, len(false))
        false_at = sensors[false] + np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
        ghost_sensor, ghost_at = ghosts.now(now, speaks)
        all_sensors = np.concatenate([sensor, false, ghost_sensor]).astype(np.int64)
        sigma = np.concatenate([sigma, np.full(len(false), 0.08), np.full(len(ghost_sensor), 0.06)])
        tall = np.concatenate(
            [height[sensor, who], random.uniform(1.0, 1.9, len(false)), np.full(len(ghost_sensor), 1.4)]
        )
        stamp_ns = START_NS + round(now * 1e9)
        detections = Detections(
            all_sensors,
            stamp_ns - np.round(phase_s[all_sensors] * 1e9).astype(np.int64),
            np.concatenate([place, false_at, ghost_at]),
            sigma[:, None, None] ** 2 * np.eye(2),
            tall if heights else np.full(len(tall), np.nan),
        )
        found.append(Frame(stamp_ns, detections, spoke, present, here[present]))
    return found


def _silences(errors: Errors, seconds: float, random: np.random.Generator) -> list[tuple[float, float]]:
    """Begin and end of the times when a sensor is silent."""
    if errors.regular:
        begins = np.arange(-random.uniform(0, errors.silent_every_s), seconds, errors.silent_every_s)
    else:
        begins = np.cumsum(random.exponential(errors.silent_every_s, 1 + int(4 * seconds / errors.silent_every_s)))
    return [(float(begin), float(begin) + errors.silent_s) for begin in begins]


class _Ghosts:
    """False detections of one sensor each that stand still for some seconds."""

    def __init__(self, sensors: Array, size: tuple[float, float], random: np.random.Generator) -> None:
        count = int(np.ceil(_GHOSTS * len(sensors) * sum(_GHOST_S) / _GHOST_S[0]))
        self._random = random
        self._at = random.uniform(0, 1, (count, 2)) * size
        self._sensor = np.argmin(np.linalg.norm(self._at[:, None] - sensors, axis=2), axis=1)
        self._shown = random.random(count) < _GHOST_S[0] / sum(_GHOST_S)
        self._until = random.exponential(15.0, count)

    def now(self, second: float, speaks: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Array]:
        """Sensors and places of the ghosts of a frame."""
        change = self._until < second
        self._shown = np.where(change, ~self._shown, self._shown)
        stay = self._random.exponential(np.where(self._shown, *_GHOST_S))
        self._until = np.where(change, second + stay, self._until)
        shown = self._shown & (self._random.random(len(change)) < 0.9) & speaks[self._sensor]
        return self._sensor[shown], self._at[shown] + self._random.normal(0, 0.05, (int(shown.sum()), 2))


class _Bursts:
    """Times in which two people who are near each other are not told apart."""

    def __init__(self, random: np.random.Generator, rate: float) -> None:
        """rate: frames per second."""
        self._random, self._begins = random, _BURSTS_PER_S / rate
        self._running: dict[tuple[int, int], tuple[float, bool]] = {}

    def now(self, here: Array, present: NDArray[np.int64], second: float) -> list[tuple[int, int, bool]]:
        """Pairs in a burst, and whether all sensors report them as one; else the farther one vanishes."""
        found, close = [], cKDTree(here[present]).query_pairs(_NEAR)
        for pair in sorted((int(present[i]), int(present[j])) for i, j in close):
            until, merged = self._running.get(pair, (0.0, False))
            if second >= until:
                if self._random.random() >= self._begins:
                    continue
                until, merged = second + self._random.uniform(0.4, 1.2), bool(self._random.random() < 0.5)
                self._running[pair] = (until, merged)
            found.append((*pair, merged))
        return found
