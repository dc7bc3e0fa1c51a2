"""The parameters of sim_node; ``config/nodes/sim_node.yaml`` gives the values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimParams:
    """sim_node."""

    autostart: bool
    site: str
    scenario: str
    seed: int
    shoppers: int
    rate: float
    start_paused: bool
    truth: str
    wait_for_nodes: tuple[str, ...]
