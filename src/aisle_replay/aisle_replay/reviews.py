"""Reviews of a finished replay: which wait, what somebody decided, and the part of the bag that shows why.

The decisions stand in ``receipts.reviews.json`` beside ``receipts.full.json``; ``receipts.json`` follows them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from aisle_contract.interfaces import Qos
from aisle_core.errors import AisleError

from .bag import BagReader, BagWriter
from .json_text import canonical_json, read_json
from .replay import INPUTS
from .results import FULL_SUFFIX, units, write_atomically

REVIEWS_SUFFIX = ".reviews.json"
BEFORE_NS, AFTER_NS = 5_000_000_000, 10_000_000_000
"""A slice begins so long before a visit opened and ends so long after it closed: whoever came is seen coming, and late
messages are in."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a receipt."""

    sku: str
    quantity: int
    review: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """A decision of the fusion that a review is about."""

    cart_event_id: str
    plate_id: str
    end_ns: int
    sku: str
    quantity: int
    confidence: float
    review: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit of ``receipts.full.json``; ``stamp_ns`` is when it closed."""

    name: str
    session_id: str
    open_ns: int
    stamp_ns: int
    review: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A review of ``receipts.full.json``."""

    session_id: str
    events: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class Receipts:
    """``receipts.full.json``."""

    visits: tuple[Visit, ...]
    reviews: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody decided: sku -> pieces, of what is not as it was told."""

    session_id: str
    actor: str
    quantities: dict[str, int]
    note: str


_RECEIPTS, _VERDICTS = TypeAdapter(Receipts), TypeAdapter(tuple[Verdict, ...])


def read_receipts(path: Path) -> Receipts:
    """``receipts.full.json``. Raises AisleError when it is none."""
    if not path.name.endswith(FULL_SUFFIX):
        raise AisleError(f"{path}: give the *{FULL_SUFFIX} of a replay, or the URL of an office's database")
    return read_json(path, _RECEIPTS)


def verdicts(path: Path) -> dict[str, Verdict]:
    """What was decided about the visits of a ``receipts.full.json``, by session id."""
    beside = _beside(path, REVIEWS_SUFFIX)
    return {verdict.session_id: verdict for verdict in read_json(beside, _VERDICTS)} if beside.is_file() else {}


def waiting(path: Path) -> list[tuple[Visit, tuple[Doubt, ...]]]:
    """Visits that nobody has decided, each with its decisions in doubt."""
    receipts, decided = read_receipts(path), verdicts(path)
    doubts = {review.session_id: review.events for review in receipts.reviews}
    return [
        (visit, doubts.get(visit.session_id, ()))
        for visit in receipts.visits
        if visit.review and visit.session_id not in decided
    ]


def find(path: Path, name: str) -> Visit:
    """A visit by its session id, or by its name in ``receipts.json``. Raises AisleError when there is none."""
    visits = read_receipts(path).visits
    found = [visit for visit in visits if name in (visit.session_id, visit.name)]
    if len(found) != 1:
        known = ", ".join(visit.session_id for visit in found or visits)
        raise AisleError(f"{path}: '{name}' is {len(found) or 'no'} visits; give one of {known}")
    return found[0]


def span(path: Path, name: str) -> tuple[int, int]:
    """From when to when a visit was, with those that are in doubt about the same decisions [ns].

    Raises AisleError when there is no such visit.
    """
    receipts, visit = read_receipts(path), find(path, name)
    doubts = {review.session_id: {event.cart_event_id for event in review.events} for review in receipts.reviews}
    mine = doubts.get(visit.session_id, set())
    together = [visit, *(other for other in receipts.visits if mine & doubts.get(other.session_id, set()))]
    return min(one.open_ns for one in together), max(one.stamp_ns for one in together)


def decide(path: Path, name: str, quantities: Mapping[str, int], actor: str, note: str) -> None:
    """Write down what a doubtful visit holds, and correct ``receipts.json``.

    Raises AisleError for a visit that waits for no review.
    """
    visit = find(path, name)
    if visit.session_id not in {other.session_id for other, _ in waiting(path)}:
        raise AisleError(f"visit '{name}' does not wait for a review; `aisle review list` lists those that do")
    decided = verdicts(path) | {visit.session_id: Verdict(visit.session_id, actor, dict(quantities), note)}
    corrected = units((other.name, _corrected(other, decided)) for other in read_receipts(path).visits)
    document = [dataclasses.asdict(verdict) for _, verdict in sorted(decided.items())]
    write_atomically(
        {
            _beside(path, REVIEWS_SUFFIX): canonical_json(document, indent=2) + "\n",
            _beside(path, ".json"): canonical_json(corrected, indent=2) + "\n",
        }
    )


def cut(bag: Path, out: Path, open_ns: int, close_ns: int) -> int:
    """Copy what the replay of a visit needs into a new bag, with the site; gives the number of messages.

    Raises AisleError when there is nothing of that time.
    """
    from_ns, to_ns = open_ns - BEFORE_NS, close_ns + AFTER_NS
    count = 0
    latched: dict[str, bytes] = {}
    with BagReader(bag) as reader, BagWriter(out, reader.site_folder()) as writer:
        for log_ns, topic, data in reader.raw():
            if topic.entry not in INPUTS or log_ns > to_ns:
                continue
            if log_ns < from_ns:
                if topic.entry.qos is Qos.STATE:
                    latched[topic.name] = data
                continue
            for name in list(latched):
                writer.append_raw(from_ns, name, latched.pop(name))
            writer.append_raw(log_ns, topic.name, data)
            count += 1
        if not count:
            raise AisleError(f"{bag}: has nothing of that visit's time; give the bag it was recorded in")
    return count


def _corrected(visit: Visit, decided: Mapping[str, Verdict]) -> list[Line]:
    held = {line.sku: line.quantity for line in visit.lines}
    if visit.session_id in decided:
        held |= decided[visit.session_id].quantities
    return [Line(sku, quantity, False) for sku, quantity in held.items() if quantity]


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name.removesuffix(FULL_SUFFIX) + suffix)
