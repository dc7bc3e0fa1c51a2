"""Who may come in: money is held at the provider before the lane opens, and let go when nobody went in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import ClassVar

from . import codes
from .cashier import HOUR_NS
from .events import (
    AuthenticationProcessed,
    AuthenticationStarted,
    AuthorisationReleased,
    CardTapped,
    ChargebackEnded,
    ChargedBack,
    EntryDecided,
    EntryEvent,
    EntryReason,
    EntryRequested,
    EntryUsed,
    Event,
    TaskFailed,
    TaskRerun,
    VisitSettled,
)
from .journal import Entry, Journal
from .money import Money
from .payment import DeclinedError, PaymentError, PaymentProvider, RejectedError
from .privacy import visits_of
from .retailer import APP_PREFIX, RefusedError, RetailerSystems, UnansweredError
from .settings import Office
from .tasks import Tasks, dead_letters
from .visit import Visit
from .wallet import Wallet
from .worker import Worker

_AGAIN_NS = 200_000_000
"""A provider that does not answer is asked again after this, while the shopper waits."""


@dataclass(slots=True)
class _Request:
    """One request to come in, as the journal tells it."""

    request_id: str
    requested: EntryRequested | None = None
    requested_ns: int = 0
    decided: EntryDecided | None = None
    decided_ns: int = 0
    used: EntryUsed | None = None
    released: bool = False
    tasks: Tasks = field(default_factory=Tasks)

    def take(self, entry: Entry) -> None:
        self.tasks.take(entry)
        match entry.event:
            case EntryRequested() as event:
                self.requested, self.requested_ns = event, entry.stamp_ns
            case EntryDecided() as event:
                self.decided, self.decided_ns = event, entry.stamp_ns
            case EntryUsed() as event:
                self.used = event
            case AuthorisationReleased():
                self.released = True


class Doorkeeper(Worker):
    """Decides every ``EntryRequested`` within ``entry.decide_s``, and lets go of money that nobody used."""

    NAME: ClassVar[str] = "doorkeeper"

    def __init__(
        self,
        journal: Journal,
        provider: PaymentProvider,
        wallet: Wallet,
        office: Office,
        currency: str,
        clock: Callable[[], int],
        pool: Executor | None = None,
        retailer: RetailerSystems | None = None,
    ) -> None:
        super().__init__(journal, clock, pool)
        self._retailer = retailer
        self._provider = provider
        self._wallet = wallet
        self._office = office
        self._currency = currency
        self._debts = {
            letter.subject: Visit.read(journal, letter.subject).payer
            for letter in dead_letters(journal)
            if letter.task == "charge"
        }
        disputed = {entry.event.subject for entry in journal.read(kinds=(ChargedBack,))}
        for visit in (Visit.read(journal, session_id) for session_id in sorted(disputed)):
            if visit.lost_minor and visit.payer:
                self._debts[visit.session_id] = visit.payer

    def concerns(self, entry: Entry) -> bool:
        match entry.event:
            case TaskFailed(task="charge", dead=True) as event:
                self._debts = self._debts | {event.about: Visit.read(self._journal, event.about).payer}
            case ChargedBack() as event:
                self._debts = self._debts | {event.session_id: Visit.read(self._journal, event.session_id).payer}
            case (VisitSettled() | ChargebackEnded(returned=True)) as event if event.session_id in self._debts:
                self._debts = {name: payer for name, payer in self._debts.items() if name != event.session_id}
            case EntryEvent() | TaskRerun(task="let_go"):
                return True
        return False

    def advance(self, subject: str) -> int | None:
        request = _Request(subject)
        for entry in self._journal.read(subject=subject):
            request.take(entry)
        if request.requested is None:
            return None
        if request.decided is None:
            decision = self._decide(request.requested, request.requested_ns)
            if decision is None:
                return self._clock() + _AGAIN_NS
            self._append(request, decision)
        assert request.decided is not None
        if request.decided.admitted and request.used is None:
            expiry_ns = request.decided_ns + round(self._office.entry.use_s * 1e9)
            if self._clock() < expiry_ns:
                return expiry_ns
            self._append(request, EntryUsed(request_id=subject, session_id=""))
        in_use = request.used is not None and request.used.session_id != "" and request.decided.authorisation_id != ""
        maybe_held = request.decided.authorisation_id != "" or (
            request.decided.reason == "provider_unreachable" and self._app_key(request.requested) is None
        )
        if in_use or request.released or not maybe_held:
            return None
        return self._let_go(request)

    def _append(self, request: _Request, event: Event) -> None:
        for entry in self._journal.append(event):
            request.take(entry)

    def _decide(self, requested: EntryRequested, requested_ns: int) -> EntryDecided | None:
        """The decision; None to ask the provider again a little later."""
        entry = self._office.entry
        request_id = requested.request_id
        if requested.code_id:
            fault = codes.spend(self._journal, requested.code_id, request_id, requested_ns)
            tapped = self._journal.get(f"card_tapped/{requested.code_id}")
            tap = tapped.event if tapped is not None and isinstance(tapped.event, CardTapped) else None
            if fault is not None:
                held = tap.authorisation_id if tap is not None and fault == "expired_code" else ""
                return EntryDecided(request_id=request_id, admitted=False, reason=fault, authorisation_id=held)
            if tap is not None:
                return self._tapped(requested, tap)
            started = self._journal.get(f"authentication_started/{requested.code_id}")
            if started is not None and isinstance(started.event, AuthenticationStarted):
                return self._authenticated(requested, started.event)
        card = self._wallet.card(requested.payer)
        if card is not None and card.staff:
            return EntryDecided(request_id=request_id, admitted=True, reason="staff")
        late = self._clock() >= requested_ns + round(entry.decide_s * 1e9)
        app_key = self._app_key(requested)
        if app_key is not None:
            return self._verify(request_id, app_key, late)
        if requested.payer in self._debts.values():
            return EntryDecided(request_id=request_id, admitted=False, reason="debt")
        try:
            authorisation_id = None if late else self._hold(requested)
            wanted = authorisation_id is None or self._is_wanted(requested)
        except DeclinedError:
            return EntryDecided(request_id=request_id, admitted=False, reason="declined")
        except (PaymentError, UnansweredError):
            return None
        if authorisation_id is None:
            admitted = entry.unreachable == "admit"
            return EntryDecided(request_id=request_id, admitted=admitted, reason="provider_unreachable")
        return EntryDecided(
            request_id=request_id,
            admitted=wanted,
            reason="authorised" if wanted else "declined",
            authorisation_id=authorisation_id,
            authorised_minor=entry.authorise_minor,
        )

    def _tapped(self, requested: EntryRequested, tap: CardTapped) -> EntryDecided | None:
        """About a card on which the money is held already; whoever is kept out gets it back."""
        card = self._wallet.card(requested.payer)
        reason: EntryReason
        try:
            if requested.lane_id != tap.lane_id or card is None:
                reason = "declined"
            elif card.staff:
                reason = "staff"
            elif requested.payer in self._debts.values():
                reason = "debt"
            elif self._is_inside(requested.payer):
                reason = "visit_open"
            else:
                reason = "authorised" if self._is_wanted(requested) else "declined"
        except UnansweredError:
            return None
        return EntryDecided(
            request_id=requested.request_id,
            admitted=reason in ("authorised", "staff"),
            reason=reason,
            authorisation_id=tap.authorisation_id,
            authorised_minor=self._office.entry.authorise_minor,
        )

    def _is_inside(self, payer: str) -> bool:
        """Whether a visit of a payer is open."""
        oldest_ns = self._clock() - round(self._office.settling.visit_h * HOUR_NS)
        sessions = visits_of(self._journal, payer, self._journal.position_before(oldest_ns))
        return any(Visit.read(self._journal, session_id).closed is None for session_id in sessions)

    def _authenticated(self, requested: EntryRequested, started: AuthenticationStarted) -> EntryDecided | None:
        """What a device of the retailer says of who stands at the lane; None to ask again a little later."""
        processed = self._journal.get(f"authentication_processed/{requested.code_id}")
        request_id = requested.request_id
        if processed is None and self._clock() <= started.expires_ns:
            return None
        said = processed.event if processed is not None else None
        if not isinstance(said, AuthenticationProcessed):
            return EntryDecided(request_id=request_id, admitted=False, reason="provider_unreachable")
        if not said.admitted or requested.lane_id != started.lane_id:
            return EntryDecided(request_id=request_id, admitted=False, reason="declined")
        reason: EntryReason = "staff" if said.staff else "authorised"
        return EntryDecided(request_id=request_id, admitted=True, reason=reason, shopper_id=said.shopper_id)

    def _app_key(self, requested: EntryRequested) -> str | None:
        """The key of the retailer's app that was shown; None for a card."""
        card = self._wallet.card(requested.payer)
        is_key = card is not None and card.token.startswith(APP_PREFIX)
        return card.token.removeprefix(APP_PREFIX) if card is not None and is_key else None

    def _verify(self, request_id: str, app_key: str, late: bool) -> EntryDecided | None:
        """Let the retailer say whose key it is; None to ask again a little later."""
        settings = self._office.retailer
        if self._retailer is None or settings is None or not settings.app_entry:
            return EntryDecided(request_id=request_id, admitted=False, reason="unknown_code")
        if late:
            return EntryDecided(request_id=request_id, admitted=False, reason="provider_unreachable")
        try:
            shopper_id, kind = self._retailer.verify_identity_key(request_id, app_key, "OPTICAL")
        except RefusedError:
            return EntryDecided(request_id=request_id, admitted=False, reason="declined")
        except UnansweredError:
            return None
        if kind == "ASSOCIATE":
            return EntryDecided(request_id=request_id, admitted=True, reason="staff")
        return EntryDecided(request_id=request_id, admitted=True, reason="authorised", shopper_id=shopper_id)

    def _is_wanted(self, requested: EntryRequested) -> bool:
        """Whether the retailer wants this card in, if it has a say."""
        settings = self._office.retailer
        if self._retailer is None or settings is None or not settings.screen_cards:
            return True
        held = Money(self._office.entry.authorise_minor, self._currency)
        try:
            return self._retailer.authorise(requested.request_id, requested.payer, held)
        except RefusedError:
            return False

    def _hold(self, requested: EntryRequested) -> str:
        card = self._wallet.card(requested.payer)
        if card is None:
            raise DeclinedError("the card was forgotten")
        amount = Money(self._office.entry.authorise_minor, self._currency)
        return self._provider.pre_authorise(card.token, amount, f"entry/{requested.request_id}")

    def _let_go(self, request: _Request) -> int | None:
        """Cancel what is held; where no answer ever came, ask once more what there is to cancel."""
        retry = self._office.settling.retry
        task = request.tasks["let_go"]
        if task.dead:
            return None
        if self._clock() < task.due_ns(retry):
            return task.due_ns(retry)
        assert request.requested is not None and request.decided is not None
        try:
            held = request.decided.authorisation_id or self._hold(request.requested)
            self._provider.cancel(held, f"entry/{request.request_id}/cancel")
        except DeclinedError:
            pass
        except PaymentError as error:
            final = isinstance(error, RejectedError)
            self._append(request, task.failure(request.request_id, "let_go", error, retry, final=final))
            return task.again_ns(retry)
        self._append(request, AuthorisationReleased(about=request.request_id))
        return None
