"""Conditions of actions."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from launch.condition import Condition
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "IfCondition",
    "InvalidConditionExpressionError",
    "LaunchConfigurationEquals",
    "LaunchConfigurationNotEquals",
    "UnlessCondition",
]


class InvalidConditionExpressionError(ValueError):
    """The text is no truth value."""


class IfCondition(Condition):
    """Holds if the text is `true` or `1`, not if it is `false` or `0` (any case); any other text is an error."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        super().__init__(predicate=self._holds)
        self._expression = normalize_to_list_of_substitutions(predicate_expression)

    def _holds(self, context: LaunchContext) -> bool:
        text = perform_substitutions(context, self._expression).strip().lower()
        if text not in ("true", "1", "false", "0"):
            origin = " + ".join(part.describe() for part in self._expression)
            raise InvalidConditionExpressionError(
                f"invalid condition: expected one of [true, 1, false, 0], got '{text}', expanded from {origin}"
            )
        return text in ("true", "1")


class UnlessCondition(IfCondition):
    """Holds if IfCondition does not."""

    def _holds(self, context: LaunchContext) -> bool:
        return not super()._holds(context)


class LaunchConfigurationEquals(Condition):
    """Holds if the configuration has the value, or is not set if the value is None; deprecated by the real package."""

    def __init__(self, launch_configuration_name: str, expected_value: SomeSubstitutionsType | None) -> None:
        warnings.warn(
            f"{type(self).__name__} is deprecated: use IfCondition with EqualsSubstitution or NotEqualsSubstitution",
            UserWarning,
            stacklevel=2,
        )
        super().__init__(predicate=self._holds)
        self._name = launch_configuration_name
        self._expected = None if expected_value is None else normalize_to_list_of_substitutions(expected_value)

    def _holds(self, context: LaunchContext) -> bool:
        expected = None if self._expected is None else perform_substitutions(context, self._expected)
        return bool(context.launch_configurations.get(self._name) == expected)


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """Holds if LaunchConfigurationEquals does not."""

    def _holds(self, context: LaunchContext) -> bool:
        return not super()._holds(context)
