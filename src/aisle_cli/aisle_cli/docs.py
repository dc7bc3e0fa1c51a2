"""``./aisle docs``: the tables in ``docs/`` that come from the registry and from the parameters.

A page holds text and generated parts, each between ``<!-- generated: KIND -->`` and ``<!-- /generated -->``. Only those
parts are written; the text around them is written by people.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import itertools
import re
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from aisle_contract import params
from aisle_contract.interfaces import TOPICS, Qos, Topic, nodes, published_by, subscribed_by
from aisle_contract.sites import checkout_root
from aisle_core.errors import AisleError

NODE_PACKAGES = ("aisle_nodes", "aisle_drivers", "aisle_sim")
COMMON_PARAMETERS = {
    "autostart": "configure and activate at the start; false: a lifecycle manager does both",
    "site": "name of a folder in `config/stores`, or a path; the launch file gives it",
}
DIAGNOSTIC_KEYS = {
    "state": "lifecycle state: unconfigured, inactive, active or finalized",
    "rejected": "messages that were refused; the status message names the last reason",
    "failed": "callbacks in which the node's code raised; the status message names the last error",
    "listens to": "topics it subscribes to, as the registry calls them",
    "received <topic>": "messages of this input",
    "lost <topic>": "gaps in the sequence of this input, in messages",
    "published <topic>": "messages of this output",
    "matched <topic>": "subscriptions that this output is connected to",
    "heard <topic>": "publishers that this input is connected to",
}
_GENERATED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
_MEANING = re.compile(r"^(\w+(?:, \w+)*): (.+(?:\n(?!\w+(?:, \w+)*: |$).+)*)", re.MULTILINE)
_KEY = re.compile(r"( *)(\w+):")


def package_of(node: str) -> str:
    """Package that has the node's module."""
    return next(package for package in NODE_PACKAGES if importlib.util.find_spec(f"{package}.{node}") is not None)


def params_class(node: str) -> type[Any]:
    """Parameters of a node: ``TrackerParams`` for tracker_node; all drivers share ``DriverParams``."""
    package = package_of(node)
    words = ["driver"] if package == "aisle_drivers" else node.removesuffix("_node").split("_")
    name = "".join(word.capitalize() for word in words) + "Params"
    return typing.cast(type[Any], getattr(importlib.import_module(f"{package}.params"), name))


def pages(root: Path) -> dict[Path, str]:
    """The pages with generated parts, as they should be: the registry's page and one per node.

    Raises AisleError for a page that is missing or that is of no node.
    """
    wanted = {root / "docs" / "nodes" / f"{node}.md" for node in nodes()} | {root / "docs" / "interfaces.md"}
    found = {*(root / "docs" / "nodes").glob("*.md"), root / "docs" / "interfaces.md"}
    for path in sorted(wanted ^ found):
        if path in wanted:
            raise AisleError(f"{path}: the page of this node is missing; write it, the pages beside it show how")
        raise AisleError(f"{path}: the registry has no such node; remove the page")
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(wanted) if path.is_file()}
    return {path: render(text, path.stem, root / "config" / "nodes") for path, text in texts.items()}


def render(text: str, name: str, config: Path) -> str:
    """The page with its generated parts made anew; ``name`` is the node, or ``interfaces``.

    Raises AisleError for a part of unknown kind.
    """
    kinds: dict[str, Callable[[], str]] = {
        "subscribed": lambda: _topics(subscribed_by(name)),
        "published": lambda: _topics(published_by(name)),
        "parameters": lambda: _parameters(params_class(name), config / f"{name}.yaml"),
        "diagnostics": lambda: _table(("key", "value"), [(f"`{k}`", v) for k, v in DIAGNOSTIC_KEYS.items()]),
        "topics": _registry,
        "qos": _qos_classes,
    }

    def part(match: re.Match[str]) -> str:
        if match[2] not in kinds:
            raise AisleError(f"{name}.md: generated part '{match[2]}': choose from {', '.join(kinds)}")
        return f"{match[1]}{kinds[match[2]]()}\n{match[3]}"

    return _GENERATED.sub(part, text)


def run_docs(check: bool) -> int:
    """Write the pages that are stale, or with ``check`` only name them; 1 if there was one to name, else 0."""
    stale = {path: text for path, text in pages(checkout_root()).items() if path.read_text(encoding="utf-8") != text}
    for path, text in stale.items():
        print(f"{path}: {'stale; run ./aisle docs' if check else 'written'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(stale))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _topics(topics: Sequence[Topic]) -> str:
    if not topics:
        return "None."
    rows = [(f"`{topic.name}`", f"`{topic.type}`", topic.qos.value, topic.doc) for topic in topics]
    return _table(("topic", "type", "QoS", "what it is"), rows)


def _registry() -> str:
    rows = [
        (f"`{t.name}`", f"`{t.type}`", t.qos.value, ", ".join(t.publishers), ", ".join(t.subscribers), t.doc)
        for t in TOPICS
    ]
    return _table(("topic", "type", "QoS", "publishers", "subscribers", "what it is"), rows)


def _qos_classes() -> str:
    texts = _texts_below(Qos)
    return _table(("class", "depth", "for"), ((qos.value, str(qos.depth), texts[qos.name]) for qos in Qos))


def _parameters(cls: type[Any], path: Path) -> str:
    values = params.read_file(path)
    notes = _notes(path.read_text(encoding="utf-8"))
    meanings = COMMON_PARAMETERS | _meanings(cls)
    rows = []
    for name, hint in params.flatten(cls).items():
        value = yaml.safe_dump(values[name], default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
        note = "" if name in COMMON_PARAMETERS else notes.get(name, "")
        rows.append((f"`{name}`", _type_name(hint), f"`{value}`", meanings.get(name, ""), note))
    return _table(("parameter", "type", "value", "meaning", "note in the file"), rows)


def _type_name(hint: Any) -> str:
    element = typing.get_args(hint)
    return f"list of {element[0].__name__}" if element else str(hint.__name__)


def _notes(text: str) -> dict[str, str]:
    """Parameter name -> the comment above it in a parameter file."""
    notes: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip(" #"))
        elif match := _KEY.match(line):
            depth = len(match[1])
            stack = [*(entry for entry in stack if entry[0] < depth), (depth, match[2])]
            notes[".".join(key for _, key in stack if key != "ros__parameters")] = " ".join(comment)
            comment = []
    return notes


def _meanings(cls: type[Any], prefix: str = "") -> dict[str, str]:
    """Parameter name -> what its dataclass says of it: ``name: ...`` in the class's text, or the text below the field.

    A text that explains several names together stands at the first; the others refer to it.
    """
    meanings: dict[str, str] = {}
    for names, text in _MEANING.findall(inspect.getdoc(cls) or ""):
        first, *others = names.split(", ")
        meanings[prefix + first] = " ".join(text.split())
        meanings |= {prefix + other: f"see `{first}`" for other in others}
    meanings |= {prefix + name: text for name, text in _texts_below(cls).items()}
    hints = typing.get_type_hints(cls)
    for entry in fields(cls):
        if is_dataclass(hints[entry.name]):
            meanings |= _meanings(typing.cast(type[Any], hints[entry.name]), f"{prefix}{entry.name}.")
    return meanings


def _texts_below(cls: type[Any]) -> dict[str, str]:
    """Name in the body of a class -> the text on the lines below it."""
    body = typing.cast(ast.ClassDef, ast.parse(inspect.getsource(cls)).body[0]).body
    texts: dict[str, str] = {}
    for entry, below in itertools.pairwise(body):
        match entry, below:
            case (
                (ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)])),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = " ".join(text.split())
    return texts
