"""Alignment of many message streams by event time.

Sensors answer at different speeds, so messages arrive in another order than the things they tell of happened. The
aligner holds every message back until no source can send an older one any more, and then releases all of them in one
total order, `(stamp, rank, sequence)`, where the rank is a source's place in the list given to the aligner.

How far that is safe is the frontier: the least key that a message still to come can have.

- A source whose newest stamp is `s` may send stamps down to `s - lateness_ns`. Without lateness it sends in order: the
  same stamp again only with a higher sequence.
- A source that has not spoken yet may send anything, until it has been silent for its time-out.
- A silent source (newest stamp of all sources more than `timeout_ns` ahead of its own) is not waited for. It is
  again as soon as it speaks of a time within its time-out.
- A sporadic source is never waited for by name; the frontier stays its lateness behind the newest stamp of all sources.

Messages below the frontier are released at once, also those that share the watermark's stamp when no other message can
come between. The watermark is the frontier's stamp (the low watermark of out-of-order stream processing: Akidau et al.,
"MillWheel", VLDB 2013).

The released order is the same for every arrival order in which each source keeps within its lateness and, as long as it
has more to say, within its time-out. A message that comes behind the frontier anyway is dropped and counted as late.
All times are data time in nanoseconds; nothing here reads a clock.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

Key = tuple[int, int, int]
"""(stamp in ns, rank of the source, sequence): the total order of the release."""

_BEFORE_ALL: Final = -(1 << 64)
_ANY_SEQUENCE: Final = -1
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class Source:
    """One input stream.

    lateness_ns: within this source a message may have a stamp at most this much older than the newest one it sent; for
        a sporadic source, than the newest stamp of all sources when it arrives.
    timeout_ns: data time without a word after which the source is silent and is not waited for.
    sporadic: speaks only when something happens, so that its silence says nothing.
    """

    name: str
    lateness_ns: int
    timeout_ns: int
    sporadic: bool

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("source name is empty: give every source a name")
        if self.lateness_ns < 0:
            raise ValueError(f"lateness_ns of source {self.name!r} is {self.lateness_ns}: use 0 or more")
        if self.timeout_ns <= 0:
            raise ValueError(f"timeout_ns of source {self.name!r} is {self.timeout_ns}: use more than 0")


class Released(NamedTuple, Generic[T]):
    """A message in its place. The first three fields are its key; the epoch grows by one at every clock jump."""

    stamp_ns: int
    rank: int
    sequence: int
    source: str
    epoch: int
    item: T


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """What became of a source's messages; received = released + waiting + late + duplicate.

    late: came behind the frontier, dropped. duplicate: same stamp and sequence as a recent message, dropped.
    lost: sequence numbers missing between those received (a message that comes later fills its gap).
    resets: backward clock jumps of this source. last_stamp_ns: newest stamp since the last clock jump of any source.
    """

    received: int
    released: int
    late: int
    duplicate: int
    lost: int
    resets: int
    silent: bool
    last_stamp_ns: int | None


@dataclass(slots=True)
class _Stream:
    """The running state of one source."""

    source: Source
    rank: int
    received: int = 0
    released: int = 0
    late: int = 0
    duplicate: int = 0
    resets: int = 0
    last_ns: int | None = None
    bound: Key = (_BEFORE_ALL, 0, 0)
    holding: bool = True
    seen: OrderedDict[Key, None] = field(default_factory=OrderedDict)
    lost_before: int = 0
    lowest: int = 0
    highest: int = -1
    distinct: int = 0

    def begin_epoch(self) -> None:
        self.last_ns = None
        self.bound = (_BEFORE_ALL, self.rank, _ANY_SEQUENCE)
        self.holding = not self.source.sporadic
        self.seen = OrderedDict()

    def lost(self) -> int:
        """As RTP counts it (RFC 3550, A.3): numbers expected since the publisher's start less those that came."""
        return self.lost_before + max(0, self.highest - self.lowest + 1 - self.distinct)

    def hear(self, key: Key, frontier: Key) -> None:
        """Note a message that is no duplicate. `frontier` tells which of the remembered keys still wait."""
        stamp_ns, _, sequence = key
        is_newest = self.last_ns is None or stamp_ns > self.last_ns
        if self.last_ns is None or (is_newest and sequence <= self.highest):
            self.lost_before = self.lost()
            self.lowest, self.highest, self.distinct = sequence, sequence, 0
        elif stamp_ns >= self.last_ns and sequence > self.highest:
            self.highest = sequence
        elif sequence < self.lowest:
            self.lowest = sequence
        self.distinct += 1

        lateness_ns = self.source.lateness_ns
        if is_newest:
            self.last_ns = stamp_ns
        if is_newest or not lateness_ns:
            least_sequence = _ANY_SEQUENCE if lateness_ns else sequence + 1
            self.bound = max(self.bound, (stamp_ns - lateness_ns, self.rank, least_sequence))

        seen = self.seen
        seen[key] = None
        while len(seen) > _REMEMBERED and next(iter(seen)) < frontier:
            seen.popitem(last=False)


