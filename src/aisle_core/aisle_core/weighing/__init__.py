"""Weighing: from the samples of one scale gateway to settled net changes of the mass on its plates.

The method, its constants and its measured errors are described in ``docs/weighing.md``.
"""

from aisle_core.weighing.config import WeighingConfig
from aisle_core.weighing.weighing import Weighing, WeighingState, weigh_together

__all__ = ["Weighing", "WeighingConfig", "WeighingState", "weigh_together"]
