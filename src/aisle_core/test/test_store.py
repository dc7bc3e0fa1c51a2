import math
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle_core.errors import AisleError
from aisle_core.store import FILE_NAMES, LATENCY_PROFILES, load_store, save_site
from aisle_core.store.files import (
    FixtureEntry,
    FixturesFile,
    GatesFile,
    PlateRow,
    SensorsFile,
    ShelfEntry,
    SiteFiles,
    StoreFile,
)
from aisle_core.store.model import Facing, Lane, Point2, Pose, PoseSource, Product, ScaleGateway, Size, is_gtin

DEMO = Path(__file__).parents[3] / "test" / "sites" / "demo"


def site_files() -> SiteFiles:
    def shelf(index: int) -> ShelfEntry:
        plates = tuple(PlateRow(k, f"a-s{index}-p{k}", 0.2 * k, 0.2) for k in range(3))
        return ShelfEntry(index=index, y=0.1, z=0.5 * index, depth=0.4, clearance=0.3, plates=plates)

    def product(sku: str, price: int | None) -> Product:
        return Product(
            sku=sku,
            gtin="4006381333931",
            name=f'Water, "{sku}"',
            price_minor=price,
            tax_class="standard",
            weight=0.5,
            weight_stddev=0.002,
            size=Size(0.1, 0.1, 0.2),
        )

    return SiteFiles(
        store=StoreFile(
            store_id="corner",
            name="Corner shop",
            currency="EUR",
            time_zone="Europe/Berlin",
            zones=("shop", "door"),
            floor=(Point2(0, 0), Point2(4, 0), Point2(4, 4)),
        ),
        fixtures=FixturesFile(
            fixtures=(
                FixtureEntry(
                    fixture_id="a", kind="gondola", pose=Pose(1, 2, 0, math.pi / 2), shelves=(shelf(1), shelf(2))
                ),
            )
        ),
        sensors=SensorsFile(
            latency_profile="default",
            scale_gateways=(ScaleGateway(device_id="scales", zone="shop"),),
            pose_sources=(PoseSource(device_id="vision", zone="shop"),),
        ),
        gates=GatesFile(lanes=(Lane(lane_id="lane", zone="door", direction="both", position=Point2(1, 1)),)),
        products=(product("w1", 120), product("w2", None)),
        facings=(
            Facing(facing_id="f1", sku="w1", plate_ids=("a-s1-p0", "a-s1-p1")),
            Facing(facing_id="f2", sku="w2", plate_ids=("a-s1-p1",)),
        ),
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "corner"
    save_site(folder, site_files())
    return folder


def edit(site: Path, name: str, old: str, new: str) -> int:
    """Replace the first ``old`` and return its line."""
    text = (site / name).read_text()
    assert old in text, text
    (site / name).write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def refusal(site: Path) -> str:
    with pytest.raises(AisleError) as caught:
        load_store(site)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_demo_site_loads() -> None:
    store = load_store(DEMO)
    assert store.store_id == DEMO.name
    assert {lane.direction for lane in store.lanes} == {"in", "out"}
    assert any(len(facing.plate_ids) == 2 for facing in store.facings)
    assert [sku for sku, product in store.products.items() if product.price_minor is None] == ["SANDWICH-180"]
    weights = [product.weight for product in store.products.values()]
    assert len(set(weights)) == len(weights) - 1
    assert all(product.gtin is None for product in store.products.values())


def test_what_is_written_is_read(site: Path) -> None:
    store, files = load_store(site), site_files()
    assert (store.store_id, store.currency, store.time_zone) == ("corner", "EUR", "Europe/Berlin")
    assert store.floor == files.store.floor and store.zones == ("shop", "door")
    assert store.latency == LATENCY_PROFILES["default"]
    assert tuple(store.products.values()) == files.products
    assert store.facings == files.facings
    assert store.gateways == files.sensors.scale_gateways
    assert store.pose_sources == files.sensors.pose_sources
    assert store.lanes == files.gates.lanes
    assert list(store.plates) == ["a-s1-p0", "a-s1-p1", "a-s1-p2", "a-s2-p0", "a-s2-p1", "a-s2-p2"]


def test_plates_stand_in_the_map_frame(site: Path) -> None:
    # The fixture looks along +y of the map: its x is the map's y, its y the map's -x.
    plate = load_store(site).plates["a-s2-p1"]
    assert plate.centre == pytest.approx((1 - (0.1 + 0.2), 2 + 0.3, 1.0))
    assert plate.size == (0.2, 0.4, 0.3)
    assert (plate.fixture_id, plate.shelf, plate.index, plate.yaw) == ("a", 2, 1, math.pi / 2)


def test_facings_of_a_plate(site: Path) -> None:
    store = load_store(site)
    assert [facing.facing_id for facing in store.facings_of("a-s1-p1")] == ["f1", "f2"]
    assert [facing.facing_id for facing in store.facings_of("a-s1-p0")] == ["f1"]
    assert store.facings_of("a-s2-p2") == ()


def test_plates_are_ordered_from_left_to_right(site: Path) -> None:
    before = load_store(site)
    text = (site / "fixtures.yaml").read_text()
    rows = [line for line in text.splitlines(keepends=True) if "a-s1-p" in line]
    (site / "fixtures.yaml").write_text(text.replace("".join(rows), "".join(reversed(rows))))
    after = load_store(site)
    assert after.fixtures == before.fixtures
    assert after.site_hash != before.site_hash


@pytest.mark.parametrize("name", FILE_NAMES)
def test_the_hash_covers_every_file(site: Path, name: str) -> None:
    before = load_store(site).site_hash
    assert load_store(site).site_hash == before
    with (site / name).open("a") as file:
        file.write("\n")
    assert load_store(site).site_hash != before


def test_the_hash_does_not_depend_on_the_place(site: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(site, tmp_path / "copy")
    assert load_store(copy).site_hash == load_store(site).site_hash


def test_stores_are_immutable(site: Path) -> None:
    store = load_store(site)
    with pytest.raises(ValueError, match="frozen"):
        store.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", FILE_NAMES)
def test_missing_file(site: Path, name: str) -> None:
    (site / name).unlink()
    message = refusal(site)
    assert str(site / name) in message and "missing" in message


def test_missing_folder(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("store.yaml", "currency: EUR", "currency: EURO", ["'currency'", "EURO", "ISO 4217"]),
        ("store.yaml", "Europe/Berlin", "Berlin", ["'time_zone'", "IANA"]),
        ("store.yaml", "name: Corner shop", "nmae: Corner shop", ["unknown key 'nmae'", "did you mean 'name'"]),
        ("store.yaml", "store_id: corner", "store_id: corner-shop", ["'store_id'", "corner-shop"]),
        ("store.yaml", "store_id: corner", "- corner", ["not YAML"]),
        ("store.yaml", "zones: [shop, door]", "zones: [shop, shop, door]", ["zone 'shop'", "already in line"]),
        ("fixtures.yaml", "depth: 0.4", "depth: -0.4", ["shelves[0].depth", "-0.4", "greater than 0"]),
        ("fixtures.yaml", "depth: 0.4", "depht: 0.4", ["'fixtures[0].shelves[0].depht'", "did you mean 'depth'"]),
        ("fixtures.yaml", "[1, a-s1-p1, 0.2, 0.2]", "[1, a-s1-p1, wide, 0.2]", ["plates[1]", "'wide'", "number"]),
        ("fixtures.yaml", "[1, a-s1-p1, 0.2, 0.2]", "[1, a-s1-p1, .nan, 0.2]", ["plates[1]", "finite"]),
        ("fixtures.yaml", "[1, a-s1-p1, 0.2, 0.2]", "[1, a-s1-p0, 0.2, 0.2]", ["plate_id 'a-s1-p0'", "already"]),
        ("fixtures.yaml", "[1, a-s1-p1, 0.2, 0.2]", "[0, a-s1-p1, 0.2, 0.2]", ["plate index '0'", "already"]),
        ("fixtures.yaml", "[1, a-s1-p1, 0.2, 0.2]", "[1, a-s1-p1, 0.15, 0.2]", ["begins at x = 0.15", "ends at 0.2"]),
        ("fixtures.yaml", "index: 2", "index: 1", ["shelf index '1'", "already"]),
        ("sensors.yaml", "latency_profile: default", "latency_profile: fast", ["fast", "default, late_vision"]),
        ("sensors.yaml", "device_id: scales, zone: shop", "device_id: scales, zone: attic", ["'attic'", "shop, door"]),
        ("sensors.yaml", "device_id: vision", "device_id: scales", ["'scales'", "already", "sensors.yaml"]),
        ("gates.yaml", "direction: both", "direction: up", ["lanes[0].direction", "'in', 'out' or 'both'"]),
        ("gates.yaml", "lane_id: lane", "lane_id: vision", ["'vision'", "already", "sensors.yaml"]),
        ("gates.yaml", "zone: door", "zone: attic", ["'attic'", "shop, door"]),
        ("catalogue.csv", "120", "1.20", ["'price_minor'", "'1.20'", "integer"]),
        ("catalogue.csv", "120", "-5", ["'price_minor'", "greater than or equal to 0"]),
        ("catalogue.csv", "4006381333931", "4006381333932", ["'gtin'", "check digit"]),
        ("catalogue.csv", "0.5,0.002", "heavy,0.002", ["'weight'", "'heavy'", "number"]),
        ("catalogue.csv", "0.1 0.1 0.2", "0.1 0.1", ["'size[2]' is missing"]),
        ("catalogue.csv", "price_minor", "price", ["column 'price'", "price_minor"]),
        ("catalogue.csv", "w2,", "w1,", ["sku 'w1'", "already in line 2"]),
        ("catalogue.csv", "w2,", "w2,,", ["has not 8 cells"]),
        ("planogram.csv", "f1,w1", "f1,w9", ["sku 'w9'", "catalogue.csv"]),
        ("planogram.csv", "f2,w2", "f1,w2", ["facing_id 'f1'", "already in line 2"]),
        ("planogram.csv", "a-s1-p0 a-s1-p1", "a-s1-p0 a-s1-p7", ["plate 'a-s1-p7'", "fixtures.yaml"]),
        ("planogram.csv", "a-s1-p0 a-s1-p1", "a-s1-p0 a-s1-p2", ["not adjacent on one shelf", "f1"]),
        ("planogram.csv", "a-s1-p0 a-s1-p1", "a-s1-p0 a-s2-p1", ["not adjacent on one shelf", "f1"]),
        ("planogram.csv", "a-s1-p0 a-s1-p1", "a-s1-p0 a-s1-p0", ["not adjacent on one shelf", "f1"]),
        ("planogram.csv", "a-s1-p0 a-s1-p1", "", ["'plate_ids'"]),
    ],
)
def test_errors_name_file_line_and_remedy(site: Path, name: str, old: str, new: str, words: list[str]) -> None:
    line = edit(site, name, old, new)
    message = refusal(site)
    if "not YAML" in words:
        assert message.startswith(f"{site / name}:")
    else:
        assert message.startswith(f"{site / name}:{line}: ")
    for word in words:
        assert word in message, message
    assert ";" in message


def test_missing_key_names_the_place(site: Path) -> None:
    edit(site, "fixtures.yaml", "depth: 0.4\n", "\n")
    assert "'fixtures[0].shelves[0].depth' is missing; add it" in refusal(site)


def test_missing_column(site: Path) -> None:
    text = (site / "planogram.csv").read_text()
    (site / "planogram.csv").write_text("\n".join(line.rpartition(",")[0] for line in text.splitlines()))
    assert "planogram.csv:1: column 'plate_ids' is missing" in refusal(site)


def test_no_utf8(site: Path) -> None:
    (site / "catalogue.csv").write_bytes((site / "catalogue.csv").read_bytes().replace(b"Water", b"Wasser f\xfcr"))
    assert "catalogue.csv:2: not UTF-8" in refusal(site)


def test_empty_yaml(site: Path) -> None:
    (site / "gates.yaml").write_text("")
    assert "gates.yaml:1: " in refusal(site)


def test_unclosed_quote(site: Path) -> None:
    with (site / "catalogue.csv").open("a") as file:
        file.write('w3,,"Milk,1,standard,1,,\n')
    assert "catalogue.csv:4: not CSV" in refusal(site)


def test_existing_folder_is_not_overwritten(site: Path) -> None:
    before = load_store(site).site_hash
    with pytest.raises(AisleError, match="does not exist"):
        save_site(site, site_files())
    assert load_store(site).site_hash == before


@given(st.text(alphabet="0123456789", min_size=11, max_size=11), st.integers(0, 9))
def test_exactly_one_check_digit_is_right(digits: str, digit: int) -> None:
    right = [last for last in "0123456789" if is_gtin(digits + last)]
    assert len(right) == 1
    assert is_gtin(digits + str(digit)) == (str(digit) == right[0])


def test_known_gtins() -> None:
    # 036000291452 and 4006381333931 are the usual examples of UPC-A and EAN-13.
    assert is_gtin("036000291452") and is_gtin("4006381333931")
    assert not is_gtin("36000291452") and not is_gtin("٤006381333931")
