"""The page behind a receipt's link, the sign-in and the kiosk's door, over HTTP; and what attackers try there."""

import io
import json
import re
import time
import zipfile

import httpx
import pytest
from web_world import NOTICE_SECRET, PASSWORD, WebWorld

from aisle_office.events import Charged
from aisle_office.payment.notices import SIGNATURE_HEADER, signature_of
from aisle_office.support import decide_dispute

EVIL = "https://evil.example"


def refused(web: WebWorld, action: str, origin: str) -> bool:
    return any((a.action, a.origin) == (f"refused: {action}", origin) for a in web.access.read())


def pdf_of(page: str) -> str:
    return re.findall(r"/r/[^\"?]+\.pdf", page)[0]


def test_a_link_opens_the_receipt_and_its_pdf_in_the_shoppers_language(web: WebWorld) -> None:
    code = web.shop("page01", web.item("COLA-15", 2))
    with web.browse() as browser:
        page = browser.get(f"/r/{code}", headers={"Accept-Language": "vi;q=0.8, de"})
        assert page.status_code == 200 and '<html lang="de" dir="ltr">' in page.text
        assert "4,58" in page.text and "Cola 1.5 l" in page.text
        assert '<html lang="ar" dir="rtl">' in browser.get(f"/r/{code}?language=ar").text
        assert browser.get(pdf_of(page.text)).content.startswith(b"%PDF")


def test_no_script_runs_in_a_receipt_and_nothing_leaks(web: WebWorld) -> None:
    headers = web.browse().get(f"/r/{web.shop('page02', web.item('COLA-15'))}").headers
    assert "script-src" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["referrer-policy"], headers["cache-control"]) == ("same-origin", "no-store")


def test_a_dispute_is_decided_refunded_and_mailed(web: WebWorld) -> None:
    web.wallet.link(web.wallet.payer_of("tok_page03"), "anna@example.org", "en")
    code = web.shop("page03", web.item("COLA-15", 2), web.item("WATER-STILL-15"), token="tok_page03")
    with web.browse(follow_redirects=True) as browser:
        page = browser.post(f"/r/{code}/dispute", data={"sku": "COLA-15"})
        assert "We are checking it" in page.text
        browser.post(f"/r/{code}/dispute", data={"sku": "COLA-15"})
        assert web.kinds("page03").count("line_disputed") == 1
        decided = decide_dispute(web.journal, "page03", "COLA-15", 2, "support", "empty hands on the way out")
        assert (decided.accepted, decided.actor) == (True, "support")
        web.settle()
        page = browser.get(f"/r/{code}")
        assert "You were right" in page.text and "Returned to the card" in page.text
    assert [mail["Subject"][:11] for mail in web.post.mails if "anna" in mail["To"]] == ["Your receip", "Your refund"]


@pytest.mark.parametrize(
    "sku", ["WATER-STILL-15", "nothing", "' OR 1=1 --", "{{ 7 * 7 }}", "../../etc/passwd", "<script>", "\x00", "é" * 60]
)
def test_what_is_not_on_the_receipt_cannot_be_disputed(web: WebWorld, sku: str) -> None:
    code = web.links.code("page04")
    if not web.kinds("page04"):
        web.shop("page04", web.item("COLA-15"))
    answer = web.browse().post(f"/r/{code}/dispute", data={"sku": sku})
    assert answer.status_code == 409 and "49" not in answer.text.partition("<h1>")[2] and "<script>" not in answer.text
    assert "line_disputed" not in web.kinds("page04")


def test_another_shoppers_receipt_stays_closed(web: WebWorld) -> None:
    mine, other = (web.shop(f"page05{who}", web.item("COLA-15"), token=f"tok_page05{who}") for who in "ab")
    mac = mine.partition(".")[2]
    with web.browse(headers={"X-Forwarded-For": "203.0.113.5"}) as browser:
        for code in (
            f"page05b.{mac}",
            other.partition(".")[0],
            f"{other}x",
            other[:-1],
            f".{mac}",
            f"{mine}/../{other}x",
        ):
            assert browser.get(f"/r/{code}").status_code == 404
        theirs = pdf_of(browser.get(f"/r/{other}").text)
        assert browser.get(theirs.replace(other, mine)).status_code == 404
    assert refused(web, "wrong code", "203.0.113.5")


