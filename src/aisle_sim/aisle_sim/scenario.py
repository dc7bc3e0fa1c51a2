"""A scenario: who comes to a store and what happens there, as a YAML file that people write (docs/scenarios.md)."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, FiniteFloat, PrivateAttr, model_validator

from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_core.store.model import Frozen, Id, Point2
from aisle_core.store.reading import YamlFile
from aisle_sim.goods import MOST_PIECES, capacity
from aisle_sim.places import stand_places
from aisle_sim.walking import Ground, Trajectory, read_trajectories

Seconds = Annotated[FiniteFloat, Field(ge=0.0, le=86_400.0)]
Count = Annotated[int, Field(ge=1, le=60)]
Loc = tuple[int | str, ...]
_TRAJECTORY_REACH = 1.0
"""A recorded shopper must be this near to a plate at the time of a deed [m]."""


class Stand(Frozen):
    """Where somebody stands at a plate, if the scenario cares."""

    aside: Annotated[FiniteFloat, Field(ge=-1.0, le=1.0)] = 0.0
    """Along the shelf from the middle of the plate, to the right as one looks at it [m]."""
    away: Annotated[FiniteFloat, Field(ge=0.3, le=0.9)] = 0.42
    """From the front of the fixture [m]."""


class Browse(Frozen):
    """Look at a plate for a while; ``touch``: feel the goods."""

    plate: Id
    seconds: Seconds = 3.0
    touch: bool = False
    stand: Stand | None = None


class Pick(Frozen):
    """Take pieces: one reach each, or several at a grip."""

    plate: Id
    sku: str | None = None
    """None: whatever is handiest."""
    quantity: Count = 1
    per_reach: Annotated[int, Field(ge=1, le=4)] = 1
    hand: Literal["left", "right"] | None = None
    stand: Stand | None = None


class LiftAndReturn(Frozen):
    """Lift pieces, look at them over the plate, put all back but ``keep``."""

    plate: Id
    sku: str | None = None
    quantity: Annotated[int, Field(ge=1, le=4)] = 1
    keep: Annotated[int, Field(ge=0, le=3)] = 0
    seconds: Seconds = 2.0
    stand: Stand | None = None

    @model_validator(mode="after")
    def _some_come_back(self) -> LiftAndReturn:
        if self.keep >= self.quantity:
            raise ValueError("keep must be less than quantity; use hold to keep all")
        return self


class Hold(Frozen):
    """Lift pieces, hold them over the plate for long, and take them."""

    plate: Id
    sku: str | None = None
    quantity: Annotated[int, Field(ge=1, le=4)] = 1
    seconds: Seconds = 8.0
    stand: Stand | None = None


class PutBack(Frozen):
    """Put one's own pieces on a plate, theirs or another."""

    plate: Id
    sku: str
    quantity: Count = 1
    straddle: Id | None = None
    """A plate beside it: the pieces are set down across the border."""
    stand: Stand | None = None


class HandOver(Frozen):
    """Give pieces to another shopper, who stops for it."""

    to: Id
    sku: str
    quantity: Count = 1


class Lean(Frozen):
    """Lean with a hand on the board beside the goods of a plate."""

    plate: Id
    seconds: Seconds = 2.0
    stand: Stand | None = None


class Bump(Frozen):
    """Knock against a fixture with the hip or a trolley."""

    fixture: Id
    near: Id | None = None
    """Before this plate of it; None: anywhere."""


class Swap(Frozen):
    """Take one piece from each of two plates and put each back where the other was."""

    plates: tuple[Id, Id]


class Drop(Frozen):
    """Let own pieces fall to the floor."""

    sku: str
    quantity: Count = 1


class PickUp(Frozen):
    """Take a piece from the floor."""

    sku: str


class Restock(Frozen):
    """Staff only: put new pieces on a plate, brought in a crate."""

    plate: Id
    sku: str
    quantity: Count = 6


