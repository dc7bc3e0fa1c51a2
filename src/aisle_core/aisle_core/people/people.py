"""Key points of bodies -> people with a place on the floor, a head and hands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Self

from ..checks import require
from ..store import Store
from ..types import (
    Bodies,
    BodyKeypoint,
    BodyKeypoints,
    BodyPart,
    Hand,
    HandSide,
    PersonDetection,
    PersonDetections,
    Point,
)

_TORSO = (BodyPart.HEAD, BodyPart.NECK, BodyPart.LEFT_SHOULDER, BodyPart.RIGHT_SHOULDER)
_SIDES = {BodyPart.LEFT_HAND: HandSide.LEFT, BodyPart.RIGHT_HAND: HandSide.RIGHT, BodyPart.HAND: HandSide.UNKNOWN}
_HANDS = 2
_BELOW_FLOOR = -0.5
"""Least height of a key point [m]: the floor, less a generous error."""


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """Tuning of the people stage.

    min_score: key points with a lower score are dropped.
    keypoint_stddev: standard deviation per axis of a key point with score 1 [m]; the variance grows as 1 / score.
    hand_speed, body_speed: typical speed [m/s]; a point fused from frames taken over a span of time is uncertain by
        the way it goes meanwhile.
    max_reach: a hand horizontally farther than this from head, neck and shoulders alike is no hand of that body [m].
    max_height: no key point is higher above the floor [m].
    store_margin: a body farther outside the bounds of the sales floor is no body [m].
    """

    min_score: float
    keypoint_stddev: float
    hand_speed: float
    body_speed: float
    max_reach: float
    max_height: float
    store_margin: float

    def __post_init__(self) -> None:
        require(self, ("min_score",), 0, 1, above=True)
        require(self, ("keypoint_stddev", "max_reach", "max_height"), 0, above=True)
        require(self, ("hand_speed", "body_speed", "store_margin"), 0)


@dataclass(frozen=True, slots=True)
class PeopleStatistics:
    """What became of the bodies and their points.

    bodies = people found + repeated + without_torso + outside_store. ``repeated``: the very same estimate of the very
    same frames once more, which is no new measurement.
    """

    bodies: int = 0
    repeated: int = 0
    without_torso: int = 0
    outside_store: int = 0
    points_implausible: int = 0
    points_low_score: int = 0
    hands_out_of_reach: int = 0


@dataclass(slots=True)
class PeopleState:
    """Everything the stage knows; plain data."""

    sequence: int = 0
    previous: tuple[BodyKeypoints, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


class People:
    """Finds the people in what one pose estimator sees. Batches come in the order of their stamps."""

    def __init__(self, config: PeopleConfig, store: Store) -> None:
        self._config = config
        self._state = PeopleState()
        margin = config.store_margin
        self._x_range = (min(x for x, _ in store.floor) - margin, max(x for x, _ in store.floor) + margin)
        self._y_range = (min(y for _, y in store.floor) - margin, max(y for _, y in store.floor) + margin)

    def step(self, bodies: Bodies) -> PersonDetections:
        """One batch in, one batch out.

        A body that repeats the batch before gives no detection: the empty batch is progress, not an empty store, for
        the tracker keeps a person for longer than a frame.
        """
        state = self._state
        self._count("bodies", len(bodies.bodies))
        detections = []
        for body in bodies.bodies:
            if body in state.previous:
                self._count("repeated")
            elif (detection := self._detect(body)) is not None:
                detections.append(detection)
        if bodies.bodies:
            state.previous = bodies.bodies
        state.sequence += 1
        return PersonDetections(bodies.stamp_ns, state.sequence - 1, bodies.source_id, tuple(detections))

    def statistics(self) -> PeopleStatistics:
        """Counters since the start."""
        return PeopleStatistics(**self._state.counts)

    def state(self) -> PeopleState:
        """A copy of everything the stage knows."""
        return PeopleState(self._state.sequence, self._state.previous, dict(self._state.counts))

    @classmethod
    def restore(cls, config: PeopleConfig, store: Store, state: PeopleState) -> Self:
        """A stage that goes on exactly where ``state()`` was taken."""
        people = cls(config, store)
        people._state = PeopleState(state.sequence, state.previous, dict(state.counts))
        return people

    def _count(self, name: str, number: int = 1) -> None:
        self._state.counts[name] = self._state.counts.get(name, 0) + number

    def _detect(self, body: BodyKeypoints) -> PersonDetection | None:
        points = [point for point in body.keypoints if self._is_usable(point)]
        torso = {}
        for point in points:
            if point.part in _TORSO and point.part not in torso:
                torso[point.part] = point
        if not torso:
            self._count("without_torso")
            return None
        x = median(point.position[0] for point in torso.values())
        y = median(point.position[1] for point in torso.values())
        if not (self._x_range[0] <= x <= self._x_range[1] and self._y_range[0] <= y <= self._y_range[1]):
            self._count("outside_store")
            return None

        score = fmean(point.score for point in torso.values())
        span = (body.last_capture_ns - body.first_capture_ns) / 1e9
        variance = self._variance(score, self._config.body_speed, span)
        head = torso.get(BodyPart.HEAD)
        return PersonDetection(
            label=body.label,
            position=(x, y, 0.0),
            position_covariance=(variance, 0.0, 0.0, variance),
            head=head.position if head else None,
            hands=self._hands(points, [point.position for point in torso.values()], span),
            confidence=score,
        )

    def _is_usable(self, point: BodyKeypoint) -> bool:
        if not point.score >= self._config.min_score:
            self._count("points_low_score")
            return False
        x, y, z = point.position
        finite = math.isfinite(x) and math.isfinite(y) and math.isfinite(point.score)
        if finite and _BELOW_FLOOR <= z <= self._config.max_height:
            return True
        self._count("points_implausible")
        return False

    def _hands(self, points: list[BodyKeypoint], torso: list[Point], span: float) -> tuple[Hand, ...]:
        """At most two: one per side, best score first, then those of unknown side; ordered as they are chosen."""
        candidates = [point for point in points if point.part in _SIDES]
        candidates.sort(key=lambda point: (point.part == BodyPart.HAND, -point.score))
        chosen: list[BodyKeypoint] = []
        for point in candidates:
            known = [other for other in chosen if other.part == point.part != BodyPart.HAND]
            same = [other for other in chosen if other.position == point.position]
            if known or same or len(chosen) == _HANDS:
                continue
            if not any(math.dist(point.position[:2], anchor[:2]) <= self._config.max_reach for anchor in torso):
                self._count("hands_out_of_reach")
                continue
            chosen.append(point)
        return tuple(self._hand(point, span) for point in chosen)

    def _hand(self, point: BodyKeypoint, span: float) -> Hand:
        variance = self._variance(point.score, self._config.hand_speed, span)
        return Hand(_SIDES[point.part], point.position, (variance, 0.0, 0.0, 0.0, variance, 0.0, 0.0, 0.0, variance))

    def _variance(self, score: float, speed: float, span: float) -> float:
        """Variance per axis [m^2]: noise, and the variance of a uniform distribution over the way gone in ``span``."""
        return self._config.keypoint_stddev**2 / score + (speed * span) ** 2 / 12
