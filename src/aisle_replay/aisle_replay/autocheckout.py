"""Import of recordings in the format of the AutoCheckout competition (CPS-IoT Week 2020).

A recording is a folder of four files with one JSON document a line: ``plate_data.json`` (blocks of load-cell samples,
grams), ``full_targets.json`` (key points of bodies, inches), ``planogram.json`` (metres) and ``products.json`` (grams,
price in whole units of an unnamed currency). Ids and numbers that are 0 are left out, as protobuf's JSON does.

What breaks the structure of a file ends the import; what is doubtful in a single record is left out or kept, counted
and reported. ``docs/bad-input.md`` has the list.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import itertools
import json
import math
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from aisle_contract.interfaces import BODY_KEYPOINTS, END_OF_STREAM, SCALE_LAYOUT, SCALE_READINGS, TICK
from aisle_core.errors import AisleError
from aisle_core.store import LATENCY_PROFILES, Facing, PoseSource, Product, ScaleGateway, SiteFiles, save_site
from aisle_core.store.currency import DECIMALS
from aisle_core.store.files import FixtureEntry, FixturesFile, GatesFile, PlateRow, SensorsFile, ShelfEntry, StoreFile
from aisle_core.store.model import Point2, Pose, is_gtin
from aisle_core.types import Bodies, BodyKeypoint, BodyKeypoints, BodyPart, Point, ScaleLayout, ScaleReadings, Tick

from .bag import BagWriter

FILES = ("plate_data.json", "full_targets.json", "planogram.json", "products.json")
STORE_ID = "autocheckout"
ZONE = "shop"
POSE_DEVICE = "vision"
PUBLISHER = "recording"
"""Publisher of the end-of-stream message."""
PROFILE = LATENCY_PROFILES["late_vision"]

INCH = 0.0254
TICK_PERIOD_NS = 100_000_000
FLOOR_MARGIN = 0.5
"""The sales floor reaches this far beyond everything that was measured [m]."""
LIVE_REPEAT_SHARE = 0.5
"""A channel is alive when fewer of its samples than this repeat the one before: load cells repeat 2 to 22 %, frozen and
constant channels 99 % and more (BENCHMARK-1)."""

_JOINTS = {
    "head": BodyPart.HEAD,
    "neck": BodyPart.NECK,
    "l_shoulder": BodyPart.LEFT_SHOULDER,
    "r_shoulder": BodyPart.RIGHT_SHOULDER,
    "l_elbow": BodyPart.LEFT_ELBOW,
    "r_elbow": BodyPart.RIGHT_ELBOW,
    "l_wrist": BodyPart.LEFT_HAND,
    "r_wrist": BodyPart.RIGHT_HAND,
}
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")

PlateKey = tuple[int, int, int]
"""Gondola, shelf and plate index, as the recording counts them."""


@dataclass(slots=True)
class ImportReport:
    """What came out, and what was merged, kept in doubt or left out."""

    bag: Path
    readings: int = 0
    bodies: int = 0
    ticks: int = 0
    duration_s: float = 0.0
    findings: dict[str, list[str]] = field(default_factory=dict)
    """What was found -> where, "file:line" or an id."""

    def add(self, finding: str, place: str) -> None:
        """Count one finding."""
        self.findings.setdefault(finding, []).append(place)

    def lines(self) -> list[str]:
        """The report for people."""
        head = (
            f"{self.bag}: {self.readings} scale blocks, {self.bodies} body sets and {self.ticks} ticks "
            f"over {self.duration_s:.1f} s"
        )
        return [head] + [
            f"{len(places)} {finding}: {', '.join(places[:3])}{', ...' if len(places) > 3 else ''}"
            for finding, places in self.findings.items()
        ]


@dataclass(frozen=True, slots=True)
class _Record:
    """One line of a file."""

    path: Path
    line: int
    document: dict[str, Any]

    @property
    def place(self) -> str:
        return f"{self.path.name}:{self.line}"

    def error(self, message: str) -> AisleError:
        return AisleError(f"{self.path}:{self.line}: {message}")

    def get(self, *keys: str, of: type | tuple[type, ...] = dict, default: Any = None) -> Any:
        """The value under the keys; without a default a missing one is an error, as is one of another type."""
        value: Any = self.document
        for depth, key in enumerate(keys):
            if not isinstance(value, dict):
                raise self.error(f"'{'.'.join(keys[:depth])}' is {_short(value)}; give an object")
            if value.get(key) is None:
                if default is None:
                    raise self.error(f"'{'.'.join(keys[: depth + 1])}' is missing; export the recording again")
                return default
            value = value[key]
        if not isinstance(value, of) or isinstance(value, bool):
            raise self.error(f"'{'.'.join(keys)}' is {_short(value)}; export the recording again")
        return value

    def instant(self, *keys: str) -> int:
        """An instant in UTC [ns]."""
        return self.parse_instant(self.get(*keys, of=str), ".".join(keys))

    def parse_instant(self, text: Any, name: str) -> int:
        match = _INSTANT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise self.error(f"'{name}' is {_short(text)}; give an instant such as 2020-04-22T05:06:36.859Z")
        try:
            seconds = int(datetime.datetime.fromisoformat(match[1] + "+00:00").timestamp())
        except ValueError as error:
            raise self.error(f"'{name}' is {text!r}: {error}; mend the line") from None
        return seconds * 1_000_000_000 + int((match[2] or "0").ljust(9, "0"))


@dataclass(frozen=True, slots=True)
class _Block:
    arrival_ns: int
    stamp_ns: int
    issue_ns: int
    gondola: int
    period_ns: int
    grams: NDArray[np.float32]
    """(samples, shelves, plates)."""
    place: str


@dataclass(frozen=True, slots=True)
class _BodySet:
    arrival_ns: int
    stamp_ns: int
    bodies: tuple[BodyKeypoints, ...]
    place: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One planogram row; the box is that of the facing in the gondola's own frame, shifted by ``origin``."""

    gondola: int
    shelf: int
    plates: tuple[int, ...]
    sku: str | None
    origin: tuple[float, float]
    yaw: float
    left: float
    front: float
    top: float
    size: tuple[float, float, float]
    place: str


