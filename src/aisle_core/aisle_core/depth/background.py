"""The static scene of one depth sensor: floor, furniture, and goods that nobody touches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import require
from ..store import Store
from ..store.coverage import body
from ..store.geometry import axes_of
from .view import Floats, View

_NEVER = np.float32(100.0)
"""Depth of a ray that meets nothing [m]."""


@dataclass(frozen=True, slots=True)
class BackgroundConfig:
    """Tuning of ``Background``.

    noise_base, noise_growth: standard deviation of a reading at distance d is base + growth * d^2 [m, 1/m].
    noise_sigmas: a reading nearer than the background by this many of them, and by ``margin`` [m], is something new.
    period_s: the scene is learned from one image in this time [s].
    known_tolerance: a first reading so near to the store's own geometry is the scene [m].
    follow: share by which the background follows a reading that agrees with it.
    absorb_s: what stands still for so long, and is nobody, is of the scene [s].
    absorb_goods_s: the same inside the body of a fixture, where goods come and go [s].
    """

    noise_base: float
    noise_growth: float
    noise_sigmas: float
    margin: float
    period_s: float
    known_tolerance: float
    follow: float
    absorb_s: float
    absorb_goods_s: float

    def __post_init__(self) -> None:
        require(self, ("noise_base", "noise_growth", "margin", "known_tolerance"), 0)
        require(self, ("noise_sigmas", "period_s", "absorb_s", "absorb_goods_s"), 0, above=True)
        require(self, ("follow",), 0, 1, above=True)


def known_depth(store: Store, view: View) -> tuple[Floats, NDArray[np.bool_]]:
    """Depth (h * w,) of floor and furniture [m] from the store's geometry, and which pixels look at furniture.

    Fixtures are solid boxes, met by the slab method; the floor is z = 0.
    """
    rays, eye = view.rays.astype(np.float64), view.eye.astype(np.float64)
    with np.errstate(divide="ignore"):
        depth = np.where(rays[2] < 0, -eye[2] / rays[2], _NEVER)
    furniture = np.zeros(depth.shape, np.bool_)
    for fixture in store.fixtures:
        box = body(fixture)
        if box is None:
            continue
        axes = axes_of(box.pose.yaw)
        start, way = axes @ (eye - np.array(box.pose[:3])), axes @ rays
        way[way == 0] = 1e-12
        sides = np.stack([(np.array(edge) - start)[:, None] / way for edge in (box.low, box.high)])
        enters, leaves = sides.min(axis=0).max(axis=0), sides.max(axis=0).min(axis=0)
        hit = (enters < leaves) & (enters > 0) & (enters < depth)
        depth[hit] = enters[hit]
        furniture |= hit
    return np.minimum(depth, _NEVER).astype(np.float32), furniture


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundState:
    """When it was learned last; per pixel (h * w,) depth [m], last reading [m], and periods that it stood still."""

    learned_ns: int | None
    depth: Floats
    last: Floats
    still: NDArray[np.int32]


class Background:
    """Depth of the static scene per pixel.

    It begins as the store's known geometry, so that whoever stands there at the start is not part of it. A reading
    that is seen behind it twice is the scene from then on; one before it only after standing still for long where
    nobody is. ``limit`` (h * w,) [m] is the depth below which a reading is something new.
    """

    def __init__(self, config: BackgroundConfig, store: Store, view: View) -> None:
        self._config = config
        self._depth, furniture = known_depth(store, view)
        periods = np.where(furniture, config.absorb_goods_s, config.absorb_s) / config.period_s
        self._patience = np.ceil(periods).astype(np.int32)
        self._still = np.zeros(self._depth.shape, np.int32)
        self._last = np.zeros(self._depth.shape, np.float32)
        self._learned_ns: int | None = None
        self._set_limit()

    def due(self, stamp_ns: int) -> bool:
        """Whether the scene should be learned from an image of this instant."""
        return self._learned_ns is None or not (0 <= stamp_ns - self._learned_ns < self._config.period_s * 1e9)

    def learn(self, stamp_ns: int, depth: Floats, somebody: NDArray[np.bool_]) -> None:
        """Learn from readings (h * w,) [m] except where ``somebody`` (h * w,) is."""
        config = self._config
        with np.errstate(invalid="ignore"):
            valid = depth > 0
            tolerance = self._tolerance(depth)
            off = depth - self._depth
            if self._learned_ns is None:
                known = valid & ~somebody & (np.abs(off) < config.known_tolerance)
                self._depth[known] = depth[known]
            agrees = valid & (np.abs(off) <= tolerance)
            same = valid & (np.abs(depth - self._last) <= tolerance)
        self._depth[agrees] += np.float32(config.follow) * off[agrees]
        behind = same & (off > tolerance)
        before = same & (off < -tolerance) & ~somebody
        self._still = np.where(before, self._still + 1, np.where(valid, 0, self._still))
        scene = behind | (self._still >= self._patience)
        self._depth[scene] = depth[scene]
        self._last = np.where(valid, depth, self._last)
        self._learned_ns = stamp_ns
        self._set_limit()

    def state(self) -> BackgroundState:
        """What was learned so far."""
        return BackgroundState(self._learned_ns, self._depth.copy(), self._last.copy(), self._still.copy())

    def restore(self, state: BackgroundState) -> None:
        """Go on where ``state()`` of a background of the same view was taken."""
        self._learned_ns = state.learned_ns
        self._depth, self._last, self._still = state.depth.copy(), state.last.copy(), state.still.copy()
        self._set_limit()

    def _tolerance(self, depth: Floats) -> Floats:
        config = self._config
        noise = np.float32(config.noise_base) + np.float32(config.noise_growth) * depth * depth
        tolerance: Floats = np.float32(config.noise_sigmas) * noise + np.float32(config.margin)
        return tolerance

    def _set_limit(self) -> None:
        self.limit: Floats = self._depth - self._tolerance(self._depth)
