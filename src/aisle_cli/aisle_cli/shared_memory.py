"""Fast DDS shared-memory files that killed processes left behind."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

FOLDER = Path("/dev/shm")
PATTERNS = ("fastrtps_*", "fastdds_*", "sem.fastrtps_*", "sem.fastdds_*")
GRACE_S = 10.0
"""A file this young may belong to a process that is about to map it."""


def _mapped() -> set[str]:
    """Names of the files in /dev/shm that some process has mapped or open."""
    names: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for line in (process / "maps").read_text().splitlines():
                if "/dev/shm/" in line:
                    names.add(line.split("/dev/shm/", 1)[1].split(" ")[0])
            for descriptor in (process / "fd").iterdir():
                target = os.readlink(descriptor)
                if target.startswith("/dev/shm/"):
                    names.add(target.removeprefix("/dev/shm/"))
    return names


def leftovers() -> list[Path]:
    """Files of this user that no process uses."""
    now = time.time()
    candidates = [
        path
        for pattern in PATTERNS
        for path in FOLDER.glob(pattern)
        if path.stat().st_uid == os.getuid() and now - path.stat().st_mtime > GRACE_S
    ]
    used = _mapped() if candidates else set()
    return [path for path in candidates if path.name not in used]


def clean() -> int:
    """Remove them; returns the bytes freed."""
    freed = 0
    for path in leftovers():
        with contextlib.suppress(OSError):
            size = path.stat().st_blocks * 512
            path.unlink()
            freed += size
    return freed
