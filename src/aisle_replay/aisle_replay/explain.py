"""Why a receipt says what it says: from a line back to decisions, explanations, plates and hands.

The bag is decided once more, with a witness in the fusion that keeps what was thought of every change; a replay is the
same on every run, so this is what was thought the first time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aisle_contract.interfaces import SCALE_LAYOUT, SCALE_READINGS
from aisle_core.errors import AisleError
from aisle_core.fusion import Change, FusionConfig, History, Hypothesis, ShelfMap
from aisle_core.stages import Output
from aisle_core.store import Store
from aisle_core.types import CartEvent, CartLine, PersonTracks, Receipt, ScaleLayout, ScaleReadings, ShelfEvent

from .bag import BagReader
from .replay import load_config, replay
from .results import Results, visit_name

AROUND_NS = 3_000_000_000
"""Time before and after a move that is shown."""
NEAR = 1.0
"""People whose hands never come nearer to the plate are left out [m]."""
_BESIDE_NS = 200_000_000
_FOREVER_NS = 1 << 62


@dataclass(frozen=True, slots=True)
class Considered:
    """One explanation of a move by itself, as the fusion scored it.

    bookings: (track_id, sku, quantity) each; none: no product moved. movers: tracks whose hands did it. expected: mass
    change by the products' masses, signed [kg], NaN without a product. score: natural logarithm, with all priors.
    share: of the probability, among all explanations of this move.
    """

    bookings: tuple[tuple[int, str, int], ...]
    movers: tuple[int, ...]
    expected: float
    pressing: bool
    score: float
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class HandPath:
    """Hands of one person: stamp_ns (n,) int64, distance (n, 2) of the left and right hand from the space above the
    move's plates [m], NaN where a hand was not seen.
    """

    track_id: int
    stamp_ns: NDArray[np.int64]
    distance: NDArray[np.float64]

    def nearest(self, start_ns: int, end_ns: int) -> float:
        """Least distance between the instants, give or take 0.2 s [m]; NaN when no hand was seen then."""
        rows = (self.stamp_ns >= start_ns - _BESIDE_NS) & (self.stamp_ns <= end_ns + _BESIDE_NS)
        seen = self.distance[rows][~np.isnan(self.distance[rows])]
        return float(seen.min()) if len(seen) else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class PlateSignal:
    """Readings of one plate: stamp_ns (n,) int64, mass (n,) [kg], NaN where there is no reading."""

    plate_id: str
    stamp_ns: NDArray[np.int64]
    mass: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """One move on the shelves and what became of it.

    decisions: what was told of it; none when it was sure that no product moved. considered: best first, empty when the
    fusion was never asked. plates: those of the move first, then those beside them. hands: nearest first.
    """

    start_ns: int
    end_ns: int
    shelf_events: tuple[ShelfEvent, ...]
    decisions: tuple[CartEvent, ...]
    considered: tuple[Considered, ...]
    plates: tuple[PlateSignal, ...]
    hands: tuple[HandPath, ...]

    @property
    def mass_change(self) -> float:
        """Signed sum over its plates [kg]."""
        return sum(event.mass_change for event in self.shelf_events)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything behind what was asked for. receipt, lines: what the name stands for, where it is of a receipt."""

    title: str
    store: Store
    fusion: FusionConfig
    receipt: Receipt | None
    lines: tuple[CartLine, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class _Subject:
    """What was asked for: ids of its shelf events and decisions."""

    title: str
    receipt: Receipt | None
    lines: tuple[CartLine, ...]
    shelf_events: frozenset[str]
    decisions: frozenset[str]


class _Notes:
    """What the fusion thought of changes, by their shelf events."""

    def __init__(self) -> None:
        self._of: defaultdict[str, list[tuple[Change, Sequence[Hypothesis]]]] = defaultdict(list)

    def add(self, change: Change, hypotheses: Sequence[Hypothesis]) -> None:
        for event in change.events:
            self._of[event.shelf_event_id].append((change, hypotheses))

    def of(self, shelf_event_id: str, decisions: Sequence[CartEvent]) -> tuple[Change, Sequence[Hypothesis]] | None:
        """The last that holds what was told, and covers the same time; else the last."""
        notes = self._of[shelf_event_id]
        told = {(d.track_id, d.sku, d.quantity) for d in decisions}
        spans = {(d.start_ns, d.end_ns) for d in decisions}
        fitting = [
            (change, hypotheses)
            for change, hypotheses in notes
            if (change.start_ns, change.end_ns) in spans
            and any({part.booking for part in hypothesis.parts} & told for hypothesis in hypotheses)
        ]
        return next(reversed(fitting or notes), None)


def explain(bag: Path, name: str, config_dir: Path, people: str = "auto", evidence: Path | None = None) -> Explanation:
    """Explain a receipt line ``VISIT/SKU``, a whole visit, a shelf event or a decision.

    VISIT is a name of ``receipts.json`` or a session id; ``people`` and ``evidence`` are those of ``replay``. Raises
    AisleError when the bag is wrong or knows no such name.
    """
    config = load_config(config_dir).fusion
    notes, history, results = _Notes(), History(_FOREVER_NS, config.person.meeting), Results()

    def observe(log_ns: int, output: Output) -> None:
        results.add(output)
        if isinstance(output, PersonTracks):
            history.add(output)

    store = replay(bag, config_dir, observe=observe, people=people, witness=notes.add, evidence=evidence).store
    subject = _find(name, results, bag)
    shelf_map = ShelfMap(store, config.weight, config.place)
    shelf_events = {event.shelf_event_id: event for event in results.shelf_events}
    moves: dict[tuple[str, ...], Move] = {}
    for key in [event.shelf_event_id for event in results.shelf_events if event.shelf_event_id in subject.shelf_events]:
        decisions = tuple(event for event in results.cart_events if event.shelf_event_id == key)
        note = notes.of(key, decisions)
        events = (shelf_events[key],) if note is None else note[0].events
        ids = tuple(sorted(event.shelf_event_id for event in events))
        if ids in moves:
            continue
        decisions = tuple(event for event in results.cart_events if event.shelf_event_id in ids)
        start_ns, end_ns = min(event.start_ns for event in events), max(event.end_ns for event in events)
        plate_ids = tuple(dict.fromkeys(event.plate_id for event in events))
        moves[ids] = Move(
            start_ns=start_ns,
            end_ns=end_ns,
            shelf_events=events,
            decisions=decisions,
            considered=() if note is None else _considered(note[1]),
            plates=(),
            hands=_hands(history, shelf_map, plate_ids, start_ns - AROUND_NS, end_ns + AROUND_NS),
        )
    ordered = sorted(moves.values(), key=lambda move: (move.start_ns, move.end_ns))
    return Explanation(
        subject.title, store, config, subject.receipt, subject.lines, tuple(_with_signals(bag, ordered, shelf_map))
    )


def _find(name: str, results: Results, bag: Path) -> _Subject:
    decided_from = {event.cart_event_id: event.shelf_event_id for event in results.cart_events}
    if name in decided_from:
        return _Subject(f"decision {name}", None, (), frozenset({decided_from[name]}), frozenset({name}))
    if any(event.shelf_event_id == name for event in results.shelf_events):
        return _Subject(f"shelf event {name}", None, (), frozenset({name}), frozenset())
    fitting = [
        (receipt, name[len(visit) + 1 :])
        for receipt in results.receipts
        for visit in dict.fromkeys((visit_name(receipt), receipt.session_id))
        if name == visit or name.startswith(visit + "/")
    ]
    if not fitting:
        visits = ", ".join(visit_name(receipt) for receipt in results.receipts[:20])
        raise AisleError(f"{bag}: no visit, shelf event or decision is called '{name}'; its visits are {visits}")
    if len(fitting) > 1:
        sessions = ", ".join(receipt.session_id for receipt, _ in fitting)
        raise AisleError(f"{bag}: several visits are called '{name}'; give one of the session ids {sessions} instead")
    receipt, sku = fitting[0]
    lines = tuple(line for line in receipt.lines if not sku or line.sku == sku)
    if sku and not lines:
        known = ", ".join(line.sku for line in receipt.lines) or "none"
        raise AisleError(f"{bag}: the receipt of {visit_name(receipt)} has no line '{sku}'; its lines are {known}")
    decisions = {key for line in lines for key in line.cart_event_ids}
    decisions |= set() if sku else set(receipt.unbooked_cart_event_ids)
    events = frozenset(decided_from[key] for key in decisions)
    return _Subject(f"visit {name}" if not sku else name, receipt, lines, events, frozenset(decisions))


def _considered(hypotheses: Sequence[Hypothesis]) -> tuple[Considered, ...]:
    """One entry for what either hand of the same people may have done, with the score of both together."""
    found: dict[object, Considered] = {}
    total = float(np.logaddexp.reduce([hypothesis.score for hypothesis in hypotheses]))
    for hypothesis in hypotheses:
        parts = hypothesis.parts
        one = Considered(
            bookings=tuple(part.booking for part in parts),
            movers=tuple(dict.fromkeys(part.mover for part in parts)),
            expected=-sum(part.quantity * part.unit_mass for part in parts) if parts else math.nan,
            pressing=hypothesis.press is not None,
            score=hypothesis.score,
            share=math.exp(hypothesis.score - total),
        )
        key = one.bookings, one.movers, one.pressing
        if (known := found.get(key)) is not None:
            score = float(np.logaddexp(known.score, one.score))
            one = replace(known, score=score, share=known.share + one.share)
        found[key] = one
    return tuple(sorted(found.values(), key=lambda one: -one.score))


def _hands(
    history: History, shelf_map: ShelfMap, plate_ids: tuple[str, ...], start_ns: int, end_ns: int
) -> tuple[HandPath, ...]:
    samples = history.between(start_ns, end_ns)
    distance = shelf_map.distance(samples.hands, plate_ids)
    paths = [
        HandPath(track_id, samples.stamp_ns[rows], distance[rows])
        for track_id in np.unique(samples.track_id).tolist()
        for rows in [samples.track_id == track_id]
        if np.nanmin(np.append(distance[rows], np.inf)) <= NEAR
    ]
    return tuple(sorted(paths, key=lambda path: (float(np.nanmin(path.distance)), path.track_id)))


def _with_signals(bag: Path, moves: Sequence[Move], shelf_map: ShelfMap) -> Iterable[Move]:
    """The moves with the readings of their plates and of those beside them."""
    wanted = {
        plate_id: None
        for move in moves
        for plate_id in shelf_map.with_beside(tuple(event.plate_id for event in move.shelf_events))
    }
    found = _readings(bag, [(move.start_ns - AROUND_NS, move.end_ns + AROUND_NS) for move in moves], wanted)
    for move in moves:
        own = tuple(dict.fromkeys(event.plate_id for event in move.shelf_events))
        plate_ids = tuple(dict.fromkeys(shelf_map.with_beside(own)))
        signals = []
        for plate_id in plate_ids:
            stamp_ns, mass = found[plate_id]
            rows = (stamp_ns >= move.start_ns - AROUND_NS) & (stamp_ns <= move.end_ns + AROUND_NS)
            signals.append(PlateSignal(plate_id, stamp_ns[rows], mass[rows]))
        yield replace(move, plates=tuple(signals))


def _readings(
    bag: Path, spans: Sequence[tuple[int, int]], plate_ids: Mapping[str, None]
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Stamps and masses of plates in any of the spans."""
    layouts: dict[tuple[str, int], list[tuple[int, str]]] = {}
    found: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {plate_id: [] for plate_id in plate_ids}
    with BagReader(bag) as reader:
        for _, _, item in reader.items({SCALE_LAYOUT, SCALE_READINGS}):
            if isinstance(item, ScaleLayout):
                layouts[item.gateway_id, item.revision] = [
                    (column, plate_id) for column, plate_id in enumerate(item.plate_ids) if plate_id in found
                ]
            elif isinstance(item, ScaleReadings) and any(
                item.stamp_ns <= end_ns and item.end_ns >= start_ns for start_ns, end_ns in spans
            ):
                stamps = item.stamp_ns + np.arange(len(item.mass), dtype=np.int64) * item.sample_period_ns
                for column, plate_id in layouts.get((item.gateway_id, item.layout_revision), ()):
                    found[plate_id].append((stamps, item.mass[:, column].astype(np.float64)))
    return {
        plate_id: (
            np.concatenate([np.empty(0, np.int64), *(stamps for stamps, _ in parts)]),
            np.concatenate([np.empty(0), *(mass for _, mass in parts)]),
        )
        for plate_id, parts in found.items()
    }
