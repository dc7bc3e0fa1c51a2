"""``./aisle demo``: a living store in the running graph, or a recording, with the live view."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aisle_cli.demo_office import DemoOffice
from aisle_cli.pages import open_pages
from aisle_cli.post import Post
from aisle_cli.view import watch
from aisle_contract.sites import find_site
from aisle_core.store import Store, load_store
from aisle_core.types import Receipt
from aisle_replay.bag import BagReader
from aisle_replay.results import units
from aisle_replay.truth import read_truth

STOP_TIMEOUT_S = 15.0


def run_demo(
    bag: Path | None,
    site: str,
    scenario: str,
    shoppers: int,
    rate: float,
    seed: int,
    people: str,
    office_folder: Path | None,
) -> int:
    """Simulate the site with its office, or play the bag; 0 when it ended in receipts."""
    with tempfile.TemporaryDirectory(prefix="aisle-demo-") as folder, contextlib.ExitStack() as stack:
        truth, office, environment = Path(folder) / "truth.jsonl", None, dict(os.environ)
        if bag is not None:
            with BagReader(bag) as reader:
                store = reader.load_store()
            arguments = ["replay", f"bag:={bag}", f"rate:={rate}", "hold:=true"]
        else:
            store = load_store(find_site(site))
            arguments = ["store", "backend:=sim", "use_sim_time:=true", f"site:={site}", f"namespace:={store.store_id}"]
            arguments += [f"scenario:={scenario}", f"shoppers:={shoppers}", f"seed:={seed}", f"rate:={rate}"]
            arguments += [f"truth:={truth}", f"rviz:={str(_can_show_rviz()).lower()}"]
            office_folder = office_folder or Path(tempfile.mkdtemp(prefix="aisle-office-"))
            post = stack.enter_context(Post(office_folder / "mail"))
            office = stack.enter_context(contextlib.closing(DemoOffice(office_folder, post)))
            office.link(scenario, store, seed, shoppers)
            arguments += office.arguments()
            environment["AISLE_OFFICE_SECRET"] = office.secret
            print(f"Receipts are mailed to {post.folder}")
            pages = open_pages(find_site(site), office.database, office.secret, office_folder / "pages.log")
            print(*stack.enter_context(pages), f"A card for its reader: {office.cards[0]}", sep="\n")
        log = Path(folder) / "launch.log"
        arguments.append(f"people:={people}")
        with _graph(arguments, environment, log) as launch:
            receipts = watch(store, "/" + store.store_id, until_end=True, alive=lambda: launch.poll() is None)
            if office is not None and receipts:
                office.wait()
        if not receipts:
            print(log.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
            print("aisle: the graph ended without a receipt; its output is above", file=sys.stderr)
            return 1
        if office is not None:
            print(_verdict(receipts, truth, store))
            print(office.summary())
            if sys.stdin.isatty():
                input("The pages stay open until you press Enter. ")
    return 0


def _verdict(receipts: list[Receipt], truth: Path, store: Store) -> str:
    """How the receipts compare with what really happened."""
    true = read_truth(truth).receipts()
    charged = units((receipt.credential or "", receipt.lines) for receipt in receipts)
    exact = sum(charged.get(credential) == bought for credential, bought in true.items())
    return f"{exact} of {len(true)} receipts of {store.name} are exactly what the shoppers took."


def _can_show_rviz() -> bool:
    return shutil.which("rviz2") is not None and bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextlib.contextmanager
def _graph(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A launch concern with its arguments, in processes of its own; ended with the block."""
    command = [sys.executable, "-m", "aisle_cli", "launch", *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
