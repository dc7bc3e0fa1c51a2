"""Staff sign in to the console: sessions of the server, by a cookie that no script and no other site gets to use."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from ..evidence import evidence_file
from ..receipts import Wording
from ..rooms import Rooms
from ..staff import Actor, Staff
from .guard import Limiter
from .plain import notice, origin_of, render, words_for

COOKIE = "aisle_staff"
_IDLE_NS, _LONGEST_NS = 30 * 60_000_000_000, 10 * 3_600_000_000_000
"""A session ends after half an hour without use, and after ten hours."""
_MOST_WRONG, _WRONG_NS = 5, 300_000_000_000
"""Wrong passwords for one name from one address in five minutes, then it waits."""
_MOST_WRONG_OF_ALL = 30
"""The same for one address, or for one name from everywhere."""


@dataclass(slots=True)
class _Session:
    name: str
    began_ns: int
    used_ns: int


class Sessions:
    """Who is signed in. Only hashes of the tokens are kept; a restart signs everybody out."""

    def __init__(self, staff: Staff, clock: Callable[[], int]) -> None:
        self._staff = staff
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}

    def begin(self, name: str) -> str:
        """A new session; gives its token, which is always a new one."""
        token, now_ns = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._sessions = {key: session for key, session in self._sessions.items() if self._alive(session)}
            self._sessions[_hash(token)] = _Session(name, now_ns, now_ns)
        return token

    def actor(self, token: str | None) -> Actor | None:
        """Who a token stands for, with the role that the account has now."""
        if token is None:
            return None
        with self._lock:
            session = self._sessions.get(_hash(token))
            if session is None or not self._alive(session):
                return None
            session.used_ns = self._clock()
        return self._staff.account(session.name)

    def end(self, token: str | None) -> None:
        """End a session, if it is one."""
        with self._lock:
            self._sessions.pop(_hash(token or ""), None)

    def _alive(self, session: _Session) -> bool:
        now_ns = self._clock()
        return now_ns < session.used_ns + _IDLE_NS and now_ns < session.began_ns + _LONGEST_NS


def sign_in_routes(rooms: Rooms, sessions: Sessions, secure: bool) -> APIRouter:
    """``/console``, ``/console/sign-in`` and ``/console/sign-out``. ``secure``: the pages are reached by https."""
    router = APIRouter(include_in_schema=False)
    by_both = Limiter(_MOST_WRONG, _WRONG_NS, rooms.clock)
    by_one = Limiter(_MOST_WRONG_OF_ALL, _WRONG_NS, rooms.clock)

    def form(words: Wording, status: int = 200, wrong: str = "") -> Response:
        return render("sign_in", rooms, words, status, wrong=wrong)

    @router.get("/console")
    def console(request: Request) -> Response:
        where = words_for(rooms, request).language if sessions.actor(request.cookies.get(COOKIE)) else "sign-in"
        return RedirectResponse(f"/console/{where}", 303)

    @router.get("/console/sign-in")
    def ask(request: Request) -> Response:
        return form(words_for(rooms, request))

    @router.post("/console/sign-in")
    def sign_in(
        request: Request, name: Annotated[str, Form(max_length=64)], password: Annotated[str, Form(max_length=256)]
    ) -> Response:
        words, origin = words_for(rooms, request), origin_of(request)
        tries = [(by_both, f"{name} {origin}"), (by_one, f"from {origin}"), (by_one, f"as {name}")]
        if not all([limiter.attempt(what) for limiter, what in tries]):
            rooms.access.note(name, "refused: too many sign-ins", "", origin)
            return notice(rooms, words, "too_many", 429)
        actor = rooms.staff.sign_in(name, password)
        if actor is None:
            rooms.access.note(name, "refused: sign-in", "", origin)
            return form(words, 401, words.text("sign_in_wrong"))
        for limiter, what in tries:
            limiter.succeed(what)
        rooms.access.note(actor.name, "signed in", "", origin)
        sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse(f"/console/{words.language}", 303)
        answer.set_cookie(COOKIE, sessions.begin(actor.name), path="/", secure=secure, httponly=True, samesite="strict")
        return answer

    @router.get("/console/evidence/{session_id}.zip")
    def evidence(request: Request, session_id: str) -> Response:
        actor, origin = sessions.actor(request.cookies.get(COOKIE)), origin_of(request)
        if actor is None or not actor.may("support"):
            return notice(rooms, words_for(rooms, request), "no_such_page", 404)
        rooms.access.note(actor.name, "evidence taken", session_id, origin)
        content = evidence_file(rooms.journal, rooms.store, rooms.office, session_id)
        return Response(content, media_type="application/zip")

    @router.post("/console/sign-out")
    def sign_out(request: Request) -> Response:
        sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/console/sign-in", 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return router


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
