"""``./aisle enroll``: reference views of the products, from images of the stocked store."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from aisle_contract.interfaces import COLOR_IMAGE
from aisle_contract.recognisers import open_recogniser
from aisle_contract.sites import find_site
from aisle_core.errors import AisleError
from aisle_core.evidence import REFERENCES_FILE, enroll, write_references
from aisle_core.store import load_store
from aisle_core.store.frames import optical_frame
from aisle_replay.bag import BagReader

MOST_FRAMES = 15
"""Of one camera; their median is looked at."""


def run_enroll(site: str, bag: Path, out: Path | None, seconds: float, recogniser: str) -> int:
    """Write the views and say of how many products there are some."""
    folder = find_site(site)
    store = load_store(folder)
    eyes = open_recogniser(recogniser)
    cameras = {optical_frame(store.store_id, camera.device_id): camera for camera in store.cameras}
    frames: dict[str, list[np.ndarray]] = defaultdict(list)
    with BagReader(bag) as reader:
        end_ns = reader.start_ns + int(seconds * 1e9)
        for log_ns, _, image in reader.items({COLOR_IMAGE}):
            if log_ns > end_ns:
                break
            camera = cameras.get(image.frame_id)
            if camera is not None and image.pixels.shape == (camera.model.height, camera.model.width, 3):
                frames[camera.device_id].append(image.pixels)
    if not frames:
        raise AisleError(
            f"{bag}: no colour images of the cameras of {folder}; record some, with topics color/image_rect"
        )
    chosen = {
        device: [images[i] for i in np.linspace(0, len(images) - 1, min(len(images), MOST_FRAMES)).astype(int)]
        for device, images in frames.items()
    }
    references = enroll(chosen, store, eyes)
    path = out or folder / REFERENCES_FILE
    write_references(path, references)
    missing = sorted(set(store.products) - set(references.skus))
    print(f"{path}: {len(references.skus)} of {len(store.products)} products, by {len(frames)} cameras, {eyes.name}")
    if missing:
        print(f"never seen alone on a plate: {', '.join(missing)}")
    return 0
