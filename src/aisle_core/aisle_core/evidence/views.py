"""Which pixels of a camera look at the goods of which plate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..store import Camera, Store
from ..store.coverage import body
from ..store.frames import optical_pose
from ..store.geometry import axes_of
from ..types import Hand, PersonTrack, Point

Floats = NDArray[np.float64]
_NEAR = 0.05
"""Least distance of what is projected [m]."""
_OVER_GOODS = 0.02
"""Goods stand askew and lean: their box is so much higher [m]."""
_HEAD_HEIGHT, _HIP_HEIGHT, _NECK = 1.7, 1.0, 0.25
"""Of a standing adult [m]; shoulders are so far below the head's middle."""
_BODY, _HEAD, _HAND = 0.32, 0.2, 0.13
"""Radii that cover a body with clothes, a head or shoulder, and a hand with what it holds [m]."""
_HIPS_WITH_BAG = 0.45
"""Radius around the hips that covers a bag on either side, 0.15 m thick and 0.35 m long [m]."""
_ALONG = math.cos(math.pi / 4)
"""A forearm leads from the hand towards the shoulder within this angle."""
_CIRCLE = np.stack([np.cos(np.arange(12) * math.pi / 6), np.sin(np.arange(12) * math.pi / 6)], axis=1)
_FAR = 10_000
"""Pixels farther out are none [px]."""


class PlateWindow(NamedTuple):
    """The part of an image with the goods of one plate.

    mask: (h, w) pixels whose rays pass through the space that goods take there. own: those that meet no other plate's
    goods before.
    """

    rows: slice
    columns: slice
    mask: NDArray[np.bool_]
    own: NDArray[np.bool_]


