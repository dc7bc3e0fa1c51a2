"""A whole store: drivers, perception, fusion, checkout, office, views."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from aisle_nodes.processes import (
    common_arguments,
    evidence_argument,
    include,
    office_arguments,
    people_argument,
    shared,
    state_argument,
)


def generate_launch_description() -> LaunchDescription:
    office = office_arguments()
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument("bag", default_value="", description="Bag that stands in for the devices."),
            DeclareLaunchArgument(
                "backend",
                default_value="recording",
                choices=["recording", "sim"],
                description="Family of devices; sim: a simulated store, with use_sim_time:=true.",
            ),
            DeclareLaunchArgument("rviz", default_value="false", choices=["true", "false"], description="Open RViz."),
            people_argument(),
            evidence_argument(),
            state_argument(),
            *office,
            include("checkout", **{given.name: LaunchConfiguration(given.name) for given in office}, **shared()),
            include("perception", people=LaunchConfiguration("people"), **shared()),
            include(
                "fusion",
                evidence=LaunchConfiguration("evidence"),
                state=LaunchConfiguration("state"),
                **shared(),
            ),
            include("viz", rviz=LaunchConfiguration("rviz"), **shared()),
            include("drivers", bag=LaunchConfiguration("bag"), backend=LaunchConfiguration("backend"), **shared()),
        ]
    )
