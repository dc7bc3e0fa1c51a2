"""Visits: who is in the store, what each of them holds, and the receipt when they leave."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

from ..checks import require
from ..store import Store
from ..types import (
    Cart,
    CartEvent,
    CartEvents,
    Carts,
    CartState,
    CloseReason,
    CredentialShown,
    EntryDecision,
    EntryRequest,
    GateAlarm,
    GateAlarmKind,
    GateCommand,
    GateCommandReason,
    GateEvent,
    GateEventKind,
    PersonTrack,
    PersonTracks,
    Receipt,
    Review,
    ReviewDecision,
    StaffOrder,
    StaffOrderKind,
    StaffTrack,
    Tick,
    TrackState,
)
from . import gate
from .cart import Account, account, tracks_of
from .gate import Entered, LaneState, LaneStatus, LaneStep
from .review import decide, review_of

CheckoutInput = (
    CartEvents | PersonTracks | GateEvent | CredentialShown | EntryDecision | StaffOrder | ReviewDecision | Tick
)

_MS = 1_000_000
_BEFORE_ALL = -(1 << 63)
_WITHOUT_TRACK = 3.0
"""Cost of a passage that stays without a track; a possible pair costs at most 1 for the time and 1 for the place."""
_TOGETHER_NS = 1_000_000_000
"""Two bodies between which a light barrier sees no gap pass within so long: half a metre at a slow walk."""
_LEAST_KEY_LENGTH = 16


@dataclass(frozen=True, slots=True)
class CheckoutConfig:
    """Tuning of the checkout.

    session_key: store secret from which the public ids of the visits are made.
    ask_office: the office says who may come in, by an ``EntryDecision``; else every credential is good.
    authorise_timeout_ms: how long somebody at a lane waits for that.
    grant_timeout_ms: how long a lane that was told to open waits for the person whose credential was good.
    follow_ms: whoever goes in within this time after the lane has locked follows the one before.
    jam_timeout_ms: a lane that stays open for so long, and nobody goes in, is jammed.
    visit_timeout_ms: a visit that has not closed after this closes, and is reviewed.
    bind_time_ms, bind_distance: a person who went in is the track first seen within this time of the passage, before or
        after it, and within this distance [m] of the lane.
    exit_distance: a person who goes out is the nearest track within this distance [m] of the lane.
    reach: nobody touches a plate whose middle is farther away than this, horizontally [m].
    settle_ms: a change on a shelf settles within this time after the hand has left it; a receipt waits for it.
    doubt_probability: a decision that is wrong about a visit with at least this probability puts it under review.
    review_timeout_ms: a review that nobody has decided after this is forgotten.
    """

    session_key: str
    ask_office: bool
    authorise_timeout_ms: int
    grant_timeout_ms: int
    follow_ms: int
    jam_timeout_ms: int
    visit_timeout_ms: int
    bind_time_ms: int
    bind_distance: float
    exit_distance: float
    reach: float
    settle_ms: int
    doubt_probability: float
    review_timeout_ms: int

    def __post_init__(self) -> None:
        if len(self.session_key) < _LEAST_KEY_LENGTH:
            raise ValueError(
                f"session_key has {len(self.session_key)} characters; give a secret of {_LEAST_KEY_LENGTH} or more"
            )
        times = ("authorise_timeout_ms", "grant_timeout_ms", "jam_timeout_ms", "visit_timeout_ms", "bind_time_ms")
        require(self, (*times, "bind_distance", "exit_distance", "reach"), 0, above=True)
        require(self, ("follow_ms", "settle_ms", "review_timeout_ms"), 0)
        require(self, ("doubt_probability",), 0, 1, above=True)

    @property
    def gate_times(self) -> gate.GateTimes:
        """What a lane waits for."""
        return gate.GateTimes(
            authorise=self.authorise_timeout_ms * _MS,
            grant=self.grant_timeout_ms * _MS,
            follow=self.follow_ms * _MS,
            jam=self.jam_timeout_ms * _MS,
        )


@dataclass(frozen=True, slots=True)
class CheckoutOutput:
    """What one step decided. All sequences are 0: whoever publishes counts."""

    carts: Carts | None = None
    receipts: tuple[Receipt, ...] = ()
    commands: tuple[GateCommand, ...] = ()
    alarms: tuple[GateAlarm, ...] = ()
    requests: tuple[EntryRequest, ...] = ()
    staff: tuple[StaffTrack, ...] = ()
    reviews: tuple[Review, ...] = ()
    decisions: tuple[ReviewDecision, ...] = ()


@dataclass(slots=True)
class _Visit:
    session_id: str
    open_ns: int
    credential: str | None = None
    label: str | None = None
    staff: bool = False
    """Of somebody who works here: no cart, no receipt."""
    doubtful: bool = False
    """Something may have been missed: a person looks at it."""
    mistaken: bool = False
    """Two bodies came in at one pulse, and its people may be the wrong ones: every line is doubtful."""
    people: int = 0
    """How many have gone in."""
    track_ids: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    """Tracks that have gone out."""
    events: list[CartEvent] = field(default_factory=list)
    close_ns: int | None = None
    close_reason: CloseReason = CloseReason.UNKNOWN
    touched_ns: int = 0
    """Once it has closed: since then its people were out of reach of all shelves."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A passage in; follows: behind somebody else of the visit."""

    session_id: str
    lane_id: str
    stamp_ns: int
    follows: bool


