"""A node that is one stage of ``aisle_core.stages``: convert, push, convert, publish; and the end of streams."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol, TypeVar

from aisle_contract.interfaces import END_OF_STREAM, Topic
from aisle_contract.sites import find_site
from aisle_core.stages import Stage
from aisle_core.store import load_store
from aisle_nodes.messages import CODEC
from aisle_nodes.node_base import AisleNode, Output
from aisle_nodes.stream_ends import StreamEnds, end_of_stream

P = TypeVar("P", bound="SiteParams")


class SiteParams(Protocol):
    """What the parameters of every stage node have."""

    site: str


@dataclasses.dataclass(frozen=True, slots=True)
class Input:
    """One input topic.

    required: the stream ends only after its end was announced. feedback: it comes from further down the flow, and its
    end is not waited for at all. missed: also what its publisher said before the two had found each other, as one does
    that comes again and goes on. frame_id: the frame that images are taken to be in, whatever they say; a foreign
    camera does not know our names.
    """

    topic: Topic
    core_class: type[Any]
    name: str
    required: bool = True
    feedback: bool = False
    missed: bool = False
    frame_id: str = ""


class StageNode(AisleNode[P]):
    """Base of the nodes between the sensors and the receipt."""

    def make_stage(self) -> Stage[Any]:
        """The assembly this node runs, from ``self.params`` and ``self.store``."""
        raise TypeError(f"{type(self).__name__} has no stage")

    def make_inputs(self) -> list[Input]:
        """The topics it listens to."""
        raise TypeError(f"{type(self).__name__} has no inputs")

    def make_outputs(self) -> dict[tuple[type[Any], str], Output]:
        """(core type, device id or "") -> publisher."""
        raise TypeError(f"{type(self).__name__} has no outputs")

    def device_of(self, item: Any) -> str:
        """Which device's topic an output goes to; "" for a topic of the store."""
        return ""

    def setup(self) -> None:
        self.store = load_store(find_site(self.params.site))
        self._stage = self.make_stage()
        self._inputs = self.make_inputs()
        self._routes = self.make_outputs()
        self._missed = False
        self._prepare()
        self._new_ends()
        for entry in self._inputs:
            self.listen(entry.topic, self._pusher(entry), entry.name, self._missed or entry.missed)
        self.listen(END_OF_STREAM, self._on_end, missed=self._missed)
        self._end_output = self.announce(END_OF_STREAM)

    def _prepare(self) -> None:
        """Called before the node listens."""

    def input_seen(self, name: str) -> None:
        if self._ends.reached(self):
            self._finish()

    def extra_diagnostics(self) -> dict[str, object]:
        if not hasattr(self, "_stage"):
            return {}
        statistics = self._stage.statistics()
        values: dict[str, object] = {"clock jumps": statistics.clock_jumps, **statistics.counts}
        values |= {f"rejected: {reason}": count for reason, count in statistics.rejected.items()}
        for name, source in statistics.sources.items():
            values |= {f"{name} late": source.late, f"{name} silent": source.silent}
        return values

    def _pusher(self, entry: Input) -> Any:
        def push(message: Any) -> None:
            item = CODEC.to_core(message, entry.core_class)
            if entry.frame_id:
                item = dataclasses.replace(item, frame_id=entry.frame_id)
            self._take(item)
            self._tell_rejections()

        return push

    def _take(self, item: Any) -> None:
        """Use one item."""
        self._emit(self._stage.push(item))

    def _tell_rejections(self) -> None:
        reasons = self._stage.take_rejections()
        self.health.rejected += len(reasons)
        for reason in reasons:
            self.complain(reason)

    def _emit(self, items: list[Any]) -> None:
        for item in items:
            self.send(self._routes[type(item), self.device_of(item)], CODEC.to_message(item))

    def _on_end(self, message: Any) -> None:
        self._ends.announce(message)

    def _finish(self) -> None:
        """Flush, say that the outputs have ended, and be ready for another stream."""
        self._emit(self._stage.finish())
        ended = [(output.name, output.last) for output in self.outputs.values() if output is not self._end_output]
        self.send(self._end_output, end_of_stream(self.get_clock().now().nanoseconds, self.get_name(), ended))
        self._new_ends()

    def _new_ends(self) -> None:
        awaited = [entry for entry in self._inputs if not entry.feedback]
        optional = {entry.name for entry in awaited if not entry.required}
        self._ends = StreamEnds({entry.name for entry in awaited} - optional, optional)
