"""A synthetic recording survives the way into a bag and back."""

from pathlib import Path

import numpy as np

from aisle_contract.interfaces import source_of
from aisle_core.store import load_store
from aisle_core.types import ScaleReadings
from aisle_replay.bag import BagReader
from aisle_sim.synthetic import recording, write_bag

SITE = Path(__file__).resolve().parents[3] / "config" / "stores" / "demo"


def test_the_bag_holds_every_item_at_its_time_of_arrival(tmp_path: Path) -> None:
    store = load_store(SITE)
    made = recording(store, 1)
    write_bag(made, store, SITE, tmp_path / "bag")
    with BagReader(tmp_path / "bag") as bag:
        assert bag.load_store() == store
        *read, (_, last, end) = bag.items()
    assert last.name == "/demo/end_of_stream"
    assert {(stream.topic, stream.source): stream.last_sequence for stream in end.streams} == {
        (topic.name.removeprefix("/demo/"), source_of(item)): item.sequence
        for _, topic, item in read
        if hasattr(item, "sequence")
    }
    assert [log_time_ns for log_time_ns, _, _ in read] == [arrival.arrival_ns for arrival in made.items]
    for (_, topic, item), arrival in zip(read, made.items, strict=True):
        assert topic.name.startswith("/demo/" + "/".join(arrival.device or ()))
        if isinstance(arrival.item, ScaleReadings):
            assert np.array_equal(item.mass, arrival.item.mass)
            assert (item.stamp_ns, item.sequence) == (arrival.item.stamp_ns, arrival.item.sequence)
        else:
            assert item == arrival.item
