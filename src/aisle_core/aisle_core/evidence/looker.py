"""The stage: images and shelf events in, scores of the products that the weight leaves open out."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..checks import require
from ..errors import AisleError
from ..store import Store
from ..types import (
    Image,
    ItemEvidence,
    ItemScore,
    PersonTrack,
    PersonTracks,
    Point,
    ShelfEvent,
    ShelfEvents,
    Tick,
    TrackState,
)
from .recogniser import Recogniser, References
from .views import CameraView, PlateWindow

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

_LONGEST_NS = 2_000_000_000
"""Frames are kept for changes that are told so long after they began."""
_STALE_NS = 10_000_000_000
"""People may stand before a plate so long: what was seen before is from before changes of other plates."""
_FOREVER_NS = 1 << 60
_CHANGES = 4
"""So many changes of each plate are remembered."""
_HELD_NS = 800_000_000
"""A thing is in the hand for so long before it is put and after it was taken."""
_HAND_SAYS = 0.5
"""What a look at a hand is worth, against one at a plate: it also shows what else is held, and clothes."""
_REACH, _AROUND_HAND = 0.45, 0.16
"""A hand at the plate is so near to the middle of its opening, and what it holds so near to it [m]."""


@dataclass(frozen=True, slots=True)
class ItemEvidenceConfig:
    """Tuning of the looks.

    frame_ms: of each camera a frame is kept so often.
    margin_ms: frames nearer to a change are not looked at: hand and thing move.
    after_ms, wait_ms: the plate is looked at so long after the change, or, until enough of it is seen, so long.
    changed: pixels that differ by more in any channel show the thing, before a take or after it was put [grey levels].
    least_pixels: a camera with fewer of them saw nothing; with full_pixels it has its whole say.
    strength: what one camera's whole say is worth: so many independent pixels.
    deviation, least_stddev: standard deviation between pieces as a share of the mass where the catalogue gives none,
        and the least one [kg]. within: products whose mass is so many standard deviations off are not open.
    most_units: units of one product that are moved at once.
    """

    frame_ms: int
    margin_ms: int
    after_ms: int
    wait_ms: int
    changed: int
    least_pixels: int
    full_pixels: int
    strength: float
    deviation: float
    least_stddev: float
    within: float
    most_units: int

    def __post_init__(self) -> None:
        require(self, ("frame_ms", "margin_ms"), 1)
        require(self, ("after_ms",), self.margin_ms, above=True)
        require(self, ("wait_ms",), self.after_ms)
        require(self, ("changed",), 1, 255)
        require(self, ("least_pixels", "most_units"), 1)
        require(self, ("full_pixels",), self.least_pixels)
        require(self, ("strength", "deviation", "least_stddev", "within"), 0, above=True)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image of a camera.

    pixels: (h, w, 3) BGR. free: (h, w) nobody can stand before the shelves there. people: who was seen then.
    """

    stamp_ns: int
    pixels: Pixels
    free: Bools
    people: tuple[PersonTrack, ...] = ()

    @property
    def hands(self) -> dict[tuple[int, int], Point]:
        """By track and side, in map [m]."""
        return {(person.track_id, int(hand.side)): hand.position for person in self.people for hand in person.hands}


class _Thing(NamedTuple):
    """A thing that was seen: pixels (h, w, 3) with it, mask (h, w) of those that show it; what the look is worth."""

    pixels: Pixels
    mask: Bools
    worth: float


@dataclass(slots=True)
class LookerState:
    """Plain data.

    frames: by camera, oldest first. known: by camera, what was last seen at each pixel before those frames; free tells
    where anything was, and no plate changed since. tracks: the newest batch. pending: events that are still to be
    looked at. changed_ns: when each plate changed lately.
    """

    frames: dict[str, deque[Frame]] = field(default_factory=dict)
    known: dict[str, Frame] = field(default_factory=dict)
    tracks: tuple[PersonTrack, ...] = ()
    pending: list[ShelfEvent] = field(default_factory=list)
    changed_ns: dict[str, tuple[int, ...]] = field(default_factory=dict)
    looks: int = 0
    seen: int = 0


