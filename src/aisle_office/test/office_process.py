"""The office as a process that is killed and started again and again: what it imports is loaded once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess

from aisle_office.office import main

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["aisle_office.office"])


class OfficeProcess:
    """``arguments``: of the office's command line. ``secret``: of its environment."""

    def __init__(self, arguments: Sequence[str], secret: str) -> None:
        self._arguments = (list(arguments), secret)
        self._process: ForkServerProcess | None = None

    def start(self) -> None:
        self._process = _FORKS.Process(target=_run, args=self._arguments, daemon=True)
        self._process.start()

    def kill(self) -> None:
        """With signal 9."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def end(self) -> int | None:
        """As a store does; gives the exit code."""
        assert self._process is not None
        self._process.terminate()
        self._process.join()
        return self._process.exitcode


def _run(arguments: list[str], secret: str) -> None:
    os.environ["AISLE_OFFICE_SECRET"] = secret
    main(arguments)
