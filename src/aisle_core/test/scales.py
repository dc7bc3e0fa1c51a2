"""Synthetic scales: what the plates of one gateway read while people handle things on them.

Noise, drift and coupling have the sizes measured on the one real recording (docs/weighing.md); shapes in time are
assumptions, stated at each function. Masses are grams in here, kilograms in what ``Scene.readings`` gives.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from scipy.signal import lfilter

from aisle_core.types import ScaleLayout, ScaleReadings
from aisle_core.weighing import WeighingConfig

ROOT = Path(__file__).resolve().parents[3]

RATE = 60
PERIOD_NS = round(1e9 / RATE)
COUNT_G = 0.241
START_NS = 1_700_000_000_000_000_000


@functools.cache
def tuning() -> WeighingConfig:
    """The values that the node runs with."""
    document = yaml.safe_load((ROOT / "config" / "nodes" / "shelf_event_node.yaml").read_text(encoding="utf-8"))
    (section,) = document.values()
    return WeighingConfig(**section["ros__parameters"]["weighing"])


def layout(plates: int, gateway_id: str = "g1") -> ScaleLayout:
    """Plates p0, p1, ... of one gateway."""
    return ScaleLayout(START_NS, gateway_id, 1, tuple(f"p{index}" for index in range(plates)))


def blocks(mass_kg: np.ndarray, sizes: list[int] | int = 12, gateway_id: str = "g1") -> list[ScaleReadings]:
    """Masses (samples, plates) [kg] cut into readings; ``sizes`` are repeated to the end."""
    cycle = [sizes] if isinstance(sizes, int) else sizes
    result, begin = [], 0
    while begin < len(mass_kg):
        size = cycle[len(result) % len(cycle)]
        part = mass_kg[begin : begin + size].astype(np.float32)
        stamp = START_NS + begin * PERIOD_NS
        result.append(ScaleReadings(stamp, len(result), gateway_id, 1, PERIOD_NS, part))
        begin += size
    return result


def at(seconds: float) -> int:
    """Stamp of that time since the start."""
    return START_NS + round(seconds * 1e9)


@dataclass(frozen=True)
class Action:
    """Something done to one plate and what should come of it."""

    kind: str
    plate: int
    begin_s: float
    end_s: float
    """When the mass rests for good."""
    changes_g: tuple[float, ...]
    """Settled changes in order; empty: nothing happened."""
    mass_g: float
    """Mass of the item handled."""


@dataclass
class Scene:
    """One gateway for some seconds; actions are added one after the other."""

    seed: int
    plates: int
    seconds: float
    noise_scale: float = 1.0
    actions: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.samples = round(self.seconds * RATE)
        self.time = np.arange(self.samples) / RATE
        # Log-normal with the measured median 1.24 g and 95th percentile 9.5 g, within the measured 0.56 and 22.3 g.
        sigma = 1.24 * np.exp(1.238 * self.rng.standard_normal(self.plates))
        self.sigma = np.clip(sigma, 0.56, 22.3) * self.noise_scale
        # Neighbours carry up to 1.5 % of a change for good: 1.7 % is the largest measured.
        self.coupling = self.rng.uniform(-0.015, 0.015, (self.plates, 5))
        self.load = np.tile(self.rng.uniform(500, 9000, self.plates), (self.samples, 1))

    # --- background

    def add_noise(self) -> None:
        """White noise and a resonance of 6 to 10 Hz in equal parts; one sample in ten repeats the one before."""
        white, drive = self.rng.standard_normal((2, self.samples, self.plates))
        self.load += math.sqrt(0.5) * (white + self._resonance(drive)) * self.sigma

    def add_footfalls(self, per_s: float) -> None:
        """Steps of people shake all plates: bursts of 3 to 8 times the plate's noise that ring for about 0.3 s."""
        drive = np.zeros((self.samples, self.plates))
        for _ in range(self.rng.poisson(per_s * self.seconds)):
            drive[self.rng.integers(self.samples)] += self.rng.uniform(3, 8) * self.rng.choice([-1, 1], self.plates)
        self.load += self._resonance(drive * 2.0) * np.minimum(self.sigma, 15.0)

    def add_drift(self, part: float = 0.4) -> None:
        """A slow wave of 10 to 40 g peak to peak over 60 to 300 s on some of the plates, and a random walk on all."""
        for plate in np.flatnonzero(self.rng.random(self.plates) < part):
            size, length, phase = self.rng.uniform(5, 20), self.rng.uniform(60, 300), self.rng.uniform(0, 2 * math.pi)
            self.load[:, plate] += size * np.sin(2 * math.pi * self.time / length + phase)
        walk = self.rng.standard_normal((self.samples, self.plates)) * (0.4 / math.sqrt(RATE))
        self.load += np.cumsum(walk, axis=0)

    def _resonance(self, drive: np.ndarray) -> np.ndarray:
        """A damped oscillator of its own frequency per plate, driven by ``drive``; unit variance for white drive."""
        frequency = self.rng.uniform(6, 10, self.plates)
        radius = 0.85
        first, second = 2 * radius * np.cos(2 * math.pi * frequency / RATE), -(radius**2)
        gain = np.sqrt((1 + second) * ((1 - second) ** 2 - first**2) / (1 - second))
        filters = zip(gain, first, drive.T, strict=True)
        return np.column_stack([lfilter([g], [1.0, -f, -second], one) for g, f, one in filters])

    # --- hands

    def item_g(self) -> float:
        """Mass of a product: log-normal about the catalogue's median 269 g, at least 30 g (5 % are lighter)."""
        return float(np.clip(269 * np.exp(1.0 * self.rng.standard_normal()), 30, 3000))

    def pick(self, plate: int, begin_s: float, item_g: float, press: bool = True) -> Action:
        """A short press of the hand, then the item leaves."""
        if press:
            self.press(plate, begin_s, self.rng.uniform(0.1, 0.3), self.rng.uniform(10, 60))
        end_s = self._step(plate, begin_s + 0.2, -item_g)
        return self._done("pick", plate, begin_s, end_s, (-item_g,), item_g)

    def put(self, plate: int, begin_s: float, item_g: float) -> Action:
        """An item is set down and the hand leaves it."""
        end_s = self._step(plate, begin_s, item_g)
        self.press(plate, begin_s + 0.05, self.rng.uniform(0.1, 0.3), self.rng.uniform(10, 80))
        return self._done("put", plate, begin_s, end_s + 0.3, (item_g,), item_g)

    def series(self, plate: int, begin_s: float, item_g: float, count: int, spacing_s: float) -> Action:
        """Equal items taken one after the other."""
        ends = [self._step(plate, begin_s + spacing_s * index, -item_g) for index in range(count)]
        return self._done("series", plate, begin_s, ends[-1], (-item_g,) * count, item_g)

    def lift_and_return(self, plate: int, begin_s: float, item_g: float, away_s: float) -> Action:
        """An item is lifted and put back where it was, up to 3 g off; away for more than 0.8 s it was two changes."""
        self._step(plate, begin_s, -item_g)
        returned_g = item_g + self.rng.uniform(-3, 3)
        end_s = self._step(plate, begin_s + away_s, returned_g)
        if away_s > 0.8:
            return self._done("lift and return late", plate, begin_s, end_s, (-item_g, returned_g), item_g)
        return self._done("lift and return", plate, begin_s, end_s, (), item_g)

    def lift_two_return_one(self, plate: int, begin_s: float, item_g: float, away_s: float) -> Action:
        """Two are lifted, one comes back."""
        self._step(plate, begin_s, -2 * item_g)
        end_s = self._step(plate, begin_s + away_s, item_g)
        return self._done("lift two, return one", plate, begin_s, end_s, (-item_g,), item_g)

    def long_hold(self, plate: int, begin_s: float, item_g: float, hold_s: float) -> Action:
        """The hand rests on the item with 30 to 250 g, then takes it."""
        self.press(plate, begin_s, hold_s, self.rng.uniform(30, 250))
        end_s = self._step(plate, begin_s + hold_s, -item_g)
        return self._done("long hold", plate, begin_s, end_s, (-item_g,), item_g)

    def lean(self, plate: int, begin_s: float, hold_s: float) -> Action:
        """Somebody leans on the plate with 120 to 230 g and lets go."""
        self.press(plate, begin_s, hold_s, self.rng.uniform(120, 230))
        return self._done("lean", plate, begin_s, begin_s + hold_s + 0.1, (), 0.0)

    def bump(self, plate: int, begin_s: float) -> Action:
        """A blow of 120 to 230 g that rings out at 8 Hz within about 0.3 s, half of it on the neighbours."""
        since = np.maximum(self.time - begin_s, 0)
        ring = np.sin(2 * math.pi * 8 * since) * np.exp(-since / 0.15) * self.rng.uniform(120, 230)
        for offset, part in ((-1, 0.5), (0, 1.0), (1, 0.5)):
            if 0 <= plate + offset < self.plates:
                self.load[:, plate + offset] += part * ring
        return self._done("bump", plate, begin_s, begin_s + 0.5, (), 0.0)

    def _done(
        self, kind: str, plate: int, begin_s: float, end_s: float, changes: tuple[float, ...], item_g: float
    ) -> Action:
        action = Action(kind, plate, begin_s, end_s, changes, item_g)
        self.actions.append(action)
        return action

    def _step(self, plate: int, at_s: float, change_g: float) -> float:
        """The mass goes over in 30 to 120 ms, overshoots by up to 10 %, rings and creeps; returns when it is over.

        Neighbours carry their part of the change for good and ring with 3 to 8 % of it.
        """
        over_s = self.rng.uniform(0.03, 0.12)
        ramp = np.clip((self.time - at_s) / over_s, 0, 1)
        since = np.maximum(self.time - at_s - over_s, 0)
        frequency = self.rng.uniform(7, 12)
        ring = np.sin(2 * math.pi * frequency * since) * np.exp(-since / 0.05) * self.rng.uniform(0, 0.1)
        creep = (1 - np.exp(-since / self.rng.uniform(1, 3))) * self.rng.uniform(-0.005, 0.005)
        self.load[:, plate] += change_g * (ramp + ring + creep)
        for offset in (-2, -1, 1, 2):
            if 0 <= plate + offset < self.plates:
                stays, rings = self.coupling[plate, offset + 2], self.rng.uniform(0.03, 0.08)
                wave = np.sin(2 * math.pi * 8 * since) * np.exp(-since / 0.2)
                self.load[:, plate + offset] += change_g * (stays * ramp + rings * wave)
        return at_s + over_s

    def press(self, plate: int, begin_s: float, hold_s: float, force_g: float) -> None:
        """A hand's force: rises and falls in 80 ms, wanders and trembles by about 7 % (low-passed at 4 Hz)."""
        shape = np.clip(np.minimum(self.time - begin_s, begin_s + hold_s - self.time) / 0.08, 0, 1)
        keep = math.exp(-2 * math.pi * 4 / RATE)
        shocks = self.rng.standard_normal(self.samples) * math.sqrt(1 - keep**2)
        shocks[0] = 0.0
        tremor = lfilter([1.0], [1.0, -keep], shocks)
        self.load[:, plate] += force_g * shape * (1 + 0.07 * tremor)

    # --- result

    def mass_kg(self) -> np.ndarray:
        """(samples, plates) [kg], in counts of 0.241 g; one sample in ten repeats the one before."""
        held = self.load.copy()
        repeat = self.rng.random(held.shape) < 0.1
        repeat[0] = False
        held[repeat] = held[np.nonzero(repeat)[0] - 1, np.nonzero(repeat)[1]]
        return np.round(held / COUNT_G) * COUNT_G / 1000.0


