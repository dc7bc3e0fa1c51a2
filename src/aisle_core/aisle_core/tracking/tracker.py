"""Detections of many overlapping sensors -> identities on the floor.

Every detection is compared with where its person was when it was captured. An assignment gives each person at most one
detection of each sensor; the costs are negative log-likelihoods of place, motion and height
(Blackman, Popoli: Design and Analysis of Modern Tracking Systems, 1999, chapter 6). Who is not seen is kept with
growing uncertainty and is found again by the same likelihood, against that of somebody new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..errors import AisleError
from ..store.geometry import inside
from ..types import TrackState
from . import motion, stature
from .association import assign, groups, near, without
from .config import TrackerConfig
from .meetings import close, meet, tell_apart
from .observations import Coverage, Detections, Tracks
from .offsets import SensorOffsets
from .population import Population

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_HEIGHTS = 0.12**2
"""Variance of the heights of people [m^2] (NCD Risk Factor Collaboration, eLife 5:e13410, 2016: 0.07 m among adults of
one sex and country; children widen it)."""
_AGILITY = (0.7, 6.0)
"""Bounds of how much more or less restless one person may be taken for than most."""
_CALM = 0.7
"""Whose agility is higher leaves the place where a steady walk leads; 1 % of who stoops (5,000 steps, two seeds)."""
_IMPOSSIBLE = 1e6
_OVERLOOKED = np.log(0.1)
"""Log-likelihood with which all sensors overlook somebody at once, however many they are."""
_SEEN, _LOST = np.uint8(TrackState.SEEN), np.uint8(TrackState.LOST)
_SURE = 0.99
"""Who is seen in one step only is somebody new if that is so probable; else another step is waited for."""
_AS_ONE_NS = 2_000_000_000
"""Who was not seen apart for longer is no longer taken for one with somebody else."""
_ARMFUL = (0.45, 0.15)
"""What is nearer to a taller person than this along the floor, and so much lower [m], is a shoulder, or is carried."""
_HIGHER = 0.15
"""A head that is so much higher than a person [m] is somebody else's."""
_LOWER = 0.1
"""Whose head is so much lower than usual [m] stoops."""
_UPRIGHT = 0.03
"""Whose head is at most so much lower than usual [m] stands under it.

Of 4,400 simulated heads with a lean that were at most 0.02 m too low, people were 0.02 m on each axis from under the
head and 0.05 m from where the lean put them; of 5,000 heads 0.04 m too low and more, the lean is nearer.
"""
_WALKS = 0.4
"""Who is slower [m/s] stands, and goes where others do not when others go."""


@dataclass(slots=True)
class TrackerState:
    """Everything the tracker knows; plain data."""

    offsets: SensorOffsets
    people: Population = field(default_factory=Population.empty)
    stamp_ns: int | None = None
    born: int = 0


@dataclass(slots=True, eq=False)
class _Pairing:
    """Measurements of a step, the rows of the people they are of, and of whom else (-1: of nobody else)."""

    detection: Index
    row: Index
    partner: Index


