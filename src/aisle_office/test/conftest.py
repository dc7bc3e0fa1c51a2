import glob
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from postgresql_process import PostgreSql
from web_world import WebWorld, serving


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    """The office's pages in a process of their own. Each test uses visits, cards and addresses of its own."""
    with serving(tmp_path_factory.mktemp("web")) as world:
        yield world


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSql]:
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not programs:
        pytest.skip("no PostgreSQL; install the Debian package postgresql, or set AISLE_POSTGRESQL")
    user = "nobody" if os.getuid() == 0 else None
    folder = tempfile.mkdtemp(prefix="aisle-postgresql-")
    if user is not None:
        shutil.chown(folder, user)
    server = PostgreSql(programs[-1], folder, user)
    try:
        yield server
    finally:
        server.stop(signal.SIGINT)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> str:
    """The URL of a database for tests: AISLE_POSTGRESQL, else a server of our own where PostgreSQL is installed."""
    given = os.environ.get("AISLE_POSTGRESQL")
    return given if given is not None else str(request.getfixturevalue("postgresql_server").url)
