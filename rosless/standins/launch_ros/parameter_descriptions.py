"""Descriptions of parameters."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.substitutions import (
    EnvironmentVariable,
    LaunchConfiguration,
    SubstitutionFailure,
    ThisLaunchFileDir,
)
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.type_utils import normalize_typed_substitution, perform_typed_substitution
from launch_ros.substitutions import FindPackagePrefix, FindPackageShare

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = ["ParameterFile", "ParameterValue"]


class ParameterValue:
    """A value whose type is stated: int, float, bool, str or a List of one of them; by the rules of YAML if None."""

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self._value = normalize_typed_substitution(value, value_type)
        self._value_type = value_type

    @property
    def value(self) -> Any:
        return self._value

    @property
    def value_type(self) -> Any:
        return self._value_type

    def evaluate(self, context: LaunchContext) -> Any:
        return perform_typed_substitution(context, self._value, self._value_type)


class ParameterFile:
    """A file of parameters; with `allow_substs`, `$(var NAME)` and the like in it are replaced.

    The replacements known here: var, env, dirname, find-pkg-prefix, find-pkg-share.
    """

    def __init__(
        self, param_file: str | os.PathLike[str] | SomeSubstitutionsType, *, allow_substs: bool = False
    ) -> None:
        if isinstance(param_file, os.PathLike):
            param_file = os.fspath(param_file)
        if not isinstance(allow_substs, bool):
            raise TypeError(f"allow_substs must be a bool, got {allow_substs!r}")
        self._param_file = normalize_to_list_of_substitutions(param_file)
        self._allow_substs = allow_substs

    @property
    def param_file(self) -> list[Substitution]:
        return self._param_file

    @property
    def allow_substs(self) -> bool:
        return self._allow_substs

    def evaluate(self, context: LaunchContext) -> Path:
        """The path of the file, or of its copy with the substitutions performed."""
        path = Path(perform_substitutions(context, self._param_file))
        if not self._allow_substs:
            return path
        text = _perform_embedded(context, path.read_text(encoding="utf-8"))
        try:
            yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SubstitutionFailure(f"{path} is not valid YAML after its substitutions: {error}") from error
        return Path(context._temporary_file("launch_params_", text))


_EMBEDDED: dict[str, Callable[..., Substitution]] = {
    "var": lambda name, default=None: LaunchConfiguration(name, default=default),
    "env": lambda name, default=None: EnvironmentVariable(name, default_value=default),
    "dirname": ThisLaunchFileDir,
    "find-pkg-prefix": FindPackagePrefix,
    "find-pkg-share": FindPackageShare,
}
_INNERMOST = re.compile(r"\$\(\s*([\w-]+)\s*([^()$]*?)\s*\)")


def _perform_embedded(context: LaunchContext, text: str) -> str:
    def perform(match: re.Match[str]) -> str:
        kind, rest = match[1], match[2]
        if kind not in _EMBEDDED:
            raise SubstitutionFailure(f"unknown substitution '$({kind} ...)': known are {', '.join(_EMBEDDED)}")
        return _EMBEDDED[kind](*shlex.split(rest)).perform(context)

    replaced = _INNERMOST.sub(perform, text)
    return replaced if replaced == text else _perform_embedded(context, replaced)
