"""Small shops without gates, full of what breaks stores without tills: made from a seed, on site ``corner``.

One to four strangers whose poses are labelled take, press, hold, return, hand over and get in each other's way. The
store believes a catalogue with some wrong weights and a planogram that some goods do not keep to. The harder level
hides and mixes up hands besides.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aisle_core.store import Store
from aisle_core.types import GateEvent, PersonTrack, PersonTracks, TrackState
from aisle_replay.truth import TruthLog
from aisle_sim.goods import capacity
from aisle_sim.places import stand_places
from aisle_sim.scenario import (
    Action,
    Browse,
    Bump,
    Enter,
    HandOver,
    Hold,
    Lean,
    LiftAndReturn,
    Pick,
    PutBack,
    Scenario,
    Shopper,
    Stand,
    Stock,
    Swap,
)
from aisle_sim.walking import Ground

SITE = "corner"
HEIGHT = 1.72
MOST_PEOPLE = 4
MISPLACED = 2
"""Plates on which something stands that belongs beside them."""
SWAPPED = (("g01-s2-p01", "g01-s2-p02"), ("g02-s3-p01", "g02-s3-p02"))
"""Plates with products of equal weight."""

STALE_SHARE, STALE_STDDEV = 0.05, 0.04
HARDER_STALE_SHARE = 0.15
HIDDEN_EVERY_S, HIDDEN_S = 15.0, 1.0
MIXED_EVERY_S, MIXED_S, MIXED_M = 20.0, 0.3, 1.2


@dataclass(slots=True)
class _Person:
    name: str
    do: list[Action]
    has: list[tuple[str, str]]
    """(plate, sku) of what was taken and kept."""


class _Author:
    def __init__(self, store: Store, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 5])
        self._store = store
        ground = Ground(store)
        self._there = [
            (plate_id, facing.sku)
            for plate_id in store.plates
            for facing in store.facings_of(plate_id)
            if capacity(store, plate_id, facing.sku) and stand_places(ground, store, plate_id, HEIGHT)
        ]
        self._left = {pair: max(capacity(store, *pair) // 2, 1) for pair in self._there}
        self._stock: list[Stock] = []
        self._words = 0

    def write(self, seed: int) -> Scenario:
        rng = self._rng
        people = [_Person(f"p{number}", [], []) for number in range(1, int(rng.integers(1, MOST_PEOPLE + 1)) + 1)]
        self._misplace()
        for _ in range(int(rng.integers(3, 7)) * len(people)):
            self._deed(people)
        shoppers = [
            Shopper(name=person.name, enter=Enter(at_s=1.0 + 2.0 * index), do=tuple(person.do))
            for index, person in enumerate(people)
        ]
        return Scenario(site=SITE, description=f"hard shop {seed}", stock=tuple(self._stock), shoppers=tuple(shoppers))

    def _deed(self, people: list[_Person]) -> None:
        kinds = {
            "take": 6,
            "press": 2,
            "touch": 1,
            "hold": 2,
            "lift": 2,
            "return": 2,
            "elsewhere": 1,
            "bump": 0.5,
            "swap": 0.3,
            "foreign": 1.5,
            "one plate": 1.5,
            "neighbours": 1.5,
            "hand over": 1,
        }
        share = np.array(list(kinds.values()))
        kind = list(kinds)[int(self._rng.choice(len(kinds), p=share / share.sum()))]
        order = self._rng.permutation(len(people))
        person, other = people[order[0]], people[order[-1]]
        match kind:
            case "take":
                self._take(person, self._any(), int(self._rng.choice([1, 1, 1, 2, 3])))
            case "press":
                pair = self._any()
                person.do.append(Action(lean=Lean(plate=pair[0], seconds=self._seconds())))
                self._take(person, pair)
            case "touch":
                person.do.append(Action(browse=Browse(plate=self._any()[0], seconds=self._seconds(), touch=True)))
            case "hold":
                pair = self._any()
                if self._use(pair):
                    person.do.append(Action(hold=Hold(plate=pair[0], sku=pair[1], seconds=2 * self._seconds())))
                    person.has.append(pair)
            case "lift":
                pair, count = self._any(), int(self._rng.integers(1, 3))
                keep = count - 1
                if self._left[pair] >= count:
                    self._left[pair] -= keep
                    lift = LiftAndReturn(plate=pair[0], sku=pair[1], quantity=count, keep=keep, seconds=self._seconds())
                    person.do.append(Action(lift_and_return=lift))
                    person.has += [pair] * keep
            case "return" if person.has:
                plate_id, sku = self._give(person)
                person.do.append(Action(put_back=PutBack(plate=plate_id, sku=sku)))
            case "elsewhere" if person.has:
                plate_id, sku = self._give(person)
                person.do.append(Action(put_back=PutBack(plate=self._beside(plate_id), sku=sku)))
            case "bump":
                person.do.append(Action(bump=Bump(fixture=self._store.plates[self._any()[0]].fixture_id)))
            case "swap":
                person.do.append(Action(swap=Swap(plates=SWAPPED[int(self._rng.integers(len(SWAPPED)))])))
            case "foreign" if self._stock:
                lies = self._stock[int(self._rng.integers(len(self._stock)))]
                self._take(person, (lies.plate, str(lies.sku)))
            case "one plate" | "neighbours" if person is not other:
                self._together(person, other, kind == "one plate")
            case "hand over" if person is not other:
                self._hand_over(person, other)

    def _take(self, person: _Person, pair: tuple[str, str], count: int = 1) -> None:
        for _ in range(count):
            if self._use(pair):
                person.do.append(Action(pick=Pick(plate=pair[0], sku=pair[1])))
                person.has.append(pair)

    def _together(self, one: _Person, other: _Person, one_plate: bool) -> None:
        first = self._any()
        second = first
        if not one_plate:
            plate_id = self._beside(first[0])
            second = next((pair for pair in self._there if pair[0] == plate_id), first)
        word = self._word()
        for person, pair, aside in ((one, first, -0.28), (other, second, 0.28)):
            if self._use(pair):
                pick = Pick(plate=pair[0], sku=pair[1], stand=Stand(aside=aside))
                person.do.append(Action(pick=pick, together=word))
                person.has.append(pair)
            else:
                person.do.append(Action(wait=0.1, together=word))

    def _hand_over(self, one: _Person, other: _Person) -> None:
        pair = self._any()
        if not self._use(pair):
            return
        word = self._word()
        one.do += [
            Action(pick=Pick(plate=pair[0], sku=pair[1])),
            Action(hand_over=HandOver(to=other.name, sku=pair[1])),
        ]
        one.do.append(Action(wait=0.1, together=word))
        other.do.append(Action(wait=0.1, together=word))
        if self._rng.random() < 0.7:
            other.do.append(Action(put_back=PutBack(plate=pair[0], sku=pair[1])))

    def _misplace(self) -> None:
        for _ in range(MISPLACED):
            plate_id, sku = self._there[int(self._rng.integers(len(self._there)))]
            beside = self._beside(plate_id)
            if (beside, sku) not in self._there and beside != plate_id:
                self._stock.append(Stock(plate=beside, sku=sku, quantity=2))
                self._left[beside, sku] = 2

    def _any(self) -> tuple[str, str]:
        return self._there[int(self._rng.integers(len(self._there)))]

    def _use(self, pair: tuple[str, str]) -> bool:
        if self._left[pair] < 1:
            return False
        self._left[pair] -= 1
        return True

    def _give(self, person: _Person) -> tuple[str, str]:
        return person.has.pop(int(self._rng.integers(len(person.has))))

    def _beside(self, plate_id: str) -> str:
        plates = [p.plate_id for f in self._store.fixtures for s in f.shelves for p in s.plates]
        index = plates.index(plate_id)
        near = [p for p in plates[max(index - 1, 0) : index + 2] if p[:6] == plate_id[:6] and p != plate_id]
        reachable = {pair[0] for pair in self._there}
        near = [p for p in near if p in reachable] or [plate_id]
        return near[int(self._rng.integers(len(near)))]

    def _seconds(self) -> float:
        return round(float(self._rng.uniform(1.0, 5.0)), 1)

    def _word(self) -> str:
        self._words += 1
        return f"w{self._words}"


def hard_shop(store: Store, seed: int) -> Scenario:
    """What happens, the same for the same seed."""
    return _Author(store, seed).write(seed)


def believed(store: Store, seed: int, harder: bool) -> Store:
    """The store as its files have it: some weights are wrong, and there are no gates."""
    rng = np.random.default_rng([seed, 6])
    share = HARDER_STALE_SHARE if harder else STALE_SHARE
    products = {
        sku: product.model_copy(update={"weight": round(product.weight * (1 + rng.normal(0.0, STALE_STDDEV)), 4)})
        if rng.random() < share and product.weight
        else product
        for sku, product in store.products.items()
    }
    return store.model_copy(update={"products": products, "lanes": ()})


def disturbed(items: Iterable[tuple[int, Any]], truth: TruthLog, seed: int, harder: bool) -> list[tuple[int, Any]]:
    """What the fusion gets: labelled people, no gates, and at the harder level hidden and mixed-up hands."""
    rng = np.random.default_rng([seed, 7])
    items = [entry for entry in items if not isinstance(entry[1], GateEvent)]
    names = _names([item for _, item in items if isinstance(item, PersonTracks)], truth)
    hidden: dict[tuple[int, Any], int] = {}
    mixed: dict[tuple[int, int], int] = {}
    before_ns = None
    found: list[tuple[int, Any]] = []
    for now_ns, item in items:
        if isinstance(item, PersonTracks):
            tracks = [replace(t, label=names.get(t.track_id, t.label)) for t in item.tracks]
            if harder:
                seconds = 0.0 if before_ns is None else (item.stamp_ns - before_ns) / 1e9
                tracks = _without_hidden(tracks, item.stamp_ns, seconds, hidden, rng)
                tracks = _with_mixed(tracks, item.stamp_ns, seconds, mixed, rng)
            before_ns = item.stamp_ns
            found.append((now_ns, replace(item, tracks=tuple(tracks))))
        else:
            found.append((now_ns, item))
    return found


def _names(batches: list[PersonTracks], truth: TruthLog) -> dict[int, str]:
    """Track -> the shopper whom it was beside most of the time."""
    stamps = np.array([sample.stamp_ns for sample in truth.people])
    beside: dict[int, Counter[str]] = {}
    for batch in batches:
        sample = truth.people[int(np.argmin(np.abs(stamps - batch.stamp_ns)))]
        for track in batch.tracks:
            if sample.people:
                nearest = min(sample.people, key=lambda p: math.dist(p.position[:2], track.position[:2]))
                beside.setdefault(track.track_id, Counter())[nearest.shopper] += 1
    return {track_id: names.most_common(1)[0][0] for track_id, names in beside.items()}


def _without_hidden(
    tracks: list[PersonTrack], now_ns: int, seconds: float, hidden: dict[tuple[int, Any], int], rng: np.random.Generator
) -> list[PersonTrack]:
    kept = []
    for track in tracks:
        hands = []
        for hand in track.hands:
            key = track.track_id, hand.side
            if rng.random() < seconds / HIDDEN_EVERY_S:
                hidden[key] = now_ns + round(rng.exponential(HIDDEN_S) * 1e9)
            if hidden.get(key, 0) <= now_ns:
                hands.append(hand)
        kept.append(replace(track, hands=tuple(hands)))
    return kept


def _with_mixed(
    tracks: list[PersonTrack], now_ns: int, seconds: float, mixed: dict[tuple[int, int], int], rng: np.random.Generator
) -> list[PersonTrack]:
    """Two people near each other get each other's hands for a moment."""
    tracks = list(tracks)
    for a in range(len(tracks)):
        for b in range(a + 1, len(tracks)):
            one, other = tracks[a], tracks[b]
            if one.state is not TrackState.SEEN or other.state is not TrackState.SEEN:
                continue
            if np.hypot(*np.subtract(one.position[:2], other.position[:2])) > MIXED_M:
                continue
            key = one.track_id, other.track_id
            if rng.random() < seconds / MIXED_EVERY_S:
                mixed[key] = now_ns + round(rng.exponential(MIXED_S) * 1e9)
            if mixed.get(key, 0) > now_ns:
                tracks[a], tracks[b] = replace(one, hands=other.hands), replace(other, hands=one.hands)
    return tracks
