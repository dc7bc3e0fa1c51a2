"""The bag profiles name topics of the registry, and no images."""

from pathlib import Path

import pytest
import yaml

from aisle_contract.interfaces import END_OF_STREAM, TOPICS

FOLDER = Path(__file__).parents[2] / "config" / "bag"
PROFILES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}
REGISTRY = {topic.name: topic for topic in TOPICS}
every_profile = pytest.mark.parametrize("profile", PROFILES)


def test_the_profiles_of_the_launch_file_exist():
    assert set(PROFILES) == {"events", "full", "depth"}


@every_profile
def test_a_profile_names_topics_of_the_registry_once(profile):
    assert set(PROFILES[profile]) == {"topics"}
    names = PROFILES[profile]["topics"]
    assert [name for name in names if name not in REGISTRY] == []
    assert len(names) == len(set(names))


def test_only_the_depth_profile_has_images_and_none_has_colour():
    for profile, content in PROFILES.items():
        images = {name for name in content["topics"] if REGISTRY[name].type.startswith("sensor_msgs/")}
        depth = {"{zone}/{device}/depth/camera_info", "{zone}/{device}/depth/image_rect"}
        assert images == (depth if profile == "depth" else set())


@every_profile
def test_the_recorder_ends_the_streams_itself(profile):
    assert END_OF_STREAM.name not in PROFILES[profile]["topics"]


def test_full_is_enough_to_decide_again():
    names = set(PROFILES["full"]["topics"])
    sensors = {
        topic.name for topic in TOPICS if "device" in topic.publishers and not topic.type.startswith("sensor_msgs/")
    }
    assert sensors | {"tick"} <= names
    assert names >= set(PROFILES["events"]["topics"])


def test_events_has_every_decision_and_no_sensor():
    names = set(PROFILES["events"]["topics"])
    assert {"shelf_events", "cart_events", "carts", "receipts", "{zone}/{device}/gate_commands"} <= names
    assert {name for name in names if REGISTRY[name].type.endswith(("ScaleReadings", "BodyKeypointsArray"))} == set()
