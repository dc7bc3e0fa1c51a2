"""One lane: every cell of the table in docs/checkout.md, and what it cannot show."""

from dataclasses import replace
from pathlib import Path

import pytest

from aisle_core.checkout import gate
from aisle_core.checkout.gate import Entered, GateTimes, LaneState, LaneStatus, LaneStep
from aisle_core.types import GateAlarmKind, GateCommandKind, GateCommandReason, GateEvent, GateEventKind

PAGE = Path(__file__).resolve().parents[3] / "docs" / "checkout.md"
TIMES = GateTimes(authorise=80, grant=100, follow=10, jam=500)
NOW = 1000
KINDS = {
    "credential": GateEventKind.CREDENTIAL,
    "passage in": GateEventKind.PASSAGE_IN,
    "passage out": GateEventKind.PASSAGE_OUT,
    "unlocked": GateEventKind.UNLOCKED,
    "locked": GateEventKind.LOCKED,
    "fault": GateEventKind.FAULT,
    "power lost": GateEventKind.POWER_LOST,
    "alarm": GateEventKind.ALARM,
    "restored": GateEventKind.RESTORED,
}


def table():
    """(event, state, cell) of every cell of the page."""
    lines = PAGE.read_text(encoding="utf-8").split("## Lanes")[1].split("\n\n")[2].splitlines()
    heading, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(row[0], state, cell) for row in rows for state, cell in zip(heading[1:], row[1:], strict=True)]


def event(kind, stamp_ns=NOW, credential=None):
    return GateEvent(stamp_ns, 0, "lane", kind, credential)


def step(direction, status, kind, stamp_ns=NOW, credential=None, visit_open=False):
    return gate.step(direction, status, event(kind, stamp_ns, credential), visit_open, TIMES)


def status_in(name):
    """A lane that tells of its lock, in a state."""
    state = LaneState(name)
    waiting = state in (LaneState.AUTHORISING, LaneState.GRANTED, LaneState.OPEN)
    return LaneStatus(
        state,
        credential="card" if waiting else None,
        request_ns=900,
        until_ns=NOW + 50 if state in (LaneState.AUTHORISING, LaneState.GRANTED) else LaneStatus().until_ns,
        unlocked=state is LaneState.OPEN,
        tells=True,
    )


def happens(what, status):
    match what:
        case "the same credential again":
            return step("both", status, GateEventKind.CREDENTIAL, credential="card")
        case "credential with an open visit":
            return step("both", status, GateEventKind.CREDENTIAL, credential="other", visit_open=True)
        case "answer: good" | "answer: refused":
            if status.state is not LaneState.AUTHORISING:
                return LaneStep(status)  # the checkout hands over only what a lane waits for
            refusal = GateCommandReason.DECLINED if what.endswith("refused") else None
            return gate.decide(status, refusal, False, NOW, TIMES)
        case "nothing in time":
            return gate.wait(status, NOW + 51)
        case "does not lock in time":
            jammed = replace(status, unlocked=True, jam_ns=NOW)
            return gate.wait(jammed if status.state.value not in ("down", "free") else status, NOW + 1)
        case "passage in, following":
            follows = None if status.state in (LaneState.OPEN, LaneState.DOWN, LaneState.FREE) else NOW
            return step("both", replace(status, follow_ns=follows), GateEventKind.PASSAGE_IN)
        case _:
            return step("both", status, KINDS[what], credential="other" if what == "credential" else None)


def words(result):
    """A result as the page says it."""
    told = [result.status.state.value]
    told += ["ask"] if result.asks else []
    if result.command is not None:
        kind, reason = result.command
        everywhere = " all" if reason is GateCommandReason.ALARM else ""
        refused = f" {reason.name.lower()}" if kind is GateCommandKind.REFUSE else ""
        told.append(kind.name.lower() + everywhere + refused)
    if result.alarm is not None:
        told.append(f"alarm {result.alarm.name.lower()}")
    if result.entered is not None:
        told.append("enter" if result.entered is Entered.ON_GRANT else "follow")
    if result.status.state is LaneState.OPEN and result.status.staff:
        told.append("staff")
    return ", ".join(told)


@pytest.mark.parametrize(("what", "state", "cell"), table(), ids=str)
def test_every_cell_of_the_page(what, state, cell):
    assert words(happens(what, status_in(state))) == cell


