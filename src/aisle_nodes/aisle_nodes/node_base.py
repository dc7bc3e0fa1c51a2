"""What all nodes share: lifecycle, parameters, endpoints from the registry, guarded callbacks, diagnostics.

A node class names its parameter dataclass and fills in ``setup``. With the parameter ``autostart`` a node configures
and activates itself, and a failing configure ends the process with exit code 2, since nobody else would notice.
Without it a lifecycle manager does both, and a failing configure leaves the node unconfigured and says why.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.subscription import Subscription
from rclpy.task import Future
from rclpy.timer import Timer

from aisle_contract import params
from aisle_contract.interfaces import DIAGNOSTICS, Qos, Topic
from aisle_core.errors import AisleError
from aisle_core.store import Store
from aisle_core.types import source_of
from aisle_nodes import qos
from aisle_nodes.diagnostics import Health
from aisle_nodes.messages import message_class

P = TypeVar("P")
REPORT_PERIOD_S = 1.0
LISTENS_TO = "listens to"
MATCHED, HEARD = "matched ", "heard "
_RCLPY_PARAMETERS = ("use_sim_time", "start_type_description_service")


class ConfigureError(Exception):
    """A node with autostart could not be configured."""


@dataclasses.dataclass(slots=True)
class Output:
    """One publisher, and the sequence it gave last per source (none: nothing published)."""

    name: str
    publisher: LifecyclePublisher
    last: dict[str, int] = dataclasses.field(default_factory=dict)


class AisleNode(LifecycleNode, Generic[P]):
    """Base of all nodes. ``params_class`` must have the fields ``autostart: bool`` and ``site: str``."""

    params_class: type[P]

    def __init__(self, name: str) -> None:
        super().__init__(name, automatically_declare_parameters_from_overrides=True)
        self.health = Health()
        self.params: P
        self.store: Store
        self.outputs: dict[str, Output] = {}
        self._listens_to: set[str] = set()
        self._subscribed: dict[str, Subscription] = {}
        self._state = "unconfigured"
        self._failure = ""
        self._last_input: dict[tuple[str, str], int] = {}
        self.exit_code: Future = Future()
        self._diagnostics = self.create_publisher(
            message_class(DIAGNOSTICS.type), DIAGNOSTICS.name, qos.PUBLISHER[DIAGNOSTICS.qos]
        )
        self.create_timer(REPORT_PERIOD_S, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # --- for subclasses

    def setup(self) -> None:
        """Make the stage and the endpoints from ``self.params`` and ``self.store``. Raise AisleError to refuse."""
        raise TypeError(f"{type(self).__name__} has no setup")

    def teardown(self) -> None:
        """Release what ``setup`` took and rclpy does not know."""

    def extra_diagnostics(self) -> dict[str, object]:
        """Values to add to the diagnostics."""
        return {}

    def input_seen(self, name: str) -> None:
        """Called after each message of a subscription made with ``listen``."""

    def every(self, period_s: float, callback: Callable[[], None], clock: Clock | None = None) -> Timer:
        """A timer on the node's clock or another; the callback runs only while active, guarded as in ``listen``."""

        def guarded() -> None:
            if self.active:
                self._guard("timer", callback)

        return self.create_timer(period_s, guarded, clock=clock)

    @property
    def active(self) -> bool:
        """Whether the node is in the lifecycle state active."""
        return self._state == "active"

    def listen(
        self, topic: Topic, callback: Callable[[Any], None], name: str | None = None, missed: bool = False
    ) -> None:
        """Subscribe; the callback runs only while active, and what it raises is counted and reported.

        missed: of events, those too that were published before.
        """
        name = name or topic.name
        self._listens_to.add(topic.name)

        def guarded(message: Any) -> None:
            if not self.active:
                return
            self.health.received[name] += 1
            if topic.qos is not Qos.STATE:
                self._watch_sequence(name, message)
            self._guard(name, lambda: callback(message))
            self._guard(name, lambda: self.input_seen(name))

        self._subscribed[name] = self.create_subscription(
            message_class(topic.type),
            name,
            guarded,
            qos.CATCHING_UP if missed and topic.qos is Qos.EVENT else qos.SUBSCRIBER[topic.qos],
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=lambda event: self._incompatible(name, event)),
        )

    def announce(self, topic: Topic, name: str | None = None) -> Output:
        """Make a publisher."""
        name = name or topic.name
        publisher = self.create_lifecycle_publisher(
            message_class(topic.type),
            name,
            qos.PUBLISHER[topic.qos],
            event_callbacks=PublisherEventCallbacks(incompatible_qos=lambda event: self._incompatible(name, event)),
        )
        output = Output(name, publisher)
        self.outputs[name] = output
        return output

    def send(self, output: Output, message: Any) -> None:
        """Publish and count."""
        output.publisher.publish(message)
        if hasattr(message, "sequence"):
            output.last[source_of(message)] = message.sequence
        self.health.published[output.name] += 1

    def last_sequence(self, name: str, source: str) -> int | None:
        """Sequence of the newest message received on an input from a source."""
        return self._last_input.get((name, source))

    def request_exit(self, code: int) -> None:
        """End the process once the current callback returns."""
        if not self.exit_code.done():
            self.exit_code.set_result(code)

    def complain(self, text: str) -> None:
        """Keep it for the diagnostics and log it, a repeated text once."""
        if text != self.health.complaint:
            self.health.complaint = text
            self.get_logger().warning(text)

    # --- lifecycle

    def start(self) -> None:
        """Configure and activate if ``autostart`` says so. Raises ConfigureError."""
        if self.has_parameter("autostart") and self.get_parameter("autostart").value is False:
            return
        if self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            raise ConfigureError(f"{self.get_name()}: {self._failure}")
        self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            self.params = params.build(self.params_class, self._parameter_values(), f"node {self.get_name()}")
            self.setup()
        except AisleError as error:
            self._failure = self.health.error = str(error)
            self.get_logger().error(str(error))
            self._remove_endpoints()
            return TransitionCallbackReturn.FAILURE
        self.health.error = ""
        self._state = "inactive"
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_activate(state)
        self._state = "active"
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._state = "unconfigured"
        self._remove_endpoints()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._state = "finalized"
        self._remove_endpoints()
        return super().on_shutdown(state)

    # --- inner

    def _guard(self, name: str, callback: Callable[[], None]) -> None:
        """Count and report what a callback raises; a bad message must not end the subscription."""
        try:
            callback()
        except AisleError as error:
            self.health.rejected += 1
            self.complain(str(error))
        except Exception as error:
            self.health.failed += 1
            frame = traceback.extract_tb(error.__traceback__)[-1]
            self.complain(f"{name}: {type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})")

    def _parameter_values(self) -> dict[str, Any]:
        values = {name: parameter.value for name, parameter in self.get_parameters_by_prefix("").items()}
        return {
            name: list(value) if hasattr(value, "typecode") else value
            for name, value in values.items()
            if name not in _RCLPY_PARAMETERS and not name.startswith("qos_overrides.")
        }

    def _remove_endpoints(self) -> None:
        self.teardown()
        for output in self.outputs.values():
            self.destroy_lifecycle_publisher(output.publisher)
        self.outputs.clear()
        self._listens_to.clear()
        self._subscribed.clear()
        for subscription in list(self.subscriptions):
            if not subscription.topic_name.startswith("/parameter_events") and subscription.topic_name != "/clock":
                self.destroy_subscription(subscription)

    def _watch_sequence(self, name: str, message: Any) -> None:
        if not hasattr(message, "sequence"):
            return
        key = name, source_of(message)
        last = self._last_input.get(key)
        if last is not None and message.sequence > last + 1:
            lost = message.sequence - last - 1
            self.health.lost[name] += lost
            self.complain(f"{name}: {lost} messages lost before sequence {message.sequence}")
        self._last_input[key] = message.sequence

    def _incompatible(self, name: str, event: Any) -> None:
        self.health.error = (
            f"{name}: incompatible QoS (policy {event.last_policy_kind!s}); "
            "offer and request the profile of the registry (docs/interfaces.md)"
        )
        self.get_logger().error(self.health.error)

    def _report(self) -> None:
        matched = {MATCHED + name: output.publisher.get_subscription_count() for name, output in self.outputs.items()}
        heard = {HEARD + name: subscription.get_publisher_count() for name, subscription in self._subscribed.items()}
        extra = {LISTENS_TO: " ".join(sorted(self._listens_to))} | matched | heard | self.extra_diagnostics()
        status = self.health.status(self.get_name(), self.get_namespace(), self._state, extra)
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
