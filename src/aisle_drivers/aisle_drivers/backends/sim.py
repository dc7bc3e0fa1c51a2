"""The devices of the simulated store that ``sim_node`` runs in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any

from aisle_core.types import GateCommand
from aisle_sim import live


class Simulated:
    """The topics of one node."""

    silent = False

    def __init__(self, topics: Sequence[str]) -> None:
        """Raises AisleError when no simulated store runs in this process."""
        self._outlet = live.open_outlet(topics)

    def poll(self, now_ns: int) -> Iterator[tuple[str, Any]]:
        """See Backend."""
        for arrival in self._outlet.take(now_ns):
            yield arrival.name, arrival.item

    def want(self, names: Set[str]) -> None:
        """See Backend."""
        self._outlet.want(names)

    def command(self, command: GateCommand) -> None:
        """See Backend."""
        self._outlet.command(command)

    @property
    def ended(self) -> bool:
        """See Backend."""
        return self._outlet.ended

    def close(self) -> None:
        """See Backend."""
        self._outlet.close()


def open_backend(bag: str, topics: Sequence[str]) -> Simulated:
    """See ``aisle_drivers.backends``."""
    return Simulated(topics)
