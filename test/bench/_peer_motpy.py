"""Runs motpy over dumped points; started by the benchmark in the environment of the peers.

    python _peer_motpy.py DETECTIONS.npz TRACKS.npz

Every frame the detections of all sensors become one point per person: complete-linkage clusters no wider than 0.7 m,
their means. That counts in the time.
"""

import sys
import time

import numpy as np
from motpy import Detection, MultiObjectTracker
from motpy.core import setup_logger
from scipy.cluster.hierarchy import fcluster, linkage

WIDTH = 0.7
BOX = 1.0


def points(position):
    """(k, 2) one point per person of (n, 2) detections."""
    if len(position) < 2:
        return position
    label = fcluster(linkage(position, "complete"), WIDTH, "distance") - 1
    count = np.bincount(label)
    return np.stack([np.bincount(label, axis) / count for axis in position.T], axis=1)


def run(dump):
    """Frames, ids and positions of the tracks, and CPU milliseconds per step."""
    setup_logger("motpy", "WARNING")
    rate = float(dump["rate"])
    tracker = MultiObjectTracker(
        dt=1.0 / rate,
        model_spec={
            "order_pos": 1,
            "dim_pos": 2,
            "order_size": 0,
            "dim_size": 2,
            "q_var_pos": 5.0,
            "r_var_pos": 0.02,
        },
        matching_fn_kwargs={"min_iou": 0.05},
        active_tracks_kwargs={"min_steps_alive": 2, "max_staleness": round(0.3 * rate)},
        tracker_kwargs={"max_staleness": rate},
    )
    frames, whos, places, ids = [], [], [], {}
    begin = time.process_time()
    for frame, position in enumerate(np.split(dump["position"], dump["ends"][:-1])):
        tracks = tracker.step([Detection(box=np.concatenate([p - BOX / 2, p + BOX / 2])) for p in points(position)])
        for track in tracks:
            frames.append(frame)
            whos.append(ids.setdefault(track.id, len(ids)))
            places.append((track.box[:2] + track.box[2:]) / 2)
    spent = (time.process_time() - begin) / len(dump["ends"]) * 1e3
    return {"frame": frames, "who": whos, "position": np.reshape(places, (-1, 2)), "cpu_ms": spent}


if __name__ == "__main__":
    np.savez(sys.argv[2], **run(np.load(sys.argv[1])))
