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
import math
import operator
import types
import typing
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from aisle_contract import truth
from aisle_core import types as core
from aisle_core.errors import AisleError

MAP_FRAME = "map"

MESSAGE_OF: dict[type[Any], str] = {
    core.Tick: "aisle_msgs/msg/Tick",
    core.ScaleLayout: "aisle_msgs/msg/ScaleLayout",
    core.ScaleReadings: "aisle_msgs/msg/ScaleReadings",
    core.ShelfEvent: "aisle_msgs/msg/ShelfEvent",
    core.ShelfEvents: "aisle_msgs/msg/ShelfEventArray",
    core.PlateState: "aisle_msgs/msg/PlateState",
    core.PlateStates: "aisle_msgs/msg/PlateStateArray",
    core.BodyKeypoint: "aisle_msgs/msg/BodyKeypoint",
    core.BodyKeypoints: "aisle_msgs/msg/BodyKeypoints",
    core.Bodies: "aisle_msgs/msg/BodyKeypointsArray",
    core.Hand: "aisle_msgs/msg/Hand",
    core.PersonDetection: "aisle_msgs/msg/PersonDetection",
    core.PersonDetections: "aisle_msgs/msg/PersonDetectionArray",
    core.PersonTrack: "aisle_msgs/msg/PersonTrack",
    core.PersonTracks: "aisle_msgs/msg/PersonTrackArray",
    core.ItemScore: "aisle_msgs/msg/ItemScore",
    core.ItemEvidence: "aisle_msgs/msg/ItemEvidence",
    core.Alternative: "aisle_msgs/msg/Alternative",
    core.CartEvent: "aisle_msgs/msg/CartEvent",
    core.CartEvents: "aisle_msgs/msg/CartEventArray",
    core.StockLine: "aisle_msgs/msg/StockLine",
    core.StockLines: "aisle_msgs/msg/StockLineArray",
    core.StockEvent: "aisle_msgs/msg/StockEvent",
    core.StockEvents: "aisle_msgs/msg/StockEventArray",
    core.StaffTrack: "aisle_msgs/msg/StaffTrack",
    core.GateEvent: "aisle_msgs/msg/GateEvent",
    core.GateCommand: "aisle_msgs/msg/GateCommand",
    core.GateAlarm: "aisle_msgs/msg/GateAlarm",
    core.CartLine: "aisle_msgs/msg/CartLine",
    core.Cart: "aisle_msgs/msg/Cart",
    core.Carts: "aisle_msgs/msg/CartArray",
    core.Receipt: "aisle_msgs/msg/Receipt",
    core.Review: "aisle_msgs/msg/Review",
    core.ReviewedLine: "aisle_msgs/msg/ReviewedLine",
    core.Correction: "aisle_msgs/msg/Correction",
    core.ReviewDecision: "aisle_msgs/msg/ReviewDecision",
    truth.TruthPerson: "aisle_msgs/msg/TruthPerson",
    truth.TruthPeople: "aisle_msgs/msg/TruthPersonArray",
    truth.TruthEvent: "aisle_msgs/msg/TruthEvent",
    truth.TruthLine: "aisle_msgs/msg/TruthLine",
    truth.TruthCart: "aisle_msgs/msg/TruthCart",
    core.Image: "sensor_msgs/msg/Image",
    core.CameraInfo: "sensor_msgs/msg/CameraInfo",
}
"""Core type -> message type."""

_IN_MAP = {core.Bodies, core.PersonDetections, core.PersonTracks, truth.TruthPeople}
_NUMBERS = {float: "d", int: "Q"}
_PIXELS = {"16UC1": ("<u2", ()), "32FC1": ("<f4", ()), "bgr8": ("u1", (3,))}


class Pack(Protocol):
    """Makes the array object that a message library wants for a field of numbers."""

    def __call__(self, typecode: str, values: Any) -> Any:
        """``typecode`` as in the array module: B, f, d or Q."""