def test_who_guesses_codes_must_wait_and_nobody_else(web: WebWorld) -> None:
    code = web.shop("page06", web.item("COLA-15"))
    with web.browse(headers={"X-Forwarded-For": "203.0.113.6"}) as guesser:
        answers = [guesser.get(f"/r/page06.{n:022d}").status_code for n in range(22)]
        assert answers == [404] * 20 + [429] * 2
        assert guesser.get(f"/r/{code}").status_code == 429
    assert web.browse().get(f"/r/{code}").status_code == 200


def test_the_link_ends_when_the_shopper_is_forgotten(web: WebWorld) -> None:
    code = web.shop("page07", web.item("COLA-15"), token="tok_page07")
    web.wallet.forget(web.wallet.payer_of("tok_page07"))
    assert web.browse().get(f"/r/{code}").status_code == 404


def test_a_doubtful_visit_says_that_it_is_checked(web: WebWorld) -> None:
    web.enter("page08")
    web.leave("page08", web.item("COLA-15", review=True))
    assert "before you are charged" in web.browse().get(f"/r/{web.links.code('page08')}").text


@pytest.mark.parametrize("headers", [{"Origin": EVIL}, {"Origin": "null"}, {"Origin": ""}])
@pytest.mark.parametrize("path", ["/r/{code}/dispute", "/console/sign-in", "/console/sign-out"])
def test_another_sites_forms_are_refused(web: WebWorld, path: str, headers: dict[str, str]) -> None:
    code = web.links.code("page09")
    if not web.kinds("page09"):
        web.shop("page09", web.item("COLA-15"))
    form = {"sku": "COLA-15", "name": "support", "password": PASSWORD}
    address = {"X-Forwarded-For": "203.0.113.9"}
    answer = web.browse(headers=headers | address).post(path.format(code=code), data=form)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers
    assert "line_disputed" not in web.kinds("page09")
    assert refused(web, "other origin", "203.0.113.9")


def test_a_session_is_new_at_each_sign_in_and_ends_with_it(web: WebWorld) -> None:
    with web.browse() as browser:
        browser.cookies.set("aisle_staff", "chosen-by-the-attacker")
        answer = browser.post("/console/sign-in", data={"name": "support", "password": PASSWORD})
        given = answer.headers["set-cookie"]
        assert "HttpOnly" in given and "SameSite=strict" in given and "chosen-by" not in given
        first = browser.cookies.get("aisle_staff", domain="127.0.0.1")
        assert browser.get("/console/en").status_code == 200
        browser.post("/console/sign-in", data={"name": "support", "password": PASSWORD})
        assert browser.cookies.get("aisle_staff", domain="127.0.0.1") != first
        old = httpx.get(f"{web.address}/console/en", cookies={"aisle_staff": str(first)})
        assert old.status_code == 303
        browser.post("/console/sign-out")
        assert browser.get("/console/en").headers["location"].startswith("/console/sign-in")
    chosen = httpx.get(f"{web.address}/console/en", cookies={"aisle_staff": "chosen-by-the-attacker"})
    assert chosen.status_code == 303


def test_who_guesses_passwords_must_wait(web: WebWorld) -> None:
    with web.browse(headers={"X-Forwarded-For": "203.0.113.11"}) as guesser:
        tries = [guesser.post("/console/sign-in", data={"name": "manager", "password": f"guess {n}"}) for n in range(6)]
        assert [answer.status_code for answer in tries] == [401] * 5 + [429]
        right = guesser.post("/console/sign-in", data={"name": "manager", "password": PASSWORD})
        assert right.status_code == 429
    assert refused(web, "too many sign-ins", "203.0.113.11")
    web.sign_in("manager").close()


@pytest.mark.parametrize("name", ["' OR 1=1 --", "manager' --", "{{ config }}", "\x00", "MANAGER", "x" * 64])
def test_no_name_opens_the_console_without_its_password(web: WebWorld, name: str) -> None:
    address = {"X-Forwarded-For": "203.0.113.12"}
    answer = web.browse(headers=address).post("/console/sign-in", data={"name": name, "password": PASSWORD})
    assert answer.status_code in (401, 429) and "set-cookie" not in answer.headers


