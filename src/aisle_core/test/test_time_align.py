"""The watermark aligner: order, completeness and counters."""

import pickle
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle_core.time_align import Aligner, Released, Source

LONG_NS = 1_000_000


def regular(name, lateness_ns=0, timeout_ns=LONG_NS):
    return Source(name, lateness_ns, timeout_ns, sporadic=False)


def sporadic(name, lateness_ns):
    return Source(name, lateness_ns, LONG_NS, sporadic=True)


def keys(released):
    return [message[:3] for message in released]


def push_all(aligner, arrivals):
    return [message for arrival in arrivals for message in aligner.push(*arrival)]


# --- laws ---------------------------------------------------------------------------------------------------------


@st.composite
def recordings(draw):
    """Sources with streams that fit them: (sources, {rank: [(stamp, sequence), ...] in sequence order}).

    The time-outs are as tight as the streams allow; stamps are few, so that ties within and across sources abound.
    """
    stamps = st.lists(st.integers(0, 25), max_size=8).map(sorted)
    streams = draw(st.lists(stamps, min_size=1, max_size=5))
    start = min((stream[0] for stream in streams if stream), default=0)
    sources = []
    for rank, stream in enumerate(streams):
        gaps = [after - before for before, after in zip([start, *stream], stream, strict=False)]
        lateness = draw(st.integers(0, 8))
        sources.append(Source(f"s{rank}", lateness, max([1, *gaps]), sporadic=draw(st.booleans())))
    return sources, {rank: [(stamp, seq) for seq, stamp in enumerate(s)] for rank, s in enumerate(streams)}


def is_admissible(sources, heard, left, first, newest):
    """Can every source still send what it has left and have kept its word?"""
    for rank, messages in left.items():
        source = sources[rank]
        if not messages:
            continue
        oldest = messages[0][0]
        if source.sporadic:
            if newest - oldest > source.lateness_ns:
                return False
        else:
            if rank in heard and heard[rank] - oldest > source.lateness_ns:
                return False
            if newest - heard.get(rank, min(first, oldest)) > source.timeout_ns:
                return False
    return True


def arrival_order(rng, sources, streams):
    """A random order in which every source keeps within its lateness and time-out."""
    left = {rank: list(messages) for rank, messages in streams.items()}
    heard, first, newest, order = {}, None, -1, []
    while any(left.values()):
        choices = [(rank, message) for rank, messages in left.items() for message in messages]
        rng.shuffle(choices)
        for rank, (stamp, sequence) in choices:
            in_order = (stamp, sequence) == left[rank][0]
            if sources[rank].lateness_ns == 0 and not sources[rank].sporadic and not in_order:
                continue
            now_left = {**left, rank: [m for m in left[rank] if m != (stamp, sequence)]}
            now_heard = {**heard, rank: max(stamp, heard.get(rank, stamp))}
            now_first = stamp if first is None else first
            if is_admissible(sources, now_heard, now_left, now_first, max(newest, stamp)):
                left, heard, first, newest = now_left, now_heard, now_first, max(newest, stamp)
                order.append((sources[rank].name, stamp, sequence, f"{rank}:{sequence}"))
                break
        else:
            raise AssertionError("the oldest message that is left must be admissible")
    return order


