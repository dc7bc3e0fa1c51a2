"""``office.yaml``, the seventh file of a site: taxes, promotions, payment, receipts and mail."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from aisle_core.store import Store, YamlFile
from aisle_core.store.model import Frozen, Id

FILE_NAME = "office.yaml"
Language = Literal["en", "de", "vi", "ar"]
LANGUAGES: tuple[Language, ...] = ("en", "de", "vi", "ar")

Minor = Annotated[int, Field(ge=0)]
Percent = Annotated[Decimal, Field(ge=0, le=100)]
Skus = Annotated[tuple[str, ...], Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0)]
Days = Annotated[float, Field(gt=0)]
Text = Annotated[str, Field(min_length=1, max_length=256)]


class Tax(Frozen):
    """Taxes of the store. ``included``: the prices contain them; else they come on top."""

    included: bool
    percents: Annotated[dict[Id, Percent], Field(min_length=1)]
    """Tax class of the catalogue -> percent."""


class Deposit(Frozen):
    """Money for each piece that is given back with the empty bottle; no promotion lowers it."""

    skus: Skus
    amount_minor: Minor
    tax_class: Id


class Promotion(Frozen):
    """What all promotions have. ``start`` <= instant at which the visit closed < ``end``, where they are given."""

    promotion_id: Id
    name: Text
    skus: Skus
    start: datetime.datetime | None = None
    """In the store's time zone, unless it has an offset."""
    end: datetime.datetime | None = None


class Multiple(Promotion):
    """Take n pieces, pay m: of each n of the dearest pieces, the cheapest n - m are free."""

    kind: Literal["n_for_m"]
    take: Annotated[int, Field(ge=2)]
    pay: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _gives_something(self) -> Multiple:
        if self.pay >= self.take:
            raise ValueError("'pay' must be less than 'take'")
        return self


class Percentage(Promotion):
    """So many percent off."""

    kind: Literal["percentage"]
    percent: Percent


class Price(Promotion):
    """Another price per piece, if it is lower."""

    kind: Literal["price"]
    price_minor: Minor


AnyPromotion = Annotated[Multiple | Percentage | Price, Field(discriminator="kind")]


class Entry(Frozen):
    """Who comes in, and with how much money held."""

    authorise_minor: Minor
    """Held at the provider when somebody comes in."""
    step_minor: Annotated[int, Field(gt=0)]
    """What is held is raised by multiples of this while a cart grows."""
    decide_s: Seconds
    """Somebody who waits longer for the provider than this is decided without it."""
    unreachable: Literal["refuse", "admit"]
    """What then."""
    use_s: Seconds
    """An admission that nobody used is taken back after this."""


class Retry(Frozen):
    """When a failed attempt is made again: after ``first_s``, each time ``factor`` times later, at most ``most_s``."""

    first_s: Seconds
    factor: Annotated[float, Field(ge=1)]
    most_s: Seconds
    attempts: Annotated[int, Field(ge=1)]
    """After so many it waits for an operator."""

    def wait_ns(self, attempt: int) -> int:
        """How long to wait after the attempt, counted from 1 [ns]."""
        return round(min(self.first_s * self.factor ** min(attempt - 1, 64), self.most_s) * 1e9)


class Settling(Frozen):
    """How visits are settled."""

    review_h: Annotated[float, Field(gt=0)]
    """A visit waits so long for its review, then it is billed without the doubtful lines."""
    visit_h: Annotated[float, Field(gt=0)]
    """A visit that has not closed after this is closed, and reviewed."""
    retry: Retry


class Seller(Frozen):
    """Who sells, as a receipt must say."""

    name: Text
    address: Annotated[tuple[Text, ...], Field(min_length=1)]
    tax_number: Text


class Mail(Frozen):
    """How receipts are mailed."""

    sender: Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]
    language: Language
    """Where the shopper has not chosen one."""
    retry: Retry


