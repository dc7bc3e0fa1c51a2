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

    monkeypatch.setattr("aisle_contract.convert.MESSAGE_OF", {Odd: "ScaleLayout"})
    with pytest.raises(TypeError, match="no rule for dict"):
        Codec(classes, array).to_message(Odd({}))
