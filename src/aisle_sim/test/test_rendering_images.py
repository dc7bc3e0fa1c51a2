"""The errors of simulated images are those of ``DepthParams`` and ``ColorParams``."""

import math
from pathlib import Path

import numpy as np
import pytest

from aisle_core.store import Mount, Store, load_store
from aisle_sim.physical import Piece, Resting
from aisle_sim.rendering import meshes
from aisle_sim.rendering.color_image import ColorRenderer
from aisle_sim.rendering.depth_image import DepthRenderer
from aisle_sim.rendering.params import ColorParams, DepthParams
from aisle_sim.rendering.scene import Scene

from .rendering_world import camera, depth_sensor, goods, people, random_people

SITES = Path(__file__).resolve().parents[3] / "config" / "stores"
PERFECT = DepthParams(
    noise_stddev=0,
    noise_growth=0,
    lateral_stddev=0,
    scale_stddev=0,
    baseline=0,
    edge_invalid=0,
    grazing_from=1.57,
    grazing_to=1.5708,
    invalid=0,
)


@pytest.fixture(scope="module")
def store() -> Store:
    return load_store(SITES / "corner")


@pytest.fixture(scope="module")
def bare(store: Store) -> Scene:
    """A wide floor and nothing else."""
    return Scene(store.model_copy(update={"floor": [(-9, -9), (9, -9), (9, 9), (-9, 9)], "fixtures": ()}))


def down(z: float) -> Mount:
    return Mount(0.0, 0.0, z, 0.0, math.pi / 2, 0.0)


def frames(scene: Scene, height: float, params: DepthParams, count: int = 12, seed: int = 1) -> np.ndarray:
    """Images [mm] of a floor at ``height`` below the sensor."""
    view = DepthRenderer(scene, depth_sensor(down(height)), params, np.random.default_rng(seed))
    return np.array([view.render(people([], stamp_ns=i), (), 1).pixels for i in range(count)], float)


def test_a_perfect_sensor_rounds_to_millimetres(store: Store) -> None:
    sensor, scene, stock = store.depth_sensors[0], Scene(store), goods(store)
    everybody = random_people(store, 5, 1, stamp_ns=7)
    view = DepthRenderer(scene, sensor, PERFECT, np.random.default_rng(0))
    depth, _ = view.exact(everybody, stock, 1)
    image = view.render(everybody, stock, 1)
    assert (image.stamp_ns, image.frame_id, image.encoding) == (7, f"{store.store_id}/d01_optical_frame", "16UC1")
    assert image.pixels.dtype == np.uint16
    near = np.isfinite(depth) & (depth >= sensor.model.min_range) & (depth <= sensor.model.max_range)
    assert np.abs(image.pixels[near] / 1e3 - depth[near]).max() < 0.00051
    assert (image.pixels[~near] == 0).all()


@pytest.mark.parametrize("height", [0.8, 1.5, 3.0, 4.5])
def test_noise_grows_with_distance_as_the_model_says(bare: Scene, height: float) -> None:
    params = PERFECT.model_copy(update={"noise_stddev": 0.0012, "noise_growth": 0.0019})
    depth = frames(bare, height, params) / 1e3
    expected = 0.0012 + 0.0019 * (height - 0.4) ** 2
    rounding = 0.001 / math.sqrt(12)
    assert depth.std() == pytest.approx(math.hypot(expected, rounding), rel=0.05)
    assert depth.mean() == pytest.approx(height, abs=4 * expected / math.sqrt(depth.size) + 5e-4)


def test_noise_of_frames_and_of_distant_pixels_is_independent(bare: Scene) -> None:
    depth = frames(bare, 3.0, PERFECT.model_copy(update={"noise_growth": 0.0019}), count=30)
    error = (depth - depth.mean()) / depth.std()
    between = np.corrcoef(error.reshape(len(error), -1)) - np.eye(len(error))
    assert np.abs(between).max() < 0.05
    assert abs(np.mean(error[:, :, :-1] * error[:, :, 1:])) > 0.1  # neighbours are alike
    assert abs(np.mean(error[:, :, :-10] * error[:, :, 10:])) < 0.05


