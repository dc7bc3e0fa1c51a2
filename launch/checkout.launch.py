"""The store itself (frames, description, heartbeat), its checkout, and the office: gates, visits, carts, receipts."""

import sys

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import EqualsSubstitution, LaunchConfiguration

from aisle_nodes.processes import SitePath, common_arguments, office_arguments, process, text

AGAIN = {"respawn": True, "respawn_delay": 1.0}
"""Visits and money do not end with a process."""


def generate_launch_description() -> LaunchDescription:
    without = EqualsSubstitution(LaunchConfiguration("office"), "none")
    office = [sys.executable, "-m", "aisle_office.office", SitePath(LaunchConfiguration("site"))]
    for option in ("database", "provider", "smtp", "smtp-security"):
        office += [f"--{option}", LaunchConfiguration(f"office_{option.replace('-', '_')}")]
    return LaunchDescription(
        [
            *common_arguments(),
            *office_arguments(),
            DeclareLaunchArgument(
                "publish_tick",
                default_value="true",
                choices=["true", "false"],
                description="Publish the store's heartbeat; false where a recording brings its own.",
            ),
            process("store", ["store_node"], {"publish_tick": LaunchConfiguration("publish_tick")}),
            process("checkout", ["checkout_node"], condition=IfCondition(without)),
            process(
                "checkout",
                ["checkout_node"],
                {"office.database": text("office_database")},
                condition=UnlessCondition(without),
                **AGAIN,
            ),
            ExecuteProcess(name="office", cmd=office, output="screen", condition=UnlessCondition(without), **AGAIN),
        ]
    )
