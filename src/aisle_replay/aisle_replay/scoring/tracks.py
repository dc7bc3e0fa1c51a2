"""Tracks of people against the true ways: HOTA, IDF1 and MOTA by the package trackeval.

HOTA: Luiten et al., Int. J. Comput. Vis. 129 (2021). IDF1: Ristani et al., ECCV workshops (2016). MOTA: Bernardin and
Stiefelhagen, EURASIP J. Image Video Process. (2008). A true person and a track are as similar as
max(0, 1 - distance / ``ZERO_DISTANCE``) on the floor, trackeval's convention for points; IDF1 and MOTA pair from a
similarity of 0.5 on.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from aisle_contract.truth import TruthPeople

from ..runs import Tracks

ZERO_DISTANCE = 1.0
"""Distance [m] at which the similarity is 0; a pair of IDF1 and MOTA is at most half of it apart."""
_MAX_GAP_NS = 250_000_000
"""A track is there between two sights that are no further apart: two of the 10 Hz depth sensors' may be missing."""


@dataclass(frozen=True, slots=True)
class TrackCounts:
    """trackeval's results by metric; they can be pooled."""

    results: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TrackScore:
    """Rates 0 to 1 (MOTA may be negative); ``error`` is the mean distance of MOTA's pairs [m]."""

    hota: float
    detection: float
    association: float
    idf1: float
    mota: float
    switches: int
    missed: int
    false: int
    true: int
    error: float | None


def compare_tracks(tracks: Tracks, truth: Sequence[TruthPeople]) -> TrackCounts | None:
    """Compare at the true instants between the tracker's first and last batch; None without anybody there."""
    if not len(tracks.batch_ns):
        return None
    first, last = tracks.batch_ns[[0, -1]]
    people = [sample for sample in truth if first <= sample.stamp_ns <= last]
    stamps = np.array([sample.stamp_ns for sample in people], dtype=np.int64)
    true, seen = _true(people), _interpolated(tracks, stamps)
    if not len(true.frame):
        return None
    return evaluate(sequence(true, seen, len(stamps)))


def evaluate(data: dict[str, Any]) -> TrackCounts:
    """Counts of one ``sequence``."""
    return TrackCounts({name: metric.eval_sequence(data) for name, metric in _metrics().items()})


def pool(parts: Sequence[TrackCounts]) -> TrackScore:
    """Over all runs, each a sequence of its own."""
    combined = {
        name: metric.combine_sequences({str(i): part.results[name] for i, part in enumerate(parts)})
        for name, metric in _metrics().items()
    }
    hota, clear = combined["HOTA"], combined["CLEAR"]
    return TrackScore(
        hota=float(np.mean(hota["HOTA"])),
        detection=float(np.mean(hota["DetA"])),
        association=float(np.mean(hota["AssA"])),
        idf1=float(combined["Identity"]["IDF1"]),
        mota=float(clear["MOTA"]),
        switches=int(clear["IDSW"]),
        missed=int(clear["CLR_FN"]),
        false=int(clear["CLR_FP"]),
        true=int(clear["CLR_TP"] + clear["CLR_FN"]),
        error=float((1 - clear["MOTP"]) * ZERO_DISTANCE) if clear["CLR_TP"] else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """Who is where in which frame: ``frame``, ``who`` (n,) int64 and ``position`` (n, 2) [m], by frame."""

    frame: NDArray[np.int64]
    who: NDArray[np.int64]
    position: NDArray[np.float64]


def _true(people: Sequence[TruthPeople]) -> Sights:
    names = sorted({person.shopper for sample in people for person in sample.people})
    number = {name: i for i, name in enumerate(names)}
    frame = [i for i, sample in enumerate(people) for _ in sample.people]
    who = [number[person.shopper] for sample in people for person in sample.people]
    position = [person.position[:2] for sample in people for person in sample.people]
    return Sights(
        np.array(frame, dtype=np.int64),
        np.array(who, dtype=np.int64),
        np.array(position, dtype=np.float64).reshape(-1, 2),
    )


def _interpolated(tracks: Tracks, stamps: NDArray[np.int64]) -> Sights:
    """Every track at the given instants, linear between sights that are near in time."""
    frames, whos, positions = [], [], []
    for who, track_id in enumerate(np.unique(tracks.track_id)):
        mine = tracks.track_id == track_id
        seen_ns, last = np.unique(tracks.stamp_ns[mine][::-1], return_index=True)
        position = tracks.position[mine][::-1][last]
        after = np.searchsorted(seen_ns, stamps).clip(max=len(seen_ns) - 1)
        before = (np.searchsorted(seen_ns, stamps, side="right") - 1).clip(min=0)
        inside = (seen_ns[before] <= stamps) & (stamps <= seen_ns[after])
        frame = np.flatnonzero(inside & (seen_ns[after] - seen_ns[before] <= _MAX_GAP_NS))
        time, times = (stamps[frame] - seen_ns[0]) / 1e9, (seen_ns - seen_ns[0]) / 1e9
        frames.append(frame)
        whos.append(np.full(len(frame), who))
        positions.append(np.stack([np.interp(time, times, axis) for axis in position.T], axis=1))
    if not frames:
        return Sights(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 2)))
    frame = np.concatenate(frames)
    order = np.argsort(frame, kind="stable")
    return Sights(frame[order], np.concatenate(whos)[order], np.concatenate(positions)[order])


def sequence(true: Sights, seen: Sights, frames: int) -> dict[str, Any]:
    """The input of trackeval's metrics: ids and similarities frame by frame."""
    steps = np.arange(1, frames)
    gt_ids = np.split(true.who, np.searchsorted(true.frame, steps))
    tracker_ids = np.split(np.unique(seen.who, return_inverse=True)[1], np.searchsorted(seen.frame, steps))
    gt_positions = np.split(true.position, np.searchsorted(true.frame, steps))
    tracker_positions = np.split(seen.position, np.searchsorted(seen.frame, steps))
    return {
        "num_timesteps": frames,
        "num_gt_ids": len(np.unique(true.who)),
        "num_tracker_ids": len(np.unique(seen.who)),
        "num_gt_dets": len(true.who),
        "num_tracker_dets": len(seen.who),
        "gt_ids": gt_ids,
        "tracker_ids": tracker_ids,
        "similarity_scores": [
            np.maximum(0.0, 1.0 - cdist(here, there) / ZERO_DISTANCE)
            for here, there in zip(gt_positions, tracker_positions, strict=True)
        ],
    }


def _metrics() -> dict[str, Any]:
    # Importing the package prints that pycocotools, which only its masks need, is not there.
    with contextlib.redirect_stdout(io.StringIO()):
        from trackeval.metrics import CLEAR, HOTA, Identity
    quiet = {"PRINT_CONFIG": False}
    return {"HOTA": HOTA(), "Identity": Identity(quiet), "CLEAR": CLEAR(quiet)}
