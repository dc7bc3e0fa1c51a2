"""How well people are followed over many sensors, beside published trackers, and what a step costs.

    ./aisle bench tracking [--seeds 11:15] [--hard] [--heights] [--no-peers]

Eight simulated crowds of 5 to 46 people under imperfect ceiling sensors (``_crowd.py``). The peers run in an
environment of their own with the packages of ``peers.txt``; they get one point per person and frame from a clustering
of the detections, which counts in their time. Prints a Markdown table. Seeds 1 and 2 were used for tuning.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aisle_contract.params import load
from aisle_core.tracking import Tracker, TrackerConfig
from aisle_core.types import TrackState
from aisle_nodes.params import TrackerParams
from aisle_replay.scoring import tracks as scoring

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _crowd import HARD, NORMAL, SCENES, Crowd, Frame, coverage, crowd, frames

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True, eq=False)
class Followed:
    """Tracks of a run: frame, who (n,) and position (n, 2); CPU [ms] per step."""

    frame: NDArray[np.int64]
    who: NDArray[np.int64]
    position: NDArray[np.float64]
    cpu_ms: float


def ours(config: TrackerConfig, scene: Crowd, seen: Sequence[Frame]) -> Followed:
    """What our tracker makes of the frames."""
    tracker = Tracker(config, coverage(scene.size))
    frame, who, position = [], [], []
    begin = time.process_time()
    for index, item in enumerate(seen):
        tracks = tracker.step(item.stamp_ns, item.detections, item.reported)
        shown = tracks.state == TrackState.SEEN
        frame.append(np.full(int(shown.sum()), index))
        who.append(tracks.track_id[shown])
        position.append(tracks.position[shown])
    spent = time.process_time() - begin
    return Followed(np.concatenate(frame), np.concatenate(who), np.concatenate(position), spent / len(seen) * 1e3)


def peer_environment() -> Path:
    """The interpreter of the peers' environment; makes it when ``peers.txt`` is newer."""
    folder, lock = ROOT / ".aisle" / "peers", HERE / "peers.txt"
    python, done = folder / "bin" / "python", folder / "peers.txt"
    if not done.is_file() or done.read_text() != lock.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", lock]
        subprocess.run(install, check=True, env=_plain_environment())
        done.write_text(lock.read_text())
    return python


def _plain_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LD_LIBRARY_PATH")}


def motpy(seen: Sequence[Frame], rate: float) -> Followed:
    """What motpy 0.0.10 makes of the frames."""
    with tempfile.TemporaryDirectory() as folder:
        detections, tracks = Path(folder) / "detections.npz", Path(folder) / "tracks.npz"
        np.savez(
            detections,
            position=np.concatenate([item.detections.position for item in seen]),
            ends=np.cumsum([len(item.detections.sensor) for item in seen]),
            rate=rate,
        )
        command = [peer_environment(), HERE / "_peer_motpy.py", detections, tracks]
        subprocess.run(command, check=True, env=_plain_environment())
        found = np.load(tracks)
        return Followed(found["frame"], found["who"], found["position"], float(found["cpu_ms"]))


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


def score(seen: Sequence[Frame], followed: Followed) -> Score:
    """Against the truth, every frame after the first second."""
    skip = 10
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


def main(arguments: list[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="./aisle bench tracking", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", default="11:15")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--heights", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args(arguments)
    first, end = map(int, options.seeds.split(":"))
    errors = HARD if options.hard else NORMAL
    config = load(TrackerParams, ROOT / "config" / "nodes" / "tracker_node.yaml").tracker.sensors
    print(HEADER)
    followed: dict[str, list[Score]] = {"ours": []} if options.no_peers else {"ours": [], "motpy 0.0.10": []}
    for people, width, depth in SCENES:
        for seed in range(first, end):
            scene = crowd(people, width, depth, options.seconds, seed)
            seen = frames(scene, errors, seed, options.heights)
            followed["ours"].append(score(seen, ours(config, scene, seen)))
            if not options.no_peers:
                followed["motpy 0.0.10"].append(score(seen, motpy(seen, errors.rate)))
        for name, scores in followed.items():
            print(row(f"{name}, {people} people", scores[first - end :]), flush=True)
    for name, scores in followed.items():
        print(row(f"**{name}, all**", scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
