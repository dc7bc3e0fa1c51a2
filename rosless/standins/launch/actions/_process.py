"""Child processes, and how they are started, watched and ended."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.condition import Condition
from launch.event import Event
from launch.event_handler import BaseEventHandler
from launch.event_handlers import OnProcessExit, OnShutdown
from launch.events.process import ProcessExited, ProcessStarted, ShutdownProcess, SignalProcess
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import _write_process_line, get_logger
from launch.some_entities_type import SomeEntitiesType
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitutions import LaunchConfiguration
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.type_utils import coerce_to_type, normalize_typed_substitution, perform_typed_substitution

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

_process_numbers = itertools.count(1)

_SIGTERM_TIMEOUT = LaunchConfiguration("sigterm_timeout", default=5)
_SIGKILL_TIMEOUT = LaunchConfiguration("sigkill_timeout", default=5)

_OUTPUTS = {
    "screen": {"both": {"screen"}},
    "log": {"both": {"log"}, "stderr": {"screen"}},
    "both": {"both": {"log", "screen"}},
}


class ExecuteProcess(Action):
    """Runs a command and keeps an eye on it until it ends.

    - `env` replaces the environment, `additional_env` adds to it.
    - `output` says where its lines go: `screen`, `log` (both streams to the log file, stderr also to the screen),
      `both`, or a dict of `stdout`, `stderr`, `both` to `screen` and `log`; OVERRIDE_LAUNCH_PROCESS_OUTPUT wins.
    - `respawn` starts it again `respawn_delay` seconds after it ended, at most `respawn_max_retries` times unless
      that is negative.
    - On shutdown it gets SIGINT, after `sigterm_timeout` seconds SIGTERM, after `sigkill_timeout` more SIGKILL.
    - `emulate_tty` is accepted, but the output stays a pipe.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        additional_env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        shell: bool = False,
        sigterm_timeout: SomeSubstitutionsType = _SIGTERM_TIMEOUT,
        sigkill_timeout: SomeSubstitutionsType = _SIGKILL_TIMEOUT,
        emulate_tty: bool = False,
        output: SomeSubstitutionsType | dict[str, Any] = "log",
        on_exit: SomeEntitiesType | Callable[[ProcessExited, LaunchContext], SomeEntitiesType | None] | None = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(condition=condition)
        self._cmd = [normalize_to_list_of_substitutions(part) for part in cmd]
        self._name = None if name is None else normalize_to_list_of_substitutions(name)
        self._cwd = None if cwd is None else normalize_to_list_of_substitutions(cwd)
        self._env = None if env is None else _normalize_pairs(env)
        self._additional_env = _normalize_pairs(additional_env or {})
        self._shell = shell
        self._sigterm_timeout = normalize_to_list_of_substitutions(sigterm_timeout)
        self._sigkill_timeout = normalize_to_list_of_substitutions(sigkill_timeout)
        self._emulate_tty = emulate_tty
        output = os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT", output)
        self._output = output if isinstance(output, dict) else normalize_to_list_of_substitutions(output)
        self._on_exit = on_exit
        self._respawn = normalize_typed_substitution(respawn, bool)
        self._respawn_delay = respawn_delay
        self._respawn_max_retries = respawn_max_retries
        self._details: dict[str, Any] | None = None
        self._child: _Child | None = None
        self._completed: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def name(self) -> Any:
        """The final name once executed, else as given."""
        return self._name if self._details is None else self._details["name"]

    @property
    def cmd(self) -> Any:
        """The final command once executed, else as given."""
        return self._cmd if self._details is None else self._details["cmd"]

    @property
    def shell(self) -> bool:
        return self._shell

    @property
    def output(self) -> Any:
        return self._output

    @property
    def process_details(self) -> dict[str, Any] | None:
        """`action`, `name`, `cmd`, `cwd`, `env` once executed, and `pid` once started."""
        return self._details

    @property
    def return_code(self) -> int | None:
        """What the process ended with last, None if it has not."""
        return None if self._child is None else self._child.return_code

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return self._on_exit if isinstance(self._on_exit, list) else []

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        return self._completed

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        if self._details is not None:
            raise RuntimeError(f"ExecuteProcess action '{self.name}' executed more than once")
        self._details = self._prepare(context)
        if context.is_shutdown:
            return None
        context.register_event_handler(OnShutdown(on_shutdown=lambda event, context: self._stop()))
        context.register_event_handler(_OnTargeted(self))
        if self._on_exit is not None:
            context.register_event_handler(OnProcessExit(target_action=self, on_exit=self._on_exit))
        assert context.asyncio_loop is not None
        supervision = self._supervise(
            context,
            self._destinations(context),
            respawn=perform_typed_substitution(context, self._respawn, bool),
            timeouts=[
                coerce_to_type(perform_substitutions(context, timeout), float)
                for timeout in (self._sigterm_timeout, self._sigkill_timeout)
            ],
        )
        self._completed = context.asyncio_loop.create_task(supervision)
        return None

    def _prepare(self, context: LaunchContext) -> dict[str, Any]:
        cmd = [perform_substitutions(context, part) for part in self._cmd]
        name = os.path.basename(cmd[0]) if self._name is None else perform_substitutions(context, self._name)
        env = dict(context.environment) if self._env is None else {}
        for key, value in [*(self._env or []), *self._additional_env]:
            env[perform_substitutions(context, key)] = perform_substitutions(context, value)
        return {
            "action": self,
            "name": f"{name}-{next(_process_numbers)}",
            "cmd": cmd,
            "cwd": None if self._cwd is None else perform_substitutions(context, self._cwd),
            "env": env,
        }

    def _destinations(self, context: LaunchContext) -> dict[str, frozenset[str]]:
        """Where the lines of each stream go."""
        output = self._output if isinstance(self._output, dict) else perform_substitutions(context, self._output)
        if isinstance(output, str):
            if output not in _OUTPUTS:
                raise ValueError(f"output '{output}' is none of {', '.join(_OUTPUTS)}")
            output = _OUTPUTS[output]
        chosen = {key: {value} if isinstance(value, str) else set(value) for key, value in output.items()}
        known = {"stdout", "stderr", "both"}
        if not chosen.keys() <= known or not set().union(*chosen.values()) <= {"screen", "log"}:
            raise ValueError(f"output {output!r}: expected keys stdout, stderr, both and values screen, log")
        both = chosen.get("both", set())
        return {stream: frozenset(both | chosen.get(stream, set())) for stream in ("stdout", "stderr")}

    async def _supervise(
        self, context: LaunchContext, destinations: dict[str, frozenset[str]], *, respawn: bool, timeouts: list[float]
    ) -> None:
        """Run the command, as often as it respawns."""
        assert self._details is not None
        logger = get_logger(self._details["name"])
        command = " ".join(filter(str.strip, self._details["cmd"]))
        for attempt in itertools.count():
            if self._stopping.is_set():
                return
            try:
                self._child = _Child(self._details, self._shell, destinations)
            except OSError as error:
                logger.error("cannot execute '%s': %s: '%s'", command, error.strerror, error.filename)
                context._has_failed = True
                return
            self._details["pid"] = self._child.pid
            logger.info("process started with pid [%d]", self._child.pid)
            context.emit_event_sync(ProcessStarted(**self._details))
            code = await self._watch(self._child, timeouts)
            if code == 0:
                logger.info("process has finished cleanly [pid %d]", self._child.pid)
            else:
                logger.error("process has died [pid %d, exit code %d, cmd '%s'].", self._child.pid, code, command)
            context.emit_event_sync(ProcessExited(returncode=code, **self._details))
            if not respawn or attempt == self._respawn_max_retries:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._respawn_delay or 0.0)

    async def _watch(self, child: _Child, timeouts: list[float]) -> int:
        """Wait for the end of the child, and bring it about when the action is to stop."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait((child.exited, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not child.exited.done():
            self._signal(signal.SIGINT)
        escalation = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
        for (sent, number), timeout in zip(itertools.pairwise(escalation), timeouts, strict=True):
            await asyncio.wait((child.exited,), timeout=timeout)
            if not child.exited.done():
                get_logger(self.name).error(
                    "process[%s] failed to terminate '%s' seconds after receiving '%s', escalating to '%s'",
                    self.name,
                    timeout,
                    sent.name,
                    number.name,
                )
                self._signal(number)
        return await child.exited

    def _stop(self) -> None:
        self._stopping.set()

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and not self._child.exited.done():
            get_logger(self.name).info("sending signal '%s' to process[%s]", number.name, self.name)
            self._child.send_signal(number)


class _OnTargeted(BaseEventHandler):
    """Stops or signals the process of an action when an event says so."""

    def __init__(self, action: ExecuteProcess) -> None:
        super().__init__(
            matcher=lambda event: isinstance(event, (ShutdownProcess, SignalProcess)) and event.process_matcher(action)
        )
        self._action = action

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        if isinstance(event, SignalProcess):
            self._action._signal(signal.Signals[event.signal_name])
        else:
            self._action._stop()
        return None


class _Child:
    """A process that leads a session of its own, so that a signal reaches it and all that it started.

    Nothing of it survives: what is left of its process group is killed when it ends, and the kernel kills it when the
    launcher dies (PR_SET_PDEATHSIG, prctl(2); what it started itself then has to notice on its own).
    """

    def __init__(self, details: dict[str, Any], shell: bool, destinations: dict[str, frozenset[str]]) -> None:
        self._process = subprocess.Popen(
            " ".join(details["cmd"]) if shell else details["cmd"],
            cwd=details["cwd"],
            env=details["env"],
            shell=shell,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 - the launcher has one thread
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self.pid = self._process.pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._streams = [
            _Stream(self._process.stdout.fileno(), details["name"], destinations["stdout"]),
            _Stream(self._process.stderr.fileno(), details["name"], destinations["stderr"]),
        ]
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)

    @property
    def return_code(self) -> int | None:
        return self._process.returncode

    def send_signal(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)

    def _on_exit(self) -> None:
        """Called when the process is a zombie: all it wrote is in the pipes, and its group has not been given away."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        os.killpg(self.pid, signal.SIGKILL)
        for stream in self._streams:
            stream.finish()
        with self._process:
            self.exited.set_result(self._process.wait())


