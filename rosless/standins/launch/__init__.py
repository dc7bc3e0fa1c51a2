"""Stands in for the ROS 2 package `launch` (release 3.4.3, Jazzy) on machines that have no ROS installed.

It has the same import paths, names and behaviour for the part that Aisle's launch files use, and no more; the real
package takes its place wherever a ROS installation is sourced. Where supervision differs, it is stricter:

- every child leads a session of its own, always gets the SIGINT of a Ctrl-C, and its whole process group is killed
  when it ends, so nothing is orphaned; it also dies with a launcher that was killed by SIGKILL;
- a second Ctrl-C sends SIGTERM at once, a third SIGKILL (the real one ignores them);
- SIGTERM, SIGQUIT or SIGHUP to the launcher shut everything down (the real one leaves orphans); `run()` then gives 1;
- `run()` also gives 1 when a command could not be executed (the real one logs a traceback and gives 0).
"""

from launch import actions, conditions, events, logging, substitutions
from launch.action import Action
from launch.condition import Condition
from launch.event import Event
from launch.event_handler import EventHandler
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_source import LaunchDescriptionSource
from launch.launch_service import LaunchService
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution

__all__ = [
    "Action",
    "Condition",
    "Event",
    "EventHandler",
    "LaunchContext",
    "LaunchDescription",
    "LaunchDescriptionEntity",
    "LaunchDescriptionSource",
    "LaunchService",
    "SomeSubstitutionsType",
    "Substitution",
    "actions",
    "conditions",
    "events",
    "logging",
    "substitutions",
]
