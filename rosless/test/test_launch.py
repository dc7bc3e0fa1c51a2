"""What launch must do, by its documentation and behaviour; runs against whichever is installed."""

import os
import signal
import subprocess
import sys

import pytest
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    GroupAction,
    IncludeLaunchDescription,
    RegisterEventHandler,
)
from launch.conditions import IfCondition, LaunchConfigurationEquals, LaunchConfigurationNotEquals, UnlessCondition
from launch.event_handlers import OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import (
    AndSubstitution,
    EnvironmentVariable,
    EqualsSubstitution,
    LaunchConfiguration,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
    PathJoinSubstitution,
    PythonExpression,
    SubstitutionFailure,
    TextSubstitution,
    ThisLaunchFileDir,
)
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.type_utils import normalize_typed_substitution, perform_typed_substitution
from launcher import LONGEST_WAIT_S, Launch, run, standin_only, wait_until_gone, write


def context(**configurations):
    context = LaunchContext()
    context.launch_configurations.update(configurations)
    return context


def performed(something, **configurations):
    return perform_substitutions(context(**configurations), normalize_to_list_of_substitutions(something))


# Substitutions


@pytest.mark.parametrize(
    ("substitution", "text"),
    [
        ("plain", "plain"),
        (["a", TextSubstitution(text="b"), LaunchConfiguration("x")], "abX"),
        (LaunchConfiguration(["", TextSubstitution(text="x")]), "X"),
        (LaunchConfiguration("no", default="d"), "d"),
        (LaunchConfiguration("no", default=5), "5"),
        (LaunchConfiguration("no", default=["d", LaunchConfiguration("x")]), "dX"),
        (EnvironmentVariable("AISLE_NOT_SET", default_value=["e", LaunchConfiguration("x")]), "eX"),
        (PathJoinSubstitution(["/a", LaunchConfiguration("x"), "b.yaml"]), "/a/X/b.yaml"),
        (PythonExpression(["'", LaunchConfiguration("x"), "' == 'X' and floor(2.5) == 2"]), "True"),
        (PythonExpression("os.path.basename('/a/b')", ["os"]), "b"),
        (EqualsSubstitution(LaunchConfiguration("x"), "X"), "true"),
        (EqualsSubstitution("1", "True"), "true"),
        (EqualsSubstitution("0.1", 0.1), "true"),
        (EqualsSubstitution(None, ""), "true"),
        (NotEqualsSubstitution("a", "b"), "true"),
        (NotSubstitution("false"), "true"),
        (AndSubstitution("true", "0"), "false"),
        (OrSubstitution("true", "0"), "true"),
    ],
)
def test_a_substitution_gives_its_text(substitution, text):
    assert performed(substitution, x="X") == text


@pytest.mark.parametrize(
    "substitution",
    [LaunchConfiguration("no"), EnvironmentVariable("AISLE_NOT_SET"), ThisLaunchFileDir(), NotSubstitution("maybe")],
)
def test_a_substitution_that_has_no_text_fails(substitution):
    with pytest.raises(SubstitutionFailure):
        performed(substitution)


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError):
        normalize_to_list_of_substitutions(["a", 1])
    with pytest.raises(TypeError):
        TextSubstitution(text=1)


@pytest.mark.parametrize(
    ("value", "data_type", "expected"),
    [
        (LaunchConfiguration("x"), None, 1),
        (LaunchConfiguration("x"), str, "1"),
        (LaunchConfiguration("x"), float, 1.0),
        (LaunchConfiguration("x"), bool, True),
        (LaunchConfiguration("list"), list[float], [0.5, 1.5]),
        (["x", LaunchConfiguration("x")], None, "x1"),
        ([[LaunchConfiguration("x")], 2], list[int], [1, 2]),
        ([1, 2.5], None, [1.0, 2.5]),
        (True, bool, True),
    ],
)
def test_a_typed_substitution_gives_a_value_of_the_type(value, data_type, expected):
    result = perform_typed_substitution(
        context(x="1", list="[0.5, 1.5]"), normalize_typed_substitution(value, data_type), data_type
    )
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(("value", "data_type"), [("true", bool), ([1, "a"], None), ([1, 2], int), (1.5, int)])
def test_a_value_that_cannot_have_the_type_is_refused(value, data_type):
    with pytest.raises(TypeError):
        normalize_typed_substitution(value, data_type)