class _Stream:
    """Takes whole lines from a pipe."""

    _CHUNK = 1 << 16
    _LARGEST_PIPE = 1 << 20
    _LONGEST_LINE = 1 << 20

    def __init__(self, fd: int, process_name: str, destinations: frozenset[str]) -> None:
        self._fd = fd
        self._process_name = process_name
        self._destinations = destinations
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    def finish(self) -> None:
        """Take what is left (a pipe holds at most 1 MiB), though somebody else may hold the pipe open."""
        for _ in range(self._LARGEST_PIPE // self._CHUNK):
            if not self._read():
                break
        self._loop.remove_reader(self._fd)
        if self._rest:
            self._write(self._rest)

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, self._CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._fd)
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._write(line)
        return True

    def _write(self, line: bytes) -> None:
        _write_process_line(self._process_name, line.decode(errors="replace"), self._destinations)


def _die_with_parent(parent: int) -> Callable[[], None]:
    """What a child does before it executes the command."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    set_parent_death_signal = 1

    def prepare() -> None:
        prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _normalize_pairs(mapping: Mapping[SomeSubstitutionsType, SomeSubstitutionsType]) -> list[tuple[Any, Any]]:
    return [
        (normalize_to_list_of_substitutions(key), normalize_to_list_of_substitutions(value))
        for key, value in mapping.items()
    ]
