"""What is in the store: floor and furniture that stay, goods that rest, people and goods that move."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from aisle_core.store import Camera, DepthSensor, Fixture, Store
from aisle_sim.physical import People, Place, Resting

from . import meshes
from .meshes import Indices, Shapes
from .pinhole import View, Window, reaching
from .raster import draw

BOARD_THICKNESS = 0.03
PLATE_THICKNESS = 0.01
PANEL_THICKNESS = 0.01
PLINTH_HEIGHT = 0.1
PLATE_GAP = 0.006

Spheres = list[tuple[NDArray[np.float64], float]]
"""Centre (3,) in map and radius of each."""

_CHANGES_KEPT = 1024


class Resters:
    """Resting shapes of one topology, with bounding spheres; the row of a piece that has gone awaits its return."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.centres, self.radii = meshes.spheres(shapes.vertices)
        self._rows = {item: row for row, item in enumerate(shapes.objects.tolist())}

    def _spheres(self, rows: Sequence[int]) -> Spheres:
        return [(self.centres[row].copy(), float(self.radii[row])) for row in rows if self.radii[row] >= 0]

    def put(self, some: Shapes) -> Spheres:
        """Add pieces or move known ones; where something changes."""
        objects = some.objects.tolist()
        known = np.array([item in self._rows for item in objects], bool)
        rows = [self._rows[item] for item in objects if item in self._rows]
        changed = self._spheres(rows)
        for item in objects:
            self._rows.setdefault(item, len(self._rows))

        def merged(old: NDArray, new: NDArray) -> NDArray:
            both = np.concatenate([old, new[~known]])
            both[rows] = new[known]
            return both

        before, (centres, radii) = self.shapes, meshes.spheres(some.vertices)
        self.centres, self.radii = merged(self.centres, centres), merged(self.radii, radii)
        self.shapes = Shapes(
            before.topology,
            merged(before.vertices, some.vertices),
            merged(before.objects, some.objects),
            merged(before.palette, some.palette),
        )
        return changed + list(zip(centres, radii.tolist(), strict=True))

    def hide(self, objects: Sequence[int]) -> Spheres:
        """Take pieces away; where something changes."""
        rows = [self._rows[item] for item in objects if item in self._rows]
        changed = self._spheres(rows)
        self.radii[rows] = -np.inf
        return changed

    def seen(self, planes: NDArray[np.float64]) -> Shapes:
        """Those that may reach inside all planes."""
        return self.shapes.take(reaching(planes, self.centres, self.radii))


