"""A run: what was decided when, as a replay tells it, a bag holds it or a run folder keeps it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from aisle_contract.interfaces import CART_EVENTS, RECEIPTS
from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_core.types import CartEvent, CartEvents, Carts, PersonTrack, PersonTracks, Receipt, TrackState

from .bag import BagReader
from .json_text import canonical_json, plain, read_json, read_json_lines
from .results import FULL_SUFFIX, Results, visit_name, write_atomically
from .truth import TRUTH_FILE

EVENTS_FILE, RECEIPTS_FILE = "events.jsonl", "receipts.json"
TRACKS_FILE, TIMING_FILE = "tracks.jsonl", "timing.jsonl"


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True)


class Decision(_Read):
    """What the scorer needs of a ``CartEvent``."""

    cart_event_id: str
    plate_id: str
    start_ns: int
    end_ns: int
    track_id: int
    sku: str
    quantity: int
    confidence: float


class VisitLine(_Read):
    """What the scorer needs of a ``CartLine``."""

    sku: str
    quantity: int
    review: bool


class Visit(_Read):
    """What the scorer needs of a ``Receipt``; ``name`` as in ``receipts.json``."""

    name: str
    session_id: str
    track_ids: tuple[int, ...]
    label: str | None
    credential: str | None
    stamp_ns: int
    close_reason: str
    review: bool
    lines: tuple[VisitLine, ...]

    @property
    def payer(self) -> str:
        """The credential, without gates the label, else the name."""
        return _payer(self.credential, self.label, self.name)


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Where the tracker saw people.

    ``batch_ns`` (b,) int64: stamps of all batches, also of the empty ones. ``stamp_ns``, ``track_id`` (n,) int64 and
    ``position`` (n, 2) float64 [m, map]: one row per track that was seen, in the order of the stamps.
    """

    batch_ns: NDArray[np.int64]
    stamp_ns: NDArray[np.int64]
    track_id: NDArray[np.int64]
    position: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Run:
    """What was decided in one run; every decision and receipt once.

    ``owners``: track id -> payer of its visit. ``released_ns``: id of a decision or session of a receipt -> data time
    at which it was known. ``tracks`` is None where none were recorded.
    """

    name: str
    store_id: str
    decisions: tuple[Decision, ...]
    visits: tuple[Visit, ...]
    owners: dict[int, str]
    released_ns: dict[str, int]
    tracks: Tracks | None


