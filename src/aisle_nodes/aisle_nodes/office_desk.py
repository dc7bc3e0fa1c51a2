"""The office's front desk, opened for a node."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from aisle_core.checkout import CheckoutState
from aisle_core.errors import AisleError
from aisle_office.front_desk import FrontDesk, Said
from aisle_office.journal import Journal
from aisle_office.wallet import Wallet

SECRET = "AISLE_OFFICE_SECRET"
_POLL_S = 0.05


class OfficeDesk:
    """A front desk at work, with its databases."""

    def __init__(self, journal: Journal, wallet: Wallet) -> None:
        self.front = FrontDesk(journal, wallet, _POLL_S)
        self._parts = (journal, wallet)
        self.front.__enter__()

    def say(self, items: Sequence[Said], state: Callable[[], CheckoutState]) -> None:
        """Hand over what the checkout said in one step; ``state`` gives what it knows since."""
        for item in items[:-1]:
            self.front.say(item)
        for item in items[-1:]:
            self.front.say(item, state())

    def close(self) -> None:
        """Write what is left, and let go of the databases."""
        self.front.__exit__()
        for part in self._parts:
            part.close()


def open_desk(database: str) -> OfficeDesk:
    """The desk of an office. Raises AisleError when its database or its secret is not there."""
    if SECRET not in os.environ:
        raise AisleError(f"office: the environment has no {SECRET}; set it to the secret of the office")
    return OfficeDesk(Journal.open(database, time.time_ns), Wallet.open(database, os.environ[SECRET]))
