"""The weighing stage on single handlings, gaps, dead channels and bad input."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aisle_core.errors import AisleError
from aisle_core.types import PlateHealth, PlateState, ScaleReadings, ShelfEvent, ShelfEvents
from aisle_core.weighing import Weighing, weigh_together

from .scales import PERIOD_NS, RATE, START_NS, Scene, at, blocks, layout, tuning

SIGMA_G = 1.2


def scene(seed: int = 7, plates: int = 12, seconds: float = 12.0) -> Scene:
    """Plates of equal, usual noise."""
    result = Scene(seed, plates, seconds)
    result.sigma[:] = SIGMA_G
    result.add_noise()
    return result


def batches(readings: list[ScaleReadings], plates: int) -> list[ShelfEvents]:
    weighing = Weighing(tuning(), layout(plates), layout(plates).plate_ids)
    return [batch for _, batch in weigh_together([(weighing, readings)])] + [weighing.finish()]


def events(mass_kg: np.ndarray) -> list[ShelfEvent]:
    return [event for batch in batches(blocks(mass_kg), mass_kg.shape[1]) for event in batch.events]


def grams(found: list[ShelfEvent]) -> list[float]:
    return [round(event.mass_change * 1e3) for event in found]


def states(mass_kg: np.ndarray, listed: tuple[str, ...] | None = None) -> dict[str, PlateState]:
    plates = layout(mass_kg.shape[1])
    weighing = Weighing(tuning(), plates, plates.plate_ids if listed is None else listed)
    for readings in blocks(mass_kg):
        weighing.step(readings)
    return {plate.plate_id: plate for plate in weighing.plate_states().plates}


def test_a_pick_is_one_event_with_its_instants_and_masses() -> None:
    made = scene()
    action = made.pick(4, 5.0, 300.0)
    (event,) = events(made.mass_kg())
    assert event.shelf_event_id == "g1/1"
    assert event.plate_id == "p4"
    assert event.mass_change == pytest.approx(-0.3, abs=4 * event.mass_change_stddev)
    assert event.mass_change_stddev < 0.003
    assert event.mass_after == pytest.approx(made.load[-1, 4] / 1e3, abs=0.005)
    assert event.start_ns == pytest.approx(at(5.2), abs=3 * PERIOD_NS)
    assert event.end_ns == pytest.approx(at(action.end_s), abs=12 * PERIOD_NS)


def test_an_event_comes_within_a_second_of_rest() -> None:
    made = scene()
    taken = made.pick(4, 5.0, 300.0)
    given = made.put(8, 7.0, 300.0)
    readings = blocks(made.mass_kg())
    out = {}
    for part, batch in zip(readings, batches(readings, 12), strict=False):
        out |= {event.plate_id: part.end_ns for event in batch.events}
    assert out["p4"] - at(taken.end_s) <= 0.8e9
    assert out["p8"] - at(given.end_s) <= 1.2e9


@pytest.mark.parametrize("item_g", [30.0, 120.0, 900.0])
def test_a_put_is_a_gain(item_g: float) -> None:
    made = scene()
    made.put(4, 5.0, item_g)
    (event,) = events(made.mass_kg())
    assert event.mass_change == pytest.approx(item_g / 1e3, abs=4 * event.mass_change_stddev)


def test_what_is_away_too_briefly_to_be_seen_is_nothing() -> None:
    made = scene()
    made.lift_and_return(4, 5.0, 400.0, 0.08)
    assert events(made.mass_kg()) == []


@pytest.mark.parametrize("away_s", [0.25, 0.4])
def test_what_is_away_for_a_moment_is_told_as_taken_and_put(away_s: float) -> None:
    """By two people, perhaps: one takes what is like the thing that the other puts back."""
    made = scene()
    action = made.lift_and_return(4, 5.0, 400.0, away_s)
    taken, put = events(made.mass_kg())
    assert grams([taken, put]) == [pytest.approx(-400, abs=8), pytest.approx(400, abs=8)]
    assert taken.start_ns == pytest.approx(at(5.0), abs=3 * PERIOD_NS)
    assert at(5.0 + away_s) - 3 * PERIOD_NS <= put.start_ns <= put.end_ns <= at(action.end_s + 0.1)


@pytest.mark.parametrize("seed", range(4))
def test_a_plateau_begins_after_the_change(seed: int) -> None:
    """Footfalls widen what counts as flat, but frames from before the change are no part of the new level."""
    made = Scene(seed, 12, 10.0)
    made.sigma[:] = 12.0
    made.add_noise()
    made.add_footfalls(3.0)
    made.pick(4, 6.0, 80.0, press=False)
    (event,) = events(made.mass_kg())
    assert event.mass_change == pytest.approx(-0.08, abs=0.015)


def test_two_lifted_and_one_returned_is_one_unit() -> None:
    made = scene()
    made.lift_two_return_one(4, 5.0, 400.0, 0.35)
    (event,) = events(made.mass_kg())
    assert event.mass_change == pytest.approx(-0.4, abs=4 * event.mass_change_stddev)


@pytest.mark.parametrize("count", [2, 5])
def test_quick_picks_in_a_row_are_told_apart(count: int) -> None:
    made = scene()
    made.series(4, 5.0, 200.0, count, 0.3)
    found = events(made.mass_kg())
    assert len(found) == count
    assert sum(event.mass_change for event in found) == pytest.approx(-0.2 * count, abs=0.01)
    for index, event in enumerate(found):
        assert event.mass_change == pytest.approx(-0.2, abs=0.012)
        assert event.start_ns == pytest.approx(at(5.0 + 0.3 * index), abs=3 * PERIOD_NS)


def test_picks_too_quick_to_tell_apart_keep_their_sum() -> None:
    made = scene()
    made.series(4, 5.0, 200.0, 3, 0.13)
    found = events(made.mass_kg())
    assert sum(event.mass_change for event in found) == pytest.approx(-0.6, abs=0.01)


def test_a_long_hold_counts_when_the_item_leaves() -> None:
    made = scene(seconds=16.0)
    made.long_hold(4, 5.0, 350.0, 6.0)
    (event,) = events(made.mass_kg())
    assert event.mass_change == pytest.approx(-0.35, abs=4 * event.mass_change_stddev)
    assert event.start_ns == pytest.approx(at(11.0), abs=0.15e9)


@pytest.mark.parametrize("seed", range(5))
def test_leaning_touching_and_bumps_are_nothing(seed: int) -> None:
    made = scene(seed, seconds=16.0)
    made.lean(0, 4.0, 1.5)
    made.bump(3, 5.0)
    made.press(6, 5.0, 1.2, 40.0)
    made.bump(8, 7.0)
    made.lean(10, 6.0, 5.0)
    assert events(made.mass_kg()) == []


def test_a_light_part_is_told_where_a_plate_beside_feels_the_rest() -> None:
    made = scene()
    for plate, item_g in ((4, 19.0), (5, 11.0), (9, 11.0)):
        made.pick(plate, 5.0, item_g, press=False)
    found = events(made.mass_kg())
    assert [event.plate_id for event in found] == ["p4", "p5"]
    assert sum(event.mass_change for event in found) == pytest.approx(-0.03, abs=0.004)


def test_a_light_part_is_told_beside_a_plate_whose_noise_hides_the_rest() -> None:
    made = scene()
    for plate in (5, 9):
        made.pick(plate, 5.0, 12.0, press=False)
    mass = made.mass_kg()
    mass[:, 4] += made.rng.normal(0.0, 0.02, len(mass))
    (event,) = events(mass)
    assert event.plate_id == "p5"
    assert event.mass_change == pytest.approx(-0.012, abs=0.003)


def test_a_lean_that_plates_beside_it_feel_is_nothing() -> None:
    """Where the tremor is hidden by noise, that of the plate beside tells of the hand."""
    made = scene(seconds=16.0)
    made.press(5, 5.0, 6.0, 200.0)
    made.press(6, 5.0, 6.0, 25.0)
    mass = made.mass_kg()
    mass[:, 6] += made.rng.normal(0.0, 0.004, len(mass))
    assert events(mass) == []


@pytest.mark.parametrize("part_g", [15.0, 25.0, 33.0, 60.0])
def test_what_is_taken_where_a_hand_bears_down_that_leans_beside_is_told_when_it_is_taken(part_g: float) -> None:
    made = scene(seconds=16.0)
    made.press(5, 4.0, 8.0, 200.0)
    made.press(6, 4.0, 8.0, part_g)
    made.press(7, 4.0, 8.0, 40.0)
    made.pick(6, 8.0, 31.0)
    (event,) = events(made.mass_kg())
    assert (event.plate_id, event.mass_change) == ("p6", pytest.approx(-0.031, abs=0.003))
    assert at(7.9) < event.start_ns <= event.end_ns < at(8.7)


def test_what_is_taken_from_under_a_hand_that_leans_leaves_the_plates_beside_alone() -> None:
    made = scene(seconds=20.0)
    for plate, part_g in ((5, 200.0), (6, 40.0), (7, 25.0)):
        made.press(plate, 4.0, 10.0, part_g)
    made.pick(5, 8.0, 420.0)
    found = events(made.mass_kg())
    assert {event.plate_id for event in found} == {"p5"}
    assert min(grams(found)) == pytest.approx(-420, abs=4) == sum(grams(found))


def test_what_is_put_beside_a_hand_that_begins_to_lean_is_told_when_that_is_gone() -> None:
    made = scene(seconds=16.0)
    made.press(5, 4.0, 5.0, 200.0)
    made.put(6, 4.0, 30.0)
    (event,) = events(made.mass_kg())
    assert (event.plate_id, event.mass_change) == ("p6", pytest.approx(0.03, abs=0.003))
    assert at(3.9) < event.start_ns <= event.end_ns < at(5.0)


@pytest.mark.parametrize("beside", [5, 6])
def test_what_is_taken_and_put_where_a_pick_beside_was_felt_is_told_twice(beside: int) -> None:
    """What is felt of a pick beside, here more than the recording shows, is no hand that rests there."""
    made = scene()
    made.coupling[beside, 6 - beside] = -0.03
    made.pick(beside, 3.0, 570.0, press=False)
    made.pick(4, 5.2, 520.0, press=False)
    made.put(4, 6.2, 460.0)
    *_, taken, put = (event for event in events(made.mass_kg()) if event.plate_id == "p4")
    assert grams([taken, put]) == [pytest.approx(-520, abs=8), pytest.approx(460, abs=8)]


@pytest.mark.parametrize("coupling", [0.008, 0.011, 0.017, -0.008, -0.011, -0.017])
def test_what_was_felt_of_a_pick_beside_is_not_weighed_with_the_next_change(coupling: float) -> None:
    made = scene()
    made.coupling[5, 1] = coupling
    made.pick(5, 3.0, 570.0, press=False)
    made.pick(4, 4.3, 520.0, press=False)
    _, taken = events(made.mass_kg())
    assert taken.mass_change == pytest.approx(-0.52, abs=0.003)


def test_what_is_taken_beside_a_put_that_has_not_settled_is_told_once() -> None:
    made = Scene(7, 12, 14.0)
    made.sigma[5] = 10.0
    made.add_noise()
    made.put(5, 4.0, 120.0)
    made.pick(4, 6.5, 20.0, press=False)
    told = sorted(events(made.mass_kg()), key=lambda event: event.end_ns)
    assert [event.plate_id for event in told] == ["p5", "p4"]


@pytest.mark.parametrize("taken_g", [150.0, 270.0, 500.0])
def test_what_is_put_where_another_thing_is_taken_soon_after_is_told(taken_g: float) -> None:
    """On a plate whose noise hides a hand's tremor, so that the gain waits."""
    made = Scene(7, 12, 14.0)
    made.sigma[:] = 10.0
    made.add_noise()
    made.put(4, 5.0, 270.0)
    made.pick(4, 7.2, taken_g, press=False)
    put, taken = events(made.mass_kg())
    assert put.mass_change == pytest.approx(0.27, abs=4 * put.mass_change_stddev)
    assert taken.mass_change == pytest.approx(-taken_g / 1e3, abs=4 * taken.mass_change_stddev)
    assert max(put.mass_change_stddev, taken.mass_change_stddev) < 0.012
    assert at(4.9) <= put.start_ns <= put.end_ns <= at(5.6)
    assert at(7.1) <= taken.start_ns <= taken.end_ns <= at(7.7)


