"""Prices by hand, and the laws of money."""

import datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_world import BOTTLE, CHEAP_COLA, NOON, STORE, TEN_PERCENT, THREE_FOR_TWO, item, office, store

from aisle_core.errors import AisleError
from aisle_office.events import Bill
from aisle_office.money import percent_of, rounded, tax_within
from aisle_office.pricing import Pricing
from aisle_office.settings import AnyPromotion, Tax

RICH = [THREE_FOR_TWO, TEN_PERCENT, CHEAP_COLA]


def pricing(*promotions: AnyPromotion, included: bool = True, weighed: dict[str, int] | None = None) -> Pricing:
    base = office()
    tax = Tax(included=included, percents=base.tax.percents)
    update = {"promotions": promotions, "deposits": (BOTTLE,), "tax": tax, "weighed": weighed or {}}
    return Pricing(store(time_zone="Europe/Berlin"), base.model_copy(update=update))


def amounts(bill: Bill) -> list[tuple[str, str, int]]:
    return [(line.kind, line.sku, line.amount_minor) for line in bill.lines]


def test_plain_lines_and_a_deposit() -> None:
    bill = pricing().bill([item("COLA-033", 2), item("STILL-05")], NOON)
    assert amounts(bill) == [("goods", "COLA-033", 298), ("goods", "STILL-05", 99), ("deposit", "STILL-05", 25)]
    assert bill.total_minor == 422


def test_included_tax_is_taken_from_the_sum_of_its_class() -> None:
    bill = pricing().bill([item("MILK-1", 2), item("CHOC-100"), item("GUM-27")], NOON)
    assert [(t.tax_class, t.net_minor, t.tax_minor, t.gross_minor) for t in bill.taxes] == [
        ("reduced", 446, 31, 477),
        ("standard", 92, 17, 109),
    ]
    assert bill.total_minor == 586


def test_tax_on_top_is_added() -> None:
    bill = pricing(included=False).bill([item("MILK-1", 2), item("GUM-27")], NOON)
    assert [(t.net_minor, t.tax_minor, t.gross_minor) for t in bill.taxes] == [(278, 19, 297), (109, 21, 130)]
    assert bill.total_minor == 427


def test_three_for_two_gives_the_cheapest_of_each_three() -> None:
    """Cola 149, water 99: of (149 149 149) 99 ... the dearest three come first."""
    bill = pricing(THREE_FOR_TWO).bill([item("STILL-05", 3), item("COLA-033", 4)], NOON)
    goods = {line.sku: line for line in bill.lines if line.kind == "goods"}
    assert goods["COLA-033"].amount_minor == 4 * 149 - 149
    assert goods["STILL-05"].amount_minor == 3 * 99 - 99
    assert [d.name for d in goods["STILL-05"].discounts] == ["3 for 2"]


def test_a_piece_takes_part_in_one_promotion() -> None:
    """Of four colas three are in the first promotion, the fourth gets 10 % off: 14.9 -> 15."""
    bill = pricing(THREE_FOR_TWO, TEN_PERCENT).bill([item("COLA-033", 4)], NOON)
    assert [d.amount_minor for d in bill.lines[0].discounts] == [149, 15]


def test_another_price_comes_first_and_only_lowers() -> None:
    bill = pricing(THREE_FOR_TWO, CHEAP_COLA).bill([item("COLA-033", 3)], NOON)
    assert bill.lines[0].unit_price_minor == 129
    assert bill.total_minor == 2 * 129
    dear = CHEAP_COLA.model_copy(update={"price_minor": 199})
    assert pricing(dear).bill([item("COLA-033")], NOON).total_minor == 149


@pytest.mark.parametrize(
    ("offset_ns", "total"), [(-1_000_000_000, 149), (0, 129), (3599 * 10**9, 129), (3600 * 10**9, 149)]
)
def test_a_promotion_runs_from_its_start_to_before_its_end(offset_ns: int, total: int) -> None:
    """Bounds without an offset are in the store's time zone: 13:00 in Berlin is 12:00 UTC in November."""
    start, end = datetime.datetime(2026, 11, 22, 13), datetime.datetime(2026, 11, 22, 14)
    promotion = CHEAP_COLA.model_copy(update={"start": start, "end": end})
    assert pricing(promotion).bill([item("COLA-033")], NOON + offset_ns).total_minor == total


def test_a_weighed_product_costs_its_mass() -> None:
    bill = pricing(weighed={"APPLE-BAG": 329}).bill([item("APPLE-BAG", 2, mass=1.4844)], NOON)
    assert bill.total_minor == 488  # 1484 g at 3.29 a kg: 4.88236
    assert bill.lines[0].mass == 1.4844


