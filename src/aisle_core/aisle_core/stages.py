"""The stages of the store with their aligners, one class per node of the graph.

The nodes and the offline pipeline run these same classes, so both decide the same. Raw sensor streams may be late by
the site's allowance; the streams between the stages are in order. A source that is silent for long is not waited for:
each stage is more patient by one sensor time-out and lateness than the one before it, so that a sensor's silence is
noticed where it happens.

Outputs carry sequences that count from 0 per type and source, as in ``types``. They do not depend on the order of
arrival, nor does the order of the outputs of one type and source.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

from .checkout import Checkout, CheckoutConfig, CheckoutInput, CheckoutOutput, CheckoutState
from .checks import require
from .depth import DepthPeople, DepthPeopleConfig
from .errors import AisleError
from .evidence import ItemEvidenceConfig, Looker, Recogniser, References
from .fusion import Fusion, FusionConfig, FusionState, LivePlanogram, StockConfig, StockState, Witness, unobserved
from .people import People, PeopleConfig, PeopleState
from .store import Store
from .store.frames import optical_frame
from .time_align import Aligner, AlignerState, Released, Source, SourceStatistics
from .tracking import LabelConfig, LabelFollower, LabelState, SensorsFollower, TrackerConfig
from .types import (
    Bodies,
    CameraInfo,
    CartEvents,
    Carts,
    CredentialShown,
    EntryDecision,
    EntryRequest,
    GateAlarm,
    GateCommand,
    GateEvent,
    Image,
    ItemEvidence,
    PersonDetections,
    PersonTracks,
    PlateStates,
    Receipt,
    Review,
    ReviewDecision,
    ScaleLayout,
    ScaleReadings,
    ShelfEvents,
    StaffOrder,
    StaffTrack,
    StockEvents,
    StockLines,
    Tick,
    source_of,
)
from .weighing import Weighing, WeighingConfig, weigh_together

Output = (
    PersonDetections
    | PersonTracks
    | ShelfEvents
    | PlateStates
    | ItemEvidence
    | CartEvents
    | StockLines
    | StockEvents
    | Carts
    | Receipt
    | Review
    | ReviewDecision
    | StaffTrack
    | GateCommand
    | GateAlarm
    | EntryRequest
)
In = TypeVar("In")

_PLATE_STATES_NS = 1_000_000_000
"""Period of the plate states."""
_UNTOLD = 100
_RECOGNISERS = "cameras"
"""Source of the evidence that all cameras together give; it also says how far they have looked."""
_ONLY = ""
"""Name of the line of a stage that has one line only."""


@dataclass(frozen=True, slots=True)
class StageStatistics:
    """What became of a stage's inputs.

    sources: the aligners' counters per source.
    rejected: inputs that were not used, per reason. clock_jumps: how often time fell back and the stage began anew.
    counts: what the stage itself counts.
    """

    sources: dict[str, SourceStatistics]
    rejected: dict[str, int]
    clock_jumps: int
    counts: dict[str, int]


@dataclass(slots=True)
class _Line:
    """One aligner of a stage and how far it has come."""

    aligner: Aligner[Any]
    epoch: int = 0
    newest_ns: int | None = None


class Stage(ABC, Generic[In]):
    """Aligners, and what is done with the items that they release.

    A stage has one line, an aligner with its logic, or one per device. When a source's stamps fall back further than
    its lateness and time-out, a clock was set back: the line speaks its last word and begins anew, but never uses an
    id twice.
    """

    inputs: tuple[type[Any], ...]
    """Types that ``push`` takes."""

    def __init__(self, store: Store, lines: Mapping[str, Iterable[Source]]) -> None:
        jump_ns = _patience_ns(store)
        self._lines = {name: _Line(Aligner(list(sources), jump_ns)) for name, sources in lines.items()}
        self._sequences: Counter[tuple[type[Any], str]] = Counter()
        self._rejected: Counter[str] = Counter()
        self._untold: deque[str] = deque(maxlen=_UNTOLD)

    def push(self, item: In) -> list[Output]:
        """Take one item, in any order of arrival within the sources' lateness, and return what follows."""
        return self._numbered(self._place(item))

    def push_all(self, items: Sequence[In]) -> list[list[Output]]:
        """What ``push`` gives for each of the items, one after the other."""
        return [self.push(item) for item in items]

    def finish(self) -> list[Output]:
        """The end of all inputs: what is left to say."""
        outputs: list[Output] = []
        for name, line in self._lines.items():
            outputs += self._release(name, line.aligner.flush())
            outputs += self._last_word(name)
        return self._numbered(outputs)

    def take_rejections(self) -> list[str]:
        """Why inputs were rejected since the last call; only the newest reasons, should nobody ask."""
        reasons = list(self._untold)
        self._untold.clear()
        return reasons

    def statistics(self) -> StageStatistics:
        """What became of the inputs so far."""
        sources = {name: s for line in self._lines.values() for name, s in line.aligner.statistics().items()}
        jumps = sum(line.epoch for line in self._lines.values())
        return StageStatistics(sources, dict(+self._rejected), jumps, self._counts())

    @abstractmethod
    def _place(self, item: In) -> list[Output]:
        """Give the item to its aligner with ``_align``, or reject it."""

    @abstractmethod
    def _step(self, line: str, item: Any) -> Iterable[Output]:
        """Take one item in order."""

    @abstractmethod
    def _end(self, line: str, stamp_ns: int) -> Iterable[Output]:
        """Say what is left to say, and be as new."""

    @abstractmethod
    def _counts(self) -> dict[str, int]:
        """What the logic counts."""

    def _reject(self, reason: str) -> list[Output]:
        self._rejected[reason] += 1
        self._untold.append(reason)
        return []

    def _align(self, line: str, source: str, item: Any, sequence: int | None = None) -> list[Output]:
        """``sequence``: of an item that carries none."""
        sequence = item.sequence if sequence is None else sequence
        return self._release(line, self._lines[line].aligner.push(source, item.stamp_ns, sequence, item))

    def _release(self, name: str, released: list[Released[Any]]) -> list[Output]:
        line = self._lines[name]
        outputs: list[Output] = []
        for message in released:
            if message.epoch != line.epoch:
                outputs += self._last_word(name)
                line.epoch = message.epoch
            line.newest_ns = message.stamp_ns
            outputs += self._step(name, message.item)
        return outputs

    def _last_word(self, name: str) -> Iterable[Output]:
        line = self._lines[name]
        stamp_ns, line.newest_ns = line.newest_ns, None
        return () if stamp_ns is None else self._end(name, stamp_ns)

    def _numbered(self, outputs: list[Output]) -> list[Output]:
        numbered = []
        for output in outputs:
            key = (type(output), source_of(output))
            sequence = self._sequences[key]
            numbered.append(output if output.sequence == sequence else replace(output, sequence=sequence))
            self._sequences[key] = sequence + 1
        return numbered


