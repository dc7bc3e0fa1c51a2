"""What flows through the store, as plain immutable values.

The same things as the messages in ``msg/``, which describe each field; ``aisle_contract.convert`` translates.
Stamps are int nanoseconds of data time, positions are (3,) float tuples in frame ``map`` [m], mass is kg.

Every stage speaks in batches: the ``stamp_ns`` of a batch says that everything up to this instant has been
considered, so that an empty batch is progress and silence is a fault. ``sequence`` counts the batches of one
source without gaps.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]


def source_of(batch: object) -> str:
    """Device that counts the sequence of a batch, as a value or a message, where several share a topic; else ""."""
    device: str = getattr(batch, "gateway_id", "") or getattr(batch, "source_id", "") or getattr(batch, "lane_id", "")
    return device


@dataclass(frozen=True, slots=True)
class Tick:
    """The store's heartbeat."""

    stamp_ns: int
    sequence: int


# --- shelves


@dataclass(frozen=True, slots=True)
class ScaleLayout:
    """Which column of ``ScaleReadings.mass`` is which plate."""

    stamp_ns: int
    gateway_id: str
    revision: int
    plate_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ScaleReadings:
    """A block of samples of all plates of one gateway; ``stamp_ns`` is the instant of the first sample."""

    stamp_ns: int
    sequence: int
    gateway_id: str
    layout_revision: int
    sample_period_ns: int
    mass: NDArray[np.float32]
    """(samples, plates) [kg], NaN where there is no reading."""
    issue_ns: int | None = None

    @property
    def end_ns(self) -> int:
        """Instant of the last sample."""
        return self.stamp_ns + max(len(self.mass) - 1, 0) * self.sample_period_ns


@dataclass(frozen=True, slots=True)
class ShelfEvent:
    """One settled net change of the mass on one plate."""

    shelf_event_id: str
    plate_id: str
    start_ns: int
    end_ns: int
    mass_change: float
    mass_change_stddev: float
    mass_after: float


class Span(Protocol):
    """What lasts from an instant to another."""

    @property
    def start_ns(self) -> int: ...

    @property
    def end_ns(self) -> int: ...


def gap_ns(one: Span, other: Span) -> int:
    """Time between two spans, negative where they overlap."""
    return max(one.start_ns, other.start_ns) - min(one.end_ns, other.end_ns)


@dataclass(frozen=True, slots=True)
class ShelfEvents:
    """What the scales of one gateway felt since the last batch."""

    stamp_ns: int
    sequence: int
    gateway_id: str
    events: tuple[ShelfEvent, ...]
    open_since_ns: int | None = None
    """Start of the earliest change that has not settled yet."""


class PlateHealth(enum.IntEnum):
    """Health of one plate; values of ``PlateState.msg``."""

    UNKNOWN = 0
    OK = 1
    SILENT = 2
    STUCK = 3
    NOISY = 4
    UNLISTED = 5


@dataclass(frozen=True, slots=True)
class PlateState:
    """Health and load of one plate."""

    plate_id: str
    health: PlateHealth
    mass: float
    noise_stddev: float


@dataclass(frozen=True, slots=True)
class PlateStates:
    """Health and load of all plates of one gateway."""

    stamp_ns: int
    sequence: int
    gateway_id: str
    plates: tuple[PlateState, ...]


