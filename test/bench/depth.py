"""People from depth in the simulated market: recall, precision, errors of heads and places, plates of hands, CPU."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment
from scipy.stats import chi2

from aisle_contract.interfaces import DEPTH_IMAGE
from aisle_contract.params import load
from aisle_contract.sites import find_site
from aisle_contract.truth import TruthEvent, TruthEventKind
from aisle_core.depth import DepthPeople, DepthPeopleConfig, Shelves
from aisle_core.store import Store, load_store
from aisle_core.store.coverage import Bodies, coverage, floor_grid
from aisle_core.store.frames import optical_frame, optical_pose
from aisle_core.types import CameraInfo, Image, PersonDetections
from aisle_nodes.params import PeopleParams
from aisle_sim.physical import JOINTS, People
from aisle_sim.scenarios import find_scenario
from aisle_sim.simulation import Simulation

Array = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[2]
SLOT_NS = 100_000_000
ADULT = 1.45
"""Least height of an adult [m]."""
MATCH = 0.35
"""A head that is found belongs to a true one at most so far away along the floor [m]."""
OWNER = 0.5
"""A detection belongs to the shopper of a pick if its place is at most so far from his [m]."""
BEFORE_NS = 300_000_000
"""Hands count from so long before the contact with the plate to so long after it."""
APPROACH = 0.15
"""[m]"""
CROWN = 0.065
"""From the middle of a head to its top, as a part of the height."""
HEAD, LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HAND, RIGHT_HAND = (
    JOINTS.index(name) for name in ("head", "left_shoulder", "right_shoulder", "left_hand", "right_hand")
)
LARGE = {"width": 320, "height": 240}
LARGE_SECONDS = (40.0, 42.0)
"""When in a run the larger images are taken: people are in the store [s]. The first of each sensor, which sets up, does
not count."""


class Found(NamedTuple):
    """One true person who was found: error of head (3,) and place (2,) [m], variance of the place [m^2], and slant."""

    head: Array
    place: Array
    variance: float
    stoops: bool


@dataclasses.dataclass
class Result:
    """What was measured."""

    seen: dict[str, list[bool]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    """Group -> of each covered person and image whether he was found."""
    slots: dict[tuple[int, str, int], list[bool]] = dataclasses.field(default_factory=dict)
    """Seed, adult, slot of time -> whether some sensor covers him, whether some sensor found him."""
    found: list[Found] = dataclasses.field(default_factory=list)
    wrong: int = 0
    empty: int = 0
    """Detections while nobody was in the store."""
    ranks: dict[str, list[tuple[int, int]]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    """Group -> of each pick the rank of the true plate, and the columns between the best plate and the true one."""
    hands: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    """Of each hand that was found the error [m] from the nearer true one, and this squared and normalised."""
    ms: list[float] = dataclasses.field(default_factory=list)
    large_ms: list[float] = dataclasses.field(default_factory=list)


class Judge:
    """Runs one seed and writes down what is right."""

    def __init__(self, store: Store, config: DepthPeopleConfig, seed: int, result: Result) -> None:
        self.store, self.seed, self.result = store, seed, result
        sensors = {optical_frame(store.store_id, sensor.device_id): sensor for sensor in store.depth_sensors}
        self.stages = {frame: DepthPeople(config, store, sensor) for frame, sensor in sensors.items()}
        self.poses = {frame: optical_pose(sensor.pose) for frame, sensor in sensors.items()}
        self.infos: dict[str, CameraInfo] = {}
        self.bodies = Bodies(store)
        self.kept: list[tuple[int, PersonDetections, People]] = []

    def image(self, image: Image, people: People) -> None:
        """One image and who was there."""
        info = self.infos[image.frame_id]
        begin = time.process_time_ns()
        batch = self.stages[image.frame_id].step(image, info)
        self.result.ms.append((time.process_time_ns() - begin) / 1e6)
        self.kept.append((image.stamp_ns, batch, people))
        self._judge(image, info, batch, people)

    def _judge(self, image: Image, info: CameraInfo, batch: PersonDetections, people: People) -> None:
        count = len(people.names)
        if not count:
            self.result.empty += len(batch.detections)
            self.result.wrong += len(batch.detections)
            return
        top = people.joints[:, HEAD] + np.outer(CROWN * people.height, (0.0, 0.0, 1.0))
        heads = np.array([detection.head for detection in batch.detections]).reshape(-1, 3)
        apart = np.linalg.norm(top[:, None, :2] - heads[None, :, :2], axis=-1)
        rows, columns = linear_sum_assignment(np.minimum(apart, 1.0))
        near = apart[rows, columns] < MATCH
        rows, columns = rows[near], columns[near]
        self.result.wrong += len(heads) - len(rows)
        for row, column in zip(rows, columns, strict=True):
            detection = batch.detections[column]
            place = np.array(detection.position[:2]) - people.position[row]
            stoops = bool(people.height[row] - top[row, 2] > 0.15)
            self.result.found.append(Found(heads[column] - top[row], place, detection.position_covariance[0], stoops))
            for hand in detection.hands:
                off = np.array(hand.position) - people.joints[row, (LEFT_HAND, RIGHT_HAND)]
                error = off[np.linalg.norm(off, axis=1).argmin()]
                normalised = error @ np.linalg.solve(np.array(hand.covariance).reshape(3, 3), error)
                self.result.hands.append((float(np.linalg.norm(error)), float(normalised)))
        covered = self._covers(image.frame_id, info, people)
        slot = image.stamp_ns // SLOT_NS
        for row in range(count):
            adult = people.height[row] >= ADULT
            hit = row in rows
            if covered[row]:
                self.result.seen["adults" if adult else "children"].append(hit)
            if adult:
                entry = self.result.slots.setdefault((self.seed, people.names[row], slot), [False, False])
                entry[0] |= bool(covered[row])
                entry[1] |= hit

    def _covers(self, frame: str, info: CameraInfo, people: People) -> NDArray[np.bool_]:
        """Whether head and shoulders (n,) are in the image, and no fixture before the head."""
        pose = self.poses[frame]
        points = people.joints[:, (HEAD, LEFT_SHOULDER, RIGHT_SHOULDER)]
        x, y, z = np.moveaxis((points - pose[:3, 3]) @ pose[:3, :3], -1, 0)
        column, row = x / z * info.fx + info.cx, y / z * info.fy + info.cy
        inside = (z > 0) & (column > 0) & (column < info.width - 1) & (row > 0) & (row < info.height - 1)
        whole = inside.all(axis=1) & (people.position[:, 1] > 0)
        covered: NDArray[np.bool_] = whole & ~self.bodies.block(pose[:3, 3], people.joints[:, HEAD].copy())
        return covered

    def picks(self, events: list[TruthEvent], shelves: Shelves, visible: dict[str, int]) -> None:
        """Rank the plates for every true pick by the hands of its shopper."""
        plates = self.store.plates
        for event in events:
            if event.kind != TruthEventKind.PICK or event.end_ns + BEFORE_NS > self.kept[-1][0]:
                continue
            chances: dict[str, float] = defaultdict(float)
            for stamp_ns, batch, people in self.kept:
                if not event.stamp_ns - BEFORE_NS <= stamp_ns <= event.end_ns + BEFORE_NS:
                    continue
                where = people.position[people.names.index(event.shopper)]
                for detection in batch.detections:
                    if np.linalg.norm(np.array(detection.position[:2]) - where) < OWNER:
                        for hand in detection.hands:
                            for chance in shelves.likely(hand, 12, APPROACH):
                                chances[chance.plate_id] += chance.probability
            order = sorted(chances, key=lambda plate_id: -chances[plate_id])
            rank = min((order.index(plate_id) for plate_id in event.plate_ids if plate_id in order), default=99)
            true = plates[event.plate_ids[0]]
            columns = 99
            if order and plates[order[0]].fixture_id == true.fixture_id:
                columns = min(abs(plates[order[0]].index - plates[plate_id].index) for plate_id in event.plate_ids)
            for group in ("all", f"shelf {true.shelf}", "visible" if visible[true.plate_id] else "hidden"):
                self.result.ranks[group].append((rank, columns))


def run(site: Path, store: Store, config: DepthPeopleConfig, seed: int, seconds: float, shoppers: int,
        result: Result) -> None:  # fmt: skip
    """One seed."""
    simulation = Simulation(site, find_scenario("random", store, seed, shoppers), seed)
    simulation.want({DEPTH_IMAGE.of(sensor.zone, sensor.device_id) for sensor in store.depth_sensors})
    judge = Judge(store, config, seed, result)
    events: list[TruthEvent] = []
    now_ns = simulation.start_ns
    while now_ns < simulation.start_ns + seconds * 1e9 and not simulation.finished:
        now_ns += SLOT_NS
        for arrival in simulation.advance(now_ns):
            if isinstance(arrival.item, CameraInfo):
                judge.infos[arrival.item.frame_id] = arrival.item
            elif isinstance(arrival.item, Image):
                judge.image(arrival.item, simulation.world.people(arrival.item.stamp_ns))
        events += [truth for truth in simulation.take_truth() if isinstance(truth, TruthEvent)]
    judge.picks(events, Shelves(store), coverage(store, floor_grid(store)).plates)


def time_large(site: Path, config: DepthPeopleConfig, seed: int, shoppers: int, result: Result) -> None:
    """CPU of images of 320x240 pixels, from a copy of the site whose sensors have so many."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(site, Path(folder) / site.name))
        sensors = yaml.safe_load((copy / "sensors.yaml").read_text())
        for model in sensors["depth_models"].values():
            model.update(LARGE)
        (copy / "sensors.yaml").write_text(yaml.safe_dump(sensors))
        store = load_store(copy)
        simulation = Simulation(copy, find_scenario("random", store, seed, shoppers), seed)
    stages = {
        optical_frame(store.store_id, sensor.device_id): DepthPeople(config, store, sensor)
        for sensor in store.depth_sensors
    }
    begin_ns, end_ns = (simulation.start_ns + int(seconds * 1e9) for seconds in LARGE_SECONDS)
    infos: dict[str, CameraInfo] = {}
    simulation.advance(begin_ns)
    simulation.want({DEPTH_IMAGE.of(sensor.zone, sensor.device_id) for sensor in store.depth_sensors})
    for arrival in simulation.advance(end_ns):
        if isinstance(arrival.item, CameraInfo):
            infos[arrival.item.frame_id] = arrival.item
        elif isinstance(arrival.item, Image):
            stage = stages[arrival.item.frame_id]
            first = stage.state().info is None
            begin = time.process_time_ns()
            stage.step(arrival.item, infos[arrival.item.frame_id])
            if not first:
                result.large_ms.append((time.process_time_ns() - begin) / 1e6)


