"""The device drivers: scales, pose estimators, gates."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument

from aisle_nodes.processes import common_arguments, process, text


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                "backend",
                default_value="recording",
                choices=["recording"],
                description="Which family of devices; recording: a bag stands in for them.",
            ),
            DeclareLaunchArgument(
                "bag", default_value="", description="Bag for the backend recording; empty: the devices stay silent."
            ),
            process(
                "drivers",
                ["scale_node", "pose_node", "gate_node"],
                {"backend": text("backend"), "bag": text("bag")},
                package="aisle_drivers",
            ),
        ]
    )
