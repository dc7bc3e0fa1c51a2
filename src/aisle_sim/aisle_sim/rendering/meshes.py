"""Triangles of furniture, goods and people.

Everything is many shapes of few topologies: a shape is placed by moving the vertices of its topology, all shapes of a
kind at once. Triangles wind counter-clockwise as seen from outside. Positions in map [m], colours in BGR.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import shapely
from numpy.typing import NDArray

from aisle_sim.physical import JOINTS, Carried, People, Piece, Place

Array = NDArray[np.float64]
Indices = NDArray[np.int32]

FLOOR = 0
"""Object id of the floor; fixture k of the store is ``FIXTURES + k``."""
FIXTURES = 1
PEOPLE = 1_000_000
"""Object id of person 0 in ``People.names``, with the bag."""
PIECES = 10_000_000
"""Object id of the piece with ``piece_id`` 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """How vertices make triangles, and which of a shape's colours each triangle has."""

    triangles: Indices
    """(t, 3)"""
    paint: Indices
    """(t,)"""
    closed: bool = True
    """Whether the triangles enclose volumes."""


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Shapes of one topology."""

    topology: Topology
    vertices: Array
    """(n, v, 3)"""
    objects: Indices
    """(n,) object ids."""
    palette: NDArray[np.float32]
    """(n, colours, 3), 0 to 255."""

    def take(self, rows: NDArray[np.intp]) -> Shapes:
        """Some of the shapes."""
        return Shapes(self.topology, self.vertices[rows], self.objects[rows], self.palette[rows])


@numba.njit(cache=True, nogil=True)
def spheres(vertices: Array) -> tuple[Array, Array]:
    """Bounding spheres of shapes (n, v, 3): the middle of the extent (n, 3), the greatest distance from it (n,)."""
    centres, radii = np.empty((len(vertices), 3)), np.empty(len(vertices))
    for shape in range(len(vertices)):
        for axis in range(3):
            low, high = np.inf, -np.inf
            for i in range(vertices.shape[1]):
                low, high = min(low, vertices[shape, i, axis]), max(high, vertices[shape, i, axis])
            centres[shape, axis] = (low + high) / 2
        farthest = 0.0
        for i in range(vertices.shape[1]):
            squared = 0.0
            for axis in range(3):
                squared += (vertices[shape, i, axis] - centres[shape, axis]) ** 2
            farthest = max(farthest, squared)
        radii[shape] = math.sqrt(farthest)
    return centres, radii


LIGHT = np.array([0.25, 0.4, 0.88]) / np.linalg.norm([0.25, 0.4, 0.88])
"""Where most of the light comes from: the ceiling, a little from the side so that upright faces differ."""


def shaded(shapes: Shapes) -> Indices:
    """(n, t) colours of the triangles in the light as 0xRRGGBB: Lambert's cosine, softened by light from all over."""
    return _shaded(shapes.vertices, shapes.topology.triangles, shapes.topology.paint, shapes.palette, LIGHT)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _shaded(vertices, triangles, paint, palette, light):
    colours = np.empty((len(vertices), len(triangles)), np.int32)
    for shape in range(len(vertices)):
        for t in range(len(triangles)):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x, y, z = vertices[shape, a, 0], vertices[shape, a, 1], vertices[shape, a, 2]
            ux, uy, uz = vertices[shape, b, 0] - x, vertices[shape, b, 1] - y, vertices[shape, b, 2] - z
            vx, vy, vz = vertices[shape, c, 0] - x, vertices[shape, c, 1] - y, vertices[shape, c, 2] - z
            nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            length = math.sqrt(nx * nx + ny * ny + nz * nz)
            cosine = (nx * light[0] + ny * light[1] + nz * light[2]) / length if length > 0 else 1.0
            half = max(1 + cosine, 0.0) / 2
            bright = 0.35 + 0.65 * half * math.sqrt(half)
            colour = 0
            for channel in range(3):
                colour |= int(palette[shape, paint[t], channel] * bright) << (8 * channel)
            colours[shape, t] = colour
    return colours


# --- furniture and goods


