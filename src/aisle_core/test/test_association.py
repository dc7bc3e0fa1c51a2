"""Who is whom, beside exhaustive ways to find it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from aisle_core.tracking import association

ALONE = 1.0


@given(st.integers(0, 2**16))
def test_each_sensor_gets_the_assignment_of_least_cost(seed):
    random = np.random.default_rng(seed)
    sensor = np.sort(random.integers(0, 3, 9))
    dense = random.uniform(0.0, 1.5, (9, 4))
    row, column = np.nonzero(random.random((9, 4)) < 0.6)
    chosen = association.assign(sensor, row, column, dense[row, column], ALONE)
    found = np.flatnonzero(chosen >= 0)
    assert row[chosen[found]].tolist() == found.tolist()
    keys = list(zip(sensor[found].tolist(), column[chosen[found]].tolist(), strict=True))
    assert len(set(keys)) == len(keys)
    cost = np.full((9, 4), ALONE)
    cost[row, column] = np.minimum(dense[row, column], ALONE)
    least = 0.0
    for one in range(3):
        of_sensor = cost[sensor == one]
        least += of_sensor[linear_sum_assignment(of_sensor)].sum() + max(len(of_sensor) - 4, 0) * ALONE
    total = dense[row, column][chosen[found]].sum() + (9 - len(found)) * ALONE
    np.testing.assert_allclose(total, least)


@given(st.integers(0, 2**16), st.integers(0, 12))
def test_groups_are_connected_components_named_by_their_least(seed, edges):
    first, second = np.random.default_rng(seed).integers(0, 10, (2, edges))
    _, component = connected_components(coo_array((np.ones(edges), (first, second)), shape=(10, 10)), directed=False)
    least = [int(np.flatnonzero(component == of)[0]) for of in component]
    assert association.groups(10, first, second).tolist() == least


def test_a_tree_finds_the_same_neighbours(monkeypatch):
    first, second = np.random.default_rng(3).uniform(0, 5, (2, 40, 2))
    one_by_one = association.near(first, second, 1.0)
    monkeypatch.setattr(association, "_FEW", 0)
    assert [rows.tolist() for rows in association.near(first, second, 1.0)] == [rows.tolist() for rows in one_by_one]
