"""The whole flow on a small synthetic recording: the right receipt, whatever the order of arrival."""

import pickle
import random
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from aisle_core.checkout import CheckoutConfig
from aisle_core.evidence import ItemEvidenceConfig
from aisle_core.fusion import FusionConfig, StockConfig
from aisle_core.pipeline import Pipeline, PipelineConfig
from aisle_core.stages import CartFusionStage, CheckoutStage, PeopleStageConfig, TrackerStageConfig
from aisle_core.store import load_store
from aisle_core.types import (
    Bodies,
    BodyKeypoint,
    BodyKeypoints,
    BodyPart,
    CartEvent,
    CartEvents,
    Carts,
    CloseReason,
    CredentialShown,
    GateCommand,
    GateEvent,
    GateEventKind,
    ItemEvidence,
    PersonTracks,
    Reason,
    Receipt,
    ScaleLayout,
    ScaleReadings,
    ShelfEvents,
    Tick,
)
from aisle_core.weighing import WeighingConfig

ROOT = Path(__file__).parents[3]
STORE = load_store(ROOT / "test" / "sites" / "demo")
S, MS = 1_000_000_000, 1_000_000
START_NS = 1_700_000_000 * S
LENGTH_S = 17.0
SAMPLES, PERIOD_NS = 12, 16_666_667


def group(cls, node, name):
    document = yaml.safe_load((ROOT / "config" / "nodes" / f"{node}.yaml").read_text(encoding="utf-8"))
    (section,) = document.values()
    return TypeAdapter(cls).validate_python(section["ros__parameters"][name])


CONFIG = PipelineConfig(
    people=group(PeopleStageConfig, "people_node", "people"),
    tracker=group(TrackerStageConfig, "tracker_node", "tracker"),
    weighing=group(WeighingConfig, "shelf_event_node", "weighing"),
    fusion=group(FusionConfig, "cart_fusion_node", "fusion"),
    stock=group(StockConfig, "cart_fusion_node", "stock"),
    checkout=group(CheckoutConfig, "checkout_node", "checkout"),
    evidence=group(ItemEvidenceConfig, "item_evidence_node", "evidence"),
)


# --- the recording: two shoppers, each takes one thing; the first one puts it back and takes another


@dataclass(frozen=True)
class Touch:
    """A hand at a plate; the mass there changes in the middle of it."""

    label: str
    plate_id: str
    at: float
    sku: str
    quantity: int


@dataclass(frozen=True)
class Walk:
    label: str
    enters: float
    leaves: float


TOUCHES = (
    Touch("ann", "g1-s2-p1", 6.0, "MILK-1", 1),
    Touch("ben", "g2-s2-p3", 6.1, "RICE-1000", 1),
    Touch("ann", "g1-s2-p1", 8.5, "MILK-1", -1),
    Touch("ann", "g1-s2-p3", 10.5, "SALAD-220", 1),
)
WALKS = (Walk("ann", 2.0, 14.0), Walk("ben", 3.0, 12.0))
LANE_IN, LANE_OUT = STORE.lanes


def stamp(seconds):
    return START_NS + round(seconds * 1000) * MS


def scale_items(gateway, rng):
    plate_ids = tuple(p for p, plate in STORE.plates.items() if plate.fixture_id == gateway)
    yield ScaleLayout(START_NS, gateway, 3, plate_ids)
    times = np.arange(round(LENGTH_S * S / PERIOD_NS / SAMPLES) * SAMPLES) * (PERIOD_NS / S)
    mass = 5.0 + rng.normal(0.0, 0.001, (len(times), len(plate_ids)))
    for touch in TOUCHES:
        if touch.plate_id in plate_ids:
            change = -touch.quantity * STORE.products[touch.sku].weight
            mass[times >= touch.at, plate_ids.index(touch.plate_id)] += change
    for sequence, first in enumerate(range(0, len(times), SAMPLES)):
        block = mass[first : first + SAMPLES].astype(np.float32)
        yield ScaleReadings(START_NS + first * PERIOD_NS, sequence, gateway, 3, PERIOD_NS, block)


