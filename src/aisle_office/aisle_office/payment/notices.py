"""What a provider tells by itself: a card's bank takes money back, and how that ends.

A notice is a webhook of Stripe (https://docs.stripe.com/api/disputes, https://docs.stripe.com/webhooks/signature); the
sandbox tells in the same shape, and signs in the same way.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Literal

from aisle_core.errors import AisleError

from ..money import Money

HUNDREDFOLD = frozenset({"ISK", "UGX"})
"""No decimals by ISO 4217, but Stripe counts hundredths (https://docs.stripe.com/currencies#special-cases)."""
SIGNATURE_HEADER = "Stripe-Signature"
_OUTCOMES: dict[str, Literal["taken", "won", "lost"]] = {
    "charge.dispute.created": "taken",
    "charge.dispute.funds_withdrawn": "taken",
    "charge.dispute.funds_reinstated": "won",
}


@dataclass(frozen=True, slots=True)
class ChargebackNotice:
    """The bank has ``taken`` an amount of a charge back; or the dispute about it is ``won`` or ``lost``."""

    chargeback_id: str
    charge_id: str
    amount: Money
    reason: str
    outcome: Literal["taken", "won", "lost"]


def read_notice(body: bytes, signature: str, secret: str) -> ChargebackNotice | None:
    """What a signed notice says; None when it is about something else.

    Raises AisleError for one that the provider has not signed with this secret within the last five minutes, and for
    one that is none.
    """
    import stripe  # a second's work that most stores' pages do not need

    try:
        event = stripe.Webhook.construct_event(body, signature, secret)
        return _notice(str(event["type"]), event["data"]["object"])
    except stripe.SignatureVerificationError:
        raise AisleError("notice: the signature is wrong or old; give the provider's signing secret") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AisleError("notice: it is no event of a provider; look at what is sent here") from None


def signature_of(body: bytes, secret: str, now_s: int) -> str:
    """The header of a notice that is sent at ``now_s`` [s since 1970]."""
    digest = hmac.digest(secret.encode(), f"{now_s}.".encode() + body, hashlib.sha256).hex()
    return f"t={now_s},v1={digest}"


def _notice(kind: str, dispute: Any) -> ChargebackNotice | None:
    outcome = _OUTCOMES.get(kind)
    if kind == "charge.dispute.closed" and dispute["status"] in ("won", "lost"):
        outcome = dispute["status"]
    if outcome is None or str(dispute["status"]).startswith("warning"):
        return None  # a bank that only asks takes nothing
    currency = str(dispute["currency"]).upper()
    return ChargebackNotice(
        chargeback_id=str(dispute["id"]),
        charge_id=str(dispute["payment_intent"] or dispute["charge"]),
        amount=Money(_minor(int(dispute["amount"]), currency), currency),
        reason=str(dispute["reason"]),
        outcome=outcome,
    )


def _minor(units: int, currency: str) -> int:
    """Stripe's units of an amount as minor units."""
    return units // 100 if currency in HUNDREDFOLD else units
