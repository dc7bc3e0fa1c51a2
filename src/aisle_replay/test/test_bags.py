import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from rosbags.rosbag2 import StoragePlugin, Writer

import aisle_replay.bag as module
from aisle_contract.interfaces import CONTRACT_VERSION, Qos
from aisle_core import __version__
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_core.types import ScaleReadings, Tick
from aisle_replay.bag import BagReader, BagWriter
from aisle_replay.typestore import message_types

SITE = Path(__file__).resolve().parents[3] / "test" / "sites" / "demo"
TICK = "/demo/tick"


def write_ticks(path: Path, count: int = 5) -> Path:
    with BagWriter(path, SITE) as bag:
        for sequence in range(count):
            bag.append(sequence + 1, TICK, Tick(10 * sequence, sequence))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(AisleError) as caught, BagReader(path) as bag:
        list(bag.items())
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and ";" in message
    return message


def metadata(path: Path) -> Any:
    return yaml.safe_load((path / "metadata.yaml").read_text())["rosbag2_bagfile_information"]


def change_metadata(path: Path, old: str, new: str) -> None:
    file = path / "metadata.yaml"
    text = file.read_text()
    assert re.search(old, text)
    file.write_text(re.sub(old, new, text, count=1))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "bag")
    with BagReader(path) as bag:
        assert [(log, topic.name, item) for log, topic, item in bag.items()] == [
            (n + 1, TICK, Tick(10 * n, n)) for n in range(5)
        ]
        assert (bag.start_ns, bag.end_ns, bag.message_count) == (1, 5, 5)
        (topic,) = bag.topics
        assert (topic.name, topic.type, topic.count) == (TICK, "aisle_msgs/msg/Tick", 5)
        assert topic.entry is not None and topic.entry.name == "tick"
        assert bag.software_version == __version__
        assert bag.load_store() == load_store(SITE)
        assert bag.site_hash == load_store(SITE).site_hash


def test_messages_come_in_order_of_log_time_from_any_start(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag", SITE) as bag:
        for log in (5, 1, 3):
            bag.append(log, TICK, Tick(log, log))
    with BagReader(tmp_path / "bag") as reader:
        assert [log for log, _, _ in reader.raw()] == [1, 3, 5]
        assert [log for log, _, _ in reader.raw(start_ns=3)] == [3, 5]


def test_raw_bytes_pass_through(tmp_path: Path) -> None:
    data = message_types().serialize(Tick(7, 3))
    with BagWriter(tmp_path / "bag", SITE) as bag:
        bag.append_raw(1, TICK, data)
    with BagReader(tmp_path / "bag") as reader:
        assert [raw for _, _, raw in reader.raw()] == [data]


def test_metadata_is_that_of_rosbag2(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagWriter(path, SITE) as bag:
        bag.append(1, TICK, Tick(0, 0))
        bag.append_raw(2, "/demo/carts", b"\0\1\0\0")
    found = metadata(path)
    assert (found["version"], found["storage_identifier"], found["message_count"]) == (9, "mcap", 2)
    assert found["relative_file_paths"] == ["bag.mcap"] and (path / "bag.mcap").is_file()
    assert found["custom_data"]["aisle_contract_version"] == str(CONTRACT_VERSION)
    topics = {entry["topic_metadata"]["name"]: entry["topic_metadata"] for entry in found["topics_with_message_count"]}
    (tick,), (carts,) = (topics[name]["offered_qos_profiles"] for name in (TICK, "/demo/carts"))
    assert (tick["history"], tick["depth"], tick["reliability"], tick["durability"]) == (
        "keep_last",
        Qos.EVENT.depth,
        "reliable",
        "volatile",
    )
    assert (carts["depth"], carts["durability"]) == (Qos.STATE.depth, "transient_local")
    assert tick["deadline"] == {"sec": 9223372036, "nsec": 854775807}
    assert topics[TICK]["type_description_hash"] == message_types().type_hash("aisle_msgs/msg/Tick")


def test_nothing_is_left_of_a_failed_recording(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), BagWriter(tmp_path / "bag", SITE) as bag:
        bag.append(1, TICK, Tick(0, 0))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bag_is_kept(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "bag")
    with pytest.raises(AisleError, match="exists already"):
        BagWriter(path, SITE)
    with BagReader(path) as bag:
        assert bag.message_count == 5


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AisleError, match="cannot be written"):
        BagWriter(tmp_path / "file" / "bag", SITE)


def test_topics_outside_the_registry_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(AisleError, match="'/demo/gossip' is not in the registry"),
        BagWriter(tmp_path / "bag", SITE) as bag,
    ):
        bag.append(1, "/demo/gossip", Tick(0, 0))
    assert list(tmp_path.iterdir()) == []