def test_devices_differ_in_scale_for_good(bare: Scene) -> None:
    params = PERFECT.model_copy(update={"scale_stddev": 0.007})
    factors = np.array([frames(bare, 3.0, params, 2, seed).mean(axis=(1, 2)) / 3e3 for seed in range(60)])
    assert (factors[:, 0] == factors[:, 1]).all()
    assert np.std(factors[:, 0]) == pytest.approx(0.007, rel=0.3)


def test_readings_are_lost_at_random_at_edges_and_in_the_second_view(bare: Scene) -> None:
    assert (frames(bare, 3.0, PERFECT) > 0).all()
    lost = np.mean(frames(bare, 3.0, PERFECT.model_copy(update={"invalid": 0.01}), 30) == 0)
    assert lost == pytest.approx(0.01, rel=0.15)

    block = [Resting(Piece(1, "BOX", 1.0, (1.0, 1.0, 1.0)), "", (0.0, 0.0, 0.0), 0.0)]
    sensor = depth_sensor(down(3.0))

    def image(params: DepthParams) -> np.ndarray:
        return DepthRenderer(bare, sensor, params, np.random.default_rng(0)).render(people([]), block, 2).pixels

    complete = image(PERFECT)
    assert (complete > 0).all()
    high = complete == complete.min()
    columns = np.flatnonzero(high.any(axis=0))
    edgy = image(PERFECT.model_copy(update={"edge_invalid": 1.0})) == 0
    inner = np.zeros_like(high)
    inner[1:-1, 1:-1] = high[1:-1, 1:-1] & high[:-2, 1:-1] & high[2:, 1:-1] & high[1:-1, :-2] & high[1:-1, 2:]
    assert (edgy[high] == ~inner[high]).all()
    assert not edgy[:, : columns[0] - 1].any() and not edgy[:, columns[-1] + 2 :].any()

    shadow = image(PERFECT.model_copy(update={"baseline": 0.2})) == 0
    fx = 80 / math.tan(0.75)
    width = 0.2 * fx * (1 / 2.0 - 1 / 3.0)
    row = shadow[60]
    assert set(np.flatnonzero(row)) <= set(range(columns[0] - math.ceil(width), columns[0]))
    assert abs(row.sum() - width) <= 1


def test_grazing_readings_are_lost(bare: Scene) -> None:
    """A sensor that looks along the floor sees the near floor and loses the far one."""
    params = PERFECT.model_copy(update={"grazing_from": 1.0, "grazing_to": 1.2})
    sensor = depth_sensor(Mount(0.0, 0.0, 1.5, 0.0, 0.4, 0.0), 160, 120, 1.2)
    view = DepthRenderer(bare, sensor, params, np.random.default_rng(0))
    depth, _ = view.exact(people([]), [], 1)
    pixels = view.render(people([]), [], 1).pixels
    fx, cx, cy = 80 / math.tan(0.6), 79.5, 59.5
    columns, rows = np.meshgrid(np.arange(160), np.arange(120))
    ray = np.sqrt(((columns - cx) / fx) ** 2 + ((rows - cy) / fx) ** 2 + 1)
    angle = np.arccos(np.clip(1.5 / (depth * ray), 0, 1))
    seen = np.isfinite(depth) & (depth > 0.3) & (depth < 6.0)
    seen[:, [0, -1]] = False
    assert (pixels[seen & (angle < 0.99)] > 0).all()
    assert (pixels[seen & (angle > 1.21)] == 0).all()
    assert 0.1 < np.mean(pixels[seen & (angle > 1.05) & (angle < 1.15)] == 0) < 0.9


def test_disparity_steps(bare: Scene) -> None:
    step = 0.01
    depth = frames(bare, 3.0, DepthParams(inverse_depth_step=step, invalid=0)) / 1e3
    steps = 1 / depth[depth > 0] / step
    assert np.abs(steps - np.round(steps)).max() < 1e-3 / 9 / step
    assert len(np.unique(depth)) < 20


