"""What could explain a change on the shelves: whose hand, which product, how many units, into or out of which cart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import ItemEvidence, ShelfEvent
from . import likelihoods
from .config import FusionConfig
from .history import HANDS, History
from .ledger import Ledger, Lot
from .shelf_map import ShelfMap

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One explanation of a change.

    track_id: whose cart changes, 0 nobody's. sku: "" no product of the catalogue. quantity: positive into the cart,
    negative out of it, 0 nothing moved. mover, hand: track and slot of the hand that did it, 0 and -1 if nobody's.
    score: log likelihood with all priors.
    """

    track_id: int
    sku: str
    quantity: int
    mover: int
    hand: int
    score: float

    @property
    def booking(self) -> tuple[int, str, int]:
        """What is told: (track_id, sku, quantity)."""
        return self.track_id, self.sku, self.quantity


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One or several shelf events explained as one move, and what does not depend on who holds what.

    mass: signed sum [kg]. plate_ids: heaviest change first. shares: (P,) prior of each product by the planogram.
    movers, hands, mover_scores: (C,) the hands that may have done it, the last one nobody's. score: prior of the union.
    """

    events: tuple[ShelfEvent, ...]
    mass: float
    variance: float
    start_ns: int
    end_ns: int
    plate_ids: tuple[str, ...]
    shares: Floats
    movers: NDArray[np.int64]
    hands: NDArray[np.int64]
    mover_scores: Floats
    score: float

    @property
    def principal(self) -> ShelfEvent:
        """The event with the greatest change."""
        return max(self.events, key=lambda event: abs(event.mass_change))


@dataclass(frozen=True, slots=True)
class _Move:
    """A product and a quantity; owner: whose cart it must come from, None: the mover's cart, if any."""

    sku: str
    quantity: int
    owner: int | None
    score: float


