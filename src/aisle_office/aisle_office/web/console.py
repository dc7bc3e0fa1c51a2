"""The console: who is in the store, what is doubtful, disputed or stuck, and what staff decide about it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from aisle_core.errors import AisleError

from ..board import Alarm, OpenVisit, Overview, WaitingDispute, WaitingReview
from ..cashier import HOUR_NS
from ..events import Item
from ..journal import Entry
from ..orders import close_visit
from ..receipts import Wording, receipt_number
from ..rooms import Rooms
from ..staff import Actor, Role
from ..support import MOST_NOTE_LENGTH, decide_dispute, left_to_refund, refund, review
from ..tasks import DeadLetter, rerun
from ..visit import Visit
from .live import languages, live_pages, rows, text, when_connected
from .plain import origin_of
from .sign_in import COOKIE, Sessions

_LOOK_S = 1.5
_ICONS = {
    "visits": "storefront",
    "reviews": "help_outline",
    "disputes": "gavel",
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
        _Console(rooms, words, sessions, token, origin_of(request)).build(actor)
        return None

    live_pages(rooms, "console", "console", build)


class _Console:
    """One open page. Each action asks anew who is signed in, and as what."""

    def __init__(self, rooms: Rooms, words: Wording, sessions: Sessions, token: str | None, origin: str) -> None:
        self._rooms = rooms
        self._words = words
        self._text = words.text
        self._sessions = sessions
        self._token = token
        self._origin = origin
        self._shown: Overview | None = None

    def build(self, actor: Actor) -> None:
        with ui.element("header").classes("a-top w-full"):
            ui.label(f"{self._rooms.store.name} · {self._text('console')}").classes("a-store")
            languages("console", self._words)
            ui.label(f"{actor.name} · {self._text(f'role_{actor.role}')}").classes("a-who")
            with ui.element("form").props('method=post action="/console/sign-out"'), ui.element("button"):
                ui.label(self._text("sign_out"))
        self._main = ui.element("main").classes("a-page")
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
            ui.timer(_LOOK_S, self._look)
        if "access" in names:
            tabs.on_value_change(lambda event: self._show_access() if event.value == "access" else None)

    def _actor(self, role: Role) -> Actor:
        """Who acts. Raises AisleError when nobody is signed in any more, or the role is not enough."""
        actor = self._sessions.actor(self._token)
        if actor is None:
            raise AisleError(self._text("signed_out"))
        if not actor.may(role):
            self._rooms.access.note(actor.name, "refused: role", role, self._origin)
            raise AisleError(self._text("not_allowed"))
        return actor

    # --- the picture

    async def _look(self) -> None:
        if self._sessions.actor(self._token) is None:
            ui.navigate.to(f"/console/sign-in?language={self._words.language}")
            return
        now = await asyncio.to_thread(self._rooms.board.look)
        before, self._shown = self._shown, now
        draw: dict[str, Callable[[Any], None]] = {
            "visits": self._visit,
            "reviews": self._review,
            "disputes": self._dispute,
            "letters": self._letter,
            "alarms": self._alarm,
        }
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

    def _visit(self, visit: OpenVisit) -> None:
        self._head(visit.session_id, self._text("since", time=self._words.instant(visit.open_ns)))
        if visit.items:
            self._items(visit.items)
        else:
            text(self._text("nothing_yet"))

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

    def _letter(self, letter: DeadLetter) -> None:
        with ui.element("div").classes("a-row a-wrap"):
            text(f"{letter.task} · {letter.subject}", "h2", "a-title a-grow")

            async def again() -> None:
                await self._act(lambda actor: rerun(self._rooms.journal, letter.subject, letter.task, actor.name))

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
                self._name(item)
                text(self._words.percent(f"{item.confidence * 100:.0f}"), "span", "a-soft")
                price = "" if item.unit_price_minor is None else self._money(item.unit_price_minor * item.quantity)
                text(price, "span", "a-amount")

    def _money(self, minor: int) -> str:
        return self._words.money(minor, self._rooms.store.currency)

    # --- one visit

    def _details(self, session_id: str) -> None:
        async def show() -> None:
            try:
                actor = self._actor("viewer")
            except AisleError as error:
                self._complain(error)
                return
            await asyncio.to_thread(self._rooms.access.note, actor.name, "visit opened", session_id, self._origin)
            entries = await asyncio.to_thread(lambda: self._rooms.journal.read(subject=session_id))
            visit = await asyncio.to_thread(Visit.read, self._rooms.journal, session_id)
            self._dialog(visit, entries, actor)

        ui.button(self._text("details"), on_click=show).props("outline")

    def _dialog(self, visit: Visit, entries: list[Entry], actor: Actor) -> None:
        with self._main, ui.dialog() as dialog, ui.element("div").classes("a-card"):
            with ui.element("div").classes("a-row"):
                text(f"{self._text('visit')} {visit.session_id}", "h2", "a-title a-grow")
                ui.button(self._text("close"), on_click=dialog.close).props("flat")
            if actor.may("support"):
                self._decisions(visit, dialog)
            items = visit.closed.items if visit.closed else visit.cart.items if visit.cart else ()
            if items:
                text(self._text("evidence"), "h3", "a-title")
                self._evidence(items)
            text(self._text("history"), "h3", "a-title")
            rows(
                [self._text("when"), self._text("what"), self._text("who"), self._text("note")],
                [_told(entry, self._rooms, self._words) for entry in entries],
            )
        dialog.on("hide", dialog.delete)
        dialog.open()

    def _evidence(self, items: tuple[Item, ...]) -> None:
        for item in items:
            with ui.element("div").classes("a-line"):
                self._name(item)
                certainty = self._words.percent(f"{item.confidence * 100:.0f}")
                text(f"{self._text('confidence')} {certainty}", "span", "a-soft").style("grid-column: 2 / -1")
                proof = f"{item.reason} · {' '.join((*item.cart_event_ids, *item.shelf_event_ids))}"
                text(proof, "span", "a-mono").style("grid-column: 1 / -1")

    def _name(self, item: Item) -> None:
        with ui.element("span"):
            text(f"{item.quantity} × {item.name or item.sku} ", "span", "")
            if item.review:
                text(self._text("doubtful"), "span", "a-chip")

    def _decisions(self, visit: Visit, dialog: ui.dialog) -> None:
        """What may be decided about the visit now: its doubts, its disputes, a refund."""
        note = ui.input(self._text("note")).classes("w-full").props(f"outlined dense maxlength={MOST_NOTE_LENGTH}")
        if visit.closed is None:
            self._decide_end(visit.session_id, dialog, note)
        elif visit.closed.review and visit.reviewed is None:
            self._decide_review(visit, dialog, note)
        for sku, disputed in visit.disputes.items():
            if sku not in visit.decisions:
                self._decide_dispute(visit.session_id, sku, disputed.quantity, dialog, note)
        left = left_to_refund(visit)
        if left:
            self._decide_refund(visit, left, dialog, note)

    def _decide_end(self, session_id: str, dialog: ui.dialog, note: ui.input) -> None:
        async def end() -> None:
            await self._act(lambda actor: close_visit(self._rooms.journal, session_id, actor.name, note.value), dialog)

        button = ui.button(self._text("end_visit"), on_click=end).props("outline color=negative")
        button.style("align-self: flex-start")

    def _decide_review(self, visit: Visit, dialog: ui.dialog, note: ui.input) -> None:
        assert visit.closed is not None
        counts: dict[str, ui.number] = {}
        for item in visit.closed.items:
            with ui.element("div").classes("a-row"):
                text(item.name or item.sku, "span", "a-grow")
                if item.review:
                    text(self._text("doubtful"), "span", "a-chip")
                counts[item.sku] = self._count(item.sku, item.quantity, 99)
        doubtful = {item.sku: 0 for item in visit.closed.items if item.review}
        given = {item.sku: item.quantity for item in visit.closed.items}

        def changed() -> dict[str, int]:
            now = {sku: int(box.value or 0) for sku, box in counts.items()}
            return {sku: n for sku, n in now.items() if n != given[sku] or sku in doubtful}

        async def decide(quantities: Mapping[str, int]) -> None:
            rooms = self._rooms

            def deciding(actor: Actor) -> str:
                said = review(
                    rooms.journal, rooms.store, rooms.office, visit.session_id, quantities, actor.name, note.value
                )
                return said.actor

            await self._act(deciding, dialog)

        with ui.element("div").classes("a-row a-wrap"):
            ui.button(self._text("confirm_review"), on_click=lambda: decide(changed())).props("unelevated")
            ui.button(self._text("drop_doubts"), on_click=lambda: decide(doubtful)).props("outline color=negative")

    def _decide_dispute(self, session_id: str, sku: str, quantity: int, dialog: ui.dialog, note: ui.input) -> None:
        def decide(pieces: int) -> Callable[[], Awaitable[None]]:
            async def deciding() -> None:
                def do(actor: Actor) -> str:
                    journal = self._rooms.journal
                    return decide_dispute(journal, session_id, sku, pieces, actor.name, note.value).actor

                await self._act(do, dialog)

            return deciding

        with ui.element("div").classes("a-row a-wrap"):
            text(f"{self._text('not_taken')}: {quantity} × {self._rooms.product_name(sku)}", "span", "a-grow")
            ui.button(self._text("accept"), on_click=decide(quantity)).props("unelevated")
            ui.button(self._text("reject"), on_click=decide(0)).props("outline color=negative")

    def _decide_refund(self, visit: Visit, left: Mapping[str, int], dialog: ui.dialog, note: ui.input) -> None:
        refund_id = f"console/{secrets.token_hex(8)}"
        counts: dict[str, ui.number] = {}
        with ui.expansion(self._text("refund_action"), icon="undo").classes("w-full"):
            for sku, pieces in left.items():
                with ui.element("div").classes("a-row"):
                    text(self._rooms.product_name(sku), "span", "a-grow")
                    counts[sku] = self._count(sku, 0, pieces)

            async def give() -> None:
                quantities = {sku: int(box.value or 0) for sku, box in counts.items() if box.value}

                def do(actor: Actor) -> str:
                    journal, session_id = self._rooms.journal, visit.session_id
                    return refund(journal, session_id, refund_id, quantities, actor.name, note.value).actor

                await self._act(do, dialog)

            ui.button(self._text("refund_action"), on_click=give).props("unelevated")

    def _count(self, sku: str, value: int, most: int) -> ui.number:
        box = ui.number(value=value, min=0, max=most, precision=0).props("outlined dense").style("width: 6rem")
        return box.props(f'aria-label="{self._text("refund_pieces")}" data-testid="count-{sku}"')

    async def _act(self, do: Callable[[Actor], str | None], dialog: ui.dialog | None = None) -> None:
        """Do what staff want, off the event loop; ``do`` gives who decided, which may be somebody faster."""
        try:
            actor = self._actor("support")
            by = await asyncio.to_thread(do, actor)
        except AisleError as error:
            self._complain(error)
            return
        first = by in (None, actor.name)
        said = self._text("done") if first else self._text("decided_first", actor=str(by))
        ui.notify(said, type="positive" if first else "warning", position="top")
        if dialog is not None:
            dialog.close()
        await self._look()

    def _complain(self, error: AisleError) -> None:
        """Say why something was not done, until it is closed."""
        ui.notify(str(error), type="negative", position="top", timeout=None, close_button=self._text("close"))

    # --- the log of access

    async def _show_access(self) -> None:
        try:
            actor = self._actor("manager")
        except AisleError as error:
            self._complain(error)
            return
        await asyncio.to_thread(self._rooms.access.note, actor.name, "access log opened", "", self._origin)
        accesses = await asyncio.to_thread(lambda: self._rooms.access.read(limit=200))
        panel = self._panels["access"]
        panel.clear()
        with panel, ui.element("div").classes("a-card"):
            rows(
                [self._text(name) for name in ("when", "who", "what", "about_what", "from_where")],
                [(self._words.instant(a.stamp_ns), a.actor, a.action, a.subject, a.origin) for a in accesses],
            )


def _told(entry: Entry, rooms: Rooms, words: Wording) -> tuple[str, str, str, str]:
    """When, what, by whom, and what they noted."""
    event = entry.event
    what = event.kind().replace("_", " ")
    if event.kind() == "receipt_issued":
        what = f"{what} {receipt_number(rooms.store, entry.ordinal)}"
    note = getattr(event, "note", "") or getattr(event, "reason", "")
    return words.instant(entry.stamp_ns), what, getattr(event, "actor", ""), note
