"""Where heads and hands were lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..types import Hand, HandSide, PersonTrack, PersonTracks, Point, TrackState

Floats = NDArray[np.float64]

HANDS = 2
"""Hands of a person: slot 0 is the left one, 1 the right one; one of unknown side takes the first free slot."""
_NO_HAND = (np.nan,) * 4
_WIDTH = 2 + 4 * HANDS
_FIRST_CAPACITY = 1024
_MOMENT_S = 0.2
"""Between samples that are farther apart a hand goes its own way."""
_LEAST_SEEN = 60
"""Fewer coordinates tell nothing of the jitter."""
_OF_THREE = 0.6745 * np.sqrt(1.5)
"""Median distance of one of three normal variables from the mean of the two others, in standard deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What was seen of the people in a span of time, ordered by stamp: n samples, each of one person.

    stamp_ns, track_id: (n,) int64. body: (n, 2) x, y of the head, or of the floor position without a head [m].
    hands: (n, 2, 3) [m] by slot, NaN where no hand was seen. hand_variance: (n, 2) mean variance per axis [m^2].
    """

    stamp_ns: NDArray[np.int64]
    track_id: NDArray[np.int64]
    body: Floats
    hands: Floats
    hand_variance: Floats

    def by_person(self) -> tuple[Samples, NDArray[np.int64], NDArray[np.intp]]:
        """Ordered by track, then by stamp; the tracks (people,), and where each begins (people,)."""
        order = np.argsort(self.track_id, kind="stable")
        tracks, begins = np.unique(self.track_id[order], return_index=True)
        ordered = Samples(
            self.stamp_ns[order], self.track_id[order], self.body[order], self.hands[order], self.hand_variance[order]
        )
        return ordered, tracks, begins

    def jitter(self) -> float:
        """How far hands are from between where they were just before and after [m]: standard deviation per axis.

        Of samples that are ordered by person. By the median, so that a hand that reaches or leaps does not count.
        """
        seconds = np.diff(self.stamp_ns) / 1e9
        before, after = seconds[:-1], seconds[1:]
        steady = (np.minimum(before, after) > 0) & (np.maximum(before, after) <= _MOMENT_S)
        steady &= self.track_id[2:] == self.track_id[:-2]
        share = (before[steady] / (before + after)[steady])[:, np.newaxis, np.newaxis]
        hands = self.hands
        between = hands[:-2][steady] * (1 - share) + hands[2:][steady] * share
        off = np.abs(hands[1:-1][steady] - between)
        off = off[np.isfinite(off)]
        return float(np.median(off)) / _OF_THREE if len(off) >= _LEAST_SEEN else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class HistoryState:
    """Rows of the buffers; last: newest sample of each track, to know new sights from repeated ones.

    met: when the hands of two tracks, the lesser number first, were together last [ns].
    """

    stamp_ns: NDArray[np.int64]
    track_id: NDArray[np.int64]
    values: Floats
    last: dict[int, tuple[object, ...]]
    met: dict[tuple[int, int], int]


class History:
    """A buffer of samples that forgets what is older than ``history_ns``.

    Hands of two people that come as near as ``meeting`` [m] may hand something over; the last time is remembered until
    one of the two is forgotten.
    """

    def __init__(self, history_ns: int, meeting: float) -> None:
        self._history_ns = history_ns
        self._meeting = meeting
        self._met: dict[tuple[int, int], int] = {}
        self._held: list[tuple[int, Point]] = []
        self._together: list[tuple[int, int]] = []
        self._first = self._end = 0
        self._stamp_ns = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self._track_id = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self._values = np.empty((_FIRST_CAPACITY, _WIDTH))
        self._last: dict[int, tuple[object, ...]] = {}

    def add(self, tracks: PersonTracks) -> None:
        """Remember who is seen now. A track that did not change since its last sample was not seen anew."""
        new = []
        for track in tracks.tracks:
            if track.state is not TrackState.SEEN:
                self._last.pop(track.track_id, None)
                continue
            sight = (track.position, track.head, track.hands)
            if self._last.get(track.track_id) != sight:
                self._last[track.track_id] = sight
                new.append(track)
        if new:
            self._append(tracks.stamp_ns, new)
        self._meet(tracks)

    def met_since(self, one: int, other: int, since_ns: int) -> bool:
        """Whether a hand of the one and a hand of the other were together after that instant."""
        return self._met.get((min(one, other), max(one, other)), since_ns) > since_ns

    def forget(self, track_id: int) -> None:
        """The person left long ago."""
        self._met = {pair: stamp_ns for pair, stamp_ns in self._met.items() if track_id not in pair}

    def between(self, start_ns: int, end_ns: int) -> Samples:
        """Samples with start_ns <= stamp <= end_ns."""
        stamps = self._stamp_ns[self._first : self._end]
        rows = slice(
            self._first + int(np.searchsorted(stamps, start_ns, side="left")),
            self._first + int(np.searchsorted(stamps, end_ns, side="right")),
        )
        values = self._values[rows]
        hands = values[:, 2:].reshape(-1, HANDS, 4)
        return Samples(self._stamp_ns[rows], self._track_id[rows], values[:, :2], hands[..., :3], hands[..., 3])

    def state(self) -> HistoryState:
        """A copy of everything remembered."""
        rows = slice(self._first, self._end)
        return HistoryState(
            self._stamp_ns[rows].copy(),
            self._track_id[rows].copy(),
            self._values[rows].copy(),
            dict(self._last),
            dict(self._met),
        )

    @classmethod
    def restore(cls, history_ns: int, meeting: float, state: HistoryState) -> Self:
        """A history that goes on exactly where ``state()`` was taken."""
        history = cls(history_ns, meeting)
        count = len(state.stamp_ns)
        history._resize(max(_FIRST_CAPACITY, 2 * count))
        history._stamp_ns[:count], history._track_id[:count] = state.stamp_ns, state.track_id
        history._values[:count] = state.values
        history._end = count
        history._last = dict(state.last)
        history._met = dict(state.met)
        return history

    def _meet(self, tracks: PersonTracks) -> None:
        held = [(t.track_id, hand.position) for t in tracks.tracks if t.state is TrackState.SEEN for hand in t.hands]
        if held != self._held:
            self._held, self._together = held, self._near(held)
        for pair in self._together:
            self._met[pair] = tracks.stamp_ns

    def _near(self, held: list[tuple[int, Point]]) -> list[tuple[int, int]]:
        """Tracks whose hands are together."""
        if len(held) < 2:
            return []
        places = np.array([place for _, place in held])
        near = ((places[:, None] - places) ** 2).sum(axis=2) <= self._meeting**2
        if np.count_nonzero(near) == len(held):
            return []
        pairs = [(held[one][0], held[other][0]) for one, other in np.argwhere(near).tolist()]
        return [(one, other) for one, other in pairs if one < other]

    def _append(self, stamp_ns: int, tracks: list[PersonTrack]) -> None:
        stamps = self._stamp_ns[self._first : self._end]
        self._first += int(np.searchsorted(stamps, stamp_ns - self._history_ns, side="left"))
        if self._end + len(tracks) > len(self._stamp_ns):
            self._resize(max(_FIRST_CAPACITY, 2 * (self._end - self._first + len(tracks))))
        rows = slice(self._end, self._end + len(tracks))
        self._stamp_ns[rows] = stamp_ns
        self._track_id[rows] = [track.track_id for track in tracks]
        self._values[rows] = [_row(track) for track in tracks]
        self._end += len(tracks)

    def _resize(self, capacity: int) -> None:
        """Move the remembered rows to the front of new buffers."""
        rows = slice(self._first, self._end)
        count = self._end - self._first
        for name in ("_stamp_ns", "_track_id", "_values"):
            old = getattr(self, name)
            new = np.empty((capacity, *old.shape[1:]), dtype=old.dtype)
            new[:count] = old[rows]
            setattr(self, name, new)
        self._first, self._end = 0, count


def _row(track: PersonTrack) -> tuple[float, ...]:
    place = track.head or track.position
    return (place[0], place[1], *(number for hand in _slots(track.hands) for number in hand))


def _slots(hands: tuple[Hand, ...]) -> list[tuple[float, ...]]:
    slots: list[tuple[float, ...]] = [_NO_HAND] * HANDS
    free = [slot for slot in range(HANDS) if all(_SLOT_OF.get(hand.side) != slot for hand in hands)]
    for hand in hands:
        slot = _SLOT_OF.get(hand.side)
        if slot is None:
            slot = free.pop(0)
        covariance = hand.covariance
        slots[slot] = (*hand.position, (covariance[0] + covariance[4] + covariance[8]) / 3)
    return slots


_SLOT_OF = {HandSide.LEFT: 0, HandSide.RIGHT: 1}