@dataclass(frozen=True, slots=True)
class StageState:
    """Everything a stage with a memory knows; plain data. lines: by name, aligner, epoch and newest stamp."""

    lines: dict[str, tuple[AlignerState[Any], int, int | None]]
    sequences: dict[tuple[type[Any], str], int]
    rejected: dict[str, int]
    memory: Any


class LastingStage(Stage[In]):
    """A stage whose memory must outlive its process: who holds what."""

    def state(self) -> StageState:
        """A copy of everything the stage knows."""
        lines = {name: (line.aligner.state(), line.epoch, line.newest_ns) for name, line in self._lines.items()}
        return StageState(lines, dict(self._sequences), dict(self._rejected), self._memory())

    def resume(self, state: StageState) -> None:
        """Go on exactly where ``state()`` was taken, in a new stage of the same store and tuning."""
        self._lines = {
            name: _Line(Aligner.restore(aligner), epoch, newest_ns)
            for name, (aligner, epoch, newest_ns) in state.lines.items()
        }
        self._sequences, self._rejected = Counter(state.sequences), Counter(state.rejected)
        self._recall(state.memory)

    @abstractmethod
    def _memory(self) -> Any:
        """A copy of what the logic knows."""

    @abstractmethod
    def _recall(self, memory: Any) -> None:
        """Go on from ``_memory``."""


