"""The live view of a running store in the terminal: an ordinary node that subscribes by the registry."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.task import Future
from rich.console import Console
from rich.live import Live

from aisle_cli.render import LiveView, entry_line, receipt_view, summary
from aisle_cli.view_model import ReplayPosition, ReplayState, StreamsEnded, ViewModel
from aisle_contract import interfaces
from aisle_contract.interfaces import Topic
from aisle_contract.sites import topic_names
from aisle_core import types as core
from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_nodes import qos
from aisle_nodes.executor import FOREVER_S, spinner
from aisle_nodes.messages import CODEC, message_class

_REFRESH_S = 0.125
_ITEMS: tuple[tuple[Topic, type[Any]], ...] = (
    (interfaces.PERSON_TRACKS, core.PersonTracks),
    (interfaces.SHELF_EVENTS, core.ShelfEvents),
    (interfaces.CART_EVENTS, core.CartEvents),
    (interfaces.STOCK_EVENTS, core.StockEvents),
    (interfaces.CARTS, core.Carts),
    (interfaces.RECEIPTS, core.Receipt),
)
_OF_LANES: tuple[tuple[Topic, type[Any]], ...] = (
    (interfaces.GATE_EVENTS, core.GateEvent),
    (interfaces.GATE_COMMANDS, core.GateCommand),
    (interfaces.GATE_ALARMS, core.GateAlarm),
)


def watch(
    store: Store,
    namespace: str,
    until_end: bool,
    console: Console | None = None,
    alive: Callable[[], bool] = lambda: True,
) -> list[core.Receipt]:
    """Show the store until Ctrl-C, until ``alive`` says no, or (``until_end``) until checkout has sent all receipts.

    A terminal gets a live view, anything else one line per event. Either way the receipts are printed at the end.
    """
    console = console or Console(highlight=False)
    model = ViewModel(store)
    done = Future()
    told = False  # what came on other topics with the last receipt is taken until the next tick
    rclpy.init()
    node = Node("view", namespace=namespace, start_parameter_services=False, enable_rosout=False)
    try:
        with _screen(console, model) as (show, refresh):

            def take(item: Any) -> None:
                for entry in model.fold(item):
                    show(entry_line(entry, model))

            def tick() -> None:
                nonlocal told
                refresh()
                if (not alive() or told) and not done.done():
                    done.set_result(None)
                told = until_end and model.complete

            _subscribe(node, store, take)
            node.create_timer(_REFRESH_S, tick)
            spin = spinner([node])
            with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
                spin(done, FOREVER_S)
            refresh()
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    for receipt in model.receipts:
        console.print(receipt_view(receipt, model))
    console.print(summary(model))
    return model.receipts


@contextlib.contextmanager
def _screen(console: Console, model: ViewModel) -> Iterator[tuple[Callable[[Any], None], Callable[[], None]]]:
    """What to do with a new line of the log, and how to draw again."""
    if not console.is_terminal:
        yield (lambda line: console.print(line, soft_wrap=True)), (lambda: None)
        return
    with Live(LiveView(model), console=console, auto_refresh=False) as live:
        yield (lambda line: None), live.refresh


def _subscribe(node: Node, store: Store, take: Callable[[Any], None]) -> None:
    def listen(topic: Topic, name: str, to_item: Callable[[Any], Any]) -> None:
        def callback(message: Any) -> None:
            try:
                take(to_item(message))
            except AisleError as error:
                node.get_logger().warning(str(error), throttle_duration_sec=10.0)

        node.create_subscription(message_class(topic.type), name, callback, qos.SUBSCRIBER[topic.qos])

    def core_item(core_class: type[Any]) -> Callable[[Any], Any]:
        return lambda message: CODEC.to_core(message, core_class)

    for topic, core_class in _ITEMS:
        listen(topic, topic.name, core_item(core_class))
    for topic, core_class in _OF_LANES:
        for name in topic_names(topic, store):
            listen(topic, name, core_item(core_class))
    listen(interfaces.REPLAY_STATUS, interfaces.REPLAY_STATUS.name, _replay_position)
    listen(interfaces.END_OF_STREAM, interfaces.END_OF_STREAM.name, _streams_ended)


def _replay_position(message: Any) -> ReplayPosition:
    return ReplayPosition(ReplayState(message.state), message.position_ns, message.duration_ns, message.rate)


def _streams_ended(message: Any) -> StreamsEnded:
    last = {s.topic: s.last_sequence if s.has_last_sequence else None for s in message.streams}
    return StreamsEnded(message.publisher, last)
