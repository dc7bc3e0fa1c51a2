"""How right receipts are in the named situations and in random shops, at three levels of noise.

    ./aisle bench fusion [--scenarios all] [--shoppers 12] [--seeds 100:110] [--noise 1,2,3] [--baseline]
                         [--without hands|planogram|joint] [--cameras [--without cameras]] [--lines]

The stages of the store run offline on simulated sensors: scales, gates, and key points with labels, with ``--cameras``
also colour images that tell products apart by the site's reference views; or on cases in the
AutoCheckout format (case, harder_case), which are imported first. Every scene is made once and decided by each variant.
Prints Markdown tables; docs/fusion.md holds the last ones and says which seeds were used for tuning.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from aisle_contract.interfaces import COLOR_IMAGE
from aisle_contract.sites import config_folder, find_site, topic_names
from aisle_contract.truth import TruthCart, TruthEvent, TruthPeople
from aisle_core.evidence import REFERENCES_FILE, ColourRecogniser, Recogniser, References, read_references
from aisle_core.fusion import FusionConfig
from aisle_core.pipeline import Pipeline, PipelineConfig
from aisle_core.stages import CartFusionStage, CheckoutStage
from aisle_core.store import Store
from aisle_core.types import (
    CartEvent,
    CartEvents,
    GateEvent,
    ItemEvidence,
    PersonTracks,
    PlateStates,
    Reason,
    ScaleReadings,
    ShelfEvents,
    Tick,
    TrackState,
)
from aisle_replay.autocheckout import import_autocheckout
from aisle_replay.bag import BagReader
from aisle_replay.replay import INPUTS, load_config
from aisle_replay.results import units
from aisle_replay.runs import Run, RunRecorder
from aisle_replay.scoring.counts import Agreement, Counts, wilson
from aisle_replay.scoring.events import EventCounts, Judged, accounts, count_events, judge
from aisle_replay.scoring.receipts import ReceiptCounts, Receipts, compare_receipts
from aisle_replay.truth import TruthHeader, TruthLog
from aisle_sim.devices.params import SimulationParams, read_simulation
from aisle_sim.scenarios import RANDOM, find_scenario
from aisle_sim.simulation import Simulation

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _autocheckout_cases import Shop, make_case, read_shop, write_case
from _hard_shops import believed, disturbed, hard_shop

NOISES = (1.0, 2.0, 3.0)
SCALE_NOISE = ("coupling", "ringing")
POSE_NOISE = ("body_stddev", "hand_stddev", "point_jitter", "hand_jitter", "body_missed", "hand_missed")
SPREADS = ("noise_g", "drift_g")
BINS = 10

HARD, HARDER = "hard_shop", "harder_shop"
"""Small shops without gates (``_hard_shops.py``)."""
CASE, HARDER_CASE = "case", "harder_case"
"""Cases in the AutoCheckout format (``_autocheckout_cases.py``)."""
DRAWN = {
    CASE: "AutoCheckout-like cases",
    HARDER_CASE: "harder AutoCheckout-like cases",
    HARD: "hard shops",
    HARDER: "harder shops",
    RANDOM: "random market",
}
"""Name -> title of what is drawn from a seed."""
BASELINE = "baseline"
FULL = "full"
WITHOUT: dict[str, dict[str, Any]] = {
    "hands": {"person": {"missed": 0.99, "unseen": 0.99}},
    "planogram": {"place": {"foreign": 1e-9}},
    "joint": {
        "time": {"join_ms": 0, "join_distance": 0.0, "shared_ms": 0},
        "place": {"most_shared": 1},
        "decision": {"beam": 2},
    },
    "cameras": {"evidence": False},
}
"""Variant -> changed tuning of the fusion."""
FIRST_STAGES = ("people_node", "shelf_event_node", "tracker_node", "item_evidence_node")


Medians = dict[str, tuple[tuple[str, ...], list[int], NDArray[np.float64]]]


@dataclass(frozen=True, eq=False)
class Scene:
    """One simulated run: what fusion and checkout get, by arrival, and the truth.

    medians: by gateway, the plates, the ends [ns] of whole seconds, and (seconds, plates) medians [kg]. script: what an
    AutoCheckout-like case is about. slipped: credentials behind whom somebody slipped in.
    """

    name: str
    noise: float
    seed: int
    store: Store
    items: list[tuple[int, Any]]
    truth: TruthLog
    medians: Medians
    script: str = ""
    slipped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChargeCounts(Counts):
    """Visits, those of them under review; lines charged without review, wrong ones of them."""

    visits: int
    reviewed_visits: int
    charged: int
    charged_wrongly: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a variant made of one scene. said (n,) probabilities of everything told, and (n,) whether it is true."""

    receipts: ReceiptCounts
    events: EventCounts
    charges: ChargeCounts
    said: NDArray[np.float64]
    true: NDArray[np.bool_]
    mistakes: list[str] = field(default_factory=list)