def import_autocheckout(folder: Path, out: Path, currency: str = "USD", time_zone: str = "UTC") -> ImportReport:
    """Make a bag and its site from a recording.

    Raises AisleError that names file, line and remedy when the recording cannot be understood; then nothing is written.
    """
    if currency not in DECIMALS:
        raise AisleError(f"currency '{currency}' is unknown; give an ISO 4217 code such as USD or EUR")
    if out.exists():
        raise AisleError(f"{out}: exists already; give a new name or remove it")
    paths = [folder / name for name in FILES]
    for path in paths:
        if not path.is_file():
            raise AisleError(f"{path}: file is missing; a recording needs {', '.join(FILES)}")
    report = ImportReport(out)
    blocks = _in_order(_read_blocks(paths[0]), lambda block: block.gondola, "scale blocks", report)
    if not blocks:
        raise AisleError(f"{paths[0]}:1: no usable scale block; export the recording again")
    body_sets = _in_order(_read_bodies(paths[1]), lambda _: 0, "body sets", report)
    products = _read_products(paths[3], DECIMALS[currency], report)
    rows = _read_planogram(paths[2], {product.sku for product in products}, report)

    channels = _Channels(blocks)
    fixtures, plates = _fixtures(rows, channels, report)
    site = SiteFiles(
        store=StoreFile(
            store_id=STORE_ID,
            name=f"AutoCheckout recording {folder.resolve().name}",
            currency=currency,
            time_zone=time_zone,
            zones=(ZONE,),
            floor=_floor(rows, body_sets),
        ),
        fixtures=FixturesFile(fixtures=fixtures),
        sensors=SensorsFile(
            latency_profile=PROFILE.name,
            scale_gateways=tuple(ScaleGateway(device_id=f"g{gondola}", zone=ZONE) for gondola in channels.gondolas),
            pose_sources=(PoseSource(device_id=POSE_DEVICE, zone=ZONE),),
        ),
        gates=GatesFile(lanes=()),
        products=products,
        facings=tuple(
            Facing(
                facing_id="f" + row.place.rpartition(":")[2],
                sku=row.sku,
                plate_ids=tuple(_plate_id(row.gondola, row.shelf, plate) for plate in row.plates),
            )
            for row in rows
            if row.sku is not None
        ),
    )
    scratch = Path(tempfile.mkdtemp(prefix="aisle-import-"))
    try:
        save_site(scratch / "site", site)
        with BagWriter(out, scratch / "site") as bag:
            _write(bag, blocks, body_sets, channels.columns(plates, report), report)
    finally:
        shutil.rmtree(scratch)
    return report


