"""The calls. Each is made again with the same ids until it is answered, so that repeating does no harm."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from aisle_core.store import Product

from ..money import Money
from ..retailer import RefusedError, UnansweredError
from ..settings import Retry
from .signing import Credentials, signed
from .trips import Trip, decimal, instant, made_id

MOST_ITEMS = 10_000
"""Of a catalogue in one request, by the published limits; and ten requests a second."""
_BETWEEN_UPLOADS_S = 0.1
_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))
_GTIN_TYPES = {8: "EAN", 12: "UPC", 13: "EAN", 14: "GTIN"}


class Connector:
    """The systems of one retailer, for one store. Methods block, and raise only the errors above.

    store_id: as the retailer calls the store. sleep, clock: seconds, and ns since 1970.
    """

    def __init__(
        self,
        address: str,
        store_id: str,
        credentials: Credentials,
        retry: Retry,
        timeout_s: float,
        clock: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address.rstrip("/")
        self._store_id = store_id
        self._credentials = credentials
        self._retry = retry
        self._clock = clock
        self._sleep = sleep
        self._client = httpx.Client(timeout=timeout_s, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    # --- who may come in

    def verify_identity_key(
        self, request_id: str, identity_key: str, channel: Literal["OPTICAL", "NFC"]
    ) -> tuple[str, str]:
        """Who the key of an app belongs to: their id, and ``SHOPPER`` or ``ASSOCIATE``. RefusedError: keep them out."""
        event = {"id": made_id("entry", request_id), "timestamp": instant(self._clock()), "location": "ENTRY"}
        body = {
            "requestId": made_id("identity", request_id),
            "identityKey": identity_key,
            "storeId": self._store_id,
            "authEvent": event,
            "keyChannel": channel,
        }
        visitor = self._call("/v1/identity/identity-keys", body)["visitorDetails"]
        return str(visitor["id"]), str(visitor["type"])

    def authorise(self, request_id: str, shopper_id: str, held: Money) -> bool:
        """Whether the retailer wants this shopper in, for whom so much is held."""
        body = {
            "storeId": self._store_id,
            "shopperIdentity": {"id": shopper_id},
            "authorizedAmount": {"value": float(decimal(held.minor, held.currency)), "currencyCode": held.currency},
            "shopperInteraction": {
                "shoppingTripId": made_id("trip", request_id),
                "gateAuthenticationEvent": {
                    "id": made_id("entry", request_id),
                    "type": "CREDIT_CARD",
                    "interactionType": "TAP",
                    "timestamp": instant(self._clock()),
                    "location": "ENTRY",
                },
            },
        }
        return bool(self._call("/v1/fraudandabuse/shopperauthorization", body)["shopperAuthorized"])

    def start_authentication(self, device_id: str, lock_s: float) -> str:
        """Take the gate for a device while it asks who is there; gives the event's id. RefusedError: it is busy."""
        body = {
            "deviceId": device_id,
            "storeId": self._store_id,
            "timestamp": self._clock() // 1_000_000,
            "authTimeout": round(lock_s * 1000),
        }
        answer = self._call("/auth/v2/startAuth", body)
        if not answer["authStarted"]:
            raise RefusedError(str(answer.get("reason", "the gate is busy")))
        return str(answer["authEventId"])

    def process_authentication(self, device_id: str, event_id: str, person_id: str | None) -> None:
        """Say who stands at the gate that was taken; None: nobody who may come in."""
        result = {"authResult": "DENIED"} if person_id is None else {"authResult": "ACCEPTED"}
        body = {
            "authEventId": event_id,
            "deviceId": device_id,
            "storeId": self._store_id,
            "personId": person_id,
            "personType": "SHOPPER",
            "timestamp": self._clock() // 1_000_000,
            **result,
        }
        self._call("/auth/v2/processAuth", body)

    # --- what they owe

    def create_purchase(self, trip: Trip) -> str:
        """Tell what a visit holds; gives the retailer's id of the purchase, the same for the same trip."""
        return str(self._call("/v1/order/purchases", trip.document(self._store_id))["purchaseId"])

    def adjust_charge(self, trip_id: str, total: Money) -> None:
        """Raise or lower what is held for a trip to its total."""
        self._call("/v1/adjust/charge", self._trip(trip_id) | {"amount": _amount(total)})

    def capture_charge(self, trip_id: str, total: Money) -> None:
        """Take the total of a trip."""
        self._call("/v1/capture/charge", self._trip(trip_id) | {"amount": _amount(total)})

    def cancel_charge(self, trip_id: str) -> None:
        """Let go of what is held for a trip."""
        self._call("/v1/cancel/charge", self._trip(trip_id))

    # --- what there is

    def upload_catalogue(self, products: Iterable[Product], currency: str) -> list[str]:
        """Tell all products, at most 10,000 in a request; gives the ids under which they are taken in."""
        ids = []
        items = [self._item(product, currency) for product in products]
        for start in range(0, len(items), MOST_ITEMS):
            if start:
                self._sleep(_BETWEEN_UPLOADS_S)
            body = {"catalogItems": items[start : start + MOST_ITEMS]}
            ids.append(str(self._call("/v1/catalog/upload", body)["ingestionId"]))
        return ids

    def _item(self, product: Product, currency: str) -> dict[str, str]:
        item = {"item_sku": product.sku, "item_name": product.name, "store_id": self._store_id}
        item["product_tax_code"] = product.tax_class
        if product.gtin is not None:
            item |= {"external_product_id": product.gtin}
            item |= {"external_product_id_type": _GTIN_TYPES[len(product.gtin)]}
        if product.price_minor is not None:
            item["standard_price"] = decimal(product.price_minor, currency)
        return item

    def _trip(self, trip_id: str) -> dict[str, Any]:
        return {"storeId": self._store_id, "shoppingTripId": trip_id}

    def _call(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Post a document until there is an answer; gives the answer's document."""
        url, body = f"{self._address}{path}", json.dumps(document, separators=(",", ":")).encode()
        reason = ""
        for attempt in range(1, self._retry.attempts + 1):
            now = datetime.datetime.fromtimestamp(self._clock() // 1_000_000_000, datetime.UTC)
            headers = signed("POST", url, {"Content-Type": "application/json"}, body, self._credentials, now)
            wait_s = self._retry.wait_ns(attempt) / 1e9
            try:
                answer = self._client.post(url, content=body, headers=headers)
            except httpx.HTTPError as error:
                reason = type(error).__name__
            else:
                if answer.is_success:
                    return _document(answer, path)
                if answer.status_code not in _AGAIN:
                    raise RefusedError(f"{path}: {answer.status_code} {_why(answer)}")
                reason = str(answer.status_code)
                wait_s = max(wait_s, _asked_to_wait(answer))
            if attempt < self._retry.attempts:
                self._sleep(min(wait_s, self._retry.most_s))
        raise UnansweredError(f"{path}: {reason} after {self._retry.attempts} attempts")


def _amount(total: Money) -> dict[str, Any]:
    return {"amount": float(decimal(total.minor, total.currency)), "code": total.currency}


def _document(answer: httpx.Response, path: str) -> dict[str, Any]:
    if not answer.content:
        return {}
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise RefusedError(f"{path}: {answer.status_code} with a body that is no JSON object")
    return document


def _why(answer: httpx.Response) -> str:
    """What the answer says, short and on one line."""
    return " ".join(answer.text[:200].split())


def _asked_to_wait(answer: httpx.Response) -> float:
    """Seconds of ``Retry-After`` (RFC 9110, 10.2.3), 0 without it or when it is a date."""
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0
