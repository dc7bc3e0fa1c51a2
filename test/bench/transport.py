"""Images lost between two processes at 15 Hz, with our Fast DDS profile and with the default one.

24 depth images (320x240, 16UC1) and 12 colour images (640x480, bgr8) are published best effort on the subscriber's
side, as the SENSOR profile says, by one process to another.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from array import array
from pathlib import Path

LOADS = {"24 depth 320x240": (24, 320, 240, "16UC1", 2), "12 colour 640x480": (12, 640, 480, "bgr8", 3)}
RATE_HZ = 15.0
SETTLE_S = 1.0


def _node(name):
    import rclpy
    from rclpy.node import Node

    rclpy.init()
    return Node(name, start_parameter_services=False, enable_rosout=False)


def publish(load: str, seconds: float) -> None:
    """The publishing process: waits for the subscriber, publishes in bursts, prints what it sent and its CPU."""
    import rclpy
    from rclpy.experimental import EventsExecutor
    from rclpy.task import Future
    from sensor_msgs.msg import Image

    from aisle_contract.interfaces import Qos
    from aisle_nodes.qos import PUBLISHER

    count, width, height, encoding, pixel_bytes = LOADS[load]
    node = _node("bench_publisher")
    publishers = [node.create_publisher(Image, f"bench/image{i}", PUBLISHER[Qos.SENSOR]) for i in range(count)]
    image = Image(width=width, height=height, encoding=encoding, step=width * pixel_bytes)
    data = array("B")
    data.frombytes(os.urandom(width * height * pixel_bytes))
    image.data = data
    done, sent, cpu, matched_ns = Future(), 0, 0.0, 0

    def burst() -> None:
        nonlocal sent, cpu, matched_ns
        if any(publisher.get_subscription_count() == 0 for publisher in publishers):
            return
        matched_ns = matched_ns or time.monotonic_ns()
        if time.monotonic_ns() < matched_ns + SETTLE_S * 1e9:  # the subscriber must have found us, too
            return
        if sent == 0:
            cpu = time.process_time()
        if sent >= round(seconds * RATE_HZ) * count:
            if not done.done():
                done.set_result(None)
            return
        for publisher in publishers:
            publisher.publish(image)
        sent += count

    node.create_timer(1 / RATE_HZ, burst)
    executor = EventsExecutor()
    executor.add_node(node)
    executor.spin_until_future_complete(done, timeout_sec=seconds + 30.0)
    print(sent, (time.process_time() - cpu) / seconds, flush=True)
    time.sleep(SETTLE_S)
    rclpy.try_shutdown()


def subscribe(load: str) -> None:
    """The subscribing process: counts until told to stop, prints the count and its CPU."""
    import signal

    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.experimental import EventsExecutor
    from rclpy.task import Future
    from sensor_msgs.msg import Image

    from aisle_contract.interfaces import Qos
    from aisle_nodes.qos import SUBSCRIBER

    node = _node("bench_subscriber")
    received, started = 0, 0.0

    def take(message) -> None:
        nonlocal received, started
        if received == 0:
            started = time.process_time()
        received += 1

    for i in range(LOADS[load][0]):
        node.create_subscription(Image, f"bench/image{i}", take, SUBSCRIBER[Qos.SENSOR])
    stop = Future()
    signal.signal(signal.SIGTERM, lambda *_: stop.set_result(None))
    node.create_timer(0.1, lambda: None)
    executor = EventsExecutor()
    executor.add_node(node)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin_until_future_complete(stop, timeout_sec=600.0)
    print(received, time.process_time() - started, flush=True)
    rclpy.try_shutdown()


def _measure(load: str, seconds: float, profile: Path | None) -> tuple[int, int, float, float]:
    """Sent, received, and the CPU shares of publisher and subscriber."""
    environment = dict(os.environ)
    environment.pop("FASTRTPS_DEFAULT_PROFILES_FILE", None)
    if profile is not None:
        environment["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(profile)

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, __file__, *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    subscriber = start("--role", "subscribe", "--load", load)
    publisher = start("--role", "publish", "--load", load, "--seconds", str(seconds))
    sent, publisher_cpu = publisher.communicate()[0].split()
    subscriber.terminate()
    received, subscriber_cpu = subscriber.communicate()[0].split()
    return int(sent), int(received), float(publisher_cpu), float(subscriber_cpu) / seconds


def main(argv: list[str]) -> int:
    """Run all loads under both profiles and print the losses."""
    parser = argparse.ArgumentParser(prog="bench transport", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each load is published")
    parser.add_argument("--role", choices=["publish", "subscribe"], help=argparse.SUPPRESS)
    parser.add_argument("--load", choices=LOADS, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.role == "publish":
        publish(arguments.load, arguments.seconds)
        return 0
    if arguments.role == "subscribe":
        subscribe(arguments.load)
        return 0

    from rich.console import Console
    from rich.table import Table

    from aisle_contract.sites import config_folder

    table = Table("images", "profile", "sent", "lost", "lost %", "CPU publisher", "CPU subscriber", title="transport")
    ours = config_folder() / "dds" / "fastdds.xml"
    clean = True
    for load in LOADS:
        for name, profile in (("config/dds/fastdds.xml", ours), ("Fast DDS default", None)):
            sent, received, publisher_cpu, subscriber_cpu = _measure(load, arguments.seconds, profile)
            lost = sent - received
            clean &= lost == 0 or profile is None
            cells = f"{lost / sent:.1%}", f"{publisher_cpu:.0%}", f"{subscriber_cpu:.0%}"
            table.add_row(load, name, str(sent), str(lost), *cells)
    Console(highlight=False).print(table)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
