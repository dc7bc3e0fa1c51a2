"""The only personal data of the office: which card a payer has, and which e-mail address.

The journal knows a payer by a random name. Whoever is forgotten here is nobody there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import BigInteger, Boolean, Column, Engine, MetaData, Table, Text, select

from aisle_core.errors import AisleError

from .database import open_database, writing

LEAST_SECRET_LENGTH = 16
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
"""As browsers check it (HTML Living Standard, valid e-mail address), with a dot in the domain."""

metadata = MetaData()
_cards = Table(
    "cards",
    metadata,
    Column("payer", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("token", Text, nullable=False),
    Column("email", Text),
    Column("language", Text),
    Column("staff", Boolean, nullable=False),
    Column("analytics", Boolean, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a payer: the provider's token, and where and in which language receipts go, if anywhere.

    staff: whoever has this card works here. analytics: their visits may be counted for the store's statistics.
    seen_ns: when the card was last shown.
    """

    payer: str
    token: str
    email: str | None
    language: str | None
    staff: bool
    analytics: bool
    seen_ns: int


class Wallet:
    """Cards by payer. ``secret`` keys the fingerprints by which a card is found again."""

    def __init__(self, engine: Engine, secret: str, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._secret = secret.encode()
        self._clock = clock

    @classmethod
    def open(cls, url: str, secret: str, clock: Callable[[], int] = time.time_ns) -> Self:
        """The wallet in a database. Raises AisleError when it cannot be opened or the secret is short."""
        if len(secret) < LEAST_SECRET_LENGTH:
            raise AisleError(f"wallet: the secret has {len(secret)} characters; give {LEAST_SECRET_LENGTH} or more")
        return cls(open_database(url, metadata), secret, clock)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def fingerprint(self, text: str) -> str:
        """By which a card or a code is found again without being kept: HMAC-SHA256 with the secret, hexadecimal."""
        return hmac.digest(self._secret, text.encode(), hashlib.sha256).hex()

    def payer_of(self, token: str) -> str:
        """The name of the payer with a card that is shown; a new random one for a card that is not known."""
        fingerprint, now_ns = self.fingerprint(token), self._clock()
        with writing(self._engine) as connection:
            payer = connection.execute(select(_cards.c.payer).where(_cards.c.fingerprint == fingerprint)).scalar()
            if payer is None:
                payer = secrets.token_hex(8)
                card = {"payer": payer, "fingerprint": fingerprint, "token": token, "staff": False}
                connection.execute(_cards.insert(), card | {"analytics": True, "seen_ns": now_ns})
            else:
                connection.execute(_cards.update().where(_cards.c.payer == payer).values(seen_ns=now_ns))
        return str(payer)

    def payer_with(self, fingerprint: str) -> str | None:
        """The name of the payer with a fingerprint."""
        query = select(_cards.c.payer).where(_cards.c.fingerprint == fingerprint)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def card(self, payer: str) -> Card | None:
        """The card of a payer, unless it was forgotten."""
        columns = [_cards.c[name] for name in Card.__slots__]
        with self._engine.connect() as connection:
            row = connection.execute(select(*columns).where(_cards.c.payer == payer)).one_or_none()
        return None if row is None else Card(*row)

    def unseen_since(self, stamp_ns: int) -> list[str]:
        """Payers whose cards were last shown before an instant, the oldest first."""
        query = select(_cards.c.payer).where(_cards.c.seen_ns < stamp_ns).order_by(_cards.c.seen_ns)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def link(self, payer: str, email: str | None, language: str | None) -> None:
        """Mail the payer's receipts to an address from now on; None: no longer.

        Raises AisleError for what is no address.
        """
        if email is not None and not _ADDRESS.fullmatch(email):
            raise AisleError(f"e-mail address '{email[:64]}': no such address; give one like name@example.org")
        self._change(payer, email=email, language=language)

    def allow_analytics(self, payer: str, allowed: bool) -> None:
        """Whether the payer's visits may be counted for the store's statistics."""
        self._change(payer, analytics=allowed)

    def set_staff(self, payer: str, staff: bool) -> None:
        """Whoever has the payer's card works here, or does no longer."""
        self._change(payer, staff=staff)

    def forget(self, payer: str) -> None:
        """Delete all that is known of a payer."""
        with writing(self._engine) as connection:
            connection.execute(_cards.delete().where(_cards.c.payer == payer))

    def _change(self, payer: str, **values: Any) -> None:
        with writing(self._engine) as connection:
            connection.execute(_cards.update().where(_cards.c.payer == payer).values(**values))
