"""Life of the nodes: lifecycle, parameters, QoS, drivers, two stores in one domain."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from lifecycle_msgs.msg import Transition  # noqa: E402
from observer import Observer  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402

from aisle_contract import interfaces  # noqa: E402
from aisle_contract.sites import config_folder, find_site, topic_names  # noqa: E402
from aisle_core.store import load_store  # noqa: E402
from aisle_nodes import qos  # noqa: E402
from aisle_nodes.messages import CODEC, message_class  # noqa: E402
from aisle_replay.truth import read_truth  # noqa: E402
from aisle_sim.bag import write_bag  # noqa: E402
from aisle_sim.scenarios import find_scenario  # noqa: E402
from aisle_sim.simulation import Simulation  # noqa: E402

FIRST_CARD_S = 8
"""A card is shown earlier than that in the bags; so many reports of a node take as long."""


@pytest.fixture
def run(domain: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts nodes in a process; ends it with the test."""
    started: list[subprocess.Popen] = []

    def start(
        *nodes: str, package: str = "aisle_nodes", remap: Mapping[str, str] | None = None, **parameters: object
    ) -> subprocess.Popen:
        command = [sys.executable, "-c", f"import sys; from {package}.run import main; sys.exit(main())", *nodes]
        command += ["--ros-args", "-r", "__ns:=/corner"]
        for name, other in (remap or {}).items():
            command += ["-r", f"{name}:={other}"]
        for node in nodes:
            command += ["--params-file", str(config_folder() / "nodes" / f"{node}.yaml")]
        for name, value in {"site": "corner", **parameters}.items():
            command += ["-p", f"{name}:={value}"]
        output = (tmp_path / f"{len(started)}.log").open("wb+")
        started.append(subprocess.Popen(command, env=domain, stdout=output, stderr=subprocess.STDOUT))
        started[-1].log = tmp_path / f"{len(started) - 1}.log"
        return started[-1]

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_a_managed_node_is_configured_and_activated_by_its_manager(observer: Observer, run) -> None:
    run("store_node", autostart="false", publish_tick="true")
    observer.health("store_node", lambda status: status.message == "unconfigured")
    assert observer.change("/corner/store_node", Transition.TRANSITION_CONFIGURE)
    assert observer.change("/corner/store_node", Transition.TRANSITION_ACTIVATE)
    ticks = observer.hear(interfaces.TICK, "/corner/tick", 5)
    assert [tick.sequence for tick in ticks] == list(range(ticks[0].sequence, ticks[0].sequence + 5))
    info = observer.hear(interfaces.STORE_INFO, "/corner/store_info", 1)[0]
    assert info.store_id == "corner" and info.site_hash == load_store(find_site("corner")).site_hash
    frames = observer.hear(interfaces.TF_STATIC, "/tf_static", 1)[0]
    assert [frame.child_frame_id for frame in frames.transforms] == list(info.frames)
    assert observer.change("/corner/store_node", Transition.TRANSITION_DEACTIVATE)
    observer.health("store_node", lambda status: status.message == "inactive")


def test_a_failing_configure_says_why_and_can_be_tried_again(observer: Observer, run) -> None:
    run("store_node", autostart="false", publish_tick="true", site="nowhere")
    assert not observer.change("/corner/store_node", Transition.TRANSITION_CONFIGURE)
    status = observer.health("store_node", lambda status: status.level == b"\x02")
    assert "nowhere" in status.message
    assert not observer.change("/corner/store_node", Transition.TRANSITION_CONFIGURE)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"site": "nowhere"}, "site 'nowhere'"),
        ({"tracker.lane_radios": 1.0}, "did you mean 'tracker.lane_radius'?"),
        ({"tracker.lane_radius": "wide"}, "tracker.lane_radius"),
    ],
)
def test_a_node_that_starts_by_itself_ends_with_the_reason(run, parameters: dict, message: str) -> None:
    process = run("tracker_node", **parameters)
    assert process.wait(60) == 2
    assert message in process.log.read_text()


def test_an_incompatible_qos_is_an_error_in_diagnostics(observer: Observer, run) -> None:
    run("tracker_node")
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    topic = interfaces.PERSON_DETECTIONS
    observer.node.create_publisher(message_class(topic.type), f"/corner/{topic.name}", best_effort)
    status = observer.health("tracker_node", lambda status: status.level == b"\x02")
    assert "incompatible QoS" in status.message and topic.name in status.message


