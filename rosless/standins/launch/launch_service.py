"""The event loop of a launch."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Iterable

from launch.event import Event
from launch.event_handler import EventHandler, _as_entities
from launch.event_handlers import OnShutdown
from launch.events import IncludeLaunchDescription, Shutdown
from launch.events.process import SignalProcess
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import get_logger, launch_config
from launch.some_entities_type import SomeEntitiesType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


class LaunchService:
    """Visits launch descriptions and handles events until nothing is left to do or a shutdown is asked for."""

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False, debug: bool = False) -> None:
        launch_config.level = logging.DEBUG if debug else logging.INFO
        self._logger = get_logger("launch")
        self._debug = debug
        self._context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self._context.register_event_handler(_OnInclude())
        self._context.register_event_handler(OnShutdown(on_shutdown=self._on_shutdown))
        self._futures: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._signals = 0

    @property
    def context(self) -> LaunchContext:
        return self._context

    @property
    def event_loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop while running."""
        return self._loop

    def emit_event(self, event: Event) -> None:
        """Emit an event, from any thread; it waits for `run` if that has not been called."""
        with self._lock:
            if self._loop is None:
                self._context.emit_event_sync(event)
            else:
                self._loop.call_soon_threadsafe(self._context.emit_event_sync, event)

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        self.emit_event(IncludeLaunchDescription(launch_description))

    def shutdown(self, force_sync: bool = False) -> None:
        """End the launch if it is running; `force_sync` changes nothing here."""
        if self._loop is not None and not self._context.is_shutdown:
            self.emit_event(Shutdown(reason="LaunchService.shutdown() called"))

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """Run to the end: 0 after a normal end or Ctrl-C, 1 if something raised, did not start, or on SIGTERM."""
        return asyncio.run(self.run_async(shutdown_when_idle=shutdown_when_idle), debug=self._debug)

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """The same within a running event loop of the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("LaunchService can only be run in the main thread")
        if self._loop is not None:
            raise RuntimeError("LaunchService is running already")
        context, loop = self._context, asyncio.get_running_loop()
        with self._lock:
            self._loop = context._loop = loop
        self._log_where()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            while True:
                if context._event_queue.empty() and not self._futures:
                    if context.is_shutdown:
                        return int(context._has_failed)
                    if shutdown_when_idle:
                        self._shut_down("idle")
                event = await context._event_queue.get()
                if event is not None:
                    self._handle(event)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
            with self._lock:
                self._loop = context._loop = None
            context._remove_temporary_files()

    def _log_where(self) -> None:
        try:
            launch_config._open_log_file()
            self._logger.info("All log files can be found below %s", launch_config.log_dir)
            self._logger.info("Default logging verbosity is set to %s", logging.getLevelName(launch_config.level))
        except OSError as error:
            self._logger.warning("cannot write a log file (%s): set ROS_LOG_DIR to a writable folder", error)

    def _handle(self, event: Event) -> None:
        context = self._context
        self._logger.debug("processing event: %s", event)
        for handler in tuple(context._event_handlers):
            context._push_locals()
            try:
                if handler.matches(event):
                    for entity in _as_entities(handler.handle(event, context)):
                        self._visit(entity)
            except Exception as error:
                self._fail(error)
            finally:
                context._pop_locals()

    def _visit(self, entity: LaunchDescriptionEntity) -> None:
        members = entity.visit(self._context)
        future = entity.get_asyncio_future()
        if future is not None and not future.done() and future not in self._futures:
            self._futures.add(future)
            future.add_done_callback(self._on_done)
        for member in members or ():
            self._visit(member)

    def _on_done(self, future: asyncio.Future[None]) -> None:
        self._futures.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            self._fail(error)
        self._context._event_queue.put_nowait(None)

    def _fail(self, error: BaseException) -> None:
        message = f"Caught exception in launch (see debug for traceback): {error}"
        self._logger.debug("traceback", exc_info=error)
        self._logger.error(message)
        self._context._has_failed = True
        self._shut_down(message)

    def _shut_down(self, reason: str, *, due_to_sigint: bool = False) -> None:
        if not self._context.is_shutdown:
            self._context._is_shutdown = True
            self._context.emit_event_sync(Shutdown(reason=reason, due_to_sigint=due_to_sigint))

    def _on_shutdown(self, event: Shutdown, context: LaunchContext) -> SomeEntitiesType | None:
        context._is_shutdown = True
        return None

    def _on_signal(self, number: signal.Signals) -> None:
        self._signals += 1
        self._context._has_failed |= number != signal.SIGINT
        if self._signals == 1:
            interrupted = number == signal.SIGINT
            reason = (
                "user interrupted with ctrl-c (SIGINT)" if interrupted else f"received {number.name}, shutting down"
            )
            self._logger.warning(reason)
            self._shut_down(reason, due_to_sigint=interrupted)
        else:
            stronger = signal.SIGTERM if self._signals == 2 else signal.SIGKILL
            self._logger.warning("%s again: sending '%s' to what still runs", number.name, stronger.name)
            self._context.emit_event_sync(SignalProcess(signal_number=stronger, process_matcher=lambda _: True))


class _OnInclude(EventHandler):
    def __init__(self) -> None:
        super().__init__(matcher=lambda event: isinstance(event, IncludeLaunchDescription))

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        assert isinstance(event, IncludeLaunchDescription)
        return event.launch_description
