"""What the rest of Aisle knows about a store.

Lengths in metres, angles in radians, mass in kilograms, money in int minor units of the store's currency. Positions
are in frame ``map`` (z = 0 on the floor) unless a docstring says otherwise.

A fixture has its own frame: the origin is its left front corner at the floor as a shopper sees it, x runs along the
front to the right, y goes into the shelf, z up.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator

PositiveFloat = Annotated[FiniteFloat, Field(gt=0)]
RosName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
"""A token of a topic name."""
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$", max_length=64)]


class Frozen(BaseModel):
    """Immutable, and without any key that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pose(NamedTuple):
    """Position [m] and heading [rad] about z."""

    x: FiniteFloat
    y: FiniteFloat
    z: FiniteFloat
    yaw: FiniteFloat


class Mount(NamedTuple):
    """Where a sensor hangs, in map: position [m] and fixed-axis roll, pitch, yaw [rad] of its body frame (REP-103).

    The body frame looks along its x axis, z is up in the image: pitch = pi/2 looks straight down, with +x of map
    (turned by yaw) at the top of the image. The optical frame is ``<device_id>_optical_frame``:
    z forward, x right, y down.
    """

    x: FiniteFloat
    y: FiniteFloat
    z: FiniteFloat
    roll: FiniteFloat
    pitch: FiniteFloat
    yaw: FiniteFloat


class Size(NamedTuple):
    """Extent along x, y and z of a thing's own frame [m]."""

    width: PositiveFloat
    depth: PositiveFloat
    height: PositiveFloat


class Point2(NamedTuple):
    """Position on the floor [m]."""

    x: FiniteFloat
    y: FiniteFloat


class Point3(NamedTuple):
    """Position [m]."""

    x: FiniteFloat
    y: FiniteFloat
    z: FiniteFloat


class Plate(Frozen):
    """One weighing plate."""

    plate_id: Id
    fixture_id: Id
    shelf: int
    index: int
    centre: Point3
    """Middle of the top face."""
    size: Size
    """Width along the shelf, depth, height of the free space above."""
    yaw: float
    tare: FiniteFloat | None = None
    """Reading of the empty plate; None: not known."""


class Shelf(Frozen):
    """The plates of one board, from left to right."""

    index: int
    plates: tuple[Plate, ...]


class Fixture(Frozen):
    """A piece of furniture."""

    fixture_id: Id
    kind: str
    pose: Pose
    size: Size | None = None
    """Of the whole body, in the fixture's frame from its origin; None: not known, the plates' extent counts."""
    shelves: tuple[Shelf, ...]


class Product(Frozen):
    """One row of the catalogue."""

    sku: Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=64)]
    gtin: str | None
    """GTIN-8, -12, -13 or -14 with its check digit."""
    name: Annotated[str, Field(min_length=1, max_length=256)]
    price_minor: Annotated[int, Field(ge=0)] | None
    """None: charged nothing and reviewed."""
    tax_class: Id
    weight: PositiveFloat | None
    """Mean mass of one piece."""
    weight_stddev: PositiveFloat | None
    """Standard deviation between pieces."""
    size: Size | None
    min_age: Annotated[int, Field(ge=1, le=99)] | None = None
    """Only sold to people of at least this age [years]; the column may be left out."""

    @field_validator("gtin")
    @classmethod
    def _checked_gtin(cls, gtin: str | None) -> str | None:
        if gtin is not None and not is_gtin(gtin):
            raise ValueError("give 8, 12, 13 or 14 digits with a right check digit, or leave it empty")
        return gtin


class Facing(Frozen):
    """One row of the planogram: a product and the adjacent plates of one shelf that it stands on."""

    facing_id: Id
    sku: str
    plate_ids: Annotated[tuple[Id, ...], Field(min_length=1)]
    stock: Annotated[int, Field(ge=0)] | None = None
    """Pieces that stand there at the start; None: nobody has counted."""
    stock_stddev: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """How well they were counted; None: exactly."""
    low_stock: Annotated[int, Field(ge=0)] | None = None
    """So few pieces are little; None: as the parameters say."""


class ScaleGateway(Frozen):
    """A device that reads load cells."""

    device_id: RosName
    zone: RosName


class PoseSource(Frozen):
    """A device that sees people."""

    device_id: RosName
    zone: RosName


class DepthModel(Frozen):
    """A make of depth sensor: an ideal pinhole, rectified, with the principal point in the middle."""

    width: Annotated[int, Field(ge=16, le=4096)]
    """Pixels."""
    height: Annotated[int, Field(ge=16, le=4096)]
    horizontal_fov: Annotated[FiniteFloat, Field(gt=0.1, lt=3.0)]
    """[rad]"""
    rate_hz: Annotated[FiniteFloat, Field(gt=0, le=120)]
    min_range: PositiveFloat
    """Along the optical axis."""
    max_range: PositiveFloat


