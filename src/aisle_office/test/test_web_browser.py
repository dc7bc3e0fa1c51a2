"""The kiosk and the console as people use them, in a real browser."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from web_world import NOTICE_SECRET, PASSWORD, WebWorld
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from aisle_office import chargebacks
from aisle_office.events import (
    AgeCheckAsked,
    AgeChecked,
    ChargebackContested,
    Charged,
    DisputeDecided,
    GateAlarmed,
    RefundRequested,
    StaffOrdered,
    VisitReviewed,
)
from aisle_office.orders import STORE
from aisle_office.payment.notices import read_notice, signature_of
from aisle_office.settings import LANGUAGES
from aisle_office.tasks import dead_letters
from aisle_office.web.kiosk import COOKIE as KIOSK
from aisle_office.web.sign_in import COOKIE as STAFF

CHROMIUM = Path("/usr/bin/chromium")
TABLET = {"width": 1024, "height": 768}
expect.set_options(timeout=20_000)

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium; install the Debian package chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, web: WebWorld) -> Iterator[Page]:
    context = browser.new_context(base_url=web.address, viewport=TABLET)
    page = context.new_page()
    yield page
    context.close()


def tap(page: Page, web: WebWorld, token: str, language: str = "en") -> None:
    """Somebody taps a card at a device that is a kiosk: the reader types its token, and Enter."""
    page.context.add_cookies([{"name": KIOSK, "value": web.links.kiosk_key(), "url": web.address}])
    page.goto(f"/kiosk/{language}")
    expect(page.locator("input")).to_be_focused()
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    expect(page.locator("input[type=email]")).to_be_visible()


def sign_in(page: Page, web: WebWorld, name: str, language: str = "en") -> None:
    """The console of somebody who has signed in before."""
    token = web.sign_in(name).cookies[STAFF]
    page.context.add_cookies([{"name": STAFF, "value": token, "url": web.address}])
    page.goto(f"/console/{language}")
    expect(page.locator("main [role=tab]").first).to_be_visible()


def test_an_address_typed_once_gets_the_next_receipts(page: Page, web: WebWorld) -> None:
    tap(page, web, "tok_kiosk1")
    page.locator("input[type=email]").fill("no address")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is not an e-mail address")).to_be_visible()
    page.locator("input[type=email]").fill("kim@example.org")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your receipts go to kim@example.org")).to_be_visible()
    web.shop("kiosk1", web.item("COLA-15"), token="tok_kiosk1")
    (mail,) = [mail for mail in web.post.mails if mail["To"] == "kim@example.org"]
    text = mail.get_body(("plain",)).get_content()
    page.goto(re.findall(r"http\S+/r/\S+", text)[0])
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()


def test_a_shopper_disputes_at_the_kiosk_and_deletes_their_data(page: Page, web: WebWorld) -> None:
    web.shop("kiosk2", web.item("COLA-15"), token="tok_kiosk2")
    payer = web.wallet.payer_of("tok_kiosk2")
    tap(page, web, "tok_kiosk2")
    page.get_by_role("switch").click()
    page.get_by_role("button", name="Open").click()
    page.get_by_role("button", name="I did not take this").click()
    expect(page.get_by_text("We are checking it")).to_be_visible()
    assert "line_disputed" in web.kinds("kiosk2")
    page.get_by_role("button", name="Close").click()
    card = web.wallet.card(payer)
    assert card is not None and not card.analytics
    page.get_by_role("button", name="Delete my data").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete my data").click()
    expect(page.get_by_text("Your data are deleted.")).to_be_visible()
    expect(page.get_by_role("heading", name="Hold your card to the reader")).to_be_visible()
    assert web.wallet.card(payer) is None and "payer_forgotten" in web.kinds(payer)


def test_support_reviews_a_visit_that_appears_while_they_look(page: Page, web: WebWorld) -> None:
    sign_in(page, web, "support")
    web.enter("console1", "tok_console1")
    web.take("console1", web.item("COLA-05"))
    expect(page.get_by_role("heading", name="Visit console1")).to_be_visible()
    web.leave("console1", web.item("COLA-15"), web.item("COLA-05", 2, review=True, confidence=0.5))
    expect(page.get_by_role("heading", name="Visit console1")).to_be_hidden()
    page.get_by_role("tab", name="Doubts").click()
    card = page.locator("article", has_text="Visit console1")
    card.get_by_role("button", name="Details").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("s-COLA-05")).to_be_visible()
    dialog.get_by_test_id("count-COLA-05").fill("1")
    dialog.get_by_label("Note").fill("one on the picture of the shelf")
    dialog.get_by_role("button", name="Bill this").click()
    expect(card).to_be_hidden()
    (entry,) = web.journal.read(subject="console1", kinds=(VisitReviewed,))
    said = entry.event
    assert isinstance(said, VisitReviewed)
    assert (said.actor, said.quantities, said.loss_minor) == ("support", {"COLA-05": 1}, 149)
    assert said.note == "one on the picture of the shelf"
    web.settle()
    assert "receipt_issued" in web.kinds("console1")
    assert any((a.actor, a.action, a.subject) == ("support", "visit opened", "console1") for a in web.access.read())


def test_support_decides_a_dispute_and_refunds_another_piece(page: Page, web: WebWorld) -> None:
    code = web.shop("console2", web.item("COLA-15"), web.item("WATER-STILL-15", 3), token="tok_console2")
    web.browse().post(f"/r/{code}/dispute", data={"sku": "COLA-15"})
    sign_in(page, web, "support")
    page.get_by_role("tab", name="Disputes").click()
    card = page.locator("article", has_text="Visit console2")
    card.get_by_role("button", name="Details").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Reject").click()
    expect(card).to_be_hidden()
    page.get_by_role("tab", name="Receipts").click()
    page.locator(".a-line", has_text="€").first.get_by_role("button", name="Details").click()
    dialog.get_by_role("button", name='Expand "Refund"').click()
    dialog.get_by_test_id("count-WATER-STILL-15").fill("2")
    dialog.get_by_role("button", name="Refund", exact=True).click()
    expect(dialog).to_be_hidden()
    (decided,), (asked,) = (
        [entry.event for entry in web.journal.read(subject="console2", kinds=(kind,))]
        for kind in (DisputeDecided, RefundRequested)
    )
    assert (decided.accepted, decided.actor) == (False, "support")
    assert (asked.quantities, asked.actor) == ({"WATER-STILL-15": 2}, "support")


def test_a_failed_payment_is_seen_and_tried_again(page: Page, web: WebWorld) -> None:
    web.shop("console3", web.item("COLA-15"), token="tok_stolen_later")
    sign_in(page, web, "support")
    page.get_by_role("tab", name="Failed tasks").click()
    card = page.locator("article", has_text="console3")
    card.get_by_role("button", name="Try again").click()
    expect(card).to_be_hidden()
    assert "task_rerun" in web.kinds("console3")
    web.settle()
    assert [letter.subject for letter in dead_letters(web.journal)] == ["console3"]


def test_the_evidence_about_a_chargeback_is_sent(page: Page, web: WebWorld) -> None:
    web.shop("console7", web.item("COLA-15", 2), token="tok_console7")
    (charged,) = (entry.event for entry in web.journal.read(subject="console7", kinds=(Charged,)))
    body = web.sandbox.charge_back(charged.charge_id, charged.amount_minor, "fraudulent")
    notice = read_notice(body, signature_of(body, NOTICE_SECRET, int(time.time())), NOTICE_SECRET)
    assert notice is not None and chargebacks.take(web.journal, notice) == "console7"
    sign_in(page, web, "support")
    page.get_by_role("tab", name="Chargebacks").click()
    card = page.locator("article", has_text="Visit console7")
    card.get_by_role("button", name="Send the evidence").click()
    expect(card.get_by_text("The evidence goes to the provider.")).to_be_visible()
    (said,) = (entry.event for entry in web.journal.read(subject="console7", kinds=(ChargebackContested,)))
    assert said.actor == "support"
    web.settle()
    text = web.sandbox.evidence(notice.chargeback_id)
    assert text is not None and "s-COLA-15" in text


def test_alarms_are_seen_and_a_visit_is_ended(page: Page, web: WebWorld) -> None:
    web.enter("console5", "tok_console5")
    alarm = GateAlarmed(about="gate1", stamp_ns=1, alarm="tail_gating", session_id="console5", track_id=7)
    web.journal.append(alarm)
    sign_in(page, web, "support")
    page.get_by_role("tab", name="Gate alarms").click()
    card = page.locator("article", has_text="two came in, one was counted")
    card.get_by_role("button", name="Details").click()
    page.get_by_role("dialog").get_by_role("button", name="End this visit").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    (ordered,) = (entry.event for entry in web.journal.read(subject="console5", kinds=(StaffOrdered,)))
    assert (ordered.order, ordered.actor) == ("close_visit", "support")


def test_a_device_becomes_a_kiosk_and_staff_signs_in_by_keyboard(page: Page, web: WebWorld) -> None:
    page.goto(f"/kiosk?key={web.links.kiosk_key()}")
    expect(page.get_by_role("heading", name="Hold your card to the reader")).to_be_visible()
    page.goto("/console/sign-in?language=en")
    expect(page.locator("input[name=name]")).to_be_focused()
    page.keyboard.type("viewer")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("viewer · viewer")).to_be_visible()


def test_an_age_is_checked_while_the_shopper_is_inside(page: Page, web: WebWorld) -> None:
    web.enter("console6", "tok_console6")
    web.journal.append(AgeCheckAsked(session_id="console6", min_age=18))
    sign_in(page, web, "support")
    page.get_by_role("tab", name="Age checks").click()
    card = page.locator("article", has_text="Visit console6")
    card.get_by_role("button", name="Details").click()
    page.get_by_role("dialog").get_by_role("button", name="Old enough").click()
    expect(card).to_be_hidden()
    (said,) = (entry.event for entry in web.journal.read(subject="console6", kinds=(AgeChecked,)))
    assert (said.approved, said.min_age, said.actor) == (True, 18, "support")


def test_support_closes_the_store_and_opens_it_again(page: Page, web: WebWorld) -> None:
    sign_in(page, web, "support")
    page.get_by_role("button", name="Let nobody in").click()
    page.get_by_role("button", name="Let people in again").click()
    expect(page.get_by_role("button", name="Let nobody in")).to_be_visible()
    ordered = [entry.event for entry in web.journal.read(subject=STORE, kinds=(StaffOrdered,))]
    assert [(event.order, event.actor) for event in ordered] == [("close_store", "support"), ("open_store", "support")]


def test_a_role_cannot_be_outgrown(page: Page, web: WebWorld) -> None:
    web.enter("console4", "tok_console4")
    web.leave("console4", web.item("COLA-15", review=True))
    web.staff.set_account("newcomer", "support", PASSWORD)
    sign_in(page, web, "newcomer")
    expect(page.get_by_role("tab", name="Access log")).to_be_hidden()
    page.get_by_role("tab", name="Doubts").click()
    page.locator("article", has_text="console4").get_by_role("button", name="Details").click()
    web.staff.set_account("newcomer", "viewer", PASSWORD)
    page.get_by_role("dialog").get_by_role("button", name="Bill this").click()
    expect(page.get_by_text("Your role may not do this.")).to_be_visible()
    assert "visit_reviewed" not in web.kinds("console4")
    assert any((a.actor, a.action) == ("newcomer", "refused: role") for a in web.access.read())
    page.reload()
    page.get_by_role("tab", name="Doubts").click()
    page.locator("article", has_text="console4").get_by_role("button", name="Details").click()
    expect(page.get_by_role("dialog").get_by_text("What happened")).to_be_visible()
    expect(page.get_by_role("button", name="Bill this")).to_be_hidden()
    web.staff.remove("newcomer")
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_fit_and_run_in_the_languages_direction(page: Page, web: WebWorld, language: str) -> None:
    if not web.kinds("fits"):
        web.shop("fits", web.item("COLA-15", 2), token="tok_fits")
    direction = "rtl" if language == "ar" else "ltr"

    def check() -> None:
        root = page.locator("html")
        expect(root).to_have_attribute("dir", direction)
        expect(root).to_have_attribute("lang", re.compile(f"^{language}"))
        for width in (1024, 768):
            page.set_viewport_size({"width": width, "height": 1024})
            page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)

    tap(page, web, "tok_fits", language)
    check()
    sign_in(page, web, "manager", language)
    check()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/r/{web.links.code('fits')}?language={language}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_another_site_gets_no_socket(web: WebWorld) -> None:
    address = web.address.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    with pytest.raises(InvalidStatus), connect(address, origin="https://evil.example"):  # type: ignore[arg-type]
        pass
    with connect(address, origin=web.address):  # type: ignore[arg-type]
        pass
    poll = httpx.post(address.replace("ws", "http", 1), headers={"Origin": "https://evil.example"})
    assert poll.status_code == 403
