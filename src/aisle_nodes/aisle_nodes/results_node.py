"""results_node: collects the decisions of a replay; at the end it logs the receipts and writes both to files."""

from pathlib import Path

from aisle_msgs.msg import EndOfStream

from aisle_contract.interfaces import (
    CART_EVENTS,
    END_OF_STREAM,
    GATE_COMMANDS,
    RECEIPTS,
    REVIEWS,
    SHELF_EVENTS,
    STOCK_EVENTS,
)
from aisle_contract.sites import find_site, topic_names
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_core.types import CartEvents, GateCommand, Receipt, Review, ShelfEvents, StockEvents
from aisle_nodes.messages import CODEC
from aisle_nodes.node_base import AisleNode
from aisle_nodes.params import ResultsParams
from aisle_nodes.run import run
from aisle_nodes.stream_ends import StreamEnds
from aisle_replay.results import Results

INPUTS = {
    SHELF_EVENTS: ShelfEvents,
    CART_EVENTS: CartEvents,
    STOCK_EVENTS: StockEvents,
    GATE_COMMANDS: GateCommand,
    RECEIPTS: Receipt,
    REVIEWS: Review,
}


class ResultsNode(AisleNode[ResultsParams]):
    """Ends its process when the streams have ended: 0, or 2 when a file could not be written."""

    params_class = ResultsParams

    def setup(self) -> None:
        self.store = load_store(find_site(self.params.site))
        self._names = {name for topic in INPUTS for name in topic_names(topic, self.store)}
        self._new_stream()
        for topic, core_class in INPUTS.items():
            missed = topic in (CART_EVENTS, STOCK_EVENTS)
            for name in topic_names(topic, self.store):
                self.listen(topic, lambda message, kind=core_class: self._take(message, kind), name, missed)
        self.listen(END_OF_STREAM, self._announced)

    def input_seen(self, name: str) -> None:
        if not self._ends.reached(self):
            return
        for line in self._results.summary():
            self.get_logger().info(line)
        code = 0
        try:
            if self.params.events:
                self._results.write_events(Path(self.params.events))
            if self.params.receipts:
                self._results.write_receipts(Path(self.params.receipts), self.store)
        except AisleError as error:
            self.get_logger().error(str(error))
            code = 2
        self._new_stream()
        self.request_exit(code)

    def _announced(self, message: EndOfStream) -> None:
        self._ends.announce(message)

    def _take(self, message: object, core_class: type) -> None:
        self._results.add(CODEC.to_core(message, core_class))

    def _new_stream(self) -> None:
        self._results = Results()
        self._ends = StreamEnds(self._names)


def make() -> ResultsNode:
    """The node under its usual name."""
    return ResultsNode("results_node")


def main() -> int:
    """Entry point."""
    return run(["results_node"])
