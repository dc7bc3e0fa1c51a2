"""The watermark aligner beside message_filters' ApproximateTimeSynchronizer on the same streams.

The streams are those of a store, scale gateways and cameras in turn, made from a seed. The two do not give the same
thing: the aligner puts every message in its place, the synchroniser picks sets of messages with stamps close together.
What is compared is what a message costs, and whether the outcome depends on the order in which messages arrive.
"""

import argparse
import gc
import random
import sys
import time
from dataclasses import dataclass
from types import SimpleNamespace

import message_filters
from rclpy.time import Time
from rich.console import Console
from rich.table import Table

from aisle_core.time_align import Aligner, Source

MS = 1_000_000
LATENESS_NS = 300 * MS
TIMEOUT_NS = 2000 * MS
SLOP_S = 0.1
QUEUE_SIZE = 30

COMPARED = (2, 3, 4, 5, 6)
SCALED = (6, 30, 100, 300)
ORDERS = 20
COMPARED_SECONDS = 10
SCALED_MESSAGES = 15_000
LIMIT_S = 1.5
ORDERS_S = 4.0
ROUNDS = 5
SYNCHRONISER_RUNS = 2

RATIO_REQUIRED = 10.0
GROWTH_ALLOWED = 2.0  # of a message; its share of log(sources) is 3.2 times as much


@dataclass(frozen=True, slots=True)
class Sensor:
    """How a kind of sensor speaks: rate, deviation of its stamps, most delay on the way, share of messages missing."""

    rate_hz: float
    jitter_ns: int
    delay_ns: int
    missing: float


SCALE = Sensor(rate_hz=60.0, jitter_ns=2 * MS, delay_ns=20 * MS, missing=0.0)
CAMERA = Sensor(rate_hz=15.0, jitter_ns=40 * MS, delay_ns=100 * MS, missing=0.05)


def sensor(source):
    return CAMERA if source % 2 else SCALE


def streams(sources, seconds, rng):
    """The messages of all sources as (source, stamp, sequence), each source's in the order of its stamps."""
    messages = []
    for source in range(sources):
        kind = sensor(source)
        period = 1e9 / kind.rate_hz
        phase = rng.uniform(1.0, 2.0) * period
        stamps = sorted(
            int(phase + index * period + rng.uniform(-1.0, 1.0) * kind.jitter_ns)
            for index in range(int(seconds * kind.rate_hz))
            if rng.random() >= kind.missing
        )
        messages += [(source, stamp, sequence) for sequence, stamp in enumerate(stamps)]
    return messages


def arrivals(messages, rng):
    """An order of arrival that keeps every source within its lateness: each message takes a random time to arrive."""

    def arrival(message):
        source, stamp, _ = message
        return stamp + rng.uniform(0.0, sensor(source).delay_ns)

    return sorted(messages, key=arrival)


def aligner(sources):
    """(a function that takes a message's source, stamp and sequence, a function that ends it and gives the output)."""
    names = [f"source{index}" for index in range(sources)]
    instance = Aligner([Source(name, LATENESS_NS, TIMEOUT_NS, sporadic=False) for name in names])
    output = []

    def feed(source, stamp, sequence):
        output.extend(instance.push(names[source], stamp, sequence, None))

    def finish():
        return tuple(message[:3] for message in output + instance.flush())

    return feed, finish


def synchronizer(sources):
    """The same two functions; the output is the sets' sequences, without regard to the order of the sets."""
    filters = [message_filters.SimpleFilter() for _ in range(sources)]
    instance = message_filters.ApproximateTimeSynchronizer(filters, QUEUE_SIZE, SLOP_S)
    output = []
    instance.registerCallback(lambda *messages: output.append(tuple(message.sequence for message in messages)))

    def feed(source, message):
        filters[source].signalMessage(message)

    def finish():
        return tuple(sorted(output))

    return feed, finish


def ros_messages(messages):
    """What the synchroniser is fed with: (source, message with a header)."""
    return [
        (source, SimpleNamespace(header=SimpleNamespace(stamp=Time(nanoseconds=stamp)), sequence=sequence))
        for source, stamp, sequence in messages
    ]


def timed(feed, messages, limit_s=float("inf")):
    """Feed the messages one by one for about `limit_s` at most. Returns (CPU seconds a message, messages fed)."""
    gc.collect()
    start = time.process_time()
    fed = 0
    for message in messages:
        feed(*message)
        fed += 1
        if time.process_time() - start > limit_s:
            break
    return (time.process_time() - start) / fed, fed


