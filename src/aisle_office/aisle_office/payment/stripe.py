"""Stripe: one PaymentIntent with manual capture per authorisation (https://docs.stripe.com/api/payment_intents).

A token is a payment method (``pm_...``) that may be charged while its owner is away, or ``cus_.../pm_...`` where it is
attached to a customer.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeVar, cast

import stripe

from ..money import Money
from .notices import HUNDREDFOLD
from .provider import DeclinedError, Evidence, RejectedError, UnreachableError

_T = TypeVar("_T")
_TENS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Three decimals, of which Stripe wants the last to be 0 (the same page)."""


_MOST_TEXT = 20_000
"""Characters of a text of evidence (https://docs.stripe.com/api/disputes/evidence_object)."""


class Stripe:
    """A ``PaymentProvider``.

    base_address: of the API; None is Stripe's own. timeout_s: for one answer.
    """

    def __init__(self, api_key: str, *, timeout_s: float, base_address: str | None = None) -> None:
        self.client = stripe.StripeClient(
            api_key,
            base_addresses=cast(Any, {"api": base_address, "files": base_address} if base_address else None),
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=timeout_s),
        )
        self._intents = self.client.v1.payment_intents

    def pre_authorise(self, token: str, amount: Money, key: str) -> str:
        customer, _, method = token.rpartition("/")
        params: dict[str, Any] = {
            "amount": units_of(amount),
            "currency": amount.currency.lower(),
            "payment_method": method,
            "payment_method_types": ["card"],
            "payment_method_options": {"card": {"request_incremental_authorization": "if_available"}},
            "capture_method": "manual",
            "confirm": True,
            "off_session": True,
        }
        if customer:
            params["customer"] = customer
        intent = answer_of(lambda: self._intents.create(cast(Any, params), {"idempotency_key": key}))
        if intent.status != "requires_capture":
            raise DeclinedError(f"stripe: {intent.id} is {intent.status}")
        return intent.id

    def adjust(self, authorisation_id: str, amount: Money, key: str) -> None:
        units = units_of(amount)
        try:
            answer_of(
                lambda: self._intents.increment_authorization(
                    authorisation_id, {"amount": units}, {"idempotency_key": key}
                )
            )
        except RejectedError as error:
            intent = self._intent(authorisation_id)
            if intent.status != "requires_capture" or intent.amount < units:
                raise DeclinedError(f"stripe: {authorisation_id} cannot be raised: {error}") from None

    def capture(self, authorisation_id: str, amount: Money, key: str) -> str:
        units = units_of(amount)
        try:
            intent = answer_of(
                lambda: self._intents.capture(authorisation_id, {"amount_to_capture": units}, {"idempotency_key": key})
            )
        except RejectedError as error:
            intent = self._intent(authorisation_id)
            if intent.status == "canceled":
                raise DeclinedError(f"stripe: {authorisation_id} has lapsed") from None
            if intent.status != "succeeded":
                raise error
        if intent.amount_received != units:
            raise RejectedError(f"stripe: {authorisation_id} took {intent.amount_received}, not {units}")
        return intent.id

    def cancel(self, authorisation_id: str, key: str) -> None:
        try:
            answer_of(lambda: self._intents.cancel(authorisation_id, {}, {"idempotency_key": key}))
        except RejectedError:
            if self._intent(authorisation_id).status == "requires_capture":
                raise

    def contest(self, chargeback_id: str, evidence: Evidence, key: str) -> None:
        receipt = io.BytesIO(evidence.receipt)
        receipt.name = "receipt.pdf"
        files, disputes = self.client.v1.files, self.client.v1.disputes
        upload: dict[str, Any] = {"purpose": "dispute_evidence", "file": receipt}
        file = answer_of(lambda: files.create(cast(Any, upload), {"idempotency_key": f"{key}/file"}))
        told = {"receipt": file.id, "uncategorized_text": evidence.text[:_MOST_TEXT]}
        params: dict[str, Any] = {"evidence": told, "submit": True}
        try:
            answer_of(lambda: disputes.update(chargeback_id, cast(Any, params), {"idempotency_key": f"{key}/submit"}))
        except RejectedError:
            if not answer_of(lambda: disputes.retrieve(chargeback_id)).evidence_details.submission_count:
                raise

    def refund(self, charge_id: str, amount: Money, key: str) -> str:
        params = {"payment_intent": charge_id, "amount": units_of(amount)}
        refund = answer_of(lambda: self.client.v1.refunds.create(cast(Any, params), {"idempotency_key": key}))
        if refund.status in ("failed", "canceled"):
            raise DeclinedError(f"stripe: {refund.id} is {refund.status}")
        return refund.id

    def _intent(self, authorisation_id: str) -> stripe.PaymentIntent:
        return answer_of(lambda: self._intents.retrieve(authorisation_id))


def units_of(amount: Money) -> int:
    """The amount as Stripe counts it."""
    if amount.currency in _TENS and amount.minor % 10:
        raise RejectedError(f"stripe: {amount.minor} {amount.currency} is no multiple of 10; round the prices")
    return amount.minor * 100 if amount.currency in HUNDREDFOLD else amount.minor


def answer_of(call: Callable[[], _T]) -> _T:
    """Make a call; its errors as ours (https://docs.stripe.com/api/errors)."""
    try:
        return call()
    except stripe.CardError as error:
        raise DeclinedError(f"stripe: {error.code or 'card declined'}") from None
    except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        raise RejectedError(f"stripe: {error.code or error.user_message}") from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise RejectedError(f"stripe: the key is refused ({type(error).__name__})") from None
    except stripe.StripeError as error:
        raise UnreachableError(f"stripe: no answer ({type(error).__name__}, status {error.http_status})") from None
