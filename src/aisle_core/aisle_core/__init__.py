"""The logic of a store without tills, without ROS: store model, alignment, weighing, tracking, fusion, checkout."""

__version__ = "0.1.0"