def test_only_a_device_with_the_key_is_a_kiosk(web: WebWorld) -> None:
    with web.browse(headers={"X-Forwarded-For": "203.0.113.13"}) as device:
        assert device.get("/kiosk/en").status_code == 403
        assert device.get("/kiosk?key=guess").status_code == 403
        assert device.get(f"/kiosk?key={web.links.kiosk_key()}").headers["location"] == "/kiosk/en"
        assert device.get("/kiosk/ar").status_code == 200
    assert refused(web, "no kiosk", "203.0.113.13")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/r/..%2f..%2fetc%2fpasswd", 404),
        ("/_nicegui/../../etc/passwd", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/docs", 404),
        ("/openapi.json", 404),
        ("/", 303),
    ],
)
def test_there_is_nothing_beside_the_pages(web: WebWorld, path: str, status: int) -> None:
    address = {"X-Forwarded-For": "203.0.113.14"}
    assert web.browse(headers=address).get(path).status_code == status


def test_bodies_too_long_or_malformed_are_refused(web: WebWorld) -> None:
    def endless() -> object:
        for _ in range(80):
            yield b"x" * 1024

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with web.browse(headers=form | {"X-Forwarded-For": "203.0.113.15"}) as browser:
        assert browser.post("/console/sign-in", content=b"x" * 70_000).status_code == 413
        assert browser.post("/console/sign-in", content=endless()).status_code == 413
        assert browser.post("/console/sign-in", content=b"\xff\xfe=%%%").status_code == 422
        assert browser.post("/console/sign-in", content=b"name=a&password=" + b"b" * 300).status_code == 422
        broken = {"Content-Type": "multipart/form-data; boundary=x"}
        assert browser.post("/console/sign-in", content=b"--y\r\nnonsense", headers=broken).status_code in (400, 422)
    assert refused(web, "body too long", "203.0.113.15")


def tell(web: WebWorld, body: bytes, secret: str = NOTICE_SECRET) -> int:
    """The provider's notice; it comes without cookies or origin."""
    headers = {SIGNATURE_HEADER: signature_of(body, secret, int(time.time()))}
    return httpx.post(f"{web.address}/hooks/payment", content=body, headers=headers).status_code


def test_a_bank_takes_money_back_and_the_store_hands_its_evidence_in(web: WebWorld) -> None:
    web.shop("page20", web.item("COLA-15", 2), token="tok_page20")
    (charged,) = (entry.event for entry in web.journal.read(subject="page20", kinds=(Charged,)))
    assert isinstance(charged, Charged)
    body = web.sandbox.charge_back(charged.charge_id, charged.amount_minor, "fraudulent")
    assert [tell(web, body), tell(web, body)] == [204, 204]
    assert web.kinds("page20").count("charged_back") == 1
    answer = web.sign_in("support").get("/console/evidence/page20.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        pdf = next(name for name in file.namelist() if name.endswith(".pdf"))
        assert file.read(pdf).startswith(b"%PDF")
        summary, document = file.read("summary.txt").decode(), json.loads(file.read("events.json"))
    assert "fraudulent" in summary and "s-COLA-15" in summary and "Cola 1.5 l" in summary
    kinds = [event["event"] for events in document["events"].values() for event in events]
    assert "entry_decided" in kinds and "charged" in kinds
    hashes = {raw.hash for raw in web.journal.raw(limit=10_000)}
    assert {row["hash"] for row in document["rows"]} <= hashes
    won = web.sandbox.end_chargeback(json.loads(body)["data"]["object"]["id"], won=True)
    assert tell(web, won) == 204 and "chargeback_ended" in web.kinds("page20")


def test_nobody_else_tells_of_chargebacks_or_takes_evidence(web: WebWorld) -> None:
    web.shop("page21", web.item("COLA-15"), token="tok_page21")
    (charged,) = (entry.event for entry in web.journal.read(subject="page21", kinds=(Charged,)))
    assert isinstance(charged, Charged)
    body = web.sandbox.charge_back(charged.charge_id, 1, "fraudulent")
    assert tell(web, body, "guessed") == 400 and tell(web, b"{}") == 400
    assert httpx.post(f"{web.address}/hooks/payment", content=body).status_code == 400
    assert "charged_back" not in web.kinds("page21") and refused(web, "notice", "127.0.0.1")
    assert web.browse().get("/console/evidence/page21.zip").status_code == 404
    assert web.sign_in("viewer").get("/console/evidence/page21.zip").status_code == 404
