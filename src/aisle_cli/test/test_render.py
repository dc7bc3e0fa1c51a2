"""The view fits the terminal, marks what needs a review, and shows receipts with their reasons."""

import io

import pytest
from rich.console import Console, RenderableType

from aisle_cli.render import LiveView, entry_line, receipt_view, summary
from aisle_cli.view_model import ReplayPosition, ReplayState, ViewModel
from aisle_core.store import Store
from aisle_core.types import Alternative, Reason

from .samples import cart, carts, decision, demo_store, line, receipt, shelf, track, tracks


@pytest.fixture
def store() -> Store:
    return demo_store()


@pytest.fixture
def model(store: Store) -> ViewModel:
    model = ViewModel(store)
    model.fold(ReplayPosition(ReplayState.PLAYING, 21_300_000_000, 47_000_000_000, 1.0))
    model.fold(tracks(track(1, 0.6, -0.5), track(2, 2.1, -1.3)))
    doubtful = line(store, "STILL-05", 1, Reason.AMBIGUOUS_PERSON, review=True)
    model.fold(
        carts(
            cart(store, "3f2a9c7788aa0011", (1,), (line(store, "COLA-033", 2), doubtful)),
            cart(store, "99ab12cd00112233", (2,), ()),
        )
    )
    for number in range(30):
        model.fold(shelf(number, "g1-s1-p3", -0.348))
        model.fold(decision(number, "COLA-033", 1, review=number % 2 == 0))
    return model


def text(renderable: RenderableType, width: int, height: int = 40) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, highlight=False)
    console.print(renderable)
    return console.export_text()


@pytest.mark.parametrize("width", [40, 80, 119, 120, 140])
def test_no_line_is_wider_than_the_terminal(model: ViewModel, store: Store, width: int) -> None:
    given = receipt(store, 0, (1,), (line(store, "RICE-1000", 1),))
    shown = text(LiveView(model), width) + text(receipt_view(given, model), width)
    assert max(len(row) for row in shown.splitlines()) <= width


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 50), (140, 24), (140, 50)])
def test_the_live_view_fits_the_height(model: ViewModel, width: int, height: int) -> None:
    assert len(text(LiveView(model), width, height).splitlines()) < height


def test_people_and_carts_stand_side_by_side_where_there_is_room(model: ViewModel) -> None:
    wide, narrow = text(LiveView(model), 140), text(LiveView(model), 80)
    assert any("in the store: 2" in row and "carts" in row for row in wide.splitlines())
    assert not any("in the store: 2" in row and "carts" in row for row in narrow.splitlines())


def test_the_live_view_shows_who_is_in_and_what_they_hold(model: ViewModel) -> None:
    shown = text(LiveView(model), 100)
    for words in (
        "Demo store",
        "21.3 of 47.0 s, 1x",
        "3f2a9c",
        "0.6, -0.5",
        "2 x Cola 0.33 l can",
        "2.98 USD",
        "1 x Still water 0.5 l  <- review",
        "total",
        "3.97 USD",
        "empty",
        "shopper 1 took 1 Cola",
    ):
        assert words in shown


def test_an_empty_store_is_said_to_be_empty(store: Store) -> None:
    shown = text(LiveView(ViewModel(store)), 80)
    for words in ("nobody", "no open visit", "waiting for the first message"):
        assert words in shown


@pytest.mark.parametrize(
    ("state", "rate", "words"),
    [
        (ReplayState.PAUSED, 1.0, "paused"),
        (ReplayState.DONE, 1.0, "done"),
        (ReplayState.PLAYING, 2.5, "2.5x"),
    ],
)
def test_the_replay_position_says_how_fast(store: Store, state: ReplayState, rate: float, words: str) -> None:
    model = ViewModel(store)
    model.fold(ReplayPosition(state, 2_500_000_000, 8_000_000_000, rate))
    assert "recording" in text(LiveView(model), 100) and f"2.5 of 8.0 s, {words}" in text(LiveView(model), 100)


def test_a_simulation_has_a_position_but_no_end(store: Store) -> None:
    model = ViewModel(store)
    model.fold(ReplayPosition(ReplayState.PLAYING, 2_500_000_000, 0, 2.0))
    assert "simulation" in text(LiveView(model), 100) and " 2.5 s, 2x" in text(LiveView(model), 100)


def test_a_receipt_gives_the_reason_of_every_line_and_marks_reviews(model: ViewModel, store: Store) -> None:
    other = Alternative(2, "STILL-05", 1, 0.4)
    doubtful = line(store, "STILL-05", 1, Reason.AMBIGUOUS_PERSON, review=True, alternatives=(other,))
    unpriced = line(store, "SANDWICH-180", 1, review=True)
    given = receipt(store, 0, (1,), (line(store, "COLA-033", 2), doubtful, unpriced), unbooked=("c/7",))
    rows = text(receipt_view(given, model), 200).splitlines()
    assert any("2  Cola" in row and "2.98 USD" in row and "weight and place agree" in row for row in rows)
    assert any("REVIEW: several people fit; or shopper 2, 1 x Still water 0.5 l, 40 %" in row for row in rows)
    assert any("no price" in row and "REVIEW: it has no price" in row for row in rows)
    assert any("charged" in row and "2.98 USD" in row for row in rows)
    assert any("0.99 USD wait for a review" in row for row in rows)
    assert any("1 change nearby could not be booked on anybody." in row for row in rows)
    assert "TO BE REVIEWED" in rows[-1]


def test_a_clean_receipt_does_not_mention_a_review(model: ViewModel, store: Store) -> None:
    assert "review" not in text(receipt_view(receipt(store, 0, (1,), (line(store, "COLA-033", 2),)), model), 80).lower()


def test_an_empty_receipt_says_so(model: ViewModel, store: Store) -> None:
    assert "nothing taken" in text(receipt_view(receipt(store, 0, (1,), ()), model), 80)


def test_lines_of_the_log_mark_reviews(model: ViewModel) -> None:
    first, second = (entry_line(entry, model).plain for entry in list(model.log)[:2])
    assert first.startswith("10:00:05.0  shopper 1 took") and first.endswith("<- review")
    assert not second.endswith("<- review")


def test_names_from_the_catalogue_are_no_markup(store: Store) -> None:
    product = store.products["COLA-033"].model_copy(update={"name": "[red]Cola[/red] [/] :smile:"})
    odd = store.model_copy(update={"products": store.products | {"COLA-033": product}})
    model = ViewModel(odd)
    lines = (line(odd, "COLA-033", 1),)
    model.fold(carts(cart(odd, "3f2a9c7788aa0011", (1,), lines)))
    for shown in (text(LiveView(model), 140), text(receipt_view(receipt(odd, 0, (1,), lines), model), 140)):
        assert "[red]Cola[/red] [/] :smile:" in shown


def test_the_summary_counts(model: ViewModel, store: Store) -> None:
    assert summary(model) == "0 receipts, 0.00 USD charged, none to be reviewed"
    model.fold(receipt(store, 0, (1,), (line(store, "COLA-033", 2),)))
    model.fold(receipt(store, 1, (2,), (line(store, "SANDWICH-180", 1, review=True),)))
    assert summary(model) == "2 receipts, 2.98 USD charged, 1 to be reviewed"
