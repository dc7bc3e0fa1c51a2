"""The API's calls. ``/api/openapi.json`` describes them."""

from __future__ import annotations

import datetime
import zoneinfo
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from aisle_core.errors import AisleError
from aisle_core.store import Facing, Product, Store, load_store

from .. import codes
from ..events import Bill, ReceiptIssued, VisitClosed
from ..evidence import evidence_file
from ..journal import Entry
from ..privacy import erase, export
from ..receipts import receipt_number
from ..rooms import Rooms
from ..staff import Actor, Role
from ..support import refund
from ..visit import Visit
from ..web.guard import proof_limiter
from .site import StaleError, set_catalogue, set_planogram, set_prices

MOST_ITEMS = 10_000
_MOST_PAGE = 500
_BIGGEST = 2**53
"""What JSON's numbers hold exactly (RFC 8259, 6); the journal's columns hold more."""
_LAST_YEAR = 2262
"""Nanoseconds since 1970 in 64 bits end in it."""

Ordinal = Annotated[int, Path(ge=1, le=_BIGGEST, description="the number of a receipt, without the store's name")]
Fingerprint = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="keyed fingerprint of a card, in hex")]
RefundId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
IfMatch = Annotated[str | None, Header(description="the ETag that was read; with another one nothing is changed")]
Pieces = Annotated[int, Field(ge=1, le=999)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Catalogue(_Model):
    """All products. ``in_use``: the office runs with it; else it takes effect when the store's processes start next."""

    currency: str
    in_use: bool
    products: list[Product]


class Prices(_Model):
    """Minor units by sku; null: not known."""

    currency: str
    in_use: bool
    prices: dict[str, int | None]


class Planogram(_Model):
    """Which product stands on which plates."""

    in_use: bool
    facings: list[Facing]


class NewCatalogue(_Model):
    products: Annotated[list[Product], Field(min_length=1, max_length=MOST_ITEMS)]


class NewPrices(_Model):
    prices: Annotated[dict[str, Annotated[int, Field(ge=0, le=_BIGGEST)]], Field(min_length=1, max_length=MOST_ITEMS)]


class NewPlanogram(_Model):
    facings: Annotated[list[Facing], Field(max_length=MOST_ITEMS)]


class ReceiptDocument(_Model):
    """One receipt, of a sale, or with ``refund_id`` of a refund: then its amounts are negative.

    cursor: give it as ``after`` to read on from here.
    """

    cursor: int
    ordinal: int
    number: str
    session_id: str
    refund_id: str
    issued: datetime.datetime
    bill: Bill


class NewRefund(_Model):
    """``refund_id``: chosen by the caller; the same one again is the same refund. ``quantities``: pieces by sku."""

    refund_id: RefundId
    quantities: Annotated[dict[str, Pieces], Field(min_length=1, max_length=1000)]
    note: Annotated[str, Field(max_length=500)] = ""


class RefundDocument(_Model):
    refund_id: str
    state: Literal["open", "given", "refused"]
    quantities: dict[str, int]
    reason: str = ""


class NewCode(_Model):
    """``token``: the payment provider's, of the card that pays. ``minutes``: so long the code is good."""

    token: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
    minutes: Annotated[int, Field(ge=1, le=24 * 60)]


class CodeDocument(_Model):
    """What an app shows as a QR code: it lets one person or group in, once. Nobody else keeps it."""

    code: str
    expires: datetime.datetime


class Statistics(_Model):
    """What was sold on a day of the store's time zone, without the visits of who opted out. ``pieces``: by sku."""

    day: datetime.date
    visits: int
    turnover_minor: int
    currency: str
    pieces: dict[str, int]


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"description": "no key, or a wrong one"},
    403: {"description": "the key's role is not enough"},
    429: {"description": "too many wrong keys"},
}
_MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "there is none"}}
_CHANGE: dict[int | str, dict[str, Any]] = {
    409: {"description": "the store would not be right with it; it says why"},
    412: {"description": "the site has changed since it was read"},
}


