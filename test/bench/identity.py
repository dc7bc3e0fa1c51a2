"""Whether people keep their identity from gate to gate, found in depth images alone.

    ./aisle bench identity [--seeds 301:306] [--shoppers 60] [--minutes 10] [--site market]

Simulates the site with its depth sensors and gates and runs people_node, tracker_node and checkout_node's stages on
what they say. A visit comes through if the track that is nearest to the person at the way in is the nearest at the way
out, too; it holds if moreover nobody else's track was nearer for more than a second in between. Prints a Markdown
table.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from aisle_contract.interfaces import DEPTH_IMAGE
from aisle_contract.sites import config_folder, find_site
from aisle_contract.truth import TruthPeople
from aisle_core.pipeline import PipelineConfig
from aisle_core.stages import CheckoutStage, PeopleStage, TrackerStage
from aisle_core.store import Store, load_store
from aisle_core.types import CameraInfo, CartEvents, Carts, GateEvent, Image, PersonTracks, Receipt, Tick, TrackState
from aisle_replay.replay import load_config
from aisle_sim.random_scenario import random_scenario
from aisle_sim.simulation import Simulation

NEAR = 0.6
"""A track is a person's if it is at most so far away [m]."""
OTHER_S = 1.0
TICK_S = 0.1


@dataclasses.dataclass
class Visit:
    """What became of one person."""

    credential: str
    tracks: list[int]
    """The track nearest to the person tick by tick, 0 for none."""
    bound: set[int] = dataclasses.field(default_factory=set)
    """Tracks that the checkout booked on the credential."""

    @property
    def first(self) -> int:
        """The first track."""
        return next((track for track in self.tracks if track), 0)

    @property
    def last(self) -> int:
        """The last one."""
        return next((track for track in reversed(self.tracks) if track), 0)

    @property
    def through(self) -> bool:
        """The same track at both gates."""
        return 0 != self.first == self.last

    @property
    def held(self) -> bool:
        """One track from gate to gate."""
        others = sum(count for track, count in Counter(self.tracks).items() if track not in (0, self.last))
        return self.through and others * TICK_S <= OTHER_S

    @property
    def paid(self) -> bool:
        """Whether the track that goes out is on the person's credential."""
        return self.last in self.bound


def follow(store: Store, items: Iterable[Any], truth: list[Any], config: PipelineConfig) -> list[Visit]:
    """Run tracker and checkout over items (ticks, detections, gate events) in the order of their arrival."""
    tracker = TrackerStage(store, dataclasses.replace(config.tracker, source="depth"))
    checkout = CheckoutStage(store, config.checkout)
    told: list[PersonTracks] = []
    bound: dict[str, set[int]] = defaultdict(set)

    def pay(outputs: Iterable[Any]) -> None:
        for output in outputs:
            carts = output.carts if isinstance(output, Carts) else [output] if isinstance(output, Receipt) else []
            for cart in carts:
                bound[cart.credential or ""] |= set(cart.track_ids)

    def push(item: Any) -> None:
        if isinstance(item, tracker.inputs):
            for tracks in tracker.push(item):
                told.append(tracks)
                pay(checkout.push(tracks))
        if isinstance(item, Tick):
            pay(checkout.push(CartEvents(item.stamp_ns, item.sequence, item.stamp_ns, ())))
        if isinstance(item, Tick | GateEvent):
            pay(checkout.push(item))

    for item in items:
        push(item)
    for tracks in tracker.finish():
        told.append(tracks)
    pay(checkout.finish())
    visits: dict[str, Visit] = {}
    people = [one for one in truth if isinstance(one, TruthPeople)]
    stamps = np.array([one.stamp_ns for one in people])
    for tracks in told:
        here = people[int(np.abs(stamps - tracks.stamp_ns).argmin())]
        seen = [track for track in tracks.tracks if track.state is TrackState.SEEN]
        apart = np.array(
            [[math.dist(person.position[:2], track.position[:2]) for track in seen] for person in here.people]
        ).reshape(len(here.people), len(seen))
        near = {
            row: seen[column]
            for row, column in zip(*linear_sum_assignment(apart), strict=True)
            if apart[row, column] < NEAR
        }
        for row, person in enumerate(here.people):
            visit = visits.setdefault(person.shopper, Visit(person.credential, []))
            visit.tracks.append(near[row].track_id if row in near else 0)
    for visit in visits.values():
        visit.bound = bound[visit.credential]
    return list(visits.values())


def simulate(site: Path, store: Store, config: PipelineConfig, seed: int, shoppers: int, seconds: float) -> Any:
    """Items with detections in place of images, and the truth."""
    people = PeopleStage(store, dataclasses.replace(config.people, source="depth"))
    simulation = Simulation(site, random_scenario(store, seed, shoppers, seconds), seed)
    simulation.want({DEPTH_IMAGE.of(sensor.zone, sensor.device_id) for sensor in store.depth_sensors})
    items: list[Any] = []
    truth: list[Any] = []
    for arrivals, happened in simulation.run():
        for arrival in arrivals:
            if isinstance(arrival.item, CameraInfo | Image):
                items += people.push(arrival.item)
            elif isinstance(arrival.item, Tick | GateEvent):
                items.append(arrival.item)
        truth += happened
    return items, truth


def main(arguments: list[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="./aisle bench identity", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--site", default="market")
    parser.add_argument("--seeds", default="301:306")
    parser.add_argument("--shoppers", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    site = find_site(options.site)
    store, config = load_store(site), load_config(config_folder())
    print(f"{store.name}, {options.shoppers} shoppers in {options.minutes:g} min\n")
    print("| seed | visits | at once | through | held | paid right | tracks | CPU s |\n" + "|---" * 8 + "|", flush=True)
    total: list[Visit] = []
    for seed in range(*map(int, options.seeds.split(":"))):
        begin = time.process_time()
        items, truth = simulate(site, store, config, seed, options.shoppers, options.minutes * 60)
        visits = follow(store, items, truth, config)
        _show(str(seed), visits, truth, f"{time.process_time() - begin:.0f}")
        total += visits
    _show("all", total, [], "")
    for name in ("through", "held"):
        count = sum(getattr(visit, name) for visit in total)
        low, high = binomtest(count, len(total)).proportion_ci(method="wilson")
        print(f"\n{name}: {count} of {len(total)}, 95 % interval {low:.1%} to {high:.1%}")
    return 0


def _show(name: str, visits: list[Visit], truth: list[Any], cpu: str) -> None:
    through, held, paid = (np.mean([getattr(one, which) for one in visits]) for which in ("through", "held", "paid"))
    at_once = [len(one.people) for one in truth if isinstance(one, TruthPeople) and one.people]
    tracks = {track for visit in visits for track in visit.tracks if track}
    crowd = f"{np.mean(at_once):.1f}, at most {max(at_once)}" if at_once else ""
    numbers = len(tracks) if at_once else ""
    print(
        f"| {name} | {len(visits)} | {crowd} | {through:.1%} | {held:.1%} | {paid:.1%} | {numbers} | {cpu} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