@dataclass(frozen=True, slots=True)
class AlignerState(Generic[T]):
    """Everything an aligner knows; plain data, as picklable as the items in it."""

    sources: tuple[Source, ...]
    backward_jump_ns: int | None
    epoch: int
    first_ns: int | None
    newest_ns: int
    frontier: Key
    waiting: tuple[Released[T], ...]
    streams: tuple[_Stream, ...]


class Aligner(Generic[T]):
    """Releases the messages of many sources in one total order (see the module's text).

    A message costs O(log(sources) + log(waiting messages)), amortised.

    When the stamps of a source fall by more than `backward_jump_ns` (by default its lateness and time-out together), a
    clock was set back or a recording starts again: everything that waits is released, and the message that fell is the
    first of a new epoch, in which nothing of the old one counts.
    """

    def __init__(self, sources: Sequence[Source], backward_jump_ns: int | None = None) -> None:
        if not sources:
            raise ValueError("no sources to align: give at least one")
        self._sources = tuple(sources)
        self._streams = [_Stream(source, rank) for rank, source in enumerate(sources)]
        self._by_name = {stream.source.name: stream for stream in self._streams}
        if len(self._by_name) < len(self._streams):
            names = [source.name for source in sources]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"source {twice!r} is given twice: names must differ")
        latest = max(source.lateness_ns for source in sources)
        if backward_jump_ns is not None and backward_jump_ns < latest:
            raise ValueError(
                f"backward_jump_ns is {backward_jump_ns}, less than the lateness {latest} of a source: make it larger"
            )
        self._backward_jump_ns = backward_jump_ns
        sporadic = [stream for stream in self._streams if stream.source.sporadic]
        self._slowest_sporadic = max(sporadic, key=lambda s: (s.source.lateness_ns, -s.rank)) if sporadic else None
        self._epoch = 0
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._first_ns: int | None = None
        self._newest_ns = _BEFORE_ALL
        self._frontier: Key = (_BEFORE_ALL, _ANY_SEQUENCE, _ANY_SEQUENCE)
        self._waiting: list[Released[T]] = []
        for stream in self._streams:
            stream.begin_epoch()
        self._index_holders()

    def _index_holders(self) -> None:
        self._holders = [stream.bound for stream in self._streams if stream.holding]
        heapify(self._holders)

    @property
    def watermark_ns(self) -> int | None:
        """Every message with an older stamp has been released. None while nothing can be."""
        return None if self._frontier[0] == _BEFORE_ALL else self._frontier[0]

    def push(self, source: str, stamp_ns: int, sequence: int, item: T) -> list[Released[T]]:
        """Take one message and return those that it sets free, in order. Raises ValueError for an unknown source."""
        stream = self._by_name.get(source)
        if stream is None:
            raise ValueError(f"unknown source {source!r}: the aligner knows {', '.join(self._by_name)}")
        released: list[Released[T]] = []
        last_ns = stream.last_ns
        if last_ns is not None and stamp_ns < last_ns and last_ns - stamp_ns > self._jump_ns(stream.source):
            released = self.flush()
            stream.resets += 1
            self._epoch += 1
            self._begin_epoch()
        stream.received += 1
        key = (stamp_ns, stream.rank, sequence)
        if key in stream.seen:
            stream.duplicate += 1
            return released
        stream.hear(key, self._frontier)
        if key < self._frontier:
            stream.late += 1
        else:
            heappush(self._waiting, Released(stamp_ns, stream.rank, sequence, source, self._epoch, item))
        if self._first_ns is None:
            self._first_ns = stamp_ns
        self._newest_ns = max(self._newest_ns, stamp_ns)
        if not stream.holding and not stream.source.sporadic:
            stream.holding = True
            heappush(self._holders, stream.bound)
        self._frontier = max(self._frontier, self._least_to_come())
        return released + self._release()

    def flush(self) -> list[Released[T]]:
        """The end of all streams: everything that waits, in order."""
        if self._waiting:
            stamp_ns, rank, sequence = max(self._waiting)[:3]
            self._frontier = (stamp_ns, rank, sequence + 1)
        return self._release()

    def statistics(self) -> dict[str, SourceStatistics]:
        """Counters per source name, in the order of the sources."""
        return {
            stream.source.name: SourceStatistics(
                received=stream.received,
                released=stream.released,
                late=stream.late,
                duplicate=stream.duplicate,
                lost=stream.lost(),
                resets=stream.resets,
                silent=not stream.source.sporadic and self._is_silent(stream),
                last_stamp_ns=stream.last_ns,
            )
            for stream in self._streams
        }

    def state(self) -> AlignerState[T]:
        """A copy of everything the aligner knows."""
        return AlignerState(
            sources=self._sources,
            backward_jump_ns=self._backward_jump_ns,
            epoch=self._epoch,
            first_ns=self._first_ns,
            newest_ns=self._newest_ns,
            frontier=self._frontier,
            waiting=tuple(self._waiting),
            streams=tuple(replace(stream, seen=stream.seen.copy()) for stream in self._streams),
        )

    @classmethod
    def restore(cls, state: AlignerState[T]) -> "Aligner[T]":
        """An aligner that goes on exactly where `state()` was taken."""
        aligner = cls(state.sources, state.backward_jump_ns)
        aligner._epoch = state.epoch
        aligner._first_ns = state.first_ns
        aligner._newest_ns = state.newest_ns
        aligner._frontier = state.frontier
        aligner._waiting = list(state.waiting)
        aligner._streams = [replace(stream, seen=stream.seen.copy()) for stream in state.streams]
        aligner._by_name = {stream.source.name: stream for stream in aligner._streams}
        aligner._index_holders()
        return aligner

    def _jump_ns(self, source: Source) -> int:
        if self._backward_jump_ns is not None:
            return self._backward_jump_ns
        return source.lateness_ns + source.timeout_ns

    def _is_silent(self, stream: _Stream) -> bool:
        heard_ns = self._first_ns if stream.last_ns is None else stream.last_ns
        return heard_ns is not None and self._newest_ns - heard_ns > stream.source.timeout_ns

    def _least_to_come(self) -> Key:
        """The least key that a source which is waited for can still send.

        The heap holds one bound per source waited for, possibly an old one. Bounds only grow, so the least entry is the
        least bound once it is up to date; only that entry is ever brought up to date or found silent.
        """
        holders = self._holders
        while holders:
            stream = self._streams[holders[0][1]]
            if holders[0] != stream.bound:
                heapreplace(holders, stream.bound)
            elif self._is_silent(stream):
                heappop(holders)
                stream.holding = False
            else:
                break
        if self._slowest_sporadic is None:
            return holders[0]
        source = self._slowest_sporadic.source
        sporadic: Key = (self._newest_ns - source.lateness_ns, self._slowest_sporadic.rank, _ANY_SEQUENCE)
        return min(holders[0], sporadic) if holders else sporadic

    def _release(self) -> list[Released[T]]:
        waiting, frontier = self._waiting, self._frontier
        released = []
        while waiting and waiting[0] < frontier:
            message = heappop(waiting)
            self._streams[message.rank].released += 1
            released.append(message)
        return released
