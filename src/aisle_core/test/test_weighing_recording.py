"""The weighing stage on the real recording: one pick, and nothing else."""

from __future__ import annotations

import base64
import datetime
import json
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from aisle_core.types import PlateHealth, ScaleLayout, ScaleReadings, ShelfEvent
from aisle_core.weighing import Weighing

from .scales import ROOT, tuning

FOLDER = Path(os.environ.get("AISLE_RECORDINGS", ROOT.parent / "shared" / "data")) / "autocheckout_benchmark_1"
RATE = 60

pytestmark = pytest.mark.skipif(
    not (FOLDER / "plate_data.json").is_file(), reason=f"no recording in {FOLDER}; set AISLE_RECORDINGS to its parent"
)


def nanoseconds(text: str) -> int:
    whole, _, part = text.removesuffix("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.UTC).timestamp()
    return round(seconds) * 1_000_000_000 + int(part.ljust(9, "0")[:9])


def recording() -> dict[int, list[tuple[int, np.ndarray]]]:
    """Per gondola the blocks: ``t_origin`` [ns] and masses (samples, shelves, plates) [g]."""
    blocks = defaultdict(list)
    with (FOLDER / "plate_data.json").open(encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)["document"]
            values = document["plate_data"]["values"]
            gondola = int(document["plate_data"]["plate_id"]["shelf_id"]["gondola_id"].get("id", 0))
            shape = [int(size) for size in values["shape"]]
            mass = np.frombuffer(base64.b64decode(values["data"]), "<f4").reshape(shape)
            blocks[gondola].append((nanoseconds(document["header"]["t_origin"]), mass))
    return blocks


def weigh(lead_samples: float) -> tuple[list[ShelfEvent], dict[str, PlateHealth], int]:
    """Events and healths of all gondolas, and the first ``t_origin``, which lies so long after its first sample."""
    blocks = recording()
    first_ns = min(stamp for rows in blocks.values() for stamp, _ in rows)
    period_ns = round(1e9 / RATE)
    found: list[ShelfEvent] = []
    healths = {}
    for gondola, rows in sorted(blocks.items()):
        _, shelves, plates = rows[0][1].shape
        ids = tuple(f"g{gondola}-s{shelf}-p{plate}" for shelf in range(shelves) for plate in range(plates))
        layout = ScaleLayout(rows[0][0], f"g{gondola}", 1, ids)
        weighing = Weighing(tuning(), layout, ids)
        for sequence, (origin_ns, mass) in enumerate(rows):
            stamp_ns = origin_ns - round(lead_samples * period_ns)
            kilograms = (mass.reshape(len(mass), -1) / 1e3).astype(np.float32)
            readings = ScaleReadings(stamp_ns, sequence, f"g{gondola}", 1, period_ns, kilograms)
            found += weighing.step(readings).events
        found += weighing.finish().events
        healths |= {plate.plate_id: plate.health for plate in weighing.plate_states().plates}
    return found, healths, first_ns


@pytest.mark.parametrize("lead_samples", [0.0, 5.5])
def test_one_pick_and_nothing_else(lead_samples: float) -> None:
    """Whichever sample of a block ``t_origin`` means, the first or the middle of it."""
    found, _, first_ns = weigh(lead_samples)
    (event,) = found
    assert event.shelf_event_id == "g1/1"
    assert event.plate_id == "g1-s5-p11"
    assert event.mass_change == pytest.approx(-0.6231, abs=0.003)
    assert event.mass_change_stddev < 0.003
    assert abs(event.start_ns - first_ns - 12_500_000_000) <= 150_000_000
    assert abs(event.end_ns - first_ns - 12_500_000_000) <= 150_000_000


def test_dead_channels_are_known_even_when_all_are_listed() -> None:
    _, healths, _ = weigh(5.5)
    stuck = {plate_id for plate_id, health in healths.items() if health == PlateHealth.STUCK}
    constant = {f"g{g}-s{s}-p{p}" for g in (2, 4) for s in range(1, 7) for p in (10, 11, 12)}
    assert stuck == constant | {"g1-s4-p13", "g1-s4-p14"}
    assert sum(health == PlateHealth.OK for health in healths.values()) == 240
    assert set(healths.values()) == {PlateHealth.OK, PlateHealth.STUCK, PlateHealth.SILENT}
