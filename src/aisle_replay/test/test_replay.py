import gc
import json
import shutil
from pathlib import Path

import pytest
from autocheckout_recording import real_recording, stamp_ns, tiny, write

from aisle_core.errors import AisleError
from aisle_core.stages import Output
from aisle_replay.autocheckout import import_autocheckout
from aisle_replay.bag import BagReader
from aisle_replay.replay import load_config, replay

CONFIG = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    import_autocheckout(write(folder / "recording", tiny(20, pick_s=12.0)), folder / "bag")
    return folder / "bag"


@pytest.fixture(scope="module")
def real_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("real") / "bag"
    import_autocheckout(real_recording(), path)
    return path


def test_a_pick_is_on_the_receipt(bag: Path) -> None:
    result = replay(bag, CONFIG)
    assert result.results.quantities() == {"77": {"water": 1}}
    (event,) = result.results.shelf_events
    assert event.plate_id == "g1-s1-p1"
    assert event.mass_change == pytest.approx(-0.5, abs=0.005)
    assert abs(event.start_ns - stamp_ns(12.0)) < 150_000_000


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_arrival_gives_the_same_bytes(bag: Path, seed: int) -> None:
    expected = replay(bag, CONFIG).results.event_lines()
    assert replay(bag, CONFIG, order="random", seed=seed).results.event_lines() == expected


def test_the_order_of_the_stamps_gives_the_same_bytes(bag: Path) -> None:
    expected = replay(bag, CONFIG).results
    assert replay(bag, CONFIG, order="stamp").results.event_lines() == expected.event_lines()


def test_decisions_leave_no_cyclic_garbage(bag: Path) -> None:
    loading: list[int] = []

    def observe(log_ns: int, output: Output) -> None:
        if not loading:
            loading.append(gc.collect())

    result = replay(bag, CONFIG, observe=observe)
    assert loading and gc.collect() == 0
    assert result.results.quantities()


def test_another_site_needs_consent(bag: Path, tmp_path: Path) -> None:
    with BagReader(bag) as reader:
        site = shutil.copytree(reader.site, tmp_path / "site")
    text = (site / "catalogue.csv").read_text()
    (site / "catalogue.csv").write_text(text.replace(",200,", ",300,"))
    with pytest.raises(AisleError, match=r"recorded with site .*--allow-config"):
        replay(bag, CONFIG, site=site)
    (receipt,) = replay(bag, CONFIG, site=site, allow_config=True).results.receipts
    assert receipt.charged_minor + receipt.review_minor == 300


def test_the_recorded_site_given_by_hand_is_no_other(bag: Path) -> None:
    assert replay(bag, CONFIG, site=bag / "site").results.quantities() == {"77": {"water": 1}}


def test_a_site_that_was_changed_in_the_bag_needs_consent(bag: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(bag, tmp_path / "bag")
    with (changed / "site" / "store.yaml").open("a") as file:
        file.write("# changed\n")
    with pytest.raises(AisleError, match="--allow-config"):
        replay(changed, CONFIG)


def test_an_unknown_parameter_is_named(bag: Path, tmp_path: Path) -> None:
    shutil.copytree(CONFIG / "nodes", tmp_path / "nodes")
    file = tmp_path / "nodes" / "checkout_node.yaml"
    file.write_text(file.read_text().replace("exit_distance:", "exit_distanse:"))
    with pytest.raises(AisleError, match=r"checkout_node\.yaml: .*exit_distanse"):
        replay(bag, tmp_path)


def test_a_missing_parameter_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AisleError, match=r"people_node\.yaml: cannot be read"):
        load_config(tmp_path)


def test_the_real_recording(real_bag: Path, tmp_path: Path) -> None:
    results = replay(real_bag, CONFIG).results
    results.write_receipts(tmp_path / "receipts.json", replay(real_bag, CONFIG).store)
    assert json.loads((tmp_path / "receipts.json").read_text()) == {"3325379692103139202": {"071142008582": 1}}
    (event,) = [event for event in results.shelf_events if abs(event.mass_change) > 0.02]
    assert event.plate_id == "g1-s5-p11"
    assert abs(event.start_ns - stamp_ns(12.5)) < 150_000_000