# --- reading the files


def _records(path: Path) -> Iterator[_Record]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    document = json.loads(line)
                except ValueError as error:
                    what = "truncated" if not line.endswith(b"\n") else "not JSON"
                    raise AisleError(
                        f"{path}:{number}: {what}: {error}; export the recording again or delete the line"
                    ) from None
                if not isinstance(document, dict):
                    raise AisleError(f"{path}:{number}: {_short(document)} is no document; delete the line")
                yield _Record(path, number, document)
    except OSError as error:
        raise AisleError(f"{path}: cannot be read: {error.strerror}; check the path and its rights") from None


def _read_blocks(path: Path) -> list[_Block]:
    blocks: list[_Block] = []
    shapes: dict[int, tuple[int, ...]] = {}
    for record in _records(path):
        data = ("document", "plate_data")
        gondola = record.get(*data, "plate_id", "shelf_id", "gondola_id", "id", of=int, default=0)
        rate = record.get(*data, "freq_samp", of=(int, float))
        if not (math.isfinite(rate) and rate > 0):
            raise record.error(f"'freq_samp' is {rate!r}; give samples per second, above 0")
        grams = _array(record, record.get(*data, "values"))
        shape = shapes.setdefault(gondola, grams.shape[1:])
        if grams.shape[1:] != shape:
            raise record.error(
                f"array of {grams.shape[1:]} shelves and plates, but gondola {gondola} had {shape} before; "
                "import the parts of the recording one by one"
            )
        period_ns = round(1e9 / rate)
        # t_origin is the middle of a block: it leaves half a block later, which is when its last sample is there.
        first_ns = record.instant("document", "header", "t_origin") - (len(grams) - 1) * period_ns // 2
        blocks.append(
            _Block(
                arrival_ns=record.instant("date_time", "$date"),
                stamp_ns=first_ns,
                issue_ns=record.instant("document", "header", "t_issue"),
                gondola=gondola,
                period_ns=period_ns,
                grams=grams,
                place=record.place,
            )
        )
    return blocks


