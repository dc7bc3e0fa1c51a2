"""The stage: readings of one gateway in, settled net changes out."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections import deque
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from aisle_core.errors import AisleError
from aisle_core.types import (
    PlateHealth,
    PlateState,
    PlateStates,
    ScaleLayout,
    ScaleReadings,
    ShelfEvent,
    ShelfEvents,
)
from aisle_core.weighing.changes import Step, find_dip, find_steps
from aisle_core.weighing.config import WeighingConfig
from aisle_core.weighing.frames import NO_FRAMES, Framer, Frames, Recent
from aisle_core.weighing.health import plate_health
from aisle_core.weighing.noise import Drift, Noise, evidence, plateau_evidence
from aisle_core.weighing.rest import NEITHER, judge_rest, longest_rest, same_again

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NANO = 1_000_000_000
_LEAST_SAMPLES = 4
"""Fewest samples of a frame from which a spread can be learned."""
_NEVER = -(2**60)
_Number = TypeVar("_Number", np.float64, np.int64)
_TOUCH_S = 1.0
"""A hand that only touches a plate has mostly left it after this time; who puts a thing seldom takes it so soon."""
_NO_PRESS = 2.0
"""A plate that bears no more than so many times what it may feel of its neighbours may bear no hand."""
_AWAY = 8.0
"""What is away for a moment only is so many standard deviations of a sample, lest noise that sways looks like it."""
_AT_ONCE = 2
"""Frames by which two plates feel the same instant apart."""


@dataclass(slots=True)
class WeighingState:
    """Everything that ``Weighing`` remembers; arrays are (plates,), masses kg, stamps ns."""

    framer: Framer
    recent: Recent
    noise: Noise
    drift: Drift
    baseline: Floats
    """Settled mass, NaN before the first plateau."""
    lost: Floats
    """What was taken last, NaN before the first loss."""
    weight: Floats
    """Frames in the baseline's mean."""
    resting: Bools
    """On the baseline. If not: a change is open and the baseline is frozen, or there is no baseline yet."""
    rested_ns: Ints
    """Last sample of the last resting frame."""
    left: Ints
    """Number of the frame that left the baseline."""
    settled: Ints
    """Number of the frame after the one that settled last."""
    pressed: Floats
    """Most that the open change was above the baseline for longer than ``confirm_s``: a hand that may stay."""
    copied: Bools
    """The last change was an exact copy of another plate's."""
    leaning: Bools
    """A hand leans on the plate, of which plates beside bear a part."""
    lent: Floats
    """Part of the baseline that is a hand's, which leans on a plate beside."""
    lender: Ints
    """That plate; -1: none."""
    evaluated_ns: int
    """Last sample evaluated."""
    last_ns: int = _NEVER
    """Last sample taken."""
    period_ns: int = 0
    events: int = 0
    event_batches: int = 0
    state_batches: int = 0


class _Put(NamedTuple):
    """A level [kg] on which an open change rested for so many frames; middle_ns: in the middle of them."""

    level: float
    frames: int
    middle_ns: int


