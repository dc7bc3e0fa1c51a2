"""Clocks: offset, drift, and arrivals in order within the bounds of the latency profile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle_sim.devices.clocks import Captures, Kind
from aisle_sim.devices.params import ClockParams

from .devices_world import MS, SECOND, START_NS, clock, corner, late

HOUR = 3600 * SECOND


@pytest.mark.parametrize("seed", range(20))
def test_a_synchronised_clock_is_off_by_milliseconds(seed: int) -> None:
    device = clock(seed)
    for since in (0, HOUR, 10 * HOUR):
        assert abs(device.device_stamp(START_NS + since) - START_NS - since) <= 6 * MS


def test_clocks_of_devices_differ_and_drift() -> None:
    params = ClockParams(offset_ms=500.0, drift_ppm=50.0)
    devices = [clock(seed, params) for seed in range(200)]
    offsets = np.array([device.device_stamp(START_NS) - START_NS for device in devices]) / MS
    gained = np.array([device.device_stamp(START_NS + HOUR) - START_NS - HOUR for device in devices]) / MS - offsets
    assert np.abs(offsets).max() <= 500.0
    assert offsets.std() == pytest.approx(500.0 / np.sqrt(3.0), rel=0.15)
    assert np.abs(gained).max() <= 50e-6 * 3_600_000.0
    assert gained.std() == pytest.approx(180.0 / np.sqrt(3.0), rel=0.15)


@given(st.integers(0, 1000), st.integers(0, 24 * HOUR))
def test_true_time_undoes_the_device_stamp(seed: int, since_ns: int) -> None:
    device = clock(seed, ClockParams(offset_ms=500.0, drift_ppm=50.0))
    assert abs(device.true_time(device.device_stamp(START_NS + since_ns)) - START_NS - since_ns) <= 1


@pytest.mark.parametrize("kind", list(Kind))
def test_arrivals_keep_the_order_and_come_within_the_bound(kind: Kind) -> None:
    device = clock()
    latency = device.latency(kind, corner())
    sent = START_NS + np.cumsum(np.random.default_rng(1).integers(1, 20 * MS, 5000))
    arrivals = np.array([device.arrival(int(stamp), latency) for stamp in sent])
    assert (np.diff(arrivals) >= 0).all()
    assert ((arrivals - sent) / MS >= latency.least).all()
    assert ((arrivals - sent) / MS <= latency.most + 0.001).all()


@pytest.mark.parametrize("kind", [Kind.POSES, Kind.DEPTH, Kind.COLOR])
def test_vision_is_late_as_the_profile_says(kind: Kind) -> None:
    default, slow = (clock().latency(kind, store) for store in (corner(), late(corner())))
    assert default.most <= 100.0
    assert slow.median == pytest.approx(2310.0, abs=20.0)
    assert slow.most <= 2440.0


@pytest.mark.parametrize("kind", [Kind.SCALES, Kind.GATES])
def test_scales_and_gates_are_not(kind: Kind) -> None:
    assert clock().latency(kind, late(corner())) == clock().latency(kind, corner())


def test_captures_keep_rate_and_order_and_jitter_is_bounded() -> None:
    for jitter_ms, bound_ms, stddev in ((2.0, 6.0, 2.0), (1000.0, 40.0, None)):
        device = clock(1, ClockParams(capture_jitter_ms=jitter_ms))
        captures = Captures(device, 10.0, device.latency(Kind.DEPTH, corner()), np.random.default_rng(1))
        taken = captures.until(START_NS + 500 * SECOND)
        times, arrivals = (np.array(column) for column in zip(*taken, strict=True))
        assert len(times) == pytest.approx(5000, abs=1)
        assert times.min() >= START_NS
        assert (np.diff(times) > 0).all()
        assert (np.diff(arrivals) >= 0).all()
        off = (times - times[0] - 100 * MS * np.arange(len(times))) / MS
        assert np.ptp(off) <= 2 * bound_ms + 0.001
        assert stddev is None or off.std() == pytest.approx(stddev, rel=0.05)
        assert captures.until(START_NS + 500 * SECOND) == []
