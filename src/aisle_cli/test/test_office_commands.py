"""``./aisle audit`` and ``./aisle office`` on a journal with one visit."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aisle_cli.main import app
from aisle_core.errors import AisleError
from aisle_office.events import (
    Event,
    GateAlarmed,
    Item,
    RefundRequested,
    StaffOrdered,
    VisitClosed,
    VisitOpened,
    VisitReviewed,
)
from aisle_office.journal import Journal

COLA = Item(
    sku="COLA-033",
    name="Cola",
    quantity=2,
    unit_price_minor=149,
    review=True,
    confidence=0.6,
    reason="ambiguous_product",
    cart_event_ids=("c1",),
    shelf_event_ids=("s1",),
)


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/office.db"
    journal = Journal.open(url, time.time_ns)
    journal.append(
        VisitOpened(session_id="v1", request_id="", payer="p", open_ns=1),
        VisitOpened(session_id="v2", request_id="", payer="p", open_ns=1),
        VisitClosed(
            session_id="v1",
            payer="p",
            open_ns=1,
            close_ns=2,
            close_reason="exit",
            currency="EUR",
            items=(COLA,),
            review=True,
            unbooked_cart_event_ids=(),
        ),
        GateAlarmed(about="in1", stamp_ns=3, alarm="jammed", session_id="", track_id=0),
    )
    journal.close()
    return url


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    if isinstance(result.exception, AisleError):
        raise result.exception
    return result.exit_code, result.output


def events(database: str, kind: type[Event]) -> list[Event]:
    journal = Journal.open(database, time.time_ns)
    found = [entry.event for entry in journal.read(kinds=(kind,))]
    journal.close()
    return found


def test_an_audit_says_what_to_note_and_finds_a_change(database: str) -> None:
    code, text = run("audit", database)
    assert code == 0 and "4 entries" in text and "0 findings" in text
    mark = text.split("elsewhere: ")[1].splitlines()[0]
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE journal SET body = replace(body, 'jammed', 'silent')")
    code, text = run("audit", database, "--noted", mark)
    assert code == 1 and "sealed" in text


def test_what_waits_is_shown(database: str) -> None:
    text = run("office", "show", database)[1]
    assert "v2" in text and "waits for a review" in text and "COLA-033 2" in text and "jammed" in text


def test_staff_reviews_a_visit_once(database: str) -> None:
    run("office", "review", database, "v1", "COLA-033=1", "--as", "ann")
    (review,) = events(database, VisitReviewed)
    assert isinstance(review, VisitReviewed) and (review.quantities, review.actor) == ({"COLA-033": 1}, "ann")
    with pytest.raises(AisleError, match="does not wait"):
        run("office", "review", database, "v1", "COLA-033=0", "--as", "ann")


def test_reviews_are_listed_and_decided(database: str) -> None:
    text = run("review", "list", database)[1]
    assert "v1" in text and "COLA-033 2" in text and "c1" in text
    run("review", "decide", database, "v1", "--as", "ann")
    (review,) = events(database, VisitReviewed)
    assert isinstance(review, VisitReviewed) and (review.quantities, review.actor) == ({}, "ann")
    assert "v1" not in run("review", "list", database)[1]


def test_a_chargeback_that_nobody_knows_is_not_contested(database: str) -> None:
    with pytest.raises(AisleError, match="over, or not known"):
        run("office", "contest", database, "v1", "dp_1", "--as", "ann")


def test_orders_to_the_checkout(database: str) -> None:
    run("office", "close-store", database, "--as", "ann")
    run("office", "close-visit", database, "v2", "--as", "ann", "--note", "stuck")
    run("office", "open-store", database, "--as", "ann")
    orders = [event for event in events(database, StaffOrdered) if isinstance(event, StaffOrdered)]
    assert [(order.order, order.about) for order in orders] == [
        ("close_store", "store"),
        ("close_visit", "v2"),
        ("open_store", "store"),
    ]


@pytest.mark.parametrize("quantities", ["COLA-033", "=1", "COLA-033=-1"])
def test_nothing_that_is_not_paid_or_not_said_well_is_refunded(database: str, quantities: str) -> None:
    with pytest.raises(AisleError, match="paid nothing"):
        run("office", "refund", database, "v1", "COLA-033=1", "--as", "ann")
    with pytest.raises(AisleError, match="SKU=PIECES"):
        run("office", "review", database, "v1", "--as", "ann", "--", quantities)
    assert events(database, RefundRequested) == events(database, VisitReviewed) == []
