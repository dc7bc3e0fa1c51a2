"""``./aisle store``: the words, the picture and the exit code."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from aisle_cli.main import app

CORNER = Path(__file__).parents[3] / "config" / "stores" / "corner"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["store", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_check_of_a_good_site(tmp_path: Path) -> None:
    code, text = run("check", str(CORNER), "--picture", str(tmp_path / "plan.png"))
    assert code == 0 and "no findings" in text
    assert "Corner shop: 25 m2, 60 plates in 3 fixtures, 53 products, 4 depth sensors, 2 cameras, 1 lanes" in text
    assert "no head is missed from 2.85 m on" in text
    image = cv2.imread(str(tmp_path / "plan.png"))
    colours = {tuple(colour) for colour in np.unique(image.reshape(-1, 3), axis=0)[:, ::-1].tolist()}
    assert (127, 205, 187) in colours or (199, 233, 180) in colours, "plates in the colours of the legend"
    assert len(colours) > 50


def test_a_lower_ceiling_leaves_blind_spots() -> None:
    code, text = run("check", str(CORNER), "--ceiling", "2.5")
    assert code == 1
    assert "sensors hang at 2.5 m" in text and "no depth sensor sees a head at 1.7 m" in text
    assert text.splitlines()[-1].endswith("findings")


def test_a_finding_is_an_exit_code(tmp_path: Path) -> None:
    site = Path(shutil.copytree(CORNER, tmp_path / "corner"))
    text = (site / "fixtures.yaml").read_text()
    (site / "fixtures.yaml").write_text(text.replace("pose: [1.78, 4.55, 0.0, 0.0]", "pose: [1.78, 4.55, 1.0, 0.0]"))
    code, text = run("check", str(site))
    assert code == 1 and "shelf 4 of 'g02' is 2.4 m high" in text


def test_generate_and_check(tmp_path: Path) -> None:
    code, text = run("generate", "--area", "60", "--out", str(tmp_path / "small_shop"), "--seed", "4")
    assert code == 0 and "Small shop: 60 m2, " in text
    assert "--area 60 --seed 4" in (tmp_path / "small_shop" / "store.yaml").read_text().splitlines()[0]
    assert run("check", str(tmp_path / "small_shop"))[0] == 0


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    from aisle_core.errors import AisleError

    with pytest.raises(AisleError, match="cannot be written"):
        run("check", str(CORNER), "--picture", str(tmp_path / "nowhere" / "plan.png"))