@pytest.mark.parametrize("seed", range(2, 6))
def test_what_is_put_and_taken_again_within_a_second_is_told_where_a_hand_would_tremble(seed: int) -> None:
    made = Scene(seed, 12, 12.0)
    made.sigma[:] = 3.0
    made.add_noise()
    made.put(4, 5.0, 200.0)
    made.pick(4, 5.9, 200.0, press=False)
    assert grams(events(made.mass_kg())) == [pytest.approx(200, abs=12), pytest.approx(-200, abs=12)]


def test_what_is_light_put_back_and_taken_again_within_a_second_is_told() -> None:
    """A hand would tremble too little to be seen, but it seldom presses with what was taken there before."""
    made = Scene(7, 12, 12.0)
    made.sigma[:] = 0.7
    made.add_noise()
    made.pick(4, 3.0, 30.0)
    made.put(4, 5.0, 30.0)
    made.press(4, 5.75, 0.35, 150.0)
    made.pick(4, 5.9, 30.0, press=False)
    assert grams(events(made.mass_kg())) == [pytest.approx(mass, abs=3) for mass in (-30, 30, -30)]


def test_what_is_put_is_told_though_two_are_taken_one_after_the_other() -> None:
    """What is left between the two is too little to tell it from a hand."""
    made = Scene(7, 12, 14.0)
    made.sigma[:] = 10.0
    made.add_noise()
    made.put(4, 5.0, 270.0)
    made.pick(4, 6.2, 230.0, press=False)
    made.pick(4, 7.4, 230.0, press=False)
    put, taken = events(made.mass_kg())
    assert grams([put, taken]) == [pytest.approx(270, abs=20), pytest.approx(-460, abs=20)]


