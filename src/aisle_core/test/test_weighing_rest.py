"""Whether a plate rests or a hand is on it, and what is learned of noise and drift."""

from __future__ import annotations

import numpy as np
import pytest

from aisle_core.weighing.noise import Drift, Noise, plateau_evidence
from aisle_core.weighing.rest import judge_rest, same_again

LEAST, MOST = 4, 40
NOISE = 0.0005


def judge(means: np.ndarray, force: float | np.ndarray, *given: object, **more: object) -> np.ndarray:
    return judge_both(means, force, *given, **more)[0]


def judge_both(
    means: np.ndarray,
    force: float | np.ndarray,
    usable: int = MOST,
    noise: float | np.ndarray = NOISE,
    pairs: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Frames at rest, and hands; ``means`` (frames, plates), oldest first. pairs: each two changed together."""
    plates = means.shape[1]
    number = np.arange(plates)
    together = (number[:, None] // 2 == number // 2) & (number[:, None] != number)
    return judge_rest(
        means[::-1],
        np.full(plates, usable),
        LEAST,
        np.full(plates, MOST),
        np.full(plates, noise),
        np.full(plates, force),
        flat=0.0015,
        flat_sigmas=2.0,
        tremor=0.02,
        creep=0.002,
        log_odds=np.full(plates, 6.9),
        together=together & pairs,
    )


def resting(plates: int, noise: float = NOISE) -> np.ndarray:
    return np.random.default_rng(1).normal(1.0, noise, (MOST, plates))


def trembling(plates: int, force: float, noise: float = NOISE) -> np.ndarray:
    return resting(plates, noise) + force * np.random.default_rng(2).normal(0.0, 0.02, (MOST, plates))


def test_goods_rest_at_once_where_a_hand_would_be_seen() -> None:
    assert (judge(resting(1000), 0.2, usable=LEAST + 4) > 0).mean() > 0.9


def test_a_hand_does_not_rest() -> None:
    assert (judge(trembling(1000, 0.2), 0.2) > 0).mean() < 0.002


def test_a_gain_of_what_was_lost_speaks_for_goods_the_more_the_less_noise() -> None:
    lost, stddev = np.array([1.0, 1.0, 1.0, np.nan]), np.array([0.0005, 0.0005, 0.005, 0.0005])
    near, far, noisy, first = same_again(np.array([1.0005, 1.01, 1.0005, 1.0]), lost, stddev)
    assert near > 3.0 and 0.0 < noisy < near
    assert far == first == 0.0


def test_plates_that_changed_together_are_judged_together() -> None:
    """One of each two is quiet, and what it shows of goods or a hand holds for the noisy one."""
    noise = np.tile([NOISE, 0.004], 500)
    goods = np.random.default_rng(1).normal(1.0, noise, (MOST, 1000))
    hands = goods + 0.2 * np.random.default_rng(2).normal(0.0, 0.02, (MOST, 1000))
    assert (judge(goods, 0.2, 12, noise)[1::2] > 0).mean() < 0.1
    assert (judge(goods, 0.2, 12, noise, pairs=True)[1::2] > 0).mean() > 0.8
    assert (judge(hands, 0.2, MOST, noise)[1::2] > 0).mean() > 0.1
    assert (judge(hands, 0.2, MOST, noise, pairs=True)[1::2] > 0).mean() < 0.002


def test_a_hand_that_bears_less_on_a_plate_beside_is_known_there() -> None:
    force = np.tile([0.2, 0.03], 500)
    goods, hands = resting(1000), resting(1000) + force * np.random.default_rng(2).normal(0.0, 0.02, (MOST, 1000))
    assert judge_both(hands, force, 4 * LEAST + 4, pairs=True)[1][1::2].mean() > 0.8
    assert not judge_both(hands, force, 4 * LEAST - 1, pairs=True)[1].any()
    assert judge_both(hands, force, 4 * LEAST + 4)[1][1::2].mean() < 0.3
    assert not judge_both(goods, force, pairs=True)[1].any()


@pytest.mark.parametrize("usable", [5, 10, 20])
def test_where_the_noise_hides_a_hand_rest_has_to_last(usable: int) -> None:
    assert (judge(resting(1000, 0.004), 0.1, usable, 0.004) == 0).all()


def test_a_long_plateau_that_speaks_for_neither_is_rest() -> None:
    assert (judge(resting(1000, 0.004), 0.1, MOST, 0.004) > 0).mean() > 0.8


def test_without_a_hand_the_longest_flat_plateau_counts() -> None:
    means = resting(1000)
    means[:30] += 0.1
    frames = judge(means, 0.0)
    assert frames.max() == 10
    assert np.median(frames) == 10


def test_a_plateau_that_the_newest_frames_have_left_is_over() -> None:
    means = resting(1000, 0.004)
    means[-2:] -= 0.025
    assert (judge(means, 0.0, noise=0.004) > 0).mean() < 0.1


def test_frames_from_before_the_change_and_missing_ones_do_not_count() -> None:
    means = resting(3)
    means[-6, 1] = np.nan
    rest = judge(means, 0.0, usable=8)
    assert rest.tolist() == [8, 5, 8]


@pytest.mark.parametrize("walk", [0.0003, 0.001, 0.004])
def test_the_drift_of_a_random_walk_is_learned(walk: float) -> None:
    plates, seconds, look_s = 400, 200.0, 0.4
    rng = np.random.default_rng(3)
    drift = Drift.assumed(plates, 0.0005, 50.0)
    mass = np.full(plates, 2.0)
    fast = mass.copy()
    for _ in range(round(seconds / look_s)):
        mass = mass + rng.normal(0.0, walk * np.sqrt(look_s), plates)
        fast += (mass - fast) * (1.0 - np.exp(-look_s))
        drift.update(fast, np.ones(plates, np.bool_), look_s, 1.0, 10.0, 100.0)
    assert np.sqrt(np.median(drift.variance)) == pytest.approx(walk, rel=0.3)


def test_a_plate_that_does_not_rest_teaches_no_drift() -> None:
    drift = Drift.assumed(2, 0.0005, 50.0)
    for mass in (1.0, 1.5, 0.7):
        drift.update(np.array([mass, 1.0]), np.array([False, True]), 0.4, 1.0, 10.0, 100.0)
    assert drift.variance[0] == 0.0005**2
    assert drift.slow[0] == 1.0


def test_slow_swaying_does_not_average_out_of_a_plateau() -> None:
    rng = np.random.default_rng(4)
    noise = Noise.unknown(1, 0.0001)
    sway = np.repeat(rng.normal(0.0, 0.001, (500, 200)), LEAST, axis=0)
    for index in range(0, len(sway) - 2 * LEAST, LEAST):
        shown = np.full((3, 200), np.nan)
        shown[2] = plateau_evidence(sway[index : index + 2 * LEAST])
        noise = noise if index else Noise.unknown(200, 0.0001)
        noise.update(shown, 0.01, 0.0001)
    assert np.median([noise.plateau(plate, LEAST, LEAST) for plate in range(200)]) == pytest.approx(0.001, rel=0.15)
