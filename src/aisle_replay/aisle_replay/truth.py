"""The file ``truth.jsonl``: what really happened in a simulated store.

Only ``aisle_sim`` writes it and only the scorer reads it.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

from aisle_contract.truth import TruthCart, TruthEvent, TruthEventKind, TruthLine, TruthPeople, TruthPerson
from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_core.types import Point

from .json_text import canonical_json, plain, read_json_lines

TRUTH_VERSION = 1
"""Grows when a key of the file changes its meaning."""

TRUTH_FILE = "truth.jsonl"
"""Name of the file in a bag and in a run folder."""

Truth = TruthPeople | TruthEvent | TruthCart
"""What follows the first line of the file, in any order of kinds."""


@dataclass(frozen=True, slots=True)
class TruthHeader:
    """Which run it is the truth of; the first line of the file."""

    store_id: str
    site_hash: str
    scenario: str
    seed: int


@dataclass(frozen=True, slots=True)
class TruthLog:
    """A whole file; each kind in the order in which it was written."""

    header: TruthHeader
    people: tuple[TruthPeople, ...]
    events: tuple[TruthEvent, ...]
    carts: tuple[TruthCart, ...]

    def receipts(self) -> dict[str, dict[str, int]]:
        """Credential -> SKU -> units of the closed carts, those of one credential added up; {} for an empty one."""
        receipts: dict[str, Counter[str]] = {}
        for cart in self.carts:
            if cart.closed:
                bought = receipts.setdefault(cart.credential, Counter())
                bought.update({line.sku: line.quantity for line in cart.lines})
        return {credential: dict(bought) for credential, bought in receipts.items()}

    def unfinished(self) -> frozenset[str]:
        """Credentials whose visit was still open when the file ended."""
        closed = {cart.credential: cart.closed for cart in self.carts}
        return frozenset(credential for credential, done in closed.items() if not done)

    def credentials(self) -> dict[str, str]:
        """Shopper -> the credential that pays for them, of everybody seen; "" for staff without visit."""
        pays = {person.shopper: person.credential for sample in self.people for person in sample.people}
        return pays | {shopper: cart.credential for cart in self.carts for shopper in cart.shoppers}


class TruthWriter:
    """Writes the file line by line.

    Beside its place, to be moved there when it is closed; or, ``live``, in its place, each line flushed, so that what
    a killed run leaves behind can be read. As a context manager it keeps the file only if the block succeeds or the
    writer is live.
    """

    def __init__(self, path: Path, store: Store, scenario: str, seed: int, live: bool = False) -> None:
        """Raises AisleError when the file exists or cannot be written."""
        if path.exists():
            raise AisleError(f"{path}: exists already; give a new name or remove it")
        self._path = path
        self._work = path if live else path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._live = live
        with self._writable():
            self._file = self._work.open("wb")
        header = TruthHeader(store.store_id, store.site_hash, scenario, seed)
        self._write(canonical_json({"truth_version": TRUTH_VERSION, **plain(header)}).encode())

    def append(self, truth: Truth) -> None:
        """Add one document. Lengths and speeds are kept in whole millimetres."""
        if isinstance(truth, TruthPeople):
            self._write(_ANY.dump_json({"kind": "people", "people": _columns(truth)}))
            return
        kind = "event" if isinstance(truth, TruthEvent) else "cart"
        document = {"kind": kind, kind: {"sequence": truth.sequence, **plain(truth)}}
        self._write(canonical_json(document).encode())

    def close(self) -> None:
        """Complete the file."""
        with self._writable():
            self._file.close()
            self._work.replace(self._path)

    def discard(self) -> None:
        """Drop what has not been completed; what a live writer wrote stays."""
        with contextlib.suppress(OSError):
            self._file.close()
            if not self._live:
                self._work.unlink()

    def _write(self, line: bytes) -> None:
        with self._writable():
            self._file.write(line + b"\n")
            if self._live:
                self._file.flush()

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror
            raise AisleError(f"{self._path}: cannot be written: {reason}; give a folder you may write to") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.discard()


def read_truth(path: Path) -> TruthLog:
    """Read a truth file.

    Raises AisleError, naming the line, for what is no truth, is broken or is of another version.
    """
    lines = read_json_lines(path, _LINE, _FIRST_LINE)
    header = next(lines, None)
    if not isinstance(header, _Header):
        raise AisleError(f"{path}: empty; simulate it again")
    found: dict[str, list[Any]] = {"people": [], "event": [], "cart": []}
    for line in lines:
        if not isinstance(line, _Header):
            found[line.kind].append(line.truth())
    return TruthLog(header.header(), tuple(found["people"]), tuple(found["event"]), tuple(found["cart"]))


def _columns(sample: TruthPeople) -> dict[str, Any]:
    """The document of one instant, its keys in the order of the alphabet."""
    people = sample.people
    numbers = chain.from_iterable(
        (*p.head, *p.left_hand, *p.position, *p.right_hand, *p.velocity, p.height) for p in people
    )
    whole = np.rint(np.fromiter(numbers, np.float64, 16 * len(people)) * 1000).astype(np.int64).reshape(-1, 16)
    return {
        "credential": [person.credential for person in people],
        "head_mm": whole[:, 0:3].tolist(),
        "height_mm": whole[:, 15].tolist(),
        "left_hand_mm": whole[:, 3:6].tolist(),
        "position_mm": whole[:, 6:9].tolist(),
        "right_hand_mm": whole[:, 9:12].tolist(),
        "sequence": sample.sequence,
        "shopper": [person.shopper for person in people],
        "stamp_ns": sample.stamp_ns,
        "velocity_mm_s": whole[:, 12:15].tolist(),
    }


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _version(value: Any) -> Any:
    if value != TRUTH_VERSION:
        raise ValueError(f"truth of version {value}, this software reads {TRUTH_VERSION}; simulate it again")
    return value


class _Header(_Document):
    truth_version: Annotated[int, BeforeValidator(_version)]
    store_id: str
    site_hash: str
    scenario: str
    seed: int

    def header(self) -> TruthHeader:
        return TruthHeader(self.store_id, self.site_hash, self.scenario, self.seed)


_Millimetres = list[tuple[int, int, int]]


class _Columns(_Document):
    stamp_ns: int
    sequence: int
    shopper: list[str]
    credential: list[str]
    position_mm: _Millimetres
    head_mm: _Millimetres
    left_hand_mm: _Millimetres
    right_hand_mm: _Millimetres
    velocity_mm_s: _Millimetres
    height_mm: list[int]

    @model_validator(mode="after")
    def _as_long_as_each_other(self) -> Self:
        if any(len(column) != len(self.shopper) for _, column in self if isinstance(column, list)):
            raise ValueError("the lists of one instant differ in length; simulate it again")
        return self


class _People(_Document):
    kind: Literal["people"]
    people: _Columns

    def truth(self) -> TruthPeople:
        columns = self.people
        people = zip(
            columns.shopper,
            columns.credential,
            _metres(columns.position_mm),
            _metres(columns.velocity_mm_s),
            [height / 1000 for height in columns.height_mm],
            _metres(columns.head_mm),
            _metres(columns.left_hand_mm),
            _metres(columns.right_hand_mm),
            strict=True,
        )
        return TruthPeople(columns.stamp_ns, columns.sequence, tuple(TruthPerson(*person) for person in people))


def _metres(column: _Millimetres) -> list[Point]:
    return [(x / 1000, y / 1000, z / 1000) for x, y, z in column]


def _kind(name: Any) -> TruthEventKind:
    kinds = {kind.name.lower(): kind for kind in TruthEventKind}
    if name not in kinds:
        raise ValueError(f"no kind of event; known: {', '.join(kinds)}")
    return kinds[name]


class _EventFields(_Document):
    stamp_ns: int
    end_ns: int
    sequence: int
    kind: Annotated[TruthEventKind, BeforeValidator(_kind)]
    shopper: str
    other: str
    plate_ids: list[str]
    sku: str
    quantity: Annotated[int, Field(ge=0)]
    mass: float


class _Event(_Document):
    kind: Literal["event"]
    event: _EventFields

    def truth(self) -> TruthEvent:
        return TruthEvent(**dict(self.event) | {"plate_ids": tuple(self.event.plate_ids)})


class _LineFields(_Document):
    sku: str
    quantity: Annotated[int, Field(gt=0)]


class _CartFields(_Document):
    stamp_ns: int
    sequence: int
    credential: str
    shoppers: list[str]
    closed: bool
    lines: list[_LineFields]


class _Cart(_Document):
    kind: Literal["cart"]
    cart: _CartFields

    def truth(self) -> TruthCart:
        lines = tuple(TruthLine(line.sku, line.quantity) for line in self.cart.lines)
        return TruthCart(**dict(self.cart) | {"shoppers": tuple(self.cart.shoppers), "lines": lines})


_FIRST_LINE: TypeAdapter[_Header | _People | _Event | _Cart] = TypeAdapter(_Header)
_LINE: TypeAdapter[_Header | _People | _Event | _Cart] = TypeAdapter(
    Annotated[_People | _Event | _Cart, Field(discriminator="kind")]
)
_ANY = TypeAdapter(Any)
"""Five times faster than json on lists of numbers; the same text where keys are sorted and there are no floats."""
