"""Changes of a site's files by others: checked as a whole before, and in place at once or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from aisle_core.errors import AisleError
from aisle_core.store import Facing, Product, Store, catalogue_csv, load_store, planogram_csv

from ..settings import load_office

_one_at_a_time = threading.Lock()


class StaleError(AisleError):
    """The site was changed by somebody else meanwhile."""


def set_catalogue(site: Path, products: Sequence[Product], expected: str | None) -> Store:
    """Put other products in ``catalogue.csv``; gives the store as it is read now.

    expected: the hash that the site must have, None for any. Raises AisleError, and changes nothing, when the site
    would not be right with them; StaleError when it has another hash.
    """
    return _put(site, "catalogue.csv", lambda _: catalogue_csv(products), expected)


def merge_catalogue(site: Path, products: Callable[[Store], Sequence[Product]]) -> Store:
    """Put what ``products`` makes of the present store in ``catalogue.csv``. Raises like ``set_catalogue``."""
    return _put(site, "catalogue.csv", lambda store: catalogue_csv(products(store)), None)


def set_prices(site: Path, prices: dict[str, int], expected: str | None) -> Store:
    """Other prices [minor units] by sku in ``catalogue.csv``. Raises like ``set_catalogue``."""

    def text(store: Store) -> str:
        unknown = next((sku for sku in prices if sku not in store.products), None)
        if unknown is not None:
            raise AisleError(f"sku '{unknown}': the catalogue has none; add it there first")
        return catalogue_csv(
            product.model_copy(update={"price_minor": prices.get(product.sku, product.price_minor)})
            for product in store.products.values()
        )

    return _put(site, "catalogue.csv", text, expected)


def set_planogram(site: Path, facings: Sequence[Facing], expected: str | None) -> Store:
    """Other facings in ``planogram.csv``. Raises like ``set_catalogue``."""
    return _put(site, "planogram.csv", lambda _: planogram_csv(facings), expected)


def _put(site: Path, name: str, text: Callable[[Store], str], expected: str | None) -> Store:
    with _one_at_a_time, tempfile.TemporaryDirectory(dir=site.parent, prefix=f".{site.name}.") as folder:
        store = load_store(site)
        if expected is not None and expected != store.site_hash:
            raise StaleError("the site has changed since it was read; read it again")
        trial = Path(folder) / site.name
        shutil.copytree(site, trial)
        (trial / name).write_text(text(store), encoding="utf-8", newline="")
        try:
            changed = load_store(trial)
            load_office(trial, changed)
        except AisleError as error:
            raise AisleError(str(error).replace(f"{trial}{os.sep}", "")) from None
        os.replace(trial / name, site / name)
        return changed
