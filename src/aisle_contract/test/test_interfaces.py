"""The table's own functions."""

import re

import pytest

from aisle_contract.interfaces import (
    CARTS,
    CLOCK,
    DIAGNOSTICS,
    PERSON_TRACKS,
    SCALE_READINGS,
    TICK,
    TOPICS,
    Qos,
    Topic,
    nodes,
    published_by,
    subscribed_by,
)
from aisle_core.types import CartEvents, GateCommand, PersonDetections, ShelfEvents, Tick, source_of


def test_a_topic_of_a_device_is_named_by_zone_and_device():
    assert SCALE_READINGS.per_device
    assert SCALE_READINGS.of("shop", "g1") == "shop/g1/scale_readings"
    assert not CARTS.per_device


@pytest.mark.parametrize(
    ("topic", "name", "fits"),
    [
        (SCALE_READINGS, "/demo/shop/g1/scale_readings", True),
        (SCALE_READINGS, "/demo/g1/scale_readings", False),
        (SCALE_READINGS, "/demo/shop/g1/other", False),
        (CARTS, "/demo/carts", True),
        (CARTS, "/a/b/carts", False),
        (CARTS, "carts", False),
        (CLOCK, "/clock", True),
        (CLOCK, "/demo/clock", False),
    ],
)
def test_a_pattern_fits_the_absolute_names_under_any_store(topic, name, fits):
    assert bool(re.fullmatch(topic.pattern(), name)) is fits


def test_a_name_fits_one_topic_only():
    for topic in TOPICS:
        name = topic.name if topic.name.startswith("/") else "/demo/" + topic.of("shop", "g1")
        assert [other for other in TOPICS if re.fullmatch(other.pattern(), name)] == [topic]


def test_all_topics_are_in_the_table():
    import aisle_contract.interfaces as module

    assert set(TOPICS) == {value for value in vars(module).values() if isinstance(value, Topic)}


def test_who_publishes_and_who_listens():
    assert PERSON_TRACKS in published_by("tracker_node")
    assert PERSON_TRACKS not in subscribed_by("tracker_node")
    assert TICK in subscribed_by("tracker_node")
    assert published_by("nobody") == subscribed_by("nobody") == []


def test_nodes_are_sorted_and_without_the_world_outside():
    assert nodes() == sorted(set(nodes()))
    assert not {"device", "view"} & set(nodes())
    assert {"store_node", "checkout_node"} <= set(nodes())


@pytest.mark.parametrize("qos", Qos)
def test_queues_are_deep_where_nothing_may_be_lost(qos):
    assert Qos.STATE.depth == 1
    assert Qos.SENSOR.depth < qos.depth or qos in (Qos.SENSOR, Qos.STATE)
    assert qos.depth <= Qos.EVENT.depth
    assert DIAGNOSTICS.qos is Qos.DIAG


@pytest.mark.parametrize(
    ("item", "source"),
    [
        (ShelfEvents(1, 0, "g1", ()), "g1"),
        (PersonDetections(1, 0, "vision", ()), "vision"),
        (GateCommand(1, 0, "lane_in", 1, 1), "lane_in"),
        (Tick(1, 0), ""),
        (CartEvents(1, 0, 1, ()), ""),
    ],
)
def test_who_counts_a_sequence(item, source):
    assert source_of(item) == source
