"""Messages to core types and back, by one set of rules for every type.

A message and its core type have the same field names, with these differences:

==================================  =====================================================
core                                message
==================================  =====================================================
``stamp_ns`` of a batch             ``header.stamp``
``x_ns``, if the message has it so  ``x_stamp`` (builtin_interfaces/Time)
``x: T | None``                     ``has_x`` and ``x``
``Point``                           geometry_msgs/Point
enum                                uint8
``tuple[T, ...]``                   an array of T
``mass`` (samples, plates)          ``sample_count`` and the flat row-major array
==================================  =====================================================

The codec is told how message classes are found, so that it serves rclpy (``aisle_nodes``) and rosbags
(``aisle_replay``) alike, and neither is imported here.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from aisle_core import types as core
from aisle_core.errors import AisleError

MAP_FRAME = "map"

MESSAGE_OF: dict[type[Any], str] = {
    core.Tick: "Tick",
    core.ScaleLayout: "ScaleLayout",
    core.ScaleReadings: "ScaleReadings",
    core.ShelfEvent: "ShelfEvent",
    core.ShelfEvents: "ShelfEventArray",
    core.PlateState: "PlateState",
    core.PlateStates: "PlateStateArray",
    core.BodyKeypoint: "BodyKeypoint",
    core.BodyKeypoints: "BodyKeypoints",
    core.Bodies: "BodyKeypointsArray",
    core.Hand: "Hand",
    core.PersonDetection: "PersonDetection",
    core.PersonDetections: "PersonDetectionArray",
    core.PersonTrack: "PersonTrack",
    core.PersonTracks: "PersonTrackArray",
    core.ItemScore: "ItemScore",
    core.ItemEvidence: "ItemEvidence",
    core.Alternative: "Alternative",
    core.CartEvent: "CartEvent",
    core.CartEvents: "CartEventArray",
    core.GateEvent: "GateEvent",
    core.GateCommand: "GateCommand",
    core.CartLine: "CartLine",
    core.Cart: "Cart",
    core.Carts: "CartArray",
    core.Receipt: "Receipt",
}
"""Core type -> message name in aisle_msgs."""

_IN_MAP = {core.Bodies, core.PersonDetections, core.PersonTracks}
_NUMBERS = {float: "d", int: "Q"}


class Pack(Protocol):
    """Makes the array object that a message library wants for a field of numbers."""

    def __call__(self, typecode: str, values: Any) -> Any:
        """``typecode`` as in the array module: f, d or Q."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    core_name: str
    message_name: str
    has_name: str | None
    to_message: Callable[[Any], Any]
    to_core: Callable[[Any], Any]
    default: Callable[[], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    core_class: type[Any]
    message_class: Any
    message_name: str
    frame_id: str | None
    fields: tuple[_Field, ...]


def nanoseconds(stamp: Any) -> int:
    """Builtin_interfaces/Time -> int nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


class Codec:
    """Converts both ways; ``classes`` maps "package/msg/Name" to the message class."""

    def __init__(self, classes: Callable[[str], Any], pack: Pack) -> None:
        self._classes = classes
        self._pack = pack
        self._time = classes("builtin_interfaces/msg/Time")
        self._point = classes("geometry_msgs/msg/Point")
        self._header = classes("std_msgs/msg/Header")
        self._plans: dict[type[Any], _Plan] = {}
        self._by_message = {name: cls for cls, name in MESSAGE_OF.items()}

    def message_class(self, core_class: type[Any]) -> Any:
        """Message class of a core type."""
        return self._plan(core_class).message_class

    def stamp(self, stamp_ns: int) -> Any:
        """Int nanoseconds -> builtin_interfaces/Time."""
        seconds, nanoseconds_ = divmod(stamp_ns, 1_000_000_000)
        return self._time(sec=seconds, nanosec=nanoseconds_)

    def header(self, stamp_ns: int, frame_id: str = "") -> Any:
        """Std_msgs/Header."""
        return self._header(stamp=self.stamp(stamp_ns), frame_id=frame_id)

    def to_message(self, value: Any) -> Any:
        """Core value -> message."""
        plan = self._plan(type(value))
        arguments: dict[str, Any] = {}
        if plan.frame_id is not None:
            arguments["header"] = self.header(value.stamp_ns, plan.frame_id)
        for field in plan.fields:
            item = getattr(value, field.core_name)
            if field.has_name is not None:
                arguments[field.has_name] = item is not None
            arguments[field.message_name] = field.default() if item is None else field.to_message(item)
        if plan.core_class is core.ScaleReadings:
            arguments["sample_count"] = value.mass.shape[0]
        return plan.message_class(**arguments)

    def to_core(self, message: Any, core_class: type[Any]) -> Any:
        """Message -> core value.

        Raises AisleError that names the message, the field and the remedy when a value cannot be what it says.
        """
        plan = self._plan(core_class)
        arguments: dict[str, Any] = {}
        if plan.frame_id is not None:
            arguments["stamp_ns"] = nanoseconds(message.header.stamp)
            if plan.frame_id and message.header.frame_id != plan.frame_id:
                raise AisleError(
                    f"{plan.message_name}: frame_id is '{message.header.frame_id}'; "
                    f"publish positions in '{plan.frame_id}'"
                )
        for field in plan.fields:
            if field.has_name is not None and not getattr(message, field.has_name):
                arguments[field.core_name] = None
                continue
            try:
                arguments[field.core_name] = field.to_core(getattr(message, field.message_name))
            except ValueError as error:
                raise AisleError(
                    f"{plan.message_name}.{field.message_name}: {error}; the publisher must follow its .msg file"
                ) from error
        if plan.core_class is core.ScaleReadings:
            arguments["mass"] = self._matrix(arguments["mass"], message)
        return plan.core_class(**arguments)

    @staticmethod
    def _matrix(mass: Any, message: Any) -> Any:
        samples = int(message.sample_count)
        if samples == 0 or mass.size % samples:
            raise AisleError(
                f"ScaleReadings.mass: {mass.size} values do not make {samples} equal rows; send sample_count x plates"
            )
        return mass.reshape(samples, -1)

    def _plan(self, core_class: type[Any]) -> _Plan:
        plan = self._plans.get(core_class)
        if plan is None:
            plan = self._plans[core_class] = self._make_plan(core_class)
        return plan

    def _make_plan(self, core_class: type[Any]) -> _Plan:
        name = MESSAGE_OF[core_class]
        message_class = self._classes(f"aisle_msgs/msg/{name}")
        if hasattr(message_class, "get_fields_and_field_types"):
            names = set(message_class.get_fields_and_field_types())
        else:
            names = {field.name for field in dataclasses.fields(message_class)}
        hints = typing.get_type_hints(core_class)
        has_header = "header" in names
        fields = tuple(
            self._field(field.name, hints[field.name], names)
            for field in dataclasses.fields(core_class)
            if not (has_header and field.name == "stamp_ns")
        )
        frame_id = (MAP_FRAME if core_class in _IN_MAP else "") if has_header else None
        return _Plan(core_class, message_class, name, frame_id, fields)

    def _field(self, name: str, hint: Any, names: set[str]) -> _Field:
        stamped = name.removesuffix("_ns") + "_stamp"
        message_name = stamped if name.endswith("_ns") and stamped in names else name
        optional = isinstance(hint, types.UnionType)
        if optional:
            hint = next(item for item in typing.get_args(hint) if item is not type(None))
        has_name = f"has_{message_name}" if optional else None
        if message_name == stamped:
            return _Field(name, message_name, has_name, self.stamp, nanoseconds, lambda: self.stamp(0))
        return _Field(name, message_name, has_name, *self._converters(hint))

    def _converters(self, hint: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[], Any]]:
        pack = self._pack
        if hint == core.Point:
            point = self._point

            def origin() -> Any:
                return point(x=0.0, y=0.0, z=0.0)

            return (lambda p: point(x=p[0], y=p[1], z=p[2])), (lambda p: (p.x, p.y, p.z)), origin
        if typing.get_origin(hint) is tuple:
            element = typing.get_args(hint)[0]
            if element in _NUMBERS:
                code = _NUMBERS[element]
                return (lambda v: pack(code, v)), (lambda v: tuple(np.asarray(v).tolist())), tuple
            if element is str:
                return list, tuple, list
            return (
                (lambda items: [self.to_message(item) for item in items]),
                (lambda items: tuple(self.to_core(item, element) for item in items)),
                list,
            )
        if dataclasses.is_dataclass(hint):
            raise TypeError(f"nested optional {hint} has no rule")
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return int, hint, int
        if typing.get_origin(hint) is np.ndarray:
            return (lambda a: pack("f", a)), (lambda a: np.asarray(a, dtype=np.float32)), list
        if hint in (int, float, str, bool):
            return hint, hint, hint
        raise TypeError(f"no rule for {hint}")
