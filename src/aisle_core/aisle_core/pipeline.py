"""The whole flow of the store: what ``launch/store.launch.py`` runs as a graph, without ROS.

ScaleLayout, ScaleReadings --> ShelfEventStage --ShelfEvents--.
Bodies or images --> PeopleStage --PersonDetections--> TrackerStage --PersonTracks--> CartFusionStage --CartEvents--.
Images of cameras, ShelfEvents, PersonTracks --> ItemEvidenceStage --ItemEvidence--^                      v
GateEvent ---------------------------------------------------------> CheckoutStage (also PersonTracks) --> Carts,
Tick: to the tracker, the fusion and the checkout                                       Receipt, GateCommand
CheckoutStage --StaffTrack, ReviewDecision--> CartFusionStage --> StockLines, StockEvents
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .checkout import CheckoutConfig
from .evidence import ItemEvidenceConfig, Recogniser, References
from .fusion import FusionConfig, StockConfig, Witness, unobserved
from .stages import (
    CartFusionStage,
    CheckoutStage,
    ItemEvidenceStage,
    Output,
    PeopleStage,
    PeopleStageConfig,
    ShelfEventStage,
    Stage,
    StageStatistics,
    TrackerStage,
    TrackerStageConfig,
)
from .store import Store
from .types import Bodies, CameraInfo, GateEvent, Image, ItemEvidence, ScaleLayout, ScaleReadings, Tick
from .weighing import WeighingConfig

Input = ScaleLayout | ScaleReadings | Bodies | Image | CameraInfo | GateEvent | ItemEvidence | Tick


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """The tuning of every stage."""

    people: PeopleStageConfig
    tracker: TrackerStageConfig
    weighing: WeighingConfig
    fusion: FusionConfig
    stock: StockConfig
    checkout: CheckoutConfig
    evidence: ItemEvidenceConfig


class Pipeline:
    """All stages, each one's outputs given to those that want them.

    eyes: the recogniser and its reference views, if cameras shall tell products apart.
    tentative: carts show what is not decided yet too; no decision depends on it.
    """

    def __init__(
        self,
        config: PipelineConfig,
        store: Store,
        witness: Witness = unobserved,
        eyes: tuple[Recogniser, References] | None = None,
        tentative: bool = True,
    ) -> None:
        looking = {} if eyes is None else {"item_evidence_node": ItemEvidenceStage(store, config.evidence, *eyes)}
        fusion = replace(config.fusion, evidence=eyes is not None)
        self.stages: dict[str, Stage[Any]] = {
            "people_node": PeopleStage(store, config.people),
            "shelf_event_node": ShelfEventStage(store, config.weighing),
            "tracker_node": TrackerStage(store, config.tracker),
            **looking,
            "cart_fusion_node": CartFusionStage(store, fusion, config.stock, witness, tentative),
            "checkout_node": CheckoutStage(store, config.checkout),
        }
        self._takers = {kind: [stage for stage in self.stages.values() if kind in stage.inputs] for kind in self.inputs}

    @property
    def inputs(self) -> set[type[Any]]:
        """Types of what some stage takes; of key points and images those that people are found with."""
        return {kind for stage in self.stages.values() for kind in stage.inputs}

    def push(self, item: Input) -> list[Output]:
        """Take one item, in any order of arrival within the sources' lateness, and return all that follows."""
        return self._flow([item])

    def push_all(self, items: Sequence[Input]) -> Iterator[list[Output]]:
        """What ``push`` gives for each of the items, one after the other; scales are read ahead, which is faster."""
        scales = self.stages["shelf_event_node"]
        weighed = iter(scales.push_all([item for item in items if isinstance(item, scales.inputs)]))
        for item in items:
            if isinstance(item, scales.inputs):
                made = next(weighed)
                yield made + self._flow(made)
            else:
                yield self._flow([item])

    def finish(self) -> list[Output]:
        """The end of the recording: every stage says its last word, in the order of the flow."""
        outputs: list[Output] = []
        for stage in self.stages.values():
            last = stage.finish()
            outputs += last + self._flow(last)
        return outputs

    def statistics(self) -> dict[str, StageStatistics]:
        """What became of every stage's inputs, by node name."""
        return {name: stage.statistics() for name, stage in self.stages.items()}

    def _flow(self, items: list[Any]) -> list[Output]:
        outputs: list[Output] = []
        for item in items:
            for stage in self._takers.get(type(item), ()):
                made = stage.push(item)
                outputs += made + self._flow(made)
        return outputs