@dataclass(slots=True)
class CheckoutState:
    """Everything the checkout knows; plain data.

    visits: by session id, until the receipt is out, in the order of opening.
    session_of: visit of every track that is or was on one, until the track ends; "" of who has left without one.
    tracks: the tracks in the store; first_seen: each as it was when it was first seen.
    entries: passages whose person has no track yet. passages: those of late, for people who came in together.
    waiting: decisions of late about tracks without a visit. tentative: how what is not decided looked last.
    decided_ns: the fusion's progress. heard_ns: its clock.
    tracked_ns: when tracks last came. touched_ns: when each track was last within reach of a shelf, or out of sight.
    sessions_of_lanes: the visit that somebody last went in to at a lane. strangers: tracks that came in with somebody
        else. closed: the store lets nobody in. reviews: by session id, those that nobody has decided. settled: by id,
        what decisions in them are by other reviews.
    """

    opened: int = 0
    visits: dict[str, _Visit] = field(default_factory=dict)
    session_of: dict[int, str] = field(default_factory=dict)
    tracks: dict[int, PersonTrack] = field(default_factory=dict)
    first_seen: dict[int, PersonTrack] = field(default_factory=dict)
    entries: list[_Entry] = field(default_factory=list)
    passages: list[_Entry] = field(default_factory=list)
    lanes: dict[str, LaneStatus] = field(default_factory=dict)
    waiting: dict[int, list[CartEvent]] = field(default_factory=dict)
    tentative: tuple[CartEvent, ...] = ()
    decided_ns: int = _BEFORE_ALL
    heard_ns: int = _BEFORE_ALL
    tracked_ns: int = _BEFORE_ALL
    touched_ns: dict[int, int] = field(default_factory=dict)
    about_nobody: int = 0
    sessions_of_lanes: dict[str, str] = field(default_factory=dict)
    strangers: list[int] = field(default_factory=list)
    closed: bool = False
    staff_entries: int = 0
    alarms: dict[str, int] = field(default_factory=dict)
    exits_without_visit: int = 0
    reviews: dict[str, Review] = field(default_factory=dict)
    settled: dict[str, CartEvent] = field(default_factory=dict)


