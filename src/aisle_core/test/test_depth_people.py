"""People in depth images: who is found and where, who is not, and what bad images do."""

import copy
import dataclasses
import functools
import math

import numpy as np
import pytest

from aisle_core.depth import DepthPeople, Shelves
from aisle_core.errors import AisleError
from aisle_core.types import Image, PersonDetections

from .depth_scene import CONFIG, INFO, PERIOD_NS, SENSOR, Scene, arm, box, ellipsoid, person, pinhole, stage
from .fusion_world import STORE, hand


@functools.cache
def empty(info, encoding):
    """A scene and who looks at it, after it was seen empty for a while."""
    scene, people = Scene(info), stage()
    for _ in range(25):
        people.step(scene.image(encoding=encoding), info)
    return scene, people


def found(*bodies, frames=4, info=INFO, encoding="16UC1"):
    """What is found in the last image, after the empty scene was seen for a while."""
    scene, people = copy.deepcopy(empty(info, encoding))
    for _ in range(frames):
        batch = people.step(scene.image(*bodies, encoding=encoding), info)
    return batch.detections


def near(detection, x, y, within):
    return math.dist(detection.position[:2], (x, y)) < within


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
@pytest.mark.parametrize(("x", "y"), [(0.5, -1.2), (1.4, -1.8), (-0.6, -0.8)])
def test_one_person(x, y, encoding):
    (one,) = found(person(x, y), encoding=encoding)
    assert near(one, x, y, 0.06)
    assert math.dist(one.head, (x, y, 1.75)) < 0.06
    assert one.label is None and one.hands == ()
    assert one.confidence > CONFIG.heads.min_confidence


def test_more_pixels():
    (one,) = found(person(1.2, -1.6), info=pinhole(320, 240))
    assert math.dist(one.head, (1.2, -1.6, 1.75)) < 0.05


@pytest.mark.parametrize(("apart", "height"), [(0.35, 1.6), (0.4, 1.6), (0.45, 1.7), (0.48, 1.75)])
def test_two_who_touch(apart, height):
    two = found(person(0.3, -1.4), person(0.3, -1.4 + apart, height))
    assert len(two) == 2
    first, second = sorted(two, key=lambda one: one.head[1])
    assert math.dist(first.head[:2], (0.3, -1.4)) < 0.08 and math.dist(second.head[:2], (0.3, -1.4 + apart)) < 0.08


@pytest.mark.parametrize("turn", [0.0, math.pi / 4, math.pi / 2])
def test_two_heads_that_nearly_touch_are_two(turn):
    x, y = 0.3 + 0.24 * math.cos(turn), -1.4 + 0.24 * math.sin(turn)
    two = found(person(0.3, -1.4), person(x, y, 1.72))
    assert len(two) == 2


@pytest.mark.parametrize("turn", [0.0, math.pi / 4])
def test_who_stands_beside_a_taller_one_is_found_in_every_direction(turn):
    x, y = 0.3 + 0.4 * math.cos(turn), -1.4 + 0.4 * math.sin(turn)
    two = found(person(0.3, -1.4), person(x, y, 1.5))
    assert len(two) == 2
    assert min(math.dist(one.head, (x, y, 1.5)) for one in two) < 0.08


def test_the_back_of_who_bends_beside_somebody_upright_does_not_move_the_place():
    back = [ellipsoid(0.3, -0.8, 1.2, 0.2, 0.22, 0.12), ellipsoid(0.3, -0.8, 0.5, 0.12, 0.12, 0.45)]
    upright = max(found(person(0.3, -1.3), back), key=lambda one: one.head[2])
    assert near(upright, 0.3, -1.3, 0.1)


@pytest.mark.parametrize("height", [1.05, 1.2, 1.35])
def test_a_child_alone(height):
    (one,) = found(person(0.6, -1.5, height))
    assert math.dist(one.head, (0.6, -1.5, height)) < 0.06


def test_a_child_beside_an_adult():
    two = found(person(0.3, -1.4), person(0.85, -1.4, 1.15))
    assert len(two) == 2
    assert min(abs(one.head[2] - 1.15) for one in two) < 0.06


def test_a_person_at_the_edge_is_right_or_left_to_the_neighbour():
    scene, people = Scene(period_ns=0), stage()
    people.step(scene.image(), INFO)
    for x in np.arange(1.8, 3.4, 0.1):
        for one in people.step(scene.image(person(float(x), -1.2)), INFO).detections:
            assert near(one, x, -1.2, 4 * math.sqrt(one.position_covariance[0]))
    assert people.step(scene.image(person(3.2, -1.2)), INFO).detections == ()


