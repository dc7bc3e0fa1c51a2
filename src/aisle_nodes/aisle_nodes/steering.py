"""How whoever moves the clock is steered, and how it tells where it is: the bag player and the simulator."""

from aisle_msgs.msg import ReplayCommand, ReplayStatus

from aisle_nodes.messages import CODEC
from aisle_replay.playhead import Playhead


def steer(playhead: Playhead, command: ReplayCommand) -> bool:
    """Step, set the rate, pause or resume; False for any other command."""
    if command.kind == ReplayCommand.KIND_STEP:
        playhead.step(command.step_ns)
    elif command.kind == ReplayCommand.KIND_SET_RATE:
        playhead.set_rate(command.rate)
    elif command.kind in (ReplayCommand.KIND_PAUSE, ReplayCommand.KIND_RESUME):
        playhead.paused = command.kind == ReplayCommand.KIND_PAUSE
    else:
        return False
    return True


def status(
    playhead: Playhead, start_ns: int, duration_ns: int, waiting: bool, done: bool, published: int, bag: str = ""
) -> ReplayStatus:
    """Where the playhead is; ``waiting``: for nodes. ``duration_ns`` is 0 where no end is known."""
    still = playhead.paused or waiting
    state = ReplayStatus.STATE_PAUSED if still else ReplayStatus.STATE_PLAYING
    return ReplayStatus(
        header=CODEC.header(playhead.position_ns),
        bag=bag,
        state=ReplayStatus.STATE_DONE if done else state,
        position_ns=playhead.position_ns - start_ns,
        duration_ns=duration_ns,
        rate=playhead.rate,
        published=published,
    )
