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
from aisle_core.weighing.noise import Noise, evidence

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NANO = 1_000_000_000
_LEAST_SAMPLES = 4
"""Fewest samples of a frame from which a spread can be learned."""
_NEVER = -(2**60)


@dataclass(slots=True)
class WeighingState:
    """Everything that ``Weighing`` remembers; arrays are (plates,), masses kg, stamps ns."""

    framer: Framer
    recent: Recent
    noise: Noise
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
    change: Floats
    """Net change of the last event or staircase, and its span."""
    change_start_ns: Ints
    change_end_ns: Ints
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
            recent=Recent.empty(1, 1, plates),
            noise=Noise.unknown(plates, config.noise_floor),
            baseline=np.full(plates, np.nan),
            weight=np.ones(plates),
            resting=np.zeros(plates, np.bool_),
            rested_ns=np.full(plates, _NEVER),
            left=np.zeros(plates, np.int64),
            change=np.zeros(plates),
            change_start_ns=np.full(plates, _NEVER),
            change_end_ns=np.full(plates, _NEVER),
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
        present = np.isfinite(state.recent.last(state.recent.means, 2)).all(axis=0)
        plates = np.flatnonzero(self._open() & present & (state.recent.count - state.left >= 2))
        windows = np.full(plates.size, 2)
        for count in range(3, self._frames(self._config.confirm_s) + 1):
            windows[self._still(plates, count)] = count
        return self._batch(events + self._close(plates, windows))

    def plate_states(self) -> PlateStates:
        """Health, last plateau and noise of every plate."""
        state, recent = self._state, self._state.recent
        health = plate_health(
            recent.last(recent.spreads, len(recent.spreads)),
            self._frames(self._config.silent_s),
            state.baseline,
            state.noise.sample,
            state.copied,
            self._config.noisy_stddev,
        )
        noise = np.where(state.noise.count > 0, state.noise.sample, np.nan)
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
        rows = self._frames(max(config.confirm_gain_s, config.silent_s, config.stuck_s))
        history = self._frames(config.history_s)
        state.recent = replace(Recent.empty(rows, history, plates), count=state.recent.count)

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
        duration = size * state.period_ns / _NANO
        shown = evidence(frames.mean, frames.spread, recent.last(recent.means, 1)[0], size)
        moved = frames.spread > 0
        events: list[ShelfEvent] = []
        for index in range(count):
            state.evaluated_ns = int(frames.stamps[index, -1])
            recent.add(frames, index)
            off = frames.mean[index] - state.baseline
            follows = state.resting & (np.abs(off) <= self._limit())
            state.weight = np.minimum(state.weight + follows, max(config.baseline_s / duration, 1.0))
            state.baseline += np.where(follows, off, 0.0) / state.weight
            np.copyto(state.rested_ns, state.evaluated_ns, where=follows)
            memory_s = np.where(state.resting, config.noise_s, config.open_noise_s)
            state.noise.update(shown[index], duration / memory_s, config.noise_floor)

            restless = np.flatnonzero(moved[index] & ~follows)
            if restless.size:
                leaves = restless[state.resting[restless]]
                state.resting[leaves] = False
                state.left[leaves] = recent.count - 1
                events += self._close(*self._settled(restless))
        return events

    def _limit(self) -> Floats:
        """Distance from the baseline within which a frame's mean is on it [kg], (plates,)."""
        return np.maximum(self._config.leave_sigmas * self._state.noise.frame, self._config.leave)

    def _open(self) -> Bools:
        """Which plates have a change that is unsettled."""
        return ~(self._state.resting | np.isnan(self._state.baseline))

    def _settled(self, plates: Ints) -> tuple[Ints, Ints]:
        """Which of these plates have settled, and over how many frames each.

        A plate that lost mass or is back on its baseline has settled after ``confirm_s``; one that gained mass, or
        has no baseline yet, after ``confirm_gain_s``: a hand can press for long, but not pull.
        """
        state, recent = self._state, self._state.recent
        short, long = self._frames(self._config.confirm_s), self._frames(self._config.confirm_gain_s)
        plates = plates[self._still(plates, short)]
        if not plates.size:
            return plates, plates
        change = recent.last(recent.means, short)[:, plates].mean(axis=0) - state.baseline[plates]
        gained = ~(change <= self._limit()[plates])
        settled = ~gained | self._still(plates, long)
        return plates[settled], np.where(gained, long, short)[settled]

    def _still(self, plates: Ints, count: int) -> Bools:
        """Which of these plates were flat, calm and alive over the last frames, all since they left.

        Flat: the frame means agree. Calm: the samples scatter like the plate's own noise. Alive: a reading that does
        not move is a frozen copy. A hand that presses is neither flat nor calm. When the plates at rest shake, as
        under a footfall, every plate may scatter that much more.
        """
        config, state, recent = self._config, self._state, self._state.recent
        since: Bools = recent.count - state.left[plates] >= count
        if not since.any():
            return since
        spreads = recent.last(recent.spreads, count)
        ratios = (spreads / state.noise.sample)[(spreads > 0) & state.resting]
        shaking = max(float(np.partition(ratios, ratios.size // 2)[ratios.size // 2]), 1.0) if ratios.size else 1.0
        means = recent.last(recent.means, count)[:, plates]
        flat_limit = np.maximum(config.flat_sigmas * shaking * state.noise.frame[plates], config.flat)
        flat = means.max(axis=0) - means.min(axis=0) <= flat_limit
        middle = np.sort(spreads[:, plates], axis=0)[count // 2]
        calm = middle <= config.calm_sigmas * shaking * state.noise.sample[plates]
        still: Bools = since & flat & calm & (middle > 0)
        return still

    # --- changes

    def _close(self, plates: Ints, windows: Ints) -> list[ShelfEvent]:
        """Close the changes of these plates on the mean of their last frames; ``windows`` counts them."""
        state, recent = self._state, self._state.recent
        limit = self._limit()
        events: list[ShelfEvent] = []
        contents: dict[bytes, int] = {}
        for plate, window in zip(plates.tolist(), windows.tolist(), strict=True):
            means = recent.last(recent.means[:, plate], window)
            level = float(means.mean())
            stddev = max(float(means.std()), float(state.noise.frame[plate])) / math.sqrt(window)
            change = level - float(state.baseline[plate])
            if abs(change) > limit[plate]:
                events += self._events(plate, level, stddev, contents)
            if not abs(change) <= limit[plate]:
                state.baseline[plate] = level
                state.weight[plate] = window
            state.resting[plate] = True
            state.rested_ns[plate] = state.evaluated_ns
        numbered = []
        for event in sorted(events, key=lambda event: (event.end_ns, event.plate_id)):
            state.events += 1
            numbered.append(replace(event, shelf_event_id=f"{self._layout.gateway_id}/{state.events}"))
        return numbered

    def _events(self, plate: int, level: float, level_stddev: float, contents: dict[bytes, int]) -> list[ShelfEvent]:
        """The events of one plate that settled on a new level: none, one, or the steps of a staircase.

        ``contents`` has the samples of the plates that closed in the same frame, to find copies.
        """
        config, state = self._config, self._state
        before, rested = float(state.baseline[plate]), int(state.rested_ns[plate])
        change = level - before
        noise = float(state.noise.frame[plate])
        before_stddev = noise / math.sqrt(float(state.weight[plate]))
        least = max(
            config.min_change,
            config.significance * self._stddev(plate, change, before_stddev, level_stddev, state.evaluated_ns - rested),
        )
        if abs(change) < least:
            return []

        stamps, samples = state.recent.since(plate, rested)
        state.copied[plate] = contents.setdefault(samples.tobytes(), plate) != plate
        given = np.isfinite(samples)
        stamps = np.concatenate([[rested], stamps[given]])
        samples = np.concatenate([[before], samples[given]])
        rest = max(round(config.split_s * _NANO / state.period_ns), _LEAST_SAMPLES)
        steps = find_steps(samples, before, level, float(state.noise.sample[plate]), least, rest)
        end = int(stamps[steps[-1].end])
        if state.copied[plate] or self._coupled(plate, change, rested, end):
            return []

        state.change[plate] = change
        state.change_start_ns[plate], state.change_end_ns[plate] = stamps[steps[0].start], end
        stddevs = [before_stddev, *[noise] * (len(steps) - 1), level_stddev]
        events = []
        for step, (old, new) in zip(steps, itertools.pairwise(stddevs), strict=True):
            mass_change, start_ns, end_ns = step.after - step.before, int(stamps[step.start]), int(stamps[step.end])
            stddev = self._stddev(plate, mass_change, old, new, end_ns - start_ns)
            plate_id = self._layout.plate_ids[int(self._columns[plate])]
            events.append(ShelfEvent("", plate_id, start_ns, end_ns, mass_change, stddev, step.after))
        return events

    def _stddev(self, plate: int, change: float, old: float, new: float, span_ns: int) -> float:
        """Standard deviation [kg] of a change between two levels that have the standard deviations old and new.

        The levels are means over time, so drift counts from the middle of the old one to the end of the new one.
        """
        config, state = self._config, self._state
        frame_s = state.framer.size * state.period_ns / _NANO
        seconds = span_ns / _NANO + config.confirm_s + float(state.weight[plate]) * frame_s / 2.0
        return math.hypot(old, new, config.drift * math.sqrt(seconds), config.gain_stddev * change)

    def _coupled(self, plate: int, change: float, open_ns: int, end_ns: int) -> bool:
        """Whether a neighbour changed so much more at the same time that this plate only felt it."""
        config, state, recent = self._config, self._state, self._state.recent
        near = slice(max(plate - config.coupling_columns, 0), plate + config.coupling_columns + 1)
        margin = round(config.coupling_s * _NANO)
        off = recent.last(recent.means, 1)[0, near] - state.baseline[near]
        underway = self._open()[near] & (end_ns + margin >= state.rested_ns[near])
        settled = (open_ns - margin <= state.change_end_ns[near]) & (end_ns + margin >= state.change_start_ns[near])
        felt = np.fmax(np.where(underway, np.abs(off), 0.0), np.where(settled, np.abs(state.change[near]), 0.0))
        return abs(change) < config.coupling * float(felt.max())
