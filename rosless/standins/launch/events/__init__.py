"""Events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from launch.event import Event
from launch.events import process

if TYPE_CHECKING:
    from launch.action import Action
    from launch.actions import TimerAction
    from launch.launch_description import LaunchDescription

__all__ = ["IncludeLaunchDescription", "Shutdown", "TimerEvent", "matches_action", "process"]


class Shutdown(Event):
    """The launch shall end."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self._reason = reason
        self._due_to_sigint = due_to_sigint

    @property
    def reason(self) -> str:
        return self._reason

    @property
    def due_to_sigint(self) -> bool:
        return self._due_to_sigint


class IncludeLaunchDescription(Event):
    """A launch description shall be visited."""

    name = "launch.events.IncludeLaunchDescription"

    def __init__(self, launch_description: LaunchDescription) -> None:
        self._launch_description = launch_description

    @property
    def launch_description(self) -> LaunchDescription:
        return self._launch_description


class TimerEvent(Event):
    """The period of a timer is over."""

    name = "launch.events.TimerEvent"

    def __init__(self, *, timer_action: TimerAction) -> None:
        self._timer_action = timer_action

    @property
    def timer_action(self) -> TimerAction:
        return self._timer_action


def matches_action(target_action: Action) -> Callable[[Action], bool]:
    """A matcher of exactly this action."""
    return lambda action: action == target_action
