import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autocheckout_recording import NAN, block, body_set, product, real_recording, row, stamp_ns, target, tiny, write

from aisle_core.errors import AisleError
from aisle_core.types import Bodies, BodyPart, ScaleLayout, ScaleReadings, Tick
from aisle_replay.autocheckout import ImportReport, import_autocheckout
from aisle_replay.bag import BagReader

INCH = 0.0254
DOCS = Path(__file__).resolve().parents[3] / "docs"


def items(bag: Path) -> list[tuple[int, str, Any]]:
    with BagReader(bag) as reader:
        return [(log_ns, topic.name, item) for log_ns, topic, item in reader.items()]


def of(kind: type[Any], bag: Path) -> list[tuple[int, str, Any]]:
    return [entry for entry in items(bag) if isinstance(entry[2], kind)]


def imported(tmp_path: Path, files: dict[str, list[Any]]) -> tuple[Path, ImportReport]:
    bag = tmp_path / "bag"
    return bag, import_autocheckout(write(tmp_path / "recording", files), bag)


def test_readings_keep_stamp_arrival_and_columns(tmp_path: Path) -> None:
    files = tiny()
    bag, _ = imported(tmp_path, files)
    ((layout_log, layout_topic, layout),) = of(ScaleLayout, bag)
    assert layout_topic == "/autocheckout/shop/g1/scale_layout"
    assert layout.plate_ids == ("g1-s1-p1", "g1-s1-p2", "g1-s1-p3", "g1-s1-p4", "g1-s1-p5")
    readings = of(ScaleReadings, bag)
    assert layout_log <= readings[0][0]
    assert [reading.sequence for _, _, reading in readings] == list(range(10))
    log_ns, topic, first = readings[0]
    assert topic == "/autocheckout/shop/g1/scale_readings"
    half_block_ns = 11 * first.sample_period_ns // 2
    assert (first.stamp_ns, log_ns, first.issue_ns) == (stamp_ns(0) - half_block_ns, stamp_ns(0.1), stamp_ns(0.09))
    assert (first.gateway_id, first.layout_revision, first.sample_period_ns) == ("g1", 0, 16_666_667)
    assert first.mass.shape == (12, 5)
    assert first.mass.mean(axis=0) == pytest.approx([3.0, 0.01, 4.0, 4.0, 4.0], abs=0.002)


def test_bodies_are_metres_with_sides_and_labels(tmp_path: Path) -> None:
    bag, _ = imported(tmp_path, tiny())
    log_ns, topic, first = of(Bodies, bag)[0]
    assert topic == "/autocheckout/shop/vision/body_keypoints"
    assert (first.stamp_ns, log_ns, first.source_id) == (stamp_ns(0), stamp_ns(2.3), "vision")
    (body,) = first.bodies
    assert body.label == "77"
    points = {keypoint.part: keypoint.position for keypoint in body.keypoints}
    assert list(points) == [BodyPart.HEAD, BodyPart.LEFT_HAND, BodyPart.RIGHT_HAND]
    assert points[BodyPart.HEAD] == pytest.approx((40 * INCH, -20 * INCH, 65 * INCH))
    assert points[BodyPart.RIGHT_HAND] == pytest.approx((41 * INCH, 2 * INCH, 37 * INCH))


def test_a_hand_without_a_wrist_has_no_side(tmp_path: Path) -> None:
    files = tiny()
    shopper = target("77", l_wrist=(40.0, 1.0, 1.0))
    shopper["hands"].append({"point": {"x": 10.0, "y": 5.0}, "score": 0.5})
    files["full_targets.json"] = [body_set(0.0, shopper)]
    ((_, _, first),) = of(Bodies, imported(tmp_path, files)[0])
    assert [keypoint.part for keypoint in first.bodies[0].keypoints] == [BodyPart.LEFT_HAND, BodyPart.HAND]
    assert first.bodies[0].keypoints[1].position == pytest.approx((10 * INCH, 5 * INCH, 0))


