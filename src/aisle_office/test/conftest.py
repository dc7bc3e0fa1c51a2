import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from collections.abc import Iterator

import pytest
from web_world import WebWorld, serving


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    """The office's pages in a process of their own. Each test uses visits, cards and addresses of its own."""
    with serving(tmp_path_factory.mktemp("web")) as world:
        yield world
