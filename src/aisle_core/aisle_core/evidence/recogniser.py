"""Recognisers: what a view is like, and how well it fits the products' reference views."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..errors import AisleError

Floats = NDArray[np.float64]

REFERENCES_FILE = "appearance.npz"
"""Reference views in a site's folder, beside its six files."""
_BINS = (8, 16, 16)
"""Of L, a and b of CIE 1976 L*a*b*: lightness says less, as shadows change it."""
_SPREAD = (0.8, 1.0, 1.0)
"""Standard deviation by which a colour may seem another one: light, white balance, noise [bins]."""
_OTHER, _LEAST = 0.5, 1e-4
"""Share of pixels that show something else than the product, and the least probability of their colour."""


class Recogniser(Protocol):
    """Describes views of things, and compares them.

    name: kind and version; references of another one are of no use.
    """

    @property
    def name(self) -> str: ...

    def describe(self, view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Floats:
        """(d,) descriptor of the pixels of ``view`` (h, w, 3) BGR that are in ``mask`` (h, w)."""
        ...

    def compare(self, seen: Floats, references: Floats, typical: Floats) -> Floats:
        """(n,) log likelihood of the view ``seen`` (d,) for each of the ``references`` (n, d), per pixel.

        A reference of NaN is a product that nobody has shown. typical: (d,) mean of all references.
        """
        ...


class ColourRecogniser:
    """A histogram of colours; the likelihood is that of a pixel drawn from the product's colours, or from the store's.

    M. J. Swain, D. H. Ballard, Color Indexing (IJCV 7, 1991), with the cross-entropy in place of the intersection.
    """

    name = "colour-1"

    def describe(self, view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Floats:
        """(2048,) share of the pixels in each bin of L*a*b*."""
        count = colours([(view, mask)])
        found: Floats = count / max(count.sum(), 1)
        return found

    def compare(self, seen: Floats, references: Floats, typical: Floats) -> Floats:
        """(n,) mean log likelihood of the pixels; a product never shown has the colours of the store."""
        other = _smoothed(typical) + _LEAST
        smooth = np.array([_smoothed(reference) for reference in np.where(np.isnan(references), typical, references)])
        found: Floats = np.log((1 - _OTHER) * smooth + _OTHER * other) @ seen
        return found


def colours(views: Iterable[tuple[NDArray[np.uint8], NDArray[np.bool_]]]) -> Floats:
    """(2048,) number of pixels of all views (h, w, 3) BGR in their masks (h, w) in each bin of L*a*b*."""
    count = np.zeros(math.prod(_BINS))
    for view, mask in views:
        count += np.bincount(_bins(view)[mask], minlength=len(count))
    return count


def new_colours(view: NDArray[np.uint8], mask: NDArray[np.bool_], own: Floats) -> NDArray[np.bool_]:
    """(h, w) pixels in the mask in colours of which there are at least twice as many as in ``own`` (2048,)."""
    is_new = _smoothed(colours([(view, mask)])) >= 2 * _smoothed(own)
    return mask & is_new[_bins(view)]


def _bins(view: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(h, w) number of each pixel's bin."""
    if not view.size:
        return np.zeros(view.shape[:2], np.int64)
    lab = cv2.cvtColor(np.ascontiguousarray(view), cv2.COLOR_BGR2LAB).astype(np.int64) * np.array(_BINS) // 256
    found: NDArray[np.int64] = np.ravel_multi_index(tuple(np.moveaxis(lab, -1, 0)), _BINS)
    return found


def _smoothed(histogram: Floats) -> Floats:
    """The histogram with colours spread over neighbouring bins."""
    cube: Floats = histogram.reshape(_BINS)
    for axis, spread in enumerate(_SPREAD):
        cube = gaussian_filter1d(cube, spread, axis=axis, mode="constant", truncate=2.0)
    spread_out: Floats = cube.ravel()
    return spread_out


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Reference views of products by one recogniser: skus (n,), views (n, d)."""

    recogniser: str
    skus: tuple[str, ...]
    views: Floats

    @property
    def typical(self) -> Floats:
        """(d,) mean view."""
        mean: Floats = self.views.mean(axis=0)
        return mean

    def of(self, skus: Sequence[str]) -> Floats:
        """(n, d) views of these products, NaN for those that were never shown."""
        row_of = {sku: row for row, sku in enumerate(self.skus)}
        found = np.full((len(skus), self.views.shape[1]), np.nan)
        for row, sku in enumerate(skus):
            if sku in row_of:
                found[row] = self.views[row_of[sku]]
        return found


def write_references(path: Path, references: References) -> None:
    """Write them as NumPy's .npz. Raises AisleError when that is not possible."""
    partial = path.with_name(f".{path.name}.partial.npz")
    try:
        np.savez_compressed(
            partial,
            recogniser=np.array(references.recogniser),
            skus=np.array(references.skus),
            views=references.views.astype(np.float32),
        )
        partial.replace(path)
    except OSError as error:
        raise AisleError(f"{path}: cannot be written: {error.strerror}; give a folder you may write to") from None


def read_references(path: Path, recogniser: str) -> References:
    """Read them. Raises AisleError when there are none, or those of another recogniser."""
    try:
        with np.load(path, allow_pickle=False) as file:
            name = str(file["recogniser"])
            skus = tuple(str(sku) for sku in file["skus"])
            views = file["views"].astype(np.float64)
    except FileNotFoundError:
        raise AisleError(f"{path}: there are no reference views; make them with ./aisle enroll") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise AisleError(f"{path}: no reference views: {error}; make them again with ./aisle enroll") from None
    if name != recogniser:
        raise AisleError(f"{path}: made by recogniser '{name}', this is '{recogniser}'; make them with ./aisle enroll")
    if views.ndim != 2 or len(views) != len(skus):
        raise AisleError(f"{path}: {len(skus)} products, but views of shape {views.shape}; make them again")
    return References(name, skus, views)
