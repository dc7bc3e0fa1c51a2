"""A whole simulated store: the world, its devices, and the truth about it.

The same object serves the live node and the offline writer; what it says does not depend on how ``advance`` is called.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import numpy as np

from aisle_contract.interfaces import TICK
from aisle_core.store import load_store
from aisle_core.types import GateCommand, Tick
from aisle_replay.truth import Truth
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.devices.clocks import Clock
from aisle_sim.devices.faults import Faulty, Sensor
from aisle_sim.devices.gate_sensor import GateSensor
from aisle_sim.devices.image_sensors import ColorImageSensor, DepthImageSensor, ImageSensor
from aisle_sim.devices.params import read_simulation
from aisle_sim.devices.pose_sensor import OraclePoseSensor
from aisle_sim.devices.scale_sensor import ScaleSensor
from aisle_sim.physical import Load
from aisle_sim.rendering.scene import Scene
from aisle_sim.scenario import Scenario
from aisle_sim.world import World

START_NS = 1_772_442_000_000_000_000
"""2 March 2026, 09:00 UTC: when simulated time begins unless told otherwise."""
STEP_NS = 50_000_000
"""The world lives this long, then its devices look at what happened."""
TAIL_NS = 4_000_000_000
"""The devices go on for so long after the last shopper has left."""
TICK_PERIOD_NS = 100_000_000
TRUTH_PERIOD_NS = 100_000_000

Looking = ScaleSensor | OraclePoseSensor | ImageSensor
Entry = tuple[int, int, int, Arrival]
"""Time of arrival, number of the device, count of the device: the order of arrivals is total."""


class Simulation:
    """A store in simulated time."""

    def __init__(
        self, site: Path, scenario: Scenario, seed: int, start_ns: int = START_NS, autonomous_gates: bool = True
    ) -> None:
        """``site``: its folder. ``autonomous_gates``: gates open for every credential; else on a GateCommand.

        Raises AisleError for a site that cannot be simulated.
        """
        self.store = load_store(site)
        self.start_ns = start_ns
        params = read_simulation(site)
        self.world = World(self.store, scenario, seed, start_ns, autonomous_gates)
        self._end_ns: int | None = None
        self._now_ns = start_ns
        self._pending: list[Entry] = []
        self._truth_ns, self._truth_count = start_ns, 0
        scene = Scene(self.store)

        def random(device_id: str) -> np.random.Generator:
            return np.random.default_rng([seed, zlib.crc32(device_id.encode())])

        def clock(device_id: str) -> Clock:
            return Clock(params.clocks, random("clock of " + device_id), start_ns)

        store, start_mass = self.store, self.world.start_mass
        self._scales = [
            ScaleSensor(store, one, params.scales, clock(one.device_id), start_mass, random(one.device_id))
            for one in store.gateways
        ]
        self._images: dict[str, ImageSensor] = {
            sensor.image_name: sensor
            for sensor in (
                *(
                    DepthImageSensor(store, scene, one, params.depth, clock(one.device_id), random(one.device_id))
                    for one in store.depth_sensors
                ),
                *(
                    ColorImageSensor(store, scene, one, params.color, clock(one.device_id), random(one.device_id))
                    for one in store.cameras
                ),
            )
        }
        self._gates = [
            GateSensor(store, one, params.gates, clock(one.lane_id), random(one.lane_id)) for one in store.lanes
        ]
        poses = [
            OraclePoseSensor(store, one, params.poses, clock(one.device_id), random(one.device_id))
            for one in store.pose_sources
        ]
        self._always_looking: list[Looking] = [*self._scales, *poses]
        sensors: list[Sensor] = [
            *self._scales,
            *poses,
            *self._gates,
            *self._images.values(),
        ]
        self._sensors = [
            (Faulty(sensor, scenario.faults, start_ns), sensor if isinstance(sensor, ImageSensor) else None)
            for sensor in sensors
        ]
        self._counts = [0] * len(self._sensors)
        self.want(set())

    @property
    def finished(self) -> bool:
        """Whether everybody has left and the devices have said their last word."""
        return self._end_ns is not None and self._now_ns >= self._end_ns and not self._pending

    def command(self, command: GateCommand) -> None:
        """What the store wants of a gate."""
        self.world.command(command)

    def want(self, names: Set[str]) -> None:
        """Render the images of these topics from now on, and no others."""
        for name, sensor in self._images.items():
            if name in names and not sensor.enabled:
                sensor.advance(self._now_ns, self.world)
            sensor.enabled = name in names
        self._looking = self._always_looking + [sensor for sensor in self._images.values() if sensor.enabled]
        self._speaking = [
            (index, sensor) for index, (sensor, image) in enumerate(self._sensors) if image is None or image.enabled
        ]

    def only_images(self, names: Set[str]) -> None:
        """Say nothing but the images of these topics: a twin with the same arguments says the rest."""
        self.want(names)
        self._pending.clear()
        self._looking = self._looking[len(self._always_looking) :]
        self._speaking = [(index, sensor) for index, sensor in self._speaking if self._sensors[index][1] is not None]

    def advance(self, to_ns: int) -> list[Arrival]:
        """Live on; what arrives at the store up to ``to_ns``, in order of arrival.

        After the end of the simulation nothing happens any more.
        """
        return [arrival for _, _, _, arrival in self.advance_in_order(to_ns)]

    def advance_in_order(self, to_ns: int) -> list[Entry]:
        """As ``advance``, with what the order depends on, to merge with what twins say."""
        while self._now_ns < to_ns and (self._end_ns is None or self._now_ns < self._end_ns):
            self._step(min(to_ns, self._now_ns + STEP_NS - (self._now_ns - self.start_ns) % STEP_NS))
        over = self._end_ns is not None and self._now_ns >= self._end_ns
        entries = []
        while self._pending and (over or self._pending[0][0] <= to_ns):
            entries.append(heapq.heappop(self._pending))
        return entries

    def take_truth(self) -> list[Truth]:
        """What really happened since the last call, by stamp."""
        truth: list[Truth] = list(self.world.take_truth())
        while self._truth_ns <= self._now_ns:
            truth.append(self.world.truth_people(self._truth_ns, self._truth_count))
            self._truth_ns += TRUTH_PERIOD_NS
            self._truth_count += 1
        return sorted(truth, key=lambda one: one.stamp_ns)

    def run(self, twins: Sequence[Iterator[list[Entry]]] = ()) -> Iterator[tuple[list[Arrival], list[Truth]]]:
        """Until it is finished, step by step, with the store's ticks among the arrivals, and what ``twins`` say."""
        for tick, entries in enumerate(self.steps()):
            tick_ns = self.start_ns + tick * TICK_PERIOD_NS
            arrivals = [Arrival(tick_ns, TICK.name, Tick(tick_ns, tick))]
            arrivals += [entry[3] for entry in heapq.merge(entries, *(next(twin) for twin in twins))]
            yield arrivals, self.take_truth()

    def steps(self) -> Iterator[list[Entry]]:
        """What arrives between one tick and the next, until it is finished."""
        now_ns = self.start_ns
        while not self.finished:
            now_ns += TICK_PERIOD_NS
            yield self.advance_in_order(now_ns)

    def _step(self, to_ns: int) -> None:
        self.world.advance(to_ns)
        self._now_ns = to_ns
        loads: list[Load] = self.world.take_loads()
        for scale in self._scales:
            scale.add(loads)
        events = self.world.take_gate_events()
        for gate in self._gates:
            gate.add(events)
        looks = {due for sensor in self._looking for due in sensor.due(to_ns)}
        if self._truth_ns <= to_ns:
            looks.add(self._truth_ns)
        self.world.foresee(sorted(looks))
        for index, sensor in self._speaking:
            for arrival in sensor.advance(to_ns, self.world):
                heapq.heappush(self._pending, (arrival.arrival_ns, index, self._counts[index], arrival))
                self._counts[index] += 1
        if self.world.finished and self._end_ns is None:
            self._end_ns = to_ns + TAIL_NS
