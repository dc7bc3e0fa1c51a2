"""A stage node whose memory survives the end of its process; decision 8 says how."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration

from aisle_contract.interfaces import Qos
from aisle_core.stages import LastingStage
from aisle_core.types import source_of
from aisle_nodes.keeper import Keeper
from aisle_nodes.stage_node import SiteParams, StageNode

SAVE_EVERY = 1000
"""Items between two snapshots, more while listeners have not heard all: some seconds of a store, and less than a second
to decide again."""
HEARD_AT_ONCE, HEARD_AT_LAST = Duration(), Duration(seconds=5)
"""How long listeners may take to acknowledge: before a snapshot, which can wait, and at the end of a stream."""
LINK_PERIOD_S, LINK_TRIES = 0.1, 100
"""After a restart the node goes on when the listeners of before listen and all that was missed has come, at the latest
after so many looks in succession that found nothing new of what is missing."""
STEADY_NS = 10_000_000_000
"""Sources that have spoken so shortly before the end of the process will speak again."""
CAUGHT_UP_NS = 2_000_000_000
"""Sources whose last words are nearer together have told all that was missed."""


class LastingParams(SiteParams, Protocol):
    """What the parameters of such a node have. state: folder for what the node knows; empty: it is not kept."""

    state: str


P = TypeVar("P", bound=LastingParams)


class LastingNode(StageNode[P]):
    """Base of a node that knows who holds what."""

    _stage: LastingStage[Any]

    def _prepare(self) -> None:
        """Remember how far the process had come; what it said and what it missed waits for ``_go_on``."""
        self._keeper: Keeper | None = None
        self._held: list[Any] | None = None
        self._early: list[Any] = []
        self._newest: dict[tuple[type[Any], str], tuple[int, int]] = {}
        self._repeated: Counter[tuple[type[Any], str]] = Counter()
        self._since_save = 0
        if not self.params.state:
            return
        key = f"{version('aisle_nodes')} {self.store.site_hash} {self.params}"
        self._keeper = Keeper(Path(self.params.state), self.get_name(), key)
        kept = self._keeper.load()
        if kept is None:
            self._save()
            return
        state, self._newest, self._listeners = kept.state
        self._stage.resume(state)
        self._held = []
        for item in kept.items:
            self._newest[_source(item)] = item.stamp_ns, item.sequence
            self._held += self._stage.push(item)
        self._repeated = Counter(dict.fromkeys(self._newest, 0))
        last_ns, _ = max(self._newest.values(), default=(0, 0))
        steady = [source for source, (stamp_ns, _) in self._newest.items() if last_ns - stamp_ns <= STEADY_NS]
        waited = {entry.core_class for entry in self._inputs if not entry.feedback}
        self._steady = {source for source in steady if source[0] in waited}
        self._missed = True
        self._looks, self._missing = 0, dict[str, int]()
        self._link_timer = self.every(LINK_PERIOD_S, self._look, Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"goes on with {len(kept.items)} items since the last snapshot")

    def _take(self, item: Any) -> None:
        if self._keeper is None:
            super()._take(item)
        elif not self._is_repeated(item):
            if self._held is None:
                self._use(item)
            else:
                self._early.append(item)

    def _use(self, item: Any) -> None:
        assert self._keeper is not None
        self._keeper.append(item)
        self._newest[_source(item)] = item.stamp_ns, item.sequence
        self._since_save += 1
        super()._take(item)
        if self._since_save >= SAVE_EVERY and self._is_heard(HEARD_AT_ONCE):
            self._save()

    def _is_repeated(self, item: Any) -> bool:
        """Whether a publisher repeats what was used before the end of the process; each begins with that, if at all."""
        source = _source(item)
        if source not in self._repeated:
            return False
        self._repeated[source] += 1
        if (item.stamp_ns, item.sequence) > self._newest[source] or self._repeated[source] > Qos.EVENT.depth:
            del self._repeated[source]
            return False
        return True

    def _finish(self) -> None:
        """The end of a stream: another one may begin at any time."""
        if self._held is not None:
            self._go_on()
        super()._finish()
        self._newest.clear()
        self._repeated.clear()
        if self._keeper is not None:
            self._is_heard(HEARD_AT_LAST)
            self._save()

    def teardown(self) -> None:
        if getattr(self, "_keeper", None) is not None:
            self._keeper.close()
        super().teardown()

    def _is_heard(self, patience: Duration) -> bool:
        """Whether all listeners have acknowledged all that was said: only then it need not be said again."""
        return all(output.publisher.wait_for_all_acked(patience) for output in self.outputs.values())

    def _save(self) -> None:
        assert self._keeper is not None
        listeners = {name: output.publisher.get_subscription_count() for name, output in self.outputs.items()}
        self._keeper.save((self._stage.state(), dict(self._newest), listeners))
        self._since_save = 0

    def _look(self) -> None:
        missing = self._still_missing()
        self._looks = self._looks + 1 if missing == self._missing else 0
        self._missing = missing
        if missing and self._looks < LINK_TRIES:
            return
        if missing:
            self.get_logger().warning(f"goes on without {', '.join(sorted(missing))}; see whether its node runs")
        self._go_on()

    def _still_missing(self) -> dict[str, int]:
        """Listeners and sources that are not all there yet, each with how far it has come."""
        heard = {_source(item): item.stamp_ns for item in self._early}
        last_ns = max(heard.values(), default=0)
        missing: dict[str, int] = {}
        for name, output in self.outputs.items():
            listeners = output.publisher.get_subscription_count()
            if listeners < self._listeners.get(name, 0):
                missing[f"a listener of {name}"] = listeners
        for source in self._steady:
            if source not in heard or last_ns - heard[source] > CAUGHT_UP_NS:
                missing[" ".join([source[0].__name__, *filter(None, source[1:])])] = heard.get(source, 0)
        return missing

    def _go_on(self) -> None:
        """Say again what was said since the last snapshot, and use what was missed, in the order of its stamps."""
        self.destroy_timer(self._link_timer)
        said, self._held = self._held or [], None
        missed, self._early = self._early, []
        self._emit(said)
        for item in sorted(missed, key=lambda item: item.stamp_ns):
            self._use(item)
        self._tell_rejections()
        self._since_save = SAVE_EVERY


def _source(item: Any) -> tuple[type[Any], str]:
    """Items of one such source come in the order of their stamps."""
    return type(item), source_of(item)
