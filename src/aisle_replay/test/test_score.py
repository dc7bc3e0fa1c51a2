"""Scores of receipts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle_core.errors import AisleError
from aisle_replay.scoring.counts import wilson
from aisle_replay.scoring.receipts import compare_receipts, read_receipts

RECEIPTS = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xyz"), st.integers(1, 4)))


def test_units_and_lines_are_counted() -> None:
    counts = compare_receipts({"a": {"x": 2, "y": 1}, "b": {}}, {"a": {"x": 1, "y": 1, "z": 3}, "b": {}})
    assert (counts.exact_visits, counts.visits) == (1, 2)
    assert (counts.units_right, counts.units_charged, counts.units_due) == (2, 3, 5)
    assert (counts.lines_right, counts.lines_charged, counts.lines_due) == (1, 2, 3)
    assert counts.units.precision == pytest.approx(2 / 3)
    assert counts.units.recall == pytest.approx(2 / 5)
    assert counts.lines.f1 == pytest.approx(2 / 5)


def test_a_visit_that_is_not_there_counts() -> None:
    forgotten, invented = compare_receipts({}, {"a": {"x": 1}}), compare_receipts({"a": {"x": 1}}, {})
    assert (forgotten.visits, forgotten.exact_visits, forgotten.units_due) == (1, 0, 1)
    assert (invented.visits, invented.exact_visits, invented.units_charged) == (1, 0, 1)


def test_an_untrue_visit_that_charges_nothing_does_not_count() -> None:
    assert compare_receipts({"ghost": {}}, {}).visits == 0


@given(RECEIPTS, RECEIPTS)
def test_swapping_sides_swaps_precision_and_recall(ours: dict, truth: dict) -> None:
    forth, back = compare_receipts(ours, truth), compare_receipts(truth, ours)
    assert (forth.units.precision, forth.units.recall) == (back.units.recall, back.units.precision)
    assert (forth.lines.precision, forth.lines.recall) == (back.lines.recall, back.lines.precision)


@given(RECEIPTS, RECEIPTS)
def test_f1_is_the_harmonic_mean(ours: dict, truth: dict) -> None:
    units = compare_receipts(ours, truth).units
    if units.right:
        assert units.f1 == pytest.approx(2 / (1 / units.precision + 1 / units.recall))


@given(RECEIPTS)
def test_the_truth_scores_one(truth: dict) -> None:
    counts = compare_receipts(truth, truth)
    assert counts.units.f1 == counts.lines.f1 == 1.0
    assert counts.exact_visits == counts.visits == len(truth)


@given(st.lists(st.tuples(RECEIPTS, RECEIPTS), min_size=1, max_size=3))
def test_pooling_adds(pairs: list) -> None:
    parts = [compare_receipts(ours, truth) for ours, truth in pairs]
    assert sum(parts[1:], parts[0]).units_right == sum(part.units_right for part in parts)


def test_wilson() -> None:
    """Against the closed form: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964."""
    assert wilson(9, 10) == pytest.approx((0.595850, 0.982124), abs=1e-6)
    assert wilson(0, 0) is None


@pytest.mark.parametrize("text", ["[", "[]", '{"a": 1}', '{"a": {"x": -1}}', '{"a": {"x": "1"}}'])
def test_no_receipts_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "receipts.json"
    path.write_text(text)
    with pytest.raises(AisleError, match=r"receipts\.json") as caught:
        read_receipts(path)
    assert "\n" not in str(caught.value)
