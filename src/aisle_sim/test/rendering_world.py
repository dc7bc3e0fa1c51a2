"""People and goods for the tests and the benchmark of the renderer."""

from __future__ import annotations

import math

import numpy as np

from aisle_core.store import Camera, CameraModel, DepthModel, DepthSensor, Mount, Store
from aisle_sim.physical import JOINTS, Carried, People, Piece, Place, Resting

# Forward, left and up as shares of the height, upright and reaching forward with the right arm.
_STANCE = {
    "head": (0.02, 0.0, 0.935),
    "neck": (0.0, 0.0, 0.845),
    "left_shoulder": (0.0, 0.115, 0.815),
    "right_shoulder": (0.0, -0.115, 0.815),
    "left_elbow": (-0.03, 0.13, 0.635),
    "right_elbow": (0.15, -0.13, 0.70),
    "left_hand": (0.06, 0.13, 0.50),
    "right_hand": (0.30, -0.10, 0.72),
    "pelvis": (0.0, 0.0, 0.53),
    "left_knee": (0.06, 0.05, 0.28),
    "right_knee": (-0.02, -0.05, 0.28),
    "left_foot": (0.07, 0.05, 0.04),
    "right_foot": (-0.10, -0.05, 0.05),
}


def people(
    places: list[tuple[float, float, float, float]], carried: tuple[Carried, ...] = (), stamp_ns: int = 0
) -> People:
    """People at x, y with a heading and a height, in mid-stride."""
    given = np.array(places, float).reshape(-1, 4)
    position, heading, height = given[:, :2], given[:, 2], given[:, 3]
    stance = np.array([_STANCE[name] for name in JOINTS])[None] * height[:, None, None]
    cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
    joints = np.stack(
        [
            position[:, :1] + cos * stance[..., 0] - sin * stance[..., 1],
            position[:, 1:] + sin * stance[..., 0] + cos * stance[..., 1],
            stance[..., 2],
        ],
        axis=2,
    )
    names = tuple(f"p{i:02d}" for i in range(len(given)))
    return People(stamp_ns, names, position, np.zeros_like(position), heading, height, joints, carried)


def random_people(store: Store, count: int, seed: int, stamp_ns: int = 0) -> People:
    """People anywhere inside the bounds of the floor, children too; every third has things."""
    draw = np.random.default_rng(seed)
    low, high = np.min(store.floor, axis=0), np.max(store.floor, axis=0)
    places = [
        (*draw.uniform(low, high), draw.uniform(-math.pi, math.pi), draw.choice([1.15, 1.6, 1.7, 1.8, 1.92]))
        for _ in range(count)
    ]
    carried = []
    for person in range(0, count, 3):
        piece = Piece(900_000 + person, "MILK", 1.0, (0.08, 0.08, 0.2))
        carried.append(Carried(piece, person, Place.RIGHT_HAND))
        carried.append(Carried(Piece(900_001 + person, "RICE", 0.5, (0.1, 0.06, 0.16)), person, Place.LEFT_HAND))
        carried.append(Carried(Piece(900_002 + person, "RICE", 0.5, (0.1, 0.06, 0.16)), person, Place.BAG))
    return people(places, tuple(carried), stamp_ns)


def goods(store: Store, seed: int = 0) -> list[Resting]:
    """Rows of pieces on every plate that has a facing."""
    draw = np.random.default_rng(seed)
    sizes: dict[str, tuple[float, float, float]] = {}
    found: list[Resting] = []
    for plate in store.plates.values():
        facings = store.facings_of(plate.plate_id)
        if not facings:
            continue
        sku = facings[0].sku
        if sku not in sizes:
            product = store.products[sku]
            width = draw.uniform(0.06, 0.11)
            depth = width if draw.random() < 0.5 else draw.uniform(0.05, 0.12)
            sizes[sku] = tuple(product.size) if product.size else (width, depth, draw.uniform(0.1, 0.28))
        width, depth, height = sizes[sku]
        height = min(height, plate.size.height - 0.02)
        cos, sin = math.cos(plate.yaw), math.sin(plate.yaw)
        for i in range(max(1, int(plate.size.width / (width + 0.015)))):
            for j in range(max(1, int(plate.size.depth / (depth + 0.02)))):
                if draw.random() < 0.2:
                    continue
                x = -plate.size.width / 2 + (i + 0.5) * (width + 0.015)
                y = -plate.size.depth / 2 + (j + 0.5) * (depth + 0.02)
                at = (plate.centre.x + cos * x - sin * y, plate.centre.y + sin * x + cos * y, plate.centre.z)
                piece = Piece(len(found), sku, 0.5, (width, depth, height))
                found.append(Resting(piece, plate.plate_id, at, plate.yaw))
    return found


def depth_sensor(pose: Mount, width: int = 160, height: int = 120, fov: float = 1.5) -> DepthSensor:
    """A depth sensor."""
    model = DepthModel(width=width, height=height, horizontal_fov=fov, rate_hz=10, min_range=0.3, max_range=6.0)
    return DepthSensor(device_id="d01", zone="shop", model=model, pose=pose)


def camera(pose: Mount, width: int = 640, height: int = 480, fov: float = 1.4) -> Camera:
    """A colour camera."""
    model = CameraModel(width=width, height=height, horizontal_fov=fov, rate_hz=15)
    return Camera(device_id="c01", zone="shop", model=model, pose=pose)
