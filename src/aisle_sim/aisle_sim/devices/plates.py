"""What the plates of one gateway have each of their own, and the reading of a block of samples, sample by sample."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHARED = 0.3
"""Part of the shaking by footfalls that is the same on a board (recording: correlation of its plates)."""

WALK = 0.6
"""Who walks faster than this shakes the floor no more than at it [m/s] (recording: the shopper walks at 0.3 to 0.8)."""


class Plates(NamedTuple):
    """Per plate, (plates,); mass in kg.

    The resonance is a damped oscillator, an autoregressive process of order 2: ``first`` and ``second`` are its
    coefficients, ``gain`` makes its variance 1 when driven by white noise of variance 1, and ``shock`` is the impulse
    after which it swings by 1 (G. E. P. Box, G. M. Jenkins, "Time Series Analysis", 3.2.4).
    """

    board: NDArray[np.int64]
    tare: Array
    white: Array
    """Standard deviation of the noise that is white."""
    slow: Array
    """Standard deviation of the noise that sways with the building."""
    resonant: Array
    """Standard deviation of the noise at the resonance."""
    first: Array
    second: Array
    gain: Array
    shock: Array
    drift: Array
    """Standard deviation of the drift."""
    creep: Array
    """Part of a change that comes late."""
    beside: NDArray[np.int64]
    """(plates, k) which plates it feels."""
    coupling: Array
    """(plates, k) part of a change on them that it carries."""
    footfall: Array
    """Standard deviation of the ringing while somebody walks on its spot."""
    centre: Array
    """(plates, 2) on the floor [m]."""


class Memory(NamedTuple):
    """What the next block needs of the last one, per plate; ``read`` changes it."""

    start: Array
    """Goods at the start: coupling counts from them."""
    crept: Array
    """Load that creep has come up to."""
    drift: Array
    swing: Array
    """(plates, 2): the two last of the resonance, newest first."""
    sway: Array
    held: Array
    """Last reading."""


class Settings(NamedTuple):
    """The same for all plates."""

    creep_kept: float
    """Part of what creep lacks that is left after a block."""
    drift_kept: float
    """Part of the drift that is left after a block."""
    sway_kept: float
    """The same of the slow noise after a sample."""
    repeated: float
    step: float
    """One count of the converter [kg]."""
    limit: float
    """Readings are clipped beyond it [kg]."""
    footfall_reach: float


def resonance(frequency: Array, decay: Array) -> tuple[Array, Array, Array, Array]:
    """``first``, ``second``, ``gain`` and ``shock`` of a resonance.

    ``frequency`` in cycles per sample, ``decay`` the factor by which a swing falls from sample to sample.
    """
    angle = 2.0 * np.pi * frequency
    first, second = 2.0 * decay * np.cos(angle), -(decay**2)
    gain = np.sqrt((1.0 + second) * ((1.0 - second) ** 2 - first**2) / (1.0 - second))
    since = np.arange(64)
    response = decay[:, None] ** since * np.sin(angle[:, None] * (since + 1)) / np.sin(angle)[:, None]
    return first, second, gain, 1.0 / np.abs(response).max(axis=1)


@numba.njit(cache=True, nogil=True)
def read(
    plates: Plates,
    memory: Memory,
    settings: Settings,
    load: Array,
    shock: Array,
    people: Array,
    normal: Array,
    shared: Array,
    uniform: Array,
) -> NDArray[np.float32]:
    """(samples, plates) readings [kg].

    ``load`` (plates, samples) are goods and presses [kg], ``shock``, of the same shape, the swings that begin [kg],
    ``people`` (n, 3) where people are [m] and how hard they walk (0 to 1). ``normal`` (plates, 3 samples + 1),
    ``shared`` (boards, samples) and ``uniform`` (plates, samples) are random numbers.
    """
    count, samples = load.shape
    readings = np.empty((samples, count), np.float32)
    sway_gain = math.sqrt(1.0 - settings.sway_kept**2)
    drift_gain = math.sqrt(1.0 - settings.drift_kept**2)
    for plate in range(count):
        drift = memory.drift[plate]
        drifted = settings.drift_kept * drift + drift_gain * plates.drift[plate] * normal[plate, 3 * samples]
        shaking = 0.0
        for person in range(len(people)):
            apart = math.hypot(people[person, 0] - plates.centre[plate, 0], people[person, 1] - plates.centre[plate, 1])
            shaking += (people[person, 2] * plates.footfall[plate] * math.exp(-apart / settings.footfall_reach)) ** 2
        own = math.sqrt(plates.resonant[plate] ** 2 + (1.0 - SHARED) * shaking)
        common = math.sqrt(SHARED * shaking)
        swing, before, sway = memory.swing[plate, 0], memory.swing[plate, 1], memory.sway[plate]
        held = memory.held[plate]
        for sample in range(samples):
            drive = own * normal[plate, sample] + common * shared[plates.board[plate], sample]
            swing, before = (
                plates.first[plate] * swing
                + plates.second[plate] * before
                + plates.gain[plate] * drive
                + plates.shock[plate] * shock[plate, sample],
                swing,
            )
            sway = settings.sway_kept * sway + sway_gain * plates.slow[plate] * normal[plate, samples + sample]
            mass = plates.tare[plate] + load[plate, sample]
            for index in range(plates.beside.shape[1]):
                other = plates.beside[plate, index]
                mass += plates.coupling[plate, index] * (load[other, sample] - memory.start[other])
            mass += plates.creep[plate] * (memory.crept[plate] - load[plate, sample])
            mass += drift + (drifted - drift) * (sample + 1) / samples
            mass += swing + sway + plates.white[plate] * normal[plate, 2 * samples + sample]
            if uniform[plate, sample] >= settings.repeated:
                held = np.rint(min(max(mass, -settings.limit), settings.limit) / settings.step) * settings.step
            readings[sample, plate] = held
        memory.swing[plate, 0], memory.swing[plate, 1], memory.sway[plate] = swing, before, sway
        memory.drift[plate], memory.held[plate] = drifted, held
        lacking = memory.crept[plate] - load[plate, samples - 1]
        memory.crept[plate] = load[plate, samples - 1] + settings.creep_kept * lacking
    return readings
