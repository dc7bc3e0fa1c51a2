"""What the office wants of a payment provider.

Every call carries an idempotency key: the same call with the same key is done once, and answered alike each time. So a
call whose answer was lost is simply made again. A card is a token of the provider; card numbers never come here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..money import Money


class PaymentError(Exception):
    """A call did not succeed; the message is for staff and holds no card data."""


class DeclinedError(PaymentError):
    """The provider or the card's bank said no. Surely nothing was done; the same key gets the same answer."""


class UnreachableError(PaymentError):
    """No answer: it may have been done or not. Make the same call again, with the same key."""


class RejectedError(PaymentError):
    """The provider does not understand the call, or does not know its keys. Surely nothing was done; tell staff."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the store says to a chargeback: a text, and the receipt as PDF."""

    text: str
    receipt: bytes


@dataclass(frozen=True, slots=True)
class Tap:
    """A card was held to a reader: what is held on it, the provider's name of the card, and when [ns since 1970]."""

    authorisation_id: str
    card: str
    stamp_ns: int


class CardReaders(Protocol):
    """Readers of the provider that the office drives. All methods block, and raise only a PaymentError."""

    def ask(self, amount: Money, key: str) -> str:
        """What the next tap shall hold; the same key gives the same authorisation."""

    def tapped(self, reader_id: str, authorisation_id: str) -> Tap | None:
        """The tap that an authorisation waits for; while there is none, the reader asks for a card.

        DeclinedError: it waits no more.
        """


class PaymentProvider(Protocol):
    """A provider. All methods block until there is an answer, and raise only a PaymentError."""

    def pre_authorise(self, token: str, amount: Money, key: str) -> str:
        """Hold an amount on a card; gives the id of the authorisation."""

    def adjust(self, authorisation_id: str, amount: Money, key: str) -> None:
        """Raise what an authorisation holds, to ``amount`` in all."""

    def capture(self, authorisation_id: str, amount: Money, key: str) -> str:
        """Take at most what is held, once, and let go of the rest; gives the id of the charge."""

    def cancel(self, authorisation_id: str, key: str) -> None:
        """Let go of what is held. Of an authorisation that holds nothing any more: does nothing."""

    def contest(self, chargeback_id: str, evidence: Evidence, key: str) -> None:
        """Hand the store's evidence about a chargeback in, for good."""

    def refund(self, charge_id: str, amount: Money, key: str) -> str:
        """Give back a part of a charge; gives the id of the refund."""
