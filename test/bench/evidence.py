"""What colour images add where products weigh alike.

    ./aisle bench evidence [--scenarios same_weight_swapped,same_weight_returned_crosswise] [--seeds 100:103]

Each scene is simulated with all colour images of its site and decided twice, with cameras and without. Reference views
come from the first second, before anybody is at a shelf. Looks are compared with the truth: of the products that the
weight leaves open, the one that the cameras give the best score, for all looks and for those that are clear.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from typing import Any

from aisle_contract.interfaces import COLOR_IMAGE
from aisle_contract.sites import config_folder, find_site, topic_names
from aisle_contract.truth import TruthCart, TruthEvent, TruthPeople
from aisle_core.evidence import ColourRecogniser, enroll
from aisle_core.pipeline import Pipeline, PipelineConfig
from aisle_core.store import Store, load_store
from aisle_core.store.frames import optical_frame
from aisle_core.types import Image, ItemEvidence, ShelfEvent
from aisle_replay.replay import INPUTS, load_config
from aisle_replay.results import Results, units
from aisle_replay.scoring.counts import wilson
from aisle_replay.truth import TruthHeader, TruthLog
from aisle_sim.scenarios import find_scenario
from aisle_sim.simulation import Simulation

CLEAR = 3.0
"""The best score is ahead of the next by so much [natural logarithm]."""
LIKE = 0.005
"""Products that weigh alike [kg]: no scale tells them apart."""
NEAR_NS = 600_000_000
"""A look is about the true event of its plate that ended at most so long before or after."""


def run_scene(name: str, seed: int, shoppers: int, config: PipelineConfig, counts: Counter[str]) -> None:
    """Simulate, decide twice, count."""
    site = find_site("corner" if name != "random" else "market")
    simulation = Simulation(site, find_scenario(name, load_store(site), seed, shoppers), seed)
    store = simulation.store
    devices = {optical_frame(store.store_id, camera.device_id): camera.device_id for camera in store.cameras}
    simulation.want(set(topic_names(COLOR_IMAGE, store)))
    early: list[Any] = []
    views: dict[str, list[Any]] = defaultdict(list)
    pipelines: dict[str, Pipeline] = {}
    results = {"with": Results(), "without": Results()}
    reports: list[ItemEvidence] = []
    spent = Counter[str]()
    truth: list[Any] = []

    def push(item: Any) -> None:
        for variant, pipeline in pipelines.items():
            if isinstance(item, Image) and variant == "without":
                continue
            start = time.process_time()
            outputs = pipeline.push(item)
            spent[variant] += time.process_time() - start
            take(variant, outputs)

    def take(variant: str, outputs: list[Any]) -> None:
        for output in outputs:
            results[variant].add(output)
            if isinstance(output, ItemEvidence) and output.shelf_event_id:
                reports.append(output)

    for arrivals, happened in simulation.run():
        truth += happened
        for arrival in arrivals:
            item = arrival.item
            if isinstance(item, Image) and not pipelines:
                views[devices[item.frame_id]].append(item.pixels)
            if not pipelines and arrival.arrival_ns > simulation.start_ns + 1_000_000_000:
                recogniser = ColourRecogniser()
                eyes = recogniser, enroll(views, store, recogniser)
                pipelines |= {"with": Pipeline(config, store, eyes=eyes), "without": Pipeline(config, store)}
                for one in early:
                    push(one)
            if isinstance(item, tuple(INPUTS.values())):
                (push if pipelines else early.append)(item)
    for variant, pipeline in pipelines.items():
        take(variant, pipeline.finish())

    log = TruthLog(
        TruthHeader(store.store_id, store.site_hash, name, seed),
        tuple(one for one in truth if isinstance(one, TruthPeople)),
        tuple(one for one in truth if isinstance(one, TruthEvent)),
        tuple(one for one in truth if isinstance(one, TruthCart)),
    )
    due = log.receipts()
    for variant, found in results.items():
        charged = units((receipt.credential or "", receipt.lines) for receipt in found.receipts)
        counts[f"{variant}: visits"] += len(due)
        counts[f"{variant}: exact"] += sum(charged.get(credential) == bought for credential, bought in due.items())
        for receipt in found.receipts:
            counts[f"{variant}: reviewed"] += receipt.review
            for line in receipt.lines:
                if not line.review:
                    counts[f"{variant}: charged"] += 1
                    right = due.get(receipt.credential or "", {}).get(line.sku, 0) == line.quantity
                    counts[f"{variant}: wrong"] += not right
    events = {event.shelf_event_id: event for event in results["with"].shelf_events}
    for report in reports:
        judge(events[report.shelf_event_id], report, log, counts, store)
    counts["seconds"] += round((simulation.world.now_ns - simulation.start_ns) / 1e9)
    counts["cpu ms"] += round(1000 * (spent["with"] - spent["without"]))
    print(f"{name} seed {seed}: {dict(counts)}", flush=True)


def judge(event: ShelfEvent, report: ItemEvidence, log: TruthLog, counts: Counter[str], store: Store) -> None:
    """Count a look at an event of one product."""
    true = {
        one.sku
        for one in log.events
        if one.sku and event.plate_id in one.plate_ids and abs(one.end_ns - event.end_ns) <= NEAR_NS
    }
    if len(true) != 1:
        return
    counts["looks"] += 1
    scores = sorted((score for score in report.scores if score.sku), key=lambda score: -score.log_likelihood)
    if not scores or scores[0].log_likelihood == scores[-1].log_likelihood:
        return
    right = scores[0].sku in true
    if not right:
        best = ", ".join(f"{s.sku} {s.log_likelihood - scores[0].log_likelihood:.1f}" for s in scores[:4])
        print(
            f"  {event.shelf_event_id} {event.plate_id} {event.mass_change:+.3f} kg {event.end_ns}: {true}, seen {best}"
        )
    weight = store.products[next(iter(true))].weight or 0.0
    like = [score.sku for score in scores if abs((store.products[score.sku].weight or 0.0) - weight) <= LIKE]
    if len(like) > 1:
        counts["like"] += 1
        counts["like right"] += like[0] in true
    counts["seen"] += 1
    counts["seen right"] += right
    if scores[0].log_likelihood - scores[1].log_likelihood >= CLEAR:
        counts["clear"] += 1
        counts["clear right"] += right


def share(right: int, total: int) -> str:
    """A rate with its interval."""
    interval = wilson(right, total)
    if interval is None:
        return "none"
    return f"{right} of {total}, {right / total:.1%} ({interval[0]:.1%} to {interval[1]:.1%})"


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench evidence", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--scenarios", default="same_weight_swapped,same_weight_returned_crosswise")
    parser.add_argument("--shoppers", type=int, default=6, help="in the random market")
    parser.add_argument("--seeds", default="100:103", help="first:last+1")
    arguments = parser.parse_args(argv)
    config = load_config(config_folder())
    counts: Counter[str] = Counter()
    for name in arguments.scenarios.split(","):
        for seed in range(*map(int, arguments.seeds.split(":"))):
            run_scene(name, seed, arguments.shoppers, config, counts)
    print("\n| | with cameras | without |\n|---|---|---|")
    for title, part, total in (
        ("exact receipts", "exact", "visits"),
        ("visits reviewed", "reviewed", "visits"),
        ("wrong of the lines charged without review", "wrong", "charged"),
    ):
        rates = [share(counts[f"{v}: {part}"], counts[f"{v}: {total}"]) for v in ("with", "without")]
        print(f"| {title} | {rates[0]} | {rates[1]} |")
    print(f"\nlooks in which something was seen: {share(counts['seen'], counts['looks'])}")
    print(f"the best of those within {1000 * LIKE:g} g right: {share(counts['like right'], counts['like'])}")
    print(f"best score right: {share(counts['seen right'], counts['seen'])}")
    print(f"best score right, {CLEAR:g} ahead: {share(counts['clear right'], counts['clear'])}")
    print(f"cost of looking: {counts['cpu ms'] / 10 / max(counts['seconds'], 1):.1f} % of one core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
