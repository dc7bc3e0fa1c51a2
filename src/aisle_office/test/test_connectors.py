"""The calls to a retailer's systems, against a server that holds them to their description."""

import datetime
import http.server
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import jsonschema_rs
import pytest
import schemathesis
import uvicorn
import yaml
from fastapi import FastAPI
from hypothesis import HealthCheck
from lane import Lane
from office_world import LINKS, NOON, SECOND, STORE, World, item, office
from schemathesis.generation import GenerationMode
from web_world import CONNECTOR_KEY, WebWorld

import aisle_office.connectors
from aisle_core.store import Product, load_store
from aisle_core.types import Cart, Carts, CartState, EntryRequest
from aisle_office.access import AccessLog
from aisle_office.audit import audit
from aisle_office.board import Board
from aisle_office.connectors import Connector, Credentials, Purchaser, RefusedError, UnansweredError, trip_of
from aisle_office.connectors.inbound import make_inbound
from aisle_office.connectors.signing import signed
from aisle_office.connectors.trips import made_id
from aisle_office.events import EntryDecided
from aisle_office.money import Money
from aisle_office.rooms import Rooms
from aisle_office.settings import Retry
from aisle_office.staff import Staff
from aisle_office.tasks import dead_letters, rerun
from aisle_office.visit import Visit

API = yaml.safe_load((Path(aisle_office.connectors.__file__).parent / "openapi.yaml").read_text())
KEY = Credentials("AKID", "a secret of the retailer", "eu-central-1")
RETRY = Retry(first_s=1, factor=2, most_s=8, attempts=4)


@dataclass
class Retailer:
    """Checks signature and body of each call. ``manners``: what the next calls meet; else they are answered."""

    manners: list[Any] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    purchases: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str], body: bytes, address: str) -> tuple[int, Any]:
        self._check_signature(path, headers, body, address)
        operation = API["paths"].get(path, {}).get("post")
        if operation is None:
            return 404, {"message": "no such call"}
        document = json.loads(body)
        schema = API["components"]["requestBodies"][operation["requestBody"]["$ref"].rpartition("/")[2]]
        self._check(schema["content"]["application/json"]["schema"], document)
        self.calls.append((path, document))
        done = self._act(path, document)
        manner = self.manners.pop(0) if self.manners else None
        if manner is not None:
            return manner
        status, content = next(iter(operation["responses"].items()))
        if "content" in content:
            self._check(content["content"]["application/json"]["schema"], done)
        return int(status), done

    def _act(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        match path.rpartition("/")[2]:
            case "identity-keys":
                kind = "ASSOCIATE" if document["identityKey"] == "associate" else "SHOPPER"
                return {"visitorDetails": {"id": "shopper-1", "type": kind}}
            case "purchases":
                trip = document["idempotentShoppingTripId"]
                return {"purchaseId": self.purchases.setdefault(trip, f"p{len(self.purchases)}")}
            case "shopperauthorization":
                return {"shopperAuthorized": document["authorizedAmount"]["value"] >= 20}
            case "upload":
                return {"ingestionId": f"i{len(self.calls)}"}
            case "startAuth":
                busy = document["deviceId"] == "late"
                return {"authStarted": False, "reason": "busy"} if busy else {"authStarted": True, "authEventId": "e1"}
        return {}

    def _check(self, schema: dict[str, Any], document: Any) -> None:
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": API["components"]})
        self.complaints += [error.message for error in validator.iter_errors(document)]

    def _check_signature(self, path: str, headers: dict[str, str], body: bytes, address: str) -> None:
        now = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        given = {"Content-Type": headers["content-type"]}
        if signed("POST", f"{address}{path}", given, body, KEY, now)["authorization"] != headers["authorization"]:
            self.complaints.append(f"{path}: wrong signature")


@contextmanager
def serving(retailer: Retailer) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, document = retailer.answer(self.path, headers, body, address)
            if status == 0:
                return
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "5")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Line:
    """A retailer, the client before it, and how long the client would have slept."""

    retailer: Retailer
    address: str
    connector: Connector
    slept: list[float]


