"""checkout_node: cart events, tracks, gates and the office's answers -> visits, carts, receipts, gate commands."""

import dataclasses
from typing import Any

from rclpy.clock import Clock, ClockType

from aisle_contract.interfaces import (
    CART_EVENTS,
    CARTS,
    GATE_ALARMS,
    GATE_COMMANDS,
    GATE_EVENTS,
    PERSON_TRACKS,
    RECEIPTS,
    REVIEW_DECISIONS,
    REVIEWS,
    SHELF_EVENTS,
    STAFF_TRACKS,
    TICK,
)
from aisle_core.stages import CheckoutStage
from aisle_core.types import (
    CartEvents,
    Carts,
    EntryRequest,
    GateAlarm,
    GateCommand,
    GateEvent,
    PersonTracks,
    Receipt,
    Review,
    ReviewDecision,
    ShelfEvents,
    StaffTrack,
    Tick,
)
from aisle_nodes.messages import CODEC
from aisle_nodes.node_base import Output
from aisle_nodes.office_desk import Said, open_desk
from aisle_nodes.params import CheckoutParams
from aisle_nodes.run import run
from aisle_nodes.stage_node import Input, StageNode

ANSWERS_PERIOD_S = 0.02


class CheckoutNode(StageNode[CheckoutParams]):
    """Runs ``CheckoutStage``, the lanes' state machines included; the office's front desk sits beside it."""

    params_class = CheckoutParams

    def setup(self) -> None:
        self._desk = open_desk(self.params.office.database) if self.params.office.database else None
        super().setup()
        self.listen(SHELF_EVENTS, self._on_shelf_events)
        if self._desk is not None:
            self._timer = self.every(ANSWERS_PERIOD_S, self._take_answers, Clock(clock_type=ClockType.STEADY_TIME))

    def teardown(self) -> None:
        if getattr(self, "_desk", None) is not None:
            if hasattr(self, "_timer"):
                self.destroy_timer(self._timer)
                del self._timer
            self._desk.close()
            self._desk = None

    def make_stage(self) -> CheckoutStage:
        if self._desk is None:
            return CheckoutStage(self.store, self.params.checkout)
        return CheckoutStage(
            self.store, dataclasses.replace(self.params.checkout, ask_office=True), self._desk.front.state()
        )

    def make_inputs(self) -> list[Input]:
        gates = [
            Input(GATE_EVENTS, GateEvent, GATE_EVENTS.of(lane.zone, lane.lane_id), required=False)
            for lane in self.store.lanes
        ]
        return [
            Input(CART_EVENTS, CartEvents, CART_EVENTS.name, missed=True),
            Input(PERSON_TRACKS, PersonTracks, PERSON_TRACKS.name),
            Input(TICK, Tick, TICK.name),
            *gates,
        ]

    def make_outputs(self) -> dict[tuple[type, str], Output]:
        lanes = {
            (core_class, lane.lane_id): self.announce(topic, topic.of(lane.zone, lane.lane_id))
            for core_class, topic in ((GateCommand, GATE_COMMANDS), (GateAlarm, GATE_ALARMS))
            for lane in self.store.lanes
        }
        of_store = {
            Carts: CARTS,
            Receipt: RECEIPTS,
            Review: REVIEWS,
            ReviewDecision: REVIEW_DECISIONS,
            StaffTrack: STAFF_TRACKS,
        }
        return {**{(kind, ""): self.announce(topic) for kind, topic in of_store.items()}, **lanes}

    def device_of(self, item: object) -> str:
        return item.lane_id if isinstance(item, GateCommand | GateAlarm) else ""

    def _emit(self, items: list[Any]) -> None:
        super()._emit([item for item in items if not isinstance(item, EntryRequest)])
        if self._desk is not None:
            self._desk.say([item for item in items if isinstance(item, Said)], self._stage.state)

    def _on_shelf_events(self, message: Any) -> None:
        """The office wants the masses of what is sold by weight."""
        if self._desk is not None:
            self._desk.front.say(CODEC.to_core(message, ShelfEvents))

    def _take_answers(self) -> None:
        for answer in self._desk.front.answers():
            self._emit(self._stage.push(answer))


def make() -> CheckoutNode:
    """The node under its usual name."""
    return CheckoutNode("checkout_node")


def main() -> int:
    """Entry point."""
    return run(["checkout_node"])
