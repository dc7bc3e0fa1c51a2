"""A user's own model stands in for the built-in recogniser."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from aisle_contract.recognisers import open_recogniser
from aisle_core.errors import AisleError
from aisle_core.evidence import ColourRecogniser


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The mean colour as an embedding."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 8, 6))
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, (1, 3))
    graph = helper.make_graph(nodes, "mean", [image], [embedding])
    path = tmp_path / "mean.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 8
    onnx.save(made, path)
    return path


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((10, 12, 3), colour, np.uint8)


def test_a_model_tells_colours_apart(model: Path) -> None:
    recogniser = open_recogniser(str(model))
    everything = np.ones((10, 12), bool)
    red, green = (recogniser.describe(plain(colour), everything) for colour in ((0, 0, 250), (0, 250, 0)))
    references = np.array([red, green, np.full(3, np.nan)])
    seen = recogniser.describe(plain((10, 10, 200)), everything)
    scores = recogniser.compare(seen, references, references[:2].mean(axis=0))
    assert scores[0] > scores[2] > scores[1]


def test_what_is_outside_the_mask_does_not_count(model: Path) -> None:
    recogniser = open_recogniser(str(model))
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:9] = True
    one, other = plain((0, 0, 250)), plain((0, 0, 250))
    other[~mask] = (250, 0, 0)
    np.testing.assert_array_equal(recogniser.describe(one, mask), recogniser.describe(other, mask))


def test_the_name_changes_with_the_model(model: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.onnx"
    again.write_bytes(model.read_bytes())
    assert open_recogniser(str(model)).name == open_recogniser(str(again)).name
    assert open_recogniser("colour").name == ColourRecogniser.name


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with pytest.raises(AisleError, match=r"no\.onnx: no model that ONNX Runtime can run"):
        open_recogniser(str(tmp_path / "no.onnx"))
    with pytest.raises(AisleError, match=r"none\.onnx: cannot be read"):
        open_recogniser(str(tmp_path / "none.onnx"))
    with pytest.raises(AisleError, match="'shape' is not known"):
        open_recogniser("shape")
