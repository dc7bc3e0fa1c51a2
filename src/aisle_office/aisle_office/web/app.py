"""All pages and the API as one application."""

from __future__ import annotations

from fastapi import FastAPI
from nicegui import ui
from starlette.types import ASGIApp

from ..api import make_api
from ..api.hooks import hook_routes
from ..connectors import Credentials
from ..connectors.inbound import make_inbound
from ..rooms import Rooms
from .console import console_pages
from .guard import Guard
from .kiosk import kiosk_pages, kiosk_routes
from .receipt_page import receipt_routes
from .sign_in import Sessions, sign_in_routes

_HICCUP_S = 30.0
"""A page that is cut off for no longer goes on where it was; else it begins anew."""


def make_app(rooms: Rooms) -> ASGIApp:
    """The application. One for each process: NiceGUI knows only one."""
    secure = rooms.office.web.address.startswith("https:")
    sessions = Sessions(rooms.staff, rooms.clock)
    app = FastAPI(title=f"{rooms.store.name}: office", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(receipt_routes(rooms))
    app.include_router(sign_in_routes(rooms, sessions, secure))
    app.include_router(kiosk_routes(rooms, secure))
    app.include_router(hook_routes(rooms))
    app.mount("/api", make_api(rooms))
    if rooms.office.retailer is not None and rooms.connector_key is not None:
        key = Credentials(*rooms.connector_key, rooms.office.retailer.region)
        app.mount("/connector", make_inbound(rooms, rooms.office.retailer, key))
    kiosk_pages(rooms)
    console_pages(rooms, sessions)
    ui.run_with(
        app,
        title=rooms.store.name,
        favicon="🛒",
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=_HICCUP_S,
    )
    return Guard(app, rooms.access, secure)