class Checkout:
    """Opens, keeps and closes visits. Items come in the order of their stamps.

    With lanes in the site, a visit opens when somebody goes in on a credential, is joined by all who follow through the
    same opening of the lane, and closes when the last of their tracks goes out. Whoever works here has a visit too, of
    which nothing is told.
    Without lanes it opens at a track's first sight and closes when the track ends. A receipt is given when the fusion
    has decided everything that settled until ``settle_ms`` after its people could last touch a shelf: that is the end
    of the visit, or if all went out in sight, when the last of them left the shelves.
    """

    def __init__(self, config: CheckoutConfig, store: Store) -> None:
        self._config = config
        self._store = store
        self._lanes = {lane.lane_id: lane for lane in store.lanes}
        self._plates = KDTree(np.array([plate.centre[:2] for plate in store.plates.values()]).reshape(-1, 2))
        self._times = config.gate_times
        self._places: list[tuple[float, float]] = []
        self._near: list[int] = []
        """Plates within reach of each of the places."""
        self._state = CheckoutState()
        self._changed = False
        self._commands: list[GateCommand] = []
        self._alarms: list[GateAlarm] = []
        self._requests: list[EntryRequest] = []
        self._staff: list[StaffTrack] = []
        self._decisions: list[ReviewDecision] = []

    def state(self) -> CheckoutState:
        """A copy of everything the checkout knows."""
        return _copy(self._state)

    @classmethod
    def restore(cls, config: CheckoutConfig, store: Store, state: CheckoutState) -> Self:
        """A checkout that goes on exactly where ``state()`` was taken."""
        checkout = cls(config, store)
        checkout._state = _copy(state)
        return checkout

    @classmethod
    def resume(cls, config: CheckoutConfig, store: Store, state: CheckoutState) -> Self:
        """A checkout that was away since ``state()`` was taken: what it has missed makes the open visits doubtful."""
        checkout = cls.restore(config, store, state)
        for visit in checkout._state.visits.values():
            visit.doubtful = True
        return checkout

    @property
    def heard_ns(self) -> int:
        """The stamp of the fusion's newest decisions."""
        return self._state.heard_ns

    def statistics(self) -> dict[str, int]:
        """What is open, and what went wrong so far."""
        state = self._state
        return {
            "visits_opened": state.opened,
            "visits_open": len(self._told()),
            "people_inside": self._people(),
            "staff_entries": state.staff_entries,
            "exits_without_visit": state.exits_without_visit,
            "reviews_waiting": len(state.reviews),
            "cart_events_about_nobody": state.about_nobody,
            "cart_events_waiting": sum(len(events) for events in state.waiting.values()),
            **{f"alarms: {kind}": count for kind, count in state.alarms.items()},
        }

    def step(self, item: CheckoutInput) -> CheckoutOutput:
        """Take one item and say what follows. A gate event or decision must be of a lane of the site."""
        self._bind_before(item.stamp_ns - self._config.bind_time_ms * _MS)
        for lane_id, status in self._state.lanes.items():
            self._take_step(lane_id, item.stamp_ns, gate.wait(status, item.stamp_ns))
        match item:
            case CartEvents():
                for event in item.decisions:
                    self._take_event(event)
                self._changed |= item.tentative != self._state.tentative
                self._state.tentative = item.tentative
                self._state.decided_ns = max(self._state.decided_ns, item.decided_ns)
                self._state.heard_ns = max(self._state.heard_ns, item.stamp_ns)
            case PersonTracks():
                self._take_tracks(item)
            case GateEvent():
                self._take_gate_event(item)
            case CredentialShown():
                kind = GateEventKind.CREDENTIAL
                self._take_gate_event(GateEvent(item.stamp_ns, 0, item.lane_id, kind, item.credential))
            case EntryDecision():
                self._take_decision(item)
            case StaffOrder():
                self._take_order(item)
            case ReviewDecision():
                self._take_review(item)
            case Tick():
                self._close_old(item.stamp_ns)
        decided_ns = self._state.decided_ns - self._config.settle_ms * _MS
        closed = [v for v in self._state.visits.values() if v.close_ns is not None and v.touched_ns <= decided_ns]
        return self._output(item.stamp_ns, closed)

    def finish(self, stamp_ns: int) -> CheckoutOutput:
        """The end of all streams: every visit closes, at ``stamp_ns`` at the latest."""
        self._bind_before(stamp_ns + 1)
        visits = list(self._state.visits.values())
        for visit in visits:
            self._close(visit, stamp_ns, CloseReason.END_OF_STREAM)
        return self._output(stamp_ns, visits)

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
        self._take_reach(tracks)
        for track in tracks.tracks:
            if track.state is TrackState.ENDED:
                self._end_track(track.track_id, tracks.stamp_ns)
                continue
            state.tracks[track.track_id] = track
            state.first_seen.setdefault(track.track_id, track)
            if not self._lanes and track.track_id not in state.session_of:
                self._put_on(self._open(track.first_ns, None), track)

    def _take_reach(self, tracks: PersonTracks) -> None:
        """Note who may touch a shelf: whoever is near one, or was not seen."""
        state, people = self._state, [track for track in tracks.tracks if track.state is not TrackState.ENDED]
        missed = not self._is_tracked(tracks.stamp_ns)
        state.tracked_ns = tracks.stamp_ns
        places = [track.position[:2] for track in people]
        if places != self._places:
            points = np.array(places).reshape(-1, 2)
            plates = self._plates.query_ball_point(points, self._config.reach, return_length=True)
            self._places, self._near = places, plates.tolist()
        for track, near in zip(people, self._near, strict=True):
            if near or missed or track.state is not TrackState.SEEN:
                state.touched_ns[track.track_id] = tracks.stamp_ns

    def _is_tracked(self, stamp_ns: int) -> bool:
        """Whether tracks have come lately."""
        return stamp_ns - self._state.tracked_ns <= self._config.settle_ms * _MS

    def _end_track(self, track_id: int, stamp_ns: int) -> None:
        visit = self._visit_of(track_id)
        if visit is not None and not self._lanes:
            self._close(visit, stamp_ns, CloseReason.TRACK_ENDED)
        for known in (self._state.tracks, self._state.first_seen):
            known.pop(track_id, None)
        if track_id in self._state.strangers:
            self._state.strangers.remove(track_id)
        if visit is None:
            self._state.touched_ns.pop(track_id, None)
            self._state.session_of.pop(track_id, None)

    def _take_gate_event(self, event: GateEvent) -> None:
        lane = self._lanes[event.lane_id]
        status = self._state.lanes.get(lane.lane_id, LaneStatus())
        open_visits = [v.credential for v in self._state.visits.values() if v.close_ns is None]
        visit_open = event.credential is not None and event.credential in open_visits
        result = gate.step(lane.direction, status, event, visit_open, self._times)
        if result.alarm in (GateAlarmKind.FIRE, GateAlarmKind.POWER_LOST):
            self._doubt_all()
        self._take_step(lane.lane_id, event.stamp_ns, result)
        if result.entered is not None:
            self._enter(lane.lane_id, event.stamp_ns, status, result.entered)
        elif event.kind is GateEventKind.PASSAGE_OUT:
            self._leave(lane.position, event.stamp_ns)
        elif result.asks:
            self._ask(event)

    def _take_step(self, lane_id: str, stamp_ns: int, result: LaneStep) -> None:
        """Keep what a lane has come to, and tell what follows."""
        self._state.lanes[lane_id] = result.status
        if result.alarm is not None:
            self._alarm(stamp_ns, lane_id, result.alarm)
        if result.command is not None:
            everywhere = result.command[1] is GateCommandReason.ALARM
            for told in self._lanes if everywhere else (lane_id,):
                self._commands.append(GateCommand(stamp_ns, 0, told, *result.command))

    def _alarm(self, stamp_ns: int, lane_id: str, kind: GateAlarmKind, session_id: str = "", track_id: int = 0) -> None:
        name = kind.name.lower()
        self._state.alarms[name] = self._state.alarms.get(name, 0) + 1
        self._alarms.append(GateAlarm(stamp_ns, 0, lane_id, kind, session_id, track_id))

    def _ask(self, event: GateEvent) -> None:
        request_id = _request_id(event.lane_id, event.stamp_ns)
        if self._config.ask_office:
            credential = event.credential or ""
            self._requests.append(EntryRequest(event.stamp_ns, 0, event.lane_id, credential, request_id))
        else:
            self._take_decision(EntryDecision(event.stamp_ns, event.lane_id, request_id, GateCommandReason.GRANTED))

    def _take_decision(self, decision: EntryDecision) -> None:
        status = self._state.lanes.get(decision.lane_id, LaneStatus())
        asked = _request_id(decision.lane_id, status.request_ns)
        if status.state is not LaneState.AUTHORISING or asked != decision.request_id:
            return
        refusal: GateCommandReason | None = decision.reason
        if decision.reason is GateCommandReason.GRANTED:
            refusal = None if decision.staff else self._no_room()
        result = gate.decide(status, refusal, decision.staff, decision.stamp_ns, self._times)
        self._take_step(decision.lane_id, decision.stamp_ns, result)

    def _no_room(self) -> GateCommandReason | None:
        if self._state.closed:
            return GateCommandReason.STORE_CLOSED
        promised = sum(status.promised and not status.staff for status in self._state.lanes.values())
        most = self._store.max_people
        full = most is not None and self._people() + promised >= most
        return GateCommandReason.STORE_FULL if full else None

    def _take_order(self, order: StaffOrder) -> None:
        match order.kind:
            case StaffOrderKind.CLOSE_STORE | StaffOrderKind.OPEN_STORE:
                self._state.closed = order.kind is StaffOrderKind.CLOSE_STORE
            case StaffOrderKind.CLOSE_VISIT if order.session_id in self._state.visits:
                self._close(self._state.visits[order.session_id], order.stamp_ns, CloseReason.STAFF)

    def _take_review(self, decision: ReviewDecision) -> None:
        """A review is decided once; that may settle what another visit is in doubt about."""
        review = self._state.reviews.pop(decision.session_id, None)
        if review is None and not decision.corrections:
            return
        quantities = {line.sku: line.quantity for line in decision.lines}
        decided = decide(review, quantities, self._state.settled) if review is not None and decision.known else []
        corrections = *decision.corrections, *(one.correction for one in decided)
        self._decisions.append(replace(decision, corrections=corrections))
        for event in (one.event for one in decided if one.event is not None):
            told = replace(event, review=1.0 - event.confidence >= self._config.doubt_probability)
            for visit in self._state.visits.values():
                self._changed |= any(known.cart_event_id == told.cart_event_id for known in visit.events)
                visit.events = _with(told, visit.events)
            self._state.settled[told.cart_event_id] = told
        self._forget_settled()

    def _close_old(self, stamp_ns: int) -> None:
        oldest_ns = stamp_ns - self._config.visit_timeout_ms * _MS
        for visit in self._state.visits.values():
            if visit.close_ns is None and visit.open_ns < oldest_ns:
                visit.doubtful = True
                self._close(visit, stamp_ns, CloseReason.TIMEOUT)
        waiting = self._state.waiting
        for track_id in [key for key, events in waiting.items() if events[-1].end_ns < oldest_ns]:
            del waiting[track_id]
        reviews = self._state.reviews
        forgotten_ns = stamp_ns - self._config.review_timeout_ms * _MS
        for session_id in [key for key, review in reviews.items() if review.stamp_ns < forgotten_ns]:
            del reviews[session_id]
            self._forget_settled()

    def _forget_settled(self) -> None:
        """Only reviews that wait ask for them."""
        asked = {event.cart_event_id for review in self._state.reviews.values() for event in review.events}
        for key in [key for key in self._state.settled if key not in asked]:
            del self._state.settled[key]

    def _doubt_all(self) -> None:
        """People may come and go unseen."""
        for visit in self._state.visits.values():
            visit.doubtful |= visit.close_ns is None

    def _enter(self, lane_id: str, stamp_ns: int, status: LaneStatus, entered: Entered) -> None:
        state = self._state
        session_id = state.sessions_of_lanes.get(lane_id, "") if entered is Entered.FOLLOWING else ""
        visit = state.visits.get(session_id)
        if visit is None or visit.close_ns is not None:
            visit = self._open_for_staff(stamp_ns) if status.staff else self._open(stamp_ns, status.credential)
        visit.people += 1
        state.sessions_of_lanes[lane_id] = visit.session_id
        entry = _Entry(visit.session_id, lane_id, stamp_ns, follows=visit.people > 1)
        state.entries.append(entry)
        state.passages.append(entry)

    def _leave(self, position: tuple[float, float], stamp_ns: int) -> None:
        inside = [track for track in self._state.tracks.values() if not self._has_left(track.track_id)]
        distance, track_id = min(
            ((_distance(track, position), track.track_id) for track in inside), default=(float("inf"), 0)
        )
        near = distance <= self._config.exit_distance
        visit = self._visit_of(track_id) if near else None
        if visit is None:
            self._state.exits_without_visit += 1
            if near:
                self._state.session_of[track_id] = ""
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

    def _open_for_staff(self, stamp_ns: int) -> _Visit:
        self._state.staff_entries += 1
        visit = _Visit(f"staff-{self._state.staff_entries}", stamp_ns, staff=True)
        self._state.visits[visit.session_id] = visit
        return visit

    def _people(self) -> int:
        """Who is in the store and does not work here."""
        open_visits = [visit for visit in self._told() if visit.close_ns is None]
        return sum(max(visit.people, len(visit.track_ids)) - len(visit.left) for visit in open_visits)

    def _told(self) -> list[_Visit]:
        return [visit for visit in self._state.visits.values() if not visit.staff]

    def _put_on(self, visit: _Visit, track: PersonTrack) -> None:
        self._state.session_of[track.track_id] = visit.session_id
        visit.track_ids.append(track.track_id)
        visit.label = visit.label or track.label
        visit.events += self._state.waiting.pop(track.track_id, [])
        self._changed = True
        if visit.staff:
            self._staff.append(StaffTrack(visit.open_ns, 0, track.track_id))

    def _take_off(self, visit: _Visit, track: PersonTrack) -> None:
        """Undo ``_put_on`` of a track of a visit that is nobody's who works here."""
        del self._state.session_of[track.track_id]
        visit.track_ids.remove(track.track_id)
        if visit.label == track.label:
            visit.label = None
        theirs = [event for event in visit.events if event.track_id == track.track_id]
        if theirs:
            self._state.waiting[track.track_id] = theirs
        visit.events = [event for event in visit.events if event.track_id != track.track_id]

    def _close(self, visit: _Visit, stamp_ns: int, reason: CloseReason) -> None:
        if visit.close_ns is None:
            visit.close_ns, visit.close_reason = stamp_ns, reason
            in_sight = (
                reason is CloseReason.EXIT and self._is_tracked(stamp_ns) and len(visit.track_ids) >= visit.people
            )
            touched_ns = [self._state.touched_ns.get(track_id, visit.open_ns) for track_id in visit.track_ids]
            visit.touched_ns = max(touched_ns) if in_sight else stamp_ns

    def _visit_of(self, track_id: int) -> _Visit | None:
        return self._state.visits.get(self._state.session_of.get(track_id, ""))

    def _has_left(self, track_id: int) -> bool:
        visit = self._visit_of(track_id)
        if visit is None:
            return track_id in self._state.session_of
        return visit.close_ns is not None or track_id in visit.left

    def _bind_before(self, stamp_ns: int) -> None:
        """Find the tracks of older passages, and who came in together with somebody else."""
        if self._state.entries and self._state.entries[0].stamp_ns < stamp_ns:
            self._bind_entries(stamp_ns)
        if self._state.passages:
            self._look_behind(stamp_ns)

    def _bind_entries(self, stamp_ns: int) -> None:
        """Least total distance in time and place over all passages and tracks that have none yet."""
        state, config, entries = self._state, self._config, self._state.entries
        tracks = [track for track in state.first_seen.values() if track.track_id not in state.session_of]
        positions = np.array([self._lanes[entry.lane_id].position for entry in entries]).reshape(-1, 1, 2)
        metres = np.linalg.norm(positions - np.array([t.position[:2] for t in tracks]).reshape(1, -1, 2), axis=2)
        apart_ns = np.abs(np.subtract.outer([e.stamp_ns for e in entries], [t.first_ns for t in tracks]))
        cost = metres / config.bind_distance + apart_ns / (config.bind_time_ms * 1e6)
        cost[(metres > config.bind_distance) | (apart_ns > config.bind_time_ms * _MS)] = _WITHOUT_TRACK
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if entries[row].stamp_ns < stamp_ns and cost[row, column] < _WITHOUT_TRACK:
                self._put_on(state.visits[entries[row].session_id], tracks[column])
        state.entries = [entry for entry in entries if entry.stamp_ns >= stamp_ns]

    def _look_behind(self, stamp_ns: int) -> None:
        """Find who came in together with somebody else: first seen before ``stamp_ns``, at passages, and left over.

        Who is left over is known once all those passages have their tracks. A lane opens for whoever is ahead, so of
        the two the visit is theirs who was seen first; in a group it is theirs too who came in beside one that follows.
        That is not certain, so the visit is doubtful, and every line.
        """
        state, config = self._state, self._config
        bind_ns = config.bind_time_ms * _MS
        for track in state.first_seen.values():
            if track.track_id in state.session_of or track.track_id in state.strangers or track.first_ns >= stamp_ns:
                continue
            near = [
                (abs(passage.stamp_ns - track.first_ns) / bind_ns + metres / config.bind_distance, number)
                for number, passage in enumerate(state.passages)
                for metres in [_distance(track, self._lanes[passage.lane_id].position)]
                if abs(passage.stamp_ns - track.first_ns) <= bind_ns and metres <= config.bind_distance
            ]
            if near and all(state.passages[number].stamp_ns < stamp_ns for _, number in near):
                passage = state.passages[min(near)[1]]
                visit = state.visits.get(passage.session_id)
                behind_id = track.track_id
                if visit is not None:
                    visit.doubtful = visit.mistaken = True
                    if passage.follows and not visit.staff and visit.close_ns is None:
                        self._put_on(visit, track)
                    else:
                        behind_id = self._who_was_behind(visit, passage.stamp_ns, track)
                if behind_id not in state.session_of:
                    state.strangers.append(behind_id)
                session_id = "" if passage.session_id.startswith("staff-") else passage.session_id
                kind = GateAlarmKind.TAIL_GATING
                self._alarm(stamp_ns + bind_ns, passage.lane_id, kind, session_id, behind_id)
        state.passages = [passage for passage in state.passages if passage.stamp_ns >= stamp_ns - 2 * bind_ns]

    def _who_was_behind(self, visit: _Visit, passage_ns: int, left_over: PersonTrack) -> int:
        """Track of the later one of two who passed together; the visit is the other's from now on."""
        state = self._state
        bound = [state.first_seen[track_id] for track_id in visit.track_ids if track_id in state.first_seen]
        if visit.staff or not bound or left_over.track_id not in state.tracks:
            return left_over.track_id
        taken = min(bound, key=lambda track: abs(track.first_ns - passage_ns))
        ahead_ns = taken.first_ns - left_over.first_ns
        if not 0 < ahead_ns <= _TOGETHER_NS or taken.track_id in visit.left:
            return left_over.track_id
        self._take_off(visit, taken)
        self._put_on(visit, left_over)
        return taken.track_id

    # --- what is told

    def _output(self, stamp_ns: int, closed: list[_Visit]) -> CheckoutOutput:
        said = CheckoutOutput(
            commands=tuple(self._commands),
            alarms=tuple(self._alarms),
            requests=tuple(self._requests),
            staff=tuple(self._staff),
            decisions=tuple(self._decisions),
        )
        self._commands, self._alarms, self._requests, self._staff, self._decisions = [], [], [], [], []
        if not self._changed and not closed:
            return said
        accounts = {visit.session_id: self._account(visit, visit in closed) for visit in self._told()}
        carts = tuple(self._cart(visit, accounts[visit.session_id], visit in closed) for visit in self._told())
        receipts = tuple(self._receipt(visit, accounts[visit.session_id]) for visit in closed if not visit.staff)
        reviews = tuple(self._review(receipt) for receipt in receipts if receipt.review)
        for visit in closed:
            del self._state.visits[visit.session_id]
            for track_id in visit.track_ids:
                self._state.touched_ns.pop(track_id, None)
                if track_id not in self._state.tracks:
                    self._state.session_of.pop(track_id, None)
        self._changed = False
        return replace(said, carts=Carts(stamp_ns, 0, carts), receipts=receipts, reviews=reviews)

    def _review(self, receipt: Receipt) -> Review:
        visit = self._state.visits[receipt.session_id]
        review = review_of(receipt, visit.events, visit.doubtful or not visit.track_ids)
        self._state.reviews[receipt.session_id] = review
        return review

    def _account(self, visit: _Visit, closed: bool) -> Account:
        """What the visit holds; as long as it is open, with what is not decided yet."""
        tentative = () if closed else self._state.tentative
        events = [*visit.events, *(event for event in tentative if event.track_id in visit.track_ids)]
        found = account(events, visit.track_ids, self._store.products, self._config.doubt_probability)
        if visit.mistaken:
            return replace(found, lines=tuple(replace(line, review=True) for line in found.lines))
        return found

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
            review=account.review or visit.doubtful or not visit.track_ids,
            unbooked_cart_event_ids=account.unbooked,
        )


