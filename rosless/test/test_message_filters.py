"""What message_filters must do, from its public documentation; runs against whichever is installed."""

from types import SimpleNamespace

import message_filters
import pytest
from builtin_interfaces.msg import Time as TimeMessage
from message_filters import ApproximateTimeSynchronizer, Cache, SimpleFilter, Subscriber, TimeSynchronizer
from rclpy.clock import ClockType
from rclpy.time import Time
from std_msgs.msg import Header, String

MS = 1_000_000


def message(milliseconds, name=""):
    seconds, rest = divmod(milliseconds * MS, 10**9)
    return SimpleNamespace(header=Header(stamp=TimeMessage(sec=seconds, nanosec=rest)), name=name)


def time(milliseconds):
    return Time(nanoseconds=milliseconds * MS, clock_type=ClockType.ROS_TIME)


def synchronised(make, count, arrivals):
    """The outputs, as tuples of names, of a synchroniser of `count` filters; arrivals: (filter, milliseconds, name)."""
    filters = [SimpleFilter() for _ in range(count)]
    synchroniser = make(filters)
    outputs = []
    synchroniser.registerCallback(lambda *messages: outputs.append("".join(m.name for m in messages)))
    for index, milliseconds, name in arrivals:
        filters[index].signalMessage(message(milliseconds, name))
    return outputs


def exact(queue_size):
    return lambda filters: TimeSynchronizer(filters, queue_size)


def approximate(queue_size, slop):
    return lambda filters: ApproximateTimeSynchronizer(filters, queue_size, slop)


def test_a_filter_calls_back_with_its_output_and_the_given_arguments():
    filter_, calls = SimpleFilter(), []
    assert filter_.registerCallback(lambda *a: calls.append(a), "x", 1) == 0
    assert filter_.registerCallback(lambda *a: calls.append(a)) == 1
    filter_.signalMessage("m", "n")
    assert calls == [("m", "n", "x", 1), ("m", "n")]


class Node:
    def create_subscription(self, msg_type, topic, callback, **options):
        self.created = (msg_type, topic, options)
        self.callback = callback
        return SimpleNamespace(topic_name="/full/" + topic)


def test_a_subscriber_passes_messages_on_and_serves_the_subscription():
    node, got = Node(), []
    subscriber = Subscriber(node, String, "topic")
    subscriber.registerCallback(got.append)
    assert node.created == (String, "topic", {"qos_profile": 10})
    node.callback("message")
    assert got == ["message"]
    assert subscriber.getTopic() == "topic"
    assert subscriber.topic_name == "/full/topic"
    with pytest.raises(AttributeError):
        _ = subscriber.nothing_of_this_name


def test_a_subscriber_hands_its_options_to_the_subscription():
    node = Node()
    Subscriber(node, String, "topic", qos_profile=3, raw=True)
    assert node.created[2] == {"qos_profile": 3, "raw": True}


def test_a_cache_keeps_the_last_messages_and_finds_them_by_time():
    filter_, passed_on = SimpleFilter(), []
    cache = Cache(filter_, cache_size=3)
    cache.registerCallback(lambda m: passed_on.append(m.name))
    assert cache.getLast() is cache.getLastestTime() is cache.getOldestTime() is None
    assert cache.getElemAfterTime(time(0)) is cache.getElemBeforeTime(time(0)) is None
    for stamp in (10, 20, 30, 40):
        filter_.signalMessage(message(stamp, str(stamp)))
    assert passed_on == ["10", "20", "30", "40"]
    assert [m.name for m in cache.getInterval(time(0), time(30))] == ["20", "30"]
    assert cache.getElemAfterTime(time(25)).name == "30"
    assert cache.getElemAfterTime(time(41)) is None
    assert cache.getElemBeforeTime(time(30)).name == "30"
    assert cache.getElemBeforeTime(time(19)) is None
    assert cache.getLast().name == "40"
    assert (cache.getOldestTime(), cache.getLastestTime()) == (time(20), time(40))
    with pytest.raises(AssertionError):
        cache.getInterval(time(2), time(1))


