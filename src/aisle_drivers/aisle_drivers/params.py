"""The parameters of the driver nodes; ``config/nodes/<node>.yaml`` gives the values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DriverParams:
    """All driver nodes."""

    autostart: bool
    site: str
    backend: str
    bag: str
    wait_for_nodes: tuple[str, ...]
