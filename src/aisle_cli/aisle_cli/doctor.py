"""``./aisle doctor`` and ``./aisle shell``."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aisle_cli.shared_memory import FOLDER, leftovers
from aisle_contract.sites import checkout_root, config_folder
from aisle_core.errors import AisleError
from aisle_core.store import load_store

MIN_SHM_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was seen, and the remedy if that is wrong."""

    what: str
    seen: str
    remedy: str = ""


def _python() -> Finding:
    remedy = "" if sys.version_info >= (3, 11) else "use CPython 3.11 or a ROS 2 of Jazzy or newer"
    return Finding("Python", f"{sys.version.split()[0]} in {sys.prefix}", remedy)


def _ros() -> Finding:
    if importlib.util.find_spec("rclpy") is None:
        return Finding("ROS 2", "rclpy not found", "start with ./aisle, or source a ROS 2 installation")
    kind = "installed" if shutil.which("ros2") else "from Python wheels"
    return Finding(
        "ROS 2", f"{os.environ.get('ROS_DISTRO', '?')}, {kind}; domain {os.environ.get('ROS_DOMAIN_ID', '0')}"
    )


def _messages() -> Finding:
    if importlib.util.find_spec("aisle_msgs") is None:
        return Finding(
            "messages", "aisle_msgs not built", "run ./aisle again, or colcon build and source install/setup.bash"
        )
    return Finding("messages", "aisle_msgs built")


def _transport() -> Finding:
    profile = os.environ.get("FASTRTPS_DEFAULT_PROFILES_FILE", "")
    if not Path(profile).is_file():
        return Finding("transport", f"profile '{profile}' missing", "start with ./aisle or a launch file of Aisle")
    return Finding("transport", profile)


def _shared_memory() -> Finding:
    free = shutil.disk_usage(FOLDER).free
    stale = leftovers()
    seen = f"{free / 2**20:.0f} MB free, {len(stale)} files of dead processes"
    if free < MIN_SHM_BYTES:
        return Finding("shared memory", seen, "give /dev/shm at least 512 MB (docker: --shm-size=1g)")
    return Finding("shared memory", seen, "./aisle test removes them" if len(stale) > 100 else "")


def _sites() -> Finding:
    names, broken = [], []
    for folder in sorted((config_folder() / "stores").iterdir()):
        try:
            names.append(load_store(folder).store_id)
        except AisleError as error:
            broken.append(str(error))
    return Finding("sites", ", ".join(names), "; ".join(broken))


def run_doctor() -> int:
    """Print all findings; 0 when nothing is wrong, else 1."""
    checks: list[Callable[[], Finding]] = [_python, _ros, _messages, _transport, _shared_memory, _sites]
    findings = [check() for check in checks]
    table = Table("", "what", "seen", "remedy")
    for finding in findings:
        table.add_row("[red]wrong[/]" if finding.remedy else "[green]ok[/]", finding.what, finding.seen, finding.remedy)
    Console(highlight=False).print(table)
    return int(any(finding.remedy for finding in findings))


def run_shell() -> int:
    """An interactive shell in this environment; ends with its exit code."""
    shell = os.environ.get("SHELL", "/bin/bash")
    print(f"A shell with the environment of {checkout_root()}; leave it with exit.", file=sys.stderr)
    os.execvp(shell, [shell])