class Looker:
    """Looks at the plate of a shelf event before and after it, with all cameras that see it.

    Before is what was last seen of each pixel since the plate changed before, in two frames in a row when nobody stood
    there; after likewise. What differs shows the thing: as it stood there before it was taken, or after it was put.
    Pixels that also look at plates which changed lately do not count. Only events with several open products are looked
    at; each gets one report, without scores when no camera saw the change.
    """

    def __init__(
        self, config: ItemEvidenceConfig, store: Store, recogniser: Recogniser, references: References, source_id: str
    ) -> None:
        self._config = config
        self._store = store
        self._recogniser, self._references, self._source_id = recogniser, references, source_id
        self.views = {camera.device_id: CameraView(store, camera) for camera in store.cameras}
        products = [product for product in store.products.values() if product.weight is not None]
        self._skus = tuple(product.sku for product in products)
        self._mass = np.array([product.weight for product in products], dtype=np.float64)
        given = np.array([product.weight_stddev or 0.0 for product in products])
        given = np.where(given > 0, given, config.deviation * self._mass)
        self._stddev = np.maximum(given, config.least_stddev)
        self._state = LookerState({device: deque() for device in self.views})

    def state(self) -> LookerState:
        """A copy of everything the stage knows."""
        return copy.deepcopy(self._state)

    @classmethod
    def restore(
        cls,
        config: ItemEvidenceConfig,
        store: Store,
        recogniser: Recogniser,
        references: References,
        source_id: str,
        state: LookerState,
    ) -> Self:
        """One that goes on exactly where ``state()`` was taken."""
        looker = cls(config, store, recogniser, references, source_id)
        looker._state = copy.deepcopy(state)
        return looker

    def statistics(self) -> dict[str, int]:
        """Events looked at, and those of which something was seen."""
        return {"looks": self._state.looks, "seen": self._state.seen}

    def open_products(self, event: ShelfEvent) -> tuple[str, ...]:
        """Products of which some units weigh what changed."""
        units = np.arange(1, self._config.most_units + 1)[:, None]
        stddev = np.sqrt(event.mass_change_stddev**2 + (units * self._stddev) ** 2)
        fits = np.abs(units * self._mass - abs(event.mass_change)) <= self._config.within * stddev
        return tuple(self._skus[column] for column in np.flatnonzero(fits.any(axis=0)).tolist())

    def image(self, device: str, image: Image) -> None:
        """Keep a frame of a camera, if it is time for one. Raises AisleError for pixels that are not the camera's."""
        model = self.views[device].camera.model
        if image.encoding != "bgr8" or image.pixels.shape != (model.height, model.width, 3):
            raise AisleError(
                f"{device}: image is {image.encoding} {image.pixels.shape[1]} x {image.pixels.shape[0]}, the site says "
                f"bgr8 {model.width} x {model.height}; correct camera_models in sensors.yaml"
            )
        frames = self._state.frames[device]
        if not frames or image.stamp_ns - frames[-1].stamp_ns >= self._config.frame_ms * 1_000_000:
            free = ~self.views[device].obstructed(self._state.tracks)
            pixels = image.pixels.astype(np.uint8, copy=False)
            frames.append(Frame(image.stamp_ns, pixels, free, self._state.tracks))

    def step(self, item: PersonTracks | ShelfEvents | Tick) -> list[ItemEvidence]:
        """Take tracks and shelf events; on a tick, the reports that are ready."""
        state, config = self._state, self._config
        if isinstance(item, PersonTracks):
            state.tracks = tuple(track for track in item.tracks if track.state is TrackState.SEEN)
            return []
        if isinstance(item, ShelfEvents):
            for event in item.events:
                earlier = state.changed_ns.get(event.plate_id, ())
                state.changed_ns[event.plate_id] = (*earlier, event.end_ns)[-_CHANGES:]
                in_view = any(event.plate_id in view.windows for view in self.views.values())
                if in_view and len(self.open_products(event)) > 1:
                    state.pending.append(event)
                else:
                    self._forget_late(event)
            return []
        reports = []
        for event in list(state.pending):
            if item.stamp_ns >= event.end_ns + config.after_ms * 1_000_000:
                things = self._things(event)
                if self._pixels(things) < config.full_pixels:
                    things += self._in_hand(event)
                enough = self._pixels(things) >= config.full_pixels
                if enough or item.stamp_ns >= event.end_ns + config.wait_ms * 1_000_000:
                    state.pending.remove(event)
                    reports.append(self._report(event, things, item.stamp_ns))
                    self._forget_late(event)
        self._forget(item.stamp_ns)
        return reports

    def finish(self, stamp_ns: int) -> list[ItemEvidence]:
        """The end of all streams: reports on all that waits, with what was seen. Then it is as new but for counters."""
        reports = [
            self._report(event, self._things(event) + self._in_hand(event), stamp_ns) for event in self._state.pending
        ]
        frames: dict[str, deque[Frame]] = {device: deque() for device in self.views}
        self._state = LookerState(frames, looks=self._state.looks, seen=self._state.seen)
        return reports

    def _forget(self, now_ns: int) -> None:
        """Fold frames into what is known that are older than anything that waits or may come.

        What was known of a plate before it changed is known no more.
        """
        begun_ns = min([event.start_ns for event in self._state.pending] + [now_ns - _LONGEST_NS])
        for device, frames in self._state.frames.items():
            while len(frames) > 1 and frames[0].stamp_ns < begun_ns - self._config.margin_ms * 1_000_000:
                frame = frames.popleft()
                seen = self._agree(frame, frames[0])
                known = self._state.known.get(device, Frame(0, frame.pixels, np.zeros_like(frame.free)))
                pixels = cv2.copyTo(frame.pixels, seen.view(np.uint8), known.pixels.copy())
                self._state.known[device] = Frame(frames[0].stamp_ns, pixels, seen | known.free)
                for plate_id, ends_ns in self._state.changed_ns.items():
                    if any(frame.stamp_ns < end_ns <= frames[0].stamp_ns for end_ns in ends_ns):
                        self._forget_plate(device, plate_id)

    def _forget_plate(self, device: str, plate_id: str) -> None:
        known, window = self._state.known[device], self.views[device].windows.get(plate_id)
        if window is not None:
            known.free[window.rows, window.columns] &= ~window.mask

    def _forget_late(self, event: ShelfEvent) -> None:
        """A change that was told late: frames after it are folded already."""
        for device, known in self._state.known.items():
            if known.stamp_ns >= event.end_ns:
                self._forget_plate(device, event.plate_id)

    def _agree(self, one: Frame, other: Frame) -> Bools:
        """(h, w) what is the same in two frames, and free in both: no hand that passes by, and nobody unseen."""
        return ~differ(one.pixels, other.pixels, self._config.changed) & one.free & other.free

    @staticmethod
    def _pixels(things: Sequence[_Thing]) -> int:
        return sum(int(thing.mask.sum()) for thing in things)

    def _report(self, event: ShelfEvent, things: list[_Thing], now_ns: int) -> ItemEvidence:
        skus = self.open_products(event)
        references = self._references.of(skus)
        total = np.zeros(len(skus))
        for pixels, mask, worth in things:
            say = worth * self._config.strength * min(1.0, float(mask.sum()) / self._config.full_pixels)
            total += say * self._recogniser.compare(
                self._recogniser.describe(pixels, mask), references, self._references.typical
            )
        self._state.looks += 1
        self._state.seen += bool(things)
        scores = zip(skus, total.tolist(), strict=True) if things else ()
        return ItemEvidence(
            now_ns, 0, self._source_id, event.shelf_event_id, tuple(ItemScore(sku, score) for sku, score in scores)
        )

    def _things(self, event: ShelfEvent) -> list[_Thing]:
        """Of each camera that saw it, the plate's pixels with the thing, and which of them changed."""
        margin_ns = self._config.margin_ms * 1_000_000
        others = [e.start_ns for e in self._state.pending if e.plate_id == event.plate_id and e.start_ns > event.end_ns]
        until_ns = min(others, default=event.end_ns + _FOREVER_NS) - margin_ns
        earlier = [end_ns for end_ns in self._state.changed_ns.get(event.plate_id, ()) if end_ns < event.end_ns]
        since_ns = max(earlier, default=0)
        also_changed = [
            plate_id
            for plate_id, ends_ns in self._state.changed_ns.items()
            if ends_ns[-1] >= event.start_ns - _STALE_NS and plate_id != event.plate_id
        ]
        found = []
        for device, view in self.views.items():
            if (window := view.windows.get(event.plate_id)) is None:
                continue
            known = self._state.known.get(device)
            frames = [_part(frame, window) for frame in self._state.frames[device]]
            before = self._last_seen(
                None if known is None or known.stamp_ns < since_ns else _part(known, window),
                [f for f in frames if (since_ns and since_ns + margin_ns) <= f.stamp_ns <= event.start_ns - margin_ns],
            )
            after = self._last_seen(None, [f for f in frames if event.end_ns + margin_ns <= f.stamp_ns <= until_ns])
            if before is None or after is None:
                continue
            mask = differ(before.pixels, after.pixels, self._config.changed) & before.free & after.free
            mask &= view.only(event.plate_id, also_changed)
            if mask.sum() >= self._config.least_pixels:
                found.append(_Thing((before if event.mass_change < 0 else after).pixels, mask, 1.0))
        return found

    def _last_seen(self, known: Frame | None, frames: Sequence[Frame]) -> Frame | None:
        """What was last seen of each pixel in two frames in a row, free where it was; None without any frames."""
        if not frames:
            return known
        found = known or Frame(0, frames[0].pixels, np.zeros_like(frames[0].free))
        pixels, free = found.pixels.copy(), found.free.copy()
        for one, other in pairwise(frames):
            seen = self._agree(one, other)
            pixels[seen] = other.pixels[seen]
            free |= seen
        return Frame(frames[-1].stamp_ns, pixels, free)

    def _in_hand(self, event: ShelfEvent) -> list[_Thing]:
        """Of each camera that saw it, the surroundings of the hand with the thing, and which pixels are the thing.

        Around the hand that was at the plate there are, before the known background, an arm, a body, and on one side of
        the event the thing: its colours are those that are there then and not on the other side.
        """
        plate = self._store.plates[event.plate_id]
        opening = np.array(plate.centre) + np.array([0.0, 0.0, plate.size.height / 2])
        margin_ns = self._config.margin_ms * 1_000_000
        found = []
        for device, view in self.views.items():
            frames, known = self._state.frames[device], self._state.known.get(device)
            during = [f for f in frames if event.start_ns - margin_ns <= f.stamp_ns <= event.end_ns + margin_ns]
            near = sorted(
                (float(np.linalg.norm(np.array(position) - opening)), hand)
                for frame in during
                for hand, position in frame.hands.items()
            )
            near = [(distance, hand) for distance, hand in near if distance <= _REACH]
            if known is None or len({track_id for _, (track_id, _) in near}) != 1:
                continue
            hand = near[0][1]
            sides = (
                [f for f in frames if -_HELD_NS <= f.stamp_ns - event.start_ns < -margin_ns and hand in f.hands],
                [f for f in frames if margin_ns < f.stamp_ns - event.end_ns <= _HELD_NS and hand in f.hands],
            )
            without, with_thing = sides if event.mass_change < 0 else sides[::-1]
            if not without or not with_thing:
                continue
            empty = np.mean([_colours(*self._around(view, frame, hand, known)) for frame in without], axis=0)
            nearest = min(with_thing, key=lambda f: max(event.start_ns - f.stamp_ns, f.stamp_ns - event.end_ns))
            pixels, mask = _new(*self._around(view, nearest, hand, known), empty)
            if mask.sum() >= self._config.least_pixels:
                found.append(_Thing(pixels, mask, _HAND_SAYS))
        return found

    def _around(self, view: CameraView, frame: Frame, hand: tuple[int, int], known: Frame) -> tuple[Pixels, Bools]:
        """Pixels around a hand, and which of them differ from what is known to be behind."""
        rows, columns, near = view.around(frame.hands[hand], _AROUND_HAND)
        near &= ~view.hidden(frame.hands[hand], frame.people)[rows, columns]
        pixels = frame.pixels[rows, columns]
        differs = differ(pixels, known.pixels[rows, columns], self._config.changed)
        return pixels, near & differs & known.free[rows, columns]


