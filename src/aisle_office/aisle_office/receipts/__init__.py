"""Receipts as HTML, plain text and PDF, in the shopper's language."""

from .html import render_html, render_text
from .pdf import render_pdf
from .view import ReceiptView, receipt_number, receipt_view
from .wording import Wording

__all__ = ["ReceiptView", "Wording", "receipt_number", "receipt_view", "render_html", "render_pdf", "render_text"]
