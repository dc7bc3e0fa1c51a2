"""Random numbers for pixels, much faster than a generator per pixel, and different in every frame."""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

BANK_SIDE = 512
"""A frame starts at a random row and column of the bank, with either sign: half a million different frames."""


@lru_cache(maxsize=8)
def noise_bank(width: int, smoothness_px: float) -> NDArray[np.float32]:
    """(BANK_SIDE, BANK_SIDE + width) standard normal noise, alike over ``smoothness_px``; repeats after BANK_SIDE."""
    white = np.random.default_rng(1).standard_normal((BANK_SIDE, BANK_SIDE)).astype(np.float32)
    bank = gaussian_filter(white, smoothness_px, mode="wrap")
    bank -= bank.mean()
    bank /= bank.std()
    wide = np.take(bank, np.arange(BANK_SIDE + width) % BANK_SIDE, axis=1)
    wide.flags.writeable = False
    return wide


@numba.njit(cache=True, nogil=True, error_model="numpy")
def mixed(key, index):
    """64 random bits for ``index`` of the stream ``key`` (SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    z = np.uint64(key) + (np.uint64(index) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def uniform(key, index):
    """A number in [0, 1) for ``index`` of the stream ``key``."""
    return np.float32(mixed(key, index) >> np.uint64(40)) * np.float32(2**-24)


@numba.njit(cache=True, nogil=True)
def start_in_bank(bits):
    """Row and column of the bank by random bits."""
    return int(bits >> np.uint64(8)) % BANK_SIDE, int(bits >> np.uint64(24)) % BANK_SIDE