@pytest.mark.parametrize(("text", "data_type"), [("a", int), ("null", None), ("{a: 1}", None), ("[1, a]", list[int])])
def test_a_text_that_cannot_be_coerced_is_refused(text, data_type):
    value = normalize_typed_substitution(TextSubstitution(text=text), data_type)
    with pytest.raises(ValueError):
        perform_typed_substitution(context(), value, data_type)


# Conditions


@pytest.mark.parametrize(
    ("text", "holds"), [("true", True), (" True ", True), ("1", True), ("false", False), ("0", False)]
)
def test_conditions(text, holds):
    assert IfCondition(LaunchConfiguration("x")).evaluate(context(x=text)) is holds
    assert UnlessCondition(LaunchConfiguration("x")).evaluate(context(x=text)) is not holds


@pytest.mark.parametrize("text", ["", "yes", "2"])
def test_any_other_condition_is_an_error(text):
    with pytest.raises(ValueError, match="true, 1, false, 0"):
        UnlessCondition(text).evaluate(context())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_conditions_on_configurations():
    assert LaunchConfigurationEquals("x", "1").evaluate(context(x="1"))
    assert LaunchConfigurationEquals("x", None).evaluate(context())
    assert not LaunchConfigurationEquals("x", "1").evaluate(context())
    assert LaunchConfigurationNotEquals("x", "1").evaluate(context(x="2"))


# Arguments


def test_arguments_have_defaults_and_values(tmp_path):
    body = """[
        DeclareLaunchArgument("a", default_value="1"),
        DeclareLaunchArgument("b", default_value=["b", LaunchConfiguration("a")]),
        LogInfo(msg=[LaunchConfiguration("a"), " ", LaunchConfiguration("b")]),
    ]"""
    assert "[launch.user]: 1 b1" in run(tmp_path, body).output
    assert "[launch.user]: 2 b2" in run(tmp_path, body, "a:=2").output
    assert "[launch.user]: 1 x" in run(tmp_path, body, "b:=x").output


def test_a_required_argument_must_be_given(tmp_path):
    body = '[DeclareLaunchArgument("bag", description="Bag to play"), LogInfo(msg=LaunchConfiguration("bag"))]'
    output = run(tmp_path, body, code=1).output
    assert "'bag'" in output
    assert "Bag to play" in output
    run(tmp_path, body, "bag:=x")


def test_an_argument_must_be_one_of_its_choices(tmp_path):
    body = '[DeclareLaunchArgument("mode", default_value="a", choices=["a", "b"])]'
    assert """"mode" provided value "c" is not valid""" in run(tmp_path, body, "mode:=c", code=1).output
    run(tmp_path, body, "mode:=b")
    with pytest.raises(RuntimeError):
        DeclareLaunchArgument("mode", default_value="c", choices=["a"])


def test_all_arguments_can_be_listed(tmp_path):
    included = write(tmp_path, '[DeclareLaunchArgument("c"), DeclareLaunchArgument("a")]', "included.launch.py")
    include = IncludeLaunchDescription(PythonLaunchDescriptionSource(str(included)))
    hidden = IncludeLaunchDescription(PythonLaunchDescriptionSource(LaunchConfiguration("unknown")))
    first = DeclareLaunchArgument("a", default_value="1", description="First.", choices=["1", "2"])
    handled = RegisterEventHandler(OnShutdown(on_shutdown=[]))
    inner = GroupAction([DeclareLaunchArgument("b")], condition=IfCondition("false"))
    description = LaunchDescription([first, inner, include, hidden, handled])
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    assert list(arguments) == ["a", "b", "c"]
    assert arguments["a"].description == "First. Valid choices are: ['1', '2']"
    assert arguments["b"].description == "no description given"
    assert [part.describe() for part in arguments["a"].default_value] == ["'1'"]
    assert arguments["c"].default_value is None
    pairs = description.get_launch_arguments_with_include_launch_description_actions()
    assert [includes for _, includes in pairs] == [None, None, [include]]


# Scopes


