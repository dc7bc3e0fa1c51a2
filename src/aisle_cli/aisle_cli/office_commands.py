"""``./aisle office``: run the office, look into it, and do what staff may do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

office_app = typer.Typer(no_args_is_help=True, help="The office of a store: payments, receipts, mail.")

Database = Annotated[str, typer.Argument(help="URL of the office's database, such as sqlite:///office.db.")]
Session = Annotated[str, typer.Argument(help="Id of the visit.")]
Actor = Annotated[str, typer.Option("--as", help="Who does it; the journal keeps it.")]
Note = Annotated[str, typer.Option(help="Why.")]
Quantities = Annotated[list[str], typer.Argument(help="SKU=PIECES, one or more.")]


@office_app.command(
    "run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False
)
def run(context: typer.Context) -> None:
    """Run the office of a store; `run --help` lists what it takes."""
    from aisle_office.office import main

    main(context.args)


@office_app.command("show")
def show(database: Database) -> None:
    """Open visits, visits that wait for a review, failed tasks, and the newest gate alarms."""
    from aisle_cli.office import run_show

    run_show(database)


@office_app.command("close-store")
def close_store(database: Database, actor: Actor, note: Note = "") -> None:
    """Let nobody in any more; those inside go on."""
    from aisle_cli.office import journal
    from aisle_office import orders

    orders.close_store(journal(database), actor, note)


@office_app.command("open-store")
def open_store(database: Database, actor: Actor, note: Note = "") -> None:
    """Let people in again."""
    from aisle_cli.office import journal
    from aisle_office import orders

    orders.open_store(journal(database), actor, note)


@office_app.command("close-visit")
def close_visit(database: Database, session: Session, actor: Actor, note: Note = "") -> None:
    """End a visit as if its people had left now."""
    from aisle_cli.office import journal
    from aisle_office import orders

    orders.close_visit(journal(database), session, actor, note)


@office_app.command("review")
def review(database: Database, session: Session, quantities: Quantities, actor: Actor, note: Note = "") -> None:
    """Say what a doubtful visit really holds."""
    from aisle_cli.office import run_review

    run_review(database, session, quantities, actor, note)


@office_app.command("refund")
def refund(database: Database, session: Session, quantities: Quantities, actor: Actor, note: Note = "") -> None:
    """Give the money for some pieces back."""
    from aisle_cli.office import run_refund

    run_refund(database, session, quantities, actor, note)


@office_app.command("age")
def age(
    database: Database,
    session: Session,
    approved: Annotated[bool, typer.Option("--old-enough/--too-young", help="What staff saw.")],
    actor: Actor,
    note: Note = "",
) -> None:
    """Say whether a shopper is old enough for what they took."""
    from aisle_cli.office import journal
    from aisle_office import support

    support.check_age(journal(database), session, approved, actor, note)


@office_app.command("evidence")
def evidence(
    database: Database,
    session: Session,
    site: Annotated[Path, typer.Argument(help="Site folder with office.yaml.")],
    file: Annotated[Path, typer.Argument(help="The ZIP file to write.")],
) -> None:
    """Write down all that is known of a visit, for a bank that asks."""
    from aisle_cli.office import run_evidence

    run_evidence(database, session, site, file)


@office_app.command("sandbox-chargeback")
def sandbox_chargeback(
    books: Annotated[str, typer.Argument(help="URL of the sandbox's books, such as sqlite:///sandbox.db.")],
    charge: Annotated[str, typer.Argument(help="Id of the charge, or with --won or --lost of the chargeback.")],
    amount_minor: Annotated[int, typer.Option("--amount", help="Minor units.")] = 0,
    won: Annotated[bool | None, typer.Option("--won/--lost", help="How the dispute ends.")] = None,
    address: Annotated[str, typer.Option(help="Of the office's pages.")] = "http://localhost:8480",
) -> None:
    """Let the sandbox's bank take money back, and tell the store, signed with AISLE_NOTICE_SECRET."""
    from aisle_cli.office import run_sandbox_chargeback

    run_sandbox_chargeback(books, charge, amount_minor, won, address)


@office_app.command("contest")
def contest(
    database: Database,
    session: Session,
    chargeback_id: Annotated[str, typer.Argument(help="The provider's id of the dispute.")],
    actor: Actor,
) -> None:
    """Have the evidence of a visit handed in to the provider."""
    from aisle_cli.office import journal
    from aisle_office import chargebacks

    chargebacks.contest(journal(database), session, chargeback_id, actor)


@office_app.command("rerun")
def rerun(
    database: Database, session: Session, task: Annotated[str, typer.Argument(help="As `show` has it.")], actor: Actor
) -> None:
    """Have a failed task tried again."""
    from aisle_cli.office import journal
    from aisle_office import tasks

    tasks.rerun(journal(database), session, task, actor)


@office_app.command("chargeback")
def chargeback(
    database: Database,
    session: Session,
    chargeback_id: Annotated[str, typer.Argument(help="The provider's id of the dispute.")],
    amount_minor: Annotated[int, typer.Argument(help="What the bank took back, in minor units.")],
    reason: Annotated[str, typer.Option(help="As the bank says it.")] = "",
) -> None:
    """Write down that a card's bank took money back."""
    from aisle_cli.office import journal
    from aisle_office import chargebacks

    chargebacks.book(journal(database), session, chargeback_id, amount_minor, reason)
