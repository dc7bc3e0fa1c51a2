"""Readers at the gate that the office drives, against a server that speaks as the provider's does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lane import Lane
from office_world import NOON, ROOT, SECOND, World, item, office
from stripe_server import FakeStripe, serving

from aisle_core.errors import AisleError
from aisle_core.types import Cart, Carts, CartState
from aisle_office.audit import audit
from aisle_office.cashier import Cashier
from aisle_office.doorkeeper import Doorkeeper
from aisle_office.events import CardTapped, EntryDecided
from aisle_office.money import Money
from aisle_office.office import main
from aisle_office.payment import DeclinedError, PaymentError, UnreachableError
from aisle_office.payment.terminal import Stripe, Terminal
from aisle_office.readers import CARD_PREFIX, Readers
from aisle_office.visit import Visit

HELD = Money(5000, "USD")
CART = Cart("v1", (7,), None, CartState.OPEN, None, NOON, "USD", (), 0)


class Gate:
    """A lane with a reader, before an office whose provider is the server's."""

    def __init__(self, world: World, fake: FakeStripe, stripe: Stripe) -> None:
        self.world, self.fake, self.stripe = world, fake, stripe
        fake.reader("tmr_1")
        args = (world.journal, stripe, world.wallet)
        world.workers = [
            Doorkeeper(*args, world.office, "USD", lambda: world.now_ns),
            Cashier(*args, world.store, world.office, lambda: world.now_ns),
        ]
        self.start()

    def start(self) -> None:
        """As after a crash."""
        world, readers = self.world, {"gate1": "tmr_1"}
        terminal = Terminal(self.stripe)
        self.readers = Readers(world.journal, terminal, self.stripe, world.wallet, readers, HELD, lambda: world.now_ns)

    def tap(self, card: str = "fp_anna") -> str:
        self.readers.step("gate1")
        return self.fake.tap("tmr_1", card, self.world.now_ns // SECOND)

    def taps(self) -> list[str]:
        return [event.authorisation_id for event in self.world.events(CardTapped, None)]

    def status(self, authorisation_id: str) -> str:
        return str(self.fake.intents[authorisation_id]["status"])


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    world = World(tmp_path, office())
    with serving() as (fake, address):
        yield Gate(world, fake, Stripe("sk_test_1", timeout_s=5.0, base_address=address))
    world.close()


def test_a_tap_lets_somebody_in_and_pays_for_the_visit(gate: Gate) -> None:
    world = gate.world
    with Lane(world) as lane:
        held = gate.tap()
        gate.readers.step("gate1")
        lane.wait()
        decided = lane.decided()
        assert (decided.reason, decided.authorisation_id, decided.authorised_minor) == ("authorised", held, 5000)
        lane.desk.say(Carts(NOON, 0, (replace(CART, credential=lane.asked[0].credential),)))
    world.leave(item("COLA-033", 2))
    world.settle(0.01)
    assert gate.fake.intents[held]["amount_received"] == 298 and audit(world.journal).findings == []
    payer = Visit.read(world.journal, "v1").payer
    assert payer == world.wallet.payer_of(CARD_PREFIX + "fp_anna")
    assert "fp_anna" not in "".join(raw.body or "" for raw in world.journal.raw(limit=1000))
    assert gate.tap() != held and len(gate.fake.intents) == 2


def test_a_reader_is_asked_once_and_again_after_a_card_that_is_declined(gate: Gate) -> None:
    gate.tap("declined")
    for _ in range(3):
        gate.readers.step("gate1")
    asked = [path for path, _, _ in gate.fake.calls if path.endswith("process_payment_intent")]
    assert len(asked) == 2 and len(gate.fake.intents) == 1 and gate.taps() == []


def test_the_same_card_again_while_its_visit_is_open_is_kept_out_and_let_go(gate: Gate) -> None:
    taps = [("fp_anna", "authorised"), ("fp_anna", "visit_open"), ("fp_bert", "authorised")]
    with Lane(gate.world) as lane:
        for number, (card, reason) in enumerate(taps):
            held = gate.tap(card)
            gate.readers.step("gate1")
            lane.wait(number + 1)
            assert lane.decided().reason == reason
            credential = lane.asked[-1].credential
            if reason == "authorised":
                cart = replace(CART, session_id=f"v{number}", credential=credential)
                lane.desk.say(Carts(NOON, 0, (cart,)))
                while not Visit.read(gate.world.journal, f"v{number}").opened:
                    pass
            gate.world.settle(0.0001)
            assert gate.status(held) == ("requires_capture" if reason == "authorised" else "canceled")
            gate.readers.step("gate1")


def test_a_tap_that_no_lane_asks_about_is_let_go(gate: Gate) -> None:
    held = gate.tap()
    gate.readers.step("gate1")
    gate.world.now_ns += 5 * SECOND
    gate.readers.step("gate1")
    assert gate.status(held) == "requires_capture" and len(gate.fake.intents) == 1
    gate.start()
    gate.world.now_ns += 6 * SECOND
    gate.readers.step("gate1")
    assert gate.status(held) == "canceled" and len(gate.fake.intents) == 2


def test_a_tap_of_long_ago_opens_nothing(gate: Gate) -> None:
    """The office was away while somebody tapped; whoever stands there now is somebody else."""
    held = gate.tap()
    gate.world.now_ns += 3600 * SECOND
    gate.start()
    with Lane(gate.world) as lane:
        gate.readers.step("gate1")
        lane.wait()
        assert lane.decided().reason == "expired_code"
    assert gate.status(held) == "canceled"


@pytest.mark.parametrize("late", range(4))
def test_answers_that_are_lost_and_restarts_make_one_tap_of_one(gate: Gate, late: int) -> None:
    """After each lost answer the office begins anew."""
    for fail in ([503], [0, 503], [0, 0, 503], [0, 0, 0, 503]):
        gate.fake.fail = list(fail)
        with pytest.raises(UnreachableError):
            for _ in range(4):
                gate.readers.step("gate1")
        gate.start()
    gate.fake.fail = []
    held = gate.tap()
    gate.fake.fail = [0] * late + [503]
    for _ in range(2):
        try:
            gate.readers.step("gate1")
        except PaymentError:
            gate.start()
    gate.start()
    gate.readers.step("gate1")
    assert gate.taps() == [held] and len(gate.fake.intents) == 1


def test_an_authorisation_that_somebody_cancelled_is_replaced(gate: Gate) -> None:
    gate.readers.step("gate1")
    (first,) = gate.fake.intents
    gate.stripe.cancel(first, "by hand")
    with pytest.raises(DeclinedError):
        gate.readers.step("gate1")
    assert gate.tap() != first


def test_a_tap_is_good_at_its_lane_alone(gate: Gate) -> None:
    with Lane(gate.world) as lane:
        lane.lane_id = "gate2"
        held = gate.tap()
        gate.readers.step("gate1")
        lane.wait()
        assert lane.decided().reason == "declined" and not gate.world.events(EntryDecided, "r1")[0].admitted
    assert gate.status(held) == "canceled"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The corner with a reader."""
    shutil.copytree(ROOT / "config" / "stores" / "corner", tmp_path / "site")
    with (tmp_path / "site" / "office.yaml").open("a") as file:
        file.write("\nreaders: {gate1: tmr_1}\n")
    return tmp_path / "site"


def command(site: Path, *rest: str) -> list[str]:
    return [str(site), "--database", f"sqlite:///{site.parent}/office.db", "--smtp", "127.0.0.1:9", *rest]


def test_the_offices_process_drives_the_readers_of_its_site(site: Path) -> None:
    with serving() as (fake, address):
        fake.reader("tmr_1")
        words = command(site, "--provider", "stripe", "--stripe-address", address)
        secrets = {"AISLE_OFFICE_SECRET": "a secret of the test", "AISLE_STRIPE_KEY": "sk_test_1"}
        process = subprocess.Popen([sys.executable, "-m", "aisle_office.office", *words], env=os.environ | secrets)
        while fake.readers["tmr_1"]["action"] is None and process.poll() is None:
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_provider_without_readers_is_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISLE_OFFICE_SECRET", "a secret of the test")
    with pytest.raises(AisleError, match="has readers"):
        main(command(site, "--provider", f"sqlite:///{site.parent}/sandbox.db"))