def test_a_group_is_a_scope(tmp_path):
    output = run(
        tmp_path,
        """[
        SetLaunchConfiguration("x", "1"), SetEnvironmentVariable("AISLE_V", "e"),
        GroupAction([
            SetLaunchConfiguration("x", "2"),
            AppendEnvironmentVariable("AISLE_V", "f"), AppendEnvironmentVariable("AISLE_V", "d", prepend=True),
            LogInfo(msg=["inner ", LaunchConfiguration("x"), " ", EnvironmentVariable("AISLE_V")]),
        ]),
        LogInfo(msg=["outer ", LaunchConfiguration("x"), " ", EnvironmentVariable("AISLE_V")]),
        GroupAction([SetLaunchConfiguration("x", "3"), UnsetEnvironmentVariable("AISLE_V")], scoped=False),
        LogInfo(msg=["after ", LaunchConfiguration("x"), " ", EnvironmentVariable("AISLE_V", default_value="none")]),
    ]""",
    ).output
    assert "inner 2 d:e:f" in output
    assert "outer 1 e\n" in output
    assert "after 3 none" in output


def test_a_group_without_forwarding_starts_from_nothing_but_its_own(tmp_path):
    output = run(
        tmp_path,
        """[
        SetLaunchConfiguration("x", "1"), SetLaunchConfiguration("y", "2"), SetEnvironmentVariable("AISLE_V", "e"),
        GroupAction(
            [LogInfo(msg=["in", *(LaunchConfiguration(n, default="-") for n in "xyz"),
                          EnvironmentVariable("AISLE_V", default_value="-")])],
            forwarding=False, launch_configurations={"z": LaunchConfiguration("y")},
        ),
    ]""",
    ).output
    assert "in--2-" in output


def test_an_include_takes_arguments_and_knows_its_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    included = write(
        tmp_path / "sub",
        """[
        DeclareLaunchArgument("who"), DeclareLaunchArgument("x", default_value="7"),
        LogInfo(msg=["for ", LaunchConfiguration("who"), LaunchConfiguration("x"), " in ", ThisLaunchFileDir()]),
    ]""",
        "included.launch.py",
    )
    source = f"PythonLaunchDescriptionSource(['{included.parent}', '/included.launch.py'])"
    output = run(
        tmp_path,
        f"""[
        DeclareLaunchArgument("me", default_value="me"),
        LogInfo(msg=["at ", ThisLaunchFileDir()]),
        GroupAction([
            IncludeLaunchDescription({source}, launch_arguments={{"who": LaunchConfiguration("me")}}.items()),
        ]),
        LogInfo(msg=["group: ", LaunchConfiguration("who", default="gone")]),
        IncludeLaunchDescription({source}, launch_arguments=[("who", ["y", "ou"])]),
        LogInfo(msg=["no group: ", LaunchConfiguration("who", default="gone")]),
    ]""",
    ).output
    assert f"at {tmp_path}\n" in output
    assert f"for me7 in {included.parent}" in output
    assert "group: gone" in output
    assert "no group: you" in output
    assert "missing required argument 'who'" in run(tmp_path, f"[IncludeLaunchDescription({source})]", code=1).output


# Processes


def test_output_and_results_are_reported_by_name(tmp_path):
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.stdout.write('no newline'); sys.exit({})"
    running = run(tmp_path, f'[python("{code.format(0)}", "good"), python("{code.format(3)}", "bad")]')
    for name in ("good", "bad"):
        assert sorted(running.lines(name)) == ["err", "no newline", "out"]
    pid = running.read_until(r"\[INFO\] \[good-1\]: process started with pid \[(\d+)\]")[1]
    assert f"[INFO] [good-1]: process has finished cleanly [pid {pid}]" in running.output
    assert running.read_until(r"\[ERROR\] \[bad-2\]: process has died \[pid \d+, exit code 3, cmd '.+'\]\.")


def test_lines_of_many_processes_stay_whole(tmp_path):
    code = "for _ in range(500): print('{}' * 400)"
    names = "abc"
    running = run(tmp_path, "[" + ", ".join(f"python({code.format(name)!r}, {name!r})" for name in names) + "]")
    for name in names:
        assert running.lines(name) == [name * 400] * 500