class CameraView:
    """One camera and the plates it sees.

    Goods take the plate's footprint as high as the highest of its products. Fixtures are seen from their front half
    only, and hide what is behind them otherwise.
    """

    def __init__(self, store: Store, camera: Camera) -> None:
        self.camera = camera
        self.windows: dict[str, PlateWindow] = {}
        model = camera.model
        self._pose = optical_pose(camera.pose)
        self._focal = model.width / 2 / math.tan(model.horizontal_fov / 2)
        self._middle = np.array([(model.width - 1) / 2, (model.height - 1) / 2])
        pixels = np.stack(np.meshgrid(np.arange(model.width), np.arange(model.height)), axis=-1)
        rays = np.append((pixels - self._middle) / self._focal, np.ones((model.height, model.width, 1)), axis=-1)
        self._rays: Floats = rays @ self._pose[:3, :3].T
        nearest = np.full(rays.shape[:2], np.inf)
        behind = np.full(rays.shape[:2], np.inf)
        entries: dict[str, tuple[slice, slice, Floats]] = {}
        for fixture in store.fixtures:
            if (box := body(fixture)) is None:
                continue
            eye = axes_of(box.pose.yaw) @ (self._pose[:3, 3] - np.array(box.pose[:3]))
            if eye[1] >= (box.low[1] + box.high[1]) / 2:
                part, entry = self._enter(np.array(box.pose[:3]), box.pose.yaw, np.array(box.low), np.array(box.high))
                behind[part] = np.minimum(behind[part], entry)
                continue
            for plate in (plate for shelf in fixture.shelves for plate in shelf.plates):
                half = np.array([plate.size.width / 2, plate.size.depth / 2])
                high = np.array([*half, store.goods_height(plate.plate_id, _OVER_GOODS)])
                part, entry = self._enter(np.array(plate.centre), plate.yaw, np.array([*-half, 0.0]), high)
                nearest[part] = np.minimum(nearest[part], entry)
                entries[plate.plate_id] = (*part, entry)
        for plate_id, (rows, columns, entry) in entries.items():
            mask = np.isfinite(entry) & (entry < behind[rows, columns])
            if mask.any():
                self.windows[plate_id] = PlateWindow(rows, columns, mask, mask & (entry <= nearest[rows, columns]))

    def only(self, plate_id: str, others: Iterable[str]) -> NDArray[np.bool_]:
        """(h, w) pixels of the plate's window that look through its space, but not through that of the others."""
        rows, columns, mask, _ = self.windows[plate_id]
        return mask & ~self.through(others)[rows, columns]

    def through(self, plate_ids: Iterable[str]) -> NDArray[np.bool_]:
        """(h, w) pixels that look through the space of any of these plates."""
        found = np.zeros(self._rays.shape[:2], np.bool_)
        for window in (self.windows[plate_id] for plate_id in plate_ids if plate_id in self.windows):
            found[window.rows, window.columns] |= window.mask
        return found

    def around(self, point: Point, radius: float) -> tuple[slice, slice, NDArray[np.bool_]]:
        """Rows, columns, and which pixels there are nearer than ``radius`` [m] to a point in map."""
        if self._local(point)[2] < _NEAR + radius:
            return slice(0, 0), slice(0, 0), np.zeros((0, 0), np.bool_)
        column, row = self._pixel(point)
        reach = self._focal * radius / self._local(point)[2]
        model = self.camera.model
        rows = slice(max(int(row - reach), 0), max(min(int(row + reach) + 1, model.height), 0))
        columns = slice(max(int(column - reach), 0), max(min(int(column + reach) + 1, model.width), 0))
        dy, dx = np.arange(model.height)[rows] - row, np.arange(model.width)[columns] - column
        return rows, columns, dy[:, None] ** 2 + dx**2 <= reach**2

    def held(self, person: PersonTrack, hand: Hand, radius: float) -> tuple[slice, slice, NDArray[np.bool_]]:
        """Like ``around`` the hand, but not its own sleeve, towards the shoulder, nor what is nearer to another."""
        rows, columns, near = self.around(hand.position, radius)
        at = self._pixel(hand.position)
        offset = (
            np.stack(np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)), -1) - at
        )
        others = [other.position for other in person.hands if other is not hand]
        if self._local(_shoulder(person))[2] > _NEAR:
            arm = self._pixel(_shoulder(person)) - at
            near &= offset @ arm <= _ALONG * np.linalg.norm(offset, axis=-1) * np.linalg.norm(arm)
        for other in (self._pixel(position) - at for position in others if self._local(position)[2] > _NEAR):
            near &= offset @ other <= other @ other / 2
        return rows, columns, near

    def _local(self, point: Point) -> Floats:
        """A point of map in the camera's optical frame [m]."""
        found: Floats = (np.array(point) - self._pose[:3, 3]) @ self._pose[:3, :3]
        return found

    def _pixel(self, point: Point) -> Floats:
        """Column and row of a point in map before the camera [px]."""
        x, y, z = self._local(point)
        found: Floats = self._focal * np.array([x, y]) / z + self._middle
        return found

    def obstructed(self, tracks: Iterable[PersonTrack]) -> NDArray[np.bool_]:
        """(h, w) pixels in which a person may stand before the shelves: hulls of body and arms, rather too large."""
        model = self.camera.model
        found = np.zeros((model.height, model.width), np.uint8)
        for track in tracks:
            trunk = _trunk(track)
            self._fill(found, [*trunk, (trunk[1][0], _HIPS_WITH_BAG)])
            for hand in track.hands:
                self._fill(found, [(_shoulder(track), _HEAD), (hand.position, _HAND)])
        return found > 0

    def hidden(self, point: Point, tracks: Iterable[PersonTrack]) -> NDArray[np.bool_]:
        """(h, w) pixels in which a body may stand before a point in map, its own arms left out."""
        model = self.camera.model
        found = np.zeros((model.height, model.width), np.uint8)
        for track in tracks:
            x, y, _ = track.position
            if (np.array([x, y, point[2]]) - np.array(point)) @ self._pose[:3, 2] < 0:
                self._fill(found, _trunk(track))
        return found > 0

    def _fill(self, image: NDArray[np.uint8], spheres: Sequence[tuple[Point, float]]) -> None:
        """Fill the hull of some spheres (centre in map, radius)."""
        centres = (np.array([centre for centre, _ in spheres]) - self._pose[:3, 3]) @ self._pose[:3, :3]
        if (centres[:, 2] < _NEAR).any():
            image[:] = 1
            return
        middle = self._focal * centres[:, :2] / centres[:, 2:] + self._middle
        radius = self._focal * np.array([radius for _, radius in spheres]) / centres[:, 2]
        outline = (middle[:, None] + radius[:, None, None] * _CIRCLE).reshape(-1, 2)
        hull = cv2.convexHull(np.clip(outline, -_FAR, _FAR).astype(np.int32))
        cv2.fillConvexPoly(image, hull, 1)

    def _enter(self, origin: Floats, yaw: float, low: Floats, high: Floats) -> tuple[tuple[slice, slice], Floats]:
        """Part of the image with a box that stands at ``origin``, turned by ``yaw``, and where its rays enter it."""
        to_local = axes_of(yaw)
        corners = np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        part = self._window(origin + corners @ to_local)
        return part, _entry(to_local @ (self._pose[:3, 3] - origin), self._rays[part] @ to_local.T, low, high)

    def _window(self, points: Floats) -> tuple[slice, slice]:
        """Rows and columns that can show what lies between points (n, 3) in map."""
        local = (points - self._pose[:3, 3]) @ self._pose[:3, :3]
        if (local[:, 2] < _NEAR).all():
            return slice(0, 0), slice(0, 0)
        if (local[:, 2] < _NEAR).any():
            return slice(None), slice(None)
        columns, rows = (self._focal * local[:, :2] / local[:, 2:] + self._middle).T
        return (
            slice(max(int(rows.min()), 0), max(int(rows.max()) + 2, 0)),
            slice(max(int(columns.min()), 0), max(int(columns.max()) + 2, 0)),
        )


def _trunk(track: PersonTrack) -> list[tuple[Point, float]]:
    """Spheres (centre in map, radius) whose hull a body without its arms is in, the head last."""
    x, y, _ = track.position
    return [((x, y, 0.0), _BODY), ((x, y, _HIP_HEIGHT), _BODY), (track.head or (x, y, _HEAD_HEIGHT), _HEAD)]


def _shoulder(track: PersonTrack) -> Point:
    x, y, z = _trunk(track)[-1][0]
    return x, y, z - _NECK


def _entry(eye: Floats, rays: Floats, low: Floats, high: Floats) -> Floats:
    """(h, w) where rays (h, w, 3) from ``eye`` enter a box, in lengths of the ray; inf where they miss it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (low - eye) / rays, (high - eye) / rays
    enter = np.fmin(one, other).max(axis=-1)
    leave = np.fmax(one, other).min(axis=-1)
    found: Floats = np.where((enter <= leave) & (enter > 0), enter, np.inf)
    return found
