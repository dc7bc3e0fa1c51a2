"""The journal: every event of the office, in order, once, and never changed.

Whoever wants something to happen appends an event; whoever makes it happen follows the journal. An event has a key,
and the first event of a key stands, so that repeating a step does no harm and two that contradict each other
cannot both be true. Each entry holds the hash of the one before it, and of its own event only the salted hash: so what
an event says can be deleted after its time, and the chain stays whole.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    except_,
    func,
    select,
)

from aisle_core.errors import AisleError

from . import events
from .database import open_database, writing
from .events import Event

FIRST_HASH = "0" * 64
"""What the first entry follows."""

_SALT_BYTES = 16

metadata = MetaData()
_journal = Table(
    "journal",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("stamp_ns", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("body", Text),
    Column("salt", Text),
    Column("seal", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("journal_ordinal", "kind", "ordinal", unique=True),
    Index("journal_subject", "subject", "position"),
)
_bookmarks = Table(
    "bookmarks", metadata, Column("reader", Text, primary_key=True), Column("position", BigInteger, nullable=False)
)
_kept = Table("kept", metadata, Column("name", Text, primary_key=True), Column("body", Text, nullable=False))
_STANDING = select(_journal).where(_journal.c.key.in_(bindparam("keys", expanding=True)))
_LAST = select(_journal.c.position, _journal.c.hash).order_by(_journal.c.position.desc()).limit(1)
_ORDINAL = select(func.max(_journal.c.ordinal)).where(_journal.c.kind == bindparam("kind"))
_ROWS = select(_journal).where(_journal.c.position > bindparam("after")).order_by(_journal.c.position)
_THERE = _journal.c.body.is_not(None)
_AFTER = _ROWS.where(_THERE)
_OF_SUBJECT = _AFTER.where(_journal.c.subject == bindparam("subject"))
_INSERT = _journal.insert()


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it stands in the journal.

    position: 1, 2, 3 ... without gaps. ordinal: the same among the events of its kind.
    stamp_ns: the office's clock when it was written [ns since 1970, UTC].
    """

    position: int
    stamp_ns: int
    ordinal: int
    event: Event
    hash: str


@dataclass(frozen=True, slots=True)
class RawEntry:
    """A row of the journal as the database has it. ``body`` and ``salt`` are None where the event was deleted.

    seal: SHA-256 over salt and body. The salt is random: nobody finds a deleted event by trying.
    """

    position: int
    stamp_ns: int
    kind: str
    version: int
    ordinal: int
    subject: str
    key: str
    body: str | None
    salt: str | None
    seal: str
    hash: str

    def digest(self, previous: str) -> str:
        """The hash that this entry must have after one with the hash ``previous``: SHA-256 over all columns, sealed."""
        fields = [
            previous,
            self.position,
            self.stamp_ns,
            self.kind,
            self.version,
            self.ordinal,
            self.subject,
            self.key,
            self.seal,
        ]
        return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()

    def fits(self) -> bool:
        """Whether the event is the one that was sealed, or is deleted."""
        return self.body is None or (self.salt is not None and _seal(self.salt, self.body) == self.seal)

    def entry(self) -> Entry:
        """With its event. Raises AisleError when that cannot be read."""
        if self.body is None:
            raise AisleError(f"journal: what entry {self.position} ({self.kind}) said was deleted after its time")
        event = events.load(self.kind, self.version, self.body)
        return Entry(self.position, self.stamp_ns, self.ordinal, event, self.hash)


