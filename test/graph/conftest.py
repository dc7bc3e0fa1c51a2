import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def observer(domain: dict[str, str]) -> Iterator[object]:
    """A node of the test in its domain."""
    from observer import Observer

    made = Observer(int(domain["ROS_DOMAIN_ID"]))
    yield made
    made.close()
