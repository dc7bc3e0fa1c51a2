"""Make the ROS wheels usable for building: their CMake files name the machine they were built on.

Replaces that machine's include folders of Python and numpy by this interpreter's, in ``<venv>/share/**/*.cmake``.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

PYTHON_INCLUDE = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")
NUMPY_INCLUDE = re.compile(r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/_core/include")


def main() -> None:
    """Rewrite the files in place; running it twice changes nothing."""
    for path in (Path(sys.prefix) / "share").rglob("*.cmake"):
        text = path.read_text()
        fixed = NUMPY_INCLUDE.sub(numpy.get_include(), text)
        fixed = PYTHON_INCLUDE.sub(sysconfig.get_paths()["include"], fixed)
        if fixed != text:
            path.write_text(fixed)


if __name__ == "__main__":
    main()
