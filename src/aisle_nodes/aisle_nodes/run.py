"""Run nodes in one process: ``run people_node tracker_node``, and one entry point per node.

Few processes per host: discovery costs per participant, and nodes of one process exchange messages cheaply.
"""

from __future__ import annotations

import importlib
import importlib.util
import signal
import sys
from collections.abc import Sequence

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.task import Future
from rclpy.utilities import remove_ros_args

from aisle_core.errors import AisleError
from aisle_nodes.executor import FOREVER_S, spinner
from aisle_nodes.node_base import AisleNode, ConfigureError


def spin(nodes: list[AisleNode]) -> int:
    """Spin until interrupted (0) or until a node asks to exit (its code)."""
    spin_until, exit_code = spinner(nodes), Future()
    for node in nodes:
        node.exit_code.add_done_callback(lambda done: exit_code.done() or exit_code.set_result(done.result()))
    try:
        while rclpy.ok() and not exit_code.done():
            spin_until(exit_code, FOREVER_S)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:
        # Of an interrupt while rclpy converts a message, it leaves only that the conversion failed.
        if rclpy.ok():
            raise
    return exit_code.result() if exit_code.done() else 0


def run(names: list[str], packages: Sequence[str] = ("aisle_nodes",)) -> int:
    """Start the nodes, each from the first package that has it, and spin.

    Returns 0 after an interrupt, 2 when a node is unknown or refuses its configuration.
    """
    rclpy.init(args=sys.argv)
    nodes: list[AisleNode] = []
    try:
        for name in names:
            nodes.append(importlib.import_module(f"{_package_of(name, packages)}.{name}").make())
        for node in nodes:
            node.start()
        return spin(nodes)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except (AisleError, ConfigureError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for node in nodes:
            node.teardown()
            node.destroy_node()
        rclpy.try_shutdown()


def _package_of(name: str, packages: Sequence[str]) -> str:
    for package in packages:
        if importlib.util.find_spec(f"{package}.{name}") is not None:
            return package
    raise AisleError(f"run: no node '{name}' in {', '.join(packages)}; mend the name")


def main(packages: Sequence[str] = ("aisle_nodes",)) -> int:
    """Entry point ``run NODE [NODE ...]``."""
    names = remove_ros_args(sys.argv)[1:]
    if not names:
        print("run: name at least one node, for example: run people_node tracker_node", file=sys.stderr)
        return 2
    return run(names, packages)
