"""Who may use the console and the API: accounts with passwords (argon2id) and keys, each with a role."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import hmac
import secrets
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Column, Engine, MetaData, Row, Table, Text, select

from aisle_core.errors import AisleError

from .database import open_database, writing

Role = Literal["viewer", "support", "manager"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may: look; decide and refund; see to accounts, data of persons and the site."""

LEAST_PASSWORD_LENGTH = 12
_MOST_PASSWORD_LENGTH = 256
_NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")

metadata = MetaData()
_accounts = Table(
    "staff",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
)
_keys = Table(
    "api_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. ``name`` is what the journal says: ``anna``, or ``api:till`` for a key of the API."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this role is enough for what needs ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Staff:
    """Accounts and keys in a database. Any thread may use it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hasher = PasswordHasher()
        self._one_at_a_time = threading.Lock()
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    @classmethod
    def open(cls, url: str) -> Self:
        """Raises AisleError when the database cannot be opened."""
        return cls(open_database(url, metadata))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def set_account(self, name: str, role: Role, password: str) -> None:
        """Make an account, or give it another role and password. Raises AisleError for a bad name or password."""
        _check_name(name)
        if not LEAST_PASSWORD_LENGTH <= len(password) <= _MOST_PASSWORD_LENGTH:
            raise AisleError(
                f"staff '{name}': the password has {len(password)} characters; "
                f"give {LEAST_PASSWORD_LENGTH} to {_MOST_PASSWORD_LENGTH}"
            )
        self._set(_accounts, name, role, password_hash=self._hasher.hash(password))

    def set_key(self, name: str, role: Role) -> str:
        """Make a key for the API, or a new one in its place; gives the key, which is kept nowhere."""
        _check_name(name)
        secret = secrets.token_urlsafe(32)
        self._set(_keys, name, role, secret_hash=_hash(secret))
        return f"{name}:{secret}"

    def remove(self, name: str) -> None:
        """Remove the account and the key with a name."""
        with writing(self._engine) as connection:
            for table in (_accounts, _keys):
                connection.execute(table.delete().where(table.c.name == name))

    def sign_in(self, name: str, password: str) -> Actor | None:
        """The account with this name and password; None after the same time when there is none.

        One at a time: argon2 takes 64 MB for each.
        """
        row = self._row(_accounts, name)
        known = row.password_hash if row is not None else self._nobody
        try:
            with self._one_at_a_time:
                self._hasher.verify(known, password)
        except VerifyMismatchError:
            return None
        return None if row is None else Actor(name, row.role)

    def account(self, name: str) -> Actor | None:
        """The account as it is now."""
        row = self._row(_accounts, name)
        return None if row is None else Actor(name, row.role)

    def accounts(self) -> list[Actor]:
        """All accounts, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_accounts.c.name, _accounts.c.role).order_by(_accounts.c.name))
            return [Actor(*row) for row in rows]

    def key_holder(self, key: str) -> Actor | None:
        """Who calls with a key of the API."""
        name, _, secret = key.partition(":")
        row = self._row(_keys, name)
        known = row.secret_hash if row is not None else _hash("")
        if not hmac.compare_digest(known, _hash(secret)) or row is None:
            return None
        return Actor(f"api:{name}", row.role)

    def _row(self, table: Table, name: str) -> Row[Any] | None:
        with self._engine.connect() as connection:
            return connection.execute(select(table).where(table.c.name == name)).one_or_none()

    def _set(self, table: Table, name: str, role: Role, **values: str) -> None:
        if role not in ROLES:
            raise AisleError(f"role '{role}': there is none; give {', '.join(ROLES)}")
        with writing(self._engine) as connection:
            connection.execute(table.delete().where(table.c.name == name))
            connection.execute(table.insert(), {"name": name, "role": role, **values})


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 64 or not set(name) <= _NAME_LETTERS:
        raise AisleError(f"name '{name[:64]}': give 1 to 64 of a-z, 0-9, '.', '-' and '_'")


def _hash(secret: str) -> str:
    """Of 256 random bits: one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Accounts and keys from the shell. A password is the first line of the input: no list of processes shows it."""
    parser = argparse.ArgumentParser(prog="aisle staff", description="Who may use the console and the API.")
    parser.add_argument("--database", required=True, help="URL, such as sqlite:///office.db")
    parser.add_argument("action", choices=("set-account", "set-key", "remove", "list"))
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("role", nargs="?", default="viewer", choices=ROLES)
    given = parser.parse_args(arguments)
    staff = Staff.open(given.database)
    match given.action:
        case "set-account":
            password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
            staff.set_account(given.name, given.role, password)
        case "set-key":
            print(staff.set_key(given.name, given.role))
        case "remove":
            staff.remove(given.name)
        case "list":
            for account in staff.accounts():
                print(f"{account.name}\t{account.role}")


if __name__ == "__main__":
    try:
        main()
    except AisleError as error:
        sys.exit(f"aisle staff: {error}")