# --- scenes


def noisy(params: SimulationParams, noise: float) -> SimulationParams:
    """All errors of scales and poses so many times as large."""
    scales: dict[str, Any] = {name: noise * getattr(params.scales, name) for name in SCALE_NOISE}
    for name in SPREADS:
        spread = getattr(params.scales, name)
        scales[name] = spread.model_copy(update={key: noise * value for key, value in spread.model_dump().items()})
    poses = {name: min(noise * getattr(params.poses, name), 1.0) for name in POSE_NOISE}
    return params.model_copy(
        update={
            "scales": params.scales.model_copy(update=scales),
            "poses": params.poses.model_copy(update=poses),
        }
    )


def noisy_site(site: Path, noise: float, folder: Path, frame_ms: int) -> Path:
    """A copy of the site whose simulated sensors err so much, and whose cameras give only frames that are kept."""
    copy = folder / f"{site.name}-x{noise:g}"
    if not copy.exists():
        shutil.copytree(site, copy)
        sensors = yaml.safe_load((copy / "sensors.yaml").read_text())
        sensors["simulation"] = noisy(read_simulation(site), noise).model_dump(mode="json")
        for model in sensors.get("camera_models", {}).values():
            model["rate_hz"] = 1000 / frame_ms
        (copy / "sensors.yaml").write_text(yaml.safe_dump(sensors))
    return copy


def simulate(config: PipelineConfig, site: Path, name: str, noise: float, seed: int, shoppers: int) -> Scene:
    """Simulate a scene and run it through the stages before the fusion."""
    from aisle_core.store import load_store

    store, is_hard = load_store(site), name in (HARD, HARDER)
    plan = hard_shop(store, seed) if is_hard else find_scenario(name, store, seed, shoppers)
    simulation = Simulation(site, plan, seed)
    eyes = None
    if config.fusion.evidence:
        simulation.want(set(topic_names(COLOR_IMAGE, simulation.store)))
        eyes = ColourRecogniser(), read_references(site / REFERENCES_FILE, ColourRecogniser.name)
    truth: list[Any] = []

    def arrivals() -> Iterator[tuple[int, Any]]:
        for arrived, happened in simulation.run():
            truth.extend(happened)
            for arrival in arrived:
                yield arrival.arrival_ns, arrival.item

    items, medians = through_first_stages(config, simulation.store, arrivals(), eyes)
    log = TruthLog(
        TruthHeader(simulation.store.store_id, simulation.store.site_hash, name, seed),
        tuple(one for one in truth if isinstance(one, TruthPeople)),
        tuple(one for one in truth if isinstance(one, TruthEvent)),
        tuple(one for one in truth if isinstance(one, TruthCart)),
    )
    store = simulation.store
    if is_hard:
        items, store = disturbed(items, log, seed, name == HARDER), believed(store, seed, name == HARDER)
    credentials = log.credentials()
    ahead = [shopper.enter.tail_gate for shopper in plan.shoppers if shopper.enter.tail_gate]
    slipped = frozenset(credentials[name] for name in ahead if name in credentials)
    return Scene(name, noise, seed, store, items, log, medians, slipped=slipped)


def act_out(config: PipelineConfig, shop: Shop, name: str, seed: int, folder: Path) -> Scene:
    """Write a case in the AutoCheckout format, import it and run it through the stages before the fusion."""
    case = make_case(shop, seed, name == HARDER_CASE)
    recording, bag = folder / f"{name}-{seed}", folder / f"{name}-{seed}-bag"
    write_case(case, recording)
    import_autocheckout(recording, bag)
    with BagReader(bag) as reader:
        store = reader.load_store()
        entries = ((log_ns, item) for log_ns, _, item in reader.items(set(INPUTS)))
        items, medians = through_first_stages(config, store, entries)
    shutil.rmtree(recording)
    shutil.rmtree(bag)
    return Scene(name, 1.0, seed, store, items, case.truth, medians, case.kind)