def test_what_a_hand_takes_that_has_leaned_before_is_told_alone() -> None:
    made = scene()
    made.press(4, 5.0, 2.4, 180.0)
    made.pick(4, 7.2, 500.0, press=False)
    assert grams(events(made.mass_kg())) == [pytest.approx(-500, abs=8)]


@pytest.mark.parametrize("hold_s", [1.5, 3.0])
def test_what_is_taken_under_a_pressing_hand_is_one_event(hold_s: float) -> None:
    made = scene(seconds=16.0)
    made.press(4, 5.0, 1.0 + hold_s, 200.0)
    made.pick(4, 5.8, 300.0, press=False)
    (event,) = events(made.mass_kg())
    assert event.mass_change == pytest.approx(-0.3, abs=4 * event.mass_change_stddev)


@pytest.mark.parametrize("force_g", [30.0, 45.0, 150.0])
def test_a_hand_that_sets_an_item_down_makes_one_event(force_g: float) -> None:
    made = scene()
    made.press(4, 5.0, 0.5, force_g)
    action = made.put(4, 5.3, 300.0)
    (event,) = events(made.mass_kg())
    assert event.mass_change == pytest.approx(0.3, abs=4 * event.mass_change_stddev)
    assert event.start_ns >= at(4.9)
    assert event.end_ns <= at(action.end_s + 0.3)


