"""The console: who is in the store, what is doubtful, disputed or stuck, and what staff decide about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from .. import chargebacks, orders
from ..board import Alarm, OpenVisit, Overview, WaitingAge, WaitingChargeback, WaitingDispute, WaitingReview
from ..cashier import HOUR_NS
from ..events import Item
from ..receipts import Wording, receipt_number
from ..rooms import Rooms
from ..staff import Actor
from ..tasks import DeadLetter, rerun
from .live import languages, live_pages, rows, text, when_connected
from .operator import Operator
from .plain import origin_of
from .sign_in import COOKIE, Sessions
from .visit_dialog import VisitDialog

_LOOK_S = 1.5
_ICONS = {
    "visits": "storefront",
    "ages": "badge",
    "reviews": "help_outline",
    "disputes": "gavel",
    "chargebacks": "account_balance",
    "letters": "report_problem",
    "alarms": "sensor_door",
    "receipts": "receipt_long",
    "access": "policy",
}

_UNCOUNTED = ("visits", "alarms")
"""Tabs whose content waits for nobody."""


def console_pages(rooms: Rooms, sessions: Sessions) -> None:
    """``/console/<language>``, for who is signed in."""

    def build(request: Request, words: Wording) -> Response | None:
        token = request.cookies.get(COOKIE)
        actor = sessions.actor(token)
        if actor is None:
            return RedirectResponse(f"/console/sign-in?language={words.language}", 303)
        _Console(Operator(rooms, words, sessions, token, origin_of(request))).build(actor)
        return None

    live_pages(rooms, "console", "console", build)


class _Console:
    """One open page."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._rooms = operator.rooms
        self._words = operator.words
        self._text = operator.words.text
        self._shown: Overview | None = None
        self._door: ui.button | None = None

    def build(self, actor: Actor) -> None:
        with ui.element("header").classes("a-top w-full"):
            ui.label(f"{self._rooms.store.name} · {self._text('console')}").classes("a-store")
            languages("console", self._words)
            ui.label(f"{actor.name} · {self._text(f'role_{actor.role}')}").classes("a-who")
            with ui.element("form").props('method=post action="/console/sign-out"'), ui.element("button"):
                ui.label(self._text("sign_out"))
        self._main = ui.element("main").classes("a-page")
        self._details = VisitDialog(self._operator, self._main, self._look).button
        when_connected(lambda: self._open(actor))

    def _open(self, actor: Actor) -> None:
        names = [name for name in _ICONS if name != "access" or actor.may("manager")]
        with self._main:
            self._counts: dict[str, ui.badge] = {}
            with ui.tabs().props("align=left inline-label dense") as tabs:
                for name in names:
                    with ui.tab(name, label=self._text(f"tab_{name}"), icon=_ICONS[name]):
                        badge = ui.badge().props("color=negative rounded").style("margin-inline-start: 0.5rem")
                        badge.set_visibility(False)
                        self._counts[name] = badge
            with ui.tab_panels(tabs, value="visits", animated=False).classes("w-full").style("background: none"):
                self._panels = {}
                for name in names:
                    with ui.tab_panel(name).style("padding: 0"):
                        self._panels[name] = ui.element("div").classes("a-page").style("padding: 0")
            if actor.may("support"):
                self._door = ui.button(on_click=self._turn_door).props("outline").style("align-self: flex-start")
            ui.timer(_LOOK_S, self._look)
        if "access" in names:
            tabs.on_value_change(lambda event: self._show_access() if event.value == "access" else None)

    # --- the picture

    async def _look(self) -> None:
        if self._operator.signed_in() is None:
            ui.navigate.to(f"/console/sign-in?language={self._words.language}")
            return
        now = await asyncio.to_thread(self._rooms.board.look)
        before, self._shown = self._shown, now
        draw: dict[str, Callable[[Any], None]] = {
            "visits": self._visit,
            "ages": self._age,
            "reviews": self._review,
            "disputes": self._dispute,
            "chargebacks": self._chargeback,
            "letters": self._letter,
            "alarms": self._alarm,
        }
        if self._door is not None:
            self._door.set_text(self._text("open_store" if now.store_closed else "close_store"))
        for name, drawn in draw.items():
            content = getattr(now, name)
            if before is not None and content == getattr(before, name):
                continue
            badge = self._counts[name]
            badge.set_text(str(len(content)))
            badge.set_visibility(bool(content) and name not in _UNCOUNTED)
            panel = self._panels[name]
            panel.clear()
            with panel:
                if not content:
                    text(self._text(f"none_{name}"), "div", "a-card a-empty")
                for matter in content:
                    with ui.element("article").classes("a-card"):
                        drawn(matter)
        if before is None or now.receipts != before.receipts:
            self._receipts(now)

    async def _turn_door(self) -> None:
        """Let nobody in any more, or people in again."""

        def do(actor: Actor) -> None:
            turn = orders.open_store if self._shown and self._shown.store_closed else orders.close_store
            turn(self._rooms.journal, actor.name)

        await self._operator.act(do, self._look)

    def _visit(self, visit: OpenVisit) -> None:
        self._head(visit.session_id, self._text("since", time=self._words.instant(visit.open_ns)))
        if visit.items:
            self._items(visit.items)
        else:
            text(self._text("nothing_yet"))

    def _age(self, waiting: WaitingAge) -> None:
        self._head(waiting.session_id, self._text("since", time=self._words.instant(waiting.asked_ns)))
        text(self._text("age_question", age=str(waiting.min_age)), "p", "a-title")

    def _review(self, waiting: WaitingReview) -> None:
        deadline_ns = waiting.closed_ns + round(self._rooms.office.settling.review_h * HOUR_NS)
        self._head(waiting.session_id, self._text("decide_by", time=self._words.instant(deadline_ns)))
        self._items(waiting.closed.items)

    def _dispute(self, waiting: WaitingDispute) -> None:
        disputed = waiting.disputed
        way = f"{self._text(f'by_{disputed.place}')}, {self._words.instant(waiting.disputed_ns)}"
        self._head(disputed.session_id, way)
        text(f"{disputed.quantity} × {self._rooms.product_name(disputed.sku)}", "p", "a-title")
        text(self._text("taken_back"))

    def _chargeback(self, waiting: WaitingChargeback) -> None:
        taken = waiting.charged_back
        self._head(taken.session_id, self._words.instant(waiting.charged_back_ns))
        text(f"{self._words.money(taken.amount_minor, taken.currency)} · {taken.reason}", "p", "a-title")

        async def contest() -> None:
            def do(actor: Actor) -> None:
                chargebacks.contest(self._rooms.journal, taken.session_id, taken.chargeback_id, actor.name)

            await self._operator.act(do, self._look)

        with ui.element("div").classes("a-row a-wrap"):
            text(self._text("contested" if waiting.contested else "charged_back"), "p", "a-grow a-soft")
            if not waiting.contested:
                ui.button(self._text("contest_action"), on_click=contest).props("unelevated")

    def _letter(self, letter: DeadLetter) -> None:
        with ui.element("div").classes("a-row a-wrap"):
            text(f"{letter.task} · {letter.subject}", "h2", "a-title a-grow")

            async def again() -> None:
                def do(actor: Actor) -> None:
                    rerun(self._rooms.journal, letter.subject, letter.task, actor.name)

                await self._operator.act(do, self._look)

            ui.button(self._text("rerun_action"), on_click=again).props("unelevated")
        attempts = self._text("attempts", count=self._words.number(letter.attempts, 0))
        text(f"{letter.reason} · {attempts} · {self._words.instant(letter.failed_ns)}")

    def _alarm(self, alarm: Alarm) -> None:
        alarmed = alarm.alarmed
        with ui.element("div").classes("a-row a-wrap"):
            with ui.element("div").classes("a-grow"):
                text(f"{alarmed.about} · {self._text(f'alarm_{alarmed.alarm}')}", "h2", "a-title")
                text(self._words.instant(alarm.stamp_ns))
            if alarmed.session_id:
                self._details(alarmed.session_id)

    def _receipts(self, now: Overview) -> None:
        panel = self._panels["receipts"]
        panel.clear()
        with panel, ui.element("div").classes("a-card"):
            if not now.receipts:
                text(self._text("none_receipts"), "div", "a-empty")
            for receipt in now.receipts:
                issued = receipt.issued
                kind = self._text("refund" if issued.refund_id else "receipt")
                number = receipt_number(self._rooms.store, receipt.ordinal)
                with ui.element("div").classes("a-line"):
                    with ui.element("div"):
                        text(f"{kind} {number}", "span", "")
                        text(self._words.instant(receipt.stamp_ns))
                    text(self._words.money(issued.bill.total_minor, issued.bill.currency), "span", "a-amount")
                    self._details(issued.session_id)

    def _head(self, session_id: str, below: str) -> None:
        with ui.element("div").classes("a-row a-wrap"):
            with ui.element("div").classes("a-grow"):
                text(f"{self._text('visit')} {session_id}", "h2", "a-title")
                text(below)
            self._details(session_id)

    def _items(self, items: tuple[Item, ...]) -> None:
        for item in items:
            with ui.element("div").classes("a-line"):
                self._operator.name_of(item)
                text(self._words.percent(f"{item.confidence * 100:.0f}"), "span", "a-soft")
                price = (
                    "" if item.unit_price_minor is None else self._operator.money(item.unit_price_minor * item.quantity)
                )
                text(price, "span", "a-amount")

    # --- the log of access

    async def _show_access(self) -> None:
        if await self._operator.look("manager", "access log opened") is None:
            return
        accesses = await asyncio.to_thread(lambda: self._rooms.access.read(limit=200))
        panel = self._panels["access"]
        panel.clear()
        with panel, ui.element("div").classes("a-card"):
            rows(
                [self._text(name) for name in ("when", "who", "what", "about_what", "from_where")],
                [(self._words.instant(a.stamp_ns), a.actor, a.action, a.subject, a.origin) for a in accesses],
            )