def _copy(state: CheckoutState) -> CheckoutState:
    """Containers and visits are copied, what they hold never changes; much faster than a deep copy."""

    def of_visit(visit: _Visit) -> _Visit:
        return replace(visit, track_ids=[*visit.track_ids], left=[*visit.left], events=[*visit.events])

    return replace(
        state,
        visits={session_id: of_visit(visit) for session_id, visit in state.visits.items()},
        session_of=dict(state.session_of),
        tracks=dict(state.tracks),
        first_seen=dict(state.first_seen),
        entries=[*state.entries],
        passages=[*state.passages],
        touched_ns=dict(state.touched_ns),
        lanes=dict(state.lanes),
        waiting={track_id: [*events] for track_id, events in state.waiting.items()},
        sessions_of_lanes=dict(state.sessions_of_lanes),
        strangers=[*state.strangers],
        alarms=dict(state.alarms),
        reviews=dict(state.reviews),
        settled=dict(state.settled),
    )


def _with(event: CartEvent, events: Iterable[CartEvent]) -> list[CartEvent]:
    """The same decisions, one of them as it is now."""
    return [event if known.cart_event_id == event.cart_event_id else known for known in events]


def _request_id(lane_id: str, stamp_ns: int) -> str:
    return f"{lane_id}-{stamp_ns}"


def _distance(track: PersonTrack, position: tuple[float, float]) -> float:
    return float(np.hypot(track.position[0] - position[0], track.position[1] - position[1]))