class Action(Frozen):
    """One deed: exactly one of the verbs, and when."""

    walk: Point2 | None = None
    wait: Seconds | None = None
    browse: Browse | None = None
    pick: Pick | None = None
    lift_and_return: LiftAndReturn | None = None
    hold: Hold | None = None
    put_back: PutBack | None = None
    hand_over: HandOver | None = None
    lean: Lean | None = None
    bump: Bump | None = None
    swap: Swap | None = None
    drop: Drop | None = None
    pick_up: PickUp | None = None
    restock: Restock | None = None
    leave: Id | None = None
    """By this lane, right now."""

    at_s: Seconds | None = None
    """Not before this time of the run: the walk to the place may begin earlier, the deed not."""
    together: Id | None = None
    """Wait at the place until all actions with this word are ready, and do them at once."""

    @model_validator(mode="after")
    def _one_verb(self) -> Action:
        verbs = [verb for verb in VERBS if getattr(self, verb) is not None]
        if len(verbs) != 1:
            raise ValueError(f"give exactly one verb of {', '.join(VERBS)}")
        return self

    @property
    def verb(self) -> str:
        """The name of the verb."""
        return next(verb for verb in VERBS if getattr(self, verb) is not None)

    @property
    def what(self) -> Any:
        """What the verb says."""
        return getattr(self, self.verb)


VERBS = tuple(name for name in Action.model_fields if name not in ("at_s", "together"))


class Enter(Frozen):
    """How somebody comes in."""

    at_s: Seconds = 0.0
    lane: Id | None = None
    """None: the first lane that leads in."""
    by: Literal["card", "app"] = "card"
    leader: Annotated[Id | None, Field(alias="with")] = None
    """Comes in with this shopper, on the same credential."""
    card: Annotated[str, Field(pattern=r"^tok_[a-z_]+$")] | None = None
    """Beginning of the credential: one of the cards that misbehave at the office's sandbox."""
    tail_gate: Id | None = None
    """Slips in right behind this shopper, without a credential."""


class Shopper(Frozen):
    """One person."""

    name: Id
    enter: Enter = Enter()
    height: Annotated[FiniteFloat, Field(ge=0.9, le=2.1)] = 1.72
    speed: Annotated[FiniteFloat, Field(ge=0.3, le=2.0)] = 1.1
    """In a free way [m/s]."""
    pace: Annotated[FiniteFloat, Field(ge=0.4, le=2.5)] = 1.0
    """Of the hands: 2 is twice as quick."""
    bag: bool = True
    """Without a bag everything stays in the hands."""
    patience_s: Seconds = 25.0
    """How long to wait for a place at a plate before doing without it."""
    staff: bool = False
    """Comes in without a credential and pays for nothing."""
    do: tuple[Action, ...] = ()


class Stock(Frozen):
    """How many pieces of a product stand on a plate at the start."""

    plate: Id
    sku: str | None = None
    """None: the product of the planogram."""
    quantity: Annotated[int, Field(ge=0, le=60)]


class Fault(Frozen):
    """A device that fails for a while."""

    device: Id
    """A gateway, pose source, depth sensor, camera, lane, or one plate."""
    kind: Literal["silent", "frozen", "restart"]
    """Sends nothing; repeats its last reading; is silent and then begins anew."""
    from_s: Seconds
    to_s: Seconds

    @model_validator(mode="after")
    def _in_order(self) -> Fault:
        if self.to_s <= self.from_s:
            raise ValueError("to_s must be later than from_s")
        return self


class Scenario(Frozen):
    """A whole run."""

    site: Id
    """The store_id it is made for."""
    description: str
    """What happens, in a sentence."""
    hard_because: str = ""
    """Why this breaks stores without tills."""
    receipts: dict[Id, dict[str, Annotated[int, Field(ge=1)]]] = Field(default_factory=dict)
    """What everybody owes at the end, by who has the credential; the tests hold the world to it."""
    duration_s: Seconds = 0.0
    """At least; it lasts until the last shopper has left."""
    stock: tuple[Stock, ...] = ()
    shoppers: tuple[Shopper, ...] = ()
    trajectories: str | None = None
    """A CSV file beside this one with t,id,x,y: a shopper of the name walks there, and others are added."""
    faults: tuple[Fault, ...] = ()
    _ways: dict[str, Trajectory] = PrivateAttr(default_factory=dict)

    @property
    def ways(self) -> dict[str, Trajectory]:
        """The trajectories that were read, by shopper."""
        return self._ways


