"""Simulated stores as bags: what the sensors said, and the truth beside it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Collection, Iterator, Set
from multiprocessing.connection import Connection
from pathlib import Path

from aisle_contract.interfaces import COLOR_IMAGE, DEPTH_IMAGE, END_OF_STREAM
from aisle_contract.sites import topic_names
from aisle_replay.bag import BagWriter
from aisle_replay.truth import TruthWriter
from aisle_replay.typestore import message_types
from aisle_sim.scenario import Scenario
from aisle_sim.simulation import Entry, Simulation

IMAGES = {"depth": DEPTH_IMAGE, "color": COLOR_IMAGE}
"""Kinds of images that a bag may hold."""
_WRITING_SHARE = 0.36
"""Part of the images that the process that writes the bag renders itself, where another one helps."""


def write_bag(
    path: Path, site: Path, scenario: Scenario, seed: int, images: Collection[str] = (), name: str = ""
) -> Simulation:
    """Simulate the store to its end into a new bag; the same seed, the same bytes.

    ``images``: some of "depth", "color"; ``name``: what the truth calls the scenario, else its description. With images
    and a second core, a twin of the simulation renders part of them in a process of its own.

    Returns the finished simulation. Raises AisleError when the bag exists or the site or scenario is wrong.
    """
    simulation = Simulation(site, scenario, seed)
    store = simulation.store
    names = [name for kind in images for name in topic_names(IMAGES[kind], store)]
    own = len(names) if len(os.sched_getaffinity(0)) == 1 else round(_WRITING_SHARE * len(names))
    simulation.want(set(names[:own]))
    with BagWriter(path, site) as bag, contextlib.ExitStack() as stack:
        twins = [stack.enter_context(_twin(site, scenario, seed, set(names[own:])))] if names[own:] else []
        truth = stack.enter_context(TruthWriter(bag.truth_path, store, name or scenario.description, seed))
        last_ns = simulation.start_ns
        for arrivals, happened in simulation.run(twins):
            for arrival in arrivals:
                topic = f"/{store.store_id}/{arrival.name}"
                if isinstance(arrival.item, bytes):
                    bag.append_raw(arrival.arrival_ns, topic, arrival.item)
                else:
                    bag.append(arrival.arrival_ns, topic, arrival.item)
                last_ns = max(last_ns, arrival.arrival_ns)
            for one in happened:
                truth.append(one)
        stack.close()
        bag.append_end(last_ns, f"/{store.store_id}/{END_OF_STREAM.name}", "aisle_sim")
    return simulation


@contextlib.contextmanager
def _twin(site: Path, scenario: Scenario, seed: int, names: Set[str]) -> Iterator[Iterator[list[Entry]]]:
    """The images of these topics, step by step, rendered and serialised by another process."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_render, args=(theirs, site, scenario, seed, names), daemon=True)
    process.start()
    theirs.close()
    try:
        yield iter(ours.recv, None)
    finally:
        ours.close()
        process.terminate()
        process.join()


def _render(out: Connection, site: Path, scenario: Scenario, seed: int, names: Set[str]) -> None:
    simulation = Simulation(site, scenario, seed)
    simulation.only_images(names)
    serialize = message_types().serialize
    with contextlib.suppress(BrokenPipeError):
        for entries in simulation.steps():
            out.send([(*order, arrival._replace(item=serialize(arrival.item))) for *order, arrival in entries])