def test_a_gain_waits_for_as_long_as_the_noise_hides_a_hand() -> None:
    made = scene(seconds=16.0)
    quiet, noisy = made.put(2, 6.0, 300.0), made.put(8, 6.0, 300.0)
    mass = made.mass_kg()
    mass[:, 8] += made.rng.normal(0.0, 0.02, len(mass))
    readings = blocks(mass)
    out = {}
    for part, batch in zip(readings, batches(readings, 12), strict=False):
        out |= {event.plate_id: part.end_ns for event in batch.events}
    assert out["p2"] - at(quiet.end_s) <= 0.9e9
    assert 1.5e9 <= out["p8"] - at(noisy.end_s) <= 6e9


def test_parts_of_one_thing_come_together_where_the_noise_of_one_plate_hides_a_hand() -> None:
    made = scene(seconds=16.0)
    put = made.put(4, 6.0, 400.0)
    made.put(5, 6.0, 120.0)
    mass = made.mass_kg()
    mass[:, 5] += made.rng.normal(0.0, 0.008, len(mass))
    readings = blocks(mass)
    found = [
        (part.end_ns, [event.plate_id for event in batch.events])
        for part, batch in zip(readings, batches(readings, 12), strict=False)
        if batch.events
    ]
    ((out_ns, plate_ids),) = found
    assert sorted(plate_ids) == ["p4", "p5"]
    assert out_ns - at(put.end_s) <= 1.5e9


