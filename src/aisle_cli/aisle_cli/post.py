"""A mail server on this machine that keeps what it gets as files, for the demo, benchmarks and tests."""

from __future__ import annotations

import socket
import time
from email import message_from_bytes, policy
from pathlib import Path
from types import TracebackType

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from aisle_replay.results import write_atomically


class Post:
    """Use it as a context, again and again. A mail becomes ``<number>-<receiver>.eml``, its page ``.html``.

    A file ``.eml`` is whole as soon as it is there.

    arrived: when [ns since 1970] each mail came, by file name without ending.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrived: dict[str, int] = {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"
        self._controller: Controller | None = None

    def __enter__(self) -> Post:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._controller = Controller(self, hostname="127.0.0.1", port=self._port)
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        for address in envelope.rcpt_tos:
            name = f"{len(self.arrived) + 1:03}-{address.partition('@')[0]}"
            self.arrived[name] = time.time_ns()
            content = envelope.original_content or b""
            page = message_from_bytes(content, policy=policy.default).get_body(("html",))
            if page is not None:
                write_atomically({self.folder / f"{name}.html": page.get_content()})
            write_atomically({self.folder / f"{name}.eml": content})
        return "250 kept"