def test_the_page_has_every_state_and_event():
    cells = table()
    assert {state for _, state, _ in cells} == {state.value for state in LaneState}
    assert {what for what, _, _ in cells} >= KINDS.keys()


def granted(credential="card"):
    asked = step("in", LaneStatus(), GateEventKind.CREDENTIAL, credential=credential).status
    return gate.decide(asked, None, False, NOW, TIMES).status


def passed(status, *events):
    """The status after events [(kind, stamp)], and how everybody went in."""
    entered = []
    for kind, stamp_ns in events:
        result = step("in", status, kind, stamp_ns)
        status = result.status
        entered.append(result.entered)
    return status, [one for one in entered if one is not None]


UNLOCKED, LOCKED, IN = GateEventKind.UNLOCKED, GateEventKind.LOCKED, GateEventKind.PASSAGE_IN


@pytest.mark.parametrize(("late", "entered"), [(10, [Entered.ON_GRANT, Entered.FOLLOWING]), (11, [Entered.ON_GRANT])])
def test_who_follows_a_little_after_the_lock_belongs_to_the_group(late, entered):
    assert passed(granted(), (UNLOCKED, 1001), (IN, 1010), (LOCKED, 1020), (IN, 1020 + late))[1] == entered


def test_a_group_goes_in_on_one_credential_until_the_lane_locks():
    status, entered = passed(granted(), (UNLOCKED, 1001), (IN, 1010), (IN, 1020), (IN, 1400))
    assert entered == [Entered.ON_GRANT, Entered.FOLLOWING, Entered.FOLLOWING]
    assert status.state is LaneState.IDLE


def test_a_lane_that_tells_nothing_of_its_lock_admits_one():
    _, entered = passed(granted(), (IN, 1010), (IN, 1011))
    assert entered == [Entered.ON_GRANT]


def test_the_next_credential_leaves_the_group_its_last_member():
    """The lane has locked and not yet opened for the next one: who comes now is of the group."""
    status, _ = passed(granted(), (UNLOCKED, 1001), (IN, 1010), (LOCKED, 1020))
    asked = step("in", status, GateEventKind.CREDENTIAL, 1021, "next").status
    status = gate.decide(asked, None, False, 1022, TIMES).status
    assert passed(status, (IN, 1025), (UNLOCKED, 1026), (IN, 1028))[1] == [Entered.FOLLOWING, Entered.ON_GRANT]


def test_the_next_credential_at_a_lane_that_still_stands_open():
    status, _ = passed(granted(), (UNLOCKED, 1001), (IN, 1010))
    asked = step("in", status, GateEventKind.CREDENTIAL, 1021, "next").status
    assert passed(asked, (IN, 1022))[1] == [Entered.FOLLOWING]
    status = gate.decide(asked, None, False, 1023, TIMES).status
    assert status.state is LaneState.OPEN and passed(status, (IN, 1024))[1] == [Entered.ON_GRANT]


@pytest.mark.parametrize(
    ("direction", "kind", "credential", "result"),
    [
        ("out", GateEventKind.CREDENTIAL, "c", ((GateCommandKind.REFUSE, GateCommandReason.EXIT_ONLY), None)),
        ("out", GateEventKind.PASSAGE_IN, None, (None, GateAlarmKind.WRONG_WAY)),
        ("in", GateEventKind.PASSAGE_OUT, None, (None, GateAlarmKind.WRONG_WAY)),
        ("both", GateEventKind.PASSAGE_OUT, None, (None, None)),
        ("out", GateEventKind.PASSAGE_OUT, None, (None, None)),
    ],
)
def test_directions(direction, kind, credential, result):
    told = step(direction, LaneStatus(), kind, credential=credential)
    assert (told.command, told.alarm, told.entered) == (*result, None)


def test_a_lane_that_never_told_of_its_lock_is_not_called_silent():
    assert gate.wait(replace(granted(), tells=False), NOW + 101).alarm is None


def test_a_jam_ends_with_the_lock():
    status, _ = passed(granted(), (UNLOCKED, 1001), (IN, 1010))
    assert gate.wait(status, 1510).alarm is None
    down = gate.wait(status, 1511)
    assert (down.status.state, down.alarm) == (LaneState.DOWN, GateAlarmKind.JAMMED)
    assert step("in", down.status, LOCKED, 1600).status == LaneStatus(request_ns=down.status.request_ns, tells=True)
