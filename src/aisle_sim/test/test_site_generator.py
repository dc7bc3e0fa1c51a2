"""Sites that are drawn: they load, hold what was asked for, repeat, and have nothing to find fault with."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisle_core.errors import AisleError
from aisle_core.store import FILE_NAMES, load_store, save_site
from aisle_core.store.coverage import coverage, floor_grid
from aisle_core.store.findings import site_findings
from aisle_core.store.model import is_gtin
from aisle_sim.assortment import draw_assortment, in_store_gtin
from aisle_sim.site_generator import LEAST_AISLE, SiteSize, comments, generate_site

SITES = Path(__file__).parents[3] / "config" / "stores"
MARKET = SiteSize(area=120, plates=480, sensors=24, cameras=12)


def write(folder: Path, size: SiteSize, name: str = "Drawn") -> Path:
    save_site(folder, generate_site(folder.name, name, size), comments(folder.name, size))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILE_NAMES}


def test_the_market_is_what_its_first_line_makes(tmp_path: Path) -> None:
    assert contents(write(tmp_path / "market", MARKET, "Market")) == contents(SITES / "market")
    first = (SITES / "market" / "store.yaml").read_text().splitlines()[0]
    assert first == (
        "# Generated: ./aisle store generate --out market --area 120 --plates 480 --sensors 24 --cameras 12"
    )


def test_the_market_has_what_a_market_needs() -> None:
    store = load_store(SITES / "market")
    assert (len(store.plates), len(store.depth_sensors), len(store.cameras)) == (480, 24, 12)
    assert [lane.lane_id for lane in store.lanes] == ["in1", "in2", "out1", "out2"]
    assert [len(fixture.shelves) for fixture in store.fixtures if fixture.kind == "kiosk"] == [0]
    assert {gateway.device_id for gateway in store.gateways} == {
        fixture.fixture_id for fixture in store.fixtures if fixture.shelves
    }
    assert sum(len(facing.plate_ids) for facing in store.facings) == 480
    assert any(len(facing.plate_ids) == 2 for facing in store.facings)
    weights = np.array([product.weight for product in store.products.values()])
    close = (np.abs(weights[:, None] - weights)[np.triu_indices(len(weights), 1)] < 0.005).mean()
    assert 0.01 < close < 0.1


def test_another_seed_draws_another_assortment(tmp_path: Path) -> None:
    first, again, other = (
        contents(write(tmp_path / name / "shop", SiteSize(area=60, seed=seed)))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert all(first[name] != other[name] for name in ("catalogue.csv", "planogram.csv"))
    assert first["fixtures.yaml"] == other["fixtures.yaml"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    area=st.integers(25, 250),
    share=st.floats(0.5, 2.0),
    sensors=st.one_of(st.none(), st.integers(1, 40)),
    seed=st.integers(0, 1000),
)
def test_any_size_loads_and_holds_what_was_asked_for(
    tmp_path_factory: pytest.TempPathFactory, area: int, share: float, sensors: int | None, seed: int
) -> None:
    plates = max(20, int(area * share))
    size = SiteSize(area=area, plates=plates, sensors=sensors, seed=seed)
    folder = write(tmp_path_factory.mktemp("sites") / "shop", size)
    store = load_store(folder)
    assert len(store.plates) == plates
    assert sensors is None or len(store.depth_sensors) == sensors
    found = site_findings(folder, store, coverage(store, floor_grid(store, 0.2)))
    assert not [finding for finding in found if sensors is None or "no depth sensor" not in finding]


def test_the_largest_site_is_drawn_with_all_it_may_have() -> None:
    site = generate_site("large", "Large", SiteSize(area=1000, plates=4000, sensors=300))
    names = [row.plate_id for f in site.fixtures.fixtures for shelf in f.shelves for row in shelf.plates]
    assert len(set(names)) == 4000
    assert len({device.device_id for device in site.sensors.depth_sensors}) == 300
    xs = sorted({fixture.pose.x for fixture in site.fixtures.fixtures if fixture.shelves})
    aisles = np.diff(xs)[::2]
    assert aisles.min() >= LEAST_AISLE


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"area": 20}, "area is 20; give a number from 25 to 5000"),
        ({"area": 120, "plates": 4001}, "plates is 4001; give a number from 20 to 4000"),
        ({"area": 120, "sensors": 301}, "sensors is 301; give a number from 1 to 300"),
        ({"area": 120, "plates": 2000}, "2000 plates in gondolas of 40 do not fit into 120 m2; give more area"),
        ({"area": 120, "cameras": 100}, "places for cameras, not 100; give fewer cameras"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wish: dict[str, float], words: str) -> None:
    with pytest.raises(AisleError, match=re.escape(words)):
        generate_site("shop", "Shop", SiteSize(**wish))  # type: ignore[arg-type]


def test_a_name_that_is_no_store_id_is_refused() -> None:
    with pytest.raises(AisleError, match="'my-shop' cannot be a store's id; give a name of letters, digits and _"):
        generate_site("my-shop", "My shop", SiteSize(area=60))


def test_articles_are_all_different() -> None:
    articles = draw_assortment(1500, np.random.default_rng(3))
    assert len({article.product.sku for article in articles}) == len(articles) == 1500
    assert all(is_gtin(article.product.gtin or "") for article in articles)
    assert in_store_gtin(1).startswith("20")
