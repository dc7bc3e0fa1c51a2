"""Pages without a script: what a phone opens from a mail, and the sign-in."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ..receipts import Wording
from ..rooms import Rooms, language_of

LANGUAGE_NAMES = (("en", "English"), ("de", "Deutsch"), ("vi", "Tiếng Việt"), ("ar", "العربية"))


@cache
def _templates() -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in (__package__, "aisle_office.receipts")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, rooms: Rooms, words: Wording, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from the template ``name``."""
    page = _templates().get_template(f"{name}.html.jinja")
    text = page.render(words=words, store=rooms.store.name, languages=LANGUAGE_NAMES, **values)
    return HTMLResponse(text, status)


def notice(rooms: Rooms, words: Wording, name: str, status: int) -> HTMLResponse:
    """A page that says one thing: the texts ``name`` and ``name_why``."""
    return render("page", rooms, words, status, title=words.text(name), text=words.text(f"{name}_why"))


def words_for(rooms: Rooms, request: Request) -> Wording:
    """The language of a request: chosen in its address, else the browser's, else the store's."""
    return rooms.words(language_of(request.query_params.get("language"), request.headers.get("accept-language")))


def origin_of(request: Request) -> str:
    """The network address that a request comes from."""
    return request.client.host if request.client else ""
