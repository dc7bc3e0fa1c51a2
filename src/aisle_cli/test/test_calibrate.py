"""``./aisle calibrate``: from a bag of the simulated store into the site."""

import math
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from aisle_cli.calibrate import edit_poses, write_poses
from aisle_cli.main import app
from aisle_contract.interfaces import COLOR_IMAGE, COLOR_INFO, DEPTH_IMAGE, DEPTH_INFO
from aisle_core.depth.calibration import correction, moved
from aisle_core.errors import AisleError
from aisle_core.store import Mount, load_store
from aisle_replay.bag import BagWriter
from aisle_sim.physical import People
from aisle_sim.rendering.color_image import ColorRenderer
from aisle_sim.rendering.depth_image import DepthRenderer
from aisle_sim.rendering.params import ColorParams, DepthParams
from aisle_sim.rendering.pinhole import camera_info
from aisle_sim.rendering.scene import Scene

CORNER = Path(__file__).parents[3] / "config" / "stores" / "corner"
MOVES = {
    "d03": np.array([0.03, -0.04, 0.03, *np.radians([1.5, -2.0, 2.0])]),
    "d04": np.array([-0.04, 0.03, -0.03, *np.radians([-1.0, 1.5, -1.5])]),
}


def nobody(stamp_ns: int) -> People:
    none = np.empty((0, 2))
    return People(stamp_ns, (), none, none, np.empty(0), np.empty(0), np.empty((0, 13, 3)), ())


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images of two sensors that hang elsewhere than the site says, and of a camera."""
    path = tmp_path_factory.mktemp("bags") / "empty_store"
    store = load_store(CORNER)
    scene, params = Scene(store), DepthParams(scale_stddev=0)
    with BagWriter(path, CORNER) as writer:
        for number, sensor in enumerate(store.depth_sensors):
            if sensor.device_id not in MOVES:
                continue
            hung = sensor.model_copy(update={"pose": moved(sensor.pose, MOVES[sensor.device_id])})
            renderer = DepthRenderer(scene, hung, params, np.random.default_rng(number))
            image, info = (f"/corner/{topic.of('shop', sensor.device_id)}" for topic in (DEPTH_IMAGE, DEPTH_INFO))
            for stamp_ns in range(0, 500_000_000, 100_000_000):
                writer.append(stamp_ns, info, camera_info("corner", hung))
                writer.append(stamp_ns, image, renderer.render(nobody(stamp_ns), (), 1))
        camera = store.cameras[0]
        image, info = (f"/corner/{topic.of('shop', camera.device_id)}" for topic in (COLOR_IMAGE, COLOR_INFO))
        writer.append(0, info, camera_info("corner", camera))
        color = ColorRenderer(scene, camera, ColorParams(), np.random.default_rng(0))
        writer.append(0, image, color.render(nobody(0), (), 1))
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CORNER, tmp_path / "corner"))


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["calibrate", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_poses_are_found_drawn_and_written(bag: Path, site: Path, tmp_path: Path) -> None:
    before = (site / "sensors.yaml").read_text()
    code, text = run(str(site), "--from", str(bag), "--write", "--picture", str(tmp_path / "calibration.png"))
    assert code == 0
    assert "written" in text and "2 poses" in text and "mm" in text
    store, old = load_store(site), load_store(CORNER)
    for new, was in zip(store.depth_sensors, old.depth_sensors, strict=True):
        error = correction(moved(was.pose, MOVES.get(was.device_id, np.zeros(6))), new.pose)
        assert np.linalg.norm(error[:3]) < 0.015 and np.linalg.norm(error[3:]) < math.radians(0.3)
        assert was.device_id in MOVES or new.pose == was.pose
    after = (site / "sensors.yaml").read_text()
    changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert len(changed) == 2 and all(a.split("[")[0] == b.split("[")[0] for a, b in changed)
    image = cv2.imread(str(tmp_path / "calibration.png"))
    assert image.std() > 10 and image.shape[1] > 800


def test_nothing_is_written_without_being_asked(bag: Path, site: Path) -> None:
    before = (site / "sensors.yaml").read_bytes()
    code, text = run(str(site), "--from", str(bag), "--device", "d03")
    assert code == 0 and "--write puts the poses into the site" in text
    assert "d03" in text and "d04" not in text
    assert (site / "sensors.yaml").read_bytes() == before


def test_what_cannot_be_calibrated_is_named_and_the_rest_goes_on(bag: Path, site: Path) -> None:
    code, text = run(str(site), "--from", str(bag), "--device", "d03", "--device", "d01", "--write")
    assert code == 1
    assert "d01: " in text and "no depth images" in text and "1 poses" in text


def test_a_device_that_is_none(bag: Path) -> None:
    with pytest.raises(AisleError, match=r"'d99' is no depth sensor or camera of 'corner'; it has d01, .*c02"):
        run(str(CORNER), "--from", str(bag), "--device", "d99")


def test_a_bag_without_images_of_the_store(bag: Path, site: Path) -> None:
    (site / "store.yaml").write_text((site / "store.yaml").read_text().replace("store_id: corner", "store_id: other"))
    with pytest.raises(AisleError, match="has no depth images of a sensor of 'other'"):
        run(str(site), "--from", str(bag))


def test_a_camera_needs_tags(bag: Path, site: Path) -> None:
    with pytest.raises(AisleError, match=r"c01: .* no colour images, camera_info and a tags.yaml"):
        run(str(site), "--from", str(bag), "--device", "c01")
    (site / "tags.yaml").write_text("tags:\n  - {id: 7, size: 0.2, pose: [2, 2, 0, 0, -1.570796, 0]}\n")
    with pytest.raises(AisleError, match=r"c01: sees no tag of tags.yaml \(seen: none\)"):
        run(str(site), "--from", str(bag), "--device", "c01")


POSE = Mount(1.0, 2.0, 3.0, 0.1, 1.5, -0.2)
TEXT = """# Gerät über der Tür
depth_sensors:
  - {device_id: d1, pose: [0, 1.5, 3e0, 0.0, 1.57, 1.57], zone: shop} # keep
  - pose: # block
      - 1   # x
      - 2
      - 3
      - 0
      - 0
      - 0 # yaw

    device_id: d2
