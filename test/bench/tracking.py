"""How well people are followed over many sensors, beside published trackers, and what a step costs.

    ./aisle bench tracking [--seeds 11:15] [--hard] [--heights] [--rate HZ] [--peers sort,motpy]
                           [--scale | --recorded FOLDER | --hour]

Eight simulated crowds of 5 to 46 people under imperfect ceiling sensors (``_crowd.py``); with ``--scale``, 100 people
under 100 sensors and 300 under 289; with ``--recorded``, the people of each text file in a folder, ``frame id x y`` in
1/25 s and metres, as recordings of crowds are published; with ``--hour``, an hour of 12 people at a time, and what
the tracker weighs and a step costs in its 5th, 30th and last minute. The peers run in environments of their own with
the packages of ``peers.txt`` and ``peers_norfair.txt``; they get one point per person and frame from a clustering of
the detections, which counts in their time. Prints Markdown tables: the trackers, and how often a track of ours is still
the person with whom it began, by its ``identity_confidence``. Seeds 1 and 2 were used for tuning.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aisle_contract.params import load
from aisle_core.tracking import Tracker, TrackerConfig
from aisle_core.types import TrackState
from aisle_nodes.params import TrackerParams
from aisle_replay.scoring import tracks as scoring

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _crowd import HARD, LARGE, NORMAL, SCENES, Crowd, Errors, Frame, coverage, crowd, frames, recorded

PEERS = {
    "sort": "SORT (trackers 2.6.1)",
    "bytetrack": "ByteTrack (trackers 2.6.1)",
    "ocsort": "OC-SORT (trackers 2.6.1)",
    "motpy": "motpy 0.0.10",
    "norfair": "norfair 2.3.0",
    "stonesoup": "Stone Soup 1.9.1 GNN",
}
CONFIDENCE = (0.0, 0.6, 0.8, 0.95, 1.0)
"""Edges of the bins of identity_confidence."""
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True, eq=False)
class Followed:
    """Tracks of a run: frame, who (n,) and position (n, 2); CPU [ms] per step."""

    frame: NDArray[np.int64]
    who: NDArray[np.int64]
    position: NDArray[np.float64]
    cpu_ms: float
    confidence: NDArray[np.float64]
    """(n,), empty of the peers."""


def ours(config: TrackerConfig, scene: Crowd, seen: Sequence[Frame]) -> Followed:
    """What our tracker makes of the frames."""
    tracker = Tracker(config, coverage(scene.size))
    frame, who, position, confidence = [], [], [], []
    begin = time.process_time()
    for index, item in enumerate(seen):
        tracks = tracker.step(item.stamp_ns, item.detections, item.reported)
        shown = tracks.state == TrackState.SEEN
        frame.append(np.full(int(shown.sum()), index))
        who.append(tracks.track_id[shown])
        position.append(tracks.position[shown])
        confidence.append(tracks.identity_confidence[shown])
    spent = (time.process_time() - begin) / len(seen) * 1e3
    return Followed(*map(np.concatenate, (frame, who, position)), spent, np.concatenate(confidence))


@cache
def peer_environment(name: str) -> Path:
    """The interpreter of a lock file's environment; makes it when the file has changed."""
    folder, lock = ROOT / ".aisle" / name, HERE / f"{name}.txt"
    python, done = folder / "bin" / "python", folder / "lock.txt"
    if not done.is_file() or done.read_text() != lock.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", lock]
        subprocess.run(install, check=True, env=_plain_environment())
        done.write_text(lock.read_text())
    return python


def _plain_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LD_LIBRARY_PATH")}


def peer(name: str, seen: Sequence[Frame], rate: float) -> Followed:
    """What a published tracker makes of the frames."""
    with tempfile.TemporaryDirectory() as folder:
        detections, tracks = Path(folder) / "detections.npz", Path(folder) / "tracks.npz"
        np.savez(
            detections,
            position=np.concatenate([item.detections.position for item in seen]),
            ends=np.cumsum([len(item.detections.sensor) for item in seen]),
            rate=rate,
        )
        python = peer_environment("peers_norfair" if name == "norfair" else "peers")
        command = [python, HERE / "_peers.py", name, detections, tracks]
        subprocess.run(command, check=True, env=_plain_environment())
        found = np.load(tracks)
        return Followed(found["frame"], found["who"], found["position"], float(found["cpu_ms"]), np.empty(0))


@dataclass(frozen=True)
class Score:
    """Of one run; ``error`` is the median distance of a true person to the nearest point within 0.5 m [m]."""

    hota: float
    detection: float
    association: float
    idf1: float
    mota: float
    switches: float
    error: float
    cpu_ms: float


def score(seen: Sequence[Frame], followed: Followed, rate: float) -> Score:
    """Against the truth, every frame after the first second."""
    skip = round(rate)
    kept = followed.frame >= skip
    true = scoring.Sights(
        np.repeat(np.arange(len(seen) - skip), [len(item.true_id) for item in seen[skip:]]),
        np.concatenate([item.true_id for item in seen[skip:]]).astype(np.int64),
        np.concatenate([item.true_position for item in seen[skip:]]),
    )
    true = replace(true, who=np.unique(true.who, return_inverse=True)[1])
    mine = scoring.Sights(
        followed.frame[kept] - skip, np.unique(followed.who[kept], return_inverse=True)[1], followed.position[kept]
    )
    data = scoring.sequence(true, mine, len(seen) - skip)
    pooled = scoring.pool([scoring.evaluate(data)])
    nearest = np.concatenate([1 - part.max(axis=1) for part in data["similarity_scores"] if part.size])
    return Score(
        pooled.hota,
        pooled.detection,
        pooled.association,
        pooled.idf1,
        pooled.mota,
        pooled.switches,
        float(np.median(nearest[nearest < 0.5])),
        followed.cpu_ms,
    )


