"""The only personal data of the office: which card a payer has, and which e-mail address.

The journal knows a payer by a random name. Whoever is forgotten here is nobody there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Boolean, Column, Engine, MetaData, Table, Text, select

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
)


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a payer: the provider's token, and where and in which language receipts go, if anywhere.

    staff: whoever has this card works here.
    """

    payer: str
    token: str
    email: str | None
    language: str | None
    staff: bool


class Wallet:
    """Cards by payer. ``secret`` keys the fingerprints by which a card is found again."""

    def __init__(self, engine: Engine, secret: str) -> None:
        self._engine = engine
        self._secret = secret.encode()

    @classmethod
    def open(cls, url: str, secret: str) -> Self:
        """The wallet in a database. Raises AisleError when it cannot be opened or the secret is short."""
        if len(secret) < LEAST_SECRET_LENGTH:
            raise AisleError(f"wallet: the secret has {len(secret)} characters; give {LEAST_SECRET_LENGTH} or more")
        return cls(open_database(url, metadata), secret)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def payer_of(self, token: str) -> str:
        """The name of the payer with a card; a new random one for a card that is not known."""
        fingerprint = self.fingerprint(token)
        with writing(self._engine) as connection:
            query = select(_cards.c.payer).where(_cards.c.fingerprint == fingerprint)
            payer = connection.execute(query).scalar()
            if payer is None:
                payer = secrets.token_hex(8)
                row = {"payer": payer, "fingerprint": fingerprint, "token": token, "staff": False}
                connection.execute(_cards.insert(), row)
        return str(payer)

    def fingerprint(self, text: str) -> str:
        """By which a card or a code is found again without being kept: HMAC-SHA256 with the secret, hexadecimal."""
        return hmac.digest(self._secret, text.encode(), hashlib.sha256).hex()

    def card(self, payer: str) -> Card | None:
        """The card of a payer, unless it was forgotten."""
        columns = _cards.c
        wanted = (columns.payer, columns.token, columns.email, columns.language, columns.staff)
        query = select(*wanted).where(columns.payer == payer)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Card(*row)

    def link(self, payer: str, email: str | None, language: str | None) -> None:
        """Mail the payer's receipts to an address from now on; None: no longer.

        Raises AisleError for what is no address.
        """
        if email is not None and not _ADDRESS.fullmatch(email):
            raise AisleError(f"e-mail address '{email[:64]}': no such address; give one like name@example.org")
        with writing(self._engine) as connection:
            update = _cards.update().where(_cards.c.payer == payer)
            connection.execute(update.values(email=email, language=language))

    def set_staff(self, payer: str, staff: bool) -> None:
        """Whoever has the payer's card works here, or does no longer."""
        with writing(self._engine) as connection:
            connection.execute(_cards.update().where(_cards.c.payer == payer).values(staff=staff))

    def forget(self, payer: str) -> None:
        """Delete all that is known of a payer."""
        with writing(self._engine) as connection:
            connection.execute(_cards.delete().where(_cards.c.payer == payer))