class Journal:
    """Many processes may write and read one journal; any thread may use this object.

    All methods raise ``sqlalchemy.exc.DBAPIError`` when the database fails; then nothing or everything was written,
    and the same call can be made again.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, url: str, clock: Callable[[], int]) -> Self:
        """The journal in a database, made if it is not there. ``clock`` gives ns since 1970.

        Raises AisleError when the database cannot be opened.
        """
        return cls(open_database(url, metadata), clock)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def append(self, *news: Event, keep: Mapping[str, str] | None = None) -> tuple[Entry, ...]:
        """Write events, all or none, and return when they are on the disk.

        Gives the entries that now stand under their keys: another event's, where the key was taken before.
        keep: texts by name, for ``kept``; written with the events, in the place of older ones.
        """
        with writing(self._engine) as connection:
            for name, body in (keep or {}).items():
                connection.execute(_kept.delete().where(_kept.c.name == name))
                connection.execute(_kept.insert(), {"name": name, "body": body})
            if self._engine.dialect.name == "postgresql":
                connection.exec_driver_sql("LOCK TABLE journal IN EXCLUSIVE MODE")
            keys = [event.key for event in news]
            standing = {row.key: _raw(row).entry() for row in connection.execute(_STANDING, {"keys": keys})}
            fresh = list({event.key: event for event in reversed(news) if event.key not in standing}.values())[::-1]
            if not fresh:
                return tuple(standing[key] for key in keys)
            last = connection.execute(_LAST).one_or_none()
            position, previous = (last.position, last.hash) if last is not None else (0, FIRST_HASH)
            ordinals: dict[str, int] = {}
            stamp_ns = self._clock()
            rows: list[dict[str, Any]] = []
            for event in fresh:
                position += 1
                kind = event.kind()
                if kind not in ordinals:
                    ordinals[kind] = connection.execute(_ORDINAL, {"kind": kind}).scalar() or 0
                ordinals[kind] += 1
                content = (position, stamp_ns, kind, event.VERSION, ordinals[kind], event.subject, event.key)
                body, salt = events.dump(event), secrets.token_hex(_SALT_BYTES)
                sealed = (body, salt, _seal(salt, body))
                previous = RawEntry(*content, *sealed, "").digest(previous)
                raw = RawEntry(*content, *sealed, previous)
                rows.append({name: getattr(raw, name) for name in RawEntry.__slots__})
                standing[event.key] = Entry(position, stamp_ns, ordinals[kind], event, previous)
            connection.execute(_INSERT, rows)
        return tuple(standing[key] for key in keys)

    def read(
        self,
        *,
        after: int = 0,
        subject: str | None = None,
        kinds: Collection[type[Event]] | None = None,
        mentioning: str | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """Entries in their order, behind position ``after``; of one subject, of some kinds, at most ``limit``.

        Those that were deleted after their time are left out.

        mentioning: only those in whose fields this text stands somewhere; it reads all that are left otherwise.
        """
        query, values = _AFTER, {"after": after, "subject": subject}
        if subject is not None:
            query = _OF_SUBJECT
        if kinds is not None:
            query = query.where(_journal.c.kind.in_([kind.kind() for kind in kinds]))
        if mentioning is not None:
            query = query.where(_journal.c.body.contains(mentioning, autoescape=True))
        if limit is not None:
            query = query.limit(limit)
        return [raw.entry() for raw in self._rows(query, values)]

    def raw(self, *, after: int = 0, limit: int) -> list[RawEntry]:
        """Rows as they are, for the auditor."""
        return list(self._rows(_ROWS.limit(limit), {"after": after}))

    def raw_of(self, subject: str) -> list[RawEntry]:
        """The rows of one subject as they are."""
        return list(self._rows(_ROWS.where(_journal.c.subject == subject), {"after": 0}))

    def subjects(self, kinds: Collection[type[Event]], without: Collection[type[Event]], until: int) -> set[str]:
        """What has an entry of some kinds up to a position, and none of others at all."""

        def of(some: Collection[type[Event]]) -> Any:
            return select(_journal.c.subject).where(_journal.c.kind.in_([kind.kind() for kind in some]))

        query = except_(of(kinds).where(_journal.c.position <= until), of(without))
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def delete(self, kinds: Collection[type[Event]], until: int, keep: Collection[str]) -> int:
        """Delete what the entries of some kinds up to a position say, except of some subjects; gives how many.

        Position, key and hash stay, so that nothing looks as if it had never been.
        """
        old = _journal.update().where(_THERE, _journal.c.position <= until)
        old = old.where(_journal.c.kind.in_([kind.kind() for kind in kinds]), _journal.c.subject.not_in(keep))
        with writing(self._engine) as connection:
            return connection.execute(old.values(body=None, salt=None)).rowcount

    def get(self, key: str) -> Entry | None:
        """The entry that stands under a key."""
        return next((raw.entry() for raw in self._rows(select(_journal).where(_THERE, _journal.c.key == key))), None)

    def at(self, position: int) -> Entry | None:
        """The entry at a position."""
        query = select(_journal).where(_THERE, _journal.c.position == position)
        return next((raw.entry() for raw in self._rows(query)), None)

    def numbered(self, kind: type[Event], ordinal: int) -> Entry | None:
        """The entry with a number among those of its kind."""
        query = select(_journal).where(_THERE, _journal.c.kind == kind.kind(), _journal.c.ordinal == ordinal)
        return next((raw.entry() for raw in self._rows(query)), None)

    def position_before(self, stamp_ns: int) -> int:
        """Position of the last entry that was written before an instant, 0 when there is none."""
        query = select(func.max(_journal.c.position)).where(_journal.c.stamp_ns < stamp_ns)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar() or 0

    def end(self) -> int:
        """Position of the last entry, 0 for an empty journal."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(_journal.c.position))).scalar() or 0

    def kept(self, name: str) -> str | None:
        """The text that was last kept under a name."""
        with self._engine.connect() as connection:
            return connection.execute(select(_kept.c.body).where(_kept.c.name == name)).scalar()

    def bookmark(self, reader: str) -> int:
        """Where a reader left off; 0 for a new one."""
        with self._engine.connect() as connection:
            query = select(_bookmarks.c.position).where(_bookmarks.c.reader == reader)
            return connection.execute(query).scalar() or 0

    def set_bookmark(self, reader: str, position: int) -> None:
        """Remember where a reader left off."""
        with writing(self._engine) as connection:
            connection.execute(_bookmarks.delete().where(_bookmarks.c.reader == reader))
            connection.execute(_bookmarks.insert(), {"reader": reader, "position": position})

    def _rows(self, query: Any, values: dict[str, Any] | None = None) -> Iterable[RawEntry]:
        with self._engine.connect() as connection:
            return [_raw(row) for row in connection.execute(query, values)]


def _seal(salt: str, body: str) -> str:
    return hashlib.sha256(f"{salt}{body}".encode()).hexdigest()


def _raw(row: Row[Any]) -> RawEntry:
    return RawEntry(*tuple(row))
