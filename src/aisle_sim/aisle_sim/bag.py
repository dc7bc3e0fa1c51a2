"""Simulated stores as bags: what the sensors said, and the truth beside it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from aisle_contract.interfaces import COLOR_IMAGE, DEPTH_IMAGE, END_OF_STREAM
from aisle_contract.sites import topic_names
from aisle_replay.bag import BagWriter
from aisle_replay.truth import TruthWriter
from aisle_sim.scenario import Scenario
from aisle_sim.simulation import Simulation

IMAGES = {"depth": DEPTH_IMAGE, "color": COLOR_IMAGE}
"""Kinds of images that a bag may hold."""


def write_bag(
    path: Path, site: Path, scenario: Scenario, seed: int, images: Collection[str] = (), name: str = ""
) -> Simulation:
    """Simulate the store to its end into a new bag; the same seed, the same bytes.

    ``images``: some of "depth", "color"; ``name``: what the truth calls the scenario, else its description.

    Returns the finished simulation. Raises AisleError when the bag exists or the site or scenario is wrong.
    """
    simulation = Simulation(site, scenario, seed)
    store = simulation.store
    simulation.want({name for kind in images for name in topic_names(IMAGES[kind], store)})
    with BagWriter(path, site) as bag:
        with TruthWriter(bag.truth_path, store, name or scenario.description, seed) as truth:
            last_ns = simulation.start_ns
            for arrivals, happened in simulation.run():
                for arrival in arrivals:
                    bag.append(arrival.arrival_ns, f"/{store.store_id}/{arrival.name}", arrival.item)
                    last_ns = max(last_ns, arrival.arrival_ns)
                for one in happened:
                    truth.append(one)
        bag.append_end(last_ns, f"/{store.store_id}/{END_OF_STREAM.name}", "aisle_sim")
    return simulation