@dataclass(frozen=True, slots=True, eq=False)
class Prism:
    """An upright solid, 1 x 1 x 1, standing on its origin."""

    topology: Topology
    vertices: Array


def _prism(outline: Array, heights: Sequence[float], paint: Sequence[int]) -> Prism:
    """``outline`` (k, 2) counter-clockwise; ``paint`` of the bands from the bottom; ends as their bands."""
    sides, rings = len(outline), len(heights)
    vertices = np.array([(x, y, z) for z in heights for x, y in outline])
    triangles, colours = [], []
    for band in range(rings - 1):
        for i in range(sides):
            a, b = band * sides + i, band * sides + (i + 1) % sides
            triangles += [(a, b, b + sides), (a, b + sides, a + sides)]
            colours += [paint[band]] * 2
    top = (rings - 1) * sides
    for i in range(1, sides - 1):
        triangles += [(0, i + 1, i), (top, top + i, top + i + 1)]
        colours += [paint[0], paint[-1]]
    return Prism(Topology(np.array(triangles, np.int32), np.array(colours, np.int32)), vertices)


def _circle(sides: int) -> Array:
    """(sides, 2) cosines and sines."""
    angles = np.arange(sides) * 2 * np.pi / sides
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


_SQUARE = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
_LABEL = (0.0, 0.25, 0.7, 1.0)
"""Heights between which a label goes around a piece."""

BLOCK = _prism(_SQUARE, (0.0, 1.0), (0,))
PACKET = _prism(_SQUARE, _LABEL, (0, 1, 0))
BOTTLE = _prism(_circle(8) / 2, _LABEL, (0, 1, 0))


def place(
    prism: Prism, position: Array, yaw: Array, size: Array, objects: Indices, palette: NDArray[np.float32]
) -> Shapes:
    """Prisms with the middle of the bottom at ``position`` (n, 3), turned by ``yaw`` (n,), of ``size`` (n, 3)."""
    vertices = _placed(prism.vertices, position, yaw, size)
    return Shapes(prism.topology, vertices, objects, palette)


@numba.njit(cache=True, nogil=True)
def _placed(vertices, position, yaw, size):
    placed = np.empty((len(position), *vertices.shape))
    for i in range(len(position)):
        cos, sin = math.cos(yaw[i]), math.sin(yaw[i])
        for k in range(len(vertices)):
            x, y = vertices[k, 0] * size[i, 0], vertices[k, 1] * size[i, 1]
            placed[i, k, 0] = position[i, 0] + cos * x - sin * y
            placed[i, k, 1] = position[i, 1] + sin * x + cos * y
            placed[i, k, 2] = position[i, 2] + vertices[k, 2] * size[i, 2]
    return placed


def packaging(items: Sequence[Piece]) -> list[tuple[Prism, list[int]]]:
    """Which of the pieces are packets and which are bottles: as wide as deep, and at least as high."""
    rows: tuple[list[int], list[int]] = [], []
    for row, piece in enumerate(items):
        width, depth, height = piece.size
        rows[abs(width - depth) <= 0.01 * width and height >= width].append(row)
    return [(PACKET, rows[0]), (BOTTLE, rows[1])]


def pieces(
    prism: Prism, items: Sequence[Piece], position: Array, yaw: Array, palettes: dict[str, NDArray[np.float32]]
) -> Shapes:
    """Pieces with the middle of the bottom at ``position`` (n, 3); ``palettes`` caches ``sku_palette``."""
    for piece in items:
        if piece.sku not in palettes:
            palettes[piece.sku] = sku_palette(piece.sku)
    size = np.array([piece.size for piece in items]).reshape(-1, 3)
    objects = np.array([PIECES + piece.piece_id for piece in items], np.int32)
    palette = np.array([palettes[piece.sku] for piece in items], np.float32).reshape(-1, 2, 3)
    return place(prism, position, yaw, size, objects, palette)


