"""Launch descriptions from files."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

from launch.launch_description import LaunchDescription
from launch.launch_description_source import LaunchDescriptionSource
from launch.some_substitutions_type import SomeSubstitutionsType

__all__ = ["InvalidPythonLaunchFileError", "PythonLaunchDescriptionSource"]


class InvalidPythonLaunchFileError(Exception):
    """The file is no Python launch file."""


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A Python file with a function `generate_launch_description()`."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path, "interpreted python launch file")

    def _get_launch_description(self, location: str) -> LaunchDescription:
        loader = SourceFileLoader("python_launch_file", location)
        spec = spec_from_loader(loader.name, loader)
        assert spec is not None
        module = module_from_spec(spec)
        loader.exec_module(module)
        if not hasattr(module, "generate_launch_description"):
            raise InvalidPythonLaunchFileError(f"{location} has no function generate_launch_description()")
        description: LaunchDescription = module.generate_launch_description()
        return description
