"""Databases: SQLite in one file, or PostgreSQL for a store with several hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from aisle_core.errors import AisleError

_LOCK = 0x41_69_73_6C_65
"""Advisory lock of PostgreSQL while tables are made."""


def open_database(url: str, metadata: MetaData) -> Engine:
    """An engine whose tables exist. ``url`` as SQLAlchemy has it: ``sqlite:///journal.db``, ``postgresql+psycopg://...``

    SQLite runs in write-ahead mode, a commit returns when the disk has it (synchronous=FULL), and what is deleted is
    overwritten with zeros.
    Raises AisleError when the database cannot be opened.
    """
    try:
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        with writing(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            metadata.create_all(connection)
    except (ArgumentError, NoSuchModuleError):
        raise AisleError(
            f"database '{url.partition(':')[0]}': no such kind; give a URL such as sqlite:///office.db"
        ) from None
    except DBAPIError as error:
        raise AisleError(
            f"database '{engine.url.render_as_string()}': {str(error.orig).strip().splitlines()[0]}; "
            "check the path or address, and the rights"
        ) from None
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction of the only writer there is; what raises within undoes it."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout=10000")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")
