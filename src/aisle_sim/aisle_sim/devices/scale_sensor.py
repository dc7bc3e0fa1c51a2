"""A scale gateway: what its plates read while people handle goods on them.

The reading of a plate is, in counts: tare + goods, each change with overshoot and creep + a part of the changes beside
it + presses of hands + drift + noise. Noise is white, slow, and the plate's own resonance, which footfalls, bumps and
changes on the same board excite as well.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aisle_contract.interfaces import SCALE_LAYOUT, SCALE_READINGS
from aisle_core.store import ScaleGateway, Store
from aisle_core.types import ScaleLayout, ScaleReadings
from aisle_sim.physical import HasPeople, Load, LoadPress, LoadStep, People, PressKind

from .arrivals import Arrival
from .clocks import MS, Clock, Kind
from .params import ScaleParams
from .plates import WALK, Memory, Plates, Settings, read, resonance

Array = NDArray[np.float64]

SAMPLE_PERIOD_NS = 16_666_667
"""60 Hz, as in the recording."""
BLOCK = 12
"""Samples of a message, as in the recording."""
REVISION = 1
"""Of the layout."""

_PERIOD = SAMPLE_PERIOD_NS * 1e-9
_SWAY_HZ = 1.0
_LOOK_NS = 200_000_000
"""All gateways ask at the same instants where people stand, so that the world answers once."""
_FELT = 4
"""Plates that one feels: two on each side."""
_RISE_S = 0.08
"""In which a hand presses and lets go."""
_TREMOR = 0.07
"""Part by which a pressing hand trembles."""
_TREMOR_HZ = (1.0, 8.0)
_WAVES = 3
_KNOCK_HZ = (6.0, 10.0)


@dataclass(frozen=True, slots=True)
class _Step:
    """A change of the load: a damped system of second order goes over to it."""

    column: int
    begin_s: float
    mass: float
    damping: float
    omega: float

    @property
    def end_s(self) -> float:
        """When less than a ten-thousandth is missing."""
        return self.begin_s + math.log(1e4) / (self.damping * self.omega)

    def at(self, time: Array) -> Array:
        """(samples,) [kg] of the change at (samples,) [s]."""
        since = np.maximum(time - self.begin_s, 0.0)
        root = math.sqrt(1.0 - self.damping**2)
        phase = root * self.omega * since
        swing = np.cos(phase) + self.damping / root * np.sin(phase)
        result: Array = self.mass * (1.0 - np.exp(-self.damping * self.omega * since) * swing)
        return result


@dataclass(frozen=True, slots=True)
class _Press:
    """A hand that presses: it rises, trembles, and lets go."""

    column: int
    begin_s: float
    mass: float
    duration_s: float
    tremor_hz: Array
    phase: Array

    @property
    def end_s(self) -> float:
        return self.begin_s + self.duration_s

    def at(self, time: Array) -> Array:
        since = time - self.begin_s
        rise_s = min(_RISE_S, self.duration_s / 2)
        edge = np.clip(np.minimum(since, self.duration_s - since) / rise_s, 0.0, 1.0)
        tremor = np.sin(2.0 * np.pi * np.outer(since, self.tremor_hz) + self.phase).mean(axis=1)
        result: Array = self.mass * np.sin(0.5 * np.pi * edge) ** 2 * (1.0 + _TREMOR * tremor)
        return result


@dataclass(frozen=True, slots=True)
class _Knock:
    """A blow: a swing that rings out."""

    column: int
    begin_s: float
    scale: float
    omega: float
    decay_s: float

    @classmethod
    def of(cls, column: int, begin_s: float, mass: float, duration_s: float, knock_hz: float) -> _Knock:
        """A swing that reaches ``mass`` and has fallen to a fiftieth after ``duration_s``."""
        omega, decay_s = 2.0 * math.pi * knock_hz, duration_s / 4.0
        top_s = math.atan(omega * decay_s) / omega
        return cls(column, begin_s, mass / (math.sin(omega * top_s) * math.exp(-top_s / decay_s)), omega, decay_s)

    @property
    def end_s(self) -> float:
        return self.begin_s + math.log(1e4) * self.decay_s

    def at(self, time: Array) -> Array:
        since = np.maximum(time - self.begin_s, 0.0)
        result: Array = self.scale * np.sin(self.omega * since) * np.exp(-since / self.decay_s)
        return result


class ScaleSensor:
    """A gateway that reads the plates of its fixture, from left to right and from the lowest board to the highest.

    ``start_mass``: plate id -> goods on it at the start [kg]. First comes the layout, then the readings.
    """

    def __init__(
        self,
        store: Store,
        gateway: ScaleGateway,
        params: ScaleParams,
        clock: Clock,
        start_mass: Mapping[str, float],
        rng: np.random.Generator,
    ) -> None:
        plates = [plate for plate in store.plates.values() if plate.fixture_id == gateway.device_id]
        self.plates = tuple(plates)
        self.names = (gateway.device_id, *(plate.plate_id for plate in plates))
        self._gateway, self._params, self._clock, self._rng = gateway, params, clock, rng
        self._latency = clock.latency(Kind.SCALES, store)
        self._columns = {plate.plate_id: column for column, plate in enumerate(plates)}
        shelf, index = np.array([(plate.shelf, plate.index) for plate in plates]).T
        self._apart = np.where(shelf[:, None] == shelf, np.abs(index[:, None] - index), len(plates))
        self._boards = len(np.unique(shelf))

        self._seed = int(rng.integers(2**62))
        self._goods = np.array([start_mass.get(plate.plate_id, 0.0) for plate in plates])
        self._plates, self._memory = self._drawn(self._goods, params, rng)
        overshoot = np.maximum(rng.uniform(0.0, params.overshoot, len(plates)), 1e-3)
        settle_s = params.settle_ms * 1e-3 * rng.uniform(0.7, 1.3, len(plates))
        self._damping = -np.log(overshoot) / np.hypot(np.pi, np.log(overshoot))
        self._omega = -np.log(0.02 * np.sqrt(1.0 - self._damping**2)) / (self._damping * settle_s)
        block_s = BLOCK * _PERIOD
        self._settings = Settings(
            creep_kept=math.exp(-block_s / params.creep_s),
            drift_kept=math.exp(-block_s / params.drift_s),
            sway_kept=math.exp(-2.0 * math.pi * _SWAY_HZ * _PERIOD),
            repeated=params.repeated,
            step=params.count_g * 1e-3,
            limit=params.range_kg,
            footfall_reach=params.footfall_reach,
        )

        self._schedule(clock.device_stamp(clock.start_ns) + int(rng.uniform(1.0, BLOCK * SAMPLE_PERIOD_NS)))
        self._sampled_ns = clock.start_ns
        self._sequence = 0
        self._waiting: list[Load] = []
        self._active: list[_Step | _Press | _Knock] = []
        self._announced = False

    @property
    def tare(self) -> Array:
        """(plates,) what the plates read with nothing on them, but for noise [kg]."""
        return self._plates.tare

    def _drawn(self, start: Array, params: ScaleParams, rng: np.random.Generator) -> tuple[Plates, Memory]:
        """What is different from plate to plate."""
        count, count_mass = len(self.plates), params.count_g * 1e-3
        frequency = rng.uniform(*params.resonance_hz, count) * _PERIOD
        first, second, gain, shock = resonance(frequency, rng.uniform(*params.resonance_decay, count))
        noise = params.noise_g.draw(rng, count) * 1e-3
        resonant = (1.0 - params.swaying) * rng.uniform(*params.resonant, count)
        beside = np.argsort(self._apart + np.eye(count) * count, axis=1, kind="stable")[:, :_FELT]
        apart = np.take_along_axis(self._apart, beside, axis=1)
        strength = rng.uniform(-params.coupling, params.coupling, beside.shape)
        tare = rng.uniform(*params.tare_kg, count)
        plates = Plates(
            board=np.unique([plate.shelf for plate in self.plates], return_inverse=True)[1],
            tare=np.array([t if p.tare is None else p.tare for p, t in zip(self.plates, tare, strict=True)]),
            white=np.sqrt(1.0 - params.swaying - resonant) * noise,
            slow=math.sqrt(params.swaying) * noise,
            resonant=np.sqrt(resonant) * noise,
            first=first,
            second=second,
            gain=gain,
            shock=shock,
            drift=params.drift_g.draw(rng, count) * 1e-3,
            creep=rng.uniform(0.0, params.creep, count),
            beside=beside,
            coupling=np.select([apart == 1, apart == 2], [strength, 0.5 * strength], 0.0),
            footfall=params.footfall * noise,
            centre=np.array([plate.centre[:2] for plate in self.plates]),
        )
        memory = Memory(
            start=start.copy(),
            crept=start.copy(),
            drift=plates.drift * rng.standard_normal(count),
            swing=np.zeros((count, 2)),
            sway=np.zeros(count),
            held=np.rint((plates.tare + start) / count_mass) * count_mass,
        )
        return plates, memory

    def add(self, loads: Iterable[Load]) -> None:
        """Take what happens to plates, in any order; those of other gateways are left out.

        ValueError for a load of a time that has been sampled already.
        """
        for load in loads:
            if load.plate_id in self._columns:
                if load.stamp_ns < self._sampled_ns:
                    raise ValueError(
                        f"load on plate {load.plate_id} at {load.stamp_ns} ns, but gateway {self._gateway.device_id} "
                        f"has sampled up to {self._sampled_ns} ns; give loads before advance()"
                    )
                self._waiting.append(load)
        self._waiting.sort(key=lambda load: (load.stamp_ns, self._columns[load.plate_id], load.mass))

    def due(self, to_ns: int) -> list[int]:
        """The instant at which it will look at the world for the next block."""
        return [self._look_ns()] if self._due_ns <= to_ns else []

    def advance(self, to_ns: int, world: HasPeople) -> list[Arrival]:
        """Every block whose last sample is taken by ``to_ns``."""
        arrivals = []
        if not self._announced:
            self._announced = True
            arrivals.append(self._layout())
        while self._due_ns <= to_ns:
            arrivals.append(self._block(self._due_ns, world))
        return arrivals

    def _schedule(self, stamp_ns: int) -> None:
        """The next block begins with this stamp; it is due when its last sample has been taken."""
        self._stamp_ns = stamp_ns
        self._due_ns = self._clock.true_time(stamp_ns + (BLOCK - 1) * SAMPLE_PERIOD_NS)

    def _look_ns(self) -> int:
        first_ns = self._clock.true_time(self._stamp_ns)
        return first_ns - (first_ns - self._clock.start_ns) % _LOOK_NS

    def _layout(self) -> Arrival:
        gateway, start_ns = self._gateway, self._clock.start_ns
        plate_ids = tuple(plate.plate_id for plate in self.plates)
        layout = ScaleLayout(self._clock.device_stamp(start_ns), gateway.device_id, REVISION, plate_ids)
        name = SCALE_LAYOUT.of(gateway.zone, gateway.device_id)
        return Arrival(self._clock.arrival(start_ns, self._latency), name, layout)

    def _block(self, last_ns: int, world: HasPeople) -> Arrival:
        gateway = self._gateway
        first_ns = self._clock.true_time(self._stamp_ns)
        time: Array = (first_ns - self._clock.start_ns) * 1e-9 + _PERIOD * np.arange(BLOCK, dtype=np.float64)
        mass = self._mass(time, last_ns, world.people(self._look_ns()))
        issue_ns = round(self._params.issue_ms.draw_one(self._rng) * MS)
        readings = ScaleReadings(
            stamp_ns=self._stamp_ns,
            sequence=self._sequence,
            gateway_id=gateway.device_id,
            layout_revision=REVISION,
            sample_period_ns=SAMPLE_PERIOD_NS,
            mass=mass,
            issue_ns=self._stamp_ns + (BLOCK - 1) * SAMPLE_PERIOD_NS + issue_ns,
        )
        self._sampled_ns = last_ns
        self._schedule(self._stamp_ns + BLOCK * SAMPLE_PERIOD_NS)
        self._sequence += 1
        name = SCALE_READINGS.of(gateway.zone, gateway.device_id)
        return Arrival(self._clock.arrival(last_ns + issue_ns, self._latency), name, readings)

    def _mass(self, time: Array, last_ns: int, people: People) -> NDArray[np.float32]:
        """(BLOCK, plates) readings [kg] at (BLOCK,) times [s since the start]."""
        count, boards = self._apart.shape[0], self._boards
        normal = self._rng.standard_normal(count * (3 * BLOCK + 1) + boards * BLOCK)
        uniform = self._rng.random((count, BLOCK))
        load, shock = self._loads(time, last_ns)
        own = normal[: count * (3 * BLOCK + 1)].reshape(count, 3 * BLOCK + 1)
        shared = normal[count * (3 * BLOCK + 1) :].reshape(boards, BLOCK)
        walking = np.minimum(np.hypot(*people.velocity.T) / WALK, 1.0)
        steps = np.column_stack([people.position, walking])
        readings: NDArray[np.float32] = read(
            self._plates, self._memory, self._settings, load, shock, steps, own, shared, uniform
        )
        return readings

    def _loads(self, time: Array, last_ns: int) -> tuple[Array, Array]:
        """(plates, BLOCK) goods and presses [kg], and the shocks of changes and bumps [kg]."""
        load, shock = np.repeat(self._goods[:, None], BLOCK, axis=1), np.zeros((len(self._goods), BLOCK))
        due = bisect.bisect_right(self._waiting, last_ns, key=lambda load: load.stamp_ns)
        for one in self._waiting[:due]:
            self._active.append(self._begun(one, time, shock))
        del self._waiting[:due]
        for event in self._active:
            load[event.column] += event.at(time)
            if event.end_s <= time[-1] and isinstance(event, _Step):
                self._goods[event.column] += event.mass
        self._active = [event for event in self._active if event.end_s > time[-1]]
        return load, shock

    def _begun(self, load: Load, time: Array, shock: Array) -> _Step | _Press | _Knock:
        """The load in time. Its details come from a seed of its own, so that they do not depend on other loads."""
        params, column = self._params, self._columns[load.plate_id]
        since_ns = load.stamp_ns - self._clock.start_ns
        begin_s = since_ns * 1e-9
        rng = np.random.default_rng((self._seed, since_ns, column))
        match load:
            case LoadStep():
                part = rng.uniform(-params.ringing, params.ringing, len(shock))
                part[self._apart[column] == len(shock)] = 0.0
                part[column] = 0.0
                shock[:, max(math.ceil((begin_s - time[0]) / _PERIOD), 0)] += part * load.mass
                return _Step(column, begin_s, load.mass, self._damping[column], self._omega[column])
            case LoadPress(kind=PressKind.BUMP):
                return _Knock.of(column, begin_s, load.mass, load.duration_s, rng.uniform(*_KNOCK_HZ))
            case LoadPress():
                hz, phase = rng.uniform(*_TREMOR_HZ, _WAVES), rng.uniform(0.0, 2.0 * np.pi, _WAVES)
                return _Press(column, begin_s, load.mass, load.duration_s, hz, phase)
