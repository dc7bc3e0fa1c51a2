"""The player starts when all nodes are active and linked, and not before."""

from types import SimpleNamespace

import pytest

pytest.importorskip("diagnostic_msgs.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from aisle_nodes.node_base import Output
from aisle_nodes.readiness import Readiness

NODES = ["people_node", "tracker_node", "cart_fusion_node", "checkout_node", "results_node"]
LINKS = {
    "people_node": {"person_detections": 1},
    "tracker_node": {"person_tracks": 2},
    "cart_fusion_node": {"cart_events": 2, "stock_events": 1},
    "checkout_node": {"receipts": 1, "reviews": 1, "staff_tracks": 1, "review_decisions": 1},
    "results_node": {},
}


def report(node, links, state="active", namespace="/demo", listens=None, heard=None):
    values = {"state": state} | {f"matched {topic}": count for topic, count in links.items()}
    values |= {f"heard {topic}": count for topic, count in (heard or {}).items()}
    if listens is not None:
        values["listens to"] = listens
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticArray(status=[DiagnosticStatus(name=node, hardware_id=namespace, values=pairs)])


def all_but(node):
    readiness = Readiness(NODES, "/demo")
    for other, links in LINKS.items():
        if other != node:
            readiness.take(report(other, links))
    return readiness


def test_it_is_reached_when_every_node_is_linked():
    readiness = Readiness(NODES, "/demo")
    assert readiness.missing == sorted(NODES)
    for node, links in LINKS.items():
        assert not readiness.reached
        readiness.take(report(node, links))
    assert readiness.reached and readiness.missing == []


@pytest.mark.parametrize("node", NODES)
def test_every_node_is_awaited(node):
    readiness = all_but(node)
    assert not readiness.reached and readiness.missing == [node]


@pytest.mark.parametrize("state", ["unconfigured", "inactive", "finalized"])
def test_a_node_that_is_not_active_is_awaited(state):
    readiness = all_but("tracker_node")
    readiness.take(report("tracker_node", LINKS["tracker_node"], state))
    assert readiness.missing == ["tracker_node"]


def test_the_topics_of_devices_must_have_been_found_too():
    readiness = Readiness(["gate_node", "checkout_node"], "/demo")
    readiness.take(report("checkout_node", {"receipts": 0, "carts": 0, "entrance/in1/gate_commands": 1}))
    readiness.take(report("gate_node", {"entrance/in1/gate_events": 1, "entrance/in2/gate_events": 0}))
    assert readiness.missing == ["gate_node"]
    readiness.take(report("gate_node", {"entrance/in1/gate_events": 1, "entrance/in2/gate_events": 1}))
    assert readiness.reached


def test_the_links_of_whoever_waits_count_until_they_are_there():
    counts = {"entrance/in1/gate_events": 0, "shop/g1/scale_readings": 0}
    outputs = [Output(name, SimpleNamespace(get_subscription_count=lambda name=name: counts[name])) for name in counts]
    readiness = Readiness(["checkout_node"], "/demo", outputs)
    readiness.take(report("checkout_node", {"receipts": 0, "carts": 0}))
    assert not readiness.reached and readiness.missing == []
    counts["entrance/in1/gate_events"] = 1
    assert readiness.reached
    counts["entrance/in1/gate_events"] = 0
    assert readiness.reached


def test_a_listener_that_has_not_found_the_speaker_is_awaited():
    readiness = all_but("results_node")
    readiness.take(report("results_node", {}, heard={"cart_events": 0, "receipts": 1}))
    assert readiness.missing == ["results_node"]
    readiness.take(report("results_node", {}, heard={"cart_events": 1, "receipts": 1, "shelf_events": 0}))
    assert readiness.reached, "shelf_event_node is not awaited"


def test_a_listener_that_has_not_found_whoever_waits_is_awaited():
    output = Output("shop/g1/scale_readings", SimpleNamespace(get_subscription_count=lambda: 1))
    readiness = Readiness(["shelf_event_node"], "/demo", [output])
    links = {"shelf_events": 0, "plate_states": 0}
    readiness.take(report("shelf_event_node", links, heard={"shop/g1/scale_readings": 0}))
    assert not readiness.reached
    readiness.take(report("shelf_event_node", links, heard={"shop/g1/scale_readings": 1}))
    assert readiness.reached


def test_too_few_links_are_awaited():
    readiness = all_but("tracker_node")
    readiness.take(report("tracker_node", {"person_tracks": 1}))
    readiness.take(report("tracker_node", {}))
    assert readiness.missing == ["tracker_node"]


def test_more_links_are_welcome():
    readiness = all_but("tracker_node")
    readiness.take(report("tracker_node", {"person_tracks": 5}))
    assert readiness.reached


def test_the_same_node_of_another_store_does_not_count():
    readiness = all_but("tracker_node")
    readiness.take(report("tracker_node", LINKS["tracker_node"], namespace="/other"))
    assert readiness.missing == ["tracker_node"]


def test_once_linked_is_enough():
    readiness = all_but("nobody")
    readiness.take(report("tracker_node", {}, "inactive"))
    readiness.take(report("stranger_node", {}))
    assert readiness.reached


def test_without_nodes_nothing_is_awaited():
    assert Readiness([], "/demo").reached


def test_a_device_that_no_node_was_told_to_listen_to_is_not_waited_for():
    readiness = Readiness(["pose_node", "people_node"], "/demo")
    unlinked = report("pose_node", {"shop/oracle/body_keypoints": 0})
    readiness.take(unlinked)
    assert readiness.missing == ["people_node", "pose_node"]
    readiness.take(report("people_node", {"person_detections": 0}, listens="{zone}/{device}/depth/image_rect"))
    readiness.take(unlinked)
    assert readiness.reached
