"""The six files of a site folder: what may stand in them, reading, checking and writing.

YAML for what is nested, CSV for what is long. A cell that holds several values separates them by spaces; an empty
cell is "not known". ``docs/site.md`` describes every key.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import math
import zoneinfo
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import BaseModel, Field, FiniteFloat, field_validator

from ..errors import AisleError
from .currency import DECIMALS
from .geometry import footprint, inside, outline, rectangles_overlap
from .model import (
    LATENCY_PROFILES,
    Camera,
    CameraModel,
    DepthModel,
    DepthSensor,
    Facing,
    Fixture,
    Frozen,
    Id,
    Lane,
    Mount,
    Plate,
    Point2,
    Point3,
    Pose,
    PoseSource,
    PositiveFloat,
    Product,
    RosName,
    ScaleGateway,
    Shelf,
    Size,
    Store,
)
from .reading import CsvFile, Loc, TextFile, YamlFile

FILE_NAMES = ("store.yaml", "fixtures.yaml", "sensors.yaml", "gates.yaml", "catalogue.csv", "planogram.csv")
TOLERANCE = 0.001
"""Rounding of a drawing: things may overlap or stand out by so much [m]."""

_MODELS_OF = {"depth_sensors": "depth_models", "cameras": "camera_models"}
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class StoreFile(Frozen):
    """``store.yaml``."""

    store_id: RosName
    name: Annotated[str, Field(min_length=1, max_length=256)]
    currency: str
    time_zone: str
    zones: Annotated[tuple[RosName, ...], Field(min_length=1)]
    floor: Annotated[tuple[Point2, ...], Field(min_length=3)]

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, code: str) -> str:
        if code not in DECIMALS:
            raise ValueError("give an ISO 4217 code such as USD or EUR")
        return code

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, key: str) -> str:
        try:
            zoneinfo.ZoneInfo(key)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("give an IANA name such as Europe/Berlin") from None
        return key


class PlateRow(NamedTuple):
    """A plate in ``fixtures.yaml``: its index on the shelf, and its left edge in the fixture's frame [m]."""

    number: int
    plate_id: Id
    x: FiniteFloat
    width: PositiveFloat


class ShelfEntry(Frozen):
    """A board in ``fixtures.yaml``, in the fixture's frame."""

    index: int
    y: FiniteFloat
    """Front edge of the plates."""
    z: FiniteFloat
    """Height of the plates' top faces."""
    depth: PositiveFloat
    clearance: PositiveFloat
    """Free height above the plates."""
    plates: tuple[PlateRow, ...]
    tares: tuple[FiniteFloat, ...] = ()
    """Readings of the plates without goods [kg], in the same order; empty: not known."""


class FixtureEntry(Frozen):
    """A piece of furniture in ``fixtures.yaml``."""

    fixture_id: Id
    kind: Id
    pose: Pose
    size: Size | None = None
    shelves: tuple[ShelfEntry, ...]


class FixturesFile(Frozen):
    """``fixtures.yaml``."""

    fixtures: tuple[FixtureEntry, ...]


class DeviceEntry(Frozen):
    """A depth sensor or camera in ``sensors.yaml``; ``model`` is a name under ``depth_models`` or ``camera_models``."""

    device_id: RosName
    zone: RosName
    model: str
    pose: Mount


