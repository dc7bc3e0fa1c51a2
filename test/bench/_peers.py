"""Runs one published tracker over dumped points; started by the benchmark in the environment of that peer.

    python _peers.py NAME DETECTIONS.npz TRACKS.npz

Every frame the detections of all sensors become one point per person: complete-linkage clusters no wider than 0.7 m,
their means. That counts in the time. Trackers of boxes get a square around each point, in pixels where their noise is
in pixels. A few settings of SORT and norfair were compared on seed 1, with little difference; ByteTrack and OC-SORT
have those of SORT, motpy those chosen on an earlier crowd, Stone Soup plausible ones.
"""

import datetime
import sys
import time

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

WIDTH = 0.7
"""Of a cluster at most [m]."""


def points(position):
    """(k, 2) one point per person of (n, 2) detections."""
    if len(position) < 2:
        return position
    label = fcluster(linkage(position, "complete"), WIDTH, "distance") - 1
    count = np.bincount(label)
    return np.stack([np.bincount(label, axis) / count for axis in position.T], axis=1)


def _boxes(make, rate, box=1.0, scale=100.0, lost_s=1.0, first=2, iou=0.1):
    """A tracker of ``trackers``: side of the box [m], pixels per metre, and its own settings."""
    import supervision

    tracker = make(
        frame_rate=rate,
        lost_track_buffer=round(lost_s * 30),
        minimum_consecutive_frames=first,
        minimum_iou_threshold=iou,
    )

    def step(position):
        corner = np.concatenate([position - box / 2, position + box / 2], axis=1) * scale
        found = supervision.Detections(xyxy=corner.reshape(-1, 4), confidence=np.ones(len(corner)))
        found = tracker.update(found)
        kept = found.tracker_id >= 0
        return found.tracker_id[kept], (found.xyxy[kept, :2] + found.xyxy[kept, 2:]) / 2 / scale

    return step


def sort(rate, **settings):
    from trackers import SORTTracker

    return _boxes(SORTTracker, rate, **settings)


def bytetrack(rate, **settings):
    from trackers import ByteTrackTracker

    return _boxes(ByteTrackTracker, rate, **settings)


def ocsort(rate, **settings):
    from trackers import OCSORTTracker

    return _boxes(OCSORTTracker, rate, **settings)


def motpy(rate, box=1.0, noise=5.0, spread=0.02, iou=0.05, shown_s=0.3, lost_s=1.0):
    from motpy import Detection, MultiObjectTracker
    from motpy.core import setup_logger

    setup_logger("motpy", "WARNING")
    tracker = MultiObjectTracker(
        dt=1.0 / rate,
        model_spec={
            "order_pos": 1,
            "dim_pos": 2,
            "order_size": 0,
            "dim_size": 2,
            "q_var_pos": noise,
            "r_var_pos": spread,
        },
        matching_fn_kwargs={"min_iou": iou},
        active_tracks_kwargs={"min_steps_alive": 2, "max_staleness": round(shown_s * rate)},
        tracker_kwargs={"max_staleness": round(lost_s * rate)},
    )

    def step(position):
        tracks = tracker.step([Detection(box=np.concatenate([p - box / 2, p + box / 2])) for p in position])
        return [track.id for track in tracks], [(track.box[:2] + track.box[2:]) / 2 for track in tracks]

    return step


def norfair(rate, gate=0.7, lost_s=1.0, first=2, spread=4.0, noise=0.1):
    from norfair import Detection, Tracker
    from norfair.filter import OptimizedKalmanFilterFactory

    tracker = Tracker(
        distance_function="euclidean",
        distance_threshold=gate,
        hit_counter_max=round(lost_s * rate),
        initialization_delay=first,
        filter_factory=OptimizedKalmanFilterFactory(R=spread, Q=noise),
    )

    def step(position):
        tracks = tracker.update([Detection(points=p[None]) for p in position])
        tracks = [track for track in tracks if track.hit_counter_is_positive]
        return [track.global_id for track in tracks], [track.estimate[0] for track in tracks]

    return step


def stonesoup(rate, noise=0.5, spread=0.06, gate=4.0, lost_s=1.0, first=2):
    from stonesoup.dataassociator.tree import DetectionKDTreeGNN2D
    from stonesoup.deleter.time import UpdateTimeDeleter
    from stonesoup.hypothesiser.distance import DistanceHypothesiser
    from stonesoup.initiator.simple import MultiMeasurementInitiator
    from stonesoup.measures import Mahalanobis
    from stonesoup.models.measurement.linear import LinearGaussian
    from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, ConstantVelocity
    from stonesoup.predictor.kalman import KalmanPredictor
    from stonesoup.types.detection import Detection
    from stonesoup.types.state import GaussianState
    from stonesoup.updater.kalman import KalmanUpdater

    motion = CombinedLinearGaussianTransitionModel([ConstantVelocity(noise), ConstantVelocity(noise)])
    measured = LinearGaussian(4, (0, 2), np.eye(2) * spread**2)
    predictor, updater = KalmanPredictor(motion), KalmanUpdater(measured)
    hypothesiser = DistanceHypothesiser(predictor, updater, Mahalanobis(), missed_distance=gate)
    associator = DetectionKDTreeGNN2D(hypothesiser, predictor, updater, number_of_neighbours=3, max_distance=1.0)
    deleter = UpdateTimeDeleter(datetime.timedelta(seconds=lost_s))
    initiator = MultiMeasurementInitiator(
        prior_state=GaussianState([[0.0]] * 4, np.diag([0.0, 1.0, 0.0, 1.0])),
        measurement_model=measured,
        deleter=UpdateTimeDeleter(datetime.timedelta(seconds=2.5 / rate)),
        data_associator=associator,
        updater=updater,
        min_points=first,
    )
    tracks, now = set(), datetime.datetime(2026, 1, 1)

    def step(position):
        nonlocal tracks, now
        now += datetime.timedelta(seconds=1.0 / rate)
        found = {Detection(p[:, None], timestamp=now, measurement_model=measured) for p in position}
        used = set()
        for track, hypothesis in associator.associate(tracks, found, now).items():
            if hypothesis:
                track.append(updater.update(hypothesis))
                used.add(hypothesis.measurement)
            else:
                track.append(hypothesis.prediction)
        tracks = tracks - deleter.delete_tracks(tracks)
        tracks |= initiator.initiate(found - used, now)
        shown = [track for track in tracks if hasattr(track.state, "hypothesis")]
        return [track.id for track in shown], [track.state_vector[[0, 2], 0] for track in shown]

    return step


def run(step, dump):
    """Frames, ids and positions of the tracks, and CPU milliseconds per step."""
    frames, whos, places, ids = [], [], [], {}
    begin = time.process_time()
    for frame, position in enumerate(np.split(dump["position"], dump["ends"][:-1])):
        found, place = step(points(position))
        frames.extend([frame] * len(found))
        whos.extend(ids.setdefault(who, len(ids)) for who in found)
        places.extend(place)
    spent = (time.process_time() - begin) / len(dump["ends"]) * 1e3
    return {"frame": frames, "who": whos, "position": np.reshape(np.array(places, float), (-1, 2)), "cpu_ms": spent}


PEERS = {function.__name__: function for function in (sort, bytetrack, ocsort, motpy, norfair, stonesoup)}

if __name__ == "__main__":
    dumped = np.load(sys.argv[2])
    np.savez(sys.argv[3], **run(PEERS[sys.argv[1]](float(dumped["rate"])), dumped))
