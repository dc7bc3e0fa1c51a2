"""A visit as the retailers' systems call it: a shopping trip. Ids are UUIDs made from ours, always the same ones."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aisle_core.store.currency import DECIMALS

from ..events import BillLine, VisitClosed
from ..visit import Visit

_NAMESPACE = uuid.UUID("9b6d5a4e-6c0a-5f0e-8f57-0f6b58a15e00")
"""Of all ids that are made here."""


@dataclass(frozen=True, slots=True)
class Trip:
    """What a retailer learns of a visit. ``*_ns``: since 1970. ``shopper_id`` "": not known.

    entry: what the trip's ids are made of: the request to come in, else the visit.
    by_app: they came in with a key of the retailer's app.
    """

    session_id: str
    entry: str
    shopper_id: str
    by_app: bool
    open_ns: int
    close_ns: int
    lines: tuple[BillLine, ...]

    @property
    def trip_id(self) -> str:
        """The shopping trip's id."""
        return made_id("trip", self.entry)

    def document(self, store_id: str) -> dict[str, Any]:
        """The body of "create purchases"."""
        shopper = {"shopperIdentity": {"id": self.shopper_id}} if self.shopper_id else {}
        return {
            "requestId": made_id("purchase", self.session_id),
            "idempotentShoppingTripId": self.trip_id,
            "storeId": store_id,
            "shoppingTrip": {
                "startTime": instant(self.open_ns),
                "endTime": instant(self.close_ns),
                "authEvents": [
                    {
                        "id": made_id("entry", self.entry),
                        "timestamp": instant(self.open_ns),
                        "location": "ENTRY",
                        "payloadType": "SCAN_CODE" if self.by_app else "FINANCIAL",
                    }
                ],
            },
            "cartItems": [_item(line, made_id("line", f"{self.session_id}/{line.sku}")) for line in self.lines],
            **shopper,
        }


def trip_of(visit: Visit) -> Trip:
    """The trip of a visit that was billed."""
    closed, bill = visit.closed, visit.bill
    assert isinstance(closed, VisitClosed) and bill is not None
    lines = tuple(line for line in bill.lines if line.kind == "goods")
    return Trip(
        session_id=visit.session_id,
        entry=visit.request_id or visit.session_id,
        shopper_id=visit.shopper_id or visit.payer,
        by_app=visit.shopper_id != "",
        open_ns=closed.open_ns,
        close_ns=closed.close_ns,
        lines=lines,
    )


def made_id(kind: str, name: str) -> str:
    """A UUID (RFC 9562, version 5) that is the same each time."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


def instant(stamp_ns: int) -> str:
    """An instant as RFC 3339 has it, in UTC to the second."""
    moment = datetime.datetime.fromtimestamp(stamp_ns // 1_000_000_000, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def decimal(minor: int, currency: str) -> str:
    """An amount in whole units of a currency, with its decimals."""
    digits = DECIMALS[currency]
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"


def _item(line: BillLine, line_id: str) -> dict[str, Any]:
    quantity = (
        {"value": str(line.quantity), "unit": "unit"}
        if line.mass is None
        else {"value": f"{line.mass:.3f}", "unit": "kg"}
    )
    return {"id": line.sku, "type": "SKU", "quantity": quantity, "lineItemId": line_id}
