"""What sensors see, against plain geometry; and what the check of a site finds."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_core.store import DepthModel, DepthSensor, Fixture, Lane, Mount, Store, load_store
from aisle_core.store.coverage import HEAD_HEIGHT, coverage, floor_grid, openings, reachable, required_ceiling
from aisle_core.store.findings import site_findings
from aisle_core.store.model import Point2, Pose, Size

CORNER = Path(__file__).parents[3] / "config" / "stores" / "corner"
SHOP = load_store(CORNER)
MODEL = DepthModel(width=160, height=120, horizontal_fov=1.6, rate_hz=10.0, min_range=0.3, max_range=6.0)
WIDE, HIGH = math.tan(0.8), 0.75 * math.tan(0.8)


def changed(**parts: Any) -> Store:
    """The corner shop with other parts."""
    return Store(**{name: getattr(SHOP, name) for name in Store.model_fields} | parts)


def down(x: float, y: float, z: float, yaw: float = math.pi / 2) -> Mount:
    return Mount(x, y, z, 0.0, math.pi / 2, yaw)


def room(*mounts: Mount, side: float = 8.0, fixtures: tuple[Fixture, ...] = (), model: DepthModel = MODEL) -> Store:
    """A square room with its middle at (0, 0)."""
    h = side / 2
    sensors = tuple(
        DepthSensor(device_id=f"d{i}", zone="shop", model=model, pose=mount) for i, mount in enumerate(mounts)
    )
    floor = (Point2(-h, -h), Point2(h, -h), Point2(h, h), Point2(-h, h))
    return changed(floor=floor, fixtures=fixtures, depth_sensors=sensors, lanes=())


def block(x: float, y: float, size: Size, yaw: float = 0.0) -> Fixture:
    return Fixture(fixture_id="block", kind="pillar", pose=Pose(x, y, 0, yaw), size=size, shelves=())


def seen(store: Store, x: float, y: float, head: bool = False) -> int:
    cover = coverage(store, floor_grid(store))
    row, column = cover.grid.index(np.array([x, y]))
    return int((cover.head if head else cover.floor)[row, column])


@pytest.mark.parametrize(("head", "distance"), [(False, 3.0), (True, 3.0 - HEAD_HEIGHT)])
def test_a_sensor_that_looks_down_sees_a_rectangle(head: bool, distance: float) -> None:
    store = room(down(0.3, -0.2, 3.0))
    cover = coverage(store, floor_grid(store))
    x, y = np.meshgrid(cover.grid.x, cover.grid.y)
    expected = (np.abs(x - 0.3) <= WIDE * distance) & (np.abs(y + 0.2) <= HIGH * distance)
    counts = cover.head if head else cover.floor
    np.testing.assert_array_equal(counts[cover.grid.heads] == 1, expected[cover.grid.heads])


def test_yaw_turns_what_is_seen() -> None:
    far = WIDE * 3 - 0.15
    across, along = room(down(0, 0, 3.0)), room(down(0, 0, 3.0, yaw=0.0))
    assert (seen(across, far, 0), seen(across, 0, far)) == (1, 0)
    assert (seen(along, far, 0), seen(along, 0, far)) == (0, 1)


def test_a_sensor_sees_from_its_least_to_its_greatest_range() -> None:
    assert seen(room(down(0, 0, 3.0), model=MODEL.model_copy(update={"max_range": 2.9})), 0.05, 0.05) == 0
    near = MODEL.model_copy(update={"min_range": 1.5})
    assert seen(room(down(0, 0, 3.0), model=near), 0.05, 0.05) == 1
    assert seen(room(down(0, 0, 3.0), model=near), 0.05, 0.05, head=True) == 0


def test_a_tilted_sensor_looks_along_its_x_axis() -> None:
    store = room(Mount(-3.9, 0.0, 2.5, 0.0, math.atan2(2.5, 4.0), 0.0), model=MODEL)
    assert seen(store, 0.05, 0.05) == 1
    assert seen(store, -3.85, 0.05) == 0


@pytest.mark.parametrize("yaw", [0.0, math.pi / 2, 0.7])
def test_a_fixture_casts_a_shadow_as_long_as_the_rays_say(yaw: float) -> None:
    """A block 1 m high ends 1 m from the foot of a sensor at 3 m: its shadow reaches to 1 m * 3 / (3 - 1)."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    width = 0.6
    origin = np.array([1.0 - width, -0.5]) @ np.array([(cos, sin), (-sin, cos)])
    wide = MODEL.model_copy(update={"horizontal_fov": 2.4})
    store = room(down(0, 0, 3.0), fixtures=(block(*origin, Size(width, 1.0, 1.0), yaw),), model=wide)
    cover = coverage(store, floor_grid(store, 0.05))
    for distance, visible in ((1.1, 0), (1.4, 0), (1.6, 1), (2.0, 1)):
        row, column = cover.grid.index(distance * np.array([cos, sin]))
        assert cover.floor[row, column] == visible, distance
    row, column = cover.grid.index(0.7 * np.array([cos, sin]))
    assert cover.floor[row, column] == -1


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3)), min_size=2, max_size=4))
def test_counts_add_up_over_sensors(places: list[tuple[float, float, float]]) -> None:
    pillar = (block(-0.5, -0.5, Size(1, 1, 2)),)
    mounts = [down(x, y, 3.2, yaw) for x, y, yaw in places]
    grid = floor_grid(room(fixtures=pillar), 0.4)
    together = coverage(room(*mounts, fixtures=pillar), grid)
    alone = [coverage(room(mount, fixtures=pillar), grid) for mount in mounts]
    for name in ("floor", "head"):
        total = sum(np.maximum(getattr(one, name), 0) for one in alone)
        np.testing.assert_array_equal(np.maximum(getattr(together, name), 0), total)


