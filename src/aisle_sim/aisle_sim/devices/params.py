"""How simulated devices err: the ``simulation`` section of a site's ``sensors.yaml``. Every key may be left out.

The defaults are those of the AutoCheckout recording BENCHMARK-1 (CPS-IoT Week 2020) where it can tell, else of data
sheets and standards, else assumptions; each says which. ``docs/simulated-sensors.md`` compares the outcome with the
recording. Units are in the names (``_g`` grams, ``_ms`` milliseconds, ``_s`` seconds, ``_hz``), else SI.
"""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, model_validator

from aisle_core.store.model import Frozen, PositiveFloat
from aisle_core.store.reading import YamlFile
from aisle_sim.rendering.params import ColorParams, DepthParams

Part = Annotated[FiniteFloat, Field(ge=0, le=1)]
NotNegative = Annotated[FiniteFloat, Field(ge=0)]
Rate = Annotated[FiniteFloat, Field(gt=0, le=120)]

T = TypeVar("T", bound=float)


def _rising(pair: tuple[T, T]) -> tuple[T, T]:
    if pair[0] > pair[1]:
        raise ValueError("give the lesser number first")
    return pair


Range = Annotated[tuple[T, T], AfterValidator(_rising)]
"""Least and greatest, of which every plate draws its own."""

_Z95 = 1.6449
"""95th percentile of the standard normal distribution."""


class Spread(Frozen):
    """A log-normal distribution from ``least`` on, by its median and 95th percentile, cut off at ``most``."""

    least: NotNegative = 0.0
    median: NotNegative
    p95: NotNegative
    most: NotNegative

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least == self.median < self.p95:
            raise ValueError("give a median above least")
        if not self.least <= self.median <= self.p95 <= self.most:
            raise ValueError("give numbers that do not fall from least over median and p95 to most")
        return self

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """(count,) numbers."""
        beyond = self.median - self.least
        return np.minimum(self.least + beyond * np.exp(self._shape * rng.standard_normal(count)), self.most)

    def draw_one(self, rng: np.random.Generator) -> float:
        """The same as ``draw`` of one, but faster."""
        beyond = self.median - self.least
        return min(self.least + beyond * math.exp(self._shape * rng.standard_normal()), self.most)

    @cached_property
    def _shape(self) -> float:
        """Standard deviation of the logarithm."""
        beyond = self.median - self.least
        return math.log((self.p95 - self.least) / beyond) / _Z95 if beyond > 0.0 else 0.0


class ScaleParams(Frozen):
    """The plates of a scale gateway."""

    noise_g: Spread = Spread(least=0.4, median=1.24, p95=9.5, most=22.3)
    """Standard deviation of a sample, over the plates (recording)."""
    swaying: Part = 0.05
    """Part of the variance of the noise that is slow, about 1 Hz (recording: 5 to 20 % lie between 0.5 and 2.5 Hz)."""
    resonant: Range[Part] = (0.5, 1.0)
    """Part of the rest that is a plate's resonance, from plate to plate; what is left is white. Fitted with the next
    two to the autocorrelation of the recording while the shopper walks."""
    resonance_hz: Range[Annotated[FiniteFloat, Field(gt=0, lt=30)]] = (9.0, 28.0)
    """(recording: peaks at 7 to 16 Hz on boards that are shaken, at 24 Hz on others)"""
    resonance_decay: Range[Annotated[FiniteFloat, Field(ge=0, lt=1)]] = (0.9, 0.97)
    """Factor by which a swing falls from sample to sample."""
    repeated: Part = 0.1
    """Part of the samples that repeat the one before: the converter runs by its own clock (recording: 2 to 24 %)."""
    count_g: PositiveFloat = 0.241
    """One count of the converter (recording)."""
    range_kg: PositiveFloat = 15.0
    """A reading beyond this, up or down and with the tare, is clipped (assumption; recording: -5.6 to 9.5 kg)."""
    tare_kg: Range[FiniteFloat] = (0.2, 0.6)
    """Range of what a plate reads with nothing on it (assumption)."""
    settle_ms: PositiveFloat = 33.0
    """Time from a change until the reading stays within 2 % of it (recording: 33 ms at a pick of 623 g)."""
    overshoot: Annotated[FiniteFloat, Field(gt=0, lt=0.5)] = 0.08
    """Most that a plate overshoots, as part of the change (recording: 1 % at its one pick; beyond it an assumption)."""
    creep: Part = 0.0005
    """Most that a reading lacks right after a change, as part of it, and makes up later: twice what OIML R 60-1, 5.5.1
    allows a load cell of class C3, 0.7 of the permissible error, 0.7 * 0.7 * 1.5 / 3000 of its capacity (recording:
    less than 0.3 g after 623 g within 4 s)."""
    creep_s: PositiveFloat = 60.0
    """Time in which that falls by a factor e (assumption)."""
    drift_g: Spread = Spread(least=0.0, median=2.0, p95=8.0, most=12.0)
    """Standard deviation of the slow drift, over the plates (hard cases: 10 to 40 g from end to end)."""
    drift_s: PositiveFloat = 120.0
    """Memory of the drift; with 2 g it moves by 0.3 g in 1 s and 0.8 g in 10 s (recording: 0.8 g and 1.0 g)."""
    coupling: Part = 0.017
    """Most that a plate carries of a change on the plate beside it, of either sign (recording: 10.6 g at 623 g)."""
    ringing: Part = 0.05
    """Most that the other plates of the board ring after a change, as part of it (recording: 12 to 40 g at 623 g)."""
    footfall: NotNegative = 1.0
    """Standard deviation with which a plate rings while somebody walks beside it, as part of its noise (recording: the
    noise of the median plate doubles while the shopper walks, on the worst of four gondolas it grows fourfold)."""
    footfall_reach: PositiveFloat = 3.0
    """Distance in which that falls by a factor e [m] (recording: hardly from 1 m to 3 m)."""
    issue_ms: Spread = Spread(least=2.2, median=6.0, p95=10.8, most=33.0)
    """Time from the last sample of a block until it leaves the gateway (recording: ``t_issue`` is 98 ms after the
    middle of the block, 92 ms of them until the last sample)."""