cameras: []
"""


def test_only_the_numbers_of_a_pose_change() -> None:
    assert edit_poses(TEXT, {}) == TEXT
    first = edit_poses(TEXT, {"d1": POSE})
    assert first == TEXT.replace("[0, 1.5, 3e0, 0.0, 1.57, 1.57]", "[1.0, 2.0, 3.0, 0.1, 1.5, -0.2]")
    second = edit_poses(TEXT, {"d2": POSE})
    assert "- 1.0   # x\n      - 2.0\n      - 3.0\n      - 0.1\n      - 1.5\n      - -0.2 # yaw\n\n" in second
    assert second.splitlines()[:3] == TEXT.splitlines()[:3]


def test_a_pose_that_the_site_would_refuse_is_not_written(site: Path) -> None:
    before = (site / "sensors.yaml").read_bytes()
    with pytest.raises(AisleError, match=r"not written: .*sensors.yaml:16: 'd01' at \(-1, 2\) is outside the store"):
        write_poses(site, {"d01": POSE._replace(x=-1.0)})
    assert (site / "sensors.yaml").read_bytes() == before


def test_a_pose_that_two_devices_share_is_not_written(site: Path) -> None:
    text = (site / "sensors.yaml").read_text()
    text = text.replace("d01, zone: shop, model: ceiling, pose: [", "d01, zone: shop, model: ceiling, pose: &p [")
    text = text.replace("pose: [3.75, 1.25, 3.0, 0.0, 1.570796, 1.570796]", "pose: *p")
    (site / "sensors.yaml").write_text(text)
    with pytest.raises(AisleError, match="the pose of 'd02' is shared by a YAML alias"):
        write_poses(site, {"d01": POSE})
    assert (site / "sensors.yaml").read_text() == text