def test_several_shoppers_and_nobody(tmp_path: Path) -> None:
    files = tiny()
    files["full_targets.json"] = [
        body_set(0.0),
        body_set(0.1, target("1", head=(1.0, 1.0, 60.0)), target(None, head=(50.0, 1.0, 60.0))),
    ]
    found = [item for _, _, item in of(Bodies, imported(tmp_path, files)[0])]
    assert [[body.label for body in bodies.bodies] for bodies in found] == [[], ["1", "0"]]


def test_ticks_cover_everything_and_the_end_comes_last(tmp_path: Path) -> None:
    bag, report = imported(tmp_path, tiny())
    ticks = of(Tick, bag)
    assert all(log_ns == tick.stamp_ns for log_ns, _, tick in ticks)
    assert {b[0] - a[0] for a, b in itertools.pairwise(ticks)} == {100_000_000}
    assert ticks[0][0] <= of(ScaleReadings, bag)[0][2].stamp_ns < ticks[1][0]
    assert ticks[-2][0] < of(ScaleReadings, bag)[-1][2].end_ns <= ticks[-1][0]
    everything = items(bag)
    last_log, last_topic, end = everything[-1]
    assert last_topic == "/autocheckout/end_of_stream" and last_log == max(log_ns for log_ns, _, _ in everything)
    ends = {stream.topic: (stream.has_last_sequence, stream.last_sequence) for stream in end.streams}
    assert ends == {
        "shop/g1/scale_readings": (True, 9),
        "shop/vision/body_keypoints": (True, 19),
        "tick": (True, len(ticks) - 1),
    }
    assert (report.readings, report.bodies, report.ticks) == (10, 20, len(ticks))


def test_a_recording_without_people_ends_their_stream_too(tmp_path: Path) -> None:
    files = tiny()
    files["full_targets.json"].clear()
    *_, (_, _, end) = items(imported(tmp_path, files)[0])
    ends = {stream.topic: stream.has_last_sequence for stream in end.streams}
    assert ends == {"shop/g1/scale_readings": True, "shop/vision/body_keypoints": False, "tick": True}


def test_the_site_has_plates_products_and_facings(tmp_path: Path) -> None:
    bag, report = imported(tmp_path, tiny())
    with BagReader(bag) as reader:
        store = reader.load_store()
        assert reader.site_hash == store.site_hash
    assert (store.currency, store.latency.name) == ("USD", "late_vision")
    assert list(store.plates) == ["g1-s1-p1", "g1-s1-p2", "g1-s1-p3", "g1-s1-p4"]
    assert [plate.centre for plate in store.plates.values()] == [
        pytest.approx((1 + x, 0.2, 0.9)) for x in (0.05, 0.15, 0.25, 0.35)
    ]
    assert store.plates["g1-s1-p3"].size == (0.1, 0.4, 0.3)
    assert [facing.sku for facing in store.facings_of("g1-s1-p4")] == ["juice"]
    assert store.facings_of("g1-s1-p2") == ()
    water = store.products["water"]
    assert (water.name, water.price_minor, water.weight, water.gtin) == ("Product water", 200, 0.5, None)
    assert report.findings == {
        "plates without a product, placed between their neighbours": ["g1-s1-p2"],
        "channels that are no plates of the site, kept in the bag": ["g1-s1-p5"],
    }


def test_a_frozen_channel_between_plates_is_no_plate(tmp_path: Path) -> None:
    files = tiny()
    files["plate_data.json"] = [
        block(1, 0.2 * number, np.stack([np.full((12, 6), NAN), np.full((12, 6), 10.0)], axis=1)) for number in range(3)
    ]
    _, report = imported(tmp_path, files)
    assert report.findings["channels that are no plates of the site, kept in the bag"] == [
        "g1-s1-p0",
        "g1-s1-p2",
        "g1-s1-p5",
    ]


def test_a_turned_gondola(tmp_path: Path) -> None:
    files = tiny()
    turned = row(1, 1, [1, 2], "water", 0.3, 0.2)
    turned["global_coordinates"]["transform"] = {
        "translation": {"x": 4.0, "y": -0.8, "z": 0.9},
        "rotation": {"z": -np.pi / 2},
    }
    files["planogram.json"] = [turned]
    with BagReader(imported(tmp_path, files)[0]) as reader:
        store = reader.load_store()
    assert store.fixtures[0].pose == pytest.approx((4.0, -0.5, 0, -np.pi / 2), abs=1e-4)
    assert store.plates["g1-s1-p1"].centre == pytest.approx((4.2, -0.85, 0.9), abs=1e-3)


