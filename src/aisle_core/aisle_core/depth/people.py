"""People from above: one raw depth image -> people with a place on the floor, a head and the hands in shelves.

Heads are maxima of a height map over the floor (as in M. Rauter, Reliable Human Detection and Tracking in Top-View
Depth Images, CVPR workshops 2013), kept where the readings around them look like a head above shoulders. docs/depth.md
has the method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..checks import require
from ..errors import AisleError
from ..store import DepthSensor, Store
from ..store.frames import optical_pose
from ..types import CameraInfo, Image, PersonDetection, PersonDetections
from .background import Background, BackgroundConfig, BackgroundState
from .floor import Floor, Indices, nearest, sums
from .hands import Hands, HandsConfig
from .heads import Heads, HeadsConfig
from .shelves import Shelves
from .view import Floats, View, depth_of

_CHEST = 0.65
"""As a share of the height of the top: the middle of the torso of who stands, and below the hips of who bends."""


@dataclass(frozen=True, slots=True)
class DepthPeopleConfig:
    """Tuning of ``DepthPeople``; lengths in metres.

    columns: a wider image is thinned to between so many columns and twice as many.
    cell: side of a cell of the height map.
    low, high: what is less or more above the floor is nobody.
    floor_margin: people are found this far outside the sales floor.
    head_over: a head's middle is at most so far over a fixture.
    torso_radius: half the depth of a torso.
    torso_reach: a torso's readings are less than this from the head, along the floor.
    lean: from the head to the middle of the torso that is seen, of who is surely upright and surely bent.
    lean_gain: the way from the head to the hips, in ways to that middle.
    position_stddev, lean_stddev, doubt_stddev: standard deviation of the place per axis of who surely stands upright,
        what comes to it for whoever leans, and what comes to it at a confidence of 0, less and less up to 1.
    edge, edge_stddev: nearer than ``edge`` to the edge of the image a head may be a torso that the edge cuts; the
        standard deviation that comes to the place at the edge, less and less away from it.
    reach: farthest from the head, along the floor, that a part of a body can be.
    """

    columns: int
    cell: float
    low: float
    high: float
    floor_margin: float
    head_over: float
    torso_radius: float
    torso_reach: float
    lean: tuple[float, float]
    lean_gain: float
    position_stddev: float
    lean_stddev: float
    doubt_stddev: float
    edge: float
    edge_stddev: float
    reach: float
    background: BackgroundConfig
    heads: HeadsConfig
    hands: HandsConfig

    def __post_init__(self) -> None:
        require(self, ("columns",), 8)
        require(self, ("cell",), 0.01, 0.2)
        require(
            self, ("low", "floor_margin", "head_over", "lean_gain", "lean_stddev", "doubt_stddev", "edge_stddev"), 0
        )
        require(self, ("high", "torso_radius", "torso_reach", "position_stddev", "edge", "reach"), 0, above=True)
        if not 0 < self.lean[0] < self.lean[1]:
            raise ValueError(f"lean is {self.lean}; give two growing numbers above 0")


@dataclass(frozen=True, slots=True, eq=False)
class DepthPeopleState:
    """All that ``DepthPeople`` remembers: batches so far, and what was learned through the last pinhole."""

    sequence: int
    info: CameraInfo | None
    background: BackgroundState | None


class DepthPeople:
    """Finds people in the images of one depth sensor. The same images give the same people."""

    def __init__(self, config: DepthPeopleConfig, store: Store, sensor: DepthSensor) -> None:
        self._config, self._store, self._sensor = config, store, sensor
        self._shelves = Shelves(store)
        self._pose = optical_pose(sensor.pose)
        self._sequence = 0
        self._view: View | None = None

    def step(self, image: Image, info: CameraInfo | None) -> PersonDetections:
        """People at ``image.stamp_ns``; an image without any reading is an error, one without people is not.

        After a new camera_info the scene is learned afresh. Raises AisleError for an image that is no depth or empty,
        without camera_info, or not of its size; what was learned before stays.
        """
        depth = depth_of(image, info, self._config.columns).ravel()
        assert info is not None
        valid = depth > 0
        if not valid.any():
            raise AisleError(f"{image.frame_id}: the image has no reading; look for a covered lens or a failed emitter")
        view = self._look_through(info)
        pixel = np.flatnonzero((depth < self._background.limit) & valid)
        found = self._people(view, depth, pixel, image.stamp_ns)
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

    def _look_through(self, info: CameraInfo) -> View:
        """Begin anew when the pinhole changed."""
        if self._view is not None:
            old = self._view.info
            if (old.width, old.height, old.fx, old.fy, old.cx, old.cy) == (
                info.width, info.height, info.fx, info.fy, info.cx, info.cy,
            ):  # fmt: skip
                return self._view
        config = self._config
        view = View(info, self._pose, config.columns)
        max_range, before = self._sensor.model.max_range, config.hands.before
        self._floor = Floor(
            self._store, self._shelves, view, max_range, config.cell, config.floor_margin, config.head_over, before
        )
        self._background = Background(config.background, self._store, view)
        self._heads = Heads(config.heads, view, self._floor)
        self._hands = Hands(config.hands, self._shelves, view, self._floor, config.heads.radius)
        self._view = view
        return view

    def _people(self, view: View, depth: Floats, pixel: Indices, stamp_ns: int) -> tuple[PersonDetection, ...]:
        """Of the readings ``depth`` (h * w,) [m] those of ``pixel`` (n,) are before the scene."""
        config = self._config
        reading = depth[pixel]
        points = view.points(pixel, reading)
        cell, on = self._floor.cells(points)
        on &= (points[2] > config.low) & (points[2] < config.high)
        inside = np.flatnonzero(on)
        heads, of = np.zeros((0, 4), np.float32), np.zeros(0, np.intp)
        if len(inside):
            pixel, reading, cell, points = pixel[inside], reading[inside], cell[:, inside], points[:, inside]
            heads = self._heads.find(cell, reading, points)
        if len(heads):
            of, _ = nearest(heads, points, config.reach)
        if self._background.due(stamp_ns):
            somebody = np.zeros(len(depth), np.bool_)
            if len(heads):
                somebody[pixel[of >= 0]] = True
            self._background.learn(stamp_ns, depth, somebody)
        if not len(heads):
            return ()
        places = self._places(view, heads, of, points)
        hands = self._hands.find(heads, of, cell, points, config.heads.height)
        return tuple(
            PersonDetection(
                None, (x, y, 0.0), (variance, 0.0, 0.0, variance), (head_x, head_y, top), tuple(reach), confidence
            )
            for (x, y, variance), (head_x, head_y, top, confidence), reach in zip(
                places.tolist(), heads.tolist(), hands, strict=True
            )
        )

    def _places(self, view: View, heads: Floats, of: Indices, points: Floats) -> NDArray[np.float64]:
        """(k, 3) points on the floor under the torsos [m], and their variance per axis [m^2].

        Who stands upright has the torso under the head; who stoops shows it, from behind the head to the hips.
        """
        config = self._config
        x, y, top, confidence = heads.T
        away = points - heads[of, :3].T
        torso = (away[2] < -config.heads.height) & (points[2] > _CHEST * top[of]) & (of >= 0)
        torso &= away[0] ** 2 + away[1] ** 2 < config.torso_reach**2
        part = np.flatnonzero(torso)
        away[2] = 1.0
        *seen, number = sums(away[:, part], of[part], len(heads))
        to_eye = view.eye[:, None] - np.array([x, y, _CHEST * top])
        to_eye *= 2 / 3 * config.torso_radius / np.sqrt((to_eye**2).sum(axis=0))
        lean = np.array(seen) / np.maximum(number, 1) - to_eye[:2]
        length = np.hypot(*lean)
        upright, bent = config.lean
        bends = np.minimum(np.maximum((length - upright) / (bent - upright), 0.0), 1.0)
        lean *= config.lean_gain * bends
        variance = config.position_stddev**2 + (config.doubt_stddev * (1 - confidence)) ** 2
        variance += (bends > 0) * config.lean_stddev**2
        _, margin = view.place(np.array([x, y, top - np.float32(config.heads.radius)]))
        variance += (config.edge_stddev * np.maximum(1 - margin / config.edge, 0.0)) ** 2
        return np.array([x + lean[0], y + lean[1], variance]).T
