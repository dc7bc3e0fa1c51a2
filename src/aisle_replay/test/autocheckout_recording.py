"""A tiny recording in the AutoCheckout format, and the real one if it is there."""

import base64
import datetime
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

START = datetime.datetime(2020, 4, 22, 5, 6, 36, 859000)
NAN = np.float32(np.nan)
Document = dict[str, Any]


def real_recording() -> Path:
    """The folder of the real recording; skips the test where it is not."""
    data = Path(os.environ.get("AISLE_RECORDINGS", Path(__file__).resolve().parents[4] / "shared" / "data"))
    folder = data / "autocheckout_benchmark_1"
    if not folder.is_dir():
        pytest.skip("the real recording is absent; set AISLE_RECORDINGS to the folder that holds it")
    return folder


def instant(seconds: float) -> str:
    return (START + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds") + "Z"


def stamp_ns(seconds: float) -> int:
    start = START.replace(tzinfo=datetime.UTC)
    return round((start.timestamp() + seconds) * 1000) * 1_000_000


def block(gondola: int, seconds: float, grams: np.ndarray) -> Document:
    return {
        "date_time": {"$date": instant(seconds + 0.1)},
        "document": {
            "header": {"t_origin": instant(seconds), "t_issue": instant(seconds + 0.09)},
            "plate_data": {
                "plate_id": {"shelf_id": {"gondola_id": {"id": gondola}}},
                "freq_samp": 60.0,
                "values": {
                    "data": base64.b64encode(grams.astype("<f4").tobytes()).decode(),
                    "shape": list(grams.shape),
                    "type": "DATATYPE_FLOAT32",
                },
            },
        },
    }


def target(label: str | None, **points: tuple[float, float, float]) -> Document:
    """Points in inches; hands stand twice, as in the real format."""
    document: Document = {name: keypoint(point) for name, point in points.items()}
    document["hands"] = [document[name] for name in ("r_wrist", "l_wrist") if name in document]
    document["target_id"] = {} if label is None else {"id": label}
    return document


def keypoint(point: tuple[float, float, float]) -> Document:
    coordinates = {axis: value for axis, value in zip("xyz", point, strict=True) if value}
    return {"point": coordinates, "score": 0.9}


def body_set(seconds: float, *targets: Document, lag: float = 2.3) -> Document:
    return {
        "date_time": {"$date": instant(seconds + lag)},
        "document": {
            "header": {"t_origin": instant(seconds), "t_issue": instant(seconds)},
            "targets": {"targets": list(targets)} if targets else {},
        },
    }


def row(gondola: int, shelf: int, plates: list[int], sku: str | None, left: float, width: float) -> Document:
    """Gondola 1 stands at x = 1 m."""
    size = {"dim_x": width, "dim_y": 0.4, "dim_z": 0.3}
    return {
        "plate_ids": [
            {"shelf_id": {"gondola_id": {"id": gondola}, "shelf_index": shelf}, "plate_index": plate}
            for plate in plates
        ],
        "planogram_product_id": {} if sku is None else {"barcode_type": "UPC", "id": sku},
        "coordinates": {"transform": {"translation": {"x": left}, "rotation": {}}, **size},
        "global_coordinates": {"transform": {"translation": {"x": gondola + left, "z": 0.9}, "rotation": {}}, **size},
    }


def product(sku: str, price: float | None = 2, weight: float | None = 500.0) -> Document:
    metadata = {"name": f"Product {sku}"} | ({} if price is None else {"price": price})
    return {"product_id": {"id": sku}, "metadata": metadata | ({} if weight is None else {"weight": weight})}


def tiny(seconds: int = 2, pick_s: float | None = None) -> dict[str, list[Document]]:
    """Gondola 1, shelf 1: plate 1 water, 2 without a product, 3 and 4 juice; channel 5 a frozen copy of 4.

    At ``pick_s`` one water is taken; the shopper's right hand is over plate 1 all the time.
    """
    rng = np.random.default_rng(1)
    blocks = []
    for number in range(5 * seconds):
        grams = np.full((12, 2, 6), NAN)
        grams[:, 1, 1:5] = np.array([3000, 10, 4000, 4000]) + rng.normal(0, 1, (12, 4))
        grams[:, 1, 5] = 4000
        if pick_s is not None:
            grams[0.2 * number + np.arange(12) / 60 >= pick_s, 1, 1] -= 500
        blocks.append(block(1, 0.2 * number, grams))

    def shopper(number: int) -> Document:
        sway = 0.3 * np.sin(number)
        return target(
            "77",
            head=(40.0 + sway, -20.0, 65.0),
            l_wrist=(40.0, -10.0, 40.0 + sway),
            r_wrist=(41.0 + sway, 2.0, 37.0),
            neck=(0.0, 0.0, 0.0),
        )

    return {
        "plate_data.json": blocks,
        "full_targets.json": [body_set(0.1 * number, shopper(number)) for number in range(10 * seconds)],
        "planogram.json": [row(1, 1, [3, 4], "juice", 0.2, 0.2), row(1, 1, [1], "water", 0.0, 0.1)],
        "products.json": [product("water"), product("juice")],
    }


def write(folder: Path, files: dict[str, list[Document]]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, documents in files.items():
        (folder / name).write_text("".join(json.dumps(document) + "\n" for document in documents))
    return folder
