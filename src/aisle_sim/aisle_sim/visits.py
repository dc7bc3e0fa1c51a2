"""One visit: how a shopper of a scenario comes in, does what is written, and leaves.

A visit is a generator. It yields what it waits for, a time or an ``Until``; the world resumes it then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aisle_contract.truth import TruthEventKind
from aisle_core.types import GateCommandReason
from aisle_sim import body
from aisle_sim.body import LEFT, RIGHT, Goal
from aisle_sim.gates import Gate
from aisle_sim.goods import Held
from aisle_sim.physical import Piece, Place, PressKind, Resting
from aisle_sim.places import StandPlace, fronts
from aisle_sim.scenario import (
    Action,
    Browse,
    Bump,
    Drop,
    HandOver,
    Hold,
    Lean,
    LiftAndReturn,
    Pick,
    PickUp,
    PutBack,
    Restock,
    Shopper,
    Stand,
    Swap,
)
from aisle_sim.walking import Point

if TYPE_CHECKING:
    from aisle_sim.world import World

_TAPS = 12
"""How often somebody tries a lane that refuses."""
_ANSWER_S = 8.0
_FINAL = (
    GateCommandReason.DECLINED,
    GateCommandReason.DEBT,
    GateCommandReason.STORE_CLOSED,
    GateCommandReason.UNKNOWN_CODE,
    GateCommandReason.EXPIRED_CODE,
    GateCommandReason.USED_CODE,
)
"""Who is refused for one of these goes away."""
_BARRIER_S = 45.0
_RECEIVE_S = 25.0
_SHADOW = 0.2
"""Who slips in hurries until this near behind the one ahead [m]."""
_APART = 0.42
"""Between two who stand at a shelf [m]."""
_PRESS = (0.02, 0.25)
"""A hand that grips goods presses on them by this [kg]."""
_FEEL = (0.01, 0.1)
_LEAN = (0.12, 0.23)
"""Leaning and bumps read 120 to 230 g in the measured store [kg]."""
_FADE = 1.2
"""A knock is felt at 1/e of its strength this far away [m]."""
_BRUSH = 0.08
"""How often a reaching hand brushes the goods beside."""


class Until(NamedTuple):
    """Wait until ``check()`` is true, at most to ``deadline`` [s]; the answer is which of the two."""

    check: Callable[[], bool]
    deadline: float = math.inf


Life = Generator[float | Until, bool, None]
Wait = Generator[float | Until, bool, bool]


class Visit:
    """One shopper in the world; ``number`` is its index there."""

    def __init__(self, world: World, number: int, shopper: Shopper, credential: str, rng: np.random.Generator) -> None:
        self.world = world
        self.number = number
        self.shopper = shopper
        self.credential = credential
        self.rng = rng
        self.inside = False
        self.left = False
        self.done = False
        self.given_up = False
        self.claim: Point | None = None
        """Where it stands or is going to stand at a shelf."""
        self.requests: list[Visit] = []
        """Who wants to hand something over."""
        self.attends: Visit | None = None
        self.recorded = False

    # --- life

    def life(self) -> Life:
        """The whole visit; whoever waits outside of the lanes has not come yet."""
        yield self._leader.shopper.enter.at_s if self.shopper.enter.tail_gate is None else self.shopper.enter.at_s
        if not (yield from self._enter()):
            yield from self._go_away(self._entry)
            return
        exit_lane: str | None = None
        for index, action in enumerate(self.shopper.do):
            yield from self._attend()
            if action.leave is not None:
                exit_lane = action.leave
                yield from self._ready(index, action)
                break
            yield from self._act(index, action)
        yield from self._attend()
        yield from self._leave(exit_lane)

    def recorded_life(self) -> Life:
        """The deeds of somebody who walks along a trajectory."""
        for index, action in enumerate(self.shopper.do):
            yield from self._act(index, action)

    @property
    def _leader(self) -> Visit:
        name = self.shopper.enter.leader
        return self if name is None else self.world.visit(name)

    @property
    def _now(self) -> float:
        return self.world.now_s

    @property
    def here(self) -> Point:
        """Where the body is [m]."""
        x, y = self.world.walking.bodies.position[self.number]
        return (float(x), float(y))

    def _draw(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    # --- in and out

    @property
    def _entry(self) -> Gate:
        world, enter = self.world, self.shopper.enter
        if enter.tail_gate is not None:
            return world.visit(enter.tail_gate)._entry
        return world.gates[self._leader.shopper.enter.lane or world.first_entry]

    def _enter(self) -> Wait:
        gate = self._entry
        x, y = gate.ground.far
        start = (x + self._draw(-0.8, 0.8), y + self._draw(-0.2, 0.2))
        heading = math.atan2(gate.ground.inward[1], gate.ground.inward[0])
        yield Until(lambda: self.world.walking.add(self.number, start, heading))
        enter = self.shopper.enter
        if enter.tail_gate is not None:
            return (yield from self._follow_in(gate, self.world.visit(enter.tail_gate), close=True))
        if enter.leader is not None:
            return (yield from self._follow_in(gate, self._leader, close=False))
        gate.queue.append(self.number)
        yield Until(lambda: self._queue_up(gate))
        gate.entrant = gate.queue.pop(0)
        admitted = yield from self._ask(gate)
        if admitted:
            admitted = yield from self._pass_in(gate)
            group = [visit for visit in self.world.visits if visit._leader is self]
            yield Until(lambda: all(visit.inside or visit.given_up for visit in group), self._now + 20.0)
        gate.entrant = None
        return admitted

    def _queue_up(self, gate: Gate) -> bool:
        """Stand in the queue; true when it is one's turn."""
        place = gate.queue.index(self.number)
        self.world.walking.go(self.number, gate.ground.outside(1.5 + 0.5 * place, 0.35), self.shopper.speed)
        return place == 0 and gate.entrant is None and not gate.leaving

    def _ask(self, gate: Gate) -> Wait:
        inward = gate.ground.inward
        yield from self._walk(gate.ground.reader, 0.15, 30.0, math.atan2(inward[1], inward[0]))
        if self.shopper.staff:
            yield self._now + self._draw(0.5, 1.0)
            gate.turn_key(self._now)
            return True
        for _ in range(_TAPS):
            yield self._now + (self._draw(0.2, 0.6) if self.shopper.enter.by == "card" else self._draw(0.8, 2.5))
            x, y = gate.ground.outside(max(-gate.ground.progress(self.here) - 0.35, 0.0), 0.25)
            yield self._reach(RIGHT, Goal(True, (x, y, 1.0)), 0.35, 0.5)
            gate.tap(self._now, self.credential)
            if self.shopper.enter.by == "app" and self.rng.random() < 0.1:
                yield self._now + 0.2
                gate.tap(self._now, self.credential)
            answered = yield Until(lambda: gate.open or gate.refused is not None, self._now + _ANSWER_S)
            self._reach(RIGHT, self._rest(RIGHT))
            if answered and gate.open:
                return True
            if gate.refused in _FINAL:
                break
            yield self._now + self._draw(1.5, 3.0)
        self.given_up = True
        return False

    def _pass_in(self, gate: Gate) -> Wait:
        """Through the lane, without stopping behind it; false if it locked before."""
        self.world.walking.go(self.number, gate.ground.outside(-1.6), self.shopper.speed)
        yield Until(lambda: self.inside or not gate.open, self._now + 60.0)
        if not self.inside:
            self.given_up = True
            return False
        yield Until(lambda: gate.ground.progress(self.here) > 0.5, self._now + 60.0)
        return True

    def _follow_in(self, gate: Gate, leader: Visit, close: bool) -> Wait:
        """Behind the leader of the group, or as near as possible behind a stranger."""
        walking = self.world.walking
        group = [visit for visit in self.world.visits if visit._leader is leader and visit is not leader]
        rank = group.index(self) + 1 if self in group else 1

        def behind() -> bool:
            if leader.given_up or leader.done:
                return True
            if not walking.bodies.present[leader.number]:
                return False
            out = -gate.ground.progress(leader.here)
            walking.squeeze(self.number, close and out < 1.2)
            aside = 0.0 if out < 1.6 else 0.3 * (-1) ** rank
            gap = 0.3 if close else 0.55 * rank
            starts = close and gate.open and out < min(1.2, -gate.ground.progress(self.here) - _SHADOW)
            point = gate.ground.outside(-1.6) if starts else gate.ground.outside(max(out, 0.0) + gap, aside)
            walking.go(self.number, point, self.shopper.speed + (0.4 if close else 0.0))
            return out < (0.0 if close else -0.05)

        yield Until(behind)
        yield Until(lambda: leader.inside or leader.given_up or leader.done)
        if not leader.inside:
            self.given_up = True
            return False
        return (yield from self._pass_in(gate))

    def _leave(self, lane_id: str | None) -> Life:
        world = self.world
        gate = world.gates[lane_id] if lane_id else world.nearest_exit(self.here)
        self.claim = None
        yield from self._walk(gate.ground.queue_inside, 0.9, 60.0)
        yield Until(lambda: gate.entrant is None, self._now + 60.0)
        gate.leaving.append(self.number)
        yield from self._walk(gate.ground.inside, 0.4, 60.0)
        world.walking.go(self.number, gate.ground.far, self.shopper.speed)
        yield Until(lambda: self.left)
        gate.leaving.remove(self.number)
        yield from self._go_away(gate)

    def _go_away(self, gate: Gate) -> Life:
        yield from self._walk(gate.ground.far, 0.6, 8.0)
        self.world.vanish(self)

    # --- ways

    def _walk(
        self, point: Point, tolerance: float, patience: float, heading: float | None = None, slim: bool = False
    ) -> Wait:
        """Go there, at the end ``slim`` between others; false if the way was blocked for too long."""
        if self.recorded:
            return True
        walking = self.world.walking
        walking.go(self.number, point, self.shopper.speed)
        point = self.world.ground.nearest(point)

        def arrived() -> bool:
            left = math.dist(self.here, point)
            walking.squeeze(self.number, slim and left < 0.8)
            return left < tolerance or (left < tolerance + 0.3 and walking.stuck_s(self.number) > 2.0)

        way = math.dist(self.here, point)
        reached = yield Until(arrived, self._now + patience + 3.0 * way / self.shopper.speed)
        walking.stand(self.number, heading)
        return reached

    def _approach(self, plate_id: str, stand: Stand | None) -> Wait:
        """Find a free place before a plate and stand there, or give up."""
        world = self.world
        places = world.places(plate_id, self.shopper.height, stand)
        if self.claim is not None and any(math.dist(self.claim, place.point) < 0.02 for place in places):
            return True
        deadline = self._now + self.shopper.patience_s
        while True:
            place = self._free_place(places, stand is not None)
            if place is not None:
                self.claim = place.point
                if (yield from self._walk(place.point, 0.1, 10.0, place.heading, slim=stand is not None)):
                    yield self._now + self._draw(0.3, 0.6)
                    return True
                self.claim = None
            if self._now > deadline:
                world.not_done.append(f"{self.shopper.name}: no place at {plate_id}")
                return False
            yield self._now + 0.7

    def _free_place(self, places: Sequence[StandPlace], forced: bool) -> StandPlace | None:
        """The best place where nobody stands or wants to stand; of about equal ones the nearest."""
        taken = [
            visit.claim or visit.here
            for visit in self.world.visits
            if visit is not self and self.world.walking.bodies.present[visit.number]
        ]
        free = [
            (0.5 * rank + math.dist(self.here, place.point), rank, place)
            for rank, place in enumerate(places)
            if forced or all(math.dist(place.point, other) > _APART for other in taken)
        ]
        return min(free)[2] if free else None

    def _attend(self) -> Life:
        """Stop for whoever wants to hand something over."""
        while self.requests:
            giver = self.requests[0]
            self.attends = giver
            if not self.recorded:
                self.world.walking.stand(self.number)
            yield Until(lambda giver=giver: giver not in self.requests, self._now + _RECEIVE_S)  # type: ignore[misc]
            self.attends = None
            if giver in self.requests:
                self.requests.remove(giver)

    def _pause(self, until: float) -> Life:
        while self._now < until:
            if (yield Until(lambda: bool(self.requests), until)):
                yield from self._attend()

    def _ready(self, index: int, action: Action) -> Life:
        """Wait for the time and for the others that the action names."""
        if action.at_s is not None:
            yield from self._pause(action.at_s)
        if action.together is not None:
            met = self.world.barrier(action.together, (self.number, index))
            yield Until(met, self._now + _BARRIER_S)

    # --- hands

    def _reach(self, side: int, goal: Goal, low: float = 0.4, high: float = 0.7) -> float:
        """Start a reach; when the hand is there. ``low`` to ``high`` seconds are for half a metre at ordinary pace."""
        way = math.dist(self._in_map(self.world.arms.goal(self.number, side)), self._in_map(goal))
        seconds = self._draw(low, high) * (0.4 + 1.2 * way) / self.shopper.pace
        return self.world.arms.reach(self.number, side, self._now, seconds, goal)

    def _in_map(self, goal: Goal) -> tuple[float, float, float]:
        if goal.in_map:
            return goal.point
        (x, y), (ahead, left, up) = self.here, goal.point
        heading = float(self.world.walking.bodies.heading[self.number])
        cos, sin = math.cos(heading), math.sin(heading)
        return (x + cos * ahead - sin * left, y + sin * ahead + cos * left, up)

    def _still(self, side: int) -> float:
        """When the hand has ended its moves."""
        return self.world.arms.end(self.number, side)

    def _in_hand(self, side: int) -> list[Piece]:
        place = (Place.LEFT_HAND, Place.RIGHT_HAND)[side]
        return [piece for piece in self._own() if self._place_of(piece) == place]

    def _own(self, sku: str | None = None) -> list[Piece]:
        return [piece for piece in self.world.goods.held_by(self.number) if sku in (None, piece.sku)]

    def _place_of(self, piece: Piece) -> Place:
        where = self.world.goods.place(piece)
        assert isinstance(where, Held)
        return where.place

    def _rest(self, side: int) -> Goal:
        return (body.carrying if self._in_hand(side) else body.hanging)(self.shopper.height, side)

    def _side(self, plate_id: str, hand: str | None) -> int:
        """The hand that is named, or free, or nearer to the plate."""
        if hand is not None:
            return RIGHT if hand == "right" else LEFT
        full = [bool(self._in_hand(side)) for side in (LEFT, RIGHT)]
        if full[LEFT] != full[RIGHT]:
            return RIGHT if full[LEFT] else LEFT
        centre = self.world.store.plates[plate_id].centre
        heading = self.world.walking.bodies.heading[self.number]
        x, y = centre.x - self.here[0], centre.y - self.here[1]
        aside = math.cos(heading) * y - math.sin(heading) * x
        return LEFT if aside + self._draw(-0.25, 0.15) > 0.0 else RIGHT

    def _stash(self, side: int) -> Life:
        """What is in the hand goes into the bag."""
        pieces = self._in_hand(side)
        if pieces and self.shopper.bag:
            yield self._reach(side, body.bag(self.shopper.height, side))
            for piece in pieces:
                self.world.take(self, piece, Place.BAG)
            self._reach(side, body.hanging(self.shopper.height, side), 0.3, 0.5)

    def _grasp(self, piece: Piece) -> Goal:
        """Where a hand holds a piece that rests somewhere."""
        where = self.world.goods.place(piece)
        assert isinstance(where, Resting)
        x, y, z = where.position
        return Goal(True, (x, y, z + 0.6 * piece.size[2]))

    def _before(self, plate_id: str) -> Goal:
        """Just out of the shelf, before the plate."""
        plate = self.world.store.plates[plate_id]
        front, out = fronts(self.world.ground, self.world.store, plate_id)
        x, y = front + 0.05 * out
        return Goal(True, (float(x), float(y), plate.centre.z + min(0.15, plate.size.height)))

    def _press(self, plate_id: str, span: tuple[float, float], seconds: float, kind: PressKind) -> None:
        self.world.press(self._now, plate_id, self._draw(*span), seconds, kind)

    def _brush(self, plate_id: str) -> None:
        """Now and then a hand brushes what stands beside."""
        beside = self.world.neighbours(plate_id)
        if beside and self.rng.random() < _BRUSH:
            other = beside[int(self.rng.integers(len(beside)))]
            self.world.press(self._now, other, self._draw(0.01, 0.06), self._draw(0.1, 0.3), PressKind.TOUCH)

    # --- deeds

    def _act(self, index: int, action: Action) -> Life:
        match action.what:
            case Browse() as what:
                yield from self._at_plate(index, action, what.plate, what.stand, self._browse(what))
            case Pick() as what:
                yield from self._at_plate(index, action, what.plate, what.stand, self._pick(what))
            case LiftAndReturn() as what:
                yield from self._at_plate(
                    index, action, what.plate, what.stand,
                    self._lift(what.plate, what.sku, what.quantity, what.keep, what.seconds),
                )  # fmt: skip
            case Hold() as what:
                yield from self._at_plate(
                    index, action, what.plate, what.stand,
                    self._lift(what.plate, what.sku, what.quantity, what.quantity, what.seconds),
                )  # fmt: skip
            case PutBack() as what:
                deed = self._put(what.plate, what.sku, what.quantity, what.straddle, TruthEventKind.PUT_BACK)
                yield from self._at_plate(index, action, what.plate, what.stand, deed)
            case Restock() as what:
                deed = self._put(what.plate, what.sku, what.quantity, None, TruthEventKind.RESTOCK)
                yield from self._at_plate(index, action, what.plate, None, deed)
            case Lean() as what:
                yield from self._at_plate(index, action, what.plate, what.stand, self._lean(what))
            case Swap() as what:
                yield from self._ready(index, action)
                yield from self._swap(what)
            case HandOver() as what:
                yield from self._ready(index, action)
                yield from self._hand_over(what)
            case Bump() as what:
                yield from self._bump(index, action, what)
            case Drop() as what:
                yield from self._ready(index, action)
                yield from self._drop(what)
            case PickUp() as what:
                yield from self._ready(index, action)
                yield from self._pick_up(what)
            case float() as seconds:
                yield from self._ready(index, action)
                yield from self._pause(self._now + seconds)
            case point:
                self.claim = None
                if not (yield from self._walk(tuple(point), 0.15, 30.0)):
                    self.world.not_done.append(f"{self.shopper.name}: no way to {tuple(point)}")
                yield from self._ready(index, action)

    def _at_plate(self, index: int, action: Action, plate_id: str, stand: Stand | None, deed: Life) -> Life:
        if self.recorded:
            yield from self._ready(index, action)
            x, y, _ = self.world.store.plates[plate_id].centre
            self.world.walking.face(self.number, math.atan2(y - self.here[1], x - self.here[0]))
            yield from deed
            self.world.walking.face(self.number, None)
        elif (yield from self._approach(plate_id, stand)):
            yield from self._ready(index, action)
            yield from deed

    def _browse(self, what: Browse) -> Life:
        end = self._now + what.seconds
        if what.touch:
            pieces = self.world.goods.on(what.plate)
            side = self._side(what.plate, None)
            yield self._reach(side, self._grasp(pieces[0]) if pieces else self._before(what.plate))
            start, seconds = self._now, self._draw(0.3, 1.5)
            self._press(what.plate, _FEEL, seconds, PressKind.TOUCH)
            yield self._now + seconds
            self._reach(side, self._rest(side))
            self.world.tell(self, TruthEventKind.TOUCH, start, (what.plate,), "", 0, 0.0)
        yield from self._pause(end)

    def _pick(self, what: Pick) -> Life:
        left = what.quantity
        while left > 0:
            pieces = yield from self._grip(what.plate, what.sku, min(left, what.per_reach), what.hand)
            if not pieces:
                self.world.not_done.append(f"{self.shopper.name}: nothing left on {what.plate}")
                return
            side, start, taken, changes = pieces
            left -= len(taken)
            self.world.take_from_plate(self, TruthEventKind.PICK, start, taken, changes)
            yield from self._withdraw(side, what.plate)

    def _grip(
        self, plate_id: str, sku: str | None, count: int, hand: str | None
    ) -> Generator[float | Until, bool, tuple[int, float, list[Piece], list[tuple[str, float]]] | None]:
        """Reach for pieces and lift them: hand, begin of contact, pieces, changes of plates; None if there are none."""
        side = self._side(plate_id, hand)
        yield from self._stash(side)
        while there := self.world.goods.on(plate_id, sku):
            wanted = [piece for piece in there if piece.sku == there[0].sku][:count]
            yield self._reach(side, self._grasp(wanted[0]))
            start = self._now
            wanted = [piece for piece in wanted if self.world.rests(piece)]
            if not wanted:
                continue
            self._press(plate_id, _PRESS, self._draw(0.1, 0.35), PressKind.TOUCH)
            self._brush(plate_id)
            yield self._now + self._draw(0.1, 0.35) / self.shopper.pace
            wanted = [piece for piece in wanted if self.world.rests(piece)]
            if not wanted:
                continue
            changes: list[tuple[str, float]] = []
            for piece in wanted:
                changes += self.world.take(self, piece, (Place.LEFT_HAND, Place.RIGHT_HAND)[side])
            return side, start, wanted, changes
        self._reach(side, self._rest(side))
        return None

    def _withdraw(self, side: int, plate_id: str) -> Life:
        """The hand comes out of the shelf, and puts away what it holds or keeps it."""
        yield self._reach(side, self._before(plate_id), 0.2, 0.35)
        if self.rng.random() < 0.6:
            yield from self._stash(side)
        self._reach(side, self._rest(side), 0.25, 0.45)
        yield self._still(side)

    def _lift(self, plate_id: str, sku: str | None, count: int, keep: int, seconds: float) -> Life:
        """Lift pieces, hold them over the plate, put some back, and take the rest."""
        lifted = yield from self._grip(plate_id, sku, count, None)
        if lifted is None:
            self.world.not_done.append(f"{self.shopper.name}: nothing left on {plate_id}")
            return
        side, start, pieces, changes = lifted
        yield from self._hover(side, plate_id, pieces, seconds)
        back = pieces[keep:]
        for piece in back:
            _, put = yield from self._set_down(side, piece, plate_id, None)
            changes += put
        if back:
            self.world.tell(self, TruthEventKind.LIFT, start, (plate_id,), back[0].sku, len(back), 0.0)
        kept = pieces[:keep]
        if kept:
            self.world.take_from_plate(self, TruthEventKind.PICK, start, kept, changes)
        yield from self._withdraw(side, plate_id)

    def _hover(self, side: int, plate_id: str, pieces: list[Piece], seconds: float) -> Life:
        """Hold pieces in the air over a plate; now and then they touch what stands there."""
        plate = self.world.store.plates[plate_id]
        end = self._now + seconds
        room = max(plate.size.height - max(piece.size[2] for piece in pieces), 0.02)
        while self._now < end:
            depth = plate.size.depth * self._draw(-0.5, -0.2)
            inward = (-math.sin(plate.yaw), math.cos(plate.yaw))
            x, y = plate.centre.x + depth * inward[0], plate.centre.y + depth * inward[1]
            z = plate.centre.z + min(room, 0.15) * self._draw(0.5, 1.0) + 0.6 * pieces[0].size[2]
            yield self._reach(side, Goal(True, (x, y, z)), 0.3, 0.6)
            if self.rng.random() < 0.2:
                self._press(plate_id, _FEEL, self._draw(0.05, 0.3), PressKind.TOUCH)
            yield min(self._now + self._draw(0.3, 1.0), max(end, self._now))

    def _set_down(
        self, side: int, piece: Piece, plate_id: str, towards: str | None
    ) -> Generator[float | Until, bool, tuple[float, list[tuple[str, float]]]]:
        """Put one piece from a hand onto a plate; begin of contact, and the changes of the plates."""
        x, y, z = self.world.goods.put_spot(piece, plate_id)
        yield self._reach(side, Goal(True, (x, y, z + 0.6 * piece.size[2])))
        self._press(plate_id, _PRESS, self._draw(0.05, 0.3), PressKind.TOUCH)
        self._brush(plate_id)
        start, changes = self._now, self.world.put(piece, plate_id, towards)
        yield self._now + self._draw(0.1, 0.3) / self.shopper.pace
        return start, changes

    def _put(self, plate_id: str, sku: str, count: int, towards: str | None, kind: TruthEventKind) -> Life:
        for _ in range(count):
            own = self._own(sku)
            if not own:
                self.world.not_done.append(f"{self.shopper.name}: has no {sku} to put on {plate_id}")
                return
            piece = min(own, key=lambda piece: (self._place_of(piece) is Place.BAG, piece.piece_id))
            side = yield from self._into_hand(piece, self._side(plate_id, None))
            start, changes = yield from self._set_down(side, piece, plate_id, towards)
            self.world.put_on_plate(self, kind, start, [piece], changes)
            yield from self._withdraw(side, plate_id)

    def _into_hand(self, piece: Piece, side: int) -> Generator[float | Until, bool, int]:
        """Take a piece out of the bag; the hand that holds it."""
        place = self._place_of(piece)
        if place is not Place.BAG:
            return LEFT if place is Place.LEFT_HAND else RIGHT
        yield from self._stash(side)
        yield self._reach(side, body.bag(self.shopper.height, side))
        self.world.take(self, piece, (Place.LEFT_HAND, Place.RIGHT_HAND)[side])
        yield self._reach(side, body.carrying(self.shopper.height, side), 0.3, 0.5)
        return side

    def _swap(self, what: Swap) -> Life:
        lifted: list[tuple[int, str, Piece]] = []
        for side, plate_id in zip((LEFT, RIGHT), what.plates, strict=True):
            if not (yield from self._approach(plate_id, None)):
                return
            grip = yield from self._grip(plate_id, None, 1, ("left", "right")[side])
            if grip is None:
                self.world.not_done.append(f"{self.shopper.name}: nothing left on {plate_id}")
                return
            _, start, pieces, changes = grip
            self.world.take_from_plate(self, TruthEventKind.PICK, start, pieces, changes)
            yield self._reach(side, self._before(plate_id), 0.2, 0.35)
            yield self._reach(side, self._rest(side), 0.25, 0.45)
            lifted.append((side, plate_id, pieces[0]))
        (left, first, one), (right, second, other) = lifted
        for side, plate_id, piece in ((left, second, one), (right, first, other)):
            if not (yield from self._approach(plate_id, None)):
                return
            start, changes = yield from self._set_down(side, piece, plate_id, None)
            self.world.put_on_plate(self, TruthEventKind.PUT_BACK, start, [piece], changes)
            yield from self._withdraw(side, plate_id)

    def _lean(self, what: Lean) -> Life:
        plate = self.world.store.plates[what.plate]
        side = self._side(what.plate, None)
        inward = (-math.sin(plate.yaw), math.cos(plate.yaw))
        depth = 0.03 - plate.size.depth / 2
        x, y = plate.centre.x + depth * inward[0], plate.centre.y + depth * inward[1]
        yield self._reach(side, Goal(True, (x, y, plate.centre.z + 0.02)))
        start = self._now
        self._press(what.plate, _LEAN, what.seconds, PressKind.LEAN)
        pressed = [what.plate]
        for other in self.world.neighbours(what.plate):
            self.world.press(start, other, self._draw(0.02, 0.1), what.seconds, PressKind.LEAN)
            pressed.append(other)
        yield self._now + what.seconds
        self.world.tell(self, TruthEventKind.TOUCH, start, tuple(pressed), "", 0, 0.0)
        yield self._reach(side, self._rest(side))

    def _bump(self, index: int, action: Action, what: Bump) -> Life:
        """The whole fixture swings, the boards near the knock most."""
        world = self.world
        fixture = next(f for f in world.store.fixtures if f.fixture_id == what.fixture)
        plates = [plate for shelf in fixture.shelves for plate in shelf.plates]
        near = what.near or plates[int(self.rng.integers(len(plates)))].plate_id
        front, out = fronts(world.ground, world.store, near)
        x, y = front + 0.28 * out
        self.claim = None
        if not (yield from self._walk((float(x), float(y)), 0.15, 20.0)):
            world.not_done.append(f"{self.shopper.name}: no way to {what.fixture}")
            return
        yield from self._ready(index, action)
        knock = (float(x), float(y), 1.0)
        for plate in plates:
            fade = math.exp(-math.dist(plate.centre, knock) / _FADE)
            mass = self._draw(*_LEAN) * fade * (1 if self.rng.random() < 0.5 else -1)
            world.press(self._now, plate.plate_id, mass, self._draw(0.15, 0.5), PressKind.BUMP)
        felt = sorted(plates, key=lambda plate: (math.dist(plate.centre, knock), plate.plate_id))
        world.tell(self, TruthEventKind.TOUCH, self._now, tuple(plate.plate_id for plate in felt), "", 0, 0.0)
        yield self._now + 0.5

    def _hand_over(self, what: HandOver) -> Life:
        world, other = self.world, self.world.visit(what.to)
        for _ in range(what.quantity):
            own = self._own(what.sku)
            if not own or not other.inside or other.left:
                world.not_done.append(f"{self.shopper.name}: cannot hand {what.sku} to {what.to}")
                return
            other.requests.append(self)
            met = yield Until(lambda: other.attends is self or other.left, self._now + _RECEIVE_S)
            if met and not other.left:
                yield from self._give(own[0], other)
            else:
                world.not_done.append(f"{self.shopper.name}: cannot hand {what.sku} to {what.to}")
            if self in other.requests:
                other.requests.remove(self)

    def _give(self, piece: Piece, other: Visit) -> Life:
        world = self.world
        away = np.array(self.here) - np.array(other.here)
        away = away / max(float(np.linalg.norm(away)), 1e-6)
        x, y = np.array(other.here) + 0.75 * away
        heading = math.atan2(-away[1], -away[0])
        self.claim = None
        yield from self._walk((float(x), float(y)), 0.15, 10.0, heading)
        if not other.recorded:
            world.walking.stand(other.number, heading + math.pi)
        side = yield from self._into_hand(piece, RIGHT)
        theirs = LEFT if other._in_hand(RIGHT) else RIGHT
        middle = (np.array(self.here) + np.array(other.here)) / 2
        if math.dist(self.here, other.here) > 1.3:
            world.not_done.append(f"{self.shopper.name}: {other.shopper.name} is out of reach")
            return
        goal = Goal(True, (float(middle[0]), float(middle[1]), 0.62 * self.shopper.height))
        start = self._now
        other._reach(theirs, goal)
        self._reach(side, goal)
        yield max(self._still(side), other._still(theirs)) + 0.2
        world.take(other, piece, (Place.LEFT_HAND, Place.RIGHT_HAND)[theirs])
        world.tell(self, TruthEventKind.HAND_OVER, start, (), piece.sku, 1, 0.0, other.shopper.name)
        self._reach(side, self._rest(side))
        other._reach(theirs, other._rest(theirs))
        yield max(self._still(side), other._still(theirs))

    def _drop(self, what: Drop) -> Life:
        for piece in self._own(what.sku)[: what.quantity]:
            side = yield from self._into_hand(piece, RIGHT)
            heading = float(self.world.walking.bodies.heading[self.number]) + self._draw(-0.5, 0.5)
            x, y = self.here
            spot = self.world.ground.nearest((x + 0.35 * math.cos(heading), y + 0.35 * math.sin(heading)))
            self.world.drop(piece, spot, self._draw(0.0, 6.28))
            self.world.tell(self, TruthEventKind.DROP, self._now, (), piece.sku, 1, 0.0)
            yield self._reach(side, self._rest(side))
            yield self._now + 0.3

    def _pick_up(self, what: PickUp) -> Life:
        world = self.world
        lying = world.goods.on_floor(what.sku)
        if lying:
            piece = min(lying, key=lambda piece: (math.dist(self.here, world.spot(piece)), piece.piece_id))
            x, y = world.spot(piece)
            away = np.array(self.here) - np.array((x, y))
            away = away / max(float(np.linalg.norm(away)), 1e-6)
            goal = world.ground.nearest((float(x + 0.4 * away[0]), float(y + 0.4 * away[1])))
            self.claim = None
            yield from self._walk(goal, 0.12, 20.0, math.atan2(y - goal[1], x - goal[0]))
            if not self.recorded:
                world.walking.stand(self.number, math.atan2(y - self.here[1], x - self.here[0]))
                yield self._now + 0.5
            side = LEFT if self._in_hand(RIGHT) else RIGHT
            start = self._now
            yield self._reach(side, self._grasp(piece), 0.6, 0.9)
            if world.rests(piece):
                world.take(self, piece, (Place.LEFT_HAND, Place.RIGHT_HAND)[side])
                world.pay(self, [piece])
                world.tell(self, TruthEventKind.PICK_UP, start, (), piece.sku, 1, 0.0)
                yield self._reach(side, self._rest(side), 0.6, 0.9)
                return
            yield self._reach(side, self._rest(side), 0.6, 0.9)
        world.not_done.append(f"{self.shopper.name}: no {what.sku} on the floor")
