"""What a visit costs: prices, promotions, deposits and taxes, in whole minor units.

Rounding is half up, once per discount, per weighed line and per tax class of the whole bill: never per piece.
"""

from __future__ import annotations

import datetime
import itertools
import zoneinfo
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from aisle_core.errors import AisleError
from aisle_core.store import Store

from .events import Bill, BillLine, Discount, Item, TaxLine
from .money import percent_of, rounded, shares, tax_within
from .settings import Multiple, Office, Percentage, Price, Promotion


@dataclass(slots=True)
class _Goods:
    """A line while it is priced; ``free``: pieces that no promotion has used yet."""

    item: Item
    unit_minor: int
    amount_minor: int
    free: int
    discounts: list[Discount] = field(default_factory=list)

    def take_off(self, promotion: Promotion, amount_minor: int) -> None:
        if amount_minor:
            self.discounts.append(
                Discount(promotion_id=promotion.promotion_id, name=promotion.name, amount_minor=amount_minor)
            )


class Pricing:
    """The prices of one store."""

    def __init__(self, store: Store, office: Office) -> None:
        self._store = store
        self._office = office
        self._zone = zoneinfo.ZoneInfo(store.time_zone)
        self._deposits = {sku: deposit for deposit in office.deposits for sku in deposit.skus}

    def bill(self, items: Iterable[Item], close_ns: int) -> Bill:
        """Price what a visit holds, at the instant it closed.

        A piece costs what the item says, else what the catalogue says; a weighed product costs its mass.
        Raises AisleError for a product without a price, without a known mass where it needs one, or not in the
        catalogue.
        """
        goods = [self._goods(item) for item in items if item.quantity > 0]
        instant = datetime.datetime.fromtimestamp(close_ns // 1_000_000_000, datetime.UTC)
        running = [promotion for promotion in self._office.promotions if self._runs(promotion, instant)]
        for promotion in sorted(running, key=lambda promotion: not isinstance(promotion, Price)):
            self._apply(promotion, [g for g in goods if g.item.sku in promotion.skus])
        lines = [line for g in goods for line in self._lines(g)]
        return self._total(lines, self._tax)

    def refund(self, bill: Bill, given: Iterable[Bill], quantities: Mapping[str, int]) -> Bill:
        """The bill, all negative, that gives back pieces of a paid bill after those ``given`` back before.

        Giving back everything, in whatever parts, gives back exactly what was paid.
        Raises AisleError for more pieces than are left.
        """
        back = [line for earlier in given for line in earlier.lines]
        lines = []
        for sku, quantity in quantities.items():
            mine = [line for line in bill.lines if line.sku == sku]
            if quantity < 1 or not mine:
                raise AisleError(f"refund of {quantity} of '{sku}': the receipt has none; give what was bought")
            for line in mine:
                before = -sum(b.quantity for b in back if (b.sku, b.kind) == (sku, line.kind))
                if before + quantity > line.quantity:
                    raise AisleError(f"refund of {quantity} of '{sku}': {line.quantity - before} are left; give less")
                amount = [rounded(Fraction(line.amount_minor * n, line.quantity)) for n in (before, before + quantity)]
                lines.append(
                    replace(
                        line,
                        quantity=-quantity,
                        mass=None if line.mass is None else line.mass * quantity / line.quantity,
                        discounts=(),
                        amount_minor=amount[0] - amount[1],
                    )
                )
        paid = {tax.tax_class: tax for tax in bill.taxes}
        sums = {name: tax.gross_minor if bill.tax_included else tax.net_minor for name, tax in paid.items()}
        left = Counter(sums)
        for line in back:
            left[line.tax_class] += line.amount_minor

        def tax_back(tax_class: str, amount_minor: int) -> int:
            """The share of the tax that was paid."""
            before, whole = left[tax_class], sums[tax_class] or 1
            after, tax = before + amount_minor, paid[tax_class].tax_minor
            return rounded(Fraction(tax * after, whole)) - rounded(Fraction(tax * before, whole))

        return self._total(lines, tax_back)

    def repriced(self, bill: Bill, total_minor: int) -> Bill:
        """A bill with another total: each line has its share of it, each tax class keeps its percent."""
        lines = list(bill.lines)
        taxes = []
        for tax, gross in zip(bill.taxes, shares(total_minor, [t.gross_minor for t in bill.taxes]), strict=True):
            part = tax_within(gross, Decimal(tax.percent))
            taxes.append(replace(tax, net_minor=gross - part, tax_minor=part, gross_minor=gross))
            mine = [i for i, line in enumerate(lines) if line.tax_class == tax.tax_class]
            amounts = shares(gross if bill.tax_included else gross - part, [lines[i].amount_minor for i in mine])
            for i, amount in zip(mine, amounts, strict=True):
                lines[i] = _at(lines[i], amount)
        return replace(bill, lines=tuple(lines), taxes=tuple(taxes), total_minor=total_minor)

    def price_of(self, item: Item) -> int:
        """What the pieces cost without promotions and deposits; 0 when that is not known."""
        try:
            return self._goods(item).amount_minor
        except AisleError:
            return 0

    def _runs(self, promotion: Promotion, instant: datetime.datetime) -> bool:
        start, end = (
            bound.replace(tzinfo=bound.tzinfo or self._zone) if bound is not None else None
            for bound in (promotion.start, promotion.end)
        )
        return (start is None or start <= instant) and (end is None or instant < end)

    def _goods(self, item: Item) -> _Goods:
        product = self._store.products.get(item.sku)
        if product is None:
            raise AisleError(f"sku '{item.sku}' is not in the catalogue; add it, or take it off the visit")
        if item.sku in self._office.weighed:
            if item.mass is None:
                raise AisleError(f"sku '{item.sku}' is sold by weight and the mass is not known; review the visit")
            per_kg = self._office.weighed[item.sku]
            grams = round(item.mass * 1000)
            return _Goods(item, per_kg, rounded(Fraction(per_kg * grams, 1000)), item.quantity)
        price = item.unit_price_minor if item.unit_price_minor is not None else product.price_minor
        if price is None:
            raise AisleError(f"sku '{item.sku}' has no price; put one in the catalogue, or take it off the visit")
        return _Goods(item, price, price * item.quantity, item.quantity)

    def _apply(self, promotion: Promotion, goods: list[_Goods]) -> None:
        match promotion:
            case Price():
                for g in goods:
                    if g.free and promotion.price_minor < g.unit_minor:
                        g.unit_minor, g.amount_minor = promotion.price_minor, promotion.price_minor * g.item.quantity
            case Percentage():
                for g in goods:
                    share = g.amount_minor * g.free // g.item.quantity
                    g.take_off(promotion, percent_of(share, promotion.percent))
                    g.free = 0
            case Multiple():
                dearest = sorted(goods, key=lambda g: (-g.unit_minor, g.item.sku))
                pieces = list(itertools.chain.from_iterable([g] * g.free for g in dearest))
                saved: dict[str, int] = defaultdict(int)
                for i in range(0, len(pieces) - promotion.take + 1, promotion.take):
                    group = pieces[i : i + promotion.take]
                    for g in group:
                        g.free -= 1
                    for g in group[promotion.pay :]:
                        saved[g.item.sku] += g.unit_minor
                for g in goods:
                    g.take_off(promotion, saved[g.item.sku])

    def _lines(self, goods: _Goods) -> Iterable[BillLine]:
        item = goods.item
        line = BillLine(
            kind="goods",
            sku=item.sku,
            name=self._store.products[item.sku].name,
            quantity=item.quantity,
            mass=item.mass if item.sku in self._office.weighed else None,
            unit_price_minor=goods.unit_minor,
            discounts=tuple(goods.discounts),
            amount_minor=goods.amount_minor - sum(discount.amount_minor for discount in goods.discounts),
            tax_class=self._store.products[item.sku].tax_class,
            cart_event_ids=item.cart_event_ids,
        )
        yield line
        deposit = self._deposits.get(item.sku)
        if deposit is not None:
            yield replace(
                line,
                kind="deposit",
                mass=None,
                unit_price_minor=deposit.amount_minor,
                discounts=(),
                amount_minor=deposit.amount_minor * item.quantity,
                tax_class=deposit.tax_class,
            )

    def _tax(self, tax_class: str, amount_minor: int) -> int:
        """The tax on the sum of a class."""
        tax_of = tax_within if self._office.tax.included else percent_of
        return tax_of(amount_minor, self._office.tax.percents[tax_class])

    def _total(self, lines: Iterable[BillLine], tax_of: Callable[[str, int], int]) -> Bill:
        """Add up, with the tax of each class on its sum."""
        lines = tuple(lines)
        sums: dict[str, int] = defaultdict(int)
        for line in lines:
            sums[line.tax_class] += line.amount_minor
        taxes = []
        for tax_class, amount in sorted(sums.items()):
            percent = self._office.tax.percents[tax_class]
            tax = tax_of(tax_class, amount)
            net = amount - tax if self._office.tax.included else amount
            taxes.append(
                TaxLine(
                    tax_class=tax_class, percent=f"{percent:f}", net_minor=net, tax_minor=tax, gross_minor=net + tax
                )
            )
        return Bill(
            currency=self._store.currency,
            tax_included=self._office.tax.included,
            lines=lines,
            taxes=tuple(taxes),
            total_minor=sum(tax.gross_minor for tax in taxes),
        )


def _at(line: BillLine, amount_minor: int) -> BillLine:
    """A line that the retailer's systems want another amount for."""
    less = line.amount_minor - amount_minor
    difference = (Discount(promotion_id="", name="", amount_minor=less),) if less else ()
    return replace(line, discounts=(*line.discounts, *difference), amount_minor=amount_minor)
