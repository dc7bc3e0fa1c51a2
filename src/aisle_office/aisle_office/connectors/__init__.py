"""Calls to a retailer's own systems, in the shapes that they have built for Just Walk Out connectors.

``openapi.yaml`` describes the calls as this client makes them; the names are those of the public documentation at
developer.amazon.com/docs/physicalstores.
"""

from ..retailer import RefusedError, UnansweredError
from .client import Connector
from .purchaser import Purchaser
from .signing import Credentials
from .trips import Trip, trip_of

__all__ = ["Connector", "Credentials", "Purchaser", "RefusedError", "Trip", "UnansweredError", "trip_of"]