def busy_scene(seed: int, noise_scale: float, plates: int = 60, seconds: float = 90.0) -> Scene:
    """Every kind of handling in turn, one every 1 to 2 s, each on a plate of its own."""
    scene = Scene(seed, plates, seconds, noise_scale)
    scene.add_noise()
    scene.add_footfalls(0.5)
    scene.add_drift()
    rng = scene.rng
    free = [int(plate) for plate in rng.permutation(plates)]
    begin_s, turn = 5.0, 0
    while begin_s < seconds - 9 and free:
        plate, item_g = free.pop(), scene.item_g()
        match turn % 9:
            case 0:
                scene.pick(plate, begin_s, item_g)
            case 1:
                scene.put(plate, begin_s, item_g)
            case 2:
                scene.series(plate, begin_s, item_g, int(rng.integers(2, 6)), 0.3)
            case 3:
                scene.lift_and_return(plate, begin_s, item_g, rng.uniform(0.15, 0.4))
            case 4:
                scene.lift_two_return_one(plate, begin_s, item_g, rng.uniform(0.15, 0.4))
            case 5:
                scene.long_hold(plate, begin_s, item_g, rng.uniform(1, 6))
            case 6:
                scene.lean(plate, begin_s, rng.uniform(0.3, 5))
            case 7:
                scene.bump(plate, begin_s)
            case 8:
                scene.lift_and_return(plate, begin_s, item_g, rng.uniform(1, 3))
        begin_s += rng.uniform(1, 2)
        turn += 1
    return scene


def quiet_scene(seed: int, noise_scale: float, plates: int = 60, seconds: float = 120.0) -> Scene:
    """Nobody touches anything; people walk by."""
    scene = Scene(seed, plates, seconds, noise_scale)
    scene.add_noise()
    scene.add_footfalls(1.0)
    scene.add_drift()
    return scene
