"""Commands that look at a running graph: topics, nodes, parameters, and the bag player."""

from __future__ import annotations

import contextlib
import faulthandler
import itertools
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import qos_profile_sensor_data
from rclpy.task import Future
from rich.console import Console
from rich.table import Table

from aisle_contract.interfaces import DIAGNOSTICS, REPLAY_COMMANDS, REPLAY_STATUS
from aisle_core.errors import AisleError
from aisle_nodes import qos
from aisle_nodes.executor import FOREVER_S, spinner
from aisle_nodes.messages import message_class
from aisle_replay.bag import registry_topic

DISCOVERY_S = 8.0
LISTEN_S = 4.0
SETTLE_S = 1.5
ANSWER_S = 5.0
GOODBYE_S = 10.0
"""The middleware was once seen to hang while it left the graph: then the command ends, and says where it was."""
SHOWN_NUMBERS = 24
CONSOLE = Console(highlight=False, soft_wrap=True)


@contextlib.contextmanager
def observer() -> Iterator[tuple[Node, Callable[[Future, float], None]]]:
    """A node, and a function that spins until a future is done or the time is over; a command ends with it."""
    rclpy.init()
    node = Node("aisle_observer", start_parameter_services=False, enable_rosout=False)
    spin = spinner([node])
    try:
        with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
            yield node, spin
    finally:
        faulthandler.dump_traceback_later(GOODBYE_S, exit=True)
        node.destroy_node()
        rclpy.try_shutdown()


def _discover(
    node: Node, spin: Callable[[Future, float], None], seen: Callable[[], bool], timeout_s: float = DISCOVERY_S
) -> bool:
    """Spin until ``seen`` or the time is over."""
    done = Future()
    timer = node.create_timer(0.05, lambda: done.set_result(None) if seen() and not done.done() else None)
    spin(done, timeout_s)
    node.destroy_timer(timer)
    return seen()


def _find(node: Node, spin: Callable[[Future, float], None], name: str) -> tuple[str, str]:
    """Absolute name and type of a topic given by its absolute name or its end."""

    def matches() -> list[tuple[str, str]]:
        found = [(topic, types[0]) for topic, types in node.get_topic_names_and_types()]
        return [entry for entry in found if entry[0] == name] or [
            entry for entry in found if entry[0].endswith("/" + name.lstrip("/"))
        ]

    if not _discover(node, spin, lambda: bool(matches())):
        raise AisleError(f"topic '{name}': nobody publishes or subscribes to it; see 'topics list'")
    if len(found := matches()) > 1:
        raise AisleError(f"topic '{name}': {', '.join(topic for topic, _ in found)}; give one of these")
    return matches()[0]


def topics_list() -> int:
    """Print all topics."""
    with observer() as (node, spin):
        _discover(node, spin, lambda: False)
        table = Table("topic", "type", "publishers", "subscribers", "what it is")
        for name, types in sorted(node.get_topic_names_and_types()):
            entry = registry_topic(name)
            count = node.count_publishers(name), node.count_subscribers(name)
            table.add_row(name, types[0], *map(str, count), entry.doc if entry else "")
        CONSOLE.print(table)
    return 0


def topics_info(name: str) -> int:
    """Print both ends of a topic."""
    with observer() as (node, spin):
        topic, kind = _find(node, spin, name)
        _discover(node, spin, lambda: False, SETTLE_S)
        entry = registry_topic(topic)
        CONSOLE.print(f"{topic}\n  type  {kind}\n  what  {entry.doc if entry else 'not in the registry'}")
        table = Table("role", "node", "reliability", "durability", "depth")
        for role, ends in (
            ("publisher", node.get_publishers_info_by_topic(topic)),
            ("subscriber", node.get_subscriptions_info_by_topic(topic)),
        ):
            for end in ends:
                profile = end.qos_profile
                full = f"{end.node_namespace.rstrip('/')}/{end.node_name}"
                table.add_row(role, full, profile.reliability.name, profile.durability.name, str(profile.depth))
        CONSOLE.print(table)
    return 0


