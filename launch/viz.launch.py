"""Markers for RViz, and RViz itself where it is installed and wanted."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node

from aisle_nodes.processes import SHARE, common_arguments, process


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                "rviz", default_value="false", choices=["true", "false"], description="Open RViz (package rviz2)."
            ),
            process("viz", ["markers_node"]),
            Node(
                package="rviz2",
                executable="rviz2",
                namespace=LaunchConfiguration("namespace"),
                arguments=["-d", PathJoinSubstitution([SHARE, "rviz", "store.rviz"])],
                remappings=[("/demo/markers", "markers")],
                condition=IfCondition(LaunchConfiguration("rviz")),
            ),
        ]
    )
