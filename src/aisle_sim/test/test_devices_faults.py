"""Devices that fail for a while: silent, frozen, restarting; and what the weighing stage makes of it."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from aisle_core.stages import ShelfEventStage
from aisle_core.types import (
    GateEvent,
    GateEventKind,
    Image,
    PlateHealth,
    PlateStates,
    ScaleLayout,
    ScaleReadings,
    ShelfEvents,
)
from aisle_core.weighing import WeighingConfig
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.devices.faults import Faulty
from aisle_sim.devices.gate_sensor import GateSensor
from aisle_sim.devices.image_sensors import DepthImageSensor
from aisle_sim.devices.params import GateParams, PoseParams, ScaleParams
from aisle_sim.devices.pose_sensor import OraclePoseSensor
from aisle_sim.devices.scale_sensor import ScaleSensor
from aisle_sim.physical import LoadStep
from aisle_sim.rendering.params import DepthParams
from aisle_sim.rendering.scene import Scene

from .devices_world import SECOND, START_NS, FakeWorld, clock, corner

STORE = corner()
WORLD = FakeWorld(STORE, 2)
GATEWAY = STORE.gateways[0].device_id
END_S = 12.0
NODE = Path(__file__).resolve().parents[3] / "config" / "nodes" / "shelf_event_node.yaml"


class Fault(NamedTuple):
    """As in a scenario."""

    device: str
    kind: str
    from_s: float
    to_s: float


def scales() -> ScaleSensor:
    goods = dict.fromkeys(STORE.plates, 3.0)
    return ScaleSensor(STORE, STORE.gateways[0], ScaleParams(), clock(), goods, np.random.default_rng(1))


def poses() -> OraclePoseSensor:
    return OraclePoseSensor(STORE, STORE.pose_sources[0], PoseParams(), clock(), np.random.default_rng(1))


def run(sensor: Any, *faults: Fault) -> list[Arrival]:
    return Faulty(sensor, faults, START_NS).advance(START_NS + round(END_S * SECOND), WORLD)


def since(arrival: Arrival) -> float:
    return (arrival.item.stamp_ns - START_NS) / SECOND


def of(kind: type, arrivals: list[Arrival]) -> list[Any]:
    return [arrival.item for arrival in arrivals if isinstance(arrival.item, kind)]


def test_faults_of_other_devices_change_nothing() -> None:
    other = STORE.gateways[1].device_id
    assert [a[:2] for a in run(scales(), Fault(other, "silent", 1.0, 9.0))] == [a[:2] for a in run(scales())]


@pytest.mark.parametrize("make", [scales, poses])
def test_a_silent_device_sends_nothing_and_goes_on_counting(make: Any) -> None:
    expected = [arrival for arrival in run(make()) if not 4.0 <= since(arrival) < 7.0]
    device = make().names[0]
    found = run(make(), Fault(device, "silent", 4.0, 7.0))
    assert sorted(a.item.sequence for a in found if hasattr(a.item, "sequence")) == [
        a.item.sequence for a in expected if hasattr(a.item, "sequence")
    ]
    assert [a.arrival_ns for a in found[1:]] == [a.arrival_ns for a in expected[1:]]


def test_a_gateway_that_is_silent_at_first_announces_its_layout_when_it_speaks() -> None:
    first, second, *_ = run(scales(), Fault(GATEWAY, "silent", 0.0, 3.0))
    assert isinstance(first.item, ScaleLayout)
    assert isinstance(second.item, ScaleReadings)
    assert since(second) >= 3.0
    assert first.arrival_ns <= second.arrival_ns


def test_frozen_scales_repeat_their_last_reading() -> None:
    blocks = of(ScaleReadings, run(scales(), Fault(GATEWAY, "frozen", 4.0, 7.0)))
    assert [block.sequence for block in blocks] == list(range(len(blocks)))
    frozen = [block for block in blocks if 4.0 <= (block.stamp_ns - START_NS) / SECOND < 7.0]
    before = blocks[frozen[0].sequence - 1]
    assert len(frozen) == 15
    assert all((block.mass == before.mass[-1]).all() for block in frozen)
    assert not (blocks[frozen[-1].sequence + 1].mass == before.mass[-1]).all()


def test_frozen_bodies_and_images_repeat_with_new_stamps() -> None:
    source = STORE.pose_sources[0].device_id
    found = [arrival.item for arrival in run(poses(), Fault(source, "frozen", 4.0, 7.0))]
    frozen = [item for item in found if 4.0 <= (item.stamp_ns - START_NS) / SECOND < 7.0]
    assert len({item.stamp_ns for item in frozen}) == len(frozen) > 40
    assert all(item.bodies == found[frozen[0].sequence - 1].bodies for item in frozen)

    device = STORE.depth_sensors[0]
    depth = DepthImageSensor(STORE, Scene(STORE), device, DepthParams(), clock(), np.random.default_rng(1))
    end_ns = START_NS + 2 * SECOND
    faulty = Faulty(depth, [Fault(device.device_id, "frozen", 1.0, 9.0)], START_NS)
    images = [arrival.item for arrival in faulty.advance(end_ns, WORLD) if isinstance(arrival.item, Image)]
    late = [image for image in images if image.stamp_ns >= START_NS + SECOND]
    assert len(late) > 5
    assert all(np.array_equal(image.pixels, images[-len(late) - 1].pixels) for image in late)
    assert not np.array_equal(images[0].pixels, images[1].pixels)


def test_a_restarted_gateway_counts_anew_under_a_new_layout() -> None:
    items = [a.item for a in run(scales(), Fault(GATEWAY, "restart", 3.0, 5.0), Fault(GATEWAY, "restart", 8.0, 9.0))]
    layouts = [number for number, item in enumerate(items) if isinstance(item, ScaleLayout)]
    assert [items[number].revision for number in layouts] == [1, 2, 3]
    assert len({items[number].plate_ids for number in layouts}) == 1
    for number, begin in enumerate(layouts):
        part = items[begin + 1 : layouts[number + 1] if number < 2 else None]
        assert [block.sequence for block in part] == list(range(len(part)))
        assert {block.layout_revision for block in part} == {number + 1}
    assert all(
        not (3.0 <= second < 5.0 or 8.0 <= second < 9.0) for second in ((i.stamp_ns - START_NS) / SECOND for i in items)
    )


def test_a_plate_fails_alone() -> None:
    plain = np.concatenate([block.mass for block in of(ScaleReadings, run(scales()))])
    names = scales().names[1:]
    faults = (
        Fault(names[2], "silent", 4.0, 7.0),
        Fault(names[3], "frozen", 4.0, 7.0),
        Fault(names[4], "restart", 4.0, 5.0),
    )
    mass = np.concatenate([block.mass for block in of(ScaleReadings, run(scales(), *faults))])
    good = np.delete(np.arange(len(names)), [2, 3, 4])
    np.testing.assert_array_equal(mass[:, good], plain[:, good])
    assert np.isnan(mass[:, 2]).sum() == 180
    assert np.isnan(mass[:, 4]).sum() == 60
    still = np.flatnonzero(np.diff(mass[:, 3]) == 0.0)
    assert np.isfinite(mass[:, 3]).all()
    assert ((still > 4.2 * 60) & (still < 6.8 * 60)).sum() > 150


@pytest.mark.parametrize("kind", ["silent", "frozen", "restart"])
def test_a_lane_that_fails_reports_nothing_meanwhile(kind: str) -> None:
    lane = STORE.lanes[0]
    gate = GateSensor(STORE, lane, GateParams(), clock(), np.random.default_rng(1))
    stamps = [START_NS + second * SECOND for second in range(1, 11)]
    gate.add(GateEvent(stamp, n, lane.lane_id, GateEventKind.PASSAGE_IN, None) for n, stamp in enumerate(stamps))
    found = run(gate, Fault(lane.lane_id, kind, 3.5, 6.5))
    assert [round(since(arrival)) for arrival in found] == [1, 2, 3, 7, 8, 9, 10]
    assert [arrival.item.sequence for arrival in found][-1] == (3 if kind == "restart" else 9)


@pytest.mark.parametrize("kind", ["silent", "frozen", "restart"])
def test_weighing_finds_a_pick_that_happens_during_the_fault(kind: str) -> None:
    """One event with the whole change that ends after the fault and begins with the last reading before it.

    A plate that is frozen is said to be stuck.
    """
    sensor = scales()
    plate_id = sensor.plates[5].plate_id
    sensor.add([LoadStep(START_NS + 5 * SECOND, plate_id, -0.6)])
    stage = ShelfEventStage(STORE, tuning())
    outputs = [out for a in run(sensor, Fault(GATEWAY, kind, 4.0, 8.0)) for out in stage.push(a.item)] + stage.finish()
    events = [event for out in outputs if isinstance(out, ShelfEvents) for event in out.events]
    (mine,) = (event for event in events if event.plate_id == plate_id)
    assert mine.mass_change == pytest.approx(-0.6, abs=0.02)
    assert mine.end_ns >= START_NS + 7.9 * SECOND
    assert (mine.start_ns - START_NS) / SECOND == pytest.approx(4.1, abs=0.15)
    states = [out for out in outputs if isinstance(out, PlateStates) and 6.5 < (out.stamp_ns - START_NS) / SECOND < 7.9]
    assert bool(states) == (kind == "frozen")
    assert all(plate.health == PlateHealth.STUCK for state in states for plate in state.plates)
    assert stage.statistics().sources[GATEWAY].late == stage.statistics().clock_jumps == 0


def tuning() -> WeighingConfig:
    """The values that the node runs with."""
    (section,) = yaml.safe_load(NODE.read_text(encoding="utf-8")).values()
    return WeighingConfig(**section["ros__parameters"]["weighing"])