def test_output_goes_where_it_is_wanted(tmp_path):
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    kinds = {
        "screen": ["err", "out"],
        "log": ["err"],
        "both": ["err", "out"],
        "own": ["out"],
    }
    outputs = {kind: kind for kind in kinds} | {"own": {"stdout": "screen", "stderr": "log"}}
    running = run(tmp_path, "[" + ", ".join(f'python("{code}", {k!r}, {v!r})' for k, v in outputs.items()) + "]")
    assert {kind: sorted(running.lines(kind)) for kind in kinds} == kinds
    log = next((tmp_path / "log").glob("*/launch.log")).read_text()
    assert "[log-2] out" in log
    assert "[own-4] err" in log
    assert "[screen-1] out" not in log
    assert "process has finished cleanly" in log


def test_command_folder_environment_and_shell(tmp_path):
    code = "import os; print(os.getcwd(), os.environ.get('A'), os.environ.get('B'), 'PATH' in os.environ)"
    running = run(
        tmp_path,
        f"""[
        DeclareLaunchArgument("x", default_value="1"),
        python("{code}", "added", cwd=["{tmp_path}"], additional_env={{"A": ["a", LaunchConfiguration("x")]}}),
        python("{code}", "replaced", env={{"B": "b"}}),
        ExecuteProcess(cmd=["echo", "$((1 + 2))", "&&", "exit", "4"], name="shell", shell=True, output="screen"),
        ExecuteProcess(cmd=["echo", ["a", LaunchConfiguration("x")], "$HOME"], output="screen"),
    ]""",
    )
    assert running.lines("added") == [f"{tmp_path} a1 None True"]
    assert running.lines("replaced") == [f"{os.getcwd()} None b False"]
    assert running.lines("shell") == ["3"]
    assert "exit code 4" in running.output
    assert running.lines("echo") == ["a1 $HOME"]


def test_respawn_and_its_limit(tmp_path):
    running = run(tmp_path, "[python('print(1)', 'again', respawn=True, respawn_delay=0.01, respawn_max_retries=2)]")
    assert running.lines("again") == ["1", "1", "1"]


@standin_only
def test_respawn_ends_with_the_launch(tmp_path):
    running = Launch(write(tmp_path, "[python('print(1)', 'again', respawn=True, respawn_delay=1000.0)]"))
    running.read_until("finished cleanly")
    running.signal(signal.SIGINT)
    assert running.finish() == 0
    assert running.lines("again") == ["1"]


def test_conditions_decide_what_runs(tmp_path):
    running = run(
        tmp_path,
        """[
        DeclareLaunchArgument("x"),
        python("print('if')", "if", condition=IfCondition(LaunchConfiguration("x"))),
        python("print('unless')", "unless", condition=UnlessCondition(LaunchConfiguration("x"))),
    ]""",
        "x:=false",
    )
    assert running.lines("unless") == ["unless"]
    assert running.lines("if") == []


def test_events_of_processes(tmp_path):
    path = tmp_path / "test.launch.py"
    write(tmp_path, "[]")
    path.write_text(
        path.read_text()
        + """
def generate_launch_description():
    first = python("print('hi')", "first")
    second = python("raise SystemExit(3)", "second", on_exit=lambda event, context: LogInfo(msg=f"{event.returncode}!"))
    return LaunchDescription([
        RegisterEventHandler(OnProcessStart(target_action=first, on_start=LogInfo(msg="first started"))),
        RegisterEventHandler(OnProcessExit(target_action=first, on_exit=[LogInfo(msg="first gone"), second])),
        RegisterEventHandler(OnProcessExit(on_exit=lambda event, context: LogInfo(msg=f"any {event.process_name}"))),
        RegisterEventHandler(OnShutdown(on_shutdown=[LogInfo(msg="bye")])),
        first,
    ])
"""
    )
    running = Launch(path)
    assert running.finish() == 0
    messages = [line.split("]: ")[1] for line in running.output.splitlines() if "[launch.user]" in line]
    assert messages == ["first started", "any first-1", "first gone", "3!", "any second-2", "bye"]


def test_the_end_of_a_required_process_ends_the_launch(tmp_path):
    running = Launch(
        write(
            tmp_path,
            """[
        python("import time; time.sleep(1000)", "other"),
        python("import sys; sys.stdin.close(); print('up'); raise SystemExit(5)", "player",
               on_exit=Shutdown(reason="over")),
    ]""",
        )
    )
    assert running.finish() == 0
    assert "process[player-2] was required: shutting down launched system" in running.output
    assert "sending signal 'SIGINT' to process[other-1]" in running.output


