"""What launch_ros must do, by its documentation and behaviour; runs against whichever is installed."""

import json
import re
import sys
from typing import Any

import pytest
import yaml
from launch import LaunchContext
from launch.substitutions import LaunchConfiguration, SubstitutionFailure
from launch_ros.actions import Node, PushROSNamespace, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import ExecutableInPackage, FindPackagePrefix, FindPackageShare
from launcher import IS_STANDIN, Launch, run, standin_only, write

SHOW = f"""#!{sys.executable}
import json, sys
arguments = sys.argv[1:]
files = {{path: open(path).read() for path in arguments if path.endswith(".yaml") or "launch_params_" in path}}
print(json.dumps([sys.argv[0], arguments, files]))
"""


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """An ament prefix with a package `shop` that has an executable `show`, first in the index."""
    prefix = tmp_path / "prefix"
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    for folder in (index, prefix / "share" / "shop", prefix / "lib" / "shop"):
        folder.mkdir(parents=True)
    for package in ("shop", "bare"):
        (index / package).touch()
    show = prefix / "lib" / "shop" / "show"
    show.write_text(SHOW)
    show.chmod(0o755)
    (prefix / "lib" / "shop" / "data").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix), prepend=":")
    return prefix


class Shown:
    """What a node was started with."""

    def __init__(self, line: str) -> None:
        self.path, self.arguments, files = json.loads(line)
        self.files: dict[str, Any] = {
            path: yaml.safe_load(text.replace("!!python/tuple", "")) for path, text in files.items()
        }
        self.ros_arguments = [self.files.get(argument, argument) for argument in self.arguments]


def nodes(running: Launch) -> dict[str, Shown]:
    """What the nodes show, by their `exec_name`; those without are `show`."""
    lines = re.findall(r"^\[(\w+)-\d+\] (\[.*)$", running.output, re.MULTILINE)
    return {name: Shown(line) for name, line in lines}


def parameters(value: Any, *arguments: str) -> str:
    return f'[Node(package="shop", executable="show", output="screen", parameters=[{value}])]'


# Nodes


def test_a_node_gets_its_name_namespace_and_remappings(tmp_path, prefix):
    running = run(
        tmp_path,
        """[
        DeclareLaunchArgument("x", default_value="1"),
        Node(package="shop", executable="show", output="screen"),
        Node(
            package="shop", executable=["sh", "ow"], output="screen", exec_name="full",
            name=["n", LaunchConfiguration("x")], namespace="ns",
            arguments=["a", ["b", LaunchConfiguration("x")]], ros_arguments=["--log-level", "warn"],
            remappings=[("in", "out"), (["from", LaunchConfiguration("x")], "/to")],
        ),
        Node(executable=FindPackagePrefix("shop").find("shop") + "/lib/shop/show", output="screen", exec_name="path"),
    ]""",
    )
    shown = nodes(running)
    assert shown["show"].path == str(prefix / "lib" / "shop" / "show")
    assert shown["show"].arguments == shown["path"].arguments == ["--ros-args"]
    assert shown["full"].arguments == [
        *("a", "b1", "--ros-args", "--log-level", "warn", "--ros-args"),
        *("-r", "__node:=n1", "-r", "__ns:=/ns", "-r", "in:=out", "-r", "from1:=/to"),
    ]


def test_pushed_namespaces_hold_for_the_group(tmp_path, prefix):
    running = run(
        tmp_path,
        """[
        GroupAction([
            PushROSNamespace("store"), PushRosNamespace(["zone", LaunchConfiguration("z", default="1")]),
            Node(package="shop", executable="show", output="screen", exec_name="none"),
            Node(package="shop", executable="show", output="screen", exec_name="relative", namespace="cam"),
            Node(package="shop", executable="show", output="screen", exec_name="absolute", namespace="/abs"),
        ]),
        Node(package="shop", executable="show", output="screen", exec_name="outside"),
    ]""",
    )
    namespaces = {name: shown.arguments[1:] for name, shown in nodes(running).items()}
    assert namespaces == {
        "none": ["-r", "__ns:=/store/zone1"],
        "relative": ["-r", "__ns:=/store/zone1/cam"],
        "absolute": ["-r", "__ns:=/abs"],
        "outside": [],
    }


