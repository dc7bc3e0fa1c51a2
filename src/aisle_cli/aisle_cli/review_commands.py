"""``./aisle review``: look at doubtful visits and decide them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisle_cli.office_commands import Actor, Note

review_app = typer.Typer(no_args_is_help=True, help="Doubtful visits: list them, cut their evidence, decide them.")

Source = Annotated[
    str, typer.Argument(help="URL of the office's database, such as sqlite:///office.db, or a receipts.full.json.")
]
Visit = Annotated[str, typer.Argument(help="Id of the visit; in a receipts.full.json also its name.")]


@review_app.command("list")
def list_reviews(source: Source) -> None:
    """Visits that wait for a review, with what is in doubt."""
    from aisle_cli.reviews import run_list

    run_list(source)


@review_app.command("cut")
def cut(
    source: Source,
    visit: Visit,
    bag: Annotated[Path, typer.Option(help="The recording that the visit is in.")],
    out: Annotated[Path, typer.Option(help="Bag folder to write; must not exist.")],
) -> None:
    """Cut the part of a recording that `replay` and `explain` need for one visit."""
    from aisle_cli.reviews import run_cut

    run_cut(source, visit, bag, out)


@review_app.command("decide")
def decide(
    source: Source,
    visit: Visit,
    actor: Actor,
    quantities: Annotated[
        list[str] | None, typer.Argument(help="SKU=PIECES, of what is not as it was told; none: all is as told.")
    ] = None,
    note: Note = "",
) -> None:
    """Say what a doubtful visit really holds, once: receipt, carts and stock follow."""
    from aisle_cli.reviews import run_decide

    run_decide(source, visit, quantities or [], actor, note)
