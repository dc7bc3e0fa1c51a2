"""Stand-ins, launch files and nodes use only what api_table.yaml says the real packages have."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
STANDINS = ROOT / "rosless" / "standins"
TABLE = yaml.safe_load((Path(__file__).parent / "api_table.yaml").read_text())
PACKAGES = sorted(folder.name for folder in STANDINS.iterdir() if (folder / "__init__.py").is_file())


@dataclass(frozen=True)
class Row:
    """A thing of the real package."""

    path: str
    parameters: frozenset[str] | None
    members: dict[str, frozenset[str] | None]


def rows() -> dict[str, Row]:
    """All rows by path and alias."""
    found = {}
    for package in TABLE.values():
        for path, row in package["names"].items():
            parameters = frozenset(row["parameters"]) if "parameters" in row else None
            entry = Row(path, parameters, dict(map(member, row.get("members", []))))
            found |= dict.fromkeys([path, *row.get("aliases", [])], entry)
    return found


def member(text: str) -> tuple[str, frozenset[str] | None]:
    """`name` or `name(parameter, ...)`."""
    name, is_method, parameters = text.partition("(")
    return name, frozenset(parameters.rstrip(")").replace(",", " ").split()) if is_method else None


ROWS = rows()


# The table


@pytest.mark.parametrize("package", TABLE)
def test_every_row_says_where_it_comes_from(package):
    assert TABLE[package]["repository"].startswith("https://")
    assert TABLE[package]["version"]
    for path, row in TABLE[package]["names"].items():
        assert path.split(".")[0] == package
        assert row["file"], path
        assert set(row) <= {"aliases", "file", "parameters", "members"}, path


# The stand-ins


@pytest.mark.parametrize("package", PACKAGES)
def test_a_standin_says_what_it_is(package):
    docstring = ast.get_docstring(ast.parse((STANDINS / package / "__init__.py").read_text())) or ""
    assert docstring.splitlines()[0].startswith("Stands in for ")
    assert f"`{package}`" in docstring.splitlines()[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_standin_has_nothing_that_the_real_package_has_not(package):
    if not Path(importlib.import_module(package).__file__).is_relative_to(STANDINS):
        pytest.skip("the real package is installed")
    wrong = []
    for path, thing in public_things(package):
        row = ROWS.get(path)
        if row is None:
            wrong.append(f"{path} is not in the table")
        elif inspect.isclass(thing):
            wrong += excess(path, parameters_of(thing.__init__), row.parameters)
            wrong += [line for name, value in members_of(thing) for line in excess_member(thing, path, name, value)]
        elif callable(thing) and row.parameters is not None:
            wrong += excess(path, parameters_of(thing), row.parameters)
    assert not wrong, "\n".join(wrong)


def public_things(package: str) -> Iterator[tuple[str, Any]]:
    """What a package offers, by every path, submodules aside."""
    root = importlib.import_module(package)
    names = [found.name for found in pkgutil.walk_packages(root.__path__, f"{package}.")]
    for module in [root, *(importlib.import_module(n) for n in names if "._" not in n)]:
        for name in public_names(module):
            if not isinstance(getattr(module, name), ModuleType):
                yield f"{module.__name__}.{name}", getattr(module, name)


def public_names(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__]
    return [name for name in own if not name.startswith("_")]


def members_of(thing: type) -> Iterator[tuple[str, Any]]:
    """What the class and its private bases define."""
    for base in thing.__mro__:
        if base is thing or base.__name__.startswith("_"):
            yield from ((name, value) for name, value in vars(base).items() if not name.startswith("_"))


def excess_member(thing: type, path: str, name: str, value: Any) -> list[str]:
    known: dict[str, frozenset[str] | None] = {}
    for base in reversed(thing.__mro__):
        known |= rows_of_classes()[base].members if base in rows_of_classes() else {}
    if name not in known:
        return [f"{path}.{name} is not in the table"]
    return excess(f"{path}.{name}", parameters_of(value), known[name]) if inspect.isfunction(value) else []


@cache
def rows_of_classes() -> dict[type, Row]:
    things = [pair for package in PACKAGES for pair in public_things(package)]
    return {thing: ROWS[path] for path, thing in things if inspect.isclass(thing) and path in ROWS}


def parameters_of(function: Any) -> set[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return set()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {parameter.name for parameter in parameters if parameter.kind not in variadic} - {"self"}


def excess(path: str, used: set[str], known: frozenset[str] | None) -> list[str]:
    return [f"{path} has no parameter '{name}' in the table" for name in sorted(used - (known or frozenset()))]


# The launch files and nodes


def users() -> list[Path]:
    """Everything outside the tests that imports a package that is stood in for."""
    files = [*(ROOT / "launch").glob("*.launch.py"), *(ROOT / "src").glob("*/*/**/*.py")]
    return sorted(file for file in files if "test" not in file.parts and set(imported_names(file).values()) - {""})


@cache
def imported_names(file: Path) -> dict[str, str]:
    """What the file's names for things of the packages in the table mean, as paths."""
    names = {}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in TABLE:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            own = [alias for alias in node.names if alias.name.split(".")[0] in TABLE]
            names |= {alias.asname or alias.name.split(".")[0]: (alias.name if alias.asname else "") for alias in own}
    return names


def dotted(node: ast.expr) -> str:
    """`a.b.c` as text, empty for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    head = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{head}.{node.attr}" if isinstance(node, ast.Attribute) and head else ""


def misuses(file: Path) -> list[str]:
    """Names and keyword arguments in the file that the table does not have."""
    names, wrong = imported_names(file), []
    wrong += [f"{file.name}: {path} is not in the table" for path in names.values() if path and not is_known(path)]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute):
            path = resolve(names, dotted(node))
            if path and not is_known(path):
                wrong.append(f"{file.name}:{node.lineno}: {path} is not in the table")
        if isinstance(node, ast.Call):
            row = ROWS.get(resolve(names, dotted(node.func)))
            keywords = {keyword.arg for keyword in node.keywords if keyword.arg}
            if row and row.parameters is not None:
                wrong += [f"{file.name}:{node.lineno}: {line}" for line in excess(row.path, keywords, row.parameters)]
    return wrong


def resolve(names: dict[str, str], text: str) -> str:
    """The path that a dotted name of a file means, empty if it is none of ours."""
    head, _, rest = text.partition(".")
    if head not in names:
        return ""
    return ".".join(part for part in (names[head] or head, rest) if part)


def is_known(path: str) -> bool:
    """Whether the path is a row, a module with rows below it, or a member of a row."""
    return any(row == path or row.startswith(f"{path}.") for row in ROWS) or path.rpartition(".")[0] in ROWS


@pytest.mark.parametrize("file", users(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_user_stays_within_the_table(file):
    assert not misuses(file), "\n".join(misuses(file))


def test_misuse_is_found(tmp_path):
    file = tmp_path / "wrong.launch.py"
    file.write_text(
        "import launch\nimport launch.actions as acts\nfrom launch.actions import ExecuteProcess, NoSuchAction\n"
        "ExecuteProcess(cmd=[], nonsense=1)\nacts.TimerAction(period=1.0, actions=[], nonsense=2)\n"
        "launch.actions.OtherAction()\nlaunch.LaunchDescription([])\n"
    )
    found = misuses(file)
    assert len(found) == 4
    for line, text in zip(sorted(found), ("NoSuchAction", "'nonsense'", "'nonsense'", "OtherAction"), strict=True):
        assert text in line
