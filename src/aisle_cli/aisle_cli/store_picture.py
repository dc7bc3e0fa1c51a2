"""The picture of ``./aisle store check``: a plan of the store, coloured by the number of sensors that see a place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon
from numpy.typing import NDArray

from aisle_core.errors import AisleError
from aisle_core.store import Fixture, Store
from aisle_core.store.coverage import HEAD_HEIGHT, Coverage, body
from aisle_core.store.geometry import footprint

COLOURS = ("#d7301f", "#fee391", "#c7e9b4", "#7fcdbb", "#2c7fb8")
"""Seen by none, 1, 2, 3, and 4 or more."""
LANE_MARKS = {"in": ("^", "way in"), "out": ("v", "way out"), "both": ("D", "way in and out")}
LONGER_SIDE = 6.0
"""Of one plan [inch]."""
INK, CAMERA, LANE = "#303030", "#e6550d", "#6a3d9a"


def draw_coverage(store: Store, cover: Coverage, ceiling: float | None, path: Path) -> None:
    """Write a PNG with two plans: heads and floor. Raises AisleError when it cannot be written."""
    x, y = np.array(store.floor).T
    width, depth = float(np.ptp(x)), float(np.ptp(y))
    scale = LONGER_SIDE / max(width, depth)
    figure = Figure(figsize=(2 * width * scale + 2.2, depth * scale + 1.9), dpi=110, layout="constrained")
    hung = "as they hang" if ceiling is None else f"at {ceiling:g} m"
    figure.suptitle(f"{store.name}: what {len(store.depth_sensors)} depth sensors see, {hung}", color=INK)
    for axes, counts, title in zip(
        figure.subplots(1, 2, sharey=True),
        (cover.head, cover.floor),
        (f"Heads at {HEAD_HEIGHT:g} m, and plates", "Floor, and plates"),
        strict=True,
    ):
        _plan(axes, store, cover, counts)
        axes.set_title(title, fontsize=10, color=INK)
    figure.legend(
        handles=_legend(store),
        loc="outside lower center",
        ncols=5,
        fontsize=8,
        frameon=False,
        title="In a fixture: its plates, from the front inwards the shelves from the lowest to the highest.",
        title_fontsize=8,
    )
    try:
        figure.savefig(path)
    except OSError as error:
        raise AisleError(f"{path}: cannot be written: {error.strerror}; give a path in an existing folder") from None


def _plan(axes: Any, store: Store, cover: Coverage, counts: NDArray[np.int64]) -> None:
    grid = cover.grid
    colours = ListedColormap(COLOURS)
    norm = BoundaryNorm(np.arange(len(COLOURS) + 1) - 0.5, len(COLOURS))
    axes.add_patch(Polygon(store.floor, closed=True, facecolor="none", edgecolor=INK, linewidth=1.5, zorder=2))
    half = grid.cell / 2
    extent = (grid.x[0] - half, grid.x[-1] + half, grid.y[0] - half, grid.y[-1] + half)
    shown = np.ma.masked_less(np.minimum(counts, len(COLOURS) - 1), 0)
    axes.imshow(
        shown, origin="lower", extent=extent, cmap=colours, norm=norm, interpolation="nearest", alpha=0.7, zorder=1
    )
    points_per_metre = 72 * LONGER_SIDE / max(np.ptp(store.floor, axis=0))
    for fixture in store.fixtures:
        _draw_fixture(axes, fixture, cover, colours, norm, points_per_metre)
    mark = min(4.0, 0.12 * points_per_metre)
    sensors = np.array([sensor.pose[:2] for sensor in store.depth_sensors]).reshape(-1, 2)
    axes.plot(*sensors.T, "o", color=INK, markersize=mark, markeredgecolor="white", markeredgewidth=0.6)
    for camera in store.cameras:
        x, y, *_, yaw = camera.pose
        axes.plot(
            x, y, marker=(3, 0, math.degrees(yaw) - 90), color=CAMERA, markersize=1.9 * mark, markeredgecolor="white"
        )
    for lane in store.lanes:
        marker, _ = LANE_MARKS[lane.direction]
        axes.plot(*lane.position, marker, color=LANE, markersize=2 * mark, markeredgecolor="white")
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.tick_params(labelsize=8, colors=INK)
    axes.set_xlabel("x [m]", fontsize=8, color=INK)
    axes.set_ylabel("y [m]", fontsize=8, color=INK)
    axes.label_outer()
    for side in axes.spines.values():
        side.set_visible(False)


def _draw_fixture(
    axes: Any, fixture: Fixture, cover: Coverage, colours: Any, norm: Any, points_per_metre: float
) -> None:
    """The body, and in it the plates shelf by shelf: the lowest at the front, the highest at the back."""
    box = body(fixture)
    if box is None:
        return
    corners = footprint(*box)
    axes.add_patch(Polygon(corners, closed=True, facecolor="#bdbdbd", edgecolor="none", zorder=2))
    rows = sorted((shelf for shelf in fixture.shelves if shelf.plates), key=lambda shelf: shelf.plates[0].centre.z)
    cells, counts = [], []
    for i, shelf in enumerate(rows):
        for plate in shelf.plates:
            turned = np.array(plate.centre[:2]) - corners[0]
            along = float(turned @ (math.cos(plate.yaw), math.sin(plate.yaw))) + box.low[0]
            strip = (box.high[1] - box.low[1]) / len(rows)
            low = (along - plate.size.width / 2, box.low[1] + i * strip)
            high = (along + plate.size.width / 2, box.low[1] + (i + 1) * strip)
            cells.append(Polygon(footprint(box.pose, low, high), closed=True))
            counts.append(min(cover.plates[plate.plate_id], len(COLOURS) - 1))
    plates = PatchCollection(cells, cmap=colours, norm=norm, edgecolor="white", linewidth=0.3, zorder=3)
    plates.set_array(np.array(counts))
    axes.add_collection(plates)
    axes.add_patch(Polygon(corners, closed=True, facecolor="none", edgecolor=INK, linewidth=0.9, zorder=4))
    axes.text(
        *corners.mean(axis=0),
        fixture.fixture_id,
        ha="center",
        va="center",
        fontsize=min(6.0, 0.7 * (box.high[1] - box.low[1]) * points_per_metre),
        color=INK,
        rotation=math.degrees(fixture.pose.yaw) % 180,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
    )


def _legend(store: Store) -> list[Any]:
    labels = ("unseen", "1 sensor", "2 sensors", "3 sensors", "4 or more")
    patches: list[Any] = [Patch(facecolor=colour, label=label) for colour, label in zip(COLOURS, labels, strict=True)]
    directions = sorted({lane.direction for lane in store.lanes})
    marks = [("o", INK, "depth sensor"), ("^", CAMERA, "camera")]
    marks += [(marker, LANE, label) for marker, label in (LANE_MARKS[direction] for direction in directions)]
    return patches + [
        Line2D([], [], linestyle="none", marker=marker, color=colour, label=label) for marker, colour, label in marks
    ]
