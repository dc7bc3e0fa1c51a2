"""Where launch descriptions come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.launch_description import LaunchDescription
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class LaunchDescriptionSource:
    """A launch description, or the place to load one from when it is needed."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "<string>",
        method: str = "unspecified mechanism from a script",
    ) -> None:
        self._launch_description = launch_description
        self._location = normalize_to_list_of_substitutions(location)
        self._expanded_location: str | None = None
        self._method = method

    @property
    def location(self) -> str:
        """The place, expanded once the description has been loaded."""
        if self._expanded_location is None:
            return " + ".join(str(part) for part in self._location)
        return self._expanded_location

    @property
    def method(self) -> str:
        return self._method

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """The description, loaded if this is the first call."""
        if self._expanded_location is None:
            self._expanded_location = perform_substitutions(context, self._location)
        if self._launch_description is None:
            self._launch_description = self._get_launch_description(self._expanded_location)
        return self._launch_description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """The description if it loads with nothing configured, else None; for introspection."""
        if self._launch_description is not None:
            return self._launch_description
        from launch.launch_context import LaunchContext
        from launch.logging import get_logger

        try:
            return self._get_launch_description(perform_substitutions(LaunchContext(), self._location))
        except Exception as error:
            get_logger(__name__).debug("cannot load the launch file without a context: %s", error)
            return None

    def _get_launch_description(self, location: str) -> LaunchDescription:
        raise RuntimeError(f"no launch description was given for {location}")