def sku_palette(sku: str) -> NDArray[np.float32]:
    """(2, 3) colours of the packing and of the label of a product: the same wherever it is seen."""
    draw = np.random.default_rng(int.from_bytes(hashlib.blake2b(sku.encode(), digest_size=8).digest(), "big"))
    hue, lightness, saturation = draw.random(), draw.uniform(0.25, 0.75), draw.uniform(0.3, 0.85)
    body = colorsys.hls_to_rgb(hue, lightness, saturation)
    contrast = draw.uniform(0.75, 0.95) if lightness < 0.5 else draw.uniform(0.1, 0.3)
    label = colorsys.hls_to_rgb(draw.random(), contrast, draw.uniform(0.3, 0.9))
    return np.array([body[::-1], label[::-1]], np.float32) * 255


def floor(corners: Sequence[tuple[float, float]], tile: float = 0.5) -> Shapes:
    """The floor polygon, concave ones too, in tiles of two shades; everything in one shape."""
    polygon = shapely.Polygon(corners)
    left, bottom, right, top = polygon.bounds
    columns, rows = np.meshgrid(
        np.arange(np.floor(left / tile), np.ceil(right / tile)),
        np.arange(np.floor(bottom / tile), np.ceil(top / tile)),
    )
    columns, rows = columns.ravel(), rows.ravel()
    tiles = shapely.intersection(
        polygon, shapely.box(columns * tile, rows * tile, (columns + 1) * tile, (rows + 1) * tile)
    )
    parts, tile_of_part = shapely.get_parts(shapely.constrained_delaunay_triangles(tiles), return_index=True)
    rings = shapely.get_coordinates(shapely.normalize(parts)).reshape(-1, 4, 2)[:, :3]
    (ax, ay), (bx, by) = (rings[:, 1] - rings[:, 0]).T, (rings[:, 2] - rings[:, 0]).T
    clockwise = ax * by < ay * bx
    rings[clockwise] = rings[clockwise][:, ::-1]
    vertices = np.zeros((1, rings.shape[0] * 3, 3))
    vertices[0, :, :2] = rings.reshape(-1, 2)
    shade = ((columns + rows) % 2).astype(np.int32)[tile_of_part]
    topology = Topology(np.arange(rings.shape[0] * 3, dtype=np.int32).reshape(-1, 3), shade, closed=False)
    palette = np.array([[[176, 182, 186], [162, 168, 172]]], np.float32)
    return Shapes(topology, vertices, np.array([FLOOR], np.int32), palette)


# --- people


_SKIN, _HAIR, _SHIRT, _TROUSERS, _SHOES, _BAG = range(6)
_LIMB_CIRCLE, _ROUND_CIRCLE = _circle(6), _circle(8)
_LIMBS = (
    ("left_shoulder", "left_elbow", 0.030, 0.026, _SHIRT),
    ("right_shoulder", "right_elbow", 0.030, 0.026, _SHIRT),
    ("left_elbow", "left_hand", 0.025, 0.018, _SHIRT),
    ("right_elbow", "right_hand", 0.025, 0.018, _SHIRT),
    ("neck", "head", 0.034, 0.034, _SKIN),
    ("left_hip", "left_knee", 0.047, 0.034, _TROUSERS),
    ("right_hip", "right_knee", 0.047, 0.034, _TROUSERS),
    ("left_knee", "left_foot", 0.033, 0.025, _TROUSERS),
    ("right_knee", "right_foot", 0.033, 0.025, _TROUSERS),
    ("left_palm", "left_fingers", 0.022, 0.018, _SKIN),
    ("right_palm", "right_fingers", 0.022, 0.018, _SKIN),
    ("left_heel", "left_toe", 0.026, 0.024, _SHOES),
    ("right_heel", "right_toe", 0.026, 0.024, _SHOES),
)
"""From, to, radius there as shares of the height, colour. Lengths come from the joints."""
_MORE = ("hip", "palm", "fingers", "heel", "toe")
_POINTS = (*JOINTS, *(f"left_{part}" for part in _MORE), *(f"right_{part}" for part in _MORE))
_HEAD_ROW, _NECK_ROW, _PELVIS_ROW = (JOINTS.index(name) for name in ("head", "neck", "pelvis"))
_LEFT_SHOULDER_ROW, _LEFT_ELBOW_ROW, _LEFT_HAND_ROW, _LEFT_FOOT_ROW = (
    JOINTS.index(f"left_{name}") for name in ("shoulder", "elbow", "hand", "foot")
)
"""The right one is in the next row."""
_ENDS = np.array([[_POINTS.index(start), _POINTS.index(end)] for start, end, *_ in _LIMBS])
_RADII = np.array([limb[2:4] for limb in _LIMBS])
_TORSO = np.array(
    [(-0.22, 0, 0), (-0.02, 0.098, 0.070), (0.35, 0.088, 0.064), (0.72, 0.105, 0.072), (0.97, 0.1, 0.05), (1.08, 0, 0)]
)
"""Rings between two poles: share of the way from pelvis to neck, half width and half depth as shares of the height."""
_LATITUDES = np.deg2rad([-90.0, -54.0, -18.0, 18.0, 54.0, 90.0])
_HEAD = np.stack([np.sin(_LATITUDES), 0.72 * np.cos(_LATITUDES), 0.9 * np.cos(_LATITUDES)], axis=1)
"""The same for the head from its middle, as shares of half of its height."""
BAG_SIZE = (0.34, 0.14, 0.34)
"""A shopping bag at the left hip: along the walk, across it, high [m]."""


