"""Whole runs of the world without sensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aisle_contract.truth import TruthCart, TruthEvent
from aisle_core.store import Store
from aisle_core.types import GateEvent
from aisle_sim.physical import Load
from aisle_sim.random_scenario import Mix, random_scenario
from aisle_sim.scenario import Scenario
from aisle_sim.world import World

_PORTION_NS = 100_000_000
_LONGEST_S = 7200.0


@dataclass(frozen=True, slots=True)
class Session:
    """What happened in a run; ``world`` is as it was at the end."""

    world: World
    loads: tuple[Load, ...]
    gate_events: tuple[GateEvent, ...]
    events: tuple[TruthEvent, ...]
    carts: tuple[TruthCart, ...]

    def receipts(self) -> dict[str, dict[str, int]]:
        """First of the group -> {SKU: units} of every closed cart."""
        return {
            cart.shoppers[0]: {line.sku: line.quantity for line in cart.lines} for cart in self.carts if cart.closed
        }


def play(store: Store, scenario: Scenario, seed: int, start_ns: int = 0) -> Session:
    """The scenario with gates that open by themselves, until everybody has left.

    Raises RuntimeError when somebody has not left after two hours more than the scenario's duration.
    """
    world = World(store, scenario, seed, start_ns, gates_open_themselves=True)
    loads: list[Load] = []
    gate_events: list[GateEvent] = []
    truth: list[TruthEvent | TruthCart] = []
    now_ns = start_ns
    while not world.finished:
        if world.now_s > scenario.duration_s + _LONGEST_S:
            stuck = [visit.shopper.name for visit in world.visits if not visit.done]
            raise RuntimeError(f"seed {seed}: {', '.join(stuck)} cannot leave")
        now_ns += _PORTION_NS
        world.advance(now_ns)
        loads += world.take_loads()
        gate_events += world.take_gate_events()
        truth += world.take_truth()
    return Session(
        world,
        tuple(loads),
        tuple(gate_events),
        tuple(item for item in truth if isinstance(item, TruthEvent)),
        tuple(item for item in truth if isinstance(item, TruthCart)),
    )


def random_sessions(
    store: Store, seeds: Iterable[int], shoppers: int = 12, duration_s: float = 300.0, mix: Mix | None = None
) -> Iterator[Session]:
    """One random session per seed."""
    for seed in seeds:
        yield play(store, random_scenario(store, seed, shoppers, duration_s, mix), seed)
