"""A lane of a store whose office is a test."""

from __future__ import annotations

import threading
from typing import Self

from office_world import World

from aisle_core.types import CredentialShown, EntryDecision, EntryRequest
from aisle_office.events import EntryDecided, EntryRequested
from aisle_office.front_desk import FrontDesk


class Lane:
    """A lane at work: while it is free it asks about what it is told of. Use it as a context.

    lane_id: at which it asks.
    """

    def __init__(self, world: World) -> None:
        self.desk = FrontDesk(world.journal, world.wallet, poll_s=0.005)
        self.world = world
        self.asked: list[CredentialShown] = []
        self.answers: list[EntryDecision] = []
        self.free, self.lane_id = True, "gate1"
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> Self:
        self.desk.__enter__()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        self.desk.__exit__()

    def run(self) -> None:
        while not self.stop.wait(0.005):
            for answer in self.desk.answers():
                if isinstance(answer, EntryDecision):
                    self.answers.append(answer)
                elif isinstance(answer, CredentialShown) and self.free:
                    self.asked.append(answer)
                    request_id = f"r{len(self.asked)}"
                    shown = EntryRequest(self.world.now_ns, 0, self.lane_id, answer.credential, request_id)
                    self.desk.say(shown)

    def wait(self, requests: int = 1) -> None:
        """Until it has asked about so many credentials, and the journal has it."""
        while len(self.world.events(EntryRequested, f"r{requests}")) == 0:
            self.stop.wait(0.005)

    def decided(self) -> EntryDecided:
        """What the doorkeeper makes of the newest request; the lane is told the same."""
        self.world.settle(0.0001)
        (decided,) = self.world.events(EntryDecided, f"r{len(self.asked)}")
        while len(self.answers) < len(self.asked):
            self.stop.wait(0.005)
        return decided