def test_the_scope_gives_parameters_and_remappings(tmp_path, prefix):
    (tmp_path / "all.yaml").write_text("/**: {ros__parameters: {p: 1}}")
    running = run(
        tmp_path,
        f"""[
        GroupAction([
            SetParameter("use_sim_time", LaunchConfiguration("sim", default="true")),
            SetParametersFromFile("{tmp_path}/all.yaml"),
            SetRemap("a", ["b", LaunchConfiguration("x", default="1")]),
            Node(package="shop", executable="show", output="screen", exec_name="inside",
                 parameters=[{{"q": 2}}], remappings=[("c", "d")]),
        ]),
        Node(package="shop", executable="show", output="screen", exec_name="outside"),
    ]""",
    )
    shown = nodes(running)
    assert shown["inside"].ros_arguments == [
        *("--ros-args", "-p", "use_sim_time:=True"),
        *("--params-file", {"/**": {"ros__parameters": {"p": 1}}}),
        *("--params-file", {"/**": {"ros__parameters": {"q": 2}}}),
        *("-r", "a:=b1", "-r", "c:=d"),
    ]
    assert shown["outside"].arguments == ["--ros-args"]


@pytest.mark.parametrize("wrong", ['namespace="a b"', 'name="a/b"'])
def test_an_invalid_name_is_an_error(tmp_path, prefix, wrong):
    run(tmp_path, f'[Node(package="shop", executable="show", {wrong})]', code=1)


def test_an_invalid_pushed_namespace_is_an_error():
    with pytest.raises(SubstitutionFailure, match="a b"):
        PushROSNamespace("a b").execute(LaunchContext())


def test_both_spellings_are_one_action():
    assert PushROSNamespace is PushRosNamespace


def test_two_nodes_of_one_name_are_warned_of(tmp_path, prefix):
    node = 'Node(package="shop", executable="show", name="n", namespace="/x")'
    assert "at least 2 nodes with the name /x/n" in run(tmp_path, f"[{node}, {node}]").output
    assert "at least" not in run(tmp_path, f"[{node}]").output


def test_a_node_takes_what_a_process_takes(tmp_path, prefix):
    running = run(
        tmp_path,
        """[
        Node(package="shop", executable="show", output="screen", condition=UnlessCondition("true")),
        Node(package="shop", executable="show", output="screen", respawn=True, respawn_max_retries=1,
             additional_env={"A": "1"}, emulate_tty=False),
    ]""",
    )
    assert running.output.count("process has finished cleanly") == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ('package="no_shop", executable="show"', "package 'no_shop' not found"),
        ('package="shop", executable="hide"', "executable 'hide' not found"),
        ('package="shop", executable="data"', "executable 'data' not found"),
        ('package="bare", executable="show"', "package 'bare' found at"),
    ],
)
def test_a_missing_executable_is_an_error_that_names_it(tmp_path, prefix, options, error):
    output = run(tmp_path, f"[Node({options})]", code=1).output
    assert error in output
    assert "Traceback" not in output


@standin_only
def test_a_missing_executable_is_shown_what_there_is(tmp_path, prefix):
    assert "which has: data, show" in run(tmp_path, '[Node(package="shop", executable="hide")]', code=1).output


def test_packages_are_found(prefix):
    context = LaunchContext()
    assert FindPackagePrefix("shop").perform(context) == str(prefix)
    assert FindPackageShare(["sh", "op"]).perform(context) == str(prefix / "share" / "shop")
    assert ExecutableInPackage(executable="show", package="shop").perform(context) == str(prefix / "lib/shop/show")
    with pytest.raises(SubstitutionFailure):
        ExecutableInPackage(executable="hide", package="shop").perform(context)
    with pytest.raises(LookupError):
        FindPackageShare("no_shop").perform(context)


# Parameters


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{"a": 1, "b": 2.5, "c": True, "d": "text"}', {"a": 1, "b": 2.5, "c": True, "d": "text"}),
        ('{"a": "1", "b": "true", "c": "", "d": "null"}', {"a": "1", "b": "true", "c": "", "d": "null"}),
        ('{"a": {"b": 1, "c": {"d": 2}}}', {"a.b": 1, "a.c.d": 2}),
        ('{("a", LaunchConfiguration("x")): 1}', {"a12": 1}),
        ('{"a": LaunchConfiguration("x")}', {"a": 12}),
        ('{"a": [LaunchConfiguration("x"), ".5"]}', {"a": 12.5}),
        ('{"a": ["t", LaunchConfiguration("x")]}', {"a": "t12"}),
        ('{"a": LaunchConfiguration("e", default="")}', {"a": ""}),
        ('{"a": LaunchConfiguration("l", default="[1, 2]")}', {"a": [1, 2]}),
        ('{"a": ParameterValue(LaunchConfiguration("x"), value_type=str)}', {"a": "12"}),
        ('{"a": ParameterValue(LaunchConfiguration("x"), value_type=float)}', {"a": 12.0}),
        ('{"a": ParameterValue(LaunchConfiguration("l", default="[1, 2]"), value_type=list[int])}', {"a": [1, 2]}),
        (
            '{"a": [1, 2], "b": [1, 2.5], "c": [True, False], "d": ["x", "1"]}',
            {"a": [1, 2], "b": [1.0, 2.5], "c": [True, False], "d": ["x", "1"]},
        ),
        ('{"a": [[LaunchConfiguration("x")], ["1", LaunchConfiguration("x")]]}', {"a": [12, 112]}),
    ],
)
def test_parameters_have_these_values(tmp_path, prefix, given, expected):
    running = run(
        tmp_path,
        f"""[
        DeclareLaunchArgument("x", default_value="12"),
        Node(package="shop", executable="show", output="screen", parameters=[{given}]),
    ]""",
    )
    assert nodes(running)["show"].ros_arguments == [
        "--ros-args",
        "--params-file",
        {"/**": {"ros__parameters": expected}},
    ]


