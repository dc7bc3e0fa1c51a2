"""Calls that a retailer's systems make: Catalog, Payment Service and gate, as they know them from Just Walk Out.

They change the address and the key, and nothing else. ``openapi.yaml`` describes these calls under the tag ``serves``.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from aisle_core.errors import AisleError
from aisle_core.store import Product, Store
from aisle_core.store.currency import DECIMALS

from ..api.site import merge_catalogue
from ..codes import code_id
from ..events import AuthenticationProcessed, CatalogueUploaded
from ..pricing import Pricing
from ..rooms import Rooms
from ..settings import Retailer
from ..web.guard import proof_limiter
from ..web.plain import origin_of
from .charges import take_total
from .client import MOST_ITEMS
from .gate import begin, finish
from .signing import Credentials, is_signed
from .trips import made_id

_M = TypeVar("_M", bound=BaseModel)
_Id = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[0-9A-Za-z_:-]+$")]
_LANE_ANSWERS_S = 1.0
"""A lane that is free says so much sooner."""


class _Item(BaseModel):
    """One product as they describe it; what else they may say of it in the future is left out."""

    item_sku: str
    item_name: Annotated[str, Field(min_length=1, max_length=500)]
    store_id: str
    external_product_id: str | None = None
    standard_price: str | float | None = None
    product_tax_code: str | None = None


class _Upload(BaseModel):
    catalogItems: Annotated[list[_Item], Field(min_length=1, max_length=MOST_ITEMS)]  # noqa: N815 their name


class _Amount(BaseModel):
    amount: Annotated[Decimal, Field(gt=0, max_digits=12)]
    code: str


class _Cancelled(BaseModel):
    storeId: str  # noqa: N815 their name
    shoppingTripId: _Id  # noqa: N815 their name


class _Adjusted(_Cancelled):
    amount: _Amount


class _Device(BaseModel):
    deviceId: Annotated[str, Field(min_length=1, max_length=255)]  # noqa: N815 their name
    storeId: str  # noqa: N815 their name


class _Start(_Device):
    timestamp: int
    authTimeout: Annotated[int, Field(ge=1, le=600_000)]  # noqa: N815 their name


class _Process(_Device):
    authEventId: _Id  # noqa: N815 their name
    personId: Annotated[str, Field(max_length=255)] | None = None  # noqa: N815 their name
    personType: Literal["SHOPPER", "NON_SHOPPER"]  # noqa: N815 their name
    authResult: Literal["ACCEPTED", "DENIED", "PROCESSED"]  # noqa: N815 their name


class _Question(BaseModel):
    ingestionId: _Id  # noqa: N815 their name


def make_inbound(rooms: Rooms, retailer: Retailer, credentials: Credentials) -> FastAPI:
    """The calls, for one store; each must be signed with ``credentials``."""
    app = FastAPI(title="Calls of a retailer's systems", docs_url=None, redoc_url=None, openapi_url=None)
    limiter = proof_limiter(rooms.clock)
    pricing = Pricing(rooms.store, rooms.office)

    async def signed_body(request: Request) -> bytes:
        origin, body = origin_of(request), await request.body()
        now = datetime.datetime.fromtimestamp(rooms.clock() // 1_000_000_000, datetime.UTC)
        if not limiter.attempt(origin):
            raise _CallRefusedError(429, "too many wrong signatures; wait ten minutes")
        if not is_signed(request.method, request.scope["path"], dict(request.headers), body, credentials, now):
            rooms.access.note("connector", "refused: signature", request.url.path, origin)
            raise _CallRefusedError(403, "the signature is wrong or old")
        limiter.succeed(origin)
        rooms.access.note("connector", request.method, request.url.path, origin)
        return body

    @app.exception_handler(_CallRefusedError)
    def refused(_: Request, refusal: _CallRefusedError) -> Response:
        return JSONResponse({"errorMsg": refusal.text}, refusal.status)

    @app.post("/v1/catalog/upload")
    async def upload(request: Request) -> dict[str, str]:
        body = await signed_body(request)
        items = _read(_Upload, body).catalogItems
        ingestion_id = made_id("catalogue", hashlib.sha256(body).hexdigest())

        def take() -> None:
            merge_catalogue(rooms.site, lambda store: _merged(store, items, retailer.store_id))
            rooms.journal.append(CatalogueUploaded(about=ingestion_id, items=len(items), actor=credentials.key_id))

        with _refusing():
            await run_in_threadpool(take)
        return {"ingestionId": ingestion_id}

    @app.post("/v1/catalog/getCatalogUploadStatus")
    async def status(request: Request) -> dict[str, str]:
        ingestion_id = _read(_Question, await signed_body(request)).ingestionId
        known = await run_in_threadpool(rooms.journal.get, f"catalogue_uploaded/{ingestion_id}")
        if known is None:
            raise _CallRefusedError(400, f"there is no upload {ingestion_id}")
        return {"processingStatus": "DONE", "reportDownloadLink": ""}

    async def price(trip: _Cancelled, total_minor: Callable[[], int]) -> Response:
        """Take the total of a trip."""

        def take() -> None:
            if not retailer.prices_carts:
                raise AisleError("this store takes its own prices; set prices_carts in office.yaml")
            if trip.storeId != retailer.store_id:
                raise AisleError(f"the trip is of store '{trip.storeId}', this is '{retailer.store_id}'")
            take_total(rooms.journal, pricing, trip.shoppingTripId, total_minor(), credentials.key_id)

        with _refusing():
            await run_in_threadpool(take)
        return Response()

    @app.post("/auth/v2/startAuth")
    async def start(request: Request) -> dict[str, object]:
        asked = _read(_Start, await signed_body(request))
        lock_ns = min(asked.authTimeout * 1_000_000, round(rooms.office.entry.decide_s * 1e9))
        expires_ns = rooms.clock() + lock_ns
        with _refusing():
            lane_id = _lane(asked, retailer)
            code = await run_in_threadpool(
                begin,
                rooms.journal,
                rooms.wallet,
                asked.deviceId,
                str(asked.timestamp),
                lane_id,
                expires_ns,
                _LANE_ANSWERS_S,
            )
        if code is None:
            return {"authStarted": False, "reason": "the gate is busy, or does not answer"}
        return {"authStarted": True, "authEventId": code}

    @app.post("/auth/v2/processAuth")
    async def process(request: Request) -> dict[str, object]:
        said = _read(_Process, await signed_body(request))
        with _refusing():
            _lane(said, retailer)
            if said.authResult == "ACCEPTED" and said.personType == "SHOPPER" and not said.personId:
                raise AisleError("personId: it is empty; say whom the gate shall let in")
            result = AuthenticationProcessed(
                about=code_id(rooms.wallet, said.authEventId),
                admitted=said.authResult == "ACCEPTED",
                staff=said.personType == "NON_SHOPPER",
                shopper_id=said.personId or "" if said.personType == "SHOPPER" else "",
            )
            await run_in_threadpool(finish, rooms.journal, result, said.deviceId, rooms.clock())
        return {}

    @app.post("/v1/adjust/charge")
    @app.post("/v1/capture/charge")
    async def adjust(request: Request) -> Response:
        adjusted = _read(_Adjusted, await signed_body(request))
        return await price(adjusted, lambda: _total(adjusted.amount, rooms.store.currency))

    @app.post("/v1/cancel/charge")
    async def cancel(request: Request) -> Response:
        return await price(_read(_Cancelled, await signed_body(request)), lambda: 0)

    return app


class _CallRefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@contextmanager
def _refusing() -> Iterator[None]:
    """What is wrong with a call is its answer."""
    try:
        yield
    except AisleError as error:
        raise _CallRefusedError(400, str(error)) from None


def _lane(device: _Device, retailer: Retailer) -> str:
    if device.storeId != retailer.store_id:
        raise AisleError(f"the device is of store '{device.storeId}', this is '{retailer.store_id}'")
    if device.deviceId not in retailer.devices:
        raise AisleError(f"device '{device.deviceId}': it is at no lane; put it under retailer.devices in office.yaml")
    return retailer.devices[device.deviceId]


def _read(model: type[_M], body: bytes) -> _M:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _CallRefusedError(400, _first_of(error)) from None


def _merged(store: Store, items: list[_Item], store_id: str) -> list[Product]:
    """The catalogue with the items in it; what they do not say of a product stays as it is."""
    products = dict(store.products)
    for item in items:
        if item.store_id != store_id:
            raise AisleError(f"item '{item.item_sku}': it is of store '{item.store_id}', this is '{store_id}'")
        said = {
            "name": item.item_name[:256],
            "gtin": item.external_product_id,
            "price_minor": _price(item, store.currency),
            "tax_class": item.product_tax_code,
        }
        old = products.get(item.item_sku)
        products[item.item_sku] = _product(item.item_sku, old, {k: v for k, v in said.items() if v is not None})
    return list(products.values())


def _product(sku: str, old: Product | None, said: Mapping[str, object]) -> Product:
    new: dict[str, object] = {
        "sku": sku,
        "gtin": None,
        "price_minor": None,
        "weight": None,
        "weight_stddev": None,
        "size": None,
    }
    fields = {**(old.model_dump() if old is not None else new), **said}
    try:
        return Product.model_validate(fields)
    except ValidationError as error:
        raise AisleError(f"item '{sku}': {_first_of(error)}") from None


def _first_of(error: ValidationError) -> str:
    """The first thing that is wrong."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _price(item: _Item, currency: str) -> int | None:
    if item.standard_price is None:
        return None
    minor = _minor(item.standard_price, currency)
    if minor is None:
        raise AisleError(f"item '{item.item_sku}': '{item.standard_price}' is no price in {currency}")
    return minor


def _total(total: _Amount, currency: str) -> int:
    minor = _minor(total.amount, currency) if total.code == currency else None
    if minor is None:
        raise AisleError(f"amount: {total.amount} {total.code} is no amount in {currency}")
    return minor


def _minor(amount: str | float | Decimal, currency: str) -> int | None:
    """An amount in whole units of a currency as minor units; None when it is none."""
    try:
        minor = Decimal(str(amount)).scaleb(DECIMALS[currency])
        return int(minor) if minor == int(minor) else None
    except (InvalidOperation, ValueError, OverflowError):
        return None