def test_a_bad_message_is_counted_and_the_next_good_one_is_used(observer: Observer, run) -> None:
    from aisle_core.types import PersonDetections

    run("tracker_node")
    topic = interfaces.PERSON_DETECTIONS
    publisher = observer.node.create_publisher(
        message_class(topic.type), f"/corner/{topic.name}", qos.PUBLISHER[topic.qos]
    )
    observer.until(lambda: publisher.get_subscription_count() == 1)
    source = load_store(find_site("corner")).pose_sources[0].device_id
    bad = CODEC.to_message(PersonDetections(1, 0, source, ()))
    bad.header.frame_id = "odom"
    publisher.publish(bad)
    publisher.publish(CODEC.to_message(PersonDetections(2, 1, source, ())))
    status = observer.health("tracker_node", lambda status: values(status).get(f"received {topic.name}") == "2")
    assert values(status)["rejected"] == "1" and "odom" in status.message


def values(status) -> dict[str, str]:
    """What a node reports."""
    return {pair.key: pair.value for pair in status.values}


def test_a_foreign_depth_camera_is_connected_by_remapping(observer: Observer, run) -> None:
    """Its frame, its encoding, and its QoS are its own; what is wrong with it is told with the remedy."""
    from aisle_core.types import CameraInfo, Image

    site = find_site("corner")
    store = load_store(site)
    sensor = store.depth_sensors[0]
    names = [topic.of(sensor.zone, sensor.device_id) for topic in (interfaces.DEPTH_INFO, interfaces.DEPTH_IMAGE)]
    simulation = Simulation(site, find_scenario("long_hold", store, seed=1, shoppers=1), seed=1)
    simulation.want({names[1]})
    items = [arrival.item for arrival in simulation.advance(simulation.start_ns + 12_000_000_000)]
    info, *_ = [replace(item, frame_id="camera_link") for item in items if isinstance(item, CameraInfo)]
    images = [
        replace(item, frame_id="camera_link", encoding="32FC1", pixels=(item.pixels * 0.001).astype(np.float32))
        for item in items
        if isinstance(item, Image)
    ]
    remap = {names[0]: "/camera/depth/camera_info", names[1]: "/camera/depth/image_rect"}
    run("people_node", remap=remap, **{"people.source": "depth"})
    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    info_publisher, publisher = (
        observer.node.create_publisher(message_class(topic.type), remap[name], best_effort)
        for topic, name in zip((interfaces.DEPTH_INFO, interfaces.DEPTH_IMAGE), names, strict=True)
    )
    observer.until(lambda: publisher.get_subscription_count() + info_publisher.get_subscription_count() == 2)

    heard = observer.listen(interfaces.PERSON_DETECTIONS, "/corner/person_detections")
    bad = (
        (replace(images[0], encoding="bgr8", pixels=np.zeros((120, 160, 3), np.uint8)), "16UC1"),
        (replace(images[0], pixels=np.zeros_like(images[0].pixels)), "no reading"),
        (replace(images[0], pixels=np.full_like(images[0].pixels, np.nan)), "no reading"),
        (replace(images[0], pixels=images[0].pixels[::2, ::2]), "resolution"),
    )
    reports = observer.listen(interfaces.DIAGNOSTICS, interfaces.DIAGNOSTICS.name)
    stamps = itertools.count(images[0].stamp_ns - 1_000_000)

    def rejected(remedy: str) -> int:
        """How many images were rejected in the last report with this remedy."""
        statuses = [status for message in reports for status in message.status if status.name == "people_node"]
        return max((int(values(status)["rejected"]) for status in statuses if remedy in status.message), default=0)

    def tried(image, remedy: str, before: int) -> bool:
        """Best effort may lose what is sent, so it is sent until it is told of."""
        info_publisher.publish(CODEC.to_message(info))
        publisher.publish(CODEC.to_message(replace(image, stamp_ns=next(stamps))))
        return rejected(remedy) > before

    for image, remedy in bad:
        observer.until(partial(tried, image, remedy, rejected("")))
    coming = iter(images)

    def found() -> bool:
        publisher.publish(CODEC.to_message(next(coming)))
        return any(message.detections for message in heard)

    observer.until(found)
    assert {message.source_id for message in heard} == {sensor.device_id}


