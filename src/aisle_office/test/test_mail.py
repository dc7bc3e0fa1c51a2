"""Receipts by mail, through a real SMTP server."""

import email
import email.policy
import socket
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from office_world import STORE, World, closed, item, office, opened

from aisle_core.errors import AisleError
from aisle_office.events import MailSent, RefundRequested, VisitReviewed
from aisle_office.mail import MailRefusedError, MailUnreachableError, Smtp
from aisle_office.tasks import rerun


class Server:
    """An SMTP server that keeps its mails; ``replies``: what it says to the next ones, kept or not."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.replies: list[str] = []
        self.controller = Controller(self, hostname="127.0.0.1", port=_free_port())

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        reply = self.replies.pop(0) if self.replies else "250 kept"
        if reply.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return reply

    @property
    def transport(self) -> Smtp:
        return Smtp("127.0.0.1", self.controller.port, "none", timeout_s=10.0)

    def subjects(self) -> list[str]:
        return [mail["Subject"] for mail in self.mails]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.controller.start()
    yield server
    server.controller.stop()


Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path, server: Server) -> Iterator[Make]:
    worlds: list[World] = []

    def build(language: str | None = None, **changes: object) -> World:
        world = World(tmp_path, office(**changes), server.transport)
        worlds.append(world)
        world.wallet.link(world.wallet.payer_of("tok_anna"), "anna@example.org", language)
        return world

    yield build
    for world in worlds:
        world.close()


@pytest.fixture
def world(make: Make) -> World:
    return make()


def test_a_receipt_comes_by_mail(world: World, server: Server) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2))
    world.settle()
    (mail,) = server.mails
    assert mail["To"] == "anna@example.org"
    assert mail["From"].addresses[0].addr_spec == "receipts@corner.example"
    assert mail["Subject"] == f"Your receipt demo-000001 from {STORE.name}"
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
    ]
    text, page = (part.get_content() for part in mail.walk() if part.get_content_maintype() == "text")
    assert "Cola 0.33 l can" in text and "Cola 0.33 l can" in page
    (attachment,) = mail.iter_attachments()
    assert attachment.get_filename() == "demo-000001.pdf"
    assert attachment.get_content().startswith(b"%PDF")
    assert world.events(MailSent)[0].message_id == mail["Message-ID"]


@pytest.mark.parametrize(("language", "words"), [("de", "Ihre Quittung"), ("vi", "Hóa đơn"), ("ar", "إيصالكم")])
def test_the_shopper_chose_a_language(make: Make, server: Server, language: str, words: str) -> None:
    world = make(language)
    world.enter("tok_anna")
    world.leave(item("COLA-033"))
    world.settle()
    assert words in server.subjects()[0]


def test_nobody_else_gets_mail(world: World, server: Server) -> None:
    """A card without an address, one that was forgotten, and an address that comes too late."""
    for token, session_id in (("tok_bert", "v1"), ("tok_anna", "v2")):
        world.enter(token, session_id)
    world.wallet.forget(world.wallet.payer_of("tok_anna"))
    for session_id in ("v1", "v2"):
        world.leave(item("COLA-033"), session_id=session_id)
    world.settle()
    world.wallet.link(world.wallet.payer_of("tok_bert"), "bert@example.org", None)
    world.start()
    world.settle()
    assert server.mails == []


def test_a_doubtful_visit_is_told_and_then_gets_its_receipt(world: World, server: Server) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", review=True))
    world.settle()
    world.journal.append(VisitReviewed(session_id="v1", actor="s", quantities={}, loss_minor=0, note=""))
    world.settle()
    assert server.subjects() == [
        f"Your visit to {STORE.name} is being checked",
        f"Your receipt demo-000001 from {STORE.name}",
    ]


def test_a_check_that_is_over_is_not_told(world: World, server: Server) -> None:
    world.enter("tok_anna")
    review = VisitReviewed(session_id="v1", actor="s", quantities={}, loss_minor=0, note="")
    payer = world.wallet.payer_of("tok_anna")
    world.journal.append(closed(item("COLA-033", review=True), payer=payer), review)
    world.settle()
    assert server.subjects() == [f"Your receipt demo-000001 from {STORE.name}"]


def test_a_refund_comes_by_mail(world: World, server: Server) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2))
    world.journal.append(
        RefundRequested(session_id="v1", refund_id="a", quantities={"COLA-033": 1}, actor="s", note="")
    )
    world.settle()
    assert server.subjects()[1] == f"Your refund demo-000002 from {STORE.name}"


def test_an_empty_visit_gets_no_mail(world: World, server: Server) -> None:
    world.enter("tok_anna")
    world.leave()
    world.settle()
    assert server.mails == []


@pytest.mark.parametrize("reply", ["451 later", "421 going down"])
def test_a_busy_server_is_asked_again(world: World, server: Server, reply: str) -> None:
    server.replies = [reply] * 3
    world.enter("tok_anna")
    world.leave(item("COLA-033"))
    world.settle()
    assert len(server.mails) == 1


def test_a_server_that_is_down_for_an_hour(world: World, server: Server) -> None:
    server.controller.stop()
    world.enter("tok_anna")
    world.leave(item("COLA-033"))
    world.settle(1.0)
    server.controller = Controller(server, hostname="127.0.0.1", port=server.controller.port)
    server.controller.start()
    world.settle(1.0)
    assert len(server.mails) == 1
    assert world.ends() == set()


def test_a_refused_address_waits_for_an_operator(world: World, server: Server) -> None:
    server.replies = ["550 no such user"]
    world.enter("tok_anna")
    world.leave(item("COLA-033"))
    world.settle()
    (end,) = world.ends()
    rerun(world.journal, *end.split(), "staff-1")
    world.settle()
    assert world.ends() == set()
    assert len(server.mails) == 1


def test_a_restart_mails_nothing_twice(world: World, server: Server) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033"))
    for _ in range(3):
        world.settle()
        world.start()
    assert len(server.mails) == 1


def test_a_mail_whose_answer_was_lost_has_the_same_id(world: World, server: Server) -> None:
    class Lost:
        def __init__(self) -> None:
            self.times = 1

        def send(self, message: EmailMessage) -> None:
            server.transport.send(message)
            if self.times:
                self.times -= 1
                raise MailUnreachableError("the line broke")

    world.transport = Lost()
    world.start()
    world.enter("tok_anna")
    world.leave(item("COLA-033"))
    world.settle()
    assert len(server.mails) == 2
    assert len({mail["Message-ID"] for mail in server.mails}) == 1


def test_what_the_server_says_is_understood(server: Server) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "a@example.org", "b@example.org"
    message.set_content("x")
    server.replies = ["451 later", "554 never"]
    with pytest.raises(MailUnreachableError):
        server.transport.send(message)
    with pytest.raises(MailRefusedError):
        server.transport.send(message)
    with pytest.raises(MailUnreachableError):
        Smtp("127.0.0.1", 9, "none", timeout_s=5.0).send(message)
    with pytest.raises(MailUnreachableError):
        Smtp("127.0.0.1", server.controller.port, "starttls", timeout_s=5.0).send(message)


@pytest.mark.parametrize("address", ["anna", "a@b", "a@b.c\nBcc: x@y.org", "<a@b.org>", "a@b.org,c@d.org", ""])
def test_what_is_no_address_is_refused(world: World, address: str) -> None:
    with pytest.raises(AisleError, match="no such address"):
        world.wallet.link(world.wallet.payer_of("tok_anna"), address, None)


def test_the_journal_holds_neither_address_nor_token(world: World) -> None:
    world.enter("tok_anna")
    world.journal.append(opened("v9", world.wallet.payer_of("tok_anna")))
    world.leave(item("COLA-033"))
    world.settle()
    content = " ".join(raw.body + raw.key for raw in world.journal.raw(limit=1000))
    assert "anna" not in content and "example.org" not in content