SOURCES = ("auto", "poses", "depth")
"""With what people are found: key points of bodies, depth images, or the first of them that the site has."""


def _people_devices(store: Store, source: str) -> tuple[str, ...]:
    """The devices that people are found with. Raises AisleError when the site has none of the kind."""
    poses = tuple(device.device_id for device in store.pose_sources)
    depth = tuple(device.device_id for device in store.depth_sensors)
    devices = {"auto": poses or depth, "poses": poses, "depth": depth}[source]
    if not devices and source != "auto":
        kind = "pose_sources" if source == "poses" else "depth_sensors"
        raise AisleError(f"{store.store_id}: people shall come from {source}, but the site has no {kind}; add some")
    return devices


def _require_source(source: str) -> None:
    if source not in SOURCES:
        raise ValueError(f"source is '{source}'; give one of {', '.join(SOURCES)}")


@dataclass(frozen=True, slots=True)
class PeopleStageConfig:
    """Tuning of people_node. source: one of ``SOURCES``."""

    source: str
    poses: PeopleConfig
    depth: DepthPeopleConfig

    def __post_init__(self) -> None:
        _require_source(self.source)


class PeopleStage(Stage[Bodies | Image | CameraInfo]):
    """people_node: key points or depth images -> people, each device by itself.

    The images of a sensor come in order, and its newest camera_info counts. Images before the first one are passed over
    for as long as a sensor may be silent, then they are rejected.
    """

    def __init__(self, store: Store, config: PeopleStageConfig) -> None:
        self.devices = _people_devices(store, config.source)
        poses = {source.device_id for source in store.pose_sources}
        self.inputs = (Bodies,) if poses & set(self.devices) else (Image, CameraInfo)
        super().__init__(
            store,
            {device: [_raw(device, store) if device in poses else _in_order(device, store)] for device in self.devices},
        )
        self._store, self._config = store, config
        self._sensors = {sensor.device_id: sensor for sensor in store.depth_sensors if sensor.device_id in self._lines}
        self._device_of = {optical_frame(store.store_id, device): device for device in self._sensors}
        self._cameras = {optical_frame(store.store_id, camera.device_id) for camera in store.cameras}
        self._infos: dict[str, CameraInfo] = {}
        self._without_info_ns: dict[str, int] = {}
        self._images = 0
        self._depth = {name: DepthPeople(config.depth, store, sensor) for name, sensor in self._sensors.items()}
        self._people = {
            source.device_id: People(config.poses, store)
            for source in store.pose_sources
            if source.device_id in self._lines
        }

    def _place(self, item: Bodies | Image | CameraInfo) -> list[Output]:
        if isinstance(item, Bodies):
            if item.source_id not in self._people:
                return self._reject("bodies of a pose source that the site does not know")
            return self._align(item.source_id, item.source_id, item)
        device = self._device_of.get(item.frame_id)
        if device is None:
            if item.frame_id in self._cameras:
                return []
            return self._reject(f"{type(item).__name__} in the frame of no depth sensor of the site")
        if isinstance(item, CameraInfo):
            self._infos[device] = item
            return []
        since_ns = self._without_info_ns.setdefault(device, item.stamp_ns)
        if device not in self._infos and item.stamp_ns - since_ns < self._store.latency.sensor_timeout_ns:
            return []
        return self._align(device, device, item, sequence=0)

    def _step(self, line: str, item: Bodies | Image) -> Iterable[Output]:
        if isinstance(item, Bodies):
            return (self._people[line].step(item),)
        self._images += 1
        try:
            return (self._depth[line].step(item, self._infos.get(line)),)
        except AisleError as error:
            return self._reject(str(error))

    def _end(self, line: str, stamp_ns: int) -> Iterable[Output]:
        if line in self._people:
            counts = self._people[line].state().counts
            self._people[line] = People.restore(self._config.poses, self._store, PeopleState(counts=counts))
        else:
            self._depth[line] = DepthPeople(self._config.depth, self._store, self._sensors[line])
        return ()

    def _counts(self) -> dict[str, int]:
        counts = {
            f"{source}.{name}": count
            for source, people in self._people.items()
            for name, count in dataclasses.asdict(people.statistics()).items()
        }
        return counts | ({"images": self._images} if self._depth else {})


