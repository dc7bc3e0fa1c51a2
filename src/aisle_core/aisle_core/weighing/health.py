"""Whether a plate can be believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aisle_core.types import PlateHealth

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MOVING = 0.5
"""A reading that moves in fewer of its frames is stuck: real load cells move in more than 99 % of them."""


_KINDS = tuple(PlateHealth)


def plate_health(
    spreads: Floats, silent_rows: int, baseline: Floats, noise: Floats, copied: Bools, noisy: float
) -> list[PlateHealth]:
    """Health of every plate.

    ``spreads`` (frames, plates) are the standard deviations within the last frames [kg], newest first, NaN without a
    reading: silent is who has none in the first ``silent_rows``. An overloaded plate reads the end of its range and is
    stuck. ``baseline`` and ``noise`` (plates,) [kg], of a sample or the drift of some seconds, are what has been
    learned, ``copied`` (plates,) marks exact copies of another plate, ``noisy`` is the limit [kg].
    """
    given = np.isfinite(spreads)
    read = given.sum(axis=0)
    still = (2 * read >= len(spreads)) & ((spreads > 0).sum(axis=0) < _MOVING * read)
    kinds = np.where(noise > noisy, PlateHealth.NOISY, PlateHealth.OK)
    kinds[np.isnan(baseline)] = PlateHealth.UNKNOWN
    kinds[copied | still] = PlateHealth.STUCK
    kinds[~given[:silent_rows].any(axis=0)] = PlateHealth.SILENT
    return [_KINDS[kind] for kind in kinds.tolist()]
