"""Heads: maxima of a height map over the floor around which the readings look like a head above shoulders."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import cv2
import numpy as np

from ..checks import require
from .floor import Floor, Indices, nearest, sums
from .view import Floats, View

_AROUND = np.ones((3, 3), np.uint8)
_BORDER = 3
"""Cells: more than a reading spreads in the smoothed height map."""
_INSIDE, _APART, _MISFIT, _ROUND = 0.25, 0.7, 0.03, 0.1
"""Beyond these a feature of a head tells no more [m] ..."""
_DISC, _LEAST_AREA = (0.05, 1.35), 0.001
"""... nor outside of these."""
_SPHERE_STEPS = 3
_SPHERE_GAIN = 1.5
"""Steps of the fit of a sphere, and how far each goes: more than the mean, since only one side is seen."""


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """What the features of a maximum add to the log odds that it is a head, per unit of each.

    misfit: root mean square distance of the readings from the sphere [m].
    flat: what the readings around are less than ``_ROUND`` below the maximum on average [m], where a disc is full:
        boxes.
    spread: root mean square distance of the highest readings from the maximum along the floor [m].
    disc: logarithm of the area that is seen, in discs of a head's radius.
    body: logarithm of the area that is seen below, near the head, in squares of its height.
    margin: from the middle of the head to the edge of the image [m].
    apart: from the next higher maximum that may be a head [m].
    aside: tangent of the angle at which the sensor looks down on it.
    top: height above the floor [m] at the edge of the image, less and less away from it: the edge cuts torsos.
    """

    misfit: float
    flat: float
    spread: float
    disc: float
    body: float
    margin: float
    apart: float
    aside: float
    top: float


@dataclass(frozen=True, slots=True)
class HeadsConfig:
    """Tuning of ``Heads``; lengths in metres.

    min_top: least height of the top of a head: a stooping child.
    radius, height: the sphere that a head is, and how far below its top the shoulders begin.
    body_radius: the shoulders are within this from the head.
    apart: two heads are never nearer than this along the floor.
    valley: two nearer than this are parted by lower readings between them.
    bias, weights: the log odds that a maximum of the height map is a head.
    min_confidence: less probable heads are left out.
    """

    min_top: float
    radius: float
    height: float
    body_radius: float
    apart: float
    valley: float
    bias: float
    weights: HeadWeights
    min_confidence: float

    def __post_init__(self) -> None:
        require(self, ("min_top", "radius", "height", "body_radius", "apart", "valley"), 0, above=True)
        require(self, ("min_confidence",), 0, 1)


class Heads:
    """Finds heads among the readings of one image."""

    def __init__(self, config: HeadsConfig, view: View, floor: Floor) -> None:
        self._config, self._view, self._floor = config, view, floor
        self._weights = np.array(astuple(config.weights))
        # No farther than a head reaches, and round: nothing of a taller neighbour's head is within.
        side = 2 * round(config.radius / floor.cell) + 1
        self._window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    def find(self, cell: Indices, reading: Floats, points: Floats) -> Floats:
        """(k, 4) middle along the floor and top of the heads [m], and the confidence.

        Of each reading (n,): row and column of the cell (2, n), the depth, and the point (3, n) in map [m].
        """
        tops = self._parted(self._tops(cell, points[2]), points)
        if not len(tops):
            return np.zeros((0, 4), np.float32)
        centre, features = self.features(tops, reading, points)
        score = self._config.bias + features @ self._weights
        if len(tops) > 1:
            # Only what may be a head itself, and is higher, makes others less probable: not the arms of a neighbour.
            apart = np.hypot(*(tops[:, None, :2] - tops[:, :2]).transpose(2, 0, 1))
            higher = np.tri(len(tops), k=-1, dtype=np.bool_) & (score > 0)
            crowded = np.where(higher, _APART - apart, 0.0).max(axis=1)
            score -= self._config.weights.apart * np.maximum(crowded, 0.0)
        confidence = 1 / (1 + np.exp(-score))
        order = np.argsort(-score, kind="stable")
        order = order[confidence[order] > self._config.min_confidence]
        centre[2] += self._config.radius
        heads = np.array([*centre, confidence], np.float32).T[order]
        return _spaced(heads, self._config.apart)

    def _tops(self, cell: Indices, z: Floats) -> Floats:
        """(k, 3) maxima of the smoothed height map [m], the highest first."""
        config, floor = self._config, self._floor
        # Only the part of the map with readings, and around it what they spread to.
        low = [max(first - _BORDER, 0) for first in cell.min(axis=1).tolist()]
        high = [last + _BORDER + 1 for last in cell.max(axis=1).tolist()]
        heads = floor.heads[low[0] : high[0], low[1] : high[1]]
        heights = np.zeros(heads.size, np.float32)
        np.maximum.at(heights, cell[0] * heads.shape[1] + (cell[1] - (low[0] * heads.shape[1] + low[1])), z)
        heights = cv2.GaussianBlur(cv2.dilate(heights.reshape(heads.shape), _AROUND), (3, 3), 0)
        peak = (heights >= cv2.dilate(heights, self._window)) & (heights > config.min_top) & heads
        row, column = peak.nonzero()
        tops = np.array([column, row, heights[row, column]], np.float32).T
        tops[:, :2] = (tops[:, :2] + (low[1] + 0.5, low[0] + 0.5)) * floor.cell + floor.low
        return _spaced(tops[np.argsort(-tops[:, 2], kind="stable")], config.apart)

    def _parted(self, tops: Floats, points: Floats) -> Floats:
        """Those of ``tops`` (k, 3), the highest first, that a valley of the readings parts from every kept one nearby.

        Boxes, and heads with shoulders, have several maxima with nothing lower between them.
        """
        if len(tops) < 2:
            return tops
        radius = self._config.radius
        close = ((tops[:, None, :2] - tops[:, :2]) ** 2).sum(axis=-1) < self._config.valley**2
        keep: list[int] = []
        for row, others in enumerate(close.tolist()):
            for higher in keep:
                if others[higher]:
                    x, y = (tops[row, :2] + tops[higher, :2]) / 2
                    between = (points[0] - x) ** 2 + (points[1] - y) ** 2 < (radius / 2) ** 2
                    if (points[2] * between).sum() > (tops[row, 2] - radius / 2) * between.sum():
                        break
            else:
                keep.append(row)
        return tops[keep]

    def features(self, tops: Floats, reading: Floats, points: Floats) -> tuple[Floats, Floats]:
        """Centres of the spheres (3, k) [m] that fit best at the maxima, and features (k, 9) as in ``HeadWeights``."""
        config, view, count = self._config, self._view, len(tops)
        radius = np.float32(config.radius)
        of, distance2 = nearest(tops, points, config.body_radius)
        below = tops[of, 2] - points[2]
        slab, ball, body = below < radius, (below < config.height) & (distance2 < 4 * radius**2), below >= config.height
        values = np.array([slab, slab * distance2, ball, ball * below, body * reading**2], np.float32)
        in_slab, spread2, pixels, drop, area = sums(values, of, count)
        in_ball = np.maximum(pixels, 1)

        part = np.flatnonzero(ball & (of >= 0))
        ball_points, owner = points[:, part], of[part]
        member = (owner == np.arange(count)[:, None]).astype(np.float32)
        centre = tops.T - np.array([[0.0], [0.0], [radius]], np.float32)
        gain = np.float32(_SPHERE_GAIN) / in_ball
        for _ in range(_SPHERE_STEPS):
            way = ball_points - centre.take(owner, axis=1)
            length = np.sqrt((way * way).sum(axis=0)) + np.float32(1e-6)
            way *= 1 - radius / length
            centre += gain * np.einsum("in,kn->ik", way, member)
        misfit = np.sqrt(np.einsum("n,kn->k", (length - radius) ** 2, member) / in_ball)

        deep, margin = view.place(centre)
        margin = np.minimum(np.maximum(margin, 0.0), _INSIDE)
        disc = pixels * deep**2 * np.float32(view.pixel_area / (np.pi * config.radius**2))
        disc = np.log(np.minimum(np.maximum(disc, _DISC[0]), _DISC[1]))
        top = tops[:, 2]
        aside = np.hypot(tops[:, 0] - view.eye[0], tops[:, 1] - view.eye[1]) / np.maximum(view.eye[2] - top, 0.1)
        features = [
            np.minimum(misfit, _MISFIT),
            np.maximum(_ROUND - drop / in_ball, 0.0) * np.maximum(disc / math.log(_DISC[1]), 0.0),
            np.sqrt(spread2 / np.maximum(in_slab, 1)),
            disc,
            np.log(np.maximum(area * view.pixel_area / top**2, _LEAST_AREA)),
            margin,
            np.full(count, _APART),
            aside,
            top * (1 - margin / _INSIDE),
        ]
        return centre, np.array(features).T


def _spaced(places: Floats, apart: float) -> Floats:
    """Those of ``places`` (k, 2 and more) that are at least ``apart`` [m] from every kept one before."""
    if len(places) < 2:
        return places
    near = ((places[:, None, :2] - places[:, :2]) ** 2).sum(axis=-1) < apart**2
    keep: list[int] = []
    for row, others in enumerate(near.tolist()):
        if not any(others[kept] for kept in keep):
            keep.append(row)
    return places[keep]
