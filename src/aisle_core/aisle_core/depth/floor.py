"""The floor that one depth sensor sees something above, in cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..store import Store
from ..store.coverage import body
from ..store.geometry import inside, to_local
from .shelves import Shelves
from .view import Floats, View

Indices = NDArray[np.intp]

_FAR = 10.0
"""No sensor sees people farther away [m]."""


class Floor:
    """Cells of the floor: where heads can be, and which shelf is near.

    ``low`` (2,) corner of the first cell and ``cell`` side of one [m]; ``rows`` along y, ``columns`` along x;
    ``heads`` (rows, columns) where a head can be; ``shelf`` (rows, columns) number of the shelf that something in this
    cell is in or before, else -1.
    """

    def __init__(
        self, store: Store, shelves: Shelves, view: View, max_range: float, cell: float, margin: float, over: float,
        before: float,
    ) -> None:  # fmt: skip
        """Heads are on the sales floor or less than ``margin`` outside, at most ``over`` inside a fixture's edge; a
        shelf is near from ``before`` its front on [m].
        """
        corners = np.array(store.floor)
        far = min(max_range, _FAR)
        # No point is seen farther out than the ray reaches at the floor or at the sensor's range.
        length = np.minimum(-view.eye[2] / view.rays[2], far) if view.rays[2].max() < 0 else np.float32(far)
        reach = view.rays[:2] * length
        low = np.maximum(view.eye[:2] + reach.min(axis=1), corners.min(axis=0) - margin)
        high = np.minimum(view.eye[:2] + reach.max(axis=1), corners.max(axis=0) + margin)
        self.cell, self.low = cell, low.astype(np.float32)
        self.columns, self.rows = (int(n) for n in np.maximum(np.ceil((high - low) / cell), 1))
        x = low[0] + (np.arange(self.columns) + 0.5) * cell
        y = low[1] + (np.arange(self.rows) + 0.5) * cell
        middles = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        allowed = inside(middles, store.floor, margin)
        for fixture in store.fixtures:
            if (box := body(fixture)) is not None:
                local = to_local(box.pose, middles)
                within = (local > np.add(box.low[:2], over)) & (local < np.subtract(box.high[:2], over))
                allowed &= ~within.all(axis=1)
        self.heads = allowed.reshape(self.rows, self.columns)
        shelf = np.full(len(middles), -1, np.intp)
        for row in range(len(shelves.length)):
            along, inward = shelves.local(middles, np.full(len(middles), row))
            near = (along > -cell) & (along < shelves.length[row] + cell)
            near &= (inward > -before - cell) & (inward < shelves.depth[row])
            shelf[near] = row
        self.shelf = shelf.reshape(self.rows, self.columns)

    def cells(self, points: Floats) -> tuple[Indices, NDArray[np.bool_]]:
        """Row and column (2, n) of points (3, n) [m], and whether they are on the grid."""
        way = (points[1::-1] - self.low[::-1, None]) * np.float32(1 / self.cell)
        cell = way.astype(np.intp)
        on = (way[0] >= 0) & (way[1] >= 0) & (cell[0] < self.rows) & (cell[1] < self.columns)
        return cell, on


def nearest(places: Floats, points: Floats, within: float) -> tuple[Indices, Floats]:
    """Of each point (3, n) the nearest place (k, 2 and more) along the floor, and the squared way to it [m^2].

    It is -1 where none is within that distance [m].
    """
    apart = ((points[:2] - places[:, :2, None]) ** 2).sum(axis=1)
    found, least = apart.argmin(axis=0), apart.min(axis=0)
    found[least >= within**2] = -1
    return found, least


def sums(values: Floats, of: Indices, count: int) -> Floats:
    """(m, count) sums of values (m, n) by number ``of`` (n,); -1 is nobody's."""
    member = (of == np.arange(count)[:, None]).astype(np.float32)
    totals: Floats = np.einsum("mn,kn->mk", values, member)
    return totals
