"""The receipt as a PDF page of A4, in a typeface that has all our languages' letters."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import matplotlib
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from .view import ReceiptView
from .wording import Wording, utc

_FONT = "DejaVu"
_WIDTH = 120.0
"""Of the text [mm]."""
_SOFT, _DARK, _GREEN, _RULE = (80, 96, 92), (29, 38, 36), (15, 107, 88), (223, 229, 227)


def render_pdf(view: ReceiptView, words: Wording) -> bytes:
    """The file; equal views give equal bytes."""
    page = _Page(words)
    page.set_creation_date(utc(view.issued_ns))
    page.set_title(f"{view.title} {view.number}")
    page.line_of(view.store, size=10, colour=_SOFT)
    page.line_of(view.title, size=18)
    page.ln(4)
    for label, value in view.facts:
        page.row([(label, 0.4, False), (value, 0.6, False)], size=9)
    page.ln(4)
    texts = [words.text(name) for name in ("product", "quantity", "amount")]
    page.row([(texts[0], 0.45, False), (texts[1], 0.34, True), (texts[2], 0.21, True)], size=8, colour=_SOFT)
    for line in view.lines:
        if not line.indented:
            page.rule()
        indent = 0.03 if line.indented else 0.0
        page.row(
            [
                ("", indent, False),
                (line.name, 0.45 - indent, False),
                (line.quantity, 0.34, True),
                (line.amount, 0.21, True),
            ],
            colour=_GREEN if line.indented else _DARK,
        )
    page.rule()
    page.row([(words.text("total"), 0.6, False), (view.total, 0.4, True)], size=14)
    page.line_of(view.paid, size=9, colour=_SOFT)
    page.ln(6)
    heads = [words.text(name) for name in ("rate", "net", "tax", "gross")]
    page.row([(text, 0.25, i > 0) for i, text in enumerate(heads)], size=8, colour=_SOFT)
    for tax in view.taxes:
        page.rule()
        cells = (tax.percent, tax.net, tax.tax, tax.gross)
        page.row([(text, 0.25, i > 0) for i, text in enumerate(cells)], size=9)
    page.ln(8)
    page.line_of(words.text("thanks"), size=10)
    for text in (*view.seller, view.link):
        page.line_of(text, size=9, colour=_SOFT)
    return bytes(page.output())


class _Page(FPDF):
    """Lines from top to bottom, from the side where the language begins.

    One typeface: reading one and cutting it down to what a receipt needs is most of the work.
    """

    def __init__(self, words: Wording) -> None:
        super().__init__(format="A4")
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.add_font(_FONT, "", fonts / "DejaVuSans.ttf")
        self.set_lang(words.language)
        self._rtl = words.direction == "rtl"
        self.set_text_shaping(use_shaping_engine=self._rtl, language=words.language)  # a third of the work
        self.set_margins((self.w - _WIDTH) / 2, 25)
        self.set_auto_page_break(auto=True, margin=20)
        self.add_page()

    def line_of(self, text: str, *, size: float, colour: tuple[int, int, int] = _DARK) -> None:
        """One line over the whole width, or several where it is too long."""
        self.row([(text, 1.0, False)], size=size, colour=colour)

    def row(
        self,
        cells: list[tuple[str, float, bool]],
        *,
        size: float = 10,
        colour: tuple[int, int, int] = _DARK,
    ) -> None:
        """Cells beside each other: text, share of the width, and whether it stands at the far side of its cell."""
        self.set_font(_FONT, "", size)
        self.set_text_color(*colour)
        height = size * 0.55
        heights = [
            height * len(cast(list[str], self.multi_cell(share * _WIDTH, height, text, dry_run=True, output="LINES")))
            for text, share, _ in cells
            if share
        ]
        if self.will_page_break(max(heights)):
            self.add_page()
        x, y = self.l_margin, self.y
        for text, share, far in reversed(cells) if self._rtl else cells:
            self.set_xy(x, y)
            if text:
                align = "R" if far != self._rtl else "L"
                self.multi_cell(share * _WIDTH, height, text, align=align, new_x=XPos.RIGHT, new_y=YPos.TOP)
            x += share * _WIDTH
        self.set_xy(self.l_margin, y + max(heights))

    def rule(self) -> None:
        """A thin line."""
        self.set_draw_color(*_RULE)
        self.ln(1)
        self.line(self.l_margin, self.y, self.l_margin + _WIDTH, self.y)
        self.ln(1)
