"""A simulated lane: its card reader, its actuator, and the light barrier that counts people."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aisle_core.types import GateCommandKind, GateCommandReason, GateEvent, GateEventKind
from aisle_sim.walking import LaneGround

Array = NDArray[np.float64]

_UNLOCK_S = 0.15
_OPEN_S = 8.0
"""How long an open lane waits for somebody."""
_LOCK_AFTER_S = 1.2
"""After the last passage."""
_SAFE = 0.9
"""A lane does not close while somebody is this near to its line [m]: a safety sensor, as EN 17352 wants of barriers."""
_SAFE_S = 0.2
_SELF_GRANT_S = 0.3
_NEVER_S = 1e12
_HALF_TORSO = 0.17
"""A body interrupts the light barrier this far before and behind its middle [m]."""


class Passage(NamedTuple):
    """A body passed the line of a lane; ``counted``: the light barrier told of it."""

    person: int
    inward: bool
    second: float
    counted: bool


class Gate:
    """One lane. ``at(second, call)`` makes the caller run something later; seconds count from the start of the run.

    A credential is told as a gate event; the lane opens on ADMIT, or by itself shortly after. The light barrier gives
    one pulse per direction while it is interrupted without a gap: two bodies close together count once. The way out is
    free.
    """

    def __init__(
        self, ground: LaneGround, opens_itself: bool, start_ns: int, at: Callable[[float, Callable[[], None]], None]
    ) -> None:
        self.ground = ground
        self.events: list[GateEvent] = []
        self.open = False
        self.refused: GateCommandReason | None = None
        self.queue: list[int] = []
        """Who waits outside, in order."""
        self.entrant: int | None = None
        """Whose turn it is to come in."""
        self.leaving: list[int] = []
        """Who is on the way out."""
        self._opens_itself = opens_itself
        self._start_ns = start_ns
        self._at = at
        self._sequence = 0
        self._lock_s = 0.0
        self._occupied_s = -_SAFE_S
        self._pulsed: list[GateEventKind] = []

    def tap(self, second: float, credential: str) -> None:
        """Somebody shows a credential."""
        self.refused = None
        self._tell(second, GateEventKind.CREDENTIAL, credential)
        if self._opens_itself:
            granted = (GateCommandKind.ADMIT, GateCommandReason.GRANTED)
            self._at(second + _SELF_GRANT_S, lambda: self.command(second + _SELF_GRANT_S, *granted))

    def command(self, second: float, kind: GateCommandKind, reason: GateCommandReason) -> None:
        """What the checkout decided."""
        match kind:
            case GateCommandKind.ADMIT:
                self._at(second + _UNLOCK_S, lambda: self._unlock(second + _UNLOCK_S))
            case GateCommandKind.REFUSE:
                self.refused = reason
            case GateCommandKind.OPEN:
                self._unlock(second)
                self._lock_s = _NEVER_S
            case GateCommandKind.RESUME:
                self._lock_at(second)

    def turn_key(self, second: float) -> None:
        """Staff opens the lane."""
        self._unlock(second)

    def watch(self, begin_s: float, end_s: float, was: Array, now: Array, here: NDArray[np.bool_]) -> list[Passage]:
        """Bodies went on from (n,) ``was`` to ``now`` inside of the line [m], those of ``here`` within the lane.

        Who passed the line, in order; the light barrier tells of it at that instant.
        """
        crossing = np.flatnonzero(here & ((was < 0.0) != (now < 0.0)))
        share = was[crossing] / (was[crossing] - now[crossing])
        passed = []
        for index in np.argsort(share, kind="stable"):
            person, second = int(crossing[index]), float(begin_s + share[index] * (end_s - begin_s))
            inward = bool(now[person] >= 0.0)
            kind = GateEventKind.PASSAGE_IN if inward else GateEventKind.PASSAGE_OUT
            counted = kind not in self._pulsed
            passed.append(Passage(person, inward, second, counted))
            if counted:
                self._pulsed.append(kind)
                self._at(second, partial(self._pass, second, kind))
        if not (here & (np.abs(now) < _HALF_TORSO)).any():
            self._pulsed.clear()
        if (here & (np.abs(now) < _SAFE)).any():
            self._occupied_s = end_s
        return passed

    def _pass(self, second: float, kind: GateEventKind) -> None:
        self._tell(second, kind)
        if kind is GateEventKind.PASSAGE_IN and self.open and self._lock_s != _NEVER_S:
            self._lock_at(second + _LOCK_AFTER_S)

    def _unlock(self, second: float) -> None:
        if not self.open:
            self.open = True
            self._tell(second, GateEventKind.UNLOCKED)
        self._lock_at(second + _OPEN_S)

    def _lock_at(self, second: float) -> None:
        self._lock_s = second
        self._at(second, lambda: self._lock(second))

    def _lock(self, second: float) -> None:
        if not self.open or second != self._lock_s:
            return
        if second < self._occupied_s + _SAFE_S:
            self._lock_at(second + _SAFE_S)
        else:
            self.open = False
            self._tell(second, GateEventKind.LOCKED)

    def _tell(self, second: float, kind: GateEventKind, credential: str | None = None) -> None:
        stamp_ns = self._start_ns + round(second * 1e9)
        self.events.append(GateEvent(stamp_ns, self._sequence, self.ground.lane.lane_id, kind, credential))
        self._sequence += 1
