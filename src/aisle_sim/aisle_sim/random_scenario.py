"""Scenarios drawn from a seed: shopping lists, browsing, groups, crowds, and the hard behaviours in a chosen mix."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, FiniteFloat

from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_core.store.model import Frozen
from aisle_sim.goods import capacity
from aisle_sim.places import stand_places
from aisle_sim.scenario import (
    Action,
    Browse,
    Bump,
    Drop,
    Enter,
    HandOver,
    Hold,
    Lean,
    LiftAndReturn,
    Pick,
    PickUp,
    PutBack,
    Scenario,
    Shopper,
    Swap,
)
from aisle_sim.walking import Ground

Share = Annotated[FiniteFloat, Field(ge=0.0, le=1.0)]

_GROUP_OF_THREE = 0.25
_CHILD = 0.15
_ARRIVALS = 0.6
"""The last comes in this part of the duration."""
_LEFT_ON_PLATE = 0.5
"""All shoppers together take at most this part of what the planogram lets stand on a plate."""


class Mix(Frozen):
    """How people behave. The defaults are our choice, busier than an ordinary day so that hard things happen."""

    items: Annotated[FiniteFloat, Field(gt=0.0, le=30.0)] = 4.0
    """Mean number of things on a shopping list (Poisson, at least one visit to a shelf)."""
    groups: Share = 0.15
    """Part of the visits that are groups of two or three on one credential."""
    app: Share = 0.4
    """Part of the credentials shown by phone, which takes longer and is sometimes read twice."""
    no_bag: Share = 0.15
    tail_gate: Share = 0.01
    """Part of the visits that slip in behind another."""
    popular: Share = 0.3
    """Part of the things that everybody wants from the same few plates: crowds."""
    browse: Share = 0.5
    """Per thing, before taking it: look at a plate nearby; ``touch`` of them feel the goods."""
    touch: Share = 0.3
    two_or_more: Share = 0.2
    """Per thing: take two or three."""
    at_one_grip: Share = 0.2
    """Of those: together at one grip."""
    hold: Share = 0.05
    lift_and_return: Share = 0.12
    put_back: Share = 0.06
    """Per thing: put it back where it was, later."""
    put_elsewhere: Share = 0.03
    """Per thing: put it on another plate, later."""
    straddle: Share = 0.2
    """Of those: across the border of two plates."""
    lean: Share = 0.03
    bump: Share = 0.02
    swap: Share = 0.01
    drop: Share = 0.01
    """Per thing: let it fall, and pick it up again every other time."""
    hand_over: Share = 0.1
    """Per thing of somebody in a group: give it to another of the group."""
    hand_over_to_stranger: Share = 0.005


def random_scenario(
    store: Store, seed: int, shoppers: int = 12, duration_s: float = 300.0, mix: Mix | None = None
) -> Scenario:
    """So many people who come within the first part of ``duration_s``; the same arguments give the same scenario.

    Raises AisleError for a store without plates to take from.
    """
    return _Author(store, np.random.default_rng(np.random.SeedSequence(seed)), mix or Mix()).write(
        seed, shoppers, duration_s
    )


class _Author:
    def __init__(self, store: Store, rng: np.random.Generator, mix: Mix) -> None:
        self._store = store
        self._rng = rng
        self._mix = mix
        self._ground = Ground(store)
        there = [(plate_id, facing.sku) for plate_id in store.plates for facing in store.facings_of(plate_id)]
        room = {pair: capacity(store, *pair) for pair in there}
        self._shares = [pair for pair in there if room[pair]]
        if not self._shares:
            raise AisleError(f"store {store.store_id}: no product on any plate; fill in planogram.csv")
        self._left = {pair: max(int(_LEFT_ON_PLATE * room[pair]), 1) for pair in self._shares}
        self._popular = [self._shares[i] for i in rng.permutation(len(self._shares))[:6]]
        self._reach: dict[tuple[str, float], bool] = {}
        self._entries = [lane.lane_id for lane in store.lanes if lane.direction != "out"]

    def write(self, seed: int, count: int, duration_s: float) -> Scenario:
        people: list[Shopper] = []
        while len(people) < count:
            at_s = round(float(self._rng.uniform(0.0, _ARRIVALS * duration_s)), 1)
            people += self._visit(len(people), at_s, count - len(people), people)
        return Scenario(
            site=self._store.store_id,
            description=f"{count} random shoppers, seed {seed}",
            duration_s=duration_s,
            shoppers=tuple(people),
        )

    def _visit(self, first: int, at_s: float, room: int, others: list[Shopper]) -> list[Shopper]:
        """One shopper or one group."""
        size = 1
        if room > 1 and self._chance(self._mix.groups):
            size = 3 if room > 2 and self._chance(_GROUP_OF_THREE) else 2
        names = [f"s{first + 1 + index:03d}" for index in range(size)]
        leaders = [other for other in others if other.enter.leader is None and other.enter.tail_gate is None]
        enter = Enter(
            at_s=at_s,
            lane=self._entries[int(self._rng.integers(len(self._entries)))],
            by="app" if self._chance(self._mix.app) else "card",
        )
        if size == 1 and leaders and self._chance(self._mix.tail_gate):
            victim = leaders[int(self._rng.integers(len(leaders)))]
            enter = Enter(at_s=victim.enter.at_s, tail_gate=victim.name)
        people = []
        for index, name in enumerate(names):
            child = index > 0 and self._chance(2 * _CHILD)
            height = float(np.clip(self._rng.normal(1.25 if child else 1.71, 0.12 if child else 0.09), 1.0, 2.0))
            height = round(height, 2)
            mates = [other for other in names if other != name]
            strangers = [other.name for other in others]
            people.append(
                Shopper(
                    name=name,
                    enter=enter if index == 0 else Enter.model_validate({"with": names[0]}),
                    height=height,
                    speed=round(float(np.clip(self._rng.normal(1.05, 0.2), 0.6, 1.6)), 2),
                    pace=round(float(np.clip(self._rng.lognormal(0.0, 0.25), 0.5, 2.0)), 2),
                    bag=not self._chance(self._mix.no_bag),
                    do=tuple(self._deeds(height, mates, strangers)),
                )
            )
        return people

    def _deeds(self, height: float, mates: list[str], strangers: list[str]) -> list[Action]:
        mix = self._mix
        deeds: list[Action] = []
        later: list[Action] = []
        for _ in range(max(int(self._rng.poisson(mix.items)), 1)):
            there = self._choose(height)
            if there is None:
                break
            plate_id, sku = there
            if self._chance(mix.browse):
                seconds = round(float(self._rng.uniform(1.0, 6.0)), 1)
                deeds.append(Action(browse=Browse(plate=plate_id, seconds=seconds, touch=self._chance(mix.touch))))
            if self._chance(mix.lift_and_return):
                deeds.append(Action(lift_and_return=LiftAndReturn(plate=plate_id, sku=sku, seconds=self._seconds())))
            if self._chance(mix.lean):
                deeds.append(Action(lean=Lean(plate=plate_id, seconds=self._seconds())))
            if self._chance(mix.bump):
                deeds.append(Action(bump=Bump(fixture=self._store.plates[plate_id].fixture_id)))
            if self._chance(mix.swap):
                deeds += self._swap(plate_id, height)
            deeds.append(self._take(plate_id, sku))
            for action in self._afterwards(plate_id, sku, height, mates, strangers):
                (deeds if self._chance(0.5) else later).append(action)
        return deeds + later

    def _take(self, plate_id: str, sku: str) -> Action:
        mix, there = self._mix, (plate_id, sku)
        if self._chance(mix.hold):
            self._left[there] -= 1
            return Action(hold=Hold(plate=plate_id, sku=sku, seconds=2 * self._seconds()))
        quantity = int(self._rng.integers(2, 4)) if self._chance(mix.two_or_more) else 1
        quantity = min(quantity, self._left[there])
        self._left[there] -= quantity
        per_reach = min(quantity, 2) if self._chance(mix.at_one_grip) else 1
        return Action(pick=Pick(plate=plate_id, sku=sku, quantity=quantity, per_reach=per_reach))

    def _afterwards(
        self, plate_id: str, sku: str, height: float, mates: list[str], strangers: list[str]
    ) -> list[Action]:
        """At most one thing that happens to it later; what has to be in this order stays together."""
        mix = self._mix
        fates = [
            (mix.put_back, "put_back"),
            (mix.put_elsewhere, "put_elsewhere"),
            (mix.drop, "drop"),
            (mix.hand_over if mates else 0.0, "hand_over"),
            (mix.hand_over_to_stranger if strangers else 0.0, "to_stranger"),
        ]
        draw = float(self._rng.random())
        fate = ""
        for share, name in fates:
            if draw < share:
                fate = name
                break
            draw -= share
        if not fate:
            return []
        if fate == "put_back":
            return [Action(put_back=PutBack(plate=plate_id, sku=sku))]
        if fate == "put_elsewhere":
            other = self._shares[int(self._rng.integers(len(self._shares)))][0]
            if not self._reaches(other, height):
                return []
            straddle = self._beside(other) if self._chance(mix.straddle) else None
            return [Action(put_back=PutBack(plate=other, sku=sku, straddle=straddle))]
        if fate == "drop":
            fall = Action(drop=Drop(sku=sku))
            return [fall, Action(pick_up=PickUp(sku=sku))] if self._chance(0.5) else [fall]
        to = mates if fate == "hand_over" else strangers
        return [Action(hand_over=HandOver(to=to[int(self._rng.integers(len(to)))], sku=sku))]

    def _swap(self, plate_id: str, height: float) -> list[Action]:
        other = self._beside(plate_id)
        if other is None or not self._store.facings_of(other) or not self._reaches(other, height):
            return []
        return [Action(swap=Swap(plates=(plate_id, other)))]

    def _beside(self, plate_id: str) -> str | None:
        plate = self._store.plates[plate_id]
        return next(
            (
                other.plate_id
                for other in self._store.plates.values()
                if (other.fixture_id, other.shelf) == (plate.fixture_id, plate.shelf)
                and abs(other.index - plate.index) == 1
            ),
            None,
        )

    def _choose(self, height: float) -> tuple[str, str] | None:
        """A product on a plate in reach with something left for us."""
        for _ in range(40):
            pool = self._popular if self._chance(self._mix.popular) else self._shares
            there = pool[int(self._rng.integers(len(pool)))]
            if self._left[there] > 0 and self._reaches(there[0], height):
                return there
        return None

    def _reaches(self, plate_id: str, height: float) -> bool:
        key = (plate_id, height)
        if key not in self._reach:
            self._reach[key] = bool(stand_places(self._ground, self._store, plate_id, height))
        return self._reach[key]

    def _seconds(self) -> float:
        return round(float(self._rng.uniform(1.0, 5.0)), 1)

    def _chance(self, share: float) -> bool:
        return bool(self._rng.random() < share)