def through_first_stages(
    config: PipelineConfig,
    store: Store,
    arrivals: Iterable[tuple[int, Any]],
    eyes: tuple[Recogniser, References] | None = None,
) -> tuple[list[tuple[int, Any]], Medians]:
    """What fusion and checkout get of what arrives, and the medians of the scales."""
    first = [stage for node, stage in Pipeline(config, store, eyes=eyes).stages.items() if node in FIRST_STAGES]
    items: list[tuple[int, Any]] = []
    readings: list[ScaleReadings] = []
    layouts: dict[str, tuple[str, ...]] = {}

    def flow(now_ns: int, item: Any) -> None:
        if isinstance(item, PersonTracks | ShelfEvents | PlateStates | ItemEvidence | Tick | GateEvent):
            items.append((now_ns, item))
        for stage in first:
            if isinstance(item, stage.inputs):
                for output in stage.push(item):
                    flow(now_ns, output)

    last_ns = 0
    for arrival_ns, item in arrivals:
        last_ns = max(last_ns, arrival_ns)
        if isinstance(item, ScaleReadings):
            readings.append(item)
        elif hasattr(item, "plate_ids"):
            layouts[item.gateway_id] = item.plate_ids
        if isinstance(item, tuple(INPUTS.values())):
            flow(last_ns, item)
    for stage in first:
        for output in stage.finish():
            flow(last_ns, output)
    return items, _medians(readings, layouts)


