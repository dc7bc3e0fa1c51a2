"""Detections without labels -> tracks: what ``Tracker`` follows, with heads and hands."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..store import Lane, Store
from ..store.coverage import HEAD_HEIGHT
from ..types import Hand, PersonDetection, PersonDetections, PersonTrack, PersonTracks, Point, Tick, TrackState
from .config import TrackerConfig
from .observations import Coverage, Detections, Tracks
from .tracker import Tracker, TrackerState

_SAME_HAND = 0.25
"""Hands of one person that several sensors see nearer to each other than this are one hand [m]."""
_HANDS = 2
_CORNERS = 16
_NO_HEAD = (np.nan, np.nan, np.nan)


@dataclass(slots=True)
class SensorsState:
    """Everything the follower knows; plain data.

    waiting: batches since the last step. live: the tracks as they were told last, by id. seen, ended: the detections of
    each track, and who has left, since the last tick. stepped_ns: the stamp of the last step.
    """

    tracker: TrackerState
    waiting: list[PersonDetections] = field(default_factory=list)
    live: dict[int, PersonTrack] = field(default_factory=dict)
    seen: dict[int, list[PersonDetection]] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    stepped_ns: int | None = None


class SensorsFollower:
    """Follows people through the detections of all depth sensors of a store, one step per tick."""

    def __init__(self, config: TrackerConfig, store: Store, lane_radius: float, born: int = 0) -> None:
        """lane_radius: people come and go within this distance of a lane [m]; in a store without lanes anywhere.

        born: how many there have been before; ids go on from there.
        """
        self._number = {sensor.device_id: number for number, sensor in enumerate(store.depth_sensors)}
        self._coverage = ceiling_coverage(store)
        self._regions = [_around(lane, lane_radius) for lane in store.lanes]
        first = replace(Tracker(config).state(), born=born)
        self._tracker = Tracker.restore(config, first, self._coverage, self._regions)
        self._waiting: list[PersonDetections] = []
        self._live: dict[int, PersonTrack] = {}
        self._seen: dict[int, list[PersonDetection]] = {}
        self._ended: list[int] = []
        self._stepped_ns: int | None = None

    def step(self, item: PersonDetections | Tick) -> PersonTracks | None:
        """Take one item, in the order of the stamps; a tick gives everybody who is believed in the store.

        A lost track keeps its place, without hands. A track that ends is sent once more, as ENDED.
        """
        if isinstance(item, PersonDetections):
            if any(batch.source_id == item.source_id for batch in self._waiting):
                self._follow(self._waiting[-1].stamp_ns)
            self._waiting.append(item)
            return None
        tracks = self._follow(item.stamp_ns)
        seen, self._seen = self._seen, {}
        ended, self._ended = self._ended, []
        told = [replace(self._live.pop(track_id), state=TrackState.ENDED, hands=()) for track_id in ended]
        for row, track_id in enumerate(tracks.track_id.tolist()):
            used, before = seen.get(track_id, []), self._live.get(track_id)
            x, y = tracks.position[row].tolist()
            self._live[track_id] = PersonTrack(
                track_id=track_id,
                label=None,
                state=TrackState(int(tracks.state[row])),
                position=(x, y, 0.0),
                position_covariance=tuple(tracks.covariance[row].ravel().tolist()),
                head=_head(used),
                hands=united(hand for person in used for hand in person.hands),
                identity_confidence=float(tracks.identity_confidence[row]),
                first_ns=item.stamp_ns if before is None else before.first_ns,
            )
        told += [self._live[track_id] for track_id in tracks.track_id.tolist()]
        return PersonTracks(item.stamp_ns, 0, tuple(told))

    def _follow(self, stamp_ns: int) -> Tracks:
        """A step of the tracker with what waits: at most one image of each sensor."""
        batches, self._waiting = self._waiting, []
        people = [person for batch in batches for person in batch.detections]
        reported = np.array([self._number[batch.source_id] for batch in batches], np.int64)
        # Sensors, and a tick, may have the same stamp.
        self._stepped_ns = stamp_ns if self._stepped_ns is None else max(stamp_ns, self._stepped_ns + 1)
        tracks = self._tracker.step(self._stepped_ns, self._arrays(batches, people), reported)
        for person, row in zip(people, tracks.owner.tolist(), strict=True):
            if row >= 0:
                self._seen.setdefault(int(tracks.track_id[row]), []).append(person)
        self._ended += [track_id for track_id in tracks.ended if track_id in self._live]
        return tracks

    @property
    def born(self) -> int:
        """How many people there have been so far."""
        return self._tracker.state().born

    def state(self) -> SensorsState:
        """A copy of everything the follower knows."""
        state = SensorsState(
            self._tracker.state(), self._waiting, self._live, self._seen, self._ended, self._stepped_ns
        )
        return copy.deepcopy(state)

    @classmethod
    def restore(cls, config: TrackerConfig, store: Store, lane_radius: float, state: SensorsState) -> Self:
        """A follower that goes on exactly where ``state()`` was taken."""
        follower, state = cls(config, store, lane_radius), copy.deepcopy(state)
        follower._tracker = Tracker.restore(config, state.tracker, follower._coverage, follower._regions)
        follower._waiting, follower._live = state.waiting, state.live
        follower._seen, follower._ended, follower._stepped_ns = state.seen, state.ended, state.stepped_ns
        return follower

    def _arrays(self, batches: Sequence[PersonDetections], people: Sequence[PersonDetection]) -> Detections:
        """``people``: of the batches, in their order."""
        count = [len(batch.detections) for batch in batches]
        heads = np.array([person.head or _NO_HEAD for person in people], np.float64).reshape(-1, 3)
        return Detections(
            np.repeat(np.array([self._number[batch.source_id] for batch in batches], np.int64), count),
            np.repeat(np.array([batch.stamp_ns for batch in batches], np.int64), count),
            np.array([person.position[:2] for person in people], np.float64).reshape(-1, 2),
            np.array([person.position_covariance for person in people], np.float64).reshape(-1, 2, 2),
            heads[:, 2],
            heads[:, :2],
        )


def ceiling_coverage(store: Store) -> Coverage:
    """Where the depth sensors of a store see the heads of adults: circles on the floor, within their images."""
    radius = []
    for sensor in store.depth_sensors:
        model = sensor.model
        half = np.tan(model.horizontal_fov / 2) * min(1.0, model.height / model.width)
        radius.append(max(half * (sensor.pose.z - HEAD_HEIGHT), 0.1))
    return Coverage(np.array([sensor.pose[:2] for sensor in store.depth_sensors]).reshape(-1, 2), np.array(radius))


def united(hands: Iterable[Hand]) -> tuple[Hand, ...]:
    """The hands of one person as several sensors see them: at most two, the most certain first.

    Those near each other are one hand: the mean, weighted by the inverse covariances. As different sensors may err
    alike, it is not more certain than the best of them.
    """
    found: list[list[Hand]] = []
    for hand in sorted(hands, key=lambda hand: (sum(hand.covariance[::4]), hand.position)):
        near = next((group for group in found if _apart(group[0], hand) < _SAME_HAND), None)
        if near is not None:
            near.append(hand)
        else:
            found.append([hand])
    return tuple(_mean(group) for group in found[:_HANDS])


def _mean(hands: list[Hand]) -> Hand:
    if len(hands) == 1:
        return hands[0]
    weight = np.linalg.inv(np.array([hand.covariance for hand in hands]).reshape(-1, 3, 3))
    position = np.array([hand.position for hand in hands])
    mean = np.linalg.solve(weight.sum(axis=0), np.einsum("nij,nj->i", weight, position))
    x, y, z = mean.tolist()
    return replace(hands[0], position=(x, y, z))


def _apart(one: Hand, other: Hand) -> float:
    return float(np.linalg.norm(np.subtract(one.position, other.position)))


def _head(used: Sequence[PersonDetection]) -> Point | None:
    """Mean top of the head as it is seen now."""
    heads = [person.head for person in used if person.head is not None]
    if not heads:
        return None
    x, y, z = np.mean(heads, axis=0).tolist()
    return (x, y, z)


def _around(lane: Lane, radius: float) -> NDArray[np.float64]:
    angle = np.arange(_CORNERS) * (2 * np.pi / _CORNERS)
    return np.array(lane.position) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
