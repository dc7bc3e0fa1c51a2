"""A fusion that is killed in the middle of visits goes on where it was."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from observer import Observer

from aisle_contract import interfaces
from aisle_contract.sites import config_folder, find_site
from aisle_core.store import load_store
from aisle_replay.replay import replay
from aisle_sim.bag import write_bag
from aisle_sim.random_scenario import Mix, random_scenario

VISITS, VISITS_SEED = 10, 5
KILL_TIMEOUT_S = 120.0
UNHEARD = 300
"""Messages of the fusion: more than there are between two snapshots."""


def send(signal_number: int, node: str, domain_id: str) -> None:
    """Send a signal to the process of a node in a domain."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            settings = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if node.encode() in words and f"ROS_DOMAIN_ID={domain_id}".encode() in settings:
            os.kill(int(folder.name), signal_number)
            return
    pytest.fail(f"no process of {node}")


@pytest.fixture(scope="module")
def crowd_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten visits in the corner store, all of them open for some seconds."""
    bag, site = tmp_path_factory.mktemp("bags") / "crowd", find_site("corner")
    mix = Mix(items=2.5, browse=0.5, groups=0.0)
    write_bag(bag, site, random_scenario(load_store(site), VISITS_SEED, VISITS, 12.0, mix), VISITS_SEED)
    return bag


@pytest.fixture(scope="module")
def offline_events(crowd_bag: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What is decided of them without a graph."""
    events = tmp_path_factory.mktemp("offline") / "events.jsonl"
    replay(crowd_bag, config_folder()).results.write_events(events)
    return events.read_bytes()


def replayed(aisle, bag: Path, folder: Path):
    """A graph that replays the bag; in the folder it keeps ``state`` and in the end writes ``events.jsonl``."""
    arguments = (f"bag:={bag}", "rate:=5.0", f"state:={folder / 'state'}", f"events:={folder / 'events.jsonl'}")
    return aisle("launch", "replay", "namespace:=corner", *arguments)


def test_the_fusion_is_killed_amid_ten_visits_and_nothing_is_lost_or_doubled(
    aisle, domain: dict[str, str], observer: Observer, crowd_bag: Path, offline_events: bytes, tmp_path: Path
) -> None:
    launched = replayed(aisle, crowd_bag, tmp_path)
    carts = observer.listen(interfaces.CARTS, f"/corner/{interfaces.CARTS.name}")
    observer.until(lambda: any(sum(c.state == c.STATE_OPEN for c in m.carts) == VISITS for m in carts), KILL_TIMEOUT_S)
    assert any((tmp_path / "state").glob("cart_fusion_node.00000000[2-9].snapshot"))
    send(signal.SIGKILL, "cart_fusion_node", domain["ROS_DOMAIN_ID"])
    assert launched.wait(180) == 0, launched.text()[-4000:]
    assert "goes on with" in launched.text()
    assert (tmp_path / "events.jsonl").read_bytes() == offline_events


def test_what_a_listener_has_not_got_when_the_fusion_is_killed_is_said_again(
    aisle, domain: dict[str, str], observer: Observer, crowd_bag: Path, offline_events: bytes, tmp_path: Path
) -> None:
    launched = replayed(aisle, crowd_bag, tmp_path)
    told = observer.listen(interfaces.CART_EVENTS, f"/corner/{interfaces.CART_EVENTS.name}")
    observer.until(lambda: any(event.cart_event_id for m in told for event in m.events), KILL_TIMEOUT_S)
    send(signal.SIGSTOP, "results_node", domain["ROS_DOMAIN_ID"])
    unheard = len(told) + UNHEARD
    observer.until(lambda: len(told) > unheard, KILL_TIMEOUT_S)
    send(signal.SIGKILL, "cart_fusion_node", domain["ROS_DOMAIN_ID"])
    send(signal.SIGCONT, "results_node", domain["ROS_DOMAIN_ID"])
    assert launched.wait(180) == 0, launched.text()[-4000:]
    assert (tmp_path / "events.jsonl").read_bytes() == offline_events
