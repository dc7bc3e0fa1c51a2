"""A node of the test, in the domain of the graph that it looks at."""

from __future__ import annotations

from collections.abc import Callable

import rclpy
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future

from aisle_contract import interfaces
from aisle_nodes import qos
from aisle_nodes.messages import message_class

TIMEOUT_S = 60.0


class Observer:
    """A node in the test's domain."""

    def __init__(self, domain_id: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain_id)
        self.node = rclpy.create_node("observer", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def until(self, condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
        """Spin until the condition holds."""
        end = self.node.get_clock().now().nanoseconds + timeout_s * 1e9
        while not condition():
            assert self.node.get_clock().now().nanoseconds < end, "timed out"
            self.executor.spin_once(timeout_sec=0.1)

    def listen(self, topic: interfaces.Topic, name: str) -> list:
        """A list that the messages of a topic go into while the observer spins."""
        heard: list = []
        self.node.create_subscription(message_class(topic.type), name, heard.append, qos.SUBSCRIBER[topic.qos])
        return heard

    def hear(self, topic: interfaces.Topic, name: str, count: int) -> list:
        """The next messages of a topic."""
        heard = self.listen(topic, name)
        self.until(lambda: len(heard) >= count)
        return heard

    def health(self, node: str, wanted: Callable[[object], bool]) -> object:
        """The first report of a node that is wanted."""
        found: list = []

        def take(message) -> None:
            found.extend(status for status in message.status if status.name == node and wanted(status))

        topic = interfaces.DIAGNOSTICS
        subscription = self.node.create_subscription(
            message_class(topic.type), topic.name, take, qos.SUBSCRIBER[topic.qos]
        )
        self.until(lambda: bool(found))
        self.node.destroy_subscription(subscription)
        return found[0]

    def change(self, node: str, transition: int) -> bool:
        """Ask a lifecycle node for a transition.

        A node that has not found who asks drops its answer. It finds the two clients in the order they were made, so
        once it has answered the second one it answers the first one, too.
        """
        client = self.node.create_client(ChangeState, f"{node}/change_state")
        state = self.node.create_client(GetState, f"{node}/get_state")
        self.until(lambda: client.service_is_ready() and state.service_is_ready())
        asked: list[Future] = []

        def answers() -> bool:
            asked.append(state.call_async(GetState.Request()))
            return any(future.done() for future in asked)

        self.until(answers)
        request = ChangeState.Request()
        request.transition.id = transition
        future = client.call_async(request)
        self.until(future.done)
        return future.result().success

    def close(self) -> None:
        """Leave the graph."""
        self.node.destroy_node()
        self.context.try_shutdown()
