"""Visits: who is in the store, what each of them holds, and the receipt when they leave."""

from __future__ import annotations

import copy
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..checks import require
from ..store import Store
from ..types import (
    Cart,
    CartEvent,
    CartEvents,
    Carts,
    CartState,
    CloseReason,
    GateCommand,
    GateEvent,
    GateEventKind,
    PersonTrack,
    PersonTracks,
    Receipt,
    Tick,
    TrackState,
)
from . import gate
from .cart import Account, account, tracks_of

_BEFORE_ALL = -(1 << 63)
_WITHOUT_TRACK = 3.0
"""Cost of a passage that stays without a track; a possible pair costs at most 1 for the time and 1 for the place."""
_LEAST_KEY_LENGTH = 16


@dataclass(frozen=True, slots=True)
class CheckoutConfig:
    """Tuning of the checkout.

    session_key: store secret from which the public ids of the visits are made.
    grant_timeout_ms: how long an open lane waits for the person whose credential was good.
    closing_ms: a lane that says that it is closed lets the last of a group slip through for so long.
    bind_time_ms, bind_distance: a person who went in is the track first seen within this time of the passage, before or
        after it, and within this distance [m] of the lane.
    exit_distance: a person who goes out is the nearest track within this distance [m] of the lane.
    settle_ms: a change on a shelf settles within this time after the hand has left it; a receipt waits for it.
    doubt_probability: a decision that is wrong about a visit with at least this probability puts it under review.
    """

    session_key: str
    grant_timeout_ms: int
    closing_ms: int
    bind_time_ms: int
    bind_distance: float
    exit_distance: float
    settle_ms: int
    doubt_probability: float

    def __post_init__(self) -> None:
        if len(self.session_key) < _LEAST_KEY_LENGTH:
            raise ValueError(
                f"session_key has {len(self.session_key)} characters; give a secret of {_LEAST_KEY_LENGTH} or more"
            )
        require(self, ("grant_timeout_ms", "bind_time_ms", "bind_distance", "exit_distance"), 0, above=True)
        require(self, ("closing_ms", "settle_ms"), 0)
        require(self, ("doubt_probability",), 0, 1, above=True)


@dataclass(frozen=True, slots=True)
class CheckoutOutput:
    """What one step decided. All sequences are 0: whoever publishes counts."""

    carts: Carts | None = None
    receipts: tuple[Receipt, ...] = ()
    commands: tuple[GateCommand, ...] = ()


@dataclass(slots=True)
class _Visit:
    session_id: str
    open_ns: int
    credential: str | None = None
    label: str | None = None
    track_ids: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    """Tracks that have gone out."""
    events: list[CartEvent] = field(default_factory=list)
    close_ns: int | None = None
    close_reason: CloseReason = CloseReason.UNKNOWN


@dataclass(frozen=True, slots=True)
class _Entry:
    """A passage whose person has no track yet."""

    session_id: str
    lane_id: str
    stamp_ns: int


@dataclass(slots=True)
class CheckoutState:
    """Everything the checkout knows; plain data.

    visits: by session id, until the receipt is out, in the order of opening.
    session_of: visit of every track that is or was on one, until the track ends.
    tracks: the tracks in the store; first_seen: each as it was when it was first seen.
    waiting: decisions about tracks without a visit. decided_ns: the fusion's progress.
    """

    opened: int = 0
    visits: dict[str, _Visit] = field(default_factory=dict)
    session_of: dict[int, str] = field(default_factory=dict)
    tracks: dict[int, PersonTrack] = field(default_factory=dict)
    first_seen: dict[int, PersonTrack] = field(default_factory=dict)
    entries: list[_Entry] = field(default_factory=list)
    grants: dict[str, gate.Grant] = field(default_factory=dict)
    waiting: dict[int, list[CartEvent]] = field(default_factory=dict)
    decided_ns: int = _BEFORE_ALL
    about_nobody: int = 0
    sessions_of_lanes: dict[str, str] = field(default_factory=dict)
    """Lane -> the visit that somebody last went in to there."""
    entries_without_grant: int = 0
    exits_without_visit: int = 0


