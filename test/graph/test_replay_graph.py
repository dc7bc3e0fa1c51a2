"""Bags through the real graph over DDS give what the offline replay gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisle_contract.sites import config_folder
from aisle_replay.replay import replay

pytest.importorskip("rclpy")

TRUTH = {"3325379692103139202": {"071142008582": 1}}


def decisions(path: Path) -> list[dict]:
    """Events without the receipts' order."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.timeout(180)
def test_the_graph_decides_as_the_offline_replay(aisle, real_bag: Path, tmp_path: Path) -> None:
    events, receipts = tmp_path / "events.jsonl", tmp_path / "receipts.json"
    launched = aisle("launch", "replay", f"bag:={real_bag}", "rate:=3.0", f"events:={events}", f"receipts:={receipts}")
    assert launched.wait(120) == 0, launched.text()[-4000:]
    assert json.loads(receipts.read_text()) == TRUTH
    offline = tmp_path / "offline.jsonl"
    replay(real_bag, config_folder()).results.write_events(offline)
    assert decisions(events) == decisions(offline)
    assert "lost" not in launched.text()
