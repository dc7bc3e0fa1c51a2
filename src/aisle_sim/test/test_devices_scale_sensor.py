"""Simulated scales: true to the load in the long run, and as bad as the recorded ones in the short."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_core.store import Store
from aisle_core.types import ScaleLayout, ScaleReadings
from aisle_sim.devices.arrivals import Arrival
from aisle_sim.devices.params import ScaleParams
from aisle_sim.devices.scale_sensor import BLOCK, SAMPLE_PERIOD_NS, ScaleSensor
from aisle_sim.physical import Load, LoadPress, LoadStep, PressKind

from .devices_world import MS, NOTHING, SECOND, START_NS, STILL, FakeWorld, clock, corner, pieces

GOODS = 3.0
COUNT = 0.241e-3
PICK = 0.623
STORE = corner()
NOBODY = FakeWorld(STORE)


def sensor(params: ScaleParams, seed: int = 0, store: Store = STORE, gateway: int = 0) -> ScaleSensor:
    goods = dict.fromkeys(store.plates, GOODS)
    rng = np.random.default_rng([1, seed])
    return ScaleSensor(store, store.gateways[gateway], params, clock(seed), goods, rng)


def at(seconds: float) -> int:
    return START_NS + round(seconds * SECOND)


def readings(arrivals: Iterable[Arrival]) -> list[ScaleReadings]:
    return [arrival.item for arrival in arrivals if isinstance(arrival.item, ScaleReadings)]


def samples(arrivals: Iterable[Arrival]) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) [s since the start] and readings (n, plates) [kg]."""
    blocks = readings(arrivals)
    stamps = [block.stamp_ns + SAMPLE_PERIOD_NS * np.arange(BLOCK) for block in blocks]
    return (np.concatenate(stamps) - START_NS) / SECOND, np.concatenate([block.mass for block in blocks]).astype(float)


def run(
    params: ScaleParams, loads: Iterable[Load], seconds: float, seed: int = 0
) -> tuple[ScaleSensor, np.ndarray, np.ndarray]:
    scales = sensor(params, seed)
    scales.add(loads)
    return scales, *samples(scales.advance(at(seconds), NOBODY))


def board(scales: ScaleSensor, column: int) -> np.ndarray:
    """Which plates lie on the same board."""
    return np.array([plate.shelf == scales.plates[column].shelf for plate in scales.plates])


# --- the stream


def test_first_comes_the_layout_then_blocks_without_gaps() -> None:
    scales = sensor(ScaleParams())
    first, *rest = scales.advance(at(5.0), NOBODY)
    assert isinstance(first.item, ScaleLayout)
    assert first.item.plate_ids == tuple(
        plate.plate_id for plate in STORE.plates.values() if plate.fixture_id == STORE.gateways[0].device_id
    )
    assert first.arrival_ns <= rest[0].arrival_ns
    blocks = readings(rest)
    assert len(blocks) in (24, 25)
    assert [block.sequence for block in blocks] == list(range(len(blocks)))
    assert set(np.diff([block.stamp_ns for block in blocks]).tolist()) == {BLOCK * SAMPLE_PERIOD_NS}
    for block in blocks:
        assert block.mass.shape == (BLOCK, len(first.item.plate_ids))
        assert block.mass.dtype == np.float32
        assert (block.layout_revision, block.gateway_id) == (first.item.revision, first.item.gateway_id)


