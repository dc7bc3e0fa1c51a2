"""HTML and plain text, from the templates beside this file."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from .view import ReceiptView
from .wording import Wording

_WIDTH = 60
"""Columns of the plain text."""


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=select_autoescape(("html.jinja",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_html(view: ReceiptView, words: Wording) -> str:
    """The receipt as a page or a mail of its own: no script, nothing that is loaded."""
    return _templates().get_template("receipt.html.jinja").render(receipt=view, words=words)


def render_text(view: ReceiptView, words: Wording) -> str:
    """The receipt as plain text, for mail programs without HTML and for screen readers."""
    return _templates().get_template("receipt.txt.jinja").render(receipt=view, words=words, width=_WIDTH)


def render_notice_html(subject: str, text: str, words: Wording) -> str:
    """A short mail."""
    return _templates().get_template("notice.html.jinja").render(subject=subject, text=text, words=words)
