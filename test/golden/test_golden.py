"""What the recordings decide today is what they decided when the golden files were made.

Golden files hold the events with floats rounded to 6 decimals, so that they hold on any processor. A change of
behaviour is made visible by ``UPDATE=1 ./aisle test test/golden``; look at the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from aisle_contract.sites import config_folder
from aisle_replay.replay import replay

HERE = Path(__file__).parent
TRUTH = {"3325379692103139202": {"071142008582": 1}}
PICK_AFTER_NS = 12_500_000_000
FIRST_ORIGIN_NS = 1_587_531_996_859_000_000
"""t_origin of the first plate block of the real recording."""


def rounded(value: Any) -> Any:
    """The same with floats of 6 decimals."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value


def check(lines: list[str], golden: Path) -> None:
    """Compare with the golden file, or write it."""
    text = "".join(json.dumps(rounded(json.loads(line)), sort_keys=True) + "\n" for line in lines)
    if os.environ.get("UPDATE"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_the_simulated_store(corner_bag: Path) -> None:
    check(replay(corner_bag, config_folder()).results.event_lines(), HERE / "corner_seed_1.jsonl")


def test_the_real_recording(real_bag: Path) -> None:
    results = replay(real_bag, config_folder()).results
    assert results.quantities() == TRUTH
    (event,) = results.shelf_events
    assert event.plate_id == "g1-s5-p11"
    assert event.mass_change == pytest.approx(-0.6231, abs=0.003)
    assert abs(event.start_ns - FIRST_ORIGIN_NS - PICK_AFTER_NS) <= 150_000_000
    check(results.event_lines(), HERE / "autocheckout_benchmark_1.jsonl")


def test_the_same_bytes_on_every_run_and_in_every_order(real_bag: Path) -> None:
    lines = replay(real_bag, config_folder()).results.event_lines()
    assert replay(real_bag, config_folder()).results.event_lines() == lines
    assert replay(real_bag, config_folder(), order="stamp").results.event_lines() == lines
    for seed in range(10):
        assert replay(real_bag, config_folder(), order="random", seed=seed).results.event_lines() == lines, seed
