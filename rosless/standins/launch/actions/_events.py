"""Actions around events, functions and messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.condition import Condition
from launch.event import Event
from launch.event_handler import BaseEventHandler, EventHandler
from launch.event_handlers import OnShutdown
from launch.events import Shutdown as ShutdownEvent
from launch.events import TimerEvent
from launch.events.process import ProcessExited
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import get_logger
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.type_utils import normalize_typed_substitution, perform_typed_substitution

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class OpaqueFunction(Action):
    """Calls `function(context, *args, **kwargs)`, which may give entities to visit."""

    def __init__(
        self,
        *,
        function: Callable[..., list[LaunchDescriptionEntity] | None],
        args: Iterable[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(condition=condition)
        if not callable(function):
            raise TypeError(f"OpaqueFunction needs a callable as 'function', got {function!r}")
        self._function = function
        self._args = tuple(args or ())
        self._kwargs = kwargs or {}

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        return self._function(context, *self._args, **self._kwargs)


class RegisterEventHandler(Action):
    """Registers an event handler."""

    def __init__(self, event_handler: BaseEventHandler, *, condition: Condition | None = None) -> None:
        super().__init__(condition=condition)
        self._event_handler = event_handler

    @property
    def event_handler(self) -> BaseEventHandler:
        return self._event_handler

    def describe_conditional_sub_entities(self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        text, entities = self._event_handler.describe()
        return [(text, entities)] if entities else []

    def execute(self, context: LaunchContext) -> None:
        context.register_event_handler(self._event_handler)


class EmitEvent(Action):
    """Emits an event."""

    def __init__(self, *, event: Event, condition: Condition | None = None) -> None:
        super().__init__(condition=condition)
        if not isinstance(event, Event):
            raise RuntimeError(f"EmitEvent needs an Event, got {event!r}")
        self._event = event

    @property
    def event(self) -> Event:
        return self._event

    def execute(self, context: LaunchContext) -> None:
        context.emit_event_sync(self._event)


class Shutdown(EmitEvent):
    """Ends the launch."""

    def __init__(self, *, reason: str = "reason not given", condition: Condition | None = None) -> None:
        super().__init__(event=ShutdownEvent(reason=reason), condition=condition)

    def execute(self, context: LaunchContext) -> None:
        event = context.get_locals_as_dict().get("event")
        if isinstance(event, ProcessExited):
            get_logger("launch").info("process[%s] was required: shutting down launched system", event.process_name)
        super().execute(context)


class LogInfo(Action):
    """Logs a message."""

    def __init__(self, *, msg: SomeSubstitutionsType, condition: Condition | None = None) -> None:
        super().__init__(condition=condition)
        self._msg = normalize_to_list_of_substitutions(msg)

    @property
    def msg(self) -> list[Substitution]:
        return self._msg

    def execute(self, context: LaunchContext) -> None:
        get_logger("launch.user").info("%s", perform_substitutions(context, self._msg))


class TimerAction(Action):
    """Executes actions once, after a period in seconds, unless cancelled."""

    def __init__(
        self,
        *,
        period: float | SomeSubstitutionsType,
        actions: Iterable[LaunchDescriptionEntity],
        cancel_on_shutdown: bool | SomeSubstitutionsType = True,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(condition=condition)
        self._period = normalize_typed_substitution(period, float)
        self._actions = list(actions)
        self._cancel_on_shutdown = normalize_typed_substitution(cancel_on_shutdown, bool)
        self._cancelled = False
        self._completed: asyncio.Future[None] | None = None

    @property
    def period(self) -> Any:
        return self._period

    @property
    def actions(self) -> list[LaunchDescriptionEntity]:
        return self._actions

    def describe_conditional_sub_entities(self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        return [(f"{self._period} seconds pass without being canceled", self._actions)]

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        return self._completed

    def cancel(self) -> None:
        """Prevent the actions, if they have not been executed."""
        self._cancelled = True
        self._complete()

    def execute(self, context: LaunchContext) -> None:
        loop = context.asyncio_loop
        assert loop is not None
        self._completed = loop.create_future()
        if self._cancelled:
            self._complete()
            return
        found = context.get_locals_as_dict()

        def act(context: LaunchContext) -> list[LaunchDescriptionEntity]:
            context.extend_locals(found)
            return self._actions

        def fire() -> None:
            if not self._cancelled:
                context.emit_event_sync(TimerEvent(timer_action=self))
            self._complete()

        context.register_event_handler(
            EventHandler(
                matcher=lambda event: isinstance(event, TimerEvent) and event.timer_action is self,
                entities=OpaqueFunction(function=act),
            )
        )
        if perform_typed_substitution(context, self._cancel_on_shutdown, bool):
            context.register_event_handler(OnShutdown(on_shutdown=lambda event, context: self.cancel()))
        loop.call_later(perform_typed_substitution(context, self._period, float), fire)

    def _complete(self) -> None:
        if self._completed is not None and not self._completed.done():
            self._completed.set_result(None)
