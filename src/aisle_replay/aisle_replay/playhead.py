"""The position of a player in a recording, driven by a steady clock."""

from __future__ import annotations

from aisle_core.errors import AisleError


class Playhead:
    """Maps instants of a steady clock to recorded time; both in nanoseconds."""

    def __init__(self, start_ns: int, end_ns: int, rate: float, paused: bool) -> None:
        """``rate``: recorded seconds per second, above 0."""
        self._start_ns, self._end_ns = start_ns, end_ns
        self.position_ns = start_ns
        self.paused = paused
        self._stop_ns: int | None = None
        self._last_now_ns: int | None = None
        self.set_rate(rate)

    def set_rate(self, rate: float) -> None:
        """Raises AisleError for a rate that is not above 0."""
        if not 0 < rate < float("inf"):
            raise AisleError(f"replay rate {rate}: give a number above 0")
        self.rate = rate

    def seek(self, position_ns: int) -> None:
        """Go to a recorded instant, kept within the recording; a step that goes on ends there."""
        self.position_ns = min(max(position_ns, self._start_ns), self._end_ns)
        if self._stop_ns is not None:
            self._stop_ns, self.paused = None, True

    def step(self, step_ns: int) -> None:
        """While paused: play so much recorded time and pause again."""
        if step_ns <= 0:
            raise AisleError(f"replay step of {step_ns} ns: give a time above 0")
        if self.paused:
            self._stop_ns = min(self.position_ns + step_ns, self._end_ns)
            self.paused = False

    def advance(self, now_ns: int, limit_ns: int | None = None) -> int:
        """Position at this instant of the steady clock, not beyond ``limit_ns`` unless it was there already."""
        elapsed_ns = 0 if self._last_now_ns is None else now_ns - self._last_now_ns
        self._last_now_ns = now_ns
        if self.paused:
            return self.position_ns
        limit_ns = self._end_ns if limit_ns is None else min(max(limit_ns, self.position_ns), self._end_ns)
        self.position_ns = min(self.position_ns + round(elapsed_ns * self.rate), limit_ns)
        if self._stop_ns is not None and self.position_ns >= self._stop_ns:
            self.position_ns = self._stop_ns
            self._stop_ns, self.paused = None, True
        return self.position_ns