def make_api(rooms: Rooms) -> FastAPI:
    """The API of one store's office."""
    api = FastAPI(title="Aisle office", version="1", docs_url=None, redoc_url=None, responses=_PROBLEMS)
    limiter = proof_limiter(rooms.clock)
    zone = zoneinfo.ZoneInfo(rooms.store.time_zone)

    @api.exception_handler(AisleError)
    def not_right(_: Request, error: AisleError) -> Response:
        return JSONResponse({"detail": str(error)}, 412 if isinstance(error, StaleError) else 409)

    def may(role: Role) -> Callable[..., Actor]:
        """The caller, if their key may do what needs ``role``."""

        def caller(
            request: Request,
            key: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
        ) -> Actor:
            origin = request.client.host if request.client else ""
            if not limiter.attempt(origin):
                raise HTTPException(429, "too many wrong keys; wait ten minutes")
            actor = rooms.staff.key_holder(key.credentials) if key is not None else None
            if actor is None:
                rooms.access.note("api", "refused: key", request.url.path, origin)
                raise HTTPException(401, "give a key as 'Authorization: Bearer <key>'", {"WWW-Authenticate": "Bearer"})
            limiter.succeed(origin)
            if not actor.may(role):
                rooms.access.note(actor.name, "refused: role", request.url.path, origin)
                raise HTTPException(403, f"this needs the role {role}")
            rooms.access.note(actor.name, request.method, request.url.path, origin)
            return actor

        return caller

    viewer, support, manager = Depends(may("viewer")), Depends(may("support")), Depends(may("manager"))

    def tagged(response: Response, store: Store) -> bool:
        response.headers["ETag"] = f'"{store.site_hash}"'
        return store.site_hash == rooms.store.site_hash

    # --- the site

    @api.get("/v1/catalogue", dependencies=[viewer])
    def read_catalogue(response: Response) -> Catalogue:
        return catalogue_of(load_store(rooms.site), response)

    @api.put("/v1/catalogue", responses=_CHANGE, dependencies=[manager])
    def write_catalogue(
        new: NewCatalogue,
        response: Response,
        if_match: IfMatch = None,
    ) -> Catalogue:
        return catalogue_of(set_catalogue(rooms.site, new.products, _hash(if_match)), response)

    def catalogue_of(store: Store, response: Response) -> Catalogue:
        products = list(store.products.values())
        return Catalogue(currency=store.currency, in_use=tagged(response, store), products=products)

    @api.get("/v1/prices", dependencies=[viewer])
    def read_prices(response: Response) -> Prices:
        return prices_of(load_store(rooms.site), response)

    @api.patch("/v1/prices", responses=_CHANGE, dependencies=[manager])
    def write_prices(
        new: NewPrices,
        response: Response,
        if_match: IfMatch = None,
    ) -> Prices:
        return prices_of(set_prices(rooms.site, new.prices, _hash(if_match)), response)

    def prices_of(store: Store, response: Response) -> Prices:
        prices = {sku: product.price_minor for sku, product in store.products.items()}
        return Prices(currency=store.currency, in_use=tagged(response, store), prices=prices)

    @api.get("/v1/planogram", dependencies=[viewer])
    def read_planogram(response: Response) -> Planogram:
        return planogram_of(load_store(rooms.site), response)

    @api.put("/v1/planogram", responses=_CHANGE, dependencies=[manager])
    def write_planogram(
        new: NewPlanogram,
        response: Response,
        if_match: IfMatch = None,
    ) -> Planogram:
        return planogram_of(set_planogram(rooms.site, new.facings, _hash(if_match)), response)

    def planogram_of(store: Store, response: Response) -> Planogram:
        return Planogram(in_use=tagged(response, store), facings=list(store.facings))

    # --- receipts and refunds

    def sale(ordinal: int) -> Entry:
        entry = rooms.journal.numbered(ReceiptIssued, ordinal)
        if entry is None:
            raise HTTPException(404, f"there is no receipt {ordinal}")
        return entry

    @api.get("/v1/receipts", dependencies=[viewer])
    def list_receipts(
        after: Annotated[int, Query(ge=0, le=_BIGGEST)] = 0,
        limit: Annotated[int, Query(ge=1, le=_MOST_PAGE)] = 100,
    ) -> list[ReceiptDocument]:
        entries = rooms.journal.read(after=after, kinds=(ReceiptIssued,), limit=limit)
        return [_receipt(entry, rooms.store) for entry in entries]

    @api.get("/v1/receipts/{ordinal}", responses=_MISSING, dependencies=[viewer])
    def read_receipt(ordinal: Ordinal) -> ReceiptDocument:
        return _receipt(sale(ordinal), rooms.store)

    @api.post("/v1/receipts/{ordinal}/refunds", status_code=202, responses=_MISSING | {409: _CHANGE[409]})
    def ask_refund(ordinal: Ordinal, new: NewRefund, actor: Actor = support) -> RefundDocument:
        session_id, refund_id = sale(ordinal).event.subject, f"api/{new.refund_id}"
        asked = refund(rooms.journal, session_id, refund_id, new.quantities, actor.name, new.note)
        if asked.quantities != new.quantities:
            raise AisleError(f"refund '{new.refund_id}': it asked for other pieces before; give another refund_id")
        return _refund(Visit.read(rooms.journal, session_id), refund_id)

    @api.get("/v1/receipts/{ordinal}/refunds/{refund_id}", responses=_MISSING, dependencies=[viewer])
    def read_refund(
        ordinal: Ordinal,
        refund_id: Annotated[str, Path(max_length=64)],
    ) -> RefundDocument:
        visit = Visit.read(rooms.journal, sale(ordinal).event.subject)
        if f"api/{refund_id}" not in visit.refunds:
            raise HTTPException(404, f"there is no refund '{refund_id}'")
        return _refund(visit, f"api/{refund_id}")

    @api.get(
        "/v1/receipts/{ordinal}/evidence",
        response_class=Response,
        responses=_MISSING | {200: {"description": "a ZIP file", "content": {"application/zip": {}}}},
        dependencies=[support],
    )
    def read_evidence(ordinal: Ordinal) -> Response:
        content = evidence_file(rooms.journal, rooms.store, rooms.office, sale(ordinal).event.subject)
        return Response(content, media_type="application/zip")

    # --- persons

    def payer_with(fingerprint: str) -> str:
        payer = rooms.wallet.payer_with(fingerprint)
        if payer is None:
            raise HTTPException(404, "there is no card with this fingerprint")
        return payer

    @api.get("/v1/cards/{fingerprint}", responses=_MISSING, dependencies=[manager])
    def export_card(fingerprint: Fingerprint) -> dict[str, Any]:
        return export(rooms.journal, rooms.wallet, payer_with(fingerprint))

    @api.delete("/v1/cards/{fingerprint}", status_code=204, responses=_MISSING | {409: _CHANGE[409]})
    def erase_card(fingerprint: Fingerprint, actor: Actor = manager) -> None:
        erase(rooms.journal, rooms.wallet, payer_with(fingerprint), actor.name)

    @api.post("/v1/codes", status_code=201, dependencies=[support])
    def issue_code(new: NewCode) -> CodeDocument:
        expires_ns = rooms.clock() + new.minutes * 60_000_000_000
        payer = rooms.wallet.payer_of(new.token)
        code = codes.issue(rooms.journal, rooms.wallet, payer, expires_ns)
        return CodeDocument(code=code, expires=datetime.datetime.fromtimestamp(expires_ns / 1e9, datetime.UTC))

    @api.get("/v1/statistics/{day}", responses=_MISSING, dependencies=[viewer])
    def statistics(day: datetime.date) -> Statistics:
        if not 1970 <= day.year < _LAST_YEAR:
            raise HTTPException(404, "no store was open on that day")
        start = datetime.datetime.combine(day, datetime.time(), zone)
        start_ns, end_ns = (_ns(start + datetime.timedelta(days)) for days in (0, 1))
        visits, turnover, pieces = 0, 0, Counter[str]()
        after = rooms.journal.position_before(start_ns)
        while entries := rooms.journal.read(after=after, kinds=(VisitClosed, ReceiptIssued), limit=_MOST_PAGE):
            for entry in entries:
                if entry.stamp_ns < end_ns and _may_count(rooms, entry):
                    if isinstance(entry.event, ReceiptIssued):
                        turnover += entry.event.bill.total_minor
                        for line in entry.event.bill.lines:
                            pieces[line.sku] += line.quantity if line.kind == "goods" else 0
                    else:
                        visits += 1
            after = entries[-1].position
            if entries[-1].stamp_ns >= end_ns:
                break
        return Statistics(
            day=day, visits=visits, turnover_minor=turnover, currency=rooms.store.currency, pieces=dict(pieces)
        )

    return api