class _Ready(NamedTuple):
    """Readings in their place; what is made of them goes to ``made``, the plate states too if they are due."""

    readings: ScaleReadings
    states_due: bool
    made: list[Output]


class ShelfEventStage(Stage[ScaleLayout | ScaleReadings]):
    """shelf_event_node: samples -> shelf events and, once a second, plate states; each gateway by itself.

    Readings that come before their layout wait for it as long as for a silent sensor. Those that are pushed together
    are weighed together, which is much faster.
    """

    inputs = (ScaleLayout, ScaleReadings)

    def __init__(self, store: Store, config: WeighingConfig) -> None:
        gateways = [gateway.device_id for gateway in store.gateways]
        super().__init__(store, {gateway: [_raw(gateway, store)] for gateway in gateways})
        self._store, self._config = store, config
        self._layouts: dict[tuple[str, int], ScaleLayout] = {}
        self._early: dict[str, list[ScaleReadings]] = {gateway: [] for gateway in gateways}
        self._weighings: dict[str, tuple[ScaleLayout, Weighing]] = {}
        self._events: dict[str, int] = {}
        self._states_due_ns: dict[str, int] = {}
        self._ready: dict[str, list[_Ready]] = {}
        self._made: list[Output] = []

    def push(self, item: ScaleLayout | ScaleReadings) -> list[Output]:
        """Take one item, in any order of arrival within the sources' lateness, and return what follows."""
        return self.push_all([item])[0]

    def push_all(self, items: Sequence[ScaleLayout | ScaleReadings]) -> list[list[Output]]:
        """What ``push`` gives for each of the items, one after the other."""
        made = []
        for item in items:
            self._made = []
            made.append(self._made)
            self._place(item)
        self._weigh()
        return [self._numbered(outputs) for outputs in made]

    def _place(self, item: ScaleLayout | ScaleReadings) -> list[Output]:
        if item.gateway_id not in self._lines:
            return self._reject(f"{type(item).__name__} of a gateway that the site does not know")
        if isinstance(item, ScaleLayout):
            return self._place_layout(item)
        if (item.gateway_id, item.layout_revision) in self._layouts:
            return self._align(item.gateway_id, item.gateway_id, item)
        return self._keep_early(item)

    def finish(self) -> list[Output]:
        """The end of all inputs: what is left to say."""
        for early in self._early.values():
            self._rejected["readings without their layout"] += len(early)
            early.clear()
        self._made = []
        super().finish()
        return self._numbered(self._made)

    def _place_layout(self, layout: ScaleLayout) -> list[Output]:
        key = (layout.gateway_id, layout.revision)
        if key not in self._layouts:
            self._rejected["plates that the site does not know"] += sum(
                plate_id not in self._store.plates for plate_id in layout.plate_ids
            )
        self._layouts[key] = layout
        early = self._early[layout.gateway_id]
        self._early[layout.gateway_id] = []
        return [output for readings in early for output in self._place(readings)]

    def _keep_early(self, readings: ScaleReadings) -> list[Output]:
        early = [*self._early[readings.gateway_id], readings]
        oldest_ns = max(r.stamp_ns for r in early) - self._store.latency.sensor_timeout_ns
        kept = [r for r in early if r.stamp_ns >= oldest_ns]
        self._rejected["readings without their layout"] += len(early) - len(kept)
        self._early[readings.gateway_id] = kept
        return []

    def _step(self, line: str, item: ScaleReadings) -> Iterable[Output]:
        layout = self._layouts[line, item.layout_revision]
        if line not in self._weighings or self._weighings[line][0].plate_ids != layout.plate_ids:
            self._end(line, item.stamp_ns)
            fresh = Weighing(self._config, layout, self._store.plates).state()
            fresh.events = self._events.get(line, 0)
            self._weighings[line] = layout, Weighing.restore(self._config, layout, self._store.plates, fresh)
        try:
            self._weighings[line][1].check(item)
        except AisleError:
            return self._reject("readings that do not fit their layout")
        states_due = item.stamp_ns >= self._states_due_ns.get(line, item.stamp_ns)
        if states_due:
            self._states_due_ns[line] = item.stamp_ns + _PLATE_STATES_NS
        self._ready.setdefault(line, []).append(_Ready(item, states_due, self._made))
        return ()

    def _weigh(self) -> None:
        """Weigh what is ready, and put what follows where it belongs."""
        ready, self._ready = self._ready, {}
        weighings = [self._weighings[line][1] for line in ready]
        waiting = [iter(blocks) for blocks in ready.values()]
        work = [
            (weighing, [block.readings for block in blocks])
            for weighing, blocks in zip(weighings, ready.values(), strict=True)
        ]
        for number, batch in weigh_together(work):
            block = next(waiting[number])
            block.made.append(batch)
            if block.states_due:
                block.made.append(weighings[number].plate_states())

    def _end(self, line: str, stamp_ns: int) -> Iterable[Output]:
        self._weigh()
        self._states_due_ns.pop(line, None)
        if line in self._weighings:
            _, weighing = self._weighings.pop(line)
            self._made.append(weighing.finish())
            self._events[line] = weighing.state().events
        return ()

    def _counts(self) -> dict[str, int]:
        return {}