def test_currency_decimals(tmp_path: Path) -> None:
    folder = write(tmp_path / "recording", tiny())
    for currency, minor in (("JPY", 2), ("KWD", 2000)):
        import_autocheckout(folder, tmp_path / currency, currency)
        with BagReader(tmp_path / currency) as reader:
            assert reader.load_store().products["water"].price_minor == minor
    with pytest.raises(AisleError, match="currency 'DOLLAR' is unknown"):
        import_autocheckout(folder, tmp_path / "bag", "DOLLAR")


def test_the_same_recording_gives_the_same_bag(tmp_path: Path) -> None:
    folder = write(tmp_path / "recording", tiny())
    for name in "ab":
        (tmp_path / name).mkdir()
        import_autocheckout(folder, tmp_path / name / "bag")
    a, b = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "a", tmp_path / "b")
    )
    assert a == b and len(a) == 8


# --- bad input: docs/bad-input.md lists the same


def replace(files: dict[str, Any], name: str, line: int, change: Callable[[Any], None]) -> None:
    document = json.loads(json.dumps(files[name][line - 1]))
    change(document)
    files[name][line - 1] = document


def values(document: Any) -> Any:
    return document["document"]["plate_data"]["values"]


FATAL: dict[str, tuple[str, Callable[[dict[str, Any]], None], str]] = {
    "array of another length": (
        "plate_data.json:2",
        lambda files: replace(files, "plate_data.json", 2, lambda d: values(d).update(shape=[12, 2, 7])),
        "holds 576 bytes, but shape",
    ),
    "array of another rank": (
        "plate_data.json:2",
        lambda files: replace(files, "plate_data.json", 2, lambda d: values(d).update(shape=[144])),
        "'values.shape'",
    ),
    "array of another kind": (
        "plate_data.json:2",
        lambda files: replace(files, "plate_data.json", 2, lambda d: values(d).update(type="DATATYPE_INT8")),
        "'values.type' is 'DATATYPE_INT8'",
    ),
    "array that is no base64": (
        "plate_data.json:2",
        lambda files: replace(files, "plate_data.json", 2, lambda d: values(d).update(data="??")),
        "not base64",
    ),
    "gondola that changes its shape": (
        "plate_data.json:3",
        lambda files: files["plate_data.json"].__setitem__(2, block(1, 0.4, np.zeros((12, 2, 7)))),
        "gondola 1 had (2, 6) before",
    ),
    "missing field": (
        "plate_data.json:2",
        lambda files: replace(files, "plate_data.json", 2, lambda d: d["document"]["header"].pop("t_origin")),
        "'document.header.t_origin' is missing",
    ),
    "field of another type": (
        "full_targets.json:3",
        lambda files: replace(files, "full_targets.json", 3, lambda d: d["document"].update(targets={"targets": 1})),
        "'document.targets.targets' is 1",
    ),
    "instant that is none": (
        "full_targets.json:3",
        lambda files: replace(files, "full_targets.json", 3, lambda d: d["date_time"].update({"$date": "noon"})),
        "give an instant",
    ),
    "sample rate that is none": (
        "plate_data.json:1",
        lambda files: replace(files, "plate_data.json", 1, lambda d: d["document"]["plate_data"].update(freq_samp=-1)),
        "'freq_samp' is -1",
    ),
    "key point that is not a number": (
        "full_targets.json:1",
        lambda files: replace(
            files,
            "full_targets.json",
            1,
            lambda d: d["document"]["targets"]["targets"][0]["head"]["point"].update(x="left"),
        ),
        "'head'",
    ),
    "facing without a size": (
        "planogram.json:1",
        lambda files: replace(files, "planogram.json", 1, lambda d: d["global_coordinates"].pop("dim_x")),
        "'global_coordinates.dim_x/y/z'",
    ),
    "gondola in two places": (
        "planogram.json:1",
        lambda files: replace(
            files, "planogram.json", 1, lambda d: d["coordinates"]["transform"]["translation"].update(x=0.5)
        ),
        "gondola 1 stands elsewhere",
    ),
    "no readings at all": (
        "plate_data.json:1",
        lambda files: files["plate_data.json"].clear(),
        "no usable scale block",
    ),
    "no facings at all": ("planogram.json:1", lambda files: files["planogram.json"].clear(), "no usable row"),
}


