"""What RViz shows of a store: plain records, made without ROS; ``marker_messages`` translates them.

A picture is complete in itself: ids are unique within a namespace of one picture and mean nothing in the next.
"""

from __future__ import annotations

import colorsys
import enum
import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from aisle_core.store import Fixture, Plate, Store
from aisle_core.types import (
    Cart,
    CartEvent,
    CartEvents,
    Carts,
    CartState,
    PersonTrack,
    PersonTracks,
    PlateHealth,
    PlateState,
    PlateStates,
    Point,
    TrackState,
)

Colour = tuple[float, float, float, float]
"""Red, green, blue and opacity, 0 to 1."""

_HEALTH_COLOURS: dict[PlateHealth, Colour] = {
    PlateHealth.UNKNOWN: (0.6, 0.6, 0.6, 0.9),
    PlateHealth.SILENT: (0.8, 0.1, 0.1, 0.9),
    PlateHealth.STUCK: (0.9, 0.5, 0.1, 0.9),
    PlateHealth.NOISY: (0.9, 0.8, 0.1, 0.9),
    PlateHealth.UNLISTED: (0.8, 0.1, 0.8, 0.9),
}
_EMPTY_PLATE: Colour = (0.85, 0.9, 0.85, 0.9)
_FULL_PLATE: Colour = (0.1, 0.5, 0.2, 0.9)
_FULL_MASS = 5.0
"""Load at which a plate has its full colour, container and all [kg]."""
_FLOOR_COLOUR: Colour = (0.5, 0.5, 0.5, 1.0)
_FIXTURE_COLOUR: Colour = (0.55, 0.5, 0.45, 0.25)
_GATE_COLOUR: Colour = (0.2, 0.4, 0.9, 0.8)
_LOST_COLOUR: Colour = (0.5, 0.5, 0.5, 0.4)
_TEXT_COLOUR: Colour = (1.0, 1.0, 1.0, 1.0)
_PLATE_THICKNESS = 0.02
_PERSON_RADIUS = 0.2
_PERSON_HEIGHT = 1.7
"""Of a person whose head is not seen [m]."""
_HAND_DIAMETER = 0.1
_TRAIL_NS = 6_000_000_000
"""Length of the trail behind a person."""
_TRAIL_WIDTH = 0.04
_EVENT_NS = 5_000_000_000
"""How long a decision stays in the picture."""
_EVENT_DIAMETER = 0.14
_TAKEN_COLOUR: Colour = (1.0, 0.6, 0.1, 0.9)
_RETURNED_COLOUR: Colour = (0.2, 0.7, 1.0, 0.9)
_REVIEW_COLOUR: Colour = (1.0, 0.2, 0.6, 0.9)
_TEXT_SIZE = 0.12
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


class Shape(enum.IntEnum):
    """Values of visualization_msgs/Marker."""

    CUBE = 1
    SPHERE = 2
    CYLINDER = 3
    LINE_STRIP = 4
    TEXT = 9


@dataclass(frozen=True, slots=True)
class Marker:
    """One shape in frame map: position [m] and heading [rad] of its middle, extent along its own axes [m]."""

    ns: str
    id: int
    shape: Shape
    position: Point
    yaw: float
    scale: Point
    """A text has its height in z, a line its width in x."""
    colour: Colour
    text: str = ""
    points: tuple[Point, ...] = ()