# --- images


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A rectified image of one device: depth along the optical axis (REP-118) or colour.

    ``pixels`` by ``encoding``: 16UC1 (h, w) uint16 [mm], 0 is no reading; 32FC1 (h, w) float32 [m], NaN is no reading;
    bgr8 (h, w, 3) uint8. ``stamp_ns`` is the middle of the exposure.
    """

    stamp_ns: int
    frame_id: str
    encoding: str
    pixels: NDArray[np.uint16] | NDArray[np.float32] | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """The pinhole of a rectified image: focal lengths and principal point in pixels, no distortion."""

    stamp_ns: int
    frame_id: str
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float


# --- people


class BodyPart(enum.IntEnum):
    """Key points of a body; values of ``BodyKeypoint.msg``."""

    UNKNOWN = 0
    HEAD = 1
    NECK = 2
    LEFT_SHOULDER = 3
    RIGHT_SHOULDER = 4
    LEFT_ELBOW = 5
    RIGHT_ELBOW = 6
    LEFT_HAND = 7
    RIGHT_HAND = 8
    HAND = 9


@dataclass(frozen=True, slots=True)
class BodyKeypoint:
    """One point of a body as a pose estimator gives it."""

    part: BodyPart
    position: Point
    score: float


@dataclass(frozen=True, slots=True)
class BodyKeypoints:
    """The key points of one anonymous body."""

    label: str | None
    keypoints: tuple[BodyKeypoint, ...]
    first_capture_ns: int
    last_capture_ns: int


@dataclass(frozen=True, slots=True)
class Bodies:
    """Bodies seen at one instant by one pose estimator."""

    stamp_ns: int
    sequence: int
    source_id: str
    bodies: tuple[BodyKeypoints, ...]


class HandSide(enum.IntEnum):
    """Side of a hand; values of ``Hand.msg``."""

    UNKNOWN = 0
    LEFT = 1
    RIGHT = 2


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand of a person."""

    side: HandSide
    position: Point
    covariance: tuple[float, ...]
    """Row-major 3x3 [m^2]."""


