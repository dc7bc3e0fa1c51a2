"""Heads: maxima of a height map over the floor around which the readings look like a head above shoulders."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import cv2
import numpy as np

from ..checks import require
from .floor import Floor, Indices, nearest
from .view import Floats, View

_AROUND = np.ones((3, 3), np.uint8)
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
    candidates_apart, apart: two maxima, and two heads, are never nearer than this along the floor.
    bias, weights: the log odds that a maximum of the height map is a head.
    min_confidence: less probable heads are left out.
    """

    min_top: float
    radius: float
    height: float
    body_radius: float
    candidates_apart: float
    apart: float
    bias: float
    weights: HeadWeights
    min_confidence: float

    def __post_init__(self) -> None:
        require(self, ("min_top", "radius", "height", "body_radius", "candidates_apart", "apart"), 0, above=True)
        require(self, ("min_confidence",), 0, 1)


class Heads:
    """Finds heads among the readings of one image."""

    def __init__(self, config: HeadsConfig, view: View, floor: Floor) -> None:
        self._config, self._view, self._floor = config, view, floor
        self._weights = np.array(astuple(config.weights))
        side = 2 * round(2 * config.radius / floor.cell) + 1
        self._window = np.ones((side, side), np.uint8)

    def find(self, cell: Indices, reading: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
        """(k, 4) middle along the floor and top of the heads [m], and the confidence.

        Of each reading (n,): the cell, the depth, and the point in map [m].
        """
        tops = self._tops(cell, z)
        if not len(tops):
            return np.zeros((0, 4), np.float32)
        centre, features = self.features(tops, reading, x, y, z)
        score = self._config.bias + features @ self._weights
        # Only what may be a head itself, and is higher, makes others less probable: not the arms of a neighbour.
        apart = np.hypot(*(tops[:, None, :2] - tops[None, :, :2]).transpose(2, 0, 1))
        apart[np.triu_indices(len(tops))] = _APART
        nearest_head = np.where(score > 0, apart, _APART).min(axis=1)
        score -= self._config.weights.apart * (_APART - np.minimum(nearest_head, _APART))
        confidence = 1 / (1 + np.exp(-score))
        heads = np.column_stack([centre[:, :2], centre[:, 2] + self._config.radius, confidence]).astype(np.float32)
        heads = heads[confidence > self._config.min_confidence]
        return _spaced(heads[np.argsort(-heads[:, 3], kind="stable")], self._config.apart)

    def _tops(self, cell: Indices, z: Floats) -> Floats:
        """(k, 3) maxima of the smoothed height map [m], the highest first."""
        config, floor = self._config, self._floor
        heights = np.zeros(floor.rows * floor.columns, np.float32)
        np.maximum.at(heights, cell, z)
        heights = cv2.GaussianBlur(cv2.dilate(heights.reshape(floor.rows, floor.columns), _AROUND), (3, 3), 0)
        highest = cv2.dilate(heights, self._window)
        row, column = np.nonzero((heights >= highest) & (heights > config.min_top) & floor.heads)
        top = heights[row, column]
        order = np.argsort(-top, kind="stable")
        places = np.stack([column[order], row[order]], axis=-1).astype(np.float32) + np.float32(0.5)
        tops = np.column_stack([places * np.float32(floor.cell) + floor.low, top[order]])
        return _spaced(tops, config.candidates_apart)

    def features(self, tops: Floats, reading: Floats, x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Centres of the spheres (k, 3) [m] that fit best at the maxima, and features (k, 9) as in ``HeadWeights``."""
        config, view, count = self._config, self._view, len(tops)
        of = nearest(tops[:, :2], x, y, config.body_radius)
        below = tops[of, 2] - z
        part = np.flatnonzero((of >= 0) & (below < config.height))
        of_part = of[part]
        points = np.stack([x[part], y[part], z[part]], axis=-1)
        off = points[:, :2] - tops[of_part, :2]
        distance2 = (off**2).sum(axis=-1)
        slab = below[part] < config.radius
        number = np.maximum(np.bincount(of_part[slab], minlength=count), 1)
        spread = np.sqrt(np.bincount(of_part[slab], distance2[slab], count) / number)

        ball = distance2 < (2 * config.radius) ** 2
        points, owner = points[ball], of_part[ball]
        pixels = np.bincount(owner, minlength=count)
        drop = np.bincount(owner, below[part[ball]], count) / np.maximum(pixels, 1)
        centre = tops - np.array([0.0, 0.0, config.radius], np.float32)
        gain = _SPHERE_GAIN / np.maximum(pixels, 1)
        for _ in range(_SPHERE_STEPS):
            way = points - centre[owner]
            length = np.maximum(np.sqrt(np.einsum("ij,ij->i", way, way)), 1e-3)
            way *= (1 - config.radius / length)[:, None]
            for axis in range(3):
                centre[:, axis] += gain * np.bincount(owner, way[:, axis], count)
        misfit = np.sqrt(np.bincount(owner, (length - config.radius) ** 2, count) / np.maximum(pixels, 1))

        body = (of >= 0) & (below >= config.height)
        area = np.bincount(of[body], reading[body] ** 2, count) * view.pixel_area
        margin = np.clip(view.margin(centre), 0.0, _INSIDE)
        deep = view.depth(centre)
        disc = np.clip(pixels * deep**2 * view.pixel_area / (np.pi * config.radius**2), *_DISC)
        aside = np.hypot(*(tops[:, :2] - view.eye[:2]).T) / np.maximum(view.eye[2] - tops[:, 2], 0.1)
        features = np.stack(
            [
                np.minimum(misfit, _MISFIT),
                np.maximum(_ROUND - drop, 0.0) * np.clip(np.log(disc) / np.log(_DISC[1]), 0.0, 1.0),
                spread,
                np.log(disc),
                np.log(np.maximum(area / tops[:, 2] ** 2, _LEAST_AREA)),
                margin,
                np.full(count, _APART),
                aside,
                tops[:, 2] * (1 - margin / _INSIDE),
            ],
            axis=-1,
        )
        return centre, features


def _spaced(places: Floats, apart: float) -> Floats:
    """Those of ``places`` (k, 2 and more) that are at least ``apart`` [m] from every kept one before."""
    near = ((places[:, None, :2] - places[None, :, :2]) ** 2).sum(axis=-1) < apart**2
    keep = np.ones(len(places), np.bool_)
    for row in range(1, len(places)):
        keep[row] = not (near[row, :row] & keep[:row]).any()
    return places[keep]
