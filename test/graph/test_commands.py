"""The commands of ./aisle that look at a running graph."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")


def answer(aisle, *command: str) -> str:
    """What a command prints, whatever its exit code."""
    done = aisle(*command)
    done.wait(60)
    return done.text()


def output(aisle, *command: str) -> str:
    """What a command prints; it must succeed."""
    done = aisle(*command)
    assert done.wait(60) == 0, done.text()
    return done.text()


def test_topics_nodes_and_parameters_of_a_running_store(aisle) -> None:
    launched = aisle("launch", "checkout", "site:=corner", "namespace:=corner")
    while "publisher" not in answer(aisle, "topics", "info", "tick"):
        assert launched.process.poll() is None, launched.text()
    assert "/corner/tick" in output(aisle, "topics", "list")
    assert output(aisle, "topics", "echo", "tick", "-n", "2").count("sequence:") == 2
    while " Hz over " not in (measured := answer(aisle, "topics", "hz", "tick", "--seconds", "3")):
        assert launched.process.poll() is None, launched.text()
    assert int(measured.split(" Hz over ")[1].split(" messages")[0]) >= 10
    median_ms = float(measured.split("median ")[1].split(" ms")[0])
    assert median_ms == pytest.approx(100, abs=20), measured
    nodes = output(aisle, "nodes")
    assert "/corner/checkout_node" in nodes and "/corner/store_node" in nodes and "active" in nodes
    assert "publish_tick" in output(aisle, "params", "store_node")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("topics", "echo", "nothing"), "nobody publishes"),
        (("params", "nobody"), "not running"),
        (("player", "pause"), "no bag player is running"),
    ],
)
def test_a_command_about_what_is_not_there_is_one_line_and_exit_code_2(
    aisle, command: tuple[str, ...], message: str
) -> None:
    done = aisle(*command)
    assert done.wait(60) == 2
    assert done.text().startswith("aisle: ") and message in done.text()
    assert done.text().count("\n") == 1


def test_the_doctor_finds_nothing_wrong(aisle) -> None:
    assert "market" in output(aisle, "doctor")
