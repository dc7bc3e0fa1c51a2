"""``office.yaml``: every site of the project loads, and mistakes are named with file, line and remedy."""

import shutil
from pathlib import Path

import pytest
from office_world import ROOT, office

from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_office.settings import FILE_NAME, Retry, load_office

STORES = ROOT / "config" / "stores"
SITES = sorted(path.parent.name for path in STORES.glob(f"*/{FILE_NAME}"))


def test_every_site_has_an_office() -> None:
    assert [path.name for path in sorted(STORES.iterdir()) if path.is_dir()] == SITES


@pytest.mark.parametrize("site", SITES)
def test_the_projects_sites_load(site: str) -> None:
    store = load_store(STORES / site)
    assert load_office(STORES / site, store).seller.name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("included: true", "includes: true", "unknown key 'tax.includes'; did you mean 'included'?"),
        ("standard: 19", "standard: 119", "'tax.percents.standard' is 119; give"),
        ("{standard: 19, reduced: 7}", "{standard: 19}", "tax class 'reduced' of"),
        ("weighed: {}", "weighed: {NOVELTY: 100}", "sku 'NOVELTY' is not in catalogue.csv"),
        ("first_s: 1.0", "first_s: 0", "give"),
        ("unreachable: refuse", "unreachable: maybe", "'entry.unreachable' is 'maybe'"),
        ("language: en", "language: fr", "'mail.language' is 'fr'"),
        ("receipts@corner.example", "nobody", "'mail.sender' is 'nobody'"),
        ("promotions: []", "promotions: [{kind: gift}]", "promotions"),
        (
            "promotions: []",
            "promotions: [{kind: n_for_m, promotion_id: a, name: A, skus: [COLA-15], take: 2, pay: 2}]",
            "'pay' must be less than 'take'",
        ),
        (
            "weighed: {}\npromotions: []",
            "weighed: {COLA-15: 100}\n"
            "promotions: [{kind: price, promotion_id: a, name: A, skus: [COLA-15], price_minor: 2}]",
            "'COLA-15' is sold by weight",
        ),
        (
            "promotions: []",
            "promotions:\n"
            "- {kind: price, promotion_id: a, name: A, skus: [COLA-15], price_minor: 2}\n"
            "- {kind: price, promotion_id: a, name: A, skus: [COLA-15], price_minor: 3}",
            "promotion 'a' stands above already",
        ),
        (
            "promotions: []",
            "promotions: []\n"
            "retailer:\n"
            "  {address: 'http://x', store_id: S, app_entry: false, screen_cards: false, prices_carts: false,\n"
            "   devices: {palm: gate9}, region: r, timeout_s: 1,\n"
            "   retry: {first_s: 1, factor: 2, most_s: 8, attempts: 2}}",
            "lane 'gate9' is not in gates.yaml",
        ),
        (
            "deposits: []",
            "deposits: [{skus: [COLA-15], amount_minor: 25, tax_class: none}]",
            "tax class 'none' has no percent",
        ),
        ("visits: 200", "visits: 80", "'visits' must be at least 'link'"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    site = tmp_path / "site"
    shutil.copytree(STORES / "corner", site)
    file = site / FILE_NAME
    content = file.read_text()
    assert old in content
    file.write_text(content.replace(old, new, 1))
    with pytest.raises(AisleError) as caught:
        load_office(site, load_store(site))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{file}:")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AisleError, match="file is missing"):
        load_office(tmp_path, load_store(STORES / "corner"))


def test_waits_grow_up_to_the_most() -> None:
    retry = Retry(first_s=1.0, factor=2.0, most_s=10.0, attempts=9)
    assert [retry.wait_ns(n) / 1e9 for n in (1, 2, 3, 4, 5, 500)] == [1, 2, 4, 8, 10, 10]


def test_the_worlds_office_can_be_changed() -> None:
    assert office(entry={"use_s": 5.0}).entry.use_s == 5.0
