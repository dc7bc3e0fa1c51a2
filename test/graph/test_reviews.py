"""A doubt from the shelf to the office and back: fusion, checkout and office are real, the sensors are the test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("rclpy")

from shop import Shop

from aisle_cli.post import Post
from aisle_contract import interfaces
from aisle_contract.sites import config_folder, find_site
from aisle_core.types import (
    GateCommandReason,
    Hand,
    HandSide,
    PersonTracks,
    ReviewDecision,
    ShelfEvent,
    ShelfEvents,
    StockLines,
    Tick,
)
from aisle_nodes.messages import CODEC
from aisle_office.events import Charged, VisitClosed, VisitReviewed

COUNTED = 10


class FusedShop(Shop):
    """The fusion is real too; the test feels the plates."""

    def start_fusion(self) -> None:
        command = [sys.executable, "-c", "import sys; from aisle_nodes.run import main; sys.exit(main())"]
        command += ["cart_fusion_node", "--ros-args", "-r", "__ns:=/market"]
        command += ["--params-file", str(config_folder() / "nodes" / "cart_fusion_node.yaml")]
        command += ["-p", f"site:={self.site}"]
        self.processes["fusion"] = self.start(command)
        self.stock = self.observer.listen(interfaces.STOCK, "/market/stock")
        self.reviews = self.observer.listen(interfaces.REVIEWS, "/market/reviews")
        self.reviewed = self.observer.listen(interfaces.REVIEW_DECISIONS, "/market/review_decisions")
        heard = [publisher for name, publisher in self.publishers.items() if name in ("tick", "person_tracks")]
        self.until(lambda: all(publisher.get_subscription_count() >= 2 for publisher in heard))
        linked = {"cart_events": "1", "stock": "1"}

        def ready(status: object) -> bool:
            values = {pair.key: pair.value for pair in status.values}
            return values["state"] == "active" and all(values.get(f"matched {name}") == n for name, n in linked.items())

        self.observer.health("cart_fusion_node", ready)

    def pass_s(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.now_ns = self.next_ns()
            self.publish("tick", Tick(self.now_ns, 0))
            self.publish("person_tracks", PersonTracks(self.now_ns, 0, tuple(self.people.values())))
            for gateway in self.store.gateways:
                self.feel(gateway.device_id)
            self.observer.executor.spin_once(timeout_sec=0.0)

    def feel(self, gateway_id: str, *events: ShelfEvent) -> None:
        number = self.number(gateway_id)
        batch = ShelfEvents(self.now_ns + len(events), number, gateway_id, events)
        self.publishers["shelf_events"].publish(CODEC.to_message(batch))

    def reach(self, plate_id: str, *track_ids: int) -> None:
        """Their hands are over the plate."""
        x, y, z = self.store.plates[plate_id].centre
        hand = Hand(HandSide.RIGHT, (x, y, z + 0.1), (0.001, 0.0, 0.0, 0.0, 0.001, 0.0, 0.0, 0.0, 0.001))
        for track_id in track_ids:
            self.move(track_id, (x, y))
            self.people[track_id] = replace(self.people[track_id], hands=(hand,))

    def withdraw(self, *track_ids: int) -> None:
        for track_id in track_ids:
            hand = replace(self.people[track_id].hands[0], position=(5.0, 4.0, 1.0))
            self.people[track_id] = replace(self.people[track_id], hands=(hand,))

    def expected(self, plate_id: str) -> float:
        """Pieces that are believed to stand on the plate."""
        lines = CODEC.to_core(self.stock[-1], StockLines).lines if self.stock else ()
        return next((line.expected for line in lines if plate_id in line.plate_ids and line.belongs), -1.0)


@pytest.fixture
def shop(domain: dict[str, str], tmp_path) -> Iterator[FusedShop]:
    site = shutil.copytree(find_site("market"), tmp_path / "market")
    head, *rows = (site / "planogram.csv").read_text().splitlines()
    (site / "planogram.csv").write_text("\n".join([f"{head},stock", *(f"{row},{COUNTED}" for row in rows)]) + "\n")
    with Post(tmp_path / "mail") as post:
        shop = FusedShop(tmp_path, os.environ | domain, post)
        shop.start_fusion()
        shop.until(lambda: shop.tap("first") is GateCommandReason.GRANTED)
        shop.pass_s(11.0)
        yield shop
        shop.close()


def test_a_decision_of_the_office_corrects_carts_and_stock(shop: FusedShop) -> None:
    """Two hands in one plate: both visits are in doubt, and both shoppers say they took nothing."""
    (plate_id,), sku = next((f.plate_ids, f.sku) for f in shop.store.facings if len(f.plate_ids) == 1)
    anna, ben = *shop.enter("anna"), *shop.enter("ben")
    shop.reach(plate_id, anna, ben)
    shop.pass_s(0.5)
    mass = shop.store.products[sku].weight
    assert mass is not None
    # Not quite its weight: if neither of them took it, that nothing went is likelier than somebody whom nobody saw.
    event = ShelfEvent("felt/0", plate_id, shop.now_ns - 50_000_000, shop.now_ns, -0.96 * mass, 0.002, 3.0)
    shop.feel(shop.store.gateways[0].device_id, event)
    shop.pass_s(0.5)
    shop.withdraw(anna, ben)
    shop.pass_s(8.0)
    shop.until(lambda: abs(shop.expected(plate_id) - (COUNTED - 1)) < 0.1)
    shop.go_out(anna, ben)
    sessions = [shop.session_of("anna"), shop.session_of("ben")]
    for session_id in sessions:
        shop.until(lambda session_id=session_id: bool(shop.events(VisitClosed, session_id)))
        assert shop.events(VisitClosed, session_id)[0].review
    shop.until(lambda: {message.session_id for message in shop.reviews} == set(sessions))

    for session_id in sessions:
        shop.journal.append(
            VisitReviewed(session_id=session_id, actor="ann", quantities={sku: 0}, loss_minor=0, note="it fell over")
        )
    shop.until(lambda: len(shop.reviewed) == 2)
    shop.pass_s(5.5)
    shop.until(lambda: abs(shop.expected(plate_id) - COUNTED) < 0.1)
    decisions = [CODEC.to_core(message, ReviewDecision) for message in shop.reviewed]
    assert [decision.actor for decision in decisions] == ["ann", "ann"]
    assert all(correction.plate_id == plate_id for decision in decisions for correction in decision.corrections)
    for name in ("anna", "ben"):
        assert shop.events(Charged, shop.settled(name)) == []
