"""The RViz configurations show what the graph publishes, with the QoS it is published with."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from aisle_contract.convert import MAP_FRAME
from aisle_contract.interfaces import TF_STATIC, TOPICS, Qos, Topic
from aisle_core.store import load_store
from aisle_core.types import (
    Cart,
    CartEvent,
    CartEvents,
    CartLine,
    Carts,
    CartState,
    Hand,
    HandSide,
    PersonTrack,
    PersonTracks,
    Reason,
    TrackState,
)
from aisle_nodes.markers import Scene

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "rviz").glob("*.rviz"))
TYPE_OF = {
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
    "rviz_default_plugins/TF": "tf2_msgs/msg/TFMessage",
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/PointCloud2": "sensor_msgs/msg/PointCloud2",
}
"""What each display that we use subscribes to (RViz 2 user guide, built-in display types)."""
WITHOUT_TOPIC = {"rviz_default_plugins/Grid"}


def manager(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["Visualization Manager"]


def registry_topic(name: str) -> Topic | None:
    return next((topic for topic in TOPICS if re.fullmatch(topic.pattern(), name)), None)


def displays() -> list[Any]:
    return [
        pytest.param(display, id=f"{path.stem}-{display['Name']}")
        for path in FILES
        for display in manager(path)["Displays"]
    ]


def busy_scene() -> Scene:
    scene = Scene(load_store(ROOT / "config" / "stores" / "market"))
    event = CartEvent("1", "g01/1", "g01-s1-p01", 0, 1, 1, "", 1, 1.0, Reason.WEIGHT_AND_PLACE, False, ())
    hand = Hand(HandSide.LEFT, (0.0, 0.0, 1.0), (0.0,) * 9)
    line = CartLine("COLA-033", "Cola", 1, 149, 149, 1.0, Reason.WEIGHT_AND_PLACE, False, (), (), (), ())
    person = PersonTrack(1, None, TrackState.SEEN, (0.0, 0.0, 0.0), (0.0,) * 4, None, (hand,), 1.0, 0)
    for stamp_ns in (0, 1):
        scene.take(PersonTracks(stamp_ns, stamp_ns, (person,)))
    scene.take(CartEvents(1, 0, 1, (event,)))
    scene.take(Carts(0, 0, (Cart("0" * 16, (1,), None, CartState.OPEN, None, 0, "USD", (line,), 149),)))
    return scene


def test_the_two_configurations_are_there() -> None:
    assert [path.name for path in FILES] == ["calibration.rviz", "store.rviz"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_fixed_frame_is_the_map(path: Path) -> None:
    assert manager(path)["Global Options"]["Fixed Frame"] == MAP_FRAME
    assert manager(path)["Views"]["Current"]["Target Frame"] == MAP_FRAME


@pytest.mark.parametrize("display", displays())
def test_every_display_shows_a_topic_of_the_registry(display: dict[str, Any]) -> None:
    if display["Class"] in WITHOUT_TOPIC:
        return
    name = display["Topic"]["Value"] if "Topic" in display else TF_STATIC.name
    topic = registry_topic(name)
    assert topic is not None, f"{name} is no topic of the registry"
    assert topic.type == TYPE_OF[display["Class"]]
    assert "view" in topic.subscribers


@pytest.mark.parametrize("display", [param for param in displays() if "Topic" in param.values[0]])
def test_every_display_asks_for_the_qos_of_the_registry(display: dict[str, Any]) -> None:
    asked, topic = display["Topic"], registry_topic(display["Topic"]["Value"])
    assert topic is not None
    assert asked["Durability Policy"] == ("Transient Local" if topic.qos is Qos.STATE else "Volatile")
    assert asked["Reliability Policy"] == ("Best Effort" if topic.qos is Qos.SENSOR else "Reliable")
    assert asked["Depth"] >= 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_namespaces_are_those_of_the_markers(path: Path) -> None:
    drawn = {marker.ns for marker in busy_scene().markers()}
    for display in manager(path)["Displays"]:
        if "Namespaces" in display:
            assert set(display["Namespaces"]) == drawn
