"""Words, numbers and times in the shopper's language and the store's time zone."""

from __future__ import annotations

import datetime
import zoneinfo
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import yaml
from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal, format_percent, parse_pattern

from aisle_core.store.currency import DECIMALS

from ..settings import LANGUAGES, Language


@cache
def texts() -> dict[str, dict[str, str]]:
    """Name -> language -> text: of receipts and of the web pages."""
    found: dict[str, dict[str, str]] = {}
    for room in ("receipts", "web"):
        file = resources.files("aisle_office").joinpath(room, "texts.yaml")
        found |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


class Wording:
    """One language in one time zone (IANA)."""

    def __init__(self, language: Language, time_zone: str) -> None:
        self.language = language
        self.locale = Locale.parse(language)
        self._zone = zoneinfo.ZoneInfo(time_zone)

    @classmethod
    def of(cls, language: str | None, fallback: Language, time_zone: str) -> Wording:
        """In the shopper's language if it is one of ours."""
        return cls(next((known for known in LANGUAGES if known == language), fallback), time_zone)

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return str(self.locale.text_direction)

    def text(self, key: str, /, **values: str) -> str:
        """A text, with values put in."""
        return texts()[key][self.language].format(**values)

    def money(self, minor: int, currency: str) -> str:
        """An amount of minor units, with the decimals of ISO 4217."""
        digits = DECIMALS[currency]
        pattern: Any = parse_pattern(self.locale.currency_formats["standard"].pattern)
        pattern.frac_prec = (digits, digits)
        value = Decimal(minor).scaleb(-digits)
        return str(format_currency(value, currency, format=pattern, locale=self.locale, currency_digits=False))

    def number(self, value: float, decimals: int) -> str:
        """A number with so many decimals."""
        return str(format_decimal(round(Decimal(value), decimals), format=_pattern(decimals), locale=self.locale))

    def percent(self, value: str) -> str:
        """A percentage: ``19`` -> 19 %."""
        share = Decimal(value) / 100
        return str(format_percent(share, locale=self.locale, decimal_quantization=False))

    def instant(self, stamp_ns: int) -> str:
        """An instant [ns since 1970] by the store's clock, to the minute."""
        moment = utc(stamp_ns)
        day = format_datetime(moment, "d MMM y", tzinfo=self._zone, locale=self.locale)
        return f"{day}, {format_datetime(moment, 'HH:mm', tzinfo=self._zone, locale=self.locale)}"


def utc(stamp_ns: int) -> datetime.datetime:
    """An instant [ns since 1970], to the second."""
    return datetime.datetime.fromtimestamp(stamp_ns // 1_000_000_000, datetime.UTC)


def _pattern(decimals: int) -> str:
    return "#,##0." + "0" * decimals if decimals else "#,##0"
