"""A bag stands in for the devices."""

from pathlib import Path

import pytest

from aisle_contract.interfaces import BODY_KEYPOINTS, GATE_EVENTS
from aisle_core.errors import AisleError
from aisle_core.types import Bodies, BodyKeypoints, GateEvent, GateEventKind
from aisle_drivers.backends import open_backend
from aisle_replay.bag import BagWriter

SITE = Path(__file__).resolve().parents[3] / "test" / "sites" / "demo"
VISION = BODY_KEYPOINTS.of("shop", "vision")
LANE = GATE_EVENTS.of("entrance", "lane_in")


@pytest.fixture
def bag(tmp_path: Path) -> str:
    path = tmp_path / "bag"
    with BagWriter(path, SITE) as writer:
        bodies = (BodyKeypoints("1", (), 90, 100),)
        writer.append(1_000, f"/demo/{VISION}", Bodies(100, 0, "vision", bodies))
        writer.append(1_500, f"/demo/{LANE}", GateEvent(1_400, 0, "lane_in", GateEventKind.PASSAGE_IN, None))
        writer.append(3_000, f"/demo/{VISION}", Bodies(2_100, 1, "vision", ()))
    return str(path)


def test_what_was_said_then_is_said_now_with_the_same_lag(bag: str) -> None:
    backend = open_backend("recording", bag, [VISION])
    ((name, first),) = backend.poll(50_000)
    assert (name, first.stamp_ns, first.sequence) == (VISION, 50_000 - 900, 0)
    assert (first.bodies[0].first_capture_ns, first.bodies[0].last_capture_ns) == (50_000 - 910, 50_000 - 900)
    assert list(backend.poll(51_999)) == [] and not backend.ended
    ((_, second),) = backend.poll(52_000)
    assert second.stamp_ns == 52_000 - 900
    assert backend.ended
    backend.close()


def test_each_node_hears_its_own_topics(bag: str) -> None:
    backend = open_backend("recording", bag, [LANE])
    assert list(backend.poll(0)) == []
    assert [name for name, _ in backend.poll(10_000)] == [LANE]
    backend.close()


def test_without_a_bag_the_devices_are_silent() -> None:
    backend = open_backend("recording", "", [VISION])
    assert list(backend.poll(1)) == [] and not backend.ended
    backend.close()


@pytest.mark.parametrize(("backend", "bag"), [("modbus", ""), ("recording", "nowhere")])
def test_a_wrong_backend_or_bag_is_one_line(backend: str, bag: str) -> None:
    with pytest.raises(AisleError, match=r"modbus|nowhere") as caught:
        open_backend(backend, bag, [VISION])
    assert "\n" not in str(caught.value)
