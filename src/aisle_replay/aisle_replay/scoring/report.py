"""All figures of one or several runs, for people and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from aisle_core.errors import AisleError

from ..results import units
from ..runs import Run
from ..truth import TruthLog
from . import calibration, tracks
from .calibration import Calibration
from .counts import Agreement, Counts, wilson
from .events import EventCounts, accounts, count_events, judge
from .latency import Seconds, exit_to_receipt, pick_to_cart, summary
from .receipts import ReceiptCounts, compare_receipts
from .tracks import TrackCounts

_THREE = ("measure", "value", "what it says")


@dataclass(frozen=True, slots=True)
class ReviewCounts(Counts):
    """Receipts and lines, and those of them that somebody has to look at; visits that had not ended are left out."""

    receipts: int
    reviewed_receipts: int
    lines: int
    reviewed_lines: int
    unfinished: int
    """Visits left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One run against its truth, or several pooled."""

    runs: int
    receipts: ReceiptCounts
    review: ReviewCounts
    events: EventCounts
    tracks: tuple[TrackCounts, ...]
    pick_to_cart: Seconds
    exit_to_receipt: Seconds
    calibration: Calibration


def score_run(run: Run, truth: TruthLog) -> Score:
    """Score one run. Raises AisleError when the truth is that of another store."""
    if run.store_id != truth.header.store_id:
        raise AisleError(
            f"{run.name}: of store {run.store_id}, the truth is of {truth.header.store_id}; give its own with --truth"
        )
    credentials = truth.credentials()
    known = set(credentials.values())
    unfinished = truth.unfinished()

    def credential(payer: str) -> str:
        return payer if payer in known else credentials.get(payer, payer)

    visits = [(credential(visit.payer), visit) for visit in run.visits]
    ended = [(payer, visit) for payer, visit in visits if payer not in unfinished]
    charged = units((payer, visit.lines) for payer, visit in ended)
    due = {payer: lines for payer, lines in truth.receipts().items() if payer and payer not in unfinished}
    payers = {track_id: credential(payer) for track_id, payer in run.owners.items()}
    judged = judge(run.decisions, truth.events, accounts(truth), payers)
    compared = None if run.tracks is None else tracks.compare_tracks(run.tracks, truth.people)
    lines = [line for _, visit in ended for line in visit.lines]
    return Score(
        runs=1,
        receipts=compare_receipts(charged, due),
        review=ReviewCounts(
            receipts=len(ended),
            reviewed_receipts=sum(visit.review for _, visit in ended),
            lines=len(lines),
            reviewed_lines=sum(line.review for line in lines),
            unfinished=len(unfinished),
        ),
        events=count_events(judged),
        tracks=() if compared is None else (compared,),
        pick_to_cart=pick_to_cart(judged, run.released_ns),
        exit_to_receipt=exit_to_receipt(visits, truth.carts, run.released_ns),
        calibration=calibration.calibration(judged),
    )


def pool(scores: Sequence[Score]) -> Score:
    """Several runs as one: counts are added up, waiting times and confidences put together."""
    return Score(
        runs=sum(score.runs for score in scores),
        receipts=reduce(add, [score.receipts for score in scores]),
        review=reduce(add, [score.review for score in scores]),
        events=reduce(add, [score.events for score in scores]),
        tracks=tuple(part for score in scores for part in score.tracks),
        pick_to_cart=np.concatenate([score.pick_to_cart for score in scores]),
        exit_to_receipt=np.concatenate([score.exit_to_receipt for score in scores]),
        calibration=calibration.pool([score.calibration for score in scores]),
    )


def document(score: Score) -> dict[str, Any]:
    """Everything as plain values for JSON; None where there was nothing to measure."""
    receipts = score.receipts
    return {
        "runs": score.runs,
        "receipts": {
            "counts": dataclasses.asdict(receipts),
            "exact_rate": receipts.exact_visits / receipts.visits if receipts.visits else None,
            "exact_rate_interval": wilson(receipts.exact_visits, receipts.visits),
            "lines": _rates(receipts.lines),
            "units": _rates(receipts.units),
        },
        "review": dataclasses.asdict(score.review),
        "events": {
            "counts": dataclasses.asdict(score.events),
            "detection": _rates(score.events.detection),
            "attribution": _rates(score.events.attribution),
        },
        "tracks": dataclasses.asdict(tracks.pool(score.tracks)) if score.tracks else None,
        "pick_to_cart": summary(score.pick_to_cart),
        "exit_to_receipt": summary(score.exit_to_receipt),
        "calibration": {
            "ece": score.calibration.ece(),
            "bins": [dataclasses.asdict(one) for one in score.calibration.bins()],
        },
    }


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(score: Score) -> list[Table]:
    """Everything in words that need no other page."""
    return [
        Table("Receipts", _THREE, _receipt_rows(score.receipts) + _review_rows(score.review)),
        Table("Events at the shelves", _THREE, _event_rows(score.events)),
        Table("Tracks of people", _THREE, _track_rows(score.tracks)),
        Table("Waiting time (data time)", ("from - to", "median", "95 %", "longest", "of"), _latency_rows(score)),
        Table(
            _calibration_title(score.calibration),
            ("confidence", "decisions", "mean confidence", "really right", "95 % interval"),
            [
                (
                    f"{b.low:g} - {b.high:g}",
                    str(b.claims),
                    f"{b.confidence:.1%}",
                    f"{b.right:.1%}",
                    _span(b.interval),
                )
                for b in score.calibration.bins()
            ],
        ),
    ]


def _rates(agreement: Agreement) -> dict[str, float]:
    return {"precision": agreement.precision, "recall": agreement.recall, "f1": agreement.f1}


def _span(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.1%} - {interval[1]:.1%}"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({part / whole:.1%})" if whole else "")


def _three(agreement: Agreement) -> str:
    return f"{agreement.precision:.3f} / {agreement.recall:.3f} / {agreement.f1:.3f}"


def receipt_table(counts: ReceiptCounts) -> Table:
    """Receipts alone."""
    return Table("Receipts", _THREE, _receipt_rows(counts))


def _receipt_rows(counts: ReceiptCounts) -> list[tuple[str, ...]]:
    return [
        ("exact receipts", _share(counts.exact_visits, counts.visits), "every product and quantity right"),
        ("95 % interval", _span(wilson(counts.exact_visits, counts.visits)), "where the true rate lies (Wilson)"),
        ("lines P / R / F1", _three(counts.lines), "product with its quantity: charged rightly / not forgotten"),
        ("units P / R / F1", _three(counts.units), "single pieces, as AutoCheckout scores"),
    ]


def _review_rows(counts: ReviewCounts) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("receipts to review", _share(counts.reviewed_receipts, counts.receipts), "somebody looks before charging"),
        ("lines to review", _share(counts.reviewed_lines, counts.lines), ""),
    ]
    if counts.unfinished:
        rows.append(("still inside", str(counts.unfinished), "had not left when the truth ended; not scored"))
    return rows


def _event_rows(counts: EventCounts) -> list[tuple[str, ...]]:
    return [
        ("true picks and put-backs", str(counts.true), ""),
        ("found P / R / F1", _three(counts.detection), "decided at the right plate and time"),
        ("right P / R / F1", _three(counts.attribution), "also right in who, what and how many"),
        ("right", str(counts.right), "who, what and how many"),
        ("wrong person", str(counts.wrong_person), "found, on somebody else's account"),
        ("wrong product", str(counts.wrong_product), "found, named wrongly"),
        ("wrong quantity", str(counts.wrong_quantity), "found, counted wrongly"),
        ("doubted", str(counts.doubted), "noticed, but left open for review"),
        ("missed", str(counts.missed), "nothing decided"),
        ("invented", str(counts.invented), "decided, but nobody took or returned anything"),
        ("needless doubts", str(counts.needless_doubts), "review without a cause"),
    ]


def _track_rows(parts: Sequence[TrackCounts]) -> list[tuple[str, ...]]:
    if not parts:
        return [("-", "-", "no tracks recorded, or nobody there")]
    score = tracks.pool(parts)
    return [
        ("HOTA", f"{score.hota:.3f}", "both of the next two, over all distances to 1 m"),
        ("  detection", f"{score.detection:.3f}", "people seen where they are (DetA)"),
        ("  association", f"{score.association:.3f}", "one person keeps one track (AssA)"),
        ("IDF1", f"{score.idf1:.3f}", "share of the time with the right identity, within 0.5 m"),
        ("MOTA", f"{score.mota:.3f}", "1 - (missed + false + switches) / true"),
        ("identity switches", str(score.switches), "a person goes on under another track"),
        ("missed, false", f"{score.missed}, {score.false}", f"of {score.true} true positions"),
        ("mean error", "-" if score.error is None else f"{score.error:.3f} m", "distance of track and person"),
    ]


def _latency_rows(score: Score) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, seconds in (("pick - cart", score.pick_to_cart), ("exit - receipt", score.exit_to_receipt)):
        figures = summary(seconds)
        values = ("-",) * 3 if figures is None else tuple(f"{value:.2f} s" for value in figures.values())
        rows.append((name, *values, str(len(seconds))))
    return rows


def _calibration_title(calibration: Calibration) -> str:
    ece = calibration.ece()
    return "Confidence" if ece is None else f"Confidence (expected calibration error {ece:.3f})"