@dataclass(frozen=True, slots=True)
class TrackerStageConfig:
    """Tuning of tracker_node.

    source: as that of people_node. labels: for poses. sensors, lane_radius: for depth, see ``SensorsFollower``.
    """

    source: str
    lane_radius: float
    labels: LabelConfig
    sensors: TrackerConfig

    def __post_init__(self) -> None:
        _require_source(self.source)
        require(self, ("lane_radius",), 0, above=True)


class TrackerStage(Stage[PersonDetections | Tick]):
    """tracker_node: people -> tracks."""

    inputs = (PersonDetections, Tick)

    def __init__(self, store: Store, config: TrackerStageConfig) -> None:
        self._names = {device: f"detections:{device}" for device in _people_devices(store, config.source)}
        super().__init__(store, {_ONLY: _inner([*self._names.values(), "tick"], store, hops=1)})
        self._store, self._config = store, config
        self._labelled = not self._names.keys() & {sensor.device_id for sensor in store.depth_sensors}
        self._follower = self._follow(born=0)

    def _place(self, item: PersonDetections | Tick) -> list[Output]:
        if isinstance(item, Tick):
            return self._align(_ONLY, "tick", item)
        if item.source_id not in self._names:
            return self._reject("detections of a source that the site does not know or that tracker.source leaves out")
        return self._align(_ONLY, self._names[item.source_id], item)

    def _step(self, line: str, item: PersonDetections | Tick) -> Iterable[Output]:
        told = self._follower.step(item)
        return () if told is None else (told,)

    def _end(self, line: str, stamp_ns: int) -> Iterable[Output]:
        self._follower = self._follow(self._follower.born)
        return ()

    def _follow(self, born: int) -> LabelFollower | SensorsFollower:
        """Somebody new to follow people, after ``born`` of them."""
        config, store = self._config, self._store
        if self._labelled:
            return LabelFollower.restore(config.labels, LabelState(born=born))
        return SensorsFollower(config.sensors, store, config.lane_radius, born)

    def _counts(self) -> dict[str, int]:
        return {"tracks": self._follower.born}


