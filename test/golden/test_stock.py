"""A simulated day of a shelf: sold out, untidied, tidied and restocked; what the replay knows of it and who pays."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisle_contract.sites import config_folder
from aisle_core.types import Reason, StockEvents, StockLines
from aisle_replay.replay import replay

CANS, YOGHURTS = ("g01-s3-p03",), ("g03-s4-p01",)


def test_a_shelf_is_sold_out_and_restocked(restocked_bag: Path) -> None:
    told: list[StockEvents] = []
    stock: list[StockLines] = []

    def observe(_: int, output: object) -> None:
        if isinstance(output, StockEvents):
            told.append(output)
        if isinstance(output, StockLines):
            stock.append(output)

    results = replay(restocked_bag, config_folder(), observe=observe).results
    news = [(event.kind.name, event.sku) for batch in told for event in batch.events]
    assert news == [
        ("LOW_STOCK", "LEMONADE-033"),
        ("UNTIDY", "YOGHURT-PLAIN"),
        ("OUT_OF_STOCK", "LEMONADE-033"),
        ("TIDY", "YOGHURT-PLAIN"),
        ("LOW_STOCK", "LEMONADE-033"),
        ("BACK_IN_STOCK", "LEMONADE-033"),
    ]
    expected = {line.plate_ids: line.expected for line in stock[-1].lines if line.belongs}
    assert expected[CANS] == pytest.approx(6, abs=0.1) and expected[YOGHURTS] == pytest.approx(8, abs=0.1)
    assert all(line.belongs for line in stock[-1].lines), "nothing lies astray any more"

    lines = [[(line.sku, line.quantity) for line in receipt.lines] for receipt in results.receipts]
    assert lines == [[("LEMONADE-033", 2)], [("LEMONADE-033", 1)]] and not any(r.review for r in results.receipts)
    restocked = [event for event in results.cart_events if event.reason is Reason.RESTOCKED]
    assert sum(event.quantity for event in restocked if event.sku == "LEMONADE-033") == -6
    assert not any(event.review for event in restocked)


def test_any_order_of_arrival_gives_the_same_stock(restocked_bag: Path) -> None:
    """What the checkout says of staff comes back into the fusion without making runs differ."""
    first, second = (replay(restocked_bag, config_folder(), order="random", seed=seed).results for seed in (0, 1))
    assert first.event_lines() == second.event_lines() and first.stock_events
