import dataclasses
import enum
import importlib
import json
import random
import types
import typing
from array import array
from typing import Any

import numpy as np
import pytest
from rosbags.serde import SerdeError

from aisle_contract.convert import MESSAGE_OF, Codec
from aisle_core import types as core
from aisle_core.errors import AisleError
from aisle_replay import typestore
from aisle_replay.cdr import READERS
from aisle_replay.typestore import MessageTypes, message_folder, message_types

TYPES = message_types()
LATEST_NS = (2**31 - 1) * 10**9 + 999_999_999
LIMITS = dict.fromkeys(("sample_period_ns", "sequence", "revision", "layout_revision"), 2**32 - 1)
LIMITS |= dict.fromkeys(("track_id", "track_ids"), 2**64 - 1)
LIMITS |= dict.fromkeys(("amount_minor", "unit_price_minor", "total_minor", "charged_minor", "review_minor"), 2**63 - 1)
LIMITS |= {name: LATEST_NS for name in ("stamp_ns", "start_ns", "end_ns", "issue_ns", "open_ns", "first_ns")}
LIMITS |= dict.fromkeys(("open_since_ns", "first_capture_ns", "last_capture_ns"), LATEST_NS)
COVARIANCES = {"covariance": 9, "position_covariance": 4}
SEEDS = range(20)


def example(core_class: type[Any], rng: random.Random) -> Any:
    """Some value of a core type that its message can hold."""
    if core_class is core.Image:
        encoding, dtype, channels = rng.choice([("16UC1", "u2", ()), ("32FC1", "f4", ()), ("bgr8", "u1", (3,))])
        pixels = np.random.default_rng(rng.randrange(99)).integers(0, 200, (2, 5, *channels)).astype(dtype)
        return core.Image(rng.randint(0, LATEST_NS), "d01_optical_frame", encoding, pixels)
    if core_class is core.CameraInfo:
        return core.CameraInfo(rng.randint(0, LATEST_NS), "d01_optical_frame", 5, 2, 100.5, 101.0, 2.0, 0.5)
    hints = typing.get_type_hints(core_class)
    return core_class(
        **{field.name: _field(field.name, hints[field.name], rng) for field in dataclasses.fields(core_class)}
    )


def _field(name: str, hint: Any, rng: random.Random) -> Any:
    if typing.get_origin(hint) is np.ndarray:
        shape = rng.randint(1, 3), rng.randint(0, 4)
        return np.array([rng.gauss(0, 1) for _ in range(shape[0] * shape[1])], dtype=np.float32).reshape(shape)
    if isinstance(hint, types.UnionType):
        inner = next(item for item in typing.get_args(hint) if item is not type(None))
        return None if rng.random() < 0.5 else _field(name, inner, rng)
    if hint == core.Point:
        return tuple(rng.gauss(0, 10) for _ in range(3))
    if typing.get_origin(hint) is tuple:
        size = COVARIANCES.get(name, rng.randint(0, 2))
        return tuple(_field(name, typing.get_args(hint)[0], rng) for _ in range(size))
    if dataclasses.is_dataclass(hint):
        return example(typing.cast(type[Any], hint), rng)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return rng.choice(list(hint))
    if hint is bool:
        return rng.random() < 0.5
    if hint is int:
        return rng.choice([0, rng.randint(0, LIMITS.get(name, 2**31 - 1)), LIMITS.get(name, 2**31 - 1)])
    if hint is float:
        return float(np.float32(rng.gauss(0, 1)))
    return rng.choice(["", "a", "läden", "棚", "x" * 3])


def same(a: Any, b: Any) -> bool:
    if isinstance(a, core.ScaleReadings):
        names = [field.name for field in dataclasses.fields(a) if field.name != "mass"]
        return np.array_equal(a.mass, b.mass) and all(getattr(a, name) == getattr(b, name) for name in names)
    if isinstance(a, core.Image):
        names = ("stamp_ns", "frame_id", "encoding")
        return np.array_equal(a.pixels, b.pixels) and all(getattr(a, name) == getattr(b, name) for name in names)
    return bool(a == b)


@pytest.mark.parametrize("core_class", MESSAGE_OF, ids=lambda cls: cls.__name__)
def test_round_trip(core_class: type[Any]) -> None:
    name = MESSAGE_OF[core_class]
    for seed in SEEDS:
        value = example(core_class, random.Random(seed))
        assert same(TYPES.deserialize(TYPES.serialize(value), name), value)


