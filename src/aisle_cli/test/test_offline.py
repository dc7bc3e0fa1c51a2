"""Commands that need no graph."""

import json
from pathlib import Path

import pytest

from aisle_cli.main import main
from aisle_cli.offline import run_score
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_replay.results import Results
from aisle_replay.runs import RunRecorder
from aisle_replay.truth import TruthWriter

SITE = Path(__file__).resolve().parents[3] / "test" / "sites" / "demo"


def test_two_files_are_receipts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "receipts.json").write_text('{"a": {"x": 1}, "b": {}}')
    (tmp_path / "truth.json").write_text('{"a": {"x": 2}, "b": {}}')
    assert run_score([tmp_path / "receipts.json", tmp_path / "truth.json"], None, None, None) == 0
    assert "1 of 2 (50.0%)" in capsys.readouterr().out


def test_runs_are_pooled_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = load_store(SITE)
    runs = [tmp_path / "one", tmp_path / "two"]
    for run in runs:
        RunRecorder().write(run, Results(), store, None)
        with TruthWriter(run / "truth.jsonl", store, "nobody comes", 0):
            pass
    assert run_score(runs, None, tmp_path / "picture.png", tmp_path / "score.json") == 0
    assert "Tracks of people" in capsys.readouterr().out
    assert json.loads((tmp_path / "score.json").read_text())["runs"] == 2
    assert (tmp_path / "picture.png").is_file()


def test_one_truth_is_not_for_several_runs(tmp_path: Path) -> None:
    with pytest.raises(AisleError, match=r"truth\.jsonl: is the truth of one run, 2 are given"):
        run_score([tmp_path, tmp_path], tmp_path / "truth.jsonl", None, None)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("player", "stop"), "choose from"),
        (("bench", "nothing"), "choose from"),
        (("replay", "nowhere"), "nowhere"),
        (("score", "nowhere.json", "nowhere.json"), "nowhere.json"),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_2(
    command: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["aisle", *command])
    with pytest.raises(SystemExit, match="2"):
        main()
    told = capsys.readouterr().err
    assert told.startswith("aisle: ") and message in told and told.count("\n") == 1
