"""Bodies to people: what is believed, what is rejected, and how sure it is."""

import math
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aisle_core.people import People, PeopleConfig
from aisle_core.types import Bodies, BodyKeypoint, BodyKeypoints, BodyPart, HandSide

from .fusion_world import MS, STORE, shipped

CONFIG = shipped(PeopleConfig, "people_node", "people.poses")
STANDING = {
    BodyPart.HEAD: (1.0, -0.5, 1.7),
    BodyPart.NECK: (1.02, -0.5, 1.5),
    BodyPart.LEFT_SHOULDER: (0.8, -0.52, 1.45),
    BodyPart.RIGHT_SHOULDER: (1.2, -0.48, 1.45),
    BodyPart.LEFT_HAND: (0.7, -0.2, 1.0),
    BodyPart.RIGHT_HAND: (1.3, -0.1, 1.2),
}


def body(places=STANDING, label="a", span_ms=80, at_ms=1000, scores=None, extra=()):
    points = tuple(BodyKeypoint(part, place, (scores or {}).get(part, 1.0)) for part, place in places.items())
    return BodyKeypoints(label, (*points, *extra), (at_ms - span_ms) * MS, at_ms * MS)


def batch(*bodies, at_ms=1000, sequence=0):
    return Bodies(at_ms * MS, sequence, "vision", bodies)


def only(*bodies):
    people = People(CONFIG, STORE)
    (found,) = people.step(batch(*bodies)).detections
    return found


def test_a_standing_body():
    found = only(body())
    assert found.label == "a"
    assert found.head == (1.0, -0.5, 1.7)
    assert found.position == pytest.approx((1.01, -0.5, 0.0))
    assert [(h.side, h.position) for h in found.hands] == [
        (HandSide.LEFT, (0.7, -0.2, 1.0)),
        (HandSide.RIGHT, (1.3, -0.1, 1.2)),
    ]
    assert found.confidence == 1.0


@pytest.mark.parametrize("wrong", [BodyPart.HEAD, BodyPart.NECK, BodyPart.LEFT_SHOULDER, BodyPart.RIGHT_SHOULDER])
def test_one_wrong_point_hardly_moves_the_floor_position(wrong):
    found = only(body(STANDING | {wrong: (3.5, -3.0, 1.5)}))
    assert math.dist(found.position, (1.01, -0.5, 0.0)) < 0.15


def test_the_floor_position_needs_one_point_of_the_torso():
    neck = only(body({BodyPart.NECK: (1.0, -0.5, 1.5)}))
    assert (neck.position, neck.head, neck.hands) == ((1.0, -0.5, 0.0), None, ())
    people = People(CONFIG, STORE)
    hands = {part: place for part, place in STANDING.items() if "HAND" in part.name}
    assert people.step(batch(body(hands))).detections == ()
    assert people.statistics().without_torso == 1


def test_low_scores_are_dropped_and_counted():
    people = People(CONFIG, STORE)
    (found,) = people.step(batch(body(scores={BodyPart.HEAD: 0.0, BodyPart.LEFT_HAND: 0.29}))).detections
    assert found.head is None
    assert [hand.side for hand in found.hands] == [HandSide.RIGHT]
    assert people.statistics().points_low_score == 2


@pytest.mark.parametrize(
    "place", [(math.nan, 0.0, 1.0), (0.0, math.inf, 1.0), (1.0, -0.5, 9.0), (1.0, -0.5, -2.0), (1.0, -0.5, math.nan)]
)
def test_impossible_points_are_rejected_and_counted(place):
    people = People(CONFIG, STORE)
    (found,) = people.step(batch(body(STANDING | {BodyPart.RIGHT_HAND: place}))).detections
    assert [hand.side for hand in found.hands] == [HandSide.LEFT]
    assert people.statistics().points_implausible == 1


def test_a_nan_score_is_a_low_score():
    assert only(body(scores={BodyPart.HEAD: math.nan})).head is None


def test_a_hand_farther_than_an_arm_is_rejected_and_counted():
    people = People(CONFIG, STORE)
    (found,) = people.step(batch(body(STANDING | {BodyPart.RIGHT_HAND: (3.0, -0.5, 1.2)}))).detections
    assert [hand.side for hand in found.hands] == [HandSide.LEFT]
    assert people.statistics().hands_out_of_reach == 1


def test_a_hand_at_the_lowest_shelf_is_kept_though_the_head_stays_up():
    found = only(body(STANDING | {BodyPart.RIGHT_HAND: (1.0, 0.1, 0.3)}))
    assert {hand.side for hand in found.hands} == {HandSide.LEFT, HandSide.RIGHT}


def test_a_body_far_outside_the_store_is_rejected_and_counted():
    people = People(CONFIG, STORE)
    away = {part: (x + 20.0, y, z) for part, (x, y, z) in STANDING.items()}
    assert people.step(batch(body(away))).detections == ()
    assert people.statistics().outside_store == 1