def body_at(walk, t, rng):
    """Where a shopper stands, and a hand that goes into the shelf around each touch."""
    touch = min((x for x in TOUCHES if x.label == walk.label), key=lambda x: abs(x.at - t))
    plate = STORE.plates[touch.plate_id]
    x, y = plate.centre.x, plate.centre.y - 0.7
    hand = (x, y + 0.2, 1.0)
    for lane, at in ((LANE_IN, walk.enters), (LANE_OUT, walk.leaves)):
        if abs(t - at) < 0.6:
            x, y = lane.position.x, lane.position.y + 0.3
            hand = (x, y, 1.0)
    if abs(t - touch.at) < 0.35:
        hand = (plate.centre.x, plate.centre.y, plate.centre.z + 0.08)
    points = [(BodyPart.HEAD, (x, y, 1.7)), (BodyPart.RIGHT_HAND, hand), (BodyPart.LEFT_HAND, (x - 0.2, y, 0.9))]
    noise = rng.normal(0.0, 0.005, (len(points), 3))
    return BodyKeypoints(
        walk.label,
        tuple(BodyKeypoint(part, tuple(map(float, p + n)), 0.9) for (part, p), n in zip(points, noise, strict=True)),
        stamp(t),
        stamp(t),
    )


def pose_items(rng):
    for sequence, t in enumerate(np.arange(0.05, LENGTH_S, 0.1)):
        bodies = tuple(body_at(w, t, rng) for w in WALKS if w.enters - 0.2 <= t <= w.leaves + 0.2)
        yield Bodies(stamp(t), sequence, "vision", bodies)


def gate_items():
    sequences = defaultdict(int)
    for at, lane, kind, credential in sorted(
        [(w.enters - 0.8, LANE_IN, GateEventKind.CREDENTIAL, f"card of {w.label}") for w in WALKS]
        + [(w.enters, LANE_IN, GateEventKind.PASSAGE_IN, None) for w in WALKS]
        + [(w.leaves, LANE_OUT, GateEventKind.PASSAGE_OUT, None) for w in WALKS],
        key=lambda event: event[0],
    ):
        yield GateEvent(stamp(at), sequences[lane.lane_id], lane.lane_id, kind, credential)
        sequences[lane.lane_id] += 1


def make_recording():
    rng = np.random.default_rng(7)
    items = [*scale_items("g1", rng), *scale_items("g2", rng), *pose_items(rng), *gate_items()]
    items += [Tick(stamp(t / 10), t) for t in range(round(LENGTH_S * 10) + 1)]
    return sorted(items, key=lambda item: item.stamp_ns)


RECORDING = make_recording()


def device(item):
    return getattr(item, "gateway_id", "") or getattr(item, "source_id", "") or getattr(item, "lane_id", "")


def arrival_order(rng):
    """Every device has a lag, every message some more, so that all keep within their lateness and time-out."""
    lags = defaultdict(lambda: rng.uniform(0.0, 1.0))
    arrivals = []
    for item in RECORDING:
        if isinstance(item, Tick):
            late = 0.0
        elif isinstance(item, GateEvent):
            late = rng.uniform(0.0, 0.29)
        elif isinstance(item, ScaleLayout):
            late = rng.uniform(0.0, 2.0)
        else:
            late = lags[type(item), device(item)] + rng.uniform(0.0, 0.29)
        arrivals.append((item.stamp_ns + round(late * S), item))
    return [item for _, item in sorted(arrivals, key=lambda arrival: arrival[0])]


# --- runs


def by_speaker(outputs):
    """Repr of the outputs of each type and source, in order."""
    heard = defaultdict(list)
    for output in outputs:
        heard[type(output).__name__, device(output)].append(repr(output))
    return dict(heard)


