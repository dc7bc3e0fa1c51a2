"""What could explain a change on the shelves: whose hands, which products, how many units, into or out of which cart.

An explanation is a signed multiset of products with the hands that moved them. It has one part, or two where two people
took from a plate in one step, or where two products moved in one step. Without parts it is drift, a bump, or a hand
that presses on the plate or lets go of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import ItemEvidence, ShelfEvent, gap_ns
from . import likelihoods
from .config import FusionConfig, PersonConfig
from .history import HANDS, History, Samples
from .ledger import Ledger, Lot, Press
from .mixed_hands import sorted_out
from .shelf_map import Offset, ShelfMap

Floats = NDArray[np.float64]
Booking = tuple[int, str, int]
"""(track_id, sku, quantity)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Units of one product that one hand moved.

    track_id: whose cart changes, 0 nobody's. sku: "" no product of the catalogue. quantity: positive into the cart,
    negative out of it. mover, hand: track and slot of the hand that did it, 0 and -1 if nobody's. unit_mass,
    unit_stddev: what was expected of one unit [kg].
    """

    track_id: int
    sku: str
    quantity: int
    mover: int
    hand: int
    unit_mass: float
    unit_stddev: float

    @property
    def booking(self) -> Booking:
        """What is told: (track_id, sku, quantity)."""
        return self.track_id, self.sku, self.quantity


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One explanation of a change.

    press: how a hand presses on the plate from now on, None: no hand pressed or let go.
    score: log likelihood with all priors.
    """

    parts: tuple[Part, ...]
    press: Press | None
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One or several shelf events explained as one move, and what does not depend on who holds what.

    mass: signed sum [kg]. plate_ids: heaviest change first. shares: (P,) prior of each product by the planogram.
    movers, hands, mover_scores: (C,) the hands that may have done it, the last one nobody's. two_hands: of two people,
    columns of the hand at the begin and of the other at the end, and their score. press_scores: (C,) that they press
    there or on the plates beside. attended: whether any hand was there. felt: greatest change on a plate beside at
    the same time [kg]. unfelt: most that the plates beside do not tell of [kg]. score: prior of the union. moves: of
    products of the catalogue, from their own shelves or out of nobody's cart.
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
    two_hands: tuple[tuple[int, int, float], ...]
    press_scores: Floats
    attended: bool
    felt: float
    unfelt: float
    score: float
    moves: tuple[_Move, ...] = ()

    @property
    def principal(self) -> ShelfEvent:
        """The event with the greatest change."""
        return max(self.events, key=lambda event: abs(event.mass_change))


Witness = Callable[[Change, Sequence[Hypothesis]], None]
"""Told of every change that was thought about, and of its explanations, best first."""


def unobserved(change: Change, hypotheses: Sequence[Hypothesis]) -> None:
    """The witness that remembers nothing."""


@dataclass(frozen=True, slots=True)
class _Move:
    """A product and a quantity; owner: whose cart it must come from, None: the mover's cart, if any.

    since_ns: when it came into that cart. prior: the part of the score that is not the weight's.
    """

    sku: str
    quantity: int
    owner: int | None
    unit_mass: float
    unit_stddev: float
    prior: float
    score: float
    since_ns: int = 0


class _Places(NamedTuple):
    """Of samples, by some plates: hands (n, 2), and the horizontal distance of bodies (n,) [m]."""

    hands: Offset
    bodies: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Hands:
    """The hands that were seen around a change: samples by person, who begin at begins (people,).

    tracks: (people,). gone: (people,) who had left. blur: standard deviation per axis of what hands err more than the
    tracks say [m]; the variances of the samples hold it.
    """

    config: PersonConfig
    shelf_map: ShelfMap
    samples: Samples
    tracks: NDArray[np.int64]
    begins: NDArray[np.intp]
    gone: NDArray[np.bool_]
    blur: float

    @property
    def movers(self) -> NDArray[np.int64]:
        """(C,) track of every hand, the last one nobody's."""
        return np.append(np.repeat(self.tracks, HANDS), 0)

    @property
    def hands(self) -> NDArray[np.int64]:
        """(C,) slot of every hand."""
        return np.append(np.tile(np.arange(HANDS), len(self.tracks)), -1)

    def at(self, plate_ids: tuple[str, ...]) -> _Places:
        """Where the hands and bodies were by these plates."""
        hands = self.shelf_map.offset(self.samples.hands, plate_ids)
        return _Places(hands, self.shelf_map.floor_distance(self.samples.body, plate_ids))

    def scores(self, places: _Places, start_ns: int, end_ns: int) -> Floats:
        """(C,) log likelihood that the hand was at any of the plates from the one instant to the other."""
        if not self.tracks.size:
            return np.array([math.log(self.config.nobody)])
        found = likelihoods.hands(self.samples, self.begins, start_ns, end_ns, places.hands, self.blur, self.config)
        found += likelihoods.reach(self.samples, self.begins, start_ns, end_ns, places.bodies, self.config)[:, None]
        found -= math.log(HANDS)
        found[self.gone] = likelihoods.NOWHERE
        return np.append(found.ravel(), math.log(self.config.nobody))

    def visits(self, places: _Places, start_ns: int, end_ns: int) -> tuple[Floats, NDArray[np.int64], bool]:
        """(C,) log odds that the hand's stay at the plates fits the change, and when it left them [ns].

        Besides, whether any hand was there.
        """
        if not self.tracks.size:
            return np.zeros(1), np.array([end_ns]), False
        away = places.hands.distance
        odds, left_ns, closest = likelihoods.visit(
            self.samples, self.begins, start_ns, end_ns, away, self.blur, self.config
        )
        attended = bool((closest <= math.hypot(self.config.hand_reach, self.blur)).any())
        return np.append(odds.ravel(), 0.0), np.append(left_ns.ravel(), end_ns), attended