class _Field(NamedTuple):
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
    values: Callable[[Any], tuple[Any, ...]] | None
    """The values of all fields of a message, where there is no header and none of them is optional."""


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
        if type(value) is core.Image:
            return self._image_message(value)
        if type(value) is core.CameraInfo:
            return self._camera_info_message(value)
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
        if core_class is core.Image:
            return self._image(message)
        if core_class is core.CameraInfo:
            return self._camera_info(message)
        return self._by_plan(message, self._plan(core_class))

    def _by_plan(self, message: Any, plan: _Plan) -> Any:
        return self._all_by_plan((message,), plan)[0]

    def _all_by_plan(self, messages: Any, plan: _Plan) -> tuple[Any, ...]:
        """Many messages; those of plain fields field after field, which is faster."""
        if plan.values is None:
            return tuple([self._field_by_field(message, plan) for message in messages])
        columns = zip(*map(plan.values, messages), strict=True)
        fields = [map(field.to_core, column) for field, column in zip(plan.fields, columns, strict=False)]
        try:
            return tuple(map(plan.core_class, *fields)) if fields else ()
        except ValueError:
            return tuple([self._field_by_field(message, plan) for message in messages])

    def _field_by_field(self, message: Any, plan: _Plan) -> Any:
        """Any message; an error names the field."""
        arguments: dict[str, Any] = {}
        if plan.frame_id is not None:
            arguments["stamp_ns"] = nanoseconds(message.header.stamp)
            if plan.frame_id and message.header.frame_id != plan.frame_id:
                raise AisleError(
                    f"{plan.message_name}: frame_id is '{message.header.frame_id}'; "
                    f"publish positions in '{plan.frame_id}'"
                )
        for core_name, message_name, has_name, _, to_core, _ in plan.fields:
            if has_name is not None and not getattr(message, has_name):
                arguments[core_name] = None
                continue
            try:
                arguments[core_name] = to_core(getattr(message, message_name))
            except ValueError as error:
                raise AisleError(
                    f"{plan.message_name}.{message_name}: {error}; the publisher must follow its .msg file"
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

    def _image_message(self, image: core.Image) -> Any:
        dtype, _ = _PIXELS[image.encoding]
        height, width = image.pixels.shape[:2]
        data = np.ascontiguousarray(image.pixels, dtype=dtype)
        return self._classes("sensor_msgs/msg/Image")(
            header=self.header(image.stamp_ns, image.frame_id),
            height=height,
            width=width,
            encoding=image.encoding,
            is_bigendian=0,
            step=data.strides[0],
            data=self._pack("B", data.view(np.uint8).ravel()),
        )

    @staticmethod
    def _image(message: Any) -> core.Image:
        """Padded rows are cut; the pixels are a view of the message where they can be."""
        if message.encoding not in _PIXELS:
            raise AisleError(f"Image: encoding '{message.encoding}' is unknown; send one of {', '.join(_PIXELS)}")
        dtype, channels = np.dtype(_PIXELS[message.encoding][0]), _PIXELS[message.encoding][1]
        if message.is_bigendian:
            dtype = dtype.newbyteorder(">")
        data = np.frombuffer(message.data, dtype=np.uint8)
        row = int(message.width) * dtype.itemsize * math.prod(channels)
        if message.step < row or data.size != message.step * message.height:
            raise AisleError(
                f"Image: {data.size} bytes with step {message.step} do not make {message.height} rows of {row} bytes; "
                "send step x height bytes"
            )
        rows = data.reshape(message.height, message.step)[:, :row]
        pixels = np.ascontiguousarray(rows).view(dtype).reshape(message.height, message.width, *channels)
        return core.Image(nanoseconds(message.header.stamp), message.header.frame_id, message.encoding, pixels)

    def _camera_info_message(self, info: core.CameraInfo) -> Any:
        fx, fy, cx, cy = info.fx, info.fy, info.cx, info.cy
        roi = self._classes("sensor_msgs/msg/RegionOfInterest")
        return self._classes("sensor_msgs/msg/CameraInfo")(
            header=self.header(info.stamp_ns, info.frame_id),
            height=info.height,
            width=info.width,
            distortion_model="plumb_bob",
            d=self._pack("d", np.zeros(5)),
            k=np.array([fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]),
            r=np.eye(3).ravel(),
            p=np.array([fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]),
            binning_x=0,
            binning_y=0,
            roi=roi(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
        )

    @staticmethod
    def _camera_info(message: Any) -> core.CameraInfo:
        """Of a rectified image: the projection matrix P."""
        p = message.p
        if not (p[0] > 0 and p[5] > 0):
            raise AisleError("CameraInfo: the focal lengths in P are not above 0; calibrate the camera")
        return core.CameraInfo(
            stamp_ns=nanoseconds(message.header.stamp),
            frame_id=message.header.frame_id,
            width=int(message.width),
            height=int(message.height),
            fx=float(p[0]),
            fy=float(p[5]),
            cx=float(p[2]),
            cy=float(p[6]),
        )

    def _plan(self, core_class: type[Any]) -> _Plan:
        plan = self._plans.get(core_class)
        if plan is None:
            plan = self._plans[core_class] = self._make_plan(core_class)
        return plan

    def _make_plan(self, core_class: type[Any]) -> _Plan:
        name = MESSAGE_OF[core_class].rpartition("/")[2]
        message_class = self._classes(MESSAGE_OF[core_class])
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
        read = tuple(field.message_name for field in fields)
        is_plain = not has_header and len(fields) > 1 and not any(field.has_name for field in fields)
        return _Plan(
            core_class, message_class, name, frame_id, fields, operator.attrgetter(*read) if is_plain else None
        )

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

            return (lambda p: point(x=p[0], y=p[1], z=p[2])), operator.attrgetter("x", "y", "z"), origin
        if typing.get_origin(hint) is tuple:
            element = typing.get_args(hint)[0]
            if element in _NUMBERS:
                code = _NUMBERS[element]
                return (lambda v: pack(code, v)), (lambda v: tuple(np.asarray(v).tolist())), tuple
            if element is str:
                return list, tuple, list
            plan = self._plan(element)
            return (
                (lambda items: [self.to_message(item) for item in items]),
                (lambda items: self._all_by_plan(items, plan)),
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