def run(items, store=STORE, at_once=1000):
    pipeline = Pipeline(CONFIG, store)
    if at_once == 1:
        outputs = [output for item in items for output in pipeline.push(item)]
    else:
        some = [items[begin : begin + at_once] for begin in range(0, len(items), at_once)]
        outputs = [output for part in some for made in pipeline.push_all(part) for output in made]
    return pipeline, outputs + pipeline.finish()


PIPELINE, OUTPUTS = run(RECORDING, at_once=1)
EXPECTED = by_speaker(OUTPUTS)


def of(cls, outputs):
    return [output for output in outputs if type(output) is cls]


def baskets(outputs):
    return {r.label: {line.sku: line.quantity for line in r.lines} for r in of(Receipt, outputs)}


def test_the_right_receipts():
    ben, ann = of(Receipt, OUTPUTS)
    assert baskets(OUTPUTS) == {"ben": {"RICE-1000": 1}, "ann": {"SALAD-220": 1}}
    assert (ann.charged_minor, ann.review, ann.credential) == (399, False, "card of ann")
    assert (ben.charged_minor, ben.review, ben.credential) == (279, False, "card of ben")
    assert [r.close_reason for r in (ben, ann)] == [CloseReason.EXIT] * 2
    assert [r.stamp_ns for r in (ben, ann)] == [stamp(12.0), stamp(14.0)]
    assert len(of(GateCommand, OUTPUTS)) == 2


def test_a_line_leads_back_to_the_readings():
    ann = of(Receipt, OUTPUTS)[1]
    (shelf_event_id,) = ann.lines[0].shelf_event_ids
    event = next(e for batch in of(ShelfEvents, OUTPUTS) for e in batch.events if e.shelf_event_id == shelf_event_id)
    assert event.plate_id == "g1-s2-p3"
    assert event.mass_change == pytest.approx(-STORE.products["SALAD-220"].weight, abs=0.005)
    assert abs(event.end_ns - stamp(10.5)) < 0.2 * S


def test_a_pick_is_in_the_cart_before_it_is_decided():
    def first(wanted):
        return next(i for i, carts in enumerate(of(Carts, OUTPUTS)) for c in carts.carts for x in c.lines if wanted(x))

    for sku in ("RICE-1000", "MILK-1", "SALAD-220"):
        decided = first(lambda line, sku=sku: line.sku == sku and line.cart_event_ids)
        assert first(lambda line, sku=sku: line.sku == sku) < decided


def test_nothing_is_lost_and_sequences_have_no_gaps():
    for name, statistics in PIPELINE.statistics().items():
        assert (statistics.rejected, statistics.clock_jumps) == ({}, 0), name
        for source, s in statistics.sources.items():
            assert (s.late, s.duplicate, s.lost, s.released) == (0, 0, 0, s.received), (name, source)
    numbers = defaultdict(list)
    for output in OUTPUTS:
        numbers[type(output), device(output)].append(output.sequence)
    assert all(sequence == list(range(len(sequence))) for sequence in numbers.values())


def test_every_stage_tells_its_progress_in_order():
    for cls in (ShelfEvents, PersonTracks, CartEvents):
        stamps = defaultdict(list)
        for output in of(cls, OUTPUTS):
            stamps[device(output)].append(output.stamp_ns)
        assert stamps and all(s == sorted(s) for s in stamps.values())


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_every_run_is_the_same_however_many_items_are_pushed_at_once(at_once):
    assert by_speaker(run(RECORDING, at_once=at_once)[1]) == EXPECTED


def test_no_decision_depends_on_how_it_looked_before():
    pipeline = Pipeline(CONFIG, STORE, tentative=False)
    outputs = [output for item in RECORDING for output in pipeline.push(item)] + pipeline.finish()
    assert not any(batch.tentative for batch in of(CartEvents, outputs))
    decided = [o if type(o) is not CartEvents else replace(o, events=o.decisions) for o in OUTPUTS]
    heard, expected = (
        {key: said for key, said in by_speaker(made).items() if key[0] != "Carts"} for made in (outputs, decided)
    )
    assert heard == expected


