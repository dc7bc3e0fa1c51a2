"""Codes that let a payer in once, such as an app shows as a QR code; the reader takes them like a card."""

from __future__ import annotations

import base64
import secrets
from typing import Literal

from .events import EntryCodeIssued, EntryCodeUsed
from .journal import Journal
from .wallet import Wallet

PREFIX = "code:"
_RANDOM_BYTES = 15
"""120 random bits, 24 letters: nobody guesses a code that is good."""
_LETTERS = 32
"""128 bits of a keyed fingerprint."""


def is_code(credential: str) -> bool:
    """Whether a credential is a code, not a card."""
    return credential.startswith(PREFIX)


def issue(journal: Journal, wallet: Wallet, payer: str, expires_ns: int) -> str:
    """A new code for a payer, good until an instant of the office's clock [ns since 1970]. Nobody else keeps it."""
    code = PREFIX + base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode()
    journal.append(EntryCodeIssued(about=code_id(wallet, code), payer=payer, expires_ns=expires_ns))
    return code


def code_for(wallet: Wallet, what: str) -> str:
    """The code that the office itself shows a lane for a tap or a call: of the same, the same."""
    return PREFIX + wallet.fingerprint(what)[:_LETTERS]


def code_id(wallet: Wallet, code: str) -> str:
    """The name of a code in the journal."""
    return wallet.fingerprint(code)[:_LETTERS]


def payer_of(journal: Journal, code_id: str) -> str:
    """Who got a code; "" for a code that nobody issued."""
    issued = _issued(journal, code_id)
    return "" if issued is None else issued.payer


def spend(
    journal: Journal, code_id: str, request_id: str, now_ns: int
) -> Literal["unknown_code", "expired_code", "used_code"] | None:
    """Use a code for a request to come in; None when it is good, again and again for the same request."""
    issued = _issued(journal, code_id)
    if issued is None:
        return "unknown_code"
    if now_ns > issued.expires_ns:
        return "expired_code"
    (used,) = journal.append(EntryCodeUsed(about=code_id, request_id=request_id))
    return None if used.event == EntryCodeUsed(about=code_id, request_id=request_id) else "used_code"


def _issued(journal: Journal, code_id: str) -> EntryCodeIssued | None:
    entry = journal.get(f"entry_code_issued/{code_id}")
    return entry.event if entry is not None and isinstance(entry.event, EntryCodeIssued) else None
