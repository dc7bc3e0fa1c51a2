"""Devices that fail for a while: what their arrivals become.

- silent: nothing is sent. For one plate: its reading is not a number.
- frozen: messages go on, but repeat what was last measured. A lane, which has nothing to repeat, is silent.
- restart: nothing is sent, then everything is counted from 0 again and a gateway announces its layout as a new
  revision. For one plate, which restarts nothing, the same as silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aisle_core.types import Bodies, CameraInfo, GateEvent, Image, ScaleLayout, ScaleReadings
from aisle_sim.scenario import Fault

from .arrivals import Arrival


class Sensor(Protocol):
    """A device of the simulated store."""

    @property
    def names(self) -> tuple[str, ...]:
        """Ids that a fault may name: the device, then its plates."""

    def advance(self, to_ns: int, world: Any, /) -> list[Arrival]:
        """What it sends."""


class Faulty:
    """A device with its faults. They follow the stamps of the items."""

    def __init__(self, sensor: Sensor, faults: Iterable[Fault], start_ns: int) -> None:
        self._sensor, self._start_ns = sensor, start_ns
        device, *plates = sensor.names
        faults = list(faults)
        self._whole = [fault for fault in faults if fault.device == device]
        self._parts = [(plates.index(fault.device), fault) for fault in faults if fault.device in plates]
        self._restarts = 0
        self._first_sequence = 0
        self._layout: Arrival | None = None
        self._layout_due = False
        self._last: Any = None

    def advance(self, to_ns: int, world: Any) -> list[Arrival]:
        """What the device sends, with its faults."""
        arrivals = self._sensor.advance(to_ns, world)
        if not (self._whole or self._parts):
            return arrivals
        return [suffered for arrival in arrivals for suffered in self._suffered(arrival)]

    def _suffered(self, arrival: Arrival) -> list[Arrival]:
        item, since_s = arrival.item, (arrival.item.stamp_ns - self._start_ns) * 1e-9
        kinds = {fault.kind for fault in self._whole if fault.from_s <= since_s < fault.to_s}
        if isinstance(item, ScaleLayout):
            self._layout, self._layout_due = arrival, True
            return []
        if kinds & {"silent", "restart"} or (kinds and isinstance(item, GateEvent)):
            return []
        restarts = sum(fault.kind == "restart" and fault.to_s <= since_s for fault in self._whole)
        if restarts > self._restarts:
            self._restarts, self._layout_due = restarts, True
            self._first_sequence = getattr(item, "sequence", 0)
        if kinds:
            item = self._frozen(item)
        if isinstance(item, ScaleReadings) and self._parts:
            item = replace(item, mass=self._with_faulty_plates(item.mass, since_s))
        if not isinstance(item, CameraInfo):
            self._last = item
        return [*self._announced(arrival), arrival._replace(item=self._renumbered(item))]

    def _frozen(self, item: Any) -> Any:
        """The item with what was measured last; the first one after the start freezes as it is."""
        match item:
            case ScaleReadings():
                return replace(item, mass=np.repeat(self._held(item.mass)[None], len(item.mass), axis=0))
            case Bodies() if self._last is not None:
                return replace(item, bodies=self._last.bodies)
            case Image() if self._last is not None:
                return replace(item, pixels=self._last.pixels)
        return item

    def _with_faulty_plates(self, mass: NDArray[np.float32], since_s: float) -> NDArray[np.float32]:
        """(samples, plates) [kg] with the columns of the plates that fail."""
        mass, held = mass.copy(), self._held(mass)
        for column, fault in self._parts:
            if fault.from_s <= since_s < fault.to_s:
                mass[:, column] = held[column] if fault.kind == "frozen" else np.nan
        return mass

    def _held(self, mass: NDArray[np.float32]) -> NDArray[np.float32]:
        """(plates,) last reading before these [kg]."""
        last: NDArray[np.float32] = mass[0] if self._last is None else self._last.mass[-1]
        return last

    def _announced(self, arrival: Arrival) -> list[Arrival]:
        """The layout, if it is due."""
        if self._layout is None or not self._layout_due:
            return []
        self._layout_due = False
        layout = self._layout.item
        item = replace(layout, stamp_ns=arrival.item.stamp_ns, revision=layout.revision + self._restarts)
        return [Arrival(arrival.arrival_ns, self._layout.name, item)]

    def _renumbered(self, item: Any) -> Any:
        """With the counts since the last restart."""
        if not self._restarts or not hasattr(item, "sequence"):
            return item
        if isinstance(item, ScaleReadings):
            item = replace(item, layout_revision=item.layout_revision + self._restarts)
        return replace(item, sequence=item.sequence - self._first_sequence)
