"""``./aisle demo``: a recording through the running graph, with the live view."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aisle_cli.view import watch
from aisle_contract.sites import config_folder
from aisle_core.store import load_store
from aisle_replay.bag import BagReader
from aisle_sim.synthetic import recording, write_bag

STOP_TIMEOUT_S = 15.0


def run_demo(bag: Path | None, rate: float, seed: int) -> int:
    """Play the bag, or the built-in recording; 0 when every visit ended in a receipt."""
    with tempfile.TemporaryDirectory(prefix="aisle-demo-") as folder:
        if bag is None:
            bag = Path(folder) / "demo"
            site = config_folder() / "stores" / "demo"
            store = load_store(site)
            write_bag(recording(store, seed), store, site, bag)
        with BagReader(bag) as reader:
            store = reader.load_store()
        log = Path(folder) / "launch.log"
        with _graph(bag, rate, log) as launch:
            receipts = watch(store, "/" + store.store_id, until_end=True, alive=lambda: launch.poll() is None)
        if not receipts:
            print(log.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
            print("aisle: the graph ended without a receipt; its output is above", file=sys.stderr)
            return 1
    return 0


@contextlib.contextmanager
def _graph(bag: Path, rate: float, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The graph of the launch concern ``replay``, in processes of its own; ended with the block."""
    command = [sys.executable, "-m", "aisle_cli", "launch", "replay", f"bag:={bag}", f"rate:={rate}", "hold:=true"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
