"""The player waits for a graph that lags, not for one that is silent."""

from types import SimpleNamespace

from aisle_contract.interfaces import CART_EVENTS, PERSON_TRACKS, SHELF_EVENTS, Topic
from aisle_core.store import LATENCY_PROFILES
from aisle_nodes.flow import GIVE_UP_NS, LAG_SHARE, Flow

LATENCY = LATENCY_PROFILES["default"]
SECOND = 1_000_000_000
LAG_NS = round(LAG_SHARE * (LATENCY.sensor_timeout_ns + LATENCY.sensor_lateness_ns))


def tell(flow: Flow, topic: Topic, seconds: float, gateway: str = "") -> None:
    nanosec = round(seconds % 1 * SECOND)
    message = SimpleNamespace(header=SimpleNamespace(stamp=SimpleNamespace(sec=int(seconds), nanosec=nanosec)))
    if gateway:
        message.gateway_id = gateway
    flow.take(topic, message)


def test_the_player_goes_as_far_as_a_stream_can_follow() -> None:
    flow = Flow(LATENCY, ())
    assert flow.limit_ns(100 * SECOND, 0) is None
    tell(flow, PERSON_TRACKS, 10)
    assert flow.limit_ns(10 * SECOND, 1) == 10 * SECOND + LAG_NS
    tell(flow, PERSON_TRACKS, 11)
    assert flow.limit_ns(10 * SECOND + LAG_NS, 2) == 11 * SECOND + LAG_NS


def test_each_source_counts_until_the_player_goes_elsewhere() -> None:
    flow = Flow(LATENCY, ())
    tell(flow, SHELF_EVENTS, 10, "g1")
    tell(flow, SHELF_EVENTS, 5, "g2")
    assert flow.limit_ns(5 * SECOND, 1) == 5 * SECOND + LAG_NS
    flow.begin(0)
    assert flow.limit_ns(5 * SECOND, 1) is None


def test_what_a_node_publishes_is_waited_for_from_the_first_moment() -> None:
    flow = Flow(LATENCY, ["shelf_event_node"])
    flow.begin(5 * SECOND)
    assert flow.limit_ns(5 * SECOND, 0) == 5 * SECOND + LAG_NS
    tell(flow, CART_EVENTS, 5)
    assert flow.limit_ns(5 * SECOND, 1) == 5 * SECOND + LAG_NS
    tell(flow, SHELF_EVENTS, 6, "g1")
    assert flow.limit_ns(5 * SECOND, 2) == 6 * SECOND + LAG_NS


def test_a_stream_that_stands_still_is_given_up_until_it_moves() -> None:
    flow = Flow(LATENCY, ())
    tell(flow, PERSON_TRACKS, 1)
    there_ns = SECOND + LAG_NS
    assert flow.limit_ns(there_ns - 1, 0) == there_ns
    assert flow.limit_ns(there_ns, SECOND) == there_ns
    tell(flow, PERSON_TRACKS, 1)
    assert flow.limit_ns(there_ns, SECOND + GIVE_UP_NS - 1) == there_ns
    assert flow.limit_ns(there_ns, SECOND + GIVE_UP_NS) is None
    tell(flow, PERSON_TRACKS, 1.5)
    assert flow.limit_ns(9 * SECOND, SECOND + GIVE_UP_NS) == there_ns + SECOND // 2
