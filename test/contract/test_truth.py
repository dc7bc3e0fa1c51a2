"""The truth of a simulated store stays with the simulator and the scorer."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from aisle_contract.interfaces import TOPICS

ROOT = Path(__file__).resolve().parents[2]
TRUTH = [topic for topic in TOPICS if topic.name.startswith("truth/")]
ALLOWED = {
    "aisle_contract": {"interfaces", "convert", "truth"},
    "aisle_replay": {"truth", "bag", "runs", "scoring"},
    "aisle_sim": None,
    "aisle_cli": {"demo", "simulate", "scoring"},
}
"""Package -> modules that may know of the truth; None: all of them."""
SOURCES = sorted((ROOT / "src").glob("aisle_*/aisle_*/**/*.py"))


def imported(path: Path) -> set[str]:
    """Modules and names that a file imports, with dots."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module or '.'}.{alias.name}" for alias in node.names}
    return found


def knows_truth(path: Path) -> bool:
    return any("truth" in name.lower().split(".")[-1] or ".truth." in f".{name}." for name in imported(path))


def test_the_truth_has_topics() -> None:
    assert len(TRUTH) == 3


@pytest.mark.parametrize("topic", TRUTH, ids=lambda topic: topic.name)
def test_only_the_simulator_publishes_the_truth_and_no_node_listens(topic) -> None:
    assert topic.publishers == ("sim_node",)
    assert topic.subscribers == ()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_only_the_simulator_and_the_scorer_import_the_truth(path: Path) -> None:
    package, parts = path.relative_to(ROOT / "src").parts[0], path.with_suffix("").parts
    allowed = ALLOWED.get(package, set())
    if allowed is not None and not allowed & set(parts):
        assert not knows_truth(path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_only_the_drivers_backend_and_the_commands_reach_into_the_simulator(path: Path) -> None:
    package = path.relative_to(ROOT / "src").parts[0]
    if package in ("aisle_sim", "aisle_cli") or path.match("aisle_drivers/backends/sim.py"):
        return
    assert not any(name.startswith("aisle_sim") for name in imported(path))


@pytest.mark.parametrize("profile", sorted((ROOT / "config" / "bag").glob("*.yaml")), ids=lambda path: path.stem)
def test_no_bag_profile_records_the_truth(profile: Path) -> None:
    recorded = yaml.safe_load(profile.read_text(encoding="utf-8"))["topics"]
    assert not set(recorded) & {topic.name for topic in TRUTH}
