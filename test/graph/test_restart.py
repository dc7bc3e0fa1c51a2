"""A fusion that is killed in the middle of visits goes on where it was."""

from __future__ import annotations

import os
import signal
import time
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


def test_the_fusion_is_killed_and_nothing_is_lost_or_doubled(
    aisle, domain: dict[str, str], corner_bag: Path, tmp_path: Path
) -> None:
    state, events, offline = tmp_path / "state", tmp_path / "events.jsonl", tmp_path / "offline.jsonl"
    launched = aisle("launch", "replay", f"bag:={corner_bag}", "rate:=3.0", f"state:={state}", f"events:={events}")
    until(lambda: any(state.glob("cart_fusion_node.00000000[2-9].snapshot")))
    kill("cart_fusion_node", domain["ROS_DOMAIN_ID"])
    assert launched.wait(180) == 0, launched.text()[-4000:]
    assert "goes on with" in launched.text()
    replay(corner_bag, config_folder()).results.write_events(offline)
    assert events.read_bytes() == offline.read_bytes()
