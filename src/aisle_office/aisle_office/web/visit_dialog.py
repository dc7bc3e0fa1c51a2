"""One visit in the console: its evidence, what happened, and what staff may decide about it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui

from ..events import Item
from ..journal import Entry
from ..orders import close_visit
from ..receipts import Wording, receipt_number
from ..rooms import Rooms
from ..staff import Actor
from ..support import MOST_NOTE_LENGTH, check_age, decide_dispute, left_to_refund, refund, review
from ..visit import Visit
from .live import rows, text
from .operator import Operator


class VisitDialog:
    """Opens over a page. ``then``: called when something was decided."""

    def __init__(self, operator: Operator, page: ui.element, then: Callable[[], Awaitable[None]]) -> None:
        self._operator = operator
        self._rooms = operator.rooms
        self._text = operator.words.text
        self._page = page
        self._then = then

    def button(self, session_id: str) -> None:
        """Draw the button that opens it for a visit."""

        async def show() -> None:
            actor = await self._operator.look("viewer", "visit opened", session_id)
            if actor is not None:
                entries = await asyncio.to_thread(lambda: self._rooms.journal.read(subject=session_id))
                visit = await asyncio.to_thread(Visit.read, self._rooms.journal, session_id)
                self._open(visit, entries, actor)

        ui.button(self._text("details"), on_click=show).props("outline")

    def _open(self, visit: Visit, entries: list[Entry], actor: Actor) -> None:
        with self._page, ui.dialog() as dialog, ui.element("div").classes("a-card"):
            with ui.element("div").classes("a-row"):
                text(f"{self._text('visit')} {visit.session_id}", "h2", "a-title a-grow")
                ui.button(self._text("close"), on_click=dialog.close).props("flat")
            if actor.may("support"):
                self._decisions(visit, dialog)
                if visit.receipt is not None:
                    ui.link(self._text("evidence_file"), f"/console/evidence/{visit.session_id}.zip").props("download")
            items = visit.closed.items if visit.closed else visit.cart.items if visit.cart else ()
            if items:
                text(self._text("evidence"), "h3", "a-title")
                self._evidence(items)
            text(self._text("history"), "h3", "a-title")
            rows(
                [self._text("when"), self._text("what"), self._text("who"), self._text("note")],
                [_told(entry, self._rooms, self._operator.words) for entry in entries],
            )
        dialog.on("hide", dialog.delete)
        dialog.open()

    def _doing(self, do: Callable[[Actor], str | None], dialog: ui.dialog) -> Callable[[], Awaitable[None]]:
        """What a button does."""

        async def deciding() -> None:
            await self._operator.act(do, self._then, dialog)

        return deciding

    def _evidence(self, items: tuple[Item, ...]) -> None:
        for item in items:
            with ui.element("div").classes("a-line"):
                self._operator.name_of(item)
                certainty = self._operator.words.percent(f"{item.confidence * 100:.0f}")
                text(f"{self._text('confidence')} {certainty}", "span", "a-soft").style("grid-column: 2 / -1")
                proof = f"{item.reason} · {' '.join((*item.cart_event_ids, *item.shelf_event_ids))}"
                text(proof, "span", "a-mono").style("grid-column: 1 / -1")

    def _decisions(self, visit: Visit, dialog: ui.dialog) -> None:
        """What may be decided about the visit now: an age, its doubts, its disputes, a refund."""
        note = ui.input(self._text("note")).classes("w-full").props(f"outlined dense maxlength={MOST_NOTE_LENGTH}")
        if visit.open_age:
            self._decide_age(visit, dialog, note)
        if visit.closed is None:
            self._decide_end(visit.session_id, dialog, note)
        elif visit.bill is None and visit.wants_review:
            self._decide_review(visit, dialog, note)
        for sku, disputed in visit.disputes.items():
            if sku not in visit.decisions:
                self._decide_dispute(visit.session_id, sku, disputed.quantity, dialog, note)
        left = left_to_refund(visit)
        if left:
            self._decide_refund(visit, left, dialog, note)

    def _decide_age(self, visit: Visit, dialog: ui.dialog, note: ui.input) -> None:
        def decide(approved: bool) -> Callable[[], Awaitable[None]]:
            def do(actor: Actor) -> str:
                return check_age(self._rooms.journal, visit.session_id, approved, actor.name, note.value).actor

            return self._doing(do, dialog)

        with ui.element("div").classes("a-row a-wrap"):
            text(self._text("age_question", age=str(visit.open_age)), "span", "a-grow")
            ui.button(self._text("age_approve"), on_click=decide(True)).props("unelevated")
            if not visit.refused_age:
                ui.button(self._text("age_refuse"), on_click=decide(False)).props("outline color=negative")

    def _decide_end(self, session_id: str, dialog: ui.dialog, note: ui.input) -> None:
        def end(actor: Actor) -> None:
            close_visit(self._rooms.journal, session_id, actor.name, note.value)

        button = ui.button(self._text("end_visit"), on_click=self._doing(end, dialog)).props("outline color=negative")
        button.style("align-self: flex-start")

    def _decide_review(self, visit: Visit, dialog: ui.dialog, note: ui.input) -> None:
        assert visit.closed is not None
        counts: dict[str, ui.number] = {}
        for item in visit.closed.items:
            with ui.element("div").classes("a-row"):
                text(item.name or item.sku, "span", "a-grow")
                if item in visit.doubtful:
                    text(self._text("doubtful"), "span", "a-chip")
                counts[item.sku] = self._count(item.sku, item.quantity, 99)
        doubtful = {item.sku: 0 for item in visit.doubtful}
        given = {item.sku: item.quantity for item in visit.closed.items}

        def changed() -> dict[str, int]:
            now = {sku: int(box.value or 0) for sku, box in counts.items()}
            return {sku: n for sku, n in now.items() if n != given[sku] or sku in doubtful}

        def decide(quantities: Callable[[], Mapping[str, int]]) -> Callable[[], Awaitable[None]]:
            def do(actor: Actor) -> str:
                rooms, said = self._rooms, (visit.session_id, quantities(), actor.name, note.value)
                return review(rooms.journal, rooms.store, rooms.office, *said).actor

            return self._doing(do, dialog)

        with ui.element("div").classes("a-row a-wrap"):
            ui.button(self._text("confirm_review"), on_click=decide(changed)).props("unelevated")
            ui.button(self._text("drop_doubts"), on_click=decide(lambda: doubtful)).props("outline color=negative")

    def _decide_dispute(self, session_id: str, sku: str, quantity: int, dialog: ui.dialog, note: ui.input) -> None:
        def decide(pieces: int) -> Callable[[], Awaitable[None]]:
            def do(actor: Actor) -> str:
                return decide_dispute(self._rooms.journal, session_id, sku, pieces, actor.name, note.value).actor

            return self._doing(do, dialog)

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

            def give(actor: Actor) -> str:
                quantities = {sku: int(box.value or 0) for sku, box in counts.items() if box.value}
                journal, session_id = self._rooms.journal, visit.session_id
                return refund(journal, session_id, refund_id, quantities, actor.name, note.value).actor

            ui.button(self._text("refund_action"), on_click=self._doing(give, dialog)).props("unelevated")

    def _count(self, sku: str, value: int, most: int) -> ui.number:
        box = ui.number(value=value, min=0, max=most, precision=0).props("outlined dense").style("width: 6rem")
        return box.props(f'aria-label="{self._text("refund_pieces")}" data-testid="count-{sku}"')


def _told(entry: Entry, rooms: Rooms, words: Wording) -> tuple[str, str, str, str]:
    """When, what, by whom, and what they noted."""
    event = entry.event
    what = event.kind().replace("_", " ")
    if event.kind() == "receipt_issued":
        what = f"{what} {receipt_number(rooms.store, entry.ordinal)}"
    note = getattr(event, "note", "") or getattr(event, "reason", "")
    return words.instant(entry.stamp_ns), what, getattr(event, "actor", ""), note
