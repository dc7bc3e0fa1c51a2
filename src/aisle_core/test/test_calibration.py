"""Poses of depth sensors from floor and furniture, and of cameras from tags."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from aisle_core.depth import calibration
from aisle_core.depth.calibration import Surfaces, calibrate, correction, median_depth, moved
from aisle_core.depth.tags import Tag, calibrate_by_tags, find_tags, load_tags
from aisle_core.errors import AisleError
from aisle_core.store import Mount
from aisle_core.store.frames import optical_pose
from aisle_core.types import CameraInfo, Image

from .depth_scene import INFO, SENSOR, pinhole
from .fusion_world import STORE

ROUGH = SENSOR.pose
SMALL = np.array([0.04, -0.035, 0.03, *np.radians([2.0, -1.5, 2.5])])
COARSE = pinhole(80, 60)
BARE = STORE.model_copy(update={"fixtures": ()})


def depth_image(mount, store=STORE, info=INFO, seed=0, noise=1.0):
    """What a sensor there reads of the empty store [m], with noise, goods on a third of the boards, and holes."""
    rng = np.random.default_rng(seed)
    expected = Surfaces(store, info).seen(optical_pose(mount))
    depth = np.where(expected.known, expected.depth, np.nan)
    goods = (expected.front < expected.depth - 0.05) & (rng.random(depth.shape) < 0.3)
    depth[goods] -= 0.6 * (expected.depth - expected.front)[goods]
    depth += noise * (0.0012 + 0.0019 * (depth - 0.4) ** 2) * rng.standard_normal(depth.shape)
    depth[rng.random(depth.shape) < 0.005] = np.nan
    return depth.astype(np.float32)


def off(found, true):
    """Distance [m] and angle [rad] between two poses."""
    move = correction(true, found)
    return np.linalg.norm(move[:3]), np.linalg.norm(move[3:])


mounts = st.builds(
    Mount,
    *[st.floats(-5, 5)] * 3,
    st.floats(-3, 3),
    st.one_of(st.floats(-1.5, 1.5), st.just(math.pi / 2)),
    st.floats(-3, 3),
)
corrections = st.lists(st.floats(-0.3, 0.3), min_size=6, max_size=6).map(np.array)


@settings(max_examples=30)
@given(mounts, corrections)
def test_moving_by_the_correction_between_two_poses_takes_one_to_the_other(mount, by):
    assert_allclose(correction(mount, moved(mount, by)), by, atol=1e-6)


def test_a_turn_goes_about_the_axes_of_map_through_the_sensor():
    turned = optical_pose(moved(ROUGH, np.array([0, 0, 0, 0, 0, 0.1])))
    assert_allclose(turned[:3, 3], ROUGH[:3])
    assert_allclose(turned[:3, :3], Rotation.from_euler("z", 0.1).as_matrix() @ optical_pose(ROUGH)[:3, :3], atol=1e-9)


def test_boards_and_what_is_behind_them_are_told_apart():
    found = [box.kind for box in calibration.blocks(STORE)]
    shelves = [shelf for fixture in STORE.fixtures for shelf in fixture.shelves if shelf.plates]
    assert found.count("solid") >= len(shelves) and found.count("goods") == found.count("unknown")


def test_surfaces_are_met_where_they_are():
    seen = Surfaces(STORE, INFO).seen(optical_pose(ROUGH))
    rays = calibration.View(INFO, optical_pose(ROUGH)).rays.reshape(3, *seen.depth.shape)
    height = ROUGH.z + seen.depth * rays[2]
    tops = {0.0} | {round(float(box.high[2]), 3) for box in calibration.blocks(STORE) if box.kind == "solid"}
    level = seen.known & np.isclose(height[..., None], sorted(tops), atol=1e-4).any(axis=-1)
    assert level[seen.known].mean() > 0.9 and set(np.unique(height[level].round(3)) + 0.0) > {0.0}
    assert (seen.front <= seen.depth).all()


@pytest.mark.parametrize(
    "info, seed, noise, somebody", [(pinhole(168, 126), 1, 1.0, False), (INFO, 2, 3.0, False), (COARSE, 4, 1.0, True)]
)
def test_the_pose_is_found(info, seed, noise, somebody):
    """Of many pixels, which are thinned out; with much noise; and with somebody who stands there all the time."""
    true = moved(ROUGH, SMALL * np.random.default_rng(seed).choice([-1, 1], 6))
    depth = depth_image(true, info=info, seed=seed, noise=noise)
    if somebody:
        depth[20:26, 25:35] = np.fmin(depth[20:26, 25:35], 1.4)
    found = calibrate(STORE, "d1", ROUGH, depth, info)
    distance, angle = off(found.after, true)
    assert distance < 0.015 and angle < math.radians(0.3)
    assert not found.undetermined
    assert found.fit_after.rms < found.fit_before.rms and found.fit_after.inliers > 0.95 > found.fit_before.inliers
    assert found.fit_after.residual.shape == depth.shape
    assert found.before == ROUGH and (found.stddev[[0, 1]] < 0.02).all()


def test_floor_alone_leaves_the_plan_as_it_was_and_the_same_input_gives_the_same_pose():
    wide = BARE.model_copy(update={"floor": ((-20, -20), (20, -20), (20, 20), (-20, 20))})
    true = moved(ROUGH, SMALL)
    depth = depth_image(true, wide, COARSE)
    found = calibrate(wide, "d1", ROUGH, depth, COARSE)
    assert calibrate(wide, "d1", ROUGH, depth, COARSE).after == found.after
    move = correction(ROUGH, found.after)
    assert_allclose(move[[0, 1, 5]], 0, atol=1e-9)
    assert_allclose(move[[2, 3, 4]], SMALL[[2, 3, 4]], atol=0.003)
    assert found.undetermined == ("x", "y", "turn about z")
    assert (found.stddev[[0, 1]] > 0.04).all() and found.stddev[5] > math.radians(2)


def test_the_median_forgets_who_walks_by_and_what_is_seldom_read():
    images = [np.full((10, 10), 3000, np.uint16) for _ in range(5)]
    images[0][:3], images[1][3:6] = 1200, 1200
    for image in images[:3]:
        image[9, 9] = 0
    depth = median_depth([Image(i, "d1", "16UC1", image) for i, image in enumerate(images)], pinhole(10, 10))
    assert np.isnan(depth[9, 9])
    depth[9, 9] = 3
    assert_allclose(depth, 3.0, atol=1e-6)


def test_too_few_readings_are_refused():
    depth = np.full((INFO.height, INFO.width), np.nan, np.float32)
    depth[:10, :10] = 2.0
    with pytest.raises(AisleError, match="d1: 100 of 19200 pixels have a reading in most images, 500 are needed"):
        calibrate(STORE, "d1", ROUGH, depth, INFO)


def test_readings_of_another_place_are_refused():
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.5, 6.0, (COARSE.height, COARSE.width)).astype(np.float32)
    with pytest.raises(AisleError, match=r"d1: .* explain \d+% of its readings .* mend its rough pose or the fixtures"):
        calibrate(STORE, "d1", ROUGH, depth, COARSE)


@pytest.mark.parametrize(
    "by, match", [([0, 0, 0.3, 0, 0, 0], r"0.30 m in z"), ([0, 0, 0, 0.25, 0, 0], r"1\d\.\d deg in turn about x")]
)
def test_a_rough_pose_that_is_far_off_is_refused(by, match):
    true = moved(ROUGH, np.array(by))
    with pytest.raises(AisleError, match=f"d1: the pose found is off by {match}, too far to be trusted"):
        calibrate(STORE, "d1", ROUGH, depth_image(true, info=COARSE), COARSE)


# --- tags

CAMERA = Mount(0.3, 0.3, 2.7, 0.0, 0.55, math.pi / 4)
CAMERA_INFO = CameraInfo(0, "small/c1_optical_frame", 640, 480, 380.0, 380.0, 319.5, 239.5)
TAGS = (
    Tag(id=3, size=0.35, pose=Mount(2.0, 2.2, 0.0, 0.0, -math.pi / 2, 0.0)),
    Tag(id=5, size=0.35, pose=Mount(3.3, 3.5, 1.2, 0.0, 0.0, -2.4)),
    Tag(id=9, size=0.35, pose=Mount(1.8, 3.6, 1.5, 0.1, 0.0, -1.9)),
    Tag(id=12, size=0.35, pose=Mount(3.2, 1.9, 1.0, 0.0, 0.0, -2.7)),
)


def tag_image(mount, tags, seed=0, oversampling=3):
    """Tags on grey, each warped to where its corners are seen, blurred by the pixels, with noise."""
    pose = optical_pose(mount)
    height, width = CAMERA_INFO.height * oversampling, CAMERA_INFO.width * oversampling
    big = np.full((height, width), 120, np.uint8)
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    for tag in tags:
        side, margin = 400, 50
        paper = np.full((side + 2 * margin,) * 2, 255, np.uint8)
        paper[margin:-margin, margin:-margin] = cv2.aruco.generateImageMarker(family, tag.id, side)
        x, y, z = ((tag.corners() - pose[:3, 3]) @ pose[:3, :3]).T
        pixels = np.column_stack([x / z * CAMERA_INFO.fx + CAMERA_INFO.cx, y / z * CAMERA_INFO.fy + CAMERA_INFO.cy])
        square = margin + side * np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) - 0.5
        warp = cv2.getPerspectiveTransform(
            square.astype(np.float32), ((pixels + 0.5) * oversampling - 0.5).astype(np.float32)
        )
        cv2.warpPerspective(paper, warp, (width, height), dst=big, borderMode=cv2.BORDER_TRANSPARENT)
    grey = cv2.resize(big, None, fx=1 / oversampling, fy=1 / oversampling, interpolation=cv2.INTER_AREA)
    noise = 3 * np.random.default_rng(seed).standard_normal((*grey.shape, 3))
    pixels = np.clip(grey[..., None] + noise, 0, 255).astype(np.uint8)
    return Image(seed, CAMERA_INFO.frame_id, "bgr8", pixels)


def test_tags_give_the_pose_of_a_camera():
    true = moved(CAMERA, SMALL)
    found = find_tags([tag_image(true, TAGS, seed) for seed in range(2)])
    assert list(found) == [3, 5, 9, 12]
    result = calibrate_by_tags("c1", CAMERA, TAGS, found, CAMERA_INFO)
    distance, angle = off(result.after, true)
    assert distance < 0.02 and angle < math.radians(0.3)
    assert result.fit_before.rms > 5 and result.fit_after.rms < 1 and result.fit_after.inliers == 1.0
    assert not result.undetermined


def test_one_small_tag_leaves_directions_open():
    found = find_tags([tag_image(moved(CAMERA, SMALL), TAGS[:1])])
    result = calibrate_by_tags("c1", CAMERA, TAGS[:1], found, CAMERA_INFO)
    assert result.undetermined and result.stddev[:3].max() > 0.02


def test_tags_that_nobody_knows_and_that_are_elsewhere_are_refused():
    found = find_tags([tag_image(CAMERA, TAGS)])
    with pytest.raises(AisleError, match=r"c1: sees no tag of tags.yaml \(seen: 3, 5, 9, 12\)"):
        calibrate_by_tags("c1", CAMERA, (), found, CAMERA_INFO)
    elsewhere = TAGS[1].model_copy(update={"pose": TAGS[1].pose._replace(z=1.35)})
    with pytest.raises(AisleError, match=r"c1: the tags do not fit together, tag \d+ is .* px off"):
        calibrate_by_tags("c1", CAMERA, (TAGS[0], elsewhere, *TAGS[2:]), found, CAMERA_INFO)


def test_the_corners_of_a_tag_go_round_as_seen():
    corners = Tag(id=0, size=0.2, pose=Mount(1.0, 2.0, 3.0, 0.0, 0.0, 0.0)).corners()
    assert_allclose(corners, [(1, 1.9, 3.1), (1, 2.1, 3.1), (1, 2.1, 2.9), (1, 1.9, 2.9)])


def test_the_tags_of_a_site(tmp_path):
    assert load_tags(tmp_path) == ()
    (tmp_path / "tags.yaml").write_text("tags:\n  - {id: 7, size: 0.16, pose: [1, 2, 0, 0, -1.570796, 0]}\n")
    assert [tag.id for tag in load_tags(tmp_path)] == [7]
    (tmp_path / "tags.yaml").write_text(
        "tags:\n  - {id: 7, size: 0.16, pose: [1, 2, 0, 0, 0, 0]}\n  - {id: 7, size: 0.2, pose: [1, 2, 0, 0, 0, 0]}\n"
    )
    with pytest.raises(AisleError, match=r"tags.yaml:3: tag 7 stands already in line 2; keep one"):
        load_tags(tmp_path)
