"""The static frames of a store under ``map``: fixtures and the optical frames of sensors (REP-103, REP-105)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .model import Camera, DepthSensor, Mount, Store

_BODY_OF_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Columns: the optical axes (x right, y down, z forward) in the body frame (x forward, y left, z up)."""


class Frame(NamedTuple):
    """One frame in map: position [m] and orientation (x, y, z, w)."""

    frame_id: str
    position: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]


def optical_frame(store_id: str, device_id: str) -> str:
    """Name of the frame in which a device's images are; it begins with the store's, so that two can share a tree."""
    return f"{store_id}/{device_id}_optical_frame"


def optical_pose(mount: Mount) -> NDArray[np.float64]:
    """(4, 4) map_T_optical: takes points in the sensor's optical frame to map."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", mount[3:]).as_matrix() @ _BODY_OF_OPTICAL
    pose[:3, 3] = mount[:3]
    return pose


def static_frames(store: Store) -> list[Frame]:
    """All of them, fixtures first."""
    fixtures = [
        Frame(
            f"{store.store_id}/{fixture.fixture_id}",
            fixture.pose[:3],
            _quaternion(Rotation.from_euler("z", fixture.pose.yaw)),
        )
        for fixture in store.fixtures
    ]
    devices: tuple[DepthSensor | Camera, ...] = (*store.depth_sensors, *store.cameras)
    sensors = [
        Frame(
            optical_frame(store.store_id, device.device_id),
            device.pose[:3],
            _quaternion(Rotation.from_matrix(optical_pose(device.pose)[:3, :3])),
        )
        for device in devices
    ]
    return fixtures + sensors


def _quaternion(rotation: Rotation) -> tuple[float, float, float, float]:
    x, y, z, w = (float(value) for value in rotation.as_quat())
    return x, y, z, w
