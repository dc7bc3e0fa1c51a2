"""Tracks and shelf events to cart events: who took what; with cameras, if they shall tell like products apart."""

from launch import LaunchDescription
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration

from aisle_nodes.processes import NodeParameters, common_arguments, evidence_argument, process, state_argument


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *common_arguments(),
            evidence_argument(),
            state_argument(),
            process(
                "fusion",
                ["cart_fusion_node"],
                also=[NodeParameters("cart_fusion_node", {"fusion.evidence": "evidence", "state": "state"})],
                respawn=True,
                respawn_delay=0.5,
                respawn_max_retries=10,
            ),
            process("evidence", ["item_evidence_node"], condition=IfCondition(LaunchConfiguration("evidence"))),
        ]
    )
