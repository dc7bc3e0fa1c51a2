"""Parameters: one dataclass per node, one YAML file per node, no value without a file.

``config/nodes/<node>.yaml`` is a ROS parameter file with one section ``/**/<node>``, so that several nodes can share a
process. The same file feeds the node of the graph and the offline replay, so both run with the same tuning. A nested
dataclass is a parameter group.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from aisle_core.errors import AisleError

T = TypeVar("T")
_SCALARS: dict[Any, str] = {bool: "bool", int: "int", float: "float", str: "str"}


def flatten(cls: type[Any], prefix: str = "") -> dict[str, Any]:
    """Parameter name -> field type, groups joined by dots."""
    hints = typing.get_type_hints(cls)
    names: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            names |= flatten(typing.cast(type[Any], hint), f"{prefix}{field.name}.")
        else:
            names[prefix + field.name] = hint
    return names


def flatten_values(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The same for a nested mapping of values."""
    values: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            values |= flatten_values(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = value
    return values


def _checked(name: str, value: Any, hint: Any, where: str) -> Any:
    if typing.get_origin(hint) is tuple:
        element = typing.get_args(hint)[0]
        if not isinstance(value, (list, tuple)):
            raise AisleError(f"{where}: parameter '{name}' is {value!r}; give a list")
        return tuple(_checked(name, item, element, where) for item in value)
    if isinstance(hint, types.UnionType):
        raise TypeError(f"parameter {name}: optional parameters are not supported")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise AisleError(f"{where}: parameter '{name}' is {value!r}; give a value of type {_SCALARS.get(hint, hint)}")
    return value


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Make the dataclass from flat parameter values.

    Raises AisleError that names the parameter and ``where`` (the file or the node) for an unknown or missing name, a
    wrong type, or a value that the dataclass refuses.
    """
    known = flatten(cls)
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "remove it"
            raise AisleError(f"{where}: unknown parameter '{name}'; {hint}")
    for name in known:
        if name not in values:
            raise AisleError(f"{where}: parameter '{name}' is missing; add it")
    return typing.cast(T, _build(cls, values, "", where))


def _build(cls: type[Any], values: Mapping[str, Any], prefix: str, where: str) -> Any:
    hints = typing.get_type_hints(cls)
    arguments = {}
    for field in dataclasses.fields(cls):
        hint, name = hints[field.name], prefix + field.name
        if dataclasses.is_dataclass(hint):
            arguments[field.name] = _build(typing.cast(type[Any], hint), values, name + ".", where)
        else:
            arguments[field.name] = _checked(name, values[name], hint, where)
    try:
        return cls(**arguments)
    except ValueError as error:
        group = f" (group '{prefix[:-1]}')" if prefix else ""
        raise AisleError(f"{where}: {error}{group}") from error


def read_file(path: Path) -> dict[str, Any]:
    """Flat parameter values of a ROS parameter file with one section, named ``/**/`` and the file's name."""
    section_name = f"/**/{path.stem}"
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise AisleError(f"{path}: cannot be read: {error.strerror}; give an existing parameter file") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise AisleError(f"{path}{line}: not YAML: {getattr(error, 'problem', error)}; mend the file") from error
    if not isinstance(document, Mapping) or list(document) != [section_name]:
        raise AisleError(f"{path}: the file must hold exactly one section '{section_name}:'; rename or remove the rest")
    section = document[section_name]
    if not isinstance(section, Mapping) or not isinstance(section.get("ros__parameters"), Mapping):
        raise AisleError(f"{path}: '{section_name}' has no 'ros__parameters:' with 'name: value' lines; add it")
    return flatten_values(section["ros__parameters"])


def load(cls: type[T], path: Path) -> T:
    """Make the dataclass from a parameter file."""
    return build(cls, read_file(path), str(path))