def test_no_bag(tmp_path: Path) -> None:
    assert "no metadata.yaml" in refusal(tmp_path / "nothing")


@pytest.mark.parametrize("keep", [0, 5, 100, -100, -1])
def test_a_truncated_bag(tmp_path: Path, keep: int) -> None:
    path = write_ticks(tmp_path / "bag")
    content = (path / "bag.mcap").read_bytes()
    (path / "bag.mcap").write_bytes(content[:keep])
    assert "broken bag" in refusal(path)


def test_broken_metadata(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "bag")
    (path / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    assert "broken bag" in refusal(path)


def test_a_missing_file(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "bag")
    (path / "bag.mcap").unlink()
    assert "broken bag" in refusal(path)


def test_a_message_that_is_none(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag", SITE) as bag:
        bag.append_raw(1, TICK, b"\0\1\0\0\1\2")
    message = refusal(tmp_path / "bag")
    assert TICK in message and "log time 1" in message


def test_a_value_that_cannot_be(tmp_path: Path) -> None:
    types = message_types()
    kind = types.message_class("aisle_msgs/msg/Tick")
    readings = types.message_class("aisle_msgs/msg/ScaleReadings")
    header = kind(header=types.codec.header(0), sequence=0).header
    broken = readings(
        header=header,
        sequence=0,
        gateway_id="g1",
        layout_revision=0,
        sample_period_ns=1,
        sample_count=2,
        mass=types.codec.to_message(_three_values()).mass,
        has_issue_stamp=False,
        issue_stamp=types.codec.stamp(0),
    )
    with BagWriter(tmp_path / "bag", SITE) as bag:
        bag.append(1, "/demo/shop/g1/scale_readings", broken)
    assert "3 values do not make 2 equal rows" in refusal(tmp_path / "bag")


def _three_values() -> ScaleReadings:
    import numpy as np

    return ScaleReadings(0, 0, "g1", 0, 1, np.zeros((1, 3), dtype=np.float32))


def test_a_bag_of_another_contract(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "bag")
    change_metadata(path, r"aisle_contract_version: '\d+'", "aisle_contract_version: '0'")
    message = refusal(path)
    assert f"software {__version__} with message contract 0, this one reads {CONTRACT_VERSION}" in message


def test_a_bag_with_another_definition(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "bag")
    change_metadata(path, "RIHS01_[0-9a-f]{4}", "RIHS01_0000")
    assert f"{TICK} has another definition of aisle_msgs/msg/Tick" in refusal(path)


def test_a_bag_that_ros_recorded_has_no_site(tmp_path: Path) -> None:
    types, path = message_types(), tmp_path / "bag"
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        name = "aisle_msgs/msg/Tick"
        connection = writer.add_connection(TICK, name, msgdef=types.definition(name), rihs01=types.type_hash(name))
        writer.write(connection, 1, types.serialize(Tick(7, 0)))
        other = writer.add_connection("/chatter", "std_msgs/msg/String", msgdef="string data\n", rihs01="RIHS01_1")
        writer.write(other, 2, b"\0\1\0\0\1\0\0\0\0")
    with BagReader(path) as bag:
        assert [item for _, _, item in bag.items()] == [Tick(7, 0)]
        assert [topic.name for _, topic, _ in bag.raw()] == [TICK, "/chatter"]
        assert bag.site is None
        with pytest.raises(AisleError, match="carries no site"):
            bag.load_store()


def test_a_changed_site_is_noticed_by_its_hash(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "bag")
    with (path / "site" / "store.yaml").open("a") as file:
        file.write("# changed\n")
    with BagReader(path) as bag:
        assert bag.load_store().site_hash != bag.site_hash


def test_a_bag_can_be_moved(tmp_path: Path) -> None:
    path = shutil.move(write_ticks(tmp_path / "bag"), tmp_path / "elsewhere")
    with BagReader(path) as bag:
        assert bag.message_count == 5 and bag.load_store().store_id == "demo"


def test_parts_are_named_after_the_process(tmp_path: Path) -> None:
    """Two processes that write the same bag do not mix their files; the second one is refused at the end."""
    first, second = BagWriter(tmp_path / "bag", SITE), None
    try:
        module_pid, module.os.getpid = module.os.getpid, lambda: 1
        second = BagWriter(tmp_path / "bag", SITE)
    finally:
        module.os.getpid = module_pid
    first.close()
    with pytest.raises(AisleError, match="cannot be written"):
        second.close()
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]
