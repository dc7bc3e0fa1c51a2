"""Commands that need no graph: import, replay, score."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from aisle_contract.sites import config_folder, find_site
from aisle_core.errors import AisleError
from aisle_replay.autocheckout import import_autocheckout
from aisle_replay.json_text import canonical_json
from aisle_replay.replay import replay
from aisle_replay.results import visit_name, write_atomically
from aisle_replay.runs import RunRecorder

if TYPE_CHECKING:
    from aisle_replay.scoring.report import Table as Figures


def run_import(folder: Path, out: Path, currency: str) -> int:
    """Import an AutoCheckout recording and say what was merged, rejected and doubtful."""
    report = import_autocheckout(folder, out, currency)
    for line in report.lines():
        print(line)
    return 0


def run_replay(
    bag: Path,
    out: Path | None,
    receipts: Path | None,
    run: Path | None,
    site: str | None,
    allow_config: bool,
    people: str,
    evidence: Path | None,
) -> int:
    """Replay a bag and print the receipts; write the files that were asked for."""
    recorder = RunRecorder()
    start = time.perf_counter()
    folder = find_site(site) if site else None
    result = replay(bag, config_folder(), folder, allow_config, observe=recorder.add, people=people, evidence=evidence)
    elapsed_s = time.perf_counter() - start
    if out is not None:
        result.results.write_events(out)
    if receipts is not None:
        result.results.write_receipts(receipts, result.store)
    if run is not None:
        recorder.write(run, result.results, result.store, result.truth)
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


def run_score(paths: list[Path], truth: Path | None, picture: Path | None, json: Path | None) -> int:
    """Print how far bags or runs agree with their truth, or receipts with true receipts."""
    from aisle_replay.scoring import report
    from aisle_replay.scoring.calibration import draw
    from aisle_replay.scoring.inputs import load
    from aisle_replay.scoring.receipts import compare_receipts, read_receipts

    if len(paths) == 2 and not any(path.is_dir() for path in paths):
        _show(report.receipt_table(compare_receipts(*map(read_receipts, paths))))
        return 0
    if truth is not None and len(paths) > 1:
        raise AisleError(f"{truth}: is the truth of one run, {len(paths)} are given; score each with its own")
    score = report.pool([report.score_run(*load(path, config_folder(), truth)) for path in paths])
    for table in report.tables(score):
        _show(table)
    if json is not None:
        write_atomically({json: canonical_json(report.document(score), indent=2) + "\n"})
    if picture is not None:
        draw(score.calibration, picture)
    return 0


def _show(table: Figures) -> None:
    shown = Table(*table.headings, title=table.title, title_justify="left")
    for row in table.rows:
        shown.add_row(*row)
    Console(highlight=False).print(shown)
