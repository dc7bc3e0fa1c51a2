"""What stands before all pages: sizes, where a request comes from, headers, and a limit on attempts."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from ..access import AccessLog

PAGE_BYTES = 64 * 1024
API_BYTES = 8 * 1024 * 1024
"""A catalogue of 10,000 items has about 2 MB."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_STRICT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'"
_LIVE = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'"
)
"""NiceGUI compiles its templates in the browser."""
_SIGNED_PATHS = ("/api/", "/hooks/", "/connector/")
"""For machines: each request proves by itself who sends it."""
_PATHS = ("/r/", *_SIGNED_PATHS, "/console", "/kiosk", "/_nicegui", "/favicon.ico")
_LIVE_PATHS = ("/kiosk/", "/console/", "/_nicegui")
_MOST_WRONG, _WRONG_NS = 30, 600_000_000_000
"""Wrong keys or signatures from one address in ten minutes, then it waits."""


class Limiter:
    """Who has tried ``most`` times within ``window_ns`` without success has to wait."""

    _MOST_NAMES = 10_000

    def __init__(self, most: int, window_ns: int, clock: Callable[[], int]) -> None:
        self._most = most
        self._window_ns = window_ns
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, deque[int]] = OrderedDict()

    def attempt(self, name: str) -> bool:
        """Count an attempt; False: it is one too many, refuse without a look."""
        with self._lock:
            recent = self._recent(name)
            if len(recent) >= self._most:
                return False
            recent.append(self._clock())
            self._tries[name] = recent
            self._tries.move_to_end(name)
            if len(self._tries) > self._MOST_NAMES:
                self._tries.popitem(last=False)
            return True

    def succeed(self, name: str) -> None:
        """Do not count the last attempt."""
        with self._lock:
            if recent := self._tries.get(name):
                recent.pop()

    def _recent(self, name: str) -> deque[int]:
        recent = self._tries.get(name, deque())
        while recent and recent[0] <= self._clock() - self._window_ns:
            recent.popleft()
        return recent


def proof_limiter(clock: Callable[[], int]) -> Limiter:
    """Of calls by machines, by the address that they come from: so many may fail to prove who sends them."""
    return Limiter(_MOST_WRONG, _WRONG_NS, clock)


class Guard:
    """Refuses bodies that are too long, and whatever another site's page sends with a visitor's cookies.

    A browser says in ``Origin`` which page sends a form or opens a socket (Fetch standard, Origin header); what changes
    something must come from a page of this office. What machines call takes no cookies, so it needs no such check.
    """

    def __init__(self, app: ASGIApp, access: AccessLog, secure: bool) -> None:
        self._app = app
        self._access = access
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        if scope["type"] == "http" and path == "/":
            await RedirectResponse("/console", 303)(scope, receive, send)
            return
        if not path.startswith(_PATHS):
            await PlainTextResponse("There is no such page.", 404)(scope, receive, send)
            return
        if not path.startswith(_SIGNED_PATHS) and not self._comes_from_here(scope, headers):
            self._note(scope, "refused: other origin")
            if scope["type"] == "websocket":
                await WebSocketClose(1008)(scope, receive, send)
            else:
                await PlainTextResponse("This came from another site.", 403)(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        most = API_BYTES if path.startswith(_SIGNED_PATHS) else PAGE_BYTES
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > most:
            self._note(scope, "refused: body too long")
            await PlainTextResponse("The body is too long.", 413)(scope, receive, send)
            return
        await self._app(scope, _counted(receive, most), self._with_headers(scope, send))

    def _comes_from_here(self, scope: Scope, headers: Headers) -> bool:
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return True
        origin, host = headers.get("origin"), headers.get("host")
        return origin is not None and host is not None and urlsplit(origin).netloc == host

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        path = scope["path"]
        live = path.startswith(_LIVE_PATHS)
        keep = path.startswith("/_nicegui/")

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = f"{_LIVE if live else _STRICT}; frame-ancestors 'none'"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                if not keep:
                    headers["Cache-Control"] = "no-store"
                if self._secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        return sending

    def _note(self, scope: Scope, action: str) -> None:
        client = scope.get("client")
        self._access.note("", action, scope["path"], client[0] if client else "")


def _counted(receive: Receive, most: int) -> Receive:
    """The body as it comes; one that is longer than allowed and did not say so breaks off."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, "The body is too long.")
        return message

    return counting
