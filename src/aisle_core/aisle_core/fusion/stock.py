"""The live planogram: how many pieces of which product stand where, and what lies where it does not belong.

The stock of a facing, and of a product on a plate that it has no facing on, is a distribution. It begins with what the
planogram says, or with nothing known. Every decision of the fusion moves it by what it and its alternatives say, each
with its probability. A decision that goes to review stays apart until somebody has decided it. Where the reading of an
empty plate is known, what the plates weigh now tells how many pieces are on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from ..checks import require
from ..store import Facing, Store
from ..types import (
    CartEvent,
    CartEvents,
    PlateHealth,
    PlateStates,
    ReviewDecision,
    ShelfEvents,
    StockEvent,
    StockEventKind,
    StockEvents,
    StockLine,
    StockLines,
)
from .counts import Count, Floats
from .shelf_map import ShelfMap

Slot = tuple[tuple[str, ...], str]
"""The plates of a facing, or one plate where the product does not belong; and its sku, "" if it is unknown."""
Moves = tuple[tuple[Slot | None, int, float], ...]
"""What may have happened, one of: pieces put (positive) or taken (negative) at a slot, and how probable it is.

None: nothing that the planogram counts.
"""

_MS = 1_000_000
_THERE = 0.01
"""A product that does not belong on a plate lies there if that is more probable."""
_GONE = 1e-3
"""What lies astray is forgotten when it is less probable than this."""


@dataclass(frozen=True, slots=True)
class StockConfig:
    """Tuning of the live planogram.

    low: at most so many pieces of a facing are little, where the planogram says nothing else.
    most: a facing that nobody has counted has any number up to this, each as probable.
    sure: what is so probable is told.
    tare_stddev: how well the reading of an empty plate is known [kg].
    odd: a plate weighs something else than its goods with this probability: a hand, a thing nobody knows.
    period_ms: the stock is told at most so often.
    review_ms: a doubt that nobody has decided for so long stays one.
    """

    low: int
    most: int
    sure: float
    tare_stddev: float
    odd: float
    period_ms: int
    review_ms: int

    def __post_init__(self) -> None:
        require(self, ("low", "period_ms", "review_ms"), 0)
        require(self, ("most",), 1)
        require(self, ("sure",), 0.5, 1, above=True)
        require(self, ("tare_stddev",), 0, above=True)
        require(self, ("odd",), 0, 0.99, above=True)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A decision that went to review, and what it may have changed, by slot."""

    stamp_ns: int
    changes: dict[Slot, dict[int, float]]


@dataclass(slots=True)
class StockState:
    """Everything the live planogram knows; plain data.

    counts: by slot, from what is settled. doubts: by cart event. loads: by plate, the mass that it settled at last, or
    had at first, and its standard deviation [kg]. told: what was told of facings and plates last. reviewed: decisions
    about visits, and when they came. changed: the stock is not what was told last.
    """

    counts: dict[Slot, Count] = field(default_factory=dict)
    doubts: dict[str, _Doubt] = field(default_factory=dict)
    loads: dict[str, tuple[float, float]] = field(default_factory=dict)
    told: dict[tuple[str, ...], StockEventKind] = field(default_factory=dict)
    reviewed: dict[str, int] = field(default_factory=dict)
    changed: bool = True
    told_ns: int | None = None

    def copy(self) -> StockState:
        """What it holds never changes."""
        return replace(
            self,
            counts=dict(self.counts),
            doubts=dict(self.doubts),
            loads=dict(self.loads),
            told=dict(self.told),
            reviewed=dict(self.reviewed),
        )


