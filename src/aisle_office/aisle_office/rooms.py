"""What the pages and the API stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aisle_core.store import Store

from .access import AccessLog
from .board import Board
from .journal import Journal
from .links import Links
from .receipts import Wording
from .settings import LANGUAGES, Language, Office
from .staff import Staff
from .wallet import Wallet


@dataclass(frozen=True, slots=True)
class Rooms:
    """One store's office, as pages and API see it. ``site``: its folder; ``clock``: ns since 1970.

    notice_secret: with which the payment provider signs what it tells; "": it tells nothing.
    connector_key: with which the retailer's systems sign their calls: id and secret; None: they make none.
    """

    site: Path
    store: Store
    office: Office
    journal: Journal
    wallet: Wallet
    links: Links
    staff: Staff
    access: AccessLog
    board: Board
    clock: Callable[[], int]
    notice_secret: str = ""
    connector_key: tuple[str, str] | None = None

    def product_name(self, sku: str) -> str:
        """The catalogue's name of a product, or what names one that it has no more."""
        product = self.store.products.get(sku)
        return product.name if product else sku

    def words(self, language: str | None) -> Wording:
        """In a language if it is one of ours, else the store's."""
        return Wording.of(language, self.office.mail.language, self.store.time_zone)


def language_of(chosen: str | None, accept: str | None) -> Language | None:
    """The language that was chosen, else the first of ours in an Accept-Language header (RFC 9110, 12.5.4)."""
    wishes = []
    for part in (accept or "").split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            wishes.append((-float(quality or 1), tag[:2].lower()))
        except ValueError:
            continue
    tags = [chosen, *(tag for _, tag in sorted(wishes, key=lambda wish: wish[0]))]
    return next((language for tag in tags for language in LANGUAGES if tag == language), None)
