"""When images are taken and when they arrive; that only wanted ones are drawn, and that this changes nothing else."""

import numpy as np
import pytest

from aisle_core.types import CameraInfo, Image
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.devices.image_sensors import ColorImageSensor, DepthImageSensor, ImageSensor
from aisle_sim.devices.params import ClockParams
from aisle_sim.rendering.params import ColorParams, DepthParams
from aisle_sim.rendering.scene import Scene

from .devices_world import MS, SECOND, START_NS, FakeWorld, clock, corner, late, pieces

STORE = corner()
KINDS = ("depth", "color")


def sensor(kind: str, seed: int = 0, slow: bool = False) -> ImageSensor:
    store = late(STORE) if slow else STORE
    rng = np.random.default_rng(seed)
    if kind == "depth":
        return DepthImageSensor(store, Scene(store), store.depth_sensors[0], DepthParams(), clock(seed), rng)
    return ColorImageSensor(store, Scene(store), store.cameras[0], ColorParams(), clock(seed), rng)


def images(arrivals: list[Arrival]) -> list[Image]:
    return [arrival.item for arrival in arrivals if isinstance(arrival.item, Image)]


@pytest.mark.parametrize("kind", KINDS)
def test_images_come_at_the_rate_and_fit_the_pinhole(kind: str) -> None:
    camera = sensor(kind)
    device = STORE.depth_sensors[0] if kind == "depth" else STORE.cameras[0]
    arrivals = camera.advance(START_NS + 3 * SECOND, FakeWorld(STORE, 2))
    for info, image in zip(arrivals[::2], arrivals[1::2], strict=True):
        assert isinstance(info.item, CameraInfo) and isinstance(image.item, Image)
        assert (info.arrival_ns, info.item.stamp_ns) == (image.arrival_ns, image.item.stamp_ns)
        assert info.name == f"{device.zone}/{device.device_id}/{kind}/camera_info"
        assert (info.item.height, info.item.width) == image.item.pixels.shape[:2]
        assert info.item.frame_id == image.item.frame_id == f"{STORE.store_id}/{device.device_id}_optical_frame"
        assert image.name == camera.image_name == f"{device.zone}/{device.device_id}/{kind}/image_rect"
    stamps = [image.stamp_ns for image in images(arrivals)]
    assert len(stamps) == pytest.approx(3 * device.model.rate_hz, abs=1)
    assert np.abs(np.diff(stamps) - SECOND / device.model.rate_hz).max() <= 6 * MS + 1000


@pytest.mark.parametrize("kind", KINDS)
def test_images_arrive_as_late_as_the_profile_says(kind: str) -> None:
    for slow, least, most in ((False, 15.0, 100.0), (True, 2230.0, 2440.0)):
        arrivals = sensor(kind, slow=slow).advance(START_NS + 3 * SECOND, FakeWorld(STORE))
        late_ms = [(arrival.arrival_ns - arrival.item.stamp_ns) / MS for arrival in arrivals]
        assert least <= min(late_ms) <= max(late_ms) <= most


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_drawn_unless_wanted_and_images_do_not_depend_on_it(kind: str) -> None:
    always, sometimes, world, idle = sensor(kind), sensor(kind), FakeWorld(STORE, 2), FakeWorld(STORE, 2)
    expected = always.advance(START_NS + 3 * SECOND, world)
    sometimes.enabled = False
    assert sometimes.advance(START_NS + SECOND, idle) == []
    assert idle.asked == []
    sometimes.enabled = True
    found = sometimes.advance(START_NS + 3 * SECOND, idle)
    assert same(found, expected[-len(found) :])
    assert 0 < len(found) < len(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_slices_do_not_matter(kind: str) -> None:
    sliced, world = sensor(kind, 1), FakeWorld(STORE, 2)
    parts = [
        arrival
        for to_ns in pieces(np.random.default_rng(1), START_NS + 2 * SECOND, SECOND // 5)
        for arrival in sliced.advance(to_ns, world)
    ]
    assert same(parts, sensor(kind, 1).advance(START_NS + 2 * SECOND, world))


def same(some: list[Arrival], others: list[Arrival]) -> bool:
    return [arrival[:2] for arrival in some] == [arrival[:2] for arrival in others] and all(
        one.stamp_ns == other.stamp_ns and np.array_equal(one.pixels, other.pixels)
        for one, other in zip(images(some), images(others), strict=True)
    )


def test_clocks_that_are_off_shift_stamps_only() -> None:
    def depth(offset_ms: float) -> list[Arrival]:
        at = clock(1, ClockParams(offset_ms=offset_ms))
        rng = np.random.default_rng(1)
        camera = DepthImageSensor(STORE, Scene(STORE), STORE.depth_sensors[0], DepthParams(), at, rng)
        return camera.advance(START_NS + SECOND, FakeWorld(STORE, 2))

    true, off = depth(0.0), depth(400.0)
    assert [arrival.arrival_ns for arrival in true] == [arrival.arrival_ns for arrival in off]
    (shift,) = {one.item.stamp_ns - other.item.stamp_ns for one, other in zip(true, off, strict=True)}
    assert abs(shift) > MS
    np.testing.assert_array_equal(images(true)[0].pixels, images(off)[0].pixels)
