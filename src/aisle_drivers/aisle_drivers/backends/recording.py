"""A bag stands in for the devices: what they said then is said again now, with today's stamps.

The recording starts when the node polls first. Stamps are shifted by the same time as the arrivals, so that the lag
between the two stays as it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

from aisle_core.types import GateCommand, Image
from aisle_replay.bag import BagReader

_STAMPS = ("stamp_ns", "issue_ns", "first_capture_ns", "last_capture_ns")


class Recording:
    """The topics of one node in one bag; without a bag the devices are silent."""

    def __init__(self, bag: str, topics: Sequence[str]) -> None:
        """Raises AisleError when ``bag`` is none."""
        self._topics = set(topics)
        self._wanted: Set[str] = frozenset()
        self._reader = BagReader(Path(bag)) if bag else None
        self._items = self._read(self._reader) if self._reader else iter(())
        self._next = next(self._items, None)
        self._shift_ns: int | None = None

    def poll(self, now_ns: int) -> Iterator[tuple[str, Any]]:
        """See Backend."""
        if self._shift_ns is None and self._reader is not None:
            self._shift_ns = now_ns - self._reader.start_ns
        while self._next is not None and self._next[0] + self._shift_ns <= now_ns:
            _, name, item = self._next
            if not isinstance(item, Image) or name in self._wanted:
                yield name, shifted(item, self._shift_ns)
            self._next = next(self._items, None)

    def want(self, names: Set[str]) -> None:
        """See Backend."""
        self._wanted = names

    def command(self, command: GateCommand) -> None:
        """Nothing to do: whoever went in then was let in then."""

    @property
    def silent(self) -> bool:
        """See Backend."""
        return self._reader is None

    @property
    def ended(self) -> bool:
        """See Backend."""
        return self._reader is not None and self._next is None

    def close(self) -> None:
        """See Backend."""
        if self._reader is not None:
            self._reader.close()

    def _read(self, reader: BagReader) -> Iterator[tuple[int, str, Any]]:
        for log_time_ns, topic, item in reader.items():
            name = topic.name.split("/", 2)[2]
            if name in self._topics:
                yield log_time_ns, name, item


def shifted(item: Any, shift_ns: int) -> Any:
    """The item with all its stamps moved."""
    changes: dict[str, Any] = {
        name: getattr(item, name) + shift_ns for name in _STAMPS if getattr(item, name, None) is not None
    }
    if hasattr(item, "bodies"):
        changes["bodies"] = tuple(shifted(body, shift_ns) for body in item.bodies)
    return dataclasses.replace(item, **changes)


def open_backend(bag: str, topics: Sequence[str]) -> Recording:
    """See ``aisle_drivers.backends``."""
    return Recording(bag, topics)
