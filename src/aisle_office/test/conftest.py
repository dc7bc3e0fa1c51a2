import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

sys.path.insert(0, str(Path(__file__).parent))

from web_world import WebWorld, serving


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    """The office's pages in a process of their own. Each test uses visits, cards and addresses of its own."""
    with serving(tmp_path_factory.mktemp("web")) as world:
        yield world


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a database for tests: AISLE_POSTGRESQL, else a server of our own where PostgreSQL is installed."""
    if "AISLE_POSTGRESQL" in os.environ:
        yield os.environ["AISLE_POSTGRESQL"]
        return
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not programs:
        pytest.skip("no PostgreSQL; install the Debian package postgresql, or set AISLE_POSTGRESQL")
    user = "nobody" if os.getuid() == 0 else None
    folder = tempfile.mkdtemp(prefix="aisle-postgresql-")
    if user is not None:
        shutil.chown(folder, user)
    init = [f"{programs[-1]}/initdb", "-D", f"{folder}/data", "-U", "test", "-A", "trust", "--no-sync"]
    subprocess.run(init, user=user, cwd=folder, check=True, capture_output=True)
    settings = ["listen_addresses=", f"unix_socket_directories={folder}", "fsync=off"]
    command = [f"{programs[-1]}/postgres", "-D", f"{folder}/data", *(part for s in settings for part in ("-c", s))]
    server = subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.DEVNULL)
    url = f"postgresql+psycopg://test@/postgres?host={folder}"
    try:
        _wait_for(url, server)
        yield url
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    engine = create_engine(url)
    while server.poll() is None:
        try:
            engine.connect().close()
        except OperationalError:
            time.sleep(0.02)
        else:
            engine.dispose()
            return
    raise RuntimeError("PostgreSQL did not start")
