"""People without labels, from depth sensors to tracks with hands: ``SensorsFollower`` and the stages around it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from aisle_core.errors import AisleError
from aisle_core.stages import PeopleStage, PeopleStageConfig, TrackerStage, TrackerStageConfig
from aisle_core.store import Lane, PoseSource
from aisle_core.tracking import SensorsFollower, TrackerConfig
from aisle_core.tracking.sensors import united
from aisle_core.types import Bodies, PersonDetection, PersonDetections, Tick, TrackState

from .depth_scene import INFO, PERIOD_NS, SENSOR, Scene, person
from .fusion_world import MS, STORE, hand, shipped

CONFIG = shipped(TrackerConfig, "tracker_node", "tracker.sensors")
SENSORS = (SENSOR, SENSOR.model_copy(update={"device_id": "d2", "pose": SENSOR.pose._replace(x=1.0)}))
LANE = Lane(lane_id="in", zone="floor", direction="in", position=(-1.5, -1.2))
DEPTH_STORE = STORE.model_copy(update={"depth_sensors": SENSORS, "lanes": (LANE,), "pose_sources": ()})
RADIUS = 1.0


def seen(x, y=-1.2, hands=(), height=1.7):
    return PersonDetection(None, (x, y, 0.0), (0.002, 0.0, 0.0, 0.002), (x, y, height), hands, 0.9)


def batch(at_ms, sensor, *detections):
    return PersonDetections(at_ms * MS, at_ms, sensor, detections)


def follower():
    return SensorsFollower(CONFIG, DEPTH_STORE, RADIUS)


def walk(tracker, steps, start=-1.5, pace=0.1, first=0, hands=()):
    """Somebody whom both sensors see; the tracks after each tick."""
    told = []
    for step in range(first, first + steps):
        for lag, sensor in ((60, "d1"), (20, "d2")):
            x = start + pace * (step - first) - pace * lag / 100
            assert tracker.step(batch(100 * step - lag, sensor, seen(x, hands=hands))) is None
        told.append(tracker.step(Tick(100 * step * MS, step)))
    return told


def test_two_sensors_see_one_person_with_the_hand_that_both_see():
    told = walk(follower(), 15, hands=(hand((0.3, 0.1, 1.0)),))
    (track,) = told[-1].tracks
    assert (track.track_id, track.label, track.state) == (1, None, TrackState.SEEN)
    assert track.position[0] == pytest.approx(-1.5 + 14 * 0.1, abs=0.05)
    assert [tuple(one.position) for one in track.hands] == [pytest.approx((0.3, 0.1, 1.0))]
    assert track.first_ns < 1000 * MS and track.head[2] == pytest.approx(1.7)


def test_who_is_seen_with_the_torso_beside_an_upright_head_is_under_the_head():
    tracker = follower()
    walk(tracker, 15)
    for step in range(15, 25):
        leans = replace(seen(0.2), head=(-0.1, -1.2, 1.7))
        tracker.step(batch(100 * step - 20, "d1", leans))
        told = tracker.step(Tick(100 * step * MS, step))
    (track,) = told.tracks
    assert track.position[:2] == pytest.approx((-0.1, -1.2), abs=0.03)


def test_a_sensor_that_is_faster_than_the_ticks_sees_one_person():
    tracker = follower()
    for step in range(20):
        for part in range(3):
            at_ms = 100 * step - 90 + 33 * part
            tracker.step(batch(at_ms, "d1", seen(-1.5 + 0.001 * at_ms)))
        told = tracker.step(Tick(100 * step * MS, step))
    assert [track.track_id for track in told.tracks] == [1]


def test_sensors_and_a_tick_with_the_same_stamp_are_all_used():
    tracker = follower()
    for step in range(15):
        for sensor in ("d1", "d2", "d1"):
            tracker.step(batch(100 * step, sensor, seen(-1.5 + 0.1 * step)))
        told = tracker.step(Tick(100 * step * MS, step))
        assert told.stamp_ns == 100 * step * MS
    assert [track.track_id for track in told.tracks] == [1]


def test_one_person_at_two_heights_is_one_and_two_people_whom_a_sensor_tells_apart_are_two():
    one, two = follower(), follower()
    for step in range(25):
        x = -1.5 + 0.08 * step
        for lag, sensor, height, beside in ((60, "d1", 1.7, 0.45), (20, "d2", 1.45, 0.45)):
            one.step(batch(100 * step - lag, sensor, seen(x, height=height)))
            two.step(batch(100 * step - lag, sensor, seen(x), seen(x, y=-1.2 + beside)))
        alone, together = one.step(Tick(100 * step * MS, step)), two.step(Tick(100 * step * MS, step))
    assert [track.track_id for track in alone.tracks] == [1]
    assert [track.track_id for track in together.tracks] == [1, 2]


def test_who_goes_out_at_a_lane_ends_and_who_vanishes_inside_is_lost():
    tracker = follower()
    walk(tracker, 20)
    gone = [tracker.step(Tick(100 * step * MS, step)) for step in range(20, 80)]
    assert [track.state for track in gone[-1].tracks] == [TrackState.LOST]
    assert gone[-1].tracks[0].hands == ()

    tracker = follower()
    walk(tracker, 10, pace=0.05)
    walk(tracker, 10, start=-1.05, pace=-0.05, first=10)
    states = [track.state for step in range(20, 80) for track in tracker.step(Tick(100 * step * MS, step)).tracks]
    assert states[-1] is TrackState.ENDED and states.count(TrackState.ENDED) == 1


def test_it_goes_on_from_a_saved_state_in_the_middle_of_a_tick():
    tracker = follower()
    walk(tracker, 10)
    tracker.step(batch(940, "d1", seen(-0.56)))
    twin = SensorsFollower.restore(CONFIG, DEPTH_STORE, RADIUS, pickle.loads(pickle.dumps(tracker.state())))
    rest = [batch(980, "d2", seen(-0.52)), Tick(1000 * MS, 10), batch(1040, "d1", seen(-0.46)), Tick(1100 * MS, 11)]
    assert [tracker.step(item) for item in rest] == [twin.step(item) for item in rest]
    assert tracker.born == twin.born == 1


def test_ids_go_on_after_those_before():
    tracker = SensorsFollower(CONFIG, DEPTH_STORE, RADIUS, born=7)
    assert [track.track_id for track in walk(tracker, 10)[-1].tracks] == [8]


def test_hands_near_each_other_are_one_and_the_most_certain_come_first():
    sure, vague = hand((0.0, 0.0, 1.0)), hand((0.1, 0.0, 1.0))
    vague = replace(vague, covariance=tuple(3 * value for value in sure.covariance))
    others = [hand((x, 0.0, 1.0)) for x in (1.0, 2.0)]
    found = united([vague, *others, sure])
    assert len(found) == 2
    assert found[0].position == pytest.approx((0.025, 0.0, 1.0))
    assert found[0].covariance == sure.covariance
    assert united([*others, sure, vague]) == found
    assert united([]) == ()


# --- the stages


PEOPLE = shipped(PeopleStageConfig, "people_node", "people")
TRACKER = shipped(TrackerStageConfig, "tracker_node", "tracker")


def people_stage():
    return PeopleStage(DEPTH_STORE, PEOPLE)


def test_depth_images_become_detections_and_tracks():
    store = DEPTH_STORE.model_copy(update={"lanes": (), "depth_sensors": SENSORS[:1]})
    people, tracker, scene = PeopleStage(store, PEOPLE), TrackerStage(store, TRACKER), Scene()
    told = []
    people.push(INFO)
    for step in range(20):
        image = scene.image(person(-0.5 + 0.05 * step, -1.2)) if step > 2 else scene.image()
        for found in people.push(image):
            assert (found.source_id, found.stamp_ns) == ("d1", image.stamp_ns)
            told += tracker.push(found)
        told += tracker.push(PersonDetections(image.stamp_ns, step, "d2", ()))
        told += tracker.push(Tick(step * PERIOD_NS, step))
    told += [output for output in people.finish() for output in tracker.push(output)] + tracker.finish()
    assert people.statistics().counts == {"images": 20}
    assert {track.track_id for batch in told for track in batch.tracks} == {1}


def test_bad_images_are_counted_with_the_remedy_and_change_nothing():
    people, scene = people_stage(), Scene()
    image = scene.image()
    foreign = replace(image, frame_id="camera_link")
    patience_ns = DEPTH_STORE.latency.sensor_timeout_ns
    early = [replace(image, stamp_ns=at) for at in (0, patience_ns // 2)]
    outputs = [output for one in (foreign, *early) for output in people.push(one)]
    outputs += people.push(replace(image, stamp_ns=patience_ns))
    assert outputs == []
    people.push(INFO)
    for number, bad in enumerate(
        (
            replace(image, pixels=np.zeros_like(image.pixels)),
            replace(image, encoding="32FC1", pixels=np.full(image.pixels.shape, np.nan, np.float32)),
            replace(image, pixels=image.pixels[::2, ::2]),
            replace(image, encoding="bgr8", pixels=np.zeros((*image.pixels.shape, 3), np.uint8)),
        )
    ):
        assert people.push(replace(bad, stamp_ns=patience_ns + number + 1)) == []
    reasons = people.take_rejections()
    for word, reason in zip(
        ("no depth sensor", "camera_info", "lens", "emitter", "resolution", "16UC1"), reasons, strict=True
    ):
        assert word in reason
    assert people.take_rejections() == []
    assert sum(people.statistics().rejected.values()) == 6
    assert [found.source_id for found in people.push(replace(image, stamp_ns=2 * patience_ns))] == ["d1"]


def test_a_stage_takes_only_what_people_are_found_with():
    assert people_stage().inputs == (type(Scene().image()), type(INFO))
    poses = STORE.model_copy(update={"pose_sources": (PoseSource(device_id="eye", zone="floor"),)})
    assert PeopleStage(poses, PEOPLE).inputs == (Bodies,)
    with pytest.raises(AisleError, match="no depth_sensors"):
        PeopleStage(STORE, replace(PEOPLE, source="depth"))
    with pytest.raises(ValueError, match="give one of auto, poses, depth"):
        replace(PEOPLE, source="radar")
    tracker = TrackerStage(DEPTH_STORE, TRACKER)
    assert tracker.push(PersonDetections(0, 0, "oracle", ())) == []
    assert [*tracker.statistics().rejected.values()] == [1]
