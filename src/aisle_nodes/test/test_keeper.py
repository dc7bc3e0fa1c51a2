"""A node's state survives the end of its process."""

from pathlib import Path

import pytest

from aisle_core.errors import AisleError
from aisle_nodes.keeper import Keeper


def kept(folder: Path, key: str = "k"):
    return Keeper(folder, "node", key).load()


def test_what_was_kept_comes_back_in_order(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "new", "node", "k")
    assert keeper.load() is None
    keeper.save({"cart": 1})
    for item in ("a", "b"):
        keeper.append(item)
    assert kept(tmp_path / "new") == ({"cart": 1}, ["a", "b"])
    keeper.save({"cart": 2})
    assert kept(tmp_path / "new") == ({"cart": 2}, [])
    keeper.append("c")
    assert kept(tmp_path / "new") == ({"cart": 2}, ["c"])


def test_a_torn_record_is_left_out(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, "node", "k")
    keeper.save(0)
    keeper.append("whole")
    keeper.append("torn")
    (log,) = tmp_path.glob("*.log")
    log.write_bytes(log.read_bytes()[:-3])
    again = Keeper(tmp_path, "node", "k")
    assert again.load() == (0, ["whole"])
    again.append("after")
    assert kept(tmp_path) == (0, ["whole", "after"])


def test_a_save_that_did_not_end_leaves_the_one_before(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, "node", "k")
    keeper.save("before")
    keeper.append("item")
    (tmp_path / "node.000000002.partial").write_bytes(b"half")
    (tmp_path / "node.000000002.log").write_bytes(b"")
    assert kept(tmp_path) == ("before", ["item"])


def test_nodes_of_one_folder_do_not_meet(tmp_path: Path) -> None:
    Keeper(tmp_path, "one", "k").save(1)
    assert Keeper(tmp_path, "two", "k").load() is None


def test_another_site_or_a_broken_file_is_refused(tmp_path: Path) -> None:
    Keeper(tmp_path, "node", "k").save(1)
    with pytest.raises(AisleError, match="another version, site or tuning; remove it"):
        kept(tmp_path, "other")
    (snapshot,) = tmp_path.glob("*.snapshot")
    snapshot.write_bytes(b"nothing")
    with pytest.raises(AisleError, match="is broken"):
        kept(tmp_path)
