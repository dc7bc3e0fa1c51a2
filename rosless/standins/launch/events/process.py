"""Events of processes."""

from __future__ import annotations

from collections.abc import Callable
from signal import Signals
from typing import TYPE_CHECKING

from launch.event import Event

if TYPE_CHECKING:
    from launch.actions import ExecuteProcess

__all__ = ["ProcessExited", "ProcessStarted", "ShutdownProcess", "SignalProcess"]


class RunningProcessEvent(Event):
    """Something happened to a process of ours."""

    name = "launch.events.process.RunningProcessEvent"

    def __init__(
        self,
        *,
        action: ExecuteProcess,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str] | None,
        pid: int,
    ) -> None:
        self._action = action
        self._name = name
        self._cmd = cmd
        self._cwd = cwd
        self._env = env
        self._pid = pid

    @property
    def action(self) -> ExecuteProcess:
        return self._action

    @property
    def process_name(self) -> str:
        return self._name

    @property
    def cmd(self) -> list[str]:
        return self._cmd

    @property
    def cwd(self) -> str | None:
        return self._cwd

    @property
    def env(self) -> dict[str, str] | None:
        return self._env

    @property
    def pid(self) -> int:
        return self._pid


class ProcessStarted(RunningProcessEvent):
    """A process has started."""

    name = "launch.events.process.ProcessStarted"


class ProcessExited(RunningProcessEvent):
    """A process has ended; a negative return code is the signal that killed it."""

    name = "launch.events.process.ProcessExited"

    def __init__(
        self,
        *,
        returncode: int,
        action: ExecuteProcess,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str] | None,
        pid: int,
    ) -> None:
        super().__init__(action=action, name=name, cmd=cmd, cwd=cwd, env=env, pid=pid)
        self._returncode = returncode

    @property
    def returncode(self) -> int:
        return self._returncode


class ProcessTargetedEvent(Event):
    """Something shall be done to the processes whose action matches."""

    name = "launch.events.process.ProcessTargetedEvent"

    def __init__(self, *, process_matcher: Callable[[ExecuteProcess], bool]) -> None:
        self._process_matcher = process_matcher

    @property
    def process_matcher(self) -> Callable[[ExecuteProcess], bool]:
        return self._process_matcher


class ShutdownProcess(ProcessTargetedEvent):
    """They shall be shut down."""

    name = "launch.events.process.ShutdownProcess"


class SignalProcess(ProcessTargetedEvent):
    """They shall get a signal, a member of `signal.Signals` or the text `SIGKILL`."""

    name = "launch.events.process.SignalProcess"

    def __init__(self, *, signal_number: str | Signals, process_matcher: Callable[[ExecuteProcess], bool]) -> None:
        super().__init__(process_matcher=process_matcher)
        if not isinstance(signal_number, (str, Signals)):
            raise TypeError(f"signal_number must be a signal.Signals or 'SIGKILL', got {signal_number!r}")
        self._signal = signal_number

    @property
    def signal(self) -> str | Signals:
        return self._signal

    @property
    def signal_name(self) -> str:
        return self._signal if isinstance(self._signal, str) else self._signal.name