def _medians(readings: Iterable[ScaleReadings], layouts: dict[str, tuple[str, ...]]) -> Medians:
    blocks: dict[str, dict[int, list[NDArray[np.float32]]]] = {}
    for one in readings:
        blocks.setdefault(one.gateway_id, {}).setdefault(one.end_ns // 1_000_000_000, []).append(one.mass)
    return {
        gateway: (
            layouts[gateway],
            [(second + 1) * 1_000_000_000 for second in seconds],
            np.array([np.median(np.concatenate(masses), axis=0) for masses in seconds.values()], dtype=np.float64),
        )
        for gateway, seconds in blocks.items()
    }


# --- variants


def decide(scene: Scene, config: PipelineConfig) -> tuple[Run, list[CartEvent]]:
    """Fusion and checkout."""
    return _run(scene, config, CartFusionStage(scene.store, config.fusion, config.stock))


def _run(scene: Scene, config: PipelineConfig, fusion: Any) -> tuple[Run, list[CartEvent]]:
    checkout = CheckoutStage(scene.store, config.checkout)
    recorder, told = RunRecorder(), []

    def check(now_ns: int, item: Any) -> None:
        recorder.add(now_ns, item)
        if isinstance(item, CartEvents):
            told.extend(item.decisions)
        if isinstance(item, checkout.inputs):
            for output in checkout.push(item):
                recorder.add(now_ns, output)
                if isinstance(output, fusion.inputs):
                    fusion.push(output)

    now_ns = 0
    for now_ns, item in scene.items:
        if not isinstance(item, CartEvents):
            check(now_ns, item)
        if isinstance(item, fusion.inputs) and (config.fusion.evidence or not isinstance(item, ItemEvidence)):
            for output in fusion.push(item):
                check(now_ns, output)
    for output in fusion.finish():
        check(now_ns, output)
    for output in checkout.finish():
        recorder.add(now_ns, output)
    run = recorder.run(scene.name, scene.store.store_id)
    return replace(run, tracks=None), told


class Baseline:
    """Steps between medians of 1 s, the nearest hand, the nearest weight among the plate's products, one piece."""

    inputs = (PersonTracks, Tick)
    _LEAST_KG = 0.03
    _REACH_M = 1.0
    _DELAY_NS = 4_000_000_000
    """Poses come 2.4 s late in recordings."""

    def __init__(self, scene: Scene) -> None:
        self._store = scene.store
        self._steps = sorted(
            (ends[row + 1], plates[column], float(change[row, column]))
            for plates, ends, medians in scene.medians.values()
            for change in [np.diff(medians, axis=0)]
            for row, column in np.argwhere(np.abs(change) >= self._LEAST_KG).tolist()
        )
        self._tracks: list[PersonTracks] = []
        self._sequence = self._told = 0

    def push(self, item: PersonTracks | Tick) -> list[CartEvents]:
        """Decide steps whose people are known."""
        if isinstance(item, PersonTracks):
            self._tracks.append(item)
            return []
        self._tracks = [one for one in self._tracks if one.stamp_ns > item.stamp_ns - 2 * self._DELAY_NS]
        return [self._tell(item.stamp_ns - self._DELAY_NS)]

    def finish(self) -> list[CartEvents]:
        """Decide what is left."""
        return [self._tell(self._steps[-1][0])] if self._steps else []

    def _tell(self, until_ns: int) -> CartEvents:
        events = []
        while self._told < len(self._steps) and self._steps[self._told][0] <= until_ns:
            event = self._event(*self._steps[self._told])
            self._told += 1
            events += [] if event is None else [event]
        self._sequence += 1
        return CartEvents(until_ns, self._sequence - 1, until_ns, tuple(events))

    def _event(self, end_ns: int, plate_id: str, change: float) -> CartEvent | None:
        plate = self._store.plates[plate_id]
        weights = {
            facing.sku: weight
            for facing in self._store.facings_of(plate_id)
            if (weight := self._store.products[facing.sku].weight) is not None
        }
        start_ns = end_ns - 2_000_000_000
        hands = [
            (math.dist(hand.position, plate.centre), track.track_id)
            for tracks in self._tracks
            if start_ns <= tracks.stamp_ns <= end_ns
            for track in tracks.tracks
            if track.state is TrackState.SEEN
            for hand in track.hands
        ]
        distance, track_id = min(hands, default=(math.inf, 0))
        if not weights or distance > self._REACH_M:
            return None
        sku = min(weights, key=lambda name: (abs(weights[name] - abs(change)), name))
        return CartEvent(
            f"b{self._told}", f"b{self._told}", plate_id, start_ns, end_ns, track_id, sku, 1 if change < 0 else -1,
            1.0, Reason.WEIGHT_AND_PLACE, False, (),
        )  # fmt: skip


def variant(config: PipelineConfig, without: str) -> PipelineConfig:
    """The tuning without one part of the fusion."""
    parts = {
        name: replace(getattr(config.fusion, name), **changes) if isinstance(changes, dict) else changes
        for name, changes in WITHOUT.get(without, {}).items()
    }
    fusion: FusionConfig = replace(config.fusion, **parts)
    return replace(config, fusion=fusion)


# --- score


def assess(scene: Scene, run: Run, told: Sequence[CartEvent], only: frozenset[str] = frozenset()) -> Outcome:
    """Compare with the truth; ``only``: the visits of these credentials."""
    credentials, truth = scene.truth.credentials(), scene.truth
    known, unfinished = set(credentials.values()), truth.unfinished()

    def credential(payer: str) -> str:
        return payer if payer in known else credentials.get(payer, payer)

    payers = {track_id: credential(payer) for track_id, payer in run.owners.items()}
    visits = [(credential(visit.payer), visit) for visit in run.visits]
    visits = [(payer, visit) for payer, visit in visits if payer not in unfinished and payer in (only or {payer})]
    due = {payer: lines for payer, lines in truth.receipts().items() if payer and payer not in unfinished}
    due = {payer: lines for payer, lines in due.items() if payer in (only or due)}
    charged = units((payer, visit.lines) for payer, visit in visits)
    unreviewed = [(payer, line) for payer, visit in visits for line in visit.lines if not line.review and line.sku]
    whose = dict(zip((event.sequence for event in truth.events), accounts(truth), strict=True))
    judged = judge(run.decisions, truth.events, list(whose.values()), payers)
    if only:
        judged = [
            one
            for one in judged
            if (one.event is not None and whose[one.event.sequence] in only)
            or (one.decision is not None and payers.get(one.decision.track_id) in only)
        ]
    said, true = _calibration(judged, whose, told, payers)
    return Outcome(
        compare_receipts(charged, due),
        count_events(judged),
        ChargeCounts(
            len(visits),
            sum(visit.review for _, visit in visits),
            len(unreviewed),
            sum(charged[payer][line.sku] != due.get(payer, {}).get(line.sku, 0) for payer, line in unreviewed),
        ),
        said,
        true,
        _mistakes(scene, charged, due),
    )


def _calibration(
    judged: Sequence[Judged], whose: dict[int, str], told: Sequence[CartEvent], payers: dict[int, str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities of all explanations told, and whether each is what happened; no explanation is "nothing"."""
    by_id = {event.cart_event_id: event for event in told}
    rows: list[tuple[float, bool]] = []
    for one in judged:
        if one.decision is None:
            continue
        event, truth = by_id[one.decision.cart_event_id], one.event
        happened = ("", "", 0) if truth is None else (whose[truth.sequence], truth.sku, truth.quantity)
        for track_id, sku, quantity, probability in (
            (event.track_id, event.sku, event.quantity, event.confidence),
            *((a.track_id, a.sku, a.quantity, a.probability) for a in event.alternatives),
        ):
            said = (payers.get(track_id, "") if quantity else "", sku if quantity else "", abs(quantity))
            rows.append((probability, said == happened))
    return np.array([p for p, _ in rows]), np.array([right for _, right in rows], dtype=np.bool_)


def _mistakes(scene: Scene, charged: Receipts, due: Receipts) -> list[str]:
    lines = []
    for payer in sorted(charged.keys() | due.keys()):
        got, owed = charged.get(payer, {}), due.get(payer, {})
        wrong = {sku: got.get(sku, 0) - owed.get(sku, 0) for sku in sorted(got.keys() | owed.keys())}
        text = ", ".join(f"{sku} {much:+d}" for sku, much in wrong.items() if much)
        if text:
            lines.append(f"x{scene.noise:g} {scene.name} seed {scene.seed}: {payer}: {text}")
    return lines


def ece(said: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins of equal mass (Guo et al., ICML 2017; Nixon et al., CVPRW 2019)."""
    if not said.size:
        return 0.0
    order = np.argsort(said, kind="stable")
    parts = zip(np.array_split(said[order], BINS), np.array_split(true[order], BINS), strict=True)
    return sum(abs(float(p.sum()) - float(t.sum())) for p, t in parts) / said.size


# --- tables


HEADER = (
    "| situation | visits | exact receipts | lines P / R / F1 | event F1 | visits reviewed "
    "| wrong of lines charged without review | ECE |\n|---|---|---|---|---|---|---|---|"
)


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """One line of a table: the outcomes pooled."""

    def total(part: str) -> Any:
        first, *others = [getattr(outcome, part) for outcome in outcomes]
        for other in others:
            first = first + other
        return first

    receipts: ReceiptCounts = total("receipts")
    charges: ChargeCounts = total("charges")
    events: EventCounts = total("events")
    error = ece(np.concatenate([o.said for o in outcomes]), np.concatenate([o.true for o in outcomes]))
    return (
        f"| {name} | {receipts.visits} | {_rate(receipts.exact_visits, receipts.visits)} | {_three(receipts.lines)} "
        f"| {events.attribution.f1:.3f} | {_rate(charges.reviewed_visits, charges.visits)} "
        f"| {charges.charged_wrongly} of {charges.charged} ({_rate(charges.charged_wrongly, charges.charged)}) "
        f"| {error:.3f} |"
    )


def interval(outcomes: Sequence[Outcome]) -> str:
    """95 % interval of the rate of exact receipts."""
    exact = sum(outcome.receipts.exact_visits for outcome in outcomes)
    found = wilson(exact, sum(outcome.receipts.visits for outcome in outcomes))
    return "-" if found is None else f"{found[0]:.1%} to {found[1]:.1%}"


def _rate(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _three(agreement: Agreement) -> str:
    return f"{agreement.precision:.3f} / {agreement.recall:.3f} / {agreement.f1:.3f}"


def scenes(
    config: PipelineConfig, names: Sequence[str], shoppers: int, seeds: range, noises: Sequence[float], folder: Path
) -> Iterator[Scene]:
    """Every scene, simulated when its turn comes; cases of the recording's shop have no levels of noise."""
    shop = read_shop(recording()) if {CASE, HARDER_CASE} & set(names) else None
    for noise in noises:
        for name in names:
            if shop is not None and name in (CASE, HARDER_CASE):
                for seed in seeds if noise == noises[0] else ():
                    yield act_out(config, shop, name, seed, folder)
                continue
            site = find_site("market" if name == RANDOM else "corner")
            site = noisy_site(site, noise, folder, config.evidence.frame_ms)
            for seed in seeds:
                yield simulate(config, site, name, noise, seed, shoppers)


def recording() -> Path:
    """The folder of the recording BENCHMARK-1."""
    data = Path(os.environ.get("AISLE_RECORDINGS", Path(__file__).resolve().parents[3] / "shared" / "data"))
    folder = data / "autocheckout_benchmark_1"
    if not folder.is_dir():
        raise SystemExit(
            f"{folder}: the recording is absent, in whose shop the cases take place; set AISLE_RECORDINGS to the "
            "folder that holds it, or give --scenarios without them"
        )
    return folder


def _names(text: str) -> list[str]:
    if text == "all":
        return [*sorted(path.stem for path in (config_folder() / "scenarios").glob("*.yaml")), *DRAWN]
    return text.split(",")


def main(argv: list[str]) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="bench fusion", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--scenarios",
        default="all",
        help="names separated by commas; also random (the market), hard_shop, harder_shop, case, harder_case",
    )
    parser.add_argument("--shoppers", type=int, default=12, help="in the random market")
    parser.add_argument("--seeds", default="100:110", help="first:last+1")
    parser.add_argument("--noise", default="1,2,3", help="times the errors of scales and poses")
    parser.add_argument("--baseline", action="store_true", help="also the plain baseline")
    parser.add_argument(
        "--without", action="append", default=[], choices=sorted(WITHOUT), help="also without this part"
    )
    parser.add_argument("--cameras", action="store_true", help="with colour images; named situations and random only")
    parser.add_argument("--lines", action="store_true", help="list every wrong receipt")
    arguments = parser.parse_args(argv)
    first, last = (int(part) for part in arguments.seeds.split(":"))
    noises = [float(part) for part in arguments.noise.split(",")]
    config, names = load_config(config_folder()), _names(arguments.scenarios)
    if arguments.cameras:
        names = [name for name in names if name == RANDOM or name not in DRAWN]
        config = replace(config, fusion=replace(config.fusion, evidence=True))
    variants = {FULL: config} | {f"without {name}": variant(config, name) for name in arguments.without}
    found: dict[str, dict[float, dict[str, list[Outcome]]]] = {}

    with tempfile.TemporaryDirectory() as folder:
        for scene in scenes(config, names, arguments.shoppers, range(first, last), noises, Path(folder)):
            runs = {name: decide(scene, tuning) for name, tuning in variants.items()}
            outcomes = {name: assess(scene, *run) for name, run in runs.items()}
            if scene.slipped:
                by_scene = found.setdefault(FULL, {}).setdefault(scene.noise, {})
                of_gate = assess(scene, *runs[FULL], scene.slipped)
                by_scene.setdefault(f"{scene.name}: somebody slipped in behind them", []).append(of_gate)
            if arguments.baseline:
                outcomes[BASELINE] = assess(scene, *_run(scene, config, Baseline(scene)))
            for name, outcome in outcomes.items():
                by_scene = found.setdefault(name, {}).setdefault(scene.noise, {})
                by_scene.setdefault(scene.name, []).append(outcome)
                if scene.script:
                    by_scene.setdefault(f"{scene.name}: {scene.script}", []).append(outcome)
            print(f"x{scene.noise:g} {scene.name} {scene.seed}", file=sys.stderr, flush=True)

    for name, by_noise in found.items():
        for noise, by_scene in by_noise.items():
            parts = {scene for scene in by_scene if ": " in scene}
            drawn = {title: by_scene[key] for key, title in DRAWN.items() if key in by_scene}
            shown = {scene: by_scene[scene] for scene in sorted(by_scene.keys() - DRAWN.keys())}
            named = [outcome for scene, outcomes in shown.items() if scene not in parts for outcome in outcomes]
            print(f"\n{name}, noise x{noise:g}, seeds {first} to {last - 1}\n\n{HEADER}")
            for scene, outcomes in shown.items():
                if name == FULL or scene in parts:
                    print(row(scene, outcomes))
            for title, outcomes in {"named situations": named, **drawn}.items():
                if outcomes:
                    print(row(f"**{title}**, exact {interval(outcomes)}", outcomes))
            if arguments.lines:
                wrong = {line: None for each in by_scene.values() for one in each for line in one.mistakes}
                print("\n".join(["", *wrong]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