class Weighing:
    """Settled net changes of the mass on the plates of one gateway.

    Samples are judged frame by frame. A plate rests on a baseline that follows it slowly; a frame that is too far
    from it opens a change and freezes the baseline; the change closes when the plate has rested on one level for
    ``confirm_s``. What counts is that level against the baseline: back on it means nothing happened. The result
    does not depend on how the samples are cut into readings. Lost readings shorten nothing: every sample has its own
    stamp, so a change that happened meanwhile spans the gap.
    """

    def __init__(self, config: WeighingConfig, layout: ScaleLayout, listed: Container[str]) -> None:
        """``listed`` has the ids of the plates that the site knows; a column of any other id is never evaluated."""
        self._config = config
        self._layout = layout
        self._columns = np.array([n for n, plate_id in enumerate(layout.plate_ids) if plate_id in listed], np.int64)
        self._listed = [layout.plate_ids[column] for column in self._columns]
        self._unlisted = [PlateState(name, PlateHealth.UNLISTED, math.nan, math.nan) for name in layout.plate_ids]
        plates = len(self._columns)
        self._state = WeighingState(
            framer=Framer.empty(_LEAST_SAMPLES, plates),
            recent=Recent.empty(1, plates),
            noise=Noise.unknown(plates, config.noise_floor),
            drift=Drift.assumed(plates, config.drift, 1.0),
            baseline=np.full(plates, np.nan),
            lost=np.full(plates, np.nan),
            weight=np.ones(plates),
            resting=np.zeros(plates, np.bool_),
            rested_ns=np.full(plates, _NEVER),
            left=np.zeros(plates, np.int64),
            settled=np.zeros(plates, np.int64),
            pressed=np.zeros(plates),
            copied=np.zeros(plates, np.bool_),
            leaning=np.zeros(plates, np.bool_),
            lent=np.zeros(plates),
            lender=np.full(plates, -1),
            evaluated_ns=layout.stamp_ns,
        )
        self._found: list[ShelfEvent] = []

    def state(self) -> WeighingState:
        """A copy of everything remembered."""
        return copy.deepcopy(self._state)

    @classmethod
    def restore(
        cls, config: WeighingConfig, layout: ScaleLayout, listed: Container[str], state: WeighingState
    ) -> Weighing:
        """Go on where ``state`` was taken, under the same configuration, layout and list."""
        weighing = cls(config, layout, listed)
        weighing._state = copy.deepcopy(state)
        return weighing

    def step(self, readings: ScaleReadings) -> ShelfEvents:
        """Evaluate one block.

        Blocks come in stamp order; samples that are not newer than the newest one are left out. AisleError when the
        block has another number of plates than the layout, or no sample period.
        """
        self.check(readings)
        ((_, batch),) = weigh_together([(self, [readings])])
        return batch

    def finish(self) -> ShelfEvents:
        """The stream has ended: close every open change on its longest plateau, or on the last two frames."""
        state = self._state
        if state.last_ns == _NEVER:
            return self._batch()
        for _ in _evaluate([self], [state.framer.drain(max(_LEAST_SAMPLES, state.framer.size // 2))]):
            pass
        state.evaluated_ns = state.last_ns
        moved = (state.recent.last(state.recent.spreads, 2) > 0).all(axis=0)
        plates = np.flatnonzero(self._open() & moved & (state.recent.count - state.left >= 2))
        rest, _, _ = self._rest(plates)
        self._found += self._close(plates, np.maximum(rest, 2))
        return self._batch()

    def plate_states(self) -> PlateStates:
        """Health, last plateau and noise of every plate, in single precision: a message carries no more."""
        state, recent = self._state, self._state.recent
        health = plate_health(
            recent.last(recent.spreads, self._frames(self._config.stuck_s)),
            self._frames(self._config.silent_s),
            state.baseline,
            np.maximum(state.noise.sample, np.sqrt(self._config.slow_s * state.drift.variance)),
            state.copied,
            self._config.noisy_stddev,
        )
        noise = np.where(state.noise.count[0] > 0, state.noise.sample, np.nan)
        plates = list(self._unlisted)
        masses, noises = (values.astype(np.float32).tolist() for values in (state.baseline, noise))
        known = map(PlateState, self._listed, health, masses, noises)
        for column, plate in zip(self._columns.tolist(), known, strict=True):
            plates[column] = plate
        state.state_batches += 1
        return PlateStates(state.evaluated_ns, state.state_batches - 1, self._layout.gateway_id, tuple(plates))

    # --- the stream

    def _cut(self, blocks: deque[ScaleReadings]) -> tuple[Frames, deque[int]]:
        """Take the first blocks, as far as they have one sample period.

        The frames that are full with them, and after how many of those each of the blocks is over.
        """
        state = self._state
        taken: list[tuple[Ints, NDArray[np.float32]]] = []
        ends: deque[int] = deque()
        count = 0
        while blocks:
            readings = blocks[0]
            stamps = readings.stamp_ns + readings.sample_period_ns * np.arange(len(readings.mass), dtype=np.int64)
            samples = readings.mass
            if readings.stamp_ns <= state.last_ns:
                newer = stamps > state.last_ns
                stamps, samples = stamps[newer], samples[newer]
            if len(stamps):
                if readings.sample_period_ns != state.period_ns:
                    if ends:
                        break
                    self._begin(readings.sample_period_ns)
                if state.last_ns == _NEVER:
                    state.evaluated_ns = int(stamps[0]) - state.period_ns
                state.last_ns = int(stamps[-1])
                taken.append((stamps, samples))
                count += len(stamps)
            ends.append((len(state.framer.pending) + count) // state.framer.size)
            blocks.popleft()
        if not taken:
            return NO_FRAMES, ends
        stamps, samples = (np.concatenate(arrays) for arrays in zip(*taken, strict=True))
        return state.framer.push(stamps, samples[:, self._columns].astype(np.float64)), ends

    def check(self, readings: ScaleReadings) -> None:
        """Raise AisleError when the block has another number of plates than the layout, or no sample period."""
        layout, columns = self._layout, readings.mass.shape[1]
        if columns != len(layout.plate_ids):
            raise AisleError(
                f"gateway {layout.gateway_id}: readings {readings.sequence} of layout revision "
                f"{readings.layout_revision} have {columns} plates, but the layout (revision {layout.revision}) has "
                f"{len(layout.plate_ids)}; publish the layout that the readings follow"
            )
        if readings.sample_period_ns <= 0:
            raise AisleError(
                f"gateway {layout.gateway_id}: readings {readings.sequence} have a sample period of "
                f"{readings.sample_period_ns} ns; give the time between two samples"
            )

    def _begin(self, period_ns: int) -> None:
        """Choose the frames for this sample period."""
        config, state = self._config, self._state
        plates = len(self._columns)
        state.period_ns = period_ns
        state.framer = Framer.empty(max(_LEAST_SAMPLES, round(config.frame_s * _NANO / period_ns)), plates)
        rows = self._frames(max(config.history_s, config.silent_s, config.stuck_s))
        state.recent = Recent.empty(rows, plates, state.recent.count)
        state.drift = Drift.assumed(plates, config.drift, config.drift_s / 5.0 / config.confirm_s)

    def _frames(self, seconds: float) -> int:
        """Frames in that time, at least two."""
        return max(2, round(seconds * _NANO / (self._state.framer.size * max(self._state.period_ns, 1))))

    def _samples(self, seconds: float) -> int:
        """Samples in that time, at least those of a frame."""
        return max(round(seconds * _NANO / self._state.period_ns), _LEAST_SAMPLES)

    def _batch(self) -> ShelfEvents:
        """What was found since the last batch."""
        state, recent = self._state, self._state.recent
        open_since = None
        if not state.resting.all():
            waiting = self._open().nonzero()[0]
            spreads = recent.last(recent.spreads, self._frames(self._config.silent_s))
            waiting = waiting[(spreads[:, waiting] > 0).any(axis=0)]
            open_since = int(state.rested_ns[waiting].min()) if waiting.size else None
        ordered = tuple(sorted(self._found, key=lambda event: (event.end_ns, event.plate_id)))
        self._found = []
        state.event_batches += 1
        return ShelfEvents(
            state.evaluated_ns, state.event_batches - 1, self._layout.gateway_id, ordered, open_since_ns=open_since
        )

    # --- frames

    def _move_on(self, frames: Frames, index: int, evaluated_ns: int) -> None:
        """The next frame comes."""
        self._state.evaluated_ns = evaluated_ns
        self._state.recent.add(frames, index)

    def _take_restless(self, restless: Ints, short: int) -> None:
        """Plates that the newest frame shows off their baselines: changes begin, and those that have settled close."""
        state, count = self._state, self._state.recent.count
        leaves = restless[state.resting[restless]]
        if leaves.size:
            state.resting[leaves] = False
            state.left[leaves] = count - 1
            state.pressed[leaves] = 0.0
        if (count - state.left[restless]).max() >= short:
            self._found += self._close(*self._settled(restless))

    def _frame_s(self) -> float:
        """Length of a frame [s]."""
        return self._state.framer.size * self._state.period_ns / _NANO

    def _limit(self) -> Floats:
        """Distance from the baseline within which a frame's mean is on it [kg], (plates,)."""
        return np.maximum(self._config.leave_sigmas * self._state.noise.frame, self._config.leave)

    def _open(self) -> Bools:
        """Which plates have a change that is unsettled."""
        return ~(self._state.resting | np.isnan(self._state.baseline))

    def _settled(self, plates: Ints) -> tuple[Ints, Ints]:
        """Which of these plates have settled, and over how many frames each; gains that began together do together.

        Plates to which a hand that leans beside lends a part of its force rest with it.
        """
        config, state = self._config, self._state
        count = len(plates)
        if state.leaning[plates].any():
            plates = np.append(plates, np.flatnonzero(state.resting & np.isin(state.lender, plates)))
        rest, together, most_pressed = self._rest(plates)
        known = ~np.isnan(state.baseline[plates]) | (rest >= 2 * self._frames(config.confirm_s))
        settled = (rest > 0) & known
        settled &= ~(together & ~settled).any(axis=1)
        self._lend(plates, np.where(settled, -1, most_pressed))
        settled = settled[:count]
        return plates[:count][settled], rest[:count][settled]

    def _lend(self, plates: Ints, most_pressed: Ints) -> None:
        """Let these plates go on from their newest frames, if a hand leans on one beside and bears down on them."""
        state, window = self._state, 2 * self._frames(self._config.confirm_s)
        bears = most_pressed >= 0
        bears &= (state.lender[plates] < 0) & ~bears[most_pressed]
        for plate, lender in zip(plates[bears].tolist(), plates[most_pressed[bears]].tolist(), strict=True):
            level = self._level(plate, window)
            state.lent[plate], state.lender[plate] = level - float(state.baseline[plate]), lender
            state.leaning[lender] = True
            self._rebase(plate, level, window)
            self._settle(plate)

    def _take_back(self, plate: int, level: float) -> None:
        """The plate settles on ``level`` [kg]: if it fell when the hand went, it has no more of what that lent it."""
        state, lender = self._state, int(self._state.lender[plate])
        if lender < 0 or level - state.baseline[plate] > -state.lent[plate] / 2.0:
            return
        beside = float(self._beside(np.array([plate]), self._config.coupling_columns).min())
        if not state.leaning[lender] or beside < -state.lent[plate] / 2.0:
            self._return(plate)

    def _return(self, plate: int) -> None:
        state = self._state
        self._rebase(plate, float(state.baseline[plate] - state.lent[plate]), int(state.weight[plate]))
        state.lent[plate], state.lender[plate] = 0.0, -1

    def _end_lean(self, plate: int) -> None:
        """The plate settles and has lost nothing: no hand is there. What one beside still has of it was goods."""
        state = self._state
        for beside in np.flatnonzero(state.resting & (state.lender == plate)).tolist():
            self._return(beside)
            state.resting[beside], state.left[beside] = False, state.recent.count - 1
            state.rested_ns[beside] = state.rested_ns[plate]

    def _settle(self, plate: int) -> None:
        state = self._state
        state.leaning[plate] = False
        state.resting[plate] = True
        state.settled[plate] = state.recent.count
        state.rested_ns[plate] = state.evaluated_ns

    def _together(self, plates: Ints, gained: Bools) -> Bools:
        """(plates, plates): others that gained mass beside a plate that did, since the same time."""
        config, left = self._config, self._state.left[plates]
        beside = np.abs(plates[:, np.newaxis] - plates) <= config.coupling_columns
        began = np.abs(left[:, np.newaxis] - left) <= self._frames(config.coupling_s)
        found: Bools = beside & began & gained & gained[:, np.newaxis]
        np.fill_diagonal(found, False)
        return found

    def _bore_alone(self, plates: Ints) -> Bools:
        """(plates,) whether a change pressed on the plate for a while, and on none beside since the same time."""
        pressed = np.flatnonzero(self._state.pressed > self._limit())
        together = self._together(pressed, np.ones(pressed.size, np.bool_)).any(axis=1)
        return np.isin(plates, pressed[~(together | self._state.leaning[pressed])])

    def _rest(self, plates: Ints) -> tuple[Ints, Bools, Ints]:
        """Over how many frames these plates rest, 0 for none; which of them gained mass together; and for those that
        bear part of a hand that keeps still which of them bears most of it, -1 for the others.

        A hand that is still there presses with no more than the plate gained, or with what it had pressed with before
        the plate lost mass. When the plates at rest shake, as under a footfall, every plate may scatter that much more.
        """
        config, state, recent = self._config, self._state, self._state.recent
        least, most = self._frames(config.confirm_s), self._frames(config.hold_s)
        spreads, means = recent.last(recent.spreads, least), recent.last(recent.means, most)[:, plates]
        shaking, swaying = self._shaking(spreads, recent.last(recent.means, least))
        noise = np.hypot(swaying * state.noise.frame[plates], state.noise.level[2, plates])

        since = recent.count - state.left[plates]
        baseline = state.baseline[plates] - np.where(state.resting[plates], state.lent[plates], 0.0)
        stays = np.where(since > least, np.minimum.reduce(means[: least + 1]) - baseline, 0.0)
        state.pressed[plates] = np.fmax(state.pressed[plates], stays)
        change = np.add.reduce(means[:least]) / least - baseline
        limit = self._limit()[plates]
        felt = config.coupling * self._felt(plates)
        own = np.abs(change) > felt
        gained: Bools = (change > limit) & own
        together = self._together(plates, gained)
        pressed = np.where(state.pressed[plates] > np.maximum(limit, _NO_PRESS * felt), state.pressed[plates], 0.0)
        again = self._again(plates, change)
        rest, hand = judge_rest(
            means,
            since,
            least,
            np.where(change < 0, self._frames(config.hold_loss_s), most + state.leaning[plates]),
            noise,
            np.where(gained, change, np.where((change < -limit) & own, pressed, 0.0)),
            config.flat,
            config.flat_sigmas,
            config.tremor,
            config.creep,
            np.where(change < 0, config.log_odds_loss, config.log_odds - again),
            together,
        )
        middle = np.sort(spreads[:, plates], axis=0)[least // 2]
        quiet = config.calm_sigmas * shaking * state.noise.sample[plates]
        calm = (middle > 0) & (middle <= np.fmax(quiet, config.ringing * np.abs(change)))
        more = together & (change > change[:, np.newaxis])
        part = hand & calm & more.any(axis=1)
        most_pressed = np.full(len(plates), -1)
        if part.any():
            most_pressed[part] = np.where(more[part], change, 0.0).argmax(axis=1)
        return np.where(calm, rest, 0), together, most_pressed

    def _again(self, plates: Ints, gain: Floats) -> Floats:
        """(plates,) log odds for goods by that they gain what was taken last, (plates,) [kg]."""
        state = self._state
        _, frame, plateau = state.noise.level[:, plates]
        return same_again(gain, state.lost[plates], np.hypot(self._config.gain_stddev * gain, np.hypot(frame, plateau)))

    def _shaking(self, spreads: Floats, means: Floats) -> tuple[float, float]:
        """How much more the plates at rest scatter than usual, as a factor: their samples, and their frame means."""
        state = self._state
        factors = []
        off = means - np.add.reduce(means) / len(means)
        scatter = np.sqrt(np.add.reduce(off * off) / (len(means) - 1))
        for shown, usual in ((spreads, state.noise.sample), (scatter, state.noise.frame)):
            ratios = (shown / usual)[(shown > 0) & state.resting]
            middle = ratios.size // 2
            factors.append(max(float(np.partition(ratios, middle)[middle]), 1.0) if ratios.size else 1.0)
        return factors[0], factors[1]

    # --- changes

    def _close(self, plates: Ints, windows: Ints) -> list[ShelfEvent]:
        """Close the changes of these plates on the mean of their last frames; ``windows`` counts them."""
        state, recent = self._state, self._state.recent
        limit, bore_alone = self._limit(), self._bore_alone(plates)
        events: list[ShelfEvent] = []
        contents: dict[bytes, int] = {}
        for plate, window, bore in zip(plates.tolist(), windows.tolist(), bore_alone.tolist(), strict=True):
            level = self._level(plate, window)
            self._take_back(plate, level)
            change = level - float(state.baseline[plate])
            if abs(change) > limit[plate] or bore or self._sank(plate, level):
                events += self._events(plate, level, window, contents)
            if change < -limit[plate]:
                state.lost[plate] = -change
            if not abs(change) <= limit[plate]:
                self._rebase(plate, level, window)
            else:
                self._carry(plate, float(self._felt(np.array([plate]))[0]), window)
            for beside in self._resting_beside(plate):
                self._carry(beside, change, min(window, recent.count - int(state.settled[beside])))
            if change >= -limit[plate]:
                self._end_lean(plate)
            self._settle(plate)
        numbered = []
        for event in sorted(events, key=lambda event: (event.end_ns, event.plate_id)):
            state.events += 1
            numbered.append(replace(event, shelf_event_id=f"{self._layout.gateway_id}/{state.events}"))
        return numbered

    def _level(self, plate: int, window: int) -> float:
        """Mean of the plate's last frames, so many of them [kg]."""
        recent = self._state.recent
        return float(recent.last(recent.means[:, plate], window).mean())

    def _rebase(self, plate: int, level: float, window: int) -> None:
        """The plate rests on another level, the mean of so many frames; that is no drift."""
        state = self._state
        if not np.isnan(state.baseline[plate]):
            state.drift.slow[plate] += level - float(state.baseline[plate])
        state.baseline[plate] = level
        state.weight[plate] = window

    def _resting_beside(self, plate: int) -> list[int]:
        columns = plate + _reach(self._config.coupling_columns).ravel()
        columns = columns[(columns >= 0) & (columns < len(self._state.resting))]
        found: list[int] = columns[self._state.resting[columns]].tolist()
        return found

    def _carry(self, plate: int, change: float, window: int) -> None:
        """The plate rests, as its last frames show, where it was but for what it felt of that change beside it [kg]."""
        state, felt = self._state, self._config.coupling * abs(change)
        if window and felt > state.noise.frame[plate]:
            level = self._level(plate, window)
            if abs(level - state.baseline[plate]) <= felt:
                self._rebase(plate, level, window)

    def _events(self, plate: int, level: float, window: int, contents: dict[bytes, int]) -> list[ShelfEvent]:
        """The events of one plate that settled on a new level: none, one, or the steps of a staircase.

        ``window`` counts the frames of the level, ``contents`` has the samples of the plates that closed in the same
        frame, to find copies.
        """
        config, state = self._config, self._state
        before, rested = float(state.baseline[plate]), int(state.rested_ns[plate])
        change = level - before
        short = self._frames(config.confirm_s)
        begins, ends, landing = (
            state.noise.plateau(plate, short, frames) for frames in (float(state.weight[plate]), window, 1)
        )
        open_ns = state.evaluated_ns - rested
        smallest = config.leave if self._is_part(plate, change) else config.min_change
        least = max(smallest, config.significance * self._stddev(plate, change, begins, ends, open_ns, 0.0))
        back = abs(change) < least
        put = self._put_meanwhile(plate, max(before, level), least, back)
        if back and put is None and not self._sank(plate, level):
            return []

        stamps, samples = state.recent.since(plate, rested)
        state.copied[plate] = contents.setdefault(samples.tobytes(), plate) != plate
        given = np.isfinite(samples)
        stamps = np.concatenate([[rested], stamps[given]])
        samples = np.concatenate([[before], samples[given]])
        if back and put is None:
            sigma = float(state.noise.sample[plate])
            depth, settle = max(least, _AWAY * sigma), 2 * self._samples(config.confirm_s)
            dip = find_dip(samples, min(before, level), depth, sigma, self._samples(config.frame_s), settle)
            if dip is None:
                return []
            put = _Put(dip[0], 1, int(stamps[dip[1]]))
        levels, rests, cuts = [before, level], [ends], [0, len(samples)]
        if put is not None:
            levels.insert(1, put.level)
            rests.insert(0, state.noise.plateau(plate, short, put.frames))
            cuts.insert(1, int(np.searchsorted(stamps, put.middle_ns)))
        steps, stddevs = [], [begins]
        for (first, last), (old, new), rest in zip(
            itertools.pairwise(cuts), itertools.pairwise(levels), rests, strict=True
        ):
            found = self._steps(plate, samples[first:last], old, new, least)
            steps += [replace(step, start=step.start + first, end=step.end + first) for step in found]
            stddevs += [*[landing] * (len(found) - 1), rest]
        felt = float(self._felt(np.array([plate]))[0])
        if state.copied[plate] or np.abs(np.diff(levels)).max() < config.coupling * felt:
            return []

        events = []
        for step, (old, new) in zip(steps, itertools.pairwise(stddevs), strict=True):
            mass_change, start_ns, end_ns = step.after - step.before, int(stamps[step.start]), int(stamps[step.end])
            stddev = self._stddev(plate, mass_change, old, new, end_ns - start_ns, felt)
            plate_id = self._layout.plate_ids[int(self._columns[plate])]
            events.append(ShelfEvent("", plate_id, start_ns, end_ns, mass_change, stddev, step.after))
        return events

    def _steps(self, plate: int, samples: Floats, before: float, after: float, least: float) -> list[Step]:
        config, state = self._config, self._state
        short = self._frames(config.confirm_s)
        rest = self._samples(config.split_s if after < before else config.confirm_s)
        settle = (short + 2 if self._is_pressed(plate) else 2 * short) * state.framer.size
        return find_steps(samples, before, after, float(state.noise.sample[plate]), least, rest, settle)

    def _sank(self, plate: int, level: float) -> bool:
        """Whether a frame of the open change lies below both the old level and ``level`` [kg]."""
        state, recent = self._state, self._state.recent
        count = min(int(recent.count - state.left[plate]), len(recent.history))
        floor = np.minimum(state.baseline[plate], level) - self._limit()[plate]
        return bool(np.fmin.reduce(recent.last(recent.means, count)[:, plate]) < floor)

    def _is_pressed(self, plate: int) -> bool:
        """Whether a hand may have stayed during the open change."""
        return bool(self._state.pressed[plate] > self._limit()[plate])

    def _put_meanwhile(self, plate: int, base: float, least: float, back: bool) -> _Put | None:
        """What the open change rested on, ``least`` [kg] or more above ``base`` [kg], if that may have been goods.

        Frames speak for goods, or for neither goods nor a hand. A plate that is ``back`` on its old level bore goods
        rather than a touch if that lasted.
        """
        config, state, recent = self._config, self._state, self._state.recent
        if not self._is_pressed(plate):
            return None
        count = min(int(recent.count - state.left[plate]), len(recent.history))
        means, spreads = recent.last(recent.means, count)[:, plate], recent.last(recent.spreads, count)[:, plate]
        sample, frame, plateau = state.noise.level[:, plate].tolist()
        calm = (spreads > 0) & (spreads <= config.calm_sigmas * sample)
        again = self._again(np.full(count, plate), means - state.baseline[plate])
        short, long = (config.split_s, config.log_odds_loss), (_TOUCH_S, NEITHER)
        for seconds, log_odds in (short, long) if back else [(config.confirm_s, NEITHER)]:
            found = longest_rest(
                means,
                calm,
                base + least,
                float(state.baseline[plate]),
                least,
                self._frames(seconds),
                math.hypot(frame, plateau),
                config.flat,
                config.flat_sigmas,
                config.tremor,
                config.creep,
                log_odds,
                again,
            )
            if found is not None:
                newest, frames = found
                level = float(means[newest : newest + frames].mean())
                if level >= base + least:
                    return _Put(level, frames, int(recent.history[-1 - newest - frames // 2][0][0]))
        return None

    def _stddev(self, plate: int, change: float, old: float, new: float, span_ns: int, felt: float) -> float:
        """Standard deviation [kg] of a change between two levels that have the standard deviations old and new.

        The levels are means over time, so drift counts from the middle of the old one to the end of the new one.
        ``felt`` [kg] is what the neighbours changed by at the same time; the limit of its part is three standard
        deviations.
        """
        config, state = self._config, self._state
        seconds = span_ns / _NANO + config.confirm_s + float(state.weight[plate]) * self._frame_s() / 2.0
        drift = math.sqrt(float(state.drift.variance[plate]) * seconds)
        return math.hypot(old, new, drift, config.gain_stddev * change, config.coupling / 3.0 * felt)

    def _felt(self, plates: Ints) -> Floats:
        """What the neighbours of these plates have changed by since a little before they left their baselines [kg]."""
        felt: Floats = np.abs(self._beside(plates, self._config.coupling_columns)).sum(axis=0)
        return felt

    def _beside(self, plates: Ints, columns: int) -> Floats:
        """(2 * columns, plates): those changes [kg], signed, so many columns to each side; 0 where there is none."""
        config, state, recent = self._config, self._state, self._state.recent
        since = recent.count - state.left[plates] + self._frames(config.coupling_s)
        then = recent.before(since)
        beside = plates + _reach(columns)
        inside = (beside >= 0) & (beside < len(state.left))
        beside = np.where(inside, beside, plates)
        changed = recent.last(recent.means, 1)[0, beside] - recent.means[then, beside]
        found: Floats = np.where(inside & np.isfinite(changed), changed, 0.0)
        return found

    def _is_part(self, plate: int, change: float) -> bool:
        """Whether both this plate and one beside may feel parts of one item.

        The one beside changed alike at the same time, or its noise hides such a part.
        """
        config, state = self._config, self._state
        noisy = self._limit() > config.min_change
        if noisy[max(plate - 1, 0) : plate].any() or noisy[plate + 1 : plate + 2].any():
            return True
        beside = math.copysign(1.0, change) * self._beside(np.array([plate]), 1)[:, 0]
        alike = (beside >= config.min_change) & (beside <= abs(change) / config.least_part)
        return any(
            abs(state.left[other] - state.left[plate]) <= _AT_ONCE
            for other in np.array([plate - 1, plate + 1])[alike].tolist()
        )


@functools.cache
def _reach(columns: int) -> Ints:
    """(2 * columns, 1): columns to each side."""
    reach: Ints = np.delete(np.arange(-columns, columns + 1), columns)[:, np.newaxis]
    return reach


def weigh_together(work: Sequence[tuple[Weighing, Sequence[ScaleReadings]]]) -> Iterator[tuple[int, ShelfEvents]]:
    """Evaluate blocks that were checked, of several gateways under one configuration; much faster than one by one.

    After each block: the gateway's place in ``work``, and what ``Weighing.step`` gives. The blocks of one gateway come
    in order. Take everything: the weighings are ahead of what they have told until the end.
    """
    jobs = [_Job(number, weighing, deque(blocks)) for number, (weighing, blocks) in enumerate(work)]
    while True:
        for job in jobs:
            yield from job.cut()
        waiting = [job for job in jobs if job.left]
        if not waiting:
            return
        pace, short, phase = waiting[0].pace, waiting[0].short, waiting[0].phase
        alike = [job for job in waiting if job.pace == pace]
        group = [job for job in alike if job.phase == phase]
        # A group stops where another one is, and they go on together.
        others = [(job.phase - phase) % short for job in alike if job.phase != phase]
        count = min([job.left for job in group] + others)
        parts = [job.frames.part(job.done, job.done + count) for job in group]
        for _ in _evaluate([job.weighing for job in group], parts):
            for job in group:
                job.done += 1
                yield from job.tell()


@dataclass(slots=True)
class _Job:
    """Blocks of one gateway that are evaluated.

    ends: after how many of the frames each block is over that was cut into them and is not told. done: frames.
    """

    number: int
    weighing: Weighing
    blocks: deque[ScaleReadings]
    frames: Frames = NO_FRAMES
    ends: deque[int] = field(default_factory=deque)
    done: int = 0

    @property
    def left(self) -> int:
        """Frames to be evaluated."""
        return len(self.frames) - self.done

    @property
    def pace(self) -> tuple[int, int]:
        """Samples of a frame, and their period."""
        return self.weighing._state.framer.size, self.weighing._state.period_ns

    @property
    def short(self) -> int:
        """Frames of a plateau."""
        return self.weighing._frames(self.weighing._config.confirm_s)

    @property
    def phase(self) -> int:
        """Frames since the last plateau began; gateways of one pace and phase go together."""
        return self.weighing._state.recent.count % self.short

    def cut(self) -> Iterator[tuple[int, ShelfEvents]]:
        """Cut blocks into frames when there are none left."""
        while self.blocks and not self.left:
            (self.frames, self.ends), self.done = self.weighing._cut(self.blocks), 0
            yield from self.tell()

    def tell(self) -> Iterator[tuple[int, ShelfEvents]]:
        """The batches of blocks that are over."""
        while self.ends and self.ends[0] <= self.done:
            self.ends.popleft()
            yield self.number, self.weighing._batch()


def _evaluate(weighings: Sequence[Weighing], frames: Sequence[Frames]) -> Iterator[None]:
    """Evaluate equally many frames of gateways of one pace and phase, one after the other.

    What is judged plate by plate is judged of all plates together: their arrays become parts of one.
    """
    first, states = weighings[0], [weighing._state for weighing in weighings]
    config, duration, short = first._config, first._frame_s(), first._frames(first._config.confirm_s)
    heaviest = max(config.baseline_s / duration, 1.0)
    before = _beside([state.recent.last(state.recent.means, 1)[0] for state in states])
    mean, spread = _beside([part.mean for part in frames]), _beside([part.spread for part in frames])
    shown = evidence(mean, spread, before, frames[0].stamps.shape[1])
    moved = spread > 0
    sizes = [state.baseline.size for state in states]
    parts = [slice(end - size, end) for size, end in zip(sizes, itertools.accumulate(sizes), strict=True)]
    ends_ns = _beside([part.stamps[:, -1:] for part in frames])
    counts = np.array([state.recent.count for state in states])
    stamps = ends_ns
    if len(states) > 1:
        stamps, counts = np.repeat(ends_ns, sizes, axis=1), np.repeat(counts, sizes)
    noise = Noise(*(_joined([state.noise for state in states], name) for name in ("level", "count")))
    drift = Drift(*(_joined([state.drift for state in states], name) for name in ("slow", "variance", "count")))
    baseline, weight, resting, rested_ns, settled, leaning = (
        _joined(states, name) for name in ("baseline", "weight", "resting", "rested_ns", "settled", "leaning")
    )
    for state, part in zip(states, frames, strict=True):
        state.recent.expect(part)
    for index, now_ns in enumerate(ends_ns.tolist()):
        counts += 1
        for weighing, part, evaluated_ns in zip(weighings, frames, now_ns, strict=True):
            weighing._move_on(part, index, evaluated_ns)
        off = mean[index] - baseline
        limit = np.maximum(config.leave_sigmas * noise.frame, config.leave)
        follows = resting & moved[index] & (np.abs(off) <= limit)
        np.minimum(weight + follows, heaviest, out=weight)
        np.add(baseline, off / weight, out=baseline, where=follows)
        np.copyto(rested_ns, stamps[index], where=follows)

        if states[0].recent.count % short == 0:
            last = [state.recent.last(state.recent.means, 2 * short) for state in states]
            rested = follows & (counts - settled >= 2 * short)
            shown[index, 2] = np.where(rested, plateau_evidence(_beside(last)), np.nan)
            drift.update(baseline, rested, short * duration, config.baseline_s, config.slow_s, config.drift_s)
        step = np.where(resting, duration / config.noise_s, duration / config.open_noise_s)
        step[leaning] = 0.0
        noise.update(shown[index], step, config.noise_floor)

        restless = moved[index] > follows
        if np.count_nonzero(restless):
            for weighing, columns in zip(weighings, parts, strict=True):
                plates = restless[columns].nonzero()[0]
                if plates.size:
                    weighing._take_restless(plates, short)
        yield


def _beside(arrays: Sequence[NDArray[_Number]]) -> NDArray[_Number]:
    """Arrays (..., plates) one after the other."""
    return np.concatenate(arrays, axis=-1) if len(arrays) > 1 else arrays[0]


def _joined(owners: Sequence[Any], name: str) -> Any:
    """The owners' arrays (..., plates) one after the other; theirs become parts of it."""
    arrays = [getattr(owner, name) for owner in owners]
    if len(arrays) == 1:
        return arrays[0]
    whole = np.concatenate(arrays, axis=-1)
    end = 0
    for owner in owners:
        start, end = end, end + getattr(owner, name).shape[-1]
        setattr(owner, name, whole[..., start:end])
    return whole
