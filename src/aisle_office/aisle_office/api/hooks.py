"""Where the payment provider tells of what it does by itself."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from aisle_core.errors import AisleError

from ..chargebacks import take
from ..payment.notices import SIGNATURE_HEADER, read_notice
from ..rooms import Rooms
from ..web.guard import proof_limiter
from ..web.plain import origin_of


def hook_routes(rooms: Rooms) -> APIRouter:
    """``/hooks/payment``; it answers 204 when the journal has what was told, so that the provider tells no more."""
    router = APIRouter(include_in_schema=False)
    limiter = proof_limiter(rooms.clock)

    def taken(body: bytes, signature: str, origin: str) -> None:
        if not limiter.attempt(origin):
            raise HTTPException(429, "too many wrong signatures; wait ten minutes")
        try:
            notice = read_notice(body, signature, rooms.notice_secret)
        except AisleError as error:
            rooms.access.note("provider", "refused: notice", "", origin)
            raise HTTPException(400, str(error)) from None
        limiter.succeed(origin)
        if notice is not None:
            session_id = take(rooms.journal, notice)
            rooms.access.note("provider", f"chargeback {notice.outcome}", session_id or notice.charge_id, origin)

    @router.post("/hooks/payment", status_code=204)
    async def payment(request: Request) -> None:
        if not rooms.notice_secret:
            raise HTTPException(404, "no provider tells this store anything; set AISLE_NOTICE_SECRET")
        signature = request.headers.get(SIGNATURE_HEADER, "")
        await run_in_threadpool(taken, await request.body(), signature, origin_of(request))

    return router
