"""Draws the view model with rich: the live view, the receipts, and plain lines for logs."""

from __future__ import annotations

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aisle_cli.view_model import (
    CLOSE_WORDS,
    REASON_WORDS,
    Entry,
    EntryKind,
    ReplayPosition,
    ReplayState,
    ViewModel,
    money,
    percent,
    shopper,
)
from aisle_core.types import Cart, CartLine, Receipt

_WIDE = 120
_EVENTS = 10
_EVENTS_LEAST = 3
_SESSION_DIGITS = 6
_ENTRY_STYLES = {
    EntryKind.GATE: "cyan",
    EntryKind.SHELF: "dim",
    EntryKind.CART: "",
    EntryKind.STOCK: "magenta",
    EntryKind.RECEIPT: "green",
}
_REVIEW = "bold yellow"


class LiveView:
    """The whole view of a running store, as wide as the terminal."""

    def __init__(self, model: ViewModel) -> None:
        self._model = model

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        people, carts = _people(self._model), _carts(self._model)
        both = _columns(people, carts) if options.max_width >= _WIDE else Group(people, carts)
        upper = console.render_lines(Group(_headline(self._model), both), options, pad=False, new_lines=True)
        for line in upper:
            yield from line
        frame = 2
        rows = min(max(console.height - len(upper) - frame - 1, _EVENTS_LEAST), _EVENTS)
        yield _events(self._model, console, options.max_width - 2 * frame, rows)