class CameraModel(Frozen):
    """A make of colour camera: an ideal pinhole, rectified, with the principal point in the middle."""

    width: Annotated[int, Field(ge=16, le=4096)]
    height: Annotated[int, Field(ge=16, le=4096)]
    horizontal_fov: Annotated[FiniteFloat, Field(gt=0.1, lt=3.0)]
    """[rad]"""
    rate_hz: Annotated[FiniteFloat, Field(gt=0, le=120)]


class DepthSensor(Frozen):
    """A device that measures depth."""

    device_id: RosName
    zone: RosName
    model: DepthModel
    """In the file: a name under ``depth_models``."""
    pose: Mount


class Camera(Frozen):
    """A colour camera."""

    device_id: RosName
    zone: RosName
    model: CameraModel
    """In the file: a name under ``camera_models``."""
    pose: Mount


class Lane(Frozen):
    """A passage with a gate."""

    lane_id: RosName
    zone: RosName
    direction: Literal["in", "out", "both"]
    position: Point2


class LatencyProfile(Frozen):
    """How patient the store is with its sensors, in data time."""

    name: str
    sensor_lateness_ns: Annotated[int, Field(ge=0)]
    """How far a message of one source may stay behind the newest of that source."""
    sensor_timeout_ns: Annotated[int, Field(gt=0)]
    """How far a silent source may stay behind the others until nobody waits for it any more."""


LATENCY_PROFILES: dict[str, LatencyProfile] = {
    profile.name: profile
    for profile in (
        LatencyProfile(name="default", sensor_lateness_ns=300_000_000, sensor_timeout_ns=2_000_000_000),
        LatencyProfile(name="late_vision", sensor_lateness_ns=300_000_000, sensor_timeout_ns=5_000_000_000),
    )
}
"""``default``: vision arrives at most 100 ms after its stamp. ``late_vision``: a few seconds after it."""


class Store(Frozen):
    """A whole store."""

    store_id: RosName
    name: str
    currency: str
    """ISO 4217."""
    time_zone: str
    """IANA."""
    site_hash: str
    """SHA-256 over the six files, hexadecimal."""
    zones: tuple[RosName, ...]
    floor: tuple[Point2, ...]
    """Corners of the sales floor, in order."""
    latency: LatencyProfile
    fixtures: tuple[Fixture, ...]
    products: dict[str, Product]
    facings: tuple[Facing, ...]
    gateways: tuple[ScaleGateway, ...]
    pose_sources: tuple[PoseSource, ...]
    depth_sensors: tuple[DepthSensor, ...] = ()
    cameras: tuple[Camera, ...] = ()
    lanes: tuple[Lane, ...]
    max_people: int | None = None
    """So many may be in the store at a time; None: nobody counts."""

    @cached_property
    def plates(self) -> dict[str, Plate]:
        """Plate id -> plate, in the order of the fixtures file."""
        return {
            plate.plate_id: plate for fixture in self.fixtures for shelf in fixture.shelves for plate in shelf.plates
        }

    @cached_property
    def _facings_by_plate(self) -> dict[str, tuple[Facing, ...]]:
        found: dict[str, tuple[Facing, ...]] = {}
        for facing in self.facings:
            for plate_id in facing.plate_ids:
                found[plate_id] = (*found.get(plate_id, ()), facing)
        return found

    def facings_of(self, plate_id: str) -> tuple[Facing, ...]:
        """Facings that use the plate, in planogram order; empty for a plate without a product."""
        return self._facings_by_plate.get(plate_id, ())

    @cached_property
    def _beside(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for shelf in (shelf for fixture in self.fixtures for shelf in fixture.shelves):
            for left, right in pairwise(plate.plate_id for plate in shelf.plates):
                found[left] = (*found.get(left, ()), right)
                found[right] = (*found.get(right, ()), left)
        return found

    def plates_beside(self, plate_id: str) -> tuple[str, ...]:
        """The next plates on the same shelf; empty for a plate that the store does not have."""
        return self._beside.get(plate_id, ())

    def goods_height(self, plate_id: str, margin: float) -> float:
        """Height that goods take above the plate, in one layer, and ``margin`` over them [m].

        The free height where that is less, or the size of some is not known.
        """
        free = self.plates[plate_id].size.height
        sizes = [self.products[facing.sku].size for facing in self.facings_of(plate_id)]
        heights = [free if size is None else size.height for size in sizes]
        return min(free, max(heights, default=free) + margin)


def is_gtin(text: str) -> bool:
    """Whether this is a GTIN with a right check digit (GS1 General Specifications, 7.9)."""
    if len(text) not in (8, 12, 13, 14) or not (text.isascii() and text.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(text)]
    return (3 * sum(digits[1::2]) + sum(digits[0::2])) % 10 == 0
