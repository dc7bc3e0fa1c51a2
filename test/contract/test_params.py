"""The parameter files fit the nodes, and a wrong one says what is wrong and where."""

import re
from pathlib import Path

import pytest
import yaml

from aisle_cli.docs import params_class
from aisle_contract import params
from aisle_contract.interfaces import nodes
from aisle_core.errors import AisleError

FOLDER = Path(__file__).parents[2] / "config" / "nodes"
every_node = pytest.mark.parametrize("node", nodes())
WRONG = {bool: "yes please", int: 1.5, float: "fast", str: 7}


def test_every_node_has_a_file_and_every_file_a_node():
    assert sorted(path.stem for path in FOLDER.glob("*")) == nodes()


@every_node
def test_a_file_makes_the_parameters(node):
    assert isinstance(params.load(params_class(node), FOLDER / f"{node}.yaml"), params_class(node))


@every_node
def test_values_have_the_type_that_ros_wants(node):
    """A whole number for a float is taken here, but a ROS node would declare an int parameter."""
    values = params.read_file(FOLDER / f"{node}.yaml")
    kinds = params.flatten(params_class(node))
    assert {name for name, value in values.items() if kinds[name] is float and not isinstance(value, float)} == set()


def copy(node, tmp_path, change):
    """The file with its flat values changed."""
    values = params.read_file(FOLDER / f"{node}.yaml")
    change(values)
    path = tmp_path / f"{node}.yaml"
    path.write_text(yaml.safe_dump({f"/**/{node}": {"ros__parameters": values}}), encoding="utf-8")
    return path


def load_error(node, path):
    """The one line that a wrong file gives."""
    with pytest.raises(AisleError) as caught:
        params.load(params_class(node), path)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text


@every_node
def test_an_unknown_key_is_named_with_its_neighbour(node, tmp_path):
    path = copy(node, tmp_path, lambda values: values.update(autostrat=True))
    assert "unknown parameter 'autostrat'; did you mean 'autostart'?" in load_error(node, path)


@every_node
def test_each_missing_key_is_named(node, tmp_path):
    for name in params.flatten(params_class(node)):
        path = copy(node, tmp_path, lambda values, name=name: values.pop(name))
        assert f"parameter '{name}' is missing; add it" in load_error(node, path)


@every_node
def test_each_wrong_type_is_named(node, tmp_path):
    for name, kind in params.flatten(params_class(node)).items():
        wrong = WRONG.get(kind, "no list")
        path = copy(node, tmp_path, lambda values, name=name, wrong=wrong: values.update({name: wrong}))
        assert re.search(rf"parameter '{re.escape(name)}' is .*; give a (value of type|list)", load_error(node, path))


@every_node
def test_the_file_of_another_node_is_refused(node, tmp_path):
    path = tmp_path / "other_node.yaml"
    path.write_text((FOLDER / f"{node}.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(AisleError, match=r"other_node\.yaml: .* exactly one section '/\*\*/other_node:'"):
        params.read_file(path)