def test_who_stands_still_for_minutes_stays():
    scene, people = Scene(period_ns=10 * PERIOD_NS), stage()
    for _ in range(5):
        people.step(scene.image(), INFO)
    counts = [len(people.step(scene.image(person(0.9, -1.5)), INFO).detections) for _ in range(150)]
    assert counts == [1] * 150
    (one,) = people.step(scene.image(person(0.9, -1.5)), INFO).detections
    assert near(one, 0.9, -1.5, 0.06)
    for _ in range(8):
        batch = people.step(scene.image(), INFO)
    assert batch.detections == ()


def test_who_stands_there_from_the_first_image_on_is_found():
    scene, people = Scene(period_ns=5 * PERIOD_NS), stage()
    counts = [len(people.step(scene.image(person(0.9, -1.5)), INFO).detections) for _ in range(120)]
    assert min(counts) == 1


@pytest.mark.parametrize("height", [0.95, 1.1])
def test_a_trolley_is_nobody_and_becomes_part_of_the_scene(height):
    trolley = [box(0.8, -1.5, height / 2, 0.28, 0.45, height / 2)]
    assert found(trolley, frames=3) == ()
    scene, people = Scene(period_ns=10 * PERIOD_NS), stage()
    for _ in range(40):
        assert people.step(scene.image(trolley), INFO).detections == ()


def test_who_pushes_a_trolley_is_one():
    scene, people = Scene(), stage()
    for _ in range(5):
        people.step(scene.image(), INFO)
    for y in np.arange(-2.2, -1.2, 0.1):
        trolley = [box(0.6, y + 0.65, 0.5, 0.26, 0.4, 0.5)]
        (one,) = people.step(scene.image(person(0.6, float(y)), trolley), INFO).detections
        assert near(one, 0.6, y, 0.12)


def test_a_basket_that_somebody_carries_is_not_a_second_person():
    (one,) = found([*person(0.5, -1.4), box(0.85, -1.4, 0.7, 0.15, 0.22, 0.12)])
    assert near(one, 0.5, -1.4, 0.08)


def test_who_bends_towards_a_shelf_has_a_hidden_hand_below_the_head():
    heights = []
    for top, before in ((1.5, 0.22), (1.1, 0.08)):
        (one,) = found(person(0.5, -before, top))
        (hidden,) = one.hands
        assert abs(hidden.position[0] - 0.5) < 0.1
        covariance = np.array(hidden.covariance).reshape(3, 3)
        assert (np.linalg.eigvalsh(covariance) > 0).all()
        heights.append(hidden.position[2])
    assert 1.0 > heights[0] > heights[1] > 0.0


@pytest.mark.parametrize("plate", ["p2", "p5", "p9", "p14"])
def test_the_plate_of_a_reaching_hand(plate):
    x, y, z = STORE.plates[plate].centre
    grip = (x, y - 0.1, z + 0.12)
    (one,) = found([*person(x + 0.15, -0.4), *arm((x + 0.02, -0.38, 1.4), grip)])
    assert one.hands
    best = max(one.hands, key=lambda seen: Shelves(STORE).likely(seen, 1, 0.15)[0].probability)
    likely = Shelves(STORE).likely(best, 3, 0.15)
    assert plate in [chance.plate_id for chance in likely]
    assert math.dist(best.position[:1], grip[:1]) < 0.08


def test_an_empty_store_gives_nothing():
    scene, people = Scene(), stage()
    for number in range(300):
        batch = people.step(scene.image(), INFO)
        assert batch == PersonDetections(number * PERIOD_NS, number, "d1", ())


def test_goods_that_were_put_on_a_shelf_become_part_of_the_scene():
    goods = [box(0.45, 0.1, 1.65, 0.2, 0.08, 0.12)]
    scene, people = Scene(), stage()
    for _ in range(25):
        people.step(scene.image(), INFO)
    for _ in range(100):
        people.step(scene.image(goods), INFO)
    (one,) = people.step(scene.image(goods, person(0.45, -0.45)), INFO).detections
    assert one.hands == ()


# --- shelves


