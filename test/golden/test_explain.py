"""A receipt line is walked back to the decisions, the plates and the hands that it came from."""

from pathlib import Path

import numpy as np
import pytest

from aisle_cli.explain import run_explain
from aisle_contract.sites import config_folder
from aisle_core.errors import AisleError
from aisle_core.types import Receipt
from aisle_replay.explain import explain
from aisle_replay.replay import replay
from aisle_replay.results import visit_name


@pytest.fixture(scope="module")
def receipt(corner_bag: Path) -> Receipt:
    """A visit that begins with a line that needs no review."""
    return next(r for r in replay(corner_bag, config_folder()).results.receipts if r.lines and not r.lines[0].review)


def test_a_line_goes_back_to_plates_and_hands(corner_bag: Path, receipt: Receipt) -> None:
    line = receipt.lines[0]
    found = explain(corner_bag, f"{visit_name(receipt)}/{line.sku}", config_folder())
    assert found.lines == (line,)
    assert {d.cart_event_id for move in found.moves for d in move.decisions} == set(line.cart_event_ids)
    for move in found.moves:
        (decision,) = move.decisions
        best = move.considered[0]
        assert best.bookings == ((decision.track_id, decision.sku, decision.quantity),)
        assert best.expected == pytest.approx(move.mass_change, abs=0.02)
        assert sum(one.share for one in move.considered) == pytest.approx(1)
        taker = next(path for path in move.hands if path.track_id == decision.track_id)
        assert taker.nearest(move.start_ns, move.end_ns) <= found.fusion.person.hand_reach
        felt = 0.0
        for plate in move.plates[: len({event.plate_id for event in move.shelf_events})]:
            before = plate.mass[plate.stamp_ns < move.start_ns - 500_000_000]
            after = plate.mass[(plate.stamp_ns > move.end_ns) & (plate.stamp_ns < move.end_ns + 300_000_000)]
            felt += float(np.nanmedian(after) - np.nanmedian(before))
        assert felt == pytest.approx(move.mass_change, abs=0.03)


def test_a_visit_is_told_and_drawn(
    corner_bag: Path, receipt: Receipt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_explain(receipt.session_id, corner_bag, tmp_path / "why.png", "auto", None) == 0
    told = capsys.readouterr().out
    assert receipt.lines[0].sku in told.replace("\n", "")
    assert receipt.lines[0].shelf_event_ids[0] in told
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_name_is_an_error_that_names_the_visits(corner_bag: Path, receipt: Receipt) -> None:
    with pytest.raises(AisleError, match=f"its visits are .*{visit_name(receipt)}"):
        explain(corner_bag, "nobody", config_folder())
