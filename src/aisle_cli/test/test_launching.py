"""Launch files from the command line."""

import pytest
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable

from aisle_cli.launching import format_arguments, parse_arguments, run_launch
from aisle_core.errors import AisleError

BODY = """
from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration


def play(context):
    Path(__file__).with_name("played").write_text(
        " ".join(LaunchConfiguration(name).perform(context) for name in ("bag", "rate", "mode", "hidden"))
    )


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("bag", description="Bag folder."),
        DeclareLaunchArgument("rate", default_value="1.0", description="Speed."),
        DeclareLaunchArgument("mode", default_value="a", choices=["a", "b"]),
        IncludeLaunchDescription(PythonLaunchDescriptionSource("{other}")),
        OpaqueFunction(function=play),
    ])
"""
OTHER = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument


def generate_launch_description():
    return LaunchDescription([DeclareLaunchArgument("hidden", default_value="x", description="Hidden.")])
"""
SHOWN = """\
Arguments (pass arguments as '<name>:=<value>'):

    'bag':
        Bag folder.

    'rate':
        Speed.
        (default: '1.0')

    'mode':
        One of: ['a', 'b']
        (default: 'a')

    'hidden':
        Hidden.
        (default: 'x')
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    other = tmp_path / "other.launch.py"
    other.write_text(OTHER)
    path = tmp_path / "play.launch.py"
    path.write_text(BODY.replace("{other}", str(other)))
    return path


def test_a_launch_file_runs_with_its_arguments(file):
    assert run_launch(file, ["bag:=b", "rate:=2.0", "rate:=3.0", "hidden:=y", "sigterm_timeout:=1"], False) == 0
    assert (file.parent / "played").read_text() == "b 3.0 a y"


def test_arguments_are_shown_like_ros2_launch_does(file, capsys):
    assert run_launch(file, [], True) == 0
    assert capsys.readouterr().out == SHOWN


def test_conditional_arguments_are_marked():
    hidden = GroupAction([DeclareLaunchArgument("b")], condition=IfCondition("true"))
    default = [EnvironmentVariable("HOME"), "/x"]
    shown = format_arguments(LaunchDescription([DeclareLaunchArgument("a", default_value=default), hidden]))
    assert "    'a':\n        no description given\n        (default: EnvVar('HOME') + '/x')" in shown
    assert "    'b':*\n        no description given" in shown
    assert shown.endswith("\n\n* argument(s) which are only used if specific conditions occur")
    assert format_arguments(LaunchDescription([])).endswith("\n\n  No arguments.")


@pytest.mark.parametrize("argument", ["bag", "bag=b", "bag:=", ":=b", ""])
def test_a_malformed_argument_is_refused(argument):
    with pytest.raises(AisleError, match="write it as name:=value"):
        parse_arguments([argument])


def test_a_value_may_have_anything_in_it():
    assert parse_arguments(["a:=b:=c d"]) == {"a": "b:=c d"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bga:=b"], "has no launch argument 'bga': did you mean 'bag'"),
        (["bag:=b", "hiden:=1"], "did you mean 'hidden'"),
        (["xyzzy:=b"], "--show-args lists those it has"),
        (["bag:=b", "mode:=c"], "'mode' cannot be 'c': choose from a, b"),
        ([], r"needs the launch argument bag:=... \(Bag folder.\)"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_starts(file, arguments, message):
    with pytest.raises(AisleError, match=message) as raised:
        run_launch(file, arguments, False)
    assert str(file) in str(raised.value)
    assert not (file.parent / "played").exists()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(AisleError, match=r"no\.launch\.py does not exist"):
        run_launch(tmp_path / "no.launch.py", [], False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\nimport nothing_of_this_name\n", r":3: .*ModuleNotFoundError: .*nothing_of_this_name"),
        ("\ndef f(:\n", ":2: .*SyntaxError"),
        ("def generate_launch_description():\n    return 1 / 0\n", ":2: .*ZeroDivisionError"),
        ("x = 1\n", "generate_launch_description"),
    ],
)
def test_a_file_that_does_not_load_is_refused_with_the_line(tmp_path, text, message):
    path = tmp_path / "bad.launch.py"
    path.write_text(text)
    with pytest.raises(AisleError, match=message) as raised:
        run_launch(path, [], False)
    assert "\n" not in str(raised.value)