def test_blocks_leave_and_arrive_as_late_as_recorded() -> None:
    arrivals = [arrival for arrival in sensor(ScaleParams()).advance(at(200.0), NOBODY)][1:]
    left_ms = np.array([arrival.item.issue_ns - arrival.item.end_ns for arrival in arrivals]) / MS
    took_ms = np.array([arrival.arrival_ns - arrival.item.issue_ns for arrival in arrivals]) / MS
    assert np.percentile(left_ms, [50, 95]) == pytest.approx([6.0, 10.8], rel=0.1)
    assert 2.2 <= left_ms.min() < left_ms.max() <= 33.0
    assert took_ms.max() <= 79.0 + 2.1
    assert (np.diff([arrival.arrival_ns for arrival in arrivals]) >= 0).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_slices_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    world = FakeWorld(STORE, count=2)
    loads = sorted(random_loads(rng, 12, 8.0), key=lambda load: load.stamp_ns)
    at_once = sensor(ScaleParams(), seed)
    at_once.add(rng.permutation(np.array(loads, dtype=object)).tolist())
    whole = at_once.advance(at(10.0), world)
    sliced, parts, told = sensor(ScaleParams(), seed), [], 0
    for to_ns in pieces(rng, at(10.0), SECOND):
        happened = sum(load.stamp_ns <= to_ns for load in loads)
        sliced.add(loads[told:happened])
        told = happened
        part = sliced.advance(to_ns, world)
        parts += part
        assert all(arrival.item.stamp_ns <= to_ns for arrival in part[1:])
    assert [arrival[:2] for arrival in parts] == [arrival[:2] for arrival in whole]
    for one, other in zip(readings(parts), readings(whole), strict=True):
        assert one.issue_ns == other.issue_ns
        np.testing.assert_array_equal(one.mass, other.mass)


def test_seeds_differ() -> None:
    (first, *_), (second, *_) = (readings(sensor(ScaleParams(), seed).advance(at(1.0), NOBODY)) for seed in (1, 2))
    assert not np.array_equal(first.mass, second.mass)


def test_loads_of_the_past_are_refused_and_those_of_others_left_out() -> None:
    scales = sensor(STILL)
    scales.advance(at(2.0), NOBODY)
    with pytest.raises(ValueError, match="give loads before advance"):
        scales.add([LoadStep(at(1.0), scales.plates[0].plate_id, 1.0)])
    elsewhere = next(plate for plate in STORE.plates if plate not in scales.names)
    scales.add([LoadStep(at(1.0), elsewhere, 1.0)])


# --- true to the load


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_weight_is_conserved(seed: int) -> None:
    """Long after everything, a plate reads its tare and the goods on it."""
    loads = random_loads(np.random.default_rng(seed), 15, 6.0)
    scales, time, mass = run(STILL, loads, 14.0, seed)
    rest = mass[time > 13.0].mean(axis=0) - scales.tare
    assert rest == pytest.approx(goods_after(scales, loads), abs=0.51 * COUNT)


def test_weight_is_conserved_with_all_errors() -> None:
    """Up to noise, drift, and what neighbours carry."""
    loads = random_loads(np.random.default_rng(5), 15, 6.0)
    scales, time, mass = run(ScaleParams(drift_g=NOTHING), loads, 200.0)
    after = goods_after(scales, loads)
    off = mass[time > 30.0].mean(axis=0) - scales.tare - after
    assert np.abs(off).max() <= 2.5e-3 + 3 * 0.017 * np.abs(after - GOODS).max()
    assert np.abs(off.mean()) <= 2e-3


def test_readings_are_counts() -> None:
    _, _, mass = run(ScaleParams(), [], 3.0)
    counts = mass / COUNT
    assert np.abs(counts - np.rint(counts)).max() < 0.01
    assert len(np.unique(np.rint(counts[:, 0]))) > 3


def test_an_overloaded_plate_reads_its_limit() -> None:
    plates = sensor(STILL).plates
    loads = [LoadStep(at(1.0), plates[0].plate_id, 40.0), LoadStep(at(1.0), plates[1].plate_id, -60.0)]
    scales, time, mass = run(STILL, loads, 3.0)
    after = mass[time > 1.5]
    assert after[:, 0] == pytest.approx(15.0, abs=COUNT)
    assert after[:, 1] == pytest.approx(-15.0, abs=COUNT)
    assert after[:, 2] == pytest.approx(scales.tare[2] + GOODS, abs=COUNT)


# --- as bad as recorded


@pytest.fixture(scope="module")
def quiet() -> np.ndarray:
    """(samples, plates) [g] of many plates for 5 s while nobody is there."""
    params = ScaleParams(drift_g=NOTHING)
    blocks = [samples(sensor(params, seed).advance(at(5.5), NOBODY))[1][:300] * 1e3 for seed in range(40)]
    return np.concatenate(blocks, axis=1)