def interval(hits: NDArray[np.bool_]) -> str:
    """A share with its 95 % interval (Wilson 1927)."""
    n, p, z = len(hits), float(hits.mean()), 1.96
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return f"{p:.1%} ({middle - half:.1%} to {middle + half:.1%})"


def show(result: Result, title: str) -> None:
    """Print what was measured."""
    table = Table("", "value", "of", box=box.MARKDOWN, title=title)

    def add_normalised(name: str, normalised: Array, degrees: int) -> None:
        within = (normalised < chi2.ppf(0.95, degrees)).mean()
        values = f"{np.median(normalised):.2f} ({chi2.median(degrees):.2f}), {within:.1%}"
        table.add_row(f"squared error of {name} in variances: median (ideal), below p95", values, str(len(normalised)))

    slots = [found for covered, found in result.slots.values() if covered]
    table.add_row("adults found by some sensor, per 100 ms", f"{np.mean(slots):.2%}", str(len(slots)))
    for group, hits in sorted(result.seen.items()):
        table.add_row(f"{group} found, per sensor and image", f"{np.mean(hits):.2%}", str(len(hits)))
    right = len(result.found)
    table.add_row("precision, per sensor and image", f"{right / (right + result.wrong):.2%}", str(right + result.wrong))
    table.add_row("found in the empty store", str(result.empty), "")
    heads = np.array([found.head for found in result.found])
    places = np.array([found.place for found in result.found])
    stoops = np.array([found.stoops for found in result.found])
    for name, errors in (
        ("head, all axes", np.linalg.norm(heads, axis=1)),
        ("height of the head", np.abs(heads[:, 2])),
        ("place, upright", np.linalg.norm(places[~stoops], axis=1)),
        ("place, stooping", np.linalg.norm(places[stoops], axis=1)),
    ):
        median, high = np.percentile(errors, [50, 95]) * 1e3
        table.add_row(f"error of {name}, mm: median, p95", f"{median:.0f}, {high:.0f}", str(len(errors)))
    normalised = (places**2).sum(axis=1) / np.array([found.variance for found in result.found])
    add_normalised("place", normalised, 2)
    if result.hands:
        errors, normalised = np.array(result.hands).T
        median, high = np.percentile(errors, [50, 95]) * 1e3
        table.add_row("error of hands, mm: median, p95", f"{median:.0f}, {high:.0f}", str(len(errors)))
        add_normalised("hands", normalised, 3)
    for group, ranks in sorted(result.ranks.items()):
        rank, columns = np.array(ranks).T
        table.add_row(f"picks, {group}: true plate among the 3 most likely", interval(rank < 3), str(len(rank)))
        table.add_row(f"picks, {group}: column +-1", interval(columns <= 1), str(len(rank)))
    for name, ms in (("160x120", result.ms), ("320x240", result.large_ms)):
        mean, median, high = np.mean(ms), np.median(ms), np.percentile(ms, 99)
        table.add_row(
            f"CPU per {name} image, ms: mean, median, p99", f"{mean:.2f}, {median:.2f}, {high:.2f}", str(len(ms))
        )
    Console(highlight=False, width=140).print(table)


def main(argv: list[str]) -> int:
    """Simulate the market with several seeds, find people in all its depth images, compare with the truth."""
    parser = argparse.ArgumentParser(prog="bench depth", description=__doc__)
    parser.add_argument("--site", default="market")
    parser.add_argument("--seeds", type=int, nargs="+", default=[201, 202, 203])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--shoppers", type=int, default=12)
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    site = find_site(arguments.site)
    store = load_store(site)
    config = load(PeopleParams, ROOT / "config" / "nodes" / "people_node.yaml").people.depth
    result = Result()
    for seed in arguments.seeds:
        run(site, store, config, seed, arguments.seconds, arguments.shoppers, result)
    time_large(site, config, arguments.seeds[0], arguments.shoppers, result)
    show(result, f"{store.name}, seeds {arguments.seeds}, {arguments.seconds:g} s, {arguments.shoppers} shoppers")
    return 0
