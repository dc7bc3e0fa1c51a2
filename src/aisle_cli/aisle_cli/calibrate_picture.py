"""The picture of ``./aisle calibrate``: a plan with the corrections, and the residuals before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from aisle_core.depth.calibration import NEAR_SURFACE, Calibration, Fit, correction
from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_core.store.coverage import body
from aisle_core.store.geometry import footprint

INK, OLD, NEW = "#303030", "#7f7f7f", "#d7301f"
STRETCH = 10
"""Arrows of the plan are so many times longer than the shift."""
PLAN, MAP = 6.0, 1.9
"""Longer side of the plan, and width of a map of residuals [inch]."""
TAG_RANGE = 10.0
"""Of the residuals of tags that are shown [px]."""


def draw_calibration(store: Store, results: Mapping[str, Calibration], path: Path) -> None:
    """Write a PNG. Raises AisleError when it cannot be written."""
    columns = max(1, math.ceil(math.sqrt(len(results) / 2)))
    rows = math.ceil(len(results) / columns)
    height = max(PLAN + 0.6, rows * (0.75 * MAP + 0.45) + 0.7)
    figure = Figure(figsize=(PLAN + 0.5 + columns * 2 * MAP, height), dpi=110, layout="constrained")
    figure.suptitle(f"{store.name}: {len(results)} devices calibrated", color=INK)
    left, right = figure.subfigures(1, 2, width_ratios=(PLAN + 0.5, columns * 2 * MAP))
    _plan(left.subplots(), store, results)
    axes = right.subplots(rows, 2 * columns, squeeze=False)
    shown = None
    for cell in axes.ravel():
        cell.set_axis_off()
    for number, (name, result) in enumerate(results.items()):
        row, column = divmod(number, columns)
        for offset, fit, when in ((0, result.fit_before, "before"), (1, result.fit_after, "after")):
            shown = _residuals(axes[row, 2 * column + offset], fit, f"{name} {when}") or shown
    if shown is not None:
        bar = right.colorbar(shown, ax=axes, location="bottom", shrink=0.6, aspect=40, pad=0.02)
        bar.set_label("reading less known depth [mm]; grey: nothing known, or no reading", fontsize=8, color=INK)
        bar.ax.tick_params(labelsize=8)
    try:
        figure.savefig(path)
    except OSError as error:
        raise AisleError(f"{path}: cannot be written: {error.strerror}; give a path in an existing folder") from None


def _plan(axes: Any, store: Store, results: Mapping[str, Calibration]) -> None:
    axes.add_patch(Polygon(store.floor, closed=True, facecolor="none", edgecolor=INK, linewidth=1.5))
    for fixture in store.fixtures:
        if (box := body(fixture)) is not None:
            axes.add_patch(Polygon(footprint(*box), closed=True, facecolor="#d9d9d9", edgecolor=INK, linewidth=0.6))
    for name, result in results.items():
        move = correction(result.before, result.after)
        x, y = result.before[:2]
        axes.plot(x, y, "o", color=OLD, markersize=5, markerfacecolor="white")
        axes.annotate(
            "",
            (x + STRETCH * move[0], y + STRETCH * move[1]),
            (x, y),
            arrowprops={"arrowstyle": "-|>", "color": NEW, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0},
        )
        turn = math.degrees(np.linalg.norm(move[3:]))
        text = f"{name}\n{1000 * np.linalg.norm(move[:3]):.0f} mm, {turn:.1f}°"
        if result.undetermined:
            text += "\nnot: " + "\n".join(result.undetermined)
        axes.annotate(text, (x, y), (0, -5), textcoords="offset points", ha="center", va="top", fontsize=6, color=INK)
    axes.legend(
        handles=[
            Line2D([], [], linestyle="none", marker="o", color=OLD, markerfacecolor="white", label="before"),
            Line2D([], [], color=NEW, marker=">", label=f"shift in the plan, {STRETCH} times as long"),
        ],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.08),
        ncols=2,
        fontsize=8,
        frameon=False,
    )
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.tick_params(labelsize=8, colors=INK)
    axes.set_xlabel("x [m]", fontsize=8, color=INK)
    axes.set_ylabel("y [m]", fontsize=8, color=INK)
    for side in axes.spines.values():
        side.set_visible(False)


def _residuals(axes: Any, fit: Fit, title: str) -> Any:
    """Draw them, as a map of depth or as points of tags; what the colours are of, None of tags."""
    axes.set_axis_on()
    axes.tick_params(labelsize=6, colors=INK)
    if fit.residual.shape[-1] == 2:
        axes.plot(*np.clip(fit.residual, -TAG_RANGE, TAG_RANGE).T, ".", color=NEW)
        axes.set(xlim=(-TAG_RANGE, TAG_RANGE), ylim=(TAG_RANGE, -TAG_RANGE), aspect="equal")
        axes.axhline(0, color=OLD, linewidth=0.5)
        axes.axvline(0, color=OLD, linewidth=0.5)
        axes.set_title(f"{title}: {fit.rms:.1f} px", fontsize=7, color=INK)
        return None
    axes.set(xticks=[], yticks=[], facecolor="#bdbdbd")
    axes.set_title(f"{title}: {1000 * fit.rms:.1f} mm", fontsize=7, color=INK)
    limit = 1000 * NEAR_SURFACE
    return axes.imshow(1000 * fit.residual, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest")
