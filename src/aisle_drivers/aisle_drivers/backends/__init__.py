"""Families of devices, one module each.

A module has ``open_backend(bag, topics)``, which makes a Backend. A driver node polls it; it never blocks.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence, Set
from typing import Any, Protocol

from aisle_core.errors import AisleError
from aisle_core.types import GateCommand

BACKENDS = ("recording", "sim")


class Backend(Protocol):
    """Devices of one family."""

    def poll(self, now_ns: int) -> Iterable[tuple[str, Any]]:
        """What was said up to ``now_ns`` of the node's clock, oldest first: (topic name, core item)."""

    def want(self, names: Set[str]) -> None:
        """These image topics have subscribers, the others have none: what nobody wants need not be made."""

    def command(self, command: GateCommand) -> None:
        """Make a lane do something."""

    @property
    def silent(self) -> bool:
        """Whether there are no devices behind this backend."""

    @property
    def ended(self) -> bool:
        """Whether nothing will be said any more."""

    def close(self) -> None:
        """Let go of the devices."""


def open_backend(name: str, bag: str, topics: Sequence[str]) -> Backend:
    """The backend called ``name`` for these topics (relative names)."""
    if name not in BACKENDS:
        raise AisleError(f"parameter 'backend' is '{name}'; choose from {', '.join(BACKENDS)}")
    return importlib.import_module(f"aisle_drivers.backends.{name}").open_backend(bag, topics)
