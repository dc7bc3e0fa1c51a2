"""Where the configuration lies: in a checkout, or installed by aisle_bringup."""

import difflib
import os
from pathlib import Path

from aisle_core.errors import AisleError


def share_folder(package: str, inside: str) -> Path:
    """``<prefix>/share/<package>/<inside>`` of the first prefix in AMENT_PREFIX_PATH that has it, else the checkout's.

    Raises AisleError when neither exists.
    """
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        candidate = Path(prefix) / "share" / package / inside
        if prefix and candidate.is_dir():
            return candidate
    for parent in Path(__file__).resolve().parents:
        if (parent / "colcon.meta").is_file() and (parent / inside).is_dir():
            return parent / inside
    raise AisleError(f"{package}/{inside}: not found; source the workspace's install/setup.bash or start with ./aisle")


def config_folder() -> Path:
    """The folder ``config``."""
    return share_folder("aisle_bringup", "config")


def find_site(site: str) -> Path:
    """Folder of a site given by a path or by a name under ``config/stores``."""
    if not site:
        raise AisleError("parameter 'site' is empty; give the name of a folder in config/stores or a path")
    folder = Path(site).expanduser()
    if folder.is_dir():
        return folder
    if "/" not in site:
        stores = config_folder() / "stores"
        if (stores / site).is_dir():
            return stores / site
        names = sorted(path.name for path in stores.iterdir() if path.is_dir())
        near = difflib.get_close_matches(site, names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known sites: {', '.join(names)}"
        raise AisleError(f"site '{site}': no such folder in {stores}; {hint}")
    raise AisleError(f"site '{site}': no such folder; give an existing one")
