"""The oracle source of people: it looks the true bodies up in the world and adds the errors of a pose estimator.

It stands in for a pose estimator with cameras. As the tracker does not join bodies into tracks by itself yet, bodies
carry labels that stay the same, in the order in which people are first seen; ``labels: false`` in the site's
``simulation.poses`` leaves them out. Nobody hides anybody, but hands and bodies are missed now and then.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from aisle_contract.interfaces import BODY_KEYPOINTS
from aisle_core.store import PoseSource, Store
from aisle_core.types import Bodies, BodyKeypoint, BodyKeypoints, BodyPart
from aisle_sim.physical import JOINTS, HasPeople, People

from .arrivals import Arrival
from .clocks import MS, Captures, Clock, Kind
from .params import PoseParams

Array = NDArray[np.float64]

_PARTS = {
    "head": BodyPart.HEAD,
    "neck": BodyPart.NECK,
    "left_shoulder": BodyPart.LEFT_SHOULDER,
    "right_shoulder": BodyPart.RIGHT_SHOULDER,
    "left_elbow": BodyPart.LEFT_ELBOW,
    "right_elbow": BodyPart.RIGHT_ELBOW,
    "left_hand": BodyPart.LEFT_HAND,
    "right_hand": BodyPart.RIGHT_HAND,
}
_JOINTS = [JOINTS.index(name) for name in _PARTS]
_HANDS = [number for number, name in enumerate(_PARTS) if name.endswith("hand")]
_TAILS = 3.0
"""Degrees of freedom of Student's distribution of the jitter: the recording's 95th percentile is four times its
median."""
_SCORES = (0.5, 1.0)
"""Range of the scores (recording: 98 % of them)."""


class OraclePoseSensor:
    """One source of bodies: everybody on the sales floor, a few times a second."""

    def __init__(
        self, store: Store, source: PoseSource, params: PoseParams, clock: Clock, rng: np.random.Generator
    ) -> None:
        self.names = (source.device_id,)
        self._source, self._params, self._clock, self._rng = source, params, clock, rng
        self._floor = shapely.Polygon(store.floor)
        shapely.prepare(self._floor)
        self._keep_body = math.exp(-1.0 / (params.rate_hz * params.body_memory_s))
        self._keep_hand = math.exp(-1.0 / (params.rate_hz * params.hand_memory_s))
        self._captures = Captures(clock, params.rate_hz, clock.latency(Kind.POSES, store), rng)
        self._sequence = 0
        self._labels: dict[str, str] = {}
        self._errors: dict[str, Array] = {}
        self._before: People | None = None

    def due(self, to_ns: int) -> list[int]:
        """Instants at which it will look at the world."""
        return self._captures.due(to_ns)

    def advance(self, to_ns: int, world: HasPeople) -> list[Arrival]:
        """Every frame that is taken by ``to_ns``."""
        return [
            self._frame(true_ns, arrival_ns, world.people(true_ns))
            for true_ns, arrival_ns in self._captures.until(to_ns)
        ]

    def _frame(self, true_ns: int, arrival_ns: int, people: People) -> Arrival:
        source, stamp_ns = self._source, self._clock.device_stamp(true_ns)
        seen = np.flatnonzero(shapely.contains_xy(self._floor, people.position))
        spread_ns = np.rint(self._params.capture_spread_ms.draw(self._rng, len(seen)) * MS).astype(np.int64)
        points = self._points(people, seen, spread_ns)
        bodies = self._bodies(stamp_ns, [people.names[person] for person in seen.tolist()], points, spread_ns)
        self._before = people
        item = Bodies(stamp_ns, self._sequence, source.device_id, bodies)
        self._sequence += 1
        name = BODY_KEYPOINTS.of(source.zone, source.device_id)
        return Arrival(arrival_ns, name, item)

    def _points(self, people: People, seen: NDArray[np.intp], spread_ns: NDArray[np.int64]) -> Array:
        """(bodies, parts, 3) where the source believes the parts of the bodies [m]."""
        params, rng, count = self._params, self._rng, len(seen)
        names = [people.names[person] for person in seen.tolist()]
        exact = people.joints[seen][:, _JOINTS]
        late_s = spread_ns * 1e-9 * rng.uniform(0.0, 1.0, count)
        points = exact - self._velocity(people, names, exact) * late_s[:, None, None]

        stddev = np.array([params.body_stddev, params.hand_stddev, params.hand_stddev])[:, None]
        keep = np.array([self._keep_body, self._keep_hand, self._keep_hand])[:, None]
        news = stddev * rng.standard_normal((count, 3, 3))
        error = np.array([self._errors.get(name, first) for name, first in zip(names, news, strict=True)])
        error = keep * error.reshape(count, 3, 3) + np.sqrt(1.0 - keep**2) * news
        self._errors = dict(zip(names, error, strict=True))

        scale = np.full((len(_PARTS), 1), params.point_jitter)
        scale[_HANDS] = params.hand_jitter
        points += error[:, :1] + scale * rng.standard_t(_TAILS, points.shape)
        points[:, _HANDS] += error[:, 1:]
        return points

    def _velocity(self, people: People, names: list[str], exact: Array) -> Array:
        """(bodies, parts, 3) [m/s] since the frame before; 0 for who was not there."""
        velocity = np.zeros_like(exact)
        if self._before is not None and people.stamp_ns > self._before.stamp_ns:
            index = {name: person for person, name in enumerate(self._before.names)}
            known = [body for body, name in enumerate(names) if name in index]
            before = self._before.joints[[index[names[body]] for body in known]][:, _JOINTS]
            velocity[known] = (exact[known] - before) / ((people.stamp_ns - self._before.stamp_ns) * 1e-9)
        return velocity

    def _bodies(
        self, stamp_ns: int, names: list[str], points: Array, spread_ns: NDArray[np.int64]
    ) -> tuple[BodyKeypoints, ...]:
        """The bodies that are not missed, in a random order."""
        params, rng, count = self._params, self._rng, len(names)
        shown = np.repeat(rng.random((count, 1)) >= params.body_missed, len(_PARTS), axis=1)
        shown[:, _HANDS] &= rng.random((count, len(_HANDS))) >= params.hand_missed
        scores = rng.uniform(*_SCORES, shown.shape)
        rows = list(zip(points.tolist(), scores.tolist(), shown.tolist(), strict=True))
        labels = [self._labels.setdefault(name, str(len(self._labels) + 1)) for name in names]
        bodies = []
        for body in rng.permutation(count).tolist():
            keypoints = tuple(
                BodyKeypoint(part, (x, y, z), score)
                for part, (x, y, z), score, there in zip(_PARTS.values(), *rows[body], strict=True)
                if there
            )
            if keypoints:
                label = labels[body] if params.labels else None
                bodies.append(BodyKeypoints(label, keypoints, stamp_ns - int(spread_ns[body]), stamp_ns))
        return tuple(bodies)
