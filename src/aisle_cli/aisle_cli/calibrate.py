"""``./aisle calibrate``: where depth sensors and cameras hang, from a bag, into the site."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from rich import box
from rich.console import Console
from rich.table import Table

from aisle_contract.interfaces import COLOR_IMAGE, COLOR_INFO, DEPTH_IMAGE, DEPTH_INFO
from aisle_contract.sites import find_site
from aisle_core.depth.calibration import Calibration, calibrate, correction, median_depth
from aisle_core.depth.tags import TAGS_FILE, Tag, calibrate_by_tags, find_tags, load_tags
from aisle_core.errors import AisleError
from aisle_core.store import FILE_NAMES, Camera, DepthSensor, Mount, Store, load_store
from aisle_core.types import CameraInfo, Image
from aisle_replay.bag import BagReader
from aisle_replay.results import write_atomically

SENSORS_FILE = "sensors.yaml"
MOST_IMAGES = 31
"""Of one device, spread over the whole bag."""
METRE_DIGITS, RADIAN_DIGITS = 4, 5
"""Of the poses that are written."""

Device = DepthSensor | Camera


@dataclass(slots=True)
class Pictures:
    """What a bag has of one device."""

    depth: list[Image] = field(default_factory=list)
    depth_info: CameraInfo | None = None
    color: list[Image] = field(default_factory=list)
    color_info: CameraInfo | None = None

    def usable(self, with_tags: bool) -> bool:
        """Whether a pose could be found from them."""
        return bool(self.depth or (with_tags and self.color))


def run_calibrate(site: str, bag: Path, devices: Sequence[str], write: bool, picture: Path | None) -> int:
    """Calibrate, print the table, draw and write what was asked for; 1 when a device could not be calibrated."""
    console = Console(highlight=False, soft_wrap=True)
    folder = find_site(site)
    store, tags = load_store(folder), load_tags(folder)
    chosen = _chosen(store, devices)
    seen = _read(bag, store, chosen)
    if not devices:
        chosen = [device for device in chosen if seen[device.device_id].usable(bool(tags))]
    if not chosen:
        raise AisleError(
            f"{bag}: has no depth images of a sensor of '{store.store_id}', nor colour images to find tags in; record "
            "them (./aisle record profile:=depth)"
        )
    results: dict[str, Calibration] = {}
    failures: list[AisleError] = []
    for device in chosen:
        try:
            results[device.device_id] = _calibrate(store, tags, device, seen[device.device_id], bag)
        except AisleError as error:
            failures.append(error)
    if not results:
        raise failures[0]
    console.print(_table(results))
    for name, result in results.items():
        if result.undetermined:
            console.print(f"{name}: the scene does not determine {', '.join(result.undetermined)}; left as it was")
    if picture is not None:
        from aisle_cli.calibrate_picture import draw_calibration

        draw_calibration(store, results, picture)
        console.print(f"picture: {picture}")
    if write:
        write_poses(folder, {name: result.after for name, result in results.items()})
        console.print(f"written: {folder / SENSORS_FILE}, {len(results)} poses")
    else:
        console.print("nothing written; --write puts the poses into the site")
    for failure in failures:
        console.print(str(failure), style="yellow", markup=False)
    return 1 if failures else 0


def _devices(store: Store) -> dict[str, Device]:
    devices: tuple[Device, ...] = (*store.depth_sensors, *store.cameras)
    return {device.device_id: device for device in devices}


def _chosen(store: Store, names: Sequence[str]) -> list[Device]:
    devices = _devices(store)
    for name in names:
        if name not in devices:
            known = ", ".join(devices) or "none"
            raise AisleError(f"--device: '{name}' is no depth sensor or camera of '{store.store_id}'; it has {known}")
    return [device for name, device in devices.items() if not names or name in names]


def _read(bag: Path, store: Store, devices: Iterable[Device]) -> dict[str, Pictures]:
    """What the bag has of these devices."""
    seen = {device.device_id: Pictures() for device in devices}
    places = {
        f"/{store.store_id}/{topic.of(device.zone, device.device_id)}": (topic, seen[device.device_id])
        for device in devices
        for topic in (DEPTH_IMAGE, DEPTH_INFO, COLOR_IMAGE, COLOR_INFO)
    }
    with BagReader(bag) as reader:
        steps = {topic.name: math.ceil(topic.count / MOST_IMAGES) for topic in reader.topics}
        numbers = dict.fromkeys(steps, 0)
        for _, topic, item in reader.items():
            if topic.name not in places:
                continue
            kind, pictures = places[topic.name]
            if kind is DEPTH_INFO:
                pictures.depth_info = item
            elif kind is COLOR_INFO:
                pictures.color_info = item
            elif numbers[topic.name] % steps[topic.name] == 0:
                (pictures.depth if kind is DEPTH_IMAGE else pictures.color).append(item)
            numbers[topic.name] += 1
    return seen


def _calibrate(store: Store, tags: Sequence[Tag], device: Device, seen: Pictures, bag: Path) -> Calibration:
    """By tags where it sees some, else by its depth."""
    name = device.device_id
    found = find_tags(seen.color) if tags else {}
    if seen.color_info is not None and (found or (tags and not seen.depth)):
        return calibrate_by_tags(name, device.pose, tags, found, seen.color_info)
    if not seen.depth:
        needs = "depth images" if isinstance(device, DepthSensor) else f"colour images, camera_info and a {TAGS_FILE}"
        raise AisleError(f"{name}: {bag} and the site have no {needs} for it; record them, see docs/calibration.md")
    depth = median_depth(seen.depth, seen.depth_info)
    assert seen.depth_info is not None, "median_depth needs it"
    return calibrate(store, name, device.pose, depth, seen.depth_info)


def _table(results: Mapping[str, Calibration]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("device", "pose before", "pose after", "shift [mm]", "turn [deg]", "rms", "explained", "+- [mm]"):
        table.add_column(heading)
    table.add_column("+- [deg]")
    for name, result in results.items():
        move = correction(result.before, result.after)
        before, after = result.fit_before, result.fit_after
        factor, unit = (1000, "mm") if before.residual.shape[-1] != 2 else (1, "px")
        table.add_row(
            name,
            " ".join(f"{value:.3f}" for value in result.before),
            " ".join(f"{value:.3f}" for value in result.after),
            " ".join(f"{1000 * value:+.0f}" for value in move[:3]),
            " ".join(f"{math.degrees(value):+.2f}" for value in move[3:]),
            f"{factor * before.rms:.1f} -> {factor * after.rms:.1f} {unit}",
            f"{before.inliers:.0%} -> {after.inliers:.0%}",
            " ".join(f"{1000 * value:.0f}" for value in result.stddev[:3]),
            " ".join(f"{math.degrees(value):.2f}" for value in result.stddev[3:]),
        )
    return table


def write_poses(folder: Path, poses: Mapping[str, Mount]) -> None:
    """Put poses of depth sensors and cameras into ``sensors.yaml`` of a site; nothing else of the file changes.

    Raises AisleError, and leaves the file as it was, where the site would not load with them.
    """
    path = folder / SENSORS_FILE
    text = path.read_bytes().decode("utf-8-sig")
    rounded = {name: _rounded(pose) for name, pose in poses.items()}
    edited = edit_poses(text, rounded)
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch)
        for name in FILE_NAMES:
            shutil.copyfile(folder / name, trial / name)
        (trial / SENSORS_FILE).write_bytes(edited.encode())
        try:
            store = load_store(trial)
        except AisleError as error:
            raise AisleError(f"not written: {str(error).replace(scratch, str(folder))}") from None
    placed = _devices(store)
    for name, old in _devices(load_store(folder)).items():
        if placed[name].pose != rounded.get(name, old.pose):
            raise AisleError(
                f"{path}: not written: the pose of '{name}' is shared by a YAML alias; write each pose out"
            )
    write_atomically({path: edited})


def edit_poses(text: str, poses: Mapping[str, Mount]) -> str:
    """The text of a ``sensors.yaml`` with the numbers of some poses replaced, and nothing else."""
    sections = _values(yaml.compose(text, Loader=yaml.SafeLoader))
    spans: list[tuple[int, int, str]] = []
    for section in ("depth_sensors", "cameras"):
        for entry in sections.get(section, yaml.SequenceNode("", [])).value:
            values = _values(entry)
            if (pose := poses.get(values["device_id"].value)) is not None:
                numbers = zip(values["pose"].value, pose, strict=True)
                spans += [(node.start_mark.index, node.end_mark.index, repr(number)) for node, number in numbers]
    for start, end, number in sorted(spans, reverse=True):
        text = text[:start] + number + text[end:]
    return text


def _values(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {} if node is None else {key.value: value for key, value in node.value}


def _rounded(pose: Mount) -> Mount:
    """As it is written; without a minus before zero."""
    digits = np.repeat([METRE_DIGITS, RADIAN_DIGITS], 3)
    return Mount(*(round(value, int(n)) + 0.0 for value, n in zip(pose, digits, strict=True)))
