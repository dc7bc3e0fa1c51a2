"""Stands in for the ROS 2 package `launch_ros` (release 0.26.6, Jazzy) on machines that have no ROS installed.

It has the same import paths, names and behaviour for the part that Aisle's launch files use, and no more; the real
package takes its place wherever a ROS installation is sourced. One thing is better here: the parameter files that
are written for the nodes are removed when the launch ends.
"""

from launch_ros import actions, descriptions, substitutions

__all__ = ["actions", "descriptions", "substitutions"]
