"""The store itself (frames, description, heartbeat) and its checkout: gates, visits, carts, receipts."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from aisle_nodes.processes import common_arguments, process


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                "publish_tick",
                default_value="true",
                choices=["true", "false"],
                description="Publish the store's heartbeat; false where a recording brings its own.",
            ),
            process("store", ["store_node"], {"publish_tick": LaunchConfiguration("publish_tick")}),
            process("checkout", ["checkout_node"]),
        ]
    )
