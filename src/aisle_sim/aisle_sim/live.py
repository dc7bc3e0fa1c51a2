"""The simulated store of this process: ``sim_node`` runs it, the drivers' backend ``sim`` listens to its devices.

Both live in one process, so that images and readings go from the simulated sensor to the driver without a copy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence, Set

from aisle_core.errors import AisleError
from aisle_core.types import GateCommand
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.simulation import Simulation

_running: list[LiveStore] = []


class Outlet:
    """What some of the devices said and nobody has taken yet."""

    def __init__(self, store: LiveStore, topics: Sequence[str]) -> None:
        self.topics = frozenset(topics)
        self.wanted: Set[str] = frozenset()
        self.waiting: deque[Arrival] = deque()
        self._store = store

    def take(self, now_ns: int) -> Iterator[Arrival]:
        """What has arrived up to this instant of the simulated time, oldest first."""
        while self.waiting and self.waiting[0].arrival_ns <= now_ns:
            yield self.waiting.popleft()

    def want(self, names: Set[str]) -> None:
        """Render these image topics, and no others of this outlet."""
        self.wanted = names
        self._store.update_demand()

    def command(self, command: GateCommand) -> None:
        """Hand a command to the simulated gate."""
        self._store.simulation.command(command)

    @property
    def ended(self) -> bool:
        """Whether the simulation is over and everything has been taken."""
        return self._store.simulation.finished and not self.waiting

    def close(self) -> None:
        """Listen no more."""
        if self in self._store.outlets:
            self._store.outlets.remove(self)
            self._store.update_demand()


class LiveStore:
    """A simulation whose devices have listeners."""

    def __init__(self, simulation: Simulation) -> None:
        """Raises AisleError when another one runs in this process."""
        if _running:
            raise AisleError("a simulated store runs in this process already; start one sim_node per process")
        self.simulation = simulation
        self.outlets: list[Outlet] = []
        _running.append(self)

    def advance(self, to_ns: int) -> None:
        """Let the store live up to this instant and hand out what its devices say."""
        for arrival in self.simulation.advance(to_ns):
            for outlet in self.outlets:
                if arrival.name in outlet.topics:
                    outlet.waiting.append(arrival)

    def update_demand(self) -> None:
        """Tell the cameras who is watched."""
        self.simulation.want({name for outlet in self.outlets for name in outlet.wanted})

    def close(self) -> None:
        """End it."""
        _running.remove(self)


def open_outlet(topics: Sequence[str]) -> Outlet:
    """Listen to these topics of the running store. Raises AisleError when there is none in this process."""
    if not _running:
        raise AisleError("no simulated store runs in this process; launch with backend:=sim, or start sim_node first")
    outlet = Outlet(_running[0], topics)
    _running[0].outlets.append(outlet)
    return outlet