class Explainer:
    """Gives the explanations of a change, best first.

    evidence: by shelf event. ended_ns: when tracks ended; what they do not do any more.
    """

    def __init__(
        self,
        config: FusionConfig,
        shelf_map: ShelfMap,
        history: History,
        evidence: Mapping[str, Sequence[ItemEvidence]],
        ended_ns: Mapping[int, int],
    ) -> None:
        self._config = config
        self._map = shelf_map
        self._history = history
        self._evidence = evidence
        self._ended_ns = ended_ns

    def change(self, events: tuple[ShelfEvent, ...]) -> Change:
        """Look at some shelf events as one move."""
        by_mass = sorted(events, key=lambda event: -abs(event.mass_change))
        plate_ids = tuple(event.plate_id for event in by_mass)
        masses = [event.mass_change for event in by_mass]
        span = sum(abs(mass) for mass in masses)
        shares = [self._map.product_shares(plate_id) for plate_id in plate_ids]
        start_ns, end_ns = min(event.start_ns for event in events), max(event.end_ns for event in events)
        movers, hands, scores = self._movers(plate_ids, start_ns, end_ns)
        return Change(
            events=events,
            mass=sum(masses),
            variance=sum(event.mass_change_stddev**2 for event in events),
            start_ns=start_ns,
            end_ns=end_ns,
            plate_ids=plate_ids,
            shares=np.average(shares, axis=0, weights=[abs(mass) if span else 1.0 for mass in masses]),
            movers=movers,
            hands=hands,
            mover_scores=scores,
            score=likelihoods.shared(masses, plate_ids, self._map, self._config.place),
        )

    def explain(self, change: Change, ledger: Ledger) -> list[Hypothesis]:
        """Explanations within ``prune`` of the best one, at most ``beam`` of them."""
        config = self._config
        still = likelihoods.nothing(change.mass, change.variance, len(change.events), config.weight, config.place)
        hypotheses = [Hypothesis(0, "", 0, 0, -1, change.score + still)]
        moves = self._takes(change, ledger) if change.mass < 0 else self._puts(change, ledger)
        table = np.array([move.score for move in moves])[:, None] + change.mover_scores
        for row, move in enumerate(moves):
            if move.owner:
                table[row, change.movers != move.owner] += math.log(config.place.other_hand)
        order = np.argsort(-table, axis=None, kind="stable")[: config.decision.beam]
        for row, column in zip(*np.unravel_index(order, table.shape), strict=True):
            move, mover = moves[row], int(change.movers[column])
            owner = mover if move.owner is None else move.owner
            score = change.score + float(table[row, column])
            hypotheses.append(Hypothesis(owner, move.sku, move.quantity, mover, int(change.hands[column]), score))
        hypotheses.sort(key=lambda hypothesis: -hypothesis.score)
        return [h for h in hypotheses if h.score >= hypotheses[0].score - config.decision.prune]

    def book(self, ledger: Ledger, change: Change, hypothesis: Hypothesis) -> Ledger:
        """The ledger if the explanation is true."""
        track_id, sku, quantity = hypothesis.booking
        if quantity == 0:
            return ledger
        units = abs(quantity)
        lot = Lot(units, abs(change.mass) / units, math.sqrt(change.variance) / units)
        if quantity > 0:
            for plate_id in change.plate_ids:
                lies_there = ledger.foreign.get(plate_id, {}).get(sku)
                if lies_there is not None and units:
                    taken = min(units, lies_there.quantity)
                    ledger = ledger.off_plate(plate_id, sku, taken)
                    units -= taken
            return ledger.into_cart(track_id, sku, lot) if track_id else ledger
        if sku in ledger.carts.get(track_id, {}):
            ledger = ledger.out_of_cart(track_id, sku, units)
        return ledger if self.belongs(sku, change) else ledger.onto_plate(change.plate_ids[0], sku, lot)

    def belongs(self, sku: str, change: Change) -> bool:
        """Whether the product has a facing on any of the plates."""
        return any(self._map.belongs(sku, plate_id) for plate_id in change.plate_ids)

    def _movers(
        self, plate_ids: tuple[str, ...], start_ns: int, end_ns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        config = self._config.person
        samples = self._history.between(
            start_ns - config.memory_ms * 1_000_000, end_ns + self._config.time.after_ms * 1_000_000
        )
        tracks, rows = np.unique(samples.track_id, return_inverse=True)
        people = len(tracks)
        at_plate = self._map.distance(samples.hands, plate_ids)
        at_arm = self._map.floor_distance(samples.body, plate_ids)
        scores = likelihoods.hands(samples, rows, people, start_ns, end_ns, at_plate, config)
        scores += likelihoods.reach(samples, rows, people, start_ns, end_ns, at_arm, config)[:, None]
        scores -= math.log(HANDS)
        gone = [self._ended_ns.get(track_id, start_ns) < start_ns for track_id in tracks.tolist()]
        scores[gone] = likelihoods.NOWHERE
        return (
            np.append(np.repeat(tracks, HANDS), 0),
            np.append(np.tile(np.arange(HANDS), people), -1),
            np.append(scores.ravel(), math.log(config.nobody)),
        )

    def _takes(self, change: Change, ledger: Ledger) -> list[_Move]:
        place = self._config.place
        stocks = [ledger.foreign[plate_id] for plate_id in change.plate_ids if plate_id in ledger.foreign]
        lots = [(sku, lot) for stock in stocks for sku, lot in stock.items()]
        moves = self._catalogue(change, 1, None, math.log1p(-place.foreign) if lots else 0.0)
        for sku, lot in lots:
            moves += self._of_lot(change, 1, None, sku, lot, math.log(place.foreign / len(lots)))
        return [*moves, self._unknown(1)]

    def _puts(self, change: Change, ledger: Ledger) -> list[_Move]:
        place = self._config.place
        moves = self._catalogue(change, -1, 0, math.log(place.not_owned))
        for track_id, stock in ledger.carts.items():
            for sku, lot in stock.items():
                home = self.belongs(sku, change)
                prior = math.log1p(-place.elsewhere) if home else math.log(place.elsewhere)
                moves += self._of_lot(change, -1, track_id, sku, lot, prior)
        return [*moves, self._unknown(-1)]

    def _unknown(self, sign: int) -> _Move:
        score = math.log(self._config.place.unknown) - math.log(2 * self._config.weight.most)
        return _Move("", sign, None, score)

    def _catalogue(self, change: Change, sign: int, owner: int | None, prior: float) -> list[_Move]:
        """Products of the catalogue, with the two quantities next to the mass."""
        config, mass = self._config, abs(change.mass)
        unit_mass, unit_stddev = self._map.unit_mass, self._map.unit_stddev
        quantity = np.stack([np.floor(mass / unit_mass), np.floor(mass / unit_mass) + 1])
        quantity = np.where(self._map.has_weight, quantity, [[1.0], [np.nan]])
        allowed = (quantity >= 1) & (quantity <= config.weight.most_units)
        score = np.where(
            self._map.has_weight,
            likelihoods.weight(mass, change.variance, quantity, unit_mass, unit_stddev),
            likelihoods.unknown_weight(mass, config.weight),
        )
        with np.errstate(divide="ignore"):
            score = score + np.log(change.shares) + likelihoods.units(quantity, config.weight)
        score = np.where(allowed, score, likelihoods.NOWHERE)
        least = score.max(initial=likelihoods.NOWHERE / 2) - config.decision.prune - config.decision.evidence_range
        return [
            self._move(
                change,
                self._map.skus[product],
                sign * int(quantity[row, product]),
                owner,
                prior + float(score[row, product]),
            )
            for row, product in np.argwhere(score >= least)
        ]

    def _of_lot(self, change: Change, sign: int, owner: int | None, sku: str, lot: Lot, prior: float) -> list[_Move]:
        """Units of a lot whose mass the plates have measured."""
        config = self._config.weight
        quantity = np.arange(1.0, min(lot.quantity, config.most_units) + 1)
        stddev = np.full_like(quantity, math.hypot(lot.unit_stddev, config.least_stddev))
        score = likelihoods.weight(
            abs(change.mass), change.variance, quantity, np.full_like(quantity, lot.unit_mass), stddev
        )
        score += likelihoods.units(quantity, config)
        return [
            self._move(change, sku, sign * int(units), owner, prior + float(value))
            for units, value in zip(quantity, score, strict=True)
        ]

    def _move(self, change: Change, sku: str, quantity: int, owner: int | None, score: float) -> _Move:
        reports = [report for event in change.events for report in self._evidence.get(event.shelf_event_id, ())]
        return _Move(
            sku, quantity, owner, score + likelihoods.evidence(sku, reports, self._config.decision.evidence_range)
        )
