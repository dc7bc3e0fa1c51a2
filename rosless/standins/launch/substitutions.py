"""Substitutions."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.type_utils import coerce_to_type, is_substitution

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "AndSubstitution",
    "EnvironmentVariable",
    "EqualsSubstitution",
    "LaunchConfiguration",
    "NotEqualsSubstitution",
    "NotSubstitution",
    "OrSubstitution",
    "PathJoinSubstitution",
    "PythonExpression",
    "SubstitutionFailure",
    "TextSubstitution",
    "ThisLaunchFileDir",
]


class SubstitutionFailure(RuntimeError):  # noqa: N818 - the real package's name
    """The text cannot be had."""


class TextSubstitution(Substitution):
    """A fixed text."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution needs a str, got {type(text).__name__} {text!r}")
        self._text = text

    @property
    def text(self) -> str:
        return self._text

    def describe(self) -> str:
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        return self.text


class LaunchConfiguration(Substitution):
    """The value of a launch configuration, else the default; SubstitutionFailure if there is neither."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self._variable_name = normalize_to_list_of_substitutions(variable_name)
        self._default: list[Substitution] | None = None
        if default is not None:
            parts = default if isinstance(default, Iterable) else [default]
            self._default = normalize_to_list_of_substitutions(
                [part if isinstance(part, (str, Substitution)) else str(part) for part in parts]
            )

    @property
    def variable_name(self) -> list[Substitution]:
        return self._variable_name

    def describe(self) -> str:
        return f"LaunchConfig({_describe(self._variable_name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self._variable_name)
        if name in context.launch_configurations:
            value: str = context.launch_configurations[name]
            return value
        if self._default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_substitutions(context, self._default)


class EnvironmentVariable(Substitution):
    """The value of an environment variable, else the default; SubstitutionFailure if there is neither."""

    def __init__(self, name: SomeSubstitutionsType, *, default_value: SomeSubstitutionsType | None = None) -> None:
        self._name = normalize_to_list_of_substitutions(name)
        self._default = None if default_value is None else normalize_to_list_of_substitutions(default_value)

    @property
    def name(self) -> list[Substitution]:
        return self._name

    @property
    def default_value(self) -> list[Substitution] | None:
        return self._default

    def describe(self) -> str:
        return f"EnvVar({_describe(self._name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self._name)
        if name in context.environment:
            return context.environment[name]
        if self._default is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_substitutions(context, self._default)


class PathJoinSubstitution(Substitution):
    """A path, each part of the sequence a component."""

    def __init__(self, substitutions: Iterable[str | Substitution]) -> None:
        self._substitutions = normalize_to_list_of_substitutions(substitutions)

    @property
    def substitutions(self) -> list[Substitution]:
        return self._substitutions

    def describe(self) -> str:
        return f"PathJoin('{_describe(self._substitutions)}')"

    def perform(self, context: LaunchContext) -> str:
        return os.path.join(*(part.perform(context) for part in self._substitutions))


class PythonExpression(Substitution):
    """The value of an expression, which sees the given modules by name and the names of `math` bare."""

    def __init__(self, expression: SomeSubstitutionsType, python_modules: SomeSubstitutionsType = ("math",)) -> None:
        self._expression = normalize_to_list_of_substitutions(expression)
        self._modules = normalize_to_list_of_substitutions(python_modules)

    @property
    def expression(self) -> list[Substitution]:
        return self._expression

    @property
    def python_modules(self) -> list[Substitution]:
        return self._modules

    def describe(self) -> str:
        modules = ", ".join(module.describe() for module in self._modules)
        return f"PythonExpr({_describe(self._expression)}, [{modules}])"

    def perform(self, context: LaunchContext) -> str:
        names: dict[str, Any] = {}
        for part in self._modules:
            module = importlib.import_module(part.perform(context))
            if module is math:
                names.update(vars(math))
            names[module.__name__] = module
        return str(eval(perform_substitutions(context, self._expression), {}, names))


class ThisLaunchFileDir(Substitution):
    """The folder of the launch file included last."""

    def describe(self) -> str:
        return "ThisLaunchFileDir()"

    def perform(self, context: LaunchContext) -> str:
        try:
            folder: str = context.locals.current_launch_file_directory
        except AttributeError:
            raise SubstitutionFailure("ThisLaunchFileDir used outside of a launch file") from None
        return folder


class _Pair(Substitution):
    """`true` or `false`, from two texts."""

    def __init__(self, left: Any, right: Any) -> None:
        self._left = normalize_to_list_of_substitutions(left)
        self._right = normalize_to_list_of_substitutions(right)

    @property
    def left(self) -> list[Substitution]:
        return self._left

    @property
    def right(self) -> list[Substitution]:
        return self._right

    def describe(self) -> str:
        return f"{type(self).__name__}({_describe(self._left)}, {_describe(self._right)})"


class EqualsSubstitution(_Pair):
    """Whether two texts are equal: as truth values or as numbers if both are such, else literally."""

    def __init__(self, left: Any, right: Any) -> None:
        super().__init__(_as_text(left), _as_text(right))

    def perform(self, context: LaunchContext) -> str:
        left, right = perform_substitutions(context, self.left), perform_substitutions(context, self.right)
        truths = {"true": True, "1": True, "false": False, "0": False}
        if left.lower() in truths and right.lower() in truths:
            return _truth(truths[left.lower()] == truths[right.lower()])
        try:
            return _truth(math.isclose(float(left), float(right)))
        except ValueError:
            return _truth(left == right)


class NotEqualsSubstitution(EqualsSubstitution):
    """The opposite of EqualsSubstitution."""

    def perform(self, context: LaunchContext) -> str:
        return _truth(super().perform(context) == "false")


class AndSubstitution(_Pair):
    """Whether both texts are true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        super().__init__(left, right)

    def perform(self, context: LaunchContext) -> str:
        left, right = _as_bool(context, self.left), _as_bool(context, self.right)
        return _truth(left and right)


class OrSubstitution(_Pair):
    """Whether one of the texts is true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        super().__init__(left, right)

    def perform(self, context: LaunchContext) -> str:
        left, right = _as_bool(context, self.left), _as_bool(context, self.right)
        return _truth(left or right)


class NotSubstitution(Substitution):
    """Whether the text is false."""

    def __init__(self, value: SomeSubstitutionsType) -> None:
        self._value = normalize_to_list_of_substitutions(value)

    @property
    def value(self) -> list[Substitution]:
        return self._value

    def describe(self) -> str:
        return f"NotSubstitution({_describe(self._value)})"

    def perform(self, context: LaunchContext) -> str:
        return _truth(not _as_bool(context, self._value))


def _describe(parts: Iterable[Substitution]) -> str:
    return " + ".join(part.describe() for part in parts)


def _truth(value: bool) -> str:
    return str(value).lower()


def _as_text(value: Any) -> SomeSubstitutionsType:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _truth(value)
    return value if is_substitution(value) else str(value)


def _as_bool(context: LaunchContext, value: list[Substitution]) -> bool:
    try:
        return bool(coerce_to_type(perform_substitutions(context, value), bool))
    except ValueError as error:
        raise SubstitutionFailure(str(error)) from error
