"""Commands that need no graph: import, replay, score."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aisle_contract.sites import config_folder, find_site
from aisle_replay.autocheckout import import_autocheckout
from aisle_replay.replay import replay
from aisle_replay.results import visit_name
from aisle_replay.score import read_receipts, score


def run_import(folder: Path, out: Path, currency: str) -> int:
    """Import an AutoCheckout recording and say what was merged, rejected and doubtful."""
    report = import_autocheckout(folder, out, currency)
    for line in report.lines():
        print(line)
    return 0


def run_replay(bag: Path, out: Path | None, receipts: Path | None, site: str | None, allow_config: bool) -> int:
    """Replay a bag and print the receipts; write the files that were asked for."""
    start = time.perf_counter()
    result = replay(bag, config_folder(), find_site(site) if site else None, allow_config)
    elapsed_s = time.perf_counter() - start
    if out is not None:
        result.results.write_events(out)
    if receipts is not None:
        result.results.write_receipts(receipts, result.store)
    console = Console(highlight=False)
    table = Table(title="Receipts")
    for heading in ("visit", "product", "units", "confidence", "reason", "shelf events"):
        table.add_column(heading, overflow="fold")
    for receipt in result.results.receipts:
        name = visit_name(receipt)
        if not receipt.lines:
            table.add_row(name, "nothing")
        for line in receipt.lines:
            reason = line.reason.name.lower().replace("_", " ") + (", to be reviewed" if line.review else "")
            product = f"{line.name} ({line.sku})" if line.sku else "unknown product"
            events = ", ".join(line.shelf_event_ids)
            table.add_row(name, product, str(line.quantity), f"{line.confidence:.1%}", reason, events)
    console.print(table)
    console.print(
        f"{result.messages} messages, {result.duration_s:.1f} s of recording in {elapsed_s:.2f} s "
        f"({result.duration_s / elapsed_s:.0f} times real time)"
    )
    return 0


def run_score(receipts: Path, truth: Path) -> int:
    """Print how far receipts agree with the truth."""
    result = score(read_receipts(receipts), read_receipts(truth))
    table = Table("measure", "value", title="Score")
    for name, value in result.rows():
        table.add_row(name, value)
    Console(highlight=False).print(table)
    return 0
