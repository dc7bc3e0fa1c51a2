"""The view node over real DDS: what a store publishes ends in the model, and the view ends when checkout has ended."""

import io
import os

import pytest
from rich.console import Console

from aisle_core.store import Store
from aisle_core.types import GateEventKind, Receipt

from .samples import cart, carts, decision, demo_store, gate, line, receipt, shelf, track, tracks

rclpy = pytest.importorskip("rclpy", reason="needs ROS or its wheels")
messages = pytest.importorskip("aisle_msgs.msg", reason="needs the built messages: colcon build")


class FakeStore:
    """Publishes a short stay once the view listens to everything."""

    def __init__(self, store: Store, namespace: str, with_end: bool) -> None:
        from aisle_contract import interfaces
        from aisle_nodes import qos
        from aisle_nodes.messages import CODEC, message_class

        lines = (line(store, "COLA-033", 2),)
        end = messages.EndOfStream(publisher="checkout_node")
        end.streams = [messages.StreamEnd(topic="receipts", has_last_sequence=True, last_sequence=0)]
        playing = messages.ReplayStatus.STATE_PLAYING
        status = messages.ReplayStatus(state=playing, position_ns=1, duration_ns=2, rate=1.0)
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node(
            "fake_store",
            namespace=namespace,
            context=self._context,
            start_parameter_services=False,
            enable_rosout=False,
        )
        passage = CODEC.to_message(gate(GateEventKind.PASSAGE_IN))
        self._plan = []
        for topic, name, message in (
            (interfaces.REPLAY_STATUS, "replay_status", status),
            (interfaces.GATE_EVENTS, "entrance/lane_in/gate_events", passage),
            (interfaces.PERSON_TRACKS, "person_tracks", CODEC.to_message(tracks(track(1, 0.6, -0.5)))),
            (interfaces.SHELF_EVENTS, "shelf_events", CODEC.to_message(shelf(1, "g1-s1-p3", -0.697))),
            (interfaces.CART_EVENTS, "cart_events", CODEC.to_message(decision(1, "COLA-033", 2))),
            (interfaces.CARTS, "carts", CODEC.to_message(carts(cart(store, "3f2a9c7788aa0011", (1,), lines)))),
            (interfaces.RECEIPTS, "receipts", CODEC.to_message(receipt(store, 0, (1,), lines))),
            (interfaces.END_OF_STREAM, "end_of_stream", end),
        ):
            publisher = self._node.create_publisher(message_class(topic.type), name, qos.PUBLISHER[topic.qos])
            if with_end or topic is not interfaces.END_OF_STREAM:
                self._plan.append((publisher, message))

    def publish_once(self) -> bool:
        """Whether it is still to be done."""
        if self._plan and all(publisher.get_subscription_count() for publisher, _ in self._plan):
            for publisher, message in self._plan:
                publisher.publish(message)
                publisher.wait_for_all_acked()
            self._plan = []
        return bool(self._plan)

    def close(self) -> None:
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)


def watched(monkeypatch: pytest.MonkeyPatch, terminal: bool, until_end: bool) -> tuple[list[Receipt], str]:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(100 + os.getpid() % 100))
    from aisle_cli.view import watch

    store = demo_store()
    fake = FakeStore(store, "/demo", with_end=until_end)
    ticks_left = 100

    def alive() -> bool:
        nonlocal ticks_left
        waiting = fake.publish_once()
        ticks_left -= 1
        return ticks_left > 0 and (until_end or waiting)

    console = Console(
        file=io.StringIO(), width=100, height=40, force_terminal=terminal, highlight=False, color_system=None
    )
    try:
        receipts = watch(store, "/demo", until_end, console, alive)
    finally:
        fake.close()
    assert isinstance(console.file, io.StringIO)
    return receipts, console.file.getvalue()


def test_it_prints_lines_and_receipts_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    receipts, shown = watched(monkeypatch, terminal=False, until_end=True)
    assert [item.session_id for item in receipts] == ["0" * 16]
    rows = shown.splitlines()
    assert "10:00:01.0  gate lane_in: one person went in" in rows
    assert "10:00:05.0  697 g taken from g1-s1-p3" in rows
    assert "10:00:05.0  shopper 1 took 2 Cola 0.33 l can from g1-s1-p3, 98 %, weight and place agree" in rows
    assert rows[-1] == "1 receipt, 2.98 USD charged, none to be reviewed"
    assert "\x1b" not in shown


def test_it_draws_a_live_view_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    receipts, shown = watched(monkeypatch, terminal=True, until_end=True)
    assert len(receipts) == 1
    for words in ("in the store: 1", "2 x Cola 0.33 l can", "0.0 of 0.0 s, 1x", "Shopper 1  visit 000000  went out"):
        assert words in shown


def test_it_stops_when_the_store_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch, terminal=False, until_end=False)
