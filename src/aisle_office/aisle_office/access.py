"""The log of access: who looked at or changed what of a person, and who tried to and was refused.

It is a table of its own beside the journal, since it is deleted after its time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, select

from .database import open_database, writing

metadata = MetaData()
_access = Table(
    "access_log",
    metadata,
    Column("stamp_ns", BigInteger, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("origin", Text, nullable=False),
)
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Access:
    """One access. ``actor``: staff, key of the API, ``kiosk`` or ``link``; ``origin``: the network address."""

    stamp_ns: int
    actor: str
    action: str
    subject: str
    origin: str


class AccessLog:
    """Any thread may use it."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, url: str, clock: Callable[[], int]) -> Self:
        """The log in a database. Raises AisleError when it cannot be opened."""
        return cls(open_database(url, metadata), clock)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def note(self, actor: str, action: str, subject: str = "", origin: str = "") -> None:
        """Write an access down; long texts are cut."""
        values = {"actor": actor, "action": action, "subject": subject, "origin": origin}
        row = {name: _clean(value) for name, value in values.items()}
        with writing(self._engine) as connection:
            connection.execute(_access.insert(), {"stamp_ns": self._clock(), **row})

    def read(self, *, subject: str | None = None, limit: int = 1000) -> list[Access]:
        """The last accesses, the newest first."""
        query = select(*_access.c).order_by(_access.c.stamp_ns.desc()).limit(limit)
        if subject is not None:
            query = query.where(_access.c.subject == subject)
        with self._engine.connect() as connection:
            return [Access(*row) for row in connection.execute(query)]

    def delete_before(self, stamp_ns: int) -> int:
        """Delete what is older; gives how many."""
        with writing(self._engine) as connection:
            return connection.execute(_access.delete().where(_access.c.stamp_ns < stamp_ns)).rowcount


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_MOST_TEXT])
