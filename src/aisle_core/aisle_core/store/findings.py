"""What is wrong with a site that loads: blind spots, plates out of reach, blocked lanes, goods that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .coverage import HEAD_HEIGHT, HIGHEST_REACH, LANE_REACH, Coverage, Grid, reachable
from .files import TOLERANCE
from .model import Facing, Plate, Store
from .reading import CsvFile, YamlFile

LEAST_BLIND_AREA = 0.05
"""Blind patches smaller than this do not matter [m2]: a body is seen around them."""
_NAMED = 5


def site_findings(folder: Path, store: Store, cover: Coverage) -> list[str]:
    """One line per finding: file, line, what is wrong, and a remedy. ``folder`` is where the store was loaded from."""
    found = [*_lanes(folder, store, cover.grid), *_plates(folder, store, cover), *_goods(folder, store)]
    if store.depth_sensors:
        found += _blind_floor(folder, cover)
    return found


def _lanes(folder: Path, store: Store, grid: Grid) -> Iterator[str]:
    file = YamlFile(folder / "gates.yaml")
    regions, _ = ndimage.label(grid.walkable, structure=np.ones((3, 3)))
    x, y = np.meshgrid(grid.x, grid.y)
    first: tuple[str, int] | None = None
    for i, lane in enumerate(store.lanes):
        near = np.hypot(x - lane.position.x, y - lane.position.y) <= LANE_REACH
        here = np.setdiff1d(regions[near], [0])
        if not len(here) or not grid.free[grid.index(np.array(lane.position))]:
            yield str(
                file.error(
                    ("lanes", i, "position"), f"no free floor around lane '{lane.lane_id}'; move what stands there"
                )
            )
        elif first is not None and first[1] not in here:
            yield str(
                file.error(
                    ("lanes", i, "position"),
                    f"nobody can walk from lane '{first[0]}' to lane '{lane.lane_id}'; make way between the fixtures",
                )
            )
        first = first or ((lane.lane_id, int(here[0])) if len(here) else None)


def _plates(folder: Path, store: Store, cover: Coverage) -> Iterator[str]:
    file = YamlFile(folder / "fixtures.yaml")
    for i, fixture in enumerate(store.fixtures):
        for j, shelf in enumerate(fixture.shelves):
            if shelf.plates and shelf.plates[0].centre.z > HIGHEST_REACH:
                yield str(
                    file.error(
                        ("fixtures", i, "shelves", j, "z"),
                        f"shelf {shelf.index} of '{fixture.fixture_id}' is {shelf.plates[0].centre.z:g} m high; nobody "
                        f"reaches plates above {HIGHEST_REACH:g} m, lower it",
                    )
                )
        plates = [plate for shelf in fixture.shelves for plate in shelf.plates]
        out = ~reachable(store, cover.grid, plates)
        blind = np.array([cover.plates[plate.plate_id] == 0 for plate in plates], np.bool_)
        if out.any():
            text = f"no free floor to stand on before {_some(plates, out)}; make way before '{fixture.fixture_id}'"
            yield str(file.error(("fixtures", i, "pose"), text))
        if blind.any() and store.depth_sensors:
            text = f"no depth sensor sees {_some(plates, blind)}; add or move one before '{fixture.fixture_id}'"
            yield str(file.error(("fixtures", i, "fixture_id"), text))


def _some(plates: list[Plate], which: NDArray[np.bool_]) -> str:
    names = [plate.plate_id for plate, chosen in zip(plates, which, strict=True) if chosen]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} of {len(plates)} plates ({', '.join(names[:_NAMED])}{more})"


def _goods(folder: Path, store: Store) -> Iterator[str]:
    file = CsvFile(folder / "planogram.csv")
    file.read(Facing)
    for i, facing in enumerate(store.facings):
        size = store.products[facing.sku].size
        if size is None:
            continue
        plates = [store.plates[plate_id] for plate_id in facing.plate_ids]
        room = (sum(p.size.width for p in plates), plates[0].size.depth, plates[0].size.height)
        for what, needed, given in zip(("wide", "deep", "high"), size, room, strict=True):
            if needed > given + TOLERANCE:
                yield str(
                    file.error(
                        (i,),
                        f"'{facing.sku}' is {needed:g} m {what} but its place {given:g} m; move it, or mend its size",
                    )
                )


def _blind_floor(folder: Path, cover: Coverage) -> Iterator[str]:
    file = YamlFile(folder / "sensors.yaml")
    grid = cover.grid
    for what, counts in ((f"a head at {HEAD_HEIGHT:g} m", cover.head), ("the floor", cover.floor)):
        patches, number = ndimage.label(counts == 0)
        area = np.bincount(patches.ravel(), minlength=number + 1)[1:] * grid.cell**2
        large = np.flatnonzero(area >= LEAST_BLIND_AREA)
        if len(large):
            largest = int(area.argmax())
            row, column = (round(c) for c in ndimage.center_of_mass(patches == largest + 1))
            yield str(
                file.error(
                    ("depth_sensors",),
                    f"no depth sensor sees {what} in {len(large)} places, {area[large].sum():.2f} m2 together, the "
                    f"largest around ({grid.x[column]:.1f}, {grid.y[row]:.1f}); hang them higher, or add one there",
                )
            )
