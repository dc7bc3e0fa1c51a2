"""Base of all substitutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Substitution:
    """A text that is known only when the launch runs."""

    def describe(self) -> str:
        return repr(self)

    def perform(self, context: LaunchContext) -> str:
        raise NotImplementedError(f"{type(self).__name__} does not implement perform()")
