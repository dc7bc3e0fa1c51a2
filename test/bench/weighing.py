"""How well the weighing stage tells what was taken from synthetic scales, and what a block costs.

    ./aisle bench weighing [--seeds 100:130]

Prints Markdown tables; docs/weighing.md holds the last ones. Seeds from 100 on were never used for tuning.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aisle_core.types import ShelfEvent
from aisle_core.weighing import Weighing

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src" / "aisle_core" / "test"))
from scales import START_NS, Action, Scene, at, blocks, busy_scene, layout, quiet_scene, tuning

NOISE_SCALES = (1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Result:
    """What came of one action."""

    events: int
    expected: int
    error_g: float
    stddev_g: float
    item_g: float
    latency_s: float
    start_error_s: float

    @property
    def right(self) -> bool:
        """Whether the net change tells the number of units."""
        return abs(self.error_g) <= max(12.0, 0.1 * self.item_g)


def events_of(scene: Scene) -> list[tuple[ShelfEvent, int]]:
    """Events of a scene, each with the stamp of the last sample of the block that brought it."""
    plates = layout(scene.plates)
    weighing = Weighing(tuning(), plates, plates.plate_ids)
    found = [
        (event, readings.end_ns) for readings in blocks(scene.mass_kg()) for event in weighing.step(readings).events
    ]
    return found + [(event, event.end_ns) for event in weighing.finish().events]


def judge(action: Action, events: list[tuple[ShelfEvent, int]]) -> tuple[Result, list[str]]:
    """The result of one action, and the ids of its events."""
    mine = [
        (event, out_ns)
        for event, out_ns in events
        if event.plate_id == f"p{action.plate}"
        and event.end_ns >= at(action.begin_s - 0.3)
        and event.start_ns <= at(action.end_s + 2.0)
    ]
    net_g = sum(event.mass_change for event, _ in mine) * 1e3
    result = Result(
        events=len(mine),
        expected=len(action.changes_g),
        error_g=net_g - sum(action.changes_g),
        stddev_g=float(np.sqrt(sum((event.mass_change_stddev * 1e3) ** 2 for event, _ in mine))),
        item_g=action.mass_g,
        latency_s=max((out_ns - at(action.end_s) for _, out_ns in mine), default=0) / 1e9,
        start_error_s=min((event.start_ns - START_NS for event, _ in mine), default=0) / 1e9 - action.begin_s,
    )
    return result, [event.shelf_event_id for event, _ in mine]


def percentile(values: list[float], part: float) -> float:
    """Percentile, or NaN of nothing."""
    return float(np.percentile(values, part)) if values else float("nan")


def report_actions(seeds: range) -> None:
    """Tables of what came of every kind of handling."""
    for scale in NOISE_SCALES:
        results: dict[str, list[Result]] = defaultdict(list)
        false, hours = 0, 0.0
        for seed in seeds:
            scene = busy_scene(seed, scale)
            events, used = events_of(scene), set()
            for action in scene.actions:
                result, ids = judge(action, events)
                results[action.kind].append(result)
                used.update(ids)
            false += sum(event.shelf_event_id not in used for event, _ in events)
            hours += scene.plates * scene.seconds / 3600
        print(f"\nNoise x{scale:g}, {len(seeds)} seeds, {hours:.0f} plate-hours with one action every 1.5 s: ", end="")
        print(f"{false} events on plates nobody touched ({false / hours:.2f} per plate-hour).\n")
        print("| handling | n | an event | as many as expected | net right ", end="")
        print("| error g, median / p95 | error / stddev | out after s, median / p95 |")
        print("|---|---|---|---|---|---|---|---|")
        for kind, rows in results.items():
            fired = [row for row in rows if row.events]
            errors = [abs(row.error_g) for row in fired]
            ratios = [abs(row.error_g) / row.stddev_g for row in fired]
            waits = [row.latency_s for row in fired]
            print(
                f"| {kind} | {len(rows)} | {len(fired) / len(rows):.1%} "
                f"| {np.mean([row.events == row.expected for row in rows]):.1%} "
                f"| {np.mean([row.right for row in rows]):.1%} "
                f"| {percentile(errors, 50):.1f} / {percentile(errors, 95):.1f} "
                f"| {percentile(ratios, 50) / 0.6745:.2f} | {percentile(waits, 50):.2f} / {percentile(waits, 95):.2f} |"
            )
        starts = [abs(row.start_error_s) for row in results["lift two, return one"] + results["series"] if row.events]
        print(f"\nStart of the first change: {percentile(starts, 50) * 1e3:.0f} ms off in the median, ", end="")
        print(f"{percentile(starts, 95) * 1e3:.0f} ms at p95.")


def report_quiet(seeds: range) -> None:
    """False events while nobody touches anything."""
    for scale in NOISE_SCALES:
        scenes = [quiet_scene(seed, scale) for seed in seeds]
        events = sum(len(events_of(scene)) for scene in scenes)
        hours = sum(scene.plates * scene.seconds for scene in scenes) / 3600
        print(f"Nobody there, noise x{scale:g}: {events} events in {hours:.0f} plate-hours.")


def report_cost(plates: int = 80) -> None:
    """Time of one block of 12 samples."""
    for name, scene in (("quiet", quiet_scene(1, 1.0, plates, 60.0)), ("busy", busy_scene(1, 1.0, plates, 60.0))):
        weighing = Weighing(tuning(), layout(plates), layout(plates).plate_ids)
        times = []
        for readings in blocks(scene.mass_kg()):
            begin = time.perf_counter()
            weighing.step(readings)
            times.append((time.perf_counter() - begin) * 1e3)
        print(f"12 x {plates} samples, {name}: {np.median(times):.3f} ms in the median, {min(times):.3f} ms at least.")


def main(argv: list[str]) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="weighing", description="Accuracy and cost of the weighing stage.")
    parser.add_argument("--seeds", default="100:130", help="first:last+1 of the seeds (default 100:130)")
    first, last = (int(part) for part in parser.parse_args(argv).seeds.split(":"))
    report_cost()
    report_quiet(range(first, last))
    report_actions(range(first, last))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
