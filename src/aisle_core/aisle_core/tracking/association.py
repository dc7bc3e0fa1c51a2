"""Which detection is whom: one assignment over all sensors, each person at most once per sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

Index = NDArray[np.intp]
Array = NDArray[np.float64]

_FEW = 20_000
"""Up to so many pairs are compared one by one sooner than by a tree."""


def near(first: Array, second: Array, radius: float) -> tuple[Index, Index]:
    """Pairs of points (n, 2) and (m, 2) within ``radius``: rows of both, in lexicographic order."""
    if not len(first) or not len(second):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    if len(first) * len(second) <= _FEW:
        x, y = first[:, :1] - second[:, 0], first[:, 1:] - second[:, 1]
        row, column = np.nonzero(x**2 + y**2 <= radius**2)
        return row, column
    found = cKDTree(first).sparse_distance_matrix(cKDTree(second), radius, output_type="coo_matrix")
    order = np.lexsort((found.col, found.row))
    return found.row[order].astype(np.intp), found.col[order].astype(np.intp)


def without(count: int, rows: Index) -> Index:
    """All of 0 to ``count`` - 1 but these rows."""
    left = np.ones(count, dtype=bool)
    left[rows] = False
    return np.flatnonzero(left)


def assign(rows: int, row: Index, column: NDArray[np.int64], cost: Array, alone: Array) -> Index:
    """The assignment of least total cost (Jonker and Volgenant 1987, sparse).

    row, column, cost (k,): the allowed pairs; alone (rows,): cost of a row without a column. Columns are any numbers.
    Returns for each row the place of its pair among the k, -1 if it is alone.
    """
    chosen = np.full(rows, -1, dtype=np.intp)
    useful = np.flatnonzero(cost < alone[row])
    if not len(useful):
        return chosen
    options = np.bincount(row[useful], minlength=rows)[row[useful]]
    _, there, rivals = np.unique(column[useful], return_inverse=True, return_counts=True)
    clear = (options == 1) & (rivals[there] == 1)
    chosen[row[useful[clear]]] = useful[clear]
    useful = useful[~clear]
    if not len(useful):
        return chosen
    contested, here = np.unique(row[useful], return_inverse=True)
    columns, there = np.unique(column[useful], return_inverse=True)
    count = len(contested)
    key = here * len(columns) + there
    order = np.argsort(key, kind="stable")
    useful, here, there, key = useful[order], here[order], there[order], key[order]
    # Compressed rows: the pairs of each, and behind them the column of its own in which it is alone.
    end = np.cumsum(np.bincount(here, minlength=count) + 1)
    place = np.arange(len(useful)) + here
    value, index = np.empty(end[-1]), np.empty(end[-1], dtype=np.int32)
    value[place], value[end - 1] = cost[useful], alone[contested]
    index[place], index[end - 1] = there, len(columns) + np.arange(count)
    begin = np.concatenate([[0], end]).astype(np.int32)
    graph = csr_array((value - value.min() + 1.0, index, begin), shape=(count, len(columns) + count))
    matched_row, matched_column = min_weight_full_bipartite_matching(graph)
    taken = matched_column < len(columns)
    wanted = matched_row[taken].astype(np.int64) * len(columns) + matched_column[taken]
    chosen[contested[matched_row[taken]]] = useful[np.searchsorted(key, wanted)]
    return chosen


def groups(count: int, first: Index, second: Index) -> Index:
    """Connected components of ``count`` nodes under undirected edges: (count,) labels by the least node."""
    if not len(first):
        return np.arange(count)
    graph = csr_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)