def test_a_hand_in_a_plate_is_most_likely_there():
    for plate_id, plate in STORE.plates.items():
        x, y, z = plate.centre
        first, *others = Shelves(STORE).likely(hand((x, y, z + 0.15)), 3, 0.15)
        assert first.plate_id == plate_id
        assert all(first.probability >= other.probability for other in others)


def test_a_hand_far_away_is_at_no_plate():
    assert Shelves(STORE).likely(hand((3.0, -3.0, 1.0)), 3, 0.15) == []


# --- bad images


def spoiled(image, **changes):
    return dataclasses.replace(image, **changes)


@pytest.mark.parametrize(
    ("bad", "info", "says"),
    [
        (
            lambda image: spoiled(image, encoding="bgr8", pixels=np.zeros((120, 160, 3), np.uint8)),
            INFO,
            "publish 16UC1",
        ),
        (lambda image: image, None, "no camera_info"),
        (lambda image: spoiled(image, pixels=np.zeros_like(image.pixels)), INFO, "no reading"),
        (
            lambda image: spoiled(image, encoding="32FC1", pixels=np.full((120, 160), np.nan, np.float32)),
            INFO,
            "no reading",
        ),
        (lambda image: spoiled(image, pixels=np.ones((240, 320), np.uint16)), INFO, "of this resolution"),
        (lambda image: image, dataclasses.replace(INFO, fx=0.0), "no pinhole"),
        (lambda image: image, dataclasses.replace(INFO, cx=math.nan), "no pinhole"),
    ],
)
def test_bad_images_are_refused_with_a_remedy_and_forgotten(bad, info, says):
    scene, people = Scene(), stage()
    for _ in range(25):
        people.step(scene.image(), INFO)
    image = scene.image(person(0.9, -1.5))
    with pytest.raises(AisleError, match=says) as refused:
        people.step(bad(image), info)
    assert "; " in str(refused.value)
    batch = people.step(scene.image(person(0.9, -1.5)), INFO)
    assert len(batch.detections) == 1 and batch.sequence == 25


def test_another_resolution_with_its_camera_info_begins_anew():
    scene, people = Scene(), stage()
    for _ in range(5):
        people.step(scene.image(person(0.9, -1.5)), INFO)
    large = pinhole(320, 240)
    scene = Scene(large)
    for _ in range(5):
        batch = people.step(scene.image(person(0.9, -1.5)), large)
    assert len(batch.detections) == 1


def test_both_encodings_give_the_same_people():
    scene, millimetres, metres = Scene(), stage(), stage()
    for bodies in [[]] * 12 + [[person(0.9, -1.5)]] * 3:
        image = scene.image(*bodies)
        float_image = spoiled(image, encoding="32FC1", pixels=image.pixels.astype(np.float32) * np.float32(0.001))
        assert metres.step(float_image, INFO) == millimetres.step(image, INFO)


def test_infinite_and_negative_readings_are_no_readings():
    scene, people = Scene(), stage()
    for _ in range(25):
        people.step(scene.image(encoding="32FC1"), INFO)
    image = scene.image(person(0.9, -1.5), encoding="32FC1")
    pixels = image.pixels.copy()
    pixels[::7] = np.inf
    pixels[3::7] = -1.0
    (one,) = people.step(Image(image.stamp_ns, image.frame_id, "32FC1", pixels), INFO).detections
    assert near(one, 0.9, -1.5, 0.1)


def test_the_same_images_give_the_same_people():
    body = [*person(0.9, -1.5), ellipsoid(1.2, -1.4, 1.0, 0.05, 0.05, 0.05)]
    assert found(body) == found(body)


def test_state_carries_over():
    scene, people = Scene(), stage()
    for _ in range(25):
        people.step(scene.image(person(0.2, -1.5)), INFO)
    twin = DepthPeople.restore(CONFIG, STORE, SENSOR, people.state())
    for _ in range(15):
        image = scene.image(person(0.9, -1.5))
        assert twin.step(image, INFO) == people.step(image, INFO)


@pytest.mark.parametrize(
    ("group", "change"),
    [
        (CONFIG, {"cell": 0.0}),
        (CONFIG, {"lean": (0.2, 0.1)}),
        (CONFIG, {"edge": 0.0}),
        (CONFIG.heads, {"min_confidence": 1.5}),
        (CONFIG.hands, {"pixels": 0}),
        (CONFIG.background, {"follow": 0.0}),
    ],
)
def test_bad_values_are_refused(group, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(group, **change)
