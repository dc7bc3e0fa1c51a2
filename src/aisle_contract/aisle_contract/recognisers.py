"""Recognisers by name: the built-in one, or a model of the user's own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aisle_core.errors import AisleError
from aisle_core.evidence import ColourRecogniser, Recogniser

Floats = NDArray[np.float64]

_SHARPNESS = 20.0
"""Differences of cosines to log likelihoods: the inverse of 0.05. Z. Wu et al. (CVPR 2018) train with 0.07."""
_GREY = 0.5


class OnnxRecogniser:
    """A model that turns an image into an embedding: input (1, 3, height, width) RGB 0 to 1, output (1, d).

    Pixels outside the mask are grey. The score is the cosine with the reference, times 20.
    """

    def __init__(self, path: Path) -> None:
        """Raises AisleError when the file is no such model."""
        try:
            import onnxruntime  # type: ignore[import-untyped]
        except ImportError:
            raise AisleError(f"{path}: ONNX Runtime is not installed; install the package onnxruntime") from None
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise AisleError(f"{path}: cannot be read: {error.strerror}; give an .onnx file") from None
        except Exception as error:
            raise AisleError(f"{path}: no model that ONNX Runtime can run: {error}; export it again") from None
        self.name = f"onnx-{digest[:16]}"
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(outputs) != 1 or len(shape) != 4 or not all(isinstance(n, int) for n in shape[1:]):
            raise AisleError(
                f"{path}: takes {[i.shape for i in inputs]}; give a model with one input (1, 3, height, width)"
            )
        self._input, (self._height, self._width) = inputs[0].name, shape[2:]

    def describe(self, view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Floats:
        """(d,) embedding of unit length of what is in the mask, grey around it."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        colours = np.where(mask[part][..., None], view[part][..., ::-1] / 255, _GREY).astype(np.float32)
        image = cv2.resize(colours, (self._width, self._height), interpolation=cv2.INTER_AREA)
        (found,) = self._session.run(None, {self._input: image.transpose(2, 0, 1)[None]})
        vector = np.asarray(found, np.float64).ravel()
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    def compare(self, seen: Floats, references: Floats, typical: Floats) -> Floats:
        """(n,) cosine times 20; a product never shown has the mean of the others."""
        cosine = references @ seen / np.maximum(np.linalg.norm(references, axis=1), 1e-12)
        known = cosine[~np.isnan(cosine)]
        found: Floats = _SHARPNESS * np.nan_to_num(cosine, nan=float(known.mean()) if len(known) else 0.0)
        return found


def open_recogniser(name: str) -> Recogniser:
    """``colour``, or the path of an .onnx file. Raises AisleError for anything else."""
    if name == "colour":
        return ColourRecogniser()
    if name.endswith(".onnx"):
        return OnnxRecogniser(Path(name).expanduser())
    raise AisleError(f"recogniser '{name}' is not known; give 'colour' or the path of an .onnx file")
