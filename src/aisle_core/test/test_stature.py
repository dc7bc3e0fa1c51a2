"""Heights from the tops of heads."""

import numpy as np
import pytest

from aisle_core.tracking.stature import learned, surprise


def learn(*tops, sigma=0.03):
    height, variance, doubts = np.array([np.nan]), np.array([np.nan]), np.array([0])
    for top in tops:
        height, variance, doubts = learned(height, variance, np.array([top]), np.array([sigma**2]), doubts)
    return height[0], variance[0]


def test_who_stoops_stays_as_tall_and_who_rises_is_taller():
    upright = learn(*[1.7] * 20)
    assert upright[0] == pytest.approx(1.7) and upright[1] == pytest.approx(0.03**2 / 20)
    assert learn(*[1.7] * 20, *[1.1] * 50) == upright
    risen, variance = learn(*[1.1] * 50, *[1.7] * 12)
    assert risen == pytest.approx(1.7) and variance == pytest.approx(0.03**2 / 3)
    assert learn(*[1.1] * 2, *[1.7] * 2)[0] == pytest.approx(1.7)


def test_an_arm_held_up_for_a_moment_makes_nobody_taller():
    upright = learn(*[1.35] * 20)
    assert learn(*[1.35] * 20, *[1.85] * 8) == upright
    assert learn(*[1.35] * 20, *([1.85] * 8 + [1.35]) * 5)[0] == pytest.approx(1.35)


def test_a_lower_head_speaks_little_and_a_higher_one_much():
    errors, variance = np.array([-0.6, -0.02, 0.0, 0.02, 0.6, np.nan]), np.full(6, 0.02**2)
    cost = surprise(errors, variance)
    assert cost[1] == cost[3] and cost[2] == cost[5] == 0.0
    assert cost[3] < cost[0] < cost[4]
