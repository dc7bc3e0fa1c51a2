"""A device of the retailer says who stands at a lane, in place of the lane's own reader.

It first takes the lane, with a code that is good there alone: the lane is told of the code as of any credential, and
refuses others until it is decided. Then the device says whom to let in, and the doorkeeper decides by that.
"""

from __future__ import annotations

import secrets
import time

from aisle_core.errors import AisleError

from .. import codes
from ..events import AuthenticationProcessed, AuthenticationStarted, EntryCodeIssued, EntryRequested
from ..journal import Journal
from ..wallet import Wallet

_POLL_S = 0.02


def begin(
    journal: Journal, wallet: Wallet, device_id: str, call_id: str, lane_id: str, expires_ns: int, patience_s: float
) -> str | None:
    """Take a lane until an instant [ns since 1970]; gives the code, None when the lane has not asked about it in time.

    call_id: of the device; the same again gives the same code. Whoever comes in is a payer whom nobody knows.
    """
    code = codes.code_for(wallet, f"{device_id}/{call_id}")
    about = codes.code_id(wallet, code)
    started, _ = journal.append(
        AuthenticationStarted(about=about, device_id=device_id, lane_id=lane_id, code=code, expires_ns=expires_ns),
        EntryCodeIssued(about=about, payer=secrets.token_hex(8), expires_ns=expires_ns),
    )
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        if journal.read(after=started.position, kinds=(EntryRequested,), mentioning=f'"{about}"'):
            return code
        time.sleep(_POLL_S)
    journal.append(AuthenticationProcessed(about=about, admitted=False))
    return None


def finish(journal: Journal, said: AuthenticationProcessed, device_id: str, now_ns: int) -> None:
    """Write down what the device says; the same again changes nothing.

    Raises AisleError when the device has not taken the lane, when its time is up, and when it has said otherwise.
    """
    started = journal.get(f"authentication_started/{said.about}")
    if started is None or not isinstance(started.event, AuthenticationStarted) or started.event.device_id != device_id:
        raise AisleError(f"device '{device_id}' has not taken the gate with this authEventId; start anew")
    standing = journal.get(f"authentication_processed/{said.about}")
    if standing is None and now_ns <= started.event.expires_ns:
        (standing,) = journal.append(said)
    if standing is None or standing.event != said:
        raise AisleError(f"device '{device_id}' has said otherwise, or its time at the gate is up; start anew")
