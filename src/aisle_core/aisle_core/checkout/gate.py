"""One lane of a gate: a credential grants passage to one person, or to a group.

The lane is idle until a credential is shown, granted until somebody goes in or the grant runs out, and idle again. A
lane that tells when it opens and closes lets a group in on one credential: all who go in before it has closed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ..types import GateCommandKind, GateCommandReason, GateEvent, GateEventKind

Direction = Literal["in", "out", "both"]


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to go in, until ``expires_ns``.

    ``unlocked``: the lane has said that it is open. ``used``: somebody has gone in.
    """

    credential: str | None
    expires_ns: int
    unlocked: bool = False
    used: bool = False


@dataclass(frozen=True, slots=True)
class LaneStep:
    """What one event means: the lane's new grant, the command to give, and who passed.

    ``entered``: the grant on which somebody went in, as it was before.
    """

    grant: Grant | None
    command: tuple[GateCommandKind, GateCommandReason] | None = None
    entered: Grant | None = None


def valid(grant: Grant | None, stamp_ns: int) -> Grant | None:
    """The grant, unless it has run out."""
    return grant if grant is not None and stamp_ns <= grant.expires_ns else None


def step(
    direction: Direction, grant: Grant | None, event: GateEvent, grant_timeout_ns: int, closing_ns: int
) -> LaneStep:
    """Take one event of the lane.

    A credential is refused by a lane that leads out only, and while the last one still waits for its passage. A person
    who goes in uses the grant up, unless the lane has said that it is open: then it lasts until ``closing_ns`` after
    the lane says that it is closed, or until the next credential. A fault takes it away.
    """
    grant = valid(grant, event.stamp_ns)
    match event.kind:
        case GateEventKind.CREDENTIAL:
            if direction == "out":
                return LaneStep(grant, (GateCommandKind.REFUSE, GateCommandReason.EXIT_ONLY))
            if grant is not None and not grant.used:
                return LaneStep(grant, (GateCommandKind.REFUSE, GateCommandReason.BUSY))
            grant = Grant(event.credential, event.stamp_ns + grant_timeout_ns)
            return LaneStep(grant, (GateCommandKind.ADMIT, GateCommandReason.GRANTED))
        case GateEventKind.PASSAGE_IN if grant is not None:
            return LaneStep(replace(grant, used=True) if grant.unlocked else None, entered=grant)
        case GateEventKind.UNLOCKED if grant is not None:
            return LaneStep(replace(grant, unlocked=True))
        case GateEventKind.LOCKED if grant is not None:
            if not grant.unlocked:
                return LaneStep(grant)
            closed_ns = min(grant.expires_ns, event.stamp_ns + closing_ns)
            return LaneStep(replace(grant, expires_ns=closed_ns) if grant.used else None)
        case GateEventKind.FAULT:
            return LaneStep(None)
        case _:
            return LaneStep(grant)