def _array(record: _Record, values: dict[str, Any]) -> NDArray[np.float32]:
    shape, kind = values.get("shape"), values.get("type")
    if kind != "DATATYPE_FLOAT32":
        raise record.error(f"'values.type' is {_short(kind)}; only DATATYPE_FLOAT32 is known")
    if not (isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)):
        raise record.error(f"'values.shape' is {_short(shape)}; give [samples, shelves, plates]")
    try:
        content = base64.b64decode(values.get("data", ""), validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise record.error(f"'values.data' is not base64: {error}; export the recording again") from None
    if len(content) != 4 * math.prod(shape):
        raise record.error(
            f"'values.data' holds {len(content)} bytes, but shape {shape} needs {4 * math.prod(shape)}; "
            "export the recording again"
        )
    return np.frombuffer(content, "<f4").reshape(shape)


def _read_bodies(path: Path) -> list[_BodySet]:
    sets: list[_BodySet] = []
    for record in _records(path):
        stamp_ns = record.instant("document", "header", "t_origin")
        targets = record.get("document", "targets", "targets", of=list, default=[])
        if not all(isinstance(target, dict) for target in targets):
            raise record.error("'document.targets.targets' has an entry that is no object; export the recording again")
        bodies = tuple(_body(_Record(path, record.line, target), stamp_ns) for target in targets)
        sets.append(_BodySet(record.instant("date_time", "$date"), stamp_ns, bodies, record.place))
    return sets


def _body(target: _Record, stamp_ns: int) -> BodyKeypoints:
    captures = [
        target.parse_instant(item.get("timestamp") if isinstance(item, dict) else item, "detection_metadata.timestamp")
        for item in target.get("detection_metadata", of=list, default=[])
    ] or [stamp_ns]
    found = [
        BodyKeypoint(part, *point)
        for name, part in _JOINTS.items()
        if (point := _keypoint(target, name, target.get(name, default={}))) is not None
    ]
    wrists = [keypoint.position for keypoint in found if keypoint.part in (BodyPart.LEFT_HAND, BodyPart.RIGHT_HAND)]
    for hand in target.get("hands", of=list, default=[]):
        point = _keypoint(target, "hands", hand)
        if point is not None and point[0] not in wrists:
            found.append(BodyKeypoint(BodyPart.HAND, *point))
    label = target.get("target_id", "id", of=(str, int), default="0")
    return BodyKeypoints(str(label), tuple(found), min(captures), max(captures))


def _keypoint(target: _Record, name: str, value: Any) -> tuple[Point, float] | None:
    """Position [m] and score; None for a point that the estimator did not find."""
    point = value.get("point") if isinstance(value, dict) else None
    if value and not isinstance(point, dict):
        raise target.error(f"'{name}' is {_short(value)}; give a point and a score")
    if not point:
        return None
    numbers = [point.get(axis, 0.0) for axis in "xyz"] + [value.get("score", 0.0)]
    if not all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers):
        raise target.error(f"'{name}' is {_short(value)}; give finite numbers")
    x, y, z, score = numbers
    return (x * INCH, y * INCH, z * INCH), float(score)


def _read_products(path: Path, decimals: int, report: ImportReport) -> tuple[Product, ...]:
    first: dict[str, tuple[Any, ...]] = {}
    products: list[Product] = []
    for record in _records(path):
        sku = record.get("product_id", "id", of=str, default="")
        if not sku:
            report.add("products without an id, left out", record.place)
            continue
        name = record.get("metadata", "name", of=str, default=sku)
        price = record.get("metadata", "price", of=(int, float), default=0)
        grams = record.get("metadata", "weight", of=(int, float), default=0)
        if sku in first:
            same = first[sku] == (name, price, grams)
            report.add(f"{'equal duplicate' if same else 'unequal duplicate'} products, first one kept", record.place)
            continue
        first[sku] = (name, price, grams)
        minor = Decimal(str(price)).scaleb(decimals)
        priced = minor.is_finite() and minor > 0 and minor == minor.to_integral_value()
        weighed = math.isfinite(grams) and grams > 0
        try:
            products.append(
                Product(
                    sku=sku,
                    gtin=sku if is_gtin(sku) else None,
                    name=name,
                    price_minor=int(minor) if priced else None,
                    tax_class="standard",
                    weight=round(grams / 1000, 6) if weighed else None,
                    weight_stddev=None,
                    size=None,
                )
            )
        except ValidationError as error:
            report.add("products left out", f"{record.place} ({error.errors()[0]['msg']})")
            continue
        if not priced:
            report.add("products without a price, charged nothing and reviewed", sku)
        if not weighed:
            report.add("products without a weight", sku)
    return tuple(products)


