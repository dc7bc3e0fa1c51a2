"""What a grocer sells: families of invented products with plausible masses, sizes and prices, drawn from a seed.

Products of one family and pack size weigh nearly the same, as in real shops: of the products of the AutoCheckout
competition 103 of 3,403 pairs are within 5 g of each other.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

import numpy as np

from aisle_core.store import Product
from aisle_core.store.model import Size

BRANDS = ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Juniper", "Linden", "Maple", "Rowan", "Willow")
BETWEEN_VARIETIES = 0.004
"""Relative standard deviation of the mean mass between varieties of one family and pack size."""
LEAST_SPREAD_KG = 0.0008
"""No packing line doses better."""


class Pack(NamedTuple):
    """A pack size: gross mass [kg], width, depth and height [m], price in minor units."""

    label: str
    mass: float
    size: Size
    price: int


class Family(NamedTuple):
    """Goods of one sort; ``spread`` is the relative standard deviation of the mass between two equal pieces."""

    name: str
    department: str
    tax_class: str
    spread: float
    varieties: tuple[str, ...]
    packs: tuple[Pack, ...]


_TABLE = """
family       |department|tax class|spread|varieties                                |pack    |g   |mm         |price
water        |drinks    |standard |0.4%  |sparkling, still, medium                 |0.5 l   |523 |66 66 220  |89
water        |drinks    |standard |0.4%  |sparkling, still, medium                 |1.5 l   |1541|85 85 315  |119
cola         |drinks    |standard |0.4%  |classic, zero, cherry, lemon             |0.33 l  |348 |66 66 116  |99
cola         |drinks    |standard |0.4%  |classic, zero, cherry, lemon             |0.5 l   |541 |66 66 220  |149
cola         |drinks    |standard |0.4%  |classic, zero, cherry, lemon             |1.5 l   |1602|85 85 315  |229
lemonade     |drinks    |standard |0.4%  |orange, lemon, apple, grapefruit         |0.33 l  |352 |66 66 116  |99
lemonade     |drinks    |standard |0.4%  |orange, lemon, apple, grapefruit         |0.5 l   |545 |66 66 220  |139
iced tea     |drinks    |standard |0.4%  |peach, lemon, green                      |0.5 l   |561 |66 66 220  |169
juice        |drinks    |standard |0.4%  |orange, apple, multivitamin, grape       |1 l     |1068|72 72 235  |249
smoothie     |drinks    |standard |0.6%  |berry, mango, green                      |250 ml  |281 |58 58 155  |229
energy drink |drinks    |standard |0.4%  |original, sugar free, tropical           |250 ml  |268 |53 53 135  |129
beer         |drinks    |standard |0.5%  |lager, pilsner, wheat, alcohol free      |0.5 l   |523 |66 66 168  |119
wine         |drinks    |standard |0.6%  |red, white, rosé                         |0.75 l  |1245|76 76 300  |599
crisps       |snacks    |reduced  |1.2%  |salted, paprika, sour cream, vinegar     |175 g   |188 |190 80 280 |199
nuts         |snacks    |reduced  |0.8%  |peanuts, cashews, almonds, mixed         |150 g   |157 |120 50 170 |249
nuts         |snacks    |reduced  |0.8%  |peanuts, cashews, almonds, mixed         |200 g   |209 |120 60 190 |319
crackers     |snacks    |reduced  |1%    |salted, sesame, cheese                   |150 g   |172 |90 55 180  |159
popcorn      |snacks    |reduced  |1.5%  |sweet, salted                            |100 g   |109 |160 70 230 |149
chocolate    |sweets    |reduced  |0.6%  |milk, dark, hazelnut, white, almond      |100 g   |104 |75 10 155  |139
chocolate    |sweets    |reduced  |0.6%  |milk, dark, hazelnut, white, almond      |200 g   |207 |90 14 190  |249
gummies      |sweets    |reduced  |1%    |bears, cola, sour                        |200 g   |206 |140 40 190 |129
chewing gum  |sweets    |reduced  |1%    |mint, spearmint, fruit                   |27 g    |31  |60 25 85   |99
biscuits     |sweets    |reduced  |0.8%  |butter, oat, chocolate, coconut          |250 g   |268 |170 60 70  |189
cereal bar   |sweets    |reduced  |1.2%  |nut, berry, banana                       |50 g    |52.5|130 35 25  |99
muesli       |breakfast |reduced  |0.8%  |fruit, crunchy, chocolate                |500 g   |528 |140 70 230 |299
cornflakes   |breakfast |reduced  |1%    |plain, honey, cocoa                      |375 g   |441 |190 65 290 |259
jam          |breakfast |reduced  |0.6%  |strawberry, apricot, raspberry, cherry   |340 g   |548 |70 70 125  |219
honey        |breakfast |reduced  |0.6%  |blossom, forest                          |500 g   |761 |85 85 110  |549
coffee       |breakfast |reduced  |0.5%  |mild, strong, decaf, espresso            |250 g   |271 |80 55 155  |449
coffee       |breakfast |reduced  |0.5%  |mild, strong, decaf, espresso            |500 g   |519 |95 65 190  |699
tea          |breakfast |reduced  |1.5%  |black, green, peppermint, fruit          |20 bags |67  |130 65 75  |199
spaghetti    |dry goods |reduced  |0.4%  |plain, whole grain                       |500 g   |508 |75 40 270  |129
pasta        |dry goods |reduced  |0.4%  |penne, fusilli, farfalle                 |500 g   |507 |150 60 210 |139
rice         |dry goods |reduced  |0.4%  |long grain, basmati, risotto             |500 g   |509 |110 55 170 |189
rice         |dry goods |reduced  |0.4%  |long grain, basmati, risotto             |1 kg    |1011|120 70 210 |289
flour        |dry goods |reduced  |0.4%  |wheat, spelt, rye                        |1 kg    |1012|105 70 170 |119
sugar        |dry goods |reduced  |0.4%  |white, brown                             |1 kg    |1009|95 65 165  |139
lentils      |dry goods |reduced  |0.5%  |red, green, brown                        |500 g   |507 |110 55 170 |199
oil          |dry goods |reduced  |0.5%  |olive, sunflower, rapeseed               |0.75 l  |744 |75 75 275  |499
tomatoes     |tins      |reduced  |0.6%  |whole, chopped, herbs                    |400 g   |462 |76 76 110  |119
soup         |tins      |reduced  |0.6%  |tomato, chicken, lentil, pea             |400 g   |467 |76 76 110  |189
beans        |tins      |reduced  |0.6%  |white, kidney, chickpeas                 |400 g   |459 |76 76 110  |99
tuna         |tins      |reduced  |0.8%  |oil, water, chilli                       |160 g   |191 |84 84 40   |189
pesto        |tins      |reduced  |0.8%  |basil, tomato, pepper                    |190 g   |328 |62 62 105  |229
ketchup      |tins      |reduced  |0.6%  |tomato, curry, hot                       |500 ml  |612 |85 60 215  |219
milk         |chilled   |reduced  |0.4%  |whole, low fat, lactose free, oat        |1 l     |1062|72 72 235  |129
yoghurt      |chilled   |reduced  |1%    |plain, strawberry, vanilla, peach, cherry|150 g   |161 |72 72 85   |69
yoghurt      |chilled   |reduced  |1%    |plain, strawberry, vanilla, peach, cherry|500 g   |523 |100 100 110|149
cheese       |chilled   |reduced  |2%    |gouda, emmental, cheddar, mozzarella     |200 g   |213 |130 30 180 |279
butter       |chilled   |reduced  |0.4%  |salted, unsalted                         |250 g   |256 |100 65 40  |229
hummus       |chilled   |reduced  |1%    |plain, paprika, olive                    |200 g   |219 |115 80 60  |199
sandwich     |chilled   |reduced  |2.5%  |cheese, tuna, egg, chicken               |180 g   |193 |160 75 90  |329
salad bowl   |chilled   |reduced  |3%    |mixed, caesar, pasta                     |250 g   |282 |170 170 70 |399
toast        |bakery    |reduced  |1.2%  |white, whole grain                       |500 g   |512 |110 210 110|149
rolls        |bakery    |reduced  |1.5%  |wheat, multigrain                        |6 pieces|371 |200 120 130|179
kitchen rolls|household |standard |1.5%  |white, printed                           |4 rolls |584 |230 230 240|299
toilet paper |household |standard |1.5%  |soft, recycled                           |8 rolls |871 |400 200 200|399
detergent    |household |standard |0.5%  |colour, white, sensitive                 |1.5 l   |1655|180 100 270|599
dish soap    |household |standard |0.6%  |lemon, fresh, sensitive                  |500 ml  |562 |90 50 240  |149
tissues      |household |standard |2%    |plain, menthol                           |10 packs|243 |110 75 100 |129
shampoo      |care      |standard |0.6%  |repair, volume, dandruff                 |300 ml  |342 |75 45 200  |249
shower gel   |care      |standard |0.6%  |fresh, milk, sport                       |250 ml  |283 |70 40 185  |169
toothpaste   |care      |standard |0.8%  |mint, whitening, kids                    |75 ml   |124 |190 40 50  |149
soap         |care      |standard |1%    |olive, lavender                          |100 g   |106 |90 30 60   |99
batteries    |care      |standard |0.6%  |AA, AAA                                  |4 pieces|102 |100 20 130 |399
"""
"""A row per pack size; mass in grams, width, depth and height in millimetres, price in minor units."""


def _families() -> tuple[Family, ...]:
    rows = [tuple(cell.strip() for cell in line.split("|")) for line in _TABLE.strip().splitlines()[1:]]
    return tuple(
        Family(name, department, tax, float(spread.rstrip("%")) / 100, tuple(varieties.split(", ")), packs)
        for (name, department, tax, spread, varieties), group in itertools.groupby(rows, key=lambda row: row[:5])
        for packs in [tuple(_pack(*row[5:]) for row in group)]
    )


def _pack(label: str, grams: str, millimetres: str, price: str) -> Pack:
    width, depth, height = (float(text) / 1000 for text in millimetres.split())
    return Pack(label, float(grams) / 1000, Size(width, depth, height), int(price))


FAMILIES = _families()


class Article(NamedTuple):
    """A product and its size."""

    product: Product
    size: Size


def draw_assortment(count: int, rng: np.random.Generator) -> tuple[Article, ...]:
    """At most ``count`` articles, families evenly represented, in the order of the departments.

    Fewer where ``FAMILIES`` and ``BRANDS`` do not make so many.
    """
    kinds: list[list[tuple[int, str, str, Pack]]] = []
    for i, family in enumerate(FAMILIES):
        choices = list(itertools.product(BRANDS, family.varieties, family.packs))
        kinds.append([(i, *choices[k]) for k in rng.permutation(len(choices))])
    rounds = itertools.chain.from_iterable(itertools.zip_longest(*kinds))
    chosen = sorted(itertools.islice((kind for kind in rounds if kind is not None), count), key=lambda kind: kind[0])
    return tuple(
        Article(_product(number, FAMILIES[i], brand, variety, pack, rng), pack.size)
        for number, (i, brand, variety, pack) in enumerate(chosen, start=1)
    )


def _product(number: int, family: Family, brand: str, variety: str, pack: Pack, rng: np.random.Generator) -> Product:
    name = f"{brand} {family.name} {variety} {pack.label}"
    mass = round(pack.mass * (1 + BETWEEN_VARIETIES * rng.standard_normal()), 4)
    return Product(
        sku=re.sub(r"[^A-Z0-9]+", "-", name.upper().replace("É", "E").replace(".", "")),
        gtin=in_store_gtin(number),
        name=name,
        price_minor=int(pack.price * rng.uniform(0.8, 1.3)) // 10 * 10 + 9,
        tax_class=family.tax_class,
        weight=mass,
        weight_stddev=round(max(family.spread * mass, LEAST_SPREAD_KG), 4),
        size=pack.size,
    )


def in_store_gtin(number: int) -> str:
    """GTIN-13 of the range 20 that GS1 leaves to a company's own use (restricted circulation numbers)."""
    digits = f"20{number:010d}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, itertools.cycle((1, 3)), strict=False))
    return digits + str(-total % 10)