def test_the_required_ceiling_is_where_the_outermost_heads_come_into_view() -> None:
    """Heads come up to 0.15 m to the walls of a room 2 m wide: HIGH * (z - head) >= 0.85."""
    store = room(down(0, 0, 2.0), side=2.0)
    height = required_ceiling(store, floor_grid(store))
    exact = HEAD_HEIGHT + 0.85 / HIGH
    assert height is not None and exact <= height < exact + 0.05
    grid = floor_grid(store)
    assert (coverage(store, grid, height).head[grid.heads] > 0).all()
    assert not (coverage(store, grid, height - 0.05).head[grid.heads] > 0).all()
    assert required_ceiling(room(side=2.0), grid) is None


def test_openings_lie_before_the_plates() -> None:
    plates = [SHOP.plates[name] for name in ("g01-s2-p03", "g02-s1-p01", "g03-s4-p05")]
    expected = [(0.45 + 0.02, 2.72, 0.6 + 0.175), (1.78 + 0.16, 4.55 - 0.02, 0.35), (4.55 - 0.02, 3.44 - 1.28, 1.55)]
    np.testing.assert_allclose(openings(SHOP, plates), expected, atol=1e-5)


def test_heads_and_bodies_keep_away_from_walls() -> None:
    grid = floor_grid(room(side=4.0))
    np.testing.assert_allclose(np.abs(grid.x[grid.heads.any(axis=0)]).max(), 2 - 0.15)
    np.testing.assert_allclose(np.abs(grid.x[grid.walkable.any(axis=0)]).max(), 2 - 0.25)


def test_plates_behind_a_barrier_are_out_of_reach() -> None:
    """A wall across the shop between the gate and g02, with and without a passage."""

    def reach(width: float) -> dict[str, bool]:
        wall = block(0.0, 3.7, Size(width, 0.1, 1.0))
        store = changed(fixtures=(*SHOP.fixtures, wall))
        plates = list(store.plates.values())
        return dict(zip(store.plates, reachable(store, floor_grid(store), plates).tolist(), strict=True))

    assert all(reach(4.0).values())
    closed = reach(5.0)
    assert closed["g01-s1-p01"] and not any(can for plate, can in closed.items() if plate.startswith("g02"))


Change = Callable[[Path], None]


