"""Tracks and shelf events to cart events: who took what."""

from launch import LaunchDescription

from aisle_nodes.processes import common_arguments, process


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*common_arguments(), process("fusion", ["cart_fusion_node"])])
