"""Stripe Terminal, server-driven: a reader at the gate is told to ask for a card, and the tap holds an amount on it.

https://docs.stripe.com/terminal/payments/collect-card-payment?terminal-sdk-platform=server-driven
"""

from __future__ import annotations

from typing import Any, cast

import stripe

from ..money import Money
from .provider import DeclinedError, Tap
from .stripe import Stripe, answer_of, units_of

__all__ = ["Stripe", "Terminal"]


class Terminal:
    """``CardReaders`` of an account."""

    def __init__(self, provider: Stripe) -> None:
        self._intents = provider.client.v1.payment_intents
        self._readers = provider.client.v1.terminal.readers

    def ask(self, amount: Money, key: str) -> str:
        params: dict[str, Any] = {
            "amount": units_of(amount),
            "currency": amount.currency.lower(),
            "payment_method_types": ["card_present"],
            "payment_method_options": {"card_present": {"request_incremental_authorization_support": True}},
            "capture_method": "manual",
        }
        return answer_of(lambda: self._intents.create(cast(Any, params), {"idempotency_key": key})).id

    def tapped(self, reader_id: str, authorisation_id: str) -> Tap | None:
        intent = answer_of(lambda: self._intents.retrieve(authorisation_id, {"expand": ["latest_charge"]}))
        if intent.status == "requires_capture":
            charge = cast(stripe.Charge, intent.latest_charge)
            details = cast(Any, charge.payment_method_details).card_present
            return Tap(intent.id, str(details.fingerprint), int(charge.created) * 1_000_000_000)
        if intent.status != "requires_payment_method":
            raise DeclinedError(f"stripe: {intent.id} is {intent.status}")
        action = answer_of(lambda: self._readers.retrieve(reader_id)).action
        asked = None if action is None else action.process_payment_intent
        if action is None or action.status != "in_progress" or asked is None or asked.payment_intent != intent.id:
            answer_of(lambda: self._readers.process_payment_intent(reader_id, {"payment_intent": intent.id}))
        return None