def measure_aligner(runs):
    """CPU seconds a message for each (sources, messages), the best of some rounds over all of them."""
    rounds = [[timed(aligner(sources)[0], messages)[0] for sources, messages in runs] for _ in range(ROUNDS)]
    return [min(costs) for costs in zip(*rounds, strict=True)]


def outcome(aligning, messages):
    feed, finish = aligning
    for message in messages:
        feed(*message)
    return finish()


def compare(console, rng):
    """Prints the first table. Returns (ratio at the most sources, seconds a message of the synchroniser there)."""
    table = Table(
        title="Messages per second and core on the same streams",
        caption=f"message_filters: slop {SLOP_S:g} s, queue {QUEUE_SIZE}, about {LIMIT_S:g} s a row at most",
    )
    for heading in ("sources", "messages", "aligner", "synchroniser", "its messages", "ratio"):
        table.add_column(heading, justify="right")
    runs = [(sources, arrivals(streams(sources, COMPARED_SECONDS, rng), rng)) for sources in COMPARED]
    for (sources, messages), ours in zip(runs, measure_aligner(runs), strict=True):
        given = ros_messages(messages)
        theirs, fed = min(timed(synchronizer(sources)[0], given, LIMIT_S) for _ in range(SYNCHRONISER_RUNS))
        rates = (f"{1 / ours:,.0f}", f"{1 / theirs:,.0f}", f"{fed:,}", f"{theirs / ours:.1f}")
        table.add_row(str(sources), f"{len(messages):,}", *rates)
    console.print(table)
    return theirs / ours, theirs


def scale(console, rng):
    """Prints the second table. Returns how much more a message costs with the most sources than with the fewest."""
    table = Table(title="The aligner's cost by number of sources")
    for heading in ("sources", "messages", "CPU s for 1 s of data", "µs a message"):
        table.add_column(heading, justify="right")
    rates = [sum(sensor(source).rate_hz for source in range(sources)) for sources in SCALED]
    runs = [
        (sources, arrivals(streams(sources, SCALED_MESSAGES / rate, rng), rng))
        for sources, rate in zip(SCALED, rates, strict=True)
    ]
    costs = measure_aligner(runs)
    for (sources, messages), rate, cost in zip(runs, rates, costs, strict=True):
        table.add_row(str(sources), f"{len(messages):,}", f"{cost * rate:.4f}", f"{cost * 1e6:.1f}")
    console.print(table)
    return costs[-1] / costs[0]


def check_orders(console, rng, seconds_a_message):
    """Prints the third table. Returns whether the aligner's output is the same for every order of arrival."""
    sources = COMPARED[-1]
    messages = sorted(streams(sources, COMPARED_SECONDS, rng), key=lambda message: message[1])
    messages = messages[: int(ORDERS_S / seconds_a_message / ORDERS)]
    orders = [arrivals(messages, rng) for _ in range(ORDERS)]
    ours = len({outcome(aligner(sources), order) for order in orders})
    theirs = len({outcome(synchronizer(sources), ros_messages(order)) for order in orders})
    table = Table(title="Different outputs over orders of arrival")
    for heading in ("sources", "messages", "orders", "aligner", "synchroniser"):
        table.add_column(heading, justify="right")
    table.add_row(*map(str, (sources, len(messages), ORDERS, ours, theirs)))
    console.print(table)
    return ours == 1


def main(argv):
    """Runs the benchmark in less than a minute; 0 when it shows what is required, else 1."""
    parser = argparse.ArgumentParser(prog="bench sync", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="seed of the synthetic streams")
    rng = random.Random(parser.parse_args(argv).seed)
    console = Console()

    ratio, seconds_a_message = compare(console, rng)
    growth = scale(console, rng)
    independent = check_orders(console, rng, seconds_a_message)

    verdicts = [
        (
            ratio >= RATIO_REQUIRED,
            f"{ratio:.1f} times the synchroniser's messages at {COMPARED[-1]} sources (>= {RATIO_REQUIRED:g})",
        ),
        (
            growth <= GROWTH_ALLOWED,
            f"{growth:.2f} times the cost a message at {SCALED[-1]} sources as at {SCALED[0]} (<= {GROWTH_ALLOWED:g})",
        ),
        (independent, "the aligner's output does not depend on the order of arrival"),
    ]
    for passed, text in verdicts:
        console.print(f"[green]met[/] {text}" if passed else f"[red]NOT MET[/] {text}")
    return 0 if all(passed for passed, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