def test_a_single_process_can_be_shut_down(tmp_path):
    path = write(tmp_path, "[]")
    path.write_text(
        path.read_text()
        + """
def generate_launch_description():
    child = python("import time; print('up'); time.sleep(1000)", "child")
    stop = EmitEvent(event=ShutdownProcess(process_matcher=matches_action(child)))
    other = python("print('other')", "other")
    return LaunchDescription([child, RegisterEventHandler(OnProcessStart(target_action=child, on_start=stop)),
                              RegisterEventHandler(OnProcessExit(target_action=child, on_exit=other))])
"""
    )
    running = Launch(path)
    assert running.finish() == 0
    assert running.lines("other") == ["other"]


def test_a_timer_acts_once_and_not_after_a_shutdown(tmp_path):
    output = run(
        tmp_path,
        """[
        TimerAction(period=0.01, actions=[LogInfo(msg="early"), Shutdown()]),
        TimerAction(period=1000.0, actions=[LogInfo(msg="late")]),
    ]""",
    ).output
    assert output.count("early") == 1
    assert "late" not in output


def test_an_opaque_function_gives_entities(tmp_path):
    path = write(tmp_path, "[]")
    path.write_text(
        path.read_text()
        + """
def function(context, word, end):
    return [LogInfo(msg=word + LaunchConfiguration("x").perform(context) + end)]

def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("x", default_value="1"),
        OpaqueFunction(function=function, args=["a"], kwargs={"end": "z"}),
    ])
"""
    )
    running = Launch(path)
    assert running.finish() == 0
    assert "[launch.user]: a1z" in running.output


def test_what_raises_ends_the_launch_with_code_1(tmp_path):
    assert (
        "launch configuration 'no' does not exist"
        in run(tmp_path, '[LogInfo(msg=LaunchConfiguration("no")), LogInfo(msg="after")]', code=1).output
    )
    twice = "(lambda p: [p, p])(python('print(1)', 'p'))"
    assert "executed more than once" in run(tmp_path, twice, code=1).output


# Endings

# They wait for signals with sigwait, because one that arrives just before time.sleep does not end the sleep.
POLITE = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("up")
signal.sigwait({signal.SIGINT})
print("clean")
"""
STUBBORN = """
import os, signal
numbers = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
print("up", os.getpid())
while True:
    print("got", int(signal.sigwait(numbers)))
"""


def test_ctrl_c_reaches_every_child_and_is_no_error(tmp_path):
    running = Launch(write(tmp_path, f'[python({POLITE!r}, "a"), python({POLITE!r}, "b")]'))
    running.read_until(r"(?s)(\] up.*){2}")
    running.signal(signal.SIGINT)
    assert running.finish() == 0
    assert running.lines("a")[-1] == running.lines("b")[-1] == "clean"
    assert "user interrupted with ctrl-c (SIGINT)" in running.output


def test_a_stubborn_child_is_terminated_and_killed(tmp_path):
    running = Launch(
        write(tmp_path, f'[python({STUBBORN!r}, "a", sigterm_timeout="0.1"), python({STUBBORN!r}, "b")]'),
        "sigterm_timeout:=0.2",
        "sigkill_timeout:=0.1",
    )
    running.read_until(r"(?s)(\] up.*){2}")
    running.signal(signal.SIGINT)
    assert running.finish() == 0
    for name in ("a", "b"):
        assert [line for line in running.lines(name) if "got" in line] == ["got 2", "got 15"]
    assert "'0.1' seconds after receiving 'SIGINT', escalating to 'SIGTERM'" in running.output
    assert running.output.count("escalating to 'SIGKILL'") == 2
    assert running.output.count("exit code -9") == 2


@standin_only
def test_a_second_ctrl_c_terminates_and_a_third_kills(tmp_path):
    running = Launch(write(tmp_path, f'[python({STUBBORN!r}, "a")]'), "sigterm_timeout:=1000", "sigkill_timeout:=1000")
    running.read_until("up")
    running.signal(signal.SIGINT)
    running.read_until("got 2")
    running.signal(signal.SIGINT)
    running.read_until("got 15")
    running.signal(signal.SIGINT)
    assert running.finish() == 0
    assert "exit code -9" in running.output


@standin_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_other_signals_shut_everything_down_too(tmp_path, number):
    running = Launch(write(tmp_path, f'[python({POLITE!r}, "a")]'))
    running.read_until("up")
    running.signal(number)
    assert running.finish() == 1
    assert running.lines("a") == ["up", "clean"], running.output


@standin_only
def test_children_die_with_a_killed_launcher(tmp_path):
    running = Launch(write(tmp_path, f'[python({STUBBORN!r}, "a"), python({STUBBORN!r}, "b")]'))
    running.read_until(r"(?s)(\] up.*){2}")
    pids = [int(line.split("[")[-1][:-1]) for line in running.output.splitlines() if "started with pid" in line]
    assert len(pids) == 2
    running.signal(signal.SIGKILL)
    running.finish()
    for pid in pids:
        wait_until_gone(pid)


@standin_only
def test_what_a_child_started_ends_with_it(tmp_path):
    parent = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-u", "-c", {STUBBORN!r}], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline())
"""
    running = run(tmp_path, f"[python({parent!r}, 'parent')]")
    wait_until_gone(int(running.lines("parent")[0].split()[1]))


