"""Bags through the real graph over DDS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aisle_contract.sites import config_folder
from aisle_replay.bag import BagReader
from aisle_replay.replay import replay

pytest.importorskip("rclpy")

TRUTH = {"3325379692103139202": {"071142008582": 1}}


def offline_events(bag: Path, folder: Path) -> bytes:
    """Bytes of the offline replay's events."""
    path = folder / "offline.jsonl"
    replay(bag, config_folder()).results.write_events(path)
    return path.read_bytes()


def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.05)


def test_the_real_recording_ends_in_the_right_receipt(aisle, real_bag: Path, tmp_path: Path) -> None:
    events, receipts = tmp_path / "events.jsonl", tmp_path / "receipts.json"
    launched = aisle("launch", "replay", f"bag:={real_bag}", "rate:=3.0", f"events:={events}", f"receipts:={receipts}")
    assert launched.wait(120) == 0, launched.text()[-4000:]
    assert json.loads(receipts.read_text()) == TRUTH
    assert events.read_bytes() == offline_events(real_bag, tmp_path)
    assert "lost" not in launched.text()


def test_a_store_with_gates_decides_as_offline_at_ten_times_speed(aisle, corner_bag: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    launched = aisle("launch", "replay", f"bag:={corner_bag}", "rate:=10.0", f"events:={events}")
    assert launched.wait(120) == 0, launched.text()[-4000:]
    assert events.read_bytes() == offline_events(corner_bag, tmp_path)
    assert "lost" not in launched.text()


def test_staff_restocks_and_the_stock_is_known_as_offline(aisle, restocked_bag: Path, tmp_path: Path) -> None:
    """The fusion hears of staff from the checkout, which comes after it."""
    events = tmp_path / "events.jsonl"
    launched = aisle("launch", "replay", f"bag:={restocked_bag}", "rate:=10.0", f"events:={events}")
    assert launched.wait(120) == 0, launched.text()[-4000:]
    text = events.read_text()
    assert '"reason":"restocked"' in text and '"kind":"back_in_stock"' in text
    assert events.read_bytes() == offline_events(restocked_bag, tmp_path)


def test_what_is_recorded_from_the_graph_replays_to_the_same_events(aisle, corner_bag: Path, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded"
    recorder = aisle("record", f"out:={recorded}", "site:=corner", "namespace:=corner", "use_sim_time:=true")
    until(lambda: "process started" in recorder.text())
    player = aisle("launch", "replay", f"bag:={corner_bag}", "rate:=5.0", "start_paused:=true", "hold:=true")
    until(lambda: "paused at" in steered(aisle, "pause"))
    until(lambda: subscribers(aisle, "shop/g01/scale_readings") == 2)
    until(lambda: "playing" in steered(aisle, "resume"))
    until(lambda: "EUR" in player.text(), 90)
    player.stop()
    assert recorder.stop() == 0, recorder.text()[-4000:]
    with BagReader(recorded) as bag:
        assert {topic.entry.name for topic in bag.topics if topic.entry} >= {"receipts", "cart_events", "end_of_stream"}
    assert offline_events(recorded, tmp_path) == offline_events(corner_bag, tmp_path)


def steered(aisle, *command: str) -> str:
    """What the player answers."""
    done = aisle("player", *command)
    done.wait(30)
    return done.text()


def subscribers(aisle, topic: str) -> int:
    """How many nodes subscribe to a topic."""
    done = aisle("topics", "info", topic)
    done.wait(30)
    return sum("subscriber" in line for line in done.text().splitlines())


def test_the_player_pauses_steps_seeks_and_changes_its_rate(aisle, corner_bag: Path) -> None:
    aisle("launch", "replay", f"bag:={corner_bag}", "start_paused:=true", "hold:=true")
    until(lambda: "paused at 0.00" in steered(aisle, "pause"))
    assert "rate 4" in steered(aisle, "rate", "4")
    assert "paused at 7.50" in steered(aisle, "seek", "7.5")
    steered(aisle, "step", "1.5")
    until(lambda: "paused at 9.00" in steered(aisle, "pause"))
    assert "playing" in steered(aisle, "resume")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("launch", "replay", "bag:=nowhere"), "nowhere"),
        (("launch", "replay"), "bag"),
        (("launch", "replay", "bagg:=x"), "did you mean 'bag'"),
        (("launch", "replya"), "did you mean 'replay'"),
    ],
)
def test_a_wrong_launch_says_why(aisle, arguments: tuple[str, ...], message: str) -> None:
    launched = aisle(*arguments)
    assert launched.wait(60) != 0
    assert message in launched.text()
    assert "process started" not in launched.text()