@pytest.mark.parametrize("apart_s", [0.0, 0.1, 0.4])
def test_picks_from_plates_side_by_side_are_told_apart(apart_s: float) -> None:
    made = scene()
    made.coupling[:] = 0.01
    made.pick(4, 5.0, 400.0)
    made.pick(5, 5.0 + apart_s, 150.0)
    changes = {event.plate_id: event.mass_change for event in events(made.mass_kg())}
    assert changes == {"p4": pytest.approx(-0.4, abs=0.008), "p5": pytest.approx(-0.15, abs=0.008)}


@pytest.mark.parametrize("seed", range(4))
def test_picks_from_a_plate_that_rings_are_told_apart(seed: int) -> None:
    """It swings for longer than it takes to take the next thing, by less and less, but rests on its level."""
    made = Scene(seed, 12, 12.0)
    made.sigma[:] = 0.8
    made.add_noise()
    made.pick(4, 5.0, 500.0, press=False)
    made.pick(4, 6.3, 500.0, press=False)
    since = np.clip(made.time - 5.2, 0.0, None)
    made.load[:, 4] += 18.0 * 0.98 ** (RATE * since) * np.sin(2 * np.pi * 10.0 * since)
    assert grams(events(made.mass_kg())) == [pytest.approx(-500, abs=8)] * 2


def test_gripped_picks_in_a_row_are_told_apart() -> None:
    made = scene()
    for index in range(3):
        made.press(4, 5.0 + 0.6 * index, 0.2, 120.0)
        made.pick(4, 5.0 + 0.6 * index, 200.0, press=False)
    assert grams(events(made.mass_kg())) == [pytest.approx(-200, abs=8)] * 3


def test_a_neighbour_that_drifts_at_a_pick_is_nothing() -> None:
    made = scene()
    made.coupling[:] = 0.017
    made.pick(4, 5.0, 1500.0)  # 25 g on the neighbours, more than the least change
    assert [event.plate_id for event in events(made.mass_kg())] == ["p4"]


def test_the_same_change_alone_counts() -> None:
    made = scene()
    made.coupling[:] = 0.0
    made.pick(4, 5.0, 1500.0)
    made.pick(3, 7.5, 25.0)
    assert [event.plate_id for event in events(made.mass_kg())] == ["p4", "p3"]


