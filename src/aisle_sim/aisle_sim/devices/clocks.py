"""The clock of a device, and the way from the device to the store."""

from __future__ import annotations

import itertools
import math
from collections import deque
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from aisle_core.store import Store

from .params import ClockParams, Spread

MS = 1_000_000
_FARTHEST = 3.0
"""Jitter is cut off at so many standard deviations,"""
_EARLIEST = 0.4
"""and at this part of the period, so that captures keep their order."""
_PLANNED = 256


class Kind(Enum):
    """Kinds of devices."""

    SCALES = "scales_ms"
    POSES = "poses_ms"
    GATES = "gates_ms"
    DEPTH = "depth_ms"
    COLOR = "color_ms"


class Clock:
    """A clock that is off by a constant and gains or loses evenly, and a way that keeps the order.

    Times are int nanoseconds. True time is that of the simulated world, which begins at ``start_ns``.
    """

    def __init__(self, params: ClockParams, rng: np.random.Generator, start_ns: int) -> None:
        self.params, self.start_ns = params, start_ns
        self._rng = rng
        self._offset_ns = round(rng.uniform(-1.0, 1.0) * params.offset_ms * MS)
        self._drift = rng.uniform(-1.0, 1.0) * params.drift_ppm * 1e-6
        self._arrival_ns = start_ns

    def device_stamp(self, true_ns: int) -> int:
        """What the clock shows at that instant."""
        return true_ns + self._offset_ns + round((true_ns - self.start_ns) * self._drift)

    def true_time(self, stamp_ns: int) -> int:
        """When the clock shows that."""
        return self.start_ns + round((stamp_ns - self._offset_ns - self.start_ns) / (1.0 + self._drift))

    def latency(self, kind: Kind, store: Store) -> Spread:
        """How long the way takes [ms]; vision is as late as the store's latency profile says."""
        vision = kind in (Kind.POSES, Kind.DEPTH, Kind.COLOR)
        if vision and store.latency.name == "late_vision":
            return self.params.late_vision_ms
        spread: Spread = getattr(self.params, kind.value)
        return spread

    def arrival(self, true_ns: int, latency_ms: Spread) -> int:
        """When something arrives that leaves at that instant, never before what left earlier; draws."""
        late_ms = latency_ms.draw_one(self._rng)
        self._arrival_ns = max(self._arrival_ns, true_ns + math.ceil(late_ms * MS))
        return self._arrival_ns

    def captures(self, due_ns: NDArray[np.int64], period_ns: int, latency_ms: Spread) -> list[tuple[int, int]]:
        """(true time, arrival) of captures that are due at these times; draws."""
        normal = np.clip(self._rng.standard_normal(len(due_ns)), -_FARTHEST, _FARTHEST)
        jitter = np.clip(normal * self.params.capture_jitter_ms * MS, -_EARLIEST * period_ns, _EARLIEST * period_ns)
        times = due_ns + np.rint(jitter).astype(np.int64)
        late_ns = np.ceil(latency_ms.draw(self._rng, len(times)) * MS).astype(np.int64)
        arrivals = np.maximum.accumulate(np.maximum(times + late_ns, self._arrival_ns))
        self._arrival_ns = int(arrivals[-1])
        return list(zip(times.tolist(), arrivals.tolist(), strict=True))


class Captures:
    """When a device captures at an even rate, and when each capture arrives; planned some way ahead."""

    def __init__(self, clock: Clock, rate_hz: float, latency_ms: Spread, rng: np.random.Generator) -> None:
        self._clock, self._latency_ms = clock, latency_ms
        self._period_ns = round(1e9 / rate_hz)
        self._due_ns = clock.start_ns + int(rng.uniform(_EARLIEST, 1.0 + _EARLIEST) * self._period_ns) + 1
        self._planned: deque[tuple[int, int]] = deque()

    def due(self, to_ns: int) -> list[int]:
        """True times of what ``until`` will return."""
        while not self._planned or self._planned[-1][0] <= to_ns:
            due_ns = self._due_ns + self._period_ns * np.arange(_PLANNED, dtype=np.int64)
            self._due_ns += self._period_ns * _PLANNED
            self._planned.extend(self._clock.captures(due_ns, self._period_ns, self._latency_ms))
        return [true_ns for true_ns, _ in itertools.takewhile(lambda one: one[0] <= to_ns, self._planned)]

    def until(self, to_ns: int) -> list[tuple[int, int]]:
        """(true time, arrival) of every capture up to that time that was not returned before."""
        return [self._planned.popleft() for _ in self.due(to_ns)]