def replace(name: str, old: str, new: str) -> Change:
    def change(site: Path) -> None:
        text = (site / name).read_text()
        assert old in text
        (site / name).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "name", "at", "words"),
    [
        (
            replace("fixtures.yaml", "pose: [1.78, 4.55, 0.0, 0.0]", "pose: [1.0, 2.0, 0.0, 1.570796]"),
            "fixtures.yaml",
            "pose: [0.45, 2.0,",
            ["no free floor to stand on before 20 of 20 plates (g01-s1-p01, ", "and 15 more"],
        ),
        (
            replace("fixtures.yaml", "pose: [1.78, 4.55, 0.0, 0.0]", "pose: [1.78, 4.55, 1.0, 0.0]"),
            "fixtures.yaml",
            "index: 4, y: 0.02",
            ["shelf 4 of 'g02' is 2.4 m high", "above 2 m"],
        ),
        (
            replace("sensors.yaml", "3.75, 3.0, 0.0, 1.570796", "3.75, 3.0, 0.0, -1.570796"),
            "sensors.yaml",
            "depth_sensors:",
            ["no depth sensor sees a head at 1.7 m in 1 places", "largest around"],
        ),
        (
            replace("sensors.yaml", "1.570796, 1.570796", "-1.570796, 1.570796"),
            "fixtures.yaml",
            "fixture_id: g01",
            ["no depth sensor sees 20 of 20 plates (g01-s1-p01, "],
        ),
        (
            replace("planogram.csv", "TOILET-PAPER-8,g03-s1-p01 g03-s1-p02", "TOILET-PAPER-8,g03-s1-p01"),
            "planogram.csv",
            "TOILET-PAPER-8",
            ["'TOILET-PAPER-8' is 0.4 m wide but its place 0.28 m"],
        ),
        (
            replace("fixtures.yaml", "depth: 0.4, clearance: 0.4", "depth: 0.4, clearance: 0.3"),
            "planogram.csv",
            "WATER-SPARKLING-15",
            ["'WATER-SPARKLING-15' is 0.315 m high but its place 0.3 m"],
        ),
        (
            replace("fixtures.yaml", "pose: [1.78, 4.55,", "pose: [1.78, 0.1,"),
            "gates.yaml",
            "lane_id: gate1",
            ["no free floor around lane 'gate1'"],
        ),
    ],
)
def test_findings_name_file_line_and_remedy(
    tmp_path: Path, change: Change, name: str, at: str, words: list[str]
) -> None:
    site = Path(shutil.copytree(CORNER, tmp_path / "corner"))
    change(site)
    lines = (site / name).read_text().splitlines()
    store = load_store(site)
    findings = site_findings(site, store, coverage(store, floor_grid(store)))
    matching = [finding for finding in findings if all(word in finding for word in words)]
    assert matching, findings
    path, number, message = matching[0].split(":", 2)
    assert path == str(site / name)
    assert at in lines[int(number) - 1]
    assert ";" in message or "," in message


def test_a_lane_that_no_other_leads_to() -> None:
    lanes = (Lane(lane_id="away", zone="entrance", direction="out", position=Point2(2.5, 4.6)),)
    wall = block(0.0, 3.7, Size(5.0, 0.1, 1.0))
    free = tuple(fixture for fixture in SHOP.fixtures if fixture.fixture_id != "g02")
    store = changed(fixtures=(*free, wall), lanes=(*SHOP.lanes, *lanes), facings=())
    findings = site_findings(CORNER, store, coverage(store, floor_grid(store)))
    assert any("nobody can walk from lane 'gate1' to lane 'away'" in finding for finding in findings)


@pytest.mark.parametrize("name", ["corner", "market"])
def test_our_sites_are_without_findings(name: str) -> None:
    folder = CORNER.parent / name
    store = load_store(folder)
    grid = floor_grid(store)
    cover = coverage(store, grid)
    assert site_findings(folder, store, cover) == []
    assert min(cover.plates.values()) >= 1
    assert cover.head[grid.heads].min() >= 1
