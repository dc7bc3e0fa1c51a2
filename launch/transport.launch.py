"""The transport of every process: Fast DDS with large shared memory, and an allocator that keeps big blocks."""

from launch import LaunchDescription
from launch.actions import SetEnvironmentVariable
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

KEEP_BLOCKS_UP_TO = str(256 * 1024 * 1024)


def generate_launch_description() -> LaunchDescription:
    profile = PathJoinSubstitution([FindPackageShare("aisle_bringup"), "config", "dds", "fastdds.xml"])
    return LaunchDescription(
        [
            SetEnvironmentVariable("FASTRTPS_DEFAULT_PROFILES_FILE", profile),
            SetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_", KEEP_BLOCKS_UP_TO),
            SetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_", KEEP_BLOCKS_UP_TO),
        ]
    )
