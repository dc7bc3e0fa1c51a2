"""What most messages of a bag hold, straight from CDR: going over messages takes three times as long."""

from __future__ import annotations

import struct

import numpy as np

from aisle_contract.convert import MAP_FRAME
from aisle_core.types import Bodies, BodyKeypoint, BodyKeypoints, BodyPart, ScaleReadings

_TIME = struct.Struct("<iI")
_UINT32 = struct.Struct("<I")
_BLOCK = struct.Struct("<IIH2xI")
"""Layout revision, sample period, number of samples, number of masses."""
_POINT = struct.Struct("<B3x3df")
"""Part, position and score, from 4 bytes behind a multiple of 8 on."""
_PARTS = {part.value: part for part in BodyPart}


def _bodies(data: bytes) -> Bodies:
    stamp_ns, at = _time(data, 0)
    frame_id, at = _text(data, at)
    if frame_id != MAP_FRAME:
        raise ValueError
    sequence, at = _uint32(data, at)
    source_id, at = _text(data, at)
    count, at = _uint32(data, at)
    bodies = []
    for _ in range(count):
        has_label = data[at]
        label, at = _text(data, at + 1)
        keypoints, at = _keypoints(data, at)
        first_ns, at = _time(data, at)
        last_ns, at = _time(data, at)
        bodies.append(BodyKeypoints(label if has_label else None, keypoints, first_ns, last_ns))
    return Bodies(stamp_ns, sequence, source_id, tuple(bodies))


def _keypoints(data: bytes, at: int) -> tuple[tuple[BodyKeypoint, ...], int]:
    count, at = _uint32(data, at)
    if not count:
        return (), at
    begin = at + (4 - at) % 8
    end = begin + count * _POINT.size
    values = list(_POINT.iter_unpack(data[begin:end]))
    values[0] = (data[at], *values[0][1:])
    return tuple([BodyKeypoint(_PARTS[part], (x, y, z), score) for part, x, y, z, score in values]), end


def _scale_readings(data: bytes) -> ScaleReadings:
    stamp_ns, at = _time(data, 0)
    _, at = _text(data, at)
    sequence, at = _uint32(data, at)
    gateway_id, at = _text(data, at)
    at = _aligned(at)
    revision, period_ns, samples, masses = _BLOCK.unpack_from(data, at)
    at += _BLOCK.size
    mass = np.frombuffer(data, "<f4", masses, at).reshape(samples, masses // samples)
    at += mass.nbytes
    issue_ns = _time(data, _aligned(at + 1))[0]
    return ScaleReadings(stamp_ns, sequence, gateway_id, revision, period_ns, mass, issue_ns if data[at] else None)


READERS = {Bodies: _bodies, ScaleReadings: _scale_readings}
"""Of a core type: what reads its little-endian CDR, without the first 4 bytes.

They raise struct.error, ArithmeticError, LookupError or ValueError for anything else, without a word on what is wrong.
"""


def _aligned(at: int) -> int:
    return (at + 3) & -4


def _time(data: bytes, at: int) -> tuple[int, int]:
    seconds, nanoseconds = _TIME.unpack_from(data, at)
    return seconds * 1_000_000_000 + nanoseconds, at + _TIME.size


def _uint32(data: bytes, at: int) -> tuple[int, int]:
    at = _aligned(at)
    return _UINT32.unpack_from(data, at)[0], at + _UINT32.size


def _text(data: bytes, at: int) -> tuple[str, int]:
    size, at = _uint32(data, at)
    end = at + size
    if not size or data[end - 1]:
        raise ValueError
    return data[at : end - 1].decode(), end
