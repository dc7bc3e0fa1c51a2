"""Lets the tests of this folder import the helpers beside them, and leaves no launcher behind."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _no_launcher_left():
    yield
    launcher = sys.modules.get("launcher")
    while launcher and launcher.Launch.started:
        process = launcher.Launch.started.pop()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