@standin_only
def test_an_error_does_not_leave_processes_behind(tmp_path):
    running = run(tmp_path, f'[python({POLITE!r}, "a"), LogInfo(msg=LaunchConfiguration("no"))]', code=1)
    pids = [int(line.split("[")[-1][:-1]) for line in running.output.splitlines() if "started with pid" in line]
    for pid in pids:
        wait_until_gone(pid)


@standin_only
def test_a_command_that_cannot_be_executed_is_an_error_of_its_own(tmp_path):
    running = run(tmp_path, '[ExecuteProcess(cmd=["no-such-command"]), python("print(1)", "other")]', code=1)
    assert "cannot execute 'no-such-command': No such file or directory" in running.output
    assert running.lines("other") == ["1"]
    assert "Traceback" not in running.output


@standin_only
def test_names_are_coloured_on_a_terminal_only(tmp_path):
    path = write(tmp_path, "[python('print(1)', 'a')]")
    assert "\033[" not in run(tmp_path, "[python('print(1)', 'a')]").output
    for no_color, coloured in (("", True), ("1", False)):
        ours, theirs = os.openpty()
        try:
            running = Launch(path, stdout=theirs, NO_COLOR=no_color)
            assert running.process.wait(LONGEST_WAIT_S) == 0
            output = os.read(ours, 1 << 16).decode()
        finally:
            os.close(ours)
            os.close(theirs)
        assert ("\033[" in output) is coloured
        assert "1" in output


@standin_only
def test_the_launch_ends_when_nobody_reads_its_output(tmp_path):
    running = Launch(write(tmp_path, f"[python({'while True: print(1)'!r}, 'a')]"))
    pid = int(running.read_until(r"started with pid \[(\d+)\]")[1])
    running.process.stdout.close()
    assert running.process.wait(LONGEST_WAIT_S) == 1
    wait_until_gone(pid)


def test_a_service_can_be_shut_down_from_another_thread(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        """
import sys, threading
from launch import LaunchDescription, LaunchService
from launch.actions import ExecuteProcess, RegisterEventHandler, OpaqueFunction
from launch.event_handlers import OnProcessStart

service = LaunchService()
child = ExecuteProcess(cmd=[sys.executable, "-c", "import time; time.sleep(1000)"])
stop = OpaqueFunction(function=lambda context: threading.Thread(target=service.shutdown).start())
service.include_launch_description(LaunchDescription([
    RegisterEventHandler(OnProcessStart(target_action=child, on_start=[stop])), child,
]))
raise SystemExit(service.run())
"""
    )
    environment = {**os.environ, "ROS_LOG_DIR": str(tmp_path / "log")}
    finished = subprocess.run([sys.executable, script], env=environment, timeout=LONGEST_WAIT_S, check=False)
    assert finished.returncode == 0


def test_the_final_command_can_be_inspected():
    process = ExecuteProcess(cmd=["a", ["b", LaunchConfiguration("x")]])
    assert process.process_details is None
    assert len(process.cmd) == 2
