"""People from above: one raw depth image -> people with a place on the floor, a head and the hands in shelves.

Heads are maxima of a height map over the floor (as in M. Rauter, Reliable Human Detection and Tracking in Top-View
Depth Images, CVPR workshops 2013), kept where the readings around them look like a head above shoulders. docs/depth.md
has the method.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..checks import require
from ..errors import AisleError
from ..store import DepthSensor, Store
from ..store.coverage import body
from ..store.frames import optical_pose
from ..store.geometry import inside
from ..types import CameraInfo, Hand, HandSide, Image, PersonDetection, PersonDetections
from .background import Background, BackgroundConfig, BackgroundState
from .shelves import Shelves
from .view import Floats, View, depth_of

Indices = NDArray[np.intp]

_AROUND = np.ones((3, 3), np.uint8)
_INSIDE, _APART, _MISFIT = 0.25, 0.7, 0.03
"""Beyond these a feature of a head tells no more [m] ..."""
_DISC, _LEAST_AREA = (0.05, 1.35), 0.001
"""... nor outside of these."""
_CHEST = 0.65
"""As a share of the height of the top: the middle of the torso of who stands, and below the hips of who bends."""
_SPHERE_STEPS = 3
_SPHERE_GAIN = 1.5
"""Steps of the fit of a sphere, and how far each goes: more than the mean, since only one side is seen."""


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """What the features of a maximum add to the log odds that it is a head, per unit of each.

    misfit: root mean square distance of the readings from the sphere [m].
    spread: root mean square distance of the highest readings from the maximum along the floor [m].
    disc: logarithm of the area that is seen, in discs of a head's radius.
    body: logarithm of the area that is seen below, near the head, in squares of its height.
    margin: from the middle of the head to the edge of the image [m].
    apart: from the next higher maximum [m].
    aside: tangent of the angle at which the sensor looks down on it.
    top: height above the floor [m] at the edge of the image, less and less away from it: the edge cuts torsos.
    """

    misfit: float
    spread: float
    disc: float
    body: float
    margin: float
    apart: float
    aside: float
    top: float


@dataclass(frozen=True, slots=True)
class DepthPeopleConfig:
    """Tuning of ``DepthPeople``; lengths in metres.

    cell: side of a cell of the height map.
    low, high: what is less or more above the floor is nobody.
    min_head: least height of the top of a head: a stooping child.
    head_radius, head_height: the sphere that a head is, and how far below its top the shoulders begin.
    body_radius: the shoulders are within this from the head.
    head_distance: two heads are never nearer than this along the floor.
    head_bias, head_weights: the log odds that a maximum of the height map is a head.
    min_confidence: less probable heads are left out.
    torso_radius: half the depth of a torso.
    torso_reach: a torso's readings are less than this from the head, along the floor.
    lean: from the head to the middle of the torso that is seen, of who is surely upright and surely bent.
    lean_gain: the way from the head to the hips, in ways to that middle.
    lean_stddev: standard deviation of this way, as a share of it.
    reach: farthest from the head, along the floor, that a part of a body can be.
    floor_margin: people are found this far outside the sales floor.
    head_over: a head's middle is at most so far over a fixture.
    hand_depth: from the visible skin to the middle of a hand.
    hand_before: a part less than this before a shelf's front reaches for it.
    hand_pixels: least number of readings of a hand.
    hidden_hand_ahead, hidden_hand_height, hidden_hand_stddev: a hand that a bent body hides is so far ahead of the
        head, at this share of the head's height, with these deviations per axis along the floor and up.
    position_stddev, hand_stddev: per axis.
    """

    background: BackgroundConfig
    cell: float
    low: float
    high: float
    min_head: float
    head_radius: float
    head_height: float
    body_radius: float
    head_distance: float
    head_bias: float
    head_weights: HeadWeights
    min_confidence: float
    torso_radius: float
    torso_reach: float
    lean: tuple[float, float]
    lean_gain: float
    lean_stddev: float
    reach: float
    floor_margin: float
    head_over: float
    hand_depth: float
    hand_before: float
    hand_pixels: int
    hidden_hand_ahead: float
    hidden_hand_height: float
    hidden_hand_stddev: tuple[float, float]
    position_stddev: float
    hand_stddev: float

    def __post_init__(self) -> None:
        require(self, ("low", "hand_depth", "hand_before", "floor_margin", "head_over"), 0)
        require(self, ("cell",), 0.01, 0.2)
        require(self, ("hidden_hand_ahead", "hidden_hand_height"), 0, 1)
        require(self, ("hand_pixels",), 1)
        names = ("high", "min_head", "head_radius", "head_height", "body_radius")
        require(self, ("min_confidence",), 0, 1)
        require(self, ("lean_gain", "lean_stddev"), 0)
        if not 0 < self.lean[0] < self.lean[1]:
            raise ValueError(f"lean is {self.lean}; give two growing numbers above 0")
        require(self, (*names, "torso_radius", "reach", "position_stddev", "hand_stddev"), 0, above=True)


@dataclass(frozen=True, slots=True, eq=False)
class DepthPeopleState:
    """All that ``DepthPeople`` remembers: batches so far, and what was learned through the last pinhole."""

    sequence: int
    info: CameraInfo | None
    background: BackgroundState | None


class _Floor:
    """Cells of the floor that a sensor can see something above: where heads can be, and which shelf is near."""

    def __init__(self, config: DepthPeopleConfig, store: Store, shelves: Shelves, view: View, max_range: float) -> None:
        corners = np.array(store.floor)
        far = min(max_range, 10.0)
        flat = view.rays[:2] * far
        limits = [corners.min(axis=0) - config.floor_margin, corners.max(axis=0) + config.floor_margin]
        reach = np.stack([flat.min(axis=1), flat.max(axis=1)])
        # No point is seen farther out than the ray reaches at the floor or at the sensor's range.
        if view.rays[2].max() < 0:
            at_floor = view.rays[:2] * np.minimum(-view.eye[2] / view.rays[2], far)
            reach = np.stack([at_floor.min(axis=1), at_floor.max(axis=1)])
        low = np.maximum(view.eye[:2] + reach[0], limits[0])
        high = np.minimum(view.eye[:2] + reach[1], limits[1])
        self.low = low.astype(np.float32)
        self.columns, self.rows = (int(n) for n in np.maximum(np.ceil((high - low) / config.cell), 1))
        self.scale = np.float32(1 / config.cell)
        x = low[0] + (np.arange(self.columns) + 0.5) * config.cell
        y = low[1] + (np.arange(self.rows) + 0.5) * config.cell
        middles = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        allowed = inside(middles, store.floor, config.floor_margin)
        for fixture in store.fixtures:
            if (box := body(fixture)) is not None:
                cos, sin = np.cos(box.pose.yaw), np.sin(box.pose.yaw)
                local = (middles - box.pose[:2]) @ np.array([(cos, -sin), (sin, cos)])
                edge = config.head_over
                allowed &= ~((local > np.add(box.low[:2], edge)) & (local < np.subtract(box.high[:2], edge))).all(
                    axis=1
                )
        self.heads = allowed.reshape(self.rows, self.columns)
        """Where a head can be."""
        self.shelf = np.full(len(middles), -1, np.intp)
        for row in range(len(shelves.length)):
            along, inward = shelves.local(middles, np.full(len(middles), row))
            near = (along > -config.cell) & (along < shelves.length[row] + config.cell)
            near &= (inward > -config.hand_before - config.cell) & (inward < shelves.depth[row])
            self.shelf[near] = row
        """Number of the shelf (cells,) that something in this cell is in or before, else -1."""

    def cells(self, x: Floats, y: Floats) -> tuple[Indices, NDArray[np.bool_]]:
        """Cell of each point, and whether it is on the grid."""
        column = ((x - self.low[0]) * self.scale).astype(np.intp)
        row = ((y - self.low[1]) * self.scale).astype(np.intp)
        on = (x >= self.low[0]) & (y >= self.low[1]) & (column < self.columns) & (row < self.rows)
        return row * self.columns + column, on


class DepthPeople:
    """Finds people in the images of one depth sensor. The same images give the same people."""

    def __init__(self, config: DepthPeopleConfig, store: Store, sensor: DepthSensor) -> None:
        self._config, self._store, self._sensor = config, store, sensor
        self._shelves = Shelves(store)
        self._pose = optical_pose(sensor.pose)
        self._weights = np.array(astuple(config.head_weights))
        self._sequence = 0
        self._view: View | None = None

    def step(self, image: Image, info: CameraInfo | None) -> PersonDetections:
        """People at ``image.stamp_ns``; an image without any reading is an error, one without people is not.

        After a new camera_info the scene is learned afresh. Raises AisleError for an image that is no depth or empty,
        without camera_info, or not of its size; what was learned before stays.
        """
        depth = depth_of(image, info).ravel()
        assert info is not None
        if not np.count_nonzero(depth > 0):
            raise AisleError(f"{image.frame_id}: the image has no reading; look for a covered lens or a failed emitter")
        self._look_through(info)
        found = self._people(depth, image.stamp_ns)
        batch = PersonDetections(image.stamp_ns, self._sequence, self._sensor.device_id, found)
        self._sequence += 1
        return batch

    def state(self) -> DepthPeopleState:
        """What was learned so far."""
        view = self._view
        return DepthPeopleState(
            self._sequence, None if view is None else view.info, None if view is None else self._background.state()
        )

    @classmethod
    def restore(cls, config: DepthPeopleConfig, store: Store, sensor: DepthSensor, state: DepthPeopleState) -> Self:
        """A stage that goes on exactly where ``state()`` was taken."""
        people = cls(config, store, sensor)
        people._sequence = state.sequence
        if state.info is not None and state.background is not None:
            people._look_through(state.info)
            people._background.restore(state.background)
        return people

    def _look_through(self, info: CameraInfo) -> None:
        """Begin anew when the pinhole changed."""
        if self._view is not None:
            old = self._view.info
            if (old.width, old.height, old.fx, old.fy, old.cx, old.cy) == (
                info.width, info.height, info.fx, info.fy, info.cx, info.cy,
            ):  # fmt: skip
                return
        self._view = View(info, self._pose)
        self._floor = _Floor(self._config, self._store, self._shelves, self._view, self._sensor.model.max_range)
        self._background = Background(self._config.background, self._store, self._view)

    def _people(self, depth: Floats, stamp_ns: int) -> tuple[PersonDetection, ...]:
        config, view, floor = self._config, self._view, self._floor
        assert view is not None
        pixel = np.flatnonzero((depth < self._background.limit) & (depth > 0))
        reading = depth[pixel]
        x, y, z = (view.rays[axis][pixel] * reading + view.eye[axis] for axis in range(3))
        cell, on = floor.cells(x, y)
        on &= (z > config.low) & (z < config.high)
        pixel, cell = pixel[on], cell[on]
        reading, x, y, z = (values[on] for values in (reading, x, y, z))
        heads = self._heads(self._tops(cell, z), reading, x, y, z)
        of = _nearest(heads[:, :2], x, y, config.reach)
        if self._background.due(stamp_ns):
            somebody = np.zeros(len(depth), np.bool_)
            somebody[pixel[of >= 0]] = True
            self._background.learn(stamp_ns, depth, somebody)
        if not len(heads):
            return ()
        places = self._places(heads, of, x, y, z)
        hands = self._hands(heads, of, cell, np.stack([x, y, z], axis=-1))
        self._add_hidden_hands(heads, places, hands)
        return tuple(
            PersonDetection(
                None,
                (float(place[0]), float(place[1]), 0.0),
                (float(place[2]) ** 2, 0.0, 0.0, float(place[2]) ** 2),
                (float(head[0]), float(head[1]), float(head[2])),
                tuple(hands[row]),
                float(head[3]),
            )
            for row, (place, head) in enumerate(zip(places, heads, strict=True))
        )

    def _tops(self, cell: Indices, z: Floats) -> Floats:
        """(k, 3) maxima of the smoothed height map at least a body apart [m], the highest first."""
        config, floor = self._config, self._floor
        heights = np.zeros(floor.rows * floor.columns, np.float32)
        np.maximum.at(heights, cell, z)
        heights = cv2.GaussianBlur(cv2.dilate(heights.reshape(floor.rows, floor.columns), _AROUND), (3, 3), 0)
        side = 2 * round(config.head_radius * 2 / config.cell) + 1
        highest = cv2.dilate(heights, np.ones((side, side), np.uint8))
        row, column = np.nonzero((heights >= highest) & (heights > config.min_head) & floor.heads)
        top = heights[row, column]
        order = np.argsort(-top, kind="stable")
        places = np.stack([column[order], row[order]], axis=-1).astype(np.float32) + np.float32(0.5)
        tops = np.column_stack([places * np.float32(config.cell) + floor.low, top[order]])
        apart = ((tops[:, None, :2] - tops[None, :, :2]) ** 2).sum(axis=-1)
        kept: Floats = tops[~np.tril(apart < config.head_distance**2, -1).any(axis=1)]
        return kept

    def _heads(self, tops: Floats, reading: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
        """(k, 4) middle and top of those that are heads [m], and the confidence."""
        config, view = self._config, self._view
        assert view is not None
        count = len(tops)
        if not count:
            return np.zeros((0, 4), np.float32)
        of = _nearest(tops[:, :2], x, y, config.body_radius)
        below = tops[of, 2] - z
        part = np.flatnonzero((of >= 0) & (below < config.head_height))
        of_part = of[part]
        points = np.stack([x[part], y[part], z[part]], axis=-1)
        off = points[:, :2] - tops[of_part, :2]
        distance2 = (off**2).sum(axis=-1)
        slab = below[part] < config.head_radius
        number = np.maximum(np.bincount(of_part[slab], minlength=count), 1)
        spread = np.sqrt(np.bincount(of_part[slab], distance2[slab], count) / number)

        ball = distance2 < (2 * config.head_radius) ** 2
        points, owner = points[ball], of_part[ball]
        pixels = np.bincount(owner, minlength=count)
        centre = tops - np.array([0.0, 0.0, config.head_radius], np.float32)
        gain = _SPHERE_GAIN / np.maximum(pixels, 1)
        for _ in range(_SPHERE_STEPS):
            way = points - centre[owner]
            length = np.maximum(np.sqrt(np.einsum("ij,ij->i", way, way)), 1e-3)
            way *= (1 - config.head_radius / length)[:, None]
            for axis in range(3):
                centre[:, axis] += gain * np.bincount(owner, way[:, axis], count)
        misfit = np.sqrt(np.bincount(owner, (length - config.head_radius) ** 2, count) / np.maximum(pixels, 1))

        body = (of >= 0) & (below >= config.head_height)
        area = np.bincount(of[body], reading[body] ** 2, count) / (view.info.fx * view.info.fy)
        column, row, deep = view.project(centre)
        margin = np.minimum.reduce([column, view.info.width - 1 - column, row, view.info.height - 1 - row])
        margin = np.clip(margin * deep / view.info.fx, 0.0, _INSIDE)
        disc = pixels * deep**2 / (view.info.fx * view.info.fy * np.pi * config.head_radius**2)
        apart = np.hypot(*(tops[:, None, :2] - tops[None, :, :2]).transpose(2, 0, 1))
        apart[np.triu_indices(count)] = _APART
        aside = np.hypot(*(tops[:, :2] - view.eye[:2]).T) / np.maximum(view.eye[2] - tops[:, 2], 0.1)
        features = np.stack(
            [
                np.minimum(misfit, _MISFIT),
                spread,
                np.log(np.clip(disc, *_DISC)),
                np.log(np.maximum(area / tops[:, 2] ** 2, _LEAST_AREA)),
                margin,
                apart.min(axis=1),
                aside,
                tops[:, 2] * (1 - margin / _INSIDE),
            ],
            axis=-1,
        )
        score = config.head_bias + features @ self._weights
        confidence = 1 / (1 + np.exp(-score))
        found = np.column_stack([centre[:, :2], centre[:, 2] + config.head_radius, confidence]).astype(np.float32)
        heads: Floats = found[confidence > config.min_confidence]
        return heads

    def _places(self, heads: Floats, of: Indices, x: Floats, y: Floats, z: Floats) -> NDArray[np.float64]:
        """(k, 3) points on the floor under the torsos, and their standard deviation per axis [m].

        Who stands upright has the torso under the head; who stoops shows it, from behind the head to the hips.
        """
        config, count = self._config, len(heads)
        assert self._view is not None
        top = heads[of, 2]
        part = np.flatnonzero((of >= 0) & (z < top - config.head_height) & (z > _CHEST * top))
        owner = of[part]
        away = np.stack([x[part], y[part]], axis=-1) - heads[owner, :2]
        near = (away**2).sum(axis=-1) < config.torso_reach**2
        owner, away = owner[near], away[near]
        number = np.maximum(np.bincount(owner, minlength=count), 1)
        seen = np.stack([np.bincount(owner, away[:, axis], count) for axis in range(2)], axis=-1) / number[:, None]
        to_eye = np.column_stack([self._view.eye[:2] - heads[:, :2], self._view.eye[2] - _CHEST * heads[:, 2]])
        to_eye /= np.linalg.norm(to_eye, axis=-1, keepdims=True)
        lean = seen - 2 / 3 * config.torso_radius * to_eye[:, :2]
        length = np.linalg.norm(lean, axis=-1, keepdims=True)
        upright, bent = config.lean
        lean *= config.lean_gain * np.clip((length - upright) / (bent - upright), 0.0, 1.0)
        stddev = config.position_stddev + config.lean_stddev * np.linalg.norm(lean, axis=-1)
        return np.column_stack([heads[:, :2] + lean, stddev])

    def _hands(self, heads: Floats, of: Indices, cell: Indices, points: Floats) -> list[list[Hand]]:
        """Of each head the parts that reach farthest into shelves, at most two."""
        config, shelves = self._config, self._shelves
        found: list[list[Hand]] = [[] for _ in heads]
        shelf = self._floor.shelf[cell]
        part = np.flatnonzero((of >= 0) & (shelf >= 0))
        if not len(part):
            return found
        points, owner, shelf = points[part], of[part], shelf[part]
        off = points[:, :2] - heads[owner, :2]
        along, inward = shelves.local(points[:, :2], shelf)
        beside = (off**2).sum(axis=-1) > (2 * config.head_radius) ** 2
        below = points[:, 2] < heads[owner, 2] - config.head_height
        arm = (inward > -config.hand_before) & (beside | below)
        for _ in range(2):
            rows = np.flatnonzero(arm)
            if not len(rows):
                break
            order = rows[np.lexsort((inward[rows], owner[rows]))]
            last = np.append(owner[order[1:]] != owner[order[:-1]], True)
            tip = np.full(len(heads), -1, np.intp)
            tip[owner[order[last]]] = order[last]
            mine = rows[tip[owner[rows]] >= 0]
            of_tip = tip[owner[mine]]
            at_tip = ((points[mine] - points[of_tip]) ** 2).sum(axis=-1) < config.hand_depth**2 * 9
            group = mine[at_tip]
            number = np.bincount(owner[group], minlength=len(heads))
            sums = [np.bincount(owner[group], points[group, axis], len(heads)) for axis in range(3)]
            middle = np.stack(sums, axis=-1) / np.maximum(number, 1)[:, None]
            ray = middle - self._pose[:3, 3]
            middle += config.hand_depth * ray / np.linalg.norm(ray, axis=-1, keepdims=True)
            variance = config.hand_stddev**2
            for person in np.flatnonzero(number >= config.hand_pixels):
                position = tuple(middle[person].tolist())
                covariance = (variance, 0.0, 0.0, 0.0, variance, 0.0, 0.0, 0.0, variance)
                found[person].append(Hand(HandSide.UNKNOWN, position, covariance))
            other = np.abs(along[mine] - along[of_tip]) > 2 * config.head_radius
            arm = np.zeros(len(arm), np.bool_)
            arm[mine[other]] = True
        return found

    def _add_hidden_hands(self, heads: Floats, places: NDArray[np.float64], hands: list[list[Hand]]) -> None:
        """Whoever bends over before a shelf, with no hand in sight, has one below and ahead of the head."""
        config = self._config
        way = heads[:, :2] - places[:, :2]
        length = np.linalg.norm(way, axis=-1)
        ahead = heads[:, :2] + config.hidden_hand_ahead * way / np.maximum(length, 1e-6)[:, None]
        cell, on = self._floor.cells(ahead[:, 0], ahead[:, 1])
        shelf = self._floor.shelf[np.where(on, cell, 0)]
        flat, up = config.hidden_hand_stddev[0] ** 2, config.hidden_hand_stddev[1] ** 2
        for row in np.flatnonzero(on & (shelf >= 0) & (length > config.lean[1])):
            if not hands[row]:
                position = (
                    float(ahead[row, 0]),
                    float(ahead[row, 1]),
                    config.hidden_hand_height * float(heads[row, 2]),
                )
                hands[row].append(Hand(HandSide.UNKNOWN, position, (flat, 0.0, 0.0, 0.0, flat, 0.0, 0.0, 0.0, up)))


def _nearest(places: Floats, x: Floats, y: Floats, within: float) -> Indices:
    """Number of the nearest place (k, 2) of each point (n,), -1 where none is within that distance [m]."""
    if not len(places):
        return np.full(len(x), -1, np.intp)
    apart = (x - places[:, :1]) ** 2 + (y - places[:, 1:2]) ** 2
    nearest: Indices = apart.argmin(axis=0)
    nearest[apart.min(axis=0) > within**2] = -1
    return nearest
