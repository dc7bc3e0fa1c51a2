"""Run driver nodes in one process: ``run scale_node gate_node``; with ``sim_node`` first, on a simulated store."""

from aisle_nodes.run import main as run_main


def main() -> int:
    """Entry point ``run NODE [NODE ...]``."""
    return run_main(("aisle_drivers", "aisle_sim"))
