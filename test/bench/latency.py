"""How long a depth image takes to become a track in the running graph: a simulated store, found in depth alone.

    ./aisle bench latency [--site market] [--shoppers 12] [--seconds 60]

From the stamp of an image with somebody in it to the arrival of the tracks that cover it, in the time of the
simulation at rate 1. Also the CPU of the processes, and whether the simulation kept up with the clock.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _processes import children, cpu_s, name

WARM_UP_S = 15.0
"""Simulated; nobody has come in before."""


def main(argv: list[str]) -> int:
    """Start the store, listen, and print."""
    import numpy as np
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rich.console import Console
    from rich.table import Table

    from aisle_contract.interfaces import CLOCK, PERSON_DETECTIONS, PERSON_TRACKS
    from aisle_contract.sites import find_site
    from aisle_core.store import load_store
    from aisle_core.types import PersonDetections, PersonTracks
    from aisle_nodes import qos
    from aisle_nodes.messages import CODEC, message_class

    parser = argparse.ArgumentParser(prog="./aisle bench latency", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--site", default="market")
    parser.add_argument("--shoppers", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args(argv)
    store = load_store(find_site(options.site))
    os.environ.setdefault("ROS_DOMAIN_ID", "87")
    rclpy.init()
    node = rclpy.create_node("bench_latency")
    clock = [0, 0.0]
    waiting: list[int] = []
    took_ms: list[float] = []
    begin: list[tuple[int, float]] = []

    def now_ns() -> int:
        """Simulated time: the last word of the clock, and what passed since."""
        return clock[0] + round((time.monotonic() - clock[1]) * 1e9)

    def on_clock(message) -> None:
        clock[:] = [message.clock.sec * 1_000_000_000 + message.clock.nanosec, time.monotonic()]
        if not begin:
            begin.append((clock[0], clock[1]))

    def on_detections(message) -> None:
        batch = CODEC.to_core(message, PersonDetections)
        if batch.detections:
            waiting.append(batch.stamp_ns)

    def on_tracks(message) -> None:
        stamp_ns, at_ns = CODEC.to_core(message, PersonTracks).stamp_ns, now_ns()
        took_ms.extend((at_ns - one) / 1e6 for one in waiting if one <= stamp_ns)
        waiting[:] = [one for one in waiting if one > stamp_ns]

    for topic, callback in ((CLOCK, on_clock), (PERSON_DETECTIONS, on_detections), (PERSON_TRACKS, on_tracks)):
        full = topic.name if topic.name.startswith("/") else f"/{store.store_id}/{topic.name}"
        node.create_subscription(message_class(topic.type), full, callback, qos.SUBSCRIBER[topic.qos])
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    command = [sys.executable, "-m", "aisle_cli", "launch", "store", "backend:=sim", "use_sim_time:=true"]
    command += ["people:=depth", f"site:={options.site}", f"namespace:={store.store_id}"]
    command += [f"shoppers:={options.shoppers}"]
    with tempfile.TemporaryFile() as output:
        launch = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            while not begin or clock[0] < begin[0][0] + WARM_UP_S * 1e9:
                executor.spin_once(timeout_sec=0.1)
            took_ms.clear()
            pids = children(launch.pid)
            before, start, start_ns = {pid: cpu_s(pid) for pid in pids}, time.monotonic(), clock[0]
            while time.monotonic() < start + options.seconds:
                executor.spin_once(timeout_sec=0.1)
            elapsed_s = time.monotonic() - start
            lived_s = (clock[0] - start_ns) / 1e9
            used = {name(pid): cpu_s(pid) - before[pid] for pid in pids}
        finally:
            launch.send_signal(signal.SIGINT)
            launch.wait()
    rclpy.try_shutdown()
    table = Table("process", "cores", title=f"{store.name}, {options.shoppers} shoppers, {elapsed_s:.0f} s")
    for process, seconds in used.items():
        table.add_row(process, f"{seconds / elapsed_s:.2f}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"simulated {lived_s:.1f} s in {elapsed_s:.1f} s")
    median, high = np.percentile(took_ms, [50, 99])
    allowance = store.latency.sensor_lateness_ns / 1e6
    console.print(
        f"image to track: median {median:.0f} ms, p99 {high:.0f} ms of {len(took_ms)} images; "
        f"the site's lateness allowance is {allowance:.0f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
