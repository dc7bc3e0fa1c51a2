"""``./aisle store``: draw a site, check one and plan what its sensors see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from aisle_contract.sites import find_site
from aisle_core.store import Store, load_store, save_site
from aisle_core.store.coverage import HEAD_HEIGHT, Coverage, coverage, floor_grid, required_ceiling
from aisle_core.store.findings import site_findings
from aisle_sim.site_generator import SiteSize, comments, generate_site

MOST_SHOWN = 4
"""Places seen by as many sensors or more stand in one column."""


def run_generate(out: Path, name: str | None, size: SiteSize) -> int:
    """Draw a site into a new folder, whose name becomes the store's id."""
    console = Console(highlight=False, soft_wrap=True)
    site_id = out.resolve().name
    files = generate_site(site_id, name or site_id.replace("_", " ").capitalize(), size)
    save_site(out, files, comments(site_id, size))
    console.print(_headline(load_store(out)))
    console.print(f"written to {out}; look at it with: ./aisle store check {out} --picture coverage.png")
    return 0


def run_check(site: str, picture: Path | None, ceiling: float | None) -> int:
    """Check a site and say what its depth sensors see; 1 when something matters."""
    console = Console(highlight=False, soft_wrap=True)
    folder = find_site(site)
    store = load_store(folder)
    grid = floor_grid(store)
    cover = coverage(store, grid, ceiling)
    console.print(_headline(store))
    if store.depth_sensors:
        console.print(_coverage_table(cover))
        console.print(_fixture_table(store, cover))
        heights = sorted({sensor.pose.z for sensor in store.depth_sensors}) if ceiling is None else [ceiling]
        needed = required_ceiling(store, grid)
        console.print(
            f"ceiling: sensors hang at {' to '.join(f'{z:g}' for z in dict.fromkeys((heights[0], heights[-1])))} m; "
            + (
                f"no head is missed from {needed:.2f} m on"
                if needed
                else "some heads are missed at any height up to 6 m"
            )
        )
    else:
        console.print("no depth sensors: nothing to plan")
    if picture is not None:
        from aisle_cli.store_picture import draw_coverage

        draw_coverage(store, cover, ceiling, picture)
        console.print(f"picture: {picture}")
    findings = site_findings(folder, store, cover)
    for finding in findings:
        console.print(finding, style="yellow", markup=False)
    console.print(f"{len(findings)} findings" if findings else "no findings")
    return 1 if findings else 0


def _headline(store: Store) -> str:
    x, y = np.array(store.floor).T
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    with_plates = sum(any(shelf.plates for shelf in fixture.shelves) for fixture in store.fixtures)
    return (
        f"{store.name}: {area:.0f} m2, {len(store.plates)} plates in {with_plates} fixtures, {len(store.products)} "
        f"products, {len(store.depth_sensors)} depth sensors, {len(store.cameras)} cameras, {len(store.lanes)} lanes"
    )


def _coverage_table(cover: Coverage) -> Table:
    table = Table("seen by depth sensors", box=box.SIMPLE_HEAD, title_justify="left")
    for number in range(MOST_SHOWN):
        table.add_column(f"{number}" if number else "none", justify="right")
    table.add_column(f"{MOST_SHOWN} or more", justify="right")
    area = cover.grid.cell**2
    for name, counts, unit in (
        (f"heads at {HEAD_HEIGHT:g} m", cover.head[cover.head >= 0], area),
        ("floor", cover.floor[cover.floor >= 0], area),
        ("plates", np.array(list(cover.plates.values()), np.int64), None),
    ):
        table.add_row(name, *_shares(counts, unit))
    return table


def _shares(counts: NDArray[np.int64], area: float | None) -> list[str]:
    numbers = np.bincount(np.minimum(counts, MOST_SHOWN), minlength=MOST_SHOWN + 1)
    return [f"{number * area:.1f} m2" if area else str(number) for number in numbers]


def _fixture_table(store: Store, cover: Coverage) -> Table:
    table = Table("fixture", box=box.SIMPLE_HEAD)
    for column in ("plates", "seen by least", "median", "most"):
        table.add_column(column, justify="right")
    for fixture in store.fixtures:
        counts = [cover.plates[plate.plate_id] for shelf in fixture.shelves for plate in shelf.plates]
        if counts:
            table.add_row(
                fixture.fixture_id, str(len(counts)), str(min(counts)), f"{np.median(counts):g}", str(max(counts))
            )
    return table
