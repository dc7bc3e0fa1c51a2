"""The picture of ``./aisle explain``: per move the plates' masses, the hands' distances and the explanations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aisle_cli.explain import booking_text, considered_text, decision_text, line_text, local_time
from aisle_core.errors import AisleError
from aisle_replay.explain import NEAR, Considered, Explanation, Move, PlateSignal

INK, PALE, SPAN = "#303030", "#b0b0b0", "#fde0c5"
OWN = ("#1b4f8f", "#3a86c8", "#7fb8e6")
"""Plates of the move."""
PEOPLE = ("#d7301f", "#238b45", "#6a3d9a", "#b8860b", "#0b7a75", "#c51b8a", "#525252", "#a65628")
"""By track; several people of one store get different ones as long as they last."""
COLUMN, ROWS = 6.0, (2.2, 2.2, 2.8)
"""Width of a move, heights of its panels [inch]."""
LINES, MOST_MOVES = 7, 12


def draw_explanation(found: Explanation, path: Path) -> None:
    """Write a PNG, a column per move. Raises AisleError when it cannot be written or has too many moves."""
    if not 0 < len(found.moves) <= MOST_MOVES:
        raise AisleError(
            f"{found.title}: has {len(found.moves)} moves, a picture holds 1 to {MOST_MOVES}; ask for one line or event"
        )
    figure = Figure(figsize=(COLUMN * len(found.moves) + 0.4, sum(ROWS) + 1.9), dpi=110, layout="constrained")
    currency = "" if found.receipt is None else found.receipt.currency
    heading = [found.title, *(line_text(line, currency) for line in found.lines[:4])]
    figure.suptitle("\n".join(heading), color=INK, fontsize=10, x=0.01, ha="left", wrap=True)
    tracks = sorted({hand.track_id for move in found.moves for hand in move.hands})
    colours = {track_id: PEOPLE[number % len(PEOPLE)] for number, track_id in enumerate(tracks)}
    panels = figure.subplots(3, len(found.moves), squeeze=False, height_ratios=ROWS)
    for number, move in enumerate(found.moves):
        masses, hands, bars = panels[:, number]
        told = [decision_text(found.store, decision) for decision in move.decisions]
        masses.set_title(
            "\n".join([f"{number + 1}. {local_time(found.store, move.start_ns)}", *(told or ["no product moved"])]),
            fontsize=8,
            color=INK,
            loc="left",
            pad=20,
        )
        _masses(masses, move)
        _hands(hands, found, move, colours)
        _bars(bars, found, move, colours)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise AisleError(f"{path}: cannot be written: {error}; give a .png in an existing folder") from None


def _masses(axes: Any, move: Move) -> None:
    """Mass of each plate less its level before the move; those beside it are pale."""
    events = {}
    for event in move.shelf_events:
        events.setdefault(event.plate_id, []).append(event)
    colours = {plate_id: OWN[number % len(OWN)] for number, plate_id in enumerate(events)}
    for plate in reversed(move.plates):
        colour = colours.get(plate.plate_id, PALE)
        grams = 1000 * (plate.mass - _before(plate, move.start_ns))
        seconds = (plate.stamp_ns - move.start_ns) / 1e9
        is_own = plate.plate_id in events
        axes.plot(seconds, grams, color=colour, linewidth=1.4 if is_own else 0.8, label=plate.plate_id)
    for plate_id, changes in events.items():
        for event in changes:
            start, end = (event.start_ns - move.start_ns) / 1e9, (event.end_ns - move.start_ns) / 1e9
            axes.axvspan(start, max(end, start + 0.02), color=SPAN, zorder=0)
            axes.annotate(
                f"{event.shelf_event_id}: {1000 * event.mass_change:+.1f} ± {1000 * event.mass_change_stddev:.1f} g",
                (end, 0.5),
                (6, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=8,
                color=colours[plate_id],
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )
    axes.set_ylabel("mass since before [g]", fontsize=8, color=INK)
    _finish(axes, move)


def _before(plate: PlateSignal, start_ns: int) -> float:
    """Level of the plate in the second before the move [kg]."""
    rows = (plate.stamp_ns < start_ns) & (plate.stamp_ns >= start_ns - 1_000_000_000)
    return float(np.median(plate.mass[rows])) if rows.any() else 0.0


def _hands(axes: Any, found: Explanation, move: Move, colours: dict[int, str]) -> None:
    """Distance of hands from the space above the move's plates, the left one solid, the right one dashed."""
    takers = {decision.track_id for decision in move.decisions}
    reach = found.fusion.person.hand_reach
    axes.axhspan(0, reach, color="#e5f5e0", zorder=0)
    for path in move.hands:
        seconds = (path.stamp_ns - move.start_ns) / 1e9
        for slot, style in enumerate(("-", "--")):
            axes.plot(
                seconds,
                path.distance[:, slot],
                style,
                color=colours[path.track_id],
                linewidth=2.0 if path.track_id in takers else 1.0,
                marker=".",
                markersize=3,
                label=f"person {path.track_id}" if slot == 0 else None,
            )
    axes.axvspan(0, max((move.end_ns - move.start_ns) / 1e9, 0.02), color=SPAN, zorder=0)
    axes.set_ylim(-0.03, NEAR)
    axes.set_ylabel("hand to plate [m]\nleft solid, right dashed", fontsize=8, color=INK)
    axes.set_xlabel("time since the move began [s]", fontsize=8, color=INK)
    _finish(axes, move)


