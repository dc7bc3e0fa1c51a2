"""A playhead obeys replay commands, and says where it is."""

import pytest

pytest.importorskip("aisle_msgs.msg")

from aisle_msgs.msg import ReplayCommand, ReplayStatus

from aisle_nodes.steering import status, steer
from aisle_replay.playhead import Playhead


def test_steers_pause_rate_and_step_and_leaves_other_kinds_alone() -> None:
    playhead = Playhead(1_000, 9_000, 1.0, False)
    assert steer(playhead, ReplayCommand(kind=ReplayCommand.KIND_PAUSE))
    assert playhead.paused
    assert steer(playhead, ReplayCommand(kind=ReplayCommand.KIND_SET_RATE, rate=4.0))
    assert playhead.rate == 4.0
    assert steer(playhead, ReplayCommand(kind=ReplayCommand.KIND_RESUME))
    assert not playhead.paused
    assert not steer(playhead, ReplayCommand(kind=ReplayCommand.KIND_SEEK))


@pytest.mark.parametrize(
    ("paused", "waiting", "done", "state"),
    [
        (False, False, False, ReplayStatus.STATE_PLAYING),
        (True, False, False, ReplayStatus.STATE_PAUSED),
        (False, True, False, ReplayStatus.STATE_PAUSED),
        (True, True, True, ReplayStatus.STATE_DONE),
    ],
)
def test_says_where_it_is(paused: bool, waiting: bool, done: bool, state: int) -> None:
    playhead = Playhead(1_000, 9_000, 1.0, False)
    playhead.paused = paused
    message = status(playhead, 400, 5_000, waiting=waiting, done=done, published=7)
    assert (message.state, message.position_ns, message.duration_ns, message.published) == (state, 600, 5_000, 7)
