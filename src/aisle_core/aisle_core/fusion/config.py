"""Tuning of the fusion."""

from __future__ import annotations

from dataclasses import dataclass

from ..checks import require

_MOST_ALTERNATIVES = 8


@dataclass(frozen=True, slots=True)
class TimeConfig:
    """When a shelf event is decided.

    after_ms: tracks are known this long after the event before it is decided.
    join_ms, join_distance: events less than this time and this distance [m] apart are decided together.
    shared_ms: one thing that lies on two plates changes them at most this far apart: the hand may rest on one of them.
    hold_ms: longest wait for changes that began with the event on other plates and have not settled.
    doubt_ms: a doubtful decision waits this long for what may explain it: a hand that lets go, the next thing put back.
    evidence_ms: a change whose weight leaves several products waits this long for a recogniser's report.
    in_hand_ms: a thing that was taken within this time is still in the hand.
    staff_ms: who works here is known as staff so long after they came in; later than the checkout can tell it, so that
    every run of a recording judges alike.
    history_ms: how long tracks are remembered; a shelf event that lasted longer is judged by its end. A receipt waits
    so long for a change that has not settled.
    """

    after_ms: int
    join_ms: int
    join_distance: float
    shared_ms: int
    hold_ms: int
    doubt_ms: int
    evidence_ms: int
    in_hand_ms: int
    staff_ms: int
    history_ms: int

    def __post_init__(self) -> None:
        require(self, ("after_ms", "join_ms", "join_distance", "hold_ms", "doubt_ms", "in_hand_ms", "staff_ms"), 0)
        require(self, ("shared_ms",), 0, self.join_ms)
        require(self, ("evidence_ms",), 0, self.doubt_ms)
        require(self, ("history_ms",), self.after_ms + self.hold_ms, above=True)


@dataclass(frozen=True, slots=True)
class WeightConfig:
    """How a mass change speaks for a product.

    deviation: standard deviation between pieces as a share of the mean, where the catalogue gives none.
    least_stddev: no product is known better than this [kg].
    stale, stale_deviation: the catalogue's mass is wrong, and by so much (standard deviation, as a share of it).
    nothing_stddev: settled changes that no product caused: drift, a bump, something leaning on the shelf [kg].
    coupling: standard deviation of what a plate feels of a change beside it, as a share of that change.
    press_stddev, most_press: how far a pressing hand's mass wanders until it lets go, and the most of it [kg].
    hidden: a piece also stands on the plate beside, perhaps with a part that is not felt there: one up to ``unfelt``
    [kg], or up to ``unfelt_sigmas`` of the noise of that plate's samples.
    most: heaviest thing that is taken or put at once [kg].
    most_units: units of one product that are taken or put at once.
    repeat: each further unit is this probable.
    """

    deviation: float
    least_stddev: float
    stale: float
    stale_deviation: float
    nothing_stddev: float
    coupling: float
    press_stddev: float
    most_press: float
    hidden: float
    unfelt: float
    unfelt_sigmas: float
    most: float
    most_units: int
    repeat: float

    def __post_init__(self) -> None:
        require(
            self,
            tuple(name for name in self.__slots__ if name not in ("most_units", "repeat", "hidden", "stale")),
            0,
            above=True,
        )
        require(self, ("most_units",), 1)
        require(self, ("repeat", "hidden", "stale"), 0, 0.99, above=True)


@dataclass(frozen=True, slots=True)
class PlaceConfig:
    """Prior probabilities of what a mass change on a plate is.

    neighbour, misplaced: share of takes of a product that belongs on the plate beside it, or on any other.
    unlisted: the same of a product of the catalogue that belongs nowhere in the store.
    foreign: share of takes of an item that was seen being put on a plate where it does not belong.
    nothing, unknown: the change is no product at all, or a thing that is not in the catalogue.
    idle: a plate changes for nothing just when a hand is there.
    felt: a change beside a greater one is only felt.
    press: a gain is a hand that presses; press_changes: a change on such a plate is that hand pressing otherwise.
    release: odds that the next change on such a plate is the hand that lets go, against anything else.
    held: a thing is taken or put back while the hand goes on resting on the plate, which lost less than its mass or
    gained more.
    freed: odds that something is taken in the step in which the hand lets go.
    two_products: one change is two things taken or put at once; exchanged: one put and another taken.
    elsewhere: a person puts an item of the own cart where it does not belong, but near the place it came from;
    mistaken: the same where something as heavy belongs that the person has too, both in the hands or both put away;
    far: odds of a place farther away than what one person can reach. in_bag: odds of a thing that is not in the hand
    any more; earlier: of one in the hand that was not taken last.
    not_owned: something is put on a shelf that is in nobody's cart; restock: the same by staff.
    other_hand: an item is put back by another person than the one who took it; unmet: odds of one whose hands have not
    met the taker's since.
    shared_facing, shared_neighbour: one item that is taken weighs on two plates of one facing, or on two adjacent
    plates else; shared_return: one that is put weighs on two adjacent plates;
    split: a plate felt one move as two changes in a row.
    most_shared: a move is at most so many changes.
    """

    neighbour: float
    misplaced: float
    unlisted: float
    foreign: float
    nothing: float
    idle: float
    unknown: float
    felt: float
    press: float
    press_changes: float
    release: float
    held: float
    freed: float
    two_products: float
    exchanged: float
    elsewhere: float
    mistaken: float
    far: float
    in_bag: float
    earlier: float
    not_owned: float
    restock: float
    other_hand: float
    unmet: float
    shared_facing: float
    shared_neighbour: float
    shared_return: float
    split: float
    most_shared: int

    def __post_init__(self) -> None:
        names = [name for name in self.__slots__ if name not in ("most_shared", "release")]
        require(self, tuple(names), 0, 0.99, above=True)
        require(self, ("release",), 0, above=True)
        require(self, ("most_shared",), 1)
        moved = self.neighbour + self.misplaced + self.unlisted
        if moved >= 1:
            raise ValueError(f"neighbour + misplaced + unlisted is {moved}; give less than 1 together")


