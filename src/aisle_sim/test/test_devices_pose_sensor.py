"""The oracle source of people: the true bodies, as far off as a pose estimator."""

from collections import Counter

import numpy as np
import pytest

from aisle_core.store import Store
from aisle_core.types import Bodies, BodyPart
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.devices.params import ClockParams, PoseParams
from aisle_sim.devices.pose_sensor import OraclePoseSensor
from aisle_sim.physical import JOINTS

from .devices_world import MS, NOTHING, SECOND, START_NS, FakeWorld, clock, corner, late, pieces

STORE = corner()
HANDS = (BodyPart.LEFT_HAND, BodyPart.RIGHT_HAND)
EXACT = PoseParams(
    body_stddev=0.0, hand_stddev=0.0, point_jitter=0.0, hand_jitter=0.0, body_missed=0.0, hand_missed=0.0,
    capture_spread_ms=NOTHING,
)  # fmt: skip
TRUE_CLOCK = ClockParams(offset_ms=0.0, drift_ppm=0.0)


def run(
    params: PoseParams, seconds: float = 60.0, count: int = 3, seed: int = 0, store: Store = STORE,
    clocks: ClockParams = TRUE_CLOCK,
) -> list[Arrival]:  # fmt: skip
    sensor = OraclePoseSensor(store, store.pose_sources[0], params, clock(seed, clocks), np.random.default_rng(seed))
    return sensor.advance(START_NS + round(seconds * SECOND), FakeWorld(store, count))


def errors(arrivals: list[Arrival], part: BodyPart) -> np.ndarray:
    """(frames, bodies, 3) reported less true positions [m]; frames in which a body lacks the part are left out."""
    world, found = FakeWorld(STORE, 3), []
    for arrival in arrivals:
        true = world.people(arrival.item.stamp_ns).joints[:, JOINTS.index(part.name.lower())]
        points = {
            body.label: keypoint.position
            for body in arrival.item.bodies
            for keypoint in body.keypoints
            if keypoint.part == part
        }
        if len(points) == 3:
            found.append(np.array([points[label] for label in ("1", "2", "3")]) - true)
    return np.array(found)


def test_without_errors_the_points_are_true() -> None:
    for part in BodyPart:
        if part not in (BodyPart.UNKNOWN, BodyPart.HAND):
            assert np.abs(errors(run(EXACT, 2.0), part)).max() < 1e-9


def test_frames_come_at_the_rate_and_count_without_gaps() -> None:
    items: list[Bodies] = [arrival.item for arrival in run(PoseParams(rate_hz=15.0))]
    assert len(items) == pytest.approx(900, abs=2)
    assert [item.sequence for item in items] == list(range(len(items)))
    gaps_ms = np.diff([item.stamp_ns for item in items]) / MS
    assert np.abs(gaps_ms - 1000.0 / 15.0).max() <= 6.0 + 0.001
    assert gaps_ms.std() == pytest.approx(np.sqrt(2.0), rel=0.15)


def test_vision_arrives_as_late_as_the_profile_says() -> None:
    for store, least, median, most in ((STORE, 40.0, 65.0, 100.0), (late(STORE), 2230.0, 2316.0, 2440.0)):
        late_ms = [
            (arrival.arrival_ns - arrival.item.stamp_ns) / MS
            for arrival in run(EXACT, 20.0, store=store, clocks=ClockParams())
        ]
        assert min(late_ms) > least - 3.0
        assert np.median(late_ms) == pytest.approx(median, abs=15.0)
        assert max(late_ms) <= most


def test_a_whole_body_errs_slowly_and_its_hands_more() -> None:
    arrivals = run(PoseParams(capture_spread_ms=NOTHING), 100.0)
    head, hand = errors(arrivals, BodyPart.HEAD), errors(arrivals, BodyPart.LEFT_HAND)
    assert head.std() == pytest.approx(0.016, rel=0.2)
    assert hand.std() == pytest.approx(np.hypot(0.016, 0.032), rel=0.2)
    assert correlation(head, 1) > 0.8
    assert correlation(head, 60) < 0.3
    jitter = np.abs(np.diff(head, axis=0)) / np.sqrt(2.0)
    assert np.median(jitter) < 0.006
    assert jitter.max() > 8 * np.median(jitter)


