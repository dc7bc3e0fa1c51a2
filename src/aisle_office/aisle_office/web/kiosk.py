"""The kiosk: tap the card, say once where receipts go, see and delete what is known, dispute a line."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import segno
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from aisle_core.errors import AisleError

from ..privacy import DAY_NS, erase, visits_of
from ..receipts import ReceiptView, Wording, receipt_view
from ..rooms import Rooms
from ..support import dispute, left_to_refund
from ..visit import Visit
from ..wallet import Card
from .guard import Limiter
from .live import languages, live_pages, text, when_connected
from .plain import notice, origin_of, words_for
from .receipt_page import disputes_of

COOKIE = "aisle_kiosk"
_YEAR_S = 31_536_000
_IDLE_NS, _IDLE_CHECK_S = 90_000_000_000, 5.0
"""After so long without a touch, the kiosk forgets who stands before it."""
_MOST_VISITS = 12
_MOST_UNKNOWN, _UNKNOWN_NS = 30, 600_000_000_000
"""Unknown cards in ten minutes: more than people can tap, fewer than a guesser needs."""
_MOST_TOKEN_LENGTH = 200
_CARD = """<svg viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" \
stroke-linejoin="round" aria-hidden="true"><rect x="4" y="20" width="36" height="26" rx="4"/>\
<path d="M4 29h36M10 39h8"/><path d="M47 26a10 10 0 0 1 0 14M53 21a18 18 0 0 1 0 24"/></svg>"""


def kiosk_routes(rooms: Rooms, secure: bool) -> APIRouter:
    """``/kiosk``: with the key in the address, this browser is a kiosk from now on."""
    router = APIRouter(include_in_schema=False)
    limiter = Limiter(_MOST_UNKNOWN, _UNKNOWN_NS, rooms.clock)

    @router.get("/kiosk")
    def kiosk(request: Request, key: str = "") -> Response:
        words, origin = words_for(rooms, request), origin_of(request)
        if not limiter.attempt(origin):
            return notice(rooms, words, "too_many", 429)
        if not _is_kiosk(rooms, request) and not hmac.compare_digest(rooms.links.kiosk_key().encode(), key.encode()):
            rooms.access.note("kiosk", "refused: no kiosk", "", origin)
            return notice(rooms, words, "kiosk_closed", 403)
        limiter.succeed(origin)
        answer = RedirectResponse(f"/kiosk/{rooms.office.mail.language}", 303)
        value = rooms.links.kiosk_key()
        answer.set_cookie(COOKIE, value, _YEAR_S, path="/kiosk", secure=secure, httponly=True, samesite="strict")
        return answer

    return router


def kiosk_pages(rooms: Rooms) -> None:
    """``/kiosk/<language>``."""
    limiter = Limiter(_MOST_UNKNOWN, _UNKNOWN_NS, rooms.clock)

    def build(request: Request, words: Wording) -> Response | None:
        if not _is_kiosk(rooms, request):
            return notice(rooms, words, "kiosk_closed", 403)
        _Kiosk(rooms, words, limiter, origin_of(request)).build()
        return None

    live_pages(rooms, "kiosk", "kiosk_title", build)


def _is_kiosk(rooms: Rooms, request: Request) -> bool:
    return hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), rooms.links.kiosk_key().encode())


@dataclass(frozen=True, slots=True)
class _Shopper:
    """Who stands before the kiosk, as it was read."""

    card: Card
    visits: list[tuple[Visit, ReceiptView | None]]


