"""Actions around ROS nodes."""

from launch_ros.actions._node import Node
from launch_ros.actions._scope import PushROSNamespace, SetParameter, SetParametersFromFile, SetRemap

PushRosNamespace = PushROSNamespace

__all__ = ["Node", "PushROSNamespace", "PushRosNamespace", "SetParameter", "SetParametersFromFile", "SetRemap"]
