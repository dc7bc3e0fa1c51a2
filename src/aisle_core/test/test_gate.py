"""One lane: grants, passages, refusals."""

import pytest

from aisle_core.checkout import gate
from aisle_core.checkout.gate import Grant, LaneStep
from aisle_core.types import GateCommandKind, GateCommandReason, GateEvent, GateEventKind

TIMEOUT_NS = 100
ADMIT = (GateCommandKind.ADMIT, GateCommandReason.GRANTED)
BUSY = (GateCommandKind.REFUSE, GateCommandReason.BUSY)
EXIT_ONLY = (GateCommandKind.REFUSE, GateCommandReason.EXIT_ONLY)


def event(kind, stamp_ns=1000, credential=None):
    return GateEvent(stamp_ns, 0, "lane", kind, credential)


def step(direction, grant, kind, stamp_ns=1000, credential=None):
    return gate.step(direction, grant, event(kind, stamp_ns, credential), TIMEOUT_NS)


@pytest.mark.parametrize("direction", ["in", "both"])
def test_a_credential_is_granted(direction):
    assert step(direction, None, GateEventKind.CREDENTIAL, credential="c") == LaneStep(Grant("c", 1100), ADMIT)


def test_a_lane_that_leads_out_refuses():
    assert step("out", None, GateEventKind.CREDENTIAL, credential="c") == LaneStep(None, EXIT_ONLY)


def test_a_second_credential_is_refused_until_the_passage():
    granted = Grant("c", 1100)
    assert step("in", granted, GateEventKind.CREDENTIAL, 1050, "d") == LaneStep(granted, BUSY)
    passed = step("in", granted, GateEventKind.PASSAGE_IN, 1060)
    assert passed == LaneStep(None, entered=granted)
    assert step("in", passed.grant, GateEventKind.CREDENTIAL, 1070, "d").command == ADMIT


def test_a_grant_runs_out():
    granted = Grant("c", 1100)
    assert gate.valid(granted, 1100) == granted
    assert gate.valid(granted, 1101) is None
    assert step("in", granted, GateEventKind.CREDENTIAL, 1101, "d") == LaneStep(Grant("d", 1201), ADMIT)
    assert step("in", granted, GateEventKind.PASSAGE_IN, 1101) == LaneStep(None)


def test_a_passage_without_a_grant_lets_nobody_in():
    assert step("in", None, GateEventKind.PASSAGE_IN) == LaneStep(None)


def test_a_fault_takes_the_grant_away():
    assert step("in", Grant("c", 1100), GateEventKind.FAULT) == LaneStep(None)


@pytest.mark.parametrize("kind", [GateEventKind.PASSAGE_OUT, GateEventKind.LOCKED])
def test_other_events_leave_the_grant(kind):
    assert step("both", Grant("c", 1100), kind) == LaneStep(Grant("c", 1100))


def test_a_group_goes_in_on_one_credential_until_the_lane_locks():
    grant = step("in", Grant("c", 1100), GateEventKind.UNLOCKED).grant
    first = step("in", grant, GateEventKind.PASSAGE_IN)
    second = step("in", first.grant, GateEventKind.PASSAGE_IN)
    assert [one.entered.credential for one in (first, second)] == ["c", "c"]
    assert (first.entered.used, second.entered.used) == (False, True)
    assert step("in", second.grant, GateEventKind.LOCKED).grant is None


def test_the_next_credential_is_granted_behind_a_group_and_outlives_its_lock():
    used = Grant("c", 1100, unlocked=True, used=True)
    granted = step("in", used, GateEventKind.CREDENTIAL, 1050, "d")
    assert granted == LaneStep(Grant("d", 1150), ADMIT)
    assert step("in", granted.grant, GateEventKind.LOCKED, 1060).grant == Grant("d", 1150)


def test_a_lane_that_locks_before_anybody_came_takes_the_grant_back():
    assert step("in", Grant("c", 1100, unlocked=True), GateEventKind.LOCKED) == LaneStep(None)
