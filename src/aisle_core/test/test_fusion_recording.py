"""The one real recording: the hand is at the plate at the pick, and the pick is booked on its person."""

import json
import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from aisle_core.fusion import Fusion
from aisle_core.fusion.shelf_map import ShelfMap
from aisle_core.people import People, PeopleConfig
from aisle_core.store import LATENCY_PROFILES, Facing, Fixture, Plate, Product, Shelf, Store
from aisle_core.tracking import LabelConfig, LabelFollower
from aisle_core.types import (
    Bodies,
    BodyKeypoint,
    BodyKeypoints,
    BodyPart,
    Reason,
    ShelfEvent,
    ShelfEvents,
    Tick,
)

from .fusion_world import FUSION, MS, S, shipped

RECORDING = Path(
    os.environ.get("AISLE_RECORDINGS", Path(__file__).parents[4] / "shared" / "data"), "autocheckout_benchmark_1"
)
pytestmark = pytest.mark.skipif(
    not RECORDING.is_dir(), reason=f"the recording is not at {RECORDING}; set AISLE_RECORDINGS to its parent folder"
)
INCH = 0.0254
PLATE = "g1-s5-p11"
PARTS = {
    "head": BodyPart.HEAD,
    "neck": BodyPart.NECK,
    "l_shoulder": BodyPart.LEFT_SHOULDER,
    "r_shoulder": BodyPart.RIGHT_SHOULDER,
    "l_wrist": BodyPart.LEFT_HAND,
    "r_wrist": BodyPart.RIGHT_HAND,
}


def documents(name):
    return [json.loads(line) for line in (RECORDING / name).read_text().splitlines()]


def nanoseconds(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    return round(datetime.fromisoformat(whole + "+00:00").timestamp()) * S + int(fraction.ljust(9, "0"))


def xyz(point, unit=1.0):
    return tuple(point.get(axis, 0.0) * unit for axis in "xyz")


def load_shelf():
    """Shelf 5 of gondola 1, which faces towards -y."""
    weights = {row["product_id"]["id"]: row["metadata"].get("weight") for row in documents("products.json")}
    plates, facings = {}, []
    for number, row in enumerate(documents("planogram.json")):
        shelf = row["plate_ids"][0]["shelf_id"]
        if shelf["gondola_id"].get("id") != 1 or shelf.get("shelf_index") != 5 or "planogram_product_id" not in row:
            continue
        box, indices = row["global_coordinates"], sorted(plate.get("plate_index", 0) for plate in row["plate_ids"])
        left, front, bottom = xyz(box["transform"]["translation"])
        width = box["dim_x"] / len(indices)
        for place, index in enumerate(indices):
            plates[index] = Plate(
                plate_id=f"g1-s5-p{index}",
                fixture_id="g1",
                shelf=5,
                index=index,
                yaw=0.0,
                centre=(left + (place + 0.5) * width, front + box["dim_y"] / 2, bottom),
                size=(width, box["dim_y"], box["dim_z"]),
            )
        ids = tuple(f"g1-s5-p{index}" for index in indices)
        facings.append(Facing(facing_id=f"f{number}", sku=row["planogram_product_id"]["id"], plate_ids=ids))
    shelf = Shelf(index=5, plates=tuple(plates[index] for index in sorted(plates)))
    return Store(
        store_id="benchmark",
        name="Benchmark",
        currency="USD",
        time_zone="UTC",
        site_hash="0",
        zones=("floor",),
        floor=((-1, -3), (6, -3), (6, 1), (-1, 1)),
        latency=LATENCY_PROFILES["late_vision"],
        fixtures=(Fixture(fixture_id="g1", kind="gondola", pose=(0, 0, 0, 0), shelves=(shelf,)),),
        products={
            sku: Product(
                sku=sku,
                gtin=None,
                name=sku,
                price_minor=None,
                tax_class="standard",
                weight_stddev=None,
                size=None,
                weight=weight / 1000 if weight else None,
            )
            for sku, weight in weights.items()
        },
        facings=tuple(facings),
        gateways=(),
        pose_sources=(),
        lanes=(),
    )


def load_bodies():
    batches = []
    for number, row in enumerate(documents("full_targets.json")):
        document, bodies = row["document"], []
        for target in document["targets"].get("targets", []):
            points = tuple(
                BodyKeypoint(part, xyz(target[name].get("point", {}), INCH), target[name].get("score", 0.0))
                for name, part in PARTS.items()
            )
            stamps = [nanoseconds(seen["timestamp"]) for seen in target["detection_metadata"]]
            bodies.append(BodyKeypoints(target["target_id"]["id"], points, min(stamps), max(stamps)))
        batches.append(Bodies(nanoseconds(document["header"]["t_origin"]), number, "vision", tuple(bodies)))
    return sorted(batches, key=lambda batch: (batch.stamp_ns, batch.sequence))


def test_the_hand_is_at_the_plate_and_the_pick_is_booked():
    store = load_shelf()
    first_ns = min(nanoseconds(row["document"]["header"]["t_origin"]) for row in documents("plate_data.json"))
    pick_ns = first_ns + 12_500 * MS
    people = People(shipped(PeopleConfig, "people_node", "people.poses"), store)
    tracker = LabelFollower(shipped(LabelConfig, "tracker_node", "tracker.labels"))
    fusion = Fusion(FUSION, store)
    shelf_map = ShelfMap(store, FUSION.weight, FUSION.place)

    pick = ShelfEvent("g1/1", PLATE, pick_ns - 40 * MS, pick_ns + 40 * MS, -0.6231, 0.0016, 1.19)
    items = [*load_bodies(), ShelfEvents(pick_ns + 500 * MS, 0, "g1", (pick,))]
    items += [Tick(first_ns + i * 100 * MS, i) for i in range(171)]
    distances, booked = [], []
    for item in sorted(items, key=lambda item: item.stamp_ns):
        if not isinstance(item, ShelfEvents):
            tracks = tracker.step(people.step(item) if isinstance(item, Bodies) else item)
            fusion.step(tracks)
            if abs(item.stamp_ns - pick_ns) <= 100 * MS:
                hands = [hand.position for track in tracks.tracks for hand in track.hands]
                distances.append(shelf_map.distance(np.array(hands), (PLATE,)).min())
        if not isinstance(item, Bodies):
            told = fusion.step(item)
            booked += told.events if told else ()

    assert people.statistics().repeated == 5
    assert max(distances) < 0.1
    (event,) = booked
    assert (event.track_id, event.sku, event.quantity) == (1, "071142008582", 1)
    assert (event.reason, event.review) == (Reason.WEIGHT_AND_PLACE, False)
    assert event.confidence > 0.99
    assert tracker.finish(pick_ns + 10 * S).tracks[0].label == "3325379692103139202"
