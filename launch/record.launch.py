"""Record the running graph into a rosbag2 bag that carries its site."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument

from aisle_nodes.processes import common_arguments, process, text


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument("out", description="Bag folder to write; must not exist."),
            DeclareLaunchArgument(
                "profile",
                default_value="full",
                choices=["events", "full", "depth"],
                description="events: decisions only; full: the sensors too; depth: and depth images.",
            ),
            process(
                "recorder",
                ["recorder_node"],
                {"out": text("out"), "profile": text("profile")},
            ),
        ]
    )
