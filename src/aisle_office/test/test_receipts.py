"""Receipts in all languages and forms, from one view."""

import html.parser
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from string import Formatter

import pypdf
import pytest
from office_world import BOTTLE, NOON, SECOND, TEN_PERCENT, closed, item, office, store

from aisle_office.events import ReceiptIssued
from aisle_office.journal import Entry
from aisle_office.pricing import Pricing
from aisle_office.receipts import ReceiptView, Wording, receipt_view, render_html, render_pdf, render_text
from aisle_office.receipts.wording import texts
from aisle_office.settings import LANGUAGES, Language
from aisle_office.visit import Visit

OFFICE = office(weighed={"APPLE-BAG": 329}).model_copy(update={"promotions": (TEN_PERCENT,), "deposits": (BOTTLE,)})
STORE = store(currency="EUR", time_zone="Asia/Ho_Chi_Minh", name="Corner <shop> & sons")
LINK = "https://corner.example/r/v1.x"
PRICING = Pricing(STORE, OFFICE)
BILL = PRICING.bill([item("COLA-033", 2), item("STILL-05"), item("APPLE-BAG", mass=0.742)], NOON)
SALE = Entry(9, NOON + 90 * SECOND, 41, ReceiptIssued(session_id="v1", refund_id="", bill=BILL), "ab")
BACK = ReceiptIssued(session_id="v1", refund_id="a", bill=PRICING.refund(BILL, [], {"COLA-033": 1}))


def visit() -> Visit:
    visit = Visit("v1")
    visit.closed = closed(item("COLA-033", 2))
    visit.receipt = SALE
    return visit


def view(language: Language, entry: Entry = SALE) -> tuple[ReceiptView, Wording]:
    words = Wording(language, STORE.time_zone)
    return receipt_view(entry, visit(), STORE, OFFICE, words, LINK), words


@pytest.mark.parametrize("name", texts())
def test_every_text_has_all_languages_with_the_same_names(name: str) -> None:
    fields = {
        language: Counter(field for _, field, _, _ in Formatter().parse(text) if field)
        for language, text in texts()[name].items()
    }
    assert set(fields) == set(LANGUAGES)
    assert all(fields[language] == fields["en"] for language in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_forms_say_the_same(language: Language) -> None:
    receipt, words = view(language)
    page, text = render_html(receipt, words), render_text(receipt, words)
    plain = Text.of(page)
    facts = [value for _, value in receipt.facts]
    rows = [cell for line in receipt.lines for cell in (line.name, line.quantity, line.amount)]
    taxes = [cell for tax in receipt.taxes for cell in (tax.percent, tax.net, tax.tax, tax.gross)]
    for value in [receipt.title, receipt.store, receipt.total, receipt.paid, *facts, *rows, *taxes, *receipt.seller]:
        assert value in plain
        assert value in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_has_the_numbers(language: Language) -> None:
    receipt, words = view(language)
    document = pypdf.PdfReader(io.BytesIO(render_pdf(receipt, words)))
    assert len(document.pages) == 1
    content = document.pages[0].extract_text()
    for value in ("demo-000041", "Cola 0.33 l can", "DE000000000"):
        assert value in content
    assert render_pdf(receipt, words) == render_pdf(receipt, words)


def test_many_lines_need_more_pages() -> None:
    receipt, words = view("en")
    long = ReceiptView(**{f: getattr(receipt, f) for f in ReceiptView.__slots__} | {"lines": receipt.lines * 30})
    document = pypdf.PdfReader(io.BytesIO(render_pdf(long, words)))
    assert len(document.pages) > 1
    assert "Total" in document.pages[-1].extract_text()


def test_times_are_the_stores_and_numbers_the_languages() -> None:
    """Noon UTC is 19:00 in Vietnam."""
    receipt, _ = view("de")
    assert dict(receipt.facts)["Betreten"] == "22 Nov. 2026, 19:00"
    assert receipt.total == "6,36 €".replace(" ", "\xa0")
    assert view("en")[0].lines[-1].quantity == "0.742 kg × €3.29/kg"


def test_a_refund_names_the_receipt_it_is_about() -> None:
    receipt, _ = view("en", Entry(12, NOON, 42, BACK, "cd"))
    assert receipt.title == "Refund"
    assert dict(receipt.facts)["Refund of receipt no."] == "demo-000041"
    assert receipt.number == "demo-000042"
    assert receipt.total == "-€1.34"
    assert receipt.paid == "Returned to the card"


@pytest.mark.parametrize(
    ("currency", "minor", "expected"), [("JPY", 1234, "¥1,234"), ("KWD", 1234, "KWD1.234"), ("ISK", 5, "ISK5")]
)
def test_decimals_are_those_of_the_currency(currency: str, minor: int, expected: str) -> None:
    assert Wording("en", "UTC").money(minor, currency) == expected


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("de", "ltr"), ("vi", "ltr"), ("ar", "rtl")])
def test_pages_say_their_language_and_direction(language: Language, direction: str) -> None:
    assert f'<html lang="{language}" dir="{direction}">' in render_html(*view(language))


def test_names_cannot_bring_html_in() -> None:
    page = render_html(*view("en"))
    assert "Corner &lt;shop&gt; &amp; sons" in page
    assert "<shop>" not in page and "<script" not in page


@pytest.mark.parametrize(("total", "sign"), [(500, "-"), (800, "")])
def test_what_a_retailer_wants_otherwise_stands_below_each_line(total: int, sign: str) -> None:
    bill = PRICING.repriced(BILL, total)
    receipt, _ = view("de", replace(SALE, event=ReceiptIssued(session_id="v1", refund_id="", bill=bill)))
    changes = [line.amount for line in receipt.lines if line.name == "Preisanpassung"]
    assert len(changes) == len(bill.lines) and all(change.startswith("-") == (sign == "-") for change in changes)
    assert receipt.total == f"{total / 100:.2f} €".replace(".", ",").replace(" ", "\xa0")


@pytest.mark.parametrize("render", [render_html, render_text])
def test_how_sure_the_store_is_is_for_staff(render: Callable[..., str]) -> None:
    """Neither confidence nor reason nor what is behind a line."""
    page = render(*view("en"))
    assert not any(word in page for word in ("confidence", "weight_and_place", "c-COLA", "s-COLA", "0.97", "97%"))


def test_an_unknown_language_falls_back() -> None:
    assert Wording.of("xx", "de", "UTC").language == "de"
    assert Wording.of(None, "vi", "UTC").language == "vi"
    assert Wording.of("ar", "de", "UTC").language == "ar"


class Text(html.parser.HTMLParser):
    """What a page says."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    @classmethod
    def of(cls, page: str) -> str:
        parser = cls()
        parser.feed(page)
        return "".join(parser.parts)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