def test_a_store_runs_from_its_drivers(aisle, observer: Observer, tmp_path: Path) -> None:
    bag, site = tmp_path / "bag", find_site("corner")
    write_bag(bag, site, find_scenario("long_hold", load_store(site), seed=1, shoppers=1), seed=1)
    aisle("launch", "store", "site:=corner", "namespace:=corner", f"bag:={bag}")
    receipt = observer.hear(interfaces.RECEIPTS, "/corner/receipts", 1)[0]
    true = read_truth(bag / "truth.jsonl").receipts()
    assert {line.sku: line.quantity for line in receipt.lines} == true[receipt.credential]


def test_a_bag_begins_when_the_nodes_of_the_store_are_there(observer: Observer, run, corner_bag: Path) -> None:
    """A checkout that starts slowly would miss whom the recorded gates let in."""
    run("gate_node", package="aisle_drivers", bag=corner_bag, wait_for_nodes="[checkout_node]")
    observer.health("gate_node", lambda status: values(status).get("waiting for") == "checkout_node")
    observer.hear(interfaces.DIAGNOSTICS, interfaces.DIAGNOSTICS.name, FIRST_CARD_S)
    run("checkout_node")
    names = topic_names(interfaces.GATE_EVENTS, load_store(find_site("corner")))

    def counted(node: str, verb: str) -> int:
        status = observer.health(node, lambda status: any(f"{verb} {name}" in values(status) for name in names))
        return sum(int(values(status).get(f"{verb} {name}", 0)) for name in names)

    observer.until(lambda: counted("gate_node", "published") == counted("checkout_node", "received") > 1)


def test_two_stores_share_a_domain(observer: Observer, run, domain: dict[str, str]) -> None:
    run("store_node", publish_tick="true")
    command = [sys.executable, "-c", "import sys; from aisle_nodes.run import main; sys.exit(main())", "store_node"]
    file = config_folder() / "nodes" / "store_node.yaml"
    other = subprocess.Popen(
        [*command, "--ros-args", "-r", "__ns:=/other", "--params-file", str(file), "-p", "site:=corner"],
        env=os.environ | domain,
    )
    try:
        assert observer.hear(interfaces.TICK, "/corner/tick", 3)
        assert observer.hear(interfaces.TICK, "/other/tick", 3)
    finally:
        other.send_signal(signal.SIGINT)
        assert other.wait(20) == 0


def test_a_simulated_store_lets_people_in_and_gives_them_receipts(aisle, observer: Observer, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    site = ("site:=corner", "namespace:=corner", "use_sim_time:=true")
    launched = aisle("launch", "store", "backend:=sim", *site, "scenario:=long_hold", "rate:=2.0", f"truth:={truth}")
    depth = observer.listen(interfaces.DEPTH_IMAGE, "/corner/shop/d01/depth/image_rect")
    points = observer.listen(interfaces.DEPTH_POINTS, "/corner/shop/d02/depth/points")
    color = observer.listen(interfaces.COLOR_IMAGE, "/corner/shop/c01/color/image_rect")
    commands = observer.listen(interfaces.GATE_COMMANDS, "/corner/entrance/gate1/gate_commands")
    receipt = observer.hear(interfaces.RECEIPTS, "/corner/receipts", 1)[0]
    true = read_truth(truth).receipts()
    assert {line.sku: line.quantity for line in receipt.lines if line.sku} == true[receipt.credential]
    assert len(depth) > 20 and len(points) > 20 and len(color) > 20 and commands
    assert points[-1].width > 1000 and color[-1].encoding == "bgr8"
    for topic in (interfaces.TRUTH_PEOPLE, interfaces.TRUTH_EVENTS, interfaces.TRUTH_CARTS):
        assert len(observer.node.get_publishers_info_by_topic(f"/corner/{topic.name}")) == 1
        assert observer.node.get_subscriptions_info_by_topic(f"/corner/{topic.name}") == []
    assert "lost" not in launched.text() and "Traceback" not in launched.text()
