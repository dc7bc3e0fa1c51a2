"""Base of all events."""


class Event:
    """Something that happened, or shall happen, while the launch runs."""

    name = "launch.Event"