class Explainer:
    """Gives the explanations of a change, best first.

    recent: shelf events of late, by plate. evidence: by shelf event. noise: by plate, standard deviation of its samples
    [kg]. ended_ns: when tracks ended; what they do not do any more. staff_ns: since when the fusion knows of people who
    work here.
    """

    def __init__(
        self,
        config: FusionConfig,
        shelf_map: ShelfMap,
        history: History,
        recent: Mapping[str, Sequence[ShelfEvent]],
        evidence: Mapping[str, Sequence[ItemEvidence]],
        noise: Mapping[str, float],
        ended_ns: Mapping[int, int],
        staff_ns: Mapping[int, int],
        witness: Witness = unobserved,
    ) -> None:
        self._config = config
        self._map = shelf_map
        self._history = history
        self._recent = recent
        self._evidence = evidence
        self._noise = noise
        self._ended_ns = ended_ns
        self._staff_ns = staff_ns
        self._witness = witness

    def change(self, events: tuple[ShelfEvent, ...]) -> Change:
        """Look at some shelf events as one move."""
        by_mass = sorted(events, key=lambda event: -abs(event.mass_change))
        plate_ids = tuple(event.plate_id for event in by_mass)
        masses = [event.mass_change for event in by_mass]
        span = sum(abs(mass) for mass in masses)
        shares = [self._map.product_shares(plate_id) for plate_id in plate_ids]
        start_ns, end_ns = min(event.start_ns for event in events), max(event.end_ns for event in events)
        hands = self._hands(start_ns, end_ns)
        places = hands.at(plate_ids)
        scores = hands.scores(places, start_ns, end_ns)
        odds, left_ns, attended = hands.visits(places, start_ns, end_ns)
        leaves = (left_ns - end_ns <= self._config.person.withdraw_ms * 1_000_000) & (hands.hands >= 0)
        pressing = math.log(self._config.person.press_leaves) if sum(masses) > 0 else 0.0
        first, last = (
            [hands.scores(places, at_ns, at_ns) + hands.visits(places, at_ns, at_ns)[0] for at_ns in (start_ns, end_ns)]
            if start_ns + _BY_TWO_NS <= end_ns
            else [scores + odds] * 2
        )
        beside = [other for event in events for other in self._beside(event)]
        coupled = sum((self._config.weight.coupling * other.mass_change) ** 2 for other in beside if other in events)
        change = Change(
            events=events,
            mass=sum(masses),
            variance=sum(event.mass_change_stddev**2 for event in events) + coupled,
            start_ns=start_ns,
            end_ns=end_ns,
            plate_ids=plate_ids,
            shares=np.average(shares, axis=0, weights=[abs(mass) if span else 1.0 for mass in masses]),
            movers=hands.movers,
            hands=hands.hands,
            mover_scores=scores + odds,
            two_hands=_two_hands(hands.movers, first, last),
            press_scores=hands.scores(hands.at(self._map.with_beside(plate_ids)), start_ns, end_ns)
            + np.where(leaves, pressing, 0.0),
            attended=attended,
            felt=max((abs(other.mass_change) for other in beside if other not in events), default=0.0),
            unfelt=self._unfelt(plate_ids),
            score=likelihoods.shared(masses, plate_ids, self._map, self._config.place),
        )
        put = math.log(self._config.place.not_owned)
        moves = self._catalogue(change, 1, None, 0.0) if change.mass < 0 else self._catalogue(change, -1, 0, put)
        return replace(change, moves=tuple(moves))

    def _beside(self, event: ShelfEvent) -> list[ShelfEvent]:
        """Changes of plates beside at the same time, decided or not: a noisy plate tells late."""
        _, *plates = self._map.with_beside((event.plate_id,))
        recent = [other for plate_id in plates for other in self._recent.get(plate_id, ())]
        return [other for other in recent if gap_ns(event, other) <= self._config.time.join_ms * 1_000_000]

    def _unfelt(self, plate_ids: tuple[str, ...]) -> float:
        """Most that may have moved on the plates beside without being felt there [kg]."""
        weight = self._config.weight
        beside = self._map.with_beside(plate_ids)[len(plate_ids) :]
        noise = max((self._noise.get(plate_id, 0.0) for plate_id in beside if plate_id not in plate_ids), default=0.0)
        return max(weight.unfelt, weight.unfelt_sigmas * noise)

    def basis(self, change: Change, ledger: Ledger) -> tuple[object, ...]:
        """What the explanations of the change depend on: ledgers that live with the same basis have the same."""
        lies = [ledger.foreign.get(plate_id) for plate_id in change.plate_ids] if change.mass < 0 else []
        return tuple(map(id, (ledger.carts, *lies))), ledger.presses.get(change.plate_ids[0])

    def explain(self, change: Change, ledger: Ledger) -> list[Hypothesis]:
        """Explanations within ``prune`` of the best one, at most ``beam`` of them."""
        config = self._config
        moves = self._takes(change, ledger) if change.mass < 0 else self._puts(change, ledger)
        seen = self._seen(change, "")
        still = [(press, score + seen) for press, score in self._without_parts(change, ledger)]
        hand = float(change.mover_scores.max())
        best = max(*(move.score + hand for move in moves if not move.owner), *(score for _, score in still))
        moves = [move for move in moves if not move.owner or move.score + hand >= best - config.decision.prune]
        table = np.array([move.score for move in moves])[:, None] + change.mover_scores
        staff = np.isin(change.movers, [t for t, since_ns in self._staff_ns.items() if since_ns <= change.end_ns])
        givers = self._givers(change, ledger) if any(move.owner for move in moves) else {}
        for row, move in enumerate(moves):
            if move.owner:
                table[row] += self._by_other_hands(change, move.owner, move.since_ns, givers)
            elif move.owner == 0:
                table[row] += np.where(staff, math.log(config.place.restock / config.place.not_owned), 0.0)
        best = max(float(table.max()), *(score for _, score in still))
        least = best - config.decision.prune
        found = [Hypothesis((), press, change.score + score) for press, score in still if score >= least]
        likely = np.argwhere(table >= least)
        likely = likely[np.argsort(-table[tuple(likely.T)], kind="stable")[: config.decision.beam]]
        for row, column in likely.tolist():
            move = replace(moves[row], owner=None) if moves[row].owner == 0 and staff[column] else moves[row]
            part = _part(change, move, column)
            found.append(Hypothesis((part,), None, change.score + float(table[row, column])))
        found += self._held(change, ledger, least)
        found += self._freed(change, ledger, least)
        found += self._pairs(change, ledger, least)
        found += self._together(change, moves, least)
        found.sort(key=lambda hypothesis: -hypothesis.score)
        found = [h for h in found[: config.decision.beam] if h.score >= found[0].score - config.decision.prune]
        self._witness(change, found)
        return found

    def book(self, ledger: Ledger, change: Change, hypothesis: Hypothesis) -> Ledger:
        """The ledger if the explanation is true."""
        if hypothesis.press is not None:
            ledger = ledger.pressed(change.plate_ids[0], hypothesis.press)
        for part in sorted(hypothesis.parts, key=lambda part: part.quantity):
            units, unit_mass, unit_stddev = abs(part.quantity), part.unit_mass, part.unit_stddev
            if len(hypothesis.parts) == 1 and hypothesis.press is None:
                unit_mass, unit_stddev = self._measured(change, part)
            lot = Lot(units, unit_mass, unit_stddev, change.plate_ids[0], change.end_ns)
            ledger = self._book_part(ledger, change, part, lot)
        return ledger

    def is_staff(self, track_id: int) -> bool:
        """Whether the person works here."""
        return track_id in self._staff_ns

    def _measured(self, change: Change, part: Part) -> tuple[float, float]:
        """Mass of one unit and its deviation [kg], by what was expected and what the plates felt.

        What is missing may stand on the plate beside, not felt; what does not fit at all is what the plates felt.
        """
        units = abs(part.quantity)
        mass, stddev = abs(change.mass) / units, math.sqrt(change.variance) / units
        missing, spread = part.unit_mass - mass, math.hypot(stddev, part.unit_stddev)
        if abs(missing) <= _MISSING * spread:
            share = (stddev / spread) ** 2
            return mass + share * missing, stddev * part.unit_stddev / spread
        if 0 < missing <= change.unfelt / units:
            return mass + missing / 2, missing / 2
        return mass, stddev

    def belongs(self, sku: str, change: Change) -> bool:
        """Whether the product has a facing on any of the plates."""
        return any(self._map.belongs(sku, plate_id) for plate_id in change.plate_ids)

    def _book_part(self, ledger: Ledger, change: Change, part: Part, lot: Lot) -> Ledger:
        units = lot.quantity
        if part.quantity > 0:
            for plate_id in change.plate_ids:
                lies_there = ledger.foreign.get(plate_id, {}).get(part.sku)
                if lies_there is not None and units:
                    taken = min(units, lies_there.quantity)
                    ledger = ledger.off_plate(plate_id, part.sku, taken)
                    units -= taken
            return ledger.into_cart(part.track_id, part.sku, lot) if part.track_id else ledger
        if part.sku in ledger.carts.get(part.track_id, {}):
            ledger = ledger.out_of_cart(part.track_id, part.sku, units)
        plate_id = change.plate_ids[0]
        return ledger if self._map.belongs(part.sku, plate_id) else ledger.onto_plate(plate_id, part.sku, lot)

    def _hands(self, start_ns: int, end_ns: int) -> _Hands:
        samples = self._history.between(
            start_ns - self._config.person.memory_ms * 1_000_000, end_ns + self._config.time.after_ms * 1_000_000
        )
        samples, tracks, begins = samples.by_person()
        samples = sorted_out(samples, begins, self._config.person)
        shown = (self._config.person.unsteady * samples.jitter()) ** 2
        stated = samples.hand_variance[np.isfinite(samples.hand_variance)]
        more = max(shown - float(np.median(stated)), 0.0) if len(stated) else 0.0
        samples = replace(samples, hand_variance=samples.hand_variance + more)
        gone = [self._ended_ns.get(track_id, start_ns) < start_ns for track_id in tracks.tolist()]
        return _Hands(
            self._config.person, self._map, samples, tracks, begins, np.array(gone, dtype=np.bool_), math.sqrt(more)
        )

    # --- without products

    def _without_parts(self, change: Change, ledger: Ledger) -> list[tuple[Press | None, float]]:
        """Drift and bumps, and a hand that begins to press, presses otherwise, or lets go: (press, score)."""
        weight, place = self._config.weight, self._config.place
        still = likelihoods.nothing(change.mass, change.variance, len(change.events), change.attended, weight, place)
        found: list[tuple[Press | None, float]] = [(None, still)]
        if len(change.events) > 1:
            return found
        if change.felt > abs(change.mass):
            found.append((None, likelihoods.felt(change.mass, change.variance, change.felt, weight, place)))
        before = ledger.presses.get(change.plate_ids[0], Press(0, 0.0))
        after = before.mass + change.mass
        if before.mass and abs(after) <= likelihoods.RELEASED * weight.press_stddev:
            after, score = 0.0, likelihoods.released(after, change.variance, weight, place)
        elif 0 < after <= weight.most_press:
            score = likelihoods.pressed(before.mass, weight, place)
        else:
            return found
        for track_id, column in _best_hands(change.movers, change.press_scores).items():
            if not before.mass or track_id == before.track_id:
                found.append((Press(track_id, after), score + float(change.press_scores[column])))
        return found

    # --- one product

    def _takes(self, change: Change, ledger: Ledger) -> list[_Move]:
        place = self._config.place
        lots = self._lying(change, ledger)
        moves = self._catalogue(change, 1, None, math.log1p(-place.foreign)) if lots else change.moves
        moves = self._as_felt(change, ledger, moves)
        lying = [(None, sku, lot, math.log(place.foreign / len(lots))) for sku, lot in lots]
        return [*moves, *self._of_lots(change, 1, lying), self._unknown(change, 1)]

    def _as_felt(self, change: Change, ledger: Ledger, moves: Sequence[_Move]) -> list[_Move]:
        """Takes of products by what the plates felt of such pieces that are in carts now, too."""
        known = {move.sku for move in moves if self._map.knows_weight(move.sku)}
        felt: dict[str, Lot] = {}
        for stock in ledger.carts.values():
            for sku in stock.keys() & known:
                felt[sku] = min(stock[sku], felt.get(sku, stock[sku]), key=lambda lot: lot.unit_stddev)
        again = [(move, felt[move.sku]) for move in moves if move.sku in felt]
        if not again:
            return list(moves)
        units, mass, stddev, felt_mass, felt_stddev = np.array(
            [(m.quantity, m.unit_mass, m.unit_stddev, lot.unit_mass, lot.unit_stddev) for m, lot in again]
        ).T
        more = likelihoods.felt_before(
            abs(change.mass),
            change.variance,
            change.unfelt,
            units,
            mass,
            stddev,
            felt_mass,
            felt_stddev,
            self._config.weight,
        )
        weighed = [replace(move, score=move.score + odds) for (move, _), odds in zip(again, more.tolist(), strict=True)]
        return [move for move in moves if move.sku not in felt] + weighed

    def _puts(self, change: Change, ledger: Ledger) -> list[_Move]:
        owned = self._of_lots(change, -1, self._owned(change, ledger, ledger.carts))
        return [*change.moves, *owned, self._unknown(change, -1)]

    def _likely(self, change: Change) -> list[tuple[int, float]]:
        """Products that belong on or beside the plates, with the log of their share."""
        likely = np.flatnonzero(self._map.has_weight & (change.shares >= self._config.place.neighbour / 4))
        return [(product, math.log(change.shares[product])) for product in likely.tolist()]

    def _lying(self, change: Change, ledger: Ledger) -> list[tuple[str, Lot]]:
        """What lies there and does not belong there."""
        stocks = [ledger.foreign[plate_id] for plate_id in change.plate_ids if plate_id in ledger.foreign]
        return [(sku, lot) for stock in stocks for sku, lot in stock.items()]

    def _owned(self, change: Change, ledger: Ledger, owners: Container[int]) -> Iterable[tuple[int, str, Lot, float]]:
        """What these people may put back: owner, sku, lot and the log of its share among the owner's things.

        A thing goes to its own place, or to that of a like thing that is where it was, in the hands or put away, or to
        that of what lies in its own place now, else rather near the plate it came from; and who has just taken it has
        it in the hand, the last one most of all.
        """
        place, time = self._config.place, self._config.time

        def is_in_hand(lot: Lot) -> bool:
            return change.start_ns - lot.since_ns <= time.in_hand_ms * 1_000_000

        for track_id in filter(owners.__contains__, ledger.carts):
            stock, total = ledger.carts[track_id], 0.0
            shares: dict[str, float] = {}
            from_here = [lot for sku, lot in stock.items() if self.belongs(sku, change)]
            latest_ns = max((lot.since_ns for lot in stock.values() if lot.since_ns <= change.end_ns), default=0)
            for sku, lot in stock.items():
                if lot.since_ns > change.end_ns:
                    continue
                in_hand = is_in_hand(lot)
                first = lot.since_ns == latest_ns
                share = 1 - place.elsewhere
                if not self.belongs(sku, change) and not self._is_crossed(sku, change, ledger):
                    near = any(self._map.apart(lot.plate_id, p) <= time.join_distance for p in change.plate_ids)
                    alike = near and any(
                        math.isclose(lot.unit_mass, other.unit_mass, rel_tol=_ALIKE) and is_in_hand(other) == in_hand
                        for other in from_here
                    )
                    first |= alike
                    share = place.mistaken if alike else place.elsewhere * (1.0 if near else place.far)
                total += share
                kept = place.earlier if in_hand else place.in_bag
                shares[sku] = share * (1.0 if in_hand and first else kept)
            for sku, share in shares.items():
                yield track_id, sku, stock[sku], math.log(share / max(total, 1 - place.elsewhere))

    def _is_crossed(self, sku: str, change: Change, ledger: Ledger) -> bool:
        """Whether something that belongs on the plates lies where the product belongs."""
        return any(
            self._map.belongs(sku, plate_id) and any(self.belongs(other, change) for other in stock)
            for plate_id, stock in ledger.foreign.items()
        )

    def _givers(self, change: Change, ledger: Ledger) -> dict[int, tuple[int, int]]:
        """By who may have done it: how many owners of things it has met since they took them, and how many not."""
        since = {other: min(lot.since_ns for lot in stock.values()) for other, stock in ledger.carts.items() if stock}
        found = {}
        for mover in set(change.movers[change.mover_scores > _UNLIKELY].tolist()) - {0}:
            met = [self._history.met_since(other, mover, at_ns) for other, at_ns in since.items() if other != mover]
            found[mover] = sum(met), len(met) - sum(met)
        return found

    def _by_other_hands(
        self, change: Change, owner: int, since_ns: int, givers: Mapping[int, tuple[int, int]]
    ) -> Floats:
        """(C,) that the hand puts back what the owner took: another's, of any it has met since, or of the others."""
        place = self._config.place
        odds = np.where(change.movers == owner, 1.0, place.other_hand * place.unmet)
        for mover, (met, unmet) in givers.items():
            if mover != owner:
                handed = self._history.met_since(owner, mover, since_ns)
                share = 1.0 / max(met, 1) if handed else place.unmet / max(unmet, 1)
                odds[change.movers == mover] = place.other_hand * share
        return np.log(odds)

    def _unknown(self, change: Change, sign: int) -> _Move:
        prior = math.log(self._config.place.unknown)
        score = prior - math.log(2 * self._config.weight.most)
        return _Move("", sign, None, abs(change.mass), math.sqrt(change.variance), prior, score)

    def _catalogue(self, change: Change, sign: int, owner: int | None, prior: float) -> list[_Move]:
        """Products of the catalogue, with the two quantities next to the mass."""
        config, mass = self._config, abs(change.mass)
        unit_mass, unit_stddev = self._map.unit_mass, self._map.unit_stddev
        quantity = np.stack([np.floor(mass / unit_mass), np.floor(mass / unit_mass) + 1])
        quantity = np.where(self._map.has_weight, quantity, [[1.0], [np.nan]])
        allowed = (quantity >= 1) & (quantity <= config.weight.most_units)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_weight = likelihoods.by_catalogue(
                mass, change.variance, change.unfelt, quantity, unit_mass, unit_stddev, config.weight
            )
            share = np.log(change.shares)
        score = np.where(self._map.has_weight, by_weight, likelihoods.unknown_weight(mass, config.weight))
        # Who puts a thing where it does not belong puts one.
        belongs = change.shares >= config.place.neighbour / 4
        score = score + share + np.where(belongs, 1.0, 2.0) * likelihoods.units(quantity, config.weight)
        score = np.where(allowed, score, likelihoods.NOWHERE)
        least = score.max(initial=likelihoods.NOWHERE / 2) - config.decision.prune - config.decision.evidence_range
        return [
            self._move(
                change,
                self._map.skus[product],
                sign * int(quantity[row, product]),
                owner,
                float(unit_mass[product]) if self._map.has_weight[product] else mass,
                float(unit_stddev[product]) if self._map.has_weight[product] else math.sqrt(change.variance),
                prior + float(share[product]),
                prior + float(score[row, product]),
            )
            for row, product in np.argwhere(score >= least)
        ]

    def _of_lots(self, change: Change, sign: int, lots: Iterable[tuple[int | None, str, Lot, float]]) -> list[_Move]:
        """Units of lots whose mass the plates have measured, mostly well; lots: owner, sku, lot, prior."""
        config = self._config.weight
        rows = [
            (units, lot.unit_mass, self._lot_stddev(lot), owner, sku, lot, prior)
            for owner, sku, lot, prior in lots
            for units in range(1, min(lot.quantity, config.most_units) + 1)
        ]
        if not rows:
            return []
        units, mass, stddev = np.array([row[:3] for row in rows]).T
        score = np.logaddexp(
            likelihoods.weight(abs(change.mass), change.variance, change.unfelt, units, mass, stddev, config),
            likelihoods.badly_weighed(abs(change.mass), change.variance, units, mass, config),
        )
        score += likelihoods.units(units, config)
        return [
            self._move(change, sku, sign * n, owner, mass, stddev, prior, prior + value, lot.since_ns)
            for (n, mass, stddev, owner, sku, lot, prior), value in zip(rows, score.tolist(), strict=True)
        ]

    def _lot_stddev(self, lot: Lot) -> float:
        """Standard deviation of a unit's mass [kg]."""
        return math.hypot(lot.unit_stddev, self._config.weight.least_stddev)

    def _move(
        self,
        change: Change,
        sku: str,
        quantity: int,
        owner: int | None,
        unit_mass: float,
        unit_stddev: float,
        prior: float,
        score: float,
        since_ns: int = 0,
    ) -> _Move:
        seen = self._seen(change, sku)
        return _Move(sku, quantity, owner, unit_mass, unit_stddev, prior + seen, score + seen, since_ns)

    def _seen(self, change: Change, sku: str) -> float:
        """What recognisers say of the product; of none: of anything that the weight does not leave open."""
        reports = [report for event in change.events for report in self._evidence.get(event.shelf_event_id, ())]
        return likelihoods.evidence(sku, reports, self._config.decision.evidence_range)

    def _held(self, change: Change, ledger: Ledger, least: float) -> list[Hypothesis]:
        """One thing that belongs there is taken, or put back by its owner, and a hand rests there afterwards.

        That hand goes on doing so, or another person's begins to.
        """
        weight, plate_id = self._config.weight, change.plate_ids[0]
        if plate_id in ledger.presses:
            return []
        prior = math.log(self._config.place.held) - math.log(weight.most_press) + math.log1p(-weight.repeat)
        if change.mass < 0:
            mass, stddev = self._map.unit_mass, self._map.unit_stddev
            moves = [
                self._move(
                    change, self._map.skus[row], 1, None, float(mass[row]), float(stddev[row]), share, share + prior
                )
                for row, share in self._likely(change)
            ]
        else:
            moves = [
                self._move(change, sku, -1, owner, lot.unit_mass, self._lot_stddev(lot), share, share + prior)
                for owner, sku, lot, share in self._owned(change, ledger, ledger.carts)
                if self.belongs(sku, change)
            ]
        by_two = [pair for one, other, score in change.two_hands for pair in ((one, other, score), (other, one, score))]
        found = []
        for move in moves:
            force = change.mass + move.quantity * move.unit_mass
            if not _MISSING * math.hypot(move.unit_stddev, math.sqrt(change.variance)) < force <= weight.most_press:
                continue
            hands = change.movers > 0 if move.owner is None else change.movers == move.owner
            columns = np.flatnonzero(hands & (move.score + change.mover_scores >= least)).tolist()
            alone = [(column, column, float(change.mover_scores[column])) for column in columns]
            for column, pressing, score in (*alone, *by_two):
                if hands[column] and change.movers[pressing] and move.score + score >= least:
                    press = Press(int(change.movers[pressing]), force)
                    part = _part(change, move, column)
                    found.append(Hypothesis((part,), press, change.score + move.score + score))
        return found

    def _freed(self, change: Change, ledger: Ledger, least: float) -> list[Hypothesis]:
        """Something is taken while a hand that has pressed on the plate, the same or another one, lets go of it."""
        config, press = self._config, ledger.presses.get(change.plate_ids[0])
        if press is None or change.mass + press.mass >= -config.weight.unfelt:
            return []
        variance = change.variance + config.weight.press_stddev**2
        freed = replace(change, mass=change.mass + press.mass, variance=variance)
        freed = replace(freed, moves=tuple(self._catalogue(freed, 1, None, 0.0)))
        prior = math.log(config.place.release * config.place.freed)
        return [
            Hypothesis((_part(change, move, column),), Press(press.track_id, 0.0), score)
            for move in self._takes(freed, ledger)
            for column in np.flatnonzero(move.score + prior + change.mover_scores >= least).tolist()
            for score in [change.score + prior + move.score + float(change.mover_scores[column])]
        ]

    # --- two parts

    def _together(self, change: Change, moves: Sequence[_Move], least: float) -> list[Hypothesis]:
        """Two people who take units of one product in one step."""
        config = self._config
        prior = math.log(config.person.together) + math.log1p(-config.weight.repeat) - math.log(config.weight.repeat)
        found = []
        for move in moves:
            if move.quantity < 2 or not move.sku:
                continue
            for one, other, hands in change.two_hands:
                score = move.score + prior + hands
                if score < least:
                    continue
                for units in range(1, move.quantity):
                    parts = (_part(change, move, one, units), _part(change, move, other, move.quantity - units))
                    found.append(Hypothesis(parts, None, change.score + score - math.log(move.quantity - 1)))
        return found

    def _pairs(self, change: Change, ledger: Ledger, least: float) -> list[Hypothesis]:
        """Two things that moved in one step: two taken, two put back, or one put back and another taken.

        By one hand, or each by a hand of another person.
        """
        config, place = self._config, self._config.place
        hand = float(change.mover_scores.max())
        near = {int(track) for track in change.movers[change.mover_scores >= hand - config.decision.prune]}
        things = self._takeable(change, ledger) + self._returnable(change, ledger, near)
        if len(things) < 2:
            return []
        sign = np.array([math.copysign(1.0, thing.quantity) for thing in things])
        mass = np.array([thing.unit_mass for thing in things]) * sign
        variance = np.array([thing.unit_stddev**2 for thing in things])
        prior = np.array([thing.prior for thing in things])
        first, second = np.triu_indices(len(things), 1)
        alike = sign[first] == sign[second]
        score = likelihoods.normal(
            change.mass + mass[first] + mass[second],
            np.sqrt(change.variance + variance[first] + variance[second]),
        )
        score += prior[first] + prior[second]
        score[alike & (sign[first] * change.mass > 0)] = likelihoods.NOWHERE
        prior_of_two = math.log(config.person.together / 2)
        most = max((hands for *_, hands in change.two_hands), default=likelihoods.NOWHERE)
        found = []
        for index in np.flatnonzero(score + prior_of_two + most >= least).tolist():
            pair = things[first[index]], things[second[index]]
            found += self._by_two(change, pair, float(score[index]) + prior_of_two, least)
        score += np.log(np.where(alike, place.two_products, place.exchanged))
        for index in np.flatnonzero(score + hand >= least).tolist():
            one, other = things[first[index]], things[second[index]]
            owners = {thing.owner for thing in (one, other) if thing.owner is not None}
            if len(owners) > 1:
                continue
            for column in np.flatnonzero(score[index] + change.mover_scores >= least).tolist():
                if owners and int(change.movers[column]) not in owners:
                    continue
                parts = (_part(change, one, column), _part(change, other, column))
                found.append(Hypothesis(parts, None, change.score + float(score[index] + change.mover_scores[column])))
        return found

    def _by_two(self, change: Change, things: tuple[_Move, _Move], score: float, least: float) -> list[Hypothesis]:
        """Two things that two people moved in one step; score: without the hands."""
        found = []
        for one, other in (things, things[::-1]):
            for first, last, hands in change.two_hands:
                owned = one.owner in (None, change.movers[first]) and other.owner in (None, change.movers[last])
                if owned and score + hands >= least:
                    parts = (_part(change, one, first), _part(change, other, last))
                    found.append(Hypothesis(parts, None, change.score + score + hands))
        return found

    def _takeable(self, change: Change, ledger: Ledger) -> list[_Move]:
        """One of everything that may well be taken there."""
        belongs = [
            (self._map.skus[p], float(self._map.unit_mass[p]), float(self._map.unit_stddev[p]), log_share)
            for p, log_share in self._likely(change)
        ]
        lies = [
            (sku, lot.unit_mass, math.hypot(lot.unit_stddev, self._config.weight.least_stddev), prior)
            for prior in [math.log(self._config.place.foreign)]
            for sku, lot in self._lying(change, ledger)
        ]
        return [
            _Move(sku, 1, None, mass, stddev, prior + self._seen(change, sku) / 2, 0.0)
            for sku, mass, stddev, prior in belongs + lies
        ]

    def _returnable(self, change: Change, ledger: Ledger, near: Container[int]) -> list[_Move]:
        """One of everything that the people near may put back."""
        least_stddev = self._config.weight.least_stddev
        return [
            _Move(
                sku,
                -1,
                owner,
                lot.unit_mass,
                math.hypot(lot.unit_stddev, least_stddev),
                prior + self._seen(change, sku) / 2,
                0.0,
            )
            for owner, sku, lot, prior in self._owned(change, ledger, near)
        ]


