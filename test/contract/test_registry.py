"""The registry, the messages, the core types and the nodes agree (architecture, sections 4 and 5)."""

import dataclasses
import enum
import importlib
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aisle_cli.docs import package_of, params_class
from aisle_contract import convert, params
from aisle_contract.interfaces import DIAGNOSTICS, TOPICS, Qos, nodes, published_by, subscribed_by
from aisle_core import types as core
from aisle_core.types import source_of
from aisle_replay.bag import BagWriter

ROOT = Path(__file__).parents[2]
ROS_PACKAGES = {"diagnostic_msgs", "rosgraph_msgs", "sensor_msgs", "std_msgs", "tf2_msgs", "visualization_msgs"}
WITHOUT_SEQUENCE = {"ScaleLayout", "StoreInfo", "EndOfStream", "ReplayCommand", "ReplayStatus"}
"""Messages that only the newest of matters, or that steer: nobody counts them."""
INTEGERS = r"u?int(8|16|32|64)"
LINE = re.compile(r"(?P<type>[\w/]+(?:<=\d+)?)(?P<array>\[(?:<=)?\d*\])?\s+(?P<name>\w+)(?:\s*=\s*(?P<value>\S+))?")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a message: a field, or a constant if it has a value."""

    name: str
    type: str
    array: str
    value: str | None
    comments: tuple[str, ...]
    """The comment lines directly above."""


def parse(path: Path) -> list[Entry]:
    entries, comments = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comments.append(line)
        elif line.strip():
            match = LINE.fullmatch(line.strip())
            assert match, f"{path}: {line}"
            entries.append(Entry(match["name"], match["type"], match["array"] or "", match["value"], tuple(comments)))
            comments = []
    return entries


MESSAGES = {path.stem: parse(path) for path in sorted((ROOT / "msg").glob("*.msg"))}
TOP_LEVEL = {name for name, entries in MESSAGES.items() if any(entry.name == "header" for entry in entries)}
every_message = pytest.mark.parametrize("name", MESSAGES)


def fields(name: str) -> list[Entry]:
    return [entry for entry in MESSAGES[name] if entry.value is None]


def enums(name: str) -> dict[str, dict[str, int]]:
    """Prefix of the constants -> their names without it -> value; a group begins with X_UNKNOWN."""
    groups: dict[str, dict[str, int]] = {}
    prefix = ""
    for entry in MESSAGES[name]:
        if entry.value is None:
            continue
        if entry.name.endswith("_UNKNOWN"):
            prefix = entry.name.removesuffix("UNKNOWN")
        assert prefix and entry.name.startswith(prefix), f"{name}.{entry.name}: a group begins with X_UNKNOWN"
        groups.setdefault(prefix, {})[entry.name.removeprefix(prefix)] = int(entry.value)
    return groups


# --- topics and messages


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_has_a_message(topic):
    package, kind, name = topic.type.split("/")
    assert kind == "msg"
    if package == "aisle_msgs":
        assert name in TOP_LEVEL
    else:
        assert package in ROS_PACKAGES


def test_topics_have_one_entry_each():
    names = [topic.name for topic in TOPICS]
    assert len(names) == len(set(names))


def test_only_what_ros_has_globally_is_global():
    assert {topic.name for topic in TOPICS if topic.name.startswith("/")} == {"/tf_static", "/clock", "/diagnostics"}


@every_message
def test_a_message_is_on_a_topic_or_part_of_another(name):
    on_topics = {topic.type.removeprefix("aisle_msgs/msg/") for topic in TOPICS}
    parts = {entry.type for entries in MESSAGES.values() for entry in entries}
    assert name in (on_topics if name in TOP_LEVEL else parts)


# --- rules of a message


@pytest.mark.parametrize("name", sorted(TOP_LEVEL))
def test_a_header_comes_first_and_its_comment_says_which_stamp_and_frame(name):
    first = fields(name)[0]
    assert (first.name, first.type) == ("header", "std_msgs/Header")
    text = " ".join(first.comments)
    assert re.search(r"# stamp: \S", text) and re.search(r"frame_id: \S", text)


@pytest.mark.parametrize("name", sorted(TOP_LEVEL - WITHOUT_SEQUENCE))
def test_sensor_and_event_messages_are_counted(name):
    assert (fields(name)[1].name, fields(name)[1].type) == ("sequence", "uint32")


@every_message
def test_elements_carry_no_header_and_plurals_are_arrays(name):
    for entry in fields(name):
        assert entry.type not in TOP_LEVEL, f"{name}.{entry.name}"
    assert not name.endswith("s") or name in {"BodyKeypoints", "ReplayStatus", "ScaleReadings"}


@every_message
def test_everything_is_commented(name):
    """A comment covers the lines below it while their type stays; X_UNKNOWN and the field of an enum need none."""
    bare, covered, flag = [], None, ""
    for entry in MESSAGES[name]:
        kind = entry.type, entry.array
        if entry.comments or entry.name == flag.removeprefix("has_"):
            covered = kind
        elif kind != covered and not entry.name.endswith("_UNKNOWN"):
            bare.append(entry.name)
        flag = entry.name if entry.name.startswith("has_") else ""
    assert bare == []


@every_message
def test_enums_begin_with_unknown_as_zero(name):
    for prefix, values in enums(name).items():
        assert next(iter(values)) == "UNKNOWN"
        assert list(values.values()) == list(range(len(values))), f"{name}.{prefix}"
    assert all(entry.type == "uint8" for entry in MESSAGES[name] if entry.value is not None)


@every_message
def test_optional_values_follow_their_flag(name):
    for flag, value in zip(fields(name), [*fields(name)[1:], None], strict=True):
        if flag.name.startswith("has_"):
            assert flag.type == "bool" and value is not None and value.name == flag.name.removeprefix("has_")


@every_message
def test_strings_are_bounded_and_so_are_hands(name):
    """The number of people, plates, products and decisions has no bound; that of the hands of a person has."""
    for entry in fields(name):
        assert entry.type != "string", f"{name}.{entry.name}"
        assert entry.array == "[<=2]" or entry.type != "Hand", f"{name}.{entry.name}"


@every_message
def test_money_is_whole_minor_units(name):
    for entry in fields(name):
        if re.search(r"price|amount|total|charged|paid|_minor$", entry.name) and entry.type != "bool":
            assert entry.type == "int64" and entry.name.endswith("_minor"), f"{name}.{entry.name}"


@every_message
def test_covariances_have_a_fixed_size(name):
    for entry in fields(name):
        if "covariance" in entry.name:
            assert entry.type == "float64" and entry.array in {"[4]", "[9]", "[36]"}


# --- core types

MESSAGE_OF = {
    cls: name.removeprefix("aisle_msgs/msg/")
    for cls, name in convert.MESSAGE_OF.items()
    if name.startswith("aisle_msgs/msg/")
}
"""Images are sensor_msgs."""


def optional_of(hint):
    """(type without None, whether it may be None)."""
    if isinstance(hint, types.UnionType):
        return next(item for item in typing.get_args(hint) if item is not type(None)), True
    return hint, False


@pytest.mark.parametrize("cls", MESSAGE_OF, ids=lambda cls: cls.__name__)
def test_a_core_type_has_the_fields_of_its_message(cls):
    message = {entry.name: entry for entry in fields(MESSAGE_OF[cls])}
    expected = set()
    for name, whole in typing.get_type_hints(cls).items():
        hint, optional = optional_of(whole)
        stamped = name.removesuffix("_ns") + "_stamp"
        if name == "stamp_ns":
            expected.add("header")
            continue
        target = stamped if stamped in message else name
        expected |= {target, f"has_{target}"} if optional else {target}
        assert target in message, name
        assert agree(hint, message[target]), f"{name}: {hint} and {message[target]}"
    if cls is core.ScaleReadings:
        expected.add("sample_count")
    assert expected == set(message)


def agree(hint, entry):
    """Whether the message's field can hold the core's."""
    if hint == core.Point:
        return (entry.type, entry.array) == ("geometry_msgs/Point", "")
    if typing.get_origin(hint) is tuple:
        return bool(entry.array) and agree(typing.get_args(hint)[0], dataclasses.replace(entry, array=""))
    if hint in MESSAGE_OF:
        return entry.type == MESSAGE_OF[hint] and not entry.array
    if entry.type == "builtin_interfaces/Time":
        return hint is int
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return entry.type == "uint8"
    patterns = {int: INTEGERS, float: r"float(32|64)", str: r"string<=\d+", bool: "bool"}
    return re.fullmatch(patterns.get(hint, r"float32"), entry.type) is not None


def test_every_message_of_the_flow_has_a_core_type():
    without = {"StoreInfo", "EndOfStream", "StreamEnd", "ReplayCommand", "ReplayStatus"}
    assert set(MESSAGE_OF.values()) == set(MESSAGES) - without


def core_enums() -> Iterator[tuple[type[enum.Enum], str]]:
    """(enum, message that has it as a field)."""
    for cls, name in MESSAGE_OF.items():
        for whole in typing.get_type_hints(cls).values():
            hint, _ = optional_of(whole)
            if isinstance(hint, type) and issubclass(hint, enum.Enum):
                yield hint, name


def test_core_enums_are_the_constants_of_their_messages():
    found = {}
    for cls, name in core_enums():
        groups = [(name, prefix) for prefix, values in enums(name).items() if values == {m.name: m.value for m in cls}]
        found.setdefault(cls, []).extend(groups)
    assert {cls.__name__ for cls, groups in found.items() if len(groups) != 1} == set()
    constants = {(name, prefix) for name in MESSAGE_OF.values() for prefix in enums(name)}
    assert constants == {group for groups in found.values() for group in groups}


def test_the_source_of_a_message_is_its_device():
    for cls in MESSAGE_OF:
        value = object.__new__(cls)
        names = {"gateway_id", "source_id", "lane_id"} & {field.name for field in dataclasses.fields(cls)}
        for name in names:
            object.__setattr__(value, name, "device")
        assert source_of(value) == ("device" if names else "")


# --- nodes


def test_every_name_in_the_registry_is_a_node():
    for node in nodes():
        assert node.endswith("_node")
        assert package_of(node) in {"aisle_nodes", "aisle_drivers", "aisle_sim"}


def test_every_node_module_is_in_the_registry():
    found = {path.stem for path in (ROOT / "src").glob("aisle_*/aisle_*/*_node.py")}
    assert found - {"stage_node", "driver_node"} == set(nodes())


def test_every_node_reports_its_health():
    assert set(DIAGNOSTICS.publishers) == set(nodes())


def test_a_topic_has_both_ends():
    for topic in TOPICS:
        assert topic.publishers and (topic.subscribers or topic.name.startswith("truth/")), topic.name


def test_only_who_says_so_latches():
    latched = {topic.type.split("/")[2] for topic in TOPICS if topic.qos is Qos.STATE}
    said = {name for name in TOP_LEVEL if "Latched" in " ".join(fields(name)[0].comments)}
    assert {name for name in latched if name in MESSAGES} == said


@pytest.mark.parametrize("node", nodes())
def test_a_node_has_the_endpoints_of_the_registry(node, tmp_path, monkeypatch):
    pytest.importorskip("rclpy")
    pytest.importorskip("aisle_msgs")
    listened, announced = endpoints(node, tmp_path, monkeypatch)
    if node == "people_node":
        assert listened < set(subscribed_by(node))
        listened |= endpoints(node, tmp_path, monkeypatch, {"people.source": "depth"})[0]
    wanted = set(subscribed_by(node)), set(published_by(node))
    if node == "bag_player_node":
        assert wanted[1] < announced
        announced &= wanted[1]
    if node == "recorder_node":
        assert listened > wanted[0]
        listened &= wanted[0]
    assert (names(listened), names(announced)) == (names(wanted[0]), names(wanted[1]))


@pytest.mark.parametrize("node", nodes())
def test_a_node_has_the_parameters_of_its_page(node):
    pytest.importorskip("rclpy")
    pytest.importorskip("aisle_msgs")
    assert node_class(node).params_class is params_class(node)


def names(topics):
    return sorted(topic.name for topic in topics)


def node_class(node):
    return typing.get_type_hints(importlib.import_module(f"{package_of(node)}.{node}").make)["return"]


def endpoints(node, tmp_path, monkeypatch, overrides=None):
    """(topics it listens to, topics it announces) when the node sets itself up for the demo store, without DDS."""
    from aisle_nodes.diagnostics import Health
    from aisle_nodes.node_base import AisleNode, Output

    cls = node_class(node)
    listened, announced = set(), set()
    by_type = {topic.type.split("/")[2]: topic for topic in TOPICS}
    now = types.SimpleNamespace(nanoseconds=0)
    nothing = types.SimpleNamespace(info=print, warning=print, error=print, now=lambda: now)

    def announce(self, topic, name=None):
        announced.add(topic)
        self.outputs[name or topic.name] = output = Output(name or topic.name, None)
        return output

    monkeypatch.setattr(AisleNode, "listen", lambda self, topic, *_, **__: listened.add(topic))
    monkeypatch.setattr(AisleNode, "announce", announce)
    monkeypatch.setattr(AisleNode, "create_timer", lambda self, *args, **options: None)
    monkeypatch.setattr(AisleNode, "destroy_timer", lambda self, timer: None)
    monkeypatch.setattr(
        AisleNode, "create_subscription", lambda self, kind, *a, **o: listened.add(by_type[kind.__name__])
    )
    for name in ("get_logger", "get_clock"):
        monkeypatch.setattr(AisleNode, name, lambda self: nothing)
    monkeypatch.setattr(AisleNode, "get_namespace", lambda self: "/corner")
    monkeypatch.setattr(AisleNode, "get_name", lambda self: node)

    config = ROOT / "config"
    values = params.read_file(config / "nodes" / f"{node}.yaml") | {"site": str(config / "stores" / "corner")}
    values |= overrides or {}
    if node == "bag_player_node":
        values["bag"] = str(tmp_path / "bag")
        with BagWriter(tmp_path / "bag", Path(values["site"])) as bag:
            bag.append(1, "/corner/tick", core.Tick(1, 0))
            mass = np.zeros((1, 1), np.float32)
            bag.append(1, "/corner/shop/g01/scale_readings", core.ScaleReadings(1, 0, "g01", 0, 1, mass))
    if node == "recorder_node":
        values["out"] = str(tmp_path / "recorded")
    instance = object.__new__(cls)
    instance.health, instance.outputs = Health(), {}
    instance.params = params.build(cls.params_class, values, node)
    instance.setup()
    instance.teardown()
    return listened, announced | {DIAGNOSTICS}