def read_scenario(path: Path, store: Store) -> Scenario:
    """A scenario that this store can play; raises AisleError with file, line and remedy."""
    file = YamlFile(path)
    scenario = file.read(Scenario)
    if scenario.trajectories is not None:
        ways = read_trajectories(path.parent / scenario.trajectories)
        known = {shopper.name for shopper in scenario.shoppers}
        added = tuple(Shopper(name=name) for name in ways if name not in known)
        scenario = scenario.model_copy(update={"shoppers": (*scenario.shoppers, *added)})
        scenario._ways = ways
    for loc, message in problems(scenario, store):
        raise file.error(loc, message)
    return scenario


def write_scenario(scenario: Scenario, path: Path) -> None:
    """The same scenario as a file that ``read_scenario`` takes."""
    document = scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=118), encoding="utf-8")


def check_scenario(scenario: Scenario, store: Store) -> None:
    """Raise AisleError if the store cannot play it."""
    for loc, message in problems(scenario, store):
        raise AisleError(f"scenario {'.'.join(map(str, loc))}: {message}")


def problems(scenario: Scenario, store: Store) -> Iterator[tuple[Loc, str]]:
    """What the store cannot play: the place in the scenario, and what is wrong with its remedy."""
    if scenario.site != store.store_id:
        yield ("site",), f"the scenario is for site '{scenario.site}', this is '{store.store_id}'; use its own site"
    yield from _stock_problems(scenario, store)
    yield from _fault_problems(scenario, store)
    names = Counter(shopper.name for shopper in scenario.shoppers)
    ground = Ground(store)
    for number, shopper in enumerate(scenario.shoppers):
        loc: Loc = ("shoppers", number)
        if names[shopper.name] > 1:
            yield (*loc, "name"), f"two shoppers are called '{shopper.name}'; give each a name of its own"
        yield from _enter_problems(loc, shopper, scenario, store)
        for step, action in enumerate(shopper.do):
            yield from _action_problems((*loc, "do", step), action, shopper, scenario, store, ground)
    yield from _quantity_problems(scenario, store)
    tags = Counter(action.together for shopper in scenario.shoppers for action in shopper.do)
    for number, shopper in enumerate(scenario.shoppers):
        for step, action in enumerate(shopper.do):
            if action.together is not None and tags[action.together] == 1:
                yield (
                    ("shoppers", number, "do", step, "together"),
                    f"no other action says together: {action.together}; mend the word, or remove it",
                )
    for payer, lines in scenario.receipts.items():
        if payer not in names:
            yield ("receipts", payer), f"unknown shopper '{payer}'; give the name of a shopper"
        for sku in lines:
            if sku not in store.products:
                yield ("receipts", payer, sku), _unknown("product", sku, store)


def _stock_problems(scenario: Scenario, store: Store) -> Iterator[tuple[Loc, str]]:
    for number, stock in enumerate(scenario.stock):
        loc: Loc = ("stock", number)
        if stock.plate not in store.plates:
            yield (*loc, "plate"), _unknown("plate", stock.plate, store)
        elif stock.sku is not None and stock.sku not in store.products:
            yield (*loc, "sku"), _unknown("product", stock.sku, store)
        elif stock.sku is None and not store.facings_of(stock.plate):
            yield (*loc, "plate"), f"plate '{stock.plate}' has no product in the planogram; give the sku"
        elif stock.quantity > 2 * MOST_PIECES:
            yield (*loc, "quantity"), f"{stock.quantity} pieces do not fit on a plate; give at most {2 * MOST_PIECES}"


def _fault_problems(scenario: Scenario, store: Store) -> Iterator[tuple[Loc, str]]:
    known = {lane.lane_id for lane in store.lanes} | set(store.plates)
    for devices in (store.gateways, store.pose_sources, store.depth_sensors, store.cameras):
        known |= {device.device_id for device in devices}
    for number, fault in enumerate(scenario.faults):
        if fault.device not in known:
            yield (
                ("faults", number, "device"),
                f"unknown device '{fault.device}'; give one of the site's sensors.yaml or gates.yaml, or a plate",
            )