class Checkout:
    """Opens, keeps and closes visits. Items come in the order of their stamps.

    With lanes in the site, a visit opens when somebody goes in on a credential, is joined by all who go in on the same
    one, and closes when the last of their tracks goes out.
    Without lanes it opens at a track's first sight and closes when the track ends. A receipt is given when the fusion
    has decided everything that settled until ``settle_ms`` after the visit closed.
    """

    def __init__(self, config: CheckoutConfig, store: Store) -> None:
        self._config = config
        self._store = store
        self._lanes = {lane.lane_id: lane for lane in store.lanes}
        self._state = CheckoutState()
        self._changed = False

    def state(self) -> CheckoutState:
        """A copy of everything the checkout knows."""
        return copy.deepcopy(self._state)

    @classmethod
    def restore(cls, config: CheckoutConfig, store: Store, state: CheckoutState) -> Self:
        """A checkout that goes on exactly where ``state()`` was taken."""
        checkout = cls(config, store)
        checkout._state = copy.deepcopy(state)
        return checkout

    def statistics(self) -> dict[str, int]:
        """What is open, and what went wrong so far."""
        state = self._state
        return {
            "visits_opened": state.opened,
            "visits_open": len(state.visits),
            "entries_without_grant": state.entries_without_grant,
            "exits_without_visit": state.exits_without_visit,
            "cart_events_about_nobody": state.about_nobody,
            "cart_events_waiting": sum(len(events) for events in state.waiting.values()),
        }

    def step(self, item: CartEvents | PersonTracks | GateEvent | Tick) -> CheckoutOutput:
        """Take one item and say what follows. A gate event must be of a lane of the site."""
        commands: tuple[GateCommand, ...] = ()
        self._bind_before(item.stamp_ns - self._config.bind_time_ms * 1_000_000)
        match item:
            case CartEvents():
                for event in item.events:
                    self._take_event(event)
                self._state.decided_ns = item.stamp_ns
            case PersonTracks():
                self._take_tracks(item)
            case GateEvent():
                commands = self._take_gate_event(item)
            case Tick():
                pass
        decided_ns = self._state.decided_ns - self._config.settle_ms * 1_000_000
        closed = [v for v in self._state.visits.values() if v.close_ns is not None and v.close_ns <= decided_ns]
        return self._output(item.stamp_ns, closed, commands)

    def finish(self, stamp_ns: int) -> CheckoutOutput:
        """The end of all streams: every visit closes, at ``stamp_ns`` at the latest."""
        self._bind_before(stamp_ns + 1)
        visits = list(self._state.visits.values())
        for visit in visits:
            self._close(visit, stamp_ns, CloseReason.END_OF_STREAM)
        return self._output(stamp_ns, visits, ())

    # --- what the items mean

    def _take_event(self, event: CartEvent) -> None:
        track_ids = tracks_of(event)
        if not track_ids:
            self._state.about_nobody += 1
        for track_id in track_ids:
            visit = self._visit_of(track_id)
            events = self._state.waiting.setdefault(track_id, []) if visit is None else visit.events
            if all(known.cart_event_id != event.cart_event_id for known in events):
                events.append(event)
                self._changed |= visit is not None

    def _take_tracks(self, tracks: PersonTracks) -> None:
        state = self._state
        for track in tracks.tracks:
            if track.state is TrackState.ENDED:
                self._end_track(track.track_id, tracks.stamp_ns)
                continue
            state.tracks[track.track_id] = track
            state.first_seen.setdefault(track.track_id, track)
            if not self._lanes and track.track_id not in state.session_of:
                self._put_on(self._open(track.first_ns, None), track)

    def _end_track(self, track_id: int, stamp_ns: int) -> None:
        visit = self._visit_of(track_id)
        if visit is not None and not self._lanes:
            self._close(visit, stamp_ns, CloseReason.TRACK_ENDED)
        for known in (self._state.tracks, self._state.first_seen):
            known.pop(track_id, None)
        if visit is None:
            self._state.session_of.pop(track_id, None)

    def _take_gate_event(self, event: GateEvent) -> tuple[GateCommand, ...]:
        state = self._state
        lane = self._lanes[event.lane_id]
        result = gate.step(
            lane.direction,
            state.grants.get(lane.lane_id),
            event,
            self._config.grant_timeout_ms * 1_000_000,
            self._config.closing_ms * 1_000_000,
        )
        if result.grant is None:
            state.grants.pop(lane.lane_id, None)
        else:
            state.grants[lane.lane_id] = result.grant

        if event.kind is GateEventKind.PASSAGE_OUT:
            self._leave(lane.position, event.stamp_ns)
        elif result.entered is not None:
            session_id = state.sessions_of_lanes.get(lane.lane_id, "") if result.entered.used else ""
            if session_id not in state.visits:
                session_id = self._open(event.stamp_ns, result.entered.credential).session_id
            state.sessions_of_lanes[lane.lane_id] = session_id
            state.entries.append(_Entry(session_id, lane.lane_id, event.stamp_ns))
        elif event.kind is GateEventKind.PASSAGE_IN:
            state.entries_without_grant += 1
        return () if result.command is None else (GateCommand(event.stamp_ns, 0, lane.lane_id, *result.command),)

    def _leave(self, position: tuple[float, float], stamp_ns: int) -> None:
        inside = [track for track in self._state.tracks.values() if not self._has_left(track.track_id)]
        distance, track_id = min(
            ((_distance(track, position), track.track_id) for track in inside), default=(float("inf"), 0)
        )
        visit = self._visit_of(track_id) if distance <= self._config.exit_distance else None
        if visit is None:
            self._state.exits_without_visit += 1
            return
        visit.left.append(track_id)
        coming = any(entry.session_id == visit.session_id for entry in self._state.entries)
        if not coming and set(visit.left) >= set(visit.track_ids):
            self._close(visit, stamp_ns, CloseReason.EXIT)

    # --- visits

    def _open(self, stamp_ns: int, credential: str | None) -> _Visit:
        self._state.opened += 1
        digest = hmac.digest(self._config.session_key.encode(), self._state.opened.to_bytes(8, "big"), hashlib.sha256)
        visit = _Visit(digest.hex()[:16], stamp_ns, credential)
        self._state.visits[visit.session_id] = visit
        self._changed = True
        return visit

    def _put_on(self, visit: _Visit, track: PersonTrack) -> None:
        self._state.session_of[track.track_id] = visit.session_id
        visit.track_ids.append(track.track_id)
        visit.label = visit.label or track.label
        visit.events += self._state.waiting.pop(track.track_id, [])
        self._changed = True

    def _close(self, visit: _Visit, stamp_ns: int, reason: CloseReason) -> None:
        if visit.close_ns is None:
            visit.close_ns, visit.close_reason = stamp_ns, reason

    def _visit_of(self, track_id: int) -> _Visit | None:
        return self._state.visits.get(self._state.session_of.get(track_id, ""))

    def _has_left(self, track_id: int) -> bool:
        visit = self._visit_of(track_id)
        if visit is None:
            return track_id in self._state.session_of
        return visit.close_ns is not None or track_id in visit.left

    def _bind_before(self, stamp_ns: int) -> None:
        """Find the tracks of older passages: least total distance in time and place over all that have none yet."""
        state, config, entries = self._state, self._config, self._state.entries
        if not entries or entries[0].stamp_ns >= stamp_ns:
            return
        tracks = [track for track in state.first_seen.values() if track.track_id not in state.session_of]
        positions = np.array([self._lanes[entry.lane_id].position for entry in entries]).reshape(-1, 1, 2)
        metres = np.linalg.norm(positions - np.array([t.position[:2] for t in tracks]).reshape(1, -1, 2), axis=2)
        apart_ns = np.abs(np.subtract.outer([e.stamp_ns for e in entries], [t.first_ns for t in tracks]))
        cost = metres / config.bind_distance + apart_ns / (config.bind_time_ms * 1e6)
        cost[(metres > config.bind_distance) | (apart_ns > config.bind_time_ms * 1_000_000)] = _WITHOUT_TRACK
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if entries[row].stamp_ns < stamp_ns and cost[row, column] < _WITHOUT_TRACK:
                self._put_on(state.visits[entries[row].session_id], tracks[column])
        state.entries = [entry for entry in entries if entry.stamp_ns >= stamp_ns]

    # --- what is told

    def _output(self, stamp_ns: int, closed: list[_Visit], commands: tuple[GateCommand, ...]) -> CheckoutOutput:
        if not self._changed and not closed:
            return CheckoutOutput(commands=commands)
        accounts = {visit.session_id: self._account(visit) for visit in self._state.visits.values()}
        carts = tuple(
            self._cart(visit, accounts[visit.session_id], visit in closed) for visit in self._state.visits.values()
        )
        receipts = tuple(self._receipt(visit, accounts[visit.session_id]) for visit in closed)
        for visit in closed:
            del self._state.visits[visit.session_id]
            for track_id in visit.track_ids:
                if track_id not in self._state.tracks:
                    del self._state.session_of[track_id]
        self._changed = False
        return CheckoutOutput(Carts(stamp_ns, 0, carts), receipts, commands)

    def _account(self, visit: _Visit) -> Account:
        return account(visit.events, visit.track_ids, self._store.products, self._config.doubt_probability)

    def _cart(self, visit: _Visit, account: Account, closed: bool) -> Cart:
        return Cart(
            session_id=visit.session_id,
            track_ids=tuple(visit.track_ids),
            label=visit.label,
            state=CartState.CLOSED if closed else CartState.OPEN,
            credential=visit.credential,
            open_ns=visit.open_ns,
            currency=self._store.currency,
            lines=account.lines,
            total_minor=account.charged_minor + account.review_minor,
        )

    def _receipt(self, visit: _Visit, account: Account) -> Receipt:
        assert visit.close_ns is not None
        return Receipt(
            stamp_ns=visit.close_ns,
            sequence=0,
            session_id=visit.session_id,
            track_ids=tuple(visit.track_ids),
            label=visit.label,
            credential=visit.credential,
            open_ns=visit.open_ns,
            close_reason=visit.close_reason,
            currency=self._store.currency,
            lines=account.lines,
            charged_minor=account.charged_minor,
            review_minor=account.review_minor,
            review=account.review or not visit.track_ids,
            unbooked_cart_event_ids=account.unbooked,
        )


def _distance(track: PersonTrack, position: tuple[float, float]) -> float:
    return float(np.hypot(track.position[0] - position[0], track.position[1] - position[1]))
