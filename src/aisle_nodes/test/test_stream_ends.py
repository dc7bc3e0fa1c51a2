"""A stream has ended when its end was announced and its last message has come, in whichever order."""

import itertools

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aisle_msgs.msg", reason="needs the built messages")

from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message

from aisle_core.types import PersonTracks, ShelfEvents
from aisle_nodes.messages import CODEC
from aisle_nodes.stream_ends import StreamEnds, end_of_stream, last_sequences


class Heard:
    """What a node has received."""

    def __init__(self, **last):
        self.last = {(name, ""): sequence for name, sequence in last.items()}

    def last_sequence(self, name, source):
        return self.last.get((name, source))


def end(**last):
    """The end of streams of one source each; None: nothing was published."""
    return end_of_stream(5, "some_node", [(name, {} if value is None else {"": value}) for name, value in last.items()])


def test_nothing_has_ended_at_first():
    assert not StreamEnds({"a"}).reached(Heard())
    assert not StreamEnds({"a"}).reached(Heard(a=3))


def test_announced_and_received():
    ends = StreamEnds({"a"})
    ends.announce(end(a=3))
    assert not ends.reached(Heard())
    assert not ends.reached(Heard(a=2))
    assert ends.reached(Heard(a=3))


def test_a_stream_in_which_nothing_was_said():
    ends = StreamEnds({"a"})
    ends.announce(end(a=None))
    assert ends.reached(Heard())


def test_all_required_streams_must_end():
    ends = StreamEnds({"a", "b"})
    ends.announce(end(a=1))
    assert not ends.reached(Heard(a=1, b=7))
    ends.announce(end(b=7))
    assert ends.reached(Heard(a=1, b=7))


def test_an_optional_stream_is_waited_for_once_announced():
    ends = StreamEnds({"a"}, {"gate"})
    ends.announce(end(a=1))
    assert ends.reached(Heard(a=1))
    ends.announce(end(gate=4))
    assert not ends.reached(Heard(a=1, gate=3))
    assert ends.reached(Heard(a=1, gate=4))


def test_streams_of_others_are_passed_over():
    ends = StreamEnds({"a"})
    ends.announce(end(a=1, other=9))
    assert ends.reached(Heard(a=1))


def test_every_source_of_a_topic_must_be_heard_out():
    ends = StreamEnds({"shelf_events"})
    ends.announce(end_of_stream(5, "shelf_event_node", [("shelf_events", {"g1": 8, "g2": 3})]))
    heard = Heard()
    for source, sequence in (("g1", 8), ("g2", 2)):
        heard.last["shelf_events", source] = sequence
    assert not ends.reached(heard)
    heard.last["shelf_events", "g2"] = 3
    assert ends.reached(heard)


def test_a_later_announcement_counts():
    ends = StreamEnds({"a"})
    ends.announce(end(a=1))
    ends.announce(end(a=4))
    assert not ends.reached(Heard(a=1))
    assert ends.reached(Heard(a=4))


@given(st.permutations([("end", "a"), ("end", "b"), ("message", "a"), ("message", "b")]))
def test_the_order_of_the_last_messages_and_their_ends_does_not_matter(order):
    ends, heard = StreamEnds({"a", "b"}), Heard()
    for (kind, name), last in itertools.zip_longest(order, [False, False, False, True]):
        if kind == "end":
            ends.announce(end(**{name: 2}))
        else:
            heard.last[name, ""] = 2
        assert ends.reached(heard) is last


def test_the_message_names_the_last_sequences():
    message = end_of_stream(1_500_000_000, "x_node", [("a", {"g1": 7, "g2": 0}), ("b", {})])
    assert (message.publisher, message.header.stamp.sec, message.header.stamp.nanosec) == ("x_node", 1, 500_000_000)
    assert [(s.topic, s.source, s.has_last_sequence, s.last_sequence) for s in message.streams] == [
        ("a", "g1", True, 7),
        ("a", "g2", True, 0),
        ("b", "", False, 0),
    ]


def test_the_last_messages_of_a_bag_tell_their_sequences():
    shelf = serialize_message(CODEC.to_message(ShelfEvents(1, 11, "g2", ())))
    tracks = serialize_message(CODEC.to_message(PersonTracks(1, 12, ())))
    last = {
        "shelf_events": ("aisle_msgs/msg/ShelfEventArray", shelf),
        "person_tracks": ("aisle_msgs/msg/PersonTrackArray", tracks),
    }
    assert last_sequences(last) == [("shelf_events", {"g2": 11}), ("person_tracks", {"": 12})]


def test_messages_without_a_sequence_do_not_end():
    clock = pytest.importorskip("rosgraph_msgs.msg").Clock()
    assert last_sequences({"/clock": ("rosgraph_msgs/msg/Clock", serialize_message(clock))}) == []