def _enter_problems(loc: Loc, shopper: Shopper, scenario: Scenario, store: Store) -> Iterator[tuple[Loc, str]]:
    others = {other.name: other for other in scenario.shoppers if other.name != shopper.name}
    enter = shopper.enter
    if enter.lane is not None:
        yield from _lane_problems((*loc, "enter", "lane"), enter.lane, "out", store)
    for key, name in (("with", enter.leader), ("tail_gate", enter.tail_gate)):
        if name is not None and name not in others:
            yield (*loc, "enter", key), f"unknown shopper '{name}'; give the name of another shopper"
    if enter.leader in others and others[enter.leader].enter.leader is not None:
        yield (*loc, "enter", "with"), f"'{enter.leader}' comes with somebody too; name the one who has the credential"


def _lane_problems(loc: Loc, lane_id: str, wrong: str, store: Store) -> Iterator[tuple[Loc, str]]:
    lanes = {lane.lane_id: lane for lane in store.lanes}
    if lane_id not in lanes:
        yield loc, f"unknown lane '{lane_id}'; give one of {', '.join(lanes)}"
    elif lanes[lane_id].direction == wrong:
        yield loc, f"lane '{lane_id}' leads {wrong} only; give another lane"


def _action_problems(
    loc: Loc, action: Action, shopper: Shopper, scenario: Scenario, store: Store, ground: Ground
) -> Iterator[tuple[Loc, str]]:
    verb, what = action.verb, action.what
    at: Loc = (*loc, verb)
    recorded = shopper.name in scenario.ways
    if verb == "walk":
        obstacle = ground.obstacle(tuple(what))
        if obstacle is not None:
            yield at, f"({what.x}, {what.y}) is in or behind {obstacle}; give a point on the free floor"
    elif verb == "leave":
        yield from _lane_problems(at, what, "in", store)
    elif verb == "hand_over" and what.to not in {s.name for s in scenario.shoppers if s.name != shopper.name}:
        yield (*at, "to"), f"unknown shopper '{what.to}'; give the name of another shopper"
    elif verb == "bump" and what.fixture not in ground.fixtures:
        yield (*at, "fixture"), f"unknown fixture '{what.fixture}'; give one of the site's fixtures.yaml"
    elif verb == "bump" and all(plate.fixture_id != what.fixture for plate in store.plates.values()):
        yield (*at, "fixture"), f"fixture '{what.fixture}' has no plates that could feel it; give another"
    elif verb == "bump" and what.near is not None and what.near in store.plates:
        if store.plates[what.near].fixture_id != what.fixture:
            yield (*at, "near"), f"plate '{what.near}' is not on fixture '{what.fixture}'; give one of its plates"
    elif verb == "restock" and not shopper.staff:
        yield at, f"'{shopper.name}' is no staff; say staff: true, or let somebody else restock"
    if recorded and verb in ("walk", "swap", "bump", "hand_over", "pick_up", "leave"):
        yield at, f"'{shopper.name}' walks along a trajectory and cannot {verb}; remove the action"
    if recorded and action.at_s is None and verb not in ("wait", "leave"):
        yield loc, f"'{shopper.name}' walks along a trajectory; say at_s when this happens"
    sku = getattr(what, "sku", None)
    if sku is not None and sku not in store.products:
        yield (*at, "sku"), _unknown("product", sku, store)
    plates: list[tuple[Loc, str | None]] = [((key,), getattr(what, key, None)) for key in ("plate", "straddle", "near")]
    if verb == "swap":
        plates = [(("plates", number), plate) for number, plate in enumerate(what.plates)]
    for key, plate_id in plates:
        if plate_id is None:
            continue
        if plate_id not in store.plates:
            yield (*at, *key), _unknown("plate", plate_id, store)
        elif recorded:
            yield from _recorded_problems((*at, *key), plate_id, action, scenario.ways[shopper.name], store)
        elif not stand_places(ground, store, plate_id, shopper.height, getattr(what, "stand", None)):
            yield (
                (*at, *key),
                f"'{shopper.name}' ({shopper.height} m) cannot reach plate '{plate_id}' from any free place before it; "
                "give another plate, place or height",
            )
    if verb == "put_back" and what.straddle in store.plates and what.plate in store.plates:
        one, other = store.plates[what.plate], store.plates[what.straddle]
        if (one.fixture_id, one.shelf) != (other.fixture_id, other.shelf) or abs(one.index - other.index) != 1:
            yield (*at, "straddle"), f"plate '{what.straddle}' is not beside '{what.plate}'; give a neighbour"