def test_lateral_noise_frays_edges(bare: Scene) -> None:
    block = [Resting(Piece(1, "BOX", 1.0, (1.0, 1.0, 1.0)), "", (0.0, 0.0, 0.0), 0.0)]
    clean, frayed = (
        DepthRenderer(
            bare,
            depth_sensor(down(3.0)),
            PERFECT.model_copy(update={"lateral_stddev": angle}),
            np.random.default_rng(0),
        )
        .render(people([]), block, 3)
        .pixels
        for angle in (0.0, 0.01)
    )
    changed = clean != frayed
    assert 0 < changed.mean() < 0.05
    assert set(np.unique(frayed)) == set(np.unique(clean))


def test_same_seed_same_pixels_whatever_was_rendered_before(store: Store) -> None:
    stock, scene = goods(store), Scene(store)
    for device, kind, params in (
        (store.depth_sensors[0], DepthRenderer, DepthParams()),
        (store.cameras[0], ColorRenderer, ColorParams()),
    ):
        first, again, other = (kind(scene, device, params, np.random.default_rng(seed)) for seed in (4, 4, 5))
        early, late = random_people(store, 4, 1, stamp_ns=10**9), random_people(store, 4, 1, stamp_ns=2 * 10**9)
        expected = first.render(late, stock, 1).pixels
        again.render(early, stock, 1)
        assert (again.render(late, stock, 1).pixels == expected).all()
        assert (first.render(early, stock, 1).pixels != expected).any()
        assert (other.render(late, stock, 1).pixels != expected).any()


def test_products_have_colours_of_their_own() -> None:
    palettes = [meshes.sku_palette(f"SKU-{i}") for i in range(300)]
    assert (meshes.sku_palette("SKU-7") == palettes[7]).all()
    flat = np.array(palettes).reshape(300, 6)
    distance = np.abs(flat[:, None] - flat[None]).max(axis=2) + 1e9 * np.eye(300)
    assert np.mean(distance.min(axis=1) > 12) > 0.95


def test_colour_images_show_goods_in_their_colours(store: Store) -> None:
    quiet = ColorParams(read_noise=0, shot_gain=0, white_balance_stddev=0)
    piece = Piece(1, "COLA", 0.3, (0.6, 0.5, 0.4))
    view = ColorRenderer(Scene(store), camera(Mount(2.5, 2.5, 3.0, 0, 1.5708, 0)), quiet, np.random.default_rng(0))
    image = view.render(people([]), [Resting(piece, "", (2.5, 2.5, 0.0), 0.0)], 1)
    assert (image.encoding, image.pixels.shape, image.pixels.dtype) == ("bgr8", (480, 640, 3), np.uint8)
    seen, body = image.pixels[240, 320].astype(float), meshes.sku_palette("COLA")[0]
    np.testing.assert_allclose(seen / seen.sum(), body / body.sum(), atol=0.01)
    gone = view.render(people([]), [], 2)
    assert np.ptp(gone.pixels[240, 320].astype(int)) < 20  # the grey floor


def test_colour_noise_and_white_balance(store: Store) -> None:
    device, scene = camera(Mount(2.5, 2.5, 3.0, 0, 1.5708, 0), 320, 240, 0.3), Scene(store)

    def floor_levels(**params: object) -> np.ndarray:
        view = ColorRenderer(scene, device, ColorParams(white_balance_stddev=0, **params), np.random.default_rng(0))
        pixels = view.render(people([]), [], 1).pixels.astype(float)
        tile = pixels[:, :, 1] > pixels[:, :, 1].mean()
        return pixels[tile]

    clean = floor_levels(read_noise=0, shot_gain=0)
    noisy = floor_levels(read_noise=2.0, shot_gain=0.05)
    warm = floor_levels(read_noise=0, shot_gain=0, white_balance=(0.8, 1.0, 1.2))
    assert (clean == clean[0]).all()
    one_tile = floor_levels(read_noise=0, shot_gain=0)[0]
    np.testing.assert_allclose(warm[0], np.minimum(one_tile * [0.8, 1.0, 1.2], 255), atol=1)
    assert noisy.std(axis=0).max() < 1.3 * math.sqrt(4 + 0.05 * one_tile.max())
