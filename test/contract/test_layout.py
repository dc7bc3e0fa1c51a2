"""The tree is as the architecture lays it out, and the packages declare what they use."""

import ast
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aisle_contract.interfaces import TOPICS

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in (ROOT / "src").glob("*/package.xml"))
PYTHON_PACKAGES = [path for path in PACKAGES if (path / path.name).is_dir()]
FOLDERS = {"config", "docs", "launch", "msg", "rosless", "rviz", "src", "test"}
FILES = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "aisle", "colcon.meta"}
ROSDEP_KEYS = {
    "babel": "python3-babel",
    "cv2": "python3-opencv",
    "jinja2": "python3-jinja2",
    "matplotlib": "python3-matplotlib",
    "numba": "python3-numba",
    "numpy": "python3-numpy",
    "pydantic": "python3-pydantic",
    "scipy": "python3-scipy",
    "shapely": "python3-shapely",
    "yaml": "python3-yaml",
}
PIP_ONLY = {"argon2": "argon2-cffi", "fpdf": "fpdf2", "starlette": "fastapi"} | {
    name: name
    for name in (
        *("fastapi", "httpx", "jupedsim", "nicegui", "onnxruntime", "rich", "rosbags", "segno", "sqlalchemy", "stripe"),
        *("aiosmtpd", "trackeval", "typer", "uvicorn"),
    )
}
"""Imported name -> package that rosless/requirements.in installs on every machine."""
TEXTS = {".csv", ".in", ".md", ".msg", ".py", ".rviz", ".toml", ".txt", ".xml", ".yaml", ".yml", ""}
NOT_DONE = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~{}/-])/(home|root|tmp|work|workspace|Users)/\w")


def ours():
    """The files of the project that are written by hand."""
    yield from (path for path in sorted(ROOT.iterdir()) if path.is_file() and not path.name.startswith("."))
    for path in (path for folder in sorted(FOLDERS) for path in sorted((ROOT / folder).rglob("*"))):
        parts = path.relative_to(ROOT).parts
        made = any(part.startswith(".") or part == "__pycache__" or part.endswith(".egg-info") for part in parts)
        if path.is_file() and path.suffix in TEXTS and not made:
            yield path


def read(path):
    return path.read_text(encoding="utf-8")


def test_the_top_level_is_complete():
    assert {path.name for path in ROOT.iterdir()} >= FOLDERS | FILES


def test_no_package_at_the_root():
    """Colcon stops descending at a package and would lose all of src/."""
    assert not (ROOT / "package.xml").exists()


def test_colcon_leaves_rosless_alone():
    assert (ROOT / "rosless" / "COLCON_IGNORE").exists()


@pytest.mark.parametrize("path", sorted((ROOT / "src").glob("aisle_*/aisle_*/*_node.py")), ids=lambda path: path.name)
def test_a_node_file_is_short(path):
    assert len(read(path).splitlines()) <= 150


@pytest.mark.parametrize("path", sorted((ROOT / "launch").iterdir()), ids=lambda path: path.name)
def test_a_launch_file_is_short(path):
    if path.is_file():
        assert path.name.endswith(".launch.py")
        assert len(read(path).splitlines()) <= 80


def test_nothing_is_left_to_do():
    assert [str(path) for path in ours() if NOT_DONE.search(read(path))] == []


def test_no_path_of_a_machine():
    hits = []
    for path in ours():
        if path.name != "requirements.lock":
            hits += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MACHINE_PATH.finditer(read(path))]
    assert hits == []


def test_the_walk_sees_the_project():
    names = {str(path.relative_to(ROOT)) for path in ours()}
    assert {"README.md", "aisle", "msg/Tick.msg", "src/aisle_core/aisle_core/types.py"} <= names
    assert NOT_DONE.search("# TO" + "DO later") and MACHINE_PATH.search('Path("/ho' + 'me/me")')
    assert not MACHINE_PATH.search("msg/x.msg, src/tmp/a, .aisle/tmp/b")


# --- packages


def manifest(package):
    return ElementTree.parse(package / "package.xml").getroot()


def texts(package, *tags):
    return {element.text for tag in tags for element in manifest(package).findall(tag)}


def imports(folder):
    """Top-level packages that the Python files below a folder import."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield node.module.split(".")[0]


@pytest.mark.parametrize("package", PYTHON_PACKAGES, ids=lambda path: path.name)
def test_a_package_declares_what_it_imports(package):
    declared = texts(package, "depend", "exec_depend") | {package.name}
    used = set(imports(package / package.name)) - sys.stdlib_module_names - set(PIP_ONLY)
    assert {name for name in used if ROSDEP_KEYS.get(name, name) not in declared} == set()


def test_the_nodes_declare_the_messages_of_the_registry():
    """They are imported by name."""
    nodes = next(path for path in PACKAGES if path.name == "aisle_nodes")
    assert {topic.type.split("/")[0] for topic in TOPICS} <= texts(nodes, "exec_depend")


def test_what_is_not_from_rosdep_is_installed_by_pip():
    every_machine = (ROOT / "rosless" / "requirements.in").read_text(encoding="utf-8").split("# only without ROS")[0]
    assert set(every_machine.split()) >= set(PIP_ONLY.values())


def test_bringup_installs_what_the_launch_files_use():
    used = {name for name in imports(ROOT / "launch") if name not in sys.stdlib_module_names}
    bringup = next(path for path in PACKAGES if path.name == "aisle_bringup")
    packages = {name for path in (ROOT / "launch").glob("*.py") for name in re.findall(r'package="(\w+)"', read(path))}
    assert used | (packages - {"rviz2"}) <= texts(bringup, "exec_depend")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_is_described_alike_everywhere(package):
    root = manifest(package)
    assert root.find("name").text == package.name
    assert root.find("license").text == "Apache-2.0"
    assert root.find("version").text == version()
    setup = package / "setup.py"
    if setup.exists():
        text = read(setup)
        assert f'version="{version()}"' in text
        assert f'description="{root.find("description").text}"' in text


def version():
    """The version of all packages: that of the core."""
    text = (ROOT / "src" / "aisle_core" / "aisle_core" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "([^"]+)"', text)[1]


@pytest.mark.parametrize("package", PYTHON_PACKAGES, ids=lambda path: path.name)
def test_console_scripts_exist(package):
    setup = (package / "setup.py").read_text(encoding="utf-8")
    scripts = re.findall(r'"(\w+) = ([\w.]+):(\w+)"', setup)
    for _, module, function in scripts:
        source = package / Path(*module.split(".")).with_suffix(".py")
        names = {node.name for node in ast.parse(read(source)).body if isinstance(node, ast.FunctionDef)}
        assert function in names, f"{module}:{function}"
    nodes = {path.stem for path in (package / package.name).glob("*_node.py")} - {"stage_node", "driver_node"}
    assert {name for name, _, _ in scripts} >= nodes
