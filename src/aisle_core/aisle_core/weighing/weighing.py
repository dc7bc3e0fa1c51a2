"""The stage: readings of one gateway in, settled net changes out."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Container
from dataclasses import dataclass, replace

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
from aisle_core.weighing.changes import find_steps
from aisle_core.weighing.config import WeighingConfig
from aisle_core.weighing.frames import Framer, Frames, Recent
from aisle_core.weighing.health import plate_health
from aisle_core.weighing.noise import Drift, Noise, evidence, plateau_evidence
from aisle_core.weighing.rest import Rest, judge_rest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NANO = 1_000_000_000
_LEAST_SAMPLES = 4
"""Fewest samples of a frame from which a spread can be learned."""
_NEVER = -(2**60)
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
    evaluated_ns: int
    """Last sample evaluated."""
    last_ns: int = _NEVER
    """Last sample taken."""
    period_ns: int = 0
    events: int = 0
    event_batches: int = 0
    state_batches: int = 0


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
        plates = len(self._columns)
        self._state = WeighingState(
            framer=Framer.empty(_LEAST_SAMPLES, plates),
            recent=Recent.empty(1, plates),
            noise=Noise.unknown(plates, config.noise_floor),
            drift=Drift.assumed(plates, config.drift, 1.0),
            baseline=np.full(plates, np.nan),
            weight=np.ones(plates),
            resting=np.zeros(plates, np.bool_),
            rested_ns=np.full(plates, _NEVER),
            left=np.zeros(plates, np.int64),
            settled=np.zeros(plates, np.int64),
            pressed=np.zeros(plates),
            copied=np.zeros(plates, np.bool_),
            evaluated_ns=layout.stamp_ns,
        )

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
        self._check(readings)
        state = self._state
        period = readings.sample_period_ns
        samples = readings.mass[:, self._columns].astype(np.float64)
        stamps = readings.stamp_ns + period * np.arange(len(samples), dtype=np.int64)
        if readings.stamp_ns <= state.last_ns:
            newer = stamps > state.last_ns
            samples, stamps = samples[newer], stamps[newer]
        if not len(samples):
            return self._batch([])
        if state.last_ns == _NEVER:
            state.evaluated_ns = int(stamps[0]) - period
        if period != state.period_ns:
            self._begin(period)
        state.last_ns = int(stamps[-1])
        return self._batch(self._evaluate(state.framer.push(stamps, samples)))

    def finish(self) -> ShelfEvents:
        """The stream has ended: close every open change on its longest plateau, or on the last two frames."""
        state = self._state
        if state.last_ns == _NEVER:
            return self._batch([])
        events = self._evaluate(state.framer.drain(max(_LEAST_SAMPLES, state.framer.size // 2)))
        state.evaluated_ns = state.last_ns
        moved = (state.recent.last(state.recent.spreads, 2) > 0).all(axis=0)
        plates = np.flatnonzero(self._open() & moved & (state.recent.count - state.left >= 2))
        rest, _ = self._rest(plates)
        return self._batch(events + self._close(plates, np.maximum(rest.frames, 2)))

    def plate_states(self) -> PlateStates:
        """Health, last plateau and noise of every plate."""
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
        plates = [PlateState(name, PlateHealth.UNLISTED, math.nan, math.nan) for name in self._layout.plate_ids]
        for plate, column in enumerate(self._columns.tolist()):
            mass, stddev = float(state.baseline[plate]), float(noise[plate])
            plates[column] = PlateState(self._layout.plate_ids[column], health[plate], mass, stddev)
        state.state_batches += 1
        return PlateStates(state.evaluated_ns, state.state_batches - 1, self._layout.gateway_id, tuple(plates))

    # --- the stream

    def _check(self, readings: ScaleReadings) -> None:
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

    def _batch(self, events: list[ShelfEvent]) -> ShelfEvents:
        state, recent = self._state, self._state.recent
        waiting = np.flatnonzero(self._open())
        if waiting.size:
            spreads = recent.last(recent.spreads, self._frames(self._config.silent_s))
            waiting = waiting[(spreads[:, waiting] > 0).any(axis=0)]
        open_since = int(state.rested_ns[waiting].min()) if waiting.size else None
        ordered = tuple(sorted(events, key=lambda event: (event.end_ns, event.plate_id)))
        state.event_batches += 1
        return ShelfEvents(
            state.evaluated_ns, state.event_batches - 1, self._layout.gateway_id, ordered, open_since_ns=open_since
        )

    # --- frames

    def _evaluate(self, frames: Frames) -> list[ShelfEvent]:
        """Evaluate full frames one after the other."""
        config, state, recent = self._config, self._state, self._state.recent
        count, size = frames.stamps.shape
        duration, short = self._frame_s(), self._frames(config.confirm_s)
        shown = np.full((count, 3, frames.mean.shape[1]), np.nan)
        shown[:, :2] = evidence(frames.mean, frames.spread, recent.last(recent.means, 1)[0], size)
        moved = frames.spread > 0
        events: list[ShelfEvent] = []
        for index in range(count):
            state.evaluated_ns = int(frames.stamps[index, -1])
            recent.add(frames, index)
            off = frames.mean[index] - state.baseline
            follows = state.resting & moved[index] & (np.abs(off) <= self._limit())
            state.weight = np.minimum(state.weight + follows, max(config.baseline_s / duration, 1.0))
            state.baseline += np.where(follows, off, 0.0) / state.weight
            np.copyto(state.rested_ns, state.evaluated_ns, where=follows)

            if recent.count % short == 0:
                plateaus = plateau_evidence(recent.last(recent.means, 2 * short))
                rested = follows & (recent.count - state.settled >= 2 * short)
                shown[index, 2] = np.where(rested, plateaus, np.nan)
                state.drift.update(
                    state.baseline, rested, short * duration, config.baseline_s, config.slow_s, config.drift_s
                )
            memory_s = np.where(state.resting, config.noise_s, config.open_noise_s)
            state.noise.update(shown[index], duration / memory_s, config.noise_floor)

            restless = np.flatnonzero(moved[index] & ~follows)
            if restless.size:
                leaves = restless[state.resting[restless]]
                state.resting[leaves] = False
                state.left[leaves] = recent.count - 1
                state.pressed[leaves] = 0.0
                if (recent.count - state.left[restless]).max() >= short:
                    events += self._close(*self._settled(restless))
        return events

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
        """Which of these plates have settled, and over how many frames each.

        A hand presses on several plates at once: while one trembles, a gain beside it that began with it is held too.
        """
        config, state = self._config, self._state
        rest, gained = self._rest(plates)
        known = ~np.isnan(state.baseline[plates]) | (rest.frames >= 2 * self._frames(config.confirm_s))
        settled = (rest.frames > 0) & known
        trembling = plates[gained & rest.trembles & ~settled]
        if trembling.size:
            beside = np.abs(plates[:, np.newaxis] - trembling) <= config.coupling_columns
            began = state.left[plates][:, np.newaxis] - state.left[trembling]
            together = beside & (np.abs(began) <= self._frames(config.coupling_s))
            settled &= ~(gained & together.any(axis=1))
        return plates[settled], rest.frames[settled]

    def _rest(self, plates: Ints) -> tuple[Rest, Bools]:
        """Whether these plates rest, and which of them gained mass.

        A hand that is still there presses with no more than the plate gained, or with what it had pressed with before
        the plate lost mass. When the plates at rest shake, as under a footfall, every plate may scatter that much more.
        """
        config, state, recent = self._config, self._state, self._state.recent
        least, most = self._frames(config.confirm_s), self._frames(config.hold_s)
        spreads, means = recent.last(recent.spreads, least), recent.last(recent.means, most)[:, plates]
        shaking, swaying = self._shaking(spreads, recent.last(recent.means, least))
        noise = np.hypot(swaying * state.noise.frame[plates], state.noise.level[2, plates])

        since, baseline = recent.count - state.left[plates], state.baseline[plates]
        stays = np.where(since > least, means[: least + 1].min(axis=0) - baseline, 0.0)
        state.pressed[plates] = np.fmax(state.pressed[plates], stays)
        change = means[:least].mean(axis=0) - baseline
        limit = self._limit()[plates]
        own = np.abs(change) > config.coupling * self._felt(plates)
        gained: Bools = (change > limit) & own
        pressed = np.where(state.pressed[plates] > limit, state.pressed[plates], 0.0)
        rest = judge_rest(
            means,
            since,
            least,
            np.where(change < 0, self._frames(config.hold_loss_s), most),
            noise,
            np.where(gained, change, np.where((change < -limit) & own, pressed, 0.0)),
            config.flat,
            config.flat_sigmas,
            config.tremor,
            config.creep,
            np.where(change < 0, config.log_odds_loss, config.log_odds),
        )
        middle = np.sort(spreads[:, plates], axis=0)[least // 2]
        calm = (middle > 0) & (middle <= config.calm_sigmas * shaking * state.noise.sample[plates])
        return Rest(np.where(calm, rest.frames, 0), rest.trembles), gained

    def _shaking(self, spreads: Floats, means: Floats) -> tuple[float, float]:
        """How much more the plates at rest scatter than usual, as a factor: their samples, and their frame means."""
        state = self._state
        factors = []
        for shown, usual in ((spreads, state.noise.sample), (means.std(axis=0, ddof=1), state.noise.frame)):
            ratios = (shown / usual)[(shown > 0) & state.resting]
            middle = ratios.size // 2
            factors.append(max(float(np.partition(ratios, middle)[middle]), 1.0) if ratios.size else 1.0)
        return factors[0], factors[1]

    # --- changes

    def _close(self, plates: Ints, windows: Ints) -> list[ShelfEvent]:
        """Close the changes of these plates on the mean of their last frames; ``windows`` counts them."""
        state, recent = self._state, self._state.recent
        limit = self._limit()
        events: list[ShelfEvent] = []
        contents: dict[bytes, int] = {}
        for plate, window in zip(plates.tolist(), windows.tolist(), strict=True):
            level = float(recent.last(recent.means[:, plate], window).mean())
            change = level - float(state.baseline[plate])
            if abs(change) > limit[plate]:
                events += self._events(plate, level, window, contents)
                state.drift.slow[plate] += change
            if not abs(change) <= limit[plate]:
                state.baseline[plate] = level
                state.weight[plate] = window
            state.resting[plate] = True
            state.settled[plate] = recent.count
            state.rested_ns[plate] = state.evaluated_ns
        numbered = []
        for event in sorted(events, key=lambda event: (event.end_ns, event.plate_id)):
            state.events += 1
            numbered.append(replace(event, shelf_event_id=f"{self._layout.gateway_id}/{state.events}"))
        return numbered

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
        if abs(change) < least:
            return []

        stamps, samples = state.recent.since(plate, rested)
        state.copied[plate] = contents.setdefault(samples.tobytes(), plate) != plate
        given = np.isfinite(samples)
        stamps = np.concatenate([[rested], stamps[given]])
        samples = np.concatenate([[before], samples[given]])
        rest_s = config.split_s if change < 0 else config.confirm_s
        rest = max(round(rest_s * _NANO / state.period_ns), _LEAST_SAMPLES)
        settle = (short + 2 if state.pressed[plate] > self._limit()[plate] else 2 * short) * state.framer.size
        steps = find_steps(samples, before, level, float(state.noise.sample[plate]), least, rest, settle)
        felt = float(self._felt(np.array([plate]))[0])
        if state.copied[plate] or abs(change) < config.coupling * felt:
            return []

        stddevs = [begins, *[landing] * (len(steps) - 1), ends]
        events = []
        for step, (old, new) in zip(steps, itertools.pairwise(stddevs), strict=True):
            mass_change, start_ns, end_ns = step.after - step.before, int(stamps[step.start]), int(stamps[step.end])
            stddev = self._stddev(plate, mass_change, old, new, end_ns - start_ns, felt)
            plate_id = self._layout.plate_ids[int(self._columns[plate])]
            events.append(ShelfEvent("", plate_id, start_ns, end_ns, mass_change, stddev, step.after))
        return events

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
        then = (recent.count - 1 - np.minimum(since, recent.rows - 1)) % recent.rows
        reach = np.delete(np.arange(-columns, columns + 1), columns)[:, np.newaxis]
        beside = plates + reach
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
