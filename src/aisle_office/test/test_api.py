"""The inbound API: what it gives and changes, who may, and that no input breaks it."""

import datetime
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from office_world import LINKS, ROOT, World, item, office

from aisle_core.store import load_store
from aisle_office.access import AccessLog
from aisle_office.api import make_api
from aisle_office.board import Board
from aisle_office.codes import code_id
from aisle_office.events import EntryDecided, EntryRequested
from aisle_office.rooms import Rooms
from aisle_office.staff import ROLES, Staff
from aisle_office.web.guard import Limiter

API = "/v1"


class ApiWorld(World):
    """An office with a site of its own, and the API before it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, office())
        url = f"sqlite:///{folder}/office.db"
        self.site = folder / "site"
        shutil.copytree(ROOT / "config" / "stores" / "corner", self.site)
        for name in ("catalogue.csv", "planogram.csv", "fixtures.yaml", "gates.yaml", "sensors.yaml", "store.yaml"):
            shutil.copy(ROOT / "test" / "sites" / "demo" / name, self.site)
        self.staff, self.access = Staff.open(url), AccessLog.open(url, lambda: self.now_ns)
        self.rooms = Rooms(
            site=self.site,
            store=load_store(self.site),
            office=self.office,
            journal=self.journal,
            wallet=self.wallet,
            links=LINKS,
            staff=self.staff,
            access=self.access,
            board=Board(self.journal),
            clock=lambda: self.now_ns,
        )
        self.app = make_api(self.rooms)
        self.keys = {role: self.staff.set_key(f"key-{role}", role) for role in ROLES}

    def client(self, role: str) -> TestClient:
        return TestClient(self.app, headers={"Authorization": f"Bearer {self.keys[role]}"})

    def shop(self, session_id: str, *items: Any, token: str = "tok_anna") -> None:
        self.enter(token, session_id)
        self.leave(*items, session_id=session_id)
        self.settle(0.01)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ApiWorld]:
    world = ApiWorld(tmp_path)
    yield world
    world.close()


def test_no_input_breaks_a_call(world: ApiWorld) -> None:
    world.shop("v1", item("COLA-033", 2))
    schema = schemathesis.openapi.from_asgi("/openapi.json", world.app)
    headers = {"Authorization": f"Bearer {world.keys['manager']}"}
    tried = set()
    for operation in schema.get_all_operations():

        @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.ok().as_strategy())
        def call(case: schemathesis.Case) -> None:
            answer = case.call(headers=headers)
            assert answer.status_code < 500, answer.text
            tried.add(case.operation.label)

        call()
    assert len(tried) == 15


def test_an_app_gets_a_code_that_lets_its_shopper_in_once(world: ApiWorld) -> None:
    answer = world.client("support").post(f"{API}/codes", json={"token": "tok_anna", "minutes": 5})
    assert answer.status_code == 201 and world.client("viewer").post(f"{API}/codes", json={}).status_code == 403
    code = answer.json()["code"]
    for number, reason in enumerate(("authorised", "used_code")):
        asked = EntryRequested(
            request_id=f"r{number}",
            lane_id="gate1",
            payer=world.wallet.payer_of("tok_anna"),
            stamp_ns=world.now_ns,
            code_id=code_id(world.wallet, code),
        )
        world.journal.append(asked)
        world.settle(0.001)
        assert [decided.reason for decided in world.events(EntryDecided, f"r{number}")] == [reason]


def test_catalogue_prices_and_planogram_are_read_and_changed(world: ApiWorld) -> None:
    manager = world.client("manager")
    catalogue = manager.get(f"{API}/catalogue")
    assert catalogue.json()["in_use"] and len(catalogue.json()["products"]) == len(world.rooms.store.products)
    etag = catalogue.headers["ETag"]
    prices = manager.patch(f"{API}/prices", json={"prices": {"COLA-033": 111}}, headers={"If-Match": etag})
    assert prices.json()["prices"]["COLA-033"] == 111 and not prices.json()["in_use"]
    assert load_store(world.site).products["COLA-033"].price_minor == 111
    stale = manager.patch(f"{API}/prices", json={"prices": {"COLA-033": 112}}, headers={"If-Match": etag})
    assert stale.status_code == 412
    products = catalogue.json()["products"] + [{**catalogue.json()["products"][0], "sku": "NEW-1", "gtin": None}]
    assert manager.put(f"{API}/catalogue", json={"products": products}).status_code == 200
    assert "NEW-1" in load_store(world.site).products
    facings = manager.get(f"{API}/planogram").json()["facings"]
    facings[0]["sku"] = "NEW-1"
    assert manager.put(f"{API}/planogram", json={"facings": facings}).status_code == 200
    assert load_store(world.site).facings[0].sku == "NEW-1"


def test_a_change_that_would_break_the_store_changes_nothing(world: ApiWorld) -> None:
    manager, before = world.client("manager"), load_store(world.site).site_hash
    products = manager.get(f"{API}/catalogue").json()["products"]
    for wrong in (products[:1], [products[0] | {"tax_class": "none"}, *products[1:]], [products[0], *products]):
        answer = manager.put(f"{API}/catalogue", json={"products": wrong})
        assert answer.status_code == 409 and str(world.site.parent) not in answer.text
    facings = manager.get(f"{API}/planogram").json()["facings"]
    assert manager.put(f"{API}/planogram", json={"facings": facings + facings[:1]}).status_code == 409
    assert manager.patch(f"{API}/prices", json={"prices": {"NO-SUCH": 1}}).status_code == 409
    many = {"products": [products[0] | {"sku": f"S{n}"} for n in range(10_001)]}
    assert manager.put(f"{API}/catalogue", json=many).status_code == 422
    assert load_store(world.site).site_hash == before
    assert sorted(path.name for path in world.site.parent.glob(".site*")) == []


def test_receipts_are_read_on_and_a_refund_is_asked_once(world: ApiWorld) -> None:
    world.shop("v1", item("COLA-033", 2))
    world.shop("v2", item("STILL-05"))
    support = world.client("support")
    first = support.get(f"{API}/receipts", params={"limit": 1}).json()
    rest = support.get(f"{API}/receipts", params={"after": first[0]["cursor"]}).json()
    assert [r["session_id"] for r in first + rest] == ["v1", "v2"]
    assert support.get(f"{API}/receipts/1").json() == first[0]
    asked = {"refund_id": "till-7", "quantities": {"COLA-033": 1}, "note": "broken"}
    for _ in range(2):
        assert support.post(f"{API}/receipts/1/refunds", json=asked).json()["state"] == "open"
    world.settle(0.01)
    assert support.get(f"{API}/receipts/1/refunds/till-7").json()["state"] == "given"
    assert support.get(f"{API}/receipts").json()[-1]["bill"]["total_minor"] == -149
    other = asked | {"quantities": {"COLA-033": 2}}
    assert support.post(f"{API}/receipts/1/refunds", json=other).status_code == 409
    more = asked | {"refund_id": "till-8", "quantities": {"COLA-033": 2}}
    assert support.post(f"{API}/receipts/1/refunds", json=more).status_code == 409
    assert support.get(f"{API}/receipts/99").status_code == 404


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "GET", "/catalogue", 200),
        ("viewer", "PUT", "/catalogue", 403),
        ("viewer", "POST", "/receipts/1/refunds", 403),
        ("support", "PATCH", "/prices", 403),
        ("support", "PUT", "/planogram", 403),
    ],
)
def test_a_role_is_enough_or_not(world: ApiWorld, role: str, method: str, path: str, status: int) -> None:
    assert world.client(role).request(method, f"{API}{path}", json={}).status_code == status


@pytest.mark.parametrize("key", ["", "key-manager:", "key-manager:guess", "' OR 1=1 --:x", "nobody:"])
def test_without_a_key_there_is_nothing_and_guessers_wait(world: ApiWorld, key: str) -> None:
    client = TestClient(world.app, headers={"Authorization": f"Bearer {key}"})
    assert client.get(f"{API}/receipts").status_code == 401
    assert world.access.read()[0].action == "refused: key"
    answers = {client.get(f"{API}/receipts").status_code for _ in range(30)}
    assert answers == {401, 429}


def test_a_manager_hands_out_and_deletes_what_is_known_of_a_card(world: ApiWorld) -> None:
    world.shop("v1", item("COLA-033"))
    path, manager = f"{API}/cards/{world.wallet.fingerprint('tok_anna')}", world.client("manager")
    assert list(manager.get(path).json()["visits"]) == ["v1"]
    assert world.client("support").get(path).status_code == 403
    assert (manager.delete(path).status_code, manager.get(path).status_code) == (204, 404)


def test_statistics_count_only_who_did_not_opt_out(world: ApiWorld) -> None:
    world.shop("v1", item("COLA-033", 2))
    world.shop("v2", item("COLA-033"), token="tok_shy")
    world.wallet.allow_analytics(world.wallet.payer_of("tok_shy"), False)
    day = datetime.datetime.fromtimestamp(world.now_ns / 1e9, datetime.UTC).date()
    told = world.client("viewer").get(f"{API}/statistics/{day}").json()
    assert (told["visits"], told["turnover_minor"], told["pieces"]) == (1, 298, {"COLA-033": 2})
    assert world.client("viewer").get(f"{API}/statistics/2263-01-01").status_code == 404


def test_attempts_are_counted_by_name_and_forgotten_after_their_time() -> None:
    now = [0]
    limiter = Limiter(2, 10, lambda: now[0])
    assert [limiter.attempt("a"), limiter.attempt("a"), limiter.attempt("a"), limiter.attempt("b")] == [1, 1, 0, 1]
    limiter.succeed("a")
    assert [limiter.attempt("a"), limiter.attempt("a")] == [True, False]
    now[0] = 10
    assert limiter.attempt("a")
