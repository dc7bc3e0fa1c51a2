"""What a simulated device sends, and when it reaches the store."""

from __future__ import annotations

from typing import Any, NamedTuple


class Arrival(NamedTuple):
    """One item as it reaches the store."""

    arrival_ns: int
    """True time."""
    name: str
    """Of the topic, relative to the store's namespace."""
    item: Any
    """Of ``aisle_core.types``, stamped by the clock of its device."""
