"""A receipt as a shopper reads it: all texts made, nothing left to compute. HTML, text and PDF show the same view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aisle_core.store import Store

from ..events import BillLine, ReceiptIssued
from ..journal import Entry
from ..settings import Office
from ..visit import Visit
from .wording import Wording


@dataclass(frozen=True, slots=True)
class LineView:
    """One row; ``indented``: a discount on the row above. ``sku``: of goods, else ""."""

    name: str
    quantity: str
    amount: str
    indented: bool = False
    sku: str = ""


@dataclass(frozen=True, slots=True)
class TaxView:
    """One tax class."""

    percent: str
    net: str
    tax: str
    gross: str


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """facts: label and value, such as the number and the times. ``paid``: what happened with the total.

    link: the address of the visit's page.
    """

    title: str
    number: str
    store: str
    seller: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    lines: tuple[LineView, ...]
    total: str
    paid: str
    taxes: tuple[TaxView, ...]
    issued_ns: int
    link: str


def receipt_number(store: Store, ordinal: int) -> str:
    """What stands on the receipt: the store, and the gapless number."""
    return f"{store.store_id}-{ordinal:06d}"


def receipt_view(entry: Entry, visit: Visit, store: Store, office: Office, words: Wording, link: str) -> ReceiptView:
    """The receipt that an entry with ``ReceiptIssued`` issued, about a visit of the store."""
    event = entry.event
    assert isinstance(event, ReceiptIssued) and visit.closed is not None
    is_refund = event.refund_id != ""
    number = receipt_number(store, entry.ordinal)
    facts = [(words.text("number"), number)]
    if is_refund and visit.receipt is not None:
        facts.append((words.text("refund_of"), receipt_number(store, visit.receipt.ordinal)))
    facts += [
        (words.text("came"), words.instant(visit.closed.open_ns)),
        (words.text("left"), words.instant(visit.closed.close_ns)),
        (words.text("issued"), words.instant(entry.stamp_ns)),
    ]
    currency = event.bill.currency
    return ReceiptView(
        title=words.text("refund" if is_refund else "receipt"),
        number=number,
        store=store.name,
        seller=(office.seller.name, *office.seller.address, f"{words.text('tax_number')} {office.seller.tax_number}"),
        facts=tuple(facts),
        lines=tuple(view for line in event.bill.lines for view in _rows(line, currency, words)),
        total=words.money(event.bill.total_minor, currency),
        paid=words.text("returned" if is_refund else "paid"),
        taxes=tuple(
            TaxView(
                percent=words.percent(tax.percent),
                net=words.money(tax.net_minor, currency),
                tax=words.money(tax.tax_minor, currency),
                gross=words.money(tax.gross_minor, currency),
            )
            for tax in event.bill.taxes
        ),
        issued_ns=entry.stamp_ns,
        link=link,
    )


def _rows(line: BillLine, currency: str, words: Wording) -> Iterator[LineView]:
    price = words.money(line.unit_price_minor, currency)
    if line.mass is not None:
        quantity = words.text("weighed", mass=words.number(line.mass, 3), price=price)
    else:
        quantity = words.text("pieces", count=words.number(abs(line.quantity), 0), price=price)
    name = words.text("deposit", name=line.name) if line.kind == "deposit" else line.name
    before = line.amount_minor + sum(discount.amount_minor for discount in line.discounts)
    sku = line.sku if line.kind == "goods" else ""
    yield LineView(name, quantity, words.money(before, currency), sku=sku)
    for discount in line.discounts:
        name = discount.name if discount.promotion_id else words.text("repriced")
        yield LineView(name, "", words.money(-discount.amount_minor, currency), indented=True)
