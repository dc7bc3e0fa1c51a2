"""What is known of a person is handed out, deleted on demand, and deleted after its time."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from office_world import World, item, office, store

from aisle_core.errors import AisleError
from aisle_office.access import AccessLog
from aisle_office.audit import audit
from aisle_office.links import Links
from aisle_office.privacy import DAY_NS, apply_retention, delete_old, erase, export, visits_of
from aisle_office.settings import Retention
from aisle_office.staff import Staff
from aisle_office.support import decide_dispute, dispute, left_to_refund, refund, review
from aisle_office.visit import Visit
from aisle_office.wallet import Wallet

RETENTION = Retention(card=730, link=90, access=180, visits=200, books=3660)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, office())
    world.wallet.close()
    world.wallet = Wallet.open(f"sqlite:///{tmp_path}/office.db", "a secret of the test", lambda: world.now_ns)
    world.start()
    yield world
    world.close()


def shop(world: World, session_id: str, token: str = "tok_anna") -> str:
    world.enter(token, session_id)
    world.leave(item("COLA-033", 2), session_id=session_id)
    world.settle(0.01)
    return world.wallet.payer_of(token)


def test_an_export_has_all_of_one_person_and_nothing_of_others(world: World) -> None:
    anna = shop(world, "v1")
    berta = shop(world, "v2", "tok_berta")
    world.wallet.link(anna, "anna@example.org", "de")
    told = json.dumps(export(world.journal, world.wallet, anna))
    for part in ("anna@example.org", "entry_requested", "visit_billed", "receipt_issued", "v1", anna):
        assert part in told
    for part in ("v2", berta, "tok_anna"):
        assert part not in told
    assert visits_of(world.journal, anna) == ["v1"]


def test_erasure_waits_for_the_money_and_leaves_a_right_journal(world: World) -> None:
    world.enter("tok_anna")
    anna = world.wallet.payer_of("tok_anna")
    with pytest.raises(AisleError, match="not settled"):
        erase(world.journal, world.wallet, anna, "kiosk")
    world.leave(item("COLA-033"))
    world.settle(0.01)
    erase(world.journal, world.wallet, anna, "kiosk")
    assert world.wallet.card(anna) is None and world.wallet.payer_of("tok_anna") != anna
    assert audit(world.journal).findings == []
    with pytest.raises(AisleError, match="nothing is known"):
        export(world.journal, world.wallet, anna)


def test_retention_deletes_what_is_old_and_only_that(world: World, tmp_path: Path) -> None:
    access = AccessLog.open(f"sqlite:///{tmp_path}/office.db", lambda: world.now_ns)
    anna = shop(world, "v1")
    access.note("anna", "visit opened")
    world.now_ns += 700 * DAY_NS
    berta = shop(world, "v2", "tok_berta")
    world.enter("tok_carl", "v3")
    carl = world.wallet.payer_of("tok_carl")
    access.note("anna", "visit opened")
    assert apply_retention(world.journal, world.wallet, access, RETENTION, world.now_ns + 31 * DAY_NS) == 1
    assert [world.wallet.card(payer) is None for payer in (anna, berta, carl)] == [True, False, False]
    assert len(access.read()) == 1
    apply_retention(world.journal, world.wallet, access, RETENTION, world.now_ns + 800 * DAY_NS)
    assert [world.wallet.card(payer) is None for payer in (berta, carl)] == [True, False]
    access.close()


def texts(world: World) -> str:
    return " ".join(f"{raw.kind} {raw.body}" for raw in world.journal.raw(limit=10_000))


def test_what_happened_in_a_visit_is_deleted_after_its_time_and_the_books_stay_right(world: World) -> None:
    anna = shop(world, "v1")
    world.enter("tok_berta", "v2")  # never settled: the provider knows no more of it than we
    world.now_ns += 100 * DAY_NS
    carl = shop(world, "v3", "tok_carl")
    noted = {audit(world.journal).entries: audit(world.journal).last_hash}
    assert delete_old(world.journal, RETENTION, world.now_ns + 90 * DAY_NS) == 0
    deleted = delete_old(world.journal, RETENTION, world.now_ns + 101 * DAY_NS)
    report = audit(world.journal, noted)
    assert report.findings == [] and report.deleted == deleted > 0
    assert (report.receipts, report.balances["USD"].receipts_minor) == (2, 2 * 298)
    kept = texts(world)
    assert anna not in kept and carl in kept
    assert "visit_closed None" in kept and "receipt_issued None" not in kept
    assert visits_of(world.journal, anna) == [] and visits_of(world.journal, carl) == ["v3"]
    assert Visit.read(world.journal, "v2").opened is not None
    assert delete_old(world.journal, RETENTION, world.now_ns + 101 * DAY_NS) == 0
    delete_old(world.journal, RETENTION, world.now_ns + 3661 * DAY_NS)
    assert "receipt_issued None" in texts(world)
    assert audit(world.journal, noted).findings == []


def test_an_office_goes_on_after_a_deletion(world: World) -> None:
    shop(world, "v1")
    world.now_ns += 300 * DAY_NS
    delete_old(world.journal, RETENTION, world.now_ns)
    refund(world.journal, "v1", "r1", {"COLA-033": 1}, "staff", "")
    world.start()
    world.settle()
    assert world.sandbox.books().refunded_minor == 149
    shop(world, "v2")
    assert world.sandbox.books().captures == 2
    assert audit(world.journal).findings == []


def test_a_log_of_access_keeps_to_one_line(tmp_path: Path) -> None:
    access = AccessLog.open(f"sqlite:///{tmp_path}/a.db", lambda: 1)
    access.note("a\nb", "x" * 300, "\x1b[31m", "::1")
    (line,) = access.read()
    assert (line.actor, len(line.action), line.subject) == ("a?b", 200, "?[31m")
    access.close()


def test_a_code_opens_its_visit_and_no_other() -> None:
    links, others = (
        Links("a secret of the test", "https://a.example/"),
        Links("another secret of it", "https://a.example"),
    )
    code = links.code("v.1")
    assert links.session(code) == "v.1" and links.receipt("v.1") == f"https://a.example/r/{code}"
    for wrong in (others.code("v.1"), code[:-1], f"{code}A", code.replace("v.1", "v.2"), "", ".", "v.1.", "é.é"):
        assert links.session(wrong) is None
    assert links.kiosk_key() not in (code, others.kiosk_key())


def test_accounts_have_roles_and_passwords(tmp_path: Path) -> None:
    staff = Staff.open(f"sqlite:///{tmp_path}/a.db")
    staff.set_account("anna", "support", "a long password")
    actor = staff.sign_in("anna", "a long password")
    assert actor is not None and [actor.may(role) for role in ("viewer", "support", "manager")] == [True, True, False]
    assert staff.sign_in("anna", "a long passworD") is None and staff.sign_in("nobody", "a long password") is None
    key = staff.set_key("till", "viewer")
    holder = staff.key_holder(key)
    assert holder is not None and holder.name == "api:till" and staff.key_holder(f"{key}x") is None
    assert b"a long password" not in (tmp_path / "a.db").read_bytes()
    staff.remove("anna")
    assert staff.sign_in("anna", "a long password") is None
    for name, role, password in (("Anna", "viewer", "a long password"), ("anna", "viewer", "short")):
        with pytest.raises(AisleError):
            staff.set_account(name, role, password)  # type: ignore[arg-type]
    staff.close()


def test_decisions_are_taken_once_and_money_is_given_back_once(world: World) -> None:
    shop(world, "v1")
    dispute(world.journal, "v1", "COLA-033", "link")
    assert decide_dispute(world.journal, "v1", "COLA-033", 2, "anna", "").actor == "anna"
    assert decide_dispute(world.journal, "v1", "COLA-033", 0, "berta", "").accepted
    with pytest.raises(AisleError, match="0 are left"):
        refund(world.journal, "v1", "r1", {"COLA-033": 1}, "anna", "")
    world.settle(0.01)
    visit = Visit.read(world.journal, "v1")
    assert list(visit.refunded) == ["dispute/COLA-033"] and not left_to_refund(visit)
    assert audit(world.journal).findings == []
    with pytest.raises(AisleError, match="there is none"):
        decide_dispute(world.journal, "v1", "STILL-05", 1, "anna", "")


def test_a_review_says_what_the_store_gives_up(world: World) -> None:
    world.enter("tok_anna")
    world.leave(item("COLA-033", 2, review=True), item("STILL-05"))
    world.settle(0.001)
    args = (world.journal, store(), world.office, "v1")
    with pytest.raises(AisleError, match="the store has none"):
        review(*args, {"NO-SUCH": 1}, "anna", "")
    said = review(*args, {"COLA-033": 1}, "anna", "saw it")
    assert (said.loss_minor, said.actor) == (149, "anna")
    assert review(*args, {"COLA-033": 0}, "berta", "").actor == "anna"
    world.settle(0.01)
    visit = Visit.read(world.journal, "v1")
    assert visit.bill is not None and [line.quantity for line in visit.bill.lines] == [1, 1]