def _recorded_problems(
    loc: Loc, plate_id: str, action: Action, way: Trajectory, store: Store
) -> Iterator[tuple[Loc, str]]:
    here = way.at(action.at_s or 0.0)
    plate = store.plates[plate_id]
    if here is None or math.dist(here, plate.centre[:2]) > _TRAJECTORY_REACH:
        where = "not in the store" if here is None else f"{math.dist(here, plate.centre[:2]):.1f} m away"
        yield loc, f"at {action.at_s} s the recorded shopper is {where} from plate '{plate_id}'; mend at_s or the plate"


def _quantity_problems(scenario: Scenario, store: Store) -> Iterator[tuple[Loc, str]]:
    """Somebody takes more of a thing than was ever there, or gives what he cannot have."""
    given = Counter({(s.plate, sku_of(store, s.plate, s.sku)): s.quantity for s in scenario.stock})
    put: Counter[tuple[str, str]] = Counter()
    got: Counter[tuple[str, str]] = Counter()
    fallen: Counter[str] = Counter()
    for shopper in scenario.shoppers:
        for action in shopper.do:
            what = action.what
            if action.verb in ("put_back", "restock"):
                put[what.plate, what.sku] += what.quantity
            elif action.verb == "swap":
                for one, other in (what.plates, what.plates[::-1]):
                    put[one, sku_of(store, other, None)] += 1
            elif action.verb == "hand_over":
                got[what.to, what.sku] += what.quantity
            elif action.verb == "drop":
                fallen[what.sku] += what.quantity
    taken: Counter[tuple[str, str]] = Counter()
    for number, shopper in enumerate(scenario.shoppers):
        own: Counter[str] = Counter()
        for step, action in enumerate(shopper.do):
            loc: Loc = ("shoppers", number, "do", step, action.verb)
            what = action.what
            if action.verb in ("pick", "hold", "lift_and_return"):
                sku = sku_of(store, what.plate, what.sku)
                there = (what.plate, sku)
                if not sku:
                    yield (*loc, "plate"), f"plate '{what.plate}' has no product in the planogram; give the sku"
                    continue
                most = given[there] if there in given else capacity(store, what.plate, sku)
                if taken[there] + what.quantity > most + put[there]:
                    yield (
                        (*loc, "quantity") if "quantity" in what.model_fields_set else (*loc, "plate"),
                        f"plate '{what.plate}' holds {most} of '{sku}'; {taken[there] + what.quantity} are taken: take "
                        "fewer, or put more there with 'stock'",
                    )
                kept = what.keep if action.verb == "lift_and_return" else what.quantity
                taken[there] += kept
                own[sku] += kept
            elif action.verb in ("put_back", "hand_over", "drop"):
                own[what.sku] -= what.quantity
                if own[what.sku] + got[shopper.name, what.sku] < 0:
                    yield (*loc, "sku"), f"'{shopper.name}' has not got {what.quantity} of '{what.sku}'; pick before"
            elif action.verb == "pick_up":
                own[what.sku] += 1
                if not fallen[what.sku]:
                    yield (*loc, "sku"), f"nobody drops '{what.sku}'; let somebody drop it before"


def sku_of(store: Store, plate_id: str, sku: str | None) -> str:
    """The product meant: the given one, or the first of the planogram; "" where there is none."""
    if sku is not None:
        return sku
    facings = store.facings_of(plate_id) if plate_id in store.plates else ()
    return facings[0].sku if facings else ""


def _unknown(kind: str, name: str, store: Store) -> str:
    known, file = (store.plates, "fixtures.yaml") if kind == "plate" else (store.products, "catalogue.csv")
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"unknown {kind} '{name}'; " + (f"did you mean '{near[0]}'?" if near else f"give one of the site's {file}")
