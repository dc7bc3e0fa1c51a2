"""One lane of a gate: who may pass it, what happens when somebody does, and what it must not be silent about.

docs/checkout.md has the machine as one table, state by event. A credential is identified and authorised, the lane is
told to open, and whoever goes in is on that credential. All who go in until the lane has locked, and a little longer,
follow the first one: a group needs one credential.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Literal

from ..types import GateAlarmKind, GateCommandKind, GateCommandReason, GateEvent, GateEventKind

Direction = Literal["in", "out", "both"]
Command = tuple[GateCommandKind, GateCommandReason]

_NEVER_NS = 1 << 62


class LaneState(enum.Enum):
    """Where a lane is. The way out is free in every state."""

    IDLE = "idle"
    AUTHORISING = "authorising"
    """A credential waits for the answer whether it is good."""
    GRANTED = "granted"
    """The lane was told to open, and waits for the first person."""
    OPEN = "open"
    """The lane has said that it is open, and waits for the first person."""
    DOWN = "down"
    """It cannot do its work."""
    FREE = "free"
    """Fire alarm: it stands open for everybody."""


class Entered(enum.Enum):
    """How somebody went in."""

    ON_GRANT = enum.auto()
    FOLLOWING = enum.auto()
    """Behind the last one who went in."""


@dataclass(frozen=True, slots=True)
class GateTimes:
    """What a lane waits for at most [ns].

    authorise: the answer about a credential. grant: the first person. follow: people behind the last one, once the lane
    has locked. jam: an open lane, the next person or the lock.
    """

    authorise: int
    grant: int
    follow: int
    jam: int


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """What a lane knows.

    credential, request_ns, staff: of AUTHORISING, GRANTED and OPEN; a lane opened with a key is OPEN for staff.
    until_ns: when AUTHORISING or GRANTED runs out. jam_ns: when a lane that has not locked is jammed.
    follow_ns: until then, whoever comes in follows the last one. tells: it has said at least once that it was open.
    """

    state: LaneState = LaneState.IDLE
    credential: str | None = None
    request_ns: int = 0
    staff: bool = False
    until_ns: int = _NEVER_NS
    jam_ns: int = _NEVER_NS
    follow_ns: int | None = None
    unlocked: bool = False
    tells: bool = False

    def idle(self) -> LaneStatus:
        """The same lane, waiting for a credential."""
        return replace(self, state=LaneState.IDLE, credential=None, staff=False, until_ns=_NEVER_NS)

    @property
    def promised(self) -> bool:
        """Whether somebody may go in who has not yet."""
        return self.state in (LaneState.GRANTED, LaneState.OPEN)


@dataclass(frozen=True, slots=True)
class LaneStep:
    """What follows. ``asks``: the credential that is shown shall be authorised."""

    status: LaneStatus
    command: Command | None = None
    alarm: GateAlarmKind | None = None
    entered: Entered | None = None
    asks: bool = False


def wait(status: LaneStatus, stamp_ns: int) -> LaneStep:
    """Time has come to ``stamp_ns``: no answer, nobody went in, or the lane does not lock."""
    if status.state is LaneState.AUTHORISING and stamp_ns > status.until_ns:
        return LaneStep(status.idle(), _refuse(GateCommandReason.UNREACHABLE))
    if status.state is LaneState.GRANTED and stamp_ns > status.until_ns:
        return LaneStep(status.idle(), alarm=GateAlarmKind.SILENT if status.tells else None)
    if status.unlocked and stamp_ns > status.jam_ns and status.state is not LaneState.FREE:
        jammed = replace(status.idle(), state=LaneState.DOWN, jam_ns=_NEVER_NS, follow_ns=None)
        return LaneStep(jammed, alarm=GateAlarmKind.JAMMED)
    return LaneStep(status)


def decide(
    status: LaneStatus, refusal: GateCommandReason | None, staff: bool, stamp_ns: int, times: GateTimes
) -> LaneStep:
    """The answer about the credential that a lane in AUTHORISING waits for; ``refusal`` None: it is good."""
    if refusal is not None:
        return LaneStep(status.idle(), _refuse(refusal))
    state = LaneState.OPEN if status.unlocked else LaneState.GRANTED
    follow_ns = None if status.unlocked else status.follow_ns
    granted = replace(status, state=state, staff=staff, until_ns=stamp_ns + times.grant, follow_ns=follow_ns)
    return LaneStep(granted, (GateCommandKind.ADMIT, GateCommandReason.GRANTED))


def step(direction: Direction, status: LaneStatus, event: GateEvent, visit_open: bool, times: GateTimes) -> LaneStep:
    """Take one event of the lane, after ``wait``. ``visit_open``: the credential shown has a visit that is not over."""
    state = status.state
    match event.kind:
        case GateEventKind.CREDENTIAL:
            return _identify(direction, status, event, visit_open, times)
        case GateEventKind.PASSAGE_IN:
            return _pass_in(direction, status, event.stamp_ns, times)
        case GateEventKind.PASSAGE_OUT:
            wrong = direction == "in" and state is not LaneState.FREE
            return LaneStep(status, alarm=GateAlarmKind.WRONG_WAY if wrong else None)
        case GateEventKind.UNLOCKED:
            unlocked = replace(status, unlocked=True, tells=True, jam_ns=event.stamp_ns + times.jam)
            if state is LaneState.GRANTED:
                return LaneStep(replace(unlocked, state=LaneState.OPEN, follow_ns=None))
            if state is LaneState.IDLE and not status.unlocked:
                return LaneStep(replace(unlocked, state=LaneState.OPEN, staff=True, follow_ns=None))
            return LaneStep(unlocked)
        case GateEventKind.LOCKED:
            locked = replace(status, unlocked=False, jam_ns=_NEVER_NS)
            if status.follow_ns is not None:
                locked = replace(locked, follow_ns=min(status.follow_ns, event.stamp_ns + times.follow))
            if state is LaneState.DOWN:
                return LaneStep(locked.idle(), alarm=GateAlarmKind.RESTORED)
            return LaneStep(locked.idle() if state is LaneState.OPEN else locked)
        case GateEventKind.ALARM if state is not LaneState.FREE:
            free = LaneStatus(LaneState.FREE, tells=status.tells)
            return LaneStep(free, (GateCommandKind.OPEN, GateCommandReason.ALARM), GateAlarmKind.FIRE)
        case GateEventKind.FAULT | GateEventKind.POWER_LOST if state is not LaneState.FREE:
            lost = event.kind is GateEventKind.POWER_LOST
            down = LaneStatus(LaneState.DOWN, tells=status.tells)
            return LaneStep(down, alarm=GateAlarmKind.POWER_LOST if lost else GateAlarmKind.FAULT)
        case GateEventKind.RESTORED if state in (LaneState.DOWN, LaneState.FREE):
            resume = (GateCommandKind.RESUME, GateCommandReason.ALARM) if state is LaneState.FREE else None
            return LaneStep(LaneStatus(tells=status.tells), resume, GateAlarmKind.RESTORED)
        case _:
            return LaneStep(status)


def _identify(
    direction: Direction, status: LaneStatus, event: GateEvent, visit_open: bool, times: GateTimes
) -> LaneStep:
    if status.state is LaneState.FREE:
        return LaneStep(status)
    if direction == "out":
        return LaneStep(status, _refuse(GateCommandReason.EXIT_ONLY))
    if status.state is LaneState.DOWN:
        return LaneStep(status, _refuse(GateCommandReason.OUT_OF_ORDER))
    if visit_open:
        return LaneStep(status, _refuse(GateCommandReason.VISIT_OPEN))
    if status.state is not LaneState.IDLE:
        again = event.credential is not None and event.credential == status.credential
        return LaneStep(status, None if again else _refuse(GateCommandReason.BUSY))
    asking = replace(
        status,
        state=LaneState.AUTHORISING,
        credential=event.credential,
        request_ns=event.stamp_ns,
        until_ns=event.stamp_ns + times.authorise,
    )
    return LaneStep(asking, asks=True)


def _pass_in(direction: Direction, status: LaneStatus, stamp_ns: int, times: GateTimes) -> LaneStep:
    if status.state is LaneState.FREE:
        return LaneStep(status)
    if direction == "out":
        return LaneStep(status, alarm=GateAlarmKind.WRONG_WAY)
    jam_ns = stamp_ns + times.jam if status.unlocked else _NEVER_NS
    if status.follow_ns is not None and stamp_ns <= status.follow_ns:
        return LaneStep(replace(status, jam_ns=jam_ns), entered=Entered.FOLLOWING)
    if status.promised:
        used = replace(status.idle(), jam_ns=jam_ns, follow_ns=_NEVER_NS if status.unlocked else None)
        return LaneStep(used, entered=Entered.ON_GRANT)
    return LaneStep(status, alarm=GateAlarmKind.WITHOUT_GRANT)


def _refuse(reason: GateCommandReason) -> Command:
    return GateCommandKind.REFUSE, reason