@dataclass(frozen=True, slots=True)
class PersonConfig:
    """How hands and heads speak for a person.

    hand_reach: standard deviation of the distance between a hand's key point and the space above the plate [m].
    hand_aside: the same along the shelf, from the thing's place on the plate [m].
    unsteady: standard deviation of a hand's place, in those of its jitter between samples; where that is more than the
    tracks say it holds.
    aside_ms: hand samples at most this far from an instant tell of it alike: the spread of the cameras' stamps.
    meeting: hands as near as this may hand something over [m].
    mixed, mixed_ms: share of the time in which hands of two people close to each other are taken for each other's, and
    how long that lasts.
    hand_speed: how fast a hand's place becomes uncertain beyond that [m/s].
    span_ms: time around the event in which the hand's stay at the plate counts.
    stay: log likelihood ratio of a hand that stayed all that time against one that only passed.
    meanwhile: in a long event the mass moved at any instant, not with the hand that was there all the time.
    leaves: a hand has left when it is so much farther from the plate than at the change [m].
    grasp_ms, hasty: odds of a hand that came less than this before the change.
    wait_ms, waits: odds of a hand that was there this long before the change; one that lingers too counts once.
    withdraw_ms, lingers: odds of a hand that has not left this long after the change.
    comes_ms, goes_ms: how long a hand that takes is there before and after the change in the median; timing: standard
    deviation of the logarithm of both.
    press_leaves: odds of a hand that leaves so soon, and that the plate still feels.
    missed: probability that a hand which was seen elsewhere was at the plate nevertheless.
    unseen: the same for a hand that was not seen at all.
    arm, arm_stddev: horizontal reach from the head to the plate, and its standard deviation [m].
    walk_speed: how fast a person's place becomes uncertain [m/s].
    missing: probability that a person at the plate is not seen at all within span_ms of the change.
    memory_ms: a person who was not seen for longer is not considered.
    nobody: probability of a hand that no sensor saw.
    together: odds that of two hands at one plate both take in one step, against one that takes alone.
    travel_ms, same_hand: odds that one hand moves things at two plates less than this apart.
    again_ms, again: odds that one hand moves things less than this apart, at one plate more than grasp_ms.
    """

    hand_reach: float
    hand_aside: float
    unsteady: float
    aside_ms: int
    meeting: float
    mixed: float
    mixed_ms: int
    hand_speed: float
    span_ms: int
    stay: float
    meanwhile: float
    leaves: float
    grasp_ms: int
    hasty: float
    wait_ms: int
    waits: float
    withdraw_ms: int
    lingers: float
    comes_ms: int
    goes_ms: int
    timing: float
    press_leaves: float
    missed: float
    unseen: float
    arm: float
    arm_stddev: float
    walk_speed: float
    missing: float
    memory_ms: int
    nobody: float
    together: float
    travel_ms: int
    same_hand: float
    again_ms: int
    again: float

    def __post_init__(self) -> None:
        require(
            self, ("hand_reach", "hand_aside", "arm", "arm_stddev", "together", "mixed_ms", "timing"), 0, above=True
        )
        require(
            self,
            (
                "unsteady",
                "aside_ms",
                "meeting",
                "hand_speed",
                "span_ms",
                "stay",
                "walk_speed",
                "memory_ms",
                "travel_ms",
                "again_ms",
            ),
            0,
        )
        require(self, ("leaves", "grasp_ms", "wait_ms", "withdraw_ms"), 0)
        require(self, ("comes_ms", "goes_ms"), 1)
        require(self, ("mixed", "meanwhile", "missed", "unseen", "nobody"), 0, 0.99, above=True)
        require(self, ("hasty", "waits", "lingers", "missing", "press_leaves", "same_hand", "again"), 0, 1, above=True)


@dataclass(frozen=True, slots=True)
class DecisionConfig:
    """What is made of the posterior.

    min_confidence: a decision that is less probable is a doubt, told with its alternatives.
    evidence_range: a recogniser's scores count at most this much [natural logarithm].
    prune: explanations less likely than the best one by this much are dropped [natural logarithm] ...
    beam: ... and at most this many are followed.
    alternatives: at most this many are told, each at least least_alternative probable.
    """

    min_confidence: float
    evidence_range: float
    prune: float
    beam: int
    alternatives: int
    least_alternative: float

    def __post_init__(self) -> None:
        require(self, ("min_confidence",), 0.5, 1)
        require(self, ("evidence_range", "prune"), 0, above=True)
        require(self, ("beam",), 2)
        require(self, ("alternatives",), 0, _MOST_ALTERNATIVES)
        require(self, ("least_alternative",), 0, 1)


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """Tuning of the fusion. evidence: recognisers look at the shelves, so that it is worth to wait for them."""

    evidence: bool
    time: TimeConfig
    weight: WeightConfig
    place: PlaceConfig
    person: PersonConfig
    decision: DecisionConfig