def test_captures_spread_as_recorded_and_blur_who_moves() -> None:
    arrivals = run(EXACT.model_copy(update={"capture_spread_ms": PoseParams().capture_spread_ms}), 120.0)
    spread_ms = [
        (body.last_capture_ns - body.first_capture_ns) / MS for arrival in arrivals for body in arrival.item.bodies
    ]
    assert np.percentile(spread_ms, 50) == pytest.approx(79.0, rel=0.1)
    assert max(spread_ms) <= 303.0
    assert all(body.last_capture_ns == arrival.item.stamp_ns for arrival in arrivals for body in arrival.item.bodies)
    behind = np.linalg.norm(errors(arrivals, BodyPart.NECK)[1:], axis=2)
    assert behind.mean() == pytest.approx(0.6 * np.mean(spread_ms) / 2000.0, rel=0.15)
    assert behind.max() <= 0.6 * 0.303 * 1.05


def test_hands_and_bodies_are_missed_now_and_then() -> None:
    arrivals = run(PoseParams(hand_missed=0.2, body_missed=0.1), 120.0)
    bodies = [body for arrival in arrivals for body in arrival.item.bodies]
    assert len(bodies) == pytest.approx(3 * len(arrivals) * 0.9, rel=0.02)
    parts = Counter(keypoint.part for body in bodies for keypoint in body.keypoints)
    assert all(parts[hand] == pytest.approx(0.8 * len(bodies), rel=0.03) for hand in HANDS)
    assert parts[BodyPart.HEAD] == len(bodies)
    assert all(0.0 <= keypoint.score <= 1.0 for body in bodies for keypoint in body.keypoints)


def test_labels_stay_and_can_be_left_out() -> None:
    assert {len(errors(run(EXACT, 5.0), BodyPart.HEAD)[0])} == {3}
    bodies = [body for arrival in run(EXACT.model_copy(update={"labels": False}), 5.0) for body in arrival.item.bodies]
    assert bodies
    assert all(body.label is None for body in bodies)


def test_the_order_of_bodies_tells_nothing() -> None:
    first = Counter(arrival.item.bodies[0].label for arrival in run(EXACT))
    assert min(first[label] for label in ("1", "2", "3")) > 0.25 * first.total()


def test_people_outside_the_sales_floor_are_not_seen() -> None:
    sensor = OraclePoseSensor(STORE, STORE.pose_sources[0], EXACT, clock(), np.random.default_rng(0))
    far = FakeWorld(STORE, 3, radius=100.0)
    assert all(not arrival.item.bodies for arrival in sensor.advance(START_NS + SECOND, far))


@pytest.mark.parametrize("seed", range(3))
def test_slices_do_not_matter(seed: int) -> None:
    rng, world = np.random.default_rng(seed), FakeWorld(STORE, 4)
    sensor = OraclePoseSensor(STORE, STORE.pose_sources[0], PoseParams(), clock(seed), np.random.default_rng(seed))
    parts = [
        arrival for to_ns in pieces(rng, START_NS + 5 * SECOND, SECOND // 4) for arrival in sensor.advance(to_ns, world)
    ]
    assert parts == run(PoseParams(), 5.0, count=4, seed=seed, clocks=ClockParams())


def test_an_empty_store_is_told_too() -> None:
    arrivals = run(PoseParams(), 2.0, count=0)
    assert len(arrivals) > 25
    assert all(arrival.item.bodies == () for arrival in arrivals)


def correlation(values: np.ndarray, lag: int) -> float:
    off = values - values.mean(axis=0)
    return float((off[lag:] * off[:-lag]).mean() / (off**2).mean())
