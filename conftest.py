"""No test fails because the machine is busy: hypothesis without its deadline of 200 ms an example."""

from hypothesis import settings

settings.register_profile("patient", parent=settings.default, deadline=None)
settings.load_profile("patient")
