"""Tuning of the weighing stage."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class WeighingConfig:
    """Tuning of ``Weighing``; every value is above 0.

    The values and the reason of each stand in ``config/nodes/shelf_event_node.yaml``.
    """

    frame_s: float
    """Length of a frame, the step in which samples are judged [s]; at least four samples are taken."""
    confirm_s: float
    """How long a plate must rest before its new mass counts [s]."""
    hold_s: float
    """A plate that gained mass and still may be pressed by a steady hand has settled after so long [s]."""
    hold_loss_s: float
    """The same for a plate that was pressed and then lost mass [s]."""
    history_s: float
    """How far back the samples of a change are kept to find its instants [s]."""
    baseline_s: float
    """Memory of the mean that follows a resting plate [s]."""
    noise_s: float
    """Time in which the learned noise can grow or shrink by a factor e [s]."""
    open_noise_s: float
    """The same while a change is unsettled [s]."""
    noise_floor: float
    """Least standard deviation of a sample [kg]."""
    leave: float
    """Least distance from the old mass that opens a change [kg]."""
    leave_sigmas: float
    """The same in standard deviations of a frame's mean."""
    flat: float
    """Scatter of the frame means that a resting plate may always show [kg]."""
    flat_sigmas: float
    """The same in standard deviations of a frame's mean."""
    tremor: float
    """Part of its force by which a hand that presses scatters from frame to frame."""
    creep: float
    """Part of a change by which goods that were put down may scatter."""
    log_odds: float
    """How much likelier rest has to be than a hand before a plate that gained mass has settled [nat]."""
    log_odds_loss: float
    """The same for a plate that was pressed and then lost mass [nat]."""
    calm_sigmas: float
    """Noise that a resting plate may show, in standard deviations of a quiet sample, more while the gateway shakes."""
    ringing: float
    """Part of a change by which the samples may still swing when it has settled."""
    min_change: float
    """Least change that is an event by itself [kg]; ``leave`` where a plate beside changed alike."""
    least_part: float
    """An item that stands on two plates weighs at least this part of what the one feels on the other."""
    significance: float
    """Least change that is an event, in its own standard deviations."""
    drift: float
    """First guess of the drift of a resting plate in one second, which grows with the root of time [kg/sqrt(s)]."""
    drift_s: float
    """Memory of the drift that is learned from a resting plate [s]."""
    slow_s: float
    """Memory of the slow mean that shows the drift [s]; more than ``baseline_s``."""
    gain_stddev: float
    """Standard deviation of the scale factor of a plate: part of a change that may be wrong."""
    split_s: float
    """How long the mass must rest between two changes in a row for them to be told apart [s]."""
    coupling: float
    """Part of a change that the neighbouring plates may show: three standard deviations."""
    coupling_s: float
    """A plate may begin to feel the change of a neighbour by so much later [s]."""
    coupling_columns: int
    """How many columns to each side count as neighbours."""
    silent_s: float
    """A plate without a reading for longer is silent [s]."""
    stuck_s: float
    """Memory of the judgement whether a plate's reading moves at all [s]."""
    noisy_stddev: float
    """A plate whose samples scatter more, or that drifts more within ``slow_s``, cannot feel a light product [kg]."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{field.name} is {value}; give a finite value above 0")
        if self.min_change < self.leave:
            raise ValueError(f"min_change is {self.min_change}, less than leave {self.leave}; give at least as much")
        if self.confirm_s < 2 * self.frame_s:
            raise ValueError(f"confirm_s is {self.confirm_s}; give at least two frames of {self.frame_s} s")
        if self.hold_s < 2 * self.confirm_s:
            raise ValueError(f"hold_s is {self.hold_s}; give at least {2 * self.confirm_s} s")
        if not self.confirm_s <= self.hold_loss_s <= self.hold_s:
            raise ValueError(
                f"hold_loss_s is {self.hold_loss_s}; give {self.confirm_s} to {self.hold_s} s, confirm_s to hold_s"
            )
        if self.history_s < 2 * self.hold_s:
            raise ValueError(f"history_s is {self.history_s}; give at least {2 * self.hold_s} s")
        if self.slow_s <= self.baseline_s:
            raise ValueError(f"slow_s is {self.slow_s}; give more than baseline_s, {self.baseline_s} s")
        if self.coupling >= 1:
            raise ValueError(f"coupling is {self.coupling}; give a part below 1")
