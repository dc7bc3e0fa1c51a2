"""What holds for the weighing stage whatever happens on the plates."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aisle_core.types import ShelfEvent, ShelfEvents
from aisle_core.weighing import Weighing, weigh_together

from .scales import Scene, blocks, busy_scene, layout, tuning

PLATES = 8
GATEWAYS = slice(0, 3), slice(3, 5), slice(5, 8)

seeds = st.integers(0, 2**16)


def weigh(mass_kg: np.ndarray, sizes: list[int] | int = 12) -> list[ShelfEvent]:
    plates = layout(mass_kg.shape[1])
    weighing = Weighing(tuning(), plates, plates.plate_ids)
    found = [event for _, batch in weigh_together([(weighing, blocks(mass_kg, sizes))]) for event in batch.events]
    return found + list(weighing.finish().events)


def handled(seed: int) -> np.ndarray:
    """Some seconds in which eight plates are handled in every way."""
    return busy_scene(seed, 1.0 + seed % 3, PLATES, 26.0).mass_kg()


@settings(max_examples=6, deadline=None)
@given(seeds, st.lists(st.integers(1, 40), min_size=1, max_size=6))
@example(240, [1])
def test_the_cut_into_blocks_does_not_matter(seed: int, sizes: list[int]) -> None:
    mass = handled(seed)
    ordered = sorted(weigh(mass), key=lambda event: event.shelf_event_id)
    assert sorted(weigh(mass, sizes), key=lambda event: event.shelf_event_id) == ordered


@settings(max_examples=4, deadline=None)
@given(
    seeds, st.lists(st.integers(4, 40), min_size=3, max_size=3), st.lists(st.integers(0, 30), min_size=3, max_size=3)
)
@example(9425, [4, 30, 4], [0, 3, 0])
def test_gateways_that_are_weighed_together_are_weighed_as_each_by_itself(
    seed: int, sizes: list[int], late: list[int]
) -> None:
    """Whenever they begin, however they cut, at another period, with readings lost or sent twice."""
    mass = handled(seed)[-900:]
    work = [blocks(mass[begin:, columns], size) for begin, size, columns in zip(late, sizes, GATEWAYS, strict=True)]
    work[1] = [replace(block, sample_period_ns=2 * block.sample_period_ns) for block in work[1][::3]] + work[1][-6:]
    work[2] = [*work[2][:9], *work[2][8:20], *work[2][25:]]
    plates = [layout(len(range(PLATES)[columns])) for columns in GATEWAYS]
    alone = [Weighing(tuning(), one, one.plate_ids) for one in plates]
    together = [Weighing(tuning(), one, one.plate_ids) for one in plates]
    expected = [[weighing.step(block) for block in some] for weighing, some in zip(alone, work, strict=True)]
    found: list[list[ShelfEvents]] = [[], [], []]
    for part in (slice(0, 10), slice(10, None)):
        pairs = zip(together, (some[part] for some in work), strict=True)
        for number, batch in weigh_together(list(pairs)):
            found[number].append(batch)
    assert found == expected
    assert [weighing.finish() for weighing in together] == [weighing.finish() for weighing in alone]
    for one, other in zip(together, alone, strict=True):
        assert str(one.plate_states()) == str(other.plate_states())
        learned, known = one.state(), other.state()
        assert np.array_equal(learned.noise.level, known.noise.level)
        assert np.array_equal(learned.drift.variance, known.drift.variance)


@settings(max_examples=5, deadline=None)
@given(seeds, st.floats(0, 1), st.integers(4, 30))
def test_a_restored_stage_goes_on_as_if_nothing_had_happened(seed: int, part: float, size: int) -> None:
    mass = handled(seed)
    plates = layout(PLATES)
    readings = blocks(mass, size)
    whole = Weighing(tuning(), plates, plates.plate_ids)
    cut = round(part * len(readings))
    first = [whole.step(block) for block in readings[:cut]]
    saved = whole.state()
    rest = [whole.step(block) for block in readings[cut:]] + [whole.finish()]
    again = Weighing.restore(tuning(), plates, plates.plate_ids, pickle.loads(pickle.dumps(saved)))
    assert [again.step(block) for block in readings[cut:]] + [again.finish()] == rest
    assert again.plate_states().sequence == whole.plate_states().sequence
    assert len(first) == cut


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_changes_add_up_to_what_is_left(seed: int) -> None:
    """Without drift, the events of a plate sum to its last plateau minus its first.

    Of plates too far apart to be felt: what is small beside a neighbour's change at the same time is taken for felt.
    """
    scene = Scene(seed, PLATES, 30.0, 1.0)
    scene.sigma = np.minimum(scene.sigma, 5.0)
    scene.coupling[:] = 0.0
    scene.add_noise()
    first_g = scene.load[:120].mean(axis=0)
    moved_g = np.zeros(PLATES)
    for plate in range(0, PLATES, tuning().coupling_columns + 1):
        for turn in range(3):
            begin_s, item_g = 4.0 + 8.0 * turn + 0.3 * plate, scene.rng.uniform(60, 800)
            deed = int(scene.rng.integers(4))
            moved_g[plate] += item_g if deed < 2 else 3.0 * item_g
            match deed:
                case 0:
                    scene.pick(plate, begin_s, item_g)
                case 1:
                    scene.put(plate, begin_s, item_g)
                case 2:
                    scene.series(plate, begin_s, item_g, 3, 0.3)
                case 3:
                    scene.lift_two_return_one(plate, begin_s, item_g, 1.5)
    last_g = scene.load[-120:].mean(axis=0)
    found = weigh(scene.mass_kg())
    for plate in range(PLATES):
        mine = [event for event in found if event.plate_id == f"p{plate}"]
        total_g = 1e3 * sum(event.mass_change for event in mine)
        stated_g = 1e3 * math.hypot(*(event.mass_change_stddev for event in mine))
        # Creep of up to 0.5 % a step, there and back, is drift to the stage: it follows without an event.
        assert abs(total_g - (last_g - first_g)[plate]) <= 5.0 + 4.0 * stated_g + 0.01 * moved_g[plate]


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_events_are_in_order_numbered_and_never_begin_before_their_warning(seed: int) -> None:
    plates = layout(PLATES)
    weighing = Weighing(tuning(), plates, plates.plate_ids)
    held_ns = {}
    numbers = []
    for readings in blocks(handled(seed)):
        batch = weighing.step(readings)
        assert list(batch.events) == sorted(batch.events, key=lambda event: (event.end_ns, event.plate_id))
        for event in batch.events:
            numbers.append(int(event.shelf_event_id.removeprefix("g1/")))
            assert event.start_ns < event.end_ns <= batch.stamp_ns
            assert event.mass_change_stddev > 0
            assert event.start_ns >= held_ns["last"]
        held_ns["last"] = batch.stamp_ns if batch.open_since_ns is None else batch.open_since_ns
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
