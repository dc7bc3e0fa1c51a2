"""Tracks against the true ways, with figures known by hand."""

import pytest
from scoring_world import tracks, true_people

from aisle_replay.runs import Tracks
from aisle_replay.scoring.tracks import TrackScore, compare_tracks, pool

INSTANTS = [0.1 * i for i in range(40)]
TRUE = [true_people(t, anna=(t, 0.0), bert=(t, 3.0)) for t in INSTANTS]
ANNA = [(t, 1, t, 0.0) for t in INSTANTS]
BERT = [(t, 2, t, 3.0) for t in INSTANTS]


def scored(seen: Tracks) -> TrackScore:
    counts = compare_tracks(seen, TRUE)
    assert counts is not None
    return pool([counts])


def test_a_perfect_tracker() -> None:
    score = scored(tracks(ANNA + BERT))
    assert (score.hota, score.idf1, score.mota, score.association) == pytest.approx((1, 1, 1, 1))
    assert (score.switches, score.missed, score.false, score.true) == (0, 0, 0, 80)
    assert score.error == pytest.approx(0.0, abs=1e-9)


def test_importing_the_metrics_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    scored(tracks(ANNA))
    assert capsys.readouterr().out == ""


def test_a_shift_lowers_the_similarity() -> None:
    """0.28 m away the similarity is 0.72: the first 14 of HOTA's 19 thresholds (0.05 to 0.95) are kept."""
    score = scored(tracks([(t, i, x + 0.28, y) for t, i, x, y in ANNA + BERT]))
    assert score.error == pytest.approx(0.28)
    assert score.hota == pytest.approx(14 / 19)
    assert (score.idf1, score.mota) == (1, 1)


@pytest.mark.parametrize(("shift", "mota"), [(0.49, 1.0), (0.51, -1.0)])
def test_half_a_metre_is_the_limit(shift: float, mota: float) -> None:
    assert scored(tracks([(t, i, x + shift, y) for t, i, x, y in ANNA + BERT])).mota == pytest.approx(mota)


def test_a_person_who_is_not_seen() -> None:
    score = scored(tracks(ANNA))
    assert (score.missed, score.false, score.switches) == (40, 0, 0)
    assert score.mota == pytest.approx(0.5)
    assert score.idf1 == pytest.approx(2 * 40 / (2 * 40 + 40))
    assert score.detection == pytest.approx(0.5)
    assert score.association == pytest.approx(1.0)


def test_a_track_of_nobody() -> None:
    score = scored(tracks([*ANNA, *BERT, *((t, 3, t, -5.0) for t in INSTANTS)]))
    assert (score.missed, score.false) == (0, 40)
    assert score.mota == pytest.approx(0.5)


def test_two_who_swap_their_tracks() -> None:
    swapped = [(t, i if t < 2 else 3 - i, x, y) for t, i, x, y in ANNA + BERT]
    score = scored(tracks(swapped))
    assert score.switches == 2
    assert score.mota == pytest.approx(1 - 2 / 80)
    assert score.idf1 == pytest.approx(0.5)
    assert score.detection == pytest.approx(1.0)
    assert score.association == pytest.approx(20 / 60)


def test_tracks_are_interpolated_between_near_sights_only() -> None:
    between = [(t - 0.05, i, x - 0.05, y) for t, i, x, y in ANNA + BERT] + [(4.0, 1, 4.0, 0.0), (4.0, 2, 4.0, 3.0)]
    assert scored(tracks(between)).error == pytest.approx(0.0, abs=1e-9)
    gap = [row for row in ANNA if not 1.05 < row[0] < 1.95]
    assert scored(tracks(gap + BERT)).missed == 9


def test_only_the_time_of_the_tracker_counts() -> None:
    assert scored(tracks([row for row in ANNA + BERT if row[0] < 1.95])).true == 40
    assert scored(tracks([], batches=[0.0, 1.95])).mota == 0.0
    assert scored(tracks([], batches=[0.0, 1.95])).error is None


def test_nothing_to_compare() -> None:
    assert compare_tracks(tracks(ANNA), []) is None
    assert compare_tracks(tracks([]), TRUE) is None


def test_runs_are_pooled() -> None:
    whole, half = compare_tracks(tracks(ANNA + BERT), TRUE), compare_tracks(tracks(ANNA), TRUE)
    assert whole is not None and half is not None
    assert pool([whole, half]).mota == pytest.approx(0.75)