@given(recordings(), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_any_admissible_arrival_order_gives_the_total_order(recording, rng):
    sources, streams = recording
    expected = sorted((stamp, rank, sequence) for rank, s in streams.items() for stamp, sequence in s)
    for _ in range(2):
        aligner = Aligner(sources)
        released = push_all(aligner, arrival_order(rng, sources, streams)) + aligner.flush()
        assert keys(released) == expected
        assert [message.item for message in released] == [f"{rank}:{sequence}" for _, rank, sequence in expected]
        statistics = aligner.statistics()
        assert not any(s.late or s.duplicate or s.lost or s.resets for s in statistics.values())


@st.composite
def any_arrivals(draw):
    """Sources and messages without any promise kept."""
    sources = [
        Source(f"s{rank}", draw(st.integers(0, 6)), draw(st.integers(1, 12)), draw(st.booleans()))
        for rank in range(draw(st.integers(1, 5)))
    ]
    message = st.tuples(st.sampled_from([s.name for s in sources]), st.integers(0, 30), st.integers(0, 4))
    return sources, [(*m, None) for m in draw(st.lists(message, max_size=40))]


class Definition:
    """The frontier by its definition, with a scan of all sources for each message."""

    def __init__(self, sources):
        self.sources, self.ranks = sources, {source.name: rank for rank, source in enumerate(sources)}
        self.waiting, self.seen = [], set()
        self.heard, self.first, self.newest = {}, None, None
        self.frontier = (-1, 0, 0)

    def push(self, name, stamp, sequence, _):
        rank = self.ranks[name]
        key = (stamp, rank, sequence)
        if key in self.seen:
            return []
        self.seen.add(key)
        if key >= self.frontier:
            self.waiting.append(key)
        self.heard[rank] = max(self.heard.get(rank, (stamp, sequence)), (stamp, sequence))
        self.first = stamp if self.first is None else self.first
        self.newest = stamp if self.newest is None else max(stamp, self.newest)
        bounds = [bound for rank in range(len(self.sources)) if (bound := self.bound(rank)) is not None]
        self.frontier = max(self.frontier, min(bounds))
        released = sorted(k for k in self.waiting if k < self.frontier)
        self.waiting = [k for k in self.waiting if k >= self.frontier]
        return released

    def bound(self, rank):
        source = self.sources[rank]
        if source.sporadic:
            return (self.newest - source.lateness_ns, rank, -1)
        stamp, sequence = self.heard.get(rank, (self.first, None))
        if self.newest - stamp > source.timeout_ns:
            return None
        if rank not in self.heard:
            return (-1, 0, 0)
        return (stamp - source.lateness_ns, rank, -1 if source.lateness_ns else sequence + 1)


@given(any_arrivals())
@settings(max_examples=80, deadline=None)
def test_every_push_releases_what_the_definition_says(case):
    sources, arrivals = case
    aligner, definition = Aligner(sources, backward_jump_ns=LONG_NS), Definition(sources)
    for arrival in arrivals:
        assert keys(aligner.push(*arrival)) == definition.push(*arrival)
    assert keys(aligner.flush()) == sorted(definition.waiting)


@given(any_arrivals(), st.sampled_from([None, 12]))
@settings(max_examples=80, deadline=None)
def test_whatever_comes_is_accounted_for_and_released_in_order_once(case, jump):
    sources, arrivals = case
    aligner = Aligner(sources, jump)
    released = push_all(aligner, arrivals) + aligner.flush()
    places = [(message.epoch, *message[:3]) for message in released]
    assert places == sorted(set(places))
    received = defaultdict(int)
    for name, *_ in arrivals:
        received[name] += 1
    for name, s in aligner.statistics().items():
        assert s.received == received[name] == s.released + s.late + s.duplicate
    assert sum(s.resets for s in aligner.statistics().values()) == max([0, *(place[0] for place in places)])


@given(any_arrivals(), st.integers(0, 40))
@settings(max_examples=80, deadline=None)
def test_a_restored_aligner_goes_on_the_same(case, cut):
    sources, arrivals = case
    straight, cut_short = Aligner(sources), Aligner(sources)
    push_all(straight, arrivals[:cut])
    push_all(cut_short, arrivals[:cut])
    saved = cut_short.state()
    push_all(cut_short, arrivals[cut:])
    restored = Aligner.restore(pickle.loads(pickle.dumps(saved)))
    for arrival in arrivals[cut:]:
        assert restored.push(*arrival) == straight.push(*arrival)
    assert restored.watermark_ns == straight.watermark_ns
    assert restored.flush() == straight.flush()
    assert restored.statistics() == straight.statistics()


# --- one thing at a time ------------------------------------------------------------------------------------------


def test_a_lone_source_in_order_is_never_delayed():
    aligner = Aligner([regular("a")])
    assert aligner.watermark_ns is None
    for sequence, stamp in enumerate([5, 5, 7]):
        assert keys(aligner.push("a", stamp, sequence, "x")) == [(stamp, 0, sequence)]
    assert aligner.watermark_ns == 7


def test_a_message_waits_until_no_source_can_send_an_older_one():
    aligner = Aligner([regular("a"), regular("b", lateness_ns=10)])
    assert aligner.push("a", 100, 0, None) == []
    assert aligner.push("b", 105, 0, None) == []
    assert aligner.watermark_ns == 95
    assert aligner.push("b", 98, 1, None) == []
    assert keys(aligner.push("b", 111, 2, None)) == [(98, 1, 1), (100, 0, 0)]
    assert aligner.watermark_ns == 100


def test_equal_stamps_go_by_rank_and_wait_only_for_a_lower_rank():
    aligner = Aligner([regular("a"), regular("b")])
    assert aligner.push("b", 10, 0, None) == []
    assert keys(aligner.push("a", 10, 0, None)) == [(10, 0, 0)]  # a may say 10 again, before b's
    assert keys(aligner.push("a", 10, 1, None)) == [(10, 0, 1)]
    assert keys(aligner.push("a", 11, 2, None)) == [(10, 1, 0)]


def test_a_source_that_never_spoke_is_waited_for_until_its_timeout_after_the_first_stamp():
    aligner = Aligner([regular("a"), regular("mute", timeout_ns=50)])
    assert aligner.push("a", 100, 0, None) == []
    assert aligner.push("a", 150, 1, None) == []
    assert not aligner.statistics()["mute"].silent
    assert keys(aligner.push("a", 151, 2, None)) == [(100, 0, 0), (150, 0, 1), (151, 0, 2)]
    assert aligner.statistics()["mute"].silent
    assert aligner.statistics()["mute"].last_stamp_ns is None


def test_a_source_that_falls_silent_counts_again_when_it_speaks():
    aligner = Aligner([regular("a"), regular("b", timeout_ns=20)])
    push_all(aligner, [("a", 0, 0, None), ("b", 0, 0, None)])
    assert keys(aligner.push("a", 20, 1, None)) == [(0, 1, 0)]
    assert keys(aligner.push("a", 21, 2, None)) == [(20, 0, 1), (21, 0, 2)]
    assert aligner.statistics()["b"].silent
    assert keys(aligner.push("b", 25, 1, None)) == []
    assert not aligner.statistics()["b"].silent
    assert keys(aligner.push("a", 30, 3, None)) == [(25, 1, 1)]


def test_a_source_that_speaks_of_long_ago_stays_silent_and_late():
    aligner = Aligner([regular("a"), regular("b", timeout_ns=20)])
    push_all(aligner, [("b", 0, 0, None), ("a", 100, 0, None)])
    assert aligner.push("b", 50, 1, None) == []
    assert aligner.statistics()["b"].late == 1
    assert aligner.statistics()["b"].silent
    assert keys(aligner.push("a", 101, 1, None)) == [(101, 0, 1)]


def test_a_sporadic_source_costs_its_lateness_and_never_holds():
    aligner = Aligner([regular("a"), sporadic("gate", lateness_ns=10)])
    assert aligner.push("a", 100, 0, None) == []
    assert keys(aligner.push("a", 111, 1, None)) == [(100, 0, 0)]
    assert aligner.push("gate", 101, 0, "in time") == []
    assert aligner.statistics()["gate"].late == 0
    assert keys(aligner.push("a", 200, 2, None)) == [(101, 1, 0), (111, 0, 1)]
    assert aligner.push("gate", 150, 1, "too late") == []
    assert aligner.statistics()["gate"].late == 1
    assert not aligner.statistics()["gate"].silent


def test_sporadic_sources_alone_follow_the_newest_stamp():
    aligner = Aligner([sporadic("x", lateness_ns=10), sporadic("y", lateness_ns=30)])
    assert aligner.push("x", 100, 0, None) == []
    assert keys(aligner.push("y", 131, 0, None)) == [(100, 0, 0)]
    assert aligner.watermark_ns == 101


def test_a_late_message_is_dropped_and_counted():
    aligner = Aligner([regular("a", lateness_ns=5)])
    push_all(aligner, [("a", 100, 0, None)])
    assert keys(aligner.push("a", 120, 2, None)) == [(100, 0, 0)]
    assert aligner.push("a", 114, 1, None) == []
    statistics = aligner.statistics()["a"]
    assert (statistics.received, statistics.released, statistics.late, statistics.lost) == (3, 1, 1, 0)


def test_a_duplicate_is_dropped_whether_the_first_still_waits_or_not():
    aligner = Aligner([regular("a"), regular("b")])
    push_all(aligner, [("a", 10, 0, None), ("a", 10, 0, None), ("b", 20, 0, None), ("a", 10, 0, None)])
    statistics = aligner.statistics()["a"]
    assert (statistics.received, statistics.released, statistics.late, statistics.duplicate) == (3, 1, 0, 2)


def test_a_duplicate_is_found_among_many_that_wait():
    aligner = Aligner([regular("a", timeout_ns=10_000), regular("b", timeout_ns=10_000)])
    push_all(aligner, [("a", stamp, stamp, None) for stamp in range(1000)])
    push_all(aligner, [("a", 0, 0, None)])
    assert aligner.statistics()["a"].duplicate == 1
    assert len(aligner.flush()) == 1000


def test_sequence_gaps_are_lost_until_they_are_filled():
    aligner = Aligner([regular("a", lateness_ns=10)])
    push_all(aligner, [("a", 100, 7, None), ("a", 104, 11, None)])
    assert aligner.statistics()["a"].lost == 3
    push_all(aligner, [("a", 102, 9, None)])
    assert aligner.statistics()["a"].lost == 2


def test_a_publisher_that_starts_again_loses_nothing():
    aligner = Aligner([regular("a")])
    stamps_and_sequences = [(1, 0), (2, 1), (4, 3), (5, 0), (6, 1)]
    released = push_all(aligner, [("a", *message, None) for message in stamps_and_sequences])
    assert len(released) == 5
    assert aligner.statistics()["a"].lost == 1


def test_a_publisher_without_sequences_is_released_and_loses_nothing():
    aligner = Aligner([regular("a")])
    assert len(push_all(aligner, [("a", stamp, 0, None) for stamp in range(5)])) == 5
    assert aligner.statistics()["a"].lost == aligner.statistics()["a"].duplicate == 0


def test_a_backward_clock_jump_ends_the_epoch():
    aligner = Aligner([regular("a", lateness_ns=5, timeout_ns=50), regular("b", timeout_ns=50)])
    push_all(aligner, [("a", 1000, 0, "old"), ("b", 990, 0, "old")])
    assert aligner.push("a", 945, 1, "late, no jump") == []
    assert aligner.statistics()["a"].resets == 0
    assert aligner.push("a", 944, 2, "new") == [Released(1000, 0, 0, "a", 0, "old")]
    statistics = aligner.statistics()
    assert (statistics["a"].resets, statistics["b"].resets, statistics["a"].late) == (1, 0, 1)
    assert aligner.watermark_ns is None
    assert statistics["b"].last_stamp_ns is None
    assert aligner.flush() == [Released(944, 0, 2, "a", 1, "new")]


def test_a_recording_played_twice_is_released_twice():
    recording = [(name, stamp, stamp // 10, None) for stamp in range(0, 100, 10) for name in "ab"]
    aligner = Aligner([regular("a", timeout_ns=30), regular("b", timeout_ns=30)])
    released = push_all(aligner, recording + recording) + aligner.flush()
    assert {s.duplicate + s.late + s.lost for s in aligner.statistics().values()} == {0}
    assert [m.epoch for m in released] == sorted(m.epoch for m in released)
    assert keys(m for m in released if m.epoch == 0) == keys(m for m in released if m.epoch == released[-1].epoch)


def test_flush_releases_everything_and_closes_the_past():
    aligner = Aligner([regular("a"), regular("b")])
    push_all(aligner, [("a", 10, 0, None), ("a", 20, 1, None)])
    assert keys(aligner.flush()) == [(10, 0, 0), (20, 0, 1)]
    assert aligner.watermark_ns == 20
    assert aligner.push("b", 15, 0, None) == []
    assert aligner.statistics()["b"].late == 1
    assert aligner.flush() == []


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Source("", 0, 1, False), "name is empty"),
        (lambda: Source("a", -1, 1, False), "lateness_ns of source 'a' is -1"),
        (lambda: Source("a", 0, 0, False), "timeout_ns of source 'a' is 0"),
        (lambda: Aligner([]), "no sources"),
        (lambda: Aligner([regular("a"), regular("a")]), "'a' is given twice"),
        (lambda: Aligner([regular("a", lateness_ns=9)], backward_jump_ns=8), "backward_jump_ns is 8"),
        (lambda: Aligner([regular("a")]).push("x", 0, 0, None), "unknown source 'x'"),
    ],
)
def test_wrong_use_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
