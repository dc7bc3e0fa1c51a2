"""Depth sensors and colour cameras: when they take an image, when it arrives, and that it is drawn only if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from aisle_contract.interfaces import COLOR_IMAGE, COLOR_INFO, DEPTH_IMAGE, DEPTH_INFO, Topic
from aisle_core.store import Camera, DepthSensor, Store
from aisle_core.types import Image
from aisle_sim.physical import HasPeople, People, Resting
from aisle_sim.rendering.color_image import ColorRenderer
from aisle_sim.rendering.depth_image import DepthRenderer
from aisle_sim.rendering.params import ColorParams, DepthParams
from aisle_sim.rendering.pinhole import camera_info
from aisle_sim.rendering.scene import Scene

from .arrivals import Arrival
from .clocks import Captures, Clock, Kind


class Visible(HasPeople, Protocol):
    """The world, as far as it can be seen."""

    @property
    def resting(self) -> Sequence[Resting]:
        """Goods on plates and on the floor, now."""

    @property
    def resting_revision(self) -> int:
        """Changes with ``resting``."""


class Renderer(Protocol):
    """Draws one device's images; what it draws depends on the stamp, not on what it drew before."""

    def render(self, people: People, resting: Sequence[Resting], resting_revision: int, /) -> Image:
        """The image at ``people.stamp_ns``."""


class ImageSensor:
    """A device that takes images at an even rate, each with its pinhole.

    While ``enabled`` is False nothing is drawn or sent, but time, jitter and latency go on, so that an image does not
    depend on whether those before it were wanted. Goods are drawn as they rest when ``advance`` is called.
    """

    def __init__(
        self, device: DepthSensor | Camera, renderer: Renderer, image: Topic, info: Topic, kind: Kind, store: Store,
        clock: Clock, rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.names = (device.device_id,)
        self.image_name, self._info_name = (topic.of(device.zone, device.device_id) for topic in (image, info))
        self.enabled = True
        self._renderer, self._clock = renderer, clock
        self._info = camera_info(store.store_id, device)
        self._captures = Captures(clock, device.model.rate_hz, clock.latency(kind, store), rng)

    def due(self, to_ns: int) -> list[int]:
        """Instants at which it will look at the world."""
        return self._captures.due(to_ns)

    def advance(self, to_ns: int, world: Visible) -> list[Arrival]:
        """Every image that is taken by ``to_ns``."""
        taken = self._captures.until(to_ns)
        if not self.enabled:
            return []
        return [one for true_ns, arrival_ns in taken for one in self._image(true_ns, arrival_ns, world)]

    def _image(self, true_ns: int, arrival_ns: int, world: Visible) -> list[Arrival]:
        """The pinhole and the image."""
        stamp_ns = self._clock.device_stamp(true_ns)
        image = self._renderer.render(world.people(true_ns), world.resting, world.resting_revision)
        return [
            Arrival(arrival_ns, self._info_name, replace(self._info, stamp_ns=stamp_ns)),
            Arrival(arrival_ns, self.image_name, replace(image, stamp_ns=stamp_ns)),
        ]


class DepthImageSensor(ImageSensor):
    """A depth sensor."""

    def __init__(
        self,
        store: Store,
        scene: Scene,
        sensor: DepthSensor,
        params: DepthParams,
        clock: Clock,
        rng: np.random.Generator,
    ) -> None:
        renderer = DepthRenderer(scene, sensor, params, rng)
        super().__init__(sensor, renderer, DEPTH_IMAGE, DEPTH_INFO, Kind.DEPTH, store, clock, rng)


class ColorImageSensor(ImageSensor):
    """A colour camera."""

    def __init__(
        self, store: Store, scene: Scene, camera: Camera, params: ColorParams, clock: Clock, rng: np.random.Generator
    ) -> None:
        renderer = ColorRenderer(scene, camera, params, rng)
        super().__init__(camera, renderer, COLOR_IMAGE, COLOR_INFO, Kind.COLOR, store, clock, rng)