def test_parameters_are_for_the_full_name_if_it_is_known(tmp_path, prefix):
    running = run(
        tmp_path,
        """[
        PushRosNamespace("store"),
        Node(package="shop", executable="show", output="screen", name="n", parameters=[{"a": 1}]),
    ]""",
    )
    assert {"/store/n": {"ros__parameters": {"a": 1}}} in nodes(running)["show"].ros_arguments


@pytest.mark.parametrize(
    "value",
    [
        'TextSubstitution(text="null")',
        'TextSubstitution(text="{a: 1}")',
        'TextSubstitution(text="2024-01-01")',
        'TextSubstitution(text="a: b: c")',
        '[1, "a"]',
        "[]",
        "None",
        "object()",
    ],
)
def test_what_can_be_no_parameter_is_an_error(tmp_path, prefix, value):
    path = write(tmp_path, f'[Node(package="shop", executable="show", parameters=[{{"name": {value}}}])]')
    running = Launch(path)
    assert running.finish() == 1, running.output
    if IS_STANDIN and "Substitution" in value:
        assert "parameter name" in running.output
        assert "ParameterValue(value, value_type=str)" in running.output


def test_parameter_files_keep_their_order(tmp_path, prefix):
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("{}")
    running = run(
        tmp_path,
        f"""[
        Node(package="shop", executable="show", output="screen",
             parameters=["{tmp_path}/one.yaml", ["{tmp_path}", "/two", ".yaml"], "/no/such.yaml"]),
    ]""",
    )
    arguments = nodes(running)["show"].arguments
    assert arguments == ["--ros-args", "--params-file", f"{tmp_path}/one.yaml", "--params-file", f"{tmp_path}/two.yaml"]
    assert "/no/such.yaml" in running.output


def test_a_parameter_file_can_have_substitutions(tmp_path, prefix, monkeypatch):
    monkeypatch.setenv("AISLE_V", "v")
    (tmp_path / "p.yaml").write_text(
        "/**: {ros__parameters: {a: $(var x), b: $(env AISLE_V), c: $(var no d), s: $(find-pkg-share $(var shop))/s}}"
    )
    running = run(
        tmp_path,
        f"""[
        SetLaunchConfiguration("x", "1"), SetLaunchConfiguration("shop", "shop"),
        Node(package="shop", executable="show", output="screen",
             parameters=[ParameterFile("{tmp_path}/p.yaml", allow_substs=True)]),
    ]""",
    )
    expected = {"a": 1, "b": "v", "c": "d", "s": f"{prefix}/share/shop/s"}
    assert nodes(running)["show"].ros_arguments[-1] == {"/**": {"ros__parameters": expected}}
    (tmp_path / "p.yaml").write_text("/**: {ros__parameters: {a: $(no-such x)}}")
    run(tmp_path, parameters(f'ParameterFile("{tmp_path}/p.yaml", allow_substs=True)'), code=1)


def test_descriptions_of_parameters():
    context = LaunchContext()
    context.launch_configurations["x"] = "1"
    assert ParameterValue(LaunchConfiguration("x"), value_type=str).evaluate(context) == "1"
    assert str(ParameterFile([LaunchConfiguration("x"), ".yaml"]).evaluate(context)) == "1.yaml"
    with pytest.raises(TypeError):
        Node(executable="show", parameters={"a": 1})
    with pytest.raises(TypeError):
        ParameterFile("a.yaml", allow_substs="yes")


@standin_only
def test_the_parameter_files_written_are_removed_at_the_end(tmp_path, prefix):
    running = run(tmp_path, parameters('{"a": 1}'))
    (path,) = nodes(running)["show"].files
    assert not tmp_path.joinpath(path).exists()
    assert not tmp_path.joinpath(path).parent.exists()
