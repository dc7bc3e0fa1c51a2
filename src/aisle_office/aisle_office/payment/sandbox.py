"""A provider for demonstrations and tests: it takes no money, and it misbehaves when its cards say so.

Its books are a database of its own. A token that begins with a name in ``MANNERS`` misbehaves in that manner; any other
is a good card.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    func,
    select,
)

from ..database import open_database, writing
from ..money import Money
from .provider import DeclinedError, Evidence, PaymentError, RejectedError, UnreachableError

Step = Literal["pre_authorise", "adjust", "capture", "cancel", "refund", "contest"]
Fault = Literal["declined", "lost_call", "lost_answer", "late", "twice"]
"""Answers no; never gets the call; acts, but the answer is lost; acts when the next call of anybody comes; gets the
call twice."""
_STEPS: tuple[Step, ...] = get_args(Step)

MANNERS: dict[str, tuple[tuple[Step, ...], Fault, int]] = {
    "tok_declined": (("pre_authorise",), "declined", 99),
    "tok_no_more": (("adjust",), "declined", 99),
    "tok_blocked_later": (("capture",), "declined", 1),
    "tok_stolen_later": (("capture",), "declined", 99),
    "tok_timeout": (_STEPS, "lost_call", 2),
    "tok_lost_answer": (_STEPS, "lost_answer", 2),
    "tok_late": (("capture", "refund"), "late", 1),
    "tok_twice": (_STEPS, "twice", 99),
    "tok_silent": (_STEPS, "lost_call", 1_000_000),
}
"""Beginning of a token -> at which calls, how, and at how many of the first attempts.

