"""Offline replay of a bag: how many times real time, with reading and construction, and the memory it takes."""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path


def main(argv: list[str]) -> int:
    """Replay the bag several times in this process; imports are excluded, everything else counts."""
    from rich.console import Console
    from rich.table import Table

    from aisle_contract.sites import config_folder, find_site
    from aisle_core.store import load_store
    from aisle_replay.bag import BagReader
    from aisle_replay.replay import replay
    from aisle_sim.bag import write_bag
    from aisle_sim.scenarios import find_scenario

    parser = argparse.ArgumentParser(prog="bench replay", description=__doc__)
    parser.add_argument("bag", type=Path, nargs="?", help="the built-in recording without one")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        bag = arguments.bag
        if bag is None:
            bag, site = Path(folder) / "corner", find_site("corner")
            write_bag(bag, site, find_scenario("random", load_store(site), seed=1, shoppers=3), seed=1)
        with BagReader(bag) as reader:
            seconds = (reader.end_ns - reader.start_ns) / 1e9
        cpu, wall = [], []
        for _ in range(arguments.runs):
            start_cpu, start_wall = time.process_time(), time.perf_counter()
            replay(bag, config_folder())
            cpu.append(time.process_time() - start_cpu)
            wall.append(time.perf_counter() - start_wall)
    table = Table("", "least", "median", "most", title=f"{seconds:.1f} s of recording, {arguments.runs} replays")
    for name, values in (("CPU", cpu), ("wall", wall)):
        middle = statistics.median(values)
        table.add_row(f"{name} [s]", f"{min(values):.3f}", f"{middle:.3f}", f"{max(values):.3f}")
        ratios = f"{seconds / max(values):.0f}", f"{seconds / middle:.0f}", f"{seconds / min(values):.0f}"
        table.add_row(f"times real time ({name})", *ratios)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table.add_row("peak memory [MB]", "", "", f"{peak_mb:.0f}")
    Console(highlight=False).print(table)
    return 0
