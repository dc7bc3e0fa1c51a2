"""Cameras look at plates and hands around shelf events."""

import dataclasses
import math

import numpy as np
import pytest

from aisle_core.errors import AisleError
from aisle_core.evidence import (
    CameraView,
    ColourRecogniser,
    ItemEvidenceConfig,
    Looker,
    enroll,
    read_references,
    write_references,
)
from aisle_core.evidence.looker import differ
from aisle_core.store.model import Camera, CameraModel
from aisle_core.types import HandSide, Image, PersonTracks, ShelfEvents, Tick

from .fusion_world import MS, STORE, S, event, hand, person, shipped

CONFIG = shipped(ItemEvidenceConfig, "item_evidence_node", "evidence")
CAMERA = Camera(
    device_id="c01",
    zone="floor",
    model=CameraModel(width=320, height=240, horizontal_fov=0.9, rate_hz=10),
    pose=(0.4, -1.6, 1.9, 0.0, 0.5, math.pi / 2),
)
SHOP = STORE.model_copy(update={"cameras": (CAMERA,)})
GREY, RED, GREEN, PURPLE = (90, 90, 90), (40, 40, 200), (60, 180, 40), (150, 60, 150)
COLOURS = {"soda": RED, "salt": GREEN}
"""Soda stands on p1, salt on p12; both weigh the same."""


def picture(colours, people=()):
    """What the camera sees: plates in the colour of their goods, and people before them."""
    view = CameraView(SHOP, CAMERA)
    pixels = np.empty((CAMERA.model.height, CAMERA.model.width, 3), np.uint8)
    pixels[:] = GREY
    for plate_id, colour in colours.items():
        window = view.windows[plate_id]
        pixels[window.rows, window.columns][window.own] = colour
    pixels[view.obstructed(people)] = PURPLE
    return pixels


STOCKED = {plate_id: COLOURS[sku] for sku, plate_id in (("soda", "p1"), ("salt", "p12"))}
REFERENCES = enroll({"c01": [picture(STOCKED)]}, SHOP, ColourRecogniser())