class Scene:
    """The shapes of one store, shared by all of its sensors."""

    def __init__(self, store: Store) -> None:
        self.store_id = store.store_id
        still = [meshes.floor(store.floor)]
        blocks = [_furniture(fixture, meshes.FIXTURES + i) for i, fixture in enumerate(store.fixtures)]
        rows = [row for rows in blocks for row in rows]
        if rows:
            position, yaw, size, objects, palette = zip(*rows, strict=True)
            still.append(
                meshes.place(
                    meshes.BLOCK,
                    np.array(position),
                    np.array(yaw),
                    np.array(size),
                    np.array(objects, np.int32),
                    np.array(palette, np.float32)[:, None],
                )
            )
        self._still = [Resters(shapes) for shapes in still]
        self._sku_palettes: dict[str, NDArray[np.float32]] = {}
        self._person_palettes: dict[str, NDArray[np.float32]] = {}
        self._goods = [
            Resters(meshes.pieces(prism, [], np.empty((0, 3)), np.empty(0), {})) for prism, _ in meshes.packaging([])
        ]
        self._resting: dict[int, Resting] = {}
        self._revision: int | None = None
        self._changes: Spheres = []
        self._forgotten = 0
        self._scratch: dict[tuple[int, int], tuple[NDArray[np.float32], NDArray[np.int32]]] = {}

    def scratch(self, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Buffers that all devices with images of one shape draw into, one after the other: they stay in the cache."""
        if shape not in self._scratch:
            self._scratch[shape] = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
        return self._scratch[shape]

    @property
    def resters(self) -> list[Resters]:
        """Floor, furniture, and the goods of the last ``rest``."""
        return self._still + self._goods

    def rest(self, resting: Sequence[Resting], revision: int) -> None:
        """Take over the resting goods; nothing happens when the revision is the last one."""
        if revision == self._revision:
            return
        self._revision = revision
        now = {item.piece.piece_id: item for item in resting}
        gone = [meshes.PIECES + piece_id for piece_id in self._resting if piece_id not in now]
        moved = [
            item
            for piece_id, item in now.items()
            if (before := self._resting.get(piece_id)) is not item and before != item
        ]
        self._resting = now
        position = np.array([item.position for item in moved]).reshape(-1, 3)
        yaw = np.array([item.yaw for item in moved])
        items = [item.piece for item in moved]
        for goods, (prism, rows) in zip(self._goods, meshes.packaging(items), strict=True):
            self._changes += goods.hide(gone)
            if len(rows):
                some = [items[row] for row in rows]
                self._changes += goods.put(meshes.pieces(prism, some, position[rows], yaw[rows], self._sku_palettes))
        if (surplus := len(self._changes) - _CHANGES_KEPT) > 0:
            del self._changes[:surplus]
            self._forgotten += surplus

    def changes(self, since: int | None) -> tuple[Spheres | None, int]:
        """Where goods changed since an earlier answer's number (None: everywhere), and the number for the next time."""
        now = self._forgotten + len(self._changes)
        if since is None or since < self._forgotten:
            return None, now
        return self._changes[since - self._forgotten :], now

    def moving(self, people: People, rows: NDArray[np.intp] | None = None) -> list[Shapes]:
        """Some people (None: all), their bags, and the goods in their hands."""
        some = list(range(len(people.names))) if rows is None else rows.tolist()
        if not some:
            return []
        for name in people.names:
            if name not in self._person_palettes:
                self._person_palettes[name] = meshes.person_palette(name)
        palette = np.array([self._person_palettes[people.names[person]] for person in some])
        shapes = [meshes.bodies(people, np.array(some), palette)]
        if held := [item for item in people.carried if item.place != Place.BAG and item.person in some]:
            shapes += meshes.carried(people, held, self._sku_palettes)
        return shapes


class Canvas:
    """The picture of one device: a cached background, and what moves over a copy of it."""

    def __init__(
        self, scene: Scene, device: DepthSensor | Camera, values_of: Callable[[Shapes], Indices], nothing: int
    ) -> None:
        """``values_of`` gives (n, t) values of shapes' triangles, ``nothing`` is the value where there is none."""
        self._scene, self._values_of, self._nothing = scene, values_of, nothing
        self.view = View(device)
        self._planes = self.view.planes(self.view.whole)
        shape = self.view.height, self.view.width
        self.still_inverse, self._still_values = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
        self.still_count = 0
        """Grows when the background is drawn anew, in ``still_inverse`` [1/m]."""
        self._inverse, self._values = scene.scratch(shape)
        self._seen: int | None = None

    def render(
        self, people: People, resting: Sequence[Resting], resting_revision: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Inverse depth (h, w) [1/m], 0 where nothing is, and values (h, w); valid until the scene is drawn again."""
        self._scene.rest(resting, resting_revision)
        changes, self._seen = self._scene.changes(self._seen)
        windows = [self.view.whole] if changes is None else [self.view.window_of(*sphere) for sphere in changes]
        for window in windows:
            if window.left < window.right and window.top < window.bottom:
                self.still_count += 1
                part = np.s_[window.top : window.bottom, window.left : window.right]
                self.still_inverse[part] = 0
                self._still_values[part] = self._nothing
                planes = self._planes if window == self.view.whole else self.view.planes(window)
                for rester in self._scene.resters:
                    self._draw(rester.seen(planes), window, self.still_inverse, self._still_values)
        np.copyto(self._inverse, self.still_inverse)
        np.copyto(self._values, self._still_values)
        near = reaching(self._planes, *meshes.extents(people))
        for shapes in self._scene.moving(people, near):
            self._draw(shapes, self.view.whole, self._inverse, self._values)
        return self._inverse, self._values

    def _draw(self, shapes: Shapes, window: Window, inverse: NDArray[np.float32], values: NDArray[np.int32]) -> None:
        topology, colours = shapes.topology, self._values_of(shapes)
        draw(shapes.vertices, topology.triangles, colours, topology.closed, self.view, window, inverse, values)


def _furniture(fixture: Fixture, object_id: int) -> list[tuple]:
    """Blocks of a fixture: position of the middle of the bottom, yaw, size, object id, colour."""
    panel, board, plate_top, body = (205, 208, 210), (150, 152, 155), (95, 92, 90), (120, 95, 70)
    origin = np.array(fixture.pose[:3])
    cos, sin = math.cos(fixture.pose.yaw), math.sin(fixture.pose.yaw)
    to_map = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    found = []

    def add(low: Sequence[float], high: Sequence[float], colour: tuple[int, int, int]) -> None:
        bottom = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
        size = np.array(high) - np.array(low)
        if (size > 0).all():
            found.append((origin + to_map @ bottom, fixture.pose.yaw, size, object_id, colour))

    boxes = {
        plate.plate_id: (
            to_map.T @ (np.array(plate.centre) - origin) - np.array([plate.size.width / 2, plate.size.depth / 2, 0]),
            to_map.T @ (np.array(plate.centre) - origin) + np.array([plate.size.width / 2, plate.size.depth / 2, 0]),
        )
        for shelf in fixture.shelves
        for plate in shelf.plates
    }
    if not boxes:
        if fixture.size is not None:
            add((0, 0, 0), fixture.size, body)
        return found
    lows, highs = (np.array(corners) for corners in zip(*boxes.values(), strict=True))
    low, high = lows.min(axis=0), highs.max(axis=0)
    if fixture.size is not None:
        low, high = np.zeros(3), np.array(fixture.size)
    else:
        high[1] += PANEL_THICKNESS
        high[2] += max(plate.size.height for plate in fixture.shelves[-1].plates)
    for shelf in fixture.shelves:
        if not shelf.plates:
            continue
        corners = [boxes[plate.plate_id] for plate in shelf.plates]
        top = corners[0][0][2] - PLATE_THICKNESS
        front = min(corner[0][1] for corner in corners)
        add((low[0], front, top - BOARD_THICKNESS), (high[0], high[1] - PANEL_THICKNESS, top), board)
        for near, far in corners:
            gap = np.array([PLATE_GAP / 2, PLATE_GAP / 2, PLATE_THICKNESS])
            add(near - gap * (-1, -1, 1), far - gap * (1, 1, 0), plate_top)
    lowest_board = lows[:, 2].min() - PLATE_THICKNESS - BOARD_THICKNESS
    add((low[0], low[1] + 0.03, -origin[2]), (high[0], high[1], min(PLINTH_HEIGHT, lowest_board)), panel)
    add((low[0], high[1] - PANEL_THICKNESS, -origin[2]), high, panel)
    return found