class RunRecorder:
    """Collects a run from the outputs of the stages or the messages of a bag."""

    def __init__(self) -> None:
        self._decisions: dict[str, CartEvent] = {}
        self._receipts: dict[str, Receipt] = {}
        self._released_ns: dict[str, int] = {}
        self._owners: dict[int, str] = {}
        self._batches: list[PersonTracks] = []

    def add(self, log_ns: int, item: Any) -> None:
        """Take one output, known since ``log_ns``; what is delivered twice counts as it came first."""
        if isinstance(item, PersonTracks):
            self._batches.append(item)
        elif isinstance(item, CartEvents):
            for event in item.decisions:
                self._decisions.setdefault(event.cart_event_id, event)
                self._released_ns.setdefault(event.cart_event_id, log_ns)
        elif isinstance(item, Carts):
            for cart in item.carts:
                self._owners |= dict.fromkeys(cart.track_ids, _payer(cart.credential, cart.label, cart.session_id))
        elif isinstance(item, Receipt):
            self._receipts.setdefault(item.session_id, item)
            self._released_ns.setdefault(item.session_id, log_ns)

    def run(self, name: str, store_id: str) -> Run:
        """What was collected so far."""
        visits = tuple(
            Visit.model_validate({"name": visit_name(receipt), **plain(receipt)}) for receipt in self._receipts.values()
        )
        return Run(
            name,
            store_id,
            tuple(Decision.model_validate(plain(event)) for event in self._decisions.values()),
            visits,
            self._owners | _owners(visits),
            self._released_ns,
            _tracks((batch.stamp_ns, _seen(batch.tracks)) for batch in self._batches) if self._batches else None,
        )

    def write(self, folder: Path, results: Results, store: Store, truth: Path | None) -> None:
        """Write a run folder, with a copy of the truth if there is one.

        Raises AisleError when the folder exists and is not empty, or cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise AisleError(f"{folder}: is not empty; give a new folder")
            if truth is not None:
                shutil.copyfile(truth, folder / TRUTH_FILE)
        except OSError as error:
            raise AisleError(f"{folder}: cannot be written: {error.strerror}; give a folder you may write to") from None
        results.write_events(folder / EVENTS_FILE)
        results.write_receipts(folder / RECEIPTS_FILE, store)
        timing = [
            {"id": key, "kind": "cart_event" if key in self._decisions else "receipt", "released_ns": released_ns}
            for key, released_ns in sorted(self._released_ns.items(), key=lambda entry: (entry[1], entry[0]))
        ]
        tracks = [_track_columns(batch) for batch in self._batches]
        write_atomically({folder / TIMING_FILE: _lines(timing), folder / TRACKS_FILE: _lines(tracks)})


def read_run(folder: Path) -> Run:
    """Read a run folder. Raises AisleError, naming file and line, for what is none."""
    account = read_json(folder / Path(RECEIPTS_FILE).with_suffix(FULL_SUFFIX), TypeAdapter(_Account))
    events = read_json_lines(folder / EVENTS_FILE, TypeAdapter(_EventLine))
    timing = read_json_lines(folder / TIMING_FILE, TypeAdapter(_TimingLine))
    tracks = read_json_lines(folder / TRACKS_FILE, TypeAdapter(_TracksLine))
    return Run(
        str(folder),
        account.store_id,
        tuple(event.cart_event for event in events if event.cart_event is not None),
        account.visits,
        _owners(account.visits),
        {entry.id: entry.released_ns for entry in timing},
        _tracks((batch.stamp_ns, batch.seen()) for batch in tracks),
    )


def has_decisions(reader: BagReader) -> bool:
    """Whether somebody decided while the bag was recorded; else it holds sensors only."""
    return any(topic.count and topic.entry in (CART_EVENTS, RECEIPTS) for topic in reader.topics)


def recorded_run(reader: BagReader) -> Run:
    """The decisions that a bag holds. Raises AisleError when it has no site or cannot be read."""
    recorder = RunRecorder()
    for log_ns, _, item in reader.items():
        recorder.add(log_ns, item)
    return recorder.run(str(reader.path), reader.load_store().store_id)


def _payer(credential: str | None, label: str | None, name: str) -> str:
    if credential is not None:
        return credential
    return name if label is None else label


def _owners(visits: Iterable[Visit]) -> dict[int, str]:
    return {track_id: visit.payer for visit in visits for track_id in visit.track_ids}


_Row = tuple[int, float, float]
"""Track id, x, y [m]."""


def _seen(tracks: Iterable[PersonTrack]) -> list[_Row]:
    return [(track.track_id, *track.position[:2]) for track in tracks if track.state is TrackState.SEEN]


def _tracks(batches: Iterable[tuple[int, list[_Row]]]) -> Tracks:
    ordered = sorted(batches, key=lambda batch: batch[0])
    rows = [(stamp_ns, track_id) for stamp_ns, seen in ordered for track_id, _, _ in seen]
    stamps = np.array(rows, dtype=np.int64).reshape(-1, 2)
    position = np.array([row[1:] for _, seen in ordered for row in seen], dtype=np.float64).reshape(-1, 2)
    return Tracks(np.array([stamp_ns for stamp_ns, _ in ordered], dtype=np.int64), stamps[:, 0], stamps[:, 1], position)


def _track_columns(batch: PersonTracks) -> dict[str, Any]:
    return {
        "stamp_ns": batch.stamp_ns,
        "track_id": [track.track_id for track in batch.tracks],
        "state": [track.state.name.lower() for track in batch.tracks],
        "position_mm": [[round(1000 * length) for length in track.position[:2]] for track in batch.tracks],
    }


def _lines(documents: Iterable[dict[str, Any]]) -> str:
    return "".join(canonical_json(document) + "\n" for document in documents)


class _Account(_Read):
    """``receipts.full.json``."""

    store_id: str
    visits: tuple[Visit, ...]


class _EventLine(_Read):
    """A line of ``events.jsonl``."""

    cart_event: Decision | None = None


class _TimingLine(_Read):
    id: str
    released_ns: int


class _TracksLine(_Read):
    stamp_ns: int
    track_id: list[int]
    state: list[str]
    position_mm: list[tuple[int, int]]

    @model_validator(mode="after")
    def _as_long_as_each_other(self) -> Self:
        if not len(self.track_id) == len(self.state) == len(self.position_mm):
            raise ValueError("the lists of one instant differ in length; replay the bag again")
        return self

    def seen(self) -> list[_Row]:
        rows = zip(self.track_id, self.state, self.position_mm, strict=True)
        return [(track_id, x / 1000, y / 1000) for track_id, state, (x, y) in rows if state == "seen"]
