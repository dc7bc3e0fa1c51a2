"""What a depth and a colour frame of the simulated market cost, beside Open3D's RaycastingScene on the same triangles.

    ./aisle bench rendering [--frames 40] [--pictures docs/pictures]

Prints Markdown tables of CPU time of one core; docs hold the pictures.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aisle_core.store import DepthSensor, Mount, Store, load_store
from aisle_core.store.frames import optical_pose
from aisle_sim.physical import Carried, People, Piece, Place, Resting
from aisle_sim.rendering.color_image import ColorRenderer
from aisle_sim.rendering.depth_image import DepthRenderer
from aisle_sim.rendering.meshes import Shapes
from aisle_sim.rendering.params import ColorParams, DepthParams
from aisle_sim.rendering.pinhole import pinhole
from aisle_sim.rendering.scene import Scene

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src" / "aisle_sim" / "test"))
from rendering_world import camera, depth_sensor, goods, people, random_people

MARKET = Path(__file__).resolve().parents[2] / "config" / "stores" / "market"
EQUAL = 1e-3
"""Depths that differ by less are equal [m]."""


def cost_ms(work: Callable[[int], object], frames: int) -> float:
    """CPU time of one call, after one that is not counted."""
    work(0)
    begin = time.process_time()
    for i in range(frames):
        work(i)
    return (time.process_time() - begin) / frames * 1e3


class Raycaster:
    """Open3D on the same triangles."""

    def __init__(self, scene: Scene, device: DepthSensor) -> None:
        import open3d

        self._o3d = open3d
        still = self.scene_of([rester.shapes for rester in scene.resters])
        fx, fy, cx, cy = pinhole(device.model)
        tensor, size = open3d.core.Tensor, (device.model.width, device.model.height)
        corner_based = tensor(np.array([[fx, 0, cx + 0.5], [0, fy, cy + 0.5], [0, 0, 1]]))
        self._rays = still.create_rays_pinhole(corner_based, tensor(np.linalg.inv(optical_pose(device.pose))), *size)

    def scene_of(self, shapes: list[Shapes]):
        """A scene of its own for some shapes."""
        found = self._o3d.t.geometry.RaycastingScene(nthreads=1)
        for some in shapes:
            count, each, _ = some.vertices.shape
            if count:
                corners = some.topology.triangles + (each * np.arange(count))[:, None, None]
                found.add_triangles(
                    self._o3d.core.Tensor(some.vertices.reshape(-1, 3).astype(np.float32)),
                    self._o3d.core.Tensor(corners.reshape(-1, 3).astype(np.uint32)),
                )
        return found

    def cast(self, scene) -> np.ndarray:
        """Depth (h, w) [m]."""
        return scene.cast_rays(self._rays, nthreads=1)["t_hit"].numpy()

    def frame(self, still: np.ndarray, moving: list[Shapes]) -> np.ndarray:
        """Depth of moving shapes, in a scene made anew, over an image of the still ones."""
        return np.minimum(still, self.cast(self.scene_of(moving)))


def compare(scene: Scene, device: DepthSensor, movers: list[People], stock: list[Resting], frames: int) -> str:
    """One row: our cost, that of Open3D, and how many pixels are equal."""
    ours = DepthRenderer(scene, device, DepthParams(), np.random.default_rng(0))
    exact = cost_ms(lambda i: ours.exact(movers[i % len(movers)], stock, 1), frames)
    noisy = cost_ms(lambda i: ours.render(movers[i % len(movers)], stock, 1), frames)
    theirs = Raycaster(scene, device)
    resting = [rester.shapes for rester in scene.resters]
    everything = theirs.scene_of(resting + scene.moving(movers[0]))
    full = cost_ms(lambda _: theirs.cast(everything), max(3, frames // 8))
    still = theirs.cast(theirs.scene_of(resting))
    cached = cost_ms(lambda i: theirs.frame(still, scene.moving(movers[i % len(movers)])), max(3, frames // 8))
    equal = []
    for everybody in movers[:5]:
        depth, expected = ours.exact(everybody, stock, 1)[0], theirs.frame(still, scene.moving(everybody))
        with np.errstate(invalid="ignore"):
            equal.append((np.abs(depth - expected) < EQUAL) | (np.isinf(depth) & np.isinf(expected)))
    return (
        f"| {device.model.width}x{device.model.height} | {exact:.2f} | {noisy:.2f} | {full:.1f} | {cached:.1f} "
        f"| {full / exact:.0f} | {cached / exact:.0f} | {np.mean(equal):.4%} |"
    )


def report(store: Store, frames: int) -> None:
    """Tables of one sensor, of all sensors of the site, and of a camera."""
    scene, stock = Scene(store), goods(store)
    movers = [random_people(store, 10, seed, stamp_ns=seed * 100_000_000) for seed in range(10)]
    sensor = store.depth_sensors[len(store.depth_sensors) // 2]
    print(f"\nSite {store.store_id}, {len(stock)} pieces on {len(store.plates)} plates, 10 people; CPU ms a frame:\n")
    print(
        "| depth | exact | noisy | Open3D: everything | Open3D: people over an image | ratio | ratio | equal pixels |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for pose, width, height in (
        (sensor.pose, 160, 120),
        (sensor.pose, 320, 240),
        (store.cameras[3].pose, 320, 240),
        (sensor.pose, 640, 480),
    ):
        print(compare(scene, depth_sensor(pose, width, height, 1.5), movers, stock, frames))

    triangles = sum(len(some.shapes.objects) * len(some.shapes.topology.triangles) for some in scene.resters)
    views = [
        DepthRenderer(scene, device, DepthParams(), np.random.default_rng(i))
        for i, device in enumerate(store.depth_sensors)
    ]
    begin = time.process_time()
    for view in views:
        view.render(movers[0], stock, 1)
    first = (time.process_time() - begin) / len(views) * 1e3
    each = cost_ms(lambda i: [view.render(movers[i % len(movers)], stock, 1) for view in views], frames) / len(views)
    changing = []
    for revision in range(2, 2 + frames):
        fewer = stock[: -(revision % 2) or None]
        begin = time.process_time()
        for view in views:
            view.render(movers[0], fewer, revision)
        changing.append((time.process_time() - begin) * 1e3)
    extra = max(0.0, float(np.median(changing)) - each * len(views))
    print(f"\nAll {len(views)} depth sensors of the site, noisy: {each:.2f} ms a frame.")
    print(f"The first frame draws {triangles} still triangles: {first:.1f} ms a sensor.")
    print(f"One piece that comes or goes: {extra:.1f} ms for all sensors together.")
    eye = ColorRenderer(scene, store.cameras[3], ColorParams(), np.random.default_rng(0))
    color = cost_ms(lambda i: eye.render(movers[i % len(movers)], stock, 1), frames)
    model = store.cameras[3].model
    print(f"Colour {model.width}x{model.height}: {color:.1f} ms a frame.")


def shopping(store: Store) -> People:
    """People in the middle aisle of the market, picking, walking, with a child and a bag."""
    juice, rice = Piece(900_000, "A", 1.0, (0.08, 0.08, 0.22)), Piece(900_001, "B", 0.5, (0.12, 0.07, 0.18))
    places = [
        (4.28, 4.3, math.pi, 1.78),
        (5.65, 5.0, 0.1, 1.66),
        (5.1, 4.0, -1.4, 1.86),
        (4.75, 3.6, -1.5, 1.18),
        (4.6, 6.4, 1.5, 1.72),
        (5.4, 7.4, 2.6, 1.6),
    ]
    carried = (Carried(juice, 2, Place.RIGHT_HAND), Carried(rice, 2, Place.BAG), Carried(rice, 1, Place.RIGHT_HAND))
    return people(places, carried, stamp_ns=1_000_000_000)


def draw_pictures(store: Store, folder: Path) -> None:
    """A depth image in false colours and a colour image."""
    import cv2
    import matplotlib.pyplot as plt

    scene, stock, everybody = Scene(store), goods(store), shopping(store)
    middle = np.array([5.0, 4.4])
    sensor = min(store.depth_sensors, key=lambda device: float(np.hypot(*(np.array(device.pose[:2]) - middle))))
    depth = DepthRenderer(scene, sensor, DepthParams(), np.random.default_rng(1)).render(everybody, stock, 1).pixels
    figure, axes = plt.subplots(figsize=(9, 6.2), layout="constrained")
    colours = plt.get_cmap("turbo_r").with_extremes(bad="black")
    shown = axes.imshow(np.ma.masked_equal(depth, 0) / 1e3, cmap=colours, vmin=1.0, vmax=sensor.pose.z + 0.1)
    axes.set_title(f"{sensor.device_id} of {store.store_id}, {depth.shape[1]} x {depth.shape[0]}; black: no reading")
    figure.colorbar(shown, label="depth along the axis [m]")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "depth_market.png", dpi=90)
    eye = camera(Mount(5.0, 1.9, 2.6, 0.0, 0.42, math.pi / 2), 640, 480, 1.25)
    image = ColorRenderer(scene, eye, ColorParams(), np.random.default_rng(1)).render(everybody, stock, 1)
    cv2.imwrite(str(folder / "color_market.jpg"), image.pixels)


def main(argv: list[str]) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="rendering", description="Cost and exactness of rendered images.")
    parser.add_argument("--frames", type=int, default=40, help="frames that are timed (default 40)")
    parser.add_argument("--pictures", type=Path, help="only draw the pictures of the docs into this folder")
    arguments = parser.parse_args(argv)
    store = load_store(MARKET)
    if arguments.pictures:
        draw_pictures(store, arguments.pictures)
    else:
        report(store, arguments.frames)
    return 0
