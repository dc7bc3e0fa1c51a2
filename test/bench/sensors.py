"""The simulated sensors beside the recorded ones: noise, settling, coupling, lateness, spread, and depth by distance.

    ./aisle bench sensors [--recording FOLDER]

Prints Markdown tables; docs/simulated-sensors.md holds the last ones. Without the recording its column holds what is
known of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aisle_contract.sites import find_site
from aisle_core.store import DepthModel, DepthSensor, Mount, Plate, Store, load_store
from aisle_core.types import Bodies, BodyPart, ScaleLayout, ScaleReadings
from aisle_replay.autocheckout import import_autocheckout
from aisle_replay.bag import BagReader
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.devices.clocks import Clock
from aisle_sim.devices.params import DepthParams, SimulationParams
from aisle_sim.devices.pose_sensor import OraclePoseSensor
from aisle_sim.devices.scale_sensor import ScaleSensor
from aisle_sim.physical import LoadStep
from aisle_sim.rendering.depth_image import DepthRenderer
from aisle_sim.rendering.scene import Scene

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src" / "aisle_sim" / "test"))
from devices_world import START_NS, FakeWorld, late

Array = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 5
RATE = 60
MS = 1_000_000
STILL_S, WALK_S = (0.0, 4.0), (5.0, 10.0)
"""When the recorded shopper stands and when he walks."""
END_S = 17.2
PICK_S, PICK_PLATE, PICK_G = 12.4, "g1-s5-p11", 623.0
LAGS = (1, 2, 3)
DISTANCES = (1.0, 2.0, 3.0, 4.0, 5.0)
KNOWN = {
    "noise, shopper walks [g]: median, p95, most": "1.24, 9.5, 22.3",
    "change of 623 g: settles in [ms]": "33",
    "plates beside a pick of 623 g move for good by [g], at most": "10.6",
    "scales: block leaves after its middle [ms]: median": "98",
    "vision: arrives after its stamp [ms]: median, most": "2310, 2440",
    "captures of one body spread over [ms]: median, most": "79, 303",
}
"""From the project's list of measured facts."""


@dataclass
class Sensed:
    """What scales and people's sensors said, recorded or simulated."""

    mass: list[Array] = field(default_factory=list)
    """Per gateway (samples, plates) [g] of live plates."""
    plates: list[list[str]] = field(default_factory=list)
    left_ms: list[float] = field(default_factory=list)
    """From the middle of a block until it left."""
    arrived_ms: list[float] = field(default_factory=list)
    """From then until it arrived."""
    vision_ms: list[float] = field(default_factory=list)
    spread_ms: list[float] = field(default_factory=list)
    points: dict[BodyPart, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))
    """Time [s] and position [m]."""
    bodies: int = 0

    def take(self, arrivals: Iterable[tuple[int, Any]]) -> None:
        """Take (arrival time, item); of bodies the first one of each message."""
        blocks: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
        layouts: dict[str, ScaleLayout] = {}
        for arrival_ns, item in arrivals:
            match item:
                case ScaleLayout():
                    layouts[item.gateway_id] = item
                case ScaleReadings():
                    blocks[item.gateway_id].append(item.mass)
                    middle_ns = item.stamp_ns + item.sample_period_ns * (len(item.mass) - 1) / 2
                    self.left_ms.append((item.issue_ns - middle_ns) / MS)
                    self.arrived_ms.append((arrival_ns - item.issue_ns) / MS)
                case Bodies() if item.bodies:
                    self._take_body(arrival_ns, item)
        for gateway, masses in blocks.items():
            mass = np.concatenate(masses).astype(float) * 1e3
            live = np.isfinite(mass).all(axis=0) & ((np.diff(mass, axis=0) == 0.0).mean(axis=0) < 0.5)
            self.mass.append(mass[:, live])
            self.plates.append([name for name, lives in zip(layouts[gateway].plate_ids, live, strict=True) if lives])

    def _take_body(self, arrival_ns: int, item: Bodies) -> None:
        body = min(item.bodies, key=lambda body: body.label or "")
        self.bodies += 1
        self.vision_ms.append((arrival_ns - item.stamp_ns) / MS)
        self.spread_ms.append((body.last_capture_ns - body.first_capture_ns) / MS)
        for keypoint in body.keypoints:
            self.points[keypoint.part].append((item.stamp_ns / 1e9, *keypoint.position))

    def window(self, seconds: tuple[float, float]) -> Array:
        """(samples, plates) [g] of all gateways."""
        first, last = (round(second * RATE) for second in seconds)
        return np.concatenate([mass[first:last] for mass in self.mass], axis=1)


def recorded(folder: Path) -> Sensed:
    """The recording."""
    sensed = Sensed()
    with tempfile.TemporaryDirectory() as scratch:
        bag = Path(scratch) / "bag"
        import_autocheckout(folder, bag)
        with BagReader(bag) as reader:
            sensed.take((arrival_ns, item) for arrival_ns, _, item in reader.items())
    return sensed