def test_a_cache_keeps_the_order_of_arrival():
    filter_ = SimpleFilter()
    cache = Cache(filter_, 10)
    for stamp in (30, 10, 20):
        filter_.signalMessage(message(stamp, str(stamp)))
    assert [m.name for m in cache.getInterval(time(0), time(99))] == ["30", "10", "20"]
    assert cache.getLastestTime() == time(20)


@pytest.mark.parametrize("allowed", [False, True])
def test_messages_without_header_count_only_where_allowed(allowed):
    filters, outputs = [SimpleFilter(), SimpleFilter()], []
    cache = Cache(filters[0], 5, allow_headerless=allowed)
    synchroniser = ApproximateTimeSynchronizer(filters, 5, 60.0, allow_headerless=allowed)
    synchroniser.registerCallback(lambda *messages: outputs.append(messages))
    filters[0].signalMessage("no header")
    filters[1].signalMessage("either")
    assert outputs == ([("no header", "either")] if allowed else [])
    assert cache.getLast() == ("no header" if allowed else None)


def test_equal_stamps_are_matched_whatever_comes_first():
    arrivals = [(0, 10, "a"), (1, 20, "q"), (0, 20, "b"), (1, 10, "p"), (1, 30, "r")]
    assert synchronised(exact(5), 2, arrivals) == ["bq", "ap"]


def test_the_queue_forgets_the_oldest_stamp():
    arrivals = [(0, 10, "a"), (0, 20, "b"), (0, 30, "c"), (1, 10, "p"), (1, 20, "q")]
    assert synchronised(exact(2), 2, arrivals) == ["bq"]


def test_a_message_is_used_once():
    arrivals = [(0, 10, "a"), (1, 10, "p"), (1, 10, "p")]
    assert synchronised(exact(2), 2, arrivals) == synchronised(approximate(2, 0.1), 2, arrivals) == ["ap"]


def test_stamps_less_than_the_slop_apart_are_matched():
    assert synchronised(approximate(5, 0.010), 2, [(0, 100, "a"), (1, 109, "p")]) == ["ap"]
    assert synchronised(approximate(5, 0.010), 2, [(0, 100, "a"), (1, 110, "p")]) == []


def test_the_spread_of_the_whole_set_must_be_less_than_the_slop():
    assert synchronised(approximate(5, 0.010), 3, [(0, 92, "a"), (1, 107, "p"), (2, 100, "x")]) == []
    assert synchronised(approximate(5, 0.010), 3, [(0, 92, "a"), (1, 101, "p"), (2, 100, "x")]) == ["apx"]


def test_the_nearest_stamp_of_each_filter_is_tried_first():
    arrivals = [(0, 96, "a"), (0, 101, "b"), (1, 103, "p"), (1, 97, "q"), (2, 100, "x")]
    assert synchronised(approximate(5, 0.020), 3, arrivals)[-1] == "bpx"


def test_the_last_filter_steps_away_from_its_nearest_first():
    """The nearest pair (a, p) spreads too far; (a, q) and (b, p) both fit."""
    arrivals = [(0, 98, "a"), (0, 109, "b"), (1, 108, "p"), (1, 97, "q"), (2, 103, "x")]
    assert synchronised(approximate(5, 0.010), 3, arrivals) == ["aqx"]


def test_the_outcome_depends_on_the_order_of_arrival():
    """What the watermark aligner is there to avoid."""
    arrivals = [(0, 100, "a"), (0, 104, "b"), (1, 103, "p")]
    assert synchronised(approximate(5, 0.010), 2, arrivals) == ["bp"]
    assert synchronised(approximate(5, 0.010), 2, [arrivals[0], arrivals[2], arrivals[1]]) == ["ap"]


def test_a_message_that_the_queue_did_not_take_is_not_matched():
    arrivals = [(1, 50, "p"), (0, 100, "a"), (0, 50, "b")]
    assert synchronised(approximate(1, 0.010), 2, arrivals) == []


def test_a_set_is_output_once_per_message_that_arrives():
    arrivals = [(0, 100, "a"), (0, 101, "b"), (1, 100, "p"), (1, 101, "q")]
    assert synchronised(approximate(5, 0.010), 2, arrivals) == ["ap", "bq"]


def test_the_public_names_are_there():
    for name in ("SimpleFilter", "Subscriber", "Cache", "TimeSynchronizer", "ApproximateTimeSynchronizer"):
        assert hasattr(message_filters, name)