@pytest.mark.parametrize("core_class", MESSAGE_OF, ids=lambda cls: cls.__name__)
def test_bytes_equal_those_of_rclpy(core_class: type[Any]) -> None:
    pytest.importorskip("rclpy", reason="needs ROS or its wheels")
    pytest.importorskip("aisle_msgs.msg", reason="needs the built messages")
    from rclpy.serialization import deserialize_message, serialize_message

    def find(name: str) -> Any:
        package, _, base = name.partition("/msg/")
        return getattr(importlib.import_module(f"{package}.msg"), base)

    def pack(typecode: str, values: Any) -> Any:
        return array(typecode, np.asarray(values, dtype=typecode).ravel().tobytes())

    codec = Codec(find, pack)

    for seed in SEEDS:
        value = example(core_class, random.Random(seed))
        ours, theirs = TYPES.serialize(value), serialize_message(codec.to_message(value))
        # Fast CDR writes nothing into the bytes between aligned fields and behind the message.
        assert len(theirs) >= len(ours)
        assert not any(mine for mine, other in zip(ours, theirs, strict=False) if mine != other)
        assert same(TYPES.deserialize(theirs, MESSAGE_OF[core_class]), value)
        message = deserialize_message(ours, codec.message_class(core_class))
        assert same(codec.to_core(message, core_class), value)


@pytest.mark.parametrize("core_class", READERS, ids=lambda cls: cls.__name__)
def test_what_is_read_straight_from_the_bytes_is_what_the_message_says(core_class: type[Any]) -> None:
    name = MESSAGE_OF[core_class]
    for seed in SEEDS:
        data = TYPES.serialize(example(core_class, random.Random(seed)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(typestore, "READERS", {})
            message = TYPES.deserialize(data, name)
        assert same(READERS[core_class](data[4:]), message)
        for size in range(4, len(data)):
            with pytest.raises(SerdeError):
                TYPES.deserialize(data[:size], name)


def test_bytes_behind_the_message_are_left_alone() -> None:
    tick = core.Tick(7, 3)
    assert TYPES.deserialize(TYPES.serialize(tick) + bytes(12), "aisle_msgs/msg/Tick") == tick


@pytest.mark.parametrize("data", [b"", b"\0\1", b"\0\1\0\0\1", b"\7\1" + bytes(40)])
def test_bytes_that_are_no_message(data: bytes) -> None:
    with pytest.raises(SerdeError):
        TYPES.deserialize(data, "aisle_msgs/msg/Tick")


def test_type_hashes_equal_those_of_rosidl() -> None:
    pytest.importorskip("aisle_msgs.msg", reason="needs the built messages")
    from ament_index_python.packages import get_package_share_directory

    share = get_package_share_directory("aisle_msgs")
    for file in sorted(message_folder().glob("*.msg")):
        with open(f"{share}/msg/{file.stem}.json") as stream:
            hashes = {entry["type_name"]: entry["hash_string"] for entry in json.load(stream)["type_hashes"]}
        name = f"aisle_msgs/msg/{file.stem}"
        assert TYPES.type_hash(name) == hashes[name]


def test_every_message_of_the_contract_is_known() -> None:
    for file in message_folder().glob("*.msg"):
        assert f"aisle_msgs/msg/{file.stem}" == TYPES.message_class(f"aisle_msgs/msg/{file.stem}").__msgtype__


@pytest.mark.parametrize("name", ["aisle_msgs/msg/Nothing", "other_msgs/msg/Tick", "Tick"])
def test_unknown_types_are_named(name: str) -> None:
    with pytest.raises(AisleError, match=f"^{name}: unknown message type"):
        TYPES.message_class(name)


def test_definitions_of_a_prefix(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import aisle_replay.typestore as module

    installed = tmp_path / "share" / "aisle_msgs" / "msg"
    installed.mkdir(parents=True)
    for file in message_folder().glob("*.msg"):
        (installed / file.name).write_text(file.read_text())
    monkeypatch.setattr(module, "__file__", str(tmp_path / "lib" / "site-packages" / "aisle_replay" / "typestore.py"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'other'}:{tmp_path}")
    assert message_folder() == installed
    assert MessageTypes(installed).type_hash("aisle_msgs/msg/Receipt") == TYPES.type_hash("aisle_msgs/msg/Receipt")
    monkeypatch.setenv("AMENT_PREFIX_PATH", "")
    with pytest.raises(AisleError, match="source the workspace"):
        message_folder()
