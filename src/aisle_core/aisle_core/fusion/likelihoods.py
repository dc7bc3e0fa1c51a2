"""The terms that speak for and against an explanation, each a natural logarithm of a probability or a density.

A mass change is explained by a density [1/kg], so that explanations with and without a product, and of one or several
events, can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..types import ItemEvidence
from .config import PersonConfig, PlaceConfig, WeightConfig
from .history import Samples
from .shelf_map import Offset, ShelfMap

Floats = NDArray[np.float64]

NOWHERE = -1e4
"""Log likelihood of what cannot be; finite, so that sums stay numbers."""
RELEASED = 4.0
"""A hand has let go when what is left is less than this many standard deviations."""
_TWICE = 2.0
"""The least distance of several is nearer than it is by as much as the next one errs."""
_EVER_NS = 1 << 62
_MOST_INSTANTS = 20
_ANY_STAY = math.log(0.02)
"""Who takes comes and goes otherwise than all others this rarely: something is held above the plate."""
_ANY_TIME = math.log(100)
"""Other hands come and go 50 ms to 5 s from the change, at any time alike [logarithm]."""
_UNUSUAL = 0.1
"""Hands that take come or go at any time this rarely."""
_LEAST_REACH = 1e-4
"""A head is anywhere else than it seems this rarely."""


def normal(residual: Floats, stddev: Floats) -> Floats:
    """Log density of a Gaussian."""
    return -0.5 * (residual / stddev) ** 2 - np.log(stddev * math.sqrt(2 * math.pi))


def weight(
    mass: float,
    variance: float,
    unfelt: float,
    quantity: Floats,
    unit_mass: Floats,
    unit_stddev: Floats,
    config: WeightConfig,
) -> Floats:
    """That ``quantity`` units of a product make a mass difference (both positive).

    All pieces of a product deviate alike (a wrong catalogue, another batch), so the deviation grows with the quantity.
    A piece may stand on the plate beside: any part of it is equally likely to, and one up to ``unfelt`` is not felt.
    """
    stddev = np.sqrt(variance + (quantity * unit_stddev) ** 2)
    missing = quantity * unit_mass - mass
    hidden = (ndtr(missing / stddev) - ndtr((missing - unfelt) / stddev)) / np.maximum(unit_mass, unfelt)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.logaddexp(
            math.log1p(-config.hidden) + normal(missing, stddev), math.log(config.hidden) + np.log(hidden)
        )
    return found


def stale_weight(mass: float, variance: float, quantity: Floats, unit_mass: Floats, config: WeightConfig) -> Floats:
    """The same when the catalogue is wrong about the product."""
    stddev = np.sqrt(variance + (quantity * unit_mass * config.stale_deviation) ** 2)
    return math.log(config.stale) + normal(mass - quantity * unit_mass, stddev)


def by_catalogue(
    mass: float,
    variance: float,
    unfelt: float,
    quantity: Floats,
    unit_mass: Floats,
    unit_stddev: Floats,
    config: WeightConfig,
) -> Floats:
    """The same whether the catalogue is right or wrong."""
    found: Floats = np.logaddexp(
        weight(mass, variance, unfelt, quantity, unit_mass, unit_stddev, config),
        stale_weight(mass, variance, quantity, unit_mass, config),
    )
    return found


def felt_before(
    mass: float,
    variance: float,
    unfelt: float,
    quantity: Floats,
    unit_mass: Floats,
    unit_stddev: Floats,
    felt_mass: Floats,
    felt_stddev: Floats,
    config: WeightConfig,
) -> Floats:
    """Log odds of the same, against the catalogue alone, when plates felt a unit with this mass and deviation before.

    A catalogue that was wrong then is wrong by as much again. The plates may have been wrong as often, or felt
    something else: then that tells nothing.
    """
    off = felt_mass - unit_mass
    right = normal(off, np.hypot(felt_stddev, unit_stddev))
    wrong = math.log(config.stale) + normal(off, np.hypot(felt_stddev, config.stale_deviation * unit_mass))
    stddev = np.sqrt(variance + quantity**2 * (felt_stddev**2 + unit_stddev**2))
    like_then = np.logaddexp(
        right + weight(mass, variance, unfelt, quantity, unit_mass, unit_stddev, config),
        wrong + normal(mass - quantity * felt_mass, stddev),
    ) - np.logaddexp(right, wrong)
    alone = by_catalogue(mass, variance, unfelt, quantity, unit_mass, unit_stddev, config)
    found: Floats = np.logaddexp(math.log1p(-config.stale) + like_then - alone, math.log(config.stale))
    return found


def badly_weighed(mass: float, variance: float, quantity: Floats, unit_mass: Floats, config: WeightConfig) -> Floats:
    """The same when the plates were wrong about the thing as often as a catalogue is, by as much as pieces differ."""
    stddev = np.sqrt(variance + (quantity * unit_mass * config.deviation) ** 2)
    return math.log(config.stale) + normal(mass - quantity * unit_mass, stddev)


def unknown_weight(mass: float, config: WeightConfig) -> float:
    """That one thing of which the mass is not known makes a mass difference (positive): anything up to the most."""
    return -math.log(config.most) if mass <= config.most else NOWHERE


def units(quantity: Floats, config: WeightConfig) -> Floats:
    """That so many units are moved at once: a geometric distribution."""
    return (quantity - 1) * math.log(config.repeat) + math.log1p(-config.repeat)


def nothing(
    mass: float, variance: float, events: int, attended: bool, weight: WeightConfig, place: PlaceConfig
) -> float:
    """That the change (signed) is no product: drift and bumps of so many plates, or an item moved between them.

    Plates drift at any time, so hardly just when a hand is there (``attended``).
    """
    stddev = math.sqrt(variance + events * weight.nothing_stddev**2)
    prior = math.log(place.nothing) + (math.log(place.idle) if attended else 0.0)
    return prior + float(normal(np.array(mass), np.array(stddev)))


def felt(mass: float, variance: float, beside: float, weight: WeightConfig, place: PlaceConfig) -> float:
    """That a plate only felt the greater change ``beside`` it [kg]."""
    stddev = math.hypot(math.sqrt(variance), weight.coupling * beside)
    return math.log(place.felt) + float(normal(np.array(mass), np.array(stddev)))


def pressed(before: float, weight: WeightConfig, place: PlaceConfig) -> float:
    """That a hand begins to press (``before`` is 0) or presses otherwise: any mass up to the most."""
    return math.log(place.press_changes if before else place.press) - math.log(weight.most_press)


def released(left: float, variance: float, weight: WeightConfig, place: PlaceConfig) -> float:
    """That a hand lets go and leaves this mass (signed) on the plate."""
    stddev = math.hypot(math.sqrt(variance), weight.press_stddev)
    return math.log(place.release) + float(normal(np.array(left), np.array(stddev)))


def shared(masses: Sequence[float], plate_ids: Sequence[str], shelf_map: ShelfMap, place: PlaceConfig) -> float:
    """That one thing changed all these plates, or one of them in several steps: a prior; all splits are alike.

    Without it the split's missing density would make one joint event look better or worse than several.
    """
    further = len(masses) - 1
    if not further:
        return 0.0
    beside = list(dict.fromkeys(plate_ids))[1:]
    one_facing = all(shelf_map.share_facing(plate_ids[0], other) for other in beside)
    taken = place.shared_facing if one_facing else place.shared_neighbour
    prior = len(beside) * math.log(place.shared_return if sum(masses) > 0 else taken)
    prior += (further - len(beside)) * math.log(place.split)
    span = sum(abs(mass) for mass in masses)
    return prior - further * math.log(span) + math.lgamma(further + 1)


def hands(
    samples: Samples,
    begins: NDArray[np.intp],
    start_ns: int,
    end_ns: int,
    offset: Offset,
    blur: float,
    config: PersonConfig,
) -> Floats:
    """(people, 2) that a hand met the plate at the start and at the end of the event.

    Samples are ordered by person; begins: (people,) where each begins. offset: (n, 2) of the hand from the space
    above the plate, NaN without a hand. blur: what hands err more than the tracks say [m]. The thing stands anywhere
    along the plate, and the hand before it. Each instant is judged by the least offset, measured in its own deviation,
    among the samples within ``aside_ms``, or by the nearest sample in time, which says less the farther away it is (a
    random walk). The share of the time that the hand stayed there is added. Of a long event the mass may have moved at
    any instant of it (``meanwhile``): somebody else pressed. A hand that was seen can have been somewhere else than it
    seems (``missed``), one that was not seen can have been anywhere (``unseen``).
    """
    distance = offset.distance
    is_seen = ~np.isnan(distance)
    variance = samples.hand_variance + config.hand_reach**2
    across = samples.hand_variance + config.hand_aside**2 + offset.half**2 / 3
    span_ns = config.span_ms * 1_000_000

    def at(instant_ns: int) -> Floats:
        away = np.maximum(np.abs(samples.stamp_ns - instant_ns) - config.aside_ms * 1_000_000, 0)[:, None] / 1e9
        moved = (config.hand_speed * away) ** 2
        score = -0.5 * (offset.beyond**2 / (variance + moved) + offset.aside**2 / (across + moved))
        score -= 0.5 * np.log((variance + moved) / config.hand_reach**2)
        return _of_nearest(score, np.where(is_seen, away, np.inf), begins)

    during = ((samples.stamp_ns >= start_ns - span_ns) & (samples.stamp_ns <= end_ns + span_ns))[:, None]
    count = np.add.reduceat(is_seen & during, begins, axis=0, dtype=np.int64)
    inside = np.add.reduceat((distance <= math.hypot(config.hand_reach, blur)) & during, begins, axis=0, dtype=np.int64)
    at_plate = (at(start_ns) + at(end_ns)) / 2 + config.stay * (inside / np.maximum(count, 1) - 1)
    if end_ns - start_ns > 2 * span_ns:
        instants = np.linspace(start_ns, end_ns, min((end_ns - start_ns) // span_ns, _MOST_INSTANTS) + 1)
        at_any = np.logaddexp.reduce([at(int(instant)) for instant in instants]) - math.log(len(instants))
        at_plate = np.logaddexp(math.log1p(-config.meanwhile) + at_plate, math.log(config.meanwhile) + at_any)
    mistake = np.where(count > 0, config.missed, config.unseen)
    found: Floats = np.logaddexp(np.log1p(-mistake) + np.where(count > 0, at_plate, NOWHERE), np.log(mistake))
    return found


def visit(
    samples: Samples,
    begins: NDArray[np.intp],
    start_ns: int,
    end_ns: int,
    distance: Floats,
    blur: float,
    config: PersonConfig,
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Whether the hand's stay at the plate fits the change.

    (people, 2) each: log odds, when it left [ns], and the least distance at the change [m], infinite if not seen then.

    A hand is at the plate while it is at most ``leaves`` farther than at the change. Who takes or puts has come some
    time before the change (``grasp_ms``), though not long before (``wait_ms``), and is gone soon after it
    (``withdraw_ms``); a hand that rests, or that comes for something else, is there at any time. A hand lingers if it
    is seen there later; one that was not seen to leave does so never. How long before and after the change a hand in
    the plate was there is log-normal about ``comes_ms`` and ``goes_ms``: of the times that the samples leave open the
    most usual one counts.
    """
    span_ns = config.aside_ms * 1_000_000
    stamps = samples.stamp_ns[:, None]
    near = (stamps >= start_ns - span_ns) & (stamps <= end_ns + span_ns) & ~np.isnan(distance)
    closest = np.minimum.reduceat(np.where(near, distance, np.inf), begins, axis=0)
    people = np.diff(begins, append=len(stamps))
    away = distance > np.repeat(closest, people, axis=0) + math.hypot(config.leaves, _TWICE * blur)
    here = ~away & ~np.isnan(distance)
    came = np.maximum.reduceat(np.where(away & (stamps <= start_ns), stamps, -_EVER_NS), begins, axis=0)
    left = np.minimum.reduceat(np.where(away & (stamps >= end_ns), stamps, _EVER_NS), begins, axis=0)
    first = np.minimum.reduceat(np.where(here & (stamps > np.repeat(came, people, axis=0)), stamps, _EVER_NS), begins)
    last = np.maximum.reduceat(np.where(here & (stamps < np.repeat(left, people, axis=0)), stamps, -_EVER_NS), begins)
    comes = _usual(start_ns - first, start_ns - came, config.comes_ms, config)
    goes = _usual(last - end_ns, left - end_ns, config.goes_ms, config)
    hasty = start_ns - came < config.grasp_ms * 1_000_000
    lingers = last - end_ns > config.withdraw_ms * 1_000_000
    long_ago = start_ns - config.wait_ms * 1_000_000
    was_here = np.logical_or.reduceat(here & (stamps <= long_ago), begins, axis=0)
    waits = was_here & (came <= long_ago)
    score = np.where(hasty, math.log(config.hasty), 0.0)
    score += np.minimum(np.where(lingers, math.log(config.lingers), 0.0), np.where(waits, math.log(config.waits), 0.0))
    usual = np.where(closest <= math.hypot(config.hand_reach, blur), comes + goes, 0.0)
    score = np.where(usual > 0.0, score + usual, np.minimum(score, usual))
    return np.where(np.isfinite(closest), np.maximum(score, _ANY_STAY), 0.0), left, closest