@pytest.mark.parametrize("case", FATAL)
def test_what_breaks_a_file_ends_the_import(tmp_path: Path, case: str) -> None:
    place, spoil, words = FATAL[case]
    files = tiny()
    if case == "no facings at all":
        files["full_targets.json"].clear()
    spoil(files)
    assert_refused(tmp_path, write(tmp_path / "recording", files), place, words)


@pytest.mark.parametrize("name", ["plate_data.json", "full_targets.json", "planogram.json", "products.json"])
@pytest.mark.parametrize(
    "case", ["truncated line", "line that is not JSON", "line that is no document", "missing file"]
)
def test_broken_lines_and_files(tmp_path: Path, name: str, case: str) -> None:
    folder = write(tmp_path / "recording", tiny())
    path = folder / name
    text = path.read_text()
    lines = text.count("\n")
    if case == "truncated line":
        path.write_text(text[:-20])
        assert_refused(tmp_path, folder, f"{name}:{lines}", "truncated")
    elif case == "line that is not JSON":
        path.write_text("{'a': 1}\n" + text)
        assert_refused(tmp_path, folder, f"{name}:1", "not JSON")
    elif case == "line that is no document":
        path.write_text(text + "[1, 2]\n")
        assert_refused(tmp_path, folder, f"{name}:{lines + 1}", "no document")
    else:
        path.unlink()
        assert_refused(tmp_path, folder, f"{name}", "file is missing")


def assert_refused(tmp_path: Path, folder: Path, place: str, words: str) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(AisleError) as caught:
        import_autocheckout(folder, tmp_path / "bag")
    message = str(caught.value)
    assert "\n" not in message and place in message and words in message and ";" in message, message
    assert sorted(tmp_path.iterdir()) == before


def later(files: dict[str, Any]) -> None:
    files["plate_data.json"].append(block(1, -1.0, np.full((12, 2, 6), 1.0)))
    files["plate_data.json"][-1]["date_time"] = files["plate_data.json"][-2]["date_time"]


def grams_with(files: dict[str, Any], lines: slice, plate: int) -> None:
    for number in range(len(files["plate_data.json"]))[lines]:
        document = files["plate_data.json"][number]
        grams = np.random.default_rng(number).normal(1000, 1, (12, 2, 6))
        grams[:, 0] = NAN
        grams[:, 1, plate] = NAN
        files["plate_data.json"][number] = block(1, 0.2 * number, grams) | {"date_time": document["date_time"]}