def test_the_price_that_the_shopper_saw_counts() -> None:
    assert pricing().bill([item("COLA-033", unit_price_minor=99)], NOON).total_minor == 99


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (item("NOVELTY"), "not in the catalogue"),
        (item("SANDWICH-180"), "no price"),
        (item("APPLE-BAG"), "sold by weight"),
    ],
)
def test_what_cannot_be_priced_is_refused(bad: object, message: str) -> None:
    with pytest.raises(AisleError, match=message):
        pricing(weighed={"APPLE-BAG": 329}).bill([bad], NOON)  # type: ignore[list-item]


def test_no_more_can_go_back_than_was_bought() -> None:
    prices = pricing()
    bill = prices.bill([item("COLA-033", 2)], NOON)
    back = prices.refund(bill, [], {"COLA-033": 1})
    assert back.total_minor == -149
    with pytest.raises(AisleError, match="1 are left"):
        prices.refund(bill, [back], {"COLA-033": 2})
    with pytest.raises(AisleError, match="has none"):
        prices.refund(bill, [], {"GUM-27": 1})
    with pytest.raises(AisleError, match="has none"):
        prices.refund(bill, [], {"COLA-033": 0})


priced = [sku for sku, product in STORE.products.items() if product.price_minor is not None]
carts = st.dictionaries(st.sampled_from(priced), st.integers(1, 7), min_size=1, max_size=6)
rules = st.lists(st.sampled_from(RICH), max_size=3, unique_by=lambda p: p.promotion_id)


totals = st.none() | st.integers(0, 20_000)
"""What a retailer's systems say, if they do."""


def priced_by(prices: Pricing, cart: dict[str, int], total: int | None) -> Bill:
    bill = prices.bill([item(sku, n) for sku, n in cart.items()], NOON)
    return bill if total is None else prices.repriced(bill, total)


@given(carts, rules, st.booleans(), totals)
def test_a_bill_adds_up_and_no_line_is_negative(
    cart: dict[str, int], promotions: list, included: bool, total: int | None
) -> None:
    bill = priced_by(pricing(*promotions, included=included), cart, total)
    assert total in (None, bill.total_minor)
    sums = sum(line.amount_minor for line in bill.lines)
    tax = sum(t.tax_minor for t in bill.taxes)
    assert bill.total_minor == (sums if included else sums + tax)
    assert all(t.net_minor + t.tax_minor == t.gross_minor for t in bill.taxes)
    assert all(line.amount_minor >= 0 for line in bill.lines)
    for line in bill.lines:
        gross = line.unit_price_minor * line.quantity
        assert line.amount_minor + sum(d.amount_minor for d in line.discounts) == gross
    assert {line.sku: line.quantity for line in bill.lines if line.kind == "goods"} == cart


@given(carts, rules)
def test_the_order_of_the_lines_does_not_matter(cart: dict[str, int], promotions: list) -> None:
    items = [item(sku, n) for sku, n in cart.items()]
    prices = pricing(*promotions)
    assert prices.bill(items, NOON).total_minor == prices.bill(items[::-1], NOON).total_minor


@given(carts, rules, st.booleans(), totals, st.data())
def test_giving_everything_back_in_parts_gives_back_what_was_paid(
    cart: dict[str, int], promotions: list, included: bool, total: int | None, data: st.DataObject
) -> None:
    prices = pricing(*promotions, included=included)
    bill = priced_by(prices, cart, total)
    left, given_back = dict(cart), []
    while left:
        sku = data.draw(st.sampled_from(sorted(left)))
        quantity = data.draw(st.integers(1, left[sku]))
        given_back.append(prices.refund(bill, given_back, {sku: quantity}))
        left[sku] -= quantity
        left = {name: n for name, n in left.items() if n}
    assert all(part.total_minor <= 0 for part in given_back)
    assert sum(part.total_minor for part in given_back) == -bill.total_minor
    for tax in bill.taxes:
        back = [t for part in given_back for t in part.taxes if t.tax_class == tax.tax_class]
        assert sum(t.tax_minor for t in back) == -tax.tax_minor


@given(st.integers(-(10**9), 10**9), st.sampled_from(["0", "7", "19", "8.875", "100"]))
def test_rounding_is_half_away_from_zero_and_symmetric(minor: int, percent: str) -> None:
    rate = Decimal(percent)
    assert percent_of(-minor, rate) == -percent_of(minor, rate)
    assert tax_within(-minor, rate) == -tax_within(minor, rate)
    assert abs(percent_of(minor, rate) - minor * float(rate) / 100) <= 0.5 + 1e-6


def test_a_half_goes_away_from_zero() -> None:
    assert [rounded(Fraction(n, 2)) for n in (1, -1, 3, -3, 4)] == [1, -1, 2, -2, 2]
