"""Things in a site that contradict each other in space, and devices that refer to nothing."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle_core.errors import AisleError
from aisle_core.store import load_store, save_site
from aisle_core.store.files import FixturesFile, GatesFile, SensorsFile, SiteFiles, StoreFile
from aisle_core.store.geometry import footprint, inside, outline, rectangles_overlap
from aisle_core.store.model import Facing, Pose, Product
from aisle_core.store.reading import CsvFile, YamlFile

SITES = Path(__file__).parents[3] / "config" / "stores"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SITES / "corner", tmp_path / "corner"))


def edit(site: Path, name: str, old: str, new: str) -> int:
    """Replace the first ``old`` and return its line."""
    text = (site / name).read_text()
    assert old in text, text
    (site / name).write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        # plates and shelves in their fixture
        ("fixtures.yaml", "[5, g01-s1-p05, 1.14, 0.28]", "[5, g01-s1-p05, 1.2, 0.28]", ["'g01-s1-p05'", "1.44 m wide"]),
        ("fixtures.yaml", "[1, g01-s1-p01, 0.02, 0.28]", "[1, g01-s1-p01, -0.3, 0.28]", ["'g01-s1-p01'", "x = -0.3"]),
        (
            "fixtures.yaml",
            "y: 0.02, z: 0.15, depth: 0.4",
            "y: 0.1, z: 0.15, depth: 0.4",
            ["y = 0.1 m to 0.5", "0.45 m"],
        ),
        ("fixtures.yaml", "y: 0.02, z: 1.4", "y: 0.02, z: 1.8", ["shelf 4", "height is 1.7 m"]),
        (
            "fixtures.yaml",
            "[2, g01-s1-p02, 0.3, 0.28]",
            "[2, g01-s1-p02, 0.2, 0.28]",
            ["'g01-s1-p02'", "ends at 0.3 m"],
        ),
        ("fixtures.yaml", "y: 0.02, z: 0.6", "y: 0.02, z: 0.5", ["shelf 2", "free space of shelf 1", "0.55 m"]),
        # fixtures on the floor
        ("fixtures.yaml", "pose: [0.45, 2.0,", "pose: [0.4, 2.0,", ["'g01'", "leaves the floor"]),
        ("fixtures.yaml", "pose: [1.78, 4.55,", "pose: [3.9, 4.55,", ["'g02'", "leaves the floor"]),
        ("fixtures.yaml", "pose: [4.55, 3.44,", "pose: [3.0, 4.6,", ["'g03' stands in 'g02'"]),
        # devices
        (
            "sensors.yaml",
            "d02, zone: shop, model: ceiling",
            "d02, zone: shop, model: wall",
            ["'wall'", "depth_models (ceiling)"],
        ),
        (
            "sensors.yaml",
            "c02, zone: shop, model: overview",
            "c02, zone: shop, model: ceiling",
            ["'ceiling'", "camera_models (overview)"],
        ),
        ("sensors.yaml", "{device_id: d02,", "{device_id: d01,", ["'d01'", "already a device"]),
        ("sensors.yaml", "{device_id: c01,", "{device_id: oracle,", ["'oracle'", "already a device"]),
        ("sensors.yaml", "{device_id: c01,", "{device_id: d04,", ["'d04'", "already a device"]),
        ("gates.yaml", "lane_id: gate1", "lane_id: d03", ["'d03'", "already a device in sensors.yaml"]),
        ("sensors.yaml", "{device_id: d03, zone: shop", "{device_id: d03, zone: attic", ["'attic'", "shop, entrance"]),
        ("sensors.yaml", "pose: [1.25, 3.75, 3.0,", "pose: [1.25, 5.75, 3.0,", ["'d03'", "outside the store"]),
        ("sensors.yaml", "pose: [1.25, 3.75, 3.0,", "pose: [1.25, 3.75, -3.0,", ["'d03'", "below the floor"]),
        ("sensors.yaml", "pose: [4.7, 0.3, 2.7,", "pose: [5.7, 0.3, 2.7,", ["'c02'", "outside the store"]),
        ("sensors.yaml", "horizontal_fov: 1.9", "horizontal_fov: 190", ["horizontal_fov", "less than 3"]),
        ("gates.yaml", "position: [2.5, 0.4]", "position: [2.5, -0.4]", ["'gate1'", "outside the store"]),
    ],
)
def test_errors_name_file_line_and_remedy(site: Path, name: str, old: str, new: str, words: list[str]) -> None:
    line = edit(site, name, old, new)
    with pytest.raises(AisleError) as caught:
        load_store(site)
    message = str(caught.value)
    assert message.startswith(f"{site / name}:{line}: "), message
    assert all(word in message for word in words), message
    assert ";" in message and "\n" not in message


def test_fixtures_may_stand_back_to_back(site: Path) -> None:
    """g03 turned around behind g01: only the backs touch."""
    edit(site, "fixtures.yaml", "pose: [0.45, 2.0,", "pose: [2.45, 2.0,")
    edit(site, "fixtures.yaml", "pose: [4.55, 3.44,", "pose: [1.55, 3.44,")
    assert len(load_store(site).plates) == 60


def test_what_is_saved_is_read(site: Path, tmp_path: Path) -> None:
    parts = [
        YamlFile(site / name).read(model)
        for name, model in (
            ("store.yaml", StoreFile),
            ("fixtures.yaml", FixturesFile),
            ("sensors.yaml", SensorsFile),
            ("gates.yaml", GatesFile),
        )
    ]
    files = SiteFiles(
        **dict(zip(("store", "fixtures", "sensors", "gates"), parts, strict=True)),
        products=CsvFile(site / "catalogue.csv").read(Product),
        facings=CsvFile(site / "planogram.csv").read(Facing),
    )
    save_site(tmp_path / "saved", files, {"gates.yaml": "Two lines\n\nof words"})
    before, after = load_store(site), load_store(tmp_path / "saved")
    assert after.model_copy(update={"site_hash": before.site_hash}) == before
    assert len(after.depth_sensors) == 4 and len(after.cameras) == 2 and after.fixtures[0].size is not None
    assert (tmp_path / "saved" / "gates.yaml").read_text().startswith("# Two lines\n#\n# of words\nlanes:")


def test_points_in_a_floor_with_a_corner_cut_out() -> None:
    floor = [(0, 0), (4, 0), (4, 4), (2, 4), (2, 2), (0, 2)]
    points = [(1, 1), (3, 3), (1, 3), (-0.05, 1), (2, 3), (5, 1)]
    assert inside(points, floor).tolist()[:4] == [True, True, False, False]
    assert inside(points, floor, 0.1).tolist() == [True, True, False, True, True, False]
    assert inside(points, floor[::-1], 0.1).tolist() == inside(points, floor, 0.1).tolist()


_COORDINATE = st.floats(-3, 3)
_EXTENT = st.floats(0.2, 3)


@given(_COORDINATE, _COORDINATE, st.floats(-4, 4), _EXTENT, _EXTENT)
def test_rectangles_overlap_where_they_share_points(x: float, y: float, yaw: float, width: float, depth: float) -> None:
    fixed = footprint(Pose(0, 0, 0, 0), (0, 0), (1, 2))
    moved = footprint(Pose(x, y, 0, yaw), (0, 0), (width, depth))
    grid = np.stack(np.meshgrid(np.linspace(0.001, 0.999, 25), np.linspace(0.001, 0.999, 25)), -1).reshape(-1, 2)
    shared = inside(moved[0] + grid @ np.stack([moved[1] - moved[0], moved[3] - moved[0]]), list(map(tuple, fixed)))
    overlap = rectangles_overlap(fixed, moved)
    assert overlap == rectangles_overlap(moved, fixed)
    if shared.any():
        assert overlap
    if rectangles_overlap(fixed, moved, 0.5):
        assert shared.any()


def test_an_outline_runs_along_the_edges() -> None:
    corners = footprint(Pose(1, 1, 0, math.pi / 2), (0, 0), (2, 0.5))
    points = outline(corners, 0.1)
    assert {(round(float(x), 9), round(float(y), 9)) for x, y in corners} <= {
        (round(float(x), 9), round(float(y), 9)) for x, y in points
    }
    assert points[:, 0].min() == pytest.approx(0.5) and points[:, 1].max() == pytest.approx(3)