@pytest.fixture
def line() -> Iterator[Line]:
    retailer, slept = Retailer(), list[float]()
    with (
        serving(retailer) as address,
        Connector(address, "STORE-1", KEY, RETRY, 60.0, lambda: NOON, slept.append) as connector,
    ):
        yield Line(retailer, address, connector, slept)
    assert retailer.complaints == []


def billed(world: World, session_id: str = "v1") -> Visit:
    world.enter("tok_anna", session_id)
    world.leave(item("COLA-033", 2), item("APPLE-BAG", mass=0.742), session_id=session_id)
    world.settle(0.001)
    return Visit.read(world.journal, session_id)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, office(weighed={"APPLE-BAG": 329}))
    yield world
    world.close()


def test_the_signature_is_that_of_the_published_example() -> None:
    """``get-vanilla`` of the test suite for AWS Signature Version 4."""
    key = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
    now = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.UTC)
    headers = signed("GET", "https://example.amazonaws.com/", {}, b"", key, now)
    assert headers["authorization"].endswith(
        "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )
    assert key.secret not in repr(key)


def test_all_calls_keep_to_their_description(line: Line, world: World) -> None:
    connector, visit = line.connector, billed(world)
    assert connector.verify_identity_key("r1", "YWJj", "OPTICAL") == ("shopper-1", "SHOPPER")
    assert connector.authorise("r1", "shopper-1", Money(5000, "EUR"))
    assert not connector.authorise("r1", "shopper-1", Money(1999, "EUR"))
    assert [connector.create_purchase(trip_of(visit)) for _ in range(2)] == ["p0", "p0"]
    trip_id = made_id("trip", "v1")
    connector.adjust_charge(trip_id, Money(1234, "EUR"))
    connector.capture_charge(trip_id, Money(1234, "EUR"))
    connector.cancel_charge(trip_id)
    assert connector.upload_catalogue(STORE.products.values(), "EUR") == ["i9"]
    assert connector.start_authentication("gate1", 5.0) == "e1"
    with pytest.raises(RefusedError, match="busy"):
        connector.start_authentication("late", 5.0)
    connector.process_authentication("gate1", "e1", "shopper-1")
    connector.process_authentication("gate1", "e1", None)
    told = dict(line.retailer.calls)
    assert set(told) == {path for path, item in API["paths"].items() if "calls" in item["post"]["tags"]}
    assert told["/v1/adjust/charge"]["amount"] == {"amount": 12.34, "code": "EUR"}
    quantities = [i["quantity"] for i in told["/v1/order/purchases"]["cartItems"]]
    assert quantities == [{"value": "2", "unit": "unit"}, {"value": "0.742", "unit": "kg"}]
    assert told["/v1/cancel/charge"]["shoppingTripId"] == trip_id


@pytest.mark.parametrize(
    ("manners", "slept"),
    [
        ([(503, {})], [1.0]),
        ([(0, None)], [1.0]),
        ([(429, {}), (500, {})], [5.0, 2.0]),
        ([(504, {}), (0, None), (502, {})], [1.0, 2.0, 4.0]),
    ],
)
def test_a_call_without_an_answer_is_made_again_and_done_once(
    line: Line, world: World, manners: list[Any], slept: list[float]
) -> None:
    line.retailer.manners = list(manners)
    assert line.connector.create_purchase(trip_of(billed(world))) == "p0"
    bodies = [document for _, document in line.retailer.calls]
    assert len(bodies) == len(manners) + 1 and all(body == bodies[0] for body in bodies)
    assert line.slept == slept and len(line.retailer.purchases) == 1


def test_silence_ends_and_a_no_is_final(line: Line, world: World) -> None:
    trip = trip_of(billed(world))
    line.retailer.manners = [(500, {})] * 4
    with pytest.raises(UnansweredError, match="500 after 4"):
        line.connector.create_purchase(trip)
    for no in ((400, {"message": "wrong"}), (403, {}), (200, b"<html>"), (200, []), (302, {})):
        line.retailer.manners = [no]
        with pytest.raises(RefusedError):
            line.connector.create_purchase(trip)
    assert len(line.retailer.calls) == 9


def test_a_catalogue_goes_in_requests_of_ten_thousand(line: Line) -> None:
    some = next(iter(STORE.products.values()))
    products: list[Product] = [some.model_copy(update={"sku": f"S{n}"}) for n in range(20_001)]
    assert len(line.connector.upload_catalogue(products, "EUR")) == 3
    assert [len(body["catalogItems"]) for _, body in line.retailer.calls] == [10_000, 10_000, 1]
    assert line.slept == [0.1, 0.1]


def test_every_billed_visit_becomes_one_purchase(line: Line, world: World) -> None:
    once = Connector(line.address, "STORE-1", KEY, RETRY.model_copy(update={"attempts": 1}), 10.0, lambda: NOON)
    world.workers.append(Purchaser(world.journal, once, RETRY, lambda: world.now_ns))
    line.retailer.manners = [(503, {}), (0, None)]
    billed(world)
    world.settle(0.01)
    visit = Visit.read(world.journal, "v1")
    assert (visit.purchase_id, visit.tasks["purchase"].attempts, len(line.retailer.purchases)) == ("p0", 2, 1)
    line.retailer.manners = [(400, {})]
    billed(world, "v2")
    assert [(letter.subject, letter.task) for letter in dead_letters(world.journal)] == [("v2", "purchase")]
    rerun(world.journal, "v2", "purchase", "anna")
    world.settle(0.01)
    assert Visit.read(world.journal, "v2").purchase_id == "p1"


def settings(**changes: Any) -> dict[str, Any]:
    fixed = {"address": "http://localhost:1", "store_id": "STORE-1", "region": KEY.region, "timeout_s": 5.0}
    rules = {"app_entry": True, "screen_cards": True, "prices_carts": False, "devices": {"palm1": "gate1"}}
    return fixed | rules | {"retry": RETRY.model_dump()} | changes


@pytest.fixture
def linked(tmp_path: Path, line: Line) -> Iterator[World]:
    """An office that asks the retailer at the gate, and tells it of every visit."""
    world = World(tmp_path, office(retailer=settings()))
    once = Connector(line.address, "STORE-1", KEY, RETRY.model_copy(update={"attempts": 1}), 10.0, lambda: NOON)
    world.retailer = once
    world.start()
    world.workers.append(Purchaser(world.journal, once, RETRY, lambda: world.now_ns))
    yield world
    world.close()


def test_whoever_comes_with_the_retailers_app_is_charged_by_the_retailer(line: Line, linked: World) -> None:
    decided = linked.enter("app:YWJj")
    assert (decided.admitted, decided.shopper_id) == (True, "shopper-1")
    linked.leave(item("COLA-033", 2))
    linked.settle()
    asked, told = (document for _, document in line.retailer.calls)
    assert asked["identityKey"] == "YWJj" and told["shopperIdentity"] == {"id": "shopper-1"}
    (event,) = told["shoppingTrip"]["authEvents"]
    assert (event["id"], event["payloadType"]) == (asked["authEvent"]["id"], "SCAN_CODE")
    visit = Visit.read(linked.journal, "v1")
    assert visit.settled and visit.charged is None and linked.sandbox.books().held_minor == 0
    assert audit(linked.journal).findings == []


@pytest.mark.parametrize(
    ("manners", "token", "reason"),
    [
        ([(403, {})], "app:YWJj", "declined"),
        ([(503, {}), (0, None)], "app:YWJj", "authorised"),
        ([(503, {})] * 99, "app:YWJj", "provider_unreachable"),
        ([], "app:associate", "staff"),
        ([(200, {"shopperAuthorized": False})], "tok_anna", "declined"),
        ([(503, {})], "tok_anna", "authorised"),
    ],
)
def test_the_retailer_says_who_comes_in(line: Line, linked: World, manners: list[Any], token: str, reason: str) -> None:
    line.retailer.manners = manners
    decided = linked.enter(token)
    assert (decided.reason, decided.admitted) == (reason, reason in ("authorised", "staff"))
    linked.settle(0.1)
    assert linked.sandbox.books().held_minor == (0 if token != "tok_anna" or not decided.admitted else 5000)


def test_a_key_of_an_app_opens_nothing_where_there_is_none(world: World) -> None:
    assert world.enter("app:YWJj").reason == "unknown_code"


# --- what the retailer's systems call


CART = Cart("v1", (7,), None, CartState.OPEN, None, NOON, "USD", (), 0)


@dataclass
class Delegated:
    """An office whose carts the retailer prices, its two systems, and the server that answers them."""

    world: World
    told: Retailer
    systems: Connector
    address: str

    def trip(self) -> str:
        """A visit with 3 cola and a bag of apples, of which the retailer has been told; gives its trip."""
        self.world.enter("tok_anna")
        self.world.leave(item("COLA-033", 3), item("APPLE-BAG"))
        self.world.settle(0.01)
        return str(dict(self.told.calls)["/v1/order/purchases"]["idempotentShoppingTripId"])

    @property
    def visit(self) -> Visit:
        self.world.settle(0.01)
        return Visit.read(self.world.journal, "v1")


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Staff:
    """Nobody signs in here."""
    return Staff.open(f"sqlite:///{tmp_path_factory.mktemp('staff')}/staff.db")


@pytest.fixture
def delegated(tmp_path: Path, line: Line, staff: Staff) -> Iterator[Delegated]:
    world = World(tmp_path, office(retailer=settings(prices_carts=True, screen_cards=False)))
    url = f"sqlite:///{tmp_path}/office.db"

    def clock() -> int:
        return world.now_ns

    once = RETRY.model_copy(update={"attempts": 1})
    rooms = Rooms(
        site=tmp_path,
        store=world.store,
        office=world.office,
        journal=world.journal,
        wallet=world.wallet,
        links=LINKS,
        staff=staff,
        access=AccessLog.open(url, clock),
        board=Board(world.journal),
        clock=clock,
    )
    assert world.office.retailer is not None
    with (
        served(make_inbound(rooms, world.office.retailer, CONNECTOR_KEY)) as address,
        Connector(line.address, "STORE-1", KEY, once, 10.0, clock) as store,
        Connector(address, "STORE-1", CONNECTOR_KEY, once, 10.0, clock) as systems,
    ):
        world.workers.append(Purchaser(world.journal, store, RETRY, clock))
        yield Delegated(world, line.retailer, systems, address)
    world.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of an application on a server of its own."""
    place = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{place.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("total", [1, 437, 4999, 9001])
def test_a_card_is_charged_what_the_retailer_says_and_nothing_before(delegated: Delegated, total: int) -> None:
    trip_id, amount = delegated.trip(), Money(total, "USD")
    assert delegated.visit.charged is None and not delegated.visit.settled
    delegated.systems.adjust_charge(trip_id, amount)
    delegated.systems.adjust_charge(trip_id, amount)
    delegated.systems.capture_charge(trip_id, amount)
    for other in (
        lambda: delegated.systems.capture_charge(trip_id, Money(total + 1, "USD")),
        lambda: delegated.systems.cancel_charge(trip_id),
    ):
        with pytest.raises(RefusedError, match=r"400 .*and stays"):
            other()
    assert delegated.visit.charged is not None and delegated.visit.charged.amount_minor == total
    books = delegated.world.sandbox.books()
    assert (books.captured_minor, books.captures, books.held_minor) == (total, 1, 0)
    assert audit(delegated.world.journal).findings == []


def test_a_charge_that_the_retailer_cancels_is_let_go(delegated: Delegated) -> None:
    trip_id = delegated.trip()
    delegated.systems.cancel_charge(trip_id)
    delegated.systems.cancel_charge(trip_id)
    visit, books = delegated.visit, delegated.world.sandbox.books()
    assert visit.settled and visit.charged is None and visit.receipt is None
    assert (books.captured_minor, books.held_minor) == (0, 0)
    assert audit(delegated.world.journal).findings == []


def test_a_retailer_that_says_nothing_is_told_to_staff_and_may_still_say_it(delegated: Delegated) -> None:
    trip_id = delegated.trip()
    delegated.world.settle(30)
    assert delegated.world.ends() == {"v1 price"} and delegated.visit.charged is None
    assert delegated.world.enter("tok_anna", "v2").admitted
    delegated.systems.adjust_charge(trip_id, Money(500, "USD"))
    assert delegated.visit.charged is not None and delegated.world.ends() == set()


def test_a_price_that_cannot_be_right_is_refused(delegated: Delegated, web: WebWorld) -> None:
    trip_id = delegated.trip()
    told = {"storeId": "STORE-1", "shoppingTripId": trip_id, "amount": {"amount": 5.0, "code": "USD"}}
    for change in (
        {"shoppingTripId": made_id("trip", "v2")},
        {"storeId": "STORE-2"},
        {"amount": {"amount": 5.0, "code": "EUR"}},
        {"amount": {"amount": 5.001, "code": "USD"}},
        {"amount": {"amount": 0, "code": "USD"}},
        {"amount": {"amount": -1, "code": "USD"}},
        {"amount": {"amount": "much", "code": "USD"}},
        {"amount": 5.0},
        {"shoppingTripId": None},
    ):
        with pytest.raises(RefusedError, match="400"):
            delegated.systems._call("/v1/adjust/charge", told | change)
    assert not delegated.visit.repriced
    assert call(web, "/v1/cancel/charge", told).json()["errorMsg"].startswith("this store takes its own prices")
    assert httpx.post(f"{web.address}/connector/v1/adjust/charge", json=told).status_code == 403


@pytest.mark.parametrize(
    ("said", "reason", "shopper"),
    [
        ({}, "authorised", "shopper-1"),
        ({"personType": "NON_SHOPPER"}, "staff", ""),
        ({"authResult": "DENIED", "personId": None}, "declined", ""),
        ({"authResult": "PROCESSED"}, "declined", ""),
    ],
)
def test_a_device_of_the_retailer_says_who_comes_in(
    delegated: Delegated, said: dict[str, Any], reason: str, shopper: str
) -> None:
    with Lane(delegated.world) as lane:
        event_id = delegated.systems.start_authentication("palm1", 5.0)
        assert delegated.systems.start_authentication("palm1", 5.0) == event_id
        delegated.world.settle(0.0001)
        assert delegated.world.events(EntryDecided, "r1") == []
        told = {
            "authEventId": event_id,
            "deviceId": "palm1",
            "storeId": "STORE-1",
            "personId": "shopper-1",
            "personType": "SHOPPER",
            "timestamp": 1,
            "authResult": "ACCEPTED",
            **said,
        }
        for _ in range(2):
            delegated.systems._call("/auth/v2/processAuth", told)
        with pytest.raises(RefusedError, match="otherwise"):
            other = "ACCEPTED" if told["authResult"] != "ACCEPTED" else "DENIED"
            delegated.systems._call("/auth/v2/processAuth", told | {"personId": "shopper-2", "authResult": other})
        decided = lane.decided()
    assert (decided.reason, decided.shopper_id) == (reason, shopper if decided.admitted else "")
    assert decided.admitted == (reason in ("authorised", "staff"))
    assert [(shown.lane_id, shown.credential) for shown in lane.asked] == [("gate1", event_id)]


def test_whoever_a_device_lets_in_is_charged_by_the_retailer(delegated: Delegated) -> None:
    with Lane(delegated.world) as lane:
        event_id = delegated.systems.start_authentication("palm1", 5.0)
        delegated.systems.process_authentication("palm1", event_id, "shopper-1")
        assert lane.decided().admitted
        lane.desk.say(Carts(NOON, 0, (replace(CART, credential=event_id),)))
    delegated.world.leave(item("COLA-033", 2))
    told = dict(delegated.told.calls)["/v1/order/purchases"] if delegated.visit.settled else {}
    assert told["shopperIdentity"] == {"id": "shopper-1"}
    assert delegated.visit.charged is None and delegated.world.sandbox.books().held_minor == 0
    assert audit(delegated.world.journal).findings == []


def test_a_gate_that_is_busy_or_waits_too_long_opens_for_nobody(delegated: Delegated) -> None:
    with Lane(delegated.world) as lane:
        lane.free = False
        with pytest.raises(RefusedError, match="busy"):
            delegated.systems.start_authentication("palm1", 5.0)
        lane.free = True
        delegated.world.now_ns += 10 * SECOND
        event_id = delegated.systems.start_authentication("palm1", 2.0)
        delegated.world.now_ns += 3 * SECOND
        with pytest.raises(RefusedError, match="time at the gate is up"):
            delegated.systems.process_authentication("palm1", event_id, "shopper-1")
        assert lane.decided().reason == "provider_unreachable"


def test_only_the_device_that_took_a_gate_speaks_for_it_and_only_there(delegated: Delegated) -> None:
    call_of = delegated.systems._call
    with Lane(delegated.world) as lane:
        event_id = delegated.systems.start_authentication("palm1", 5.0)
        for device, event in (("palm2", event_id), ("palm1", "code:guessed")):
            with pytest.raises(RefusedError, match="400"):
                delegated.systems.process_authentication(device, event, "shopper-1")
        with pytest.raises(RefusedError, match="is at no lane"):
            delegated.systems.start_authentication("palm2", 5.0)
        nobody = {"deviceId": "palm1", "storeId": "STORE-1", "timestamp": 1, "authEventId": event_id}
        for wrong in ({"authResult": "YES"}, {"personId": ""}, {"storeId": "STORE-2"}, {"personType": "SHOPPERS"}):
            with pytest.raises(RefusedError, match="400"):
                call_of("/auth/v2/processAuth", nobody | {"personType": "SHOPPER", "authResult": "ACCEPTED"} | wrong)
        delegated.systems.process_authentication("palm1", event_id, "shopper-1")
        assert lane.decided().admitted
        lane.desk.say(EntryRequest(delegated.world.now_ns, 0, "gate1", event_id, "again"))
        delegated.world.now_ns += SECOND
        lane.lane_id = "gate2"
        event_id = delegated.systems.start_authentication("palm1", 5.0)
        delegated.systems.process_authentication("palm1", event_id, "shopper-1")
        assert lane.decided().reason == "declined"
    delegated.world.settle(0.0001)
    assert [decided.reason for decided in delegated.world.events(EntryDecided, "again")] == ["used_code"]


def test_no_input_breaks_a_call_of_the_retailers_systems(delegated: Delegated, tmp_path: Path) -> None:
    """Right bodies and wrong ones, signed; a site that cannot be changed makes no difference."""
    schema = schemathesis.openapi.from_dict(API)
    tried: Counter[str] = Counter()
    for operation in (found.ok() for found in schema.get_all_operations()):
        if "serves" not in operation.definition.raw["tags"]:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @hypothesis.settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def made(case: schemathesis.Case) -> None:
                url, body = f"{delegated.address}{case.path}", json.dumps(case.body, default=str).encode()
                now = datetime.datetime.fromtimestamp(delegated.world.now_ns // SECOND, datetime.UTC)
                headers = signed("POST", url, {"Content-Type": "application/json"}, body, CONNECTOR_KEY, now)
                answer = httpx.post(url, content=body, headers=headers)
                assert answer.status_code in (200, 400), answer.text
                tried[case.path] += 1

            made()
    assert len(tried) == 7


def upload(web: WebWorld, key: Credentials = CONNECTOR_KEY, **changes: Any) -> httpx.Response:
    """As a retailer's own code does it today, at another address."""
    item = {"item_sku": "COLA-15", "item_name": "Cola, new", "store_id": "STORE-1", "standard_price": "2.49"}
    return call(web, "/v1/catalog/upload", {"catalogItems": [item | changes]}, key)


def call(web: WebWorld, path: str, document: Any, key: Credentials = CONNECTOR_KEY, age_s: int = 0) -> httpx.Response:
    url, body = f"{web.address}/connector{path}", json.dumps(document).encode()
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age_s)
    headers = signed("POST", url, {"Content-Type": "application/json"}, body, key, now)
    answer = httpx.post(url, content=body, headers=headers)
    described = API["paths"][path]["post"]["responses"].get(str(answer.status_code), {})
    described = (
        API["components"]["responses"][described["$ref"].rpartition("/")[2]] if "$ref" in described else described
    )
    schema = {**described["content"]["application/json"]["schema"], "components": API["components"]}
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(answer.json())
    return answer


