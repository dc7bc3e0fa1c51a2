"""Only files that nobody uses are removed."""

import mmap
import os
import time
from pathlib import Path

import pytest

from aisle_cli import shared_memory


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """/dev/shm, with the patterns narrowed to this test's files."""
    monkeypatch.setattr(shared_memory, "PATTERNS", (f"aisle_test_{os.getpid()}_*",))
    yield shared_memory.FOLDER
    for path in shared_memory.FOLDER.glob(f"aisle_test_{os.getpid()}_*"):
        path.unlink()


def make(folder: Path, name: str, age_s: float) -> Path:
    path = folder / f"aisle_test_{os.getpid()}_{name}"
    path.write_bytes(bytes(8192))
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_a_file_of_a_dead_process_goes_and_a_used_or_young_one_stays(folder: Path) -> None:
    dead, young = make(folder, "dead", 60), make(folder, "young", 0)
    mapped, opened = make(folder, "mapped", 60), make(folder, "opened", 60)
    with mapped.open("r+b") as file:
        view = mmap.mmap(file.fileno(), 0)
    with opened.open("rb"):
        assert shared_memory.leftovers() == [dead]
        assert shared_memory.clean() == 8192
    assert not dead.exists()
    assert young.exists() and mapped.exists() and opened.exists()
    view.close()
