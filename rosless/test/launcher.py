"""Runs launch files in a process of their own, for the tests of `launch` and `launch_ros`, stand-in or real."""

import os
import re
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import ClassVar

import launch
import pytest

HEADER = """
import sys
from launch import *
from launch.actions import *
from launch.conditions import *
from launch.event_handlers import *
from launch.events import matches_action
from launch.events.process import *
from launch.launch_description_sources import *
from launch.substitutions import *
from launch_ros.actions import *
from launch_ros.parameter_descriptions import *
from launch_ros.substitutions import *

def python(code, name, output="screen", **options):
    return ExecuteProcess(cmd=[sys.executable, "-u", "-c", code], name=name, output=output, **options)
"""

RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

service = LaunchService(argv=sys.argv[2:], noninteractive=True)
arguments = [argument.split(":=") for argument in sys.argv[2:]]
source = PythonLaunchDescriptionSource(sys.argv[1])
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments)]))
sys.exit(service.run())
"""

IS_STANDIN = "Stands in for" in (launch.__doc__ or "")
standin_only = pytest.mark.skipif(not IS_STANDIN, reason="the real launch is less strict here")

LONGEST_WAIT_S = 60


class Launch:
    """A running launcher; it and its output are waited for, at most LONGEST_WAIT_S."""

    started: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, path: Path, *arguments: str, stdout: int = subprocess.PIPE, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ROS_LOG_DIR": str(path.parent / "log"), "NO_COLOR": "", **environment},
            start_new_session=True,
        )
        self.started.append(self.process)
        self.output = ""

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read output until it matches; pytest fails if it ends or stalls before."""
        while not (match := re.search(pattern, self.output)):
            chunk = self._read()
            if not chunk:
                pytest.fail(f"no {pattern!r} in the launcher's output:\n{self.output}")
        return match

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def finish(self) -> int:
        """Read to the end of the output and give the exit code."""
        while self._read():
            pass
        return self.process.wait(LONGEST_WAIT_S)

    def lines(self, name: str) -> list[str]:
        """What the process of this name printed."""
        return re.findall(rf"^\[{name}-\d+\] (.*)$", self.output, re.MULTILINE)

    def _read(self) -> str:
        stream = self.process.stdout
        assert stream is not None
        if not select.select([stream], [], [], LONGEST_WAIT_S)[0]:
            pytest.fail(f"the launcher is silent and does not end:\n{self.output}")
        chunk = os.read(stream.fileno(), 1 << 16).decode()
        self.output += chunk
        return chunk


def write(folder: Path, body: str, name: str = "test.launch.py") -> Path:
    """A launch file whose description has the entities of `body`, a list display."""
    path = folder / name
    body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    path.write_text(f"{HEADER}\ndef generate_launch_description():\n    return LaunchDescription(\n{body}\n    )\n")
    return path


def run(folder: Path, body: str, *arguments: str, code: int = 0) -> Launch:
    """Run a launch file to its end, which must give the exit code."""
    running = Launch(write(folder, body), *arguments)
    assert running.finish() == code, running.output
    return running


def wait_until_gone(pid: int) -> None:
    """Wait for the end of a process that need not be ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], LONGEST_WAIT_S)[0], f"process {pid} still runs"
    finally:
        os.close(descriptor)
