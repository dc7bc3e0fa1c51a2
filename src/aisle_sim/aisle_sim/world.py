"""The simulated store: people who walk and take, goods, plates that feel them, and lanes, with the truth of it all."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from aisle_contract.truth import TruthCart, TruthEvent, TruthEventKind, TruthPeople, TruthPerson
from aisle_core.store import Store
from aisle_core.types import GateCommand, GateEvent
from aisle_sim import body
from aisle_sim.body import Arms
from aisle_sim.gates import Gate, Passage
from aisle_sim.goods import Goods
from aisle_sim.ledger import Ledger
from aisle_sim.physical import JOINTS, Carried, Load, LoadPress, LoadStep, People, Piece, Place, PressKind, Resting
from aisle_sim.places import StandPlace, stand_places
from aisle_sim.scenario import Scenario, Stand, check_scenario, sku_of
from aisle_sim.visits import Life, Until, Visit
from aisle_sim.walking import STEP_S, Bodies, Ground, Lines, Point, Walking

Array = NDArray[np.float64]

_STEP_NS = round(STEP_S * 1e9)
_KEPT = 64
"""Steps of history: 3.2 s."""
_KNOWN = 16
"""Instants that people are remembered at, for devices that look at the same one."""
_STRADDLE_S = 0.06
"""The plates under a straddling piece change within this time."""
_AFTER_S = 3.0
"""A run goes on so long after the last has left."""
_SWAY = 0.007
_HEAD_TOP = 0.065
"""From the middle of the head to its top, as a part of the height."""


class World:
    """Plays a scenario in a store from ``start_ns`` on. The same arguments and commands give the same run.

    Walking and conditions go in steps of 50 ms, deeds happen at their own instants between them; ``advance`` in
    other portions gives the same. Raises AisleError for a scenario that the store cannot play.
    """

    def __init__(self, store: Store, scenario: Scenario, seed: int, start_ns: int, gates_open_themselves: bool) -> None:
        check_scenario(scenario, store)
        self.store = store
        self.scenario = scenario
        self.now_ns = start_ns
        self.not_done: list[str] = []
        """Deeds that were given up: no free place, an empty plate."""
        self._start_ns = start_ns
        rng = np.random.default_rng(np.random.SeedSequence(seed))
        self.ground = Ground(store)
        count = len(scenario.shoppers)
        self.walking = Walking(self.ground, count)
        stock = {(f.plate_ids[0], f.sku): f.stock for f in store.facings if f.stock is not None and not f.plate_ids[1:]}
        stock |= {(s.plate, sku_of(store, s.plate, s.sku)): s.quantity for s in scenario.stock}
        self.goods = Goods(store, stock, _needed(scenario, store), rng.spawn(1)[0])
        self.start_mass = self.goods.loads()
        self._names = [shopper.name for shopper in scenario.shoppers]
        self._heights = np.array([shopper.height for shopper in scenario.shoppers])
        self.arms = Arms(self._heights)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.gates = {
            lane_id: Gate(lane, gates_open_themselves, start_ns, self._at)
            for lane_id, lane in self.ground.lanes.items()
        }
        self._lines = Lines(list(self.ground.lanes.values()))
        self._ledger = Ledger()
        self._loads: list[tuple[int, int, Load]] = []
        self._truth: list[TruthEvent | TruthCart] = []
        self._truth_sequence = 0
        self._carried: deque[tuple[int, tuple[tuple[Piece, int, Place], ...]]] = deque([(start_ns, ())])
        self._barriers: dict[str, set[tuple[int, int]]] = {}
        self._members = Counter(
            action.together for shopper in scenario.shoppers for action in shopper.do if action.together is not None
        )
        self._places: dict[tuple[str, float, Stand | None], list[StandPlace]] = {}
        self._known: dict[int, People] = {}
        self._step = 0
        self._last_left_s = 0.0
        self._history = _History(count)

        credentials = credentials_of(scenario, seed)
        self.visits = [
            Visit(self, number, shopper, "" if shopper.staff else credentials[shopper.name], visit_rng)
            for number, (shopper, visit_rng) in enumerate(zip(scenario.shoppers, rng.spawn(count), strict=True))
        ]
        self._by_name = {visit.shopper.name: visit for visit in self.visits}
        self._waiting: list[tuple[Visit, Life, Until]] = []
        for visit in self.visits:
            self._begin(visit)
        self._carry_changed()
        self._history.add(0, self.walking.bodies)
        self._walk()

    # --- what sensors ask

    @property
    def resting(self) -> Sequence[Resting]:
        """Everything on plates and on the floor, now."""
        return self.goods.resting

    @property
    def resting_revision(self) -> int:
        """Changes whenever ``resting`` does."""
        return self.goods.revision

    @property
    def finished(self) -> bool:
        """Everybody has left, and the scenario's time is over."""
        return (
            all(visit.done for visit in self.visits)
            and self.now_s >= self.scenario.duration_s
            and self.now_s >= self._last_left_s + _AFTER_S
        )

    @property
    def now_s(self) -> float:
        """Since the start [s]."""
        return (self.now_ns - self._start_ns) / 1e9

    def advance(self, to_ns: int) -> None:
        """Let everything happen until ``to_ns``."""
        while True:
            next_ns = self._start_ns + (self._step + 1) * _STEP_NS
            self._run_due(min(to_ns, next_ns))
            if to_ns < next_ns:
                return
            self._step += 1
            self._poll()
            self._walk()

    def people(self, stamp_ns: int) -> People:
        """Everybody in and around the store at an instant of the last 2 s."""
        if stamp_ns not in self._known:
            self.foresee([stamp_ns])
        return self._known[stamp_ns]

    def foresee(self, stamps_ns: Sequence[int]) -> None:
        """Work out ``people`` at all these instants at once, which costs little more than one."""
        stamps_ns = [stamp_ns for stamp_ns in stamps_ns if stamp_ns not in self._known]
        if not stamps_ns:
            return
        self._known |= zip(stamps_ns, self._people(stamps_ns), strict=True)
        for stamp_ns in list(self._known)[: -_KNOWN - len(stamps_ns)]:
            del self._known[stamp_ns]

    def take_loads(self) -> list[Load]:
        """What plates felt since the last call, in order of time, up to now."""
        found = []
        while self._loads and self._loads[0][0] <= self.now_ns:
            found.append(heapq.heappop(self._loads)[2])
        return found

    def take_gate_events(self) -> list[GateEvent]:
        """What happened at the lanes since the last call, in order of time."""
        events = [event for gate in self.gates.values() for event in gate.events]
        for gate in self.gates.values():
            gate.events.clear()
        return sorted(events, key=lambda event: event.stamp_ns)

    def take_truth(self) -> list[TruthEvent | TruthCart]:
        """What was truly done since the last call, in the order of being done."""
        truth, self._truth = self._truth, []
        return truth

    def truth_people(self, stamp_ns: int, sequence: int) -> TruthPeople:
        """Everybody on the sales floor at an instant of the last 2 s."""
        people = self.people(stamp_ns)
        on_floor = self.ground.on_floor(people.position)
        left_hand, right_hand, head = (JOINTS.index(name) for name in ("left_hand", "right_hand", "head"))
        return TruthPeople(
            stamp_ns,
            sequence,
            tuple(
                TruthPerson(
                    name,
                    self._by_name[name].credential,
                    (*people.position[row].tolist(), 0.0),
                    (*people.velocity[row].tolist(), 0.0),
                    float(people.height[row]),
                    tuple((people.joints[row, head] + (0.0, 0.0, _HEAD_TOP * people.height[row])).tolist()),
                    tuple(people.joints[row, left_hand].tolist()),
                    tuple(people.joints[row, right_hand].tolist()),
                )
                for row, name in enumerate(people.names)
                if on_floor[row]
            ),
        )

    def command(self, command: GateCommand) -> None:
        """A lane is told what to do, now."""
        self.gates[command.lane_id].command(self.now_s, command.kind, command.reason)

    # --- what visits ask and do

    def visit(self, name: str) -> Visit:
        """The visit of a shopper."""
        return self._by_name[name]

    @property
    def first_entry(self) -> str:
        """The lane of those who name none."""
        return next(lane.lane_id for lane in self.store.lanes if lane.direction != "out")

    def nearest_exit(self, point: Point) -> Gate:
        """The lane out that is nearest to a point."""
        lanes = [lane for lane in self.store.lanes if lane.direction != "in"]
        return self.gates[min(lanes, key=lambda lane: (math.dist(lane.position, point), lane.lane_id)).lane_id]

    def places(self, plate_id: str, height: float, stand: Stand | None) -> list[StandPlace]:
        """Where somebody can stand to reach a plate."""
        key = (plate_id, height, stand)
        if key not in self._places:
            self._places[key] = stand_places(self.ground, self.store, plate_id, height, stand)
        return self._places[key]

    def neighbours(self, plate_id: str) -> list[str]:
        """The plates beside this one."""
        plate = self.store.plates[plate_id]
        shelves = next(f.shelves for f in self.store.fixtures if f.fixture_id == plate.fixture_id)
        board = next(shelf.plates for shelf in shelves if shelf.index == plate.shelf)
        at = board.index(plate)
        return [board[index].plate_id for index in (at - 1, at + 1) if 0 <= index < len(board)]

    def barrier(self, tag: str, member: tuple[int, int]) -> Callable[[], bool]:
        """Say that somebody is ready; the answer tells when all are."""
        ready = self._barriers.setdefault(tag, set())
        ready.add(member)
        return lambda: len(ready) == self._members[tag]

    def rests(self, piece: Piece) -> bool:
        """Whether the piece is on a plate or on the floor."""
        return isinstance(self.goods.place(piece), Resting)

    def spot(self, piece: Piece) -> Point:
        """Where a resting piece is [m]."""
        where = self.goods.place(piece)
        assert isinstance(where, Resting)
        return where.position[:2]

    def take(self, visit: Visit, piece: Piece, place: Place) -> list[tuple[str, float]]:
        """A piece comes into somebody's hand or bag; the changes of plates."""
        changes = self.goods.take(piece, visit.number, place)
        self._feel(visit, changes)
        self._carry_changed()
        return changes

    def put(self, piece: Piece, plate_id: str, towards: str | None) -> list[tuple[str, float]]:
        """A piece comes from a hand onto a plate; the changes of plates."""
        where = self.goods.place(piece)
        changes = self.goods.put(piece, plate_id, towards)
        self._feel(self.visits[where.shopper], changes)  # type: ignore[union-attr]
        self._carry_changed()
        return changes

    def drop(self, piece: Piece, point: Point, yaw: float) -> None:
        """A piece falls to the floor."""
        self.goods.drop(piece, point, yaw)
        self._carry_changed()

    def press(self, second: float, plate_id: str, mass: float, seconds: float, kind: PressKind) -> None:
        """A plate is pressed for a while."""
        stamp_ns = self._stamp(second)
        self._load(LoadPress(stamp_ns, plate_id, mass, seconds, kind))

    def take_from_plate(
        self, visit: Visit, kind: TruthEventKind, start: float, pieces: list[Piece], changes: list[tuple[str, float]]
    ) -> None:
        """Pieces have left plates for good: the truth of it."""
        self._moved(visit, kind, start, pieces, changes)
        self.pay(visit, pieces)

    def put_on_plate(
        self, visit: Visit, kind: TruthEventKind, start: float, pieces: list[Piece], changes: list[tuple[str, float]]
    ) -> None:
        """Pieces have come onto plates: the truth of it."""
        self._moved(visit, kind, start, pieces, changes)
        self._truth += self._ledger.put_back(self.now_ns, pieces)

    def pay(self, visit: Visit, pieces: Iterable[Piece]) -> None:
        """The first picker pays."""
        self._truth += self._ledger.pick(self.now_ns, visit.credential, pieces)

    def tell(
        self,
        visit: Visit,
        kind: TruthEventKind,
        start: float,
        plate_ids: tuple[str, ...],
        sku: str,
        quantity: int,
        mass: float,
        other: str = "",
    ) -> None:
        """Write down a deed that began at ``start`` and ends now."""
        self._truth.append(
            TruthEvent(
                self._stamp(start),
                self.now_ns,
                self._truth_sequence,
                kind,
                visit.shopper.name,
                other,
                plate_ids,
                sku,
                quantity,
                mass,
            )
        )
        self._truth_sequence += 1

    def vanish(self, visit: Visit) -> None:
        """Somebody is out of sight."""
        if not visit.recorded:
            self.walking.remove(visit.number)
        self.goods.carry_out(visit.number)
        self._carry_changed()
        visit.done = True
        self._last_left_s = self.now_s

    # --- time

    def _begin(self, visit: Visit) -> None:
        for action in visit.shopper.do:
            if action.restock is not None:
                for _ in range(action.restock.quantity):
                    self.goods.bring(action.restock.sku, visit.number)
        way = self.scenario.ways.get(visit.shopper.name)
        if way is None:
            self._resume(visit, visit.life(), None)
            return
        visit.recorded = True
        self.walking.follow(visit.number, way)
        for second, gate in _crossings(way.time, way.position, list(self.gates.values()))[:1]:
            if not visit.shopper.staff:
                tap_s = max(second - 0.8, 0.0)
                self._at(tap_s, partial(gate.tap, tap_s, visit.credential))
        self._resume(visit, visit.recorded_life(), None)
        self._at(float(way.time[-1]) + 0.1, lambda: self.vanish(visit))

    def _at(self, second: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (second, next(self._order), call))

    def _run_due(self, until_ns: int) -> None:
        until = (until_ns - self._start_ns) / 1e9
        while self._due and self._due[0][0] <= until:
            second, _, call = heapq.heappop(self._due)
            self.now_ns = max(self._stamp(second), self.now_ns)
            call()
        self.now_ns = max(until_ns, self.now_ns)

    def _resume(self, visit: Visit, life: Life, answer: bool | None) -> None:
        """Let a visit go on; the answer to its last wish, None for none."""
        try:
            waits_for = life.send(answer)  # type: ignore[arg-type]
        except StopIteration:
            return
        if isinstance(waits_for, Until):
            self._waiting.append((visit, life, waits_for))
        else:
            self._at(max(waits_for, self.now_s), lambda: self._resume(visit, life, True))

    def _poll(self) -> None:
        waiting, self._waiting = self._waiting, []
        for visit, life, until in waiting:
            met = until.check()
            if met or self.now_s >= until.deadline:
                self._resume(visit, life, met)
            else:
                self._waiting.append((visit, life, until))

    def _walk(self) -> None:
        """Bodies go on for one step, which ends in the future."""
        bodies = self.walking.bodies
        was, present = self._lines.progress(bodies.position), bodies.present.copy()
        self.walking.step()
        now, begin = self._lines.progress(bodies.position), self._step * STEP_S
        here = self._lines.within(bodies.position) & present & bodies.present
        busy = np.any(here & (np.minimum(np.abs(was), np.abs(now)) < 0.4), axis=1)
        for index, gate in enumerate(self.gates.values()):
            if busy[index]:
                for passage in gate.watch(begin, begin + STEP_S, was[index], now[index], here[index]):
                    self._at(passage.second, partial(self._pass, self.visits[passage.person], passage))
        self._history.add(self._step + 1, bodies)

    def _pass(self, visit: Visit, passage: Passage) -> None:
        """Somebody has passed the line of a lane; who slips in uncounted is on nobody's card."""
        inward = passage.inward
        if inward and not visit.inside and not visit.left:
            visit.inside = True
            if visit.shopper.enter.tail_gate is not None and not passage.counted:
                visit.credential = ""
            self.tell(visit, TruthEventKind.ENTER, self.now_s, (), "", 0, 0.0)
            self._truth += self._ledger.enter(self.now_ns, visit.credential, visit.shopper.name)
        elif not inward and visit.inside and not visit.left:
            visit.left = True
            self.tell(visit, TruthEventKind.LEAVE, self.now_s, (), "", 0, 0.0)
            expected = sum(
                not other.inside and not other.given_up for other in self.visits if other.credential == visit.credential
            )
            self._truth += self._ledger.leave(self.now_ns, visit.credential, expected)

    # --- loads and truth

    def _feel(self, visit: Visit, changes: list[tuple[str, float]]) -> None:
        for index, (plate_id, mass) in enumerate(changes):
            late = visit.rng.uniform(0.0, _STRADDLE_S) if index else 0.0
            self._load(LoadStep(self._stamp(self.now_s + late), plate_id, mass))

    def _load(self, load: Load) -> None:
        heapq.heappush(self._loads, (load.stamp_ns, next(self._order), load))

    def _moved(
        self, visit: Visit, kind: TruthEventKind, start: float, pieces: list[Piece], changes: list[tuple[str, float]]
    ) -> None:
        by_plate: dict[str, float] = {}
        for plate_id, mass in changes:
            by_plate[plate_id] = by_plate.get(plate_id, 0.0) + mass
        plates = sorted(by_plate, key=lambda plate_id: (-abs(by_plate[plate_id]), plate_id))
        self.tell(visit, kind, start, tuple(plates), pieces[0].sku, len(pieces), sum(by_plate.values()))

    def _carry_changed(self) -> None:
        held = tuple((piece, where.shopper, where.place) for piece, where in self.goods.held())
        self._carried.append((self.now_ns, held))
        while len(self._carried) > 1 and self._carried[1][0] < self.now_ns - _KEPT * _STEP_NS:
            self._carried.popleft()

    def _stamp(self, second: float) -> int:
        return self._start_ns + round(second * 1e9)

    # --- bodies

    def _people(self, stamps_ns: Sequence[int]) -> Iterator[People]:
        seconds = (np.array(stamps_ns, dtype=np.int64) - self._start_ns) / 1e9
        instant, who, position, velocity, heading, walked = self._history.at(seconds)
        position = position + _sway(who, seconds[instant])
        height = self._heights[who]
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        joints = body.joints(position, heading, height, speed, walked, *self.arms.at(who, seconds[instant]))
        bounds = np.searchsorted(instant, np.arange(len(stamps_ns) + 1))
        for number, stamp_ns in enumerate(stamps_ns):
            rows = slice(bounds[number], bounds[number + 1])
            index = {visitor: row for row, visitor in enumerate(who[rows].tolist())}
            held = next((held for since_ns, held in reversed(self._carried) if since_ns <= stamp_ns), ())
            yield People(
                stamp_ns,
                tuple(self._names[visitor] for visitor in index),
                position[rows],
                velocity[rows],
                heading[rows],
                height[rows],
                joints[rows],
                tuple(Carried(piece, index[visitor], place) for piece, visitor, place in held if visitor in index),
            )


