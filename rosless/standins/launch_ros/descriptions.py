"""Descriptions of parameters, under their second name."""

from launch_ros.parameter_descriptions import ParameterFile, ParameterValue

__all__ = ["ParameterFile", "ParameterValue"]
