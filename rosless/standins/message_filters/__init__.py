"""Stands in for `message_filters` (ROS 2 Jazzy, Python) where it is not installed.

Same public classes, results and search order; https://docs.ros.org/en/jazzy/p/message_filters/ describes them.
"""

import itertools
import threading

from rclpy.clock import ROSClock
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time

__all__ = ["ApproximateTimeSynchronizer", "Cache", "SimpleFilter", "Subscriber", "TimeSynchronizer"]


def _stamp(msg, allow_headerless, logger_name):
    """The message's stamp as rclpy Time; without one the time now if that is allowed, else a warning and None."""
    stamp = getattr(getattr(msg, "header", None), "stamp", None)
    if stamp is not None:
        return stamp if hasattr(stamp, "nanoseconds") else Time.from_msg(stamp)
    if allow_headerless:
        return ROSClock().now()
    get_logger(logger_name).warning(
        f"{type(msg).__name__} has no header.stamp and is dropped; allow_headerless=True would use its arrival time"
    )
    return None


class SimpleFilter:
    """Base of all filters: hands its output to the registered callbacks."""

    def __init__(self):
        self.callbacks = {}

    def registerCallback(self, cb, *args):
        """Call `cb(*output, *args)` on every output. Returns the connection's number."""
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg):
        for cb, args in self.callbacks.values():
            cb(*msg, *args)


class Subscriber(SimpleFilter):
    """A subscription as a filter: `Subscriber(node, msg_type, topic, **create_subscription_arguments)`."""

    def __init__(self, *args, **kwargs):
        super().__init__()
        self.node, _, self.topic = args
        kwargs.setdefault("qos_profile", 10)
        self.sub = self.node.create_subscription(*args[1:], self.callback, **kwargs)

    def callback(self, msg):
        self.signalMessage(msg)

    def getTopic(self):
        return self.topic

    def __getattr__(self, key):
        """Everything else is asked of the subscription."""
        if key == "sub":
            raise AttributeError("the filter has no subscription yet")
        return getattr(self.sub, key)


class Cache(SimpleFilter):
    """Keeps the last `cache_size` messages of a filter in order of arrival and passes each on. Times are rclpy Time."""

    def __init__(self, f, cache_size=1, allow_headerless=False):
        super().__init__()
        self.cache_size = cache_size
        self.allow_headerless = allow_headerless
        self.cache_msgs = []
        self.cache_times = []
        self.connectInput(f)

    def connectInput(self, f):
        self.incoming_connection = f.registerCallback(self.add)

    def add(self, msg):
        stamp = _stamp(msg, self.allow_headerless, "message_filters_cache")
        if stamp is None:
            return
        self.cache_msgs.append(msg)
        self.cache_times.append(stamp)
        if len(self.cache_msgs) > self.cache_size:
            del self.cache_msgs[0]
            del self.cache_times[0]
        self.signalMessage(msg)

    def getInterval(self, from_stamp, to_stamp):
        """The messages with `from_stamp <= stamp <= to_stamp`, in order of arrival."""
        assert from_stamp <= to_stamp
        return [msg for msg, stamp in self._entries() if from_stamp <= stamp <= to_stamp]

    def getElemAfterTime(self, stamp):
        """The first message to arrive with this stamp or a newer one, or None."""
        return next((msg for msg, time in self._entries() if time >= stamp), None)

    def getElemBeforeTime(self, stamp):
        """The last message to arrive with this stamp or an older one, or None."""
        return next((msg for msg, time in reversed(self._entries()) if time <= stamp), None)

    def getLastestTime(self):
        """The stamp of the last message to arrive, or None. (The real package spells it so.)"""
        return self.cache_times[-1] if self.cache_times else None

    def getOldestTime(self):
        """The stamp of the first message that is kept, or None."""
        return self.cache_times[0] if self.cache_times else None

    def getLast(self):
        """The first message that is as new as the last to arrive, or None."""
        latest = self.getLastestTime()
        return None if latest is None else self.getElemAfterTime(latest)

    def _entries(self):
        return list(zip(self.cache_msgs, self.cache_times, strict=True))


class TimeSynchronizer(SimpleFilter):
    """Outputs one message of each filter as soon as all of them have one of exactly the same stamp.

    `queue_size` messages of each filter, those with the newest stamps, wait for their partners.
    """

    def __init__(self, fs, queue_size):
        super().__init__()
        self.queue_size = queue_size
        self.lock = threading.Lock()
        self.connectInput(fs)

    def connectInput(self, fs):
        self.queues = [{} for _ in fs]
        self.input_connections = [
            f.registerCallback(self.add, queue, index)
            for index, (f, queue) in enumerate(zip(fs, self.queues, strict=True))
        ]

    def add(self, msg, my_queue, my_queue_index=None):
        with self.lock:
            self._enqueue(my_queue, Time.from_msg(msg.header.stamp).nanoseconds, msg)
            for stamp in sorted(set.intersection(*map(set, self.queues))):
                self._output([stamp] * len(self.queues))

    def _enqueue(self, queue, stamp, msg):
        queue[stamp] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]

    def _output(self, stamps):
        self.signalMessage(*(queue[stamp] for queue, stamp in zip(self.queues, stamps, strict=True)))
        for queue, stamp in zip(self.queues, stamps, strict=True):
            del queue[stamp]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Outputs one message of each filter when their stamps lie less than `slop` seconds apart.

    Each message that arrives is tried with every combination of the waiting messages within `slop` of it, the nearest
    of each filter first, and the first that fits is taken. So the output depends on the order of arrival, and the cost
    of a message for which nothing fits is the product of the candidates of all other filters. As in the real package
    the search runs on rclpy times, which is most of its cost.
    """

    def __init__(self, fs, queue_size, slop, allow_headerless=False):
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless

    def add(self, msg, my_queue, my_queue_index=None):
        mine = _stamp(msg, self.allow_headerless, "message_filters_approx")
        if mine is None:
            return
        with self.lock:
            self._enqueue(my_queue, mine.nanoseconds, msg)
            candidates = []
            for index, queue in enumerate(self.queues):
                near = [mine] if index == my_queue_index else self._near(queue, mine)
                if not near:
                    return
                candidates.append(near)
            for times in itertools.product(*candidates):
                if max(times) - min(times) < self.slop:
                    stamps = [time.nanoseconds for time in times]
                    if all(map(dict.__contains__, self.queues, stamps)):
                        self._output(stamps)
                        break

    def _near(self, queue, mine):
        """The times of a queue at most `slop` away from `mine`, the nearest first."""
        near = []
        for stamp in queue:
            distance = Duration(nanoseconds=abs(stamp - mine.nanoseconds))
            if distance <= self.slop:
                near.append((distance, Time(nanoseconds=stamp, clock_type=mine.clock_type)))
        return [time for _, time in sorted(near, key=lambda entry: entry[0])]
