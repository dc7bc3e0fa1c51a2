"""Values that may be given as substitutions and have a type: int, float, bool, str, or a list of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any, get_args, get_origin

import yaml
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

_SCALARS = (int, float, bool, str)


def extract_type(data_type: Any) -> tuple[Any, bool]:
    """The scalar type, and whether a list of it is meant; ValueError for any other type."""
    is_list = get_origin(data_type) is list
    scalar = get_args(data_type)[0] if is_list else data_type
    if scalar not in _SCALARS:
        raise ValueError(f"unrecognized data type {data_type}: expected int, float, bool, str or a List of one of them")
    return scalar, is_list


def is_substitution(x: Any) -> bool:
    """A substitution, or a sequence of strings and at least one substitution."""
    if isinstance(x, Substitution):
        return True
    return (
        isinstance(x, Iterable)
        and isinstance(x, Sized)
        and all(isinstance(part, (str, Substitution)) for part in x)
        and any(isinstance(part, Substitution) for part in x)
    )


def is_instance_of(value: Any, data_type: Any = None) -> bool:
    """Whether the value has the type; of no type, whether it is a scalar or a list of scalars of one type."""
    if data_type is not None:
        scalar, is_list = extract_type(data_type)
        if is_list:
            return isinstance(value, list) and all(isinstance(item, scalar) for item in value)
        return isinstance(value, scalar)
    if isinstance(value, list):
        kind = next((type(item) for item in value if not isinstance(item, str)), str)
        return kind in _SCALARS and all(isinstance(item, kind) for item in value)
    return isinstance(value, _SCALARS)


def coerce_to_type(value: str, data_type: Any = None) -> Any:
    """The text as a value of the type, by the rules of YAML if there is none; ValueError if it is not one."""
    scalar, is_list = (None, False) if data_type is None else extract_type(data_type)
    if not is_list and scalar in (int, float, str):
        return scalar(value)
    if scalar is bool and not is_list:
        value = {"1": "true", "0": "false"}.get(value, value)
    try:
        output = yaml.safe_load(value) if value else value
    except yaml.YAMLError as error:
        raise ValueError(f"cannot read '{value}' as YAML: {error}") from error
    if not is_instance_of(output, data_type):
        expected = "a scalar or a list of scalars of one type" if data_type is None else data_type
        raise ValueError(f"cannot convert '{value}': it is {output!r}, expected {expected}")
    return output


def normalize_typed_substitution(value: Any, data_type: Any) -> Any:
    """The value with its substitutions as lists of parts; TypeError if it can never have the type."""
    if isinstance(value, _SCALARS):
        if not is_instance_of(value, data_type):
            raise TypeError(f"value {value!r} is not of type {data_type}")
        return value
    if is_substitution(value):
        return normalize_to_list_of_substitutions(value)
    if not isinstance(value, Iterable):
        raise TypeError(f"expected a scalar, a substitution or a list of them, got {type(value).__name__} {value!r}")
    items = [normalize_to_list_of_substitutions(item) if is_substitution(item) else item for item in value]
    kinds = {type(item) for item in items if not isinstance(item, list)}
    if not kinds.issubset(_SCALARS):
        raise TypeError(f"an item of {value!r} is neither a scalar nor a substitution")
    expected = None
    if data_type is not None:
        expected, is_list = extract_type(data_type)
        if not is_list:
            raise TypeError(f"{value!r} is a list, expected a value of type {data_type}")
    if kinds == {int, float}:
        kinds = {float}
        items = [float(item) if isinstance(item, int) else item for item in items]
    if len(kinds) > 1 or (kinds and expected is not None and kinds != {expected}):
        raise TypeError(f"the items of {value!r} are not all of one type as {data_type or 'required'}")
    return items


def perform_typed_substitution(context: LaunchContext, value: Any, data_type: Any) -> Any:
    """The value of a normalized typed substitution."""
    if isinstance(value, _SCALARS):
        if not is_instance_of(value, data_type):
            raise TypeError(f"value {value!r} is not of type {data_type}")
        return value
    if _is_text(value):
        return coerce_to_type(perform_substitutions(context, value), data_type)
    scalar = None if data_type is None else extract_type(data_type)[0]
    output = [
        coerce_to_type(perform_substitutions(context, item), scalar) if _is_text(item) else item for item in value
    ]
    if not is_instance_of(output, data_type):
        raise ValueError(f"the items of {output!r} are not all of one type as {data_type or 'required'}")
    return output


def _is_text(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, Substitution) for part in value)
