"""What entities find when they are visited."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from launch.event import Event
from launch.event_handler import BaseEventHandler
from launch.substitution import Substitution


class LaunchContext:
    """Launch configurations, environment, local objects and event handlers of one launch."""

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False) -> None:
        self._argv = list(argv or [])
        self._noninteractive = noninteractive
        self._configurations: dict[str, Any] = {}
        self._globals: dict[str, Any] = {}
        self._locals: dict[str, Any] = {}
        self._locals_stack: list[dict[str, Any]] = []
        self._scopes: list[tuple[dict[str, Any], dict[str, str]]] = []
        self._initial_environment = dict(os.environ)
        self._event_handlers: deque[BaseEventHandler] = deque()
        self._event_queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._temporary_directory: Path | None = None
        self._is_shutdown = False
        self._has_failed = False

    @property
    def argv(self) -> list[str]:
        return self._argv

    @property
    def noninteractive(self) -> bool:
        return self._noninteractive

    @property
    def is_shutdown(self) -> bool:
        return self._is_shutdown

    @property
    def asyncio_loop(self) -> asyncio.AbstractEventLoop | None:
        return self._loop

    @property
    def launch_configurations(self) -> dict[str, Any]:
        return self._configurations

    @property
    def environment(self) -> MutableMapping[str, str]:
        """The environment of this process, which is the one that children inherit."""
        return os.environ

    @property
    def locals(self) -> SimpleNamespace:
        """Local and global objects as attributes."""
        return SimpleNamespace(**self.get_locals_as_dict())

    def get_locals_as_dict(self) -> dict[str, Any]:
        return self._globals | self._locals

    def extend_globals(self, extensions: dict[str, Any]) -> None:
        self._globals.update(extensions)

    def extend_locals(self, extensions: dict[str, Any]) -> None:
        """Add objects that live until the event being handled is done."""
        self._locals.update(extensions)

    def perform_substitution(self, substitution: Substitution) -> str:
        return substitution.perform(self)

    def register_event_handler(self, event_handler: BaseEventHandler, append: bool = False) -> None:
        """Add a handler before all others, or behind them if `append`."""
        if append:
            self._event_handlers.append(event_handler)
        else:
            self._event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: BaseEventHandler) -> None:
        self._event_handlers.remove(event_handler)

    def emit_event_sync(self, event: Event) -> None:
        self._event_queue.put_nowait(event)

    async def emit_event(self, event: Event) -> None:
        self.emit_event_sync(event)

    def _push_locals(self) -> None:
        self._locals_stack.append(dict(self._locals))

    def _pop_locals(self) -> None:
        self._locals = self._locals_stack.pop()

    def _push_scope(self) -> None:
        self._scopes.append((dict(self._configurations), dict(os.environ)))

    def _pop_scope(self) -> None:
        self._configurations, environment = self._scopes.pop()
        _replace_environment(environment)

    def _reset_environment(self) -> None:
        _replace_environment(self._initial_environment)

    def _temporary_file(self, prefix: str, text: str) -> str:
        """Write a file that lives as long as the launch and give its path."""
        if self._temporary_directory is None:
            self._temporary_directory = Path(tempfile.mkdtemp(prefix="launch_"))
        handle, path = tempfile.mkstemp(prefix=prefix, suffix=".yaml", dir=self._temporary_directory)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _remove_temporary_files(self) -> None:
        if self._temporary_directory is not None:
            shutil.rmtree(self._temporary_directory, ignore_errors=True)
            self._temporary_directory = None


def _replace_environment(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
