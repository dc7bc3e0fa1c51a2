"""Where the configuration lies, in a checkout or installed by aisle_bringup, and what a site's topics are called."""

import difflib
import os
from pathlib import Path

from aisle_contract.interfaces import (
    BODY_KEYPOINTS,
    COLOR_IMAGE,
    COLOR_INFO,
    DEPTH_IMAGE,
    DEPTH_INFO,
    DEPTH_POINTS,
    GATE_ALARMS,
    GATE_COMMANDS,
    GATE_EVENTS,
    SCALE_LAYOUT,
    SCALE_READINGS,
    Topic,
)
from aisle_core.errors import AisleError
from aisle_core.store import Store


def share_folder(package: str, inside: str) -> Path:
    """``<prefix>/share/<package>/<inside>`` of the first prefix in AMENT_PREFIX_PATH that has it, else the checkout's.

    Raises AisleError when neither exists.
    """
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        candidate = Path(prefix) / "share" / package / inside
        if prefix and candidate.is_dir():
            return candidate
    return checkout_root() / inside


def checkout_root() -> Path:
    """Root folder of the checkout this runs in. Raises AisleError where the code was installed away from it."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "colcon.meta").is_file():
            return parent
    raise AisleError("no checkout of Aisle around the code; source the workspace's install/setup.bash or use ./aisle")


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


def topic_names(topic: Topic, store: Store) -> list[str]:
    """Names of a topic in a store, relative to its namespace: one, or one per device of the site."""
    if not topic.per_device:
        return [topic.name]
    if topic in (SCALE_LAYOUT, SCALE_READINGS):
        return [topic.of(gateway.zone, gateway.device_id) for gateway in store.gateways]
    if topic is BODY_KEYPOINTS:
        return [topic.of(source.zone, source.device_id) for source in store.pose_sources]
    if topic in (DEPTH_IMAGE, DEPTH_INFO, DEPTH_POINTS):
        return [topic.of(sensor.zone, sensor.device_id) for sensor in store.depth_sensors]
    if topic in (COLOR_IMAGE, COLOR_INFO):
        return [topic.of(camera.zone, camera.device_id) for camera in store.cameras]
    if topic in (GATE_EVENTS, GATE_COMMANDS, GATE_ALARMS):
        return [topic.of(lane.zone, lane.lane_id) for lane in store.lanes]
    raise TypeError(f"no devices are known for topic {topic.name}")