_MISSING = 3.0
"""A thing weighs less than it should when so many standard deviations are missing."""
_ALIKE = 0.02
"""Masses that differ by no more are those of like packs."""
_UNLIKELY = -8.0
"""Hands with a lesser score did it so rarely that whom they met does not matter."""
_PEOPLE_TOGETHER = 4
"""Of so many people with the best hands two may have taken in one step."""
_BY_TWO_NS = 100_000_000
"""In a shorter change the one hand and the other were there at one time."""


def _best_hands(movers: NDArray[np.int64], scores: Floats) -> dict[int, int]:
    """Person -> column of the better hand, the best person first."""
    found: dict[int, int] = {}
    for column in np.argsort(-scores, kind="stable").tolist():
        if movers[column]:
            found.setdefault(int(movers[column]), column)
    return found


def _two_hands(
    movers: NDArray[np.int64], first_scores: Floats, last_scores: Floats
) -> tuple[tuple[int, int, float], ...]:
    """Columns of the hands of two people, of the one at the begin and of the other at the end, and their score."""
    first, last = _best_hands(movers, first_scores), _best_hands(movers, last_scores)
    return tuple(
        (one, other, float(first_scores[one] + last_scores[other]))
        for a, one in islice(first.items(), _PEOPLE_TOGETHER)
        for b, other in islice(last.items(), _PEOPLE_TOGETHER)
        if a != b
    )


def _part(change: Change, move: _Move, column: int, units: int = 0) -> Part:
    """The move by the hand of that column; ``units``: only so many of them."""
    mover = int(change.movers[column])
    owner = mover if move.owner is None else move.owner
    quantity = units or move.quantity
    return Part(owner, move.sku, quantity, mover, int(change.hands[column]), move.unit_mass, move.unit_stddev)
