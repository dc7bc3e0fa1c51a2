"""Write requirements.lock from requirements.in: exact versions with hashes, the tools first, then what ROS would bring.

Run it when requirements.in changes: ``python rosless/lock.py`` (needs uv on the PATH).
"""

import re
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
MARK = "# only without ROS: everything below comes from the ROS installation where one is sourced"
COMPILE = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url"]
COMPILE += ["--override", str(HERE / "overrides.txt")]
OF_ROS = {"numpy", "opencv-python-headless", "pyyaml", "scipy"}
"""Tools need them, but rosdep installs them beside ROS, in the versions that ROS was built with."""


def compile_lock(requirements: Path, *options: str) -> list[str]:
    """Blocks of the lock, one per distribution, each with its hashes."""
    run = subprocess.run([*COMPILE, *options, str(requirements)], check=True, capture_output=True, text=True)
    return [block for block in re.split(r"(?m)^(?=[a-z0-9])", run.stdout) if "==" in block]


def name(block: str) -> str:
    """Distribution name of a block."""
    return block.split("==", maxsplit=1)[0]


def main() -> None:
    """Compile for CPython 3.11 on Linux; then find which of it the tools alone need, on the Python of ROS too."""
    platform = ["--python-platform", "x86_64-manylinux_2_35"]
    everything = compile_lock(HERE / "requirements.in", "--python-version", "3.11", "--generate-hashes", *platform)
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder) / "tools.in"
        tools.write_text((HERE / "requirements.in").read_text().split(MARK)[0])
        pins = Path(folder) / "pins.txt"
        pins.write_text("".join(block.split(" ")[0] + "\n" for block in everything))
        needed = {name(block) for block in compile_lock(tools, "--python-version", "3.12", "-c", str(pins), *platform)}
    needed -= OF_ROS
    first = [block for block in everything if name(block) in needed]
    rest = [block for block in everything if name(block) not in needed]
    (HERE / "requirements.lock").write_text("".join([*first, MARK + "\n", *rest]))
    print(f"requirements.lock: {len(first)} tools, {len(rest)} more without ROS")


if __name__ == "__main__":
    main()