def _usual(least_ns: NDArray[np.int64], most_ns: NDArray[np.int64], usual_ms: int, config: PersonConfig) -> Floats:
    """Log odds of a time between the two: of a hand that takes, log-normal, against one at any time, log-uniform."""
    usual_ns = usual_ms * 1_000_000
    off = np.log(np.clip(usual_ns, np.maximum(least_ns, 1), np.maximum(most_ns, 1)) / usual_ns) / config.timing
    more = _ANY_TIME / (config.timing * math.sqrt(2 * math.pi))
    found: Floats = np.log((1 - _UNUSUAL) * more * np.exp(-0.5 * off**2) + _UNUSUAL)
    return found


def reach(
    samples: Samples,
    begins: NDArray[np.intp],
    start_ns: int,
    end_ns: int,
    distance: Floats,
    config: PersonConfig,
) -> Floats:
    """(people,) that the person stood within an arm's length of the plate.

    distance: (n,) horizontal, of the head from the plate. Nearer than an arm's length says nothing more. Samples during
    the event count, or the nearest one in time; who was not seen then may have walked on, and is mostly not there.
    """
    away = np.maximum(np.maximum(start_ns - samples.stamp_ns, samples.stamp_ns - end_ns), 0) / 1e9
    stddev = np.hypot(config.arm_stddev, config.walk_speed * away)
    score = -0.5 * (np.maximum(distance - config.arm, 0) / stddev) ** 2
    score -= np.log((config.arm**2 + stddev**2) / (config.arm**2 + config.arm_stddev**2))
    score += np.where(away > config.span_ms / 1000, math.log(config.missing), 0.0)
    return np.maximum(_of_nearest(score, away, begins), math.log(_LEAST_REACH))


def _of_nearest(score: Floats, away: Floats, begins: NDArray[np.intp]) -> Floats:
    """Greatest score among those samples of each person that are nearest in time."""
    nearest = np.minimum.reduceat(away, begins, axis=0)
    people = np.diff(begins, append=len(away))
    counts = (away <= np.repeat(nearest, people, axis=0)) & np.isfinite(score)
    found: Floats = np.maximum.reduceat(np.where(counts, score, NOWHERE), begins, axis=0)
    return found


def evidence(sku: str, reports: Sequence[ItemEvidence], most: float) -> float:
    """What recognisers say of a product: 0 for the best one, at most ``most`` less for any other."""
    total = 0.0
    for report in reports:
        scores = {score.sku: score.log_likelihood for score in report.scores}
        if scores:
            total += max(scores.get(sku, scores.get("", -math.inf)) - max(scores.values()), -most)
    return total
