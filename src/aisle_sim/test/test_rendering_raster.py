"""The renderer's geometry, against Open3D and against itself."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_core.store import DepthSensor, Mount, Store, load_store
from aisle_core.store.frames import optical_pose
from aisle_sim.physical import Carried, People, Piece, Place, Resting
from aisle_sim.rendering import meshes
from aisle_sim.rendering.depth_image import NOTHING, DepthRenderer
from aisle_sim.rendering.meshes import Shapes, Topology
from aisle_sim.rendering.params import DepthParams
from aisle_sim.rendering.pinhole import View, camera_info, pinhole, reaching
from aisle_sim.rendering.raster import draw
from aisle_sim.rendering.scene import Scene

from .rendering_world import camera, depth_sensor, goods, people, random_people

SITES = Path(__file__).resolve().parents[3] / "config" / "stores"
DOWN = Mount(0.0, 0.0, 3.0, 0.0, math.pi / 2, 0.0)


@pytest.fixture(scope="module")
def store() -> Store:
    return load_store(SITES / "corner")


@pytest.fixture(scope="module")
def stock(store: Store) -> list[Resting]:
    return goods(store)


def renderer(scene: Scene, device: DepthSensor) -> DepthRenderer:
    return DepthRenderer(scene, device, DepthParams(), np.random.default_rng(0))


def cast(shapes: list[Shapes], device: DepthSensor) -> tuple[np.ndarray, np.ndarray]:
    """Depth and object ids as Open3D sees them."""
    o3d = pytest.importorskip("open3d", reason="Open3D is not installed beside ROS")
    vertices, triangles, objects, offset = [], [], [], 0
    for some in shapes:
        count, each, _ = some.vertices.shape
        first = offset + each * np.arange(count)
        vertices.append(some.vertices.reshape(-1, 3))
        triangles.append((some.topology.triangles + first[:, None, None]).reshape(-1, 3))
        objects.append(np.repeat(some.objects, len(some.topology.triangles)))
        offset += count * each
    tensor = o3d.core.Tensor
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(
        tensor(np.concatenate(vertices).astype(np.float32)), tensor(np.concatenate(triangles).astype(np.uint32))
    )
    fx, fy, cx, cy = pinhole(device.model)
    corner_based = np.array([[fx, 0, cx + 0.5], [0, fy, cy + 0.5], [0, 0, 1]])
    optical_from_map = np.linalg.inv(optical_pose(device.pose))
    size = device.model.width, device.model.height
    hits = scene.cast_rays(scene.create_rays_pinhole(tensor(corner_based), tensor(optical_from_map), *size), nthreads=1)
    depth, triangle = hits["t_hit"].numpy(), hits["primitive_ids"].numpy()
    found = np.isfinite(depth)
    return depth, np.where(found, np.concatenate(objects)[np.where(found, triangle, 0)], NOTHING)


def everything(scene: Scene, everybody: People) -> list[Shapes]:
    """All that stands, rests and moves."""
    return [rester.shapes for rester in scene.resters] + scene.moving(everybody)


def agreement(depth: np.ndarray, expected: np.ndarray) -> float:
    """Share of pixels within 1 mm, or empty in both."""
    with np.errstate(invalid="ignore"):
        return float(np.mean((np.abs(depth - expected) < 1e-3) | (np.isinf(depth) & np.isinf(expected))))


def test_pixels_are_those_of_open3d(store: Store, stock: list[Resting]) -> None:
    scene = Scene(store)
    everybody = random_people(store, 6, seed=3)
    oblique = [depth_sensor(device.pose, 320, 240, 1.4) for device in store.cameras]
    close = depth_sensor(Mount(2.0, 2.0, 1.85, 0.1, 1.2, 0.7), 320, 240, 1.9)
    for device in (*store.depth_sensors, *oblique, close):
        depth, ids = renderer(scene, device).exact(everybody, stock, 1)
        expected_depth, expected_ids = cast(everything(scene, everybody), device)
        assert agreement(depth, expected_depth) >= 0.999
        assert np.mean(ids == expected_ids) >= 0.995  # coplanar things may swap
        kinds = {int(kind) for kind in np.unique(ids[ids >= 0] // meshes.PEOPLE)}
        assert meshes.PIECES // meshes.PEOPLE in kinds


def test_a_person_hides_the_still_background(store: Store, stock: list[Resting]) -> None:
    sensor = store.depth_sensors[0]
    shopper = people([(sensor.pose.x, sensor.pose.y, 0.0, 1.8)])
    nobody = people([])
    view = renderer(Scene(store), sensor)
    empty, _ = view.exact(nobody, stock, 1)
    full, ids = view.exact(shopper, stock, 1)
    person = ids == meshes.PEOPLE
    assert person.mean() > 0.005
    assert (full[person] < empty[person]).all()
    assert (full[~person] == empty[~person]).all()
    assert full[person].min() == pytest.approx(sensor.pose.z - 0.935 * 1.8 - 0.116, abs=0.01)  # crown of the head
    assert (view.exact(nobody, stock, 1)[0] == empty).all()


def test_goods_come_go_and_move_in_the_background(store: Store, stock: list[Resting]) -> None:
    """Redrawing where goods changed gives what drawing everything anew gives."""
    nobody = people([])
    draw_ = np.random.default_rng(5)
    scene = Scene(store)
    devices = [*store.depth_sensors, *(depth_sensor(device.pose, 320, 240, 1.4) for device in store.cameras)]
    views = [renderer(scene, device) for device in devices]
    now = list(stock)
    away: list[Resting] = []
    for revision in range(1, 12):
        for view in views[revision % 3 :]:
            assert (view.exact(nobody, now, revision)[0] == view.exact(nobody, now, revision)[0]).all()
        away.append(now.pop(int(draw_.integers(len(now)))))
        moved = int(draw_.integers(len(now)))
        now[moved] = Resting(now[moved].piece, "", (*draw_.uniform(1, 4, 2), 0.0), 0.5)
        if revision % 3 == 0:
            now.append(away.pop(0))
    for view, device in zip(views, devices, strict=True):
        fresh = renderer(Scene(store), device).exact(nobody, now, 1)[0]
        assert (view.exact(nobody, now, 99)[0] == fresh).all()
        assert (view.exact(nobody, stock, 100)[0] != fresh).any()


def test_carried_goods_are_seen_and_goods_in_a_bag_are_not(store: Store) -> None:
    sensor = store.depth_sensors[0]
    milk = Piece(7, "MILK", 1.0, (0.08, 0.08, 0.2))
    places = [(sensor.pose.x, sensor.pose.y, 0.0, 1.7)]
    view = renderer(Scene(store), sensor)
    _, held = view.exact(people(places, (Carried(milk, 0, Place.RIGHT_HAND),)), [], 1)
    _, bagged = view.exact(people(places, (Carried(milk, 0, Place.BAG),)), [], 1)
    _, bare = view.exact(people(places), [], 1)
    assert (held == meshes.PIECES + 7).any()
    assert not (bagged == meshes.PIECES + 7).any()
    assert (bagged == meshes.PEOPLE).sum() > (bare == meshes.PEOPLE).sum()


def test_many_goods_in_a_hand_are_an_armful_and_no_tower(store: Store) -> None:
    (x, y), tall = store.depth_sensors[0].pose[:2], 1.7
    milk = [Carried(Piece(number, "MILK", 1.0, (0.08, 0.08, 0.2)), 0, Place.LEFT_HAND) for number in range(8)]
    crowd = people([(x, y, 0.0, tall)], tuple(milk))
    palettes = {"MILK": np.zeros((6, 3), np.float32)}
    goods = np.concatenate([shapes.vertices for shapes in meshes.carried(crowd, milk, palettes)])
    low, high = goods.min(axis=1), goods.max(axis=1)
    assert high[:, 2].max() < 0.85 * tall
    middle = (low + high) / 2
    apart = np.abs(middle[:, None] - middle) + 1e-6 >= (high - low)[0]
    assert apart.any(axis=2)[~np.eye(8, dtype=bool)].all()


@pytest.mark.parametrize("nearer", [0.0, 0.5])
def test_triangles_through_the_image_plane_are_clipped(nearer: float) -> None:
    """A floor that reaches behind a sensor that looks along it fills the lower half of its image."""
    device = depth_sensor(Mount(0, 0, 1.0 - nearer, 0, 0, 0), 80, 60)
    view = View(device)
    corners = np.array([[[-50.0, -80, 0], [90, -80, 0], [90, 80, 0], [-50, 80, 0]]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    inverse, values = np.zeros((60, 80), np.float32), np.full((60, 80), -1, np.int32)
    draw(corners, triangles, np.array([[3, 4]], np.int32), False, view, view.whole, inverse, values)
    _, fy, _, cy = pinhole(device.model)
    below = (np.arange(60) - cy) / fy / (1.0 - nearer)
    expected = np.where(below > 1 / 90, below, 0)
    np.testing.assert_allclose(inverse, np.broadcast_to(expected[:, None], inverse.shape), rtol=1e-5)
    assert ((values >= 0) == (inverse > 0)).all()


def test_a_head_at_the_sensor_is_cut_open_not_lost(store: Store) -> None:
    """Someone whose head reaches behind the near plane still fills the image."""
    pose = Mount(2.5, 2.5, 1.75, 0, math.pi / 2, 0)
    shopper = people([(2.5, 2.5, 0.0, 1.8)])
    depth, ids = renderer(Scene(store), depth_sensor(pose)).exact(shopper, [], 1)
    expected, _ = cast(Scene(store).moving(shopper), depth_sensor(pose))
    assert (ids == meshes.PEOPLE).mean() > 0.9
    assert agreement(depth, expected) >= 0.99


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 3.0), st.floats(-0.6, 1.57), st.floats(-3.1, 3.1))
def test_culling_does_not_change_the_picture(seed: int, z: float, pitch: float, yaw: float) -> None:
    """Whatever bounding spheres leave out would not have been drawn."""
    rng = np.random.default_rng(seed)
    view = View(depth_sensor(Mount(0.0, 0.0, z, 0.2, pitch, yaw), 80, 60))
    position = rng.uniform(-4, 4, (60, 3))
    size, objects = rng.uniform(0.05, 1.0, (60, 3)), np.arange(60, dtype=np.int32)
    blocks = meshes.place(
        meshes.BLOCK, position, rng.uniform(-3, 3, 60), size, objects, np.zeros((60, 1, 3), np.float32)
    )
    centres, radii = meshes.spheres(blocks.vertices)
    seen = reaching(view.planes(view.whole), centres, radii)
    pictures = []
    for some in (blocks, blocks.take(seen)):
        inverse, values = np.zeros((60, 80), np.float32), np.full((60, 80), -1, np.int32)
        triangle_values = np.repeat(some.objects[:, None], 12, axis=1)
        draw(some.vertices, some.topology.triangles, triangle_values, True, view, view.whole, inverse, values)
        pictures.append((inverse, values))
    assert (pictures[0][0] == pictures[1][0]).all()
    assert (pictures[0][1] == pictures[1][1]).all()
    for i in range(60):
        window = view.window_of(centres[i], float(radii[i]))
        rows, columns = np.nonzero(pictures[0][1] == i)
        if len(rows):
            assert window.top <= rows.min() and rows.max() < window.bottom
            assert window.left <= columns.min() and columns.max() < window.right


@pytest.mark.parametrize("shape", ["packet", "bottle", "block", "person"])
def test_surfaces_are_closed_and_face_outwards(shape: str) -> None:
    """The sides that are skipped as far sides are the right ones."""
    one, none = np.ones(1), np.zeros((1, 3))
    prisms = {"packet": meshes.PACKET, "bottle": meshes.BOTTLE, "block": meshes.BLOCK}
    if shape == "person":
        rice = Carried(Piece(1, "RICE", 0.5, (0.1, 0.1, 0.1)), 0, Place.BAG)
        found = meshes.bodies(people([(0.0, 0.0, 1.0, 1.7)], (rice,)), np.arange(1), np.zeros((1, 6, 3), np.float32))
    else:
        palette = np.zeros((1, 2, 3), np.float32)
        found = meshes.place(prisms[shape], none, one, np.ones((1, 3)), np.zeros(1, np.int32), palette)
    edges: dict[tuple[int, int], int] = {}
    for a, b, c in found.topology.triangles.tolist():
        for edge in ((a, b), (b, c), (c, a)):
            edges[edge] = edges.get(edge, 0) + 1
    assert all(count == 1 and edges.get((b, a)) == 1 for (a, b), count in edges.items())
    assert volumes(found.topology, found.vertices[0]).min() > 0


def volumes(topology: Topology, vertices: np.ndarray) -> np.ndarray:
    """Signed volume of each connected part."""
    part = np.arange(len(vertices))
    for _ in range(len(vertices)):
        least = part[topology.triangles].min(axis=1)
        before = part.copy()
        for corner in range(3):
            np.minimum.at(part, topology.triangles[:, corner], least)
        if (part == before).all():
            break
    a, b, c = (vertices[topology.triangles[:, corner]] for corner in range(3))
    signed = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    return np.array([signed[part[topology.triangles[:, 0]] == i].sum() for i in np.unique(part)])


def test_a_concave_floor_has_a_hole_where_there_is_none(store: Store) -> None:
    corners = [(0, 0), (4, 0), (4, 4), (2, 4), (2, 2), (0, 2)]
    l_shaped = store.model_copy(update={"floor": corners, "fixtures": ()})
    sensor = depth_sensor(Mount(2.0, 2.0, 3.0, 0, math.pi / 2, math.pi / 2), 161, 121)
    depth, _ = renderer(Scene(l_shaped), sensor).exact(people([]), [], 1)
    fx, _, cx, cy = pinhole(sensor.model)
    inside = [(1, 1), (3, 1), (3, 3), (2.1, 3.9), (0.1, 1.9)]
    outside = [(1, 3), (1.9, 2.1), (0.1, 3.9), (4.2, 1.0)]
    for points, expected in ((inside, 3.0), (outside, math.inf)):
        for x, y in points:
            assert depth[round(cy - (y - 2) / 3 * fx), round(cx + (x - 2) / 3 * fx)] == pytest.approx(expected)
    floor = meshes.floor(corners)
    a, b, c = np.moveaxis(floor.vertices[0, floor.topology.triangles], 1, 0)
    assert np.cross(b - a, c - a)[:, 2].sum() / 2 == pytest.approx(12.0)


def test_a_kiosk_and_a_fixture_without_size_are_seen(store: Store) -> None:
    bare = store.fixtures[0].model_copy(update={"size": None})
    size = type(store.fixtures[0].size)(0.5, 0.4, 1.2)
    kiosk = bare.model_copy(update={"fixture_id": "k", "kind": "kiosk", "shelves": (), "size": size})
    kiosk = kiosk.model_copy(update={"pose": kiosk.pose._replace(x=3.0, y=3.0, yaw=0.0)})
    scene = Scene(store.model_copy(update={"fixtures": (bare, kiosk)}))
    sensor = depth_sensor(Mount(2.0, 2.5, 3.0, 0, math.pi / 2, 0), 320, 240, 1.9)
    depth, ids = renderer(scene, sensor).exact(people([]), [], 1)
    assert (ids == meshes.FIXTURES).any()
    assert depth[ids == meshes.FIXTURES + 1].min() == pytest.approx(1.8)


def test_the_optical_frame_follows_the_mount() -> None:
    """Straight down: +x of the map is up in the image, so -y of the optical frame."""
    pose = optical_pose(DOWN)
    np.testing.assert_allclose(pose @ [0, 0, 1, 1], [0, 0, 2, 1], atol=1e-12)
    np.testing.assert_allclose(pose @ [0, -1, 0, 1], [1, 0, 3, 1], atol=1e-12)
    np.testing.assert_allclose(pose @ [1, 0, 0, 1], [0, -1, 3, 1], atol=1e-12)
    info = camera_info("corner", camera(DOWN))
    assert (info.width, info.height, info.cx, info.cy) == (640, 480, 319.5, 239.5)
    assert info.fx == info.fy == pytest.approx(320 / math.tan(0.7))
    assert info.frame_id == "corner/c01_optical_frame"


def test_nobody_and_nothing_can_be_drawn(store: Store) -> None:
    nobody: People = people([])
    depth, ids = renderer(Scene(store.model_copy(update={"fixtures": ()})), depth_sensor(DOWN)).exact(nobody, [], 1)
    assert set(np.unique(ids)) <= {NOTHING, meshes.FLOOR}
    assert np.isfinite(depth[ids == meshes.FLOOR]).all()
