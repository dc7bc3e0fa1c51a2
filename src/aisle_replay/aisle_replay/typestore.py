"""Our messages as bytes, without ROS: definitions from the ``.msg`` files, serialisation by rosbags."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.serde import SerdeError
from rosbags.serde.cdr import generate_deserialize_cdr, generate_getsize_cdr, generate_serialize_cdr
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.base import normalize_fieldname
from rosbags.typesys.store import Typestore
from rosbags.typesys.stores import ros2_jazzy

from aisle_contract.convert import MESSAGE_OF, Codec
from aisle_core.errors import AisleError

from .cdr import READERS

PACKAGE = "aisle_msgs"
_COMMENT = re.compile(r"#.*")
_BIG_ENDIAN, _LITTLE_ENDIAN = b"\0\0", b"\0\1"


def message_folder() -> Path:
    """Folder of the ``.msg`` files: of this checkout, or of the installed package on AMENT_PREFIX_PATH."""
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    candidates = [Path(__file__).resolve().parents[3] / "msg", *(p / "share" / PACKAGE / "msg" for p in prefixes)]
    for folder in candidates:
        if (folder / "ScaleReadings.msg").is_file():
            return folder
    raise AisleError("aisle_msgs: no message definitions found; source the workspace or run in a checkout")


class _Definition:
    """What rosbags' serialisers ask of a type; each function is made when it is first called for.

    rosbags would make all of them at once, those of ROS 1 too: 6 ms for every type of a bag.
    """

    def __init__(self, name: str, store: Typestore) -> None:
        self.fields = [(normalize_fieldname(field), kind) for field, kind in store.fielddefs[name][1]]
        self.cls = store.types[name]
        self._store = store

    @functools.cached_property
    def deserialize_cdr_le(self) -> Any:
        return generate_deserialize_cdr(self.fields, self._store, "le")

    @functools.cached_property
    def deserialize_cdr_be(self) -> Any:
        return generate_deserialize_cdr(self.fields, self._store, "be")

    @functools.cached_property
    def serialize_cdr_le(self) -> Any:
        return generate_serialize_cdr(self.fields, self._store, "le")

    @functools.cached_property
    def _sizes(self) -> Any:
        return generate_getsize_cdr(self.fields, self._store)

    @property
    def getsize_cdr(self) -> Any:
        return self._sizes[0]

    @property
    def size_cdr(self) -> int:
        return int(self._sizes[1])


class _Store(Typestore):
    """rosbags' type store with definitions that are made as they are needed."""

    def __init__(self) -> None:
        super().__init__(ros2_jazzy)
        self._definitions: dict[str, _Definition] = {}

    def get_msgdef(self, typename: str) -> Any:
        definition = self._definitions.get(typename)
        if definition is None:
            definition = self._definitions[typename] = _Definition(typename, self)
        return definition


class MessageTypes:
    """All message types of the graph: ours, and those of ROS 2 Jazzy.

    A definition is parsed when it is first needed. Names are "package/msg/Name".
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = _Store()
        self._core_of = {name: core_class for core_class, name in MESSAGE_OF.items()}
        self.codec = Codec(self.message_class, lambda typecode, values: np.asarray(values, dtype=typecode).ravel())

    def message_class(self, name: str) -> Any:
        """The rosbags dataclass. Raises AisleError for an unknown type."""
        self._need(name)
        return self._store.types[name]

    def type_hash(self, name: str) -> str:
        """REP-2011 hash of the definition, "RIHS01_..."."""
        self._need(name)
        return self._store.hash_rihs01(name)

    def definition(self, name: str) -> str:
        """Text of the definition with those of its parts, as bags carry it."""
        self._need(name)
        return self._store.generate_msgdef(name, ros_version=2)[0]

    def core_class(self, name: str) -> type[Any] | None:
        """The core type of a message, if it has one."""
        return self._core_of.get(name)

    def serialize(self, message: Any) -> bytes:
        """Message or core value -> CDR."""
        if type(message) in MESSAGE_OF:
            message = self.codec.to_message(message)
        name = message.__msgtype__
        self._need(name)
        return bytes(self._store.serialize_cdr(message, name, little_endian=True))

    def deserialize(self, data: bytes, name: str) -> Any:
        """CDR -> core value if the message has a core type, else the message.

        Bytes behind the message are left alone: the size that Fast CDR computes before is too large where a sequence
        of 8-byte numbers is empty, and rosbags' own ``deserialize_cdr`` refuses what it sends then.

        Raises rosbags' SerdeError for bytes that are not this message, AisleError for a value that cannot be.
        """
        self._need(name)
        definition = self._store.get_msgdef(name)
        if data[:2] not in (_BIG_ENDIAN, _LITTLE_ENDIAN):
            raise SerdeError(f"{len(data)} bytes that do not begin as plain CDR")
        core_class, body = self._core_of.get(name), data[4:]
        if core_class in READERS and data[:2] == _LITTLE_ENDIAN:
            # What they cannot read is read once more, to name what is wrong.
            with contextlib.suppress(struct.error, ArithmeticError, LookupError, ValueError):
                return READERS[core_class](body)
        read = definition.deserialize_cdr_le if data[:2] == _LITTLE_ENDIAN else definition.deserialize_cdr_be
        try:
            message, _ = read(body, 0, definition.cls, self._store)
        except (struct.error, ValueError) as error:
            raise SerdeError(f"no {name}: {error}") from error
        return message if core_class is None else self.codec.to_core(message, core_class)

    def _need(self, name: str) -> None:
        if name in self._store.types:
            return
        package, _, base = name.partition("/msg/")
        file = self._folder / f"{base}.msg"
        if package != PACKAGE or not file.is_file():
            raise AisleError(f"{name}: unknown message type; this version knows aisle_msgs and those of ROS 2 Jazzy")
        types = get_types_from_msg(_COMMENT.sub("", file.read_text(encoding="utf-8")), name)
        for part in _parts(types[name]):
            self._need(part)
        self._store.register(types)


def _parts(definition: Any) -> list[str]:
    """Names of the message types that stand inside a rosbags definition."""
    contents = [content for _, (_, content) in definition[1]]
    elements = [content[0][1] if isinstance(content[0], tuple) else content for content in contents]
    return [element for element in elements if isinstance(element, str)]


@functools.cache
def message_types() -> MessageTypes:
    """The types of this installation."""
    return MessageTypes(message_folder())
