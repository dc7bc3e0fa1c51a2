"""The table of every topic of the store graph.

Nodes make their endpoints from it; the pages in ``docs/``, the bag profiles and the contract tests are generated
from it or checked against it. Names are relative to the store's namespace ``/<store_id>``; topics of a device carry
``{zone}`` and ``{device}``, which the site's sensors and gates files fill in. Names with a leading slash are global.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

CONTRACT_VERSION = 1
"""Grows when a message or a topic changes its meaning; bags carry it."""


class Qos(enum.Enum):
    """The five quality-of-service classes; ``aisle_nodes.qos`` has the profiles."""

    SENSOR = "SENSOR"
    """Images, depth, clouds: publisher reliable, subscriber best effort."""
    STREAM = "STREAM"
    """Readings, detections: reliable."""
    EVENT = "EVENT"
    """Things that must not be lost: reliable, deep queue, kept by the publisher for a node that was restarted."""
    STATE = "STATE"
    """The latest value for whoever comes late: reliable, transient local."""
    DIAG = "DIAG"
    """Diagnostics: reliable, shallow."""

    @property
    def depth(self) -> int:
        """Length of the queues."""
        return {"SENSOR": 5, "STREAM": 1000, "EVENT": 5000, "STATE": 1, "DIAG": 100}[self.value]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the graph.

    ``publishers`` and ``subscribers`` are node names; ``device`` stands for the driver or recording that feeds the
    graph, ``view`` for whoever looks (RViz, the terminal view, the office).
    """

    name: str
    type: str
    qos: Qos
    publishers: tuple[str, ...]
    subscribers: tuple[str, ...]
    doc: str

    @property
    def per_device(self) -> bool:
        """Whether every device has a topic of its own."""
        return "{device}" in self.name

    def of(self, zone: str, device: str) -> str:
        """Name of the topic of one device, relative to the store's namespace."""
        return self.name.format(zone=zone, device=device)

    def pattern(self) -> str:
        """Regular expression of the absolute names under any store."""
        if self.name.startswith("/"):
            return self.name
        return "/[^/]+/" + self.name.format(zone="[^/]+", device="[^/]+")


_SENSORS = "{zone}/{device}/"

