"""The process of the pages and the API."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from aisle_core.errors import AisleError
from aisle_core.store import load_store

from ..access import AccessLog
from ..board import Board
from ..journal import Journal
from ..links import Links
from ..office import secret_named
from ..privacy import DAY_NS, apply_retention, delete_old
from ..rooms import Rooms
from ..settings import load_office
from ..staff import Staff
from ..wallet import Wallet
from .app import make_app

_BOARD_DAYS = 60
"""What is older and still open is not on the console's board."""
_RETENTION_EVERY_S = 3600.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop.

    AISLE_OFFICE_SECRET is that of the office's process. AISLE_NOTICE_SECRET signs what the payment provider tells,
    AISLE_CONNECTOR_KEY_ID and AISLE_CONNECTOR_KEY what the retailer's systems call; without them nobody does.
    """
    parser = argparse.ArgumentParser(prog="aisle web", description=__doc__)
    parser.add_argument("site", type=Path, help="site folder with office.yaml")
    parser.add_argument("--database", required=True, help="URL, such as sqlite:///office.db")
    parser.add_argument("--listen", default="127.0.0.1:8480", metavar="HOST:PORT")
    given = parser.parse_args(arguments)
    host, _, port = given.listen.rpartition(":")
    if not (host and port.isdecimal()):
        raise AisleError(f"--listen '{given.listen}': give HOST:PORT, such as 127.0.0.1:8480")
    rooms = open_rooms(given.site, given.database, secret_named("AISLE_OFFICE_SECRET"))
    stop = threading.Event()
    threading.Thread(target=_keep_private, args=(rooms, stop), name="retention", daemon=True).start()
    address = rooms.office.web.address.rstrip("/")
    print(f"console: {address}/console", flush=True)
    print(f"kiosk:   {address}/kiosk?key={rooms.links.kiosk_key()}", flush=True)
    try:
        uvicorn.run(make_app(rooms), host=host, port=int(port), log_level="warning", server_header=False)
    finally:
        stop.set()


def open_rooms(site: Path, database: str, secret: str) -> Rooms:
    """What the pages of a site stand on. Raises AisleError for a bad site, database or secret."""
    store = load_store(site)
    office = load_office(site, store)
    journal = Journal.open(database, time.time_ns)
    return Rooms(
        site=site,
        store=store,
        office=office,
        journal=journal,
        wallet=Wallet.open(database, secret),
        links=Links(secret, office.web.address),
        staff=Staff.open(database),
        access=AccessLog.open(database, time.time_ns),
        board=Board(journal, journal.position_before(time.time_ns() - _BOARD_DAYS * DAY_NS)),
        clock=time.time_ns,
        notice_secret=os.environ.get("AISLE_NOTICE_SECRET", ""),
        connector_key=_connector_key(),
    )


def _connector_key() -> tuple[str, str] | None:
    names = ("AISLE_CONNECTOR_KEY_ID", "AISLE_CONNECTOR_KEY")
    key_id, secret = (os.environ.get(name, "") for name in names)
    return (key_id, secret) if key_id and secret else None


def _keep_private(rooms: Rooms, stop: threading.Event) -> None:
    """Delete what is older than the site keeps it, once an hour."""
    while True:
        retention, now_ns = rooms.office.retention, rooms.clock()
        apply_retention(rooms.journal, rooms.wallet, rooms.access, retention, now_ns)
        delete_old(rooms.journal, retention, now_ns)
        if stop.wait(_RETENTION_EVERY_S):
            return


if __name__ == "__main__":
    try:
        main()
    except AisleError as error:
        sys.exit(f"aisle web: {error}")
