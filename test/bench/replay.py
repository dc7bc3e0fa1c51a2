"""How fast the whole pipeline decides: a bag offline, a big store as it happens, and a store for an hour.

    ./aisle bench replay [BAG] [--site corner] [--shoppers 3] [--seed 1] [--runs 5]
    ./aisle bench replay --live [--plates 2000] [--shoppers 50] [--minutes 3]
    ./aisle bench replay --hour [--shoppers 12]

A bag, the given one or a simulated one, is replayed several times: times real time, and the part of each stage.
``--live``: a generated store is simulated, and what its devices send goes through the pipeline in the order of
arrival: the load of one core, and how long after the lateness allowance and after the watermark of the fusion, which
waits for all devices, a pick is in the cart and decided, as if the messages came on time and waited for the core.
``--hour``: visits of an hour in one store; what the stages know and what a minute costs after 5 minutes, after 30,
and at the end.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import statistics
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from aisle_contract.sites import config_folder, find_site
from aisle_core.pipeline import Pipeline
from aisle_core.stages import Stage
from aisle_core.store import Store, load_store, save_site
from aisle_core.types import CartEvents, Carts
from aisle_replay.bag import BagReader
from aisle_replay.replay import load_config, replay
from aisle_sim.bag import write_bag
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.random_scenario import random_scenario
from aisle_sim.scenarios import find_scenario
from aisle_sim.simulation import Simulation
from aisle_sim.site_generator import SiteSize, generate_site

MINUTE_NS = 60_000_000_000
SQUARE_METRES_PER_PLATE = 0.3


def main(argv: list[str]) -> int:
    """Measure and print; imports are excluded."""
    parser = argparse.ArgumentParser(prog="./aisle bench replay", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("bag", type=Path, nargs="?", help="simulated without one")
    parser.add_argument("--site", default="corner")
    parser.add_argument("--shoppers", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--plates", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--hour", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        if options.live:
            table = live(Path(folder), options.plates, options.shoppers or 50, options.minutes, options.seed)
        elif options.hour:
            table = hour(find_site(options.site), options.shoppers or 12, options.seed)
        else:
            table = offline(options, Path(folder))
    Console(highlight=False).print(table)
    return 0


def offline(options: argparse.Namespace, folder: Path) -> Table:
    """Replay a bag several times; reading and construction count."""
    bag = options.bag
    if bag is None:
        bag, site = folder / options.site, find_site(options.site)
        scenario = find_scenario("random", load_store(site), options.seed, options.shoppers or 3)
        write_bag(bag, site, scenario, options.seed)
    with BagReader(bag) as reader:
        seconds = (reader.end_ns - reader.start_ns) / 1e9
    cpu, wall = [], []
    for _ in range(options.runs):
        start_cpu, start_wall = time.process_time(), time.perf_counter()
        replay(bag, config_folder())
        cpu.append(time.process_time() - start_cpu)
        wall.append(time.perf_counter() - start_wall)
    table = Table("", "least", "median", "most", title=f"{seconds:.1f} s of recording, {options.runs} replays")
    for name, values in (("CPU", cpu), ("wall", wall)):
        middle = statistics.median(values)
        table.add_row(f"{name} [s]", f"{min(values):.3f}", f"{middle:.3f}", f"{max(values):.3f}")
        ratios = f"{seconds / max(values):.0f}", f"{seconds / middle:.0f}", f"{seconds / min(values):.0f}"
        table.add_row(f"times real time ({name})", *ratios)
    table.add_row("peak memory [MB]", "", "", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
    table.add_section()
    with Timed() as timed:
        start_cpu = time.process_time()
        replay(bag, config_folder())
        whole = time.process_time() - start_cpu
    timed.spent["reading, and all else"] = whole - sum(timed.spent.values())
    for name, spent in timed.spent.most_common():
        table.add_row(f"{name} [% of CPU]", "", f"{100 * spent / whole:.0f}", "")
    return table


class Timed:
    """While it is entered, the CPU [s] of every stage of the pipelines that are made, without what follows from it."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    def __enter__(self) -> Timed:
        self._made = Pipeline.__init__
        made, spent = self._made, self.spent

        def make(pipeline: Pipeline, *arguments: Any, **named: Any) -> None:
            made(pipeline, *arguments, **named)
            for name, stage in pipeline.stages.items():
                push = "push" if type(stage).push_all is Stage.push_all else "push_all"
                setattr(stage, push, _timed(getattr(stage, push), name, spent))

        Pipeline.__init__ = make  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Pipeline.__init__ = self._made  # type: ignore[method-assign]


def _timed(push: Any, name: str, spent: Counter[str]) -> Any:
    def timed(item: Any) -> list[Any]:
        start = time.process_time()
        made: list[Any] = push(item)
        spent[name] += time.process_time() - start
        return made

    return timed


def arrivals(simulation: Simulation, pipeline: Pipeline) -> Iterator[Arrival]:
    """What the devices send that the pipeline takes."""
    kinds = tuple(pipeline.inputs)
    for arrived, _ in simulation.run():
        yield from (one for one in arrived if isinstance(one.item, kinds))


