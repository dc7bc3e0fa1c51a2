"""The demo opens the office's pages at the addresses that it prints."""

import re
import shutil
import socket
import time
from pathlib import Path

import httpx

from aisle_cli.pages import open_pages

ROOT = Path(__file__).resolve().parents[3]


def test_the_printed_addresses_and_password_open_the_pages(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        listen = f"127.0.0.1:{place.getsockname()[1]}"
    site = tmp_path / "site"
    shutil.copytree(ROOT / "config" / "stores" / "corner", site)
    settings = site / "office.yaml"
    settings.write_text(settings.read_text().replace("localhost:8480", listen))
    log = tmp_path / "web.log"
    with open_pages(site, f"sqlite:///{tmp_path}/office.db", "a secret of the test", log, listen) as lines:
        console, kiosk = (re.findall(r"http\S+", line)[0] for line in lines)
        (password,) = re.findall(r"password (\S+)\)", lines[0])
        client = httpx.Client(headers={"Origin": f"http://{listen}"})
        while True:
            try:
                answer = client.post(f"{console}/sign-in", data={"name": "demo", "password": password}, timeout=30)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        assert answer.headers["location"] == "/console/en"
        assert client.get(kiosk).headers["location"] == "/kiosk/en"