Attempts are counted by card where it is declined, else by key.
"""

metadata = MetaData()
_authorisations = Table(
    "authorisations",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("token", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("captured_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("open", Boolean, nullable=False),
)
_answers = Table(
    "answers",
    metadata,
    Column("key", Text, primary_key=True),
    Column("call", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("declined", Boolean, nullable=False),
)
_attempts = Table("attempts", metadata, Column("key", Text, primary_key=True), Column("count", Integer, nullable=False))
_chargebacks = Table(
    "chargebacks",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("charge_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("evidence", Text),
)
_late = Table("late", metadata, Column("number", Integer, primary_key=True), Column("call", Text, nullable=False))


@dataclass(frozen=True, slots=True)
class Books:
    """What a sandbox has done, in minor units; ``captures``: how many authorisations were captured.

    charged_back_minor: taken back by banks, and not returned; of all cards only.
    """

    captured_minor: int
    refunded_minor: int
    held_minor: int
    captures: int
    charged_back_minor: int = 0


class Sandbox:
    """A ``PaymentProvider``. ``wait`` is called where a real provider would keep the caller waiting."""

    def __init__(self, engine: Engine, wait: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._wait = wait

    @classmethod
    def open(cls, url: str, wait: Callable[[], None] = lambda: None) -> Self:
        """The sandbox whose books are in a database. Raises AisleError when it cannot be opened."""
        return cls(open_database(url, metadata), wait)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def books(self, token: str | None = None) -> Books:
        """The sums of all cards, or of one."""
        columns = _authorisations.c
        query = select(
            func.coalesce(func.sum(columns.captured_minor), 0),
            func.coalesce(func.sum(columns.refunded_minor), 0),
            func.coalesce(func.sum(columns.held_minor).filter(columns.open), 0),
            func.count().filter(columns.captured_minor > 0),
        )
        if token is not None:
            query = query.where(columns.token == token)
        back = select(func.coalesce(func.sum(_chargebacks.c.minor), 0)).where(_chargebacks.c.status != "won")
        with self._engine.connect() as connection:
            sums = connection.execute(query).one()
            charged_back = 0 if token is not None else connection.execute(back).scalar_one()
        captured, refunded, held, captures = map(int, sums)
        return Books(captured, refunded, held, captures, int(charged_back))

    def charge_back(self, charge_id: str, minor: int, reason: str) -> bytes:
        """The card's bank takes money back; gives the notice to send. Raises RejectedError for what was not charged."""
        with writing(self._engine) as connection:
            charge = _authorisation(connection, charge_id.replace("ch_", "auth_"))
            if charge is None or minor > charge.captured_minor:
                raise RejectedError(f"sandbox: '{charge_id}' has not taken {minor}")
            row = {"charge_id": charge_id, "currency": charge.currency, "minor": minor, "reason": reason}
            number = connection.execute(_chargebacks.insert(), row | {"status": "needs_response"}).inserted_primary_key
            assert number is not None
            return _notice(connection, number[0], "charge.dispute.created")

    def end_chargeback(self, chargeback_id: str, won: bool) -> bytes:
        """The dispute is over; gives the notice to send. Raises RejectedError for one that is not known."""
        number = int(chargeback_id.removeprefix("dp_"))
        with writing(self._engine) as connection:
            status = "won" if won else "lost"
            changed = connection.execute(
                _chargebacks.update().where(_chargebacks.c.number == number).values(status=status)
            )
            if not changed.rowcount:
                raise RejectedError(f"sandbox: no such chargeback '{chargeback_id}'")
            return _notice(connection, number, "charge.dispute.closed")

    def pre_authorise(self, token: str, amount: Money, key: str) -> str:
        return self._call("pre_authorise", token, amount, key)

    def adjust(self, authorisation_id: str, amount: Money, key: str) -> None:
        self._call("adjust", authorisation_id, amount, key)

    def capture(self, authorisation_id: str, amount: Money, key: str) -> str:
        return self._call("capture", authorisation_id, amount, key)

    def cancel(self, authorisation_id: str, key: str) -> None:
        self._call("cancel", authorisation_id, Money(0, ""), key)

    def contest(self, chargeback_id: str, evidence: Evidence, key: str) -> None:
        self._call("contest", chargeback_id, Money(0, ""), key, evidence.text)

    def evidence(self, chargeback_id: str) -> str | None:
        """The text that the store has handed in."""
        query = select(_chargebacks.c.evidence).where(_chargebacks.c.number == _number(chargeback_id))
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def refund(self, charge_id: str, amount: Money, key: str) -> str:
        return self._call("refund", charge_id.replace("ch_", "auth_"), amount, key)

    def _call(self, step: Step, target: str, amount: Money, key: str, text: str = "") -> str:
        self._wait()
        call = json.dumps([step, target, amount.minor, amount.currency, key, text])
        with writing(self._engine) as connection:
            for row in connection.execute(select(_late)).all():
                _perform(connection, row.call)
            connection.execute(_late.delete())
            fault = _fault(connection, step, target, key)
            if fault == "late":
                connection.execute(_late.insert(), {"call": call})
            answer = (
                None if fault in ("late", "lost_call") else _perform(connection, call, declined=fault == "declined")
            )
            if fault == "twice":
                answer = _perform(connection, call)
        if answer is None or fault == "lost_answer":
            raise UnreachableError(f"sandbox: no answer to {step}")
        if isinstance(answer, PaymentError):
            raise answer
        return answer


def _notice(connection: Connection, number: int, kind: str) -> bytes:
    row = connection.execute(select(_chargebacks).where(_chargebacks.c.number == number)).one()
    dispute = {
        "id": f"dp_{number}",
        "object": "dispute",
        "payment_intent": None,
        "charge": row.charge_id,
        "amount": row.minor,
        "currency": row.currency.lower(),
        "reason": row.reason,
        "status": row.status,
    }
    event = {"id": f"evt_{number}_{row.status}", "object": "event", "type": kind, "data": {"object": dispute}}
    return json.dumps(event).encode()


def _fault(connection: Connection, step: Step, target: str, key: str) -> Fault | None:
    row = None if step == "pre_authorise" else _authorisation(connection, target)
    token = target if row is None else row.token
    manner = next((name for name in MANNERS if token.startswith(name)), None)
    if manner is None or step not in MANNERS[manner][0]:
        return None
    _, fault, times = MANNERS[manner]
    counted = f"{step} {token}" if fault == "declined" else key
    tried = connection.execute(select(_attempts.c.count).where(_attempts.c.key == counted)).scalar() or 0
    connection.execute(_attempts.delete().where(_attempts.c.key == counted))
    connection.execute(_attempts.insert(), {"key": counted, "count": tried + 1})
    return fault if tried < times else None


