"""Runs launch files like `ros2 launch FILE [name:=value ...] [--show-args]`.

Only the public API of `launch` is used, so it works with the real package and with the stand-in.
"""

import difflib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity, LaunchService
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from aisle_contract.sites import share_folder
from aisle_core.errors import AisleError

_ALWAYS_ALLOWED = ("sigterm_timeout", "sigkill_timeout")


def run_launch(path: Path, args: list[str], show_args: bool) -> int:
    """Run the launch file with `name:=value` arguments, or print the arguments it takes; give the exit code.

    Raises AisleError if the file does not load, or if an argument is malformed, unknown, missing or none of its
    choices. The exit code is that of `LaunchService.run`: 0 after a normal end or Ctrl-C, 1 if something failed.
    """
    description = _load(path)
    if show_args:
        print(format_arguments(description))
        return 0
    given = parse_arguments(args)
    _check(path, description, given)
    service = LaunchService(argv=args, noninteractive=not sys.stdin.isatty())
    source = PythonLaunchDescriptionSource(str(path))
    service.include_launch_description(
        LaunchDescription([IncludeLaunchDescription(source, launch_arguments=list(given.items()))])
    )
    code: int = service.run()
    return code


def find_launch_file(name: str) -> Path:
    """Path of a launch file given by path, by file name, or by concern (``store`` for ``store.launch.py``)."""
    if Path(name).is_file():
        return Path(name)
    folder = share_folder("aisle_bringup", "launch")
    path = folder / (name if name.endswith(".launch.py") else f"{name}.launch.py")
    if not path.is_file():
        concerns = sorted(file.name.removesuffix(".launch.py") for file in folder.glob("*.launch.py"))
        near = difflib.get_close_matches(name, concerns, n=1)
        raise AisleError(
            f"launch '{name}': " + (f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(concerns)}")
        )
    return path


def parse_arguments(args: list[str]) -> dict[str, str]:
    """The values of `name:=value` arguments, the last one of a name wins."""
    given = {}
    for argument in args:
        name, separator, value = argument.partition(":=")
        if not (name and separator and value):
            raise AisleError(f"malformed launch argument '{argument}': write it as name:=value, without spaces")
        given[name] = value
    return given


def format_arguments(description: LaunchDescription) -> str:
    """What `ros2 launch --show-args` prints."""
    arguments = description.get_launch_arguments()
    unconditional = set(_unconditional_names(description.entities))
    lines = ["Arguments (pass arguments as '<name>:=<value>'):"]
    for argument in arguments:
        mark = "" if argument.name in unconditional else "*"
        lines += ["", f"    '{argument.name}':{mark}", f"        {argument.description}"]
        if argument.default_value is not None:
            default = " + ".join(part.describe() for part in argument.default_value)
            lines.append(f"        (default: {default})")
    if not arguments:
        lines += ["", "  No arguments."]
    elif any(argument.name not in unconditional for argument in arguments):
        lines += ["", "* argument(s) which are only used if specific conditions occur"]
    return "\n".join(lines)


def _load(path: Path) -> LaunchDescription:
    if not path.is_file():
        raise AisleError(f"launch file {path} does not exist: give the path of a *.launch.py file")
    try:
        return PythonLaunchDescriptionSource(str(path)).get_launch_description(LaunchContext())
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else (lines or [None])[-1]
        raise AisleError(f"{path}:{line or 1}: launch file does not load: {type(error).__name__}: {error}") from error


def _unconditional_names(entities: Iterable[LaunchDescriptionEntity]) -> Iterable[str]:
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument) and entity.condition is None:
            yield entity.name
        yield from _unconditional_names(entity.describe_sub_entities())


def _check(path: Path, description: LaunchDescription, given: dict[str, str]) -> None:
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    allowed = [*arguments, *_ALWAYS_ALLOWED]
    for name, value in given.items():
        if name not in allowed:
            close = " or ".join(f"'{match}'" for match in difflib.get_close_matches(name, allowed))
            remedy = f"did you mean {close}?" if close else "--show-args lists those it has"
            raise AisleError(f"{path} has no launch argument '{name}': {remedy}")
        choices = arguments[name].choices if name in arguments else None
        if choices is not None and value not in choices:
            raise AisleError(f"{path}: launch argument '{name}' cannot be '{value}': choose from {', '.join(choices)}")
    for entity in description.entities:
        if (
            isinstance(entity, DeclareLaunchArgument)
            and entity.condition is None
            and entity.default_value is None
            and entity.name not in given
        ):
            raise AisleError(f"{path} needs the launch argument {entity.name}:=... ({entity.description})")
