"""The executor of every process of Aisle.

``EventsExecutor`` is the cheapest one; its ``spin()`` never runs a callback in the manylinux wheels, while waiting
for a future, with a time-out, works everywhere.
"""

from collections.abc import Callable, Iterable

from rclpy.experimental import EventsExecutor
from rclpy.node import Node
from rclpy.task import Future

FOREVER_S = 30 * 86400.0


def spinner(nodes: Iterable[Node]) -> Callable[[Future, float], None]:
    """A function that runs the nodes' callbacks until a future is done or so many seconds have passed."""
    executor = EventsExecutor()
    for node in nodes:
        executor.add_node(node)

    def spin(future: Future, timeout_s: float) -> None:
        executor.spin_until_future_complete(future, timeout_sec=timeout_s)

    return spin
