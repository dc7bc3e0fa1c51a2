"""Laws of the player's position."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle_core.errors import AisleError
from aisle_replay.playhead import Playhead

START, END = 1_000_000_000, 61_000_000_000
waits = st.lists(st.integers(0, 2_000_000_000), min_size=1, max_size=20)
rates = st.floats(0.01, 100.0)


def play(head, waits, now_ns=0):
    """Positions after each wait; the first call only starts the clock."""
    positions = [head.advance(now_ns)]
    for wait in waits:
        now_ns += wait
        positions.append(head.advance(now_ns))
    return positions, now_ns


@given(waits, rates)
def test_it_goes_forward_and_stays_within_the_recording(waits, rate):
    positions, _ = play(Playhead(START, END, rate, paused=False), waits)
    assert positions[0] == START
    assert positions == sorted(positions)
    assert positions[-1] <= END


@given(waits, rates)
def test_recorded_time_is_elapsed_time_times_rate(waits, rate):
    positions, _ = play(Playhead(START, END, rate, paused=False), waits)
    expected = min(START + sum(waits) * rate, END)
    assert math.isclose(positions[-1], expected, abs_tol=len(waits) * 0.5 + 1)


@given(waits, waits, rates)
def test_the_clock_may_start_anywhere(waits, offset, rate):
    here, _ = play(Playhead(START, END, rate, paused=False), waits)
    there, _ = play(Playhead(START, END, rate, paused=False), waits, now_ns=sum(offset))
    assert here == there


@given(waits, waits, rates)
def test_a_pause_costs_no_recorded_time(before, pause, rate):
    head = Playhead(START, END, rate, paused=False)
    positions, now_ns = play(head, before)
    head.paused = True
    held, now_ns = play(head, pause, now_ns)
    assert set(held) == {positions[-1]}
    head.paused = False
    assert head.advance(now_ns) == positions[-1]


@given(st.integers(-(10**11), 10**11))
def test_a_seek_stays_within_the_recording(position):
    head = Playhead(START, END, 1.0, paused=True)
    head.seek(position)
    assert head.advance(0) == min(max(position, START), END)


@given(waits, st.integers(1, 10**11), rates)
def test_a_step_plays_its_length_and_pauses(waits, step, rate):
    head = Playhead(START, END, rate, paused=True)
    head.step(step)
    positions, now_ns = play(head, waits)
    target = min(START + step, END)
    assert positions == sorted(positions) and positions[-1] <= target
    assert head.advance(now_ns + 10**14) == target
    assert head.paused
    assert head.advance(now_ns + 10**15) == target


def test_a_step_at_the_end_pauses_at_the_end():
    head = Playhead(START, END, 1.0, paused=True)
    head.seek(END)
    head.step(1_000_000_000)
    assert head.advance(0) == END
    assert head.paused


def test_a_step_while_playing_does_nothing():
    head = Playhead(START, END, 1.0, paused=False)
    head.step(1)
    head.advance(0)
    assert head.advance(5_000_000_000) == START + 5_000_000_000
    assert not head.paused


def test_a_seek_ends_a_step():
    head = Playhead(START, END, 1.0, paused=True)
    head.step(10_000_000_000)
    head.advance(0)
    head.seek(START + 30_000_000_000)
    assert head.paused
    assert head.advance(9_000_000_000) == START + 30_000_000_000


def test_the_rate_changes_from_here_on():
    head = Playhead(START, END, 1.0, paused=False)
    head.advance(0)
    head.advance(1_000_000_000)
    head.set_rate(4.0)
    assert head.advance(2_000_000_000) == START + 5_000_000_000


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_a_rate_that_is_not_above_0_is_refused(rate):
    with pytest.raises(AisleError, match=r"^replay rate .*: give a number above 0$"):
        Playhead(START, END, rate, paused=False)
    head = Playhead(START, END, 2.0, paused=False)
    with pytest.raises(AisleError):
        head.set_rate(rate)
    assert head.rate == 2.0


@pytest.mark.parametrize("step", [0, -5])
def test_a_step_that_is_not_above_0_is_refused(step):
    head = Playhead(START, END, 1.0, paused=True)
    with pytest.raises(AisleError, match=f"^replay step of {step} ns: give a time above 0$"):
        head.step(step)
    assert head.paused


def test_the_playhead_goes_to_its_limit_and_on_from_there() -> None:
    playhead = Playhead(0, 1000, 1.0, paused=False)
    playhead.advance(0)
    assert playhead.advance(100, limit_ns=150) == 100
    assert playhead.advance(300, limit_ns=150) == 150
    assert playhead.advance(310, limit_ns=120) == 150
    assert playhead.advance(320) == 160
    assert playhead.advance(5000, limit_ns=2000) == 1000