class Tracker:
    """Follows people over all sensors of a place."""

    def __init__(
        self,
        config: TrackerConfig,
        coverage: Coverage | None = None,
        birth_regions: Sequence[Array] = (),
    ) -> None:
        """birth_regions: polygons, (k, 2) corners each [m, map], where people come and go; none: everywhere."""
        self._config = config
        self._coverage = coverage
        self._regions = tuple(np.asarray(region, dtype=np.float64) for region in birth_regions)
        self._state = TrackerState(SensorOffsets.unknown(0, config.offset_stddev))

    def state(self) -> TrackerState:
        """A copy of everything the tracker knows."""
        return replace(self._state, offsets=self._state.offsets.copy(), people=self._state.people.copy())

    @classmethod
    def restore(
        cls,
        config: TrackerConfig,
        state: TrackerState,
        coverage: Coverage | None = None,
        birth_regions: Sequence[Array] = (),
    ) -> Self:
        """A tracker that goes on exactly where ``state()`` was taken."""
        tracker = cls(config, coverage, birth_regions)
        tracker._state = replace(state, offsets=state.offsets.copy(), people=state.people.copy())
        return tracker

    @property
    def offsets(self) -> Array:
        """(k, 2) how far each sensor's positions are off, as learned so far [m, map]."""
        return self._state.offsets.mean.copy()

    def step(self, stamp_ns: int, detections: Detections, reported_sensors: NDArray[np.int64]) -> Tracks:
        """Everybody at ``stamp_ns``, after the detections since the last step.

        reported_sensors (s,): who has spoken since then, also those who saw nobody. Stamps of steps grow; detections
        may be older than the step. The order of the detections does not matter.

        Raises AisleError when time does not grow.
        """
        if self._state.stamp_ns is not None and stamp_ns <= self._state.stamp_ns:
            raise AisleError(f"tracker: step at {stamp_ns} ns after {self._state.stamp_ns} ns; give growing stamps")
        order = np.lexsort((*detections.position.T, detections.stamp_ns, detections.sensor))
        reported = np.unique(np.concatenate([reported_sensors.astype(np.int64), detections.sensor]))
        self._know(reported)
        sorted_detections = self._corrected(detections, order)
        seconds = self._predict(stamp_ns)
        pairs = self._associate(sorted_detections, stamp_ns)
        pairs = self._bear(sorted_detections, pairs, stamp_ns)
        self._update(sorted_detections, pairs, stamp_ns)
        self._go_together(pairs)
        self._count(sorted_detections, pairs, reported, seconds)
        self._part_from_ghosts(stamp_ns)
        twin = self._twins(sorted_detections, pairs, stamp_ns)
        self._believe(stamp_ns, twin)
        meet(self._state.people, self._config)
        tell_apart(self._state.people, self._config)
        ended = self._end(pairs, stamp_ns)
        return self._tracks(order, pairs, ended, stamp_ns)

    # --- time

    def _know(self, reported: NDArray[np.int64]) -> None:
        """Make room for sensors not heard of before."""
        offsets = self._state.offsets
        count = int(reported.max(initial=-1)) + 1 - len(offsets.mean)
        if count <= 0:
            return
        new = SensorOffsets.unknown(count, self._config.offset_stddev)
        self._state.offsets = SensorOffsets(
            np.concatenate([offsets.mean, new.mean]), np.concatenate([offsets.variance, new.variance])
        )

    def _predict(self, stamp_ns: int) -> float:
        """Bring everybody to the stamp; returns the seconds since the last step."""
        state, config, people = self._state, self._config, self._state.people
        before_ns = stamp_ns if state.stamp_ns is None else state.stamp_ns
        seconds = (stamp_ns - before_ns) / 1e9
        if len(people):
            unseen, stoops = people.seen_ns < before_ns, self._stoops()
            people.mean, people.covariance = motion.predict(
                people.mean,
                people.covariance,
                seconds,
                np.select(
                    [stoops, unseen],
                    [config.stoop_noise, config.lost_noise],
                    config.acceleration_noise * (people.agility**2).clip(*_AGILITY),
                ),
                np.select([stoops, unseen], [config.stoop_damping, config.lost_damping], 1e-6),
            )
            people.height_variance = people.height_variance + config.height_noise**2 * seconds
        state.stamp_ns = stamp_ns
        return seconds

    def _stoops(self) -> NDArray[np.bool_]:
        """Who stood and stooped when seen last, not long ago."""
        people = self._state.people
        stoops = self._low(people.top, np.arange(len(people))) & (people.absence <= self._config.coast_ms / 1e3)
        return np.asarray(stoops & (np.hypot(*people.mean[:, 2:].T) < _WALKS))

    def _low(self, height: Array, row: Index) -> NDArray[np.bool_]:
        """Whether heads (n,) [m] are lower than usual, of people who do not leave the places where they should be."""
        people = self._state.people
        return np.asarray((height < people.height[row] - _LOWER) & (people.agility[row] < _CALM))

    def _stoop_variance(self, height: Array, row: Index) -> Array:
        """(n, 2, 2) what comes to the covariance of the places of these heads [m^2]."""
        return np.where(self._low(height, row), self._config.stoop_stddev**2, 0.0)[:, None, None] * np.eye(2)

    def _places(self, detections: Detections, detection: Index, row: Index, partner: Index | int = -1) -> Array:
        """(n, 2) where these detections are [m], each of a person, or of it and a partner as one (-1: alone).

        What somebody holds, or the back of a neighbour, can look like the torso of somebody who leans; but who leans is
        lower than usual.
        """
        found: Array = detections.position[detection]
        if detections.head is None:
            return found
        head = detections.head[detection]
        upright = detections.height[detection] > self._state.people.height[row] - _UPRIGHT
        upright &= (np.asarray(partner) < 0) & np.isfinite(head[:, 0])
        return np.where(upright[:, None], head, found)

    # --- association

    def _associate(self, detections: Detections, stamp_ns: int) -> _Pairing:
        config, people = self._config, self._state.people
        position, spread = detections.position, detections.covariance
        followed = np.flatnonzero(people.absence <= config.coast_ms / 1e3)
        lately = people.alone_ns[followed] >= stamp_ns - _AS_ONE_NS
        first, second = close(people, followed[lately], config.merge_distance)
        target = np.concatenate([followed, first])
        partner = np.concatenate([np.full(len(followed), -1), second])
        place = people.mean[target]
        place[len(followed) :] = (people.mean[first] + people.mean[second]) / 2
        detection, column = near(position, place[:, :2], config.gate_distance)
        covariance = people.covariance[target]
        covariance[len(followed) :] = (people.covariance[first] + people.covariance[second]) / 4
        lag = (stamp_ns - detections.stamp_ns[detection]) / 1e9
        expected, uncertainty = motion.observed(place[column], covariance[column], lag)
        spread = spread[detection] + self._stoop_variance(detections.height[detection], target[column])
        found_at = self._places(detections, detection, target[column], partner[column])
        distance, cost = motion.surprise(found_at - expected, uncertainty + spread)
        unlikely = np.where(
            people.track_id[target] == 0, config.tentative_cost, config.absence_cost * people.absence[target]
        )
        unlikely[len(followed) :] += self._merge_cost(first, second)
        height = self._height_cost(detections.height[detection], config.height_stddev**2, target[column])
        cost += unlikely[column] + np.where(column < len(followed), height, 0.0)
        gated = distance <= config.gate
        gated &= (column < len(followed)) | ~self._higher(detections.height[detection], target[column], partner[column])
        detection, column, cost = detection[gated], column[gated], cost[gated]
        chosen = assign(detections.sensor, detection, column, cost, -np.log(config.clutter_density))
        found = np.flatnonzero(chosen >= 0)
        column = column[chosen[found]]
        pairs = _Pairing(found, target[column], partner[column])
        if len(first):
            pairs = self._seen_once(detections, pairs)
            pairs = self._seen_as_one(detections, pairs, first, second, stamp_ns)
        return self._find_who_turned(detections, pairs, followed, stamp_ns)

    def _seen_once(self, detections: Detections, pairs: _Pairing) -> _Pairing:
        """Who is seen alone by a sensor is not also seen by it as half of a pair."""
        sensor, one = detections.sensor[pairs.detection], pairs.partner < 0
        alone = np.zeros((int(sensor.max(initial=0)) + 1, len(self._state.people)), dtype=bool)
        alone[sensor[one], pairs.row[one]] = True
        kept = one | ~(alone[sensor, pairs.row] | alone[sensor, pairs.partner])
        return _Pairing(pairs.detection[kept], pairs.row[kept], pairs.partner[kept])

    def _find_who_turned(self, detections: Detections, pairs: _Pairing, followed: Index, stamp_ns: int) -> _Pairing:
        """Look for people whom nobody saw where they should be, among detections of nobody who is believed in."""
        config, people = self._config, self._state.people
        unseen = np.zeros(len(people), dtype=bool)
        unseen[followed] = people.track_id[followed] > 0
        unseen[pairs.row] = unseen[pairs.partner[pairs.partner >= 0]] = False
        missing = np.flatnonzero(unseen)
        if not len(missing):
            return pairs
        taken = (pairs.partner >= 0) | (people.track_id[pairs.row] > 0)
        free = without(len(detections.sensor), pairs.detection[taken])
        position, spread = detections.position, detections.covariance
        there, place = near(position[free], people.mean[missing, :2], config.gate_distance)
        new = np.full(len(position), -1)
        new[pairs.detection[~taken]] = pairs.row[~taken]
        maybe = (new[free[there]] < 0) | ~self._elsewhere(new[free[there]], missing[place])
        there, place = there[maybe], place[maybe]
        if not len(there):
            return pairs
        detection, row = free[there], missing[place]
        lag = (stamp_ns - detections.stamp_ns[detection]) / 1e9
        expected, uncertainty = motion.observed(people.mean[row], people.covariance[row], lag)
        uncertainty = uncertainty + config.turn_distance**2 * np.eye(2)
        found_at = self._places(detections, detection, row)
        distance, cost = motion.surprise(found_at - expected, uncertainty + spread[detection])
        cost += self._height_cost(detections.height[detection], config.height_stddev**2, row)
        cost += config.absence_cost * people.absence[row]
        gated = distance <= config.gate
        detection, row, place, cost = detection[gated], row[gated], place[gated], cost[gated]
        chosen = assign(detections.sensor, detection, place, cost, -np.log(config.clutter_density))
        found = np.flatnonzero(chosen >= 0)
        turned = np.unique(row[chosen[found]])
        people.covariance[turned] += np.diag([config.turn_distance**2] * 2 + [config.birth_speed**2] * 2)
        kept = ~np.isin(pairs.detection, found)
        return _Pairing(
            np.concatenate([pairs.detection[kept], found]),
            np.concatenate([pairs.row[kept], row[chosen[found]]]),
            np.concatenate([pairs.partner[kept], np.full(len(found), -1)]),
        )

    def _merge_cost(self, first: Index, second: Index) -> Array:
        people, config = self._state.people, self._config
        return np.where(people.merged[first] == people.track_id[second], config.merge_stays_cost, config.merge_cost)

    def _higher(self, height: Array, first: Index, second: Index) -> NDArray[np.bool_]:
        """Whether a head (n,) [m] is too high for the smaller of two: it is the other's, not both as one."""
        tall = self._state.people.height
        return np.asarray(height > np.minimum(tall[first], tall[second]) + _HIGHER)

    def _elsewhere(self, new: Index, known: Index) -> NDArray[np.bool_]:
        """Whether who is new was seen in one place while somebody known was seen in another."""
        people = self._state.people
        apart = np.hypot(*(people.origin[new] - people.place[known]).T)
        return np.asarray((people.first_ns[new] <= people.seen_ns[known]) & (apart > self._config.twin_distance))

    def _seen_as_one(
        self, detections: Detections, pairs: _Pairing, first: Index, second: Index, stamp_ns: int
    ) -> _Pairing:
        """Where no sensor sees both of two people who are close, decide whether all see the same thing.

        That is both as one, between them, or one who hides the other. Shared out between the two, it would draw them
        together.
        """
        config, people = self._config, self._state.people
        position, spread = detections.position, detections.covariance
        single = pairs.partner < 0
        of_first = pairs.row == first[:, None]
        of_second = pairs.row == second[:, None]
        joint = of_first & (pairs.partner == second[:, None])
        case, entry = np.nonzero(((of_first | of_second) & single) | joint)
        if not len(case):
            return pairs
        detection = pairs.detection[entry]
        sensor = detections.sensor[detection]
        key = case * (int(sensor.max()) + 1) + sensor
        told_apart = np.bincount(case, np.bincount(key)[key] > 1, len(first)) > 0
        open_question = ~told_apart & (np.bincount(case, minlength=len(first)) > 1)
        if not open_question.any():
            return pairs
        lag = (stamp_ns - detections.stamp_ns[detection]) / 1e9
        a, b = first[case], second[case]
        costs = []
        for mean, covariance, found_at, top in (
            (people.mean[a], people.covariance[a], self._places(detections, detection, a), a),
            (people.mean[b], people.covariance[b], self._places(detections, detection, b), b),
            (
                (people.mean[a] + people.mean[b]) / 2,
                (people.covariance[a] + people.covariance[b]) / 4,
                position[detection],
                np.where(people.height[b] > people.height[a], b, a),
            ),
        ):
            expected, uncertainty = motion.observed(mean, covariance, lag)
            _, cost = motion.surprise(found_at - expected, uncertainty + spread[detection])
            costs.append(cost + self._height_cost(detections.height[detection], config.height_stddev**2, top))
        alone = np.where(
            joint[case, entry], np.minimum(costs[0], costs[1]), np.where(of_first[case, entry], *costs[:2])
        )
        overlooked = -np.log(1.0 - (config.detection_probability + config.edge_probability) / 2)
        costs[2] = np.where(self._higher(detections.height[detection], a, b), _IMPOSSIBLE, costs[2])
        same = np.array([np.bincount(case, cost, len(first)) for cost in costs])
        same += [[config.merge_cost], [config.merge_cost], [0.0]]
        same[2] += self._merge_cost(first, second)
        which = same.argmin(axis=0)[case]
        gain = np.bincount(case, alone + overlooked, len(first)) - same.min(axis=0)
        as_one = (gain > 0.0) & open_question
        # Of several pairs that share somebody, the clearest.
        order = np.lexsort((-gain[case], entry))
        chosen = order[np.concatenate([[True], np.diff(entry[order]) != 0])]
        chosen = chosen[as_one[case[chosen]]]
        row, partner = pairs.row.copy(), pairs.partner.copy()
        row[entry[chosen]] = np.where(which == 1, b, a)[chosen]
        partner[entry[chosen]] = np.where(which == 2, b, -1)[chosen]
        return _Pairing(pairs.detection, row, partner)

    def _corrected(self, detections: Detections, order: Index) -> Detections:
        """In this order, positions without the learned offsets, and covariances with what is not known of them."""
        offsets, sensor = self._state.offsets, detections.sensor[order]
        return Detections(
            sensor,
            detections.stamp_ns[order],
            detections.position[order] - offsets.mean[sensor],
            detections.covariance[order] + offsets.variance[sensor, None, None] * np.eye(2),
            detections.height[order],
            None if detections.head is None else detections.head[order] - offsets.mean[sensor],
        )

    def _height_cost(self, height: Array, variance: Array | float, row: Index) -> Array:
        """Minus log of how much likelier a height is of this person than of anybody; 0 where one is unknown."""
        people = self._state.people
        error = height - people.height[row]
        unknown = np.isnan(error)
        if unknown.all():
            return np.zeros(len(row))
        total = variance + people.height_variance[row]
        return np.where(unknown, 0.0, stature.surprise(error, total) + 0.5 * np.log(total / (total + _HEIGHTS)))

    def _bear(self, detections: Detections, pairs: _Pairing, stamp_ns: int) -> _Pairing:
        """Begin with everybody who may be new: the detections of nobody, those of several sensors together."""
        config, state = self._config, self._state
        free = without(len(detections.sensor), pairs.detection)
        if not len(free):
            return pairs
        position, spread = detections.position, detections.covariance
        position, weight = position[free], motion.inverse(spread[free])
        first, second = near(position, position, config.birth_distance)
        other = detections.sensor[free[first]] != detections.sensor[free[second]]
        group = groups(len(free), first[other], second[other])
        order = np.lexsort((detections.sensor[free], group))
        sensor, of = detections.sensor[free[order]], group[order]
        once = np.ones(len(free), dtype=bool)
        once[1:] = (np.diff(sensor) != 0) | (np.diff(of) != 0)
        taken = order[once]
        least, person = np.unique(group[taken], return_inverse=True)
        count = len(least)
        information, pull = np.zeros((count, 2, 2)), np.zeros((count, 2))
        np.add.at(information, person, weight[taken])
        np.add.at(pull, person, (weight[taken] @ position[taken][:, :, None])[:, :, 0])
        mean, covariance = np.zeros((count, 4)), np.zeros((count, 4, 4))
        # The detections themselves enter with the update.
        mean[:, :2] = (motion.inverse(information) @ pull[:, :, None])[:, :, 0]
        covariance[:, [0, 1], [0, 1]] = 1.0
        covariance[:, [2, 3], [2, 3]] = config.birth_speed**2
        before = len(state.people)
        state.people = state.people.with_(Population.born(mean, covariance, stamp_ns))
        return _Pairing(
            np.concatenate([pairs.detection, free[taken]]),
            np.concatenate([pairs.row, before + person]),
            np.concatenate([pairs.partner, np.full(len(taken), -1)]),
        )

    # --- update

    def _update(self, detections: Detections, pairs: _Pairing, stamp_ns: int) -> None:
        people = self._state.people
        if not len(pairs.row):
            return
        detection, row = pairs.detection, pairs.row
        position = self._places(detections, detection, row, pairs.partner)
        spread = self._stoop_variance(detections.height[detection], row) * self._config.stoop_samples
        spread += detections.covariance[detection]
        lag = (stamp_ns - detections.stamp_ns[detection]) / 1e9
        one, both = pairs.partner < 0, pairs.partner >= 0
        before, before_spread = people.mean, people.covariance
        expected, uncertainty = motion.observed(before[row[one]], before_spread[row[one]], lag[one])
        people.mean, people.covariance = motion.update(
            before, before_spread, row[one], position[one], spread[one], lag[one]
        )
        partner = pairs.partner[both]
        people.mean, people.covariance = motion.update_between(
            people.mean, people.covariance, row[both], partner, position[both], spread[both], lag[both]
        )
        alone = np.zeros(len(people), dtype=bool)
        alone[row[one]] = True
        alone[row[both]] = alone[partner] = False
        people.merged[row[one]] = people.merged[row[both]] = people.merged[partner] = 0
        people.merged[row[both]], people.merged[partner] = people.track_id[partner], people.track_id[row[both]]
        self._feel_manoeuvres(np.flatnonzero(alone), before, before_spread)
        self._learn_offsets(
            detections.sensor[detection[one]],
            row[one],
            position[one] - expected,
            spread[one] + uncertainty,
        )
        self._learn_heights(detections.height[detection[one]], row[one])
        people.seen_ns[row] = people.seen_ns[partner] = stamp_ns
        people.alone_ns[alone] = stamp_ns
        people.place[row], people.place[partner] = people.mean[row, :2], people.mean[partner, :2]

    def _feel_manoeuvres(self, row: Index, mean: Array, covariance: Array) -> None:
        """Compare how far measurements have moved people with how far they should."""
        people = self._state.people
        error = people.mean[row, :2] - mean[row, :2]
        spread = (covariance - people.covariance)[row, :2, :2]
        distance = motion.distance(error, spread) / 2
        people.agility[row] += self._config.agility_share * (distance - people.agility[row])

    def _go_together(self, pairs: _Pairing) -> None:
        """Who walked beside somebody goes on so while the sensors do not tell the two apart."""
        config, people = self._config, self._state.people
        alone = np.zeros(len(people), dtype=bool)
        alone[pairs.row[pairs.partner < 0]] = True
        first, second = close(people, np.flatnonzero(people.absence <= config.coast_ms / 1e3), config.merge_distance)
        if not len(first):
            return
        together = ~(alone[first] & alone[second])
        together &= people.companion[first] == people.track_id[second]
        together &= people.companion[second] == people.track_id[first]
        one, other = first[together], second[together]
        people.mean, people.covariance = motion.update_together(
            people.mean, people.covariance, one, other, config.companion_speed
        )
        alone[one] = alone[other] = False
        people.companion[alone] = 0
        alone &= np.hypot(people.mean[:, 2], people.mean[:, 3]) >= _WALKS
        clear = alone[first] & alone[second]
        self._find_companions(first[clear], second[clear])

    def _find_companions(self, first: Index, second: Index) -> None:
        """Of pairs that are close, who walks beside whom: as alike as nobody else, and more than strangers would be."""
        config, people = self._config, self._state.people
        if not len(first):
            return
        apart = people.mean[first, 2:] - people.mean[second, 2:]
        spread = people.covariance[first, 2:, 2:] + people.covariance[second, 2:, 2:]
        _, beside = motion.surprise(apart, spread + config.companion_speed**2 * np.eye(2))
        _, strangers = motion.surprise(apart, spread + 2 * config.birth_speed**2 * np.eye(2))
        best = np.full(len(people), np.inf)
        np.minimum.at(best, first, beside)
        np.minimum.at(best, second, beside)
        alike = (beside < strangers) & (beside == best[first]) & (beside == best[second])
        people.companion[first[alike]] = people.track_id[second[alike]]
        people.companion[second[alike]] = people.track_id[first[alike]]

    def _learn_offsets(self, sensor: NDArray[np.int64], row: Index, error: Array, spread: Array) -> None:
        believed = self._state.people.track_id[row] > 0
        variance = (spread[:, 0, 0] + spread[:, 1, 1])[believed] / 2
        self._state.offsets.learn(sensor[believed], error[believed], variance, self._config.offset_samples)

    def _learn_heights(self, height: Array, row: Index) -> None:
        """Who may have been mistaken for somebody gets a height of its own since then."""
        people, variance = self._state.people, self._config.height_stddev**2
        known = np.isfinite(height)
        if not known.any():
            return
        highest = np.full(len(people), -np.inf)
        np.maximum.at(highest, row[known], height[known])
        people.top = np.where(np.isfinite(highest), highest, people.top)
        for rows, tall, spread in (
            (people.knot == 0, people.height, people.height_variance),
            (people.knot != 0, people.recent_height, people.recent_variance),
        ):
            seen = np.flatnonzero(rows & np.isfinite(highest))
            if len(seen):
                tall[seen], spread[seen], people.doubts[seen] = stature.learned(
                    tall[seen], spread[seen], highest[seen], np.full(len(seen), variance), people.doubts[seen]
                )

    # --- belief

    def _count(self, detections: Detections, pairs: _Pairing, reported: NDArray[np.int64], seconds: float) -> None:
        """Count what was seen of everybody, and weigh whether the sensors agree."""
        config, people = self._config, self._state.people
        count = np.bincount(pairs.row, minlength=len(people))
        people.detections += count
        people.steps += count > 0
        people.agreement += np.where(count > 1, (count - 1) * config.agreement_gain, 0.0)
        missed = np.zeros(len(people))
        if self._coverage is None:
            missed[:] = np.log1p(-config.detection_probability) if len(reported) else 0.0
        elif len(reported):
            chance = self._coverage.probability(reported, people.mean[:, :2], config)
            # A sensor that sees somebody else so near may take both for one.
            person, other = near(people.mean[:, :2], detections.position[pairs.detection], config.merge_distance)
            chance[person, np.searchsorted(reported, detections.sensor[pairs.detection[other]])] = 0.0
            missed = np.log1p(-chance).sum(axis=1)
            people.agreement += np.where(count > 0, missed, 0.0)
        overlooked = 1.0 - np.exp(missed)
        unseen = people.seen_ns < (self._state.stamp_ns or 0)
        passed = (overlooked + (1.0 - overlooked) * config.blind_share) * seconds
        people.absence = np.where(unseen, people.absence + passed, 0.0)
        people.overlooked = np.where(unseen, people.overlooked + np.maximum(missed, _OVERLOOKED), 0.0)
        people.agreement = people.agreement.clip(-config.agreement_bound, config.agreement_bound)

    def _twins(self, detections: Detections, pairs: _Pairing, stamp_ns: int) -> NDArray[np.bool_]:
        """Who is not believed in and may be somebody who is, seen twice: as long as no sensor told them apart.

        What may be carried is nobody while its bearer is overlooked, too.
        """
        config, people = self._config, self._state.people
        twin = np.zeros(len(people), dtype=bool)
        seen = people.seen_ns == stamp_ns
        new = np.flatnonzero(seen & (people.track_id == 0))
        known = np.flatnonzero((people.track_id > 0) & (people.absence <= config.coast_ms / 1e3))
        first, second = near(people.mean[new, :2], people.mean[known, :2], config.twin_distance)
        one, other = new[first], known[second]
        near_by, lower = _ARMFUL
        carried = np.hypot(*(people.mean[one, :2] - people.mean[other, :2]).T) < near_by
        carried &= people.height[one] < people.height[other] - lower
        maybe = seen[other] | carried
        if not maybe.any():
            return twin
        one, other, carried = one[maybe], other[maybe], carried[maybe]
        sensors, column = np.unique(detections.sensor[pairs.detection], return_inverse=True)
        saw = np.zeros((len(people), len(sensors)), dtype=bool)
        saw[pairs.row, column] = True
        apart = np.ones(len(people), dtype=bool)
        np.logical_and.at(apart, one, (saw[one] & saw[other]).any(axis=1) & ~carried)
        twin[one] = True
        people.beside[twin & apart] += 1
        return twin & (people.beside < config.twin_steps)

    def _part_from_ghosts(self, stamp_ns: int) -> None:
        """A track that only one sensor sees where others should has stayed behind at a ghost: its person is lost."""
        state, config = self._state, self._config
        ghost = (state.people.track_id > 0) & (state.people.agreement <= -config.agreement_bound)
        if not ghost.any():
            return
        left = state.people.take(ghost)
        left.track_id[:] = 0
        left.first_ns[:] = stamp_ns
        left.knot[:] = 0
        left.confidence[:] = 1.0
        state.people.seen_ns[ghost] = stamp_ns - config.coast_ms * 1_000_000 - 1
        state.people.absence[ghost] = config.coast_ms / 1e3 + 1e-3
        state.people.agreement[ghost] = 0.0
        state.people = state.people.with_(left)

    def _believe(self, stamp_ns: int, twin: NDArray[np.bool_]) -> None:
        """Confirm who was seen often enough: as somebody lost, or as somebody new."""
        config, people = self._config, self._state.people
        often = (people.steps >= config.confirm_steps) & (people.detections >= config.confirm_detections)
        seen = people.seen_ns == stamp_ns
        new = np.flatnonzero((people.track_id == 0) & (people.agreement >= 0.0) & seen & ~twin)
        new = new[often[new] | self._sudden(new)]
        if not len(new):
            return
        lost = np.flatnonzero((people.track_id > 0) & ~seen)
        cost = self._return_cost(new, lost, stamp_ns)
        # What one sensor alone sees, and what has stood there from the beginning, may be no person.
        moved = np.hypot(*(people.mean[new, :2] - people.origin[new]).T) >= config.lone_distance
        credible = moved | (people.agreement[new] > 0.0)
        # Where nobody comes in, it is somebody lost after all if it stays; until then it may be a ghost.
        allowed, stays = self._inside(people.mean[new, :2]), people.steps[new] >= config.stray_steps
        credible &= allowed | stays
        newcomer = np.where(allowed | ~stays, -np.log(config.birth_density), _IMPOSSIBLE / 2)
        unknown = np.full((len(new), len(new)), _IMPOSSIBLE)
        np.fill_diagonal(unknown, newcomer)
        rows, columns = linear_sum_assignment(np.concatenate([cost, unknown], axis=1))
        likelihood = np.exp(-np.concatenate([cost, newcomer[:, None]], axis=1).clip(max=700.0))
        gone = []
        for row, column in zip(rows, columns, strict=True):
            me = new[row]
            choice = min(int(column), len(lost))
            share = likelihood[row, choice] / max(likelihood[row].sum(), 1e-300)
            if not often[me] and (choice < len(lost) or share < _SURE):
                continue
            if choice < len(lost):
                before = lost[choice]
                people.track_id[me] = people.track_id[before]
                people.first_ns[me] = people.first_ns[before]
                people.confidence[me] = people.confidence[before] * share
                people.knot[me] = people.knot[before]
                if people.knot[me]:
                    people.recent_height[me], people.recent_variance[me] = people.height[me], people.height_variance[me]
                    people.height[me], people.height_variance[me] = (
                        people.height[before],
                        people.height_variance[before],
                    )
                gone.append(before)
            elif credible[row]:
                self._state.born += 1
                people.track_id[me] = self._state.born
        people.track_id[gone] = -1
        people.knot[gone] = 0

    def _sudden(self, new: Index) -> NDArray[np.bool_]:
        """Whether these are seen by sensors that agree where nobody is who could be seen twice."""
        people = self._state.people
        sudden = np.asarray((people.detections[new] > 1) & (people.agreement[new] > 0.0))
        crowded, _ = near(people.mean[new, :2], people.mean[people.track_id > 0, :2], self._config.merge_distance)
        sudden[crowded] = False
        return sudden

    def _return_cost(self, new: Index, lost: Index, stamp_ns: int) -> Array:
        """(new, lost) minus log-likelihood that a new one is a lost one."""
        config, people = self._config, self._state.people
        here, there = np.repeat(new, len(lost)), np.tile(lost, len(new))
        error = people.mean[here] - people.mean[there]
        total = people.covariance[here] + people.covariance[there]
        distance = motion.mahalanobis(error, total)
        pace = people.mean[here, 2:]
        _, anybody = motion.surprise(pace, people.covariance[here, 2:, 2:] + config.birth_speed**2 * np.eye(2))
        cost = 0.5 * distance + 0.5 * np.log(np.linalg.det(total)) + 2 * np.log(2 * np.pi) - anybody
        cost += self._height_cost(people.height[here], people.height_variance[here], there)
        if self._regions:
            absence = np.where(self._inside(people.mean[lost, :2]), people.absence[lost], 0.0)
        else:
            absence = people.absence[lost]
        cost += config.absence_cost * np.tile(absence, len(new))
        unseen = (stamp_ns - people.seen_ns[there]) / 1e9
        reachable = np.hypot(*error.T[:2]) <= config.gate_distance + config.max_speed * unseen
        before = people.seen_ns[there] <= people.first_ns[here]
        # Who was seen twice until now goes on as the one of both who is still seen.
        twice = (people.beside[here] < config.twin_steps) & (np.hypot(*error.T[:2]) < config.twin_distance)
        possible = reachable & (twice | (before & ~self._elsewhere(here, there)))
        return np.where(possible, cost, _IMPOSSIBLE).reshape(len(new), len(lost))

    def _inside(self, points: Array) -> NDArray[np.bool_]:
        """Whether people can come and go at (n, 2) points."""
        if not self._regions:
            return np.ones(len(points), dtype=bool)
        return np.asarray(np.any([inside(points, region) for region in self._regions], axis=0))

    def _end(self, pairs: _Pairing, stamp_ns: int) -> tuple[int, ...]:
        """Forget who has left, and who was nobody; the rows of the pairs follow."""
        config, state, people = self._config, self._state, self._state.people
        unseen = (stamp_ns - people.seen_ns) // 1_000_000
        known = people.track_id > 0
        forgotten = (people.track_id < 0) | ((people.track_id == 0) & (unseen > config.tentative_timeout_ms))
        if self._regions:
            ended = known & (unseen > config.exit_timeout_ms)
            ended &= self._inside(people.place)
        else:
            ended = known & (unseen > config.lost_timeout_ms)
        ids = tuple(people.track_id[ended].tolist())
        keep = ~(forgotten | ended)
        if keep.all():
            return ids
        place = np.where(keep, np.cumsum(keep) - 1, -1)
        pairs.row = place[pairs.row]
        state.people = people.take(keep)
        return ids

    def _tracks(self, order: Index, pairs: _Pairing, ended: tuple[int, ...], stamp_ns: int) -> Tracks:
        people = self._state.people
        believed = np.flatnonzero(people.track_id > 0)
        believed = believed[np.argsort(people.track_id[believed])]
        rank = np.full(len(people) + 1, -1, dtype=np.int64)
        rank[believed] = np.arange(len(believed))
        owner = np.full(len(order), -1, dtype=np.int64)
        owner[order[pairs.detection]] = rank[pairs.row]
        gone = self._config.leaving_rate * (stamp_ns - people.seen_ns[believed]) / 1e9
        lost = gone > np.exp(people.overlooked[believed])
        lost |= people.absence[believed] > self._config.lost_after_ms / 1e3
        return Tracks(
            stamp_ns=stamp_ns,
            track_id=people.track_id[believed],
            state=np.where(lost, _LOST, _SEEN),
            position=people.mean[believed, :2],
            velocity=people.mean[believed, 2:],
            covariance=people.covariance[believed, :2, :2],
            height=people.height[believed],
            identity_confidence=people.confidence[believed],
            owner=owner,
            ended=ended,
        )
