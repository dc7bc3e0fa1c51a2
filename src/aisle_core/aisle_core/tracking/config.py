"""Tuning of the tracker of unlabelled detections."""

from __future__ import annotations

from dataclasses import dataclass

from ..checks import require


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """Tuning of the tracker of unlabelled detections.

    acceleration_noise, lost_noise: power spectral density of the acceleration of who is seen and who is not [m^2/s^3].
    agility_share: how fast the acceleration noise of a person follows how far its measurements lie from a steady walk
        (adjustable process noise: Bar-Shalom, Li, Kirubarajan 2001, section 11.2).
    turn_distance: who is not seen where expected is looked for so much farther away, if nobody else was seen there [m].
    lost_damping: rate at which the velocity of who is not seen dies away [1/s].
    stoop_noise, stoop_damping: the same two of who stands and stoops.
    stoop_stddev: what comes to the deviation of the place of a head that is too low for its person, on each axis [m].
    stoop_samples: so many successive such places tell as much as one.
    birth_speed: standard deviation of each axis of the velocity of somebody new [m/s].
    companion_speed: the same of the difference of the velocities of two who go together [m/s].
    gate: largest squared Mahalanobis distance of a detection to its person. gate_distance: and largest distance [m].
    clutter_density: detections of nobody, or of somebody new, that a sensor gives per area [1/m^2].
    detection_probability, edge_probability: that a sensor sees who is below it, and who is at its edge.
    tentative_cost: how much less likely a detection is of somebody not believed in yet (minus log).
    height_stddev: of a detected height [m]. height_noise: how the height of who walks varies [m/s^0.5].
    merge_distance: two people nearer than this may be detected as one between them [m].
    merge_cost: how much less likely that is (minus log). merge_stays_cost: and if they were so when last seen.
    birth_distance: detections of several sensors nearer than this may be of one new person [m].
    confirm_steps, confirm_detections: so many of both make somebody believed in.
    lone_distance: who is seen by one sensor alone is believed in after going so far [m], or as somebody lost.
    tentative_timeout_ms: who is not believed in is forgotten after not being seen for so long.
    twin_distance: who is nearer than this to somebody who is seen [m] is the same person seen twice, until one sensor
        has seen both at once in ``twin_steps`` steps.
    stray_steps: where nobody comes in, somebody new is believed in only after so many steps with a detection; somebody
        lost before only where that is likelier than somebody new.
    agreement_gain: log-likelihood ratio for a person when one more sensor sees the same.
    agreement_bound: the ratio stays within it; at minus the bound a track is taken for a ghost.
    blind_share: of the time in which no sensor that covers the place speaks, this share counts as absence.
    coast_ms: who is absent for longer is found again only by who has been confirmed.
    leaving_rate: how often people go where nobody sees them [1/s]; who has more likely gone than been overlooked by
        every sensor is lost.
    lost_after_ms: so is who is absent for longer. lost_timeout_ms: who was not seen for longer has left, where births
        are free.
    exit_timeout_ms: who was last seen in a birth region and not for longer has left.
    birth_density: people who appear, per area [1/m^2], against whom who is found again is weighed.
    absence_cost: how much less likely somebody is still there for each second in which the sensors that cover the
        place see nobody (minus log) [1/s]; only where people can leave.
    max_speed: [m/s], nobody who is lost gets farther.
    offset_stddev: of the calibration of each sensor, on each axis [m]. offset_samples: so many successive errors of
        one person tell as much about it as one.
    meeting_distance: nearer than this people can be mistaken for each other [m].
    meeting_samples: after so many heights of each since a meeting it is decided who is who; swap_cost: they are given
        each other's identities when that is so much likelier (log).
    """

    acceleration_noise: float
    agility_share: float
    turn_distance: float
    lost_noise: float
    lost_damping: float
    stoop_noise: float
    stoop_damping: float
    stoop_stddev: float
    stoop_samples: float
    birth_speed: float
    companion_speed: float
    gate: float
    gate_distance: float
    clutter_density: float
    detection_probability: float
    edge_probability: float
    tentative_cost: float
    height_stddev: float
    height_noise: float
    merge_distance: float
    merge_cost: float
    merge_stays_cost: float
    birth_distance: float
    confirm_steps: int
    confirm_detections: int
    lone_distance: float
    tentative_timeout_ms: int
    twin_distance: float
    twin_steps: int
    stray_steps: int
    agreement_gain: float
    agreement_bound: float
    blind_share: float
    coast_ms: int
    leaving_rate: float
    lost_after_ms: int
    lost_timeout_ms: int
    exit_timeout_ms: int
    birth_density: float
    absence_cost: float
    max_speed: float
    offset_stddev: float
    offset_samples: float
    meeting_distance: float
    meeting_samples: int
    swap_cost: float

    def __post_init__(self) -> None:
        above = (
            *("acceleration_noise", "lost_noise", "lost_damping", "stoop_noise", "stoop_damping"),
            *("birth_speed", "companion_speed"),
            *("gate", "gate_distance"),
            *("clutter_density", "height_stddev", "agreement_bound", "birth_density", "max_speed", "offset_stddev"),
        )
        require(self, above, 0, above=True)
        require(self, ("leaving_rate",), 0)
        require(self, ("tentative_cost", "height_noise", "merge_distance", "merge_cost", "birth_distance"), 0)
        require(self, ("twin_distance", "absence_cost", "lone_distance", "meeting_distance", "swap_cost"), 0)
        require(self, ("detection_probability", "edge_probability"), 0.01, 0.999)
        require(self, ("twin_steps", "stray_steps"), 0)
        require(self, ("confirm_steps", "confirm_detections"), 1)
        require(self, ("stoop_samples", "offset_samples", "meeting_samples"), 1)
        require(self, ("turn_distance", "stoop_stddev"), 0)
        require(self, ("agility_share", "blind_share"), 0, 1)
        require(self, ("agreement_gain", "tentative_timeout_ms", "coast_ms", "lost_after_ms", "exit_timeout_ms"), 0)
        require(self, ("lost_timeout_ms",), self.lost_after_ms)
