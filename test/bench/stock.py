"""The live planogram against the pieces that really stand on the shelves of simulated shops.

Three shops that differ in what is known at the start only: somebody has counted every facing; nobody has, but the
readings of the empty plates are known; neither. After the last shopper has left, each facing's expected stock is
compared with the truth, and what is told to lie astray with what does.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, fields

from rich.console import Console
from rich.table import Table

from aisle_contract.sites import config_folder, find_site
from aisle_core.fusion import LivePlanogram, ShelfMap
from aisle_core.pipeline import Pipeline
from aisle_core.stages import Output
from aisle_core.store import Facing, Store, load_store
from aisle_core.types import CartEvents, PlateStates, ShelfEvents, StockLines
from aisle_replay.replay import INPUTS, load_config
from aisle_sim.scenarios import find_scenario
from aisle_sim.simulation import Simulation
from aisle_sim.world import World

Key = tuple[tuple[str, ...], str]


@dataclass(slots=True)
class Score:
    """facings, changed: all, and those whose pieces are not as many as before. right: expected, rounded, is the truth.

    error: sum of the differences. astray, told, found: pieces that lie where they do not belong: true, told, both.
    """

    facings: int = 0
    changed: int = 0
    right: int = 0
    right_changed: int = 0
    error: float = 0.0
    astray: int = 0
    told: int = 0
    found: int = 0


def pieces(world: World, store: Store) -> tuple[dict[Key, int], Counter[Key]]:
    """What really stands in the facings, and what lies astray on a plate."""
    there: dict[Key, int] = {(facing.plate_ids, facing.sku): 0 for facing in store.facings}
    astray: Counter[Key] = Counter()
    for resting in world.resting:
        if resting.plate_id:
            sku = resting.piece.sku
            own = next((f.plate_ids for f in store.facings_of(resting.plate_id) if f.sku == sku), None)
            if own is None:
                astray[(resting.plate_id,), sku] += 1
            else:
                there[own, sku] += 1
    return there, astray


def counted(store: Store, there: dict[Key, int]) -> Store:
    """The store in which somebody has counted."""

    def of(facing: Facing) -> Facing:
        return facing.model_copy(update={"stock": there[facing.plate_ids, facing.sku]})

    return store.model_copy(update={"facings": tuple(map(of, store.facings))})


def weighed(store: Store, tares: dict[str, float]) -> Store:
    """The store that knows what its empty plates read."""
    shelves = {
        fixture.fixture_id: tuple(
            shelf.model_copy(
                update={"plates": tuple(p.model_copy(update={"tare": tares[p.plate_id]}) for p in shelf.plates)}
            )
            for shelf in fixture.shelves
        )
        for fixture in store.fixtures
    }
    fixtures = tuple(f.model_copy(update={"shelves": shelves[f.fixture_id]}) for f in store.fixtures)
    return Store(**{name: getattr(store, name) for name in Store.model_fields if name != "fixtures"}, fixtures=fixtures)


def play(site: str, scenario: str, seed: int, shoppers: int) -> dict[str, Score]:
    """One shop, and how each start came out; all of them hear the same decisions."""
    folder, config = find_site(site), load_config(config_folder())
    simulation = Simulation(folder, find_scenario(scenario, load_store(folder), seed, shoppers), seed)
    store = simulation.store
    before, _ = pieces(simulation.world, store)
    shelf_map = ShelfMap(store, config.fusion.weight, config.fusion.place)
    stores = {"counted": counted(store, before), "weighed": weighed(store, tares_of(simulation)), "unknown": store}
    planograms = {name: LivePlanogram(config.stock, one, shelf_map) for name, one in stores.items()}
    pipeline = Pipeline(config, store)
    end_ns = simulation.start_ns

    def hear(outputs: list[Output]) -> None:
        for planogram in planograms.values():
            for output in outputs:
                if isinstance(output, ShelfEvents | PlateStates):
                    planogram.weigh(output)
                elif isinstance(output, CartEvents):
                    planogram.step(output)

    for arrivals, _ in simulation.run():
        for arrival in arrivals:
            if isinstance(arrival.item, tuple(INPUTS.values())):
                end_ns = max(end_ns, arrival.arrival_ns)
                hear(pipeline.push(arrival.item))
    hear(pipeline.finish())
    after, astray = pieces(simulation.world, store)
    return {name: compare(one.lines(end_ns), before, after, astray) for name, one in planograms.items()}


def tares_of(simulation: Simulation) -> dict[str, float]:
    """What the simulated plates read when they are empty [kg]."""
    return {
        plate.plate_id: float(tare)
        for scale in simulation._scales
        for plate, tare in zip(scale.plates, scale.tare, strict=True)
    }


def compare(stock: StockLines, before: dict[Key, int], after: dict[Key, int], astray: Counter[Key]) -> Score:
    """The stock that was told last with the truth."""
    score = Score(astray=astray.total())
    for line in stock.lines:
        key = line.plate_ids, line.sku
        if not line.belongs:
            score.told += round(line.expected)
            score.found += min(round(line.expected), astray[key])
            continue
        right, changed = round(line.expected) == after[key], before[key] != after[key]
        score.facings += 1
        score.changed += changed
        score.right += right
        score.right_changed += right and changed
        score.error += abs(line.expected - after[key])
    return score


def main(argv: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench stock", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--site", default="market")
    parser.add_argument("--scenario", default="random")
    parser.add_argument("--shoppers", type=int, default=12)
    parser.add_argument("--seeds", default="400:403", help="first:last+1")
    arguments = parser.parse_args(argv)
    totals: dict[str, Score] = {}
    for seed in range(*map(int, arguments.seeds.split(":"))):
        for name, score in play(arguments.site, arguments.scenario, seed, arguments.shoppers).items():
            total = totals.setdefault(name, Score())
            for field in fields(Score):
                setattr(total, field.name, getattr(total, field.name) + getattr(score, field.name))
    table = Table("start", "facings right", "of those that changed", "mean error", "astray: true, told, found")
    for name, total in totals.items():
        table.add_row(
            name,
            f"{total.right} of {total.facings}",
            f"{total.right_changed} of {total.changed}",
            f"{total.error / total.facings:.2f}",
            f"{total.astray}, {total.told}, {total.found}",
        )
    Console().print(table)
    return 0