class ItemEvidenceStage(Stage[Image | PersonTracks | ShelfEvents | Tick]):
    """item_evidence_node: colour images, tracks and shelf events -> scores of the products that the weight leaves open.

    Images of depth sensors are passed over. An image waits for the tick at its stamp: a busy node gets the newest
    images and still has the tracks and events of before to read, which must not seem silent.
    """

    inputs = (Image, PersonTracks, ShelfEvents, Tick)

    def __init__(
        self, store: Store, config: ItemEvidenceConfig, recogniser: Recogniser, references: References
    ) -> None:
        self._cameras = {optical_frame(store.store_id, camera.device_id): camera.device_id for camera in store.cameras}
        self._names = {gateway.device_id: f"shelf:{gateway.device_id}" for gateway in store.gateways}
        images = [_in_order(f"color:{device}", store) for device in self._cameras.values()]
        tracks, *others = _inner(["tracks", *self._names.values(), "tick"], store, hops=2)
        super().__init__(store, {_ONLY: [tracks, *images, *others]})
        self._depth = {optical_frame(store.store_id, sensor.device_id) for sensor in store.depth_sensors}
        self._looker = Looker(config, store, recogniser, references, _RECOGNISERS)
        self._tick_ns: int | None = None
        self._ahead: list[Image] = []

    def _place(self, item: Image | PersonTracks | ShelfEvents | Tick) -> list[Output]:
        match item:
            case Tick():
                return [*self._catch_up(item.stamp_ns), *self._align(_ONLY, "tick", item)]
            case PersonTracks():
                return self._align(_ONLY, "tracks", item)
            case ShelfEvents():
                if item.gateway_id not in self._names:
                    return self._reject("shelf events of a gateway that the site does not know")
                return self._align(_ONLY, self._names[item.gateway_id], item)
            case Image():
                if item.frame_id in self._cameras:
                    if self._tick_ns is None or item.stamp_ns <= self._tick_ns:
                        return self._align_image(item)
                    self._ahead.append(item)
                    return []
                if item.frame_id in self._depth:
                    return []
                return self._reject("image in the frame of no camera of the site")

    def _catch_up(self, tick_ns: int) -> list[Output]:
        """Time has come to a tick: the images up to it."""
        fallen = self._tick_ns is not None and tick_ns < self._tick_ns
        due = [] if fallen else [image for image in self._ahead if image.stamp_ns <= tick_ns]
        self._ahead = [] if fallen else [image for image in self._ahead if image.stamp_ns > tick_ns]
        self._tick_ns = tick_ns
        return [output for image in due for output in self._align_image(image)]

    def _align_image(self, image: Image) -> list[Output]:
        return self._align(_ONLY, f"color:{self._cameras[image.frame_id]}", image, sequence=0)

    def _step(self, line: str, item: Image | PersonTracks | ShelfEvents | Tick) -> Iterable[Output]:
        if isinstance(item, Image):
            try:
                self._looker.image(self._cameras[item.frame_id], item)
            except AisleError as error:
                return self._reject(str(error))
            return ()
        reports = self._looker.step(item)
        if isinstance(item, Tick) and not reports:
            return (ItemEvidence(item.stamp_ns, 0, _RECOGNISERS, "", ()),)
        return reports

    def _end(self, line: str, stamp_ns: int) -> Iterable[Output]:
        self._tick_ns, self._ahead = None, []
        return self._looker.finish(stamp_ns)

    def _counts(self) -> dict[str, int]:
        return self._looker.statistics()


Sensed = PersonTracks | ShelfEvents | PlateStates | ItemEvidence | Tick
FusionInput = Sensed | StaffTrack | ReviewDecision


