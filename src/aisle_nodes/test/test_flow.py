"""The player waits for a graph that lags, not for one that is silent."""

from types import SimpleNamespace

from aisle_contract.interfaces import PERSON_TRACKS, SHELF_EVENTS, Topic
from aisle_core.store import LATENCY_PROFILES
from aisle_nodes.flow import GIVE_UP_NS, LAG_SHARE, Flow

LATENCY = LATENCY_PROFILES["default"]
SECOND = 1_000_000_000
LAG_NS = round(LAG_SHARE * (LATENCY.sensor_timeout_ns + LATENCY.sensor_lateness_ns))


def tell(flow: Flow, topic: Topic, seconds: float, now_ns: int, gateway: str = "") -> None:
    nanosec = round(seconds % 1 * SECOND)
    message = SimpleNamespace(header=SimpleNamespace(stamp=SimpleNamespace(sec=int(seconds), nanosec=nanosec)))
    if gateway:
        message.gateway_id = gateway
    flow.take(topic, message, now_ns)


def test_a_lagging_stream_holds_the_player_until_it_catches_up() -> None:
    flow = Flow(LATENCY)
    assert not flow.lagging(100 * SECOND, 0)
    tell(flow, PERSON_TRACKS, 10, 0)
    assert not flow.lagging(10 * SECOND + LAG_NS, 1)
    assert flow.lagging(10 * SECOND + LAG_NS + 1, 1)
    tell(flow, PERSON_TRACKS, 11, 2)
    assert not flow.lagging(10 * SECOND + LAG_NS + 1, 3)


def test_each_source_counts_until_the_player_goes_elsewhere() -> None:
    flow = Flow(LATENCY)
    tell(flow, SHELF_EVENTS, 10, 0, "g1")
    tell(flow, SHELF_EVENTS, 5, 0, "g2")
    assert flow.lagging(10 * SECOND, 1)
    flow.clear()
    assert not flow.lagging(10 * SECOND, 1)


def test_a_stream_that_stands_still_is_given_up_until_it_moves() -> None:
    flow = Flow(LATENCY)
    tell(flow, PERSON_TRACKS, 1, 0)
    tell(flow, PERSON_TRACKS, 1, GIVE_UP_NS // 2)
    assert flow.lagging(9 * SECOND, GIVE_UP_NS - 1)
    assert not flow.lagging(9 * SECOND, GIVE_UP_NS)
    tell(flow, PERSON_TRACKS, 1.5, GIVE_UP_NS + 1)
    assert flow.lagging(9 * SECOND, GIVE_UP_NS + 2)