def middle(plates: Sequence[Plate]) -> str:
    """The plate of a gateway from which something is taken."""
    return plates[len(plates) // 2].plate_id


def simulated(store: Store, params: SimulationParams) -> Sensed:
    """A store as in the recording: somebody stands, walks, and takes something; vision is late."""
    sensed = Sensed()
    still, walking = FakeWorld(store, 1, speed=0.0), FakeWorld(store, 1, speed=0.6)
    goods = dict.fromkeys(store.plates, 3.0)
    for number, gateway in enumerate(SEEDS * store.gateways):
        scales = ScaleSensor(store, gateway, params.scales, clock(params, number), goods, np.random.default_rng(number))
        scales.add([LoadStep(at(PICK_S), middle(scales.plates), -PICK_G * 1e-3)])
        turns = ((STILL_S[1] + 0.5, still), (WALK_S[1] + 0.5, walking), (END_S, still))
        sensed.take(timed(arrival for seconds, world in turns for arrival in scales.advance(at(seconds), world)))
    rng = np.random.default_rng(SEEDS)
    poses = OraclePoseSensor(late(store), store.pose_sources[0], params.poses, clock(params, -1), rng)
    sensed.take(timed(poses.advance(at(120.0), walking)))
    return sensed


def timed(arrivals: Iterable[Arrival]) -> Iterator[tuple[int, Any]]:
    """As ``Sensed.take`` wants them."""
    return ((arrival.arrival_ns, arrival.item) for arrival in arrivals)


def clock(params: SimulationParams, number: int) -> Clock:
    """The clock of a device."""
    return Clock(params.clocks, np.random.default_rng([1, number + 1]), START_NS)


def at(seconds: float) -> int:
    """Stamp of that time since the start."""
    return START_NS + round(seconds * 1e9)


# --- statistics


def noise(mass: Array) -> str:
    """Of the plates' standard deviations."""
    return numbers(np.percentile(mass.std(axis=0), [50, 95, 100]), 2)


def autocorrelation(mass: Array, lag: int) -> str:
    """Quartiles over the plates."""
    off = mass - mass.mean(axis=0)
    found = (off[lag:] * off[:-lag]).sum(axis=0) / (off**2).sum(axis=0)
    return numbers(np.percentile(found, [25, 50, 75]), 2)


def picks(sensed: Sensed, plate_ids: Sequence[str]) -> tuple[list[float], list[float]]:
    """Times that the picks took to settle [ms], and how far the plates beside moved [g]."""
    settled, moved = [], []
    begin = round(PICK_S * RATE)
    for mass, plates in zip(sensed.mass, sensed.plates, strict=True):
        for column, plate in enumerate(plates):
            if plate in plate_ids:
                before, after = np.median(mass[begin - 120 : begin - 20], axis=0), np.median(mass[begin + 90 :], axis=0)
                part = (mass[begin - 20 : begin + 90, column] - before[column]) / (after[column] - before[column])
                gone, off = np.flatnonzero(part > 0.1)[0], np.flatnonzero(np.abs(part - 1.0) > 0.02)
                settled.append(1e3 / RATE * (off[off < gone + 12][-1] + 1 - gone))
                moved += [abs(after[c] - before[c]) for c in range(len(plates)) if beside(plates[c], plate)]
    return settled, moved


def beside(one: str, other: str) -> bool:
    """Whether two plates lie on one board, at most two columns apart."""
    (board, _, column), (other_board, _, other_column) = one.rpartition("-p"), other.rpartition("-p")
    return board == other_board and 1 <= abs(int(column) - int(other_column)) <= 2


def wander(sensed: Sensed, seconds: int) -> float:
    """Root mean square of what the median of a second changes in that time while nobody walks or takes [g]."""
    mass = sensed.window((0.0, 12.0))
    medians = np.median(mass[: len(mass) // RATE * RATE].reshape(-1, RATE, mass.shape[1]), axis=1)
    change = medians[seconds:] - medians[:-seconds]
    return float(np.sqrt(np.median((change**2).mean(axis=0))))


def jitter(points: list[tuple[float, ...]]) -> str:
    """Median and 95th percentile of how far a point lies off the line of its neighbours in time, per axis [mm]."""
    rows = np.array(points)
    kept = [0]
    for row in range(1, len(rows)):
        if rows[row, 0] - rows[kept[-1], 0] > 0.03 and (rows[row, 1:] != rows[kept[-1], 1:]).any():
            kept.append(row)
    before, here, after = (rows[kept][first : first - 2 or None] for first in (0, 1, 2))
    part = (here[:, :1] - before[:, :1]) / (after[:, :1] - before[:, :1])
    off = here - (1.0 - part) * before - part * after
    scaled = np.abs(off[:, 1:]) / np.sqrt(1.0 + part**2 + (1.0 - part) ** 2)
    return numbers(np.percentile(scaled, [50, 95]) * 1e3, 1)


def numbers(values: Iterable[float], digits: int) -> str:
    """Values in one cell."""
    return ", ".join(f"{value:.{digits}f}" for value in values)


def statistics(sensed: Sensed, picked: Sequence[str]) -> dict[str, str]:
    """Name of a statistic -> value."""
    still, walk = sensed.window(STILL_S), sensed.window(WALK_S)
    settled, moved = picks(sensed, picked)
    hands = sensed.points[BodyPart.LEFT_HAND]
    found = {
        "noise, nobody walks [g]: median, p95, most": noise(still),
        "noise, shopper walks [g]: median, p95, most": noise(walk),
    }
    for lag in LAGS:
        found[f"autocorrelation of the noise at lag {lag}: quartiles"] = autocorrelation(walk, lag)
    return found | {
        "samples that repeat the one before: median": f"{np.median((np.diff(walk, axis=0) == 0).mean(axis=0)):.1%}",
        "median of a second wanders in 1 s, in 5 s [g]": numbers((wander(sensed, 1), wander(sensed, 5)), 2),
        "change of 623 g: settles in [ms]": numbers(np.percentile(settled, [50]), 0),
        "plates beside a pick of 623 g move for good by [g], at most": numbers([max(moved)], 1),
        "scales: block leaves after its middle [ms]: median": numbers([np.median(sensed.left_ms)], 0),
        "scales: then arrives after [ms]: median, p95, most": numbers(
            np.percentile(sensed.arrived_ms, [50, 95, 100]), 1
        ),
        "vision: arrives after its stamp [ms]: median, most": numbers(np.percentile(sensed.vision_ms, [50, 100]), 0),
        "captures of one body spread over [ms]: median, most": numbers(np.percentile(sensed.spread_ms, [50, 100]), 0),
        "head from frame to frame [mm]: median, p95": jitter(sensed.points[BodyPart.HEAD]),
        "hand from frame to frame [mm]: median, p95": jitter(hands),
        "left hand missed": f"{1.0 - len(hands) / sensed.bodies:.1%}",
    }


def depth_rows(store: Store, params: DepthParams) -> list[tuple[str, ...]]:
    """A sensor above the floor: distance, noise, noise in the literature, constant error, pixels without reading."""
    x, y = np.mean(store.floor, axis=0)
    rows, nobody = [], FakeWorld(store).people(START_NS)
    for distance in DISTANCES:
        model = DepthModel(width=160, height=120, horizontal_fov=0.5, rate_hz=10.0, min_range=0.2, max_range=8.0)
        pose = Mount(float(x), float(y), distance, 0.0, np.pi / 2, 0.0)
        sensor = DepthSensor(device_id="d99", zone=store.zones[0], model=model, pose=pose)
        renderer = DepthRenderer(Scene(store), sensor, params, np.random.default_rng(1))
        exact = renderer.exact(nobody, (), 0)[0]
        images = np.array(
            [renderer.render(FakeWorld(store).people(START_NS + frame), (), 0).pixels for frame in range(20)]
        )
        floor = np.abs(exact - distance) < 0.01
        readings = images[:, floor]
        off = np.where(readings > 0, readings / 1000.0 - exact[floor], np.nan)
        literature = 0.0012 + 0.0019 * (distance - 0.4) ** 2
        found = numbers([np.nanstd(off) * 1e3], 1), numbers([literature * 1e3], 1), numbers([np.nanmean(off) * 1e3], 1)
        rows.append((f"{distance:g}", *found, f"{(readings == 0).mean():.1%}"))
    return rows


def show(console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table."""
    table = Table(*map(escape, headings), box=box.MARKDOWN)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def main(argv: list[str]) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="bench sensors", description=__doc__.splitlines()[0])
    data = Path(os.environ.get("AISLE_RECORDINGS", ROOT.parent / "shared" / "data"))
    parser.add_argument("--recording", type=Path, default=data / "autocheckout_benchmark_1")
    folder = parser.parse_args(argv).recording
    console = Console(highlight=False, width=140)

    store, params = load_store(find_site("market")), SimulationParams()
    taken = [middle([p for p in store.plates.values() if p.fixture_id == g.device_id]) for g in store.gateways]
    ours = statistics(simulated(store, params), taken)
    theirs = statistics(recorded(folder), [PICK_PLATE]) if folder.is_dir() else KNOWN
    if not folder.is_dir():
        console.print(f"{folder}: no recording; its known facts instead")
    show(console, ("statistic", "recorded", "simulated"), ((key, theirs.get(key, "-"), ours[key]) for key in ours))
    headings = ("floor at [m]", "noise [mm]", "literature [mm]", "constant error [mm]", "no reading")
    show(console, headings, depth_rows(store, params.depth))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