def _read_planogram(path: Path, skus: set[str], report: ImportReport) -> list[_Row]:
    """The rows; those whose product is not known have no sku."""
    rows: list[_Row] = []
    for record in _records(path):
        keys = [
            _plate_key(_Record(path, record.line, plate))
            for plate in record.get("plate_ids", of=list, default=[])
            if isinstance(plate, dict)
        ]
        keys.sort()
        first = keys[0] if keys else (0, 0, 0)
        if not keys or keys != [(*first[:2], first[2] + step) for step in range(len(keys))]:
            report.add("planogram rows left out, their plates are not adjacent on one shelf", record.place)
            continue
        box = record.get("global_coordinates")
        at = _numbers(record, "global_coordinates.transform.translation", ("x", "y", "z"))
        local = _numbers(record, "coordinates.transform.translation", ("x", "y"))
        yaw = _numbers(record, "global_coordinates.transform.rotation", ("z",))[0]
        size = tuple(box.get(f"dim_{axis}", 0.0) for axis in "xyz")
        if not all(isinstance(n, (int, float)) and n > 0 and math.isfinite(n) for n in size):
            raise record.error(f"'global_coordinates.dim_x/y/z' are {size}; give sizes above 0 m")
        sku = record.get("planogram_product_id", "id", of=str, default="")
        if not sku:
            report.add("planogram rows without a product id, plates kept", record.place)
        elif sku not in skus:
            report.add("planogram rows that name an unknown product, plates kept", f"{record.place} ({sku})")
        cos, sin = math.cos(yaw), math.sin(yaw)
        rows.append(
            _Row(
                gondola=first[0],
                shelf=first[1],
                plates=tuple(key[2] for key in keys),
                sku=sku if sku in skus else None,
                origin=(at[0] - cos * local[0] + sin * local[1], at[1] - sin * local[0] - cos * local[1]),
                yaw=yaw,
                left=local[0],
                front=local[1],
                top=at[2],
                size=(size[0], size[1], size[2]),
                place=record.place,
            )
        )
    return rows


def _plate_key(plate: _Record) -> PlateKey:
    return (
        plate.get("shelf_id", "gondola_id", "id", of=int, default=0),
        plate.get("shelf_id", "shelf_index", of=int, default=0),
        plate.get("plate_index", of=int, default=0),
    )


def _numbers(record: _Record, path: str, axes: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(record.get(*path.split("."), axis, of=(int, float), default=0.0)) for axis in axes)


def _in_order(items: list[Any], source: Any, what: str, report: ImportReport) -> list[Any]:
    """Without those that come too late or twice; by stamp."""
    kept: list[Any] = []
    newest: dict[int, int] = {}
    seen: set[tuple[int, int]] = set()
    for item in sorted(items, key=lambda item: item.arrival_ns):
        key = (source(item), item.stamp_ns)
        last = newest.get(key[0], item.stamp_ns)
        if key in seen:
            report.add(f"{what} left out, their stamp stands already", item.place)
        elif item.stamp_ns < last - PROFILE.sensor_lateness_ns:
            report.add(f"{what} left out, their stamp runs backwards", item.place)
        else:
            kept.append(item)
            seen.add(key)
            newest[key[0]] = max(last, item.stamp_ns)
    return sorted(kept, key=lambda item: item.stamp_ns)


# --- making the site


class _Channels:
    """How the channels of each gondola behaved."""

    def __init__(self, blocks: list[_Block]) -> None:
        self.gondolas = sorted({block.gondola for block in blocks})
        self._finite: dict[int, NDArray[np.bool_]] = {}
        self._complete: dict[int, NDArray[np.bool_]] = {}
        self._live: dict[int, NDArray[np.bool_]] = {}
        for gondola in self.gondolas:
            grams = np.concatenate([block.grams for block in blocks if block.gondola == gondola])
            finite = np.isfinite(grams)
            pairs = finite[1:] & finite[:-1]
            repeated = pairs & (grams[1:] == grams[:-1])
            self._finite[gondola] = finite.any(axis=0)
            self._complete[gondola] = finite.all(axis=0)
            self._live[gondola] = repeated.sum(axis=0) < LIVE_REPEAT_SHARE * pairs.sum(axis=0)

    def exists(self, key: PlateKey) -> bool:
        """Whether the array has a place for the plate."""
        finite = self._finite.get(key[0])
        return finite is not None and 0 <= key[1] < finite.shape[0] and 0 <= key[2] < finite.shape[1]

    def live(self, key: PlateKey) -> bool:
        """Whether a load cell speaks there: finite, and neither constant nor a frozen copy."""
        return self.exists(key) and bool(self._live[key[0]][key[1:]])

    def columns(self, plates: set[PlateKey], report: ImportReport) -> dict[int, list[PlateKey]]:
        """The channels of each gondola that go into the bag: all plates, and whatever else was ever finite."""
        columns: dict[int, list[PlateKey]] = {}
        for gondola in self.gondolas:
            columns[gondola] = [
                (gondola, int(shelf), int(plate))
                for shelf, plate in np.ndindex(self._finite[gondola].shape)
                if (gondola, shelf, plate) in plates or self._finite[gondola][shelf, plate]
            ]
            for key in columns[gondola]:
                if key not in plates:
                    report.add("channels that are no plates of the site, kept in the bag", _plate_id(*key))
                elif not self._finite[gondola][key[1:]]:
                    report.add("plates that are NaN throughout", _plate_id(*key))
                elif not self._complete[gondola][key[1:]]:
                    report.add("plates with NaN samples, kept as gaps", _plate_id(*key))
        for key in sorted(plates):
            if not self.exists(key):
                report.add("plates of the planogram without readings", _plate_id(*key))
        return columns


