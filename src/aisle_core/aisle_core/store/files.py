"""The six files of a site folder: what may stand in them, reading, checking and writing.

YAML for what is nested, CSV for what is long. A cell that holds several values separates them by spaces; an empty
cell is "not known". ``docs/site.md`` describes every key.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import itertools
import math
import zoneinfo
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import yaml
from pydantic import BaseModel, Field, FiniteFloat, TypeAdapter, ValidationError, field_validator

from ..errors import AisleError
from .currency import DECIMALS
from .model import (
    LATENCY_PROFILES,
    Facing,
    Fixture,
    Frozen,
    Id,
    Lane,
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

M = TypeVar("M", bound=BaseModel)
Loc = Sequence[int | str]

FILE_NAMES = ("store.yaml", "fixtures.yaml", "sensors.yaml", "gates.yaml", "catalogue.csv", "planogram.csv")
OVERLAP_TOLERANCE = 0.001
"""Plates may overlap by the rounding of a drawing [m]."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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


class FixtureEntry(Frozen):
    """A piece of furniture in ``fixtures.yaml``."""

    fixture_id: Id
    kind: Id
    pose: Pose
    shelves: tuple[ShelfEntry, ...]


class FixturesFile(Frozen):
    """``fixtures.yaml``."""

    fixtures: tuple[FixtureEntry, ...]


