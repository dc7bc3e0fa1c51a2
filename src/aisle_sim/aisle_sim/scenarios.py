"""Where scenarios are found."""

from __future__ import annotations

import difflib
from pathlib import Path

from aisle_contract.sites import config_folder
from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_sim.random_scenario import random_scenario
from aisle_sim.scenario import Scenario, read_scenario

RANDOM = "random"
SECONDS_PER_SHOPPER = 15.0


def find_scenario(name: str, store: Store, seed: int, shoppers: int) -> Scenario:
    """A scenario by the name of a file in ``config/scenarios``, by path, or ``random``: drawn from the seed.

    Raises AisleError when there is none, or when the store cannot play it.
    """
    if name == RANDOM:
        return random_scenario(store, seed, shoppers, duration_s=SECONDS_PER_SHOPPER * shoppers)
    path = Path(name).expanduser()
    if path.suffix == ".yaml":
        return read_scenario(path, store)
    folder = config_folder() / "scenarios"
    names = sorted(file.stem for file in folder.glob("*.yaml"))
    if name not in names:
        near = difflib.get_close_matches(name, [*names, RANDOM], n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known ones: {', '.join([RANDOM, *names])}"
        raise AisleError(f"scenario '{name}': no such file in {folder}; {hint}")
    return read_scenario(folder / f"{name}.yaml", store)
