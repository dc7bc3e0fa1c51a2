"""The office's pages for the demo: a process of their own, and what to open in a browser."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from aisle_core.store import load_store
from aisle_office.links import Links
from aisle_office.settings import load_office
from aisle_office.staff import Staff

_STOP_S = 10.0
_NAME = "demo"


@contextlib.contextmanager
def open_pages(
    site: Path, database: str, secret: str, log: Path, listen: str = "127.0.0.1:8480"
) -> Iterator[list[str]]:
    """Serve the pages of a site while the block runs; gives lines that say where they are, and how to sign in.

    ``listen`` must be where ``web.address`` of the site's office.yaml leads. What the process says goes to ``log``.
    Raises AisleError for a bad site or database.
    """
    office = load_office(site, load_store(site))
    links, password = Links(secret, office.web.address), secrets.token_urlsafe(9)
    with contextlib.closing(Staff.open(database)) as staff:
        staff.set_account(_NAME, "manager", password)
    command = [sys.executable, "-m", "aisle_office.web", str(site), "--database", database, "--listen", listen]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"AISLE_OFFICE_SECRET": secret}
        )
        try:
            yield [
                f"Console: {office.web.address}/console (name {_NAME}, password {password})",
                f"Kiosk:   {office.web.address}/kiosk?key={links.kiosk_key()}",
            ]
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
