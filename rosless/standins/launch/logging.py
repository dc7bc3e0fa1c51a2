"""Where the launcher writes: whole lines to the screen, and to one log file per run.

The log file is `<time>-<host>-<pid>/launch.log` below `$ROS_LOG_DIR`, else `$ROS_HOME/log`, else `~/.ros/log`.
On a terminal the names before the lines are coloured, unless NO_COLOR is set.
"""

from __future__ import annotations

import datetime
import logging
import os
import signal
import socket
import sys
import time
import zlib
from pathlib import Path
from typing import TextIO

__all__ = ["LaunchConfig", "get_logger", "launch_config"]

_LEVEL_COLOURS = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}
_NAME_COLOURS = (36, 35, 34, 32, 96, 95, 94, 92)


class LaunchConfig:
    """Settings of the log."""

    def __init__(self) -> None:
        self._log_dir: Path | None = None
        self._log_file: TextIO | None = None
        self._level = logging.INFO

    @property
    def level(self) -> int:
        """The least level of the launcher's own messages."""
        return self._level

    @level.setter
    def level(self, new_level: int) -> None:
        self._level = new_level

    @property
    def log_dir(self) -> str:
        """The folder of this run's log file, made when first asked for."""
        if self._log_dir is None:
            base = os.environ.get("ROS_LOG_DIR") or os.path.join(os.environ.get("ROS_HOME") or "~/.ros", "log")
            name = f"{datetime.datetime.now():%Y-%m-%d-%H-%M-%S-%f}-{socket.gethostname()}-{os.getpid()}"
            self._log_dir = Path(base).expanduser() / name
            self._log_dir.mkdir(parents=True)
        return str(self._log_dir)

    @log_dir.setter
    def log_dir(self, new_log_dir: str) -> None:
        self._log_dir = Path(new_log_dir)

    def get_log_file_path(self, file_name: str = "launch.log") -> str:
        return os.path.join(self.log_dir, file_name)

    def _open_log_file(self) -> None:
        if self._log_file is None:
            self._log_file = open(self.get_log_file_path(), "a", encoding="utf-8")  # noqa: SIM115 - open to the end

    def _to_file(self, text: str) -> None:
        if self._log_file is not None:
            self._log_file.write(f"{time.time():.7f} {text}\n")
            self._log_file.flush()


launch_config = LaunchConfig()


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= launch_config.level:
            message = record.getMessage()
            level, name = f"[{record.levelname}]", f"[{record.name}]"
            launch_config._to_file(f"{level} {name}: {message}")
            _to_screen(
                f"{_paint(level, _LEVEL_COLOURS.get(record.levelname))} {_paint(name, _name_colour(name))}: {message}"
            )


_handler = _Handler()


def get_logger(name: str | None = None) -> logging.Logger:
    """The logger of the launcher or of one of its processes."""
    logger = logging.getLogger(name)
    if _handler not in logger.handlers:
        logger.addHandler(_handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    return logger


def _write_process_line(process_name: str, line: str, destinations: frozenset[str]) -> None:
    """Write one line that a process printed to the `screen`, the `log`, both or neither."""
    name = f"[{process_name}]"
    if "log" in destinations:
        launch_config._to_file(f"{name} {line}")
    if "screen" in destinations:
        _to_screen(f"{_paint(name, _name_colour(name))} {line}")


def _to_screen(text: str) -> None:
    try:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads any more, as in `... | head`: end like a pipeline does
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open to the end
        signal.raise_signal(signal.SIGTERM)


def _paint(text: str, colour: int | None) -> str:
    if colour is None or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\033[{colour}m{text}\033[0m"


def _name_colour(name: str) -> int:
    return _NAME_COLOURS[zlib.crc32(name.encode()) % len(_NAME_COLOURS)]