def test_a_retailer_uploads_its_catalogue_and_asks_what_became_of_it(web: WebWorld) -> None:
    before = load_store(web.site).products["COLA-15"]
    answers = [upload(web, something_new=1), upload(web, something_new=1)]
    assert [answer.status_code for answer in answers] == [200, 200] and answers[0].json() == answers[1].json()
    after = load_store(web.site).products["COLA-15"]
    assert (after.name, after.price_minor, after.weight) == ("Cola, new", 249, before.weight)
    known = call(web, "/v1/catalog/getCatalogUploadStatus", answers[0].json())
    assert known.json()["processingStatus"] == "DONE"
    assert call(web, "/v1/catalog/getCatalogUploadStatus", {"ingestionId": "x"}).status_code == 400
    new = {"item_sku": "NEW-1", "product_tax_code": "reduced", "external_product_id": "4006381333931"}
    assert upload(web, **new).status_code == 200 and load_store(web.site).products["NEW-1"].weight is None
    with Connector(f"{web.address}/connector", "STORE-1", CONNECTOR_KEY, RETRY, 60.0) as connector:
        assert connector.upload_catalogue(list(load_store(web.site).products.values()), "EUR") != []


@pytest.mark.parametrize(
    "changes",
    [
        {"store_id": "STORE-2"},
        {"standard_price": "2.499"},
        {"standard_price": "much"},
        {"standard_price": "NaN"},
        {"external_product_id": "123"},
        {"item_sku": "OTHER"},
        {"product_tax_code": "unheard-of"},
        {"item_name": ""},
        {"item_sku": "a\nb"},
    ],
)
def test_an_upload_that_is_not_right_changes_nothing(web: WebWorld, changes: dict[str, str]) -> None:
    before = load_store(web.site).site_hash
    assert upload(web, **changes).status_code == 400
    assert load_store(web.site).site_hash == before


def test_only_the_retailer_may_upload(web: WebWorld) -> None:
    other = Credentials(CONNECTOR_KEY.key_id, "another secret", CONNECTOR_KEY.region)
    elsewhere = Credentials(CONNECTOR_KEY.key_id, CONNECTOR_KEY.secret, "us-east-1")
    assert [upload(web, key).status_code for key in (other, elsewhere)] == [403, 403]
    assert call(web, "/v1/catalog/getCatalogUploadStatus", {"ingestionId": "x"}, age_s=600).status_code == 403
    assert httpx.post(f"{web.address}/connector/v1/catalog/upload", json={}).status_code == 403
    assert any((a.actor, a.action) == ("connector", "refused: signature") for a in web.access.read())