def _finish(axes: Any, move: Move) -> None:
    axes.set_xlim(-3, (move.end_ns - move.start_ns) / 1e9 + 3)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            fontsize=7,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0, 0.98),
            ncols=6,
            handlelength=1.4,
            borderpad=0,
            columnspacing=1,
        )


def _bars(axes: Any, found: Explanation, move: Move, colours: dict[int, str]) -> None:
    """Explanations of the move by itself, and the probability that the joint decision gives the same."""
    told = {(d.track_id, d.sku, d.quantity): d.confidence for d in move.decisions}
    for decision in move.decisions:
        for other in decision.alternatives:
            told.setdefault((other.track_id, other.sku, other.quantity), other.probability)
    rows = [(f"{considered_text(found.store, one)}: {_facts(move, one)}", one) for one in move.considered[:LINES]]
    known = {booking for _, one in rows for booking in one.bookings}
    others = [booking for booking in told if booking not in known]
    for row, (text, one) in enumerate(rows):
        colour = colours.get(one.movers[0], PALE) if one.movers else PALE
        axes.barh(row, one.share, color=colour, height=0.36, alpha=0.75)
        axes.text(0.005, row - 0.22, text, fontsize=7, color=INK, va="bottom")
        joint = [told[booking] for booking in one.bookings if booking in told]
        if joint:
            axes.plot(min(joint), row, "D", color=INK, markersize=5)
    for row, booking in enumerate(others, start=len(rows)):
        axes.plot(told[booking], row, "D", color=INK, markersize=5)
        text = f"{booking_text(found.store, booking)}: only together with other moves"
        axes.text(0.005, row - 0.22, text, fontsize=7, color=INK, va="bottom")
    axes.set_yticks([])
    axes.set_ylim(max(len(rows) + len(others), 4) - 0.6, -0.8)
    axes.set_xlim(0, 1.02)
    axes.set_xlabel("probability: bar by this move alone, ◆ as decided with all others", fontsize=8, color=INK)
    axes.tick_params(axis="x", labelsize=8, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _facts(move: Move, one: Considered) -> str:
    fit = "" if np.isnan(one.expected) else f"{1000 * (move.mass_change - one.expected):+.1f} g off, "
    return f"{fit}log score {one.score:.1f}"
