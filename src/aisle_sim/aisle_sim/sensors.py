"""What the sensors of a store send about staged visits, with the times at which it arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aisle_core.store import Lane, Plate, PoseSource, ScaleGateway, Store
from aisle_core.types import (
    Bodies,
    BodyKeypoint,
    BodyKeypoints,
    BodyPart,
    GateEvent,
    GateEventKind,
    ScaleLayout,
    ScaleReadings,
    Tick,
)
from aisle_sim import scales
from aisle_sim.motion import Visit, inside
from aisle_sim.scales import Lean, Load

Array = NDArray[np.float64]
Sensed = ScaleLayout | ScaleReadings | Bodies | GateEvent | Tick

START_NS = 1_772_442_000_000_000_000
"""2 March 2026, 09:00 UTC."""
SAMPLE_PERIOD_NS = 16_666_667
BLOCK = 12
_POSE_RATE = 15.0
_POSE_DELAY_S = 0.08
_BODY_STDDEV, _KEYPOINT_STDDEV, _HAND_STDDEV = 0.015, 0.02, 0.03
_BODY_MEMORY = 0.7
"""Correlation of a body's error from one frame to the next."""
_HAND_MISSED, _BODY_MISSED = 0.05, 0.01
_PARTS = {
    "head": BodyPart.HEAD,
    "neck": BodyPart.NECK,
    "left_shoulder": BodyPart.LEFT_SHOULDER,
    "right_shoulder": BodyPart.RIGHT_SHOULDER,
    "left_hand": BodyPart.LEFT_HAND,
    "right_hand": BodyPart.RIGHT_HAND,
}


class Device(NamedTuple):
    """Zone and id of the device that sends."""

    zone: str
    device_id: str


class Arrival(NamedTuple):
    """One item as it reaches the store; ``device`` is None for the store's own tick."""

    arrival_ns: int
    device: Device | None
    item: Sensed


@dataclass(frozen=True, slots=True)
class Staged:
    """A visit with the time it begins, in seconds since the recording began."""

    visit: Visit
    start_s: float


@dataclass(frozen=True, slots=True)
class Change:
    """What one hand did: units taken are positive, put back negative; ``mass`` [kg] is the change on the plate."""

    stamp_ns: int
    credential: str
    plate_id: str
    sku: str
    quantity: int
    mass: float


def plates_of(store: Store, gateway: ScaleGateway) -> list[Plate]:
    """The plates that a gateway reads, in the order of its columns."""
    return [plate for plate in store.plates.values() if plate.fixture_id == gateway.device_id]


def ticks(end_s: float) -> list[Arrival]:
    stamps = [nanoseconds(second) for second in np.arange(0.0, end_s, 0.1)]
    return [Arrival(stamp_ns, None, Tick(stamp_ns, sequence)) for sequence, stamp_ns in enumerate(stamps)]


def scale_arrivals(
    store: Store,
    gateway: ScaleGateway,
    stock: dict[str, float],
    changes: list[Change],
    staged: list[Staged],
    end_s: float,
    rng: np.random.Generator,
) -> list[Arrival]:
    plates = plates_of(store, gateway)
    device = Device(gateway.zone, gateway.device_id)
    first_ns = nanoseconds(rng.uniform(0.0, 0.1))
    blocks = int((end_s - 0.3) * 1e9 / (BLOCK * SAMPLE_PERIOD_NS))
    time = (first_ns - START_NS + np.arange(blocks * BLOCK) * SAMPLE_PERIOD_NS) / 1e9
    mass = scales.signals(
        plates,
        np.array([stock[plate.plate_id] for plate in plates]),
        [Load(change.plate_id, (change.stamp_ns - START_NS) / 1e9, change.mass) for change in changes],
        [
            Lean(reach.deed.plate_id, one.start_s + reach.change_s)
            for one in staged
            for reach in one.visit.reaches
            if reach.deed.quantity == 0
        ],
        time,
        rng,
    )
    layout = ScaleLayout(first_ns, gateway.device_id, 1, tuple(plate.plate_id for plate in plates))
    arrivals = [Arrival(first_ns, device, layout)]
    for sequence, block in enumerate(mass.reshape(blocks, BLOCK, len(plates))):
        stamp_ns = first_ns + sequence * BLOCK * SAMPLE_PERIOD_NS
        issue_ns = stamp_ns + BLOCK * SAMPLE_PERIOD_NS + int(rng.uniform(0.5e6, 4e6))
        readings = ScaleReadings(stamp_ns, sequence, gateway.device_id, 1, SAMPLE_PERIOD_NS, block, issue_ns)
        arrivals.append(Arrival(issue_ns + int(rng.uniform(0.2e6, 3e6)), device, readings))
    return arrivals