def test_drift_is_nothing_and_is_no_part_of_a_change() -> None:
    made = scene(seconds=40.0)
    made.coupling[:] = 0.0
    made.load += 20.0 * np.sin(2 * np.pi * made.time / 60.0)[:, np.newaxis]
    for plate in range(0, 12, 3):
        made.pick(plate, 22.0 + plate, 300.0, press=False)
    found = events(made.mass_kg())
    assert [event.plate_id for event in found] == ["p0", "p3", "p6", "p9"]
    assert [event.mass_change for event in found] == pytest.approx([-0.3] * 4, abs=0.005)


def test_open_since_holds_until_the_change_settles_and_bounds_its_start() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    open_since = None
    for batch in batches(blocks(made.mass_kg()), 12):
        if batch.events:
            (event,) = batch.events
            assert open_since is not None
            assert open_since <= event.start_ns
            assert batch.open_since_ns is None
            return
        open_since = batch.open_since_ns
    pytest.fail("no event")


def test_a_batch_says_how_far_it_has_evaluated() -> None:
    mass = scene(seconds=1.0).mass_kg()
    found = batches(blocks(mass, 5), 12)
    assert [batch.sequence for batch in found] == list(range(len(found)))
    stamps = [batch.stamp_ns for batch in found]
    assert stamps[0] == START_NS - PERIOD_NS
    assert stamps[1] == START_NS + 5 * PERIOD_NS
    assert stamps[-1] == START_NS + (len(mass) - 1) * PERIOD_NS


def test_a_stream_that_never_began_finishes_empty() -> None:
    weighing = Weighing(tuning(), layout(3), ["p0"])
    assert weighing.finish().events == ()
    healths = [plate.health for plate in weighing.plate_states().plates]
    assert healths == [PlateHealth.SILENT, PlateHealth.UNLISTED, PlateHealth.UNLISTED]


# --- gaps and missing samples


def test_a_gap_alone_is_nothing() -> None:
    readings = blocks(scene().mass_kg())
    found = batches(readings[:20] + readings[30:], 12)
    assert [event for batch in found for event in batch.events] == []


def test_a_change_in_a_gap_spans_it_with_less_certainty() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    mass = made.mass_kg()
    lost = [part for part in blocks(mass) if not at(4.5) <= part.stamp_ns <= at(6.5)]
    (event,) = [event for batch in batches(lost, 12) for event in batch.events]
    (whole,) = events(mass)
    assert event.mass_change == pytest.approx(-0.3, abs=4 * event.mass_change_stddev)
    assert event.start_ns <= at(4.6)
    assert event.end_ns >= at(6.5)
    assert event.mass_change_stddev > whole.mass_change_stddev


def drifted(seconds: float) -> tuple[np.ndarray, slice]:
    """Plates that drift by 1.5 g in a second and 8 g in 30 s, and their samples of that long from 30 s on."""
    made = scene(seconds=36.0 + seconds)
    made.load += np.cumsum(made.rng.normal(0.0, 1.5 / np.sqrt(RATE), made.load.shape), axis=0)
    made.load[:, 3] -= 400.0 * (made.time > 32.0)
    return made.mass_kg(), slice(30 * RATE, round((30 + seconds) * RATE))


@pytest.mark.parametrize("seconds", [5.0, 30.0])
@pytest.mark.parametrize("kind", ["silent", "frozen"])
def test_drift_while_a_gateway_fails_is_nothing(kind: str, seconds: float) -> None:
    mass, lost = drifted(seconds)
    if kind == "frozen":
        mass[lost] = mass[lost.start]
        readings = blocks(mass)
    else:
        readings = [part for part in blocks(mass) if not at(30.0) <= part.stamp_ns < at(30.0 + seconds)]
    (event,) = [event for batch in batches(readings, 12) for event in batch.events]
    assert event.plate_id == "p3"
    assert event.mass_change == pytest.approx(-0.4, abs=0.03)
    assert event.mass_change_stddev > 0.001 * np.sqrt(seconds / 3.0)
    assert at(29.7) <= event.start_ns <= at(30.1)
    assert event.end_ns >= at(29.9 + seconds)


