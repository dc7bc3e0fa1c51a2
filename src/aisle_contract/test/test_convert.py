"""What the codec refuses, over message classes made from the .msg files; round trips are tested with real libraries."""

import dataclasses
import re
from array import array
from pathlib import Path

import numpy as np
import pytest

from aisle_contract.convert import Codec, nanoseconds
from aisle_core import types as core
from aisle_core.errors import AisleError

MSG = Path(__file__).parents[3] / "msg"
FOREIGN = {
    "builtin_interfaces/msg/Time": {"sec": 0, "nanosec": 0},
    "geometry_msgs/msg/Point": {"x": 0.0, "y": 0.0, "z": 0.0},
    "std_msgs/msg/Header": {"stamp": None, "frame_id": ""},
    "sensor_msgs/msg/Image": dict.fromkeys(["header", "height", "width", "encoding", "is_bigendian", "step", "data"]),
    "sensor_msgs/msg/CameraInfo": dict.fromkeys(
        ["header", "height", "width", "distortion_model", "d", "k", "r", "p", "binning_x", "binning_y", "roi"]
    ),
    "sensor_msgs/msg/RegionOfInterest": dict.fromkeys(["x_offset", "y_offset", "height", "width", "do_rectify"]),
}


def classes(name):
    """A plain class with the fields of the message."""
    if name in FOREIGN:
        fields = FOREIGN[name]
    else:
        text = (MSG / f"{name.split('/')[2]}.msg").read_text(encoding="utf-8")
        fields = dict.fromkeys(re.findall(r"^[\w/<>=\[\]]+ +(\w+)$", text, re.MULTILINE))
    return dataclasses.make_dataclass(name.split("/")[2], [(field, object, value) for field, value in fields.items()])


CODEC = Codec(classes, lambda code, values: array(code, np.asarray(values).ravel().tolist()))
READINGS = core.ScaleReadings(
    stamp_ns=3, sequence=4, gateway_id="g1", layout_revision=0, sample_period_ns=5, mass=np.zeros((2, 3), np.float32)
)
HAND = core.Hand(core.HandSide.LEFT, (1.0, 2.0, 3.0), (0.0,) * 9)
DETECTION = core.PersonDetection(None, (1.0, 2.0, 0.0), (0.0,) * 4, (1.0, 2.0, 1.7), (HAND,), 0.5)
DETECTIONS = core.PersonDetections(stamp_ns=7, sequence=0, source_id="vision", detections=(DETECTION,))
GATE_EVENT = core.GateEvent(1, 0, "lane_in", core.GateEventKind.CREDENTIAL, "abc")


def test_positions_must_be_in_map():
    message = CODEC.to_message(DETECTIONS)
    assert message.header.frame_id == "map"
    message.header.frame_id = "camera"
    with pytest.raises(AisleError, match=r"^PersonDetectionArray: frame_id is 'camera'; publish positions in 'map'$"):
        CODEC.to_core(message, core.PersonDetections)


def test_a_message_without_positions_may_have_any_frame():
    message = CODEC.to_message(READINGS)
    assert message.header.frame_id == ""
    message.header.frame_id = "anything"
    assert CODEC.to_core(message, core.ScaleReadings).gateway_id == "g1"


@pytest.mark.parametrize("samples", [0, 4, 7])
def test_the_samples_must_divide_the_masses(samples):
    message = CODEC.to_message(READINGS)
    message.sample_count = samples
    with pytest.raises(AisleError, match=rf"ScaleReadings\.mass: 6 values do not make {samples} equal rows; send"):
        CODEC.to_core(message, core.ScaleReadings)


@pytest.mark.parametrize(("samples", "plates"), [(2, 3), (1, 6), (3, 0)])
def test_a_matrix_keeps_its_shape(samples, plates):
    mass = np.arange(samples * plates, dtype=np.float32).reshape(samples, plates)
    message = CODEC.to_message(dataclasses.replace(READINGS, mass=mass))
    assert message.sample_count == samples
    back = CODEC.to_core(message, core.ScaleReadings).mass
    assert back.dtype == np.float32 and back.shape == mass.shape and (back == mass).all()


def test_an_unknown_enum_value_names_message_field_and_file():
    message = CODEC.to_message(GATE_EVENT)
    message.kind = 99
    with pytest.raises(AisleError, match=r"^GateEvent\.kind: 99 is not a valid GateEventKind; .*\.msg file$"):
        CODEC.to_core(message, core.GateEvent)


