"""From the key points of bodies to people with hands."""

from .people import People, PeopleConfig, PeopleState, PeopleStatistics

__all__ = ["People", "PeopleConfig", "PeopleState", "PeopleStatistics"]
