"""What the load cells of a store say: loads, steps, noise, drift, crosstalk and counts.

The figures of noise, drift, crosstalk and counts are those of the AutoCheckout recording BENCHMARK-1 (CPS-IoT Week
2020): median noise 1.24 g with 9.5 g at the 95th percentile and 22.3 g at most, counts of 0.241 g, drift of a few
grams, settling within 33 ms, a neighbour that follows a pick by up to two per cent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aisle_core.store import Plate

Array = NDArray[np.float64]

_COUNT = 0.241e-3
_NOISE_MEDIAN, _NOISE_P95, _NOISE_MOST = 1.24e-3, 9.5e-3, 22.3e-3
_DRIFT_MEDIAN, _DRIFT_MOST = 1e-3, 8e-3
_CROSSTALK_MOST = 0.02
_CROSSTALK_S = 0.3
_Z95 = 1.645


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a plate changes for good by ``mass`` [kg] at ``time_s``."""

    plate_id: str
    time_s: float
    mass: float


@dataclass(frozen=True, slots=True)
class Lean:
    """Somebody leans on a board around ``time_s``, most on this plate, and lets go again."""

    plate_id: str
    time_s: float


def signals(
    plates: list[Plate], start_mass: Array, loads: list[Load], leans: list[Lean], time: Array, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(samples, plates) readings [kg], tare not removed.

    ``start_mass``: (plates,) [kg] of the goods; ``time``: (samples,) [s], uniform.
    """
    columns = {plate.plate_id: column for column, plate in enumerate(plates)}
    count = len(plates)
    mass = np.tile(start_mass + rng.uniform(0.2, 0.6, count), (len(time), 1))
    for load in loads:
        if load.plate_id in columns:
            column = columns[load.plate_id]
            mass[:, column] += load.mass * _step_response(time - load.time_s, rng)
            mass[:, column] += _touch(time - load.time_s, rng)
            for beside in _beside(plates, column):
                share = rng.uniform(0.0, _CROSSTALK_MOST)
                late = 1.0 - np.exp(-np.maximum(time - load.time_s, 0.0) / _CROSSTALK_S)
                mass[:, beside] += share * load.mass * late
    for lean in leans:
        if lean.plate_id in columns:
            column = columns[lean.plate_id]
            shape = _lean_shape(time - lean.time_s, rng)
            mass[:, column] += shape
            for beside in _beside(plates, column):
                mass[:, beside] += rng.uniform(0.2, 0.8) * shape
    mass += _drift(time, count, rng)
    spread = np.log(_NOISE_P95 / _NOISE_MEDIAN) / _Z95
    noise = np.minimum(rng.lognormal(np.log(_NOISE_MEDIAN), spread, count), _NOISE_MOST)
    mass += noise * rng.standard_normal(mass.shape)
    return (np.round(mass / _COUNT) * _COUNT).astype(np.float32)


def _step_response(t: Array, rng: np.random.Generator) -> Array:
    """Damped second-order system: 0 before, overshoots, settles at 1 within about 0.1 s."""
    damping, omega = rng.uniform(0.4, 0.7), 2 * np.pi * rng.uniform(8.0, 15.0)
    ringing = omega * np.sqrt(1 - damping**2)
    after = np.maximum(t, 0.0)
    swing = np.cos(ringing * after) + damping / np.sqrt(1 - damping**2) * np.sin(ringing * after)
    return np.asarray(1.0 - np.exp(-damping * omega * after) * swing)


def _touch(t: Array, rng: np.random.Generator) -> Array:
    """The hand presses or lifts a little before it takes, and after it has put."""
    push, offset = rng.uniform(-0.05, 0.12), rng.choice([-1.0, 1.0]) * rng.uniform(0.06, 0.12)
    return np.asarray(push * np.exp(-0.5 * ((t - offset) / 0.03) ** 2))


def _lean_shape(t: Array, rng: np.random.Generator) -> Array:
    """Up to 120-230 g for about a second."""
    weight, half = rng.uniform(0.12, 0.23), rng.uniform(0.4, 0.6)
    shape = 0.5 * (np.tanh((t + half) / 0.08) - np.tanh((t - half) / 0.08))
    return np.asarray(weight * shape * (1.0 + 0.08 * np.sin(2 * np.pi * 1.7 * t)))


def _drift(time: Array, count: int, rng: np.random.Generator) -> Array:
    amplitude = np.minimum(rng.lognormal(np.log(_DRIFT_MEDIAN), 1.0, count), _DRIFT_MOST)
    period, phase = rng.uniform(60.0, 180.0, count), rng.uniform(0.0, 2 * np.pi, count)
    return np.asarray(amplitude * np.sin(2 * np.pi * time[:, None] / period + phase))


def _beside(plates: list[Plate], column: int) -> list[int]:
    """Columns of the plates next to this one on its board."""
    plate = plates[column]
    return [
        other
        for other, candidate in enumerate(plates)
        if (candidate.fixture_id, candidate.shelf) == (plate.fixture_id, plate.shelf)
        and abs(candidate.index - plate.index) == 1
    ]
