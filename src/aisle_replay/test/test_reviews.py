"""Reviews of a finished replay: listed, decided, and their part of the bag cut out."""

import json
from pathlib import Path

import pytest
from autocheckout_recording import tiny, write

from aisle_core.errors import AisleError
from aisle_core.types import Alternative, CartEvent, CartLine, CloseReason, Reason, Receipt, Review
from aisle_replay import reviews
from aisle_replay.autocheckout import import_autocheckout
from aisle_replay.bag import BagReader
from aisle_replay.replay import replay
from aisle_replay.results import Results

CONFIG = Path(__file__).resolve().parents[3] / "config"
SITE = Path(__file__).resolve().parents[3] / "test" / "sites" / "demo"
OTHER = (Alternative(1, "soap", 1, 0.4),)


def doubtful(session_id: str, label: str, sku: str) -> tuple[Receipt, Review]:
    event = CartEvent("c1", "s1", "p1", 5, 6, 1, sku, 1, 0.6, Reason.AMBIGUOUS_PRODUCT, True, OTHER)
    line = CartLine(sku, sku, 1, 100, 100, 0.6, Reason.AMBIGUOUS_PRODUCT, True, ("c1",), ("s1",), (1,), OTHER)
    sure = CartLine("tea", "tea", 2, 50, 100, 0.99, Reason.WEIGHT_AND_PLACE, False, ("c0",), ("s0",), (1,), ())
    lines = (line, sure)
    return (
        Receipt(9, 0, session_id, (1,), label, None, 1, CloseReason.EXIT, "EUR", lines, 100, 100, True, ()),
        Review(9, 0, session_id, (1,), 1, "EUR", False, lines, (event,), ()),
    )


@pytest.fixture
def full(tmp_path: Path) -> Path:
    from aisle_core.store import load_store

    results = Results()
    for item in (*doubtful("v1", "ann", "cola"), *doubtful("v2", "ann", "cola"), *doubtful("v3", "bob", "soap")):
        results.add(item)
    results.write_receipts(tmp_path / "receipts.json", load_store(SITE))
    return tmp_path / "receipts.full.json"


def test_what_waits_is_listed_with_its_evidence(full: Path) -> None:
    assert [visit.session_id for visit, _ in reviews.waiting(full)] == ["v1", "v2", "v3"]
    (doubt,) = reviews.waiting(full)[0][1]
    assert (doubt.cart_event_id, doubt.plate_id, doubt.sku, doubt.confidence) == ("c1", "p1", "cola", 0.6)


def test_a_decision_corrects_the_receipts_once(full: Path) -> None:
    reviews.decide(full, "v2", {"cola": 0, "soap": 1}, "anna", "seen on the shelf")
    assert [visit.session_id for visit, _ in reviews.waiting(full)] == ["v1", "v3"]
    receipts = json.loads((full.parent / "receipts.json").read_text())
    assert receipts == {"ann": {"cola": 1, "soap": 1, "tea": 4}, "bob": {"soap": 1, "tea": 2}}
    assert reviews.verdicts(full)["v2"].actor == "anna"
    with pytest.raises(AisleError, match="does not wait"):
        reviews.decide(full, "v2", {}, "anna", "")
    reviews.decide(full, "bob", {}, "anna", "")
    assert json.loads((full.parent / "receipts.json").read_text()) == receipts


@pytest.mark.parametrize(("name", "message"), [("nobody", "no visits"), ("ann", "is 2 visits; give one of v1, v2")])
def test_a_visit_must_be_one(full: Path, name: str, message: str) -> None:
    with pytest.raises(AisleError, match=message):
        reviews.decide(full, name, {}, "anna", "")


def test_a_visit_is_seen_with_those_in_doubt_about_the_same(full: Path) -> None:
    document = json.loads(full.read_text())
    document["visits"][0] |= {"open_ns": 7, "stamp_ns": 8}
    document["visits"][1] |= {"open_ns": 3, "stamp_ns": 12}
    document["visits"][2] |= {"open_ns": 1, "stamp_ns": 20}
    document["reviews"][2]["events"][0]["cart_event_id"] = "another"
    full.write_text(json.dumps(document))
    assert reviews.span(full, "v1") == (3, 12) and reviews.span(full, "bob") == (1, 20)


def test_another_file_is_refused(full: Path) -> None:
    with pytest.raises(AisleError, match=r"full\.json"):
        reviews.waiting(full.parent / "receipts.json")


def test_a_slice_decides_as_the_whole_bag(tmp_path: Path) -> None:
    import_autocheckout(write(tmp_path / "recording", tiny(40, pick_s=12.0)), tmp_path / "bag")
    with BagReader(tmp_path / "bag") as reader:
        start_ns, whole = reader.start_ns, reader.message_count
    second = 1_000_000_000
    count = reviews.cut(tmp_path / "bag", tmp_path / "slice", start_ns + 11 * second, start_ns + 15 * second)
    assert count < 0.6 * whole
    assert replay(tmp_path / "slice", CONFIG).results.quantities() == {"77": {"water": 1}}
    with pytest.raises(AisleError, match="nothing of that visit's time"):
        reviews.cut(tmp_path / "bag", tmp_path / "none", start_ns + 900 * second, start_ns + 901 * second)
    assert not (tmp_path / "none").exists()
