"""What a launch description is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Visited when launched (it may yield entities to visit next), described when introspected."""

    def describe(self) -> str:
        return repr(self)

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Entities that a visit always yields."""
        return []

    def describe_conditional_sub_entities(self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Pairs of a condition in words and the entities a visit yields if it holds."""
        return []

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        return None

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """The future that is done when the entity's ongoing work is; asked for after `visit`."""
        return None
