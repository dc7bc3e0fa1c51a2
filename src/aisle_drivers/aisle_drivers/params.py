"""The parameters of the driver nodes; ``config/nodes/<node>.yaml`` gives the values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DriverParams:
    """scale_node, pose_node and gate_node."""

    autostart: bool
    site: str
    backend: str
    bag: str
