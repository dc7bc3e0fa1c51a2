"""The floor that one depth sensor sees something above, in cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..store import Store
from ..store.coverage import body
from ..store.geometry import inside
from .shelves import Shelves
from .view import Floats, View

Indices = NDArray[np.intp]

_FAR = 10.0
"""No sensor sees people farther away [m]."""


class Floor:
    """Cells of the floor: where heads can be, and which shelf is near.

    ``low`` (2,) corner of the first cell and ``cell`` side of one [m]; ``rows`` along y, ``columns`` along x;
    ``heads`` (rows, columns) where a head can be; ``shelf`` (rows * columns,) number of the shelf that something in
    this cell is in or before, else -1.
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
                cos, sin = np.cos(box.pose.yaw), np.sin(box.pose.yaw)
                local = (middles - box.pose[:2]) @ np.array([(cos, -sin), (sin, cos)])
                within = (local > np.add(box.low[:2], over)) & (local < np.subtract(box.high[:2], over))
                allowed &= ~within.all(axis=1)
        self.heads = allowed.reshape(self.rows, self.columns)
        self.shelf = np.full(len(middles), -1, np.intp)
        for row in range(len(shelves.length)):
            along, inward = shelves.local(middles, np.full(len(middles), row))
            near = (along > -cell) & (along < shelves.length[row] + cell)
            near &= (inward > -before - cell) & (inward < shelves.depth[row])
            self.shelf[near] = row

    def cells(self, x: Floats, y: Floats) -> tuple[Indices, NDArray[np.bool_]]:
        """Cell of each point (n,), and whether it is on the grid."""
        scale = np.float32(1 / self.cell)
        column = ((x - self.low[0]) * scale).astype(np.intp)
        row = ((y - self.low[1]) * scale).astype(np.intp)
        on = (x >= self.low[0]) & (y >= self.low[1]) & (column < self.columns) & (row < self.rows)
        return row * self.columns + column, on


def nearest(places: Floats, x: Floats, y: Floats, within: float) -> Indices:
    """Number of the nearest place (k, 2) of each point (n,), -1 where none is within that distance [m]."""
    found = np.full(len(x), -1, np.intp)
    least = np.full(len(x), np.float32(within) ** 2, np.float32)
    for number, (place_x, place_y) in enumerate(places):
        apart = (x - place_x) ** 2 + (y - place_y) ** 2
        closer = apart < least
        found[closer] = number
        least[closer] = apart[closer]
    return found