class SensorsFile(Frozen):
    """``sensors.yaml``."""

    latency_profile: str
    scale_gateways: tuple[ScaleGateway, ...]
    pose_sources: tuple[PoseSource, ...]

    @field_validator("latency_profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in LATENCY_PROFILES:
            raise ValueError(f"give one of {', '.join(LATENCY_PROFILES)}")
        return name


class GatesFile(Frozen):
    """``gates.yaml``."""

    lanes: tuple[Lane, ...]


class SiteFiles(Frozen):
    """The content of the six files; ``catalogue.csv`` is ``products``, ``planogram.csv`` is ``facings``."""

    store: StoreFile
    fixtures: FixturesFile
    sensors: SensorsFile
    gates: GatesFile
    products: tuple[Product, ...]
    facings: tuple[Facing, ...]


class _File(ABC):
    """One file: parsed content, and errors that name the line."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name
        try:
            self.content = self.path.read_bytes()
            self.text = self.content.decode("utf-8-sig")
        except FileNotFoundError:
            raise AisleError(f"{self.path}: file is missing; a site folder needs {', '.join(FILE_NAMES)}") from None
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            raise AisleError(f"{self.path}:{line}: not UTF-8 text; save the file as UTF-8") from None
        except OSError as error:
            raise AisleError(f"{self.path}: cannot be read: {error.strerror}; check the path and its rights") from None

    @abstractmethod
    def line(self, loc: Loc) -> int:
        """Line of the thing that pydantic calls ``loc``."""

    def error(self, loc: Loc, message: str) -> AisleError:
        """An error about the thing at ``loc``."""
        return AisleError(f"{self.path}:{self.line(loc)}: {message}")

    def refusal(self, error: ValidationError, model: type[BaseModel]) -> AisleError:
        """The first complaint of pydantic, in our words; a misspelt key is named before the one that it should be."""
        first = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
        loc, given = first["loc"], first["input"]
        name = _name(loc)
        if first["type"] == "missing":
            return self.error(loc[:-1], f"'{name}' is missing; add it")
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(loc[-1]), _keys(model), n=1)
            return self.error(loc, f"unknown key '{name}'; " + (f"did you mean '{near[0]}'?" if near else "remove it"))
        cause = first.get("ctx", {}).get("error")
        remedy = str(cause) if cause else "give " + first["msg"].removeprefix("Input should be ").replace("\n", " ")
        return self.error(loc, f"'{name}' is {_short(given)}; {remedy}")


class _YamlFile(_File):
    def read(self, model: type[M]) -> M:
        try:
            document = yaml.load(self.text, Loader=_Loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            raise AisleError(
                f"{self.path}:{line}: not YAML: {getattr(error, 'problem', None) or error}; mend the file"
            ) from None
        if not isinstance(document, dict):
            raise AisleError(f"{self.path}:1: no 'key: value' lines; see docs/site.md for what stands here")
        try:
            return model.model_validate(document)
        except ValidationError as error:
            raise self.refusal(error, model) from None

    def line(self, loc: Loc) -> int:
        node = yaml.compose(self.text, Loader=_Loader)
        line = 0
        for part in loc:
            if isinstance(node, yaml.MappingNode):
                pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
            else:
                break
        return line + 1


class _CsvFile(_File):
    def read(self, model: type[M]) -> tuple[M, ...]:
        """One model per row; cells of tuple fields are split at spaces, empty cells are None."""
        columns = list(model.model_fields)
        split = [name for name, field in model.model_fields.items() if _is_tuple(field.annotation)]
        reader = csv.DictReader(io.StringIO(self.text, newline=""), strict=True)
        rows: list[dict[str, Any]] = []
        self.lines: list[int] = []
        self._check_header(reader.fieldnames or [], columns)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise AisleError(
                        f"{self.path}:{reader.line_num}: the row has not {len(columns)} cells like the first line; "
                        "mend it (quote a text that contains a comma)"
                    )
                values: dict[str, Any] = {key: cell.strip() or None for key, cell in row.items()}
                for name in split:
                    if values[name] is not None:
                        values[name] = tuple(values[name].split())
                rows.append(values)
                self.lines.append(reader.line_num)
        except csv.Error as error:
            line = (self.lines or [1])[-1] + 1
            raise AisleError(f"{self.path}:{line}: not CSV: {error}; mend the row") from None
        try:
            return tuple(TypeAdapter(list[model]).validate_python(rows))  # type: ignore[valid-type]
        except ValidationError as error:
            raise self.refusal(error, model) from None

    def _check_header(self, header: Sequence[str], columns: list[str]) -> None:
        for name in header:
            if name not in columns or list(header).count(name) > 1:
                raise AisleError(f"{self.path}:1: column '{name}' is wrong; the columns are {','.join(columns)}")
        for name in columns:
            if name not in header:
                raise AisleError(f"{self.path}:1: column '{name}' is missing; the columns are {','.join(columns)}")

    def line(self, loc: Loc) -> int:
        return self.lines[int(loc[0])] if loc else 1


def load_store(folder: Path) -> Store:
    """Read and check a site folder.

    Raises AisleError that names file, line and remedy for anything that is missing, unknown, doubled or contradictory.
    """
    if not folder.is_dir():
        raise AisleError(f"{folder}: no such folder; give a site folder such as config/stores/demo")
    store_file, fixtures_file, sensors_file, gates_file = (_YamlFile(folder, name) for name in FILE_NAMES[:4])
    catalogue_file, planogram_file = (_CsvFile(folder, name) for name in FILE_NAMES[4:])
    store = store_file.read(StoreFile)
    fixtures = fixtures_file.read(FixturesFile).fixtures
    sensors = sensors_file.read(SensorsFile)
    lanes = gates_file.read(GatesFile).lanes
    products = catalogue_file.read(Product)
    facings = planogram_file.read(Facing)

    _unique(store_file, ((("zones", i), zone) for i, zone in enumerate(store.zones)), "zone")
    _check_fixtures(fixtures_file, fixtures)
    _check_devices(sensors_file, gates_file, sensors, lanes, store.zones)
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
        lanes=lanes,
    )


def save_site(folder: Path, site: SiteFiles) -> None:
    """Write the six files into a new folder. Raises AisleError when the folder exists or cannot be made."""
    try:
        folder.mkdir(parents=True)
        for name, part in zip(FILE_NAMES[:4], (site.store, site.fixtures, site.sensors, site.gates), strict=True):
            (folder / name).write_text(_yaml(part), encoding="utf-8")
        for name, rows in (("catalogue.csv", site.products), ("planogram.csv", site.facings)):
            model = Product if name == "catalogue.csv" else Facing
            (folder / name).write_text(_csv(model, rows), encoding="utf-8", newline="")
    except OSError as error:
        raise AisleError(f"{folder}: cannot be written: {error.strerror}; give a folder that does not exist") from None


def _fixture(entry: FixtureEntry) -> Fixture:
    x0, y0, z0, yaw = entry.pose
    cos, sin = math.cos(yaw), math.sin(yaw)

    def plate(shelf: ShelfEntry, row: PlateRow) -> Plate:
        x, y = row.x + row.width / 2, shelf.y + shelf.depth / 2
        return Plate(
            plate_id=row.plate_id,
            fixture_id=entry.fixture_id,
            shelf=shelf.index,
            index=row.number,
            centre=Point3(x0 + cos * x - sin * y, y0 + sin * x + cos * y, z0 + shelf.z),
            size=Size(row.width, shelf.depth, shelf.clearance),
            yaw=yaw,
        )

    shelves = tuple(
        Shelf(index=shelf.index, plates=tuple(plate(shelf, row) for row in _left_to_right(shelf)))
        for shelf in entry.shelves
    )
    return Fixture(fixture_id=entry.fixture_id, kind=entry.kind, pose=entry.pose, shelves=shelves)


def _left_to_right(shelf: ShelfEntry) -> list[PlateRow]:
    return sorted(shelf.plates, key=lambda row: row.x)


def _check_fixtures(file: _File, fixtures: tuple[FixtureEntry, ...]) -> None:
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
            _unique(file, (((*loc, k), str(row.number)) for k, row in enumerate(shelf.plates)), "plate index")
            rows = _left_to_right(shelf)
            for left, right in itertools.pairwise(rows):
                if right.x < left.x + left.width - OVERLAP_TOLERANCE:
                    raise file.error(
                        (*loc, shelf.plates.index(right)),
                        f"plate '{right.plate_id}' begins at x = {right.x:g} m but '{left.plate_id}' ends at "
                        f"{left.x + left.width:g} m; move or narrow one",
                    )
    _unique(file, plates, "plate_id")


def _check_devices(
    sensors_file: _File, gates_file: _File, sensors: SensorsFile, lanes: tuple[Lane, ...], zones: tuple[str, ...]
) -> None:
    devices: list[tuple[_File, Loc, str, str]] = []
    devices += [
        (sensors_file, ("scale_gateways", i, "device_id"), gateway.device_id, gateway.zone)
        for i, gateway in enumerate(sensors.scale_gateways)
    ]
    devices += [
        (sensors_file, ("pose_sources", i, "device_id"), source.device_id, source.zone)
        for i, source in enumerate(sensors.pose_sources)
    ]
    devices += [(gates_file, ("lanes", i, "lane_id"), lane.lane_id, lane.zone) for i, lane in enumerate(lanes)]
    seen: dict[str, _File] = {}
    for file, loc, device, zone in devices:
        if zone not in zones:
            known = ", ".join(zones)
            raise file.error((*loc[:-1], "zone"), f"zone '{zone}' of '{device}' is unknown; give one of {known}")
        if device in seen:
            raise file.error(loc, f"'{device}' is already a device in {seen[device].path.name}; give another name")
        seen[device] = file


def _check_planogram(
    file: _File, facings: tuple[Facing, ...], products: tuple[Product, ...], fixtures: tuple[FixtureEntry, ...]
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


def _unique(file: _File, items: Iterable[tuple[Loc, str]], what: str) -> None:
    seen: dict[str, Loc] = {}
    for loc, value in items:
        if value in seen:
            raise file.error(loc, f"{what} '{value}' stands already in line {file.line(seen[value])}; keep one")
        seen[value] = loc


def _hash(files: Iterable[_File]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path.name}\0{len(file.content)}\0".encode())
        digest.update(file.content)
    return digest.hexdigest()


def _is_tuple(annotation: Any) -> bool:
    options = get_args(annotation) or (annotation,)
    return get_args(annotation)[-1:] == (Ellipsis,) or Size in options


def _name(loc: Loc) -> str:
    """('fixtures', 0, 'pose') -> fixtures[0].pose; in a CSV file only the column."""
    parts = list(loc[1:] if loc and isinstance(loc[0], int) else loc)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _keys(model: type[BaseModel]) -> list[str]:
    """All keys of a file, at any depth."""
    return sorted({key for part in _models(model) for key in part.model_fields})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation] + [m for field in annotation.model_fields.values() for m in _models(field.annotation)]
    return [m for argument in get_args(annotation) for m in _models(argument)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _yaml(part: BaseModel) -> str:
    text: str = yaml.dump(
        part.model_dump(mode="json"),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        width=120,
        allow_unicode=True,
    )
    return text


def _csv(model: type[BaseModel], rows: Iterable[BaseModel]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(model.model_fields)
    for row in rows:
        writer.writerow(
            "" if value is None else " ".join(map(str, value)) if isinstance(value, tuple) else value
            for value in (getattr(row, name) for name in model.model_fields)
        )
    return out.getvalue()