@dataclass(frozen=True, slots=True)
class PersonDetection:
    """One person as one source sees it at one instant."""

    label: str | None
    position: Point
    position_covariance: tuple[float, ...]
    """Row-major 2x2 of x, y [m^2]."""
    head: Point | None
    hands: tuple[Hand, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class PersonDetections:
    """People seen by one source at one instant."""

    stamp_ns: int
    sequence: int
    source_id: str
    detections: tuple[PersonDetection, ...]


class TrackState(enum.IntEnum):
    """Life of a track; values of ``PersonTrack.msg``."""

    UNKNOWN = 0
    SEEN = 1
    LOST = 2
    ENDED = 3


@dataclass(frozen=True, slots=True)
class PersonTrack:
    """One anonymous person followed through the store."""

    track_id: int
    label: str | None
    state: TrackState
    position: Point
    position_covariance: tuple[float, ...]
    head: Point | None
    hands: tuple[Hand, ...]
    identity_confidence: float
    first_ns: int


@dataclass(frozen=True, slots=True)
class PersonTracks:
    """Everybody who is believed in the store."""

    stamp_ns: int
    sequence: int
    tracks: tuple[PersonTrack, ...]


# --- who took what


@dataclass(frozen=True, slots=True)
class ItemScore:
    """How well one product explains what was seen; with an empty sku anything else."""

    sku: str
    log_likelihood: float


@dataclass(frozen=True, slots=True)
class ItemEvidence:
    """What a recogniser saw around one shelf event; about none: it says nothing more up to its stamp."""

    stamp_ns: int
    sequence: int
    source_id: str
    shelf_event_id: str
    scores: tuple[ItemScore, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """An explanation of a shelf event that was not chosen."""

    track_id: int
    sku: str
    quantity: int
    probability: float


class Reason(enum.IntEnum):
    """Why a decision is what it is; values of ``CartEvent.msg``."""

    UNKNOWN = 0
    WEIGHT_AND_PLACE = 1
    OWN_CART = 2
    MISPLACED = 3
    AMBIGUOUS_PRODUCT = 4
    AMBIGUOUS_PERSON = 5
    NOBODY_NEAR = 6
    NO_PRODUCT_FITS = 7
    RESTOCKED = 8


@dataclass(frozen=True, slots=True)
class CartEvent:
    """One decision: who took or returned what. ``track_id`` 0 is nobody, ``sku`` "" is no known product."""

    cart_event_id: str
    shelf_event_id: str
    plate_id: str
    start_ns: int
    end_ns: int
    track_id: int
    sku: str
    quantity: int
    confidence: float
    reason: Reason
    review: bool
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class CartEvents:
    """Decisions since the last batch; every shelf event settled up to ``decided_ns`` has been decided.

    Events without an id are no decisions: they say how what is not decided yet looks now, until the next batch.
    """

    stamp_ns: int
    sequence: int
    decided_ns: int
    events: tuple[CartEvent, ...]

    @property
    def decisions(self) -> tuple[CartEvent, ...]:
        """What holds."""
        return tuple(event for event in self.events if event.cart_event_id)

    @property
    def tentative(self) -> tuple[CartEvent, ...]:
        """What may still be decided otherwise: for the carts that people see, never for a receipt."""
        return tuple(event for event in self.events if not event.cart_event_id)


# --- stock


@dataclass(frozen=True, slots=True)
class StockLine:
    """What is believed to stand somewhere: pieces expected, their standard deviation, probability that there is none.

    plate_ids: those of the facing, or one plate where the product does not belong (``belongs`` False). ``sku`` "" is no
    known product.
    """

    plate_ids: tuple[str, ...]
    sku: str
    belongs: bool
    expected: float
    stddev: float
    empty_probability: float


@dataclass(frozen=True, slots=True)
class StockLines:
    """The stock of the whole store, by the decisions up to ``stamp_ns``."""

    stamp_ns: int
    sequence: int
    lines: tuple[StockLine, ...]


class StockEventKind(enum.IntEnum):
    """What staff should know of a shelf; values of ``StockEvent.msg``."""

    UNKNOWN = 0
    OUT_OF_STOCK = 1
    LOW_STOCK = 2
    BACK_IN_STOCK = 3
    UNTIDY = 4
    TIDY = 5


@dataclass(frozen=True, slots=True)
class StockEvent:
    """The state of a facing or of a plate is another. ``cart_event_id``: the decision that made it so, "" for none."""

    kind: StockEventKind
    plate_ids: tuple[str, ...]
    sku: str
    expected: float
    probability: float
    cart_event_id: str


@dataclass(frozen=True, slots=True)
class StockEvents:
    """What became known of shelves by the decisions up to ``stamp_ns``."""

    stamp_ns: int
    sequence: int
    events: tuple[StockEvent, ...]


# --- gate and checkout


class GateEventKind(enum.IntEnum):
    """What happened at a lane; values of ``GateEvent.msg``."""

    UNKNOWN = 0
    CREDENTIAL = 1
    PASSAGE_IN = 2
    PASSAGE_OUT = 3
    UNLOCKED = 4
    LOCKED = 5
    FAULT = 6
    ALARM = 7
    POWER_LOST = 8
    RESTORED = 9


@dataclass(frozen=True, slots=True)
class GateEvent:
    """Something happened at one lane."""

    stamp_ns: int
    sequence: int
    lane_id: str
    kind: GateEventKind
    credential: str | None
    detail: str = ""


class GateCommandKind(enum.IntEnum):
    """What a lane shall do; values of ``GateCommand.msg``."""

    UNKNOWN = 0
    ADMIT = 1
    REFUSE = 2
    OPEN = 3
    RESUME = 4


class GateCommandReason(enum.IntEnum):
    """Why; values of ``GateCommand.msg``."""

    UNKNOWN = 0
    GRANTED = 1
    BUSY = 2
    EXIT_ONLY = 3
    DECLINED = 4
    DEBT = 5
    UNREACHABLE = 6
    UNKNOWN_CODE = 7
    EXPIRED_CODE = 8
    USED_CODE = 9
    VISIT_OPEN = 10
    STORE_FULL = 11
    STORE_CLOSED = 12
    OUT_OF_ORDER = 13
    ALARM = 14


@dataclass(frozen=True, slots=True)
class GateCommand:
    """What a lane shall do."""

    stamp_ns: int
    sequence: int
    lane_id: str
    kind: GateCommandKind
    reason: GateCommandReason


class GateAlarmKind(enum.IntEnum):
    """What staff must know of a lane; values of ``GateAlarm.msg``."""

    UNKNOWN = 0
    TAIL_GATING = 1
    WRONG_WAY = 2
    WITHOUT_GRANT = 3
    JAMMED = 4
    SILENT = 5
    FAULT = 6
    POWER_LOST = 7
    FIRE = 8
    RESTORED = 9


@dataclass(frozen=True, slots=True)
class GateAlarm:
    """Something at a lane that staff must know of.

    session_id: the visit it is about, "" for none. track_id: the person, 0 for nobody that is known.
    """

    stamp_ns: int
    sequence: int
    lane_id: str
    kind: GateAlarmKind
    session_id: str
    track_id: int


@dataclass(frozen=True, slots=True)
class CredentialShown:
    """The office has a credential for a lane that no reader of the lane has read: as if one had."""

    stamp_ns: int
    lane_id: str
    credential: str


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """Somebody showed a credential at a lane; the office shall say whether they may come in."""

    stamp_ns: int
    sequence: int
    lane_id: str
    credential: str
    request_id: str


@dataclass(frozen=True, slots=True)
class EntryDecision:
    """The office's answer to an ``EntryRequest``.

    reason: GRANTED, or why not. staff: whoever comes in works here and pays for nothing.
    """

    stamp_ns: int
    lane_id: str
    request_id: str
    reason: GateCommandReason
    staff: bool = False


@dataclass(frozen=True, slots=True)
class StaffTrack:
    """A person who works here. ``stamp_ns``: when they passed the gate."""

    stamp_ns: int
    sequence: int
    track_id: int


class StaffOrderKind(enum.IntEnum):
    """What staff can order."""

    CLOSE_STORE = 1
    OPEN_STORE = 2
    CLOSE_VISIT = 3


@dataclass(frozen=True, slots=True)
class StaffOrder:
    """What staff wants done; ``session_id``: the visit of CLOSE_VISIT, else ""."""

    stamp_ns: int
    kind: StaffOrderKind
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class CartLine:
    """One product in a cart or on a receipt. ``unit_price_minor`` None: charged nothing and reviewed."""

    sku: str
    name: str
    quantity: int
    unit_price_minor: int | None
    amount_minor: int
    confidence: float
    reason: Reason
    review: bool
    cart_event_ids: tuple[str, ...]
    shelf_event_ids: tuple[str, ...]
    track_ids: tuple[int, ...]
    alternatives: tuple[Alternative, ...]


class CartState(enum.IntEnum):
    """Values of ``Cart.msg``."""

    UNKNOWN = 0
    OPEN = 1
    CLOSED = 2


@dataclass(frozen=True, slots=True)
class Cart:
    """What one visit holds."""

    session_id: str
    track_ids: tuple[int, ...]
    label: str | None
    state: CartState
    credential: str | None
    open_ns: int
    currency: str
    lines: tuple[CartLine, ...]
    total_minor: int


@dataclass(frozen=True, slots=True)
class Carts:
    """The carts of all visits that are open, and of those closed at this instant."""

    stamp_ns: int
    sequence: int
    carts: tuple[Cart, ...]


class CloseReason(enum.IntEnum):
    """Why a visit closed; values of ``Receipt.msg``."""

    UNKNOWN = 0
    EXIT = 1
    TRACK_ENDED = 2
    END_OF_STREAM = 3
    TIMEOUT = 4
    STAFF = 5


@dataclass(frozen=True, slots=True)
class Receipt:
    """The account of one visit; ``stamp_ns`` is the instant it closed."""

    stamp_ns: int
    sequence: int
    session_id: str
    track_ids: tuple[int, ...]
    label: str | None
    credential: str | None
    open_ns: int
    close_reason: CloseReason
    currency: str
    lines: tuple[CartLine, ...]
    charged_minor: int
    review_minor: int
    review: bool
    unbooked_cart_event_ids: tuple[str, ...]


# --- reviews


@dataclass(frozen=True, slots=True)
class Review:
    """A visit closed with doubts: what a person needs to decide them; ``stamp_ns`` is the instant it closed.

    missed: something may have been missed, so that the decisions alone do not tell. lines: of the whole visit. events:
    the decisions in doubt and those behind doubtful lines, with times, plates, people and alternatives.
    """

    stamp_ns: int
    sequence: int
    session_id: str
    track_ids: tuple[int, ...]
    open_ns: int
    currency: str
    missed: bool
    lines: tuple[CartLine, ...]
    events: tuple[CartEvent, ...]
    unbooked_cart_event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReviewedLine:
    """What a visit holds of a product after all."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Correction:
    """What one decision of the fusion is after a review, and what it was told as.

    ``cart_event_id`` "" and ``plate_id`` "": of a product that no decision named, or of one whose decision and plate
    nobody remembers.
    """

    cart_event_id: str
    plate_id: str
    told_sku: str
    told_quantity: int
    track_id: int
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """What a person decided about a visit.

    decision_id: a second decision with the same changes nothing. actor: who of the staff. lines: the products that
    change. known: False if nobody looked, and the deadline ended the review. corrections: what it means for the
    decisions of the fusion; the checkout works them out.
    """

    stamp_ns: int
    sequence: int
    decision_id: str
    session_id: str
    actor: str
    known: bool
    lines: tuple[ReviewedLine, ...]
    corrections: tuple[Correction, ...] = ()
