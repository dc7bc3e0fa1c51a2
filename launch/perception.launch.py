"""Sensors to tracks and shelf events."""

from launch import LaunchDescription

from aisle_nodes.processes import common_arguments, process


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [*common_arguments(), process("perception", ["people_node", "tracker_node", "shelf_event_node"])]
    )
