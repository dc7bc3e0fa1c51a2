"""The device drivers: scales, pose estimators, depth sensors, cameras, gates; on request of a simulated store."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import EqualsSubstitution, LaunchConfiguration

from aisle_nodes.processes import NodeParameters, common_arguments, process, text

DRIVERS = ["scale_node", "pose_node", "depth_node", "camera_node", "gate_node"]
SIMULATION = ("scenario", "seed", "shoppers", "rate", "start_paused", "truth")


def generate_launch_description() -> LaunchDescription:
    simulated = EqualsSubstitution(LaunchConfiguration("backend"), "sim")
    values = {"backend": text("backend"), "bag": text("bag")}
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                "backend",
                default_value="recording",
                choices=["recording", "sim"],
                description="Which family of devices; recording: a bag stands in for them; sim: a simulated store.",
            ),
            DeclareLaunchArgument(
                "bag", default_value="", description="Bag for the backend recording; empty: the devices stay silent."
            ),
            DeclareLaunchArgument(
                "scenario",
                default_value="random",
                description="For sim: one of config/scenarios, a file, or random.",
            ),
            DeclareLaunchArgument("seed", default_value="1", description="For sim: the same seed, the same store."),
            DeclareLaunchArgument("shoppers", default_value="12", description="For sim: how many come, if random."),
            DeclareLaunchArgument("rate", default_value="1.0", description="For sim: simulated seconds per second."),
            DeclareLaunchArgument(
                "start_paused",
                default_value="false",
                choices=["true", "false"],
                description="For sim: wait.",
            ),
            DeclareLaunchArgument("truth", default_value="", description="For sim: write the truth to this file."),
            process("drivers", DRIVERS, values, package="aisle_drivers", condition=UnlessCondition(simulated)),
            process(
                "simulation",
                ["sim_node", *DRIVERS],
                package="aisle_drivers",
                condition=IfCondition(simulated),
                also=[NodeParameters("sim_node", SIMULATION), *(NodeParameters(n, ["backend"]) for n in DRIVERS)],
                on_exit=Shutdown(),
            ),
        ]
    )
