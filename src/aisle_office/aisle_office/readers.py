"""Payment readers at the gate that this office drives: each tap becomes a credential for the reader's lane."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import ClassVar

from . import codes
from .events import CardTapped, EntryCodeIssued, EntryRequested
from .journal import Entry, Journal
from .money import Money
from .payment import CardReaders, DeclinedError, PaymentError, PaymentProvider, Tap
from .wallet import Wallet

log = logging.getLogger(__name__)

CARD_PREFIX = "terminal:"
"""Of the wallet's tokens for cards that are only known by what a reader says of them."""
_GOOD_NS = 8_000_000_000
"""Whoever tapped stands at the lane for so long."""
_LANE_NS = 2_000_000_000
"""A lane that asks has done so by then."""
_KEYS_NS = 86_400_000_000_000
"""The provider remembers keys for no longer (https://docs.stripe.com/api/idempotent_requests)."""
_POLL_S = 0.5


class Readers:
    """Has each reader ask for a card, again and again. ``readers``: lane -> the provider's id of its reader.

    A tap is written down with a code that is good at that lane alone, and the doorkeeper decides about it as about any
    credential. A tap that the lane has not asked about while its code was good is let go.
    """

    NAME: ClassVar[str] = "readers"

    def __init__(
        self,
        journal: Journal,
        terminal: CardReaders,
        provider: PaymentProvider,
        wallet: Wallet,
        readers: Mapping[str, str],
        amount: Money,
        clock: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._terminal = terminal
        self._provider = provider
        self._wallet = wallet
        self._readers = dict(readers)
        self._amount = amount
        self._clock = clock
        self._asked: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._pending: dict[str, Entry] = {}
        lately = journal.position_before(clock() - _KEYS_NS)
        for entry in journal.read(after=lately, kinds=(CardTapped,)):
            if isinstance(entry.event, CardTapped):
                self._before[entry.event.lane_id] = entry.event.authorisation_id
                self._pending[entry.event.lane_id] = entry

    def run(self, stop: threading.Event, poll_s: float) -> None:
        """Step until told to stop."""
        while not stop.wait(max(poll_s, _POLL_S)):
            for lane_id in self._readers:
                try:
                    self.step(lane_id)
                except PaymentError as error:
                    log.warning("readers: %s: %s", lane_id, error)
                except Exception:
                    log.exception("readers: trouble at %s, going on", lane_id)

    def step(self, lane_id: str) -> None:
        """See to the reader of a lane. Raises PaymentError; the same step is then made again."""
        if lane_id in self._pending:
            if not self._is_over(self._pending[lane_id]):
                return
            del self._pending[lane_id]
        if lane_id not in self._asked:
            key = f"tap/{lane_id}/{self._before.get(lane_id, '')}"
            self._asked[lane_id] = self._terminal.ask(self._amount, key)
        asked = self._asked[lane_id]
        try:
            tap = self._terminal.tapped(self._readers[lane_id], asked)
        except DeclinedError:
            self._before[lane_id] = self._asked.pop(lane_id)
            raise
        if tap is not None:
            self._pending[lane_id] = self._write(lane_id, tap)
            self._before[lane_id] = self._asked.pop(lane_id)

    def _write(self, lane_id: str, tap: Tap) -> Entry:
        code = codes.code_for(self._wallet, f"tap/{tap.authorisation_id}")
        about, expires_ns = codes.code_id(self._wallet, code), tap.stamp_ns + _GOOD_NS
        payer = self._wallet.payer_of(CARD_PREFIX + tap.card)
        issued = EntryCodeIssued(about=about, payer=payer, expires_ns=expires_ns)
        tapped = CardTapped(
            about=about, lane_id=lane_id, code=code, authorisation_id=tap.authorisation_id, expires_ns=expires_ns
        )
        return self._journal.append(issued, tapped)[1]

    def _is_over(self, entry: Entry) -> bool:
        """Whether the lane has asked about a tap, or does not any more."""
        tapped = entry.event
        assert isinstance(tapped, CardTapped)
        if self._journal.read(after=entry.position, kinds=(EntryRequested,), mentioning=f'"{tapped.about}"'):
            return True
        if self._clock() <= tapped.expires_ns + _LANE_NS:
            return False
        self._provider.cancel(tapped.authorisation_id, f"tap/{tapped.authorisation_id}/cancel")
        return True
