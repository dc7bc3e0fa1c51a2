"""The simulation section of sensors.yaml: defaults, and errors that name file and line."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from aisle_core.errors import AisleError
from aisle_sim.devices.params import SimulationParams, Spread, read_simulation

from .devices_world import SITES


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose sensors.yaml ends before its simulation section."""
    folder = tmp_path / "site"
    shutil.copytree(SITES / "corner", folder)
    sensors = folder / "sensors.yaml"
    sensors.write_text(sensors.read_text(encoding="utf-8").partition("simulation:")[0], encoding="utf-8")
    return folder


def test_without_a_section_the_defaults_count(site: Path) -> None:
    assert read_simulation(site) == SimulationParams()


def test_a_key_changes_only_itself(site: Path) -> None:
    append(site, "simulation:\n  scales: {count_g: 1.0}\n")
    params = read_simulation(site)
    assert params.scales.count_g == 1.0
    assert params.scales.model_copy(update={"count_g": 0.241}) == SimulationParams().scales
    assert params.poses == SimulationParams().poses


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("simulation:\n  scales:\n    noize_g: 3\n", 3, "did you mean 'noise_g'?"),
        ("simulation:\n  scalez: {}\n", 2, "did you mean 'scales'?"),
        ("simulation:\n  clocks:\n    drift_ppm: 0.1\n    offset_ms: -3\n", 4, "'simulation.clocks.offset_ms' is -3"),
        ("simulation:\n  scales:\n    tare_kg: [3, 1]\n", 3, "give the lesser number first"),
        ("simulation:\n  poses:\n    capture_spread_ms: {median: 5, p95: 3, most: 9}\n", 3, "do not fall"),
        ("simulation:\n  clocks:\n    gates_ms: {least: 2, median: 2, p95: 3, most: 9}\n", 3, "median above least"),
        ("simulation:\n  depth:\n    invalid: 3\n", 3, "'simulation.depth.invalid' is 3"),
        ("simulation: 7\n", 1, "'simulation' is 7"),
    ],
)
def test_bad_sections_are_refused_with_their_line(site: Path, text: str, row: int, message: str) -> None:
    line = append(site, text) + row
    with pytest.raises(AisleError) as refused:
        read_simulation(site)
    assert str(refused.value).startswith(f"{site / 'sensors.yaml'}:{line}: ")
    assert message in str(refused.value)


def test_a_site_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AisleError, match="file is missing"):
        read_simulation(tmp_path)


def test_a_spread_has_its_median_and_percentile_and_ends_at_most() -> None:
    spread = Spread(least=2.0, median=6.0, p95=11.0, most=33.0)
    drawn = spread.draw(np.random.default_rng(1), 100_000)
    assert np.percentile(drawn, [50, 95]) == pytest.approx([6.0, 11.0], rel=0.02)
    assert drawn.min() > 2.0
    assert drawn.max() <= 33.0
    one_by_one = np.random.default_rng(1)
    assert [spread.draw_one(one_by_one) for _ in range(5)] == pytest.approx(drawn[:5], rel=1e-12)


def append(site: Path, text: str) -> int:
    """Lines that were there before."""
    sensors = site / "sensors.yaml"
    before = sensors.read_text(encoding="utf-8")
    sensors.write_text(before + text, encoding="utf-8")
    return before.count("\n")