def test_a_change_while_one_plate_is_silent_is_reported_when_it_is_back() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    mass = made.mass_kg()
    mass[round(4.0 * RATE) : round(8.0 * RATE), 4] = np.nan
    found = batches(blocks(mass), 12)
    (event,) = [event for batch in found for event in batch.events]
    assert event.mass_change == pytest.approx(-0.3, abs=4 * event.mass_change_stddev)
    assert at(3.8) <= event.start_ns <= at(4.0)
    assert event.end_ns >= at(7.9)


def test_single_missing_and_infinite_samples_are_nothing() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    mass = made.mass_kg()
    mass[made.rng.random(mass.shape) < 0.05] = np.nan
    mass[made.rng.random(mass.shape) < 0.02] = np.inf
    assert grams(events(mass)) == [pytest.approx(-300, abs=4)]


def test_one_wild_sample_is_nothing() -> None:
    mass = scene().mass_kg()
    mass[400, 4] = -50.0
    mass[500, 5] = 50.0
    assert all(not batch.events and batch.open_since_ns is None for batch in batches(blocks(mass), 12))


def test_repeated_readings_are_left_out() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    mass = made.mass_kg()
    twice = [part for part in blocks(mass) for _ in range(2)]
    assert [event for batch in batches(twice, 12) for event in batch.events] == events(mass)


def test_the_end_of_the_stream_settles_what_has_changed() -> None:
    made = scene()
    action = made.pick(4, 5.0, 300.0, press=False)
    cut = made.mass_kg()[: round((action.end_s + 0.35) * RATE)]
    found = batches(blocks(cut), 12)
    assert all(not batch.events for batch in found[:-1])
    assert grams(list(found[-1].events)) == [pytest.approx(-300, abs=10)]


# --- channels that are no plates


def test_an_unlisted_column_is_never_evaluated() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    plates = layout(12)
    weighing = Weighing(tuning(), plates, [plate_id for plate_id in plates.plate_ids if plate_id != "p4"])
    assert [weighing.step(part).events for part in blocks(made.mass_kg()) if weighing.step(part).events] == []
    assert weighing.plate_states().plates[4].health == PlateHealth.UNLISTED
    assert weighing.plate_states().plates[5].health == PlateHealth.OK


def test_a_constant_column_is_stuck() -> None:
    mass = scene().mass_kg()
    mass[:, 3] = 6.06742
    assert states(mass)["p3"].health == PlateHealth.STUCK
    assert events(mass) == []


def test_a_copy_that_is_refreshed_now_and_then_counts_nothing() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    mass = made.mass_kg()
    for begin in range(0, len(mass), 130):
        mass[begin : begin + 130, 5] = mass[begin, 4]
    assert [event.plate_id for event in events(mass)] == ["p4"]
    assert states(mass)["p5"].health == PlateHealth.STUCK


def test_a_live_copy_counts_once() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    mass = made.mass_kg()
    mass[:, 9] = mass[:, 4]
    assert [event.plate_id for event in events(mass)] == ["p4"]
    assert states(mass)["p9"].health == PlateHealth.STUCK


def test_a_plate_that_freezes_reports_the_change_when_it_moves_again() -> None:
    made = scene(seconds=16.0)
    made.pick(4, 6.0, 300.0)
    mass = made.mass_kg()
    frozen = slice(round(5.0 * RATE), round(9.0 * RATE))
    mass[frozen, 4] = mass[frozen.start, 4]
    assert states(mass[: frozen.stop])["p4"].health == PlateHealth.STUCK
    (event,) = events(mass)
    assert event.mass_change == pytest.approx(-0.3, abs=4 * event.mass_change_stddev)
    assert at(4.9) <= event.start_ns <= at(5.1)
    assert event.end_ns >= at(8.9)
    assert states(mass)["p4"].health == PlateHealth.OK


