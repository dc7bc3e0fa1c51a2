"""The codec of aisle_contract over rclpy's message classes."""

import importlib
from array import array
from typing import Any

import numpy as np

from aisle_contract.convert import Codec


def message_class(name: str) -> Any:
    """Class of "package/msg/Name"."""
    package, _, kind = name.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), kind)


def _pack(typecode: str, values: Any) -> Any:
    numbers = array(typecode)
    numbers.frombytes(np.ascontiguousarray(values, dtype=typecode).tobytes())
    return numbers


CODEC = Codec(message_class, _pack)
