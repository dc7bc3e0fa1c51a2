"""What holds for all nodes of a scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.condition import Condition
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.substitutions import SubstitutionFailure
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros._names import absolute, join
from launch_ros._parameters import evaluate_parameters, normalize_parameters

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class PushROSNamespace(Action):
    """Puts the nodes that follow into a namespace, below the one in force unless it is absolute."""

    def __init__(self, namespace: SomeSubstitutionsType, *, condition: Condition | None = None) -> None:
        super().__init__(condition=condition)
        self._namespace = normalize_to_list_of_substitutions(namespace)

    @property
    def namespace(self) -> list[Substitution]:
        return self._namespace

    def execute(self, context: LaunchContext) -> None:
        from rclpy.exceptions import InvalidNamespaceException
        from rclpy.validate_namespace import validate_namespace

        pushed = perform_substitutions(context, self._namespace)
        previous = context.launch_configurations.get("ros_namespace")
        namespace = absolute(join(previous, pushed) or "")
        try:
            validate_namespace(namespace)
        except InvalidNamespaceException as error:
            raise SubstitutionFailure(f"namespace '{pushed}' pushed below '{previous}' is invalid") from error
        context.launch_configurations["ros_namespace"] = namespace


class SetParameter(Action):
    """Sets a parameter for the nodes that follow."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, *, condition: Condition | None = None) -> None:
        super().__init__(condition=condition)
        self._parameter = normalize_parameters({tuple(normalize_to_list_of_substitutions(name)): value})

    def execute(self, context: LaunchContext) -> None:
        _shared_list(context, "global_params").extend(evaluate_parameters(context, self._parameter).items())


class SetParametersFromFile(Action):
    """Gives a file of parameters to the nodes that follow."""

    def __init__(self, filename: SomeSubstitutionsType, *, condition: Condition | None = None) -> None:
        super().__init__(condition=condition)
        self._filename = normalize_to_list_of_substitutions(filename)

    def execute(self, context: LaunchContext) -> None:
        _shared_list(context, "global_params").append(perform_substitutions(context, self._filename))


class SetRemap(Action):
    """Remaps a name for the nodes that follow, before their own rules."""

    def __init__(
        self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, *, condition: Condition | None = None
    ) -> None:
        super().__init__(condition=condition)
        self._src = normalize_to_list_of_substitutions(src)
        self._dst = normalize_to_list_of_substitutions(dst)

    @property
    def src(self) -> list[Substitution]:
        return self._src

    @property
    def dst(self) -> list[Substitution]:
        return self._dst

    def execute(self, context: LaunchContext) -> None:
        rule = tuple(perform_substitutions(context, part) for part in (self._src, self._dst))
        _shared_list(context, "ros_remaps").append(rule)


def _shared_list(context: LaunchContext, key: str) -> list[Any]:
    """The list in the configurations, extended in place as by the real package.

    So an inner group that extends the list of an outer scope changes it for what follows the group, too.
    """
    values: list[Any] = context.launch_configurations.setdefault(key, [])
    return values
