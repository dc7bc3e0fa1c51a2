"""Depth images of bodies made of ellipsoids and boxes over the floor and the fixtures of a small store."""

import pickle

import numpy as np

from aisle_core.depth import DepthPeople, DepthPeopleConfig
from aisle_core.depth.background import known_depth
from aisle_core.depth.view import View
from aisle_core.store import DepthModel, DepthSensor, Mount
from aisle_core.store.frames import optical_pose
from aisle_core.types import CameraInfo, Image

from .fusion_world import STORE, shipped

CONFIG = shipped(DepthPeopleConfig, "people_node", "people.depth")
MODEL = DepthModel(width=160, height=120, horizontal_fov=1.9, rate_hz=10.0, min_range=0.3, max_range=6.0)
SENSOR = DepthSensor(device_id="d1", zone="floor", model=MODEL, pose=Mount(0.5, -1.2, 3.0, 0.0, np.pi / 2, np.pi / 2))
PERIOD_NS = 100_000_000


def pinhole(width=MODEL.width, height=MODEL.height):
    focal = width / 2 / np.tan(MODEL.horizontal_fov / 2)
    return CameraInfo(0, "small/d1_optical_frame", width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


INFO = pinhole()


def ellipsoid(x, y, z, *radii):
    return "ellipsoid", np.array([x, y, z]), np.array(radii)


def box(x, y, z, *half):
    return "box", np.array([x, y, z]), np.array(half)


def person(x, y, height=1.75):
    """Head, torso with shoulders along x, and legs; breadths after Winter (2009)."""
    return [
        ellipsoid(x, y, height - 0.115, 0.085, 0.1, 0.115),
        ellipsoid(x, y, 0.66 * height, 0.13 * height, 0.075 * height, 0.19 * height),
        ellipsoid(x, y, 0.25 * height, 0.08 * height, 0.06 * height, 0.27 * height),
    ]


def arm(start, end, radius=0.045):
    return [ellipsoid(*point, radius, radius, radius) for point in np.linspace(start, end, 14)]


class Scene:
    """Images of a sensor, with its noise, as time goes on."""

    def __init__(self, info=INFO, seed=0, period_ns=PERIOD_NS):
        self.period_ns = period_ns
        self.info, self.rng, self.frame = info, np.random.default_rng(seed), 0
        self.view = View(info, optical_pose(SENSOR.pose))
        self.still = known_depth(STORE, self.view)[0]
        self._seen = None, None

    def image(self, *bodies, encoding="16UC1"):
        """While nobody moves, images differ by their noise only."""
        if self._seen[0] != (there := pickle.dumps(bodies)):
            self._seen = there, self._depth(bodies)
        depth = self._seen[1].copy()
        depth += (0.0012 + 0.0019 * (depth - 0.4) ** 2) * self.rng.standard_normal(depth.shape)
        depth[self.rng.random(depth.shape) < 0.005] = np.nan
        depth = depth.reshape(self.info.height, self.info.width)
        stamp_ns, self.frame = self.frame * self.period_ns, self.frame + 1
        if encoding == "32FC1":
            return Image(stamp_ns, self.info.frame_id, encoding, depth.astype(np.float32))
        return Image(stamp_ns, self.info.frame_id, encoding, np.nan_to_num(depth * 1000).astype(np.uint16))

    def _depth(self, bodies):
        rays, eye = self.view.rays.astype(float), self.view.eye.astype(float)
        depth = self.still.astype(float)
        for kind, middle, size in (part for body in bodies for part in body):
            start, way = (eye - middle) / size, rays / size[:, None]
            with np.errstate(invalid="ignore", divide="ignore"):
                if kind == "box":
                    sides = np.stack([(edge - start)[:, None] / way for edge in (-1.0, 1.0)])
                    near, far = sides.min(axis=0).max(axis=0), sides.max(axis=0).min(axis=0)
                    hit = np.where(near < far, near, np.inf)
                else:
                    a, b, c = (way**2).sum(axis=0), start @ way, start @ start - 1
                    hit = (-b - np.sqrt(b**2 - a * c)) / a
            depth = np.fmin(depth, hit)
        return depth


def stage():
    return DepthPeople(CONFIG, STORE, SENSOR)
