"""What tests across packages share."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORDING = Path(os.environ.get("AISLE_RECORDINGS", ROOT.parent / "shared" / "data")) / "autocheckout_benchmark_1"
FIRST_DOMAIN, LAST_DOMAIN = 100, 200
STOP_TIMEOUT_S = 20.0


@pytest.fixture(scope="session")
def recording_folder() -> Path:
    """The real recording."""
    if not RECORDING.is_dir():
        pytest.skip(f"the real recording is not there ({RECORDING}); name its folder's parent in AISLE_RECORDINGS")
    return RECORDING


@pytest.fixture(scope="session")
def real_bag(recording_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real recording as a bag."""
    from aisle_replay.autocheckout import import_autocheckout

    bag = tmp_path_factory.mktemp("bags") / "benchmark"
    import_autocheckout(recording_folder, bag, "USD")
    return bag


@pytest.fixture(scope="session")
def corner_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shoppers in the simulated corner store, with the truth beside it."""
    from aisle_contract.sites import find_site
    from aisle_core.store import load_store
    from aisle_sim.bag import write_bag
    from aisle_sim.scenarios import find_scenario

    bag, site = tmp_path_factory.mktemp("bags") / "corner", find_site("corner")
    write_bag(bag, site, find_scenario("random", load_store(site), seed=1, shoppers=3), seed=1)
    return bag


@pytest.fixture(scope="session")
def restocked_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``sold_out_and_restocked`` in a corner shop that has counted its cans and yoghurts."""
    from aisle_contract.sites import find_site
    from aisle_core.store import load_store
    from aisle_sim.bag import write_bag
    from aisle_sim.scenarios import find_scenario

    folder = tmp_path_factory.mktemp("bags")
    site = shutil.copytree(find_site("corner"), folder / "corner")
    counted = {"g01-s3-p03": 3, "g03-s4-p01": 8}
    head, *rows = (site / "planogram.csv").read_text().splitlines()
    rows = [f"{row},{counted.get(row.split(',')[2], '')}" for row in rows]
    (site / "planogram.csv").write_text("\n".join([f"{head},stock", *rows]) + "\n")
    scenario = find_scenario("sold_out_and_restocked", load_store(site), seed=1, shoppers=0)
    write_bag(folder / "restocked", site, scenario, seed=1)
    return folder / "restocked"


@pytest.fixture
def domain() -> Iterator[dict[str, str]]:
    """An environment with a ROS domain that no other test on this machine uses now."""
    yield from _free_domain()


@pytest.fixture(scope="module")
def domain_of_module() -> Iterator[dict[str, str]]:
    """The same for all tests of a module."""
    yield from _free_domain()


def _free_domain() -> Iterator[dict[str, str]]:
    """The domain is held by a bound port for as long as it is used."""
    for number in range(FIRST_DOMAIN, LAST_DOMAIN):
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.bind(("127.0.0.1", 41000 + number))
        except OSError:
            holder.close()
            continue
        with holder:
            yield os.environ | {"ROS_DOMAIN_ID": str(number), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        return
    pytest.fail("no free ROS domain")


class Launched:
    """A launch in processes of its own, with its output."""

    def __init__(self, environment: dict[str, str], arguments: list[str], log: Path) -> None:
        self.log = log
        self._output = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aisle_cli", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self, timeout_s: float) -> int:
        """Exit code; fails with the output when it does not end in time."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {timeout_s} s:\n{self.text()[-4000:]}")

    def text(self) -> str:
        """What it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """Interrupt it, as Ctrl-C does, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._output.close()
        return self.process.returncode


@pytest.fixture
def aisle(domain: dict[str, str], tmp_path: Path) -> Iterator[object]:
    """Starts ``./aisle ARGUMENTS`` in the test's domain; ends it with the test and prints what it wrote."""
    started: list[Launched] = []

    def start(*arguments: str) -> Launched:
        started.append(Launched(domain, list(arguments), tmp_path / f"aisle{len(started)}.log"))
        return started[-1]

    yield start
    for launched in started:
        launched.stop()
        print(launched.text())
