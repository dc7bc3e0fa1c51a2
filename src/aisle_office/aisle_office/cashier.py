"""Settles visits: reviewed if need be, priced, charged exactly once, with a receipt; and gives money back.

Every outside step is written down as intended before, and with its outcome after. The keys for the provider come from
the visit, so that after a crash the same step is made again and done once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import ClassVar

from aisle_core.errors import AisleError
from aisle_core.store import Store

from .events import (
    DEADLINE,
    AgeCheckAsked,
    AgeCheckMissed,
    AuthorisationRaised,
    AuthorisationReleased,
    Charged,
    ChargeIntended,
    EvidenceSent,
    Item,
    ReceiptIssued,
    Refunded,
    RefundRefused,
    RefundRequested,
    TaskRerun,
    VisitBilled,
    VisitClosed,
    VisitEvent,
    VisitReviewed,
    VisitSettled,
)
from .evidence import evidence_for_bank
from .journal import Entry, Journal
from .money import Money
from .payment import DeclinedError, PaymentError, PaymentProvider, RejectedError, UnreachableError
from .pricing import Pricing
from .settings import Office
from .visit import Visit
from .wallet import Wallet
from .worker import Worker, earliest

HOUR_NS = 3_600_000_000_000


class Cashier(Worker):
    """Does for each visit what it lacks, in this order: close, review, bill, charge, let go, refund, contest."""

    NAME: ClassVar[str] = "cashier"

    def __init__(
        self,
        journal: Journal,
        provider: PaymentProvider,
        wallet: Wallet,
        store: Store,
        office: Office,
        clock: Callable[[], int],
        pool: Executor | None = None,
    ) -> None:
        super().__init__(journal, clock, pool)
        self._provider = provider
        self._wallet = wallet
        self._store = store
        self._office = office
        self._pricing = Pricing(store, office)

    def concerns(self, entry: Entry) -> bool:
        return isinstance(entry.event, VisitEvent | TaskRerun)

    def advance(self, subject: str) -> int | None:
        visit = Visit.read(self._journal, subject)
        if not visit.settled:
            again_ns = self._settle(visit)
            if not visit.settled:
                return again_ns
        if visit.charged is None and visit.authorisation_id and not visit.released:
            return self._let_go(visit)
        return earliest((self._refund(visit), self._contest(visit)))

    def _settle(self, visit: Visit) -> int | None:
        """Close, review, bill and charge as far as it goes now; gives when to go on."""
        if visit.closed is None:
            if visit.opened is None:
                return None
            deadline_ns = visit.opened_ns + round(self._office.settling.visit_h * HOUR_NS)
            if self._clock() < deadline_ns:
                again_ns = self._attend(visit)
                return deadline_ns if again_ns is None else min(again_ns, deadline_ns)
            visit.append(self._journal, self._timeout(visit))
        assert visit.closed is not None
        if visit.bill is None:
            self._note_age(visit, visit.closed.items)
            if visit.wants_review:
                deadline_ns = visit.closed_ns + round(self._office.settling.review_h * HOUR_NS)
                if self._clock() < deadline_ns:
                    return deadline_ns
                visit.append(self._journal, self._without_doubts(visit))
            self._bill(visit)
        if visit.bill is None:
            return None
        return self._await_price(visit) if self._wants_price(visit) else self._charge(visit)

    # --- while the visit is open

    def _attend(self, visit: Visit) -> int | None:
        """Have ages checked, and hold more for a cart that has outgrown what is held."""
        if visit.cart is not None:
            self._note_age(visit, visit.cart.items)
        if not (visit.cart and visit.authorisation_id) or visit.raise_declined:
            return None
        total = sum(self._pricing.price_of(item) for item in visit.cart.items)
        if total <= visit.held_minor:
            return None
        step = self._office.entry.step_minor
        amount = visit.held_minor + -(-(total - visit.held_minor) // step) * step
        declined = False
        try:
            key = f"raise/{visit.session_id}/{amount}"
            self._provider.adjust(visit.authorisation_id, Money(amount, self._store.currency), key)
        except (DeclinedError, RejectedError):
            declined = True
        except PaymentError:
            return self._clock() + self._office.settling.retry.wait_ns(1)
        visit.append(
            self._journal, AuthorisationRaised(session_id=visit.session_id, amount_minor=amount, declined=declined)
        )
        return None

    def _note_age(self, visit: Visit, items: tuple[Item, ...]) -> None:
        """Ask staff about who takes what is not sold to everybody; at the end of the visit, say that nobody looked."""
        ages = {item.sku: self._min_age(item) for item in items if item.quantity}
        min_age = max(ages.values(), default=0)
        if min_age <= visit.approved_age:
            return
        session_id = visit.session_id
        if visit.closed is None and min_age > visit.asked_age:
            visit.append(self._journal, AgeCheckAsked(session_id=session_id, min_age=min_age))
        elif visit.closed is not None and visit.age_missed is None:
            skus = tuple(sku for sku, age in ages.items() if age > visit.approved_age)
            visit.append(self._journal, AgeCheckMissed(session_id=session_id, min_age=min_age, skus=skus))

    def _min_age(self, item: Item) -> int:
        product = self._store.products.get(item.sku)
        return (product.min_age or 0) if product else 0

    def _timeout(self, visit: Visit) -> VisitClosed:
        """The end of a visit that nobody closed: somebody must look at all of it."""
        assert visit.opened is not None
        return VisitClosed(
            session_id=visit.session_id,
            payer=visit.opened.payer,
            open_ns=visit.opened.open_ns,
            close_ns=visit.cart.stamp_ns if visit.cart else visit.opened.open_ns,
            close_reason="timeout",
            currency=self._store.currency,
            items=tuple(replace(item, review=True) for item in visit.cart.items) if visit.cart else (),
            review=True,
            unbooked_cart_event_ids=(),
        )

    # --- what is owed

    def _without_doubts(self, visit: Visit) -> VisitReviewed:
        """What the deadline says: the store gives up what is doubtful."""
        return VisitReviewed(
            session_id=visit.session_id,
            actor=DEADLINE,
            quantities={item.sku: 0 for item in visit.doubtful},
            loss_minor=sum(self._pricing.price_of(item) for item in visit.doubtful),
            note="",
        )

    def _bill(self, visit: Visit) -> None:
        assert visit.closed is not None
        task = visit.tasks["bill"]
        if task.dead:
            return
        quantities = visit.reviewed.quantities if visit.reviewed else {}
        try:
            bill = self._pricing.bill(reviewed_items(visit.closed, quantities, self._store), visit.closed.close_ns)
        except AisleError as error:
            retry = self._office.settling.retry
            visit.append(self._journal, task.failure(visit.session_id, "bill", error, retry, final=True))
        else:
            visit.append(self._journal, VisitBilled(session_id=visit.session_id, bill=bill))

    def _wants_price(self, visit: Visit) -> bool:
        """Whether the retailer's systems must still say what the visit costs; they pay for their app's shoppers."""
        retailer = self._office.retailer
        asked = retailer is not None and retailer.prices_carts and visit.shopper_id == ""
        return asked and not visit.repriced and bool(visit.bill and visit.bill.lines)

    def _await_price(self, visit: Visit) -> int | None:
        """They know of the visit and say nothing: after a while an operator shall look why."""
        task, settling = visit.tasks["price"], self._office.settling
        if visit.purchase_id == "" or task.dead:
            return None
        deadline_ns = max(visit.purchased_ns, task.failed_ns) + round(settling.review_h * HOUR_NS)
        if self._clock() < deadline_ns:
            return deadline_ns
        silence = AisleError("the retailer's systems have neither adjusted nor cancelled the charge; ask them why")
        visit.append(self._journal, task.failure(visit.session_id, "price", silence, settling.retry, final=True))
        return None

    def _charge(self, visit: Visit) -> int | None:
        assert visit.bill is not None
        session_id, amount = visit.session_id, Money(visit.bill.total_minor, visit.bill.currency)
        settled = VisitSettled(session_id=session_id)
        if amount.minor == 0 or visit.shopper_id:
            visit.append(self._journal, settled)
            return None
        task, retry = visit.tasks["charge"], self._office.settling.retry
        while not visit.settled and not task.dead:
            due_ns = task.due_ns(retry)
            if self._clock() < due_ns:
                return due_ns
            visit.append(
                self._journal,
                ChargeIntended(session_id=session_id, amount_minor=amount.minor, currency=amount.currency),
            )
            try:
                charge_id = self._take(visit, amount, task.declines)
            except PaymentError as error:
                another_way = isinstance(error, DeclinedError) and task.declines == 0 and visit.authorisation_id != ""
                self._fail(visit, "charge", error, final=not another_way)
            else:
                visit.append(
                    self._journal,
                    Charged(
                        session_id=session_id,
                        charge_id=charge_id,
                        amount_minor=amount.minor,
                        currency=amount.currency,
                    ),
                    ReceiptIssued(session_id=session_id, refund_id="", bill=visit.bill),
                    settled,
                )
        return None

    def _take(self, visit: Visit, amount: Money, declines: int) -> str:
        """Capture the amount: from what is held since the entry, or once that was declined, from the card anew.

        After a decline nothing was done for sure, so the next try has keys of its own; every other try repeats them.
        """
        key = f"charge/{visit.session_id}/{declines}"
        held = visit.authorisation_id if declines == 0 else ""
        grow = held != "" and amount.minor > visit.held_minor
        if held == "":
            card = self._wallet.card(visit.payer)
            if card is None:
                raise DeclinedError("no card is known")
            held = self._provider.pre_authorise(card.token, amount, f"{key}/hold")
        try:
            if grow:
                self._provider.adjust(held, amount, f"{key}/raise")
            return self._provider.capture(held, amount, f"{key}/capture")
        except DeclinedError:
            self._provider.cancel(held, f"{key}/cancel")
            raise

    # --- what goes back

    def _let_go(self, visit: Visit) -> int | None:
        """Nothing was owed: let go of what is held, then see to refunds."""
        task, retry = visit.tasks["let_go"], self._office.settling.retry
        if task.dead:
            return None
        if self._clock() < task.due_ns(retry):
            return task.due_ns(retry)
        try:
            self._provider.cancel(visit.authorisation_id, f"charge/{visit.session_id}/cancel")
        except PaymentError as error:
            return self._fail(visit, "let_go", error)
        visit.append(self._journal, AuthorisationReleased(about=visit.session_id))
        return self._refund(visit)

    def _refund(self, visit: Visit) -> int | None:
        """Give back what was asked for, one after the other: a doubtful refund holds up those after it."""
        retry = self._office.settling.retry
        for request in visit.open_refunds():
            task = visit.tasks[f"refund/{request.refund_id}"]
            if task.dead:
                return None
            if self._clock() < task.due_ns(retry):
                return task.due_ns(retry)
            try:
                self._give_back(visit, request)
            except AisleError as error:
                refused = RefundRefused(session_id=visit.session_id, refund_id=request.refund_id, reason=str(error))
                visit.append(self._journal, refused)
            except PaymentError as error:
                return self._fail(visit, f"refund/{request.refund_id}", error)
        return None

    def _give_back(self, visit: Visit, request: RefundRequested) -> None:
        if visit.charged is None or visit.bill is None:
            raise AisleError(f"refund '{request.refund_id}': nothing was paid; there is nothing to give back")
        bill = self._pricing.refund(visit.bill, visit.refunded.values(), request.quantities)
        if -bill.total_minor > visit.kept_minor:
            raise AisleError(f"refund '{request.refund_id}': the card's bank has taken the money back already")
        if bill.total_minor == 0:
            raise AisleError(f"refund '{request.refund_id}': these were free; there is nothing to give back")
        task = visit.tasks[f"refund/{request.refund_id}"]
        provider_refund_id = self._provider.refund(
            visit.charged.charge_id,
            Money(-bill.total_minor, bill.currency),
            f"refund/{visit.session_id}/{request.refund_id}/{task.declines}",
        )
        visit.append(
            self._journal,
            Refunded(
                session_id=visit.session_id,
                refund_id=request.refund_id,
                provider_refund_id=provider_refund_id,
                amount_minor=-bill.total_minor,
                currency=bill.currency,
            ),
            ReceiptIssued(session_id=visit.session_id, refund_id=request.refund_id, bill=bill),
        )

    def _contest(self, visit: Visit) -> int | None:
        """Hand the evidence about chargebacks in."""
        retry = self._office.settling.retry
        due: list[int | None] = []
        for chargeback_id, until in list(visit.contested.items()):
            name = f"evidence/{chargeback_id}"
            task = visit.tasks[name]
            if task.dead:
                continue
            if self._clock() < task.due_ns(retry):
                due.append(task.due_ns(retry))
                continue
            evidence = evidence_for_bank(self._journal, self._store, self._office, visit.session_id, until)
            try:
                self._provider.contest(chargeback_id, evidence, f"{name}/{visit.session_id}")
            except PaymentError as error:
                due.append(self._fail(visit, name, error))
            else:
                sent = EvidenceSent(session_id=visit.session_id, chargeback_id=chargeback_id)
                visit.append(self._journal, sent)
        return earliest(due)

    def _fail(self, visit: Visit, name: str, error: PaymentError, *, final: bool = True) -> int | None:
        """Write a failure down; gives when to try again, None when the task is dead.

        final: a call that is answered with no is not made again.
        """
        task, retry = visit.tasks[name], self._office.settling.retry
        answered = not isinstance(error, UnreachableError)
        declined = isinstance(error, DeclinedError)
        failure = task.failure(visit.session_id, name, error, retry, final=answered and final, declined=declined)
        visit.append(self._journal, failure)
        return task.again_ns(retry)


def reviewed_items(closed: VisitClosed, quantities: Mapping[str, int], store: Store) -> list[Item]:
    """What a visit holds after its review; what the review adds has the review itself as its evidence."""
    items = [replace(item, quantity=quantities.get(item.sku, item.quantity)) for item in closed.items]
    known = {item.sku for item in closed.items}
    for sku, quantity in quantities.items():
        if sku not in known:
            product = store.products.get(sku)
            items.append(
                Item(
                    sku=sku,
                    name=product.name if product else "",
                    quantity=quantity,
                    unit_price_minor=product.price_minor if product else None,
                    review=False,
                    confidence=1.0,
                    reason="reviewed",
                    cart_event_ids=(),
                    shelf_event_ids=(),
                )
            )
    return items