class PoseParams(Frozen):
    """The oracle source of people: true bodies with the errors of a pose estimator."""

    rate_hz: Rate = 15.0
    """(recording: about 15 messages a second)"""
    labels: bool = True
    """Whether a body has a label, the same in every frame."""
    body_stddev: NotNegative = 0.015
    """Slow error of a whole body per axis [m]: the cameras' calibration (assumption)."""
    body_memory_s: PositiveFloat = 1.0
    hand_stddev: NotNegative = 0.03
    """Slow error of a hand per axis on top [m]: a wrist seen from the ceiling, not the palm (assumption)."""
    hand_memory_s: PositiveFloat = 0.3
    point_jitter: NotNegative = 0.003
    """Error of a point from frame to frame per axis [m]; rare ones are large (recording: 1 to 3 mm, p95 11 mm)."""
    hand_jitter: NotNegative = 0.006
    """The same for a hand [m] (recording: 4 to 8 mm, p95 20 to 36 mm)."""
    body_missed: Part = 0.01
    """Part of the frames (recording: 0.7 %)."""
    hand_missed: Part = 0.05
    """Part of the frames (recording: 0.7 to 1.4 % of one shopper in the open; more where people hide each other)."""
    capture_spread_ms: Spread = Spread(least=20.0, median=79.0, p95=175.0, most=303.0)
    """Time between the first and the last capture that make one body (recording)."""


class GateParams(Frozen):
    """The lanes: reader, light barrier and lock."""

    debounce_ms: NotNegative = 20.0
    """Longest time that a light barrier waits before it reports a passage, and twice the shortest (assumption)."""


class ClockParams(Frozen):
    """The clocks of all devices, and the ways from the devices to the store. Each device draws its own errors."""

    offset_ms: NotNegative = 2.0
    """Most that a clock is off, fast or slow (assumption: NTP in a local network keeps it within milliseconds)."""
    drift_ppm: NotNegative = 0.1
    """Most that a clock gains or loses; 20 to 50 where nothing synchronises it, the tolerance of quartz crystals."""
    capture_jitter_ms: NotNegative = 1.0
    """Standard deviation of the capture of an image or of people about its time in the schedule, three times as much
    at most (assumption)."""
    scales_ms: Spread = Spread(least=0.3, median=1.0, p95=38.6, most=79.0)
    """From leaving the gateway until arrival (recording: from ``t_issue`` until it was stored)."""
    poses_ms: Spread = Spread(least=40.0, median=65.0, p95=85.0, most=95.0)
    """From the stamp until arrival: within the 100 ms of the default latency profile."""
    gates_ms: Spread = Spread(least=0.3, median=2.0, p95=8.0, most=20.0)
    """From the report until arrival (assumption: a local network)."""
    depth_ms: Spread = Spread(least=20.0, median=35.0, p95=60.0, most=95.0)
    """From the middle of the exposure until arrival (assumption: exposure, matching and a local network)."""
    color_ms: Spread = Spread(least=20.0, median=40.0, p95=70.0, most=95.0)
    late_vision_ms: Spread = Spread(least=2235.0, median=2316.0, p95=2367.0, most=2435.0)
    """In place of ``poses_ms``, ``depth_ms`` and ``color_ms`` where the store's latency profile is ``late_vision``
    (recording: from ``t_origin`` of the targets until they were stored)."""


class SimulationParams(Frozen):
    """The whole section."""

    scales: ScaleParams = ScaleParams()
    poses: PoseParams = PoseParams()
    gates: GateParams = GateParams()
    clocks: ClockParams = ClockParams()
    depth: DepthParams = DepthParams()
    color: ColorParams = ColorParams()


class _SensorsFile(BaseModel):
    """The one section of ``sensors.yaml`` that is ours; ``aisle_core.store`` checks the others."""

    simulation: SimulationParams = SimulationParams()


def read_simulation(site_folder: Path) -> SimulationParams:
    """The section of the site's ``sensors.yaml``; defaults where there is none.

    Raises AisleError with file, line and remedy for an unknown key or a bad value.
    """
    return YamlFile(site_folder / "sensors.yaml", "give a site folder").read(_SensorsFile).simulation
