"""Sensors to tracks and shelf events."""

from launch import LaunchDescription

from aisle_nodes.processes import NodeParameters, common_arguments, people_argument, process

SOURCE = {"people_node": "people.source", "tracker_node": "tracker.source"}


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *common_arguments(),
            people_argument(),
            process(
                "perception",
                [*SOURCE, "shelf_event_node"],
                also=[NodeParameters(node, {name: "people"}) for node, name in SOURCE.items()],
            ),
        ]
    )
