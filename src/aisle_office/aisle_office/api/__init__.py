"""The inbound API: a retailer's systems read and write catalogue, prices and planogram, read receipts, and refund."""

from .routes import make_api

__all__ = ["make_api"]
