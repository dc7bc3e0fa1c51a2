"""The core imports no ROS, no clock, no global id and no unseeded random generator (architecture, section 3)."""

import ast
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "src" / "aisle_core" / "aisle_core"
FILES = sorted(CORE.rglob("*.py"))
ALLOWED = {"aisle_core", "numpy", "scipy", "cv2"}
STORE_ONLY = {"pydantic", "yaml"}
FORBIDDEN = {"time", "random", "uuid", "secrets", "socket", "threading", "asyncio", "logging"}
FORBIDDEN_NAMES = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "os.urandom",
    "os.times",
    "numpy.random",
    "numpy.datetime64",
}


def imported_names(tree):
    """Local name -> what it stands for, for every absolute import of a module, also inside functions."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                full = alias.name if alias.asname else alias.name.split(".")[0]
                names[alias.asname or full] = full
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules(tree):
    """Top-level packages of all absolute imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def dotted(node):
    """``a.b.c`` of an attribute chain, None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return None


def violations(source, in_store):
    """What a file of the core must not have."""
    tree = ast.parse(source)
    allowed = ALLOWED | (sys.stdlib_module_names - FORBIDDEN) | (STORE_ONLY if in_store else set())
    found = [f"imports {module}" for module in modules(tree) if module not in allowed]
    names = imported_names(tree)
    for node in ast.walk(tree):
        if chain := dotted(node):
            first, *rest = chain.split(".")
            full = ".".join([names.get(first, first), *rest])
            found += [f"uses {name}" for name in FORBIDDEN_NAMES if full == name or full.startswith(f"{name}.")]
        if isinstance(node, ast.Call) and dotted(node.func) in ("__import__", "importlib.import_module"):
            found.append("imports by a computed name")
    found += [f"uses {name}" for name in names.values() if name in FORBIDDEN_NAMES]
    return sorted(set(found))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(CORE)) for path in FILES])
def test_a_file_of_the_core_imports_only_what_it_may(path):
    assert violations(path.read_text(encoding="utf-8"), path.parent == CORE / "store") == []


def test_the_core_is_found():
    assert CORE / "types.py" in FILES


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import rclpy", ["imports rclpy"]),
        ("def f():\n    from aisle_msgs.msg import Cart", ["imports aisle_msgs"]),
        ("from time import monotonic", ["imports time"]),
        ("import uuid as u", ["imports uuid"]),
        ("import pydantic", ["imports pydantic"]),
        ("from datetime import datetime\ndatetime.now()", ["uses datetime.datetime.now"]),
        ("import datetime as d\nd.datetime.now()", ["uses datetime.datetime.now"]),
        ("import numpy as np\nnp.random.default_rng(1)", ["uses numpy.random"]),
        ("from numpy import random", ["uses numpy.random"]),
        ("__import__('rclpy')", ["imports by a computed name"]),
        ("import os.path\nfrom . import types\nimport numpy as np\nnp.linalg.norm(0)", []),
    ],
)
def test_the_walk_sees(source, found):
    assert violations(source, in_store=False) == found


def test_only_the_store_may_use_pydantic():
    assert violations("import pydantic, yaml", in_store=True) == []
