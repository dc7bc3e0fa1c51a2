"""How bad the images are: the keys ``depth`` and ``color`` of the ``simulation`` section of a site's sensors.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, FiniteFloat

from aisle_core.store.model import Frozen

Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
NotNegative = Annotated[FiniteFloat, Field(ge=0)]


class DepthParams(Frozen):
    """Errors of a structured-light or active-stereo depth sensor.

    Defaults: C. V. Nguyen, S. Izadi, D. Lovell, Modeling Kinect Sensor Noise for Improved 3D Reconstruction and
    Tracking (3DIMPVT 2012), for noise along and across the axis; K. Khoshelham, S. O. Elberink, Accuracy and
    Resolution of Kinect Depth Data for Indoor Mapping Applications (Sensors 12, 2012), who find the same 4 cm at 5 m
    and the quadratic law; Intel RealSense D400 Series Datasheet (337029), depth quality, for the bounds of the scale
    error and of the fill rate. The term of Nguyen that grows with the angle is left out: below 70 degrees it adds less
    than 2 mm.
    """

    noise_stddev: NotNegative = 0.0012
    """Noise along the axis at ``noise_distance`` [m]."""
    noise_growth: NotNegative = 0.0019
    """Added to it per squared metre beyond ``noise_distance`` [1/m]."""
    noise_distance: NotNegative = 0.4
    """[m]"""
    noise_smoothness_px: NotNegative = 0.7
    """Standard deviation of the Gaussian by which the noise of neighbours is alike, as matching windows make it."""
    lateral_stddev: NotNegative = 0.0014
    """Noise across the axis as an angle [rad]: 0.8 pixels of 1/585 rad."""
    scale_stddev: NotNegative = 0.007
    """Between devices: a constant factor on depth; a third of the 2 % that data sheets bound the error by."""
    inverse_depth_step: NotNegative = 0.0
    """Resolution of the disparity as inverse depth [1/m]; Kinect has 0.0029 (1/8 pixel, 580 pixels, 75 mm). 0: none."""
    baseline: NotNegative = 0.05
    """To the second imager or projector [m], on the right: behind a near thing it sees less. 0: time of flight."""
    edge_step: NotNegative = 0.05
    """Neighbours whose depths differ by more than this share are on different things."""
    edge_invalid: Share = 0.5
    """Of the pixels beside such a step, the share without a reading."""
    grazing_from: Annotated[FiniteFloat, Field(ge=0, lt=1.5707)] = 1.22
    """Angle between ray and surface normal from which readings fail [rad] ..."""
    grazing_to: Annotated[FiniteFloat, Field(ge=0, le=1.5708)] = 1.48
    """... until none is left [rad]."""
    invalid: Share = 0.005
    """Of all other pixels, the share without a reading; data sheets promise a fill rate above 99 %."""


class ColorParams(Frozen):
    """Errors of a colour camera.

    Noise after the linear model of EMVA Standard 1288: its variance is that of the dark plus a share of the level.
    """

    read_noise: NotNegative = 1.5
    """In the dark [grey levels]."""
    shot_gain: NotNegative = 0.06
    """Variance per grey level [grey levels]: 15 levels^2 in full light, as of a small pixel of 4,300 electrons."""
    exposure: Annotated[FiniteFloat, Field(gt=0)] = 1.0
    """Factor on the light of the scene."""
    white_balance: tuple[NotNegative, NotNegative, NotNegative] = (1.0, 1.0, 1.0)
    """Factors on blue, green and red."""
    white_balance_stddev: NotNegative = 0.02
    """Between cameras, per channel."""