class SensorsFile(Frozen):
    """``sensors.yaml``."""

    latency_profile: str
    scale_gateways: tuple[ScaleGateway, ...]
    pose_sources: tuple[PoseSource, ...]
    depth_models: dict[str, DepthModel] = Field(default_factory=dict)
    depth_sensors: tuple[DeviceEntry, ...] = ()
    camera_models: dict[str, CameraModel] = Field(default_factory=dict)
    cameras: tuple[DeviceEntry, ...] = ()
    simulation: dict[str, Any] = Field(default_factory=dict)
    """How the simulated devices err; ``aisle_sim`` checks it, everybody else ignores it."""

    @field_validator("latency_profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in LATENCY_PROFILES:
            raise ValueError(f"give one of {', '.join(LATENCY_PROFILES)}")
        return name


class GatesFile(Frozen):
    """``gates.yaml``."""

    lanes: tuple[Lane, ...]
    max_people: Annotated[int, Field(ge=1)] | None = None


class SiteFiles(Frozen):
    """The content of the six files; ``catalogue.csv`` is ``products``, ``planogram.csv`` is ``facings``."""

    store: StoreFile
    fixtures: FixturesFile
    sensors: SensorsFile
    gates: GatesFile
    products: tuple[Product, ...]
    facings: tuple[Facing, ...]


def load_store(folder: Path) -> Store:
    """Read and check a site folder.

    Raises AisleError that names file, line and remedy for anything that is missing, unknown, doubled or contradictory.
    """
    if not folder.is_dir():
        raise AisleError(f"{folder}: no such folder; give a site folder such as config/stores/corner")
    needs = f"a site folder needs {', '.join(FILE_NAMES)}"
    store_file, fixtures_file, sensors_file, gates_file = (YamlFile(folder / name, needs) for name in FILE_NAMES[:4])
    catalogue_file, planogram_file = (CsvFile(folder / name, needs) for name in FILE_NAMES[4:])
    store = store_file.read(StoreFile)
    fixtures = fixtures_file.read(FixturesFile).fixtures
    sensors = sensors_file.read(SensorsFile)
    gates = gates_file.read(GatesFile)
    lanes = gates.lanes
    products = catalogue_file.read(Product)
    facings = planogram_file.read(Facing)

    _unique(store_file, ((("zones", i), zone) for i, zone in enumerate(store.zones)), "zone")
    _check_plates(fixtures_file, fixtures)
    _check_bodies(fixtures_file, fixtures, store.floor)
    _check_devices(sensors_file, gates_file, sensors, lanes, store.zones)
    _check_places(sensors_file, gates_file, sensors, lanes, store.floor)
    _unique(catalogue_file, (((i, "sku"), product.sku) for i, product in enumerate(products)), "sku")
    _check_planogram(planogram_file, facings, products, fixtures)

    files = (store_file, fixtures_file, sensors_file, gates_file, catalogue_file, planogram_file)
    return Store(
        store_id=store.store_id,
        name=store.name,
        currency=store.currency,
        time_zone=store.time_zone,
        site_hash=_hash(files),
        zones=store.zones,
        floor=store.floor,
        latency=LATENCY_PROFILES[sensors.latency_profile],
        fixtures=tuple(_fixture(entry) for entry in fixtures),
        products={product.sku: product for product in products},
        facings=facings,
        gateways=sensors.scale_gateways,
        pose_sources=sensors.pose_sources,
        depth_sensors=tuple(
            DepthSensor(device_id=e.device_id, zone=e.zone, model=sensors.depth_models[e.model], pose=e.pose)
            for e in sensors.depth_sensors
        ),
        cameras=tuple(
            Camera(device_id=e.device_id, zone=e.zone, model=sensors.camera_models[e.model], pose=e.pose)
            for e in sensors.cameras
        ),
        lanes=lanes,
        max_people=gates.max_people,
    )


def save_site(folder: Path, site: SiteFiles, comments: Mapping[str, str] | None = None) -> None:
    """Write the six files into a new folder; ``comments`` are texts by name of a YAML file that go on top of it.

    Raises AisleError when the folder exists or cannot be made.
    """
    try:
        folder.mkdir(parents=True)
        for name, part in zip(FILE_NAMES[:4], (site.store, site.fixtures, site.sensors, site.gates), strict=True):
            lines = (comments or {}).get(name, "").splitlines()
            text = "".join(f"# {line}".rstrip() + "\n" for line in lines) + _yaml(part)
            (folder / name).write_text(text, encoding="utf-8")
        for name, rows in (("catalogue.csv", site.products), ("planogram.csv", site.facings)):
            model = Product if name == "catalogue.csv" else Facing
            (folder / name).write_text(_csv(model, rows), encoding="utf-8", newline="")
    except OSError as error:
        raise AisleError(f"{folder}: cannot be written: {error.strerror}; give a folder that does not exist") from None


def catalogue_csv(products: Iterable[Product]) -> str:
    """The text of ``catalogue.csv``."""
    return _csv(Product, products)


def planogram_csv(facings: Iterable[Facing]) -> str:
    """The text of ``planogram.csv``."""
    return _csv(Facing, facings)


def _fixture(entry: FixtureEntry) -> Fixture:
    x0, y0, z0, yaw = entry.pose
    cos, sin = math.cos(yaw), math.sin(yaw)

    def plate(shelf: ShelfEntry, row: PlateRow) -> Plate:
        tares = dict(zip(shelf.plates, shelf.tares, strict=False))
        x, y = row.x + row.width / 2, shelf.y + shelf.depth / 2
        return Plate(
            plate_id=row.plate_id,
            fixture_id=entry.fixture_id,
            shelf=shelf.index,
            index=row.number,
            centre=Point3(x0 + cos * x - sin * y, y0 + sin * x + cos * y, z0 + shelf.z),
            size=Size(row.width, shelf.depth, shelf.clearance),
            yaw=yaw,
            tare=tares.get(row),
        )

    shelves = tuple(
        Shelf(index=shelf.index, plates=tuple(plate(shelf, row) for row in _left_to_right(shelf)))
        for shelf in entry.shelves
    )
    return Fixture(fixture_id=entry.fixture_id, kind=entry.kind, pose=entry.pose, size=entry.size, shelves=shelves)


def _left_to_right(shelf: ShelfEntry) -> list[PlateRow]:
    return sorted(shelf.plates, key=lambda row: row.x)


def _check_plates(file: TextFile, fixtures: tuple[FixtureEntry, ...]) -> None:
    _unique(file, ((("fixtures", i, "fixture_id"), f.fixture_id) for i, f in enumerate(fixtures)), "fixture_id")
    plates: list[tuple[Loc, str]] = []
    for i, fixture in enumerate(fixtures):
        _unique(
            file,
            ((("fixtures", i, "shelves", j, "index"), str(s.index)) for j, s in enumerate(fixture.shelves)),
            "shelf index",
        )
        for j, shelf in enumerate(fixture.shelves):
            loc = ("fixtures", i, "shelves", j, "plates")
            plates += [((*loc, k), row.plate_id) for k, row in enumerate(shelf.plates)]
            if shelf.tares and len(shelf.tares) != len(shelf.plates):
                raise file.error(
                    ("fixtures", i, "shelves", j, "tares"),
                    f"{len(shelf.tares)} tares for {len(shelf.plates)} plates; give one per plate, or none",
                )
            _unique(file, (((*loc, k), str(row.number)) for k, row in enumerate(shelf.plates)), "plate index")
            rows = _left_to_right(shelf)
            for left, right in itertools.pairwise(rows):
                if right.x < left.x + left.width - TOLERANCE:
                    raise file.error(
                        (*loc, shelf.plates.index(right)),
                        f"plate '{right.plate_id}' begins at x = {right.x:g} m but '{left.plate_id}' ends at "
                        f"{left.x + left.width:g} m; move or narrow one",
                    )
            if fixture.size is not None:
                _check_on_shelf(file, ("fixtures", i, "shelves", j), shelf, fixture.size)
        if fixture.size is not None:
            _check_clearances(file, i, fixture)
    _unique(file, plates, "plate_id")


def _check_on_shelf(file: TextFile, loc: Loc, shelf: ShelfEntry, size: Size) -> None:
    """The plates lie within the fixture's body."""
    for key, low, high, limit in (
        ("y", shelf.y, shelf.y + shelf.depth, size.depth),
        ("z", shelf.z, shelf.z, size.height),
    ):
        if low < -TOLERANCE or high > limit + TOLERANCE:
            what = "depth" if key == "y" else "height"
            raise file.error(
                (*loc, key),
                f"plates of shelf {shelf.index} lie from {key} = {low:g} m to {high:g} m but the fixture's {what} is "
                f"{limit:g} m; mend the shelf or the fixture's size",
            )
    for k, row in enumerate(shelf.plates):
        if row.x < -TOLERANCE or row.x + row.width > size.width + TOLERANCE:
            raise file.error(
                (*loc, "plates", k),
                f"plate '{row.plate_id}' lies from x = {row.x:g} m to {row.x + row.width:g} m but the fixture is "
                f"{size.width:g} m wide; move or narrow it",
            )


def _check_clearances(file: TextFile, i: int, fixture: FixtureEntry) -> None:
    """No shelf stands in the free space above another."""
    shelves = list(enumerate(fixture.shelves))
    for (_, low), (j, high) in itertools.permutations(shelves, 2):
        behind = min(low.y + low.depth, high.y + high.depth) - max(low.y, high.y) <= TOLERANCE
        if low.z <= high.z < low.z + low.clearance - TOLERANCE and not behind:
            raise file.error(
                ("fixtures", i, "shelves", j, "z"),
                f"shelf {high.index} at z = {high.z:g} m stands in the free space of shelf {low.index}, which ends at "
                f"{low.z + low.clearance:g} m; move it or lower that clearance",
            )


def _check_bodies(file: TextFile, fixtures: tuple[FixtureEntry, ...], floor: tuple[Point2, ...]) -> None:
    """Fixtures with a size stand on the floor, and not in each other."""
    bodies: list[tuple[int, FixtureEntry, float, Any]] = []
    for i, fixture in enumerate(fixtures):
        if fixture.size is None:
            continue
        corners = footprint(fixture.pose, (0.0, 0.0), fixture.size)
        edge = outline(corners)
        out = edge[~inside(edge, floor, TOLERANCE)]
        if len(out):
            raise file.error(
                ("fixtures", i, "pose"),
                f"fixture '{fixture.fixture_id}' leaves the floor of store.yaml at ({out[0, 0]:.2f}, {out[0, 1]:.2f}); "
                "move it or mend the floor",
            )
        bodies.append((i, fixture, fixture.pose.z + fixture.size.height, corners))
    for (_, first, top, corners), (i, second, other_top, other) in itertools.combinations(bodies, 2):
        height = min(top, other_top) - max(first.pose.z, second.pose.z)
        if height > TOLERANCE and rectangles_overlap(corners, other, TOLERANCE):
            raise file.error(
                ("fixtures", i, "pose"),
                f"fixture '{second.fixture_id}' stands in '{first.fixture_id}'; move one or mend its size",
            )


def _check_devices(
    sensors_file: TextFile, gates_file: TextFile, sensors: SensorsFile, lanes: tuple[Lane, ...], zones: tuple[str, ...]
) -> None:
    devices: list[tuple[TextFile, Loc, str, str]] = []
    devices += [
        (sensors_file, ("scale_gateways", i, "device_id"), gateway.device_id, gateway.zone)
        for i, gateway in enumerate(sensors.scale_gateways)
    ]
    devices += [
        (sensors_file, ("pose_sources", i, "device_id"), source.device_id, source.zone)
        for i, source in enumerate(sensors.pose_sources)
    ]
    for section, models, entries in _placed(sensors):
        for i, entry in enumerate(entries):
            devices.append((sensors_file, (section, i, "device_id"), entry.device_id, entry.zone))
            if entry.model not in models:
                known = ", ".join(models) or "none yet: add it"
                raise sensors_file.error(
                    (section, i, "model"),
                    f"model '{entry.model}' of '{entry.device_id}' is unknown; give a name under "
                    f"{_MODELS_OF[section]} ({known})",
                )
    devices += [(gates_file, ("lanes", i, "lane_id"), lane.lane_id, lane.zone) for i, lane in enumerate(lanes)]
    seen: dict[str, TextFile] = {}
    for file, loc, device, zone in devices:
        if zone not in zones:
            known = ", ".join(zones)
            raise file.error((*loc[:-1], "zone"), f"zone '{zone}' of '{device}' is unknown; give one of {known}")
        if device in seen:
            raise file.error(loc, f"'{device}' is already a device in {seen[device].path.name}; give another name")
        seen[device] = file


def _placed(sensors: SensorsFile) -> tuple[tuple[str, Iterable[str], tuple[DeviceEntry, ...]], ...]:
    """Section, known models and entries of the devices that have a place."""
    return (
        ("depth_sensors", sensors.depth_models, sensors.depth_sensors),
        ("cameras", sensors.camera_models, sensors.cameras),
    )


def _check_places(
    sensors_file: TextFile,
    gates_file: TextFile,
    sensors: SensorsFile,
    lanes: tuple[Lane, ...],
    floor: tuple[Point2, ...],
) -> None:
    """Devices hang over the floor, lanes are on it."""
    for section, _, entries in _placed(sensors):
        for i, entry in enumerate(entries):
            x, y, z = entry.pose[:3]
            if z < 0:
                raise sensors_file.error(
                    (section, i, "pose"), f"'{entry.device_id}' hangs at z = {z:g} m, below the floor; mend its pose"
                )
            if not inside([(x, y)], floor, TOLERANCE)[0]:
                raise sensors_file.error(
                    (section, i, "pose"),
                    f"'{entry.device_id}' at ({x:g}, {y:g}) is outside the store; mend its pose, or the floor of "
                    "store.yaml",
                )
    for i, lane in enumerate(lanes):
        if not inside([lane.position], floor, TOLERANCE)[0]:
            raise gates_file.error(
                ("lanes", i, "position"),
                f"lane '{lane.lane_id}' at ({lane.position.x:g}, {lane.position.y:g}) is outside the store; mend its "
                "position, or the floor of store.yaml",
            )


def _check_planogram(
    file: TextFile, facings: tuple[Facing, ...], products: tuple[Product, ...], fixtures: tuple[FixtureEntry, ...]
) -> None:
    _unique(file, (((i, "facing_id"), facing.facing_id) for i, facing in enumerate(facings)), "facing_id")
    skus = {product.sku for product in products}
    places = {
        row.plate_id: (fixture.fixture_id, shelf.index, position)
        for fixture in fixtures
        for shelf in fixture.shelves
        for position, row in enumerate(_left_to_right(shelf))
    }
    for i, facing in enumerate(facings):
        if facing.sku not in skus:
            raise file.error((i,), f"sku '{facing.sku}' is unknown; add it to catalogue.csv or mend the row")
        for plate_id in facing.plate_ids:
            if plate_id not in places:
                raise file.error((i,), f"plate '{plate_id}' is unknown; add it to fixtures.yaml or mend the row")
        found = sorted(places[plate_id] for plate_id in facing.plate_ids)
        first = found[0]
        if found != [(*first[:2], first[2] + step) for step in range(len(found))]:
            raise file.error(
                (i,),
                f"plates {' '.join(facing.plate_ids)} of facing '{facing.facing_id}' are not adjacent on one shelf; "
                "make one row per group",
            )


def _unique(file: TextFile, items: Iterable[tuple[Loc, str]], what: str) -> None:
    seen: dict[str, Loc] = {}
    for loc, value in items:
        if value in seen:
            raise file.error(loc, f"{what} '{value}' stands already in line {file.line(seen[value])}; keep one")
        seen[value] = loc


def _hash(files: Iterable[TextFile]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path.name}\0{len(file.content)}\0".encode())
        digest.update(file.content)
    return digest.hexdigest()


def _yaml(part: BaseModel) -> str:
    text: str = yaml.dump(
        part.model_dump(mode="json", exclude_defaults=True),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        width=120,
        allow_unicode=True,
    )
    return text


def _csv(model: type[BaseModel], rows: Iterable[BaseModel]) -> str:
    """One row for each; columns that may be left out are, where no row has something in them."""
    out, kept = io.StringIO(), list(rows)
    writer = csv.writer(out, lineterminator="\n")
    columns = [
        name
        for name, field in model.model_fields.items()
        if field.is_required() or any(getattr(row, name) != field.default for row in kept)
    ]
    writer.writerow(columns)
    for row in kept:
        writer.writerow(
            "" if value is None else " ".join(map(str, value)) if isinstance(value, tuple) else value
            for value in (getattr(row, name) for name in columns)
        )
    return out.getvalue()
