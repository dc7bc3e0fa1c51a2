"""Bags: standard rosbag2 (MCAP) folders, with the site they were recorded in.

Beside what ``ros2 bag`` writes, a bag of Aisle has the folder ``site/`` with the six files of the store, and in its
metadata the version of the message contract, of the software, and the hash of the site. A simulated bag also has
``truth.jsonl``.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rosbags import interfaces as rosbag
from rosbags.rosbag2 import Reader, ReaderError, StoragePlugin, Writer
from rosbags.serde import SerdeError

from aisle_contract.interfaces import CONTRACT_VERSION, END_OF_STREAM, TOPICS, Qos, Topic
from aisle_core import __version__
from aisle_core.errors import AisleError
from aisle_core.store import FILE_NAMES, Store, load_store
from aisle_core.types import source_of

from .truth import TRUTH_FILE
from .typestore import PACKAGE, message_types

SITE_FOLDER = "site"
_CONTRACT, _SOFTWARE, _SITE_HASH = "aisle_contract_version", "aisle_software_version", "aisle_site_hash"

_FOREVER = rosbag.QosTime(9223372036, 854775807)
"""RMW_DURATION_INFINITE."""


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], Topic], ...]:
    return tuple((re.compile(topic.pattern()), topic) for topic in TOPICS)


@functools.cache
def registry_topic(name: str) -> Topic | None:
    """The registry's entry for an absolute topic name."""
    return next((topic for pattern, topic in _patterns() if pattern.fullmatch(name)), None)


