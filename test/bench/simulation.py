"""How fast the simulated market runs into a bag: on one core without images, on all cores with all depth sensors."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path


def main(argv: list[str]) -> int:
    """Simulate the market several times; imports are excluded, everything else counts, by the clock on the wall."""
    from rich.console import Console
    from rich.table import Table

    from aisle_contract.sites import find_site
    from aisle_core.store import load_store
    from aisle_sim.bag import write_bag
    from aisle_sim.scenarios import find_scenario

    parser = argparse.ArgumentParser(prog="bench simulation", description=__doc__)
    parser.add_argument("--site", default="market")
    parser.add_argument("--shoppers", type=int, default=12)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args(argv)
    cores = os.sched_getaffinity(0)
    site = find_site(arguments.site)
    store = load_store(site)
    title = f"{store.name}, {arguments.shoppers} shoppers"
    table = Table("", "simulated [s]", "took [s]", "times real time: least", "median", "most", title=title)
    depth = f"{len(store.depth_sensors)} depth sensors, {len(cores)} cores"
    for name, images, used in (("no images, 1 core", (), {min(cores)}), (depth, ("depth",), cores)):
        os.sched_setaffinity(0, used)
        simulated_s, took_s = [], []
        for seed in range(1, arguments.runs + 1):
            plan = find_scenario("random", store, seed, arguments.shoppers)
            with tempfile.TemporaryDirectory() as folder:
                start_s = time.perf_counter()
                done = write_bag(Path(folder) / "bag", site, plan, seed, images)
                took_s.append(time.perf_counter() - start_s)
            simulated_s.append((done.world.now_ns - done.start_ns) / 1e9)
        ratios = sorted(simulated / took for simulated, took in zip(simulated_s, took_s, strict=True))
        table.add_row(
            name,
            f"{statistics.median(simulated_s):.0f}",
            f"{statistics.median(took_s):.1f}",
            f"{ratios[0]:.1f}",
            f"{statistics.median(ratios):.1f}",
            f"{ratios[-1]:.1f}",
        )
    Console(highlight=False).print(table)
    return 0
