"""What the office asks the systems of a retailer while somebody stands at the gate."""

from __future__ import annotations

from typing import Literal, Protocol

from .money import Money

APP_PREFIX = "app:"
"""Of credentials that are keys of the retailer's app; the reader puts it before what it has read."""


class UnansweredError(Exception):
    """No answer after all attempts: it may have been done or not. The same call may be made again."""


class RefusedError(Exception):
    """The retailer's system understood the call and says no."""


class RetailerSystems(Protocol):
    """Methods block, and raise only the errors above."""

    def verify_identity_key(
        self, request_id: str, identity_key: str, channel: Literal["OPTICAL", "NFC"]
    ) -> tuple[str, str]:
        """Who the key of an app belongs to: their id, and ``SHOPPER`` or ``ASSOCIATE``. RefusedError: keep them out."""

    def authorise(self, request_id: str, shopper_id: str, held: Money) -> bool:
        """Whether the retailer wants this shopper in, for whom so much is held."""