def _profile(qos: Qos) -> rosbag.Qos:
    latched = qos is Qos.STATE
    return rosbag.Qos(
        history=rosbag.QosHistory.KEEP_LAST,
        depth=qos.depth,
        reliability=rosbag.QosReliability.RELIABLE,
        durability=rosbag.QosDurability.TRANSIENT_LOCAL if latched else rosbag.QosDurability.VOLATILE,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=rosbag.QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


class BagWriter:
    """Writes a bag beside its place and moves it there when it is complete.

    As a context manager it keeps the bag only if the block succeeds.
    """

    def __init__(self, path: Path, site: Path) -> None:
        """``path``: the new bag; ``site``: the site folder that goes with it.

        Raises AisleError when the bag exists, cannot be made, or the site is wrong.
        """
        if path.exists():
            raise AisleError(f"{path}: exists already; give a new name or remove it")
        store = load_store(site)
        self._path = path
        self._work = path.absolute().parent / f".{path.name}.{os.getpid()}.partial"
        self._connections: dict[str, rosbag.Connection] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._types = message_types()
        try:
            self._work.mkdir(parents=True)
            self._writer = Writer(self._work / path.name, version=9, storage_plugin=StoragePlugin.MCAP)
            self._writer.open()
            (self._writer.path / SITE_FOLDER).mkdir()
            for name in FILE_NAMES:
                shutil.copyfile(site / name, self._writer.path / SITE_FOLDER / name)
        except OSError as error:
            shutil.rmtree(self._work, ignore_errors=True)
            raise AisleError(f"{path}: cannot be written: {error.strerror}; give a folder you may write to") from None
        self._writer.set_custom_data(_CONTRACT, str(CONTRACT_VERSION))
        self._writer.set_custom_data(_SOFTWARE, __version__)
        self._writer.set_custom_data(_SITE_HASH, store.site_hash)
        self.truth_path: Path = self._writer.path / TRUTH_FILE
        """Where the truth of a simulated bag is written, before the bag is closed."""

    def append(self, log_time_ns: int, topic: str, item: Any) -> None:
        """Add a message or a core value; ``topic`` is absolute, ``log_time_ns`` the instant of arrival."""
        self.append_raw(log_time_ns, topic, self._types.serialize(item))
        if hasattr(item, "sequence"):
            self._last[topic, source_of(item)] = item.sequence

    def append_end(self, log_time_ns: int, topic: str, publisher: str, also: Iterable[str] = ()) -> None:
        """Add the EndOfStream that ends what ``append`` has written so far, as ``topic`` (absolute).

        ``also``: absolute topics that end without a message.
        """
        stream_end = self._types.message_class(f"{PACKAGE}/msg/StreamEnd")
        ends: list[tuple[str, str, int | None]] = [(name, source, last) for (name, source), last in self._last.items()]
        written = {name for name, _, _ in ends}
        ends += [(name, "", None) for name in also if name not in written]
        streams = [
            stream_end(
                topic=name.split("/", 2)[2], source=source, has_last_sequence=last is not None, last_sequence=last or 0
            )
            for name, source, last in ends
        ]
        message_class = self._types.message_class(END_OF_STREAM.type)
        message = message_class(header=self._types.codec.header(log_time_ns), publisher=publisher, streams=streams)
        self.append_raw(log_time_ns, topic, self._types.serialize(message))

    def append_raw(self, log_time_ns: int, topic: str, data: bytes) -> None:
        """Add a serialised message of the type that the registry gives the topic."""
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._connections[topic] = self._connect(topic)
        self._writer.write(connection, log_time_ns, data)

    def _connect(self, topic: str) -> rosbag.Connection:
        entry = registry_topic(topic)
        if entry is None:
            raise AisleError(f"{self._path}: topic '{topic}' is not in the registry; see 'topics list'")
        return self._writer.add_connection(
            topic,
            entry.type,
            msgdef=self._types.definition(entry.type),
            rihs01=self._types.type_hash(entry.type),
            offered_qos_profiles=[_profile(entry.qos)],
        )

    def close(self) -> None:
        """Complete the bag and move it to its place."""
        try:
            self._writer.close()
            self._writer.path.rename(self._path)
        except OSError as error:
            reason = error.strerror
            raise AisleError(f"{self._path}: cannot be written: {reason}; make room or give another name") from None
        finally:
            self.discard()

    def discard(self) -> None:
        """Drop what has not been completed."""
        with contextlib.suppress(OSError):
            self._writer.abort()
        shutil.rmtree(self._work, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.discard()


@dataclass(frozen=True, slots=True)
class BagTopic:
    """One topic in a bag."""

    name: str
    """Absolute."""
    type: str
    count: int
    entry: Topic | None
    """None: not a topic of the registry."""


class BagReader:
    """Reads a bag of this version of the message contract.

    Also bags that ``ros2 bag record`` made: those have no ``site/``, so that ``site`` is None.
    """

    def __init__(self, path: Path) -> None:
        """Raises AisleError for what is no bag, is broken, or is of another version."""
        self.path = path
        self._types = message_types()
        if not (path / "metadata.yaml").is_file():
            raise AisleError(f"{path}: no metadata.yaml there; give the folder of a rosbag2 bag")
        with self._readable():
            self._reader = Reader(path)
            self._reader.open()
        custom = self._reader.storage.metadata.custom or {}
        self.software_version: str | None = custom.get(_SOFTWARE)
        self.site_hash: str | None = custom.get(_SITE_HASH)
        self.site: Path | None = path / SITE_FOLDER if (path / SITE_FOLDER).is_dir() else None
        self.truth_path: Path | None = path / TRUTH_FILE if (path / TRUTH_FILE).is_file() else None
        self._check_contract(custom.get(_CONTRACT))
        self.topics = tuple(
            BagTopic(c.topic, c.msgtype, c.msgcount, registry_topic(c.topic)) for c in self._reader.connections
        )

    @property
    def start_ns(self) -> int:
        """Log time of the first message."""
        return self._reader.start_time

    @property
    def end_ns(self) -> int:
        """Log time of the last message."""
        return self._reader.end_time - 1

    @property
    def message_count(self) -> int:
        """Messages in the bag."""
        return self._reader.message_count

    def raw(self, start_ns: int | None = None) -> Iterator[tuple[int, BagTopic, bytes]]:
        """(log time, topic, CDR) in order of log time, from ``start_ns`` on."""
        topics = {topic.name: topic for topic in self.topics}
        with self._readable():
            for connection, log_time_ns, data in self._reader.messages(start=start_ns):
                yield log_time_ns, topics[connection.topic], data

    def items(self, wanted: Collection[Topic] = TOPICS) -> Iterator[tuple[int, BagTopic, Any]]:
        """(log time, topic, item) in order of log time, of some topics of the registry.

        An item is a core value where the message has a core type, else the message. Raises AisleError for a message
        that cannot be read.
        """
        for log_time_ns, topic, data in self.raw():
            if topic.entry not in wanted:
                continue
            try:
                item = self._types.deserialize(data, topic.type)
            except (SerdeError, AisleError) as error:
                place = f"{self.path}: {topic.name} at log time {log_time_ns}"
                raise AisleError(f"{place}: {error}; record it again") from None
            yield log_time_ns, topic, item

    def site_folder(self) -> Path:
        """The recorded site. Raises AisleError when the bag has none."""
        if self.site is None:
            raise AisleError(f"{self.path}: the bag carries no site; give the site folder it was recorded in")
        return self.site

    def load_store(self) -> Store:
        """The store of the recorded site. Raises AisleError when the bag has none or it was changed."""
        return load_store(self.site_folder())

    def _check_contract(self, version: str | None) -> None:
        writer = f"software {self.software_version}" if self.software_version else "other software"
        if version is not None and version != str(CONTRACT_VERSION):
            raise AisleError(
                f"{self.path}: written by {writer} with message contract {version}, this one reads {CONTRACT_VERSION}; "
                "replay it with that version or import the recording again"
            )
        for connection in self._reader.connections:
            name = connection.msgtype
            if name.startswith(PACKAGE + "/") and connection.digest != self._types.type_hash(name):
                raise AisleError(
                    f"{self.path}: {connection.topic} has another definition of {name} than this software; "
                    f"replay it with the version that wrote it ({writer}) or record it again"
                )

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (ReaderError, OSError, EOFError, struct.error, ValueError, KeyError, IndexError, TypeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise AisleError(f"{self.path}: broken bag: {reason}; copy or record it again") from error

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
