"""The whole simulated store: the same bytes, streams without gaps, nothing of the truth in what it sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisle_contract.interfaces import (
    COLOR_IMAGE,
    COLOR_INFO,
    DEPTH_IMAGE,
    DEPTH_INFO,
    END_OF_STREAM,
    ITEM_EVIDENCE,
    TICK,
    TOPICS,
)
from aisle_contract.sites import topic_names
from aisle_contract.truth import TruthCart, TruthPeople
from aisle_core.errors import AisleError
from aisle_core.store import Store, load_store
from aisle_core.types import GateCommand, GateCommandKind, GateCommandReason, GateEvent, GateEventKind, Image, source_of
from aisle_replay.bag import BagReader
from aisle_replay.truth import read_truth
from aisle_sim import live
from aisle_sim.bag import write_bag
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.scenario import Scenario
from aisle_sim.scenarios import find_scenario
from aisle_sim.simulation import START_NS, Simulation

SITE = Path(__file__).resolve().parents[3] / "config" / "stores" / "corner"
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def store() -> Store:
    return load_store(SITE)


@pytest.fixture(scope="module")
def scenario(store: Store) -> Scenario:
    return find_scenario("two_lifted_one_kept", store, 1, 1)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def same(one: Arrival, other: Arrival) -> bool:
    if isinstance(one.item, Image):
        return (
            one[:2] == other[:2]
            and one.item.stamp_ns == other.item.stamp_ns
            and bool((one.item.pixels == other.item.pixels).all())
        )
    mass, other_mass = getattr(one.item, "mass", None), getattr(other.item, "mass", None)
    if mass is not None:
        return one[:2] == other[:2] and mass.tobytes() == other_mass.tobytes()
    return one == other


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, scenario: Scenario) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        write_bag(tmp_path / name / "bag", SITE, scenario, seed)
    a, b, c = (everything(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() == c.keys() and a["bag/bag.mcap"] != c["bag/bag.mcap"]


def test_a_bag_holds_every_stream_without_gaps_and_no_truth(tmp_path: Path, store: Store, scenario: Scenario) -> None:
    write_bag(tmp_path / "bag", SITE, scenario, 1)
    expected: dict[tuple[str, str], int] = {}
    names, last_log_ns = set(), 0
    with BagReader(tmp_path / "bag") as bag:
        for log_ns, topic, item in bag.items():
            names.add(topic.name)
            assert log_ns >= last_log_ns
            last_log_ns = log_ns
            if hasattr(item, "sequence"):
                key = topic.name, source_of(item)
                assert item.sequence == expected.get(key, 0)
                expected[key] = item.sequence + 1
    wanted = {
        f"/{store.store_id}/{name}"
        for topic in TOPICS
        if "device" in topic.publishers or topic in (TICK, END_OF_STREAM)
        for name in topic_names(topic, store)
        if topic not in (DEPTH_IMAGE, DEPTH_INFO, COLOR_IMAGE, COLOR_INFO, ITEM_EVIDENCE)
    }
    assert names == wanted
    receipts = read_truth(tmp_path / "bag" / "truth.jsonl").receipts()
    assert {sku for bought in receipts.values() for sku in bought}


def test_images_rendered_by_two_processes_are_those_of_one(tmp_path: Path, scenario: Scenario, monkeypatch) -> None:
    for name, cores in (("one", {0}), ("two", {0, 1})):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: cores)
        (tmp_path / name).mkdir()
        write_bag(tmp_path / name / "bag", SITE, scenario, 1, ("depth",))
    one, two = (everything(tmp_path / name) for name in ("one", "two"))
    assert one == two
    with BagReader(tmp_path / "two" / "bag") as bag:
        counts = {topic.name: topic.count for topic in bag.topics if topic.name.endswith("depth/image_rect")}
    assert len(counts) == 4 and min(counts.values()) > 30


def test_what_it_says_does_not_depend_on_how_it_is_asked(scenario: Scenario) -> None:
    def run(step_ns: int) -> list[Arrival]:
        simulation = Simulation(SITE, scenario, 3)
        simulation.want({"shop/d01/depth/image_rect"})
        arrivals = []
        for now_ns in range(START_NS, START_NS + 12 * SECOND, step_ns):
            arrivals += simulation.advance(now_ns + step_ns)
        return arrivals

    coarse, fine = run(2 * SECOND), run(SECOND // 100)
    assert len(coarse) == len(fine) and len(coarse) > 300
    assert all(same(one, other) for one, other in zip(coarse, fine, strict=True))


def test_images_are_made_only_of_devices_that_are_wanted(store: Store, scenario: Scenario) -> None:
    simulation = Simulation(SITE, scenario, 1)
    depth, color = topic_names(DEPTH_IMAGE, store), topic_names(COLOR_IMAGE, store)

    def images(until_s: int) -> set[str]:
        return {one.name for one in simulation.advance(START_NS + until_s * SECOND) if isinstance(one.item, Image)}

    assert images(1) == set()
    simulation.want({depth[1], color[0]})
    assert images(2) == {depth[1], color[0]}
    simulation.want(set())
    assert images(3) <= {depth[1], color[0]}
    assert images(4) == set()


def test_a_gate_waits_for_the_store_when_it_is_live(scenario: Scenario) -> None:
    simulation = Simulation(SITE, scenario, 1, autonomous_gates=False)

    def kinds(until_s: int) -> list[GateEventKind]:
        arrivals = simulation.advance(START_NS + until_s * SECOND)
        return [one.item.kind for one in arrivals if isinstance(one.item, GateEvent)]

    assert GateEventKind.PASSAGE_IN not in kinds(12)
    now_ns = START_NS + 12 * SECOND
    simulation.command(GateCommand(now_ns, 0, "gate1", GateCommandKind.ADMIT, GateCommandReason.GRANTED))
    assert GateEventKind.PASSAGE_IN in kinds(18)


def test_the_truth_names_everybody_and_ends_in_receipts(scenario: Scenario) -> None:
    simulation = Simulation(SITE, scenario, 1)
    truth = [one for _, happened in simulation.run() for one in happened]
    people = [one for one in truth if isinstance(one, TruthPeople)]
    assert [one.sequence for one in people] == list(range(len(people)))
    closed = [one for one in truth if isinstance(one, TruthCart) and one.closed]
    assert {one.credential for one in closed} == {p.credential for one in people for p in one.people if p.credential}
    assert simulation.finished and simulation.advance(simulation.world.now_ns + SECOND) == []


def test_a_live_store_hands_out_and_stands_alone_in_its_process(scenario: Scenario) -> None:
    with pytest.raises(AisleError, match="no simulated store runs in this process; launch with backend:=sim"):
        live.open_outlet(["shop/g01/scale_readings"])
    running = live.LiveStore(Simulation(SITE, scenario, 1))
    try:
        with pytest.raises(AisleError, match="runs in this process already"):
            live.LiveStore(Simulation(SITE, scenario, 1))
        outlet, other = live.open_outlet(["shop/g01/scale_readings"]), live.open_outlet(["shop/oracle/body_keypoints"])
        running.advance(START_NS + SECOND)
        taken = list(outlet.take(START_NS + SECOND // 2))
        assert taken and all(one.name == "shop/g01/scale_readings" for one in taken)
        assert all(one.arrival_ns > START_NS + SECOND // 2 for one in outlet.take(START_NS + SECOND))
        assert {one.name for one in other.take(START_NS + SECOND)} == {"shop/oracle/body_keypoints"}
        outlet.want({"shop/d01/depth/image_rect"})
        outlet.close()
        running.advance(START_NS + 2 * SECOND)
        assert not outlet.waiting
    finally:
        running.close()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("long_hol", "scenario 'long_hol': no such file in .*scenarios; did you mean 'long_hold'?"),
        ("xyzzy", "scenario 'xyzzy': no such file in .*scenarios; known ones: random, across_two_plates"),
        ("nowhere.yaml", "nowhere.yaml: file is missing"),
    ],
)
def test_an_unknown_scenario_is_named(store: Store, name: str, message: str) -> None:
    with pytest.raises(AisleError, match=f"^{message.replace('?', '[?]')}"):
        find_scenario(name, store, 1, 1)