class Scene:
    """The latest of everything that is drawn."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._furniture = [*floor_markers(store), *fixture_markers(store), *gate_markers(store)]
        self._tracks: tuple[PersonTrack, ...] = ()
        self._plates: dict[str, PlateState] = {}
        self._carts: tuple[Cart, ...] = ()
        self._trails: dict[int, deque[tuple[int, Point]]] = {}
        self._events: deque[CartEvent] = deque()

    def take(self, item: PersonTracks | PlateStates | Carts | CartEvents) -> None:
        """Take news of people, plates, carts or decisions."""
        match item:
            case PersonTracks():
                self._tracks = item.tracks
                self._extend_trails(item.stamp_ns)
                while self._events and self._events[0].end_ns < item.stamp_ns - _EVENT_NS:
                    self._events.popleft()
            case CartEvents():
                self._events.extend(item.decisions)
            case PlateStates():
                self._plates |= {plate.plate_id: plate for plate in item.plates}
            case Carts():
                self._carts = item.carts

    def markers(self) -> list[Marker]:
        """The whole picture."""
        return [
            *self._furniture,
            *plate_markers(self._store, self._plates),
            *person_markers(self._tracks),
            *trail_markers(self._tracks, self._trails),
            *event_markers(self._store, self._events),
            *cart_markers(self._store, self._tracks, self._carts),
        ]

    def _extend_trails(self, now_ns: int) -> None:
        trails = {}
        for track in _inside(self._tracks):
            trail = trails[track.track_id] = self._trails.get(track.track_id, deque())
            x, y, _ = track.position
            trail.append((now_ns, (x, y, 0.02)))
            while not now_ns - _TRAIL_NS <= trail[0][0] <= now_ns:
                trail.popleft()
        self._trails = trails


def floor_markers(store: Store) -> list[Marker]:
    """The outline of the sales floor."""
    outline = tuple((x, y, 0.0) for x, y in (*store.floor, store.floor[0]))
    return [Marker("floor", 0, Shape.LINE_STRIP, (0.0, 0.0, 0.0), 0.0, (0.03, 0.0, 0.0), _FLOOR_COLOUR, points=outline)]


def fixture_markers(store: Store) -> list[Marker]:
    """A translucent block per piece of furniture, up to its highest plates, and its name above."""
    markers = []
    for index, fixture in enumerate(store.fixtures):
        plates = [plate for shelf in fixture.shelves for plate in shelf.plates]
        if not plates:
            continue
        (x, y, z), scale = _block(fixture, plates)
        markers.append(Marker("fixtures", index, Shape.CUBE, (x, y, z), fixture.pose.yaw, scale, _FIXTURE_COLOUR))
        markers.append(_text("fixture_names", index, (x, y, z + scale[2] / 2 + 0.2), fixture.fixture_id))
    return markers


def gate_markers(store: Store) -> list[Marker]:
    """A post per lane, and its name above."""
    markers = []
    for index, lane in enumerate(store.lanes):
        x, y = lane.position
        markers.append(Marker("gates", index, Shape.CYLINDER, (x, y, 0.5), 0.0, (0.1, 0.1, 1.0), _GATE_COLOUR))
        markers.append(_text("gate_names", index, (x, y, 1.2), f"{lane.lane_id} ({lane.direction})"))
    return markers


def plate_markers(store: Store, states: Mapping[str, PlateState]) -> list[Marker]:
    """A flat box per plate: green by its load where it is healthy, else the colour of what is wrong with it."""
    return [
        Marker(
            "plates",
            index,
            Shape.CUBE,
            (plate.centre.x, plate.centre.y, plate.centre.z - _PLATE_THICKNESS / 2),
            plate.yaw,
            (plate.size.width, plate.size.depth, _PLATE_THICKNESS),
            plate_colour(states.get(plate.plate_id)),
        )
        for index, plate in enumerate(store.plates.values())
    ]


def plate_colour(state: PlateState | None) -> Colour:
    """Colour of a plate by its health and load."""
    if state is None or (state.health is PlateHealth.OK and not math.isfinite(state.mass)):
        return _HEALTH_COLOURS[PlateHealth.UNKNOWN]
    if state.health is not PlateHealth.OK:
        return _HEALTH_COLOURS[state.health]
    share = min(max(state.mass / _FULL_MASS, 0.0), 1.0)
    red, green, blue, opacity = (
        (1.0 - share) * empty + share * full for empty, full in zip(_EMPTY_PLATE, _FULL_PLATE, strict=True)
    )
    return red, green, blue, opacity


def person_markers(tracks: Iterable[PersonTrack]) -> list[Marker]:
    """A capsule per person, spheres for the hands, and the track id above; grey where nobody is seen now."""
    markers: list[Marker] = []
    hands = 0
    for index, track in enumerate(_inside(tracks)):
        x, y, _ = track.position
        height, size, colour = _height(track), 2 * _PERSON_RADIUS, person_colour(track)
        trunk = height - size
        ball = (size, size, size)
        markers += [
            Marker("people", 3 * index, Shape.CYLINDER, (x, y, height / 2), 0.0, (size, size, trunk), colour),
            Marker("people", 3 * index + 1, Shape.SPHERE, (x, y, height - size / 2), 0.0, ball, colour),
            Marker("people", 3 * index + 2, Shape.SPHERE, (x, y, size / 2), 0.0, ball, colour),
            _text("names", index, (x, y, height + 0.1), str(track.track_id)),
        ]
        for hand in track.hands:
            diameter = (_HAND_DIAMETER,) * 3
            markers.append(Marker("hands", hands, Shape.SPHERE, hand.position, 0.0, diameter, (*colour[:3], 0.9)))
            hands += 1
    return markers


def trail_markers(tracks: Iterable[PersonTrack], trails: Mapping[int, Iterable[tuple[int, Point]]]) -> list[Marker]:
    """Where each person went in the last seconds; ``trails``: track id -> (stamp, position)."""
    markers = []
    for index, track in enumerate(_inside(tracks)):
        points = tuple(point for _, point in trails.get(track.track_id, ()))
        if len(points) > 1:
            width, origin = (_TRAIL_WIDTH, 0.0, 0.0), (0.0, 0.0, 0.0)
            colour = person_colour(track)
            markers.append(Marker("trails", index, Shape.LINE_STRIP, origin, 0.0, width, colour, points=points))
    return markers


def event_markers(store: Store, events: Iterable[CartEvent]) -> list[Marker]:
    """The latest decisions at their plates: who took or returned what."""
    markers = []
    for index, event in enumerate(events):
        if (plate := store.plates.get(event.plate_id)) is None:
            continue
        x, y, z = plate.centre
        colour = _REVIEW_COLOUR if event.review else _TAKEN_COLOUR if event.quantity > 0 else _RETURNED_COLOUR
        above = z + _EVENT_DIAMETER
        product = store.products.get(event.sku)
        who = f"{event.track_id} " if event.track_id else "? "
        words = f"{who}{'took' if event.quantity > 0 else 'returned'} {abs(event.quantity)} x "
        ball = (_EVENT_DIAMETER,) * 3
        markers.append(Marker("events", index, Shape.SPHERE, (x, y, above), 0.0, ball, colour))
        markers.append(_text("event_names", index, (x, y, above + 0.15), words + (product.name if product else "?")))
    return markers


def person_colour(track: PersonTrack) -> Colour:
    """A hue per track id, neighbours far apart; grey for a track that is lost."""
    if track.state is TrackState.LOST:
        return _LOST_COLOUR
    return (*colorsys.hsv_to_rgb(track.track_id * _GOLDEN_RATIO % 1.0, 0.7, 0.9), 0.6)


def cart_markers(store: Store, tracks: Iterable[PersonTrack], carts: Iterable[Cart]) -> list[Marker]:
    """What each open visit holds, above the first of its people who is in the store."""
    by_id = {track.track_id: track for track in _inside(tracks)}
    markers = []
    for index, cart in enumerate(carts):
        holder = next((by_id[track_id] for track_id in cart.track_ids if track_id in by_id), None)
        if holder is None or cart.state is not CartState.OPEN or not cart.lines:
            continue
        lines = [
            f"{line.quantity} x {line.name or line.sku or '?'}{' (review)' if line.review else ''}"
            for line in cart.lines
        ]
        x, y, _ = holder.position
        above = _height(holder) + 0.25 + len(lines) * _TEXT_SIZE / 2
        markers.append(_text("carts", index, (x, y, above), "\n".join(lines)))
    return markers


def _inside(tracks: Iterable[PersonTrack]) -> list[PersonTrack]:
    return [track for track in tracks if track.state is not TrackState.ENDED]


def _height(track: PersonTrack) -> float:
    return track.head[2] if track.head else _PERSON_HEIGHT


def _text(ns: str, number: int, position: Point, text: str) -> Marker:
    return Marker(ns, number, Shape.TEXT, position, 0.0, (0.0, 0.0, _TEXT_SIZE), _TEXT_COLOUR, text)


def _block(fixture: Fixture, plates: list[Plate]) -> tuple[Point, Point]:
    """Middle in map and extent in the fixture's frame of the block from the floor that holds all plates."""
    cos, sin = math.cos(fixture.pose.yaw), math.sin(fixture.pose.yaw)
    to_fixture = np.array([[cos, sin], [-sin, cos]])
    centres = np.array([plate.centre for plate in plates])
    halves = np.array([plate.size[:2] for plate in plates]) / 2
    local = (centres[:, :2] - [fixture.pose.x, fixture.pose.y]) @ to_fixture.T
    low, high = (local - halves).min(axis=0), (local + halves).max(axis=0)
    middle = (low + high) / 2 @ to_fixture + [fixture.pose.x, fixture.pose.y]
    height = float(centres[:, 2].max()) - fixture.pose.z
    centre = (float(middle[0]), float(middle[1]), fixture.pose.z + height / 2)
    return centre, (float(high[0] - low[0]), float(high[1] - low[1]), height)