def test_an_unknown_enum_value_deep_inside_names_the_part():
    message = CODEC.to_message(DETECTIONS)
    message.detections[0].hands[0].side = 3
    with pytest.raises(AisleError, match=r"^Hand\.side: 3 is not a valid HandSide"):
        CODEC.to_core(message, core.PersonDetections)


def test_an_absent_value_is_not_looked_at():
    message = CODEC.to_message(dataclasses.replace(GATE_EVENT, credential=None))
    assert message.has_credential is False
    message.credential = "garbage"
    assert CODEC.to_core(message, core.GateEvent).credential is None


def test_optional_stamps_and_points():
    message = CODEC.to_message(dataclasses.replace(READINGS, issue_ns=2_000_000_001))
    assert (message.has_issue_stamp, message.issue_stamp.sec, message.issue_stamp.nanosec) == (True, 2, 1)
    message = CODEC.to_message(dataclasses.replace(DETECTION, head=None))
    assert (message.has_head, message.head.z) == (False, 0.0)
    assert CODEC.to_core(message, core.PersonDetection).head is None


@pytest.mark.parametrize("stamp_ns", [0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_123_456_789, -1])
def test_stamps_are_exact(stamp_ns):
    stamp = CODEC.stamp(stamp_ns)
    assert 0 <= stamp.nanosec < 1_000_000_000
    assert nanoseconds(stamp) == stamp_ns


def test_numbers_are_packed_as_the_library_wants_them():
    message = CODEC.to_message(DETECTION)
    assert message.position_covariance == array("d", [0.0] * 4)
    assert CODEC.to_message(READINGS).mass == array("f", [0.0] * 6)


def test_a_core_type_without_a_rule_is_a_programming_error(monkeypatch):
    @dataclasses.dataclass
    class Odd:
        gateway_id: dict[str, str]

    monkeypatch.setattr("aisle_contract.convert.MESSAGE_OF", {Odd: "aisle_msgs/msg/ScaleLayout"})
    with pytest.raises(TypeError, match="no rule for dict"):
        Codec(classes, array).to_message(Odd({}))


IMAGES = [
    core.Image(5, "d01_optical_frame", "16UC1", np.arange(6, dtype=np.uint16).reshape(2, 3)),
    core.Image(5, "d01_optical_frame", "32FC1", np.arange(6, dtype=np.float32).reshape(2, 3)),
    core.Image(5, "c01_optical_frame", "bgr8", np.arange(18, dtype=np.uint8).reshape(2, 3, 3)),
]


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.encoding)
def test_an_image_with_padded_rows_or_the_other_byte_order_is_the_same(image):
    message = CODEC.to_message(image)
    assert np.array_equal(CODEC.to_core(message, core.Image).pixels, image.pixels)
    rows = np.frombuffer(message.data, np.uint8).reshape(2, -1)
    message.data, message.step = np.pad(rows, ((0, 0), (0, 4))).tobytes(), message.step + 4
    assert np.array_equal(CODEC.to_core(message, core.Image).pixels, image.pixels)
    message.data, message.step = image.pixels.astype(image.pixels.dtype.newbyteorder(">")).tobytes(), message.step - 4
    message.is_bigendian = 1
    assert np.array_equal(CODEC.to_core(message, core.Image).pixels, image.pixels)


def test_an_image_that_is_not_what_it_says_is_refused():
    message = CODEC.to_message(IMAGES[0])
    message.height = 3
    with pytest.raises(AisleError, match=r"^Image: 12 bytes with step 6 do not make 3 rows of 6 bytes; send step x"):
        CODEC.to_core(message, core.Image)
    message.encoding = "yuv"
    with pytest.raises(AisleError, match=r"^Image: encoding 'yuv' is unknown; send one of 16UC1, 32FC1, bgr8$"):
        CODEC.to_core(message, core.Image)


def test_a_camera_without_focal_length_is_refused():
    message = CODEC.to_message(core.CameraInfo(0, "", 3, 2, 100.0, 100.0, 1.0, 0.5))
    message.p = np.zeros(12)
    with pytest.raises(AisleError, match=r"^CameraInfo: the focal lengths in P are not above 0; calibrate the camera$"):
        CODEC.to_core(message, core.CameraInfo)