def _tube(sides: int, rings: int) -> list[tuple[int, int, int]]:
    """Triangles of rings of vertices closed by poles, into vertices in the order: first pole, the rings, last pole."""
    last = 1 + sides * rings
    found = []
    for i in range(sides):
        j = (i + 1) % sides
        found.append((0, 1 + j, 1 + i))
        for ring in range(rings - 1):
            a, b = 1 + ring * sides + i, 1 + ring * sides + j
            found += [(a, b, b + sides), (a, b + sides, a + sides)]
        found.append((last, last - sides + i, last - sides + j))
    return found


def _person() -> Topology:
    """One person: the limbs, the torso, the head, the bag."""
    limb, trunk = _tube(len(_LIMB_CIRCLE), 2), _tube(len(_ROUND_CIRCLE), len(_TORSO) - 2)
    triangles: list[tuple[int, int, int]] = []
    paint: list[int] = []
    offset = 0
    for part, colour in [(limb, colour) for *_, colour in _LIMBS] + [(trunk, _SHIRT), (trunk, _SKIN)]:
        triangles += [(a + offset, b + offset, c + offset) for a, b, c in part]
        paint += [colour] * len(part)
        offset += max(max(corners) for corners in part) + 1
    per_side = len(trunk) // len(_ROUND_CIRCLE)
    for side in range(len(_ROUND_CIRCLE)):
        behind = math.sin((side + 0.5) * 2 * math.pi / len(_ROUND_CIRCLE)) < -0.3
        begin = len(paint) - len(trunk) + side * per_side + (3 if behind else 5)
        end = len(paint) - len(trunk) + (side + 1) * per_side
        paint[begin:end] = [_HAIR] * (end - begin)
    triangles += [(a + offset, b + offset, c + offset) for a, b, c in BLOCK.topology.triangles.tolist()]
    paint += [_BAG] * len(BLOCK.topology.triangles)
    return Topology(np.array(triangles, np.int32), np.array(paint, np.int32))


PERSON = _person()
_PERSON_VERTICES = int(PERSON.triangles.max()) + 1


@numba.njit(cache=True, nogil=True)
def _add(a, b, share):
    return a[0] + share * b[0], a[1] + share * b[1], a[2] + share * b[2]


@numba.njit(cache=True, nogil=True)
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@numba.njit(cache=True, nogil=True)
def _unit(a):
    length = max(math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]), 1e-9)
    return a[0] / length, a[1] / length, a[2] / length


@numba.njit(cache=True, nogil=True)
def _across(axis):
    """Two unit vectors that make a right-handed frame with the unit vector ``axis`` (Duff et al., JCGT 6(1), 2017)."""
    x, y, z = axis
    sign = -1.0 if z < 0 else 1.0
    a = -1.0 / (sign + z)
    b = x * y * a
    return (1 + sign * x * x * a, sign * b, -sign * x), (b, sign + y * y * a, -y)


@numba.njit(cache=True, nogil=True)
def _get(points, row):
    return points[row, 0], points[row, 1], points[row, 2]


