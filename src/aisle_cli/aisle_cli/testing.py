"""``./aisle test`` and ``./aisle bench``."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table

from aisle_cli.shared_memory import clean
from aisle_contract.sites import checkout_root
from aisle_core.errors import AisleError

CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy", "src/aisle_core/aisle_core", "src/aisle_contract/aisle_contract", "src/aisle_replay/aisle_replay"],
}


PACKAGES = ["pytest", "src", "rosless/test", "--durations=10"]
ACROSS = ["pytest", "test", "--durations=10"]
"""Run side by side: tests of the packages compute, tests across packages mostly wait for what they start."""


def run_tests(arguments: list[str]) -> int:
    """Lint, types, then pytest over all packages; with arguments pytest only."""
    console = Console(highlight=False)
    table = Table("step", "result", "seconds", title="./aisle test")
    steps = {"pytest": ["pytest", *arguments]} if arguments else CHECKS | {"pytest test": ACROSS}
    begin, codes = time.monotonic(), []

    def tell(name: str, code: int, since: float) -> None:
        codes.append(code)
        table.add_row(name, "passed" if code == 0 else f"failed ({code})", f"{time.monotonic() - since:.0f}")

    clean()
    with tempfile.TemporaryFile() as output:
        beside = None if arguments else _start(PACKAGES, output)
        for name, command in steps.items():
            console.rule(name)
            start = time.monotonic()
            tell(name, _start(command).wait(), start)
        if beside is not None:
            console.rule("pytest src")
            tell("pytest src", beside.wait(), begin)
            output.seek(0)
            shutil.copyfileobj(output, sys.stdout.buffer)
            sys.stdout.flush()
    clean()
    console.print(table)
    return int(any(codes))


def _start(command: list[str], output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """ROS finds its settings in the environment; tests choose their own domains."""
    return subprocess.Popen([sys.executable, "-m", *command], cwd=checkout_root(), stdout=output, stderr=output)


def run_bench(name: str | None, arguments: list[str]) -> int:
    """Run ``test/bench/<name>.py``; without a name list them."""
    folder = checkout_root() / "test" / "bench"
    benches = {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}
    if name is None:
        table = Table("benchmark", "what it measures")
        for stem, path in benches.items():
            table.add_row(stem, _first_line(path))
        Console(highlight=False).print(table)
        return 0
    if name not in benches:
        raise AisleError(f"bench '{name}': choose from {', '.join(benches)}")
    spec = importlib.util.spec_from_file_location(f"bench_{name}", benches[name])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return int(module.main(arguments) or 0)


def _first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").split('"""')[1].strip().splitlines()[0]
