"""What staff tells the checkout: close or open the store, end a visit."""

from __future__ import annotations

import secrets

from .events import StaffOrdered
from .journal import Journal

STORE = "store"
"""What an order is about that is about no visit."""


def close_store(journal: Journal, actor: str, note: str = "") -> None:
    """Let nobody in any more; those inside go on."""
    journal.append(StaffOrdered(about=STORE, order_id=_new_id(), order="close_store", actor=actor, note=note))


def open_store(journal: Journal, actor: str, note: str = "") -> None:
    """Let people in again."""
    journal.append(StaffOrdered(about=STORE, order_id=_new_id(), order="open_store", actor=actor, note=note))


def close_visit(journal: Journal, session_id: str, actor: str, note: str = "") -> None:
    """End a visit as if its people had left now."""
    journal.append(StaffOrdered(about=session_id, order_id=_new_id(), order="close_visit", actor=actor, note=note))


def _new_id() -> str:
    return secrets.token_hex(8)
