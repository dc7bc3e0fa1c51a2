"""What is installed equals what lies at the root, in every kind of build."""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("launch", "config", "rviz")


def files(folder: Path) -> set[Path]:
    """Relative paths of all files but compiled Python."""
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.mark.parametrize("option", [[], ["--symlink-install"], ["--merge-install"]], ids=["normal", "symlink", "merge"])
def test_bringup_installs_the_root_folders(tmp_path: Path, option: list[str]) -> None:
    pytest.importorskip("colcon_core")
    build = subprocess.run(
        [
            *(sys.executable, "-m", "colcon", "--log-base", str(tmp_path / "log"), "build", *option),
            *("--base-paths", str(ROOT / "src"), "--packages-select", "aisle_bringup"),
            *("--build-base", str(tmp_path / "build"), "--install-base", str(tmp_path / "install")),
            *("--cmake-args", f"-DPython3_EXECUTABLE={sys.executable}"),
        ],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    prefix = tmp_path / "install" if option == ["--merge-install"] else tmp_path / "install" / "aisle_bringup"
    for folder in FOLDERS:
        ours, installed = ROOT / folder, prefix / "share" / "aisle_bringup" / folder
        assert files(ours) == files(installed)
        assert filecmp.cmpfiles(ours, installed, sorted(map(str, files(ours))), shallow=False)[1:] == ([], [])


def test_the_built_messages_are_those_of_the_root() -> None:
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    installed = [prefix / "share" / "aisle_msgs" / "msg" for prefix in prefixes]
    folder = next((path for path in installed if path.is_dir()), None)
    if folder is None:
        pytest.skip("aisle_msgs is not built; start with ./aisle test or source the workspace")
    for message in sorted((ROOT / "msg").glob("*.msg")):
        assert (folder / message.name).read_text() == message.read_text()