def test_noise_differs_between_plates_as_recorded(quiet: np.ndarray) -> None:
    stddev = quiet.std(axis=0)
    assert len(stddev) > 500
    assert np.percentile(stddev, [50, 95]) == pytest.approx([1.24, 9.5], rel=0.2)
    assert 15.0 < stddev.max() < 1.5 * 22.3


def test_noise_is_coloured_as_recorded(quiet: np.ndarray) -> None:
    """Quartiles of the plates' autocorrelation at lags of 1, 2 and 3 samples, recorded while the shopper walks."""
    recorded = {1: (-0.25, 0.02, 0.25), 2: (-0.31, -0.08, 0.22), 3: (0.02, 0.22, 0.39)}
    off = quiet - quiet.mean(axis=0)
    for lag, quartiles in recorded.items():
        found = (off[lag:] * off[:-lag]).sum(axis=0) / (off**2).sum(axis=0)
        assert np.percentile(found, [25, 50, 75]) == pytest.approx(quartiles, abs=0.25)
    assert np.percentile(found, 95) > 0.4


def test_some_samples_repeat_as_recorded(quiet: np.ndarray) -> None:
    assert 0.08 < np.median((np.diff(quiet, axis=0) == 0.0).mean(axis=0)) < 0.2


def test_people_who_walk_shake_the_plates_and_those_who_stand_do_not() -> None:
    params = ScaleParams(drift_g=NOTHING)

    def noise(world: FakeWorld) -> float:
        stddev = [samples(sensor(params, seed).advance(at(8.0), world))[1].std(axis=0) for seed in range(5)]
        return float(np.median(stddev))

    assert noise(FakeWorld(STORE, 1, speed=0.0)) == pytest.approx(noise(NOBODY), rel=1e-6)
    assert 1.1 * noise(NOBODY) < noise(FakeWorld(STORE, 1, speed=0.6)) < 1.6 * noise(NOBODY)


def test_a_change_settles_in_the_time_recorded_and_overshoots_a_little() -> None:
    plates = sensor(STILL).plates
    loads = [LoadStep(at(1.0), plate.plate_id, -PICK) for plate in plates]
    scales, time, mass = run(STILL, loads, 3.0)
    part = (mass - scales.tare - GOODS) / -PICK
    assert part[time < 0.99] == pytest.approx(0.0, abs=COUNT / PICK)
    late_by_s = 1.3 * 0.033 + 0.01
    assert (np.abs(part[time > 1.0 + late_by_s] - 1.0) <= 0.021).all()
    assert (np.abs(part[(time > 1.0) & (time < 1.012)] - 1.0) > 0.05).all()
    overshoot = part.max(axis=0) - 1.0
    assert 0.005 < overshoot.max() <= 0.081


def test_neighbours_carry_a_little_of_a_change() -> None:
    params = STILL.model_copy(update={"coupling": 0.017})
    shifts = []
    for seed in range(30):
        column = len(sensor(params).plates) // 2
        plate_id = sensor(params).plates[column].plate_id
        scales, time, mass = run(params, [LoadStep(at(1.0), plate_id, -PICK)], 3.0, seed)
        shift = mass[time > 2.0].mean(axis=0) - mass[time < 0.9].mean(axis=0)
        near = np.abs(np.arange(len(scales.plates)) - column) <= 2
        assert shift[~(near & board(scales, column))] == pytest.approx(0.0, abs=1e-6)
        shifts += [abs(shift[other]) for other in (column - 1, column + 1) if board(scales, column)[other]]
    assert 0.008 < max(shifts) <= 0.0106 + COUNT


def test_the_board_rings_after_a_change_and_the_others_do_not() -> None:
    params = STILL.model_copy(update={"ringing": 0.05})
    column = len(sensor(params).plates) // 2
    plate_id = sensor(params).plates[column].plate_id
    scales, time, mass = run(params, [LoadStep(at(1.0), plate_id, -PICK)], 9.0)
    swing = np.ptp(mass[(time > 0.9) & (time < 1.5)], axis=0)
    same = board(scales, column)
    same[column] = False
    assert 0.01 < swing[same].max() < 2.2 * 0.05 * PICK + COUNT
    assert (swing[~board(scales, column)] <= COUNT * 1.01).all()
    assert (np.ptp(mass[time > 7.0], axis=0) <= COUNT * 1.01).all()