@numba.njit(cache=True, nogil=True)
def _ring(out, row, circle, centre, right, wide, front, deep):
    """Write one ring from a row on and return the row after it; right, front and the axis are right-handed."""
    for i in range(len(circle)):
        x, y = circle[i, 0] * wide, circle[i, 1] * deep
        for k in range(3):
            out[row + i, k] = centre[k] + x * right[k] + y * front[k]
    return row + len(circle)


@numba.njit(cache=True, nogil=True)
def _bodies(joints, headings, heights, bags, rows, ends, radii, torso, head, limb_circle, round_circle, box, vertices):
    points = np.empty((len(_POINTS), 3))
    for i in range(len(rows)):
        out, height, heading = vertices[i], heights[rows[i]], headings[rows[i]]
        points[: joints.shape[1]] = joints[rows[i]]
        crown, neck, pelvis = _get(points, _HEAD_ROW), _get(points, _NECK_ROW), _get(points, _PELVIS_ROW)
        left_shoulder, right_shoulder = _get(points, _LEFT_SHOULDER_ROW), _get(points, _LEFT_SHOULDER_ROW + 1)
        across = _add(right_shoulder, left_shoulder, -1.0)
        forward = math.cos(heading), math.sin(heading), 0.0
        row = joints.shape[1]
        for side in range(2):
            elbow, hand = _get(points, _LEFT_ELBOW_ROW + side), _get(points, _LEFT_HAND_ROW + side)
            foot, reach = _get(points, _LEFT_FOOT_ROW + side), _add(hand, elbow, -1.0)
            points[row] = _add(pelvis, across, 0.44 * side - 0.22)
            points[row + 1], points[row + 2] = _add(hand, reach, -0.07), _add(hand, reach, 0.22)
            points[row + 3], points[row + 4] = _add(foot, forward, -0.03 * height), _add(foot, forward, 0.08 * height)
            row += 5

        row = 0
        for limb in range(len(ends)):
            start, end = _get(points, ends[limb, 0]), _get(points, ends[limb, 1])
            axis = _unit(_add(end, start, -1.0))
            right, front = _across(axis)
            first, last = radii[limb, 0] * height, radii[limb, 1] * height
            out[row] = _add(start, axis, -0.7 * first)
            row = _ring(out, row + 1, limb_circle, start, right, first, front, first)
            row = _ring(out, row, limb_circle, end, right, last, front, last)
            out[row] = _add(end, axis, 0.7 * last)
            row += 1
        trunk, right = _add(neck, pelvis, -1.0), _unit(across)
        front = _unit(_cross(trunk, right))
        for level in range(len(torso)):
            centre = _add(pelvis, trunk, torso[level, 0])
            circle = round_circle if 0 < level < len(torso) - 1 else round_circle[:1]
            row = _ring(out, row, circle, centre, right, height * torso[level, 1], front, height * torso[level, 2])
        top = _unit(_add(crown, neck, -1.0))
        ear = _unit(_cross(front, top))
        nose = _cross(top, ear)
        half = 0.08 + 0.02 * height
        for level in range(len(head)):
            centre = _add(crown, top, half * head[level, 0])
            circle = round_circle if 0 < level < len(head) - 1 else round_circle[:1]
            row = _ring(out, row, circle, centre, ear, half * head[level, 1], nose, half * head[level, 2])
        leftward = -forward[1], forward[0], 0.0
        hip = _add(pelvis, leftward, 0.11 * height + BAG_SIZE[1] / 2)
        bottom = max(pelvis[2] - 0.75 * BAG_SIZE[2], 0.0)
        for k in range(len(box)):
            out[row + k] = pelvis
            if bags[rows[i]]:
                out[row + k] = _add(_add(hip, forward, box[k, 0] * BAG_SIZE[0]), leftward, box[k, 1] * BAG_SIZE[1])
                out[row + k, 2] = bottom + box[k, 2] * BAG_SIZE[2]


