"""Which detection is whom: each person at most once per sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

Index = NDArray[np.intp]
Array = NDArray[np.float64]

_FEW = 20_000
"""Up to so many pairs are compared one by one sooner than by a tree."""


def squared_distances(first: Array, second: Array) -> Array:
    """(n, m) between points (n, 2) and (m, 2)."""
    x, y = first[:, :1] - second[:, 0], first[:, 1:] - second[:, 1]
    return np.asarray(x * x + y * y)


def near(first: Array, second: Array, radius: float) -> tuple[Index, Index]:
    """Pairs of points (n, 2) and (m, 2) within ``radius``: rows of both, in lexicographic order."""
    if not len(first) or not len(second):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    if len(first) * len(second) <= _FEW:
        row, column = (squared_distances(first, second) <= radius**2).nonzero()
        return row, column
    found = cKDTree(first).sparse_distance_matrix(cKDTree(second), radius, output_type="coo_matrix")
    order = np.lexsort((found.col, found.row))
    return found.row[order].astype(np.intp), found.col[order].astype(np.intp)


def without(count: int, rows: Index) -> Index:
    """All of 0 to ``count`` - 1 but these rows."""
    left = np.ones(count, dtype=bool)
    left[rows] = False
    return np.flatnonzero(left)


def assign(sensor: NDArray[np.int64], row: Index, column: Index, cost: Array, alone: float) -> Index:
    """Of each sensor the assignment of least total cost, each column at most once (Jonker and Volgenant 1987).

    sensor (n,): of each row; row, column, cost (k,): the allowed pairs; alone: cost of a row without a column.
    Returns for each row the place of its pair among the k, -1 if it is alone.
    """
    chosen = np.full(len(sensor), -1, dtype=np.intp)
    useful = (cost < alone).nonzero()[0]
    if not len(useful):
        return chosen
    # Of the pairs of a row the last one stays, which is the cheapest.
    cheapest_last = useful[np.argsort(-cost[useful], kind="stable")]
    chosen[row[cheapest_last]] = cheapest_last
    # Where two rows of a sensor want the same column, all its rows are weighed together.
    key = sensor[row] * (int(column.max()) + 1) + column
    wanted = chosen[chosen >= 0]
    clash = np.bincount(key[wanted])[key[wanted]] > 1
    if not clash.any():
        return chosen
    contested = np.zeros(int(sensor.max()) + 1, dtype=bool)
    contested[sensor[row[wanted[clash]]]] = True
    useful = useful[contested[sensor[row[useful]]]]
    rows, here = np.unique(row[useful], return_inverse=True)
    columns, there = np.unique(key[useful], return_inverse=True)
    gain, pair = np.zeros((len(rows), len(columns))), np.full((len(rows), len(columns)), -1)
    gain[here, there], pair[here, there] = alone - cost[useful], useful
    matched = linear_sum_assignment(gain, maximize=True)
    chosen[rows] = -1
    chosen[rows[matched[0]]] = pair[matched]
    return chosen


def groups(count: int, first: Index, second: Index) -> Index:
    """Connected components of ``count`` nodes under undirected edges: (count,) the least node of each one's."""
    label = np.arange(count)
    while (label[first] != label[second]).any():
        least = np.minimum(label[first], label[second])
        for one in (first, second):
            np.minimum.at(label, one, least)
        label = label[label]
    return label