def _fixtures(
    rows: list[_Row], channels: _Channels, report: ImportReport
) -> tuple[tuple[FixtureEntry, ...], set[PlateKey]]:
    fixtures: list[FixtureEntry] = []
    plates: set[PlateKey] = set()
    ordered = sorted(rows, key=lambda row: (row.gondola, row.shelf, row.plates))
    for gondola, of_gondola in itertools.groupby(ordered, key=lambda row: row.gondola):
        group = list(of_gondola)
        shelves: list[ShelfEntry] = []
        for shelf, of_shelf in itertools.groupby(group, key=lambda row: row.shelf):
            on_shelf = list(of_shelf)
            places = _places(on_shelf)
            for index, place in _between(places).items():
                if channels.live((gondola, shelf, index)):
                    places[index] = place
                    plate_id = _plate_id(gondola, shelf, index)
                    report.add("plates without a product, placed between their neighbours", plate_id)
            plates.update((gondola, shelf, index) for index in places)
            shelves.append(
                ShelfEntry(
                    index=shelf,
                    y=_round(on_shelf[0].front),
                    z=_round(on_shelf[0].top),
                    depth=_round(on_shelf[0].size[1]),
                    clearance=_round(on_shelf[0].size[2]),
                    plates=tuple(
                        PlateRow(index, _plate_id(gondola, shelf, index), _round(left), _round(width))
                        for index, (left, width) in sorted(places.items())
                    ),
                )
            )
        x, y = group[0].origin
        for row in group:
            if math.dist(row.origin, (x, y)) > 0.01 or abs(row.yaw - group[0].yaw) > 0.01:
                raise AisleError(
                    f"{row.place}: gondola {gondola} stands elsewhere than in {group[0].place}; "
                    "mend 'coordinates' or 'global_coordinates' of one"
                )
        pose = Pose(_round(x), _round(y), 0.0, _round(group[0].yaw))
        fixtures.append(FixtureEntry(fixture_id=f"g{gondola}", kind="gondola", pose=pose, shelves=tuple(shelves)))
    return tuple(fixtures), plates


def _places(rows: list[_Row]) -> dict[int, tuple[float, float]]:
    """Plate index -> left edge and width; a facing is shared evenly by its plates."""
    places: dict[int, tuple[float, float]] = {}
    for row in rows:
        width = row.size[0] / len(row.plates)
        for step, index in enumerate(row.plates):
            places.setdefault(index, (row.left + step * width, width))
    return places


