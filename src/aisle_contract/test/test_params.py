"""Parameter files: what is read, and what a wrong one says."""

from dataclasses import dataclass

import pytest

from aisle_contract import params
from aisle_core.errors import AisleError

HEAD = "/**/some_node:\n  ros__parameters:\n"
GOOD = HEAD + "    name: a\n    rate: 2.5\n    ids: [1, 2]\n    inner:\n      count: 3\n      active: true\n"


@dataclass(frozen=True, slots=True)
class Inner:
    count: int
    active: bool

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"count is {self.count}; give 0 or more")


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    rate: float
    ids: tuple[int, ...]
    inner: Inner


VALUES = {"name": "a", "rate": 2.5, "ids": [1, 2], "inner.count": 3, "inner.active": True}


@pytest.fixture
def write(tmp_path):
    def write_file(text):
        path = tmp_path / "some_node.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def test_a_file_makes_the_dataclass(write):
    assert params.load(Outer, write(GOOD)) == Outer("a", 2.5, (1, 2), Inner(3, True))


def test_names_are_joined_by_dots():
    assert params.flatten(Outer) == {
        "name": str, "rate": float, "ids": tuple[int, ...], "inner.count": int, "inner.active": bool,
    }  # fmt: skip
    assert params.flatten_values({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}


def test_a_whole_number_is_a_float():
    built = params.build(Outer, VALUES | {"rate": 2}, "here")
    assert type(built.rate) is float


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nam": 1}, "here: unknown parameter 'nam'; did you mean 'name'?"),
        ({"zzzzzz": 1}, "here: unknown parameter 'zzzzzz'; remove it"),
        ({"inner.cuont": 1}, "here: unknown parameter 'inner.cuont'; did you mean 'inner.count'?"),
        ({"name": 7}, "here: parameter 'name' is 7; give a value of type str"),
        ({"rate": "fast"}, "here: parameter 'rate' is 'fast'; give a value of type float"),
        ({"rate": True}, "here: parameter 'rate' is True; give a value of type float"),
        ({"inner.count": 1.0}, "here: parameter 'inner.count' is 1.0; give a value of type int"),
        ({"inner.count": True}, "here: parameter 'inner.count' is True; give a value of type int"),
        ({"inner.active": 1}, "here: parameter 'inner.active' is 1; give a value of type bool"),
        ({"ids": 1}, "here: parameter 'ids' is 1; give a list"),
        ({"ids": [1, "b"]}, "here: parameter 'ids' is 'b'; give a value of type int"),
        ({"inner.count": -1}, "here: count is -1; give 0 or more (group 'inner')"),
    ],
)
def test_a_wrong_value_is_named(change, message):
    with pytest.raises(AisleError) as caught:
        params.build(Outer, VALUES | change, "here")
    assert str(caught.value) == message


@pytest.mark.parametrize("name", VALUES)
def test_a_missing_value_is_named(name):
    values = {key: value for key, value in VALUES.items() if key != name}
    with pytest.raises(AisleError, match=f"^here: parameter '{name}' is missing; add it$"):
        params.build(Outer, values, "here")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2\n", r":2: not YAML: .*; mend the file"),
        ("", r": the file must hold exactly one section '/\*\*/some_node:'"),
        ("/**:\n  ros__parameters: {}\n", r": the file must hold exactly one section '/\*\*/some_node:'"),
        (GOOD + "other:\n  ros__parameters: {}\n", r": the file must hold exactly one section '/\*\*/some_node:'"),
        ("/**/some_node:\n  parameters: {}\n", r": '/\*\*/some_node' has no 'ros__parameters:'"),
        ("/**/some_node: 3\n", r": '/\*\*/some_node' has no 'ros__parameters:'"),
        ("/**/some_node:\n  ros__parameters:\n", r": '/\*\*/some_node' has no 'ros__parameters:'"),
    ],
)
def test_a_wrong_file_is_named(write, text, message):
    path = write(text)
    with pytest.raises(AisleError, match="^" + str(path) + message) as caught:
        params.read_file(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AisleError, match=r"none\.yaml: cannot be read: No such file or directory; give an existing"):
        params.read_file(tmp_path / "none.yaml")


def test_optional_parameters_are_not_supported():
    @dataclass
    class Optional:
        rate: float | None

    with pytest.raises(TypeError, match="parameter rate: optional parameters are not supported"):
        params.build(Optional, {"rate": 1.0}, "here")
