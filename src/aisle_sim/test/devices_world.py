"""A world without logic for tests of devices: people on circles, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aisle_core.store import Store, load_store
from aisle_sim.devices.clocks import Clock
from aisle_sim.devices.params import ClockParams, ScaleParams, Spread
from aisle_sim.physical import JOINTS, People, Resting

START_NS = 1_772_442_000_000_000_000
SECOND = 1_000_000_000
MS = 1_000_000
SITES = Path(__file__).resolve().parents[3] / "config" / "stores"
NOTHING = Spread(median=0.0, p95=0.0, most=0.0)
STILL = ScaleParams(noise_g=NOTHING, drift_g=NOTHING, repeated=0.0, footfall=0.0, creep=0.0, coupling=0.0, ringing=0.0)
"""Plates without any error but counts and overshoot."""


def corner() -> Store:
    return load_store(SITES / "corner")


def late(store: Store) -> Store:
    """The same store where vision comes late."""
    return store.model_copy(update={"latency": store.latency.model_copy(update={"name": "late_vision"})})


def clock(seed: int = 0, params: ClockParams | None = None) -> Clock:
    return Clock(params or ClockParams(), np.random.default_rng([9, seed]), START_NS)


class FakeWorld:
    """People who walk on circles around the middle of the floor."""

    def __init__(self, store: Store, count: int = 0, radius: float = 0.5, speed: float = 0.6) -> None:
        self.middle = np.mean(store.floor, axis=0)
        self.count, self.radius, self.speed = count, radius, speed
        self.resting: Sequence[Resting] = ()
        self.resting_revision = 0
        self.asked: list[int] = []

    def people(self, stamp_ns: int) -> People:
        self.asked.append(stamp_ns)
        second = (stamp_ns - START_NS) / SECOND
        angle = self.speed / self.radius * second + np.arange(self.count)
        around = np.column_stack([np.cos(angle), np.sin(angle)])
        position = self.middle + self.radius * around
        joints = np.zeros((self.count, len(JOINTS), 3))
        joints[:, :, :2] = position[:, None]
        joints[:, :, 2] = np.linspace(1.7, 0.0, len(JOINTS))
        return People(
            stamp_ns=stamp_ns,
            names=tuple(f"shopper{number}" for number in range(self.count)),
            position=position,
            velocity=self.speed * np.column_stack([-around[:, 1], around[:, 0]]),
            heading=angle,
            height=np.full(self.count, 1.7),
            joints=joints,
            carried=(),
        )


def pieces(rng: np.random.Generator, end_ns: int, longest_ns: int) -> list[int]:
    """Times from the start to ``end_ns`` in steps of random length."""
    times = [START_NS]
    while times[-1] < end_ns:
        times.append(min(end_ns, times[-1] + int(rng.integers(1, longest_ns))))
    return times[1:]
