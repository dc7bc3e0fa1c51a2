"""Processes that are killed in the middle of visits go on where they were."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from aisle_contract.sites import config_folder
from aisle_replay.replay import replay

pytest.importorskip("rclpy")


def until(condition: Callable[[], bool], timeout_s: float = 90.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.05)


def kill(node: str, domain_id: str) -> None:
    """Kill the process of a node in a domain with signal 9."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            settings = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if node.encode() in words and f"ROS_DOMAIN_ID={domain_id}".encode() in settings:
            os.kill(int(folder.name), signal.SIGKILL)
            return
    pytest.fail(f"no process of {node}")


def snapshots(state: Path, node: str) -> int:
    """Number of the newest snapshot."""
    return max((int(path.name.split(".")[-2]) for path in state.glob(f"{node}.*.snapshot")), default=0)


def test_fusion_and_checkout_are_killed_and_nothing_is_lost_or_doubled(
    aisle, domain: dict[str, str], corner_bag: Path, tmp_path: Path
) -> None:
    state, events, receipts = tmp_path / "state", tmp_path / "events.jsonl", tmp_path / "receipts.json"
    launched = aisle(
        "launch", "replay", f"bag:={corner_bag}", "rate:=3.0", f"state:={state}", f"events:={events}",
        f"receipts:={receipts}",
    )  # fmt: skip
    for node in ("cart_fusion_node", "checkout_node"):
        before = snapshots(state, node)
        until(lambda node=node, before=before: snapshots(state, node) > max(before, 1))
        kill(node, domain["ROS_DOMAIN_ID"])
        goes_on = f"[corner.{node}]: goes on with"
        until(lambda goes_on=goes_on: goes_on in launched.text())
    assert launched.wait(180) == 0, launched.text()[-4000:]
    assert launched.text().count("goes on with") == 2
    assert json.loads(receipts.read_text()) == replay(corner_bag, config_folder()).results.quantities()
    told = Counter((line["kind"], line["id"]) for line in map(json.loads, events.read_text().splitlines()))
    assert set(told.values()) == {1}
    numbers = sorted(int(key[1:]) for kind, key in told if kind == "cart_event")
    assert numbers == list(range(1, len(numbers) + 1))