def _between(places: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    """Places of the indices that are missing between two neighbours; they share the gap evenly."""
    missing: dict[int, tuple[float, float]] = {}
    for left, right in itertools.pairwise(sorted(places)):
        start = sum(places[left])
        width = (places[right][0] - start) / max(right - left - 1, 1)
        if width > 0.01:
            missing |= {index: (start + (index - left - 1) * width, width) for index in range(left + 1, right)}
    return missing


def _floor(rows: list[_Row], body_sets: list[_BodySet]) -> tuple[Point2, ...]:
    """The rectangle around all facings and key points."""
    points: list[tuple[float, float]] = [
        keypoint.position[:2] for body_set in body_sets for body in body_set.bodies for keypoint in body.keypoints
    ]
    for row in rows:
        cos, sin = math.cos(row.yaw), math.sin(row.yaw)
        for x in (row.left, row.left + row.size[0]):
            for y in (row.front, row.front + row.size[1]):
                points.append((row.origin[0] + cos * x - sin * y, row.origin[1] + sin * x + cos * y))
    if not points:
        raise AisleError("planogram.json:1: no usable row; export the recording again")
    corners = np.array(points)
    (x0, y0), (x1, y1) = corners.min(axis=0) - FLOOR_MARGIN, corners.max(axis=0) + FLOOR_MARGIN
    return tuple(Point2(round(float(x), 2), round(float(y), 2)) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


# --- writing the bag


def _write(
    bag: BagWriter,
    blocks: list[_Block],
    body_sets: list[_BodySet],
    columns: dict[int, list[PlateKey]],
    report: ImportReport,
) -> None:
    def topic(name: str) -> str:
        return f"/{STORE_ID}/{name}"

    stamps = [body_set.stamp_ns for body_set in body_sets]
    first_ns = min(stamps + [block.stamp_ns for block in blocks])
    last_ns = max(stamps + [block.stamp_ns + (len(block.grams) - 1) * block.period_ns for block in blocks])
    ticks = range(first_ns // TICK_PERIOD_NS, -(-last_ns // TICK_PERIOD_NS) + 1)

    entries: list[tuple[int, str, Any]] = []
    for gondola, keys in columns.items():
        gateway = f"g{gondola}"
        mine = [block for block in blocks if block.gondola == gondola]
        plate_ids = tuple(_plate_id(*key) for key in keys)
        layout = ScaleLayout(mine[0].stamp_ns, gateway, 0, plate_ids)
        entries.append((ticks[0] * TICK_PERIOD_NS, SCALE_LAYOUT.of(ZONE, gateway), layout))
        flat = [key[1] * mine[0].grams.shape[2] + key[2] for key in keys]
        name = SCALE_READINGS.of(ZONE, gateway)
        for sequence, block in enumerate(sorted(mine, key=lambda block: block.arrival_ns)):
            mass = block.grams.reshape(len(block.grams), -1)[:, flat] / np.float32(1000)
            readings = ScaleReadings(block.stamp_ns, sequence, gateway, 0, block.period_ns, mass, block.issue_ns)
            entries.append((block.arrival_ns, name, readings))
        for before, after in itertools.pairwise(mine):
            if after.stamp_ns - before.stamp_ns > 1.5 * len(before.grams) * before.period_ns:
                report.add("gaps between scale blocks", after.place)
    bodies_name = BODY_KEYPOINTS.of(ZONE, POSE_DEVICE)
    for sequence, body_set in enumerate(sorted(body_sets, key=lambda body_set: body_set.arrival_ns)):
        bodies = Bodies(body_set.stamp_ns, sequence, POSE_DEVICE, body_set.bodies)
        entries.append((body_set.arrival_ns, bodies_name, bodies))

    for sequence, tick in enumerate(ticks):
        entries.append((tick * TICK_PERIOD_NS, TICK.name, Tick(tick * TICK_PERIOD_NS, sequence)))

    entries.sort(key=lambda entry: entry[0])
    for log_time_ns, name, item in entries:
        bag.append(log_time_ns, topic(name), item)
    bag.append_end(entries[-1][0], topic(END_OF_STREAM.name), PUBLISHER, also=[topic(bodies_name)])

    report.readings, report.bodies, report.ticks = len(blocks), len(body_sets), len(ticks)
    report.duration_s = (last_ns - first_ns) / 1e9


def _plate_id(gondola: int, shelf: int, plate: int) -> str:
    return f"g{gondola}-s{shelf}-p{plate}"


def _round(metres: float) -> float:
    """To 0.1 mm, the last digit that the planogram means."""
    return round(metres, 4) + 0.0


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