def test_creep_makes_up_slowly_for_what_a_change_lacks() -> None:
    params = STILL.model_copy(update={"creep": 0.02, "creep_s": 10.0})
    plates = sensor(params).plates
    scales, time, mass = run(params, [LoadStep(at(1.0), plate.plate_id, 2.0) for plate in plates], 90.0)
    lacking = scales.tare + GOODS + 2.0 - mass
    early, later, last = (lacking[(time > t) & (time < t + 1.0)].mean(axis=0) for t in (1.2, 11.2, 89.0))
    assert early.max() > 0.02
    assert (early <= 0.04).all()
    assert later[early > 0.005] == pytest.approx(early[early > 0.005] * np.exp(-1.0), rel=0.1)
    assert np.abs(last).max() <= COUNT


@pytest.mark.parametrize(
    ("kind", "seconds", "mass"),
    [
        (PressKind.TOUCH, 0.2, 0.05),
        (PressKind.TOUCH, 1.0, -0.05),
        (PressKind.LEAN, 3.0, 0.2),
        (PressKind.BUMP, 0.4, 0.23),
    ],
)
def test_presses_pass(kind: PressKind, seconds: float, mass: float) -> None:
    plates = sensor(STILL).plates
    press = LoadPress(at(1.0), plates[4].plate_id, mass, seconds, kind)
    scales, time, read = run(STILL, [press], 8.0)
    felt = read[:, 4] - scales.tare[4] - GOODS
    assert np.abs(felt[(time < 0.99) | (time > 1.0 + 3 * seconds)]).max() <= COUNT
    peak = felt[np.abs(felt).argmax()]
    assert 0.7 < abs(peak / mass) < 1.1
    if kind == PressKind.BUMP:
        assert felt.min() < -0.3 * mass
    else:
        assert peak * mass > 0.0
        assert (felt * np.sign(mass) >= -COUNT).all()
    assert np.abs(np.delete(read, 4, axis=1) - np.delete(scales.tare, 4) - GOODS).max() <= COUNT


def test_drift_is_slow_and_as_wide_as_recorded() -> None:
    params = STILL.model_copy(update={"drift_g": ScaleParams().drift_g})
    walks = [run(params, [], 400.0, seed)[2][::60] * 1e3 for seed in range(3)]
    mass = np.concatenate([walk[:390] for walk in walks], axis=1)
    in_1_s, in_10_s = (np.sqrt(((mass[lag:] - mass[:-lag]) ** 2).mean()) for lag in (1, 10))
    assert 0.2 < in_1_s < 1.0
    assert 0.7 < in_10_s < 3.0
    assert 5.0 < np.median(np.ptp(mass, axis=0)) < 20.0
    assert np.ptp(mass, axis=0).max() < 60.0


def random_loads(rng: np.random.Generator, count: int, seconds: float) -> list[Load]:
    """Steps and presses on plates of the first gateway."""
    plates = sensor(STILL).plates
    loads: list[Load] = []
    for _ in range(count):
        stamp_ns, plate = at(rng.uniform(0.5, seconds)), plates[int(rng.integers(len(plates)))]
        if rng.random() < 0.6:
            loads.append(LoadStep(stamp_ns, plate.plate_id, float(rng.uniform(-0.2, 0.2))))
        else:
            kind = PressKind(int(rng.integers(3)))
            loads.append(
                LoadPress(stamp_ns, plate.plate_id, float(rng.normal(0.0, 0.1)), float(rng.uniform(0.1, 2.0)), kind)
            )
    return loads


def goods_after(scales: ScaleSensor, loads: list[Load]) -> np.ndarray:
    goods = np.full(len(scales.plates), GOODS)
    for load in loads:
        if isinstance(load, LoadStep):
            goods[[plate.plate_id for plate in scales.plates].index(load.plate_id)] += load.mass
    return goods