TICK = Topic(
    "tick",
    "aisle_msgs/msg/Tick",
    Qos.EVENT,
    ("store_node",),
    ("tracker_node", "item_evidence_node", "cart_fusion_node", "checkout_node"),
    "Heartbeat, 10 Hz; silence is noticed by it.",
)
STORE_INFO = Topic(
    "store_info",
    "aisle_msgs/msg/StoreInfo",
    Qos.STATE,
    ("store_node",),
    ("view",),
    "Which store this is, its configuration hash and versions.",
)
TF_STATIC = Topic(
    "/tf_static",
    "tf2_msgs/msg/TFMessage",
    Qos.STATE,
    ("store_node",),
    ("view",),
    "Frames of fixtures and sensors under map, from the site's configuration.",
)
SCALE_LAYOUT = Topic(
    _SENSORS + "scale_layout",
    "aisle_msgs/msg/ScaleLayout",
    Qos.STATE,
    ("scale_node", "device"),
    ("shelf_event_node",),
    "Which column of the readings is which plate.",
)
SCALE_READINGS = Topic(
    _SENSORS + "scale_readings",
    "aisle_msgs/msg/ScaleReadings",
    Qos.STREAM,
    ("scale_node", "device"),
    ("shelf_event_node",),
    "Samples of all plates of one gateway.",
)
BODY_KEYPOINTS = Topic(
    _SENSORS + "body_keypoints",
    "aisle_msgs/msg/BodyKeypointsArray",
    Qos.STREAM,
    ("pose_node", "device"),
    ("people_node",),
    "Key points of bodies from one pose estimator.",
)
GATE_EVENTS = Topic(
    _SENSORS + "gate_events",
    "aisle_msgs/msg/GateEvent",
    Qos.EVENT,
    ("gate_node", "device"),
    ("checkout_node", "view"),
    "Credentials and passages at one lane.",
)
GATE_COMMANDS = Topic(
    _SENSORS + "gate_commands",
    "aisle_msgs/msg/GateCommand",
    Qos.EVENT,
    ("checkout_node",),
    ("gate_node", "results_node", "view"),
    "What one lane shall do.",
)
GATE_ALARMS = Topic(
    _SENSORS + "gate_alarms",
    "aisle_msgs/msg/GateAlarm",
    Qos.EVENT,
    ("checkout_node",),
    ("view",),
    "What staff must know of one lane.",
)
DEPTH_IMAGE = Topic(
    _SENSORS + "depth/image_rect",
    "sensor_msgs/msg/Image",
    Qos.SENSOR,
    ("depth_node", "device"),
    ("people_node", "view"),
    "Rectified depth along the optical axis (REP-118), only while somebody subscribes.",
)
DEPTH_INFO = Topic(
    _SENSORS + "depth/camera_info",
    "sensor_msgs/msg/CameraInfo",
    Qos.SENSOR,
    ("depth_node", "device"),
    ("people_node", "view"),
    "The pinhole of the depth images, with each of them.",
)
DEPTH_POINTS = Topic(
    _SENSORS + "depth/points",
    "sensor_msgs/msg/PointCloud2",
    Qos.SENSOR,
    ("depth_node",),
    ("view",),
    "Points of the depth images in the sensor's optical frame, only while somebody subscribes.",
)
COLOR_IMAGE = Topic(
    _SENSORS + "color/image_rect",
    "sensor_msgs/msg/Image",
    Qos.SENSOR,
    ("camera_node", "device"),
    ("item_evidence_node", "view"),
    "Rectified colour image, only while somebody subscribes.",
)
COLOR_INFO = Topic(
    _SENSORS + "color/camera_info",
    "sensor_msgs/msg/CameraInfo",
    Qos.SENSOR,
    ("camera_node", "device"),
    ("view",),
    "The pinhole of the colour images, with each of them.",
)
PERSON_DETECTIONS = Topic(
    "person_detections",
    "aisle_msgs/msg/PersonDetectionArray",
    Qos.STREAM,
    ("people_node",),
    ("tracker_node",),
    "People seen by one source at one instant, without identity.",
)
PERSON_TRACKS = Topic(
    "person_tracks",
    "aisle_msgs/msg/PersonTrackArray",
    Qos.EVENT,
    ("tracker_node",),
    (
        "item_evidence_node",
        "cart_fusion_node",
        "checkout_node",
        "bag_player_node",
        "sim_node",
        "markers_node",
        "view",
    ),
    "Everybody who is believed in the store.",
)
SHELF_EVENTS = Topic(
    "shelf_events",
    "aisle_msgs/msg/ShelfEventArray",
    Qos.EVENT,
    ("shelf_event_node",),
    ("item_evidence_node", "cart_fusion_node", "checkout_node", "bag_player_node", "sim_node", "results_node", "view"),
    "Settled net changes on plates, batch by batch.",
)
PLATE_STATES = Topic(
    "plate_states",
    "aisle_msgs/msg/PlateStateArray",
    Qos.EVENT,
    ("shelf_event_node",),
    ("cart_fusion_node", "markers_node", "view"),
    "Health and load of every plate, once a second.",
)
ITEM_EVIDENCE = Topic(
    "item_evidence",
    "aisle_msgs/msg/ItemEvidence",
    Qos.EVENT,
    ("item_evidence_node", "device"),
    ("cart_fusion_node", "bag_player_node", "sim_node"),
    "Scores of products from a recogniser, about one shelf event; about none: nothing more up to its stamp.",
)
CART_EVENTS = Topic(
    "cart_events",
    "aisle_msgs/msg/CartEventArray",
    Qos.EVENT,
    ("cart_fusion_node",),
    ("checkout_node", "bag_player_node", "sim_node", "markers_node", "results_node", "view"),
    "Who took or returned what, with confidence and reason; without an id: how it looks, till the next message.",
)
STOCK = Topic(
    "stock",
    "aisle_msgs/msg/StockLineArray",
    Qos.STATE,
    ("cart_fusion_node",),
    ("view",),
    "What is believed to stand where.",
)
STOCK_EVENTS = Topic(
    "stock_events",
    "aisle_msgs/msg/StockEventArray",
    Qos.EVENT,
    ("cart_fusion_node",),
    ("results_node", "view"),
    "Facings that run low or out, plates that are untidy.",
)
STAFF_TRACKS = Topic(
    "staff_tracks",
    "aisle_msgs/msg/StaffTrack",
    Qos.EVENT,
    ("checkout_node",),
    ("cart_fusion_node", "view"),
    "Who of the people in the store works there.",
)
CARTS = Topic(
    "carts",
    "aisle_msgs/msg/CartArray",
    Qos.STATE,
    ("checkout_node",),
    ("markers_node", "view"),
    "The carts of all open visits.",
)
RECEIPTS = Topic(
    "receipts",
    "aisle_msgs/msg/Receipt",
    Qos.EVENT,
    ("checkout_node",),
    ("results_node", "view"),
    "The account of a visit, once, when it closes.",
)
REVIEWS = Topic(
    "reviews",
    "aisle_msgs/msg/Review",
    Qos.EVENT,
    ("checkout_node",),
    ("results_node", "view"),
    "A visit that closed with doubts, and the evidence.",
)
REVIEW_DECISIONS = Topic(
    "review_decisions",
    "aisle_msgs/msg/ReviewDecision",
    Qos.EVENT,
    ("checkout_node",),
    ("cart_fusion_node", "view"),
    "What a person decided about a review, once.",
)
END_OF_STREAM = Topic(
    "end_of_stream",
    "aisle_msgs/msg/EndOfStream",
    Qos.EVENT,
    (
        "bag_player_node",
        "sim_node",
        "scale_node",
        "pose_node",
        "gate_node",
        "depth_node",
        "camera_node",
        "people_node",
        "tracker_node",
        "shelf_event_node",
        "item_evidence_node",
        "cart_fusion_node",
        "checkout_node",
    ),
    (
        "people_node",
        "tracker_node",
        "shelf_event_node",
        "item_evidence_node",
        "cart_fusion_node",
        "checkout_node",
        "results_node",
        "view",
    ),
    "A publisher has said its last word on some topics.",
)
TRUTH_PEOPLE = Topic(
    "truth/people",
    "aisle_msgs/msg/TruthPersonArray",
    Qos.STREAM,
    ("sim_node",),
    (),
    "Everybody in a simulated store as it really is. For scoring only.",
)
TRUTH_EVENTS = Topic(
    "truth/events",
    "aisle_msgs/msg/TruthEvent",
    Qos.EVENT,
    ("sim_node",),
    (),
    "Every deed in a simulated store as it really happened. For scoring only.",
)
TRUTH_CARTS = Topic(
    "truth/carts",
    "aisle_msgs/msg/TruthCart",
    Qos.EVENT,
    ("sim_node",),
    (),
    "What everybody in a simulated store really has; closed ones are the true receipts. For scoring only.",
)
MARKERS = Topic(
    "markers",
    "visualization_msgs/msg/MarkerArray",
    Qos.STATE,
    ("markers_node",),
    ("view",),
    "Fixtures, plates, people, hands and carts for RViz.",
)
REPLAY_COMMANDS = Topic(
    "replay_commands",
    "aisle_msgs/msg/ReplayCommand",
    Qos.EVENT,
    ("view",),
    ("bag_player_node", "sim_node"),
    "Pause, resume, step, seek and rate of the bag player or the simulator.",
)
REPLAY_STATUS = Topic(
    "replay_status",
    "aisle_msgs/msg/ReplayStatus",
    Qos.STATE,
    ("bag_player_node", "sim_node"),
    ("view",),
    "Where the bag player or the simulator is.",
)
CLOCK = Topic(
    "/clock",
    "rosgraph_msgs/msg/Clock",
    Qos.STREAM,
    ("bag_player_node", "sim_node"),
    ("view",),
    "Data time while a recording or a simulation plays.",
)
DIAGNOSTICS = Topic(
    "/diagnostics",
    "diagnostic_msgs/msg/DiagnosticArray",
    Qos.DIAG,
    (
        "store_node",
        "scale_node",
        "pose_node",
        "gate_node",
        "depth_node",
        "camera_node",
        "sim_node",
        "people_node",
        "tracker_node",
        "shelf_event_node",
        "item_evidence_node",
        "cart_fusion_node",
        "checkout_node",
        "markers_node",
        "results_node",
        "recorder_node",
        "bag_player_node",
    ),
    (
        "bag_player_node",
        "sim_node",
        "scale_node",
        "pose_node",
        "gate_node",
        "depth_node",
        "camera_node",
        "view",
    ),
    "Health of every node, once a second.",
)

TOPICS: tuple[Topic, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Topic))
"""All topics, in the order of the data flow."""


def published_by(node: str) -> list[Topic]:
    """Topics that the node publishes."""
    return [topic for topic in TOPICS if node in topic.publishers]


def subscribed_by(node: str) -> list[Topic]:
    """Topics that the node subscribes to."""
    return [topic for topic in TOPICS if node in topic.subscribers]


def nodes() -> list[str]:
    """Names of all nodes, sorted."""

    def names() -> Iterable[str]:
        for topic in TOPICS:
            yield from topic.publishers
            yield from topic.subscribers

    return sorted(set(names()) - {"device", "view"})