def pose_arrivals(
    store: Store, source: PoseSource, staged: list[Staged], end_s: float, rng: np.random.Generator
) -> list[Arrival]:
    device = Device(source.zone, source.device_id)
    time = np.arange(rng.uniform(0.0, 1.0 / _POSE_RATE), end_s, 1.0 / _POSE_RATE)
    seen = [_seen(store, one, time, rng) for one in staged]
    arrivals = []
    for frame, second in enumerate(time):
        stamp_ns = nanoseconds(second)
        first_capture_ns = stamp_ns - int(rng.uniform(10e6, 60e6))
        order = rng.permutation(len(seen))
        bodies = tuple(
            BodyKeypoints(str(index + 1), seen[index][frame], first_capture_ns, stamp_ns)
            for index in order
            if seen[index][frame]
        )
        arrival_ns = stamp_ns + nanoseconds(_POSE_DELAY_S + rng.uniform(-0.01, 0.01)) - START_NS
        arrivals.append(Arrival(arrival_ns, device, Bodies(stamp_ns, frame, source.device_id, bodies)))
    return arrivals


def _seen(store: Store, one: Staged, time: Array, rng: np.random.Generator) -> list[tuple[BodyKeypoint, ...]]:
    """The key points of one shopper in every frame; none while he is not in the store or overlooked."""
    local = time - one.start_s
    present = (local >= 0.0) & (local <= one.visit.duration)
    present &= inside(np.array(store.floor), one.visit.at(local)) & (rng.random(len(time)) >= _BODY_MISSED)
    shift = np.zeros((len(time), 3))
    fresh = np.sqrt(1.0 - _BODY_MEMORY**2) * _BODY_STDDEV * rng.standard_normal((len(time), 3))
    for frame in range(1, len(time)):
        shift[frame] = _BODY_MEMORY * shift[frame - 1] + fresh[frame]
    noisy: dict[BodyPart, tuple[Array, NDArray[np.bool_], NDArray[np.float32]]] = {}
    for name, exact in one.visit.body(local).items():
        hand = name.endswith("hand")
        stddev = _HAND_STDDEV if hand else _KEYPOINT_STDDEV
        points = exact + shift + stddev * rng.standard_normal(exact.shape)
        shown = rng.random(len(time)) >= (_HAND_MISSED if hand else 0.0)
        noisy[_PARTS[name]] = (points, shown, rng.uniform(0.5, 0.98, len(time)).astype(np.float32))
    return [
        tuple(
            BodyKeypoint(part, (float(p[frame, 0]), float(p[frame, 1]), float(p[frame, 2])), float(score[frame]))
            for part, (p, shown, score) in noisy.items()
            if shown[frame]
        )
        if present[frame]
        else ()
        for frame in range(len(time))
    ]


def gate_arrivals(store: Store, staged: list[Staged], rng: np.random.Generator) -> list[Arrival]:
    entry = next(lane for lane in store.lanes if lane.direction != "out")
    exit_ = next(lane for lane in reversed(store.lanes) if lane.direction != "in")
    moments: list[tuple[float, Lane, GateEventKind, str | None]] = []
    for one in staged:
        visit = one.visit
        moments += [
            (one.start_s + visit.credential_s, entry, GateEventKind.CREDENTIAL, visit.shopper.credential),
            (one.start_s + visit.entry_s, entry, GateEventKind.PASSAGE_IN, None),
            (one.start_s + visit.exit_s, exit_, GateEventKind.PASSAGE_OUT, None),
        ]
    sequences = {lane.lane_id: 0 for lane in store.lanes}
    arrivals = []
    for second, lane, kind, credential in sorted(moments, key=lambda moment: moment[0]):
        stamp_ns = nanoseconds(second)
        event = GateEvent(stamp_ns, sequences[lane.lane_id], lane.lane_id, kind, credential)
        sequences[lane.lane_id] += 1
        arrivals.append(Arrival(stamp_ns + int(rng.uniform(1e6, 8e6)), Device(lane.zone, lane.lane_id), event))
    return arrivals


def nanoseconds(second: float) -> int:
    """Seconds since the recording began -> data time."""
    return START_NS + round(float(second) * 1e9)
