"""Base of all event handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from launch.event import Event
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.some_entities_type import SomeEntitiesType

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class BaseEventHandler:
    """Yields entities to visit for each event that `matcher` accepts; they find it as `context.locals.event`."""

    def __init__(self, *, matcher: Callable[[Event], bool], handle_once: bool = False) -> None:
        self._matcher = matcher
        self._handle_once = handle_once

    @property
    def handle_once(self) -> bool:
        return self._handle_once

    def matches(self, event: Event) -> bool:
        return self._matcher(event)

    def describe(self) -> tuple[str, list[LaunchDescriptionEntity]]:
        """The handler in words, and the entities it is known to yield."""
        return f"{type(self).__name__}(handle_once={self.handle_once})", []

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        context.extend_locals({"event": event})
        if self.handle_once:
            context.unregister_event_handler(self)
        return None


class EventHandler(BaseEventHandler):
    """Yields always the same entities."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntitiesType | None = None,
        handle_once: bool = False,
    ) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once)
        self._entities = entities

    @property
    def entities(self) -> SomeEntitiesType | None:
        return self._entities

    def describe(self) -> tuple[str, list[LaunchDescriptionEntity]]:
        text, entities = super().describe()
        return text, entities + _as_entities(self.entities)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return self.entities


def _as_entities(entities: SomeEntitiesType | None) -> list[LaunchDescriptionEntity]:
    """One entity, several or none as a list."""
    if entities is None:
        return []
    if isinstance(entities, LaunchDescriptionEntity):
        return [entities]
    found = [entity for entity in entities if entity is not None]
    for entity in found:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise TypeError(f"expected a LaunchDescriptionEntity from an event handler, got {entity!r}")
    return found
