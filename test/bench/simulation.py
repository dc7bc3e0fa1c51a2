"""How fast the simulated market runs on one core into a bag: people, scales and gates, and with all depth sensors."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path


def main(argv: list[str]) -> int:
    """Simulate the market several times on one core, in this process; imports are excluded, everything else counts."""
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
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    site = find_site(arguments.site)
    store = load_store(site)
    table = Table(
        "", "simulated [s]", "CPU [s]", "times real time: least", "median", "most", title=f"Site {store.name}"
    )
    for name, images in (("no images", ()), (f"{len(store.depth_sensors)} depth sensors", ("depth",))):
        simulated_s, cpu_s = [], []
        for seed in range(1, arguments.runs + 1):
            plan = find_scenario("random", store, seed, arguments.shoppers)
            with tempfile.TemporaryDirectory() as folder:
                start_s = time.process_time()
                done = write_bag(Path(folder) / "bag", site, plan, seed, images)
                cpu_s.append(time.process_time() - start_s)
            simulated_s.append((done.world.now_ns - done.start_ns) / 1e9)
        ratios = sorted(simulated / cpu for simulated, cpu in zip(simulated_s, cpu_s, strict=True))
        table.add_row(
            name,
            f"{statistics.median(simulated_s):.0f}",
            f"{statistics.median(cpu_s):.1f}",
            f"{ratios[0]:.1f}",
            f"{statistics.median(ratios):.1f}",
            f"{ratios[-1]:.1f}",
        )
    Console(highlight=False).print(table)
    return 0
