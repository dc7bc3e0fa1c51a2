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
    Hand,
    Image,
    ItemEvidence,
    ItemScore,
    PersonTrack,
    PersonTracks,
    ShelfEvent,
    ShelfEvents,
    Tick,
    TrackState,
    gap_ns,
)
from .recogniser import Recogniser, References, colours, new_colours
from .views import CameraView

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

_LONGEST_NS = 2_000_000_000
"""Frames are kept for changes that are told so long after they began."""
_TELLING_NS = 600_000_000
"""A change that settles is told so soon after its end."""
_WHOLE = slice(None), slice(None)
_CHANGES = 4
"""So many changes of each plate are remembered."""
_EMPTY_NS, _HELD_NS = 800_000_000, 400_000_000
"""A hand is as empty as before for so long before it takes and after it put; the thing is in it, not yet in a bag, for
so long after it was taken and before it is put."""
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
    shared_ms: changes of plates beside each other within this time may be of one thing.
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
    shared_ms: int

    def __post_init__(self) -> None:
        require(self, ("frame_ms", "margin_ms"), 1)
        require(self, ("after_ms",), self.margin_ms, above=True)
        require(self, ("wait_ms",), self.after_ms)
        require(self, ("changed",), 1, 255)
        require(self, ("least_pixels", "most_units"), 1)
        require(self, ("shared_ms",), 0)
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
    def hands(self) -> dict[tuple[int, int], tuple[PersonTrack, Hand]]:
        """By track and side."""
        return {(person.track_id, int(hand.side)): (person, hand) for person in self.people for hand in person.hands}


class _Thing(NamedTuple):
    """A thing that was seen: pixels (h, w, 3) with it, mask (h, w) of those that show it.

    share: of one look, which may be in several frames. own: colours of the person who holds it.
    """

    pixels: Pixels
    mask: Bools
    share: float = 1.0
    own: NDArray[np.float64] | None = None


@dataclass(slots=True)
class Look:
    """An event that is looked at.

    before: by camera that has not shown the thing yet, the plate's window before the event. in_hand: what the hand held
    that was there; None before it was looked at. told: a report was made.
    """

    event: ShelfEvent
    gateway_id: str
    before: dict[str, Frame]
    in_hand: list[_Thing] | None = None
    told: bool = False


@dataclass(slots=True)
class LookerState:
    """Plain data.

    frames: by camera, oldest first. known: by camera, what was last seen at each pixel before those frames; free tells
    where anything was, and no plate changed since. tracks: the newest batch. pending: events that are
    looked at. changes: what each plate did lately.
    open_since_ns: by gateway, when a change began that is not told yet.
    """

    frames: dict[str, deque[Frame]] = field(default_factory=dict)
    known: dict[str, Frame] = field(default_factory=dict)
    tracks: tuple[PersonTrack, ...] = ()
    pending: list[Look] = field(default_factory=list)
    changes: dict[str, tuple[ShelfEvent, ...]] = field(default_factory=dict)
    open_since_ns: dict[str, int | None] = field(default_factory=dict)
    looks: int = 0
    seen: int = 0


