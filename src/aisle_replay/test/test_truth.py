"""The truth file: written, read, and refused when it is broken."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_contract.truth import (
    TruthCart,
    TruthEvent,
    TruthEventKind,
    TruthLine,
    TruthPeople,
    TruthPerson,
)
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_replay.json_text import canonical_json
from aisle_replay.truth import TruthHeader, TruthWriter, read_truth

STORE = load_store(Path(__file__).resolve().parents[3] / "test" / "sites" / "demo")
RUN = (STORE, "two_one_kept", 7)
EVENT = TruthEvent(5, 6, 0, TruthEventKind.PICK, "anna", "", ("p1", "p2"), "milk", 2, -2.004)

millimetres = st.integers(-100_000, 100_000).map(lambda value: value / 1000)
points = st.tuples(millimetres, millimetres, millimetres)
stamps = st.integers(0, 2**62)
names = st.text(max_size=8)
people = st.builds(TruthPerson, names, names, points, points, millimetres, points, points, points)
samples = st.builds(TruthPeople, stamps, stamps, st.lists(people, max_size=3).map(tuple))
events = st.builds(
    TruthEvent,
    stamps,
    stamps,
    stamps,
    st.sampled_from(TruthEventKind),
    names,
    names,
    st.lists(names, max_size=2).map(tuple),
    names,
    st.integers(0, 9),
    st.floats(-100, 100),
)
lines = st.builds(TruthLine, names, st.integers(1, 9))
carts = st.builds(
    TruthCart,
    stamps,
    stamps,
    names,
    st.lists(names, max_size=2).map(tuple),
    st.booleans(),
    st.lists(lines, max_size=2).map(tuple),
)


def written(path: Path, *truth: TruthPeople | TruthEvent | TruthCart) -> Path:
    with TruthWriter(path, *RUN) as writer:
        for item in truth:
            writer.append(item)
    return path


def cart(credential: str, closed: bool, *lines: tuple[str, int], stamp_ns: int = 1) -> TruthCart:
    return TruthCart(stamp_ns, 0, credential, (f"s{credential}",), closed, tuple(TruthLine(*line) for line in lines))


@settings(max_examples=40)
@given(st.lists(samples | events | carts, max_size=6))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, truth: list) -> None:
    log = read_truth(written(tmp_path_factory.mktemp("truth") / "truth.jsonl", *truth))
    assert log.header == TruthHeader("demo", STORE.site_hash, "two_one_kept", 7)
    assert log.people == tuple(item for item in truth if isinstance(item, TruthPeople))
    assert log.events == tuple(item for item in truth if isinstance(item, TruthEvent))
    assert log.carts == tuple(item for item in truth if isinstance(item, TruthCart))


@settings(max_examples=40)
@given(st.lists(samples | events | carts, max_size=3))
def test_every_line_is_canonical(tmp_path_factory: pytest.TempPathFactory, truth: list) -> None:
    path = written(tmp_path_factory.mktemp("truth") / "truth.jsonl", *truth)
    texts = path.read_bytes().decode().removesuffix("\n").split("\n")
    assert texts == [canonical_json(json.loads(text)) for text in texts]


def test_lengths_are_kept_to_the_millimetre(tmp_path: Path) -> None:
    person = TruthPerson("a", "c", (1.23456, -0.0004, 0.0), (0, 0, 0), 1.7, (0, 0, 1.7), (0, 0, 1), (0, 0, 1))
    log = read_truth(written(tmp_path / "truth.jsonl", TruthPeople(1, 0, (person,))))
    assert log.people[0].people[0].position == (1.235, 0.0, 0.0)


def test_an_unfinished_file_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    with TruthWriter(path, *RUN) as writer:
        writer.append(EVENT)
        assert not path.exists()
    assert read_truth(path).events == (EVENT,)
    with pytest.raises(KeyError), TruthWriter(tmp_path / "other.jsonl", *RUN):
        raise KeyError
    assert list(tmp_path.iterdir()) == [path]


def test_a_live_file_can_be_read_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    with pytest.raises(KeyError), TruthWriter(path, *RUN, live=True) as writer:
        writer.append(EVENT)
        assert read_truth(path).events == (EVENT,)
        raise KeyError
    assert read_truth(path).events == (EVENT,)


def test_no_truth_is_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path / "truth.jsonl")
    with pytest.raises(AisleError, match="exists already"):
        TruthWriter(path, *RUN)
    with pytest.raises(AisleError, match=r"nowhere.truth\.jsonl: cannot be written"):
        TruthWriter(tmp_path / "nowhere" / "truth.jsonl", *RUN)


def test_receipts_are_the_closed_carts(tmp_path: Path) -> None:
    log = read_truth(
        written(
            tmp_path / "truth.jsonl",
            cart("a", False, ("x", 5)),
            cart("a", True, ("x", 2), ("y", 1)),
            cart("b", True),
            cart("a", True, ("x", 1)),
            cart("c", False, ("x", 1)),
        )
    )
    assert log.receipts() == {"a": {"x": 3, "y": 1}, "b": {}}
    assert log.unfinished() == {"c"}
    assert log.credentials() == {"sa": "a", "sb": "b", "sc": "c"}


BROKEN = {
    "not JSON": "{",
    "no object": "[]",
    "no kind": "{}",
    "unknown kind": '{"kind": "weather"}',
    "missing key": '{"kind":"cart","cart":{"stamp_ns":1}}',
    "unknown key": '{"kind":"event","event":{},"more":1}',
    "unknown event": canonical_json(
        {
            "kind": "event",
            "event": {
                "kind": "theft",
                "stamp_ns": 1,
                "end_ns": 1,
                "sequence": 0,
                "shopper": "a",
                "other": "",
                "plate_ids": [],
                "sku": "x",
                "quantity": 1,
                "mass": 0.0,
            },
        }
    ),
    "text for a number": '{"kind":"cart","cart":{"stamp_ns":"1","sequence":0,"credential":"a","shoppers":[],'
    '"closed":true,"lines":[]}}',
    "lists of different length": '{"kind":"people","people":{"stamp_ns":1,"sequence":0,"shopper":["a"],'
    '"credential":[],"position_mm":[],"head_mm":[],"left_hand_mm":[],"right_hand_mm":[],"velocity_mm_s":[],'
    '"height_mm":[]}}',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_line_is_named(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "truth.jsonl", EVENT)
    path.write_text(path.read_text() + text + "\n")
    with pytest.raises(AisleError, match=r"truth\.jsonl:3: ") as caught:
        read_truth(path)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(AisleError, match=r"truth\.jsonl:1: "):
        read_truth(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "truth.jsonl")
    path.write_text(path.read_text().replace('"truth_version":1', '"truth_version":2'))
    with pytest.raises(AisleError, match=r"truth\.jsonl:1: .*version 2, this software reads 1"):
        read_truth(path)


def test_a_file_that_is_empty_or_absent(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").touch()
    with pytest.raises(AisleError, match=r"truth\.jsonl: empty"):
        read_truth(tmp_path / "truth.jsonl")
    with pytest.raises(AisleError, match=r"nothing\.jsonl: cannot be read"):
        read_truth(tmp_path / "nothing.jsonl")