@given(st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_any_admissible_order_of_arrival_gives_the_same(seed):
    assert by_speaker(run(arrival_order(random.Random(seed)), at_once=1000)[1]) == EXPECTED


def test_stages_one_after_the_other_give_the_same():
    stages = Pipeline(CONFIG, STORE).stages
    known = list(RECORDING)
    outputs = []
    for stage in stages.values():
        known.sort(key=lambda item: item.stamp_ns)
        made = [output for item in known if isinstance(item, stage.inputs) for output in stage.push(item)]
        made += stage.finish()
        known += made
        outputs += made
    assert by_speaker(outputs) == EXPECTED


def test_without_lanes_a_visit_is_as_long_as_the_recording_or_the_track():
    _, outputs = run([i for i in RECORDING if not isinstance(i, GateEvent)], STORE.model_copy(update={"lanes": ()}))
    assert baskets(outputs) == {"ann": {"SALAD-220": 1}, "ben": {"RICE-1000": 1}}
    assert [(r.sequence, r.close_reason) for r in of(Receipt, outputs)] == [
        (0, CloseReason.END_OF_STREAM),
        (1, CloseReason.END_OF_STREAM),
    ]


# --- what is refused


def test_inputs_that_the_site_does_not_know_are_counted():
    strangers = [
        Bodies(START_NS, 0, "eye", ()),
        ScaleLayout(START_NS, "g9", 1, ("g9-s1-p1",)),
        ScaleReadings(START_NS, 0, "g9", 1, PERIOD_NS, np.zeros((12, 1), np.float32)),
        GateEvent(START_NS, 0, "lane_9", GateEventKind.CREDENTIAL, "card"),
    ]
    pipeline, outputs = run([*strangers, *RECORDING])
    assert by_speaker(outputs) == EXPECTED
    rejected = {name: s.rejected for name, s in pipeline.statistics().items() if s.rejected}
    assert rejected == {
        "people_node": {"bodies of a pose source that the site does not know": 1},
        "shelf_event_node": {
            "ScaleLayout of a gateway that the site does not know": 1,
            "ScaleReadings of a gateway that the site does not know": 1,
        },
        "checkout_node": {"events of a lane that the site does not know": 1},
    }


def test_a_credential_of_the_office_for_a_lane_that_the_site_does_not_know_is_counted():
    stage = CheckoutStage(STORE, CONFIG.checkout)
    assert stage.push(CredentialShown(START_NS, "lane_9", "card")) == []
    assert stage.statistics().rejected == {"a credential for a lane that the site does not know": 1}


def test_readings_without_a_layout_or_of_another_shape_are_counted():
    def broken(item):
        if isinstance(item, ScaleReadings) and item.gateway_id == "g2":
            if item.sequence < 20 or item.sequence > 80:
                return replace(item, layout_revision=99)
            if item.sequence == 20:
                return replace(item, mass=item.mass[:, :-1])
        return item

    pipeline, outputs = run([broken(item) for item in RECORDING])
    rejected = pipeline.statistics()["shelf_event_node"].rejected
    assert rejected["readings without their layout"] == 24
    assert rejected["readings that do not fit their layout"] == 1
    assert baskets(outputs)["ann"] == {"SALAD-220": 1}


def test_a_clock_that_falls_back_begins_anew_and_uses_no_id_twice():
    again = [replace(item, sequence=item.sequence + 1000) if hasattr(item, "sequence") else item for item in RECORDING]
    pipeline, outputs = run([*RECORDING, *again])
    assert all(s.clock_jumps >= 1 for s in pipeline.statistics().values())
    receipts = of(Receipt, outputs)
    assert [baskets([r]) for r in receipts[:2]] == [{"ben": {"RICE-1000": 1}}, {"ann": {"SALAD-220": 1}}]
    assert len({r.session_id for r in receipts}) == len(receipts)
    shelf_events = [e.shelf_event_id for batch in of(ShelfEvents, outputs) for e in batch.events]
    cart_events = [e.cart_event_id for batch in of(CartEvents, outputs) for e in batch.decisions]
    assert len(set(shelf_events)) == len(shelf_events) == 8
    assert len(set(cart_events)) == len(cart_events)
    tracks = {(t.track_id, t.label) for batch in of(PersonTracks, outputs) for t in batch.tracks}
    assert sorted(tracks) == [(1, "ann"), (2, "ben"), (3, "ann"), (4, "ben")]


def test_decisions_of_a_fusion_that_was_away_are_used_although_late():
    stage = CheckoutStage(STORE, CONFIG.checkout)
    far_ns = START_NS + 60 * S

    def decisions(at_s, *events):
        return CartEvents(START_NS + at_s * S, at_s, START_NS + at_s * S, events)

    taken = CartEvent("c1", "s1", "p", START_NS, START_NS, 1, "sku", 1, 1.0, Reason.WEIGHT_AND_PLACE, False, ())
    stage.push(decisions(1))
    for i in range(600):
        stage.push(Tick(START_NS + i * S // 10, i))
        stage.push(PersonTracks(START_NS + i * S // 10, i, ()))
    stage.push(decisions(5, taken))
    assert stage.statistics().counts["cart_events_waiting"] == 1
    stage.push(decisions(5, taken))
    stage.push(CartEvents(far_ns, 60, far_ns, ()))
    assert stage.statistics().counts["cart_events_waiting"] == 1


def test_what_a_checkout_has_missed_does_not_make_time_pass():
    """It hears minutes of decisions in one go, before the first tick."""
    stage = CheckoutStage(STORE, CONFIG.checkout)
    for i in range(1200):
        stage.push(CartEvents(START_NS + i * S // 10, i, START_NS + i * S // 10, ()))
    for i in range(1180, 1280):
        stage.push(Tick(START_NS + i * S // 10, i))
        stage.push(PersonTracks(START_NS + i * S // 10, i, ()))
    stage.finish()
    sources = stage.statistics().sources
    assert sources["tick"].released == sources["tracks"].released == 100


def test_a_lasting_stage_goes_on_in_another_process():
    inputs = [item for item in [*RECORDING, *OUTPUTS] if isinstance(item, CartFusionStage.inputs)]
    inputs.sort(key=lambda item: item.stamp_ns)

    def run(cut):
        stage = CartFusionStage(STORE, CONFIG.fusion, CONFIG.stock)
        outputs = []
        for i, item in enumerate(inputs):
            if i == cut:
                kept = pickle.dumps(stage.state())
                stage = CartFusionStage(STORE, CONFIG.fusion, CONFIG.stock)
                stage.resume(pickle.loads(kept))
            outputs += stage.push(item)
        return outputs + stage.finish()

    whole = run(None)
    assert any(batch.events for batch in whole if isinstance(batch, CartEvents))
    for cut in (len(inputs) // 3, len(inputs) // 2):
        assert run(cut) == whole


def test_the_fusion_waits_for_cameras_that_lag():
    others = [item for item in [*RECORDING, *OUTPUTS] if isinstance(item, CartFusionStage.inputs)]
    ticks = [item for item in RECORDING if isinstance(item, Tick)]
    looked = [ItemEvidence(tick.stamp_ns, i, "cameras", "", ()) for i, tick in enumerate(ticks)]

    def run(lag_ns):
        stage = CartFusionStage(STORE, replace(CONFIG.fusion, evidence=True), CONFIG.stock)
        arrivals = [(item.stamp_ns, item) for item in others] + [(item.stamp_ns + lag_ns, item) for item in looked]
        outputs = [out for _, item in sorted(arrivals, key=lambda one: one[0]) for out in stage.push(item)]
        return outputs + stage.finish(), stage.statistics().sources["cameras"].late

    (prompt, _), (lagging, late) = run(0), run(2 * S)
    assert lagging == prompt
    assert late == 0