class _History:
    """The bodies of n people at the last steps, and between them."""

    def __init__(self, count: int) -> None:
        self._newest = 0
        self._state = np.zeros((_KEPT, count, 6))
        """Of each step: position, velocity, heading, way walked."""
        self._present = np.zeros((_KEPT, count), dtype=bool)

    def add(self, step: int, bodies: Bodies) -> None:
        row, self._newest = step % _KEPT, step
        state = self._state[row]
        state[:, 0:2], state[:, 2:4] = bodies.position, bodies.velocity
        state[:, 4], state[:, 5] = bodies.heading, bodies.walked
        self._present[row] = bodies.present

    def at(self, seconds: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, Array, Array, Array]:
        """Who is there at which of the instants (k,): one row for each person at each instant, in order of instants.

        Returns the index of the instant, the person, positions (cubic Hermite), velocities, headings and ways walked.
        """
        step = np.floor(seconds / STEP_S).astype(np.int64)
        step = np.minimum(np.maximum(step, max(self._newest - _KEPT + 1, 0)), self._newest - 1)
        a, b = step % _KEPT, (step + 1) % _KEPT
        instant, who = np.nonzero(self._present[a] & self._present[b])
        s = np.clip(seconds / STEP_S - step, 0.0, 1.0)[instant, None]
        one, other = self._state[a[instant], who], self._state[b[instant], who]
        rest = (1 - s) * one[:, 2:] + s * other[:, 2:]
        position = (
            (2 * s**3 - 3 * s**2 + 1) * one[:, :2]
            + (s**3 - 2 * s**2 + s) * STEP_S * one[:, 2:4]
            + (3 * s**2 - 2 * s**3) * other[:, :2]
            + (s**3 - s**2) * STEP_S * other[:, 2:4]
        )
        return instant, who, position, rest[:, :2], rest[:, 2], rest[:, 3]


