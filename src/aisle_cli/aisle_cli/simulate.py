"""``./aisle simulate``: a simulated store into a bag."""

from __future__ import annotations

import time
from pathlib import Path

from aisle_contract.sites import find_site
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_sim.bag import IMAGES, write_bag
from aisle_sim.scenarios import find_scenario


def run_simulate(out: Path, site: str, scenario: str, shoppers: int, seed: int, images: str) -> int:
    """Write the bag and say how long it took."""
    kinds = images.replace(",", " ").split()
    if unknown := sorted(set(kinds) - set(IMAGES)):
        raise AisleError(f"--images: '{unknown[0]}' is unknown; give {' or '.join(IMAGES)}")
    folder = find_site(site)
    plan = find_scenario(scenario, load_store(folder), seed, shoppers)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    simulation = write_bag(out, folder, plan, seed, kinds, scenario)
    elapsed_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    simulated_s = (simulation.world.now_ns - simulation.start_ns) / 1e9
    print(
        f"{out}: {simulated_s:.1f} s of {simulation.store.name} in {elapsed_s:.1f} s, {cpu_s:.1f} s of CPU "
        f"({simulated_s / cpu_s:.0f} times real time)"
    )
    return 0