class CartFusionStage(LastingStage[FusionInput]):
    """cart_fusion_node: tracks, shelf events and item evidence -> who took or returned what, and the live planogram.

    What the checkout says of staff and of reviews is used as it comes: no sensor saw it, and it holds from later on.
    How what is not decided looks is told with every shelf event and on every tick, for the carts that people see, if
    ``tentative``. With ``fusion.evidence`` the cameras of the store are waited for as the tracks are; other recognisers
    speak when they like. The stock outlives the end of a stream.
    """

    inputs = (PersonTracks, ShelfEvents, PlateStates, ItemEvidence, StaffTrack, ReviewDecision, Tick)

    def __init__(
        self,
        store: Store,
        config: FusionConfig,
        stock: StockConfig,
        witness: Witness = unobserved,
        tentative: bool = True,
    ) -> None:
        self._names = {gateway.device_id: f"shelf:{gateway.device_id}" for gateway in store.gateways}
        tracks, *others = _inner(["tracks", *self._names.values(), "tick"], store, hops=2)
        plates = [_sporadic(f"plates:{gateway}", store) for gateway in self._names]
        evidence = [_sporadic("evidence", store), *_inner([_RECOGNISERS] if config.evidence else [], store, hops=3)]
        super().__init__(store, {_ONLY: [tracks, *others[:-1], *evidence, *plates, others[-1]]})
        self._store, self._config, self._stock, self._witness = store, config, stock, witness
        self._tentative = tentative
        self._fusion = Fusion(config, store, witness)
        self._planogram = LivePlanogram(stock, store, self._fusion.shelf_map)

    def _place(self, item: FusionInput) -> list[Output]:
        match item:
            case StaffTrack():
                self._fusion.step(item)
                return []
            case ReviewDecision():
                return [*self._planogram.step(item)]
            case Tick():
                source = "tick"
            case PersonTracks():
                source = "tracks"
            case ItemEvidence():
                source = _RECOGNISERS if self._config.evidence and item.source_id == _RECOGNISERS else "evidence"
            case ShelfEvents():
                if item.gateway_id not in self._names:
                    return self._reject("shelf events of a gateway that the site does not know")
                source = self._names[item.gateway_id]
            case PlateStates():
                if item.gateway_id not in self._names:
                    return self._reject("plate states of a gateway that the site does not know")
                source = f"plates:{item.gateway_id}"
        return self._align(_ONLY, source, item)

    def _step(self, line: str, item: Sensed) -> Iterable[Output]:
        if isinstance(item, PlateStates | ShelfEvents):
            self._planogram.weigh(item)
        told = self._fusion.step(item)
        if told is None and not (isinstance(item, ShelfEvents) and item.events):
            return ()
        seeming = self._fusion.tentative() if self._tentative else ()
        if told is None:
            return (CartEvents(item.stamp_ns, 0, self._fusion.progress(item.stamp_ns), seeming),)
        looks = replace(told, events=told.events + seeming) if seeming else told
        return looks, *self._planogram.step(told)

    def _end(self, line: str, stamp_ns: int) -> Iterable[Output]:
        last = self._fusion.finish(stamp_ns)
        fresh = Fusion(self._config, self._store).state()
        old = self._fusion.state().memory
        fresh.memory.decided = old.decided
        fresh.memory.shelf_events, fresh.memory.on_unlisted_plates = old.shelf_events, old.on_unlisted_plates
        self._fusion = Fusion.restore(self._config, self._store, fresh, self._witness)
        return (last, *self._planogram.step(last), *self._planogram.finish(stamp_ns))

    def _memory(self) -> tuple[FusionState, StockState]:
        return self._fusion.state(), self._planogram.state()

    def _recall(self, memory: tuple[FusionState, StockState]) -> None:
        fusion, stock = memory
        self._fusion = Fusion.restore(self._config, self._store, fusion, self._witness)
        self._planogram = LivePlanogram.restore(self._stock, self._store, self._fusion.shelf_map, stock)

    def _counts(self) -> dict[str, int]:
        return dataclasses.asdict(self._fusion.statistics())


