"""Whether a confidence of 90 % is right nine times in ten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aisle_core.errors import AisleError

from .counts import wilson
from .events import Judged, is_claim

EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
"""Bins as in Guo et al., On Calibration of Modern Neural Networks (ICML 2017), but the last one of the ten, in which
nearly all decisions lie, is split."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The claims with a confidence in (low, high], the first bin with 0."""

    low: float
    high: float
    claims: int
    confidence: float
    """Mean."""
    right: float
    """Share."""
    interval: tuple[float, float]
    """95 % of ``right``."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """``confidence`` (n,) float64 and ``right`` (n,) bool of all claims."""

    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]

    def bins(self) -> list[Bin]:
        """The bins that hold any claim: the reliability table."""
        index = np.clip(np.searchsorted(EDGES, self.confidence, side="left") - 1, 0, len(EDGES) - 2)
        bins = []
        for i in np.unique(index):
            inside = index == i
            claims, right = int(inside.sum()), int(self.right[inside].sum())
            mean = float(self.confidence[inside].mean())
            interval = wilson(right, claims)
            assert interval is not None
            bins.append(Bin(EDGES[i], EDGES[i + 1], claims, mean, right / claims, interval))
        return bins

    def ece(self) -> float | None:
        """Expected calibration error: mean distance of confidence and share right over the bins, by their claims."""
        if not len(self.confidence):
            return None
        return sum(one.claims * abs(one.right - one.confidence) for one in self.bins()) / len(self.confidence)


def calibration(judged: Sequence[Judged]) -> Calibration:
    """Confidence and outcome of every claim; an invented one is wrong."""
    claims = [(one.decision.confidence, one.right) for one in judged if one.decision and is_claim(one.decision)]
    return Calibration(
        np.array([confidence for confidence, _ in claims], dtype=np.float64),
        np.array([right for _, right in claims], dtype=np.bool_),
    )


def pool(parts: Sequence[Calibration]) -> Calibration:
    """All claims of all runs."""
    return Calibration(np.concatenate([p.confidence for p in parts]), np.concatenate([p.right for p in parts]))


def draw(calibration: Calibration, path: Path) -> None:
    """Write the reliability diagram as a picture. Raises AisleError when that is not possible."""
    from matplotlib.figure import Figure

    bins = calibration.bins()
    figure = Figure(figsize=(6, 7), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 1), (0, 1), linestyle="--", color="grey", label="perfectly calibrated")
    confidence, right = [one.confidence for one in bins], [one.right for one in bins]
    errors = np.array([(one.right - one.interval[0], one.interval[1] - one.right) for one in bins]).reshape(-1, 2)
    upper.errorbar(confidence, right, yerr=np.maximum(errors.T, 0), fmt="o-", capsize=3, label="share right, 95 %")
    ece = calibration.ece()
    upper.set_title("Calibration" if ece is None else f"Calibration: ECE {ece:.3f}, {len(calibration.right)} decisions")
    upper.set(ylabel="share right", xlim=(0, 1.02), ylim=(0, 1.02))
    upper.legend(loc="upper left")
    lower.hist(calibration.confidence, bins=EDGES)
    lower.set(xlabel="confidence", ylabel="decisions", yscale="symlog")
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise AisleError(f"{path}: cannot be written: {error}; give a .png in a folder you may write to") from None