class _Kiosk:
    """One screen: the welcome, and after a tap what belongs to the card."""

    def __init__(self, rooms: Rooms, words: Wording, limiter: Limiter, origin: str) -> None:
        self._rooms = rooms
        self._words = words
        self._text = words.text
        self._limiter = limiter
        self._origin = origin

    def build(self) -> None:
        with ui.element("header").classes("a-top w-full"):
            ui.label(self._rooms.store.name).classes("a-store")
            languages("kiosk", self._words)
        self._main = ui.element("main").classes("a-page")
        self._main.on("keydown", self._touched, throttle=1.0).on("pointerdown", self._touched, throttle=1.0)
        self._touched()
        self._showing = False
        when_connected(self._welcome)
        ui.timer(_IDLE_CHECK_S, self._forget_the_idle)

    def _touched(self) -> None:
        self._touched_ns = self._rooms.clock()

    def _forget_the_idle(self) -> None:
        if self._showing and self._rooms.clock() - self._touched_ns >= _IDLE_NS:
            self._welcome()

    # --- the welcome

    def _welcome(self) -> None:
        self._showing = False
        self._main.clear()
        self._main.classes(add="a-welcome")
        with self._main:
            ui.html(_CARD, sanitize=False)
            text(self._text("kiosk_tap"), "h1", "a-title")
            text(self._text("kiosk_tap_why"))
            reader = ui.input(self._text("kiosk_reader"), password=True).classes("a-reader")
            reader.props('outlined autofocus autocomplete=off maxlength=200 data-testid="reader"')
            reader.on("keydown.enter", lambda: self._tap(reader.value))

    async def _tap(self, token: str) -> None:
        token = token.strip()
        readable = 0 < len(token) <= _MOST_TOKEN_LENGTH and token.isprintable()
        if not readable or not self._limiter.attempt(self._origin):
            self._rooms.access.note("kiosk", "refused: card", "", self._origin)
            self._say("kiosk_not_read", bad=True)
            self._welcome()
            return
        shopper = await asyncio.to_thread(self._read_card, token)
        self._show(shopper)

    def _read_card(self, token: str) -> _Shopper:
        wallet = self._rooms.wallet
        if wallet.payer_with(wallet.fingerprint(token)) is not None:
            self._limiter.succeed(self._origin)
        payer = wallet.payer_of(token)
        self._rooms.access.note("kiosk", "card shown", payer, self._origin)
        return self._read(payer)

    def _read(self, payer: str) -> _Shopper:
        rooms = self._rooms
        card = rooms.wallet.card(payer)
        if card is None:
            raise AisleError("kiosk: the card was forgotten meanwhile")
        after = rooms.journal.position_before(rooms.clock() - round(rooms.office.retention.link * DAY_NS))
        sessions = visits_of(rooms.journal, payer, after)[-_MOST_VISITS:]
        visits = [Visit.read(rooms.journal, session_id) for session_id in reversed(sessions)]
        return _Shopper(card, [(visit, self._receipt(visit)) for visit in visits if visit.closed is not None])

    def _receipt(self, visit: Visit) -> ReceiptView | None:
        if visit.receipt is None:
            return None
        rooms, link = self._rooms, self._rooms.links.receipt(visit.session_id)
        return receipt_view(visit.receipt, visit, rooms.store, rooms.office, self._words, link)

    # --- a card

    def _show(self, shopper: _Shopper) -> None:
        self._showing = True
        self._touched()
        self._main.clear()
        self._main.classes(remove="a-welcome")
        with self._main:
            with ui.element("div").classes("a-row"):
                text(self._text("kiosk_title"), "h1", "a-title a-grow")
                ui.button(self._text("kiosk_done"), on_click=self._welcome).props("unelevated")
            with ui.element("div").classes("a-two"):
                with ui.element("div").classes("a-page").style("padding: 0"):
                    self._mail(shopper.card)
                    self._data(shopper.card)
                self._visits(shopper)

    def _mail(self, card: Card) -> None:
        with ui.element("section").classes("a-card"):
            text(self._text("kiosk_mail"), "h2", "a-title")
            text(self._text("kiosk_mail_why"))
            address = ui.input(self._text("kiosk_address"), value=card.email or "").classes("w-full")
            address.props("outlined type=email inputmode=email autocomplete=off dir=ltr maxlength=254")

            async def save() -> None:
                try:
                    await asyncio.to_thread(self._link, card.payer, address.value.strip())
                except AisleError:
                    self._say("kiosk_no_address", bad=True)
                else:
                    self._say("kiosk_saved", address=address.value.strip())
                    self._show(await asyncio.to_thread(self._read, card.payer))

            async def stop() -> None:
                await asyncio.to_thread(self._link, card.payer, None)
                self._say("kiosk_stopped")
                self._show(await asyncio.to_thread(self._read, card.payer))

            address.on("keydown.enter", save)
            with ui.element("div").classes("a-row a-wrap"):
                ui.button(self._text("kiosk_save"), on_click=save).props("unelevated")
                if card.email is not None:
                    ui.button(self._text("kiosk_stop_mail"), on_click=stop).props("flat color=negative")

    def _link(self, payer: str, address: str | None) -> None:
        self._rooms.wallet.link(payer, address, self._words.language)
        self._rooms.access.note("kiosk", "address removed" if address is None else "address set", payer, self._origin)

    def _data(self, card: Card) -> None:
        with ui.element("section").classes("a-card"):
            text(self._text("kiosk_data"), "h2", "a-title")
            text(self._text("kiosk_data_why"))

            async def allow(event: Any) -> None:
                await asyncio.to_thread(self._rooms.wallet.allow_analytics, card.payer, event.value)

            ui.switch(self._text("kiosk_analytics"), value=card.analytics, on_change=allow)
            with ui.dialog() as dialog, ui.element("div").classes("a-card"):
                text(self._text("kiosk_delete"), "h2", "a-title")
                text(self._text("kiosk_delete_why"))
                with ui.element("div").classes("a-row a-wrap"):
                    ui.button(self._text("kiosk_keep"), on_click=dialog.close).props("outline autofocus")
                    forget = ui.button(self._text("kiosk_delete")).props("unelevated color=negative")
            ui.button(self._text("kiosk_delete"), on_click=dialog.open).props("flat color=negative").style(
                "align-self: flex-start"
            )

            async def delete() -> None:
                dialog.close()
                try:
                    await asyncio.to_thread(erase, self._rooms.journal, self._rooms.wallet, card.payer, "kiosk")
                except AisleError:
                    self._say("kiosk_not_yet", bad=True)
                else:
                    self._say("kiosk_deleted")
                    self._welcome()

            forget.on_click(delete)

    def _visits(self, shopper: _Shopper) -> None:
        with ui.element("section").classes("a-card"):
            text(self._text("kiosk_visits"), "h2", "a-title")
            if not shopper.visits:
                text(self._text("kiosk_no_visits"))
            for visit, receipt in shopper.visits:
                with ui.element("div").classes("a-line"):
                    assert visit.closed is not None
                    text(self._words.instant(visit.closed.close_ns), "span", "")
                    if receipt is not None:
                        text(receipt.total, "span", "a-amount")
                        ui.button(self._text("kiosk_open"), on_click=self._opener(visit.session_id)).props("outline")
                    elif visit.settled:
                        text(self._words.money(0, self._rooms.store.currency), "span", "a-amount")
                    else:
                        text(self._text("kiosk_checking"), "span", "a-chip")

    def _opener(self, session_id: str) -> Callable[[], Any]:
        async def show() -> None:
            visit = await asyncio.to_thread(Visit.read, self._rooms.journal, session_id)
            receipt = self._receipt(visit)
            if receipt is not None:
                self._rooms.access.note("kiosk", "receipt opened", session_id, self._origin)
                self._receipt_dialog(visit, receipt)

        return show

    def _receipt_dialog(self, visit: Visit, receipt: ReceiptView) -> None:
        with self._main, ui.dialog() as dialog, ui.element("div").classes("a-card"):
            with ui.element("div").classes("a-row"):
                text(f"{receipt.title} {receipt.number}", "h2", "a-title a-grow")
                ui.button(self._text("close"), on_click=dialog.close).props("flat")
            lines = ui.element("div")
            with ui.element("div").classes("a-row"):
                text(self._text("total"), "span", "a-total a-grow")
                text(receipt.total, "span", "a-total a-amount")
            with ui.element("div").classes("a-row"):
                code = segno.make(receipt.link, micro=False).svg_inline(scale=4, border=2)
                ui.html(code, sanitize=False).classes("a-qr")
                text(self._text("kiosk_phone"))
        self._receipt_lines(lines, visit, receipt)
        dialog.on("hide", dialog.delete)
        dialog.open()

    def _receipt_lines(self, box: ui.element, visit: Visit, receipt: ReceiptView) -> None:
        left, said = left_to_refund(visit), disputes_of(visit)
        box.clear()
        with box:
            for line in receipt.lines:
                with ui.element("div").classes("a-line"):
                    text(line.name, "span", "")
                    text(line.quantity, "span", "a-soft")
                    text(line.amount, "span", "a-amount")
                    if line.sku in said:
                        classes = "a-said a-no" if said[line.sku] == "dispute_rejected" else "a-said"
                        text(self._text(said[line.sku]), "span", classes)
                    elif line.sku in left:

                        async def not_taken(sku: str = line.sku) -> None:
                            with suppress(AisleError):
                                await asyncio.to_thread(dispute, self._rooms.journal, visit.session_id, sku, "kiosk")
                            now = await asyncio.to_thread(Visit.read, self._rooms.journal, visit.session_id)
                            self._receipt_lines(box, now, receipt)

                        button = ui.button(self._text("not_taken"), on_click=not_taken)
                        button.props("outline").style("justify-self: start")

    def _say(self, name: str, *, bad: bool = False, **values: str) -> None:
        ui.notify(self._text(name, **values), type="negative" if bad else "positive", position="top", timeout=8000)
