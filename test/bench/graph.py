"""Graph replay of a bag at rate 1: the CPU of all nodes together, and what was lost."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _processes import children, cpu_s, name


def main(argv: list[str]) -> int:
    """Start the graph, wait until the player plays, measure until it is done."""
    import rclpy
    from rclpy.experimental import EventsExecutor
    from rclpy.node import Node
    from rclpy.task import Future
    from rich.console import Console
    from rich.table import Table

    from aisle_contract.interfaces import DIAGNOSTICS, REPLAY_STATUS
    from aisle_nodes import qos
    from aisle_nodes.messages import message_class
    from aisle_replay.bag import BagReader

    parser = argparse.ArgumentParser(prog="bench graph", description=__doc__)
    parser.add_argument("bag", type=Path)
    parser.add_argument("--rate", type=float, default=1.0)
    arguments = parser.parse_args(argv)
    with BagReader(arguments.bag) as reader:
        store_id = reader.load_store().store_id
    lost: dict[str, int] = {}
    playing, done = Future(), Future()
    rclpy.init()
    node = Node("bench_graph", start_parameter_services=False, enable_rosout=False)
    status_class = message_class(REPLAY_STATUS.type)

    def on_status(status) -> None:
        if status.state == status_class.STATE_PLAYING and status.published and not playing.done():
            playing.set_result(None)
        if status.state == status_class.STATE_DONE and not done.done():
            done.set_result(None)

    def on_diagnostics(message) -> None:
        for status in message.status:
            for pair in status.values:
                if pair.key.startswith("lost "):
                    lost[f"{status.name}: {pair.key}"] = int(pair.value)

    topic = f"/{store_id}/{REPLAY_STATUS.name}"
    node.create_subscription(status_class, topic, on_status, qos.SUBSCRIBER[REPLAY_STATUS.qos])
    node.create_subscription(
        message_class(DIAGNOSTICS.type), DIAGNOSTICS.name, on_diagnostics, qos.SUBSCRIBER[DIAGNOSTICS.qos]
    )
    executor = EventsExecutor()
    executor.add_node(node)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "launch.log"
        command = [sys.executable, "-m", "aisle_cli", "launch", "replay", f"bag:={arguments.bag}", "hold:=true"]
        with log.open("wb") as output:
            launch = subprocess.Popen(
                [*command, f"rate:={arguments.rate}"], stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                executor.spin_until_future_complete(playing, timeout_sec=60.0)
                pids = children(launch.pid)
                before, start = {pid: cpu_s(pid) for pid in pids}, time.monotonic()
                executor.spin_until_future_complete(done, timeout_sec=600.0)
                elapsed_s = time.monotonic() - start
                used = {name(pid): cpu_s(pid) - before[pid] for pid in pids}
                executor.spin_until_future_complete(Future(), timeout_sec=2.0)
            finally:
                launch.send_signal(signal.SIGINT)
                launch.wait()
    rclpy.try_shutdown()
    table = Table("process", "cores", title=f"graph replay at rate {arguments.rate:g}, {elapsed_s:.1f} s")
    for process, seconds in used.items():
        table.add_row(process, f"{seconds / elapsed_s:.3f}")
    table.add_row("all together", f"{sum(used.values()) / elapsed_s:.3f}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"lost: {sum(lost.values())} {lost or ''}")
    return 0
