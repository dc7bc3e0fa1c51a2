"""The tuning of the tracker of many sensors, for its tests and its benchmark."""

from pathlib import Path

import yaml

from aisle_core.tracking import MultiSensorConfig


def tuning() -> MultiSensorConfig:
    """The values of ``multi_sensor.yaml`` beside this file."""
    document = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return MultiSensorConfig(**document["tracker"])
