"""Where a change lies in the samples of a plate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle_core.weighing.changes import find_steps


def path(*parts: tuple[float, int]) -> np.ndarray:
    """Levels, each for so many samples."""
    return np.concatenate([np.full(count, level) for level, count in parts])


def spans(
    samples: np.ndarray, before: float, after: float, sigma: float = 0.001, least: float = 0.015
) -> list[tuple[int, int]]:
    return [(step.start, step.end) for step in find_steps(samples, before, after, sigma, least, 9, 40)]


def test_a_step_lies_between_its_levels() -> None:
    assert spans(path((2.0, 10), (1.6, 2), (1.4, 20)), 2.0, 1.4) == [(9, 12)]


def test_a_press_before_a_loss_is_still_the_old_level() -> None:
    assert spans(path((2.0, 10), (2.2, 20), (1.4, 20)), 2.0, 1.4) == [(29, 30)]


def test_a_change_undone_before_it_counts_from_its_last_beginning() -> None:
    assert spans(path((2.0, 10), (1.4, 8), (2.0, 8), (1.4, 20)), 2.0, 1.4) == [(25, 26)]


def test_a_staircase_is_several_steps_that_join() -> None:
    samples = path((2.0, 10), (1.8, 12), (1.6, 12), (1.4, 20))
    steps = find_steps(samples, 2.0, 1.4, 0.001, 0.015, 9, 40)
    assert [(step.start, step.end) for step in steps] == [(9, 10), (21, 22), (33, 34)]
    assert [step.after for step in steps] == pytest.approx([1.8, 1.6, 1.4])


def test_a_landing_too_short_or_too_near_makes_no_step() -> None:
    assert len(spans(path((2.0, 10), (1.8, 8), (1.4, 20)), 2.0, 1.4)) == 1
    assert len(spans(path((2.0, 10), (1.41, 12), (1.4, 20)), 2.0, 1.4)) == 1


def test_a_path_that_also_goes_back_is_one_step() -> None:
    assert len(spans(path((2.0, 10), (1.2, 12), (1.6, 20)), 2.0, 1.6)) == 1


def test_a_press_between_steps_is_no_step() -> None:
    assert spans(path((2.0, 10), (1.8, 12), (1.95, 12), (1.6, 20)), 2.0, 1.6) == [(9, 10), (33, 34)]


def test_a_press_on_what_is_set_down_is_no_step() -> None:
    assert spans(path((2.0, 10), (2.15, 12), (2.1, 12), (2.2, 20)), 2.0, 2.2) == [(9, 22), (33, 34)]
    assert len(spans(path((2.0, 10), (2.3, 12), (2.2, 20)), 2.0, 2.2)) == 1


def test_where_the_reading_stayed_without_settling_was_a_hand() -> None:
    assert spans(path((2.0, 10), (1.8, 30), (1.6, 20)), 2.0, 1.6) == [(9, 10), (39, 40)]
    assert len(spans(path((2.0, 10), (1.8, 60), (1.6, 20)), 2.0, 1.6)) == 1


def test_ringing_after_a_change_does_not_move_it() -> None:
    ringing = 0.03 * np.sin(np.arange(40) * 0.9) * np.exp(-np.arange(40) / 15)
    samples = path((2.0, 10), (1.97, 40), (1.97, 60))
    samples[50:90] += ringing
    assert spans(samples, 2.0, 1.97) == [(9, 10)]


@pytest.mark.parametrize("after", [1.4, 2.6])
def test_a_plate_that_goes_on_ringing_is_on_its_new_level_at_once(after: float) -> None:
    samples = path((2.0, 10), (after, 90))
    samples[10:] += 0.03 * np.sin(np.arange(90) * 1.1) * np.exp(-np.arange(90) / 30)
    assert spans(samples, 2.0, after) == [(9, 10)]


def test_what_presses_on_a_plate_after_a_loss_is_no_part_of_it() -> None:
    assert spans(path((2.0, 10), (1.9, 12), (2.1, 8), (1.9, 20)), 2.0, 1.9) == [(9, 10)]
    assert spans(path((2.0, 10), (1.9, 12), (2.0, 12), (1.9, 20)), 2.0, 1.9) == [(33, 34)]


@pytest.mark.parametrize("pressed", [0.15, 0.3, 0.5])
def test_what_is_taken_from_a_plate_on_which_another_leans_was_taken_meanwhile(pressed: float) -> None:
    samples = path((2.0, 10), (2.0 + pressed, 60), (1.8 + pressed, 60), (1.8, 20))
    samples[10:130] += 0.004 * np.resize([1.0, -1.0, 0.5, -0.5], 120)
    assert spans(samples, 2.0, 1.8) == [(69, 70)]


def test_a_hand_that_lets_go_as_much_as_is_taken_later_took_nothing() -> None:
    assert spans(path((2.0, 10), (2.2, 60), (2.0, 60), (1.8, 20)), 2.0, 1.8) == [(129, 130)]
    assert spans(path((2.0, 10), (2.2, 20), (2.0, 20), (2.3, 30), (1.8, 20)), 2.0, 1.8) == [(79, 80)]


def test_a_change_hidden_in_noise_is_found_by_the_best_fit() -> None:
    samples = path((2.0, 30), (1.96, 30)) + np.resize([-0.03, 0.03], 60)
    assert spans(samples, 2.0, 1.96, sigma=0.03, least=0.035) == [(29, 30)]


@given(
    st.lists(st.floats(-0.05, 0.05), min_size=1, max_size=80),
    st.floats(0.015, 1.0),
    st.sampled_from([-1.0, 1.0]),
    st.floats(0.0003, 0.06),
)
def test_steps_are_in_order_and_join_whatever_the_samples(
    noise: list[float], size: float, sign: float, sigma: float
) -> None:
    after = 2.0 + sign * size
    samples = np.concatenate([[2.0], 2.0 + np.linspace(0.0, sign * size, len(noise)) + noise])
    steps = find_steps(samples, 2.0, after, sigma, 0.015, 9, 40)
    assert steps[0].before == 2.0
    assert steps[-1].after == after
    assert [step.after for step in steps[:-1]] == [step.before for step in steps[1:]]
    indices = [index for step in steps for index in (step.start, step.end)]
    assert all(step.start < step.end for step in steps)
    assert indices == sorted(indices)
    assert indices[0] >= 0
    assert indices[-1] < len(samples)
