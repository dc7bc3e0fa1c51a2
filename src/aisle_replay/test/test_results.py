import json
import random
from pathlib import Path

import pytest

from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_core.types import (
    Alternative,
    CartEvent,
    CartEvents,
    CartLine,
    CloseReason,
    GateCommand,
    GateCommandKind,
    GateCommandReason,
    Reason,
    Receipt,
    ShelfEvent,
    ShelfEvents,
    Tick,
)
from aisle_replay.results import Results, money

STORE = load_store(Path(__file__).resolve().parents[3] / "test" / "sites" / "demo")


def line(sku: str, quantity: int, review: bool = False) -> CartLine:
    return CartLine(
        sku,
        f"Product {sku}",
        quantity,
        100,
        100 * quantity,
        0.9,
        Reason.WEIGHT_AND_PLACE,
        review,
        ("c1",),
        ("g1/1",),
        (1,),
        (Alternative(2, sku, 1, 0.05),),
    )


def receipt(label: str | None, *lines: CartLine, track: int = 1, stamp_ns: int = 100) -> Receipt:
    return Receipt(
        stamp_ns,
        0,
        f"session{track}",
        (track,),
        label,
        None,
        1,
        CloseReason.END_OF_STREAM,
        "EUR",
        lines,
        sum(item.amount_minor for item in lines),
        0,
        any(item.review for item in lines),
        (),
    )


def shelf_events(sequence: int, *numbers: int) -> ShelfEvents:
    events = tuple(ShelfEvent(f"g1/{n}", "g1-s1-p1", n, 10 + n, -0.5, 0.001, 2.0) for n in numbers)
    return ShelfEvents(20, sequence, "g1", events)


def cart_events() -> CartEvents:
    event = CartEvent("c1", "g1/1", "g1-s1-p1", 1, 11, 1, "w", 1, 0.9, Reason.WEIGHT_AND_PLACE, False, ())
    return CartEvents(30, 4, 30, (event,))


COMMAND = GateCommand(5, 9, "lane", GateCommandKind.ADMIT, GateCommandReason.GRANTED)


def collected(*items: object) -> Results:
    results = Results()
    for item in items:
        results.add(item)
    return results


def test_quantities_by_label_or_track() -> None:
    results = collected(
        receipt("77", line("a", 2), line("b", 1), track=1),
        receipt(None, line("a", 1), track=2),
        receipt("empty", track=3),
    )
    assert results.quantities() == {"77": {"a": 2, "b": 1}, "2": {"a": 1}, "empty": {}}


def test_visits_of_one_label_are_added_and_unnamed_products_left_out() -> None:
    results = collected(
        receipt("77", line("a", 2), line("", 1), track=1), receipt("77", line("a", 1), track=2, stamp_ns=200)
    )
    assert results.quantities() == {"77": {"a": 3}}


def test_events_are_sorted_and_do_not_depend_on_batches() -> None:
    items = [
        shelf_events(0, 1),
        shelf_events(1),
        shelf_events(2, 3, 2),
        cart_events(),
        COMMAND,
        receipt("77", line("a", 1)),
    ]
    lines = collected(*items, Tick(0, 0)).event_lines()
    keys = [(entry["stamp_ns"], entry["kind"], entry["id"]) for entry in map(json.loads, lines)]
    assert keys == [
        (5, "gate_command", "lane/admit"),
        (11, "cart_event", "c1"),
        (11, "shelf_event", "g1/1"),
        (12, "shelf_event", "g1/2"),
        (13, "shelf_event", "g1/3"),
        (100, "receipt", "session1"),
    ]
    again = [shelf_events(7, 2, 1), shelf_events(8, 3), *items[3:]]
    for seed in range(5):
        random.Random(seed).shuffle(again)
        assert collected(*again).event_lines() == lines


def test_what_a_restarted_node_says_again_counts_once() -> None:
    assert len(collected(cart_events(), cart_events()).event_lines()) == 1


def test_event_lines_are_canonical() -> None:
    (text,) = collected(COMMAND).event_lines()
    assert text == (
        '{"gate_command":{"kind":"admit","lane_id":"lane","reason":"granted","stamp_ns":5},"id":"lane/admit",'
        '"kind":"gate_command","stamp_ns":5}'
    )


def test_files(tmp_path: Path) -> None:
    results = collected(receipt("77", line("a", 2, review=True)), shelf_events(0, 1))
    results.write_receipts(tmp_path / "receipts.json", STORE)
    results.write_events(tmp_path / "events.jsonl")
    assert json.loads((tmp_path / "receipts.json").read_text()) == {"77": {"a": 2}}
    full = json.loads((tmp_path / "receipts.full.json").read_text())
    assert (full["store_id"], full["site_hash"]) == ("demo", STORE.site_hash)
    (visit,) = full["visits"]
    assert (visit["name"], visit["review"], visit["close_reason"]) == ("77", True, "end_of_stream")
    (found,) = visit["lines"]
    assert (found["confidence"], found["reason"], found["review"]) == (0.9, "weight_and_place", True)
    assert (found["shelf_event_ids"], found["track_ids"]) == (["g1/1"], [1])
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "receipts.full.json", "receipts.json"]


def test_nothing_is_written_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(AisleError, match="cannot be written"):
        collected().write_receipts(tmp_path / "nowhere" / "receipts.json", STORE)
    (tmp_path / "receipts.full.json").mkdir()
    with pytest.raises(AisleError, match="cannot be written"):
        collected().write_receipts(tmp_path / "receipts.json", STORE)
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_summary_is_for_people() -> None:
    assert collected(receipt("77", line("a", 2))).summary() == [
        "77: 2.00 EUR",
        "  2 x Product a, 2.00 EUR, weight_and_place 0.900, shelf events g1/1",
    ]


def test_money() -> None:
    assert (money(1250, "EUR"), money(7, "JPY"), money(1, "KWD")) == ("12.50 EUR", "7 JPY", "0.001 KWD")
