"""What a colour camera reports of the scene: flat shades, goods in the colours of their product, bare faces."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from aisle_core.store import Camera
from aisle_core.store.frames import optical_frame
from aisle_core.types import Image
from aisle_sim.physical import People, Resting

from .meshes import shaded
from .noise import BANK_SIDE, mixed, noise_bank, start_in_bank
from .params import ColorParams
from .scene import Canvas, Scene

OUTSIDE = 0x2E2B28
"""Colour where nothing is, as 0xRRGGBB."""


class ColorRenderer:
    """One simulated colour camera. Frames depend on the stamp and on ``rng`` as it was at construction, only."""

    def __init__(self, scene: Scene, camera: Camera, params: ColorParams, rng: np.random.Generator) -> None:
        self._canvas = Canvas(scene, camera, shaded, OUTSIDE)
        self._frame_id = optical_frame(scene.store_id, camera.device_id)
        self._key = int(rng.integers(2**63))
        self._bank = noise_bank(camera.model.width, 0.0)
        gain = np.array(params.white_balance) * (1 + params.white_balance_stddev * rng.standard_normal(3))
        self._signal = (params.exposure * gain[:, None] * np.arange(256)).astype(np.float32)
        self._stddev = np.sqrt(params.read_noise**2 + params.shot_gain * self._signal).astype(np.float32)

    def render(self, people: People, resting: Sequence[Resting], resting_revision: int) -> Image:
        """The frame at ``people.stamp_ns``, bgr8; the goods are drawn anew where they changed with the revision."""
        _, colours = self._canvas.render(people, resting, resting_revision)
        pixels = np.empty((*colours.shape, 3), np.uint8)
        key = np.uint64((self._key + people.stamp_ns) % 2**64)
        _expose(colours, pixels, self._signal, self._stddev, self._bank, key)
        return Image(people.stamp_ns, self._frame_id, "bgr8", pixels)


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _expose(colours, pixels, signal, stddev, bank, key):
    """Grey levels from colours; a channel's mean and noise by its level are in ``signal`` and ``stddev`` (3, 256)."""
    height, width = colours.shape
    half, full = np.float32(0.5), np.float32(255)
    for channel in range(3):
        first_row, first_column = start_in_bank(mixed(key, channel))
        mean, spread = signal[channel], stddev[channel]
        for row in range(height):
            noise = bank[(first_row + row) % BANK_SIDE, first_column : first_column + width]
            for column in range(width):
                level = (colours[row, column] >> (8 * channel)) & 255
                value = mean[level] + spread[level] * noise[column] + half
                pixels[row, column, channel] = np.uint8(min(max(value, np.float32(0)), full))
