"""Where sites and folders are found."""

import pytest

from aisle_contract import sites
from aisle_contract.interfaces import (
    BODY_KEYPOINTS,
    CARTS,
    CLOCK,
    COLOR_INFO,
    DEPTH_IMAGE,
    GATE_COMMANDS,
    GATE_EVENTS,
    SCALE_LAYOUT,
    SCALE_READINGS,
    TOPICS,
    Qos,
    Topic,
)
from aisle_core.errors import AisleError
from aisle_core.store import load_store


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """An installed aisle_bringup with two sites."""
    for name in ("corner_shop", "station"):
        (tmp_path / "share" / "aisle_bringup" / "config" / "stores" / name).mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    return tmp_path


@pytest.fixture
def corner(monkeypatch):
    """The corner store of the checkout."""
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    return load_store(sites.find_site("corner"))


def test_the_installed_configuration_comes_first(prefix):
    assert sites.config_folder() == prefix / "share" / "aisle_bringup" / "config"
    assert sites.share_folder("aisle_bringup", "launch") == sites.checkout_root() / "launch"


@pytest.mark.parametrize("value", [None, "", ":"])
def test_without_an_installation_the_checkout_is_used(value, prefix, monkeypatch):
    monkeypatch.chdir(prefix)
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    if value is not None:
        monkeypatch.setenv("AMENT_PREFIX_PATH", value)
    assert sites.config_folder() == sites.checkout_root() / "config"


def test_away_from_a_checkout_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sites, "__file__", str(tmp_path / "aisle_contract" / "sites.py"))
    with pytest.raises(AisleError, match="no checkout of Aisle around the code; source the workspace"):
        sites.checkout_root()


def test_a_site_is_found_by_name_and_by_path(prefix):
    folder = prefix / "share" / "aisle_bringup" / "config" / "stores" / "station"
    assert sites.find_site("station") == folder
    assert sites.find_site(str(folder)) == folder


def test_a_path_below_home(tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sites.find_site("~/shop") == tmp_path / "shop"


@pytest.mark.parametrize(
    ("site", "message"),
    [
        ("", "parameter 'site' is empty; give the name of a folder in config/stores or a path"),
        ("statoin", "site 'statoin': no such folder in .*stores; did you mean 'station'?"),
        ("xyz", "site 'xyz': no such folder in .*stores; known sites: corner_shop, station"),
        ("/no/such/site", "site '/no/such/site': no such folder; give an existing one"),
    ],
)
def test_an_unknown_site_is_named(prefix, site, message):
    with pytest.raises(AisleError, match=f"^{message.replace('?', '[?]')}$"):
        sites.find_site(site)


def test_topics_of_the_store_have_one_name(corner):
    assert sites.topic_names(CARTS, corner) == ["carts"]
    assert sites.topic_names(CLOCK, corner) == ["/clock"]


@pytest.mark.parametrize(
    ("topic", "devices"),
    [
        (SCALE_LAYOUT, "gateways"),
        (SCALE_READINGS, "gateways"),
        (BODY_KEYPOINTS, "pose_sources"),
        (DEPTH_IMAGE, "depth_sensors"),
        (COLOR_INFO, "cameras"),
    ],
)
def test_topics_of_devices_have_a_name_each(corner, topic, devices):
    kind = topic.name.removeprefix("{zone}/{device}/")
    names = [f"{device.zone}/{device.device_id}/{kind}" for device in getattr(corner, devices)]
    assert names and sites.topic_names(topic, corner) == names


def test_topics_of_gates_have_a_name_per_lane(corner):
    for topic, kind in ((GATE_EVENTS, "gate_events"), (GATE_COMMANDS, "gate_commands")):
        assert sites.topic_names(topic, corner) == [f"entrance/{lane.lane_id}/{kind}" for lane in corner.lanes]


def test_every_topic_of_the_registry_has_its_devices(corner):
    for topic in TOPICS:
        assert sites.topic_names(topic, corner)


def test_a_topic_of_unknown_devices_is_a_programming_error(corner):
    topic = Topic("{zone}/{device}/other", "std_msgs/msg/Empty", Qos.STREAM, (), (), "")
    with pytest.raises(TypeError, match="no devices are known for topic"):
        sites.topic_names(topic, corner)
