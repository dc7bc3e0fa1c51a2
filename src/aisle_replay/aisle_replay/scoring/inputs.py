"""Finding what is to be scored: a run folder, a bag with decisions, or a bag of sensors that is replayed first."""

from __future__ import annotations

from pathlib import Path

from aisle_core.errors import AisleError

from ..bag import BagReader
from ..replay import replay
from ..runs import EVENTS_FILE, Run, RunRecorder, has_decisions, read_run, recorded_run
from ..truth import TRUTH_FILE, TruthLog, read_truth


def load(path: Path, config_dir: Path, truth: Path | None = None) -> tuple[Run, TruthLog]:
    """The run at ``path`` and its truth: ``truth`` if given, else the one inside.

    Raises AisleError for what is neither a run folder nor a bag, and where there is no truth.
    """
    file = truth or path / TRUTH_FILE
    if not (path / EVENTS_FILE).is_file() and not (path / "metadata.yaml").is_file():
        raise AisleError(f"{path}: neither a bag nor the folder of a run; make one with 'replay BAG --run FOLDER'")
    if not file.is_file():
        raise AisleError(f"{path}: no truth there; give the truth.jsonl of its simulation with --truth")
    return _run(path, config_dir), read_truth(file)


def _run(path: Path, config_dir: Path) -> Run:
    if (path / EVENTS_FILE).is_file():
        return read_run(path)
    with BagReader(path) as reader:
        if has_decisions(reader):
            return recorded_run(reader)
    recorder = RunRecorder()
    result = replay(path, config_dir, observe=recorder.add)
    return recorder.run(str(path), result.store.store_id)
