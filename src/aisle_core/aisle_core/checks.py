"""What the configurations of the stages check their values with."""

from __future__ import annotations

import math
from typing import Any


def require(config: Any, names: tuple[str, ...], low: float, high: float = math.inf, *, above: bool = False) -> None:
    """Raise ValueError, naming key, value and remedy, unless each named field is finite and in [low, high].

    above: ``low`` itself is refused too.
    """
    for name in names:
        value = getattr(config, name)
        if not math.isfinite(value) or value > high or value < low or (above and value == low):
            least = f"above {low:g}" if above else f"of {low:g} or more"
            most = "" if high == math.inf else f", at most {high:g}"
            raise ValueError(f"{name} is {value}; give a number {least}{most}")
