"""Tracks with given identities, and the nearest neighbour without them."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle_core.tracking import LabelConfig, LabelFollower
from aisle_core.types import PersonDetection, PersonDetections, Tick, TrackState

from .fusion_world import MS, hand, shipped

CONFIG = shipped(LabelConfig, "tracker_node", "tracker.labels")


def seen(x, label=None, y=0.0):
    return PersonDetection(label, (x, y, 0.0), (0.01, 0.0, 0.0, 0.01), (x, y, 1.7), (hand((x, y, 1.0)),), 0.9)


def batch(at_ms, *detections):
    return PersonDetections(at_ms * MS, 0, "vision", detections)


def tick(at_ms):
    return Tick(at_ms * MS, 0)


def ids(tracks):
    return [track.track_id for track in tracks.tracks]


def states(tracks):
    return {track.track_id: track.state.name for track in tracks.tracks}


def test_labels_are_people_numbered_by_first_sight():
    tracker = LabelFollower(CONFIG)
    first = tracker.step(batch(0, seen(1, "b")))
    second = tracker.step(batch(66, seen(5, "a"), seen(9, "b")))
    assert [(t.track_id, t.label) for t in first.tracks] == [(1, "b")]
    assert [(t.track_id, t.label, t.position[0], t.first_ns) for t in second.tracks] == [
        (1, "b", 9, 0),
        (2, "a", 5, 66 * MS),
    ]
    assert [first.sequence, second.sequence] == [0, 1]


def test_life_of_a_track():
    tracker = LabelFollower(CONFIG)
    tracker.step(batch(0, seen(1, "a")))
    assert states(tracker.step(tick(CONFIG.lost_after_ms))) == {1: "SEEN"}
    lost = tracker.step(tick(CONFIG.lost_after_ms + 1))
    assert states(lost) == {1: "LOST"}
    assert (lost.tracks[0].position, lost.tracks[0].hands) == ((1, 0.0, 0.0), ())
    assert states(tracker.step(tick(CONFIG.lost_timeout_ms))) == {1: "LOST"}
    assert states(tracker.step(tick(CONFIG.lost_timeout_ms + 1))) == {1: "ENDED"}
    assert tracker.step(tick(CONFIG.lost_timeout_ms + 2)).tracks == ()
    assert ids(tracker.step(batch(CONFIG.lost_timeout_ms + 3, seen(1, "a")))) == [2]


def test_a_lost_person_comes_back():
    tracker = LabelFollower(CONFIG)
    tracker.step(batch(0, seen(1, "a")))
    tracker.step(tick(5000))
    assert states(tracker.step(batch(6000, seen(4, "a")))) == {1: "SEEN"}


def test_the_end_ends_everybody():
    tracker = LabelFollower(CONFIG)
    tracker.step(batch(0, seen(1, "a"), seen(5)))
    assert states(tracker.finish(0)) == {1: "ENDED", 2: "ENDED"}
    assert tracker.finish(1).tracks == ()


def test_without_labels_the_nearest_goes_on():
    tracker = LabelFollower(CONFIG)
    tracker.step(batch(0, seen(1.0), seen(3.0)))
    moved = tracker.step(batch(66, seen(2.9), seen(1.1)))
    assert [(t.track_id, t.position[0]) for t in moved.tracks] == [(1, 1.1), (2, 2.9)]


def test_the_assignment_is_joint():
    """Taking the nearest pair first would leave the other one out of its gate."""
    tracker = LabelFollower(replace(CONFIG, gate_distance=0.5, max_speed=0.0))
    tracker.step(batch(0, seen(0.0), seen(0.6)))
    moved = tracker.step(batch(66, seen(0.4), seen(1.0)))
    assert [(t.track_id, t.position[0]) for t in moved.tracks] == [(1, 0.4), (2, 1.0)]


def test_the_gate_grows_with_the_time_unseen():
    tracker = LabelFollower(CONFIG)
    tracker.step(batch(0, seen(0.0)))
    assert ids(tracker.step(batch(100, seen(2.0)))) == [1, 2]
    tracker = LabelFollower(CONFIG)
    tracker.step(batch(0, seen(0.0)))
    assert ids(tracker.step(batch(1000, seen(2.0)))) == [1]


def test_labels_and_nameless_people_do_not_mix():
    tracker = LabelFollower(CONFIG)
    tracker.step(batch(0, seen(1.0, "a")))
    assert ids(tracker.step(batch(66, seen(1.0)))) == [1, 2]
    assert ids(tracker.step(batch(132, seen(1.0, "a"), seen(1.0)))) == [1, 2]


def test_a_label_twice_in_a_batch_is_one_person():
    assert ids(LabelFollower(CONFIG).step(batch(0, seen(1.0, "a"), seen(2.0, "a")))) == [1]


def test_a_state_is_a_copy():
    tracker = LabelFollower(CONFIG)
    tracker.step(batch(0, seen(1, "a")))
    state = tracker.state()
    before = pickle.dumps(state)
    tracker.step(batch(66, seen(2, "a"), seen(3, "b")))
    assert pickle.dumps(state) == before
    LabelFollower.restore(CONFIG, state).finish(1)
    assert pickle.dumps(state) == before


@pytest.mark.parametrize(("key", "value"), [("lost_after_ms", 0), ("lost_timeout_ms", 10), ("gate_distance", -1.0)])
def test_a_wrong_setting_names_key_value_and_remedy(key, value):
    values = {name: getattr(CONFIG, name) for name in CONFIG.__slots__} | {key: value}
    with pytest.raises(ValueError, match=rf"{key} is {value}; give a number"):
        LabelConfig(**values)


detections = st.builds(seen, st.floats(0, 6), st.sampled_from([None, None, "a", "b"]), st.floats(0, 3))
items = st.lists(st.tuples(st.integers(1, 4000), st.one_of(st.none(), st.lists(detections, max_size=4))), max_size=20)


def stream(steps):
    now, made = 0, []
    for wait, found in steps:
        now += wait
        made.append(tick(now) if found is None else batch(now, *found))
    return made


@given(items, st.integers(0, 20))
def test_ids_are_unique_ends_are_final_and_the_state_is_everything(steps, cut):
    tracker, other, ended = LabelFollower(CONFIG), LabelFollower(CONFIG), []
    for number, item in enumerate(stream(steps)):
        if number == cut:
            other = LabelFollower.restore(CONFIG, pickle.loads(pickle.dumps(other.state())))
        tracks = tracker.step(item)
        assert tracks == other.step(item)
        assert tracks.stamp_ns == item.stamp_ns
        assert len(set(ids(tracks))) == len(ids(tracks))
        assert not set(ended) & set(ids(tracks))
        assert ids(tracks) == sorted(ids(tracks)) or any(t.state == TrackState.ENDED for t in tracks.tracks)
        ended += [t.track_id for t in tracks.tracks if t.state == TrackState.ENDED]
        if isinstance(item, PersonDetections):
            nameless = sum(d.label is None for d in item.detections)
            assert sum(t.state == TrackState.SEEN for t in tracks.tracks) >= nameless