def test_an_overloaded_plate_is_stuck_until_it_reads_again() -> None:
    made = scene(seconds=16.0)
    made.load[:, 4] += 20_000.0 * ((made.time > 5.0) & (made.time < 9.0))
    mass = np.minimum(made.mass_kg(), 15.0)
    assert states(mass[: 8 * RATE])["p4"].health == PlateHealth.STUCK
    assert states(mass)["p4"].health == PlateHealth.OK
    assert events(mass) == []


def test_a_plate_that_drifts_much_is_noisy() -> None:
    made = scene(seconds=60.0)
    made.load[:, 4] += 40.0 * np.sin(made.time / 8.0)
    found = states(made.mass_kg())
    assert found["p4"].health == PlateHealth.NOISY
    assert found["p5"].health == PlateHealth.OK


def test_a_change_on_a_frozen_plate_keeps_nobody_waiting() -> None:
    made = scene()
    made.pick(4, 5.0, 300.0)
    mass = made.mass_kg()
    mass[round(5.25 * RATE) :, 4] = mass[round(5.25 * RATE), 4]
    waits = [batch.open_since_ns for batch in batches(blocks(mass), 12)]
    assert any(wait is not None for wait in waits)
    assert waits[-2] is None


def test_health_and_noise_of_every_plate() -> None:
    made = scene()
    made.sigma[1] = 40.0
    noisy = made.rng.standard_normal(made.samples) * 40.0
    made.load[:, 1] += noisy
    mass = made.mass_kg()
    mass[:, 2] = np.nan
    found = states(mass)
    assert found["p1"].health == PlateHealth.NOISY
    assert found["p2"].health == PlateHealth.SILENT
    assert np.isnan([found["p2"].mass, found["p2"].noise_stddev]).all()
    assert found["p0"].health == PlateHealth.OK
    assert found["p0"].noise_stddev == pytest.approx(SIGMA_G / 1e3, rel=0.4)
    assert found["p0"].mass == pytest.approx(made.load[-1, 0] / 1e3, abs=0.005)
    assert states(mass[:30])["p0"].health == PlateHealth.UNKNOWN


def test_slow_scales_are_weighed_too() -> None:
    period_ns = 100_000_000
    rng = np.random.default_rng(3)
    mass = 2.0 + rng.normal(0, 0.001, (200, 4))
    mass[100:, 2] -= 0.25
    weighing = Weighing(tuning(), layout(4), layout(4).plate_ids)
    found = [
        event
        for n in range(200)
        for event in weighing.step(
            ScaleReadings(START_NS + n * period_ns, n, "g1", 1, period_ns, mass[n : n + 1].astype(np.float32))
        ).events
    ]
    assert grams(found) == [pytest.approx(-250, abs=3)]


# --- bad input


def test_a_wrong_plate_count_names_gateway_revision_and_both_counts() -> None:
    weighing = Weighing(tuning(), layout(12), layout(12).plate_ids)
    (readings, *_) = blocks(np.ones((12, 11)))
    problem = r"gateway g1: readings 0 of layout revision 1 have 11 plates, .* \(revision 1\) has 12; publish"
    with pytest.raises(AisleError, match=problem):
        weighing.step(readings)


def test_a_sample_period_of_nothing_is_refused() -> None:
    weighing = Weighing(tuning(), layout(12), layout(12).plate_ids)
    (readings, *_) = blocks(np.ones((12, 12)))
    with pytest.raises(AisleError, match=r"sample period of 0 ns; give"):
        weighing.step(dataclasses.replace(readings, sample_period_ns=0))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[(field.name, 0) for field in dataclasses.fields(tuning())],
        ("drift", float("nan")),
        ("min_change", 0.001),
        ("confirm_s", 0.15),
        ("hold_s", 0.5),
        ("hold_loss_s", 0.3),
        ("hold_loss_s", 4.5),
        ("slow_s", 1.0),
        ("history_s", 1.0),
        ("coupling", 1.0),
    ],
)
def test_tuning_is_checked(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{key} is {value}.*; give "):
        dataclasses.replace(tuning(), **{key: value})
