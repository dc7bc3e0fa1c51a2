"""What the live pages, made with NiceGUI, have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal

from fastapi import Request
from nicegui import ui

from ..receipts import Wording
from ..rooms import Rooms
from ..settings import LANGUAGES
from .plain import LANGUAGE_NAMES

_PACKS: dict[str, Literal["en-US", "de", "vi", "ar"]] = {"en": "en-US", "de": "de", "vi": "vi", "ar": "ar"}
"""Our languages as Quasar names them."""


@cache
def _look() -> str:
    return resources.files(__package__).joinpath("look.css").read_text(encoding="utf-8")


def live_pages(rooms: Rooms, room: str, title: str, build: Callable[[Request, Wording], Any]) -> None:
    """Register the page ``/<room>/<language>`` in all languages; ``title``: name of a text."""

    def page_in(words: Wording) -> Callable[[Request], Any]:
        def page(request: Request) -> Any:
            ui.add_css(_look())
            ui.colors(primary="#0f6b58", secondary="#50605c", negative="#8a3b12", positive="#0f6b58")
            return build(request, words)

        return page

    for language in LANGUAGES:
        words = rooms.words(language)
        name = f"{words.text(title)} – {rooms.store.name}"
        ui.page(f"/{room}/{language}", title=name, language=_PACKS[language])(page_in(words))


def when_connected(draw: Callable[[], None]) -> None:
    """Draw what people press only when the server hears of it; before, it would be lost."""
    ui.timer(0, draw, once=True)


def text(content: str, tag: str = "p", classes: str = "a-soft") -> ui.element:
    """A piece of text; what it says is never taken as HTML."""
    with ui.element(tag).classes(classes) as element:
        ui.label(content).props("dir=auto").style("display: contents")
    return element


def languages(room: str, words: Wording) -> None:
    """Links to the same page in the other languages."""
    with ui.element("nav").classes("a-languages").props(f'aria-label="{words.text("language")}"'):
        for language, name in LANGUAGE_NAMES:
            link = ui.link(name, f"/{room}/{language}").props(f"lang={language}")
            if language == words.language:
                link.props("aria-current=true")


def rows(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """A table of texts."""
    with ui.element("table").classes("a-table"):
        with ui.element("thead"), ui.element("tr"):
            for head in heads:
                with ui.element("th").props("scope=col"):
                    ui.label(head)
        with ui.element("tbody"):
            for line in lines:
                with ui.element("tr"):
                    for cell in line:
                        with ui.element("td"):
                            ui.label(cell).props("dir=auto")
