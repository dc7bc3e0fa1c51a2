"""Detections -> tracks, with the identities that the source of the detections gives.

A recording or a labelled source says who is who: a label is a person. Detections without a label continue the tracks
without a label by the assignment of least total distance within a gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..checks import require
from ..types import PersonDetection, PersonDetections, PersonTrack, PersonTracks, Tick, TrackState

_NOT_ALLOWED = 1e6
"""Cost [m] of a pair outside the gate: more than all allowed pairs together."""
_AFTER_ALL = 1 << 63


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """Tuning of the tracker.

    lost_after_ms: a track that is not seen for longer is lost.
    lost_timeout_ms: a track that is not seen for longer has ended.
    gate_distance, max_speed: a detection without a label continues a track at most ``gate_distance`` [m] and the way
        gone at ``max_speed`` [m/s] since its last sight away.
    """

    lost_after_ms: int
    lost_timeout_ms: int
    gate_distance: float
    max_speed: float

    def __post_init__(self) -> None:
        require(self, ("lost_after_ms", "gate_distance"), 0, above=True)
        require(self, ("max_speed",), 0)
        require(self, ("lost_timeout_ms",), self.lost_after_ms)


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A live track as it was last seen."""

    track: PersonTrack
    seen_ns: int


@dataclass(slots=True)
class LabelState:
    """Everything the tracker knows; plain data. Live tracks by id, in the order of first sight."""

    sequence: int = 0
    born: int = 0
    live: dict[int, _Sighting] = field(default_factory=dict)


class LabelFollower:
    """Follows people. Items come in the order of their stamps; every item gives the state at its stamp."""

    def __init__(self, config: LabelConfig) -> None:
        self._config = config
        self._state = LabelState()

    def step(self, item: PersonDetections | Tick) -> PersonTracks:
        """Everybody who is believed in the store after this item.

        A lost track keeps its last place, without hands. A track that ends is sent once more, as ENDED.
        """
        ended = self._end(item.stamp_ns - self._config.lost_timeout_ms * 1_000_000)
        if isinstance(item, PersonDetections):
            self._take(item)
        lost_before_ns = item.stamp_ns - self._config.lost_after_ms * 1_000_000
        live = tuple(
            seen.track if seen.seen_ns >= lost_before_ns else replace(seen.track, state=TrackState.LOST, hands=())
            for seen in self._state.live.values()
        )
        return self._batch(item.stamp_ns, ended + live)

    def finish(self, stamp_ns: int) -> PersonTracks:
        """The end of all streams: every track ends."""
        return self._batch(stamp_ns, self._end(_AFTER_ALL))

    @property
    def born(self) -> int:
        """How many people there have been so far."""
        return self._state.born

    def state(self) -> LabelState:
        """A copy of everything the tracker knows."""
        return replace(self._state, live=dict(self._state.live))

    @classmethod
    def restore(cls, config: LabelConfig, state: LabelState) -> Self:
        """A tracker that goes on exactly where ``state()`` was taken."""
        tracker = cls(config)
        tracker._state = replace(state, live=dict(state.live))
        return tracker

    def _batch(self, stamp_ns: int, tracks: tuple[PersonTrack, ...]) -> PersonTracks:
        self._state.sequence += 1
        return PersonTracks(stamp_ns, self._state.sequence - 1, tracks)

    def _end(self, before_ns: int) -> tuple[PersonTrack, ...]:
        """Take out the tracks that were last seen before an instant."""
        live = self._state.live
        return tuple(
            replace(live.pop(track_id).track, state=TrackState.ENDED)
            for track_id in [key for key, sighting in live.items() if sighting.seen_ns < before_ns]
        )

    def _take(self, batch: PersonDetections) -> None:
        by_label = {sighting.track.label: track_id for track_id, sighting in self._state.live.items()}
        unlabelled = [detection for detection in batch.detections if detection.label is None]
        nearest = iter(self._nearest(unlabelled, batch.stamp_ns))
        for detection in batch.detections:
            known = next(nearest) if detection.label is None else by_label.get(detection.label, 0)
            by_label[detection.label] = self._see(known, detection, batch.stamp_ns)

    def _nearest(self, detections: Sequence[PersonDetection], stamp_ns: int) -> list[int]:
        """Track without a label of each detection, 0 where none is within the gate."""
        found = [0] * len(detections)
        live = [sighting for sighting in self._state.live.values() if sighting.track.label is None]
        if not detections or not live:
            return found
        here = np.array([detection.position[:2] for detection in detections])
        there = np.array([sighting.track.position[:2] for sighting in live])
        unseen = np.array([(stamp_ns - sighting.seen_ns) / 1e9 for sighting in live])
        distance = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1))
        allowed = distance <= self._config.gate_distance + self._config.max_speed * unseen
        for row, column in zip(*linear_sum_assignment(np.where(allowed, distance, _NOT_ALLOWED)), strict=True):
            if allowed[row, column]:
                found[row] = live[column].track.track_id
        return found

    def _see(self, track_id: int, detection: PersonDetection, stamp_ns: int) -> int:
        """Continue a track, or begin one if the id is 0. Returns its id."""
        first_ns = self._state.live[track_id].track.first_ns if track_id else stamp_ns
        if not track_id:
            self._state.born += 1
            track_id = self._state.born
        self._state.live[track_id] = _Sighting(
            PersonTrack(
                track_id=track_id,
                label=detection.label,
                state=TrackState.SEEN,
                position=detection.position,
                position_covariance=detection.position_covariance,
                head=detection.head,
                hands=detection.hands,
                identity_confidence=1.0,
                first_ns=first_ns,
            ),
            stamp_ns,
        )
        return track_id
