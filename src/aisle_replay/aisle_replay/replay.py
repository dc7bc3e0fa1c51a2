"""Offline replay: a bag through the pipeline, without ROS."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aisle_contract import params
from aisle_contract.interfaces import (
    BODY_KEYPOINTS,
    COLOR_IMAGE,
    DEPTH_IMAGE,
    DEPTH_INFO,
    GATE_EVENTS,
    ITEM_EVIDENCE,
    SCALE_LAYOUT,
    SCALE_READINGS,
    TICK,
    Topic,
)
from aisle_contract.recognisers import open_recogniser
from aisle_core.errors import AisleError
from aisle_core.evidence import Recogniser, References, read_references
from aisle_core.fusion import Witness, unobserved
from aisle_core.pipeline import Pipeline, PipelineConfig
from aisle_core.stages import Output
from aisle_core.store import LatencyProfile, Store, load_store
from aisle_core.types import Bodies, CameraInfo, GateEvent, Image, ItemEvidence, ScaleLayout, ScaleReadings, Tick

from .bag import BagReader
from .results import Results

Order = Literal["log", "stamp", "random"]
INPUTS: dict[Topic, type[Any]] = {
    SCALE_LAYOUT: ScaleLayout,
    SCALE_READINGS: ScaleReadings,
    BODY_KEYPOINTS: Bodies,
    DEPTH_INFO: CameraInfo,
    DEPTH_IMAGE: Image,
    COLOR_IMAGE: Image,
    GATE_EVENTS: GateEvent,
    ITEM_EVIDENCE: ItemEvidence,
    TICK: Tick,
}
"""What the pipeline may be fed with; everything else in a bag was decided by an earlier run."""

NODE_OF = {
    "people": "people_node",
    "tracker": "tracker_node",
    "weighing": "shelf_event_node",
    "fusion": "cart_fusion_node",
    "stock": "cart_fusion_node",
    "checkout": "checkout_node",
    "evidence": "item_evidence_node",
}
"""Parameter group -> the node whose file has it."""

_AT_ONCE, _IMAGES_AT_ONCE = 1000, 50
"""So many messages are read before they are worked on, and where there are images among them."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Decisions of a replay, and how much went in."""

    results: Results
    store: Store
    messages: int
    duration_s: float
    """Log time from the first to the last message."""
    truth: Path | None
    """The bag's ``truth.jsonl``, of a simulated bag."""


def load_config(config_dir: Path) -> PipelineConfig:
    """The stages' tuning from ``<config_dir>/nodes``, as the nodes of the graph have it."""
    hints = typing.get_type_hints(PipelineConfig)
    groups = {}
    for field in dataclasses.fields(PipelineConfig):
        path = config_dir / "nodes" / f"{NODE_OF[field.name]}.yaml"
        prefix = field.name + "."
        values = {
            name.removeprefix(prefix): value
            for name, value in params.read_file(path).items()
            if name.startswith(prefix)
        }
        groups[field.name] = params.build(hints[field.name], values, str(path))
    return PipelineConfig(**groups)


def replay(
    bag: Path,
    config_dir: Path,
    site: Path | None = None,
    allow_config: bool = False,
    order: Order = "log",
    seed: int = 0,
    observe: Callable[[int, Output], None] = lambda log_ns, output: None,
    people: str = "auto",
    witness: Witness = unobserved,
    evidence: Path | None = None,
) -> ReplayResult:
    """Replay a bag.

    ``people``: with what people are found, one of ``aisle_core.stages.SOURCES``. ``site`` is a site folder to use in
    place of the recorded one; ``order`` is that of the log times, of the stamps, or a random one in which every source
    stays within its lateness and time-out (drawn from ``seed``). ``observe`` is told every output of a stage, with the
    log time of the message that released it; at the end, with that of the last one. Nobody looks at the carts of a
    replay, so they hold decisions only. ``witness`` is told what the fusion thinks of every change. With ``evidence``,
    reference views of products, the bag's colour images are looked at, and evidence in the bag is passed over.

    Raises AisleError when bag, site or tuning is wrong, and when the site is not the one the bag was recorded with
    unless ``allow_config``.
    """
    config = load_config(config_dir)
    config = dataclasses.replace(
        config,
        people=dataclasses.replace(config.people, source=people),
        tracker=dataclasses.replace(config.tracker, source=people),
    )
    with _without_collector(), BagReader(bag) as reader:
        store = reader.load_store() if site is None else load_store(site)
        if store.site_hash != reader.site_hash and not allow_config:
            recorded = f"{reader.site_hash[:12]}..." if reader.site_hash else "unknown"
            raise AisleError(
                f"{bag}: recorded with site {recorded}, replayed with {store.site_hash[:12]}... of "
                f"{site or reader.site}; give the recorded site or --allow-config"
            )
        eyes = None if evidence is None else _eyes(evidence, config_dir)
        pipeline = Pipeline(config, store, witness, eyes, tentative=False)
        results = Results()
        wanted = {topic for topic, kind in INPUTS.items() if kind in pipeline.inputs}
        wanted -= {COLOR_IMAGE} if eyes is None else {ITEM_EVIDENCE}
        if CameraInfo not in pipeline.inputs:
            wanted -= {DEPTH_IMAGE}
        items: Iterator[tuple[int, str, Any]] = (
            (log_ns, topic.name, item) for log_ns, topic, item in reader.items(wanted)
        )
        if order != "log":
            rng = None if order == "stamp" else np.random.default_rng(seed)
            items = iter(_reordered(list(items), store.latency, rng))
        messages = 0
        at_once = _IMAGES_AT_ONCE if Image in (INPUTS[topic] for topic in wanted) else _AT_ONCE
        while some := list(islice(items, at_once)):
            messages += len(some)
            made = pipeline.push_all([item for _, _, item in some])
            for (log_ns, _, _), outputs in zip(some, made, strict=True):
                for output in outputs:
                    results.add(output)
                    observe(log_ns, output)
        for output in pipeline.finish():
            results.add(output)
            observe(reader.end_ns, output)
        duration_s = (reader.end_ns - reader.start_ns) / 1e9
        return ReplayResult(results, store, messages, duration_s, reader.truth_path)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """The collector of cyclic garbage rests: no stage leaves any, and it would look for some all the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _eyes(references: Path, config_dir: Path) -> tuple[Recogniser, References]:
    name = params.read_file(config_dir / "nodes" / "item_evidence_node.yaml")["recogniser"]
    recogniser = open_recogniser(str(name))
    return recogniser, read_references(references, recogniser.name)


def _reordered(
    items: list[tuple[int, str, Any]], latency: LatencyProfile, rng: np.random.Generator | None
) -> list[tuple[int, str, Any]]:
    """By stamp, or in the order of random arrivals: a delay per topic, and a jitter per reading or body.

    Layouts are latched and come first. Ticks, gate events and evidence are in order in themselves.
    """
    delays: dict[str, float] = {}

    def arrival(entry: tuple[int, str, Any]) -> tuple[bool, float]:
        _, topic, item = entry
        if rng is None:
            return not isinstance(item, ScaleLayout), item.stamp_ns
        if topic not in delays:
            delays[topic] = rng.uniform(0, latency.sensor_timeout_ns / 2)
        jitter = rng.uniform(0, latency.sensor_lateness_ns) if isinstance(item, (ScaleReadings, Bodies)) else 0
        return not isinstance(item, ScaleLayout), item.stamp_ns + delays[topic] + jitter

    return sorted(items, key=arrival)
