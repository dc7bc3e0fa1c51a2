"""Links to receipts: whoever has one may see one visit, and nobody can guess one."""

from __future__ import annotations

import base64
import hashlib
import hmac

_MAC_BYTES = 16
"""128 bits: no guessing."""


class Links:
    """A code is the visit's id and a keyed hash of it, so that nothing has to be kept. ``address``: of the pages."""

    def __init__(self, secret: str, address: str) -> None:
        self._key = hmac.digest(secret.encode(), b"links", hashlib.sha256)
        self._address = address.rstrip("/")

    def code(self, session_id: str) -> str:
        """The code of a visit."""
        return f"{session_id}.{self._mac(f'receipt/{session_id}')}"

    def session(self, code: str) -> str | None:
        """The visit that a code names; None for a wrong one, after the same time."""
        session_id, _, mac = code.rpartition(".")
        expected = self._mac(f"receipt/{session_id}")
        return session_id if hmac.compare_digest(expected.encode(), mac.encode()) else None

    def receipt(self, session_id: str) -> str:
        """The address of a visit's page."""
        return f"{self._address}/r/{self.code(session_id)}"

    def kiosk_key(self) -> str:
        """What a device must show once to become a kiosk of the store."""
        return self._mac("kiosk")

    def _mac(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode(), hashlib.sha256)[:_MAC_BYTES]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
