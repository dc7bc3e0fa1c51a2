"""Play a bag through the running nodes, and end in receipts."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration

from aisle_nodes.processes import (
    evidence_argument,
    include,
    people_argument,
    process,
    shared,
    state_argument,
    text,
    use_site_of_bag,
)

PLAYER = ("rate", "start_paused", "start_offset_s")


def generate_launch_description() -> LaunchDescription:
    hold = LaunchConfiguration("hold")
    results = {name: text(name) for name in ("events", "receipts")}
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="Bag folder."),
            DeclareLaunchArgument("site", default_value="", description="Site; empty: the one in the bag."),
            DeclareLaunchArgument("namespace", default_value="", description="Namespace; empty: the site's store_id."),
            DeclareLaunchArgument("use_sim_time", default_value="true", description="Take the time from /clock."),
            DeclareLaunchArgument("rate", default_value="1.0", description="Recorded seconds per second."),
            DeclareLaunchArgument(
                "start_paused", default_value="false", choices=["true", "false"], description="Wait for resume or step."
            ),
            DeclareLaunchArgument(
                "start_offset_s", default_value="0.0", description="Start at this second of the bag."
            ),
            DeclareLaunchArgument(
                "play",
                default_value="true",
                choices=["true", "false"],
                description="false: ros2 bag play feeds the graph.",
            ),
            DeclareLaunchArgument(
                "hold", default_value="false", choices=["true", "false"], description="Keep running after the end."
            ),
            DeclareLaunchArgument(
                "events", default_value="", description="Write the events to this file (JSON lines)."
            ),
            DeclareLaunchArgument("receipts", default_value="", description="Write the receipts to this file (JSON)."),
            people_argument(),
            evidence_argument(),
            state_argument(),
            OpaqueFunction(function=use_site_of_bag),
            include("checkout", publish_tick="false", **shared()),
            include("perception", people=LaunchConfiguration("people"), **shared()),
            include(
                "fusion",
                evidence=LaunchConfiguration("evidence"),
                state=LaunchConfiguration("state"),
                **shared(),
            ),
            include("viz", **shared()),
            process("results", ["results_node"], results, on_exit=Shutdown(), condition=UnlessCondition(hold)),
            process("results", ["results_node"], results, condition=IfCondition(hold)),
            process(
                "player",
                ["bag_player_node"],
                {"use_sim_time": False, "bag": text("bag"), **{name: LaunchConfiguration(name) for name in PLAYER}},
                condition=IfCondition(LaunchConfiguration("play")),
                on_exit=Shutdown(),
            ),
        ]
    )