def bodies(people: People, rows: NDArray[np.intp], palette: NDArray[np.float32]) -> Shapes:
    """Some people, clothed, with their bags; ``palette`` (n, 6, 3) as ``person_palette`` gives it for each of ``rows``.

    Breadths are shares of the height after D. A. Winter, Biomechanics and Motor Control of Human Movement (2009),
    ch. 4, with clothes; children's heads are larger for their height.
    """
    with_bag = np.zeros(len(people.names), bool)
    with_bag[[item.person for item in people.carried if item.place == Place.BAG]] = True
    vertices = np.empty((len(rows), _PERSON_VERTICES, 3))
    shape = _ENDS, _RADII, _TORSO, _HEAD, _LIMB_CIRCLE, _ROUND_CIRCLE, BLOCK.vertices
    _bodies(people.joints, people.heading, people.height, with_bag, rows, *shape, vertices)
    return Shapes(PERSON, vertices, (PEOPLE + rows).astype(np.int32), palette)


_FLESH = 0.6
"""More than a body or a bag reaches beyond the joints [m]."""


def extents(people: People) -> tuple[Array, Array]:
    """Centres (n, 3) and radii (n,) of spheres around each person with bag and goods."""
    centres, radii = spheres(people.joints)
    radii += _FLESH
    for item in people.carried:
        radii[item.person] += sum(item.piece.size)
    return centres, radii


_ARMFUL = 0.12, 0.2
"""How far across the body and how far up goods are heaped in a hand, as shares of the height: to the shoulders."""


def carried(people: People, held: Sequence[Carried], palettes: dict[str, NDArray[np.float32]]) -> list[Shapes]:
    """Pieces in hands, upright before the palm, several in a hand as an armful."""
    position, yaw = np.empty((len(held), 3)), np.empty(len(held))
    hands: dict[tuple[int, Place], list[int]] = {}
    for row, item in enumerate(held):
        hands.setdefault((item.person, item.place), []).append(row)
    for (person, place), rows in hands.items():
        palm, heading = people.joints[person, _LEFT_HAND_ROW + place], float(people.heading[person])
        forward = np.array((math.cos(heading), math.sin(heading), 0.0))
        inward = np.array((forward[1], -forward[0], 0.0)) * (1.0 if place == Place.LEFT_HAND else -1.0)
        ahead, across, up = _armful([held[row].piece.size for row in rows], float(people.height[person])).T
        position[rows] = palm + (ahead + 0.02)[:, None] * forward + across[:, None] * inward
        position[rows, 2] += up
        yaw[rows] = heading - math.pi / 2
    items = [item.piece for item in held]
    return [
        pieces(prism, [items[row] for row in rows], position[rows], yaw[rows], palettes)
        for prism, rows in packaging(items)
        if len(rows)
    ]


def _armful(sizes: Sequence[tuple[float, float, float]], tall: float) -> Array:
    """Where pieces (n,) in one hand of somebody so ``tall`` are: the middles of their bottoms (n, 3) from the palm [m].

    Ahead, across towards the other hand, and up: columns side by side, and rows of them one before the other.
    """
    width, _, height = sizes[0]
    across, up, ahead, wide, deep = -width / 2, -height / 2, 0.0, 0.0, 0.0
    places = []
    for width, depth, height in sizes:
        if wide and up + height > _ARMFUL[1] * tall:
            across, up, wide = across + wide, -height / 2, 0.0
            if across > _ARMFUL[0] * tall:
                across, ahead, deep = -width / 2, ahead + deep, 0.0
        places.append((ahead + depth / 2, across + width / 2, up))
        up, wide, deep = up + height, max(wide, width), max(deep, depth)
    return np.array(places)


def person_palette(name: str) -> NDArray[np.float32]:
    """(6, 3) colours of skin, hair, shirt, trousers, shoes and bag: plain, the same whenever the person is seen."""
    draw = np.random.default_rng(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big"))
    skin = np.array([150.0, 180.0, 225.0]) * draw.uniform(0.4, 1.0)
    hair = np.array([40.0, 55.0, 75.0]) * draw.uniform(0.4, 2.2)
    tint = draw.uniform(-14, 14, (4, 3))
    grey = np.array([draw.uniform(50, 210), draw.uniform(35, 110), draw.uniform(25, 70), draw.uniform(60, 200)])
    clothes = grey[:, None] + tint
    return np.clip(np.vstack([skin, hair, clothes]), 0, 255).astype(np.float32)