def _sway(who: NDArray[np.int64], seconds: Array) -> Array:
    """(k, 2) how far people who stand sway out of their place [m]: some millimetres at 0.2 to 0.5 Hz (Winter 1995)."""
    phase = np.add.outer(2.4 * who, [0.0, 1.6])
    turn = 2 * np.pi * seconds[:, None]
    return np.asarray(_SWAY * (np.sin(0.21 * turn + phase) + 0.5 * np.sin(0.47 * turn + 2.0 * phase)))


def credentials_of(scenario: Scenario, seed: int) -> dict[str, str]:
    """Shopper -> the credential they come in on: that of the group's first, or of whom they slip in behind."""
    cards = {shopper.name: shopper.enter.card or "" for shopper in scenario.shoppers}
    ahead = {shopper.name: shopper.enter.leader or shopper.enter.tail_gate for shopper in scenario.shoppers}
    leaders = {name: ahead[other] or other if other else name for name, other in ahead.items()}
    return {
        name: cards[leader] + hashlib.sha256(f"credential of {leader} in run {seed}".encode()).hexdigest()[:32]
        for name, leader in leaders.items()
    }


def _needed(scenario: Scenario, store: Store) -> Counter[tuple[str, str]]:
    """(plate, SKU) -> pieces that the scenario takes there."""
    needed: Counter[tuple[str, str]] = Counter()
    for shopper in scenario.shoppers:
        for action in shopper.do:
            if action.verb in ("pick", "hold", "lift_and_return"):
                needed[action.what.plate, sku_of(store, action.what.plate, action.what.sku)] += action.what.quantity
            elif action.swap is not None:
                for plate_id in action.swap.plates:
                    needed[plate_id, sku_of(store, plate_id, None)] += 1
    return needed


def _crossings(time: Array, position: Array, gates: Sequence[Gate]) -> list[tuple[float, Gate]]:
    """When a recorded way leads in through which lane, in order."""
    found = []
    lines = Lines([gate.ground for gate in gates])
    for gate, progress, near in zip(gates, lines.progress(position), lines.within(position), strict=True):
        for index in np.flatnonzero((progress[:-1] < 0.0) & (progress[1:] >= 0.0) & near[1:]):
            share = progress[index] / (progress[index] - progress[index + 1])
            found.append((float(time[index] + share * (time[index + 1] - time[index])), gate))
    return sorted(found, key=lambda pair: pair[0])
