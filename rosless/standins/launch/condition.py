"""Base of all conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Condition:
    """A predicate on the launch context; false if there is none."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool] | None = None) -> None:
        self._predicate = predicate

    def describe(self) -> str:
        return repr(self)

    def evaluate(self, context: LaunchContext) -> bool:
        return self._predicate is not None and self._predicate(context)