class Looker:
    """Looks at the plate of a shelf event before and after it, and at the hand there, with all cameras that see them.

    Before is what was last seen of each pixel, in two frames in a row when nobody stood there; after likewise. What
    differs shows the thing: as it stood there before it was taken, or after it was put. Pixels that also look at plates
    which changed between do not count. Only events with several open products are looked at; each gets a report,
    without scores when no camera saw the change, and another one when a camera sees the plate later.
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
        """Products of which some units weigh what changed, there or with the plates beside at the same time."""
        sums = [(event.mass_change, event.mass_change_stddev**2)]
        for other in self._together(event):
            sums += [(m + other.mass_change, v + other.mass_change_stddev**2) for m, v in sums]
        mass, variance = np.array(sums).T[:, :, None, None]
        units = np.arange(1, self._config.most_units + 1)[:, None]
        stddev = np.sqrt(variance + (units * self._stddev) ** 2)
        fits = np.abs(units * self._mass - abs(mass)) <= self._config.within * stddev
        return tuple(self._skus[column] for column in np.flatnonzero(fits.any(axis=(0, 1))).tolist())

    def _together(self, event: ShelfEvent) -> list[ShelfEvent]:
        """Other changes that may be of the same thing: alike at the same time, on plates in a row."""
        found: list[ShelfEvent] = []
        plates = [event.plate_id]
        for plate_id in plates:
            for beside in self._store.plates_beside(plate_id):
                alike = [
                    other
                    for other in self._state.changes.get(beside, ())
                    if gap_ns(event, other) <= self._config.shared_ms * 1_000_000
                    and event.mass_change * other.mass_change > 0
                ]
                if alike and beside not in plates:
                    found += alike
                    plates.append(beside)
        return found

    def image(self, device: str, image: Image) -> None:
        """Keep a frame of a camera, if it is time for one. Raises AisleError for pixels that are not the camera's."""
        model = self.views[device].camera.model
        if image.encoding != "bgr8" or image.pixels.shape != (model.height, model.width, 3):
            raise AisleError(
                f"{device}: image is {image.encoding} {image.pixels.shape[1]} x {image.pixels.shape[0]}, the site says "
                f"bgr8 {model.width} x {model.height}; correct camera_models in sensors.yaml"
            )
        frames = self._state.frames[device]
        early_ns = round(0.5e9 / model.rate_hz)
        if not frames or image.stamp_ns - frames[-1].stamp_ns >= self._config.frame_ms * 1_000_000 - early_ns:
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
            state.open_since_ns[item.gateway_id] = item.open_since_ns
            for event in item.events:
                state.changes[event.plate_id] = (*state.changes.get(event.plate_id, ()), event)[-_CHANGES:]
                self._forget_late(event)
            for event in item.events:
                if len(self.open_products(event)) > 1 and (before := self._before(event)):
                    state.pending.append(Look(event, item.gateway_id, before))
            return []
        reports = []
        for look in list(state.pending):
            past_ns = item.stamp_ns - look.event.end_ns
            if past_ns < config.after_ms * 1_000_000:
                continue
            if look.in_hand is None:
                look.in_hand = self._in_hand(look.event)
            late = past_ns >= config.wait_ms * 1_000_000
            on_plate = self._on_plate(look, item.stamp_ns)
            things = [*on_plate.values()]
            if not look.told and self._pixels(things) < config.full_pixels:
                things += look.in_hand
            if self._pixels(things) >= config.full_pixels or (late and not look.told):
                reports.append(self._report(look.event, things, item.stamp_ns))
                look.told = True
                for device in on_plate:
                    del look.before[device]
            if late or not look.before:
                state.pending.remove(look)
        self._forget(item.stamp_ns)
        return reports

    def finish(self, stamp_ns: int) -> list[ItemEvidence]:
        """The end of all streams: reports on all that waits, with what was seen. Then it is as new but for counters."""
        reports = [
            self._report(
                look.event,
                [*self._on_plate(look, stamp_ns).values(), *(look.in_hand or self._in_hand(look.event))],
                stamp_ns,
            )
            for look in self._state.pending
            if not look.told
        ]
        frames: dict[str, deque[Frame]] = {device: deque() for device in self.views}
        self._state = LookerState(frames, looks=self._state.looks, seen=self._state.seen)
        return reports

    def _forget(self, now_ns: int) -> None:
        """Fold frames into what is known that are older than anything that waits or may come."""
        begun = [look.event.start_ns - _EMPTY_NS for look in self._state.pending if look.in_hand is None]
        begun_ns = min([*begun, now_ns - _LONGEST_NS])
        for device, frames in self._state.frames.items():
            while len(frames) > 1 and frames[1].stamp_ns < begun_ns - self._config.margin_ms * 1_000_000:
                known = self._state.known.get(device)
                self._state.known[device] = self._with_pair(self.views[device], known, frames.popleft(), frames[0])

    def _forget_late(self, event: ShelfEvent) -> None:
        """A change that was told late: frames after its begin are folded already."""
        for device, known in self._state.known.items():
            window = self.views[device].windows.get(event.plate_id)
            if window is not None and known.stamp_ns > event.start_ns - self._config.margin_ms * 1_000_000:
                known.free[window.rows, window.columns] &= ~window.mask

    @staticmethod
    def _pixels(things: Sequence[_Thing]) -> int:
        return sum(int(thing.mask.sum()) for thing in things)

    def _report(self, event: ShelfEvent, things: list[_Thing], now_ns: int) -> ItemEvidence:
        belongs = (facing.sku for facing in self._store.facings_of(event.plate_id))
        skus = tuple(dict.fromkeys((*self.open_products(event), *belongs, "")))
        references = self._references.of(skus)
        total = np.zeros(len(skus))
        for pixels, mask, share, own in things:
            typical = self._references.typical
            if own is not None:
                typical = typical / 2 + own
            say = share * self._config.strength * min(1.0, float(mask.sum()) / self._config.full_pixels)
            total += say * self._recogniser.compare(self._recogniser.describe(pixels, mask), references, typical)
        self._state.looks += 1
        self._state.seen += bool(things)
        scores = zip(skus, total.tolist(), strict=True) if things else ()
        return ItemEvidence(
            now_ns, 0, self._source_id, event.shelf_event_id, tuple(ItemScore(sku, score) for sku, score in scores)
        )

    def _before(self, event: ShelfEvent) -> dict[str, Frame]:
        """By camera, the plate's window as it was last seen before the event."""
        last_ns = event.start_ns - self._config.margin_ms * 1_000_000
        found = {}
        for device, view in self.views.items():
            if event.plate_id in view.windows:
                frames = [frame for frame in self._state.frames[device] if frame.stamp_ns <= last_ns]
                found[device] = self._seen(view, event.plate_id, self._state.known.get(device), frames)
        return {device: frame for device, frame in found.items() if frame is not None}

    def _on_plate(self, look: Look, now_ns: int) -> dict[str, _Thing]:
        """Of each camera that sees it, the plate's pixels with the thing, and which of them changed."""
        event, margin_ns = look.event, self._config.margin_ms * 1_000_000
        first_ns, until_ns = event.end_ns + margin_ns, self._sure_until(look, now_ns)
        found = {}
        for device, before in look.before.items():
            view, known = self.views[device], self._state.known.get(device)
            frames = [frame for frame in self._state.frames[device] if first_ns <= frame.stamp_ns <= until_ns]
            is_after = known is not None and first_ns <= known.stamp_ns <= until_ns
            after = self._seen(view, event.plate_id, known if is_after else None, frames)
            if after is None:
                continue
            others = self._changing(before.stamp_ns, after.stamp_ns) - {event.plate_id}
            mask = before.free & after.free & view.only(event.plate_id, others)
            mask &= differ(before.pixels, after.pixels, self._config.changed)
            if mask.sum() >= self._config.least_pixels:
                found[device] = _Thing((before if event.mass_change < 0 else after).pixels, mask)
        return found

    def _sure_until(self, look: Look, now_ns: int) -> int:
        """No change of the plate, nor of others that is not told yet, has come between the event and this instant."""
        first_ns = look.event.end_ns + self._config.after_ms * 1_000_000
        open_since_ns = self._state.open_since_ns.get(look.gateway_id)
        told_ns = min(now_ns - _TELLING_NS, now_ns if open_since_ns is None else open_since_ns)
        margin_ns = self._config.margin_ms * 1_000_000
        again = [
            other.start_ns - margin_ns
            for other in self._state.changes[look.event.plate_id]
            if other.start_ns > look.event.start_ns
        ]
        return min([*again, max(told_ns, first_ns)])

    def _seen(self, view: CameraView, plate_id: str, known: Frame | None, frames: Sequence[Frame]) -> Frame | None:
        """What was last seen of each pixel in a plate's window, by what is known and later frames; None by neither."""
        part = view.windows[plate_id][:2]
        found = None if known is None else _cut(known, part)
        for one, other in pairwise(frames):
            found = self._with_pair(view, found, one, other, part)
        return found

    def _with_pair(
        self, view: CameraView, known: Frame | None, one: Frame, other: Frame, part: tuple[slice, slice] = _WHOLE
    ) -> Frame:
        """What is known of a part of the image with two frames in a row: what is the same in both, and free.

        No hand that passes by, and nobody unseen. What looks at a plate that changes then is not known any more.
        """
        changing = self._changing(one.stamp_ns, other.stamp_ns)
        one, other = _cut(one, part), _cut(other, part)
        seen = ~differ(one.pixels, other.pixels, self._config.changed) & one.free & other.free
        pixels = one.pixels if known is None else cv2.copyTo(one.pixels, seen.view(np.uint8), known.pixels.copy())
        free = seen if known is None else seen | known.free
        return Frame(other.stamp_ns, pixels, free & ~view.through(changing)[part] if changing else free)

    def _changing(self, first_ns: int, last_ns: int) -> set[str]:
        """Plates that changed, or hands moved in them, between two instants."""
        margin_ns = self._config.margin_ms * 1_000_000
        return {
            plate_id
            for plate_id, changes in self._state.changes.items()
            if any(event.start_ns - margin_ns < last_ns and first_ns < event.end_ns + margin_ns for event in changes)
        }

    def _in_hand(self, event: ShelfEvent) -> list[_Thing]:
        """Of each camera that saw it, the surroundings of the hand with the thing, and which pixels are the thing.

        Around the hand that was at the plate there are, before the known background, an arm, a body, and on one side of
        the event the thing. Its colours are those of which there are more then than on the other side, in the other
        hand, and in the person's clothes.
        """
        plate = self._store.plates[event.plate_id]
        opening = np.array(plate.centre) + np.array([0.0, 0.0, plate.size.height / 2])
        margin_ns = self._config.margin_ms * 1_000_000
        found = []
        for device, view in self.views.items():
            frames, known = self._state.frames[device], self._state.known.get(device)
            during = [f for f in frames if event.start_ns - margin_ns <= f.stamp_ns <= event.end_ns + margin_ns]
            near = sorted(
                (float(np.linalg.norm(np.array(hand.position) - opening)), key)
                for frame in during
                for key, (_, hand) in frame.hands.items()
            )
            near = [(distance, hand) for distance, hand in near if distance <= _REACH]
            if known is None or len({track_id for _, (track_id, _) in near}) != 1:
                continue
            hand = near[0][1]
            seen = [frame for frame in frames if hand in frame.hands]
            before = [frame for frame in seen if frame.stamp_ns <= event.start_ns]
            after = [frame for frame in seen if frame.stamp_ns >= event.end_ns]
            if event.mass_change < 0:
                without = [f for f in before if margin_ns <= event.start_ns - f.stamp_ns <= _EMPTY_NS]
                held = [f for f in after if f.stamp_ns - event.end_ns <= _HELD_NS]
            else:
                without = [f for f in after if margin_ns <= f.stamp_ns - event.end_ns <= _EMPTY_NS]
                held = [f for f in before if event.start_ns - f.stamp_ns <= _HELD_NS]
            if not without or not held:
                continue
            mine = [key for key in {key for f in seen for key in f.hands} if key[0] == hand[0]]
            empty = colours(self._around(view, f, key, known, True) for f in without for key in mine if key in f.hands)
            others = colours(
                self._around(view, f, key, known) for f in held for key in mine if key in f.hands and key != hand
            )
            clothes = colours(self._clothes(view, frame, hand[0], known) for frame in (*without, *held))
            clothes /= max(clothes.sum(), 1)
            for frame in held:
                pixels, mask = self._around(view, frame, hand, known)
                own = np.maximum(empty / len(without) + others / len(held), clothes * mask.sum())
                mask = new_colours(pixels, mask, own)
                if mask.sum() >= self._config.least_pixels:
                    found.append(_Thing(pixels, mask, 1 / len(held), own / max(own.sum(), 1)))
        return found

    def _around(
        self, view: CameraView, frame: Frame, key: tuple[int, int], known: Frame, whole: bool = False
    ) -> tuple[Pixels, Bools]:
        """Pixels around a hand, and which of them differ from what is known to be behind.

        whole: with its sleeve and what other hands hold.
        """
        person, hand = frame.hands[key]
        around = view.around(hand.position, _AROUND_HAND) if whole else view.held(person, hand, _AROUND_HAND)
        rows, columns, near = around
        near &= ~view.hidden(hand.position, frame.people)[rows, columns]
        near &= ~view.through(self._changing(known.stamp_ns, frame.stamp_ns))[rows, columns]
        pixels = frame.pixels[rows, columns]
        differs = differ(pixels, known.pixels[rows, columns], self._config.changed)
        return pixels, near & differs & known.free[rows, columns]

    def _clothes(self, view: CameraView, frame: Frame, track_id: int, known: Frame) -> tuple[Pixels, Bools]:
        """The image, and which of its pixels show that person, but nothing in the hands."""
        people = [person for person in frame.people if person.track_id == track_id]
        mask = view.obstructed(people) & known.free & differ(frame.pixels, known.pixels, self._config.changed)
        for hand in (hand for person in people for hand in person.hands):
            rows, columns, near = view.around(hand.position, _AROUND_HAND)
            mask[rows, columns] &= ~near
        return frame.pixels, mask


def differ(one: Pixels, other: Pixels, most: int) -> Bools:
    """(h, w) where any channel of two views (h, w, 3) differs by more than ``most`` [grey levels]."""
    if not one.size:
        return np.zeros(one.shape[:2], np.bool_)
    differs: Bools = cv2.inRange(cv2.absdiff(one, other), (0, 0, 0), (most,) * 3) == 0
    return differs


def _cut(frame: Frame, part: tuple[slice, slice]) -> Frame:
    return Frame(frame.stamp_ns, frame.pixels[part], frame.free[part])


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
