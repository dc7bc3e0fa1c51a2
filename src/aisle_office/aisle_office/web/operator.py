"""Who works at an open page of the console, and what they may do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from aisle_core.errors import AisleError

from ..events import Item
from ..receipts import Wording
from ..rooms import Rooms
from ..staff import Actor, Role
from .live import text
from .sign_in import Sessions


@dataclass(frozen=True, slots=True)
class Operator:
    """Each action asks anew who is signed in, and as what. ``token``: of their session; ``origin``: network address."""

    rooms: Rooms
    words: Wording
    sessions: Sessions
    token: str | None
    origin: str

    def signed_in(self) -> Actor | None:
        """Who it is, with the role that the account has now."""
        return self.sessions.actor(self.token)

    def require(self, role: Role) -> Actor:
        """Who it is. Raises AisleError when nobody is signed in any more, or the role is not enough."""
        actor = self.signed_in()
        if actor is None:
            raise AisleError(self.words.text("signed_out"))
        if not actor.may(role):
            self.rooms.access.note(actor.name, "refused: role", role, self.origin)
            raise AisleError(self.words.text("not_allowed"))
        return actor

    async def look(self, role: Role, action: str, subject: str = "") -> Actor | None:
        """Who is about to look at something of persons, written down; None: they may not, and were told."""
        try:
            actor = self.require(role)
        except AisleError as error:
            self.complain(error)
            return None
        await asyncio.to_thread(self.rooms.access.note, actor.name, action, subject, self.origin)
        return actor

    async def act(
        self, do: Callable[[Actor], str | None], then: Callable[[], Awaitable[None]], dialog: ui.dialog | None = None
    ) -> None:
        """Do what staff want, off the event loop; ``do`` gives who decided, which may be somebody faster."""
        try:
            actor = self.require("support")
            by = await asyncio.to_thread(do, actor)
        except AisleError as error:
            self.complain(error)
            return
        first = by in (None, actor.name)
        said = self.words.text("done") if first else self.words.text("decided_first", actor=str(by))
        ui.notify(said, type="positive" if first else "warning", position="top")
        if dialog is not None:
            dialog.close()
        await then()

    def complain(self, error: AisleError) -> None:
        """Say why something was not done, until it is closed."""
        ui.notify(str(error), type="negative", position="top", timeout=None, close_button=self.words.text("close"))

    def money(self, minor: int) -> str:
        """An amount in the store's currency."""
        return self.words.money(minor, self.rooms.store.currency)

    def name_of(self, item: Item) -> None:
        """Draw a product and how many."""
        with ui.element("span"):
            text(f"{item.quantity} × {item.name or item.sku} ", "span", "")
            if item.review:
                text(self.words.text("doubtful"), "span", "a-chip")