def _number(chargeback_id: str) -> int | None:
    number = chargeback_id.removeprefix("dp_")
    return int(number) if number.isdecimal() else None


def _authorisation(connection: Connection, target: str) -> Row[Any] | None:
    """The authorisation with an id, or behind a chargeback."""
    query = select(_chargebacks.c.charge_id).where(_chargebacks.c.number == _number(target))
    charge_id = connection.execute(query).scalar() if target.startswith("dp_") else None
    number = (target if charge_id is None else charge_id.replace("ch_", "auth_")).removeprefix("auth_")
    if not number.isdecimal():
        return None
    return connection.execute(select(_authorisations).where(_authorisations.c.number == int(number))).one_or_none()


def _perform(connection: Connection, call: str, *, declined: bool = False) -> str | PaymentError:
    """Do a call unless its key was answered before; gives the answer of the key."""
    step, target, minor, currency, key, text = json.loads(call)
    known = connection.execute(select(_answers).where(_answers.c.key == key)).one_or_none()
    if known is not None:
        if known.call != call:
            return RejectedError("sandbox: the idempotency key was used for another call")
        return DeclinedError(known.answer) if known.declined else str(known.answer)
    answer: str | PaymentError = DeclinedError("sandbox: the card was declined")
    if not declined:
        answer = _act(connection, step, target, minor, currency, text)
    if not isinstance(answer, RejectedError):
        row = {"key": key, "call": call, "answer": str(answer), "declined": isinstance(answer, DeclinedError)}
        connection.execute(_answers.insert(), row)
    return answer


def _act(connection: Connection, step: Step, target: str, minor: int, currency: str, text: str) -> str | PaymentError:
    if step == "contest":
        told = {"evidence": text, "status": "under_review"}
        open_ = (_chargebacks.c.number == _number(target), _chargebacks.c.status == "needs_response")
        taken = connection.execute(_chargebacks.update().where(*open_).values(told)).rowcount
        return "" if taken else RejectedError(f"sandbox: no chargeback '{target}' wants an answer")
    if step == "pre_authorise":
        row = {"token": target, "currency": currency, "held_minor": minor, "captured_minor": 0, "refunded_minor": 0}
        inserted = connection.execute(_authorisations.insert(), row | {"open": True}).inserted_primary_key
        assert inserted is not None
        return f"auth_{inserted[0]}"
    authorisation = _authorisation(connection, target)
    if authorisation is None:
        return RejectedError(f"sandbox: no such authorisation '{target}'")
    if step != "cancel" and authorisation.currency != currency:
        return RejectedError(f"sandbox: '{target}' is in {authorisation.currency}, not in {currency}")
    update = _authorisations.update().where(_authorisations.c.number == authorisation.number)
    match step:
        case "adjust" | "capture" if not authorisation.open:
            return DeclinedError(f"sandbox: '{target}' holds nothing any more")
        case "adjust":
            connection.execute(update.values(held_minor=max(minor, authorisation.held_minor)))
        case "capture":
            if minor > authorisation.held_minor:
                return DeclinedError(f"sandbox: '{target}' holds {authorisation.held_minor}, not {minor}")
            connection.execute(update.values(captured_minor=minor, open=False))
            return target.replace("auth_", "ch_")
        case "cancel":
            connection.execute(update.values(open=False))
        case "refund":
            if authorisation.refunded_minor + minor > authorisation.captured_minor:
                return DeclinedError(f"sandbox: '{target}' has not so much left to give back")
            connection.execute(update.values(refunded_minor=authorisation.refunded_minor + minor))
            digest = hashlib.sha256(f"{target} {authorisation.refunded_minor}".encode()).hexdigest()
            return f"re_{digest[:16]}"
    return ""
