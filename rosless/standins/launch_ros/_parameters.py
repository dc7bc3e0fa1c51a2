"""Dictionaries of parameters, with the typing rules of the real package.

A substitution's text is read as YAML, a plain string stays a string. A sequence of numbers gets one type; a sequence
of strings and substitutions is one text; to have a list of texts, each item that has a substitution must be a
sequence itself. Nested dictionaries are flattened, their keys joined by dots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros.parameter_descriptions import ParameterValue

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

Name = tuple[Substitution, ...]

_SCALARS = (bool, int, float, str)
_HINT = "if it is meant to be a string, use ParameterValue(value, value_type=str)"


def normalize_parameters(parameters: Mapping[Any, Any], prefix: Name = ()) -> dict[Name, Any]:
    """The parameters in one level, names as substitutions; TypeError if a value can be none of a parameter."""
    normalized: dict[Name, Any] = {}
    for key, value in parameters.items():
        name = (*prefix, *normalize_to_list_of_substitutions(key))
        if isinstance(value, Mapping):
            dot = tuple(normalize_to_list_of_substitutions("."))
            normalized.update(normalize_parameters(value, (*name, *dot)))
        else:
            normalized[name] = _normalize_value(value)
    return normalized


def evaluate_parameters(context: LaunchContext, parameters: Mapping[Name, Any]) -> dict[str, Any]:
    """The normalized parameters' values."""
    evaluated: dict[str, Any] = {}
    for key, value in parameters.items():
        name = perform_substitutions(context, key)
        evaluated[name] = _evaluate_value(context, name, value)
    return evaluated


def _normalize_value(value: Any) -> Any:
    """A ParameterValue, a scalar, bytes, a list of scalars, a _Text, or a list of _Texts."""
    if isinstance(value, (ParameterValue, bytes, *_SCALARS)):
        return value
    if isinstance(value, Substitution):
        return _Text([value])
    if not isinstance(value, Sequence):
        raise TypeError(f"a parameter cannot have the value {value!r} of type {type(value).__name__}")
    kinds = {Substitution if isinstance(item, Substitution) else type(item) for item in value}
    if kinds in ({int}, {bool}, {float}):
        return list(value)
    if kinds == {int, float}:
        return [float(item) for item in value]
    if Substitution in kinds and kinds <= {str, Substitution}:
        return _Text(normalize_to_list_of_substitutions(value))
    return [_Text(normalize_to_list_of_substitutions(_quoted(item))) for item in value]


def _quoted(item: Any) -> Any:
    return yaml.dump(item) if isinstance(item, _SCALARS) else item


class _Text:
    """A text to be read as YAML."""

    def __init__(self, parts: list[Substitution]) -> None:
        self._parts = parts

    def evaluate(self, context: LaunchContext, name: str) -> Any:
        text = perform_substitutions(context, self._parts)
        try:
            return yaml.safe_load(text) if text else text
        except yaml.YAMLError:
            raise TypeError(f"cannot read the value '{text}' of parameter {name} as YAML: {_HINT}") from None


def _evaluate_value(context: LaunchContext, name: str, value: Any) -> Any:
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    if isinstance(value, _Text):
        value = value.evaluate(context, name)
    elif isinstance(value, list):
        value = [item.evaluate(context, name) if isinstance(item, _Text) else item for item in value]
    if isinstance(value, list):
        kind = type(value[0]) if value else None
        if kind not in _SCALARS or not all(isinstance(item, kind) for item in value):
            raise TypeError(f"parameter {name} needs a non-empty list of bool, int, float or str, got {value!r}")
        return tuple(value)
    if not isinstance(value, (bytes, *_SCALARS)):
        raise TypeError(f"parameter {name} cannot be {value!r} of type {type(value).__name__}: {_HINT}")
    return value
