"""Launch arguments, configurations and their scopes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from launch.action import Action
from launch.actions._events import OpaqueFunction
from launch.condition import Condition
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_source import LaunchDescriptionSource
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

LaunchArguments = Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]


class DeclareLaunchArgument(Action):
    """Declares the launch configuration `name` as an argument; an error if it has no value when executed.

    `choices` are the only values allowed; an argument without a default value is required.
    """

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: list[str] | None = None,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(condition=condition)
        if choices is not None and not choices:
            raise RuntimeError(f"argument '{name}' has an empty list of choices: give None for no restriction")
        if choices is not None and isinstance(default_value, str) and default_value not in choices:
            raise RuntimeError(f"argument '{name}' has the default '{default_value}', which is none of {choices}")
        self._name = name
        self._default_value = None if default_value is None else normalize_to_list_of_substitutions(default_value)
        self._choices = choices
        if description is None:
            self._description = f"One of: {choices}" if choices else "no description given"
        else:
            full_stop = "" if description.endswith(".") else "."
            self._description = f"{description}{full_stop} Valid choices are: {choices}" if choices else description
        self._conditionally_included = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def default_value(self) -> list[Substitution] | None:
        return self._default_value

    @property
    def description(self) -> str:
        return self._description

    @property
    def choices(self) -> list[str] | None:
        return self._choices

    def execute(self, context: LaunchContext) -> None:
        configurations = context.launch_configurations
        if self.name not in configurations:
            if self.default_value is None:
                raise RuntimeError(
                    f'Required launch argument "{self.name}" (description: "{self.description}") was not provided.'
                )
            configurations[self.name] = perform_substitutions(context, self.default_value)
        if self.choices is not None and configurations[self.name] not in self.choices:
            raise RuntimeError(
                f'Argument "{self.name}" provided value "{configurations[self.name]}" is not valid. '
                f"Valid options are: {self.choices}"
            )


class SetLaunchConfiguration(Action):
    """Sets a launch configuration."""

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
        context.launch_configurations[name] = value


class GroupAction(Action):
    """Executes actions; if `scoped`, what they do to configurations and environment ends with the group.

    Without `forwarding`, they start from no configurations and the environment the launch began with.
    """

    def __init__(
        self,
        actions: Iterable[LaunchDescriptionEntity],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: dict[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(condition=condition)
        self._actions = list(actions)
        self._scoped = scoped
        self._forwarding = forwarding
        self._configurations = [
            (normalize_to_list_of_substitutions(name), normalize_to_list_of_substitutions(value))
            for name, value in (launch_configurations or {}).items()
        ]

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        if not self._scoped:
            return [OpaqueFunction(function=self._configure), *self._actions]
        return [OpaqueFunction(function=self._enter), *self._actions, OpaqueFunction(function=self._leave)]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return self.get_sub_entities()

    def _enter(self, context: LaunchContext) -> None:
        context._push_scope()
        if self._forwarding:
            self._configure(context)
        else:
            context._reset_environment()
            given = self._evaluate(context)
            context.launch_configurations.clear()
            context.launch_configurations.update(given)

    def _leave(self, context: LaunchContext) -> None:
        context._pop_scope()

    def _configure(self, context: LaunchContext) -> None:
        context.launch_configurations.update(self._evaluate(context))

    def _evaluate(self, context: LaunchContext) -> dict[str, str]:
        return {
            perform_substitutions(context, name): perform_substitutions(context, value)
            for name, value in self._configurations
        }


class IncludeLaunchDescription(Action):
    """Visits another launch description with the arguments set as launch configurations.

    As in the real package it is no scope of its own (use a GroupAction), and `ThisLaunchFileDir` keeps meaning the
    included file's folder until the event being handled is done.
    """

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: LaunchArguments | None = None,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(condition=condition)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = PythonLaunchDescriptionSource(launch_description_source)
        self._source = launch_description_source
        self._arguments = tuple(launch_arguments or ())

    @property
    def launch_description_source(self) -> LaunchDescriptionSource:
        return self._source

    @property
    def launch_arguments(self) -> Sequence[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]:
        return self._arguments

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        description = self._source.try_get_launch_description_without_context()
        return [] if description is None else [description]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        description = self._source.get_launch_description(context)
        path = os.path.abspath(self._source.location)
        folder = os.path.dirname(path) if os.path.exists(path) else self._source.location
        context.extend_locals({"current_launch_file_path": path, "current_launch_file_directory": folder})
        given = self._argument_names(context)
        for argument, includes in description.get_launch_arguments_with_include_launch_description_actions():
            known = given.union(*(include._argument_names(context) for include in includes or ()))
            required = argument.default_value is None and not argument._conditionally_included
            if required and argument.name not in known:
                raise RuntimeError(
                    f"Included launch description missing required argument '{argument.name}' "
                    f"(description: '{argument.description}'), given: [{', '.join(sorted(known))}]"
                )
        return [*(SetLaunchConfiguration(name, value) for name, value in self._arguments), description]

    def _argument_names(self, context: LaunchContext) -> set[str]:
        return {perform_substitutions(context, normalize_to_list_of_substitutions(name)) for name, _ in self._arguments}
