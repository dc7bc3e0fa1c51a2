"""Markers for RViz, and RViz itself where it is installed and wanted."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node

from aisle_nodes.processes import SHARE, common_arguments, process

SHOWN = [
    "markers",
    *(f"shop/d{number:02}/depth/{kind}" for number in range(1, 25) for kind in ("points", "image_rect")),
    *(f"shop/c{number:02}/color/image_rect" for number in range(1, 13)),
]
"""What rviz/store.rviz shows, of the store market; another store's names take its place."""


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
                remappings=[(f"/market/{name}", name) for name in SHOWN],
                condition=IfCondition(LaunchConfiguration("rviz")),
            ),
        ]
    )