class CheckoutStage(Stage[CartEvents | PersonTracks | GateEvent | Tick]):
    """checkout_node: decisions, tracks and gate events -> carts, receipts, gate commands and alarms.

    What the office says, credentials, decisions about entries and reviews and orders of the staff, holds from the
    instant that the stage has come to: no sensor saw it.

    A fusion that was restarted is behind for a while. Gates do not wait for it, receipts do: its decisions are used
    although they are late, and what it says again, however old, is no fall of its clock. Nor does it make time pass by
    itself: a checkout that comes back may hear all that it missed before the first tick, which must not be late then.
    """

    inputs = (CartEvents, PersonTracks, GateEvent, Tick)

    def __init__(self, store: Store, config: CheckoutConfig, state: CheckoutState | None = None) -> None:
        """``state``: of a stage that ended; what it has missed since makes its open visits doubtful."""
        self._names = {lane.lane_id: f"gate:{lane.lane_id}" for lane in store.lanes}
        cart_events, tracks, tick = _inner(["cart_events", "tracks", "tick"], store, hops=3)
        gates = [_sporadic(name, store) for name in self._names.values()]
        super().__init__(store, {_ONLY: [cart_events, tracks, *gates, tick]})
        self._store, self._config = store, config
        self._checkout = Checkout(config, store) if state is None else Checkout.resume(config, store, state)
        self._time_passes = False
        self._before_time: list[CartEvents] = []

    def finish(self) -> list[Output]:
        outputs = self._numbered(self._let_time_pass()) + super().finish()
        self._time_passes = False
        return outputs

    def state(self) -> CheckoutState:
        """Everything the checkout knows, without what waits in the aligner."""
        return self._checkout.state()

    def _place(self, item: CheckoutInput) -> list[Output]:
        match item:
            case CredentialShown() if item.lane_id not in self._names:
                return self._reject("a credential for a lane that the site does not know")
            case CredentialShown() | EntryDecision() | StaffOrder() | ReviewDecision():
                newest_ns = self._lines[_ONLY].newest_ns
                return list(self._step(_ONLY, replace(item, stamp_ns=newest_ns or item.stamp_ns)))
            case Tick():
                source = "tick"
            case PersonTracks():
                source = "tracks"
            case CartEvents() if not self._time_passes:
                self._before_time.append(item)
                return []
            case CartEvents():
                watermark_ns = self._lines[_ONLY].aligner.watermark_ns
                if watermark_ns is not None and item.stamp_ns < watermark_ns:
                    said_again = item.stamp_ns < self._checkout.heard_ns
                    return [] if said_again else list(self._step(_ONLY, item))
                source = "cart_events"
            case GateEvent():
                if item.lane_id not in self._names:
                    return self._reject("events of a lane that the site does not know")
                source = self._names[item.lane_id]
        return self._align(_ONLY, source, item) + self._let_time_pass()

    def _let_time_pass(self) -> list[Output]:
        """Something of now was heard, or nothing will be."""
        self._time_passes = True
        items, self._before_time = self._before_time, []
        return [output for item in items for output in self._place(item)]

    def _step(self, line: str, item: Any) -> Iterable[Output]:
        return _outputs(self._checkout.step(item))

    def _end(self, line: str, stamp_ns: int) -> Iterable[Output]:
        last = self._checkout.finish(stamp_ns)
        old = self._checkout.state()
        fresh = CheckoutState(
            opened=old.opened,
            staff_entries=old.staff_entries,
            closed=old.closed,
            reviews=old.reviews,
            settled=old.settled,
        )
        self._checkout = Checkout.restore(self._config, self._store, fresh)
        return _outputs(last)

    def _counts(self) -> dict[str, int]:
        return self._checkout.statistics()


def _patience_ns(store: Store) -> int:
    return store.latency.sensor_timeout_ns + store.latency.sensor_lateness_ns


def _raw(name: str, store: Store) -> Source:
    return Source(name, store.latency.sensor_lateness_ns, store.latency.sensor_timeout_ns, sporadic=False)


def _sporadic(name: str, store: Store) -> Source:
    return Source(name, store.latency.sensor_lateness_ns, store.latency.sensor_timeout_ns, sporadic=True)


def _in_order(name: str, store: Store) -> Source:
    return Source(name, 0, store.latency.sensor_timeout_ns, sporadic=False)


def _inner(names: Iterable[str], store: Store, hops: int) -> list[Source]:
    return [Source(name, 0, hops * _patience_ns(store), sporadic=False) for name in names]


def _outputs(output: CheckoutOutput) -> list[Output]:
    carts = [output.carts] if output.carts else []
    said: list[Output] = [*output.requests, *output.commands, *output.alarms, *output.staff, *output.decisions]
    return [*said, *carts, *output.receipts, *output.reviews]