def test_hands_of_unknown_side_fill_up_and_are_not_taken_twice():
    extra = (
        BodyKeypoint(BodyPart.HAND, STANDING[BodyPart.LEFT_HAND], 1.0),
        BodyKeypoint(BodyPart.HAND, (1.1, -0.3, 1.1), 0.5),
        BodyKeypoint(BodyPart.HAND, (1.2, -0.3, 1.1), 0.9),
    )
    places = {part: place for part, place in STANDING.items() if part != BodyPart.RIGHT_HAND}
    hands = only(body(places, extra=extra)).hands
    assert [(h.side, h.position) for h in hands] == [
        (HandSide.LEFT, STANDING[BodyPart.LEFT_HAND]),
        (HandSide.UNKNOWN, (1.2, -0.3, 1.1)),
    ]


def test_of_two_left_hands_the_better_one_counts():
    extra = (BodyKeypoint(BodyPart.LEFT_HAND, (0.9, -0.2, 1.1), 0.9),)
    places = {part: place for part, place in STANDING.items() if part != BodyPart.RIGHT_HAND}
    hands = only(body(places, scores={BodyPart.LEFT_HAND: 0.5}, extra=extra)).hands
    assert [h.position for h in hands] == [(0.9, -0.2, 1.1)]


def test_covariance_grows_with_doubt_and_with_the_spread_of_the_cameras():
    sure = only(body(span_ms=0)).hands[0].covariance
    doubtful = only(body(span_ms=0, scores={BodyPart.LEFT_HAND: 0.5})).hands
    doubtful = next(h for h in doubtful if h.side == HandSide.LEFT).covariance
    spread = only(body(span_ms=300)).hands[0].covariance
    assert sure[0] == pytest.approx(CONFIG.keypoint_stddev**2)
    assert doubtful[0] == pytest.approx(2 * sure[0])
    assert spread[0] == pytest.approx(sure[0] + (CONFIG.hand_speed * 0.3) ** 2 / 12)
    assert sure == (sure[0], 0, 0, 0, sure[0], 0, 0, 0, sure[0])


def test_the_same_estimate_again_is_progress_and_no_measurement():
    people = People(CONFIG, STORE)
    first = people.step(batch(body()))
    again = people.step(batch(body(), at_ms=1009, sequence=1))
    fresh = people.step(batch(body(at_ms=1066), at_ms=1066, sequence=2))
    assert [len(first.detections), len(again.detections), len(fresh.detections)] == [1, 0, 1]
    assert (again.stamp_ns, again.sequence) == (1009 * MS, 1)
    assert people.statistics().repeated == 1


def test_a_person_who_stands_still_is_seen_by_new_frames():
    people = People(CONFIG, STORE)
    seen = [people.step(batch(body(at_ms=t), at_ms=t)) for t in range(1000, 2000, 66)]
    assert all(len(s.detections) == 1 for s in seen)


def test_an_empty_batch_between_does_not_hide_a_repetition():
    people = People(CONFIG, STORE)
    people.step(batch(body()))
    people.step(batch(at_ms=1004))
    assert people.step(batch(body(), at_ms=1009)).detections == ()


def test_restore_goes_on_where_the_state_was_taken():
    one = People(CONFIG, STORE)
    one.step(batch(body()))
    two = People.restore(CONFIG, STORE, pickle.loads(pickle.dumps(one.state())))
    after = batch(body(), body(label="b"), at_ms=1009)
    assert one.step(after) == two.step(after)
    assert one.statistics() == two.statistics()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("min_score", 0),
        ("min_score", 1.5),
        ("keypoint_stddev", 0),
        ("hand_speed", -1),
        ("max_reach", math.nan),
        ("store_margin", -0.1),
    ],
)
def test_a_wrong_setting_names_key_value_and_remedy(key, value):
    values = {name: getattr(CONFIG, name) for name in CONFIG.__slots__} | {key: value}
    with pytest.raises(ValueError, match=rf"{key} is {value}; give a number"):
        PeopleConfig(**values)


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
points = st.builds(BodyKeypoint, st.sampled_from(BodyPart), st.tuples(numbers, numbers, numbers), numbers)


@given(st.lists(st.lists(points, max_size=12), max_size=4))
@example([[BodyKeypoint(BodyPart.HEAD, (0.0, 0.0, 0.0), math.inf)]])
def test_whatever_comes_what_goes_on_is_finite_and_everybody_is_counted(bodies):
    people = People(CONFIG, STORE)
    made = [BodyKeypoints(None, tuple(p), 0, 0) for p in bodies]
    found = people.step(batch(*made)).detections
    counts = people.statistics()
    assert counts.bodies == len(found) + counts.repeated + counts.without_torso + counts.outside_store
    for detection in found:
        numbers = [*detection.position, *detection.position_covariance, *(detection.head or ()), detection.confidence]
        numbers += [x for h in detection.hands for x in (*h.position, *h.covariance)]
        assert all(math.isfinite(x) for x in numbers)
        assert len(detection.hands) <= 2