class LivePlanogram:
    """Follows the stock by the fusion's decisions. Items come in the order of their stamps.

    A slot's distribution is that of the settled moves, convolved with each doubt, times the likelihood of what its
    plates weigh now. The weight is never worked into what is kept, so that no error of the catalogue counts twice.
    """

    def __init__(self, config: StockConfig, store: Store, shelf_map: ShelfMap) -> None:
        self._config = config
        self._map = shelf_map
        self._plates = store.plates
        self._facings: dict[Slot, Facing] = {}
        self._home: dict[str, Slot] = {}
        self._own: dict[str, dict[str, Slot]] = {plate_id: {} for plate_id in store.plates}
        for facing in store.facings:
            slot = facing.plate_ids, facing.sku
            self._facings.setdefault(slot, facing)
            self._home.setdefault(facing.sku, slot)
            for plate_id in facing.plate_ids:
                self._own[plate_id].setdefault(facing.sku, slot)
        self._bay = _bays(store)
        self._plates_of: dict[str, list[str]] = {}
        for plate_id, bay in self._bay.items():
            self._plates_of.setdefault(bay, []).append(plate_id)
        self._slots: dict[str, list[Slot]] = {bay: [] for bay in self._plates_of}
        for slot in self._facings:
            self._slots[self._bay[slot[0][0]]].append(slot)
        self._begin(StockState(counts={slot: self._at_start(facing) for slot, facing in self._facings.items()}))

    def _begin(self, state: StockState) -> None:
        self._state = state
        self._known: dict[Slot, Count] = {}
        self._line_of: dict[Slot, StockLine] = {}
        self._due = set(self._slots)
        for slot in state.counts:
            self._place(slot)

    def _at_start(self, facing: Facing) -> Count:
        if facing.stock is None:
            return Count.anything(self._config.most)
        return Count.about(facing.stock, facing.stock_stddev or 0.0)

    def state(self) -> StockState:
        """A copy of everything it knows."""
        return self._state.copy()

    @classmethod
    def restore(cls, config: StockConfig, store: Store, shelf_map: ShelfMap, state: StockState) -> Self:
        """A live planogram that goes on exactly where ``state()`` was taken."""
        planogram = cls(config, store, shelf_map)
        planogram._begin(state.copy())
        return planogram

    def weigh(self, batch: ShelfEvents | PlateStates) -> None:
        """Note what the plates weigh after changes, and before the first one."""
        loads: list[tuple[str, float, float]]
        if isinstance(batch, ShelfEvents):
            loads = [(event.plate_id, event.mass_after, event.mass_change_stddev) for event in batch.events]
        else:
            new = [plate for plate in batch.plates if plate.plate_id not in self._state.loads]
            healthy = [plate for plate in new if plate.health is PlateHealth.OK]
            loads = [(p.plate_id, p.mass, p.noise_stddev) for p in healthy if not math.isnan(p.mass)]
        for plate_id, mass, stddev in loads:
            if plate_id in self._bay:
                self._state.loads[plate_id] = mass, stddev
                self._touch(self._bay[plate_id])

    def step(self, item: CartEvents | ReviewDecision) -> list[StockEvents | StockLines]:
        """Take decisions of the fusion, or of a person about a visit, and say what follows."""
        match item:
            case CartEvents():
                causes = {}
                for event in item.decisions:
                    self._take(event, item.stamp_ns)
                    causes[event.plate_id] = event.cart_event_id
                self._forget(item.stamp_ns - self._config.review_ms * _MS)
                return self._tell(item.stamp_ns, causes)
            case ReviewDecision():
                self._decide(item)
                return []

    def finish(self, stamp_ns: int) -> list[StockEvents | StockLines]:
        """The end of all streams: the stock, if it is not as it was told last."""
        return [self.lines(stamp_ns)] if self._state.changed else []

    def lines(self, stamp_ns: int) -> StockLines:
        """The stock as it is; it counts as told."""
        self._state.changed, self._state.told_ns = False, stamp_ns
        lines = [self._line(slot) for slot in self.slots]
        told = tuple(line for line in lines if line.belongs or line.empty_probability < 1 - _THERE)
        return StockLines(stamp_ns, 0, told)

    def count(self, slot: Slot) -> Count:
        """Distribution of what stands at a slot, doubts and weights counted."""
        known = self._known.get(slot)
        if known is None:
            bay = self._bay[slot[0][0]]
            by_moves = {other: self._by_moves(other) for other in self._slots[bay]}
            self._known |= {other: self._weighed(bay, other, by_moves) for other in self._slots[bay]}
            known = self._known[slot]
        return known

    @property
    def slots(self) -> Iterable[Slot]:
        """All slots, facings first, in the order of the planogram."""
        return self._state.counts.keys()

    # --- what moves it

    def _take(self, event: CartEvent, stamp_ns: int) -> None:
        told = (event.sku, event.quantity, event.confidence)
        moves: dict[tuple[str, int], float] = {}
        for sku, quantity, probability in (told, *((a.sku, a.quantity, a.probability) for a in event.alternatives)):
            if quantity:
                moves[sku, quantity] = moves.get((sku, quantity), 0.0) + probability
        if event.plate_id not in self._bay or not moves:
            return
        found = tuple((self._slot(event.plate_id, sku, q), -q, probability) for (sku, q), probability in moves.items())
        changes = _by_slot((*found, (None, 0, max(1.0 - sum(moves.values()), 0.0))))
        if event.review:
            self._state.doubts[event.cart_event_id] = _Doubt(stamp_ns, changes)
            for slot in changes:
                self._touch_slot(slot)
        else:
            self._settle(changes)

    def _decide(self, decision: ReviewDecision) -> None:
        if decision.decision_id in self._state.reviewed:
            return
        self._state.reviewed[decision.decision_id] = decision.stamp_ns
        for correction in decision.corrections:
            plate_id = correction.plate_id
            doubt = self._state.doubts.pop(correction.cart_event_id, None)
            if doubt is None:
                was = self._slot(plate_id, correction.told_sku, correction.told_quantity)
                self._settle(_by_slot(((was, correction.told_quantity, 1.0),)))
            else:
                for slot in doubt.changes:
                    self._touch_slot(slot)
            now = self._slot(plate_id, correction.sku, correction.quantity)
            self._settle(_by_slot(((now, -correction.quantity, 1.0),)))

    def _forget(self, before_ns: int) -> None:
        state = self._state
        for key in [key for key, doubt in state.doubts.items() if doubt.stamp_ns < before_ns]:
            self._settle(state.doubts.pop(key).changes)
        for decision_id in [key for key, stamp_ns in state.reviewed.items() if stamp_ns < before_ns]:
            del state.reviewed[decision_id]

    def _slot(self, plate_id: str, sku: str, quantity: int) -> Slot | None:
        """Where pieces were put (negative: out of a cart) or taken; None for what the planogram does not count.

        What is taken and neither belongs there nor lies there comes from its own place, by a way that nobody saw.
        """
        if sku in self._own.get(plate_id, {}):
            return self._own[plate_id][sku]
        astray = (plate_id,), sku
        if plate_id in self._bay and (quantity < 0 or self._lies(astray)):
            return astray
        return self._home.get(sku)

    def _lies(self, slot: Slot) -> bool:
        return slot in self._state.counts and self.count(slot).at_most(0) < 1 - _THERE

    def _settle(self, changes: Mapping[Slot, Mapping[int, float]]) -> None:
        """Work a move into what is kept, slot by slot."""
        for slot, of_slot in changes.items():
            self._touch_slot(slot)
            self._state.counts[slot] = self._after(self._state.counts[slot], of_slot)

    def _after(self, count: Count, changes: Mapping[int, float]) -> Count:
        """After one of these changes; when there cannot have been so many pieces, nobody knows how many there are."""
        return count.plus(changes) or Count.anything(self._config.most)

    def _place(self, slot: Slot) -> None:
        """A slot that is counted from now on."""
        self._state.counts.setdefault(slot, Count.exactly(0))
        slots = self._slots[self._bay[slot[0][0]]]
        if slot not in slots:
            slots.append(slot)

    def _touch_slot(self, slot: Slot) -> None:
        self._place(slot)
        self._touch(self._bay[slot[0][0]])

    def _touch(self, bay: str) -> None:
        self._state.changed = True
        self._due.add(bay)
        for slot in self._slots[bay]:
            self._known.pop(slot, None)
            self._line_of.pop(slot, None)

    # --- what it is

    def _by_moves(self, slot: Slot) -> Count:
        count = self._state.counts[slot]
        for doubt in self._state.doubts.values():
            if slot in doubt.changes:
                count = self._after(count, doubt.changes[slot])
        return count

    def _weighed(self, bay: str, slot: Slot, by_moves: Mapping[Slot, Count]) -> Count:
        """The other products of the plates are normal distributions there."""
        load = self._load(bay)
        here = self._map.mass_of(slot[1])
        if load is None or here is None:
            return by_moves[slot]
        mass, variance = load
        for other, count in by_moves.items():
            beside = self._map.mass_of(other[1])
            if other == slot or not count.mean:
                continue
            if beside is None:
                return by_moves[slot]
            mass -= count.mean * beside[0]
            variance += (count.stddev * beside[0]) ** 2 + (count.mean * beside[1]) ** 2

        def likelihood(numbers: Floats) -> Floats:
            spread = np.sqrt(variance + (numbers * here[1]) ** 2)
            density = np.exp(-0.5 * ((mass - numbers * here[0]) / spread) ** 2) / spread
            shares: Floats = (1 - self._config.odd) * density / math.sqrt(2 * math.pi) + self._config.odd / _ANY_MASS
            return shares

        return by_moves[slot].given(likelihood)

    def _load(self, bay: str) -> tuple[float, float] | None:
        """Mass of the goods on the plates of a bay [kg] and its variance; None where it is not known."""
        mass = variance = 0.0
        for plate_id in self._plates_of[bay]:
            load, tare = self._state.loads.get(plate_id), self._plates[plate_id].tare
            if load is None or tare is None:
                return None
            mass += load[0] - tare
            variance += load[1] ** 2 + self._config.tare_stddev**2
        return mass, variance

    # --- what is told

    def _tell(self, stamp_ns: int, causes: Mapping[str, str]) -> list[StockEvents | StockLines]:
        state = self._state
        events: list[StockEvent] = []
        for bay in [bay for bay in self._slots if bay in self._due] if self._due else ():
            events += self._news(bay, causes)
            self._clear(bay)
        self._due.clear()
        told: list[StockEvents | StockLines] = [StockEvents(stamp_ns, 0, tuple(events))] if events else []
        again = state.told_ns is None or stamp_ns >= state.told_ns + self._config.period_ms * _MS
        return [*told, self.lines(stamp_ns)] if state.changed and again else told

    def _clear(self, bay: str) -> None:
        """Forget what lay astray and is gone."""
        doubted = {slot for doubt in self._state.doubts.values() for slot in doubt.changes}
        astray = [slot for slot in self._slots[bay] if slot not in self._facings and slot not in doubted]
        for slot in [slot for slot in astray if self.count(slot).at_most(0) > 1 - _GONE]:
            self._slots[bay].remove(slot)
            for known in (self._state.counts, self._known, self._line_of):
                known.pop(slot, None)

    def _line(self, slot: Slot) -> StockLine:
        line = self._line_of.get(slot)
        if line is None:
            count = self.count(slot)
            line = StockLine(*slot, slot in self._facings, count.mean, count.stddev, count.at_most(0))
            self._line_of[slot] = line
        return line

    def _news(self, bay: str, causes: Mapping[str, str]) -> list[StockEvent]:
        found = []
        astray: dict[str, list[Slot]] = {}
        for slot in self._slots[bay]:
            if slot in self._facings:
                found += self._of_facing(slot, causes)
            else:
                astray.setdefault(slot[0][0], []).append(slot)
        for slots in astray.values():
            found += self._of_plate(slots, causes)
        return found

    def _of_facing(self, slot: Slot, causes: Mapping[str, str]) -> list[StockEvent]:
        count, sure = self.count(slot), self._config.sure
        low = self._facings[slot].low_stock
        empty, little = count.at_most(0), count.at_most(self._config.low if low is None else low)
        if empty >= sure:
            kind, probability = StockEventKind.OUT_OF_STOCK, empty
        elif little >= sure and empty <= 1 - sure:
            kind, probability = StockEventKind.LOW_STOCK, little
        elif little <= 1 - sure:
            kind, probability = StockEventKind.BACK_IN_STOCK, 1 - little
        else:
            return []
        return self._once(slot[0] + slot[1:], StockEventKind.BACK_IN_STOCK, kind, slot, probability, causes)

    def _of_plate(self, slots: list[Slot], causes: Mapping[str, str]) -> list[StockEvent]:
        tidy = math.prod(self.count(slot).at_most(0) for slot in slots)
        if self._config.sure > tidy > 1 - self._config.sure:
            return []
        kind = StockEventKind.TIDY if tidy >= self._config.sure else StockEventKind.UNTIDY
        worst = min(slots, key=lambda slot: (self.count(slot).at_most(0), slot))
        probability = tidy if kind is StockEventKind.TIDY else 1 - tidy
        return self._once(worst[0], StockEventKind.TIDY, kind, worst, probability, causes)

    def _once(
        self,
        key: tuple[str, ...],
        usual: StockEventKind,
        kind: StockEventKind,
        slot: Slot,
        probability: float,
        causes: Mapping[str, str],
    ) -> list[StockEvent]:
        """What is not as it was told last; at first all is as usual."""
        if self._state.told.get(key, usual) is kind:
            return []
        self._state.told[key] = kind
        cause = next((causes[plate_id] for plate_id in slot[0] if plate_id in causes), "")
        return [StockEvent(kind, *slot, self.count(slot).mean, probability, cause)]


_ANY_MASS = 10.0
"""Where a plate weighs something odd, any mass of so many kg is as probable."""


def _by_slot(moves: Moves) -> dict[Slot, dict[int, float]]:
    """What a move does to each slot: change -> probability; the rest changes nothing there."""
    found: dict[Slot, dict[int, float]] = {}
    for slot, change, probability in moves:
        if slot is not None:
            changes = found.setdefault(slot, {})
            changes[change] = changes.get(change, 0.0) + probability
    total = sum(probability for _, _, probability in moves)
    for changes in found.values():
        changes[0] = changes.get(0, 0.0) + max(total - sum(changes.values()), 0.0)
    return found


def _bays(store: Store) -> dict[str, str]:
    """Plate -> the first of the plates that facings join with it."""
    joined = {plate_id: [plate_id] for plate_id in store.plates}
    for facing in store.facings:
        together = joined[facing.plate_ids[0]]
        for plate_id in facing.plate_ids[1:]:
            if joined[plate_id] is not together:
                together += joined[plate_id]
                joined |= dict.fromkeys(joined[plate_id], together)
    order = {plate_id: number for number, plate_id in enumerate(store.plates)}
    return {plate_id: min(together, key=order.__getitem__) for plate_id, together in joined.items()}
