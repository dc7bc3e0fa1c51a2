"""What a node knows, kept on disk so that it survives the end of its process.

In a folder there are, of each node, a snapshot of its state and a log of the items that came after it. An item is
logged before it is used. A log's last record may be torn; its item was not used. Files hold pickles: whoever can write
into the folder can run code as the node's user.
"""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from aisle_core.errors import AisleError

_RECORD = struct.Struct("<II")
"""Length and CRC-32 of a pickle."""


class Kept(NamedTuple):
    """A state, and the items that came after it, in order."""

    state: Any
    items: list[Any]


class Keeper:
    """Keeps the state of one node. ``key``: what the state depends on, software, site and tuning."""

    def __init__(self, folder: Path, name: str, key: str) -> None:
        """Raises AisleError when the folder cannot be made."""
        self._folder, self._name, self._key = folder, name, key
        self._log: BinaryIO | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AisleError(f"{folder}: cannot be made: {error.strerror}; give a folder you may write to") from None

    def load(self) -> Kept | None:
        """What was kept last, None when nothing was; the log goes on.

        Raises AisleError for what another software or site kept.
        """
        numbers = self._numbers()
        if not numbers:
            return None
        path = self._path(numbers[-1], "snapshot")
        try:
            (((key, state), _),) = _records(path)
        except (OSError, ValueError, pickle.UnpicklingError) as error:
            raise AisleError(f"{path}: is broken: {error}; remove it to begin anew") from None
        if key != self._key:
            raise AisleError(
                f"{path}: was kept by another version, site or tuning; remove it to begin anew, or put those back"
            )
        self._log = self._path(numbers[-1], "log").open("ab")
        whole = list(_records(self._path(numbers[-1], "log")))
        self._log.truncate(whole[-1][1] if whole else 0)
        return Kept(state, [item for item, _ in whole])

    def save(self, state: Any) -> None:
        """Keep a state, at once and whole, and begin a new log."""
        number = max(self._numbers(), default=0) + 1
        self.close()
        partial = self._path(number, "partial")
        with partial.open("wb") as file:
            _write(file, (self._key, state))
        self._log = self._path(number, "log").open("wb")
        partial.replace(self._path(number, "snapshot"))
        for old in self._numbers()[:-1]:
            for kind in ("snapshot", "log"):
                self._path(old, kind).unlink(missing_ok=True)

    def append(self, item: Any) -> None:
        """Log an item that comes after the last ``save``, or after what was loaded."""
        assert self._log is not None, "load or save first"
        _write(self._log, item)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _path(self, number: int, kind: str) -> Path:
        return self._folder / f"{self._name}.{number:09d}.{kind}"

    def _numbers(self) -> list[int]:
        return sorted(int(path.name.split(".")[-2]) for path in self._folder.glob(f"{self._name}.*.snapshot"))


def _write(file: BinaryIO, value: Any) -> None:
    """Hand a record to the operating system, which keeps it when the process is killed."""
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    file.write(_RECORD.pack(len(data), zlib.crc32(data)) + data)
    file.flush()


def _records(path: Path) -> Iterator[tuple[Any, int]]:
    """The records up to the first torn one, each with the place where it ends."""
    with path.open("rb") as file:
        while len(head := file.read(_RECORD.size)) == _RECORD.size:
            length, checksum = _RECORD.unpack(head)
            data = file.read(length)
            if len(data) < length or zlib.crc32(data) != checksum:
                return
            yield pickle.loads(data), file.tell()
