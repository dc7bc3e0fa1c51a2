"""The devices of a simulated store: what they send about the world, how it errs, and when it arrives.

Every sensor has ``advance(to_ns, world) -> list[Arrival]``. Call it with growing times and a world that has come as far
and still tells of the people since the last call. What it returns does not depend on how the time is cut into calls;
afterwards everything that arrives up to ``to_ns`` has been returned, and perhaps a little more.
"""
