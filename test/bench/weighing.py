"""How well the weighing stage tells what was taken from simulated scales, and what a block costs.

    ./aisle bench weighing [--seeds 100:136] [--noise 1,2,3]

One gateway of the simulated market, with people who walk in front of it. Prints Markdown tables; docs/weighing.md holds
the last ones and says which seeds were used for tuning.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aisle_contract.sites import find_site
from aisle_core.store import load_store
from aisle_core.types import ScaleLayout, ScaleReadings, ShelfEvent
from aisle_core.weighing import Weighing
from aisle_sim.devices.clocks import Clock
from aisle_sim.devices.faults import Faulty
from aisle_sim.devices.params import ClockParams, ScaleParams
from aisle_sim.devices.scale_sensor import ScaleSensor
from aisle_sim.physical import JOINTS, Load, LoadPress, LoadStep, People, PressKind
from aisle_sim.scenario import Fault

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src" / "aisle_core" / "test"))
from scales import START_NS, at, tuning

STORE = load_store(find_site("market"))
GATEWAY = STORE.gateways[0]
PLATES = [plate for plate in STORE.plates.values() if plate.fixture_id == GATEWAY.device_id]
GOODS_KG = 4.0
SCENE_S = 100.0
FIRST_S = 10.0
"""What is learned by then is what a store has learned."""
LAST_S = 88.0
REST_S = 12.0
"""Between two handlings of one plate."""
CALM_S = 3.0
"""The same for plates side by side."""
SETTLED_S = 0.05
"""From the last change of the load until the reading has settled."""


@dataclass(frozen=True)
class Action:
    """Something done to one plate and what should come of it."""

    kind: str
    plate_id: str
    begin_s: float
    first_s: float
    """When the load first changes."""
    last_s: float
    """When the load last changes, or the hand leaves."""
    changes: tuple[float, ...]
    """Settled changes in order [kg]; none: nothing happened."""
    mass: float
    """Of the item handled [kg]."""


@dataclass
class Scene:
    """What is done to the plates of the gateway."""

    rng: np.random.Generator
    loads: list[Load] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    # --- what happens to a plate

    def item(self) -> float:
        """Mass of a product [kg]: log-normal about the catalogue's median 269 g, at least 30 g (5 % are lighter)."""
        return float(np.clip(0.269 * np.exp(self.rng.standard_normal()), 0.03, 3.0))

    def step(self, plate_id: str, second: float, mass: float) -> float:
        """The load changes for good."""
        self.loads.append(LoadStep(at(second), plate_id, mass))
        return second

    def press(self, plate_id: str, second: float, force: float, seconds: float, kind: PressKind) -> float:
        """A hand presses or knocks for a while; when it has let go."""
        self.loads.append(LoadPress(at(second), plate_id, force, seconds, kind))
        return second + seconds

    def grip(self, plate_id: str, second: float, seconds: float) -> float:
        """A hand grips goods or lets go of them."""
        return self.press(plate_id, second, self.rng.uniform(0.02, 0.25), seconds, PressKind.TOUCH)

    # --- handlings

    def pick(self, plate_id: str, begin_s: float) -> None:
        mass = self.item()
        last_s = self.grip(plate_id, begin_s, self.rng.uniform(0.1, 0.35))
        taken_s = self.step(plate_id, begin_s + self.rng.uniform(0.1, 0.35), -mass)
        self._done("pick", plate_id, begin_s, taken_s, max(last_s, taken_s), (-mass,), mass)

    def put(self, plate_id: str, begin_s: float) -> None:
        mass = self.item()
        put_s = self.step(plate_id, begin_s + self.rng.uniform(0.0, 0.2), mass)
        last_s = self.grip(plate_id, begin_s, self.rng.uniform(0.05, 0.3))
        self._done("put", plate_id, begin_s, min(begin_s, put_s), max(last_s, put_s), (mass,), mass)

    def series(self, plate_id: str, begin_s: float) -> None:
        """Two to five equal items, one every 0.3 s, with both hands."""
        mass, count = self.item(), int(self.rng.integers(2, 6))
        ends = [self.step(plate_id, begin_s + 0.3 * index, -mass) for index in range(count)]
        self._done("picks 0.3 s apart", plate_id, begin_s, begin_s, ends[-1], (-mass,) * count, mass)

    def gripped_series(self, plate_id: str, begin_s: float) -> None:
        """Two to four equal items, one every 0.6 s, each gripped first."""
        mass, count = self.item(), int(self.rng.integers(2, 5))
        for index in range(count):
            self.grip(plate_id, begin_s + 0.6 * index, 0.2)
            last_s = self.step(plate_id, begin_s + 0.6 * index + 0.2, -mass)
        self._done("gripped picks 0.6 s apart", plate_id, begin_s, begin_s + 0.2, last_s, (-mass,) * count, mass)

    def beside(self, plate_id: str, begin_s: float) -> None:
        """Picks from two plates side by side within half a second."""
        other = neighbours(plate_id, 1)[0]
        for one, second in ((plate_id, begin_s), (other, begin_s + self.rng.uniform(0.0, 0.5))):
            mass = self.item()
            self.step(one, second, -mass)
            self._done("pick beside a pick", one, second, second, second, (-mass,), mass)

    def lift_and_return(self, plate_id: str, begin_s: float) -> None:
        mass = self.item()
        self.step(plate_id, begin_s, -mass)
        last_s = self.step(plate_id, begin_s + self.rng.uniform(0.15, 0.4), mass)
        self._done("lift and return", plate_id, begin_s, begin_s, last_s, (-mass, mass), mass)

    def lift_and_return_late(self, plate_id: str, begin_s: float) -> None:
        mass = self.item()
        self.step(plate_id, begin_s, -mass)
        last_s = self.step(plate_id, begin_s + self.rng.uniform(1.0, 3.0), mass)
        self._done("lift and return late", plate_id, begin_s, begin_s, last_s, (-mass, mass), mass)

    def lift_two_return_one(self, plate_id: str, begin_s: float) -> None:
        mass = self.item()
        self.step(plate_id, begin_s, -2.0 * mass)
        last_s = self.step(plate_id, begin_s + self.rng.uniform(0.15, 0.4), mass)
        self._done("lift two, return one", plate_id, begin_s, begin_s, last_s, (-mass,), mass)

    def hold_and_take(self, plate_id: str, begin_s: float) -> None:
        """The hand rests on the item with 30 to 250 g for 1 to 6 s, then takes it."""
        mass, hold_s = self.item(), self.rng.uniform(1.0, 6.0)
        last_s = self.press(plate_id, begin_s, self.rng.uniform(0.03, 0.25), hold_s, PressKind.TOUCH)
        self.step(plate_id, last_s, -mass)
        self._done("long hold, then taken", plate_id, begin_s, last_s, last_s, (-mass,), mass)

    def take_and_lean(self, plate_id: str, begin_s: float) -> None:
        """An item is taken while a hand leans on the plate and goes on to lean."""
        mass, hold_s = self.item(), self.rng.uniform(1.0, 4.0)
        last_s = self.press(plate_id, begin_s, self.rng.uniform(0.12, 0.23), hold_s, PressKind.LEAN)
        taken_s = self.step(plate_id, begin_s + self.rng.uniform(0.3, 0.7) * hold_s, -mass)
        self._done("taken while leaning", plate_id, begin_s, taken_s, last_s, (-mass,), mass)

    def lean(self, plate_id: str, begin_s: float) -> None:
        """Somebody leans on the board with 120 to 230 g for 0.3 to 5 s; the plates beside it carry a part."""
        hold_s = self.rng.uniform(0.3, 5.0)
        last_s = self.press(plate_id, begin_s, self.rng.uniform(0.12, 0.23), hold_s, PressKind.LEAN)
        self._done("lean", plate_id, begin_s, begin_s, last_s, (), 0.0)
        for other in neighbours(plate_id, 1):
            self.press(other, begin_s, self.rng.uniform(0.02, 0.1), hold_s, PressKind.LEAN)
            self._done("beside a lean", other, begin_s, begin_s, last_s, (), 0.0)

    def touch(self, plate_id: str, begin_s: float) -> None:
        """A hand feels the goods."""
        last_s = self.press(plate_id, begin_s, self.rng.uniform(0.01, 0.1), self.rng.uniform(0.3, 1.5), PressKind.TOUCH)
        self._done("touch", plate_id, begin_s, begin_s, last_s, (), 0.0)

    def bump(self, plate_id: str, begin_s: float) -> None:
        """A knock of 120 to 230 g against a board, half of it two plates away."""
        for distance, other in enumerate([plate_id, *neighbours(plate_id, 2)]):
            force = self.rng.uniform(0.12, 0.23) * self.rng.choice([-1.0, 1.0]) * 0.5 ** ((distance + 1) // 2)
            last_s = self.press(other, begin_s, force, self.rng.uniform(0.15, 0.5), PressKind.BUMP)
            self._done("bump", other, begin_s, begin_s, last_s, (), 0.0)

    def frozen_pick(self, plate_id: str, begin_s: float) -> None:
        self._pick_in_fault("pick while the plate is frozen", "frozen", plate_id, begin_s)

    def silent_pick(self, plate_id: str, begin_s: float) -> None:
        self._pick_in_fault("pick while the plate is NaN", "silent", plate_id, begin_s)

    def _pick_in_fault(self, name: str, kind: Any, plate_id: str, begin_s: float) -> None:
        mass, last_s = self.item(), begin_s + self.rng.uniform(2.0, 6.0)
        self.faults.append(Fault(device=plate_id, kind=kind, from_s=begin_s, to_s=last_s))
        taken_s = self.step(plate_id, begin_s + self.rng.uniform(0.2, 0.8) * (last_s - begin_s), -mass)
        self._done(name, plate_id, begin_s, taken_s, last_s, (-mass,), mass)

    def _done(
        self,
        kind: str,
        plate_id: str,
        begin_s: float,
        first_s: float,
        last_s: float,
        changes: tuple[float, ...],
        mass: float,
    ) -> None:
        self.actions.append(Action(kind, plate_id, begin_s, first_s, last_s, changes, mass))

    def blind(self, plate_id: str, event: ShelfEvent) -> bool:
        """Whether a plate beside this one could not be read while this one changed."""
        beside = {GATEWAY.device_id, *neighbours(plate_id, 2)}
        return any(
            fault.device in beside and at(fault.from_s) <= event.end_ns and event.start_ns <= at(fault.to_s + 0.5)
            for fault in self.faults
        )


HANDLINGS: tuple[Callable[[Scene, str, float], None], ...] = (
    Scene.pick,
    Scene.put,
    Scene.series,
    Scene.gripped_series,
    Scene.beside,
    Scene.lift_and_return,
    Scene.lift_and_return_late,
    Scene.lift_two_return_one,
    Scene.hold_and_take,
    Scene.take_and_lean,
    Scene.lean,
    Scene.touch,
    Scene.bump,
    Scene.frozen_pick,
    Scene.silent_pick,
)


def neighbours(plate_id: str, reach: int) -> list[str]:
    """The plates of the same board, nearest first."""
    here = STORE.plates[plate_id]
    apart = {p.plate_id: abs(p.index - here.index) for p in PLATES if p.shelf == here.shelf and p is not here}
    return sorted((other for other in apart if apart[other] <= reach), key=lambda other: (apart[other], other))


def busy_scene(seed: int) -> Scene:
    """Every handling in turn, one every 0.6 to 1.2 s, on plates that have rested."""
    scene = Scene(np.random.default_rng([2, seed]))
    free_s = dict.fromkeys((plate.plate_id for plate in PLATES), FIRST_S)
    begin_s, turn = FIRST_S, seed
    while begin_s < LAST_S:
        resting = [plate_id for plate_id in free_s if free_s[plate_id] <= begin_s]
        if resting:
            handled = len(scene.actions)
            HANDLINGS[turn % len(HANDLINGS)](scene, str(scene.rng.choice(resting)), begin_s)
            turn += 1
            for action in scene.actions[handled:]:
                for other in neighbours(action.plate_id, 2):
                    free_s[other] = max(free_s[other], action.last_s + CALM_S)
            for action in scene.actions[handled:]:
                free_s[action.plate_id] = action.last_s + REST_S
        begin_s += scene.rng.uniform(0.6, 1.2)
    return scene


def fault_scene(seed: int, kind: Any) -> Scene:
    """The whole gateway fails for 5 to 40 s; meanwhile something is taken from every eighth plate."""
    scene = Scene(np.random.default_rng([3, seed]))
    end_s = 30.0 + scene.rng.uniform(5.0, 40.0)
    scene.faults.append(Fault(device=GATEWAY.device_id, kind=kind, from_s=30.0, to_s=end_s))
    for index, plate in enumerate(PLATES):
        if index % 8 == 4:
            mass = scene.item()
            taken_s = scene.step(plate.plate_id, scene.rng.uniform(31.0, end_s), -mass)
            scene._done(f"pick while the gateway is {kind}", plate.plate_id, 30.0, taken_s, end_s, (-mass,), mass)
        else:
            scene._done(f"gateway {kind}", plate.plate_id, 30.0, 30.0, end_s, (), 0.0)
    return scene


class Walkers:
    """Two people who walk to and fro in front of the shelf."""

    def people(self, stamp_ns: int) -> People:
        """Everybody at that instant."""
        phase = 0.3 * (stamp_ns - START_NS) / 1e9 + np.array([0.0, 2.0])
        middle = np.mean([plate.centre[:2] for plate in PLATES], axis=0)
        position = middle + np.column_stack([np.full(2, 0.7), 2.0 * np.sin(phase)])
        velocity = np.column_stack([np.zeros(2), 0.6 * np.cos(phase)])
        joints = np.zeros((2, len(JOINTS), 3))
        return People(stamp_ns, ("a", "b"), position, velocity, phase, np.full(2, 1.7), joints, ())


def noisy(noise: float) -> ScaleParams:
    """All errors of the scales so many times as large."""
    params = ScaleParams()
    changed: dict[str, Any] = {name: noise * getattr(params, name) for name in ("coupling", "ringing")}
    for name in ("noise_g", "drift_g"):
        spread = getattr(params, name)
        changed[name] = spread.model_copy(update={key: noise * value for key, value in spread.model_dump().items()})
    return params.model_copy(update=changed)


def readings_of(scene: Scene, seed: int, noise: float) -> tuple[ScaleLayout, list[ScaleReadings]]:
    """What the gateway sends."""
    clock = Clock(ClockParams(offset_ms=0.0, drift_ppm=0.0), np.random.default_rng([4, seed]), START_NS)
    goods = {plate.plate_id: GOODS_KG for plate in PLATES}
    sensor = ScaleSensor(STORE, GATEWAY, noisy(noise), clock, goods, np.random.default_rng([5, seed]))
    sensor.add(scene.loads)
    items = [arrival.item for arrival in Faulty(sensor, scene.faults, START_NS).advance(at(SCENE_S), Walkers())]
    layout = next(item for item in items if isinstance(item, ScaleLayout))
    return layout, [item for item in items if isinstance(item, ScaleReadings)]


def events_of(scene: Scene, seed: int, noise: float) -> list[tuple[ShelfEvent, int]]:
    """Events of a scene, each with the stamp of the last sample of the block that brought it."""
    layout, blocks = readings_of(scene, seed, noise)
    weighing = Weighing(tuning(), layout, layout.plate_ids)
    found = [(event, readings.end_ns) for readings in blocks for event in weighing.step(readings).events]
    return found + [(event, event.end_ns) for event in weighing.finish().events]


@dataclass(frozen=True)
class Result:
    """What came of one action. Times in seconds, masses in kg."""

    events: int
    expected: int
    net_error: float
    errors: tuple[float, ...]
    """Error of every event in its own standard deviations, if there are as many as expected."""
    mass: float
    late_s: float
    start_s: float
    """First start less the first change of the load."""

    @property
    def right(self) -> bool:
        """Whether the net change tells the number of units."""
        return abs(self.net_error) <= max(0.012, 0.1 * self.mass)


def judge(action: Action, events: list[tuple[ShelfEvent, int]]) -> tuple[Result, list[str]]:
    """The result of one action, and the ids of its events."""
    mine = [
        (event, out_ns)
        for event, out_ns in events
        if event.plate_id == action.plate_id
        and event.end_ns >= at(action.begin_s - 0.3)
        and event.start_ns <= at(action.last_s + 2.0)
    ]
    mine.sort(key=lambda pair: pair[0].end_ns)
    errors: list[float] = []
    if len(mine) == len(action.changes):
        pairs = zip(mine, action.changes, strict=True)
        errors = [(event.mass_change - change) / event.mass_change_stddev for (event, _), change in pairs]
    result = Result(
        events=len(mine),
        expected=len(action.changes),
        net_error=sum(event.mass_change for event, _ in mine) - sum(action.changes),
        errors=tuple(errors),
        mass=action.mass,
        late_s=max((out_ns - at(action.last_s + SETTLED_S) for _, out_ns in mine), default=0) / 1e9,
        start_s=min((event.start_ns - at(action.first_s) for event, _ in mine), default=0) / 1e9,
    )
    return result, [event.shelf_event_id for event, _ in mine]


def percentile(values: Iterable[float], part: float) -> float:
    """Percentile of the absolute values, or NaN of nothing."""
    sizes = np.abs(list(values))
    return float(np.percentile(sizes, part)) if len(sizes) else float("nan")


def report_actions(seeds: range, noise: float) -> None:
    """What came of every handling."""
    results: dict[str, list[Result]] = defaultdict(list)
    false, blind, touched = 0, 0, 0
    for seed in seeds:
        scenes = [busy_scene(seed)]
        if seed % 3 == 0:
            scenes += [fault_scene(seed, kind) for kind in ("frozen", "silent", "restart")]
        for scene in scenes:
            events, used = events_of(scene, seed, noise), set()
            for action in scene.actions:
                result, ids = judge(action, events)
                results[action.kind].append(result)
                used.update(ids)
            besides = [event for event, _ in events if event.shelf_event_id not in used]
            false += len(besides)
            blind += sum(scene.blind(event.plate_id, event) for event in besides)
            touched += len(scene.actions)
    print(f"\nNoise x{noise:g}, {len(seeds)} seeds, {touched} handlings of plates: ", end="")
    print(f"{false} events besides, {blind} of them beside a plate that could not be read.\n")
    print("| handling | n | an event | as many as expected | net right | net error g, median / p95 ", end="")
    print("| error / stddev, median / p95 | out after s, median / p95 | start off ms, median / p95 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind, rows in results.items():
        fired = [row for row in rows if row.events]
        print(f"| {kind} | {len(rows)} | {len(fired) / len(rows):.1%} ", end="")
        print(f"| {np.mean([row.events == row.expected for row in rows]):.1%} ", end="")
        print(f"| {np.mean([row.right for row in rows]):.1%} ", end="")
        for values, unit in (
            ([row.net_error for row in fired], 1e3),
            ([error for row in fired for error in row.errors], 1.0),
            ([row.late_s for row in fired], 1.0),
            ([row.start_s for row in fired], 1e3),
        ):
            digits = 2 if unit == 1.0 else 1
            median, p95 = percentile(values, 50) * unit, percentile(values, 95) * unit
            print(f"| {median:.{digits}f} / {p95:.{digits}f} " if np.isfinite(p95) else "| - ", end="")
        print("|")


def report_quiet(seeds: range, noise: float) -> None:
    """False events while people walk by and nobody touches anything."""
    events = sum(len(events_of(Scene(np.random.default_rng(seed)), seed, noise)) for seed in seeds)
    hours = len(seeds) * len(PLATES) * SCENE_S / 3600
    print(f"\nNobody touches anything, noise x{noise:g}: {events} events in {hours:.0f} plate-hours.")


def report_cost() -> None:
    """Time of one block of 12 samples, and what 2,000 plates at 60 Hz take of one core."""
    for name, scene in (("quiet", Scene(np.random.default_rng(1))), ("busy", busy_scene(1))):
        layout, blocks = readings_of(scene, 1, 1.0)
        weighing = Weighing(tuning(), layout, layout.plate_ids)
        spent = []
        for readings in blocks:
            begin = time.process_time()
            weighing.step(readings)
            spent.append(time.process_time() - begin)
        block_s = len(blocks[0].mass) * blocks[0].sample_period_ns / 1e9
        core = np.mean(spent) / block_s * 2000 / len(PLATES)
        print(f"12 x {len(PLATES)} samples, {name}: {np.median(spent) * 1e3:.3f} ms in the median, ", end="")
        print(f"{np.mean(spent) * 1e3:.3f} ms on average; 2,000 plates in such gateways take {core:.1%} of a core.")


def main(argv: list[str]) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="weighing", description="Accuracy and cost of the weighing stage.")
    parser.add_argument("--seeds", default="100:136", help="first:last+1 of the seeds (default 100:136)")
    parser.add_argument("--noise", default="1,2,3", help="errors of the scales, in times those recorded")
    arguments = parser.parse_args(argv)
    first, last = (int(part) for part in arguments.seeds.split(":"))
    report_cost()
    for noise in (float(part) for part in arguments.noise.split(",")):
        report_quiet(range(first, last, 3), noise)
        report_actions(range(first, last), noise)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
