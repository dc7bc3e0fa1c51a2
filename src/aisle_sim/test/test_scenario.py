"""Scenario files: what is wrong is named with its line, and what is written can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisle_core.errors import AisleError
from aisle_core.store import Store, load_store
from aisle_sim.random_scenario import Mix, random_scenario
from aisle_sim.scenario import Scenario, check_scenario, read_scenario, write_scenario

CONFIG = Path(__file__).resolve().parents[3] / "config"
NAMED = sorted((CONFIG / "scenarios").glob("*.yaml"))

HEAD = """site: corner
description: a try
"""
ANNA = (
    HEAD
    + """shoppers:
  - name: anna
    do:
"""
)


@pytest.fixture(scope="module")
def store() -> Store:
    return load_store(CONFIG / "stores" / "corner")


def refusal(tmp_path: Path, store: Store, text: str) -> str:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(AisleError) as caught:
        read_scenario(path, store)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{path}:")


BAD = {
    "unknown product": (ANNA + "      - pick: {plate: g01-s1-p01, sku: GOLD}\n", 6, "unknown product 'GOLD'"),
    "unknown plate": (ANNA + "      - wait: 1\n      - pick: {plate: g01-s1-p09}\n", 7, "did you mean 'g01-s1-p0"),
    "into a fixture": (ANNA + "      - walk: [0.2, 3.0]\n", 6, "fixture g01"),
    "through the wall": (ANNA + "      - walk: [9.0, 3.0]\n", 6, "the wall"),
    "too high": (
        HEAD + "shoppers:\n  - name: anna\n    height: 1.1\n    do:\n      - pick: {plate: g01-s4-p01}\n",
        7,
        "cannot reach plate 'g01-s4-p01'",
    ),
    "too far": (
        ANNA + "      - browse: {plate: g01-s1-p01, stand: {aside: 1.0, away: 0.9}}\n",
        6,
        "cannot reach plate 'g01-s1-p01'",
    ),
    "unknown shopper to give to": (
        ANNA + "      - pick: {plate: g01-s2-p03}\n      - hand_over: {to: bob, sku: COLA-05}\n",
        7,
        "unknown shopper 'bob'",
    ),
    "unknown leader": (HEAD + "shoppers:\n  - name: anna\n    enter: {with: bob}\n", 5, "unknown shopper 'bob'"),
    "unknown lane": (HEAD + "shoppers:\n  - name: anna\n    enter: {lane: in7}\n", 5, "unknown lane 'in7'"),
    "unknown lane out": (ANNA + "      - leave: out7\n", 6, "unknown lane 'out7'"),
    "unknown fixture": (ANNA + "      - bump: {fixture: g09}\n", 6, "unknown fixture 'g09'"),
    "too many": (ANNA + "      - pick: {plate: g01-s1-p01, quantity: 40}\n", 6, "40 are taken"),
    "more than in stock": (
        HEAD + "stock: [{plate: g01-s2-p03, quantity: 1}]\nshoppers:\n  - name: anna\n    do:\n"
        "      - pick: {plate: g01-s2-p03}\n      - pick: {plate: g01-s2-p03}\n",
        8,
        "holds 1 of 'COLA-05'; 2 are taken",
    ),
    "what one has not": (ANNA + "      - put_back: {plate: g01-s1-p01, sku: COLA-05}\n", 6, "has not got 1 of"),
    "not on the floor": (ANNA + "      - pick_up: {sku: COLA-05}\n", 6, "nobody drops 'COLA-05'"),
    "no neighbour": (
        ANNA + "      - pick: {plate: g01-s2-p03}\n"
        "      - put_back: {plate: g01-s2-p03, straddle: g01-s2-p01, sku: COLA-05}\n",
        7,
        "not beside",
    ),
    "no staff": (ANNA + "      - restock: {plate: g01-s2-p03, sku: COLA-05}\n", 6, "no staff"),
    "alone together": (ANNA + "      - {wait: 1, together: us}\n", 6, "no other action says together"),
    "two verbs": (ANNA + "      - {wait: 1, walk: [2, 2]}\n", 6, "exactly one verb"),
    "misspelt verb": (ANNA + "      - pik: {plate: g01-s2-p03}\n", 6, "did you mean 'pick'"),
    "twice the same name": (HEAD + "shoppers:\n  - name: anna\n  - name: anna\n", 4, "two shoppers"),
    "another site": ("site: market\ndescription: a try\n", 1, "for site 'market'"),
    "unknown device": (
        HEAD + "faults:\n  - {device: g07, kind: silent, from_s: 1, to_s: 2}\n",
        4,
        "unknown device 'g07'",
    ),
    "fault that ends before it begins": (
        HEAD + "faults:\n  - {device: g01, kind: silent, from_s: 3, to_s: 2}\n",
        4,
        "to_s must be later",
    ),
    "stock of an unknown plate": (HEAD + "stock: [{plate: g09-s1-p01, quantity: 1}]\n", 3, "unknown plate"),
    "receipt of an unknown shopper": (HEAD + "receipts:\n  zoe: {COLA-05: 1}\n", 4, "unknown shopper 'zoe'"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_scenario_is_refused_with_file_and_line(case: str, tmp_path: Path, store: Store) -> None:
    text, line, words = BAD[case]
    message = refusal(tmp_path, store, text)
    assert words in message
    assert message.startswith(f"{line}: ")


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        ("t,id,x,y\n1,p1,2.5,x\n", 2, "'y' is 'x'"),
        ("t,id,x,y\n1,p1,2.5,2\n1,p1,2.5,3\n", 3, "sort each person by time"),
        ("t,id,x\n1,p1,2.5\n", 1, "column 'y' is missing"),
        ("t,id,x,y\n", 1, "no rows"),
    ],
)
def test_a_bad_trajectory_is_refused_with_file_and_line(
    rows: str, line: int, words: str, tmp_path: Path, store: Store
) -> None:
    (tmp_path / "ways.csv").write_text(rows)
    path = tmp_path / "bad.yaml"
    path.write_text(HEAD + "trajectories: ways.csv\n")
    with pytest.raises(AisleError, match=f"ways.csv:{line}: .*{words}"):
        read_scenario(path, store)


def test_a_recorded_shopper_is_near_what_it_takes(tmp_path: Path, store: Store) -> None:
    (tmp_path / "ways.csv").write_text("t,id,x,y\n0,anna,2.5,-1\n4,anna,2.5,2\n9,anna,2.5,-1\n")
    text = HEAD + "trajectories: ways.csv\nshoppers:\n  - name: anna\n    do:\n"
    assert refusal(tmp_path, store, text + "      - {pick: {plate: g01-s2-p03}, at_s: 4}\n").startswith("7: at 4.0 s")
    assert "say at_s" in refusal(tmp_path, store, text + "      - {pick: {plate: g01-s2-p03}}\n")
    assert "cannot walk" in refusal(tmp_path, store, text + "      - {walk: [2, 2], at_s: 2}\n")


def test_the_same_name_is_fine_where_it_stands(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(ANNA + "      - pick: {plate: g01-s2-p03, quantity: 2}\n      - {wait: 1, at_s: 20}\n")
    scenario = read_scenario(path, store)
    assert [action.verb for action in scenario.shoppers[0].do] == ["pick", "wait"]


def test_at_least_twenty_hard_situations_have_a_name(store: Store) -> None:
    scenarios = [read_scenario(path, store) for path in NAMED]
    assert len(scenarios) >= 20
    assert all(scenario.hard_because and "\n" not in scenario.description for scenario in scenarios)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_scenario_is_the_same_as_a_file(seed: int, store: Store, tmp_path: Path) -> None:
    scenario = random_scenario(store, seed, shoppers=8)
    write_scenario(scenario, tmp_path / "random.yaml")
    assert read_scenario(tmp_path / "random.yaml", store) == scenario
    assert random_scenario(store, seed, shoppers=8) == scenario
    assert random_scenario(store, seed + 1, shoppers=8) != scenario


def test_the_mix_decides_what_people_do(store: Store) -> None:
    def verbs(mix: Mix) -> list[str]:
        shoppers = random_scenario(store, 1, shoppers=10, mix=mix).shoppers
        return [action.verb for shopper in shoppers for action in shopper.do]

    calm = Mix(browse=0, hold=0, lift_and_return=0, put_back=0, put_elsewhere=0, lean=0, bump=0, swap=0, drop=0)
    calm = calm.model_copy(update={"groups": 0.0, "hand_over_to_stranger": 0.0})
    assert set(verbs(calm)) == {"pick"}
    assert set(verbs(Mix(lean=1.0, put_back=1.0))) >= {"lean", "put_back", "pick"}


def test_a_scenario_made_by_code_is_checked_too(store: Store) -> None:
    with pytest.raises(AisleError, match=r"scenario shoppers\.0\.do\.0\.walk: .*fixture g01"):
        check_scenario(
            Scenario.model_validate(
                {"site": "corner", "description": "", "shoppers": [{"name": "a", "do": [{"walk": [0.2, 3.0]}]}]}
            ),
            store,
        )
