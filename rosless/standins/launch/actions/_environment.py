"""Environment variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from launch.action import Action
from launch.condition import Condition
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.type_utils import normalize_typed_substitution, perform_typed_substitution

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class SetEnvironmentVariable(Action):
    """Sets an environment variable."""

    def __init__(
        self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, *, condition: Condition | None = None
    ) -> None:
        super().__init__(condition=condition)
        self._name = normalize_to_list_of_substitutions(name)
        self._value = normalize_to_list_of_substitutions(value)

    @property
    def name(self) -> list[Substitution]:
        return self._name

    @property
    def value(self) -> list[Substitution]:
        return self._value

    def execute(self, context: LaunchContext) -> None:
        name, value = (perform_substitutions(context, part) for part in (self.name, self.value))
        context.environment[name] = value


class AppendEnvironmentVariable(Action):
    """Adds to the end, or the start, of an environment variable, or sets it."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: SomeSubstitutionsType,
        prepend: bool | SomeSubstitutionsType = False,
        separator: SomeSubstitutionsType = os.pathsep,
        *,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(condition=condition)
        self._name = normalize_to_list_of_substitutions(name)
        self._value = normalize_to_list_of_substitutions(value)
        self._prepend = normalize_typed_substitution(prepend, bool)
        self._separator = normalize_to_list_of_substitutions(separator)

    @property
    def name(self) -> list[Substitution]:
        return self._name

    @property
    def value(self) -> list[Substitution]:
        return self._value

    def execute(self, context: LaunchContext) -> None:
        name, value, separator = (
            perform_substitutions(context, part) for part in (self.name, self.value, self._separator)
        )
        if name in context.environment:
            parts = [context.environment[name], value]
            if perform_typed_substitution(context, self._prepend, bool):
                parts.reverse()
            value = separator.join(parts)
        context.environment[name] = value


class UnsetEnvironmentVariable(Action):
    """Removes an environment variable if it is set."""

    def __init__(self, name: SomeSubstitutionsType, *, condition: Condition | None = None) -> None:
        super().__init__(condition=condition)
        self._name = normalize_to_list_of_substitutions(name)

    @property
    def name(self) -> list[Substitution]:
        return self._name

    def execute(self, context: LaunchContext) -> None:
        context.environment.pop(perform_substitutions(context, self.name), None)