REPORTED: dict[str, tuple[Callable[[dict[str, Any]], None], str, list[str]]] = {
    "stamp that runs backwards": (
        later,
        "scale blocks left out, their stamp runs backwards",
        ["plate_data.json:11"],
    ),
    "stamp that stands twice": (
        lambda files: files["full_targets.json"].append(files["full_targets.json"][4]),
        "body sets left out, their stamp stands already",
        ["full_targets.json:21"],
    ),
    "gap": (lambda files: files["plate_data.json"].pop(4), "gaps between scale blocks", ["plate_data.json:5"]),
    "plate that is NaN throughout": (
        lambda files: grams_with(files, slice(None), 3),
        "plates that are NaN throughout",
        ["g1-s1-p3"],
    ),
    "plate with NaN samples": (
        lambda files: grams_with(files, slice(2, 3), 3),
        "plates with NaN samples, kept as gaps",
        ["g1-s1-p3"],
    ),
    "unknown plate": (
        lambda files: files["planogram.json"].append(row(1, 1, [7], "water", 0.6, 0.1)),
        "plates of the planogram without readings",
        ["g1-s1-p7"],
    ),
    "gondola without readings": (
        lambda files: files["planogram.json"].append(row(5, 0, [0], "water", 0.6, 0.1)),
        "plates of the planogram without readings",
        ["g5-s0-p0"],
    ),
    "unknown product in the planogram": (
        lambda files: files["planogram.json"].append(row(1, 0, [1], "milk", 0.0, 0.1)),
        "planogram rows that name an unknown product, plates kept",
        ["planogram.json:3 (milk)"],
    ),
    "planogram row without a product": (
        lambda files: files["planogram.json"].append(row(1, 0, [1], None, 0.0, 0.1)),
        "planogram rows without a product id, plates kept",
        ["planogram.json:3"],
    ),
    "plates that are not adjacent": (
        lambda files: files["planogram.json"].append(row(1, 0, [1, 3], "water", 0.0, 0.1)),
        "planogram rows left out, their plates are not adjacent on one shelf",
        ["planogram.json:3"],
    ),
    "product without a weight": (
        lambda files: files["products.json"].append(product("milk", weight=None)),
        "products without a weight",
        ["milk"],
    ),
    "product without a price": (
        lambda files: files["products.json"].append(product("milk", price=None)),
        "products without a price, charged nothing and reviewed",
        ["milk"],
    ),
    "price below a minor unit": (
        lambda files: files["products.json"].append(product("milk", price=1.999)),
        "products without a price, charged nothing and reviewed",
        ["milk"],
    ),
    "equal duplicate product": (
        lambda files: files["products.json"].append(product("water")),
        "equal duplicate products, first one kept",
        ["products.json:3"],
    ),
    "unequal duplicate product": (
        lambda files: files["products.json"].append(product("water", price=3)),
        "unequal duplicate products, first one kept",
        ["products.json:3"],
    ),
    "product without an id": (
        lambda files: files["products.json"].append({"metadata": {"name": "?"}}),
        "products without an id, left out",
        ["products.json:3"],
    ),
}


@pytest.mark.parametrize("case", REPORTED)
def test_doubtful_records_are_reported(tmp_path: Path, case: str) -> None:
    spoil, finding, places = REPORTED[case]
    files = tiny()
    spoil(files)
    bag, report = imported(tmp_path, files)
    assert report.findings[finding] == places
    assert any(finding in line and places[0] in line for line in report.lines())
    with BagReader(bag) as reader:
        store = reader.load_store()
    assert store.products["water"].price_minor == 200
    sequences = [reading.sequence for _, _, reading in of(ScaleReadings, bag)]
    assert sequences == list(range(report.readings))


def test_the_docs_list_every_case() -> None:
    text = (DOCS / "bad-input.md").read_text()
    listed = set(re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE))
    broken = {"truncated line", "line that is not JSON", "line that is no document", "missing file"}
    assert {*FATAL, *REPORTED, *broken} <= listed


# --- the real recording


def test_the_real_recording(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    report = import_autocheckout(real_recording(), bag)
    findings = {finding: len(places) for finding, places in report.findings.items()}
    assert findings == {
        "equal duplicate products, first one kept": 350,
        "products without a price, charged nothing and reviewed": 21,
        "products without a weight": 5,
        "planogram rows without a product id, plates kept": 1,
        "plates without a product, placed between their neighbours": 3,
        "channels that are no plates of the site, kept in the bag": 38,
        "plates of the planogram without readings": 47,
    }
    assert (report.readings, report.bodies) == (344, 291)
    kinds = Counter(type(item).__name__ for _, _, item in items(bag))
    assert (kinds["ScaleReadings"], kinds["Bodies"], kinds["ScaleLayout"]) == (344, 291, 4)
    with BagReader(bag) as reader:
        store = reader.load_store()
    assert len(store.products) == 361
    measured = [plate for _, _, layout in of(ScaleLayout, bag) for plate in layout.plate_ids]
    assert len(measured) == 278 and len(set(measured) & set(store.plates)) == 240
    water = store.products["071142008582"]
    assert (water.price_minor, water.weight) == (100, pytest.approx(0.62167))
    assert [facing.sku for facing in store.facings_of("g1-s5-p11")] == ["071142008582"]
    assert store.plates["g1-s5-p11"].centre == pytest.approx((1.0918, 0.2032, 1.2351), abs=1e-3)