def _listen(node: Node, spin: Callable[[Future, float], None], name: str, callback: Callable[[Any], None]) -> str:
    topic, kind = _find(node, spin, name)
    entry = registry_topic(topic)
    profile = qos.SUBSCRIBER[entry.qos] if entry else qos_profile_sensor_data
    node.create_subscription(message_class(kind), topic, callback, profile)
    return topic


def _plain(value: Any) -> Any:
    """Message -> what YAML can say; long arrays of numbers are cut."""
    if hasattr(value, "get_fields_and_field_types"):
        return {name: _plain(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return value[0]
    items = value.tolist() if hasattr(value, "tolist") else [_plain(item) for item in value]
    numbers = bool(items) and isinstance(items[0], (int, float))
    return (
        [*items[:SHOWN_NUMBERS], f"... {len(items) - SHOWN_NUMBERS} more"]
        if (numbers and len(items) > SHOWN_NUMBERS)
        else items
    )


def topics_echo(name: str, count: int) -> int:
    """Print messages until Ctrl-C or ``count``."""
    done, left = Future(), count

    def show(message: Any) -> None:
        nonlocal left
        if done.done():
            return
        print(yaml.safe_dump(_plain(message), sort_keys=False, allow_unicode=True) + "---", flush=True)
        left -= 1
        if left == 0:
            done.set_result(None)

    with observer() as (node, spin):
        _listen(node, spin, name, show)
        spin(done, FOREVER_S)
    return 0


def topics_hz(name: str, seconds: float) -> int:
    """Print rate and jitter from the first message on, which a busy machine hands over late."""
    clock = Clock(clock_type=ClockType.STEADY_TIME)
    arrivals: list[float] = []
    with observer() as (node, spin):
        topic = _listen(node, spin, name, lambda message: arrivals.append(clock.now().nanoseconds / 1e9))
        _discover(node, spin, lambda: bool(arrivals), max(seconds, ANSWER_S))
        spin(Future(), seconds)
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    if not gaps:
        raise AisleError(f"{topic}: {len(arrivals)} messages in {seconds:g} s; measure longer with --seconds")
    CONSOLE.print(
        f"{topic}: {len(gaps) / sum(gaps):.2f} Hz over {len(arrivals)} messages, gap {min(gaps) * 1e3:.1f} to "
        f"{max(gaps) * 1e3:.1f} ms, median {statistics.median(gaps) * 1e3:.1f} ms"
    )
    return 0


def show_params(name: str | None) -> int:
    """Print the parameters of one node or of all."""
    with observer() as (node, spin):

        def others() -> list[str]:
            names = {f"{space.rstrip('/')}/{other}" for other, space in node.get_node_names_and_namespaces()}
            names.discard("/aisle_observer")
            return sorted(other for other in names if name is None or other.endswith("/" + name.lstrip("/")))

        if not _discover(node, spin, (lambda: False) if name is None else lambda: bool(others())) and not others():
            raise AisleError(f"node '{name}': not running; see 'nodes'" if name else "no node is running")
        silent = []
        for other in others():
            values = _parameters(AsyncParameterClient(node, other), spin)
            if values is None:
                silent.append(other)
                continue
            table = Table("parameter", "value", title=other, title_justify="left")
            for parameter, value in values.items():
                table.add_row(parameter, str(value))
            CONSOLE.print(table)
    if silent:
        raise AisleError(f"{', '.join(silent)}: no answer within {ANSWER_S:.0f} s; see 'nodes' for their health")
    return 0


def _parameters(client: AsyncParameterClient, spin: Callable[[Future, float], None]) -> dict[str, object] | None:
    """By name, in order; None when the node does not answer."""
    if not client.wait_for_services(timeout_sec=ANSWER_S):
        return None
    listed = client.list_parameters()
    spin(listed, ANSWER_S)
    if not listed.done():
        return None
    names = sorted(listed.result().result.names)
    values = client.get_parameters(names)
    spin(values, ANSWER_S)
    if not values.done():
        return None
    return dict(zip(names, map(parameter_value_to_python, values.result().values), strict=True))


def show_nodes() -> int:
    """Print the health that the nodes report."""
    reports: dict[str, DiagnosticStatus] = {}

    def take(message: Any) -> None:
        for status in message.status:
            reports[f"{status.hardware_id.rstrip('/')}/{status.name}"] = status

    with observer() as (node, spin):
        node.create_subscription(
            message_class(DIAGNOSTICS.type), DIAGNOSTICS.name, take, qos.SUBSCRIBER[DIAGNOSTICS.qos]
        )
        spin(Future(), LISTEN_S)
    levels = {
        DiagnosticStatus.OK: "ok",
        DiagnosticStatus.WARN: "[yellow]warning[/]",
        DiagnosticStatus.ERROR: "[red]error[/]",
    }
    table = Table("node", "health", "state", "message")
    for name, status in sorted(reports.items()):
        values = {pair.key: pair.value for pair in status.values}
        table.add_row(name, levels.get(status.level, "?"), values.get("state", ""), status.message)
    CONSOLE.print(table if reports else "no node is running")
    return 0


def steer_player(action: str, value: float) -> int:
    """Send one command to the bag player and wait until it is carried out."""
    command_class, status_class = message_class(REPLAY_COMMANDS.type), message_class(REPLAY_STATUS.type)
    value_ns = round(value * 1e9)
    fields: dict[str, dict[str, Any]] = {
        "pause": {"kind": command_class.KIND_PAUSE},
        "resume": {"kind": command_class.KIND_RESUME},
        "step": {"kind": command_class.KIND_STEP, "step_ns": value_ns},
        "seek": {"kind": command_class.KIND_SEEK, "position_ns": value_ns},
        "rate": {"kind": command_class.KIND_SET_RATE, "rate": value},
    }
    carried_out: dict[str, Callable[[Any, Any], bool]] = {
        "pause": lambda _, now: now.state != status_class.STATE_PLAYING,
        "resume": lambda _, now: now.state != status_class.STATE_PAUSED,
        "step": lambda old, now: now.position_ns >= min(old.position_ns + value_ns, now.duration_ns),
        "seek": lambda _, now: now.position_ns >= min(value_ns, now.duration_ns),
        "rate": lambda _, now: now.rate == value,
    }
    if action not in fields:
        raise AisleError(f"player '{action}': choose from {', '.join(fields)}")
    with observer() as (node, spin):
        try:
            topic, _ = _find(node, spin, REPLAY_COMMANDS.name)
        except AisleError:
            raise AisleError("no bag player is running; start one with 'launch replay bag:=BAG'") from None
        heard: list[Any] = []
        node.create_subscription(
            status_class,
            topic.replace(REPLAY_COMMANDS.name, REPLAY_STATUS.name),
            heard.append,
            qos.SUBSCRIBER[REPLAY_STATUS.qos],
        )
        publisher = node.create_publisher(command_class, topic, qos.PUBLISHER[REPLAY_COMMANDS.qos])
        _discover(node, spin, lambda: bool(heard) and publisher.get_subscription_count() > 0)
        if not heard:
            raise AisleError("the bag player does not answer; see 'nodes'")
        old, seen = heard[-1], len(heard)
        publisher.publish(command_class(**fields[action]))
        done = _discover(
            node, spin, lambda: any(carried_out[action](old, now) for now in heard[seen:]), DISCOVERY_S + value
        )
        if not done:
            raise AisleError(f"the bag player did not {action}; see 'nodes' for its complaint")
        now = heard[-1]
        states = {
            status_class.STATE_PLAYING: "playing",
            status_class.STATE_PAUSED: "paused",
            status_class.STATE_DONE: "at the end",
        }
        CONSOLE.print(
            f"{states.get(now.state, '?')} at {now.position_ns / 1e9:.2f} of {now.duration_ns / 1e9:.2f} s, "
            f"rate {now.rate:g}"
        )
    return 0
