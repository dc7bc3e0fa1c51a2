"""Event handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from launch.event import Event
from launch.event_handler import BaseEventHandler, _as_entities
from launch.events import Shutdown
from launch.events.process import ProcessExited, ProcessStarted
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.some_entities_type import SomeEntitiesType

if TYPE_CHECKING:
    from launch.actions import ExecuteProcess
    from launch.launch_context import LaunchContext

__all__ = ["OnProcessExit", "OnProcessStart", "OnShutdown"]

_Matcher = Callable[["ExecuteProcess"], bool]


class _Reaction(BaseEventHandler):
    """Yields fixed entities, or what a function of the event and the context gives."""

    def __init__(self, matcher: Callable[[Event], bool], reaction: Any, handle_once: bool) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once)
        self._reaction = reaction if callable(reaction) else _as_entities(reaction)

    def describe(self) -> tuple[str, list[LaunchDescriptionEntity]]:
        text, entities = super().describe()
        return text, entities + ([] if callable(self._reaction) else self._reaction)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        entities: SomeEntitiesType | None = self._reaction
        if callable(self._reaction):
            entities = self._reaction(event, context)
        return entities


class OnProcessExit(_Reaction):
    """Reacts to the end of one action's process, of those whose action matches, or of any."""

    def __init__(
        self,
        *,
        target_action: ExecuteProcess | _Matcher | None = None,
        on_exit: SomeEntitiesType | Callable[[ProcessExited, LaunchContext], SomeEntitiesType | None],
        handle_once: bool = False,
    ) -> None:
        super().__init__(_process_matcher(ProcessExited, target_action), on_exit, handle_once)


class OnProcessStart(_Reaction):
    """Reacts to the start of one action's process, of those whose action matches, or of any."""

    def __init__(
        self,
        *,
        target_action: ExecuteProcess | _Matcher | None = None,
        on_start: SomeEntitiesType | Callable[[ProcessStarted, LaunchContext], SomeEntitiesType | None],
        handle_once: bool = False,
    ) -> None:
        super().__init__(_process_matcher(ProcessStarted, target_action), on_start, handle_once)


class OnShutdown(_Reaction):
    """Reacts to the shutdown of the launch."""

    def __init__(
        self,
        *,
        on_shutdown: SomeEntitiesType | Callable[[Shutdown, LaunchContext], SomeEntitiesType | None],
        handle_once: bool = False,
    ) -> None:
        super().__init__(lambda event: isinstance(event, Shutdown), on_shutdown, handle_once)


def _process_matcher(
    event_type: type[ProcessExited | ProcessStarted], target: ExecuteProcess | _Matcher | None
) -> Callable[[Event], bool]:
    from launch.actions import ExecuteProcess

    if target is not None and not isinstance(target, ExecuteProcess) and not callable(target):
        raise TypeError(f"target_action must be an ExecuteProcess or a function of one, got {target!r}")

    def matches(event: Event) -> bool:
        if not isinstance(event, event_type):
            return False
        if target is None or event.action is target:
            return True
        return callable(target) and target(event.action)

    return matches