def differ(one: Pixels, other: Pixels, most: int) -> Bools:
    """(h, w) where any channel of two views (h, w, 3) differs by more than ``most`` [grey levels]."""
    if not one.size:
        return np.zeros(one.shape[:2], np.bool_)
    differs: Bools = cv2.inRange(cv2.absdiff(one, other), (0, 0, 0), (most,) * 3) == 0
    return differs


def _colours(pixels: Pixels, mask: Bools) -> NDArray[np.float64]:
    """(512,) number of the pixels in each coarse colour."""
    coarse = (pixels[mask] // 32).astype(np.int64)
    return np.bincount(coarse @ np.array([64, 8, 1]), minlength=512).astype(np.float64)


def _new(pixels: Pixels, mask: Bools, before: NDArray[np.float64]) -> tuple[Pixels, Bools]:
    """The pixels of the mask in colours of which there are at least twice as many as before."""
    is_new = _colours(pixels, mask) >= 2 * before + 2
    return pixels, mask & is_new[(pixels // 32).astype(np.int64) @ np.array([64, 8, 1])]


def _part(frame: Frame, window: PlateWindow) -> Frame:
    return Frame(frame.stamp_ns, frame.pixels[window.rows, window.columns], frame.free[window.rows, window.columns])


def enroll(frames: Mapping[str, Sequence[Pixels]], store: Store, recogniser: Recogniser) -> References:
    """Reference views of what stands on plates with one product, each weighted by its pixels.

    frames: by camera, some images (h, w, 3) BGR of the store as the planogram says; what passes by in less than half of
    them does not count.
    """
    sums: dict[str, NDArray[np.float64]] = {}
    pixels: dict[str, int] = {}
    for camera in store.cameras:
        if not frames.get(camera.device_id):
            continue
        image = np.median(frames[camera.device_id], axis=0).astype(np.uint8)
        for plate_id, window in CameraView(store, camera).windows.items():
            skus = {facing.sku for facing in store.facings_of(plate_id)}
            count = int(window.own.sum())
            if len(skus) == 1 and count:
                sku = skus.pop()
                view = count * recogniser.describe(image[window.rows, window.columns], window.own)
                sums[sku] = sums[sku] + view if sku in sums else view
                pixels[sku] = pixels.get(sku, 0) + count
    skus_seen = tuple(sorted(sums))
    return References(recogniser.name, skus_seen, np.array([sums[sku] / pixels[sku] for sku in skus_seen]))
