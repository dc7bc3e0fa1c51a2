"""Mails receipts, and says when a visit is being checked.

The journal is the outbox: an entry that wants a mail waits until ``MailSent`` stands for its position. A crash between
the server's "accepted" and that entry makes a second mail, with the same Message-ID; SMTP has no better to offer.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import ClassVar, Literal, Protocol

from aisle_core.store import Store

from .cashier import HOUR_NS
from .events import AgeCheckMissed, MailSent, ReceiptIssued, TaskRerun, VisitClosed
from .journal import Entry, Journal
from .links import Links
from .receipts import Wording, receipt_number, receipt_view, render_html, render_pdf, render_text
from .receipts.html import render_notice_html
from .receipts.wording import utc
from .settings import Office
from .visit import Visit
from .wallet import Card, Wallet
from .worker import Worker, earliest


class MailUnreachableError(Exception):
    """The server did not take the mail now; try again."""


class MailRefusedError(Exception):
    """The server will never take this mail."""


class Transport(Protocol):
    """What carries mails."""

    def send(self, message: EmailMessage) -> None:
        """Hand a mail over; raises MailUnreachableError or MailRefusedError."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server. ``security``: how the connection is encrypted; ``user`` "": no login."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    timeout_s: float
    user: str = ""
    password: str = ""

    def send(self, message: EmailMessage) -> None:
        try:
            with self._connect() as server:
                if self.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()))
            raise _refusal(code, reply) from None
        except smtplib.SMTPAuthenticationError as error:
            raise MailUnreachableError(f"login refused ({error.smtp_code})") from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error) from None
        except (OSError, smtplib.SMTPException) as error:
            raise MailUnreachableError(f"{self.host}:{self.port}: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_s, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)


def _refusal(code: int, reply: bytes | str) -> Exception:
    """Replies from 500 on are final (RFC 5321, 4.2.1)."""
    text = f"{code} {reply.decode(errors='replace') if isinstance(reply, bytes) else reply}"
    return MailRefusedError(text) if code >= 500 else MailUnreachableError(text)


class Mailer(Worker):
    """Mails what a visit's entries want mailed, in their order, to payers who gave an address."""

    NAME: ClassVar[str] = "mailer"

    def __init__(
        self,
        journal: Journal,
        transport: Transport,
        wallet: Wallet,
        store: Store,
        office: Office,
        links: Links,
        clock: Callable[[], int],
        pool: Executor | None = None,
    ) -> None:
        super().__init__(journal, clock, pool)
        self._transport = transport
        self._links = links
        self._wallet = wallet
        self._store = store
        self._office = office

    def concerns(self, entry: Entry) -> bool:
        event = entry.event
        return _wants_mail(entry) or (isinstance(event, TaskRerun) and event.task.startswith("mail/"))

    def advance(self, subject: str) -> int | None:
        entries = self._journal.read(subject=subject)
        sent = {entry.event.position for entry in entries if isinstance(entry.event, MailSent)}
        waiting = [entry for entry in entries if _wants_mail(entry) and entry.position not in sent]
        if not waiting:
            return None
        visit = Visit.read(self._journal, subject)
        return earliest([self._mail(visit, entry) for entry in waiting])

    def _mail(self, visit: Visit, entry: Entry) -> int | None:
        """Mail about one entry; gives when to try again."""
        name, retry = f"mail/{entry.position}", self._office.mail.retry
        task = visit.tasks[name]
        if task.dead:
            return None
        if self._clock() < task.due_ns(retry):
            return task.due_ns(retry)
        card = self._wallet.card(visit.payer)
        outdated = not isinstance(entry.event, ReceiptIssued) and not visit.wants_review
        if card is None or card.email is None or outdated:
            visit.append(self._journal, MailSent(about=visit.session_id, position=entry.position, message_id=""))
            return None
        message = self._message(visit, entry, card, card.email)
        try:
            self._transport.send(message)
        except (MailUnreachableError, MailRefusedError) as error:
            final = isinstance(error, MailRefusedError)
            visit.append(self._journal, task.failure(visit.session_id, name, error, retry, final=final))
            return task.again_ns(retry)
        sent = MailSent(about=visit.session_id, position=entry.position, message_id=message["Message-ID"])
        visit.append(self._journal, sent)
        return None

    def _message(self, visit: Visit, entry: Entry, card: Card, address: str) -> EmailMessage:
        settings = self._office.mail
        words = Wording.of(card.language, settings.language, self._store.time_zone)
        message = EmailMessage()
        message["From"] = formataddr((self._store.name, settings.sender))
        message["To"] = address
        message["Date"] = format_datetime(utc(entry.stamp_ns))
        message["Message-ID"] = f"<{entry.position}.{entry.hash[:16]}@{settings.sender.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        if isinstance(entry.event, ReceiptIssued):
            link = self._links.receipt(visit.session_id)
            view = receipt_view(entry, visit, self._store, self._office, words, link)
            subject = "refund_subject" if entry.event.refund_id else "receipt_subject"
            message["Subject"] = words.text(
                subject, number=receipt_number(self._store, entry.ordinal), store=self._store.name
            )
            message.set_content(render_text(view, words))
            message.add_alternative(render_html(view, words), subtype="html")
            pdf = render_pdf(view, words)
            message.add_attachment(pdf, maintype="application", subtype="pdf", filename=f"{view.number}.pdf")
        else:
            subject = words.text("checking_subject", store=self._store.name)
            deadline_ns = visit.closed_ns + round(self._office.settling.review_h * HOUR_NS)
            text = words.text("checking", deadline=words.instant(deadline_ns))
            message["Subject"] = subject
            message.set_content(text + "\n")
            message.add_alternative(render_notice_html(subject, text, words), subtype="html")
        return message


def _wants_mail(entry: Entry) -> bool:
    event = entry.event
    return isinstance(event, ReceiptIssued | AgeCheckMissed) or (isinstance(event, VisitClosed) and event.review)
