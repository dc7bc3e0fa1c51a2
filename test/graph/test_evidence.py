"""Cameras tell products of one weight apart in the running graph."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from observer import Observer

from aisle_contract import interfaces
from aisle_contract.sites import config_folder, find_site
from aisle_core.evidence import REFERENCES_FILE, ColourRecogniser, enroll, write_references
from aisle_core.store import load_store
from aisle_core.types import Image
from aisle_replay.bag import BagReader
from aisle_replay.replay import replay
from aisle_replay.truth import read_truth
from aisle_sim.bag import write_bag
from aisle_sim.scenarios import find_scenario

SCENARIO, SEED = "same_weight_swapped", 1
EMPTY_NS = 1_000_000_000
"""For so long nobody is in the store."""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bottles of one weight change places, and one of them is bought, before two cameras.

    In its site are reference views from before anybody came.
    """
    path, site = tmp_path_factory.mktemp("bags") / "bag", find_site("corner")
    store = load_store(site)
    write_bag(path, site, find_scenario(SCENARIO, store, SEED, 1), SEED, ("color",))
    views = defaultdict(list)
    with BagReader(path) as reader:
        for log_ns, _, item in reader.items({interfaces.COLOR_IMAGE}):
            if log_ns > reader.start_ns + EMPTY_NS:
                break
            if isinstance(item, Image):
                views[item.frame_id.removeprefix("corner/").removesuffix("_optical_frame")].append(item.pixels)
    write_references(path / "site" / REFERENCES_FILE, enroll(views, store, ColourRecogniser()))
    return path


def test_what_weighs_alike_is_told_apart_by_its_colours(aisle, observer: Observer, bag: Path, tmp_path: Path) -> None:
    receipts, name = tmp_path / "receipts.json", f"/corner/{interfaces.ITEM_EVIDENCE.name}"
    launched = aisle("launch", "replay", f"bag:={bag}", "rate:=2.0", "evidence:=true", f"receipts:={receipts}")
    looks = observer.listen(interfaces.ITEM_EVIDENCE, name)
    observer.until(lambda: launched.process.poll() is not None, timeout_s=150.0)
    assert launched.process.returncode == 0, launched.text()[-4000:]
    true = sorted(map(dict, read_truth(bag / "truth.jsonl").receipts().values()), key=str)
    assert sorted(json.loads(receipts.read_text()).values(), key=str) == true
    assert any(look.scores for look in looks)
    blind = replay(bag, config_folder()).results.quantities()
    assert sorted(map(dict, blind.values()), key=str) != true