def live(folder: Path, plates: int, shoppers: int, minutes: float, seed: int) -> Table:
    """A generated store as it happens."""
    site, store = _generated(folder, plates)
    scenario = random_scenario(store, seed, shoppers, minutes * 60.0)
    simulation, pipeline = Simulation(site, scenario, seed), Pipeline(load_config(config_folder()), store)
    free_ns, spent_ns, picks, fusion = 0, 0, Picks(store), pipeline.stages["cart_fusion_node"]
    for one in arrivals(simulation, pipeline):
        lasted_s = (one.arrival_ns - simulation.start_ns) / 1e9
        if lasted_s > minutes * 60.0:
            break
        start = time.process_time_ns()
        made = pipeline.push(one.item)
        took_ns = time.process_time_ns() - start
        spent_ns += took_ns
        free_ns = max(free_ns, one.arrival_ns) + took_ns
        watermark_ns = fusion._lines[""].aligner.watermark_ns
        picks.take(made, free_ns, one.arrival_ns, watermark_ns or 0)
    title = f"{len(store.plates)} plates at 60 Hz, {shoppers} shoppers, {lasted_s:.0f} s"
    table = Table("", "median", "p99", "most", title=title)
    shown = [picks.shown[key] for key in picks.decided if key in picks.shown]
    for name, values in (
        ("in the cart after the lateness allowance [s]", [after_s for after_s, _, _ in shown]),
        ("of that, waited for other data [s]", [waited_s for _, waited_s, _ in shown]),
        ("decided after the lateness allowance [s]", list(picks.decided.values())),
        ("in the cart after the watermark [s]", [after_s for _, _, after_s in shown]),
    ):
        if values:
            table.add_row(name, *(f"{value:.2f}" for value in np.percentile(values, [50, 99, 100])))
    table.add_row("load of one core [%]", f"{100 * spent_ns / 1e9 / lasted_s:.0f}", "", "")
    table.add_row("picks", str(len(picks.decided)), "", "")
    table.add_row("that looked otherwise at first", str(picks.corrected()), "", "")
    table.add_row("that were in no cart", str(len(picks.decided) - len(shown)), "", "")
    return table


Pick = tuple[str, int, str, int]
"""Shelf event, track, product, units."""


class Picks:
    """When a cart held a pick as it was decided in the end, and when it was decided."""

    def __init__(self, store: Store) -> None:
        self._lateness_ns = store.latency.sensor_lateness_ns
        self._first: dict[str, Pick] = {}
        self._passed_ns: dict[Pick, int] = {}
        self._watermarks_ns: list[int] = []
        self._reached_ns: list[int] = []
        self.shown: dict[Pick, tuple[float, float, float]] = {}
        """Seconds after the lateness allowance, those of them that were waited for other data, after the watermark."""
        self.decided: dict[Pick, float] = {}

    def take(self, made: list[Any], done_ns: int, arrival_ns: int, watermark_ns: int) -> None:
        """Look at what was made of an item that arrived and was worked on until ``done_ns``."""
        if not self._watermarks_ns or watermark_ns > self._watermarks_ns[-1]:
            self._watermarks_ns.append(watermark_ns)
            self._reached_ns.append(done_ns)
        for output in made:
            if isinstance(output, CartEvents):
                for event in output.events:
                    pick = event.shelf_event_id, event.track_id, event.sku, event.quantity
                    self._first.setdefault(event.shelf_event_id, pick)
                    self._passed_ns[pick] = event.end_ns + self._lateness_ns
                    if event.cart_event_id and event.track_id and event.sku and event.quantity > 0:
                        self.decided[pick] = (done_ns - self._passed_ns[pick]) / 1e9
            elif isinstance(output, Carts):
                held = {(t, line.sku) for cart in output.carts for t in cart.track_ids for line in cart.lines}
                for pick, passed_ns in self._passed_ns.items():
                    if pick[1:3] in held and pick not in self.shown:
                        reached_ns = self._reached_ns[bisect_left(self._watermarks_ns, passed_ns - self._lateness_ns)]
                        after_ns = done_ns - passed_ns, arrival_ns - passed_ns, done_ns - reached_ns
                        self.shown[pick] = tuple(ns / 1e9 for ns in after_ns)

    def corrected(self) -> int:
        """Picks that looked otherwise at first."""
        return sum(self._first[pick[0]] != pick for pick in self.decided)


def _generated(folder: Path, plates: int) -> tuple[Path, Store]:
    files = generate_site("big", "Big", SiteSize(area=plates * SQUARE_METRES_PER_PLATE, plates=plates))
    save_site(folder / "big", files)
    return folder / "big", load_store(folder / "big")


def hour(site: Path, shoppers: int, seed: int) -> Table:
    """Visits of an hour; ``shoppers`` come every five minutes."""
    store = load_store(site)
    simulation = Simulation(site, random_scenario(store, seed, 12 * shoppers, 3600.0), seed)
    pipeline = Pipeline(load_config(config_folder()), store)
    spent: Counter[int] = Counter()
    size: dict[int, dict[str, int]] = {}
    for one in arrivals(simulation, pipeline):
        minute = (one.arrival_ns - simulation.start_ns) // MINUTE_NS
        if minute not in spent:
            size[minute] = {name: len(pickle.dumps(stage)) for name, stage in pipeline.stages.items()}
        start = time.process_time()
        pipeline.push(one.item)
        spent[minute] += time.process_time() - start
    last = max(size)
    table = Table("", "minute 5", "minute 30", f"minute {last}", title=f"{12 * shoppers} visits in {store.name}")
    for name in pipeline.stages:
        table.add_row(f"state of {name} [kB]", *(f"{size[minute][name] / 1e3:.1f}" for minute in (5, 30, last)))
    table.add_row("CPU of a minute [s]", *(f"{spent[minute]:.2f}" for minute in (5, 30, last - 1)))
    return table
