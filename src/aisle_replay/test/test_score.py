"""Scores of receipts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle_core.errors import AisleError
from aisle_replay.score import read_receipts, score

RECEIPTS = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xyz"), st.integers(1, 4)))


def test_units_are_counted_right_wrong_and_missed() -> None:
    result = score({"a": {"x": 2, "y": 1}, "b": {}}, {"a": {"x": 1, "z": 3}, "b": {}})
    assert (result.right, result.wrong, result.missed) == (1, 2, 3)
    assert (result.exact_visits, result.visits) == (1, 2)
    assert result.precision == pytest.approx(1 / 3)
    assert result.recall == pytest.approx(1 / 4)


def test_a_visit_that_is_not_there_counts() -> None:
    assert score({}, {"a": {"x": 1}}).missed == 1
    assert score({"a": {"x": 1}}, {}).wrong == 1


@given(RECEIPTS, RECEIPTS)
def test_swapping_sides_swaps_precision_and_recall(ours: dict, truth: dict) -> None:
    forth, back = score(ours, truth), score(truth, ours)
    assert (forth.precision, forth.recall) == (back.recall, back.precision)
    assert forth.exact_visits == back.exact_visits


@given(RECEIPTS)
def test_the_truth_scores_one(truth: dict) -> None:
    assert score(truth, truth).f1 == 1.0


@pytest.mark.parametrize("text", ["[", "[]", '{"a": 1}', '{"a": {"x": -1}}', '{"a": {"x": "1"}}'])
def test_no_receipts_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "receipts.json"
    path.write_text(text)
    with pytest.raises(AisleError, match=r"receipts\.json") as caught:
        read_receipts(path)
    assert "\n" not in str(caught.value)