def _may_count(rooms: Rooms, entry: Entry) -> bool:
    """Whether the shopper lets their visit be counted; of who was forgotten nobody knows, so it is not."""
    event = entry.event
    payer = event.payer if isinstance(event, VisitClosed) else Visit.read(rooms.journal, event.subject).payer
    card = rooms.wallet.card(payer) if payer else None
    return payer == "" or (card is not None and card.analytics)


def _receipt(entry: Entry, store: Store) -> ReceiptDocument:
    issued = entry.event
    assert isinstance(issued, ReceiptIssued)
    return ReceiptDocument(
        cursor=entry.position,
        ordinal=entry.ordinal,
        number=receipt_number(store, entry.ordinal),
        session_id=issued.session_id,
        refund_id=issued.refund_id,
        issued=datetime.datetime.fromtimestamp(entry.stamp_ns / 1e9, datetime.UTC),
        bill=issued.bill,
    )


def _refund(visit: Visit, refund_id: str) -> RefundDocument:
    state: Literal["open", "given", "refused"] = "open"
    if refund_id in visit.refunded:
        state = "given"
    elif refund_id in visit.refused:
        state = "refused"
    return RefundDocument(
        refund_id=refund_id.removeprefix("api/"),
        state=state,
        quantities=visit.refunds[refund_id].quantities,
        reason=visit.refused.get(refund_id, ""),
    )


def _hash(if_match: str | None) -> str | None:
    return None if if_match is None else if_match.strip('" ')


def _ns(instant: datetime.datetime) -> int:
    return round(instant.timestamp() * 1e9)