class Retailer(Frozen):
    """The systems of a retailer that are told of every visit. Their key is in the environment."""

    address: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    store_id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z_-]+$", max_length=255)]
    """As they call the store."""
    app_entry: bool
    """Keys of the retailer's app open the gate, and the retailer takes the money of whoever came in with one."""
    screen_cards: bool
    """Their system is asked about every card, too."""
    prices_carts: bool
    """Their system says what a card is charged: for every visit with goods the store waits until it has."""
    devices: dict[Annotated[str, Field(min_length=1, max_length=255)], Id]
    """Their devices that say who stands at a lane: device id -> lane of gates.yaml."""
    region: Text
    """For which their key is, as AWS Signature Version 4 has it."""
    timeout_s: Seconds
    retry: Retry


class Web(Frozen):
    """The pages of the office."""

    address: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$")]
    """As shoppers reach them; the links in mails begin with it."""


class Retention(Frozen):
    """How long data are kept [days]."""

    card: Days
    """A card that nobody showed for so long is forgotten, with its e-mail address."""
    link: Days
    """So long after the visit, the link of a receipt opens it, and its lines can be disputed."""
    access: Days
    """The log of access."""
    visits: Days
    """What happened in a visit that is settled: entry, carts, evidence, alarms, disputes."""
    books: Days
    """What was sold, paid, refunded and lost."""

    @model_validator(mode="after")
    def _in_order(self) -> Retention:
        if not self.link <= self.visits <= self.books:
            raise ValueError("'visits' must be at least 'link', and 'books' at least 'visits'")
        return self


class Office(Frozen):
    """All of ``office.yaml``."""

    tax: Tax
    deposits: tuple[Deposit, ...]
    weighed: dict[str, Minor]
    """Sku -> price per kg, of products that are sold by weight."""
    promotions: tuple[AnyPromotion, ...]
    """A piece takes part in the first that applies; a ``price`` comes before the others."""
    entry: Entry
    settling: Settling
    seller: Seller
    mail: Mail
    web: Web
    retention: Retention
    retailer: Retailer | None = None
    readers: dict[Id, Text] = Field(default_factory=dict)
    """Lane -> the payment provider's id of the reader there, of those that the office drives."""


def load_office(folder: Path, store: Store) -> Office:
    """Read and check ``office.yaml`` in a site folder.

    Raises AisleError that names file, line and remedy for anything missing, unknown, or not in the store's catalogue.
    """
    file = YamlFile(folder / FILE_NAME, "the office needs it; copy that of config/stores/corner")
    office = file.read(Office)
    named = [
        *((("deposits", i, "skus"), sku) for i, deposit in enumerate(office.deposits) for sku in deposit.skus),
        *((("weighed", sku), sku) for sku in office.weighed),
        *((("promotions", i, "skus"), sku) for i, promotion in enumerate(office.promotions) for sku in promotion.skus),
    ]
    for loc, sku in named:
        if sku not in store.products:
            raise file.error(loc, f"sku '{sku}' is not in catalogue.csv; add it there or remove it here")
    for i, promotion in enumerate(office.promotions):
        for sku in promotion.skus:
            if sku in office.weighed and promotion.kind != "percentage":
                raise file.error(("promotions", i, "kind"), f"'{sku}' is sold by weight; give it a percentage")
    for product in store.products.values():
        if product.tax_class not in office.tax.percents:
            raise file.error(
                ("tax", "percents"),
                f"tax class '{product.tax_class}' of '{product.sku}' in catalogue.csv is missing; add its percent",
            )
    for i, deposit in enumerate(office.deposits):
        if deposit.tax_class not in office.tax.percents:
            raise file.error(("deposits", i, "tax_class"), f"tax class '{deposit.tax_class}' has no percent; add it")
    lanes = {lane.lane_id for lane in store.lanes}
    for device, lane_id in office.retailer.devices.items() if office.retailer else ():
        if lane_id not in lanes:
            raise file.error(("retailer", "devices", device), f"lane '{lane_id}' is not in gates.yaml; name one of it")
    for lane_id in office.readers:
        if lane_id not in lanes:
            raise file.error(("readers", lane_id), f"lane '{lane_id}' is not in gates.yaml; name one of it")
    names = [promotion.promotion_id for promotion in office.promotions]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise file.error(("promotions", i, "promotion_id"), f"promotion '{name}' stands above already; rename it")
    return office
