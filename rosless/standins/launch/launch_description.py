"""Launch descriptions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launch.action import Action
from launch.launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
    from launch.launch_context import LaunchContext


class LaunchDescription(LaunchDescriptionEntity):
    """A list of entities that are visited in order."""

    def __init__(self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None) -> None:
        self._entities = list(initial_entities or [])

    @property
    def entities(self) -> list[LaunchDescriptionEntity]:
        return self._entities

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        self._entities.append(entity)

    def add_action(self, action: Action) -> None:
        self.add_entity(action)

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return self._entities

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return self._entities

    def get_launch_arguments(self, conditional_inclusion: bool = False) -> list[DeclareLaunchArgument]:
        """The arguments declared here and in all included descriptions that load without a context, first ones win."""
        pairs = self.get_launch_arguments_with_include_launch_description_actions(conditional_inclusion)
        return [argument for argument, _ in pairs]

    def get_launch_arguments_with_include_launch_description_actions(
        self, conditional_inclusion: bool = False
    ) -> list[tuple[DeclareLaunchArgument, list[IncludeLaunchDescription] | None]]:
        """The same, each with the chain of includes (outermost first) that leads to it, None if declared here."""
        from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription

        found: dict[str, tuple[DeclareLaunchArgument, list[IncludeLaunchDescription] | None]] = {}

        def collect(
            entities: Iterable[LaunchDescriptionEntity],
            conditional: bool,
            includes: list[IncludeLaunchDescription] | None,
        ) -> None:
            for entity in entities:
                if isinstance(entity, DeclareLaunchArgument) and entity.name not in found:
                    entity._conditionally_included = conditional or entity.condition is not None
                    found[entity.name] = (entity, includes)
                inner = includes
                if isinstance(entity, IncludeLaunchDescription):
                    inner = [*(includes or []), entity]
                # As in the real package, only the direct members of a conditional entity count as conditional.
                collect(entity.describe_sub_entities(), False, inner)
                for _, members in entity.describe_conditional_sub_entities():
                    collect(members, True, inner)

        collect(self._entities, conditional_inclusion, None)
        return list(found.values())