def receipt_view(receipt: Receipt, model: ViewModel) -> RenderableType:
    """The account of one visit as a table, with the reason of every line."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=True, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("product", ratio=3)
    table.add_column("each", justify="right", no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("sure", justify="right", no_wrap=True)
    table.add_column("why", ratio=4)
    for line in receipt.lines:
        table.add_row(*_receipt_cells(line, receipt.currency, model), style=_REVIEW if line.review else "")
    table.add_section()
    table.add_row("", "charged", "", money(receipt.charged_minor, receipt.currency), "", "", style="bold")
    parts: list[RenderableType] = [table]
    if receipt.review_minor:
        waiting = f"{money(receipt.review_minor, receipt.currency)} wait for a review and are not charged yet."
        parts.append(Text(waiting, style=_REVIEW))
    if receipt.unbooked_cart_event_ids:
        count = len(receipt.unbooked_cart_event_ids)
        parts.append(Text(f"{count} change{'s' * (count != 1)} nearby could not be booked on anybody.", style=_REVIEW))
    return Panel(
        Group(*parts) if receipt.lines or receipt.review else Text("nothing taken", style="dim"),
        title=_receipt_title(receipt),
        subtitle=Text("TO BE REVIEWED", style=_REVIEW) if receipt.review else None,
        title_align="left",
        subtitle_align="right",
        border_style="yellow" if receipt.review else "green",
    )


def entry_line(entry: Entry, model: ViewModel) -> Text:
    """One line of the log with the time of day in the store."""
    line = Text(f"{model.clock(entry.stamp_ns)}  ", style="dim")
    line.append(entry.text, style=_REVIEW if entry.attention else f"not dim {_ENTRY_STYLES[entry.kind]}")
    if entry.attention and entry.kind is EntryKind.CART:
        line.append("  <- review", style=_REVIEW)
    return line


def summary(model: ViewModel) -> str:
    """One sentence about all receipts so far."""
    count = len(model.receipts)
    charged = money(sum(receipt.charged_minor for receipt in model.receipts), model.store.currency)
    review = sum(receipt.review for receipt in model.receipts)
    return f"{count} receipt{'s' * (count != 1)}, {charged} charged, {review or 'none'} to be reviewed"


def _headline(model: ViewModel) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, justify="right", no_wrap=True)
    now = model.clock(model.stamp_ns) if model.stamp_ns else "waiting for the first message"
    grid.add_row(Text(model.store.name, style="bold"), now)
    if model.replay is None:
        return grid
    replay = Table.grid(expand=True, padding=(0, 1))
    replay.add_column(no_wrap=True)
    replay.add_column(ratio=1)
    replay.add_column(no_wrap=True)
    if model.replay.duration_ns:
        bar: RenderableType = ProgressBar(total=model.replay.duration_ns, completed=model.replay.position_ns)
        replay.add_row(Text("recording", style="dim"), bar, _position(model.replay))
    else:
        replay.add_row(Text("simulation", style="dim"), "", _position(model.replay))
    return Group(grid, replay)


def _position(replay: ReplayPosition) -> Text:
    words = {ReplayState.PAUSED: "paused", ReplayState.DONE: "done"}
    speed = words.get(replay.state) or f"{replay.rate:g}x"
    end = f" of {replay.duration_ns / 1e9:.1f}" if replay.duration_ns else ""
    return Text(f"{replay.position_ns / 1e9:.1f}{end} s, {speed}")


def _people(model: ViewModel) -> RenderableType:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for name, justify in (("shopper", "right"), ("visit", "left"), ("x, y [m]", "right"), ("near", "left")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("since", justify="right", no_wrap=True)
    people = model.people()
    for person in people:
        table.add_row(
            str(person.track_id),
            person.session_id[:_SESSION_DIGITS] or "-",
            f"{person.position[0]:.1f}, {person.position[1]:.1f}",
            Text(person.place or "-"),
            model.clock(person.first_ns)[:-2],
            style="" if person.seen else "dim",
        )
    return _panel(table if people else _nothing("nobody"), f"in the store: {len(people)}")


def _carts(model: ViewModel) -> RenderableType:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    table.add_column("shopper", justify="right", no_wrap=True)
    table.add_column("cart", ratio=1)
    table.add_column("amount", justify="right", no_wrap=True)
    for cart in model.carts:
        _add_cart(table, cart, model)
    return _panel(table if model.carts else _nothing("no open visit"), "carts")


def _add_cart(table: Table, cart: Cart, model: ViewModel) -> None:
    who = ", ".join(str(track_id) for track_id in cart.track_ids) or "?"
    for index, line in enumerate(cart.lines):
        amount = "no price" if line.unit_price_minor is None else money(line.amount_minor, cart.currency)
        table.add_row(
            who if index == 0 else "",
            Text(f"{line.quantity} x {_line_name(line)}{'  <- review' if line.review else ''}"),
            amount,
            style=_REVIEW if line.review else "",
        )
    if not cart.lines:
        table.add_row(who, Text("empty", style="dim"), money(0, cart.currency))
    elif len(cart.lines) > 1:
        table.add_row("", Text("total", style="dim"), money(cart.total_minor, cart.currency), style="bold")


def _events(model: ViewModel, console: Console, width: int, rows: int) -> RenderableType:
    """The newest lines of the log, as many as fill the rows."""
    newest = list(model.log)[-rows:]
    lines = [row for entry in newest for row in entry_line(entry, model).wrap(console, width)][-rows:]
    return _panel(Group(*lines, *[Text()] * (rows - len(lines))), "events")


def _receipt_cells(line: CartLine, currency: str, model: ViewModel) -> tuple[RenderableType, ...]:
    if line.unit_price_minor is None:
        each, amount = "no price", "-"
    else:
        each, amount = money(line.unit_price_minor, currency), money(line.amount_minor, currency)
    why = REASON_WORDS[line.reason]
    if line.review:
        why = f"REVIEW: {'it has no price' if line.sku and line.unit_price_minor is None else why}"
        for other in line.alternatives[:1]:
            name = model.product_name(other.sku) if other.sku else "no product"
            who = shopper((other.track_id,)) if other.track_id else "nobody"
            why += f"; or {who}, {other.quantity} x {name}, {percent(other.probability)}"
    return str(line.quantity), Text(_line_name(line)), each, amount, percent(line.confidence), Text(why)


def _line_name(line: CartLine) -> str:
    return line.name or line.sku or "something unknown"


def _receipt_title(receipt: Receipt) -> Text:
    who = shopper(receipt.track_ids)
    title = Text(f"{who[0].upper()}{who[1:]}", style="bold")
    title.append(f"  visit {receipt.session_id[:_SESSION_DIGITS]}", style="not bold dim")
    if receipt.label is not None:
        title.append(f"  label {receipt.label}", style="not bold dim")
    title.append(f"  {CLOSE_WORDS[receipt.close_reason]}", style="not bold dim")
    return title


def _columns(left: RenderableType, right: RenderableType) -> Table:
    grid = Table.grid(expand=True)
    grid.add_column(ratio=2)
    grid.add_column(ratio=3)
    grid.add_row(left, right)
    return grid


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim")


def _nothing(words: str) -> Text:
    return Text(words, style="dim")
