"""The page behind the link of a receipt: the visit's receipts, and "I did not take this"."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from aisle_core.errors import AisleError

from ..cashier import HOUR_NS
from ..events import ReceiptIssued
from ..journal import Entry
from ..privacy import DAY_NS
from ..receipts import ReceiptView, Wording, receipt_number, receipt_view, render_pdf
from ..rooms import Rooms
from ..support import dispute, left_to_refund
from ..visit import Visit
from .guard import Limiter
from .plain import notice, origin_of, render, words_for

_MOST_WRONG, _WRONG_NS = 20, 600_000_000_000
"""Wrong codes from one address in ten minutes, then it waits."""


def disputes_of(visit: Visit) -> dict[str, str]:
    """Sku -> name of the text that says how a dispute stands."""
    said = {}
    for sku in visit.disputes:
        decided = visit.decisions.get(sku)
        outcome = "open" if decided is None else "accepted" if decided.accepted else "rejected"
        said[sku] = f"dispute_{outcome}"
    return said


def receipts_of(rooms: Rooms, session_id: str) -> list[Entry]:
    """The receipts of a visit: of the sale, then of its refunds."""
    return rooms.journal.read(subject=session_id, kinds=(ReceiptIssued,))


def receipt_routes(rooms: Rooms) -> APIRouter:
    """The routes under ``/r/<code>``."""
    router = APIRouter(include_in_schema=False)
    limiter = Limiter(_MOST_WRONG, _WRONG_NS, rooms.clock)

    def open_visit(request: Request, code: str) -> Visit | Response:
        """The visit of a code; a wrong code, one whose time is over and one of who was forgotten look alike."""
        words, origin = words_for(rooms, request), origin_of(request)
        if not limiter.attempt(origin):
            return notice(rooms, words, "too_many", 429)
        session_id = rooms.links.session(code)
        visit = Visit.read(rooms.journal, session_id) if session_id else None
        oldest_ns = rooms.clock() - round(rooms.office.retention.link * DAY_NS)
        if visit is None or visit.closed is None or visit.closed_ns < oldest_ns or not _known(rooms, visit):
            rooms.access.note("link", "refused: wrong code", "", origin)
            return notice(rooms, words, "no_such_page", 404)
        limiter.succeed(origin)
        return visit

    @router.get("/r/{code}")
    def page(request: Request, code: str) -> Response:
        visit = open_visit(request, code)
        if isinstance(visit, Response):
            return visit
        rooms.access.note("link", "receipt opened", visit.session_id, origin_of(request))
        words = words_for(rooms, request)
        views = [_view(rooms, entry, visit, words) for entry in receipts_of(rooms, visit.session_id)]
        return render(
            "receipts",
            rooms,
            words,
            receipts=views,
            code=code,
            disputes=disputes_of(visit),
            left=left_to_refund(visit),
            notice=_waiting(rooms, visit, words),
        )

    @router.get("/r/{code}/{number}.pdf")
    def pdf(request: Request, code: str, number: str) -> Response:
        visit = open_visit(request, code)
        if isinstance(visit, Response):
            return visit
        words = words_for(rooms, request)
        for entry in receipts_of(rooms, visit.session_id):
            if receipt_number(rooms.store, entry.ordinal) == number:
                content = render_pdf(_view(rooms, entry, visit, words), words)
                headers = {"Content-Disposition": f'attachment; filename="{number}.pdf"'}
                return Response(content, media_type="application/pdf", headers=headers)
        return notice(rooms, words, "no_such_page", 404)

    @router.post("/r/{code}/dispute")
    def not_taken(request: Request, code: str, sku: Annotated[str, Form(max_length=64)]) -> Response:
        visit = open_visit(request, code)
        if isinstance(visit, Response):
            return visit
        words = words_for(rooms, request)
        try:
            dispute(rooms.journal, visit.session_id, sku, "link")
        except AisleError as error:
            return render("page", rooms, words, 409, title=words.text("not_possible"), text=str(error))
        rooms.access.note("link", "line disputed", visit.session_id, origin_of(request))
        return RedirectResponse(f"/r/{code}?language={words.language}", 303)

    return router


def _known(rooms: Rooms, visit: Visit) -> bool:
    return visit.payer == "" or rooms.wallet.card(visit.payer) is not None


def _view(rooms: Rooms, entry: Entry, visit: Visit, words: Wording) -> ReceiptView:
    link = rooms.links.receipt(visit.session_id)
    return receipt_view(entry, visit, rooms.store, rooms.office, words, link)


def _waiting(rooms: Rooms, visit: Visit, words: Wording) -> str:
    """What to say while there is no receipt."""
    if visit.settled:
        return words.text("nothing_to_pay")
    if visit.wants_review:
        deadline_ns = visit.closed_ns + round(rooms.office.settling.review_h * HOUR_NS)
        return words.text("checking", deadline=words.instant(deadline_ns))
    return words.text("receipt_soon")