def looks(events, pictures, tracks=(), to_s=10.0):
    """Reports of a scene: events, pictures and people by second, each until the next."""
    looker = Looker(CONFIG, SHOP, ColourRecogniser(), REFERENCES, "cameras")
    found = []
    for i in range(round(to_s * 10)):
        now = i * S // 10
        seen = [people for at_s, people in tracks if at_s <= i / 10][-1:]
        found += looker.step(PersonTracks(now, i, tuple(seen[0]) if seen else ()))
        pixels = [pixels for at_s, pixels in pictures if at_s <= i / 10][-1]
        looker.image("c01", Image(now, "", "bgr8", pixels))
        told = tuple(e for e in events if now - S // 10 < e.end_ns + 300 * MS <= now)
        if told:
            found += looker.step(ShelfEvents(now, i, "s1", told))
        found += looker.step(Tick(now, i))
    return found + looker.finish(round(to_s * S))


def best(report):
    return max(report.scores, key=lambda score: score.log_likelihood).sku


def margin(report):
    one, other, *_ = sorted((score.log_likelihood for score in report.scores), reverse=True)
    return one - other


@pytest.mark.parametrize("shape", [(4, 5, 3), (0, 5, 3), (0, 0, 3)])
def test_pixels_differ_where_any_channel_does(shape):
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
    expected = (np.abs(one.astype(int) - other) > 100).any(axis=2)
    assert np.array_equal(differ(one, other, 100), expected)


def test_a_plate_is_seen_where_it_is():
    view = CameraView(SHOP, CAMERA)
    assert set(view.windows) == set(SHOP.plates)
    low, high = view.windows["p1"], view.windows["p9"]
    assert low.rows.start > high.rows.start
    left, right = view.windows["p0"], view.windows["p7"]
    assert left.columns.start < right.columns.start


def test_a_plate_is_not_seen_from_behind():
    behind = CAMERA.model_copy(update={"pose": (0.4, 2.0, 1.9, 0.0, 0.5, -math.pi / 2)})
    assert not CameraView(SHOP, behind).windows


@pytest.mark.parametrize(("plate_id", "sku", "mass"), [("p1", "soda", -0.355), ("p12", "salt", -0.355)])
def test_what_was_taken_is_seen_before_the_event(plate_id, sku, mass):
    pictures = [(0, picture(STOCKED)), (5.0, picture({k: c for k, c in STOCKED.items() if k != plate_id}))]
    (report,) = looks([event(1, plate_id, 5.0, mass)], pictures)
    assert (report.shelf_event_id, best(report)) == ("s1/1", sku)
    assert margin(report) > 3
    assert {score.sku for score in report.scores} >= {"soda", "salt"}
    assert "juice" not in {score.sku for score in report.scores}


def test_a_thing_that_stood_on_two_plates_is_known_by_what_both_lost():
    pictures = [(0, picture(STOCKED)), (5.0, picture({"p12": GREEN}))]
    reports = looks([event(1, "p1", 5.0, -0.2), event(2, "p2", 5.02, -0.155)], pictures)
    assert [best(report) for report in reports if report.scores] == ["soda"]


def test_a_thing_that_stood_on_three_plates_is_scored_at_all_of_them():
    """The ones at the sides are not beside each other."""
    pictures = [(0, picture(dict.fromkeys(("p0", "p1", "p2"), RED))), (5.0, picture({}))]
    parts = [event(1, "p0", 5.0, -0.08), event(2, "p1", 5.02, -0.2), event(3, "p2", 5.02, -0.075)]
    reports = looks(parts, pictures)
    assert [report.shelf_event_id for report in reports if report.scores] == ["s1/1", "s1/2", "s1/3"]
    assert all("soda" in {score.sku for score in report.scores} for report in reports)


def test_what_belongs_on_the_plate_is_scored_although_the_plate_felt_less():
    """A part of it stood on the plate beside, and was not felt there."""
    pictures = [(0, picture({"p2": RED})), (5.0, picture({}))]
    (report,) = looks([event(1, "p2", 5.0, -0.97)], pictures)
    assert {score.sku for score in report.scores} == {"milk", "oil", "cereal", "juice", ""}


def test_a_report_tells_how_likely_anything_else_is():
    """What the fusion thinks of besides, as a thing of another mass or none at all, is not as unlikely as the worst."""
    pictures = [(0, picture(STOCKED)), (5.0, picture({"p12": GREEN}))]
    (report,) = looks([event(1, "p1", 5.0, -0.355)], pictures)
    scores = {score.sku: score.log_likelihood for score in report.scores}
    assert scores["salt"] < scores[""] < scores["soda"]


def test_what_was_put_is_seen_after_the_event():
    pictures = [(0, picture({})), (5.0, picture({"p1": GREEN}))]
    (report,) = looks([event(1, "p1", 5.0, 0.355)], pictures)
    assert best(report) == "salt"


def test_a_body_before_the_plate_is_not_taken_for_a_thing():
    body = (person(1, (0.15, -0.4)),)
    pictures = [
        (0, picture({})),
        (4.0, picture({}, body)),
        (5.0, picture({"p1": GREEN}, body)),
        (6.0, picture({"p1": GREEN})),
    ]
    (report,) = looks([event(1, "p1", 5.0, 0.355)], pictures, [(0, ()), (4.0, body), (6.0, ())])
    assert best(report) == "salt"
    assert report.stamp_ns >= 6 * S


def test_what_was_seen_before_an_earlier_change_says_nothing_of_a_later_one():
    body = (person(1, (0.15, -0.4)),)
    pictures = [(0, picture(STOCKED)), (2.0, picture({}, body)), (7.0, picture({"p12": GREEN}))]
    tracks = [(0, ()), (2.0, body), (7.0, ())]
    reports = looks([event(1, "p1", 3.0, -0.355), event(2, "p1", 5.5, -0.355)], pictures, tracks)
    assert [report.scores for report in reports] == [(), ()]
    late = looks([event(1, "p1", 3.0, -0.028), event(2, "p1", 5.5, -0.355)], pictures, tracks)
    assert [report.scores for report in late] == [()]


def test_a_plate_that_stays_hidden_gets_a_report_without_scores():
    body = (person(1, (0.15, -0.4)),)
    pictures = [(0, picture({})), (4.0, picture({}, body))]
    (report,) = looks([event(1, "p1", 5.0, 0.355)], pictures, [(0, ()), (4.0, body)])
    assert report.scores == ()
    assert report.stamp_ns <= 5.1 * S + CONFIG.wait_ms * MS


def test_a_thing_in_the_hand_is_seen_when_the_plate_is_hidden():
    at_plate, held = (0.15, 0.05, 1.0), (0.45, -0.75, 1.2)
    body = person(1, (0.15, -0.4))
    reaching = dataclasses.replace(body, hands=(hand(at_plate),))
    drawn_back = dataclasses.replace(body, hands=(hand(held),))
    hidden = picture({"p1": RED}, (reaching,))
    view = CameraView(SHOP, CAMERA)
    with_thing = hidden.copy()
    rows, columns, near = view.around(held, 0.06)
    with_thing[rows, columns][near] = RED
    pictures = [(0, picture(STOCKED)), (4.0, hidden), (5.2, with_thing)]
    tracks = [(0, ()), (4.0, (reaching,)), (5.2, (drawn_back,))]
    (report,) = looks([event(1, "p1", 5.0, -0.355)], pictures, tracks)
    assert best(report) == "soda"


def test_a_hand_outside_the_picture_is_not_looked_at():
    at_plate, outside = (0.15, 0.05, 1.0), (3.0, -0.3, 1.2)
    view = CameraView(SHOP, CAMERA)
    assert view.around(at_plate, 0.1)[2].any()
    assert not view.around(outside, 0.1)[2].any()
    body = person(1, (0.15, -0.4))
    reaching = dataclasses.replace(body, hands=(hand(at_plate),))
    drawn_back = dataclasses.replace(body, hands=(hand(outside),))
    hidden = picture({"p1": RED}, (reaching,))
    pictures = [(0, picture(STOCKED)), (4.0, hidden)]
    tracks = [(0, ()), (4.0, (reaching,)), (5.2, (drawn_back,))]
    (report,) = looks([event(1, "p1", 5.0, -0.355)], pictures, tracks)
    assert report.scores == ()


def test_a_hand_behind_a_body_is_not_looked_at():
    view, point = CameraView(SHOP, CAMERA), (0.15, 0.05, 1.0)
    rows, columns, near = view.around(point, 0.1)
    assert view.hidden(point, [person(1, (0.15, -0.4))])[rows, columns][near].all()
    assert not view.hidden(point, [person(1, (0.15, 0.5))])[rows, columns][near].any()


def test_neither_the_sleeve_nor_what_another_hand_holds_is_in_the_hand():
    view = CameraView(SHOP, CAMERA)
    left, right = hand((-0.1, -0.2, 0.8)), dataclasses.replace(hand((0.1, -0.2, 0.8)), side=HandSide.LEFT)
    body = dataclasses.replace(person(1, (0.0, -0.6)), hands=(left, right))
    rows, columns, near = view.held(body, right, 0.16)
    full = np.zeros((CAMERA.model.height, CAMERA.model.width), bool)
    full[rows, columns] = near

    def share(point):
        part = view.around(point, 0.02)
        return full[part[:2]][part[2]].mean()

    assert share(right.position) > 0.5
    assert share((0.2, -0.2, 0.8)) == 1
    assert share((-0.02, -0.2, 0.8)) == 0
    assert share((0.08, -0.28, 0.92)) == 0


def test_the_plate_is_looked_at_again_when_the_body_has_gone():
    at_plate, held = (0.15, 0.05, 1.0), (0.45, -0.75, 1.2)
    body = person(1, (0.15, -0.4))
    reaching = dataclasses.replace(body, hands=(hand(at_plate),))
    drawn_back = dataclasses.replace(body, hands=(hand(held),))
    hidden = picture({"p1": RED}, (reaching,))
    with_thing = hidden.copy()
    rows, columns, near = CameraView(SHOP, CAMERA).around(held, 0.06)
    with_thing[rows, columns][near] = RED
    pictures = [(0, picture(STOCKED)), (4.0, hidden), (5.2, with_thing), (7.0, picture({"p12": GREEN}))]
    tracks = [(0, ()), (4.0, (reaching,)), (5.2, (drawn_back,)), (7.0, ())]
    reports = looks([event(1, "p1", 5.0, -0.355)], pictures, tracks)
    assert [best(report) for report in reports] == ["soda", "soda"]
    assert reports[0].stamp_ns < 6 * S < 7 * S < reports[1].stamp_ns
    again = looks([event(1, "p1", 5.0, -0.355), event(2, "p1", 6.5, -0.355)], pictures, tracks)
    assert [report.shelf_event_id for report in again if report.scores and report.stamp_ns > 7 * S] == []


def test_only_doubtful_events_are_looked_at():
    assert looks([event(1, "p3", 5.0, -0.028)], [(0, picture(STOCKED))]) == []


def test_pixels_of_a_neighbour_that_changed_too_do_not_count():
    pictures = [(0, picture(STOCKED)), (5.0, picture({}))]
    both = [event(1, "p1", 5.0, -0.355), event(2, "p12", 5.0, -0.355)]
    reports = {report.shelf_event_id: report for report in looks(both, pictures)}
    assert [best(reports[key]) for key in ("s1/1", "s1/2")] == ["soda", "salt"]


def test_a_product_that_was_never_shown_is_neither_likely_nor_impossible():
    recogniser = ColourRecogniser()
    seen = recogniser.describe(np.full((4, 4, 3), RED, np.uint8), np.ones((4, 4), bool))
    red, unknown, green = recogniser.compare(seen, REFERENCES.of(["soda", "nothing", "salt"]), REFERENCES.typical)
    assert red > unknown > green


def test_an_image_of_another_size_is_refused():
    looker = Looker(CONFIG, SHOP, ColourRecogniser(), REFERENCES, "cameras")
    with pytest.raises(AisleError, match="c01: image is bgr8 5 x 4, the site says bgr8 320 x 240"):
        looker.image("c01", Image(0, "", "bgr8", np.zeros((4, 5, 3), np.uint8)))


def test_references_are_written_and_read(tmp_path):
    path = tmp_path / "appearance.npz"
    write_references(path, REFERENCES)
    again = read_references(path, "colour-1")
    assert again.skus == REFERENCES.skus
    np.testing.assert_allclose(again.views, REFERENCES.views, atol=1e-6)
    with pytest.raises(AisleError, match="made by recogniser 'colour-1', this is 'onnx'"):
        read_references(path, "onnx")
    path.write_bytes(b"PK nonsense")
    with pytest.raises(AisleError, match="make them again"):
        read_references(path, "colour-1")
    with pytest.raises(AisleError, match="no reference views; make them with"):
        read_references(tmp_path / "none.npz", "colour-1")


def test_the_state_can_be_restored_in_the_middle():
    pictures = [picture(STOCKED), picture({"p12": GREEN})]

    def run(restore_at):
        looker = Looker(CONFIG, SHOP, ColourRecogniser(), REFERENCES, "cameras")
        found = []
        for i in range(80):
            if i == restore_at:
                state = looker.state()
                looker = Looker.restore(CONFIG, SHOP, ColourRecogniser(), REFERENCES, "cameras", state)
            looker.image("c01", Image(i * S // 10, "", "bgr8", pictures[i >= 50]))
            if i == 53:
                looker.step(ShelfEvents(i * S // 10, i, "s1", (event(1, "p1", 5.0, -0.355),)))
            found += looker.step(Tick(i * S // 10, i))
        return found

    assert run(55) == run(None)
    assert run(None)
