"""``./aisle test`` and ``./aisle bench``."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

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


def run_tests(arguments: list[str]) -> int:
    """Lint, types, then pytest over all packages; with arguments pytest only."""
    root = checkout_root()
    console = Console(highlight=False)
    clean()
    steps = {} if arguments else dict(CHECKS)
    steps["pytest"] = ["pytest", *(arguments or ["--durations=10"])]
    table = Table("step", "result", "seconds", title="./aisle test")
    failed = False
    for name, command in steps.items():
        console.rule(name)
        start = time.monotonic()
        # ROS finds its settings in the environment; tests choose their own domains.
        code = subprocess.run([sys.executable, "-m", *command], cwd=root, env=os.environ, check=False).returncode
        failed |= code != 0
        table.add_row(name, "passed" if code == 0 else f"failed ({code})", f"{time.monotonic() - start:.0f}")
    clean()
    console.print(table)
    return int(failed)


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