def row(name: str, scores: Sequence[Score]) -> str:
    """A line of the table: means."""
    mean = {key: float(np.mean([getattr(item, key) for item in scores])) for key in Score.__dataclass_fields__}
    rates = " | ".join(f"{mean[key] * 100:.1f}" for key in ("hota", "detection", "association", "idf1", "mota"))
    return f"| {name} | {rates} | {mean['switches']:.1f} | {mean['error'] * 100:.1f} | {mean['cpu_ms']:.2f} |"


HEADER = "| tracker | HOTA | DetA | AssA | IDF1 | MOTA | switches | error cm | CPU ms |\n" + "|---" * 9 + "|"


def still_right(seen: Sequence[Frame], followed: Followed) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the bins of CONFIDENCE: how many sights, and of how many the nearest person is the one of the first sight."""
    began: dict[int, int] = {}
    right = np.zeros(len(followed.who), dtype=bool)
    near = np.zeros(len(followed.who), dtype=bool)
    for row, (frame, who, position) in enumerate(zip(followed.frame, followed.who, followed.position, strict=True)):
        truth = seen[frame]
        if len(truth.true_id):
            away = np.linalg.norm(truth.true_position - position, axis=1)
            nearest = int(np.argmin(away))
            if away[nearest] < 0.5:
                near[row] = True
                person = int(truth.true_id[nearest])
                right[row] = began.setdefault(int(who), person) == person
    inside = (np.digitize(followed.confidence, CONFIDENCE) - 1).clip(max=len(CONFIDENCE) - 2)
    bins = len(CONFIDENCE) - 1
    return np.bincount(inside[near], minlength=bins), np.bincount(inside[right], minlength=bins)


def hour(config: TrackerConfig, errors: Errors, seed: int) -> None:
    """Print what the tracker weighs and what a step costs, minute by minute of an hour.

    The hour is twelve crowds one after the other: whoever is there at the end of one is lost then.
    """
    people, size, part_s = 12, (14.0, 9.0), 300.0
    tracker, rows = Tracker(config, coverage(size)), []
    for part in range(12):
        seen = frames(crowd(people, *size, part_s, seed + part), errors, seed + part, True)
        later_ns = round(part * part_s * 1e9)
        steps = round(60 * errors.rate)
        for first in range(0, len(seen), steps):
            begin = time.process_time()
            for item in seen[first : first + steps]:
                detections = replace(item.detections, stamp_ns=item.detections.stamp_ns + later_ns)
                tracks = tracker.step(item.stamp_ns + later_ns, detections, item.reported)
            spent = (time.process_time() - begin) / len(seen[first : first + steps]) * 1e3
            rows.append((len(tracks.track_id), len(pickle.dumps(tracker)) / 1e3, spent))
    print("| minute | tracks | tracker kB | CPU ms a step |\n|---|---|---|---|")
    for minute in (5, 30, 60):
        tracked, weight, spent = rows[minute - 1]
        print(f"| {minute} | {tracked} | {weight:.1f} | {spent:.2f} |")
    tracked, weight, spent = map(max, zip(*rows, strict=True))
    print(f"| most | {tracked} | {weight:.1f} | {spent:.2f} |")


def _scenes(options: argparse.Namespace) -> dict[str, Callable[[float, int], Crowd]]:
    """By name, how to make a scene of so many seconds and of a seed."""
    if options.recorded:
        return {path.stem: partial(recorded, path) for path in sorted(options.recorded.glob("*.txt"))}
    sizes = LARGE if options.scale else SCENES
    return {f"{people} people": partial(crowd, people, width, depth) for people, width, depth in sizes}


def main(arguments: list[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="./aisle bench tracking", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", default="11:15")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--heights", action="store_true")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--recorded", type=Path)
    parser.add_argument("--hour", action="store_true")
    options = parser.parse_args(arguments)
    first, end = map(int, options.seeds.split(":"))
    errors = HARD if options.hard else NORMAL
    errors = replace(errors, rate=options.rate or errors.rate)
    config = load(TrackerParams, ROOT / "config" / "nodes" / "tracker_node.yaml").tracker.sensors
    if options.hour:
        hour(config, errors, first)
        return 0
    peers = [name for name in options.peers.split(",") if name]
    followed: dict[str, list[Score]] = {"ours": []} | {PEERS[name]: [] for name in peers}
    best, sights = [], np.zeros((2, len(CONFIDENCE) - 1), dtype=np.int64)
    print(HEADER)
    for name, make in _scenes(options).items():
        for seed in range(first, end):
            scene = make(options.seconds, seed)
            seen = frames(scene, errors, seed, options.heights)
            mine = ours(config, scene, seen)
            sights += still_right(seen, mine)
            followed["ours"].append(score(seen, mine, errors.rate))
            for other in peers:
                followed[PEERS[other]].append(score(seen, peer(other, seen, errors.rate), errors.rate))
        for tracker, scores in followed.items():
            print(row(f"{tracker}, {name}", scores[first - end :]), flush=True)
        if peers:
            latest = [scores[first - end :] for name, scores in followed.items() if name != "ours"]
            best.extend(max(latest, key=lambda scores: sum(item.hota for item in scores)))
    for name, scores in followed.items():
        print(row(f"**{name}, all**", scores))
    if best:
        print(row("**best peer of each scene**", best))
    print("\n| identity_confidence | sights | still who it was % |\n|---|---|---|")
    for lower, upper, count, right in zip(CONFIDENCE, CONFIDENCE[1:], *sights, strict=False):
        print(f"| {lower:g} to {upper:g} | {count} | {100 * right / max(count, 1):.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
